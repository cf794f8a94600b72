"""From what is meant to what is run: the native requests of a Query, and the residual that makes them exact.

What one request can say is one request. Anything else is several, which together fetch every record of the
query and perhaps more; the residual then takes the whole predicate to what came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic
from auroraql.ir.plan import Plan, PostProcessing, Request
from auroraql.ir.query import EVERYTHING, MAX_WINDOWS, Predicate, Query, Using, collect_refs
from auroraql.ir.window_inference import is_time, narrow_window
from auroraql.planner.pushdown import MAX_REQUESTS, NativeRequest, response_format
from auroraql.planner.windows import FindRecordRange, apply_windows, close_windows, cut_windows, is_open
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
    held: FindRecordRange | None = None,
) -> Plan:
    """The plan of a query on AuroraX's protocol, with what was noticed on the way.

    `sources` tells every data source the archive has, and is asked only when a predicate is more than lists;
    left out, the catalogue's are taken for all there are. `cut` makes requests that the service accepts: several
    of a window that is longer than it allows, and one with a filter where it needs one; without it the query is as
    one document says it. `held` tells what the archive has for a request, and is asked to close windows that are
    open; left out, they stay open.

    A query that no data source can match has no request at all, and a warning that says so.
    """
    made = _plan_requests(query, catalogue, warnings, sources)
    if not cut or query.criteria is not None or not KINDS[query.kind].longest_months:
        return made
    return _make_acceptable(made, catalogue, sources, held)


def _make_acceptable(
    made: Plan, catalogue: Catalogue, sources: Callable[[], Sequence[DataSource]] | None, held: FindRecordRange | None
) -> Plan:
    """The plan with requests that the service accepts: with a filter, and with windows as long as it allows."""
    requests, known, origins = made.requests, True, made.window_from
    requests = tuple(_add_source_filter(request, sources or (lambda: catalogue.sources)) for request in requests)
    if held is not None and any(map(is_open, requests)):
        requests, known = close_windows(requests, held)
        origins = (*origins, "what the archive holds")
    if not known:
        return replace(made, requests=(), counted=False, unsayable=(*made.unsayable, open_window(made.query)))
    listed = sources is None and any(map(lacks_filter, made.requests))
    warnings = (*made.warnings, *_limited_sources_warning(made.query, catalogue, listed))
    if made.requests and not requests:
        message = f"the archive has no {KINDS[made.query.kind].title} of these sources at such times"
        origin = made.query.where.origin
        warnings = (*warnings, Diagnostic("AQL0613", message, origin, "none then", severity="warning"))
    requests = cut_windows(requests)
    counted = len(requests) == 1 and _is_plain_count(made.query, made.post_processing)
    return replace(made, requests=requests, counted=counted, warnings=warnings, window_from=origins)


def lacks_filter(request: Request) -> bool:
    """Whether the service refuses a request because it has neither lists nor metadata filters."""
    return KINDS[request.kind].needs_filter and not request.lists and not request.filters.expressions


def _add_source_filter(request: Request, sources: Callable[[], Sequence[DataSource]]) -> Request:
    """The request; one that the service refuses without a filter has the programs of every source as its filter."""
    if not lacks_filter(request):
        return request
    programs = tuple(sorted({source.program for source in sources() if source.program}))
    return replace(request, lists=(("program", programs),)) if programs else request


def open_window(query: Query) -> Diagnostic:
    """The error that a window is open at an end, and the archive has not been asked where its records end."""
    kind = KINDS[query.kind]
    message = f"AuroraX takes a search for {kind.title} with both ends of its window, and this one is open"
    hint = "write a window with both ends, such as DURING 2021-01"
    return Diagnostic("AQL0305", message, query.where.origin, "needs a window", hint)


def _plan_requests(
    query: Query,
    catalogue: Catalogue,
    warnings: Iterable[Diagnostic] = (),
    sources: Callable[[], Sequence[DataSource]] | None = None,
) -> Plan:
    """The plan before the service's limits are looked at."""
    said = [*warnings]
    window = narrow_window(query)
    if window is None:
        return _make_plan(query, (), None, (*said, _impossible_times_warning(query)))
    if query.criteria is not None:
        # Most searches are for something else and never load this room.
        from auroraql.planner.conjunctions import ConjunctionPlanner

        found = ConjunctionPlanner(query.criteria, sources or (lambda: catalogue.sources), catalogue)
        requests = found.requests(replace(query, start=window[0], end=window[1]))
        if query.during is not None:
            # Every archive finds conjunctions in the same windows: their number does not depend on the blocks.
            requests = apply_windows(requests, query, len(requests) * MAX_WINDOWS)
        rest = query.where if query.where != EVERYTHING else None
        said += [*found.said, *_limited_sources_warning(query, catalogue, found.used_sources and sources is None)]
        return _make_plan(query, requests, rest, tuple(said), tuple(found.unsayable))
    if query.using is not None:
        return _plan_groups(query, query.using, catalogue, tuple(said), sources)
    native = NativeRequest.build(query.where, KINDS[query.kind])
    if not native.fits:
        # Most searches are one request and never load the rest of the planner.
        from auroraql.planner.dnf import DnfPlanner

        several = DnfPlanner(query, sources() if sources is not None else catalogue.sources)
        requests = _split_by_windows(query, several.requests())
        said += [*several.said, *_limited_sources_warning(query, catalogue, several.used_sources and sources is None)]
        return _make_plan(query, requests, several.rest, tuple(said))
    said += _request_warnings(native, catalogue)
    requests = () if native.impossible is not None else _split_by_windows(query, (native.request(query),))
    return _make_plan(query, requests, None, tuple(said))


