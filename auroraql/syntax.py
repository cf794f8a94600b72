"""What was written: the syntax tree, frozen, with the place of each part.

Every form (text, JSON, sentence) is read into a `Find`. Nothing here has been checked against the schema:
names may be unknown, values of the wrong type. `origin` takes no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from auroraql.errors import Diagnostic, Origin
from auroraql.schema.operators import Op


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


@dataclass(frozen=True, slots=True)
class Subquery:
    """A FIND in parentheses, whose result stands where it is written."""

    find: Find
    origin: Origin = field(default=None, compare=False)


Operand = Text | Number | Truth | Instant | Parameter | Path | Subquery


@dataclass(frozen=True, slots=True)
class Comparison:
    """A path, an operator (by its schema name) and what it is compared with."""

    path: Path
    operator: Op
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
    """A time window: its instants as written (one, or two for BETWEEN and OVERLAPPING), and the span of LAST."""

    form: Literal["between", "on", "during", "since", "until", "last", "overlapping"]
    instants: tuple[Instant, ...]
    duration: Duration | None = None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Overlap:
    """`DURING` a result, kept by name or found by a FIND in parentheses.

    `padding` makes its intervals longer at both ends. `using` names the fields in which a record and a row are equal.
    """

    result: Path | Subquery
    padding: Duration | None = None
    using: tuple[Path, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A criteria block of OF: its kind, the name given to it, and its predicate, or the points of a location."""

    kind: str
    alias: str = ""
    expression: Expression | None = None
    points: tuple[tuple[Number | Parameter, Number | Parameter], ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Of:
    """The OF clause."""

    blocks: tuple[Block, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Distance:
    """One limit of WITHIN: of a pair of blocks, or of all (`pair` None); `limit` None is ANY."""

    pair: tuple[str, str] | None
    limit: Number | Parameter | None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Within:
    """The WITHIN clause."""

    distances: tuple[Distance, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Via:
    """The VIA clause; no trace at all is what AuroraX calls none."""

    traces: tuple[Path, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Precision:
    """The PRECISION clause."""

    duration: Duration
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


Clause = Select | Where | Window | Overlap | Of | Within | Via | Precision | GroupBy | OrderBy | Limit


@dataclass(frozen=True, slots=True)
class Find:
    """A FIND statement: what is found as written (a kind, or a result by its name), and its clauses in order."""

    kind: str
    clauses: tuple[Clause, ...] = ()
    distinct: bool = False
    origin: Origin = field(default=None, compare=False)
    notes: tuple[Diagnostic, ...] = field(default=(), compare=False)
    """Warnings of what was ignored while it was read."""


@dataclass(frozen=True, slots=True)
class Report:
    """EXPLAIN or DESCRIBE before a FIND: what would be done, or the engine's sentence."""

    verb: Literal["explain", "describe"]
    find: Find
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Let:
    """LET: the result of a FIND, kept under a name."""

    name: str
    find: Find
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Submit:
    """SUBMIT: a FIND that is started and not waited for; `name` empty when it was given none."""

    name: str
    find: Find
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Follow:
    """FETCH or CANCEL of a search by its name, or by a request id; `name` is then what FETCH keeps it under, if any."""

    verb: Literal["fetch", "cancel"]
    name: str
    request_id: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """LIKE behind SHOW, for the names it lists."""

    operand: Text | Parameter
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Target:
    """What SHOW is about: `OF kind`, `OF key` or `FOR name`."""

    word: Literal["of", "for"]
    name: str
    origin: Origin = field(default=None, compare=False)


ShowClause = Clause | Pattern | Target


@dataclass(frozen=True, slots=True)
class Show:
    """SHOW: something that is known, as a table; `anew` when the archive is to be asked for it again."""

    what: str
    clauses: tuple[ShowClause, ...] = ()
    anew: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Set:
    """SET: a setting of the session; `value` None is DEFAULT."""

    name: str
    value: Operand | Duration | None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sql:
    """SQL over the results that were kept, as written."""

    text: str
    origin: Origin = field(default=None, compare=False)


Statement = Find | Report | Let | Submit | Follow | Show | Set | Sql


def find_of(statement: Statement) -> Find | None:
    """The FIND that a statement is or is about; None for those that are about something else."""
    if isinstance(statement, Find):
        return statement
    return statement.find if isinstance(statement, Report | Let | Submit) else None


def clauses_of(statement: Statement) -> tuple[ShowClause, ...]:
    """The clauses of a statement, in the order written."""
    holder = find_of(statement) or statement
    return holder.clauses if isinstance(holder, Find | Show) else ()
