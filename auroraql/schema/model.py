"""The shape of a declaration: types, operators, fields and kinds, each a row of data.

Nothing here knows any particular field; the rows are in the sibling modules, once each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Role = Literal["source", "record", "metadata"]


class Type(Enum):
    """What a value is, and how it is called in messages."""

    STRING = "a string"
    NUMBER = "a number"
    INTEGER = "a whole number"
    BOOLEAN = "TRUE or FALSE"
    TIME = "a timestamp"
    OBJECT = "an object"
    ANY = "a value"

    @property
    def ordered(self) -> bool:
        """Whether `<` and `>` make sense for it."""
        return self not in (Type.BOOLEAN, Type.OBJECT)


@dataclass(frozen=True, slots=True)
class Operator:
    """A comparison: how it is typed, sent, negated and called.

    `arity` is the number of values on the right: 0, 1, 2, or -1 for a list of one or more.
    `wire` is the operator of AuroraX's MetadataExpression; empty when AuroraX has none.
    """

    name: str
    text: str
    wire: str
    arity: int
    negation: str
    doc: str
    ordering: bool = False
    also: tuple[str, ...] = ()


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

    @property
    def name(self) -> str:
        """The dotted path, as results are labelled."""
        return ".".join(self.path)

    @property
    def bare(self) -> str:
        """The name a statement may use without its prefix."""
        return self.path[-1] if self.role == "source" else self.name


@dataclass(frozen=True, slots=True)
class Words:
    """Fixed words of the engine's sentence."""

    text: str


@dataclass(frozen=True, slots=True)
class Lists:
    """`name in (a, b)` for each of the fields that has values, joined by AND, after `before`."""

    fields: tuple[str, ...]
    before: str = ""


@dataclass(frozen=True, slots=True)
class Filters:
    """The metadata filter group; its wording inside the brackets is AuroraQL's own."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of the window, with the words around it; absent when the window is open there."""

    end: Literal["start", "end"]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both ends of the window in one phrase; a window that is open at an end is worded by the other's Bound."""

    before: str
    between: str
    after: str
    since: Bound
    until: Bound


Part = Words | Lists | Filters | Bound | Bounds

Wording = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of record that can be found: everything the rest of the house asks about it.

    `endpoint` is the path of AuroraX's search below `/api/v1`; `filters` the key of its metadata
    filter group; `marks` the query JSON keys that tell the kind by themselves; `older_wordings` are
    those its sentence once had, which are read and never written.
    """

    name: str
    title: str
    doc: str
    fields: tuple[Field, ...]
    endpoint: str
    filters: str
    marks: tuple[str, ...]
    schema_key: str
    wording: Wording
    older_wordings: tuple[Wording, ...] = ()
    longest_months: int = 0
    """The longest window of one request, in months; 0: any. A record that spans time must not be cut."""

    def field(self, name: str) -> Field | None:
        """The field called `name`, bare or dotted, at any depth; None when there is none."""
        return _by_name(self).get(name)

    def leaves(self) -> tuple[Field, ...]:
        """The record's fields with its objects opened, in record order: a flat row's columns."""
        return tuple(leaf for each in self.fields for leaf in (each.members or (each,)))


_names: dict[str, dict[str, Field]] = {}


def _by_name(kind: Kind) -> dict[str, Field]:
    if kind.name not in _names:
        every = [*kind.fields, *(m for f in kind.fields for m in f.members)]
        table = {each.bare: each for each in every}
        table.update({each.name: each for each in every})
        _names[kind.name] = table
    return _names[kind.name]
