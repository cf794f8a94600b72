"""Schema model: the classes that declare types, fields and kinds. The declarations are in the sibling modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any, Literal

from auroraql.schema.wire import Protocol

EARTH_RADIUS_KM = 6371.0
"""Radius in km of the sphere along which distances are measured."""

Role = Literal["source", "record", "metadata", "column", "block", "joined"]

Derive = Callable[[dict[str, Any]], dict[str, Any]]
"""Function that returns the objects which fields of the role `block` need, from a record of AuroraX."""


class Type(Enum):
    """Type of a value. The enum value is its name in messages."""

    STRING = "a string"
    NUMBER = "a number"
    INTEGER = "a whole number"
    BOOLEAN = "TRUE or FALSE"
    TIME = "a timestamp"
    OBJECT = "an object"
    DATE = "a date"
    DECIMAL = "a decimal number"
    INTERVAL = "a duration"
    CLOCK = "a time of day"
    BYTES = "bytes"
    ANY = "a value"

    @property
    def is_ordered(self) -> bool:
        """Whether `<` and `>` apply to values of the type."""
        return self not in (Type.BOOLEAN, Type.OBJECT)


def is_grouped_by_element(type: Type) -> bool:
    """Return whether GROUP BY of a list of this type gives a group for each element. Other lists are groups as a whole."""
    return type not in (Type.OBJECT, Type.ANY)


@dataclass(frozen=True, slots=True)
class Field:
    """Field of a record.

    `path` is its path in AuroraX's JSON, and `role` the part of the query that it filters. A field of the role `joined`
    is not in records. `criterion` is the key of
    the list in the query JSON that it fills, or empty if AuroraX cannot filter by it. `bound` is the end of the time
    window that a comparison of the field sets. `known` are its published values, which are not exhaustive unless
    `closed` is true.
    """

    path: tuple[str, ...]
    type: Type
    doc: str
    role: Role = "record"
    criterion: str = ""
    bound: Literal["", "start", "end", "both"] = ""
    unit: str = ""
    known: tuple[str, ...] = ()
    members: tuple[Field, ...] = field(default=(), repr=False)
    closed: bool = False
    """Whether AuroraX accepts only the known values (an enumeration in its OpenAPI document)."""
    many: bool = False
    """Whether a record has a list of values in this field."""
    is_dotted: bool = False
    """Whether columns of whole records keep the dotted name, because the rows of a result already have it."""
    is_hidden: bool = False
    """Whether whole records have no column for the field."""
    also: tuple[str, ...] = ()
    """Other names that a statement may write."""

    @property
    def name(self) -> str:
        """Dotted path."""
        return ".".join(self.path)

    @property
    def bare(self) -> str:
        """Name that a statement may write without the prefix."""
        return bare_name(self.role, self.name)


def bare_name(role: Role, name: str) -> str:
    """Return the short form of a dotted name. The name of a criteria block is short for its display name."""
    match role:
        case "source":
            return name.rpartition(".")[2]
        case "block":
            return name.removesuffix(f".{DISPLAY_NAME}")
        case "joined":
            return name.partition(".")[2]
        case "record" | "metadata" | "column":
            return name


DISPLAY_NAME = "display_name"
"""Member of a source that people read. A criteria block as a column shows it."""


@dataclass(frozen=True, slots=True)
class WordsPart:
    """Fixed words of AuroraX's sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class ListsPart:
    """Lists `name in (a, b)` of the fields with values, joined by AND and preceded by `before`."""

    fields: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class TracesPart:
    """Conjunction types, joined by `, `."""


@dataclass(frozen=True, slots=True)
class PrecisionPart:
    """Precision of conjunctions: the words for whole minutes, and those for less."""

    minute: str
    subminute: str


@dataclass(frozen=True, slots=True)
class BlocksPart:
    """Criteria blocks of conjunctions, `ground1=(…)` and so on, joined by AND."""


@dataclass(frozen=True, slots=True)
class DistancesPart:
    """Maximum distance of each pair of blocks."""


@dataclass(frozen=True, slots=True)
class FiltersPart:
    """Metadata filter group. AuroraQL defines the wording inside the brackets."""


@dataclass(frozen=True, slots=True)
class BoundPart:
    """One end of the time window, with the words around it. It is omitted if the window is open at this end."""

    end: Literal["start", "end"]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class BoundsPart:
    """Both ends of the time window in one phrase. A half-open window is worded by `since` or `until`."""

    before: str
    between: str
    after: str
    since: BoundPart
    until: BoundPart
    seconds: bool = False
    """Whether AuroraX writes seconds that are zero."""


