"""Conjunctions: times at which footprints or locations are near one another (OpenAPI `Conjunction`).

Searches are OpenAPI `SuperConjunctionQuery`. The criteria blocks are declared as kinds too. A block filters ephemeris
records, so its metadata keys are those of ephemeris.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from auroraql.schema.model import (
    DISPLAY_NAME,
    BlocksPart,
    BoundPart,
    BoundsPart,
    Derive,
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
"""Conjunction types (OpenAPI `conjunction_types`). The first one is the default."""

HEMISPHERES = ("northern", "southern")

PRECISIONS = {
    60: "one epoch per minute, the default",
    30: "one epoch per half minute",
}
"""Precisions of epochs in PRECISION_UNIT (OpenAPI `subminute_precision`). The first one is the default."""

PRECISION_UNIT = "s"

MINUTE, HALF_MINUTE = PRECISIONS
"""The two precisions. AuroraX rounds any other to one of these."""


def epoch_step_seconds(*, subminute: bool) -> int:
    """Return the seconds between the epochs of a conjunction."""
    return HALF_MINUTE if subminute else MINUTE


MAX_CONJUNCTION_LENGTH = timedelta(days=1)
"""Maximum extent of a conjunction before and after an interval that it overlaps: it may last without end."""

MAX_BLOCKS = 10
"""Maximum number of criteria blocks of a search. The minimum is two."""

EVENTS_PROGRAM = "events"
"""The program of event lists, which is the default program of a block of events."""


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


SOURCES_FIELD = "data_sources"
"""Field with the sources of a conjunction."""

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
                "the hemisphere of the spacecraft, by its geographic latitude",
                criterion="hemisphere",
                known=HEMISPHERES,
                closed=True,
            ),
        ),
        _block("events", "lists of events, such as substorm onsets"),
        Kind(
            name="location",
            title="locations",
            doc="locations given by latitude and longitude",
            fields=(),
            protocol=None,
            filters="",
            marks=(),
            schema_key="",
            wording=(),
        ),
    )
}
"""Kinds of criteria blocks, in their order in query JSON."""

WIRE_NAMES = {"location": "adhoc"}
"""Names of block kinds in query JSON, if they differ from those of the language."""


SOURCE_TYPES = {"ground": ("ground",), "events": ("event_list",)}
"""Source types of the kinds of blocks that take certain types. A space block takes all others."""


def takes_source_type(block_kind: str, source_type: str) -> bool:
    """Return whether a ground, space or events block takes sources of a type."""
    if block_kind in SOURCE_TYPES:
        return source_type in SOURCE_TYPES[block_kind]
    return all(source_type not in types for types in SOURCE_TYPES.values())


def wire_name(block_kind: str) -> str:
    """Return the key of a block kind in query JSON."""
    return WIRE_NAMES.get(block_kind, block_kind)


def _distances(what: str) -> tuple[Field, Field]:
    return (
        Field(("min_distance",), Type.NUMBER, f"the smallest distance {what}", unit="km"),
        Field(("max_distance",), Type.NUMBER, f"the greatest distance {what}", unit="km"),
    )


def _member_field(above: tuple[str, ...], field: Field) -> Field:
    return Field((*above, *field.path), field.type, field.doc, unit=field.unit, known=field.known)


_TYPE = Field(("conjunction_type",), Type.STRING, "the conjunction type: nbtrace, sbtrace or geographic", known=TRACES)
_START = Field(("start",), Type.TIME, "its first epoch, UTC")
_END = Field(("end",), Type.TIME, "its last epoch, UTC; equal to start if there is only one")


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
        *(_member_field(("events",), member) for member in (_START, _END, *_distances("of the pair"))),
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
"""AuroraX's wording of a window with both ends. The wording of a half-open window is AuroraQL's."""


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
    doc="Times during which sources of several criteria blocks, or their footprints, are near one another."
    " Each block is also a column with the name of its source: ground1, space1 … or its alias.",
    fields=(
        _TYPE,
        _START,
        _END,
        Field(
            (SOURCES_FIELD,),
            Type.OBJECT,
            "the sources of the conjunction, one of each block",
            members=source_fields((SOURCES_FIELD,), role="source"),
            many=True,
        ),
        *_distances("of any pair during the conjunction"),
        Field(("closest_epoch",), Type.TIME, "the time of the smallest distance, UTC"),
        Field(("farthest_epoch",), Type.TIME, "the time of the greatest distance, UTC"),
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


@dataclass(frozen=True, slots=True)
class BlockColumn:
    """Column of a criteria block: the kind of the block, its name in statements, and its other names."""

    kind: str
    name: str
    also: tuple[str, ...] = ()

    def fields(self) -> tuple[Field, ...]:
        """Return the fields of the source in the block. A whole record shows only its display name."""
        return tuple(
            replace(
                field,
                doc=f"{field.doc}, of the source in block {self.name}",
                is_hidden=field.path[-1] != DISPLAY_NAME,
                also=tuple(name for other in self.also for name in self._other_names(other, field.path[-1])),
            )
            for field in source_fields((self.name,), role="block")
        )

    def _other_names(self, name: str, member: str) -> tuple[str, ...]:
        return (name, f"{name}.{member}") if member == DISPLAY_NAME else (f"{name}.{member}",)


def conjunctions_of(blocks: Sequence[BlockColumn], derive: Derive | None = None) -> Kind:
    """Return the kind of conjunctions of these blocks: each block is also a column."""
    fields = [field for block in blocks for field in block.fields()]
    shown = [field for field in fields if not field.is_hidden]
    hidden = [field for field in fields if field.is_hidden]
    at = CONJUNCTIONS.fields.index(_END) + 1
    return replace(
        CONJUNCTIONS,
        fields=(*CONJUNCTIONS.fields[:at], *shown, *CONJUNCTIONS.fields[at:], *hidden),
        derive=derive,
    )
