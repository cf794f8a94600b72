"""USING groups: split a query with USING into one query per group of values if that is cheaper, else one for all.

Both fetch a superset of the records, to which post-processing applies the intervals and values of each group. A query
for some groups is the original query with their values as a predicate, so that AuroraX filters as much as it can.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auroraql.diagnostics.errors import replace_value
from auroraql.ir.query import And, Comparison, Predicate, Query, Ref, Using, UsingGroup, normalize, split_conjuncts
from auroraql.planner.pushdown import MAX_REQUESTS
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.resolver.using import join_intervals
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import PLAIN_NUMBER, Op

_REQUEST_COST_DAYS = 4
"""A request costs about as much as fetching this many days of one group in vain."""


def split_using(
    query: Query, using: Using, sources: Sequence[DataSource], catalogue: Catalogue
) -> Iterator[tuple[Query, ...]]:
    """Yield lists of queries without USING that together find every record of the query, the cheapest list first.

    Groups that no source can match are omitted. The last list is a single query.
    """
    source_predicates = SourcePredicates.for_sources(sources)
    groups = [
        group
        for group in using.groups
        if source_predicates.has_possible(_restrict_to_groups(query, using.refs, [group], catalogue))
    ]
    if not groups:
        return
    combined = _query_of_group(query, using.refs, groups, catalogue)
    merged_groups = _merge_equal_windows(query, using.refs, groups)
    if len(merged_groups) <= MAX_REQUESTS:
        separate = [_query_of_group(query, using.refs, part, catalogue) for part in merged_groups]
        if _estimate_cost(separate, [len(part) for part in merged_groups]) < _estimate_cost([combined], [len(groups)]):
            yield tuple(separate)
    yield (combined,)


def _merge_equal_windows(query: Query, refs: Sequence[Ref], groups: Sequence[UsingGroup]) -> list[list[UsingGroup]]:
    """Return the groups separately. With one field, groups with equal windows share a list of values."""
    if len(refs) > 1:
        return [[group] for group in groups]
    combined: dict[object, list[UsingGroup]] = {}
    for group in groups:
        combined.setdefault(replace_value(query, during=group.intervals, using=None).windows, []).append(group)
    return list(combined.values())


def _query_of_group(query: Query, refs: Sequence[Ref], groups: Sequence[UsingGroup], catalogue: Catalogue) -> Query:
    during = tuple(join_intervals(interval for group in groups for interval in group.intervals))
    return Query.build(
        replace_value(query, where=_restrict_to_groups(query, refs, groups, catalogue), during=during, using=None)
    )


def _restrict_to_groups(
    query: Query, refs: Sequence[Ref], groups: Sequence[UsingGroup], catalogue: Catalogue
) -> Predicate:
    """Return the query's predicate AND a condition that each field has a value of one of the groups."""
    terms = [*split_conjuncts(query.where), *_equal_to_group(query, refs, groups, catalogue)]
    return normalize(And(tuple(terms), query.where.origin))


def _equal_to_group(
    query: Query, refs: Sequence[Ref], groups: Sequence[UsingGroup], catalogue: Catalogue
) -> Iterator[Comparison]:
    kind = KINDS[query.kind]
    for at, ref in enumerate(refs):
        values = tuple(dict.fromkeys(group.values[at] for group in groups))
        if len(values) > MAX_LIST_VALUES or not _can_be_sent(query, ref, values, catalogue):
            continue  # the post-processing compares them
        declared = kind.field(ref.name) if ref.role != "metadata" else None
        listed = declared is not None and bool(declared.criterion)
        yield Comparison(ref, Op.EQ if len(values) == 1 else Op.IN, values, listed)


def _can_be_sent(query: Query, ref: Ref, values: Sequence[str], catalogue: Catalogue) -> bool:
    """Return whether the service accepts the values of a metadata key: it is declared, and they have its type."""
    if ref.role != "metadata":
        return True
    key = catalogue.key(KINDS[query.kind].metadata, ref.name)
    match key.type if key is not None else None:
        case None:
            return False
        case Type.NUMBER:
            return all(PLAIN_NUMBER.fullmatch(value) for value in values)
        case Type.INTEGER:
            return all(value.removeprefix("-").isdecimal() for value in values)
        case Type.BOOLEAN:
            return all(value in ("true", "false") for value in values)
        case _:
            return True


def _estimate_cost(queries: Sequence[Query], counts: Sequence[int]) -> float:
    """Estimate the cost of queries in requests. `counts` are the numbers of groups that each query fetches."""
    days = sum(
        count * (last - first).total_seconds() / 86_400
        for query, count in zip(queries, counts, strict=True)
        for first, last in query.windows
        if first is not None and last is not None
    )
    return sum(len(query.windows) for query in queries) + days / _REQUEST_COST_DAYS