WordingPart = (
    WordsPart
    | ListsPart
    | FiltersPart
    | BoundPart
    | BoundsPart
    | TracesPart
    | PrecisionPart
    | BlocksPart
    | DistancesPart
)

Wording = tuple[WordingPart, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """Kind of record that a statement can search.

    `protocol` has the protocol facts of AuroraX, or is None if AuroraX has no search for the kind. `filters` is the key
    of its metadata filter group. `marks` are the keys of query JSON that identify the kind. `older_wordings` are former
    wordings of its sentence, which are parsed but never printed.
    """

    name: str
    title: str
    doc: str
    fields: tuple[Field, ...]
    protocol: Protocol | None
    filters: str
    marks: tuple[str, ...]
    schema_key: str
    wording: Wording
    older_wordings: tuple[Wording, ...] = ()
    longest_months: int = 0
    """Maximum window of one request in months, 0 for no limit. Only for records of a single moment."""
    longest_record: timedelta = timedelta()
    """Maximum time that a record spans, 0 for records of a single moment. A search for records that overlap an
    interval extends this far around it."""
    needs_filter: bool = False
    """Whether the service rejects a request without any list or metadata filter."""
    time_keys: tuple[str, ...] = ()
    """Metadata keys whose values are times, as text: YYYY-MM-DDTHH:MM:SS.ffffff, UTC."""
    keys_of: str = ""
    """The kind whose metadata keys its records have. If empty, its own if it has the field `metadata`."""
    joined: tuple[Field, ...] = ()
    """Fields that records do not contain. They are joined from the archive's source list when a statement names them."""

    derive: Derive | None = field(default=None, repr=False, compare=False)
    """Function that adds the objects of fields with the role `block`. None if the records already have them."""

    names: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    """Fields at any depth, by their bare and by their dotted names."""
    folded: Mapping[str, Field | None] = field(init=False, repr=False, compare=False)
    """Fields by their names in lower case. None if two names differ only by case."""
    has_lists: bool = field(init=False, repr=False, compare=False)
    """Whether any field is a list."""

    def __post_init__(self) -> None:
        every = [*_flatten_members(self.fields), *_flatten_members(self.joined)]
        names = {name: f for f in reversed(every) for name in f.also}
        names |= {f.bare: f for f in reversed(every)} | {f.name: f for f in every}
        folded: dict[str, Field | None] = {}
        for name, named in names.items():
            lower = name.casefold()
            folded[lower] = named if folded.get(lower, named) is named else None
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "folded", folded)
        object.__setattr__(self, "has_lists", any(f.many for f in every))

    @property
    def metadata(self) -> str:
        """Kind whose metadata keys its records have, or empty if they have no metadata."""
        return self.keys_of or (self.name if self.protocol is not None and self.field("metadata") is not None else "")

    def field(self, name: str) -> Field | None:
        """Return the field called `name`, bare or dotted, at any depth, or None.

        Case does not matter, unless two names of the kind differ only by case.
        """
        return self.names.get(name) or self.folded.get(name.casefold())

    def leaves(self) -> tuple[Field, ...]:
        """Return the columns of a flat row: the fields in record order, with objects that are not lists expanded."""
        shown = (f for f in self.fields if not f.is_hidden)
        return tuple(leaf for f in shown for leaf in ((f,) if f.many else f.members or (f,)))

    @property
    def span(self) -> tuple[Field, ...]:
        """Fields of the first and last time of a record, which may be the same field. Empty if it has no time."""
        start, end, epoch = (self.field(name) for name in ("start", "end", "epoch"))
        if start is not None and end is not None:
            return (start, end)
        return (epoch, epoch) if epoch is not None else ()

    def is_listed(self, path: tuple[str, ...]) -> bool:
        """Return whether a record has several values at a path, because the path leads through a list."""
        if not self.has_lists:
            return False
        prefixes = (self.field(".".join(path[:n])) for n in range(1, len(path) + 1))
        return any(prefix is not None and prefix.many for prefix in prefixes)


def _flatten_members(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Yield the fields and their members, those of the upper levels first."""
    yield from fields
    for parent in fields:
        yield from _flatten_members(parent.members)
