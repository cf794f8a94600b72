"""Reports of EXPLAIN and DESCRIBE: the plan as a tree, and the query as a sentence."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from auroraql.codecs import sentence
from auroraql.diagnostics.errors import ArchiveError, Diagnostic, StatementError
from auroraql.engines.base import Engine
from auroraql.engines.record_range import record_range
from auroraql.ir.plan import CriteriaRequest, FilterGroup, Plan, PostProcessing, Request, record_kind
from auroraql.ir.query import CLAUSE, EVERYTHING, Interval, Ref, Tree, Using
from auroraql.language.ast import ExplainStatement, FindStatement
from auroraql.language.printer import print_predicate, print_scalar, print_window
from auroraql.planner import plan_query as make_plan
from auroraql.resolver import ResolvedFind, resolve
from auroraql.resolver.result_references import ResultLookup, SubqueryResults
from auroraql.results.result_set import ResultColumn
from auroraql.results.stored_results import StoredResult
from auroraql.schema import KINDS, PROTOCOLS, Kind, Type
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.operators import OPERATORS
from auroraql.session.result_queries import plan_row_query, stored_result_for
from auroraql.session.translation import require_one_request

_SOURCES_SECONDS = 5.0
"""Seconds that EXPLAIN waits for the data sources of the archive."""

Lists = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Report of a statement: its column, its lines, and warnings."""

    column: ResultColumn
    lines: list[str]
    warnings: tuple[Diagnostic, ...]


@dataclass(slots=True)
class ExplainContext:
    """Context of EXPLAIN and DESCRIBE: the engine, the results of the session, the parameters, and NOW.

    As the `ResultLookup` of the resolver it does not run a FIND in parentheses: it returns a result without rows, and
    adds the plan of that FIND to `lines`.
    """

    engine: Engine
    results: ResultLookup
    parameter_values: Mapping[str, object]
    now: datetime
    lines: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Errors of requests for the data sources. The plan then uses the sources of the local catalogue."""
    subquery_lines: SubqueryResults | None = None
    subquery_plans: dict[int, list[str]] = field(default_factory=dict)
    """Lines about each FIND in parentheses, by its `id()`."""

    def __post_init__(self) -> None:
        if self.subquery_lines is None:
            self.subquery_lines = SubqueryResults(self._explain_subquery)

    @property
    def names(self) -> Collection[str]:
        """Names of the stored results."""
        return self.results.names

    def get(self, name: str) -> StoredResult | None:
        """Return the stored result of a name, or None."""
        return self.results.get(name)

    def run_subquery(self, find: FindStatement) -> StoredResult:
        """Return the result of a FIND in parentheses, without rows. Add its plan to `lines`."""
        assert self.subquery_lines is not None, "set in __post_init__"  # noqa: S101
        stored = self.subquery_lines.run_subquery(find)
        self.lines.extend(("first:", *(f"  {line}" for line in self.subquery_plans[id(find)])))
        return stored

    def _explain_subquery(self, find: FindStatement) -> StoredResult:
        inner = replace(self, lines=[])
        resolved = inner.resolve_find(find)
        self.subquery_plans[id(find)] = [*inner.lines, *inner.explain_plan(resolved)]
        return stored_result_for("(FIND)", resolved)

    def resolve_find(self, find: FindStatement) -> ResolvedFind:
        """Resolve a FIND without running its FINDs in parentheses."""
        return resolve(find, self.engine.catalogue(), self.parameter_values, now=self.now, results=self)

    def plan_find(self, resolved: ResolvedFind) -> Plan:
        """Return the plan of a FIND that does not depend on other results."""
        if resolved.searched is not None:
            return plan_row_query(resolved.query, resolved.searched, resolved.warnings)
        deadline = time.monotonic() + _SOURCES_SECONDS
        find_range = partial(record_range, self.engine, deadline)
        plan = make_plan(
            resolved.query, self.engine.catalogue(), resolved.warnings, self.data_sources, record_range=find_range
        )
        return plan if not plan.query.joined_names else self._narrow(plan, deadline)

    def _narrow(self, plan: Plan, deadline: float) -> Plan:
        """Return the plan with requests narrowed by joined fields, if the archive's source list arrives in time."""
        # Imported late: few searches name fields of the archive's source list.
        from auroraql.session.source_details import load_source_facts
        from auroraql.session.source_narrowing import narrow_to_sources

        try:
            return narrow_to_sources(plan, load_source_facts(plan.query, self.engine, deadline), self.engine, deadline)
        except ArchiveError as error:
            self.warnings.append(error.message)
            return plan

    def data_sources(self) -> Sequence[DataSource]:
        """Return all data sources: those of the archive if it responds in time, otherwise those of the local catalogue."""
        if not self.warnings:
            try:
                return self.engine.sources(time.monotonic() + _SOURCES_SECONDS)
            except ArchiveError as error:
                self.warnings.append(error.message)
        return self.engine.catalogue().sources

    def explain_plan(self, resolved: ResolvedFind) -> Iterator[str]:
        """Yield the lines of a plan, or one line when it depends on rows of other results."""
        if resolved.waiting:
            yield f"{resolved.kind.title} from {self.engine.name}: the requests depend on those rows"
        elif resolved.searched is not None:
            yield from explain_rows(self.plan_find(resolved), resolved.searched, self.engine.catalogue())
        else:
            yield from explain_requests(self.plan_find(resolved), self.engine)
            yield from (f"planned with the data sources of the local catalogue: {why}" for why in self.warnings)


