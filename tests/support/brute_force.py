"""An independent evaluation of queries without SQL: every product is examined, one by one.

Written from the rules in auroraql/sql/clauses.py and groups.py, not from their code.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from auroraql.ir.query import (
    And,
    Column,
    Comparison,
    Condition,
    FieldComparison,
    Not,
    Or,
    OrderKey,
    Predicate,
    Query,
    Ref,
)
from tests.support.small_catalogue import SOURCES, Product

SOURCE_NAMES = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?Z?)?", re.ASCII)
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_OPPOSITE = {"!=": "=", "not in": "in", "not like": "like", "not between": "between"}

Truth = bool | None


def answer(query: Query, products: Iterable[Product]) -> list[Product]:
    """Return the products that a query finds, in its order."""
    records = matching_products(query, products)
    for key in reversed(query.order_by):
        records = sort_products(records, key)
    return records[query.offset :][: query.limit]


def matching_products(query: Query, products: Iterable[Product]) -> list[Product]:
    """Return the products that fulfil a query's conditions, in the archive's order."""
    matching = [p for p in products if in_window(query, p) and overlaps(query, p) and truth(query.where, p)]
    return sorted(matching, key=lambda p: (p.start, p.data_source, p.url))


def overlaps(query: Query, product: Product) -> bool:
    """Return whether the product overlaps an interval.

    With USING the interval belongs to a group with the product's values.
    """
    if query.during is None:
        return True
    if query.using is None:
        return any(_overlaps(product, *interval) for interval in query.during)
    return any(
        all(
            compare(value(product, ref), ref, "=", [text])
            for ref, text in zip(query.using.refs, group.values, strict=True)
        )
        and any(_overlaps(product, *interval) for interval in group.intervals)
        for group in query.using.groups
    )


def _overlaps(product: Product, first: datetime, last: datetime) -> bool:
    """Return whether product and interval overlap.

    The product must also lie in the interval's days or the days next to them.
    """
    begin = datetime.combine(first - timedelta(days=1), datetime.min.time())
    past = datetime.combine(last + timedelta(days=2), datetime.min.time())
    return product.start <= last and product.end >= first and begin <= product.start and product.end < past


def in_window(query: Query, product: Product) -> bool:
    """Return whether the product lies completely inside the window."""
    late_enough = query.start is None or product.start >= query.start
    return late_enough and (query.end is None or product.end <= query.end)


def truth(predicate: Predicate, product: Product) -> Truth:
    """Return True, False, or None for unknown."""
    match predicate:
        case Comparison(ref, name, values):
            return compare(value(product, ref), ref, name, values)
        case FieldComparison(ref, name, other):
            return compare_fields(value(product, ref), ref, name, value(product, other), other)
        case Condition():
            raise AssertionError("this oracle has no computed values")
        case Not(term):
            inner = truth(term, product)
            return None if inner is None else not inner
        case And(terms):
            return _all([truth(t, product) for t in terms])
        case Or(terms):
            flipped = _all([None if (inner := truth(t, product)) is None else not inner for t in terms])
            return None if flipped is None else not flipped


def _all(truths: list[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def value(product: Product, ref: Ref) -> Any:
    """Return the value of a field or metadata key, or None when it is missing."""
    if ref.role == "metadata":
        return (product.metadata or {}).get(ref.name)
    if ref.role == "source":
        source = next((s for s in SOURCES if s[0] == product.data_source), (product.data_source,) + (None,) * 5)
        return source[SOURCE_NAMES.index(ref.name.removeprefix("data_source."))]
    return getattr(product, ref.name)


def compare(stored: Any, ref: Ref, name: str, values: Sequence[str]) -> Truth:
    """Compare a stored value with a query's strings."""
    if stored is None or name.startswith("is"):
        return (stored is None) == (name == "is null") if name.startswith("is") else None
    if name in _OPPOSITE:
        inner = compare(stored, ref, _OPPOSITE[name], values)
        return None if inner is None else not inner
    match name:
        case "like":
            return like(plain(stored), values[0])
        case "between":
            return _all([compare_one(stored, ref, ">=", values[0]), compare_one(stored, ref, "<=", values[1])])
        case _:
            return (
                any(compare_one(stored, ref, "=", v) for v in values)
                if name == "in"
                else compare_one(stored, ref, name, values[0])
            )


def compare_one(stored: Any, ref: Ref, sign: str, text: str) -> Truth:
    """Compare one stored value with one string."""
    kind = kind_of(ref)
    if kind in ("any", "number") and _NUMBER.fullmatch(text):
        left, right = number(stored), number(text)
    elif kind in ("any", "time") and (moment := instant(text)):
        left, right = instant(stored), moment  # type: ignore[assignment]
    elif kind in ("any", "text"):
        left, right = plain(stored), text  # type: ignore[assignment]
    else:
        left = None
    if left is None:
        return False if sign == "=" else None
    return _SIGNS[sign](left, right)


def compare_fields(left: Any, ref: Ref, name: str, right: Any, other: Ref) -> Truth:
    """Compare two stored values."""
    if left is None or right is None:
        return None
    if name == "!=":
        return not compare_fields(left, ref, "=", right, other)
    kinds = {kind_of(ref), kind_of(other)} - {"any"}
    readings: dict[str, Callable[[Any], Any]] = {"number": number, "time": instant, "text": plain}
    for kind in kinds or readings:
        reading = readings[kind]
        first, second = reading(left), reading(right)
        if first is not None and second is not None:
            return _SIGNS[name](first, second)
        if kinds:
            return False if name == "=" else None
    raise AssertionError("everything has a text")


