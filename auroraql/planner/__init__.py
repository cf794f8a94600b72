"""Planner: turn a Query into native AuroraX requests, and post-processing that makes their result exact.

A query that AuroraX can express becomes one request (pushdown). Any other becomes several requests, which together
fetch a superset of its records. Post-processing then applies the whole predicate to the fetched records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, replace_value
from auroraql.ir.plan import Plan, PostProcessing, Request
from auroraql.ir.query import EVERYTHING, MAX_WINDOWS, Predicate, Query, Using, collect_refs, is_time
from auroraql.ir.window_inference import narrow_window
from auroraql.planner.pushdown import MAX_REQUESTS, NativeRequest, response_format
from auroraql.planner.request_windows import FindRecordRange, apply_windows, close_windows, cut_windows, is_open
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource

__all__ = ["lacks_filter", "open_window", "plan_query", "plan_warnings"]


def plan_query(
    query: Query,
    catalogue: Catalogue,
    warnings: Iterable[Diagnostic] = (),
    sources: Callable[[], Sequence[DataSource]] | None = None,
    *,
    cut: bool = True,
    record_range: FindRecordRange | None = None,
) -> Plan:
    """Plan a query as requests of the AuroraX API, followed by post-processing.

    `warnings` come first in the plan's warnings. `sources` returns all data sources of the archive; it is called only
    if the predicate needs more than lists, and defaults to the catalogue's sources. With `cut`, the requests meet the
    limits of the service: a window that is too long is split, and a missing filter is added. Without it, the plan is
    the query as one document. `record_range` returns the time range of the archive's records for a request and closes open
    windows; without it, they stay open.

    A query that no data source can match has no requests, and a warning.
    """
    plan = _plan_requests(query, catalogue, warnings, sources)
    if catalogue.mirror is not None:
        plan = replace(plan, warnings=(*plan.warnings, *_mirror_warnings(query, catalogue)))
    if not cut or query.criteria is not None or not KINDS[query.kind].longest_months:
        return plan
    return _make_acceptable(plan, catalogue, sources, record_range)


def _make_acceptable(
    plan: Plan,
    catalogue: Catalogue,
    sources: Callable[[], Sequence[DataSource]] | None,
    record_range: FindRecordRange | None,
) -> Plan:
    """Return the plan with requests that the service accepts: each has a filter, and a window of allowed length."""
    requests, known, origins = plan.requests, True, plan.window_from
    requests = tuple(_add_source_filter(request, sources or (lambda: catalogue.sources)) for request in requests)
    if record_range is not None and any(map(is_open, requests)):
        requests, known = close_windows(requests, record_range)
        origins = (*origins, "what the archive holds")
    if not known:
        return replace(plan, requests=(), counted=False, unsayable=(*plan.unsayable, open_window(plan.query)))
    listed = sources is None and any(map(lacks_filter, plan.requests))
    warnings = (*plan.warnings, *_limited_sources_warning(plan.query, catalogue, listed))
    if plan.requests and not requests:
        message = f"the archive has no {KINDS[plan.query.kind].title} of these sources in this window"
        origin = plan.query.where.origin
        warnings = (*warnings, Diagnostic("AQL0613", message, origin, "no records", severity="warning"))
    requests = cut_windows(requests)
    counted = len(requests) == 1 and _is_plain_count(plan.query, plan.post_processing)
    return replace(plan, requests=requests, counted=counted, warnings=warnings, window_from=origins)


def lacks_filter(request: Request) -> bool:
    """Return whether the service rejects a request because it has neither lists nor metadata filters."""
    return KINDS[request.kind].needs_filter and not request.lists and not request.filters.expressions


def _add_source_filter(request: Request, sources: Callable[[], Sequence[DataSource]]) -> Request:
    """Add the programs of all sources to a request that the service rejects without a filter."""
    if not lacks_filter(request):
        return request
    programs = tuple(sorted({source.program for source in sources() if source.program}))
    return replace(request, lists=(("program", programs),)) if programs else request


def open_window(query: Query) -> Diagnostic:
    """Return the error for an open window that is not closed by the archive's time range."""
    kind = KINDS[query.kind]
    message = f"AuroraX needs both ends of the time window for {kind.title}, and this one is open"
    hint = "write a window with both ends, such as DURING 2021-01"
    return Diagnostic("AQL0305", message, query.where.origin, "open window", hint)