def answer_explain(statement: ExplainStatement, context: ExplainContext) -> Explanation:
    """Return the report of an EXPLAIN or DESCRIBE.

    Raises StatementError when the sentence of DESCRIBE cannot express the query.
    """
    resolved = context.resolve_find(statement.find)
    if statement.verb == "describe":
        return _describe_query(statement, context, resolved)
    lines = [*context.lines, *context.explain_plan(resolved)]
    warnings = resolved.warnings if resolved.waiting else context.plan_find(resolved).warnings
    return Explanation(ResultColumn("plan", Type.STRING, path=("plan",)), lines, warnings)


def _describe_query(statement: ExplainStatement, context: ExplainContext, resolved: ResolvedFind) -> Explanation:
    """Return the sentence of the engine, or AuroraQL's own with a warning when the engine returns none."""
    origin = statement.find.origin
    if resolved.waiting:
        message, hint = "the sentence depends on rows that are not known", "store them first: LET name = FIND …"
        raise StatementError([Diagnostic("AQL0410", message, origin, "needs the rows of a FIND", hint)])
    if resolved.searched is not None:
        message = f"DESCRIBE needs a search of AuroraX, but '{resolved.searched.name}' is a stored result"
        raise StatementError([Diagnostic("AQL0406", message, origin, "not a search of AuroraX", "use EXPLAIN")])
    plan = make_plan(resolved.query, context.engine.catalogue(), (), context.data_sources, cut=False)
    request, _ = require_one_request(plan, statement.find, "sentence")
    own_sentence = sentence.write_sentence(request)  # first: it raises the errors of what a sentence cannot express
    engine_sentence = context.engine.describe(request)
    warnings: tuple[Diagnostic, ...] = ()
    if engine_sentence is None and context.engine.capabilities.words_queries:
        message = f"{context.engine.name} did not return a sentence for this query: AuroraQL wrote it"
        warnings = (Diagnostic("AQL0611", message, origin, "written by AuroraQL", severity="warning"),)
    return Explanation(
        ResultColumn("sentence", Type.STRING, path=("sentence",)),
        [own_sentence if engine_sentence is None else engine_sentence],
        warnings,
    )


