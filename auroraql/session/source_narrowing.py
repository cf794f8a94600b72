"""Narrowing of requests by joined fields: AuroraX cannot filter by them, but the archive's source list has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from auroraql.diagnostics.errors import Diagnostic, replace_value
from auroraql.engines.base import Engine
from auroraql.engines.duckdb.postprocess import filter_records
from auroraql.engines.record_range import record_range
from auroraql.ir.plan import Plan, PostProcessing, SourceFacts
from auroraql.ir.query import EVERYTHING, And, Comparison, FieldComparison, Or, Predicate, Ref, collect_refs, normalize
from auroraql.planner import plan_query as make_plan
from auroraql.results.joined_records import JoinedRecords
from auroraql.results.result_set import Record, reach_value
from auroraql.schema import KINDS, Kind
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op
from auroraql.schema.source_fields import IDENTIFIER, PREFIX, SOURCE_FIELDS


def narrow_to_sources(plan: Plan, facts: SourceFacts, engine: Engine, deadline: float) -> Plan:
    """Return the plan with requests for the sources only whose records can match the predicate on joined fields.

    `facts` are the values of the joined fields. Post-processing still applies the predicate. Raises ArchiveError.
    """
    query = plan.query
    is_filtered = any(ref.role == "joined" for ref in collect_refs(query.where))
    if not is_filtered or not plan.requests or engine.capabilities.whole_query:
        return plan
    kind, sources = KINDS[query.kind], engine.sources(deadline)
    if _matching_records(query.where, [{PREFIX: {}}], {}, _is_decided_without_source, kind):
        return plan  # a source that the list does not have may match
    records = _matching_records(query.where, list(map(_source_record, sources)), facts, _is_decided_by_source, kind)
    if len(records) == len(sources):
        return plan
    if not records:
        message = "no data source can match: this finds nothing"
        warning = Diagnostic("AQL0606", message, query.where.origin, "no matching source", severity="warning")
        return replace(plan, requests=(), warnings=(*plan.warnings, warning))
    identifiers = tuple(str(reach_value(record, IDENTIFIER)) for record in records)
    is_possible = Comparison(Ref("source", ".".join(IDENTIFIER)), Op.IN, identifiers)
    narrowed = make_plan(
        replace_value(query, where=normalize(And((query.where, is_possible), query.where.origin))),
        engine.catalogue(),
        (),
        partial(engine.sources, deadline),
        record_range=partial(record_range, engine, deadline),
    )
    warnings = (*plan.warnings, *(warning for warning in narrowed.warnings if warning not in plan.warnings))
    return replace(narrowed, query=query, post_processing=plan.post_processing, warnings=warnings)


def _matching_records(
    where: Predicate, records: Sequence[Record], facts: SourceFacts, is_decided: Callable[[Predicate], bool], kind: Kind
) -> Sequence[Record]:
    """Return the records that a predicate may match. Comparisons that are not decided are taken as true."""
    relaxed = normalize(_relax(where, is_decided))
    if relaxed == EVERYTHING:
        return records
    if relaxed == Or(()):
        return []
    return filter_records(JoinedRecords(records, facts), PostProcessing(where=relaxed), kind)


def _relax(predicate: Predicate, is_decided: Callable[[Predicate], bool]) -> Predicate:
    """Return a normalized predicate with TRUE in place of the comparisons that are not decided."""
    match predicate:
        case And(terms):
            return And(tuple(_relax(term, is_decided) for term in terms))
        case Or(terms):
            return Or(tuple(_relax(term, is_decided) for term in terms))
        case _:
            return predicate if is_decided(predicate) else EVERYTHING


def _is_decided_by_source(leaf: Predicate) -> bool:
    """Return whether a comparison depends only on the source of a record."""
    return all(ref.role in ("joined", "source") for ref in collect_refs(leaf))


def _is_decided_without_source(leaf: Predicate) -> bool:
    """Return whether a comparison has the same truth for all sources that are not in the list: their facts are NULL."""
    roles = [ref.role for ref in collect_refs(leaf)]
    return all(role == "joined" for role in roles) or (isinstance(leaf, FieldComparison) and "joined" in roles)


def _source_record(source: DataSource) -> Record:
    """Return a record that has a source and nothing else."""
    return {PREFIX: {field.bare: getattr(source, field.bare) or None for field in SOURCE_FIELDS}}