def _limited_sources_warning(query: Query, catalogue: Catalogue, used: bool) -> Iterator[Diagnostic]:
    """The warning that requests are limited to the sources that come with the package, where they depend on them."""
    if used and catalogue.is_shipped:
        blocks = query.criteria.blocks if query.criteria is not None else ()
        origin = query.where.origin or next((block.where.origin for block in blocks if block.where.origin), None)
        yield Diagnostic(
            "AQL0630",
            f"limited to the {len(catalogue.sources)} data sources that come with AuroraQL: the archive may have others",
            origin,
            "written as lists of sources",
            "SHOW SOURCES REFRESH on the archive keeps its list; --archive says which archive",
            severity="warning",
        )


def _plan_groups(
    query: Query,
    using: Using,
    catalogue: Catalogue,
    said: tuple[Diagnostic, ...],
    sources: Callable[[], Sequence[DataSource]] | None,
) -> Plan:
    """The plan of a query with USING: the requests of all groups, or of one query around them."""
    # Few searches are fed by a result and load this module.
    from auroraql.planner.using_groups import split_using

    known = sources() if sources is not None else catalogue.sources
    requests: tuple[Request, ...] = ()
    rest = None
    for queries in split_using(query, using, known, catalogue):
        plans = [_plan_requests(part, catalogue, (), lambda: known) for part in queries]
        requests = tuple(dict.fromkeys(request for part in plans for request in part.requests))
        rest = query.where if any(part.post_processing.where is not None for part in plans) else None
        if len(requests) <= MAX_REQUESTS:
            break
    tree = response_format(query, collect_refs(query.where) if rest is not None else ())
    warnings = plan_warnings(replace(query, using=None), catalogue, said)
    if not requests and query.during and len(warnings) == len(said):
        message = "no data source can match a row of the result: this finds nothing"
        origin = query.where.origin
        warnings = (*said, Diagnostic("AQL0606", message, origin, "leaves no source", severity="warning"))
    return _make_plan(query, tuple(replace(request, response_format=tree) for request in requests), rest, warnings)


def plan_warnings(query: Query, catalogue: Catalogue, warnings: Iterable[Diagnostic] = ()) -> tuple[Diagnostic, ...]:
    """The warnings of a query's plan, told without making it."""
    said = [*warnings]
    if narrow_window(query) is None:
        return (*said, _impossible_times_warning(query))
    if query.criteria is not None:
        from auroraql.planner.conjunctions import ConjunctionPlanner

        return (*said, *ConjunctionPlanner(query.criteria, lambda: catalogue.sources, catalogue).warnings())
    native = NativeRequest.build(query.where, KINDS[query.kind])
    if not native.fits:
        from auroraql.planner.dnf import DnfPlanner

        return (*said, *DnfPlanner(query, catalogue.sources).warnings())
    return (*said, *_request_warnings(native, catalogue))


def _impossible_times_warning(query: Query) -> Diagnostic:
    """The warning that the window and the comparisons of times have no moment in common."""
    message = "no record can have such times: this finds nothing"
    hint = "the time window and the comparisons have no moment in common"
    return Diagnostic("AQL0612", message, query.where.origin, "no moment left", hint, severity="warning")


def _request_warnings(native: NativeRequest, catalogue: Catalogue) -> Iterator[Diagnostic]:
    """What is noticed of one request."""
    if native.impossible is not None:
        yield native.impossible
    else:
        unmatched = native.unmatched_values(catalogue)
        if unmatched is not None:
            yield unmatched


def _split_by_windows(query: Query, requests: tuple[Request, ...]) -> tuple[Request, ...]:
    """The requests, each as many as the intervals need."""
    return requests if query.during is None else apply_windows(requests, query)


def _make_plan(
    query: Query,
    requests: tuple[Request, ...],
    rest: Predicate | None,
    said: tuple[Diagnostic, ...],
    unsayable: tuple[Diagnostic, ...] = (),
) -> Plan:
    """The plan: `rest` is the predicate that is left to be taken to what came."""
    residual = PostProcessing(
        query.order_by,
        query.limit,
        query.offset,
        query.select,
        rest,
        query.distinct,
        query.group_by,
        query.during,
        query.using,
    )
    counted = len(requests) == 1 and _is_plain_count(query, residual)
    origins = query.window_from
    if narrow_window(query) not in (None, (query.start, query.end)):
        names = (ref.name for ref in collect_refs(query.where) if is_time(ref, KINDS[query.kind]))
        origins = tuple(dict.fromkeys((*origins, *(f"WHERE {name}" for name in names))))
    return Plan(query, requests, residual, said, unsayable, counted, origins)


def _is_plain_count(query: Query, residual: PostProcessing) -> bool:
    """Whether only the number of records is asked for, and every column is `count(*)`."""
    if residual != PostProcessing(select=query.select):
        return False
    return bool(query.select) and all(c.function == "count" and c.ref is None for c in query.select or ())