def explain_rows(plan: Plan, searched: StoredResult, catalogue: Catalogue) -> Iterator[str]:
    """Yield the lines of a plan that queries a stored result."""
    count = len(searched.result) if searched.result is not None else 0
    yield f"{searched.kind.title}: {count:,} row{'' if count == 1 else 's'}, no requests"
    lines = list(_post_processing_lines(plan.post_processing, plan, searched.kind, catalogue))
    if lines:
        yield "└─ post-processing"
    yield from (f"   {line}" for line in lines)


def explain_requests(plan: Plan, engine: Engine) -> Iterator[str]:
    """Yield the lines of a plan with requests: each request, and the post-processing."""
    kind, catalogue = record_kind(plan.query), engine.catalogue()
    count = len(plan.requests)
    yield f"{kind.title} from {engine.name}: {count or 'no'} request{'' if count == 1 else 's'}"
    yield from (f"  {diagnostic.message}" for diagnostic in plan.unsayable)
    if plan.requests and set(plan.window_from) - {CLAUSE}:
        yield f"  window from {' and '.join(plan.window_from)}"
    post_processing = list(_post_processing_lines(plan.post_processing, plan, kind, catalogue))
    counts = zip(plan.requests, engine.estimates(plan.requests), strict=True)
    branches = [[*_request_lines(request, catalogue), *_engine_estimates(count, engine)] for request, count in counts]
    titles = [f"request {n} of {count}: POST {PROTOCOLS[kind.name].search}" for n in range(1, count + 1)]
    if post_processing:
        titles.append("post-processing of the fetched records")
        branches.append(post_processing)
    for index, (title, lines) in enumerate(zip(titles, branches, strict=True)):
        last = index == len(titles) - 1
        yield f"{'└─' if last else '├─'} {title}"
        yield from (f"{'   ' if last else '│  '}{line}" for line in lines)
    if engine.capabilities.whole_query:
        yield "this archive runs the whole plan as one SQL statement"


def _request_lines(request: Request, catalogue: Catalogue) -> Iterator[str]:
    if request.criteria is not None:
        yield from _criteria_lines(request.criteria, catalogue)
    else:
        yield from _selection_lines(request.lists, request.filters, catalogue)
    yield f"window: {_window_text(request.start, request.end)}"
    if request.response_format is not None:
        yield f"response_format: {', '.join(_tree_leaves(request.response_format))}"


def _selection_lines(lists: Lists, filters: FilterGroup, catalogue: Catalogue) -> Iterator[str]:
    """Yield the lines of lists and filters, and the number of matching sources."""
    yield from (f"{name} in {_shorten_list(values)}" for name, values in lists)
    if catalogue.sources:
        yield f"data sources: {_count_sources(lists, catalogue)} of {len(catalogue.sources)} known"
    if filters.expressions:
        yield f"metadata: {_filter_text(filters)}"


def _count_sources(lists: Lists, catalogue: Catalogue) -> int:
    named = [(name, values) for name, values in lists if hasattr(DataSource, name)]
    return sum(all(getattr(source, name) in values for name, values in named) for source in catalogue.sources)


def _criteria_lines(criteria: CriteriaRequest, catalogue: Catalogue) -> Iterator[str]:
    """Yield the lines of criteria blocks, distances, and the maximum number of source combinations."""
    combinations = 1
    for name, block in zip(criteria.names, criteria.blocks, strict=True):
        if block.points:
            yield f"{name}: {'; '.join(f'{lat:f}, {lon:f}' for lat, lon in block.points)}"
            combinations *= len(block.points)
        else:
            yield f"{name}: {', '.join(_selection_lines(block.lists, block.filters, catalogue))}"
            combinations *= _count_sources(block.lists, catalogue)
    pairs = zip(criteria.pairs, criteria.distances, strict=True)
    yield "distances: " + ", ".join(f"{pair} any" if limit is None else f"{pair} {limit} km" for pair, limit in pairs)
    yield f"conjunction types: {', '.join(criteria.via) or 'the default of AuroraX'}, " + (
        "at sub-minute precision" if criteria.subminute else "at one-minute precision"
    )
    yield f"combinations of sources: at most {combinations}"


