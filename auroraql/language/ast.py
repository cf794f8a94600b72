"""What was written: the syntax tree, frozen, with the place of each part.

Every form (text, JSON, sentence) is read into a `FindStatement`. Nothing here has been checked against the schema:
names may be unknown, values of the wrong type. `origin` takes no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from auroraql.diagnostics.errors import Diagnostic, Origin
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
class TextLiteral:
    """A quoted string, without its quotes. `plain`: from a form that writes every value so (JSON, sentence)."""

    value: str
    origin: Origin = field(default=None, compare=False)
    is_untyped: bool = False


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number as written, perhaps signed, perhaps with a unit."""

    text: str
    unit: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BooleanLiteral:
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

    base: Timestamp | TextLiteral | Parameter
    shifts: tuple[Duration, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Subquery:
    """A FIND in parentheses, whose result stands where it is written."""

    find: FindStatement
    origin: Origin = field(default=None, compare=False)


Operand = TextLiteral | NumberLiteral | BooleanLiteral | Instant | Parameter | Path | Subquery


@dataclass(frozen=True, slots=True)
class ComparisonExpression:
    """A path, an operator (by its schema name) and what it is compared with."""

    path: Path
    operator: Op
    operands: tuple[Operand, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AndExpression:
    """Terms joined by AND, at least two."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OrExpression:
    """Terms joined by OR, at least two."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotExpression:
    """NOT before a term."""

    term: Expression
    origin: Origin = field(default=None, compare=False)


Expression = ComparisonExpression | AndExpression | OrExpression | NotExpression


@dataclass(frozen=True, slots=True)
class SelectColumn:
    """A selected path, perhaps with a tree of members, perhaps with an alias."""

    path: Path
    members: tuple[SelectItem, ...] = ()
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectStar:
    """`*`, perhaps without some paths."""

    exclude: tuple[Path, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectAggregate:
    """`count(*)`, `max(path)` …; `path` None stands for `*`."""

    function: str
    path: Path | None
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


SelectItem = SelectColumn | SelectStar | SelectAggregate


@dataclass(frozen=True, slots=True)
class Select:
    """The SELECT clause."""

    items: tuple[SelectItem, ...]
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
class BlockItem:
    """A criteria block of OF: its kind, the name given to it, and its predicate, or the points of a location."""

    kind: str
    alias: str = ""
    expression: Expression | None = None
    points: tuple[tuple[NumberLiteral | Parameter, NumberLiteral | Parameter], ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Of:
    """The OF clause."""

    blocks: tuple[BlockItem, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Distance:
    """One limit of WITHIN: of a pair of blocks, or of all (`pair` None); `limit` None is ANY."""

    pair: tuple[str, str] | None
    limit: NumberLiteral | Parameter | None
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
class OrderItem:
    """One key of ORDER BY; `nulls_first` None when not said."""

    path: Path
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class OrderBy:
    """The ORDER BY clause."""

    keys: tuple[OrderItem, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """LIMIT and OFFSET."""

    count: NumberLiteral | Parameter
    offset: NumberLiteral | Parameter | None = None
    origin: Origin = field(default=None, compare=False)


Clause = Select | Where | Window | Overlap | Of | Within | Via | Precision | GroupBy | OrderBy | Limit


@dataclass(frozen=True, slots=True)
class FindStatement:
    """A FIND statement: what is found as written (a kind, or a result by its name), and its clauses in order."""

    kind: str
    clauses: tuple[Clause, ...] = ()
    distinct: bool = False
    origin: Origin = field(default=None, compare=False)
    notes: tuple[Diagnostic, ...] = field(default=(), compare=False)
    """Warnings of what was ignored while it was read."""


@dataclass(frozen=True, slots=True)
class ExplainStatement:
    """EXPLAIN or DESCRIBE before a FIND: what would be done, or the engine's sentence."""

    verb: Literal["explain", "describe"]
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LetStatement:
    """LET: the result of a FIND, kept under a name."""

    name: str
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SubmitStatement:
    """SUBMIT: a FIND that is started and not waited for; `name` empty when it was given none."""

    name: str
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class JobStatement:
    """FETCH or CANCEL of a search by its name, or by a request id; `name` is then what FETCH keeps it under, if any."""

    verb: Literal["fetch", "cancel"]
    name: str
    request_id: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LikePattern:
    """LIKE behind SHOW, for the names it lists."""

    operand: TextLiteral | Parameter
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ShowTarget:
    """What SHOW is about: `OF kind`, `OF key` or `FOR name`."""

    word: Literal["of", "for"]
    name: str
    origin: Origin = field(default=None, compare=False)


ShowClause = Clause | LikePattern | ShowTarget


@dataclass(frozen=True, slots=True)
class ShowStatement:
    """SHOW: something that is known, as a table; `anew` when the archive is to be asked for it again."""

    what: str
    clauses: tuple[ShowClause, ...] = ()
    refresh: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SetStatement:
    """SET: a setting of the session; `value` None is DEFAULT."""

    name: str
    value: Operand | Duration | None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """SQL over the results that were kept, as written."""

    text: str
    origin: Origin = field(default=None, compare=False)


Statement = (
    FindStatement
    | ExplainStatement
    | LetStatement
    | SubmitStatement
    | JobStatement
    | ShowStatement
    | SetStatement
    | SqlStatement
)


def get_find(statement: Statement) -> FindStatement | None:
    """The FIND that a statement is or is about; None for those that are about something else."""
    if isinstance(statement, FindStatement):
        return statement
    return statement.find if isinstance(statement, ExplainStatement | LetStatement | SubmitStatement) else None


def get_clauses(statement: Statement) -> tuple[ShowClause, ...]:
    """The clauses of a statement, in the order written."""
    holder = get_find(statement) or statement
    return holder.clauses if isinstance(holder, FindStatement | ShowStatement) else ()
