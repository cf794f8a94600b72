"""Callbacks of the parser: one method for each rule of the grammar builds its AST node.

The nodes are built while the parser reduces, so nothing here recurses, however deep the text is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any, cast

from auroraql.diagnostics.errors import Span
from auroraql.ir.times import is_length_in_days, read_duration
from auroraql.language.ast import (
    AndExpression,
    Arithmetic,
    BlockItem,
    BooleanLiteral,
    BooleanTest,
    CaseExpression,
    ComparisonExpression,
    Distance,
    Duration,
    ExplainStatement,
    Expression,
    FindStatement,
    FunctionCall,
    GroupBy,
    Having,
    Instant,
    JobStatement,
    LetStatement,
    LikePattern,
    Limit,
    Negative,
    NotExpression,
    NullLiteral,
    NumberLiteral,
    Of,
    OrderBy,
    OrderItem,
    OrExpression,
    Overlap,
    Parameter,
    Path,
    Precision,
    Select,
    SelectAggregate,
    SelectColumn,
    SelectExpression,
    SelectStar,
    SetStatement,
    ShowStatement,
    ShowTarget,
    SubmitStatement,
    Subquery,
    TextLiteral,
    Timestamp,
    Value,
    ValueComparison,
    Via,
    Where,
    Window,
    Within,
    make_token,
)
from auroraql.schema.functions import PHYSICAL_UNITS, SIMPLE_AGGREGATES
from auroraql.schema.operators import MIRRORED, SPELLINGS, Op

Children = list[Any]
Word = Any
"""A token: a string with its terminal (`type`) and its offsets (`start_pos`, `end_pos`)."""


def unquote(text: str) -> str:
    """Return the value of a quoted string or a name in backticks. Typographic quotes cannot be doubled."""
    mark, inner = text[0], text[1:-1]
    return inner.replace(mark * 2, mark) if mark in "'\"`" else inner


def _operator(c: Children) -> Op:
    """Return the operator whose words follow the path of a comparison."""
    return SPELLINGS[" ".join(takewhile(lambda part: isinstance(part, str), c[1:])).lower()]


def _span(first: Any, last: Any) -> Span:
    """Return the span from the first part to the last. Parts are tokens or nodes."""
    start = first.origin.start if hasattr(first, "origin") else first.start_pos
    end = last.origin.end if hasattr(last, "origin") else last.end_pos
    return Span(start, end)


def _span_of_token(token: Word) -> Span:
    return Span(cast("int", token.start_pos), cast("int", token.end_pos))


class _Label(str):
    """An alias, with a type of its own to distinguish it from the other children of a column."""

    __slots__ = ("origin",)
    origin: Span


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two block names joined by a sign."""

    names: tuple[str, str]
    origin: Span


@dataclass(frozen=True, slots=True)
class _UsingFields:
    """The fields in the parentheses of USING."""

    paths: tuple[Path, ...]
    origin: Span


class _Escape(str):
    """The character of ESCAPE."""

    __slots__ = ()


class _Members(tuple[Any, ...]):
    """The selected members of a column."""

    __slots__ = ()


def _take_label(c: Children) -> tuple[str, Children]:
    """Split an alias off the front of the children. Return it, or an empty string, and the rest."""
    return (c[0], c[1:]) if c and isinstance(c[0], _Label) else ("", c)


_PLAIN = (TextLiteral, NumberLiteral, BooleanLiteral, Instant, Parameter)
"""The operands that a field is compared with directly."""


def _as_condition(value: Value) -> Expression:
    """Return a predicate as it is, and any other value as a test of its truth."""
    return value if isinstance(value, Expression) else BooleanTest(value, value.origin)


def _compare(
    left: Value, operator: Op, operands: tuple[Value, ...], span: Span, escape: str = ""
) -> ComparisonExpression | ValueComparison:
    """Return a comparison. A field on the right of a literal moves to the left, with the mirrored operator."""
    mirrored = MIRRORED.get(operator)
    if mirrored is not None and isinstance(left, _PLAIN) and isinstance(operands[0], Path):
        return ComparisonExpression(operands[0], mirrored, (left,), span)
    if isinstance(left, Path) and not escape:
        plain = [operand for operand in operands if isinstance(operand, (*_PLAIN, Path, Subquery))]
        if len(plain) == len(operands):
            return ComparisonExpression(left, operator, tuple(plain), span)
    return ValueComparison(left, operator, operands, escape, span)