def _engine_estimates(count: int | None, engine: Engine) -> Iterator[str]:
    """Yield the engine's own count of the combinations of a request."""
    if count is not None:
        yield f"combinations of sources, counted by {engine.name}: {count:,}"


def _post_processing_lines(
    post_processing: PostProcessing, plan: Plan, kind: Kind, catalogue: Catalogue
) -> Iterator[str]:
    if len(plan.requests) > 1:
        yield "duplicate records of several requests are removed"
    if plan.query.joined_names:
        yield f"joined from the list of sources: {', '.join(n.partition('.')[2] for n in plan.query.joined_names)}"
    if post_processing.where is not None:
        yield f"WHERE {print_predicate(post_processing.where, kind, catalogue)}"
    if post_processing.where is not None and kind.name in KINDS:
        yield "  (AuroraX has no filter for all of this, or would need too many requests)"
    if post_processing.during is not None:
        yield _overlap_lines(post_processing.during, post_processing.using)
    yield from _grouping_lines(post_processing, plan, kind, catalogue)
    if post_processing.order_by:
        keys = (
            f"{_dotted_name(k.ref) if k.expression is None else print_scalar(k.expression, kind, catalogue)}"
            f"{' descending' if k.descending else ''}"
            for k in post_processing.order_by
        )
        yield f"ORDER BY {', '.join(keys)}"
    if post_processing.limit is not None:
        yield f"LIMIT {post_processing.limit}" + (f" OFFSET {post_processing.offset}" if post_processing.offset else "")
    if post_processing.select is not None:
        yield f"columns: {', '.join(column.label for column in post_processing.select)}"
    if plan.counted:
        yield "count only: nothing is downloaded"


def _overlap_lines(during: Sequence[Interval], using: Using | None) -> str:
    if using is not None:
        count = sum(len(group.intervals) for group in using.groups)
        fields = " and ".join(map(_dotted_name, using.refs))
        return f"only records that overlap one of {count:,} intervals of rows with the same {fields} ({len(using.groups):,} groups)"
    if len(during) == 1:
        return f"only records that overlap {during[0][0].isoformat()} to {during[0][1].isoformat()}"
    return f"only records that overlap one of {len(during):,} intervals"


def _grouping_lines(post_processing: PostProcessing, plan: Plan, kind: Kind, catalogue: Catalogue) -> Iterator[str]:
    if post_processing.group_by:
        keys = (
            _dotted_name(key) if isinstance(key, Ref) else print_scalar(key, kind, catalogue)
            for key in post_processing.group_by
        )
        yield f"GROUP BY {', '.join(keys)}"
    elif post_processing.is_aggregate and not plan.counted:
        yield "one row for all records"
    if post_processing.having != EVERYTHING:
        yield f"HAVING {print_predicate(post_processing.having, kind, catalogue)}"
    if post_processing.distinct:
        yield "DISTINCT: duplicate rows are removed"


def _dotted_name(ref: Ref) -> str:
    return ".".join(ref.path)


def _filter_text(group: FilterGroup) -> str:
    return f" {group.operator} ".join(
        f"{expression.key} {OPERATORS[expression.operator].text} {_shorten_list(expression.values)}"
        for expression in group.expressions
    )


def _shorten_list(values: tuple[str, ...]) -> str:
    shown = ", ".join(values[:12])
    return f"({shown}{f', … {len(values)} in total' if len(values) > 12 else ''})"


def _window_text(start: datetime | None, end: datetime | None) -> str:
    return print_window(start, end) or "none: all times"


def _tree_leaves(tree: Tree, above: str = "") -> Iterator[str]:
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from _tree_leaves(below, f"{above}{name}.")
        else:
            yield above + name
