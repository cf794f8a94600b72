"""Requests of a search with LIMIT: the service computes a request whole, so the first requests are small.

AuroraX's API has no limit. A request for the beginning of a window usually has enough records. The others are sent
only if it has not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from auroraql.ir.plan import Plan, PostProcessing, Request
from auroraql.schema import CONJUNCTIONS, KINDS

_SHORTEST_WINDOW = timedelta(hours=1)
_RECORDS_PER_WINDOW = 60
"""Records of one source in the shortest window, about one a minute."""

_GROWTH = 24
"""Factor between the windows of consecutive requests."""

_LARGEST_SHARE = 4
"""The whole window is this many times longer than the longest beginning that is requested on its own."""


def records_wanted(plan: Plan) -> int | None:
    """Return the number of records needed of each request of a plan, or None for all.

    The first records of each request suffice: duplicates of earlier requests are among them.
    """
    post_processing = plan.post_processing
    limit = post_processing.limit
    if limit is None or post_processing != PostProcessing(
        limit=limit, offset=post_processing.offset, select=post_processing.select
    ):
        return None
    is_merged = plan.query.kind == CONJUNCTIONS.name and len(plan.requests) > 1
    return None if post_processing.is_aggregate or is_merged else limit + post_processing.offset


def request_steps(requests: Sequence[Request], records: int) -> Iterator[tuple[Request, ...]]:
    """Yield the requests to complete before each check whether they have enough records. The last are all `requests`.

    Records of a step are records of the next step as well.
    """
    count = 0
    while count < len(requests):
        complete, first = tuple(requests[:count]), requests[count]
        yield from ((*complete, beginning) for beginning in _beginnings(first, records))
        count = max(1, 2 * count)
        yield tuple(requests[:count])


def _beginnings(request: Request, records: int) -> Iterator[Request]:
    """Yield the request with growing beginnings of its window.

    The records that lie inside a beginning also lie inside the whole window. This does not hold for conjunctions: the
    end of a window cuts them.
    """
    if request.criteria is not None or request.start is None or request.end is None:
        return
    shortest = max(_SHORTEST_WINDOW, KINDS[request.kind].longest_record)
    length = shortest * max(1, -(-records // _RECORDS_PER_WINDOW))
    while length * _LARGEST_SHARE <= request.end - request.start:
        yield replace(request, end=request.start + length - timedelta(seconds=1))
        length *= _GROWTH
