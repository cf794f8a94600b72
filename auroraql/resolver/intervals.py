"""Time intervals: pad them, sort them, and join those that overlap."""

from __future__ import annotations

from collections.abc import Iterable

from auroraql.ir.query import Interval
from auroraql.language.ast import Duration
from auroraql.resolver.times import TimeError, shift_time, unit_seconds
from auroraql.resolver.values import OperandResolver, SemanticError

_MINUTE = 60
"""Seconds between two ephemeris records: AuroraX has one per minute."""


def pad_intervals(intervals: Iterable[Interval], padding: Duration | None, values: OperandResolver) -> list[Interval]:
    """Return the intervals, extended by the padding at both ends.

    Raises SemanticError if the padding is negative or its unit has no fixed length.
    """
    if padding is None:
        return list(intervals)
    count = values.count(padding)
    if count < 0:
        raise SemanticError(
            "AQL0304", "a padding cannot be negative", padding.origin, "below 0", "a padding extends the intervals"
        )
    try:
        unit_seconds(padding.unit)
        return [
            (shift_time(first, -count, padding.unit), shift_time(last, count, padding.unit))
            for first, last in intervals
        ]
    except TimeError as error:
        raise SemanticError("AQL0304", str(error), padding.origin, hint=error.hint) from None


def join_intervals(intervals: Iterable[Interval], *, by_minute: bool = False) -> list[Interval]:
    """Return the intervals sorted by start, with overlapping ones joined.

    `by_minute` also joins intervals that are at most a minute apart.
    """
    max_gap = _MINUTE if by_minute else 0
    joined: list[Interval] = []
    for first, last in sorted(intervals):
        if joined and (first - joined[-1][1]).total_seconds() <= max_gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
