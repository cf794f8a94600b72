"""Window inference: narrow the time window of a query by the comparisons of times in its predicate.

A window contains records as in the requests of their kind: a record of a single moment (ephemeris) if its time is in
the window, a data product if all of it is, and a conjunction by its epochs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from auroraql.ir.query import (
    And,
    Comparison,
    Interval,
    Or,
    Predicate,
    Query,
    Ref,
    Window,
    intersect,
    is_time,
    round_to_seconds,
    split_conjuncts,
    time_limits,
)
from auroraql.ir.times import RESOLUTION, TimeError, add_time, write_instant
from auroraql.schema import CONJUNCTIONS, KINDS, Kind
from auroraql.schema.kinds.conjunctions import epoch_step_seconds
from auroraql.schema.operators import Op

Limits = Mapping[str, Window]
"""Earliest and latest value of the time fields of a record. Fields without a limit are missing."""


def narrow_window(query: Query, where: Predicate | None = None) -> Window | None:
    """Return the window of a query, narrowed by its predicate. Return None if nothing is left.

    `where` replaces the query's predicate, for example by one of its branches. The window of a query on the rows of a
    result is not narrowed.
    """
    window = query.start, query.end
    kind = KINDS.get(query.kind)
    if kind is None:
        return window
    terms = split_conjuncts(query.where if where is None else where)
    limits = _intersect_limits((*_window_terms(query, kind), *terms), kind)
    allowed = None if limits is None else round_to_seconds(_limits_to_window(limits, query, kind))
    if allowed is None:
        return None
    window = intersect(window, allowed)
    return None if _is_empty(window) else window


def _window_terms(query: Query, kind: Kind) -> Iterator[Comparison]:
    """Yield the window of records of a single moment as comparisons."""
    for declared in kind.fields:
        if declared.bound == "both":
            ref = Ref("record", declared.name)
            if query.start is not None:
                yield Comparison(ref, Op.GE, (write_instant(query.start),))
            if query.end is not None:
                yield Comparison(ref, Op.LE, (write_instant(query.end.replace(microsecond=999_999)),))


def narrow_windows(query: Query) -> tuple[Window, ...]:
    """Return the windows of a query, narrowed by its predicate."""
    narrowed = narrow_window(query)
    windows = (intersect(window, narrowed) for window in query.windows) if narrowed is not None else ()
    return tuple(window for window in windows if not _is_empty(window))


def _time_limits(predicate: Predicate, kind: Kind) -> Limits | None:
    """Return the limits of the times of records that match a predicate. Return None if none can match."""
    match predicate:
        case Comparison(ref):
            window = _limits_of_comparison(predicate) if is_time(ref, kind) else None
            return {} if window is None else _propagate_limits({ref.name: window}, kind)
        case And(terms):
            return _intersect_limits(terms, kind)
        case Or(terms):
            return _union_limits(terms, kind)
        case _:
            return {}


def _limits_of_comparison(leaf: Comparison) -> Window | None:
    if leaf.operator != Op.IN:
        return time_limits(leaf)
    windows = [time_limits(Comparison(leaf.ref, Op.EQ, (value,))) for value in leaf.values]
    # A string that is not a time does not equal any time.
    limits = [window for window in windows if window is not None]
    return _hull(limits) if limits else None


def _intersect_limits(terms: Iterable[Predicate], kind: Kind) -> Limits | None:
    common: dict[str, Window] = {}
    excluded: dict[str, list[Interval]] = {}
    for term in terms:
        limits = _time_limits(term, kind)
        if limits is None:
            return None
        for name, window in limits.items():
            common[name] = intersect(common.get(name, (None, None)), window)
        if isinstance(term, Comparison) and term.operator in (Op.NE, Op.NOT_IN) and is_time(term.ref, kind):
            excluded.setdefault(term.ref.name, []).extend(_comparison_intervals(term))
    for name in excluded.keys() & common.keys():
        common[name] = _exclude_intervals(common[name], sorted(excluded[name]))
    return _propagate_limits(common, kind)


def _comparison_intervals(leaf: Comparison) -> Iterator[Interval]:
    """Yield the intervals of the values of a comparison."""
    for value in leaf.values:
        first, last = time_limits(Comparison(leaf.ref, Op.EQ, (value,))) or (None, None)
        if first is not None and last is not None:
            yield first, last


def _exclude_intervals(window: Window, excluded: Sequence[Interval]) -> Window:
    """Cut the excluded intervals off the edges of a window."""
    start, end = window
    for first, last in excluded:
        if start is not None and first <= start <= last:
            start = _shift(last, RESOLUTION)
    for first, last in sorted(excluded, key=lambda interval: interval[1], reverse=True):
        if end is not None and first <= end <= last:
            end = _shift(first, -RESOLUTION)
    return start, end


def _union_limits(terms: Iterable[Predicate], kind: Kind) -> Limits | None:
    """Return the limits of an OR. An OR without terms has no limits."""
    every = [_time_limits(term, kind) for term in terms]
    possible = [limits for limits in every if limits is not None]
    if not possible:
        return None if every else {}
    names = set(possible[0]).intersection(*possible[1:])
    return {name: _hull([limits[name] for limits in possible]) for name in names}


def _hull(windows: Iterable[Window]) -> Window:
    starts, ends = zip(*windows, strict=True)
    return None if None in starts else min(starts), None if None in ends else max(ends)


def _propagate_limits(limits: Mapping[str, Window], kind: Kind) -> Limits | None:
    """Tighten the limits by one another: a record ends after it starts. Return None if they exclude each other."""
    tightened = dict(limits)
    names = [field.name for field in kind.span]
    if tightened and len(names) == 2 and names[0] != names[1]:
        start, end = names
        inside = [tightened[name] for name in tightened if name not in names]
        # Every other time of a record is between its start and end, such as the closest epoch of a conjunction.
        earliest = _latest(tightened.get(start, _OPEN)[0], *(first for first, _ in inside))
        latest = _earliest(tightened.get(end, _OPEN)[1], *(last for _, last in inside))
        tightened[end] = intersect(tightened.get(end, _OPEN), (earliest, None))
        tightened[start] = intersect(tightened.get(start, _OPEN), (None, latest))
    return None if any(map(_is_empty, tightened.values())) else tightened


_OPEN: Window = (None, None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _is_empty(window: Window) -> bool:
    start, end = window
    return start is not None and end is not None and start > end


def _limits_to_window(limits: Limits, query: Query, kind: Kind) -> Window:
    """Return the window of requests that contains every record within the limits."""
    if not kind.span:
        return None, None
    first, last = (limits.get(field.name, _OPEN) for field in kind.span)
    margin = timedelta()
    if kind is CONJUNCTIONS:
        # A window cuts conjunctions. The margin reveals those that start or end at its edge.
        margin = timedelta(
            seconds=epoch_step_seconds(subminute=query.criteria is not None and query.criteria.subminute)
        )
    longest = kind.longest_record + margin
    return intersect(
        (_shift(first[0], -margin), _shift(last[1], margin)),
        (_shift(last[0], -longest), _shift(first[1], longest)),
    )


def _shift(moment: datetime | None, delta: timedelta) -> datetime | None:
    """Return the time plus a delta, or None (open) if the result is outside the calendar."""
    try:
        return None if moment is None else add_time(moment, delta)
    except TimeError:
        return None
