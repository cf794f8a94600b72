"""What was written: the syntax tree, frozen, with the place of each part.

Every form (text, JSON, sentence) is read into a `Find`. Nothing here has been checked against the schema:
names may be unknown, values of the wrong type. `origin` takes no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from auroraql.errors import Origin


@dataclass(frozen=True, slots=True)
class Path:
    """A name, or a dotted one."""

    parts: tuple[str, ...]
    origin: Origin = field(default=None, compare=False)

    @property
    def dotted(self) -> str:
        """The name as people write it."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string, without its quotes. `plain`: from a form that writes every value so (JSON, sentence)."""

    value: str
    origin: Origin = field(default=None, compare=False)
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, perhaps signed, perhaps with a unit."""

    text: str
    unit: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Truth:
    """TRUE or FALSE."""

    value: bool
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A bare date or time as written (a year, a month, a day, a moment), or NOW or TODAY."""

    text: str
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name`: a value given when the statement is run."""

    name: str
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Duration:
    """`7 days`, signed when it is a shift."""

    count: str | Parameter
    unit: str
    origin: Origin = field(default=None, compare=False)
    negative: bool = False


@dataclass(frozen=True, slots=True)
class Instant:
    """A point or interval of time, moved by shifts: `TODAY - 1 day`."""

    base: Timestamp | Text | Parameter
    shifts: tuple[Duration, ...] = ()
    origin: Origin = field(default=None, compare=False)


Operand = Text | Number | Truth | Instant | Parameter | Path


@dataclass(frozen=True, slots=True)
class Comparison:
    """A path, an operator (by its schema name) and what it is compared with."""

    path: Path
    operator: str
    operands: tuple[Operand, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """Terms joined by AND, at least two."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Terms joined by OR, at least two."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """NOT before a term."""

    term: Expression
    origin: Origin = field(default=None, compare=False)


Expression = Comparison | And | Or | Not


@dataclass(frozen=True, slots=True)
class Column:
    """A selected path, perhaps with a tree of members, perhaps with an alias."""

    path: Path
    members: tuple[Item, ...] = ()
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Star:
    """`*`, perhaps without some paths."""

    exclude: tuple[Path, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count(*)`, `max(path)` …; `path` None stands for `*`."""

    function: str
    path: Path | None
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


Item = Column | Star | Aggregate


@dataclass(frozen=True, slots=True)
class Select:
    """The SELECT clause."""

    items: tuple[Item, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Where:
    """The WHERE clause."""

    expression: Expression
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Window:
    """A time window: its instants as written (one, or two for BETWEEN), and the span of LAST."""

    form: Literal["between", "on", "during", "since", "until", "last"]
    instants: tuple[Instant, ...]
    duration: Duration | None = None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class GroupBy:
    """The GROUP BY clause."""

    paths: tuple[Path, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of ORDER BY; `nulls_first` None when not said."""

    path: Path
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class OrderBy:
    """The ORDER BY clause."""

    keys: tuple[OrderKey, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """LIMIT and OFFSET."""

    count: Number | Parameter
    offset: Number | Parameter | None = None
    origin: Origin = field(default=None, compare=False)


Clause = Select | Where | Window | GroupBy | OrderBy | Limit


@dataclass(frozen=True, slots=True)
class Find:
    """A FIND statement: its kind as written, and its clauses in the order written."""

    kind: str
    clauses: tuple[Clause, ...] = ()
    distinct: bool = False
    origin: Origin = field(default=None, compare=False)

    @property
    def find(self) -> Find:
        """Itself: every statement has a FIND that it is, or is about."""
        return self

    @property
    def verb(self) -> Literal[""]:
        """Nothing: it is run."""
        return ""


@dataclass(frozen=True, slots=True)
class Report:
    """EXPLAIN or DESCRIBE before a statement: what would be done, or the engine's sentence."""

    verb: Literal["explain", "describe"]
    find: Find
    origin: Origin = field(default=None, compare=False)


Statement = Find | Report
