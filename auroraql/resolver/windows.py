"""Time windows: resolve the window clauses of a statement to bounds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.ir.time_literals import Interval, write_instant
from auroraql.language.ast import Duration, Window
from auroraql.resolver.times import TimeError, shift_time
from auroraql.resolver.values import OperandResolver, SemanticError

WINDOWS = ("BETWEEN", "ON", "DURING", "SINCE", "UNTIL", "LAST", "OVERLAPPING")
"""The first keywords of the window clauses."""

_SECOND = timedelta(seconds=1)


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
            return _closed(intervals[0], intervals[-1], window)
        case "since":
            return WindowBounds(start=intervals[0].lower)
        case "until":
            return WindowBounds(end=intervals[0].upper)
        case "last":
            end = intervals[0].lower if intervals else values.now.replace(microsecond=0)
            return WindowBounds(_before_end(end, window.duration, values), end)


def _closed(first: Interval, last: Interval, window: Window) -> WindowBounds:
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
    return start if start.microsecond == 0 else start.replace(microsecond=0) + _SECOND


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
