"""The windows of requests: those of intervals, and pieces of one longer than the service allows.

The windows of one query share no second, so that no record is asked for twice.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from auroraql.narrowing import narrowed
from auroraql.plan import Request
from auroraql.planner.native import MOST_REQUESTS
from auroraql.query import Interval, Query, day_runs
from auroraql.schema import KINDS

_SECOND = timedelta(seconds=1)


def cut_windows(requests: Iterable[Request]) -> tuple[Request, ...]:
    """The requests, each as many as its window needs; an open window is left to the service to judge."""
    return tuple(piece for request in requests for piece in _pieces(request))


def take_intervals(requests: Sequence[Request], query: Query) -> tuple[Request, ...]:
    """The requests, each once a window that the query's intervals need, as far as its own window goes.

    Data products lie in a window whole, so theirs are the whole days that the intervals touch. More windows than
    `MOST_REQUESTS` allows are joined where the least lies between them.
    """
    kind, intervals = KINDS[query.kind], query.during or ()
    needed = day_runs(intervals) if kind.span[0].bound == "start" else intervals
    narrow = narrowed(query) or (query.start, query.end)
    within = (_within(replace(query, start=narrow[0], end=narrow[1]), *w) for w in needed)
    windows = _joined([each for each in within if each is not None], len(requests))
    return tuple(replace(request, start=first, end=last) for request in requests for first, last in windows)


def _within(query: Query, first: datetime, last: datetime) -> Interval | None:
    """The part of an interval that lies in the query's own window."""
    start = first if query.start is None else max(first, query.start)
    end = last if query.end is None else min(last, query.end)
    return (start, end) if start <= end else None


def _joined(windows: Sequence[Interval], requests: int) -> list[Interval]:
    most = max(1, MOST_REQUESTS // max(1, requests))
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(windows)]
    kept = sorted(sorted(range(len(gaps)), key=gaps.__getitem__, reverse=True)[: most - 1])
    firsts, lasts = [0, *(at + 1 for at in kept)], [*kept, len(windows) - 1]
    return [(windows[i][0], windows[j][1]) for i, j in zip(firsts, lasts, strict=True)] if windows else []


def _pieces(request: Request) -> Iterator[Request]:
    months = KINDS[request.kind].longest_months
    if not months or request.start is None or request.end is None:
        yield request
        return
    start = request.start
    while True:
        # One second short of the month, so that the next piece begins on the day this one did.
        later = _months_later(start, months)
        if later is None or later > request.end:
            yield replace(request, start=start)
            return
        end = later - _SECOND
        yield replace(request, start=start, end=end)
        start = later


def _months_later(moment: datetime, months: int) -> datetime | None:
    """The same day so many months later, or the last of that month; None when the calendar ends before."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if year > 9999:
        return None
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
