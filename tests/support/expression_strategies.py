"""Generated expressions: the text of each, and a Python function that computes its value from a record.

The functions share no code with the product. Missing values are None, and follow the rules of SQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

Record = dict[str, Any]


@dataclass(frozen=True)
class Expression:
    """The text of an expression, and the function that computes it."""

    text: str
    compute: Callable[[Record], Any]


def _lift(function: Callable[..., Any], *arguments: Expression) -> Callable[[Record], Any]:
    """Return a function of a record that is missing when an argument is missing or the result is not finite."""

    def compute(record: Record) -> Any:
        values = [argument.compute(record) for argument in arguments]
        if None in values:
            return None
        try:
            result = function(*values)
        except (ZeroDivisionError, OverflowError, ValueError):
            return None
        return None if isinstance(result, float) and not math.isfinite(result) else result

    return compute


def _field(name: str, *path: str) -> Expression:
    def compute(record: Record) -> Any:
        value: Any = record
        for part in path:
            value = (value or {}).get(part)
        return None if value == "" else value

    return Expression(name, compute)


def _time_field(name: str) -> Expression:
    return Expression(name, lambda record: datetime.fromisoformat(record[name]))


def _constant(text: str, value: Any) -> Expression:
    return Expression(text, lambda _: value)


def _call(name: str, function: Callable[..., Any], *arguments: Expression) -> Expression:
    return Expression(f"{name}({', '.join(a.text for a in arguments)})", _lift(function, *arguments))


def _binary(sign: str, function: Callable[[Any, Any], Any], left: Expression, right: Expression) -> Expression:
    # After a number, % is the unit percent.
    shown = f"({left.text})" if sign == "%" else left.text
    return Expression(f"({shown} {sign} {right.text})", _lift(function, left, right))


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _round(number: float, digits: int) -> float:
    factor = 10.0**digits
    return math.copysign(math.floor(abs(number) * factor + 0.5) / factor, number)


def _truncate(unit: str, time: datetime) -> datetime:
    match unit:
        case "minute":
            return time.replace(second=0)
        case "hour":
            return time.replace(second=0, minute=0)
        case "month":
            return datetime(time.year, time.month, 1)
        case "week":
            return datetime(time.year, time.month, time.day) - timedelta(days=time.isoweekday() - 1)
        case _:
            return datetime(time.year, time.month, time.day)


def _coalesce(*arguments: Expression) -> Expression:
    def compute(record: Record) -> Any:
        return next((v for v in (a.compute(record) for a in arguments) if v is not None), None)

    return Expression(f"coalesce({', '.join(a.text for a in arguments)})", compute)


def _nullif(left: Expression, right: Expression) -> Expression:
    def compute(record: Record) -> Any:
        value = left.compute(record)
        return None if value is not None and value == right.compute(record) else value

    return Expression(f"nullif({left.text}, {right.text})", compute)


def _case(test: Expression, then: Expression, otherwise: Expression) -> Expression:
    def compute(record: Record) -> Any:
        return then.compute(record) if test.compute(record) is True else otherwise.compute(record)

    return Expression(f"CASE WHEN {test.text} THEN {then.text} ELSE {otherwise.text} END", compute)


def _extreme(name: str, function: Callable[..., Any], *arguments: Expression) -> Expression:
    """Return `least` or `greatest`, which ignore missing values."""

    def compute(record: Record) -> Any:
        values = [v for v in (a.compute(record) for a in arguments) if v is not None]
        return function(values) if values else None

    return Expression(f"{name}({', '.join(a.text for a in arguments)})", compute)


# --- predicates


def _not(term: Expression) -> Expression:
    return Expression(f"NOT ({term.text})", _lift(lambda value: not value, term))


def _logic(word: str, left: Expression, right: Expression) -> Expression:
    decisive = word == "OR"

    def compute(record: Record) -> Any:
        values = [left.compute(record), right.compute(record)]
        return decisive if decisive in values else None if None in values else not decisive

    return Expression(f"({left.text} {word} {right.text})", compute)


def _is_missing(term: Expression) -> Expression:
    return Expression(f"{term.text} IS NULL", lambda record: term.compute(record) is None)


def _distinct(left: Expression, right: Expression) -> Expression:
    return Expression(
        f"{left.text} IS DISTINCT FROM {right.text}", lambda record: left.compute(record) != right.compute(record)
    )


def _between(value: Expression, low: Expression, high: Expression) -> Expression:
    """Return a test of a range, which is false where one bound excludes the value and the other is missing."""
    above = Expression("", _lift(lambda v, a: a <= v, value, low))
    below = Expression("", _lift(lambda v, b: v <= b, value, high))
    return Expression(f"{value.text} BETWEEN {low.text} AND {high.text}", _logic("AND", above, below).compute)


_ORDER: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("<", lambda a, b: a < b),
    ("<=", lambda a, b: a <= b),
    (">", lambda a, b: a > b),
    (">=", lambda a, b: a >= b),
]
_EQUAL: list[tuple[str, Callable[[Any, Any], Any]]] = [("=", lambda a, b: a == b), ("!=", lambda a, b: a != b)]

_SIGNS: list[tuple[str, Callable[[Any, Any], Any]]] = [
    ("+", lambda a, b: a + b),
    ("-", lambda a, b: a - b),
    ("*", lambda a, b: a * b),
    ("/", lambda a, b: a / b),
    ("%", math.fmod),
]

_UNITS = {"min": 60, "h": 3600, "days": 86400}

whole_constants = st.integers(0, 999).map(lambda n: _constant(str(n), n))
small_constants: st.SearchStrategy[Expression] = st.integers(0, 3).map(lambda n: _constant(str(n), n))
fractions = st.integers(1, 9999).map(lambda n: _constant(str(n / 100), n / 100))
numbers: st.SearchStrategy[Expression] = st.deferred(lambda: _number_leaves | _number_nodes)
texts: st.SearchStrategy[Expression] = st.deferred(lambda: _text_leaves | _text_nodes)
times: st.SearchStrategy[Expression] = st.deferred(lambda: _time_leaves | _time_nodes)
durations: st.SearchStrategy[Expression] = st.deferred(lambda: _duration_leaves | _duration_nodes)
predicates: st.SearchStrategy[Expression] = st.deferred(lambda: _predicate_leaves | _predicate_nodes)

_number_leaves: st.SearchStrategy[Expression] = st.one_of(
    st.just(_field("(identifier + 0)", "data_source", "identifier")), whole_constants, fractions,
    st.just(_field("metadata.wavelength", "metadata", "wavelength")),
)  # fmt: skip
_number_nodes: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda sign, a, b: _binary(sign[0], sign[1], a, b), st.sampled_from(_SIGNS), numbers, numbers),
    st.builds(lambda a: _call("abs", abs, a), numbers),
    st.builds(lambda a: Expression(f"(-{a.text})", _lift(lambda v: -v, a)), numbers),
    st.builds(lambda a, n: _call("round", _round, a, _constant(str(n), n)), numbers, st.integers(0, 3)),
    st.builds(lambda a: _call("floor", lambda v: float(math.floor(v)), a), numbers),
    st.builds(lambda a: _call("ceil", lambda v: float(math.ceil(v)), a), numbers),
    st.builds(lambda a: _call("length", len, a), texts),
    st.builds(lambda a: _call("year", lambda t: t.year, a), times),
    st.builds(lambda a: _call("month", lambda t: t.month, a), times),
    st.builds(lambda a: _call("hour", lambda t: t.hour, a), times),
    st.builds(lambda a: _call("day_of_month", lambda t: t.day, a), times),
    st.builds(lambda a: _call("day_of_week", lambda t: t.isoweekday(), a), times),
    st.builds(_coalesce, numbers, numbers),
    st.builds(_nullif, numbers, numbers),
    st.builds(lambda a, b: _extreme("least", min, a, b), numbers, numbers),
    st.builds(lambda a, b: _extreme("greatest", max, a, b), numbers, numbers),
    st.builds(lambda a: Expression(f"({a.text} / 1 min)", _lift(lambda d: d / timedelta(minutes=1), a)), durations),
    st.builds(_case, predicates, numbers, numbers),
)

_text_leaves: st.SearchStrategy[Expression] = st.one_of(
    st.sampled_from(
        [_field(name, "data_source", name) for name in ("platform", "program", "display_name", "instrument_type")]
    ),
    st.sampled_from(["", "g", "Fort", "trex ", "it's", "RGB", "é"]).map(lambda t: _constant(_quote(t), t)),
)
_text_nodes: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda a, b: Expression(f"({a.text} || {b.text})", _lift(lambda x, y: x + y, a, b)), texts, texts),
    st.builds(lambda a: _call("lower", str.lower, a), texts),
    st.builds(lambda a: _call("upper", str.upper, a), texts),
    st.builds(lambda a: _call("trim", lambda t: t.strip(" "), a), texts),
    st.builds(
        lambda a, first, count: Expression(
            f"substring({a.text}, {first}, {count})", _lift(lambda t: t[first - 1 : first - 1 + count], a)
        ),
        texts, st.integers(1, 6), st.integers(0, 6),
    ),
    st.builds(lambda a: _call("replace", lambda t, x, y: t.replace(x, y), a, _constant("'r'", "r"), _constant("'RR'", "RR")), texts),
    st.builds(_coalesce, texts, texts),
    st.builds(_nullif, texts, texts),
    st.builds(_case, predicates, texts, texts),
)  # fmt: skip

_time_leaves: st.SearchStrategy[Expression] = st.sampled_from([_time_field("start"), _time_field("end")])
_time_nodes: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda a, d: _binary("+", lambda t, x: t + x, a, d), times, durations),
    st.builds(lambda a, d: _binary("-", lambda t, x: t - x, a, d), times, durations),
    st.builds(
        lambda unit, a: Expression(f"date_trunc('{unit}', {a.text})", _lift(lambda t: _truncate(unit, t), a)),
        st.sampled_from(["minute", "hour", "day", "week", "month"]), times,
    ),
    st.builds(_case, predicates, times, times),
)  # fmt: skip

_duration_leaves: st.SearchStrategy[Expression] = st.builds(
    lambda n, unit: _constant(f"{n} {unit}", timedelta(seconds=n * _UNITS[unit])),
    st.integers(0, 90), st.sampled_from(sorted(_UNITS)),
)  # fmt: skip
_duration_nodes: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda a, b: _binary("-", lambda x, y: x - y, a, b), _time_leaves, _time_leaves),
    st.builds(lambda a, b: _binary("+", lambda x, y: x + y, a, b), durations, durations),
    st.builds(lambda a, n: _binary("*", lambda x, y: x * y, a, n), durations, small_constants),
)

_predicate_leaves: st.SearchStrategy[Expression] = st.one_of(
    st.builds(lambda sign, a, b: Expression(f"{a.text} {sign[0]} {b.text}", _lift(sign[1], a, b)), st.sampled_from(_ORDER), numbers, numbers),
    st.builds(lambda sign, a, b: Expression(f"{a.text} {sign[0]} {b.text}", _lift(sign[1], a, b)), st.sampled_from(_EQUAL), texts, texts),
    st.builds(lambda sign, a, b: Expression(f"{a.text} {sign[0]} {b.text}", _lift(sign[1], a, b)), st.sampled_from(_ORDER), times, times),
    st.builds(lambda sign, a, b: Expression(f"{a.text} {sign[0]} {b.text}", _lift(sign[1], a, b)), st.sampled_from(_ORDER), durations, durations),
    st.builds(lambda a, b: _call("starts_with", str.startswith, a, b), texts, texts),
    st.builds(lambda a, b: _call("ends_with", str.endswith, a, b), texts, texts),
    st.builds(lambda a, b: _call("contains", lambda t, part: part in t, a, b), texts, texts),
    st.builds(_is_missing, st.one_of(numbers, texts)),
    st.builds(_between, numbers, numbers, numbers),
    st.builds(_distinct, texts, texts),
)  # fmt: skip
_predicate_nodes: st.SearchStrategy[Expression] = st.one_of(
    st.builds(_not, predicates),
    st.builds(_logic, st.sampled_from(["AND", "OR"]), predicates, predicates),
)

values = st.one_of(numbers, texts, times, durations)
