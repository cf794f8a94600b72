"""Callbacks of the parser: one method for each rule of the grammar builds its AST node.

The nodes are built while the parser reduces, so nothing here recurses, however deep the text is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any, cast

from auroraql.diagnostics.errors import Span
from auroraql.language.ast import (
    AndExpression,
    BlockItem,
    BooleanLiteral,
    ComparisonExpression,
    Distance,
    Duration,
    ExplainStatement,
    Expression,
    FindStatement,
    GroupBy,
    Instant,
    JobStatement,
    LetStatement,
    LikePattern,
    Limit,
    NotExpression,
    NumberLiteral,
    Of,
    Operand,
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
    SelectStar,
    SetStatement,
    ShowStatement,
    ShowTarget,
    SubmitStatement,
    Subquery,
    TextLiteral,
    Timestamp,
    Via,
    Where,
    Window,
    Within,
)
from auroraql.schema.operators import SPELLINGS, Op

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


class _Members(tuple[Any, ...]):
    """The selected members of a column."""

    __slots__ = ()


def _take_label(c: Children) -> tuple[str, Children]:
    """Split an alias off the front of the children. Return it, or an empty string, and the rest."""
    return (c[0], c[1:]) if c and isinstance(c[0], _Label) else ("", c)


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
        return BlockItem(str(c[0]).lower(), label, rest[0] if rest else None, (), _span_of_token(c[0]))

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

    def aggregate(self, c: Children) -> SelectAggregate:
        label = c[2] if len(c) > 2 else ""
        return SelectAggregate(c[0].lower(), c[1], str(label), _span_of_token(c[0]))

    def function(self, c: Children) -> Word:
        return cast("Word", c[0])

    def all(self, _: Children) -> None:
        return None

    def where(self, c: Children) -> Where:
        return Where(c[1], _span_of_token(c[0]))

    def group(self, c: Children) -> GroupBy:
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
        return Timestamp(str(c[0]).upper(), _span_of_token(c[0]))

    def shift(self, c: Children) -> Duration:
        sign, length = c
        return Duration(length.count, length.unit, _span(sign, length), sign == "-")

    def duration(self, c: Children) -> Duration:
        count = Parameter(c[0][1:], _span_of_token(c[0])) if c[0].type == "PARAM" else str(c[0])
        return Duration(count, str(c[1]).lower(), _span(c[0], c[1]))

    # --- predicates

    def any_of(self, c: Children) -> OrExpression:
        return OrExpression(tuple(c[::2]), _span(c[0], c[-1]))

    def all_of(self, c: Children) -> AndExpression:
        return AndExpression(tuple(c[::2]), _span(c[0], c[-1]))

    def negation(self, c: Children) -> NotExpression:
        return NotExpression(cast("Expression", c[1]), _span(c[0], c[1]))

    def comparison(self, c: Children) -> ComparisonExpression:
        return ComparisonExpression(c[0], _operator(c), (c[-1],), _span(c[0], c[-1]))

    def membership(self, c: Children) -> ComparisonExpression:
        values = c[-1]
        operands: tuple[Operand, ...] = tuple(values) if isinstance(values, list) else (values,)
        return ComparisonExpression(c[0], _operator(c), operands, _span(c[0], operands[-1]))

    def value_list(self, c: Children) -> Children:
        return c

    def range(self, c: Children) -> ComparisonExpression:
        return ComparisonExpression(c[0], _operator(c), (c[-3], c[-1]), _span(c[0], c[-1]))

    def missing(self, c: Children) -> ComparisonExpression:
        return ComparisonExpression(c[0], _operator(c), (), _span(c[0], c[-1]))

    def moment(self, c: Children) -> Instant:
        return Instant(c[0], tuple(c[1:]), _span(c[0], c[-1]))

    def quantity(self, c: Children) -> NumberLiteral:
        signed = c[0].type == "SIGN"
        sign = "-" if signed and c[0] == "-" else ""
        unit = str(c[-1]).lower() if c[-1].type in ("UNIT", "TIME_UNIT") else ""
        return NumberLiteral(sign + c[signed], unit, _span(c[0], c[-1]))

    def number(self, c: Children) -> NumberLiteral:
        return NumberLiteral(str(c[0]), "", _span_of_token(c[0]))

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
