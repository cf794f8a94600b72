"""The windows of requests: those of intervals, and pieces of one longer than the service allows.

The windows of one query share no second, so that no record is asked for twice.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from auroraql.ir.plan import Request
from auroraql.ir.query import MAX_WINDOWS, Query, Window, merge_nearest_windows
from auroraql.ir.window_inference import narrow_windows
from auroraql.schema import KINDS

_SECOND = timedelta(seconds=1)

_LONGEST_MONTH = timedelta(days=31)


def cut_windows(requests: Iterable[Request]) -> tuple[Request, ...]:
    """The requests, each as many as its window needs; one with an open window stays one."""
    return tuple(piece for request in requests for piece in _split_window(request))


FindRecordRange = Callable[[Request], Window | None]
"""The first and last moment of the records that an archive has for a request; None where it does not say."""


def close_windows(requests: Sequence[Request], held: FindRecordRange) -> tuple[tuple[Request, ...], bool]:
    """The requests with both ends of their window, where the service needs them, and whether the archive knew them.

    A request for which the archive has no record is left out.
    """
    closed: list[Request] = []
    for request in requests:
        if not is_open(request):
            closed.append(request)
            continue
        extent = held(request)
        if extent is None:
            return tuple(requests), False
        start, end = request.start or extent[0], request.end or extent[1]
        if start is not None and end is not None and start <= end:
            closed.append(replace(request, start=start, end=end))
    return tuple(closed), True


def is_open(request: Request) -> bool:
    """Whether the service refuses the window of a request because it has no end."""
    return bool(KINDS[request.kind].longest_months) and (request.start is None or request.end is None)


def is_too_long(request: Request) -> bool:
    """Whether the window of a request is longer than any month is, so that the service refuses it."""
    months = KINDS[request.kind].longest_months
    if not months or request.start is None or request.end is None:
        return False
    return request.end - request.start >= months * _LONGEST_MONTH


def apply_windows(requests: Sequence[Request], query: Query, most: int = MAX_WINDOWS) -> tuple[Request, ...]:
    """The requests, once for each window of a query with intervals; windows are joined for `most` requests in all."""
    windows = [(first, last) for first, last in narrow_windows(query) if first is not None and last is not None]
    joined = merge_nearest_windows(windows, max(1, most // max(1, len(requests))))
    return tuple(replace(request, start=first, end=last) for request in requests for first, last in joined)


def _split_window(request: Request) -> Iterator[Request]:
    months = KINDS[request.kind].longest_months
    if not months or request.start is None or request.end is None:
        yield request
        return
    start = request.start
    while True:
        # One second short of the month, so that the next piece begins on the day this one did.
        later = _add_months(start, months)
        if later is None or later > request.end:
            yield replace(request, start=start)
            return
        end = later - _SECOND
        yield replace(request, start=start, end=end)
        start = later


def _add_months(moment: datetime, months: int) -> datetime | None:
    """The same day so many months later, or the last of that month; None when the calendar ends before."""
    index = moment.year * 12 + moment.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if year > 9999:
        return None
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))
