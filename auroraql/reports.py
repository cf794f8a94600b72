"""What EXPLAIN and DESCRIBE say: the plan as a tree that people read, and the engine's sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from auroraql.archives.base import Engine
from auroraql.forms import sentence
from auroraql.forms.text.writing import write_predicate, write_window
from auroraql.plan import CriteriaRequest, FilterGroup, Plan, Request, Residual
from auroraql.planner import plan as make_plan
from auroraql.query import Tree
from auroraql.results import ResultColumn
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.operators import OPERATORS
from auroraql.syntax import Report
from auroraql.translation import one_request


Lists = tuple[tuple[str, tuple[str, ...]], ...]


def report(plan: Plan, statement: Report, engine: Engine) -> tuple[ResultColumn, list[str]]:
    """The column and the lines of what a statement asks about its plan.

    Raises StatementError when DESCRIBE is asked of what the sentence cannot say.
    """
    if statement.verb == "describe":
        whole = make_plan(plan.query, engine.catalogue(), cut=False)
        request, _ = one_request(whole, statement.find, "sentence")
        return ResultColumn("sentence", Type.STRING, path=("sentence",)), [sentence.write(request)]
    return ResultColumn("plan", Type.STRING, path=("plan",)), list(explain(plan, engine))


def explain(plan: Plan, engine: Engine) -> Iterator[str]:
    """The plan: each request, what it asks for, and what is done after it, and by whom."""
    kind, catalogue = KINDS[plan.query.kind], engine.catalogue()
    count = len(plan.requests)
    yield f"{kind.title} from {engine.name}: {count or 'no'} request{'' if count == 1 else 's'}"
    yield from (f"  {each.message}" for each in plan.unsayable)
    after = list(_after(plan.residual, plan, catalogue))
    branches = [list(_request(request, catalogue)) for request in plan.requests]
    titles = [f"request {n} of {count}: POST /api/v1/{kind.endpoint}" for n in range(1, count + 1)]
    if after:
        titles.append("afterwards, on what was fetched")
        branches.append(after)
    for at, (title, lines) in enumerate(zip(titles, branches, strict=True)):
        last = at == len(titles) - 1
        yield f"{'└─' if last else '├─'} {title}"
        yield from (f"{'   ' if last else '│  '}{line}" for line in lines)
    if engine.capabilities.whole_query:
        yield "this archive does all of it at once, as one SQL statement of its own"


def _request(request: Request, catalogue: Catalogue) -> Iterator[str]:
    if request.criteria is not None:
        yield from _criteria(request.criteria, catalogue)
    else:
        yield from _chosen(request.lists, request.filters, catalogue)
    yield f"window: {_window(request.start, request.end)}"
    if request.response_format is not None:
        yield f"response_format: {', '.join(_leaves(request.response_format))}"


def _chosen(lists: Lists, filters: FilterGroup, catalogue: Catalogue) -> Iterator[str]:
    """The lists and filters, and how many sources they leave."""
    yield from (f"{name} in {_some(values)}" for name, values in lists)
    if catalogue.sources:
        yield f"data sources: {_count(lists, catalogue)} of {len(catalogue.sources)} known"
    if filters.expressions:
        yield f"metadata: {_filters(filters)}"


def _count(lists: Lists, catalogue: Catalogue) -> int:
    named = [(name, values) for name, values in lists if hasattr(DataSource, name)]
    return sum(all(getattr(source, name) in values for name, values in named) for source in catalogue.sources)


def _criteria(criteria: CriteriaRequest, catalogue: Catalogue) -> Iterator[str]:
    """The blocks and what is asked of each, the distances, and how many combinations of sources there are."""
    combinations = 1
    for name, block in zip(criteria.names, criteria.blocks, strict=True):
        if block.points:
            yield f"{name}: {'; '.join(f'{lat:f}, {lon:f}' for lat, lon in block.points)}"
            combinations *= len(block.points)
        else:
            yield f"{name}: {', '.join(_chosen(block.lists, block.filters, catalogue))}"
            combinations *= _count(block.lists, catalogue)
    pairs = zip(criteria.pairs, criteria.distances, strict=True)
    yield "distances: " + ", ".join(f"{pair} any" if limit is None else f"{pair} {limit} km" for pair, limit in pairs)
    yield f"found by {', '.join(criteria.via) or 'what AuroraX takes for none'}, " + (
        "at sub-minute precision" if criteria.subminute else "at one-minute precision"
    )
    yield f"combinations of sources: at most {combinations}"


def _after(residual: Residual, plan: Plan, catalogue: Catalogue) -> Iterator[str]:
    if len(plan.requests) > 1:
        yield "records that several requests fetched are kept once"
    if residual.where is not None:
        yield f"WHERE {write_predicate(residual.where, KINDS[plan.query.kind], catalogue)}"
        yield "  (AuroraX has no filter for all of it, or not in so few requests)"
    if residual.order_by:
        keys = (f"{'.'.join(k.ref.path)}{' descending' if k.descending else ''}" for k in residual.order_by)
        yield f"ORDER BY {', '.join(keys)}"
    if residual.limit is not None:
        yield f"LIMIT {residual.limit}" + (f" OFFSET {residual.offset}" if residual.offset else "")
    if residual.select is not None:
        yield f"columns: {', '.join(column.label for column in residual.select)}"


def _filters(group: FilterGroup) -> str:
    return f" {group.operator} ".join(
        f"{e.key} {OPERATORS[e.operator].text} {_some(e.values)}" for e in group.expressions
    )


def _some(values: tuple[str, ...]) -> str:
    shown = ", ".join(values[:12])
    return f"({shown}{f', … {len(values)} in all' if len(values) > 12 else ''})"


def _window(start: datetime | None, end: datetime | None) -> str:
    return write_window(start, end) or "none: all times"


def _leaves(tree: Tree, above: str = "") -> Iterator[str]:
    for name, below in tree.items():
        if isinstance(below, dict):
            yield from _leaves(below, f"{above}{name}.")
        else:
            yield above + name
