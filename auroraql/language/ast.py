"""The AST: frozen nodes, each with its place in the source, and the tokens from which they are built.

Every form (text, JSON, sentence) is parsed into the same nodes. They are not checked against the schema yet: names
may be unknown, and values may have the wrong type. `origin` does not take part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.schema import KINDS
from auroraql.schema.operators import Op


class Token(str):
    """A token of a statement: its text, its terminal (`type`) and its offsets (`start_pos`, `end_pos`)."""

    __slots__ = ("end_pos", "start_pos", "type")

    type: str
    start_pos: int
    end_pos: int


def make_token(text: str, kind: str, start: int) -> Token:
    """Return the token of a terminal at an offset."""
    word = Token(text)
    word.type, word.start_pos, word.end_pos = kind, start, start + len(text)
    return word


@dataclass(frozen=True, slots=True)
class Path:
    """A name, plain or dotted."""

    parts: tuple[str, ...]
    origin: Origin = field(default=None, compare=False)

    @property
    def dotted(self) -> str:
        """The name with dots between its parts."""
        return ".".join(self.parts)


@dataclass(frozen=True, slots=True)
class TextLiteral:
    """A quoted string, without its quotes.

    `is_untyped` marks values of forms that write every value as a string (JSON, sentence).
    """

    value: str
    origin: Origin = field(default=None, compare=False)
    is_untyped: bool = False


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number as written, with its sign and its unit, if any."""

    text: str
    unit: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NullLiteral:
    """NULL as the result of CASE or the argument of a function."""

    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BooleanLiteral:
    """TRUE or FALSE."""

    value: bool
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date or time without quotes as written (a year, month, day or moment), or NOW or TODAY."""

    text: str
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Parameter:
    """`$name`: a value that is given when the statement is run."""

    name: str
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Duration:
    """`7 days`. In a shift it has a sign."""

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
    """A FIND in parentheses, used as a list of values."""

    find: FindStatement
    origin: Origin = field(default=None, compare=False)


Operand = TextLiteral | NumberLiteral | BooleanLiteral | Instant | Duration | Parameter | Path | Subquery


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """`name(arguments)`. `star` marks `count(*)`, and `distinct` marks `count(DISTINCT path)`."""

    name: str
    arguments: tuple[Value, ...] = ()
    distinct: bool = False
    star: bool = False
    origin: Origin = field(default=None, compare=False)
    name_origin: Origin = field(default=None, compare=False)


ArithmeticSign = Literal["+", "-", "*", "/", "%", "||"]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Operands joined by signs of one precedence, computed from left to right: a sum, a product, or joined text."""

    operands: tuple[Value, ...]
    signs: tuple[ArithmeticSign, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """A value with a minus before it."""

    operand: Value
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class CaseExpression:
    """CASE: the value of the first branch whose condition is true, or that equals the subject.

    `branches` are pairs of a condition (or a value to compare with the subject) and a value.
    """

    branches: tuple[tuple[Value, Value], ...]
    subject: Value | None = None
    otherwise: Value | None = None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ComparisonExpression:
    """A path, an operator, and its operands."""

    path: Path
    operator: Op
    operands: tuple[Operand, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ValueComparison:
    """A comparison whose left side is not a path, or whose right side is computed.

    `escape` is the character of LIKE … ESCAPE.
    """

    left: Value
    operator: Op
    operands: tuple[Value, ...]
    escape: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BooleanTest:
    """A value alone as a predicate, such as `WHERE tii_on`."""

    value: Value
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class AndExpression:
    """At least two terms joined by AND."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OrExpression:
    """At least two terms joined by OR."""

    terms: tuple[Expression, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NotExpression:
    """A term negated by NOT."""

    term: Expression
    origin: Origin = field(default=None, compare=False)


Expression = ComparisonExpression | ValueComparison | BooleanTest | AndExpression | OrExpression | NotExpression
"""A predicate."""

Value = Operand | NullLiteral | FunctionCall | Arithmetic | Negative | CaseExpression | Expression
"""Anything that has a value. A predicate is TRUE, FALSE or unknown."""


@dataclass(frozen=True, slots=True)
class SelectColumn:
    """A selected path, with its members and its alias, if any."""

    path: Path
    members: tuple[SelectItem, ...] = ()
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectStar:
    """`*`, with the paths of EXCLUDE."""

    exclude: tuple[Path, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectAggregate:
    """`count(*)`, `max(path)` and so on. `path` is None for `*`."""

    function: str
    path: Path | None
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SelectExpression:
    """A computed column."""

    value: Value
    alias: str = ""
    origin: Origin = field(default=None, compare=False)


SelectItem = SelectColumn | SelectStar | SelectAggregate | SelectExpression


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
    """A time window: one instant, or two for BETWEEN and OVERLAPPING, and the duration of LAST."""

    form: Literal["between", "on", "during", "since", "until", "last", "overlapping"]
    instants: tuple[Instant, ...]
    duration: Duration | None = None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Overlap:
    """DURING with a result: its name, or a FIND in parentheses.

    `padding` extends its intervals at both ends. `using` names the fields in which a record and a row must be equal.
    """

    result: Path | Subquery
    padding: Duration | None = None
    using: tuple[Path, ...] = ()
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class BlockItem:
    """A block of OF: its kind, its alias, and its predicate, or the points of a location."""

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
    """One limit of WITHIN, for a pair of blocks or for all (`pair` is None). `limit` is None for ANY."""

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
    """The VIA clause. Empty parentheses are AuroraX's `none`."""

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

    keys: tuple[Value, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Having:
    """The HAVING clause."""

    expression: Expression
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class OrderItem:
    """One key of ORDER BY."""

    value: Value
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class OrderBy:
    """The ORDER BY clause."""

    keys: tuple[OrderItem, ...]
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Limit:
    """The LIMIT clause, with its OFFSET."""

    count: NumberLiteral | Parameter
    offset: NumberLiteral | Parameter | None = None
    origin: Origin = field(default=None, compare=False)


Clause = Select | Where | Window | Overlap | Of | Within | Via | Precision | GroupBy | Having | OrderBy | Limit


@dataclass(frozen=True, slots=True)
class FindStatement:
    """A FIND statement: its kind of record or the name of a result, and its clauses in order."""

    kind: str
    clauses: tuple[Clause, ...] = ()
    distinct: bool = False
    origin: Origin = field(default=None, compare=False)
    notes: tuple[Diagnostic, ...] = field(default=(), compare=False)
    """Warnings about parts that were ignored while reading."""


@dataclass(frozen=True, slots=True)
class ExplainStatement:
    """EXPLAIN or DESCRIBE before a FIND."""

    verb: Literal["explain", "describe"]
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LetStatement:
    """LET: keeps the result of a FIND under a name."""

    name: str
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SubmitStatement:
    """SUBMIT: starts a FIND in the background. `name` is empty when the statement gives none."""

    name: str
    find: FindStatement
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class JobStatement:
    """FETCH or CANCEL of a search, by its name or its request ID.

    With a request ID, `name` is the name under which FETCH keeps the result, if any.
    """

    verb: Literal["fetch", "cancel"]
    name: str
    request_id: str = ""
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class LikePattern:
    """LIKE after SHOW, which filters the listed names."""

    operand: TextLiteral | Parameter
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ShowTarget:
    """The target of SHOW: `OF kind`, `OF key` or `FOR name`."""

    word: Literal["of", "for"]
    name: str
    origin: Origin = field(default=None, compare=False)


ShowClause = Clause | LikePattern | ShowTarget


@dataclass(frozen=True, slots=True)
class ShowStatement:
    """SHOW: a listing as a table. `refresh` asks the archive again instead of using the cache."""

    what: str
    clauses: tuple[ShowClause, ...] = ()
    refresh: bool = False
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SetStatement:
    """SET: a setting of the session. `value` is None for DEFAULT."""

    name: str
    value: Operand | Duration | None
    origin: Origin = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class SqlStatement:
    """SQL over the kept results, as written."""

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
    """Return the FIND in a statement, or None when it does not contain one."""
    if isinstance(statement, FindStatement):
        return statement
    return statement.find if isinstance(statement, ExplainStatement | LetStatement | SubmitStatement) else None


def get_clauses(statement: Statement) -> tuple[ShowClause, ...]:
    """Return the clauses of a statement, in the order written."""
    holder = get_find(statement) or statement
    return holder.clauses if isinstance(holder, FindStatement | ShowStatement) else ()


def uses_results(find: FindStatement) -> bool:
    """Return whether a FIND may refer to a result: it searches one, or takes values or times from one."""
    return find.kind not in KINDS or any(map(clause_uses_results, find.clauses))


def clause_uses_results(clause: Clause) -> bool:
    """Return whether a clause may refer to a result."""
    if isinstance(clause, Overlap):
        return True
    return any(
        is_list_of_values(leaf) or _is_dotted_comparison(leaf)
        for expression in clause_expressions(clause)
        for leaf in find_references(expression)
    )


def _is_dotted_comparison(leaf: ComparisonExpression | ValueComparison) -> bool:
    """Return whether an operand is a dotted path, which may name a column of a result."""
    return any(isinstance(operand, Path) and len(operand.parts) > 1 for operand in leaf.operands)


def is_list_of_values(leaf: ComparisonExpression | ValueComparison) -> bool:
    """Return whether a comparison is `IN name.column` or `IN (FIND …)`. A computed value takes only the latter."""
    lists = Path | Subquery if isinstance(leaf, ComparisonExpression) else Subquery
    return leaf.operator in (Op.IN, Op.NOT_IN) and isinstance(leaf.operands[0], lists)


def clause_expressions(clause: Clause) -> Iterator[Expression]:
    """Yield the predicates of a clause: WHERE, and those of the blocks of OF."""
    match clause:
        case Where(expression):
            yield expression
        case Of(blocks):
            yield from (block.expression for block in blocks if block.expression is not None)
        case _:
            return


def find_references(expression: Expression) -> Iterator[ComparisonExpression | ValueComparison]:
    """Yield the comparisons that have a path or a subquery as an operand."""
    pending = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, ComparisonExpression):
            if any(isinstance(operand, Path | Subquery) for operand in node.operands):
                yield node
        elif isinstance(node, ValueComparison):
            if node.operands and is_list_of_values(node):
                yield node
        elif isinstance(node, NotExpression):
            pending.append(node.term)
        elif isinstance(node, AndExpression | OrExpression):
            pending.extend(node.terms)
