"""Request windows: apply the intervals of a query, close open windows, and split windows that are too long.

The windows of one query do not overlap, so that no record is fetched twice.
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

_MAX_MONTH = timedelta(days=31)


def cut_windows(requests: Iterable[Request]) -> tuple[Request, ...]:
    """Split the requests whose windows are longer than the service allows. Open windows are not split."""
    return tuple(piece for request in requests for piece in _split_window(request))


FindRecordRange = Callable[[Request], Window | None]
"""Callback that returns the time range of an archive's records for a request, or None if it is unknown."""


def close_windows(requests: Sequence[Request], find_range: FindRecordRange) -> tuple[tuple[Request, ...], bool]:
    """Reduce open windows to the range of the archive's records, if the service needs closed windows.

    Return the requests, without those for which the archive has no record, and whether the ranges are known. If they
    are not, the requests are unchanged.
    """
    closed: list[Request] = []
    for request in requests:
        if not is_open(request):
            closed.append(request)
            continue
        record_range = find_range(request)
        if record_range is None:
            return tuple(requests), False
        first, last = record_range
        if first is None or last is None:
            return tuple(requests), False
        # The other end is narrowed as well, because each month without records would be a request.
        start, end = max(request.start or first, first), min(request.end or last, last)
        if start <= end:
            closed.append(replace(request, start=start, end=end))
    return tuple(closed), True


def is_open(request: Request) -> bool:
    """Return whether the service rejects the window of a request because it is open."""
    return bool(KINDS[request.kind].longest_months) and (request.start is None or request.end is None)


def is_too_long(request: Request) -> bool:
    """Return whether the service rejects the window of a request because it is too long."""
    months = KINDS[request.kind].longest_months
    if not months or request.start is None or request.end is None:
        return False
    return request.end - request.start >= months * _MAX_MONTH


def apply_windows(requests: Sequence[Request], query: Query, max_requests: int = MAX_WINDOWS) -> tuple[Request, ...]:
    """Repeat the requests for each window of a query. Nearby windows are joined to limit the number of requests."""
    windows = [(first, last) for first, last in narrow_windows(query) if first is not None and last is not None]
    joined = merge_nearest_windows(windows, max(1, max_requests // max(1, len(requests))))
    return tuple(replace(request, start=first, end=last) for request in requests for first, last in joined)


def _split_window(request: Request) -> Iterator[Request]:
    months = KINDS[request.kind].longest_months
    if not months or request.start is None or request.end is None:
        yield request
        return
    start = request.start
    while True:
        # The piece ends a second before the next one, which starts on the same day of the month.
        later = _add_months(start, months)
        if later is None or later > request.end:
            yield replace(request, start=start)
            return
        end = later - _SECOND
        yield replace(request, start=start, end=end)
        start = later


def _add_months(time: datetime, months: int) -> datetime | None:
    """Return the same day `months` later, or the last day of that month. Return None after the year 9999."""
    index = time.year * 12 + time.month - 1 + months
    year, month = index // 12, index % 12 + 1
    if year > 9999:
        return None
    return time.replace(year=year, month=month, day=min(time.day, calendar.monthrange(year, month)[1]))
