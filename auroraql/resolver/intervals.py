"""Intervals of time: made longer by a padding, and put in order, apart from one another."""

from __future__ import annotations

from collections.abc import Iterable

from auroraql.ir.query import Interval
from auroraql.language.ast import Duration
from auroraql.resolver.times import TimeError, shift_time, unit_seconds
from auroraql.resolver.values import OperandResolver, SemanticError

_MINUTE = 60
"""Seconds between two records of ephemeris, which are one a minute."""


def pad_intervals(intervals: Iterable[Interval], padding: Duration | None, values: OperandResolver) -> list[Interval]:
    """The intervals, longer by the padding at both ends. Raises Fault for one that has no fixed length or is negative."""
    if padding is None:
        return list(intervals)
    count = values.count(padding)
    if count < 0:
        raise SemanticError(
            "AQL0304", "a padding is not negative", padding.origin, "below 0", "it makes intervals longer"
        )
    try:
        unit_seconds(padding.unit)
        return [
            (shift_time(first, -count, padding.unit), shift_time(last, count, padding.unit))
            for first, last in intervals
        ]
    except TimeError as fault:
        raise SemanticError("AQL0304", str(fault), padding.origin, hint=fault.hint) from None


def join_intervals(intervals: Iterable[Interval], *, by_minute: bool = False) -> list[Interval]:
    """The intervals in order, those that overlap as one; `by_minute`: also those not more than a minute apart."""
    most = _MINUTE if by_minute else 0
    made: list[Interval] = []
    for first, last in sorted(intervals):
        if made and (first - made[-1][1]).total_seconds() <= most:
            made[-1] = (made[-1][0], max(made[-1][1], last))
        else:
            made.append((first, last))
    return made