def _plan_requests(
    query: Query,
    catalogue: Catalogue,
    warnings: Iterable[Diagnostic] = (),
    sources: Callable[[], Sequence[DataSource]] | None = None,
) -> Plan:
    """Plan a query without regard to the limits of the service."""
    collected = [*warnings]
    window = narrow_window(query) if query.compares_times else query.window
    if window is None:
        return _make_plan(query, (), None, (*collected, _impossible_times_warning(query)))
    if query.criteria is not None:
        # Deferred: only conjunction searches pay for this import.
        from auroraql.planner.conjunction_plan import ConjunctionPlanner

        planner = ConjunctionPlanner(query.criteria, sources or (lambda: catalogue.sources), catalogue)
        requests = planner.requests(replace_value(query, start=window[0], end=window[1]))
        if query.during is not None:
            # Conjunctions depend on the windows, so their number must not depend on the requests of the blocks.
            requests = apply_windows(requests, query, len(requests) * MAX_WINDOWS)
        rest = query.where if query.where != EVERYTHING else None
        collected += [
            *planner.warnings,
            *_limited_sources_warning(query, catalogue, planner.used_sources and sources is None),
        ]
        return _make_plan(query, requests, rest, tuple(collected), tuple(planner.unsayable))
    if query.using is not None:
        return _plan_groups(query, query.using, catalogue, tuple(collected), sources)
    native = NativeRequest.build(query.where, KINDS[query.kind])
    if not native.fits:
        # Deferred: most searches are one request.
        from auroraql.planner.dnf import DnfPlanner

        dnf_planner = DnfPlanner(query, sources() if sources is not None else catalogue.sources)
        requests = _split_by_windows(query, dnf_planner.requests())
        collected += [
            *dnf_planner.warnings,
            *_limited_sources_warning(query, catalogue, dnf_planner.used_sources and sources is None),
        ]
        return _make_plan(query, requests, dnf_planner.rest, tuple(collected))
    collected += _request_warnings(native, catalogue)
    requests = () if native.impossible is not None else _split_by_windows(query, (native.request(query),))
    return _make_plan(query, requests, None, tuple(collected))


def _limited_sources_warning(query: Query, catalogue: Catalogue, used: bool) -> Iterator[Diagnostic]:
    """Yield a warning if the requests depend on the source list that is shipped with the package."""
    if used and catalogue.is_shipped:
        blocks = query.criteria.blocks if query.criteria is not None else ()
        origin = query.where.origin or next((block.where.origin for block in blocks if block.where.origin), None)
        yield Diagnostic(
            "AQL0630",
            f"limited to the {len(catalogue.sources)} data sources that come with AuroraQL: the archive may have others",
            origin,
            "written as lists of sources",
            "SHOW SOURCES REFRESH caches the archive's own list; --archive selects the archive",
            severity="warning",
        )


def _plan_groups(
    query: Query,
    using: Using,
    catalogue: Catalogue,
    collected: tuple[Diagnostic, ...],
    sources: Callable[[], Sequence[DataSource]] | None,
) -> Plan:
    """Plan a query with USING: as the requests of each group, or as one query that covers all groups."""
    # Deferred: few searches have USING.
    from auroraql.planner.using_groups import split_using

    known_sources = sources() if sources is not None else catalogue.sources
    requests: tuple[Request, ...] = ()
    rest = None
    for queries in split_using(query, using, known_sources, catalogue):
        plans = [_plan_requests(part, catalogue, (), lambda: known_sources) for part in queries]
        requests = tuple(dict.fromkeys(request for part in plans for request in part.requests))
        rest = query.where if any(part.post_processing.where is not None for part in plans) else None
        if len(requests) <= MAX_REQUESTS:
            break
    tree = response_format(query, collect_refs(query.where) if rest is not None else ())
    warnings = _query_warnings(replace_value(query, using=None), catalogue, collected)
    if not requests and query.during and len(warnings) == len(collected):
        message = "no data source can match any row of the result: this finds nothing"
        origin = query.where.origin
        warnings = (*collected, Diagnostic("AQL0606", message, origin, "no matching source", severity="warning"))
    return _make_plan(query, tuple(replace(request, response_format=tree) for request in requests), rest, warnings)


