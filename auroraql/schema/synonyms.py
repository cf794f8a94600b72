"""Synonyms: other words for the kinds of records and for time fields, which suggestions recognize."""

from __future__ import annotations

from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.schema import KINDS

_KIND_WORDS = {
    **dict.fromkeys(("products", "files", "images", "dataproduct", "product"), "data_products"),
    **dict.fromkeys(("orbits", "orbit", "positions", "position", "footprints", "ephemerides", "tracks"), "ephemeris"),
    **dict.fromkeys(("passes", "crossings", "events", "overpasses", "encounters"), "conjunctions"),
}
_PRODUCT = {"keograms": "keogram", "keogram": "keogram", "movies": "movie", "movie": "movie", "montages": "montage"}


def suggest_kind(word: str) -> tuple[str, str | None]:
    """Return the hint and the fix for a word that is not a kind of record: "" and None if no kind is similar."""
    near = find_misspelt(word, KINDS)
    if near is not None:
        return f"did you mean {near}?", near
    if word.lower() in _PRODUCT:
        return f"write FIND data_products WHERE data_product_type = '{_PRODUCT[word.lower()]}'", None
    meant = _KIND_WORDS.get(word.lower())
    if meant is not None:
        return f"did you mean {meant}?", None
    close = find_closest(word.lower(), KINDS, 1, 0.6)
    return (f"did you mean {close[0]}?" if close else ""), None


TIME_WORDS = frozenset(
    {
        *("date", "day", "time", "datetime", "timestamp", "year", "month", "hour", "when", "epoch", "start", "end"),
        *("date_obs", "obs_date", "start_time", "starttime", "end_time", "endtime", "start_date", "end_date"),
    }
)
"""Names that users write for the time of a record. Metadata keys with these names need the prefix `metadata.`."""
