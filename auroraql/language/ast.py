"""The AST: frozen nodes, each with its place in the source, and the tokens from which they are built.

Every form (text, JSON, sentence) is parsed into the same nodes. They are not checked against the schema yet: names
may be unknown, and values may have the wrong type. `origin` does not take part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from auroraql.diagnostics.errors import Diagnostic, LocatedValue, Origin
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


class Node(LocatedValue, frozen=True):
    """A node of the AST. Places in the source and notes do not take part in equality."""

    uncompared: ClassVar[frozenset[str]] = frozenset(("origin", "name_origin", "notes"))


class Path(Node, frozen=True):
    """A name, plain or dotted."""

    parts: tuple[str, ...]
    origin: Origin = None

    @property
    def dotted(self) -> str:
        """The name with dots between its parts."""
        return ".".join(self.parts)


class TextLiteral(Node, frozen=True):
    """A quoted string, without its quotes.

    `is_untyped` marks values of forms that write every value as a string (JSON, sentence).
    """

    value: str
    origin: Origin = None
    is_untyped: bool = False


class NumberLiteral(Node, frozen=True):
    """A number as written, with its sign and its unit, if any."""

    text: str
    unit: str = ""
    origin: Origin = None


class NullLiteral(Node, frozen=True):
    """NULL as the result of CASE or the argument of a function."""

    origin: Origin = None


class BooleanLiteral(Node, frozen=True):
    """TRUE or FALSE."""

    value: bool
    origin: Origin = None


class Timestamp(Node, frozen=True):
    """A date or time without quotes as written (a year, month, day or moment), or NOW or TODAY."""

    text: str
    origin: Origin = None


class Parameter(Node, frozen=True):
    """`$name`: a value that is given when the statement is run."""

    name: str
    origin: Origin = None


class Duration(Node, frozen=True):
    """`7 days`. In a shift it has a sign."""

    count: str | Parameter
    unit: str
    origin: Origin = None
    negative: bool = False


class Instant(Node, frozen=True):
    """A point or interval of time, moved by shifts: `TODAY - 1 day`."""

    base: Timestamp | TextLiteral | Parameter
    shifts: tuple[Duration, ...] = ()
    origin: Origin = None


class Subquery(Node, frozen=True):
    """A FIND in parentheses, used as a list of values."""

    find: FindStatement
    origin: Origin = None


Operand = TextLiteral | NumberLiteral | BooleanLiteral | Instant | Duration | Parameter | Path | Subquery


class FunctionCall(Node, frozen=True):
    """`name(arguments)`. `star` marks `count(*)`, and `distinct` marks `count(DISTINCT path)`."""

    name: str
    arguments: tuple[Value, ...] = ()
    distinct: bool = False
    star: bool = False
    origin: Origin = None
    name_origin: Origin = None


ArithmeticSign = Literal["+", "-", "*", "/", "%", "||"]


class Arithmetic(Node, frozen=True):
    """Operands joined by signs of one precedence, computed from left to right: a sum, a product, or joined text."""

    operands: tuple[Value, ...]
    signs: tuple[ArithmeticSign, ...]
    origin: Origin = None


class Negative(Node, frozen=True):
    """A value with a minus before it."""

    operand: Value
    origin: Origin = None


class CaseExpression(Node, frozen=True):
    """CASE: the value of the first branch whose condition is true, or that equals the subject.

    `branches` are pairs of a condition (or a value to compare with the subject) and a value.
    """

    branches: tuple[tuple[Value, Value], ...]
    subject: Value | None = None
    otherwise: Value | None = None
    origin: Origin = None


class ComparisonExpression(Node, frozen=True):
    """A path, an operator, and its operands."""

    path: Path
    operator: Op
    operands: tuple[Operand, ...]
    origin: Origin = None


class ValueComparison(Node, frozen=True):
    """A comparison whose left side is not a path, or whose right side is computed.

    `escape` is the character of LIKE … ESCAPE.
    """

    left: Value
    operator: Op
    operands: tuple[Value, ...]
    escape: str = ""
    origin: Origin = None


class BooleanTest(Node, frozen=True):
    """A value alone as a predicate, such as `WHERE tii_on`."""

    value: Value
    origin: Origin = None


class AndExpression(Node, frozen=True):
    """At least two terms joined by AND."""

    terms: tuple[Expression, ...]
    origin: Origin = None


class OrExpression(Node, frozen=True):
    """At least two terms joined by OR."""

    terms: tuple[Expression, ...]
    origin: Origin = None


class NotExpression(Node, frozen=True):
    """A term negated by NOT."""

    term: Expression
    origin: Origin = None


Expression = ComparisonExpression | ValueComparison | BooleanTest | AndExpression | OrExpression | NotExpression
"""A predicate."""

Value = Operand | NullLiteral | FunctionCall | Arithmetic | Negative | CaseExpression | Expression
"""Anything that has a value. A predicate is TRUE, FALSE or unknown."""


class SelectColumn(Node, frozen=True):
    """A selected path, with its members and its alias, if any."""

    path: Path
    members: tuple[SelectItem, ...] = ()
    alias: str = ""
    origin: Origin = None


class SelectStar(Node, frozen=True):
    """`*`, with the paths of EXCLUDE."""

    exclude: tuple[Path, ...] = ()
    origin: Origin = None


class SelectAggregate(Node, frozen=True):
    """`count(*)`, `max(path)` and so on. `path` is None for `*`."""

    function: str
    path: Path | None
    alias: str = ""
    origin: Origin = None


class SelectExpression(Node, frozen=True):
    """A computed column."""

    value: Value
    alias: str = ""
    origin: Origin = None


SelectItem = SelectColumn | SelectStar | SelectAggregate | SelectExpression


class Select(Node, frozen=True):
    """The SELECT clause."""

    items: tuple[SelectItem, ...]
    origin: Origin = None


class Where(Node, frozen=True):
    """The WHERE clause."""

    expression: Expression
    origin: Origin = None


class Window(Node, frozen=True):
    """A time window: one instant, or two for BETWEEN and OVERLAPPING, and the duration of LAST."""

    form: Literal["between", "on", "during", "since", "until", "last", "overlapping"]
    instants: tuple[Instant, ...]
    duration: Duration | None = None
    origin: Origin = None


class Overlap(Node, frozen=True):
    """DURING with a result: its name, or a FIND in parentheses.

    `padding` extends its intervals at both ends. `using` names the fields in which a record and a row must be equal.
    """

    result: Path | Subquery
    padding: Duration | None = None
    using: tuple[Path, ...] = ()
    origin: Origin = None


class BlockItem(Node, frozen=True):
    """A block of OF: its kind, its alias, and its predicate, or the points of a location."""

    kind: str
    alias: str = ""
    expression: Expression | None = None
    points: tuple[tuple[NumberLiteral | Parameter, NumberLiteral | Parameter], ...] = ()
    origin: Origin = None


class Of(Node, frozen=True):
    """The OF clause."""

    blocks: tuple[BlockItem, ...]
    origin: Origin = None


class Distance(Node, frozen=True):
    """One limit of WITHIN, for a pair of blocks or for all (`pair` is None). `limit` is None for ANY."""

    pair: tuple[str, str] | None
    limit: NumberLiteral | Parameter | None
    origin: Origin = None


class Within(Node, frozen=True):
    """The WITHIN clause."""

    distances: tuple[Distance, ...]
    origin: Origin = None


class Via(Node, frozen=True):
    """The VIA clause. Empty parentheses are AuroraX's `none`."""

    traces: tuple[Path, ...]
    origin: Origin = None


