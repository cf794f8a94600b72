"""What people call the kinds of record: words that are near a kind, and what they mean."""

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
    """Return the hint and the fix for a word that is not a kind of record; both empty when nothing is near."""
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
"""Names that people write for the time of a record; as metadata keys they are written with `metadata.` before them."""
