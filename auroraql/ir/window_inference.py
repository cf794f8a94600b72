"""The window that a predicate leaves: outside of it no record fulfils the comparisons of its times.

A window here holds records as the requests of their kind do: a record with a single moment (ephemeris) when the moment
is inside, a data product when it is inside whole, a conjunction by its epochs.
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
    round_to_seconds,
    split_conjuncts,
    time_limits,
)
from auroraql.ir.time_literals import RESOLUTION, TimeError, add_time, write_instant
from auroraql.schema import CONJUNCTIONS, KINDS, Kind, Type
from auroraql.schema.kinds.conjunctions import epoch_step_seconds
from auroraql.schema.operators import Op

Limits = Mapping[str, Window]
"""The earliest and latest moment of the time fields of a record; a field that is not limited is missing."""


def narrow_window(query: Query, where: Predicate | None = None) -> Window | None:
    """The window of a query as far as its predicate leaves any of it; None where that is nothing.

    `where` replaces the query's predicate, as one of its alternatives does. A query about the rows of a result has
    the window that it is written with.
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
    """The window of records with a single moment as comparisons of it."""
    for declared in kind.fields:
        if declared.bound == "both":
            ref = Ref("record", declared.name)
            if query.start is not None:
                yield Comparison(ref, Op.GE, (write_instant(query.start),))
            if query.end is not None:
                yield Comparison(ref, Op.LE, (write_instant(query.end.replace(microsecond=999_999)),))


def narrow_windows(query: Query) -> tuple[Window, ...]:
    """The windows in which the records of a query are looked for, as far as its predicate leaves them."""
    window = narrow_window(query)
    found = (intersect(each, window) for each in query.windows) if window is not None else ()
    return tuple(each for each in found if not _is_empty(each))


def _time_limits(predicate: Predicate, kind: Kind) -> Limits | None:
    """How far the times of records that fulfil a predicate reach; None where none can fulfil it."""
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


def is_time(ref: Ref, kind: Kind) -> bool:
    """Whether a reference is to one of the times of a record."""
    declared = kind.field(ref.name) if ref.role == "record" else None
    return declared is not None and declared.type is Type.TIME and not kind.is_listed(ref.path)


def _limits_of_comparison(leaf: Comparison) -> Window | None:
    if leaf.operator != Op.IN:
        return time_limits(leaf)
    windows = [time_limits(Comparison(leaf.ref, Op.EQ, (value,))) for value in leaf.values]
    # A string that is no time equals no moment.
    found = [window for window in windows if window is not None]
    return _hull(found) if found else None


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
    """The intervals that the values of a comparison name."""
    for value in leaf.values:
        first, last = time_limits(Comparison(leaf.ref, Op.EQ, (value,))) or (None, None)
        if first is not None and last is not None:
            yield first, last


def _exclude_intervals(window: Window, excluded: Sequence[Interval]) -> Window:
    """The window without the intervals at its edges."""
    start, end = window
    for first, last in excluded:
        if start is not None and first <= start <= last:
            start = _shift(last, RESOLUTION)
    for first, last in sorted(excluded, key=lambda each: each[1], reverse=True):
        if end is not None and first <= end <= last:
            end = _shift(first, -RESOLUTION)
    return start, end


def _union_limits(terms: Iterable[Predicate], kind: Kind) -> Limits | None:
    """Of no terms at all nothing is said about times."""
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
    """The limits with what they say of one another: a record ends after it starts. None where that cannot be."""
    found = dict(limits)
    names = [field.name for field in kind.span]
    if found and len(names) == 2 and names[0] != names[1]:
        start, end = names
        inside = [found[name] for name in found if name not in names]
        # Every other time of a record is a moment of it, such as the closest epoch of a conjunction.
        earliest = _latest(found.get(start, _OPEN)[0], *(first for first, _ in inside))
        latest = _earliest(found.get(end, _OPEN)[1], *(last for _, last in inside))
        found[end] = intersect(found.get(end, _OPEN), (earliest, None))
        found[start] = intersect(found.get(start, _OPEN), (None, latest))
    return None if any(map(_is_empty, found.values())) else found


_OPEN: Window = (None, None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _is_empty(window: Window) -> bool:
    start, end = window
    return start is not None and end is not None and start > end


def _limits_to_window(limits: Limits, query: Query, kind: Kind) -> Window:
    """The window of requests that holds every record within the limits."""
    if not kind.span:
        return None, None
    first, last = (limits.get(field.name, _OPEN) for field in kind.span)
    margin = timedelta()
    if kind is CONJUNCTIONS:
        # A window cuts conjunctions. The margin shows which of them began or ended at the edge.
        margin = timedelta(
            seconds=epoch_step_seconds(subminute=query.criteria is not None and query.criteria.subminute)
        )
    longest = kind.longest_record + margin
    return intersect(
        (_shift(first[0], -margin), _shift(last[1], margin)),
        (_shift(last[0], -longest), _shift(first[1], longest)),
    )


def _shift(moment: datetime | None, by: timedelta) -> datetime | None:
    """The moment moved; None, which is open, where the calendar does not reach so far."""
    try:
        return None if moment is None else add_time(moment, by)
    except TimeError:
        return None
