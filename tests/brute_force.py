"""What a Query means, told a second time without SQL: every product is looked at, one by one.

Written from the rules in auroraql/sql/comparison.py and order.py, not from their code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from auroraql.query import And, Comparison, Not, Or, OrderKey, Predicate, Query, Ref
from tests.small_catalogue import SOURCES, Product

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
    """The products a query finds, in its order."""
    found = [p for p in products if in_window(query, p) and truth(query.where, p)]
    found.sort(key=lambda p: (p.start, p.data_source, p.url))
    for key in reversed(query.order_by):
        found = ordered(found, key)
    return found[query.offset :][: query.limit]


def in_window(query: Query, product: Product) -> bool:
    """Whether the product lies fully inside the window."""
    late_enough = query.start is None or product.start >= query.start
    return late_enough and (query.end is None or product.end <= query.end)


def truth(predicate: Predicate, product: Product) -> Truth:
    """True, False, or None for unknown."""
    match predicate:
        case Comparison(ref, name, values):
            return compare(value(product, ref), ref, name, values)
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
    """The value of a field, or of a metadata key; None when it is missing."""
    if ref.role == "metadata":
        return (product.metadata or {}).get(ref.name)
    if ref.role == "source":
        source = next((s for s in SOURCES if s[0] == product.data_source), (product.data_source,) + (None,) * 5)
        return source[SOURCE_NAMES.index(ref.name.removeprefix("data_source."))]
    return getattr(product, ref.name)


def compare(stored: Any, ref: Ref, name: str, values: Sequence[str]) -> Truth:
    """The comparison of a stored value with a query's strings."""
    if stored is None or name.startswith("is"):
        return (stored is None) == (name == "is null") if name.startswith("is") else None
    if name in _OPPOSITE:
        inner = compare(stored, ref, _OPPOSITE[name], values)
        return None if inner is None else not inner
    match name:
        case "like":
            return like(plain(stored), values[0])
        case "between":
            return _all([one(stored, ref, ">=", values[0]), one(stored, ref, "<=", values[1])])
        case _:
            return any(one(stored, ref, "=", v) for v in values) if name == "in" else one(stored, ref, name, values[0])


def one(stored: Any, ref: Ref, sign: str, text: str) -> Truth:
    """One stored value against one string."""
    kind = _type(ref)
    if kind in ("any", "number") and _NUMBER.fullmatch(text):
        left, right = number(stored), float(text)
    elif kind in ("any", "time") and (moment := instant(text)):
        left, right = instant(stored), moment  # type: ignore[assignment]
    elif kind in ("any", "text"):
        left, right = plain(stored), text  # type: ignore[assignment]
    else:
        left = None
    if left is None:
        return False if sign == "=" else None
    return _SIGNS[sign](left, right)


def _type(ref: Ref) -> str:
    if ref.role == "metadata":
        return "any"
    return {"data_source.identifier": "number", "start": "time", "end": "time"}.get(ref.name, "text")


def plain(stored: Any) -> str:
    """The plain text of a value."""
    if isinstance(stored, datetime):
        return stored.strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(stored, bool):
        return str(stored).lower()
    return str(stored)


def number(stored: Any) -> float | None:
    """It as a number; None when it is none."""
    text = plain(stored)
    return float(text) if _NUMBER.fullmatch(text) else None


def instant(stored: Any) -> datetime | None:
    """It as a moment; None when it is none."""
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
    """LIKE: % is anything, _ one character, nothing else is special."""
    wild = {"%": ".*", "_": "."}
    expression = "".join(wild.get(c, re.escape(c)) for c in pattern.lower())
    return re.fullmatch(expression, text.lower(), re.DOTALL) is not None


def ordered(found: list[Product], key: OrderKey) -> list[Product]:
    """Sorted by one key, equals as they were; missing values last, unless asked for first."""
    missing = [p for p in found if value(p, key.ref) is None]
    there = [p for p in found if value(p, key.ref) is not None]
    there.sort(key=lambda p: _rank(value(p, key.ref), key.ref), reverse=key.descending)
    return missing + there if key.nulls_first else there + missing


def _rank(stored: Any, ref: Ref) -> tuple[Any, ...]:
    if _type(ref) != "any":
        return (stored,)
    as_number = number(stored)
    return (1, plain(stored)) if as_number is None else (0, as_number)