def _compare_with_missing(left: Value, right: Value, span: Span, *, equal: bool) -> Expression:
    """Return a comparison that treats a missing value as a value of its own, so that it is never unknown."""
    compared = _compare(left, Op.EQ if equal else Op.NE, (right,), span)
    left_missing, left_present = _compare(left, Op.IS_NULL, (), span), _compare(left, Op.IS_NOT_NULL, (), span)
    if isinstance(right, _PLAIN):
        return AndExpression((compared, left_present), span) if equal else OrExpression((compared, left_missing), span)
    right_missing, right_present = _compare(right, Op.IS_NULL, (), span), _compare(right, Op.IS_NOT_NULL, (), span)
    both_present = AndExpression((compared, left_present, right_present), span)
    if equal:
        return OrExpression((both_present, AndExpression((left_missing, right_missing), span)), span)
    only_left = AndExpression((left_present, right_missing), span)
    only_right = AndExpression((left_missing, right_present), span)
    return OrExpression((both_present, only_left, only_right), span)


def _shift_of(sign: Word, value: Value) -> Duration | None:
    """Return the shift of a time by a signed duration, or None when the value is not a duration."""
    match value:
        case NumberLiteral(text, unit) if unit and unit not in PHYSICAL_UNITS:
            return Duration(text, unit, _span(sign, value), sign == "-")
        case Duration(count, unit):
            return Duration(count, unit, _span(sign, value), sign == "-")
        case _:
            return None


def _simple_aggregate(value: Value) -> FunctionCall | None:
    """Return a call of an aggregate function with one path, or of `count(*)`."""
    if not isinstance(value, FunctionCall) or value.distinct or value.name not in SIMPLE_AGGREGATES:
        return None
    is_simple = value.star or (len(value.arguments) == 1 and isinstance(value.arguments[0], Path))
    return value if is_simple else None


def _only_path(call: FunctionCall) -> Path | None:
    return None if call.star else cast("Path", call.arguments[0])


