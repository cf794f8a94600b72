"""Conjunctions: when footprints or places come near one another (OpenAPI `Conjunction`, `SuperConjunctionQuery`).

Also the criteria blocks between which they are found, each declared as the kind of record that it takes
part with: a block filters ephemeris, so its metadata keys are those of ephemeris.
"""

from __future__ import annotations

from datetime import timedelta

from auroraql.schema.model import (
    BlocksPart,
    BoundPart,
    BoundsPart,
    DistancesPart,
    Field,
    FiltersPart,
    Kind,
    ListsPart,
    PrecisionPart,
    TracesPart,
    Type,
    Wording,
    WordsPart,
)
from auroraql.schema.source_fields import SOURCE, source_fields
from auroraql.schema.wire import Protocol

TRACES = ("nbtrace", "sbtrace", "geographic")
"""What conjunctions are found by (OpenAPI `conjunction_types`); the first is meant when none is named."""

HEMISPHERES = ("northern", "southern")

PRECISIONS = {
    60: "epochs a minute apart, as where none is named",
    30: "epochs half a minute apart",
}
"""How fine the epochs are (OpenAPI `subminute_precision`), in PRECISION_UNIT; the first is meant when none is named."""

PRECISION_UNIT = "s"

MINUTE, HALF_MINUTE = PRECISIONS
"""The two of them; AuroraX takes any other for one of these."""


def epoch_step_seconds(*, subminute: bool) -> int:
    """How many seconds lie between the epochs of one conjunction."""
    return HALF_MINUTE if subminute else MINUTE


MAX_CONJUNCTION_LENGTH = timedelta(days=1)
"""How far before and after an interval the conjunctions that overlap it are followed: one may last for ever."""

MAX_BLOCKS = 10
"""Criteria blocks of one search; two are the fewest."""

EVENTS_PROGRAM = "events"
"""The program of event lists, which a block of events has by itself."""


def _block(name: str, doc: str, *more: Field) -> Kind:
    return Kind(
        name=name,
        title=f"{name} blocks",
        doc=doc,
        fields=(SOURCE, *more),
        protocol=None,
        filters="ephemeris_metadata_filters",
        marks=(),
        schema_key="ephemeris_metadata_schema",
        wording=(ListsPart(("program", "platform", "instrument_type", *(f.bare for f in more))), FiltersPart()),
        keys_of="ephemeris",
    )


BLOCKS = {
    block.name: block
    for block in (
        _block("ground", "sources on the ground, such as imagers"),
        _block(
            "space",
            "spacecraft",
            Field(
                ("hemisphere",),
                Type.STRING,
                "where the spacecraft is at the moment, by its geographic latitude",
                criterion="hemisphere",
                known=HEMISPHERES,
                closed=True,
            ),
        ),
        _block("events", "lists of events, such as substorm onsets"),
        Kind(
            name="location",
            title="locations",
            doc="places of your choice",
            fields=(),
            protocol=None,
            filters="",
            marks=(),
            schema_key="",
            wording=(),
        ),
    )
}
"""The kinds of criteria blocks, in the order in which query JSON has them and their pairs."""

WIRE_NAMES = {"location": "adhoc"}
"""What query JSON calls a block kind that the language names otherwise."""


def wire_name(block_kind: str) -> str:
    """The key of query JSON for the blocks of a kind."""
    return WIRE_NAMES.get(block_kind, block_kind)


def _distances(what: str) -> tuple[Field, Field]:
    return (
        Field(("min_distance",), Type.NUMBER, f"the smallest distance {what}", unit="km"),
        Field(("max_distance",), Type.NUMBER, f"the greatest distance {what}", unit="km"),
    )


def _member_field(above: tuple[str, ...], field: Field) -> Field:
    return Field((*above, *field.path), field.type, field.doc, unit=field.unit, known=field.known)


_TYPE = Field(("conjunction_type",), Type.STRING, "the footprint or place by which it was found", known=TRACES)
_START = Field(("start",), Type.TIME, "its first epoch, UTC")
_END = Field(("end",), Type.TIME, "its last epoch, UTC; the same when it lasted one epoch")


def _participant(name: str, doc: str) -> Field:
    path = ("events", name)
    return Field(path, Type.OBJECT, doc, members=source_fields(path, role="record"))


_EVENTS = Field(
    ("events",),
    Type.OBJECT,
    "the pairs of sources, one event for each pair",
    members=(
        _member_field(("events",), _TYPE),
        _participant("e1_source", "the first source of the pair"),
        _participant("e2_source", "the second source of the pair"),
        *(_member_field(("events",), each) for each in (_START, _END, *_distances("of the pair"))),
    ),
    many=True,
)

_WINDOW = BoundsPart(
    " WHERE epochs are between ",
    " AND ",
    " UTC",
    since=BoundPart("start", " WHERE epochs are >= ", " UTC"),
    until=BoundPart("end", " WHERE epochs are <= ", " UTC"),
    seconds=True,
)
"""The engine's own where both ends are given; that of one end is AuroraQL's."""


def _wording(precision: PrecisionPart) -> Wording:
    return (
        WordsPart("Find conjunctions of type ("),
        TracesPart(),
        WordsPart(")"),
        precision,
        WordsPart(" between data sources of "),
        BlocksPart(),
        _WINDOW,
        DistancesPart(),
        WordsPart("."),
    )


CONJUNCTIONS = Kind(
    name="conjunctions",
    title="conjunctions",
    doc="Times during which sources of several criteria blocks, or their footprints, are near one another.",
    fields=(
        _TYPE,
        _START,
        _END,
        Field(
            ("data_sources",),
            Type.OBJECT,
            "the sources that met, one of each block",
            members=source_fields(("data_sources",), role="source"),
            many=True,
        ),
        *_distances("of any pair while it lasted"),
        Field(("closest_epoch",), Type.TIME, "when the smallest distance was, UTC"),
        Field(("farthest_epoch",), Type.TIME, "when the greatest distance was, UTC"),
        _EVENTS,
    ),
    protocol=Protocol("conjunctions", "conjunction", "conjunction"),
    filters="",
    marks=(*(wire_name(name) for name in BLOCKS), "conjunction_types", "max_distances"),
    schema_key="",
    longest_record=MAX_CONJUNCTION_LENGTH,
    wording=_wording(PrecisionPart(" at one-minute precision", " at sub-minute precision")),
    older_wordings=(
        _wording(PrecisionPart(" with epoch precision of 60 seconds", " with epoch precision of 30 seconds")),
    ),
)