def plan_warnings(query: Query, catalogue: Catalogue, warnings: Iterable[Diagnostic] = ()) -> tuple[Diagnostic, ...]:
    """Return the warnings of a query's plan without planning its requests."""
    return (*_query_warnings(query, catalogue, warnings), *_mirror_warnings(query, catalogue))


def _mirror_warnings(query: Query, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """Yield the warnings about records that a mirror lacks."""
    if catalogue.mirror is not None:
        # Deferred: few catalogues are mirrors.
        from auroraql.planner.mirror_coverage import mirror_warnings

        yield from mirror_warnings(query, catalogue)


def _query_warnings(query: Query, catalogue: Catalogue, warnings: Iterable[Diagnostic] = ()) -> tuple[Diagnostic, ...]:
    """Return the warnings about the predicate and times of a query."""
    collected = [*warnings]
    if query.compares_times and narrow_window(query) is None:
        return (*collected, _impossible_times_warning(query))
    if query.criteria is not None:
        from auroraql.planner.conjunction_plan import ConjunctionPlanner

        return (*collected, *ConjunctionPlanner(query.criteria, lambda: catalogue.sources, catalogue).check())
    native = NativeRequest.build(query.where, KINDS[query.kind])
    if not native.fits:
        from auroraql.planner.dnf import DnfPlanner

        return (*collected, *DnfPlanner(query, catalogue.sources).check())
    return (*collected, *_request_warnings(native, catalogue))


def _impossible_times_warning(query: Query) -> Diagnostic:
    """Return the warning that the time window and the time comparisons exclude each other."""
    message = "no record can match these times: this finds nothing"
    hint = "the time window and the comparisons have no moment in common"
    return Diagnostic("AQL0612", message, query.where.origin, "no moment left", hint, severity="warning")


def _request_warnings(native: NativeRequest, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """Yield the warnings about a query that is one request."""
    if native.impossible is not None:
        yield native.impossible
    else:
        unmatched = native.unmatched_values(catalogue)
        if unmatched is not None:
            yield unmatched


def _split_by_windows(query: Query, requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """Repeat each request for the intervals of the query."""
    return requests if query.during is None else apply_windows(requests, query)


def _make_plan(
    query: Query,
    requests: tuple[Request, ...],
    rest: Predicate | None,
    collected: tuple[Diagnostic, ...],
    unsayable: tuple[Diagnostic, ...] = (),
) -> Plan:
    """Return the plan. `rest` is the predicate that post-processing applies, or None if the requests are exact."""
    post_processing = PostProcessing(
        query.order_by,
        query.limit,
        query.offset,
        query.select,
        rest,
        query.distinct,
        query.group_by,
        query.during,
        query.using,
        query.having,
    )
    counted = len(requests) == 1 and _is_plain_count(query, post_processing)
    origins = query.window_from
    if query.compares_times and narrow_window(query) not in (None, query.window):
        names = (ref.name for ref in collect_refs(query.where) if is_time(ref, KINDS[query.kind]))
        origins = tuple(dict.fromkeys((*origins, *(f"WHERE {name}" for name in names))))
    return Plan(query, requests, post_processing, collected, unsayable, counted, origins)


def _is_plain_count(query: Query, post_processing: PostProcessing) -> bool:
    """Return whether every column is `count(*)` of all records, with no post-processing."""
    if post_processing != PostProcessing(select=query.select):
        return False
    return bool(query.select) and all(c.function == "count" and c.ref is None for c in query.select or ())