class Precision(Node, frozen=True):
    """The PRECISION clause."""

    duration: Duration
    origin: Origin = None


class GroupBy(Node, frozen=True):
    """The GROUP BY clause."""

    keys: tuple[Value, ...]
    origin: Origin = None


class Having(Node, frozen=True):
    """The HAVING clause."""

    expression: Expression
    origin: Origin = None


class OrderItem(Node, frozen=True):
    """One key of ORDER BY."""

    value: Value
    descending: bool = False
    nulls_first: bool = False


class OrderBy(Node, frozen=True):
    """The ORDER BY clause."""

    keys: tuple[OrderItem, ...]
    origin: Origin = None


class Limit(Node, frozen=True):
    """The LIMIT clause, with its OFFSET."""

    count: NumberLiteral | Parameter
    offset: NumberLiteral | Parameter | None = None
    origin: Origin = None


Clause = Select | Where | Window | Overlap | Of | Within | Via | Precision | GroupBy | Having | OrderBy | Limit


class FindStatement(Node, frozen=True):
    """A FIND statement: its kind of record or the name of a result, and its clauses in order."""

    kind: str
    clauses: tuple[Clause, ...] = ()
    distinct: bool = False
    origin: Origin = None
    notes: tuple[Diagnostic, ...] = ()
    """Warnings about parts that were ignored while reading."""


class ExplainStatement(Node, frozen=True):
    """EXPLAIN or DESCRIBE before a FIND."""

    verb: Literal["explain", "describe"]
    find: FindStatement
    origin: Origin = None


class LetStatement(Node, frozen=True):
    """LET: keeps the result of a FIND under a name."""

    name: str
    find: FindStatement
    origin: Origin = None


class SubmitStatement(Node, frozen=True):
    """SUBMIT: starts a FIND in the background. `name` is empty when the statement gives none."""

    name: str
    find: FindStatement
    origin: Origin = None


class JobStatement(Node, frozen=True):
    """FETCH or CANCEL of a search, by its name or its request ID.

    With a request ID, `name` is the name under which FETCH keeps the result, if any.
    """

    verb: Literal["fetch", "cancel"]
    name: str
    request_id: str = ""
    origin: Origin = None


class LikePattern(Node, frozen=True):
    """LIKE after SHOW, which filters the listed names."""

    operand: TextLiteral | Parameter
    origin: Origin = None


class ShowTarget(Node, frozen=True):
    """The target of SHOW: `OF kind`, `OF key` or `FOR name`."""

    word: Literal["of", "for"]
    name: str
    origin: Origin = None


ShowClause = Clause | LikePattern | ShowTarget


class ShowStatement(Node, frozen=True):
    """SHOW: a listing as a table. `refresh` asks the archive again instead of using the cache."""

    what: str
    clauses: tuple[ShowClause, ...] = ()
    refresh: bool = False
    origin: Origin = None


class SetStatement(Node, frozen=True):
    """SET: a setting of the session. `value` is None for DEFAULT."""

    name: str
    value: Operand | Duration | None
    origin: Origin = None


class SqlStatement(Node, frozen=True):
    """SQL over the kept results, as written."""

    text: str
    origin: Origin = None


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
