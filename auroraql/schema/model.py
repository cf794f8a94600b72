"""The shape of a declaration: types, fields and kinds, each a row of data.

Nothing here knows any particular field; the rows are in the sibling modules, once each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Literal

from auroraql.schema.wire import Protocol

Role = Literal["source", "record", "metadata", "column"]


class Type(Enum):
    """What a value is, and how it is called in messages."""

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
        """Whether `<` and `>` make sense for it."""
        return self not in (Type.BOOLEAN, Type.OBJECT)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record: `path` as in the answer, `role` says which part of the query it filters.

    `criterion` is the key of the query JSON whose list it fills (empty: AuroraX cannot filter on it);
    `bound` says which end of the window a comparison of this field is, or that it is both; `known` are
    the values published for it, which are not exhaustive.
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
    """Whether AuroraX takes no other values than the known ones (an enumeration of its OpenAPI document)."""
    many: bool = False
    """Whether a record has a list of these."""
    is_dotted: bool = False
    """Whether a column of whole records keeps the dotted name, as in rows of a result that has that name already."""

    @property
    def name(self) -> str:
        """The dotted path."""
        return ".".join(self.path)

    @property
    def bare(self) -> str:
        """The name a statement may use without its prefix."""
        return self.path[-1] if self.role == "source" else self.name


@dataclass(frozen=True, slots=True)
class WordsPart:
    """Fixed words of the engine's sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class ListsPart:
    """`name in (a, b)` for each of the fields that has values, joined by AND, after `before`."""

    fields: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class TracesPart:
    """The conjunction types, joined with `, `, in the parentheses of the words around it."""


@dataclass(frozen=True, slots=True)
class PrecisionPart:
    """How fine the epochs of conjunctions are: the words for whole minutes, and those for less."""

    minute: str
    subminute: str


@dataclass(frozen=True, slots=True)
class BlocksPart:
    """The criteria blocks of conjunctions, `ground1=(…)` and so on, joined with AND."""


@dataclass(frozen=True, slots=True)
class DistancesPart:
    """The greatest distance of each pair of blocks."""


@dataclass(frozen=True, slots=True)
class FiltersPart:
    """The metadata filter group; its wording inside the brackets is AuroraQL's own."""


@dataclass(frozen=True, slots=True)
class BoundPart:
    """One end of the window, with the words around it; absent when the window is open there."""

    end: Literal["start", "end"]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class BoundsPart:
    """Both ends of the window in one phrase; a window that is open at an end is worded by the other's Bound."""

    before: str
    between: str
    after: str
    since: BoundPart
    until: BoundPart
    seconds: bool = False
    """Whether the engine writes seconds that are zero."""


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
    """A kind of record that can be found: everything the rest of the house asks about it.

    `protocol` says how AuroraX is asked for it (None: never by itself); `filters` is the key of its metadata
    filter group; `marks` the query JSON keys that tell the kind by themselves; `older_wordings` are
    those its sentence once had, which are read and never written.
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
    """The longest window of one request, in months; 0: any. A record that spans time must not be cut."""
    longest_record: timedelta = timedelta()
    """The longest time that a record spans; 0: a record is a single moment. Records that overlap an interval are
    looked for this far around it."""
    needs_filter: bool = False
    """Whether the service refuses a request without any list or metadata filter."""
    time_keys: tuple[str, ...] = ()
    """Metadata keys that hold times, as text: YYYY-MM-DDTHH:MM:SS.ffffff, UTC."""
    keys_of: str = ""
    """The kind whose metadata keys its records have; empty: its own, if it has the field `metadata`."""

    names: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    """Its fields at any depth, by their bare and by their dotted names."""
    folded: Mapping[str, Field | None] = field(init=False, repr=False, compare=False)
    """The same fields by their names in lower case; None where two names differ only by case."""
    has_lists: bool = field(init=False, repr=False, compare=False)
    """Whether any of them is a list."""

    def __post_init__(self) -> None:
        every = list(_with_members(self.fields))
        names = {each.bare: each for each in reversed(every)} | {each.name: each for each in every}
        folded: dict[str, Field | None] = {}
        for name, each in names.items():
            lower = name.casefold()
            folded[lower] = each if folded.get(lower, each) is each else None
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "folded", folded)
        object.__setattr__(self, "has_lists", any(each.many for each in every))

    @property
    def metadata(self) -> str:
        """The kind whose metadata keys its records have; empty when they have none."""
        return self.keys_of or (self.name if self.protocol is not None and self.field("metadata") is not None else "")

    def field(self, name: str) -> Field | None:
        """Return the field called `name`, bare or dotted, at any depth; None when there is none.

        Case does not matter, unless two names of the kind differ only by case.
        """
        return self.names.get(name) or self.folded.get(name.casefold())

    def leaves(self) -> tuple[Field, ...]:
        """The record's fields with its objects opened (but for lists), in record order: a flat row's columns."""
        return tuple(leaf for each in self.fields for leaf in ((each,) if each.many else each.members or (each,)))

    @property
    def span(self) -> tuple[Field, ...]:
        """The fields of a record's first and last moment, which may be one; none where a record has no time."""
        start, end, epoch = (self.field(name) for name in ("start", "end", "epoch"))
        if start is not None and end is not None:
            return (start, end)
        return (epoch, epoch) if epoch is not None else ()

    def is_listed(self, path: tuple[str, ...]) -> bool:
        """Whether a record has several values of what a path names: it leads through a list."""
        if not self.has_lists:
            return False
        prefixes = (self.field(".".join(path[:n])) for n in range(1, len(path) + 1))
        return any(each is not None and each.many for each in prefixes)


def _with_members(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Fields and their members, those nearer to the record first."""
    yield from fields
    for each in fields:
        yield from _with_members(each.members)
