"""Ephemeris: positions of spacecraft and imagers, one per minute (OpenAPI `EphemerisUpload`, `EphemerisQuery`)."""

from __future__ import annotations

from datetime import timedelta

from auroraql.schema.model import BoundPart, BoundsPart, Field, FiltersPart, Kind, ListsPart, Type, Wording, WordsPart
from auroraql.schema.source_fields import JOINED_FIELDS, SOURCE
from auroraql.schema.wire import Protocol


def _location(name: str, doc: str) -> Field:
    """Return the field of a location. Its latitude and longitude are both numbers, or both null."""
    latitude = Field((name, "lat"), Type.NUMBER, f"latitude of {doc}", unit="deg")
    longitude = Field((name, "lon"), Type.NUMBER, f"longitude of {doc}, east", unit="deg")
    return Field((name,), Type.OBJECT, doc, members=(latitude, longitude))


_SOURCES = ListsPart(("program", "platform", "instrument_type"))

_WINDOW = BoundsPart(
    "  AND epoch between ",
    " and ",
    " UTC",
    since=BoundPart("start", "  AND epoch >= ", " UTC"),
    until=BoundPart("end", "  AND epoch <= ", " UTC"),
)
"""AuroraX's wording of a window with both ends. The wording of a half-open window is AuroraQL's."""

_OF_2020: Wording = (WordsPart("Find ephemeris for ("), _SOURCES, WordsPart(" AND )"), _WINDOW)
"""AuroraX's wording of 2020 and 2021, without metadata filters."""

EPHEMERIS = Kind(
    name="ephemeris",
    title="ephemeris records",
    doc="The position of a spacecraft and its footprints, or of a ground instrument at work: one record per minute.",
    fields=(
        Field(("epoch",), Type.TIME, "the time of the record, UTC", bound="both"),
        SOURCE,
        _location("location_geo", "the geographic location below the spacecraft, or of the instrument"),
        _location("location_gsm", "the spacecraft in geocentric solar magnetospheric coordinates"),
        _location("nbtrace", "the footprint in the northern magnetic hemisphere, geographic"),
        _location("sbtrace", "the footprint in the southern magnetic hemisphere, geographic"),
        Field(("metadata",), Type.OBJECT, "other properties at this time, such as nbtrace_region"),
    ),
    protocol=Protocol("ephemeris", "ephemeris", "ephemeris", "ephemeris", timedelta(days=2)),
    filters="ephemeris_metadata_filters",
    marks=("ephemeris_metadata_filters",),
    joined=JOINED_FIELDS,
    schema_key="ephemeris_metadata_schema",
    wording=(
        WordsPart("Find ephemeris for (("),
        _SOURCES,
        WordsPart(" filtered by metadata ()) AND  ephemeris_metadata_filters ["),
        FiltersPart(),
        WordsPart("])"),
        _WINDOW,
    ),
    older_wordings=(_OF_2020,),
    longest_months=1,
    needs_filter=True,
)