class AstBuilder:
    """One method for each rule, named as in the grammar. The children are in the order written."""

    # --- statements

    def report(self, c: Children) -> ExplainStatement:
        return ExplainStatement("explain" if c[0].type == "EXPLAIN" else "describe", c[1], _span(c[0], c[1]))

    def let(self, c: Children) -> LetStatement:
        return LetStatement(c[1].dotted, c[3], _span(c[0], c[1]))

    def submit(self, c: Children) -> SubmitStatement:
        return SubmitStatement(c[1].dotted if len(c) == 4 else "", c[-1], _span(c[0], c[-2]))

    def follow(self, c: Children) -> JobStatement:
        name = c[1].dotted if isinstance(c[1], Path) else ""
        request_id = c[-1].value if isinstance(c[-1], TextLiteral) else ""
        return JobStatement("fetch" if c[0].type == "FETCH" else "cancel", name, request_id, _span(c[0], c[-1]))

    def show(self, c: Children) -> ShowStatement:
        refresh = len(c) > 2 and isinstance(c[2], str)
        return ShowStatement(str(c[1]).lower(), tuple(c[2 + refresh :]), refresh, _span(c[0], c[1 + refresh]))

    def set(self, c: Children) -> SetStatement:
        return SetStatement(c[1].dotted, c[3], _span(c[0], c[1]))

    def target(self, c: Children) -> ShowTarget:
        name = (
            c[1].value
            if isinstance(c[1], TextLiteral)
            else c[1].dotted
            if isinstance(c[1], Path)
            else str(c[1]).lower()
        )
        return ShowTarget("of" if c[0].type == "OF" else "for", name, _span(c[0], c[1]))

    def pattern(self, c: Children) -> LikePattern:
        return LikePattern(c[1], _span(c[0], c[1]))

    def default(self, _: Children) -> None:
        return None

    def result(self, c: Children) -> Path:
        return cast("Path", c[0])

    setting = trace = block_name = result

    def listing(self, c: Children) -> Word:
        return cast("Word", c[0])

    def find(self, c: Children) -> FindStatement:
        distinct = getattr(c[1], "type", "") == "DISTINCT"
        kind, *clauses = c[2:] if distinct else c[1:]
        name = kind.dotted if isinstance(kind, Path) else str(kind).lower()
        return FindStatement(name, tuple(clauses), distinct, _span(c[0], kind))

    def kind(self, c: Children) -> Word:
        return cast("Word", c[0])

    # --- conjunctions

    def blocks(self, c: Children) -> Of:
        return Of(tuple(c[1:]), _span_of_token(c[0]))

    def block_kind(self, c: Children) -> Word:
        return cast("Word", c[0])

    def criteria(self, c: Children) -> BlockItem:
        label, rest = _take_label(c[1:])
        where = _as_condition(rest[0]) if rest else None
        return BlockItem(str(c[0]).lower(), label, where, (), _span_of_token(c[0]))

    def location(self, c: Children) -> BlockItem:
        label, rest = _take_label(c[1:])
        points = tuple(rest) if isinstance(rest[0], tuple) else (tuple(rest),)
        return BlockItem("location", label, None, points, _span_of_token(c[0]))

    def point(self, c: Children) -> tuple[Any, ...]:
        return tuple(c)

    def within(self, c: Children) -> Within:
        return Within(tuple(c[1:]), _span_of_token(c[0]))

    def distance(self, c: Children) -> Distance:
        pair, limit = c if len(c) == 2 else (None, c[0])
        if isinstance(limit, NumberLiteral | Parameter):
            return Distance(pair and pair.names, limit, limit.origin if pair is None else pair.origin)
        return Distance(pair and pair.names, None, _span_of_token(limit) if pair is None else pair.origin)

    def any(self, c: Children) -> Word:
        return cast("Word", c[0])

    def pair(self, c: Children) -> _Pair:
        return _Pair((c[0].dotted, c[2].dotted), _span(c[0], c[2]))

    def via(self, c: Children) -> Via:
        return Via(tuple(c[1:]), _span_of_token(c[0]))

    def precision(self, c: Children) -> Precision:
        return Precision(c[1], _span(c[0], c[1]))

    # --- clauses

    def select(self, c: Children) -> Select:
        return Select(tuple(c[1:]), _span_of_token(c[0]))

    def column(self, c: Children) -> SelectColumn:
        members = next((tuple(x) for x in c if isinstance(x, _Members)), ())
        label = next((x for x in c if isinstance(x, _Label)), None)
        return SelectColumn(c[0], members, str(label or ""), c[0].origin)

    def label(self, c: Children) -> _Label:
        label = _Label(c[1].parts[0])
        label.origin = c[1].origin
        return label

    def selection(self, c: Children) -> _Members:
        return _Members(c)

    def star(self, c: Children) -> SelectStar:
        return SelectStar(c[1] if len(c) > 1 else (), _span_of_token(c[0]))

    def exclusion(self, c: Children) -> tuple[Path, ...]:
        return tuple(c[1:])

    def item(self, c: Children) -> SelectColumn | SelectAggregate | SelectExpression:
        value, alias = c[0], str(c[1]) if len(c) > 1 else ""
        if isinstance(value, Path):
            return SelectColumn(value, (), alias, value.origin)
        aggregate = _simple_aggregate(value)
        if aggregate is not None:
            return SelectAggregate(aggregate.name, _only_path(aggregate), alias, aggregate.name_origin)
        return SelectExpression(value, alias, value.origin)

    def function(self, c: Children) -> Word:
        return cast("Word", c[0])

    def all(self, _: Children) -> None:
        return None

    def where(self, c: Children) -> Where:
        return Where(_as_condition(c[1]), _span_of_token(c[0]))

    def having(self, c: Children) -> Having:
        return Having(_as_condition(c[1]), _span_of_token(c[0]))

    def group_by(self, c: Children) -> GroupBy:
        return GroupBy(tuple(c[2:]), _span_of_token(c[0]))

    def order(self, c: Children) -> OrderBy:
        return OrderBy(tuple(c[2:]), _span_of_token(c[0]))

    def order_key(self, c: Children) -> OrderItem:
        words = [str(x).lower() for x in c[1:]]
        return OrderItem(c[0], "desc" in words, "first" in words)

    def direction(self, c: Children) -> str:
        return str(c[0])

    def nulls(self, c: Children) -> str:
        return str(c[1])

    def limit(self, c: Children) -> Limit:
        return Limit(c[1], c[2] if len(c) > 2 else None, _span_of_token(c[0]))

    def offset(self, c: Children) -> NumberLiteral | Parameter:
        return cast("NumberLiteral | Parameter", c[1])

    # --- time

    def between_window(self, c: Children) -> Window:
        return Window("between", (c[1], c[3]), origin=_span(c[0], c[3]))

    def on_window(self, c: Children) -> Window:
        return Window("on", (c[1],), origin=_span(c[0], c[1]))

    def during_window(self, c: Children) -> Window:
        return Window("during", (c[1],), origin=_span(c[0], c[1]))

    def since_window(self, c: Children) -> Window:
        return Window("since", (c[1],), origin=_span(c[0], c[1]))

    def until_window(self, c: Children) -> Window:
        return Window("until", (c[1],), origin=_span(c[0], c[1]))

    def last_window(self, c: Children) -> Window:
        return Window("last", tuple(c[3:]), c[1], _span(c[0], c[-1]))

    def during_result(self, c: Children) -> Overlap:
        padding = next((child for child in c[2:] if isinstance(child, Duration)), None)
        using = next((child.paths for child in c[2:] if isinstance(child, _UsingFields)), ())
        return Overlap(c[1], padding, using, _span(c[0], c[-1]))

    def period_window(self, c: Children) -> Window:
        period = self.instant([self.now(c)])
        return Window("during", (period,), origin=period.origin)

    def padding(self, c: Children) -> Duration:
        return cast("Duration", c[-1])

    def using(self, c: Children) -> _UsingFields:
        return _UsingFields(tuple(c[1:]), _span(c[0], c[-1]))

    def overlapping_window(self, c: Children) -> Window:
        return Window("overlapping", tuple(c[1::2]), origin=_span(c[0], c[-1]))

    def subquery(self, c: Children) -> Subquery:
        return Subquery(c[0], c[0].origin)

    def year(self, c: Children) -> Timestamp:
        return Timestamp(str(c[0]), _span_of_token(c[0]))

    def instant(self, c: Children) -> Instant:
        return Instant(c[0], tuple(c[1:]), _span(c[0], c[-1]))

    def timestamp(self, c: Children) -> Timestamp:
        return Timestamp(str(c[0]), _span_of_token(c[0]))

    def now(self, c: Children) -> Timestamp:
        return Timestamp(" ".join(str(c[0]).upper().removeprefix("THE").split()), _span_of_token(c[0]))

    def ago(self, c: Children) -> Instant:
        """Build `5 days ago`, which is a day, and `2 hours ago`, which is an instant."""
        length, word = c
        base = "TODAY" if is_length_in_days(length.unit) else "NOW"
        shift = Duration(length.count, length.unit, length.origin, True)
        return Instant(Timestamp(base, length.origin), (shift,), _span(length, word))

    def shift(self, c: Children) -> Duration:
        sign, length = c
        return Duration(length.count, length.unit, _span(sign, length), sign == "-")

    def duration(self, c: Children) -> Duration:
        if len(c) == 1:
            return Duration(*read_duration(c[0]), _span_of_token(c[0]))
        count = Parameter(c[0][1:], _span_of_token(c[0])) if c[0].type == "PARAM" else str(c[0])
        return Duration(count, str(c[1]).lower(), _span(c[0], c[1]))

    def nights(self, c: Children) -> Duration:
        return self.duration([c[0], make_token("days", "TIME_UNIT", c[1].start_pos)])

    def compound(self, c: Children) -> NumberLiteral:
        return NumberLiteral(*read_duration(c[0]), _span_of_token(c[0]))

    # --- predicates

    def any_of(self, c: Children) -> OrExpression:
        return OrExpression(tuple(map(_as_condition, c[::2])), _span(c[0], c[-1]))

    def all_of(self, c: Children) -> AndExpression:
        return AndExpression(tuple(map(_as_condition, c[::2])), _span(c[0], c[-1]))

    def negation(self, c: Children) -> NotExpression:
        return NotExpression(_as_condition(c[1]), _span(c[0], c[1]))

    def comparison(self, c: Children) -> ComparisonExpression | ValueComparison:
        escape = c.pop() if isinstance(c[-1], _Escape) else ""
        return _compare(c[0], _operator(c), (c[-1],), _span(c[0], c[-1]), str(escape))

    def escape(self, c: Children) -> _Escape:
        return _Escape(c[1].value)

    def membership(self, c: Children) -> ComparisonExpression | ValueComparison:
        values = c[-1]
        operands: tuple[Value, ...] = tuple(values) if isinstance(values, list) else (values,)
        if isinstance(values, list) and len(values) == 1 and isinstance(values[0], Path):
            operator = Op.EQ if _operator(c) is Op.IN else Op.NE
            return _compare(c[0], operator, operands, _span(c[0], operands[-1]))
        return _compare(c[0], _operator(c), operands, _span(c[0], operands[-1]))

    def value_list(self, c: Children) -> Children:
        """Return the values of a list. A single field in parentheses is not the name of a list."""
        return c

    def range(self, c: Children) -> ComparisonExpression | ValueComparison:
        return _compare(c[0], _operator(c), (c[-3], c[-1]), _span(c[0], c[-1]))

    def missing(self, c: Children) -> ComparisonExpression | ValueComparison:
        return _compare(c[0], _operator(c), (), _span(c[0], c[-1]))

    def distinctness(self, c: Children) -> Expression:
        """`IS [NOT] DISTINCT FROM value` and `IS [NOT] TRUE`: comparisons that are never unknown."""
        negated = getattr(c[2], "type", "") == "NOT"
        is_truth = getattr(c[-2], "type", "") != "FROM"
        return _compare_with_missing(c[0], c[-1], _span(c[0], c[-1]), equal=negated is not is_truth)

    # --- values

    def arithmetic(self, c: Children) -> Value:
        """Build a sum or a product. A time with durations after it is an instant."""
        value, rest = c[0], c[1:]
        while rest and rest[0].type == "SIGN" and isinstance(value, Instant | TextLiteral | Parameter):
            shift = _shift_of(rest[0], rest[1])
            if shift is None:
                break
            base, shifts = (value.base, value.shifts) if isinstance(value, Instant) else (value, ())
            value, rest = Instant(base, (*shifts, shift), _span(value, rest[1])), rest[2:]
        if not rest:
            return cast("Value", value)
        return Arithmetic((value, *rest[1::2]), tuple(map(str, rest[::2])), _span(c[0], c[-1]))  # type: ignore[arg-type]

    def signed(self, c: Children) -> Value:
        sign, value = c
        if isinstance(value, NumberLiteral) and value.text[0] not in "+-":
            return NumberLiteral(value.text if sign == "+" else f"-{value.text}", value.unit, _span(sign, value))
        return cast("Value", value) if sign == "+" else Negative(value, _span(sign, value))

    def call(self, c: Children) -> FunctionCall:
        name, inside, span = c[0], c[2:-1], _span(c[0], c[-1])
        where = _span_of_token(name)
        match inside:
            case []:
                return FunctionCall(name.lower(), (), origin=span, name_origin=where)
            case [None]:
                return FunctionCall(name.lower(), (), star=True, origin=span, name_origin=where)
            case [list() as arguments]:
                return FunctionCall(name.lower(), tuple(arguments), origin=span, name_origin=where)
            case _:
                return FunctionCall(name.lower(), (inside[-1],), distinct=True, origin=span, name_origin=where)

    def arguments(self, c: Children) -> Children:
        return c

    def case(self, c: Children) -> CaseExpression:
        subject, at = (None, 1) if getattr(c[1], "type", "") == "WHEN" else (c[1], 2)
        branches = []
        while c[at].type == "WHEN":
            condition = c[at + 1] if subject is not None else _as_condition(c[at + 1])
            branches.append((condition, c[at + 3]))
            at += 4
        otherwise = c[at + 1] if c[at].type == "ELSE" else None
        return CaseExpression(tuple(branches), subject, otherwise, _span(c[0], c[-1]))

    def moment(self, c: Children) -> Instant:
        return Instant(c[0], tuple(c[1:]), _span(c[0], c[-1]))

    def quantity(self, c: Children) -> NumberLiteral:
        signed = c[0].type == "SIGN"
        sign = "-" if signed and c[0] == "-" else ""
        unit = str(c[-1]).lower() if c[-1].type in ("UNIT", "TIME_UNIT", "PERCENT") else ""
        return NumberLiteral(sign + c[signed], unit, _span(c[0], c[-1]))

    def number(self, c: Children) -> NumberLiteral:
        return NumberLiteral(str(c[0]), "", _span_of_token(c[0]))

    def null(self, c: Children) -> NullLiteral:
        return NullLiteral(_span_of_token(c[0]))

    def truth(self, c: Children) -> BooleanLiteral:
        return BooleanLiteral(c[0].type == "TRUE", _span_of_token(c[0]))

    def string(self, c: Children) -> TextLiteral:
        return TextLiteral(unquote(c[0]), _span_of_token(c[0]))

    def param(self, c: Children) -> Parameter:
        return Parameter(c[0][1:], _span_of_token(c[0]))

    def path(self, c: Children) -> Path:
        if len(c) == 1:
            return cast("Path", c[0])
        return Path(tuple(p.parts[0] for p in c), _span(c[0], c[-1]))

    def plain_name(self, c: Children) -> Path:
        return Path((str(c[0]),), _span_of_token(c[0]))

    def quoted_name(self, c: Children) -> Path:
        return Path((unquote(c[0]),), _span_of_token(c[0]))
