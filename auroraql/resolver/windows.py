"""Time windows: resolve the window clauses of a statement to bounds, and warn about windows that contain nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.query import CLAUSE, And, Comparison, Or, Predicate, Query
from auroraql.ir.times import SECOND, Interval, TimeError, shift_time, write_instant
from auroraql.ir.window_inference import narrow_window
from auroraql.language.ast import Duration, Instant, Parameter, TextLiteral, Timestamp, Window
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.schema import DATA_PRODUCTS
from auroraql.schema.kinds.data_products import MIN_PRODUCT_LENGTHS
from auroraql.schema.operators import Op

WINDOWS = ("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING")
"""The first keywords of the window clauses."""


@dataclass(frozen=True, slots=True)
class WindowBounds:
    """Bounds of a time window, in whole seconds of naive UTC. Both are inclusive, and None is open."""

    start: datetime | None = None
    end: datetime | None = None


def resolve_window(window: Window, values: OperandResolver) -> WindowBounds:
    """Return the bounds of one window clause. Raises SemanticError if its times are invalid."""
    try:
        return _resolve_bounds(window, values)
    except TimeError as error:
        raise SemanticError("AQL0301", str(error), window.origin, hint=error.hint) from None


def _resolve_bounds(window: Window, values: OperandResolver) -> WindowBounds:
    intervals = [values.interval(instant) for instant in window.instants]
    match window.form:
        case "between" | "overlapping" | "on" | "during":
            return _closed_bounds(intervals[0], intervals[-1], window)
        case "since":
            return WindowBounds(start=intervals[0].lower)
        case "until":
            return WindowBounds(end=intervals[0].upper)
        case "last":
            end = intervals[0].lower if intervals else values.now.replace(microsecond=0)
            return WindowBounds(_before_end(end, window.duration, values), end)


def _closed_bounds(first: Interval, last: Interval, window: Window) -> WindowBounds:
    """Return both bounds. Raises SemanticError if the times are in order but contain no whole second."""
    start, end = first.lower, last.upper
    if start > end and first.first <= last.last:
        around = f"BETWEEN {write_instant(end)} AND {write_instant(start)}"
        raise SemanticError(
            "AQL0302",
            "the time window is empty: its bounds are whole seconds, and it contains none",
            window.origin,
            "less than a second",
            hint=f"search {around}, and compare the times in WHERE",
        )
    return WindowBounds(start, end)


def _before_end(end: datetime, duration: Duration | None, values: OperandResolver) -> datetime:
    assert duration is not None, "the grammar gives LAST its duration"  # noqa: S101
    count = values.count(duration)
    try:
        start = shift_time(end, -count, duration.unit)
    except TimeError as error:
        raise SemanticError("AQL0301", str(error), duration.origin, hint=error.hint) from None
    return start if start.microsecond == 0 else start.replace(microsecond=0) + SECOND


def join_windows(windows: list[tuple[Window, WindowBounds]]) -> WindowBounds:
    """Join the window clauses of a statement to one window. Raises SemanticError for two windows or an empty one."""
    forms = [window.form for window, _ in windows]
    if len(windows) > 1 and not (len(windows) == 2 and set(forms) == {"since", "until"}):
        raise two_windows_error(windows[1][0].origin)
    start = next((b.start for _, b in windows if b.start), None)
    end = next((b.end for _, b in windows if b.end), None)
    if start is not None and end is not None and end < start:
        raise SemanticError(
            "AQL0302",
            f"the time window is empty: it would end at {end} and start at {start}",
            windows[-1][0].origin,
            "the end comes before the start",
            hint="write the earlier time first",
        )
    return WindowBounds(start, end)


def two_windows_error(origin: Origin) -> SemanticError:
    """Return the error for a statement with more than one window."""
    message = "a statement has only one time window, and this is a second one"
    return SemanticError("AQL0303", message, origin, "the second one", hint="keep one of them")


def no_window_warning(kind_title: str, origin: Origin) -> Diagnostic:
    """Return the warning for a search without a time window."""
    return Diagnostic(
        "AQL0603",
        f"no time window: all {kind_title} of all years are searched, which may be slow",
        origin,
        hint="add one, for example DURING 2021-01",
        severity="warning",
    )


def warn_of_short_windows(query: Query, windows: Sequence[Window]) -> Diagnostic | None:
    """Return a warning if the window cannot contain any product that the predicate names, else None.

    `windows` are the window clauses of the statement. Comparisons of product times narrow the window too. If the clause
    alone makes it too short, the fix replaces the clause by OVERLAPPING.
    """
    if query.kind != DATA_PRODUCTS.name or query.during is not None:
        return None
    start, end = (narrow_window(query) if query.compares_times else query.window) or (None, None)
    if start is None or end is None:
        return None
    name, min_length = _longest_named_product(query.where)
    # A product spans time, so an instant never contains one.
    min_length = max(min_length, SECOND)
    if end - start + SECOND > min_length:
        return None
    product = f"'{name}' product" if name else "data product"
    message = f"no {product} fits in a window of {_format_length(end - start)}"
    by_clause = len(windows) == 1 and CLAUSE in query.window_from and (start, end) == (query.start, query.end)
    fix = _overlapping_literal(windows[0]) if by_clause and len(query.window_from) == 1 else None
    if fix is not None:
        hint = f"write {fix} to find the products that share a moment with it"
    elif windows:
        hint = "OVERLAPPING finds the products that share a moment with a window"
    else:
        written = f"OVERLAPPING {write_instant(start)} AND {write_instant(end)}"
        hint = f"write {written} in place of these comparisons to find the products that share a moment with it"
    origin = windows[0].origin if windows else query.where.origin
    return Diagnostic("AQL0621", message, origin, "shorter than the products", hint, fix, "warning")


def _longest_named_product(predicate: Predicate) -> tuple[str, timedelta]:
    """Return the `…_type` value of the longest product that the predicate requires, and its minimum length."""
    match predicate:
        case Comparison(ref, Op.EQ | Op.IN, values) if ref.role == "metadata" and ref.name.endswith("_type"):
            return min(((value, _min_length(value)) for value in values), key=_longest_first, default=_NONE)
        case And(terms):
            return max(map(_longest_named_product, terms), key=_longest_first, default=_NONE)
        case Or(terms):
            return min(map(_longest_named_product, terms), key=_longest_first, default=_NONE)
        case _:
            return _NONE


_NONE = ("", timedelta())


def _longest_first(named: tuple[str, timedelta]) -> timedelta:
    return named[1]


def _min_length(value: str) -> timedelta:
    words = re.split(r"[\W_]+", value.lower())
    return max((length for word, length in MIN_PRODUCT_LENGTHS.items() if word in words), default=timedelta())


def _format_length(span: timedelta) -> str:
    """Format a time span in its largest whole unit: `3 hours`."""
    seconds = int(span.total_seconds())
    if seconds >= 60 and seconds % 60 in (58, 59):
        seconds += -seconds % 60  # the window ends with the last second of a minute
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}{'s' if seconds != size else ''}"
    return "a moment"


def _overlapping_literal(window: Window) -> str | None:
    """Return the OVERLAPPING clause for a window clause. Return None if the window is open at an end."""
    written = [_shorten_instant(instant) for instant in window.instants]
    match window.form:
        case "between":
            return f"OVERLAPPING {written[0]} AND {written[1]}"
        case "on" | "during":
            return f"OVERLAPPING {written[0]}"
        case "last" if window.duration is not None:
            end = written[0] if written else "NOW"
            return f"OVERLAPPING {end} - {_format_duration(window.duration)} AND {end}"
        case _:
            return None


def _shorten_instant(instant: Instant) -> str:
    match instant.base:
        case Timestamp(text):
            base = text
        case Parameter(name):
            base = f"${name}"
        case TextLiteral(value):
            base = "'" + value.replace("'", "''") + "'"
    return base + "".join(f" {'-' if shift.negative else '+'} {_format_duration(shift)}" for shift in instant.shifts)


def _format_duration(duration: Duration) -> str:
    count = duration.count if isinstance(duration.count, str) else f"${duration.count.name}"
    return f"{count} {duration.unit}"