def kind_of(ref: Ref) -> str:
    """Return the type that a field's values compare as: number, time, text, or any."""
    if ref.role == "metadata":
        return "any"
    return {"data_source.identifier": "number", "start": "time", "end": "time"}.get(ref.name, "text")


def plain(stored: Any) -> str:
    """Return the plain text of a value."""
    if isinstance(stored, datetime):
        return stored.strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(stored, bool):
        return str(stored).lower()
    return str(stored)


def number(stored: Any) -> int | float | None:
    """Return a value as a number, an integer exactly, or None when it is not one. Sums convert it to a double."""
    text = plain(stored)
    if not _NUMBER.fullmatch(text):
        return None
    value = Decimal(text)
    whole = abs(value) < 10**38 and value == value.to_integral_value()
    return int(value) if whole else float(text)


def instant(stored: Any) -> datetime | None:
    """Return a value as an instant, or None when it is not one."""
    if isinstance(stored, datetime):
        return stored
    text = plain(stored)
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def like(text: str, pattern: str) -> bool:
    """Match a LIKE pattern: % is any text, _ one character, and nothing else is special."""
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(c, re.escape(c)) for c in pattern.lower())
    return re.fullmatch(expression, text.lower(), re.DOTALL) is not None


def sort_products(products: list[Product], key: OrderKey) -> list[Product]:
    """Sort by one key, stably. Missing values come last unless NULLS FIRST is given."""
    missing = [p for p in products if value(p, key.ref) is None]
    there = [p for p in products if value(p, key.ref) is not None]
    there.sort(key=lambda p: _rank(value(p, key.ref), key.ref), reverse=key.descending)
    return missing + there if key.nulls_first else there + missing


def _rank(stored: Any, ref: Ref) -> tuple[Any, ...]:
    if kind_of(ref) != "any":
        return (stored,)
    as_number = number(stored)
    return (1, plain(stored)) if as_number is None else (0, as_number)


def rows(query: Query, products: Iterable[Product]) -> list[tuple[Any, ...]]:
    """Return the rows of a query that groups, or that selects distinct rows."""
    columns = query.select or ()
    grouped = tuple(key for key in query.group_by if isinstance(key, Ref))
    assert len(grouped) == len(query.group_by), "this oracle has no computed values"
    keys = grouped if query.is_aggregate else tuple(c.ref for c in columns if c.ref is not None)
    groups: dict[str, list[Product]] = {}
    for product in matching_products(query, products):
        groups.setdefault(repr([_same(value(product, ref)) for ref in keys]), []).append(product)
    if query.is_aggregate and not keys:
        groups = {"": [p for group in groups.values() for p in group]}
    rows_of_groups = [(group, tuple(_cell(column, group) for column in columns)) for group in groups.values()]
    if query.distinct:
        rows_of_groups = list(
            {repr([_same(cell) for cell in row]): (group, row) for group, row in rows_of_groups}.values()
        )
    ties: list[Any] = list(columns) if query.distinct else [Column(ref) for ref in keys]
    for column in reversed(ties):
        rows_of_groups.sort(key=partial(_tie, column))
    for key in reversed(query.order_by):
        rows_of_groups = _sorted_rows(rows_of_groups, key, columns)
    return [row for _, row in rows_of_groups][query.offset :][: query.limit]


_Row = tuple[list[Product], tuple[Any, ...]]


def _sorted_rows(rows: list[_Row], key: OrderKey, columns: Sequence[Column]) -> list[_Row]:
    column = next((c for c in columns if key.ref.role == "column" and c.label == key.ref.name), Column(key.ref))
    missing = [item for item in rows if _cell(column, item[0]) is None]
    there = [item for item in rows if _cell(column, item[0]) is not None]
    there.sort(key=lambda each: _rank_of(column, _cell(column, each[0])), reverse=key.descending)
    return missing + there if key.nulls_first else there + missing


def _tie(column: Column, row: _Row) -> tuple[Any, ...]:
    cell = _cell(column, row[0])
    return (1,) if cell is None else (0, _rank_of(column, cell), _same(cell))


def _rank_of(column: Column, cell: Any) -> tuple[Any, ...]:
    is_value = column.ref is not None and column.function in ("", "min", "max")
    return _rank(cell, column.ref) if is_value and column.ref is not None else (cell,)


def _same(cell: Any) -> str:
    """Return a key that equal values share."""
    return str(cell) if isinstance(cell, datetime) else json.dumps(cell, ensure_ascii=False, sort_keys=True)


def _cell(column: Column, group: Sequence[Product]) -> Any:
    """Return the value of a column for a group."""
    if column.ref is None:
        return len(group)
    ref = column.ref
    there = [item for p in group if (item := value(p, ref)) is not None]
    match column.function:
        case "":
            return value(group[0], ref)
        case "count":
            return len(there)
        case "min" | "max":
            choose = min if column.function == "min" else max
            return choose(there, key=lambda each: _extreme(each, ref), default=None)
        case function:
            if kind_of(ref) == "number":
                return (sum(there) if function == "sum" else sum(there) / len(there)) if there else None
            numbers = [float(n) for item in there if (n := number(item)) is not None]
            return _compensated_sum(numbers) / (1 if function == "sum" else len(numbers)) if numbers else None


def _extreme(stored: Any, ref: Ref) -> tuple[Any, ...]:
    if kind_of(ref) != "any":
        return (stored,)
    as_number = number(stored)
    return (as_number is None, as_number or 0, plain(stored), _same(stored))


def _compensated_sum(numbers: Iterable[float]) -> float:
    """Return the sum of the values in order, with compensation for rounding (Kahan)."""
    total = lost = 0.0
    for number in sorted(numbers):
        step = number - lost
        new = total + step
        lost, total = (new - total) - step, new
    return total
