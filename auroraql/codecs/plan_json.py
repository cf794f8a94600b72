"""A plan as JSON: `{"kind", "requests": [{"endpoint", "query", "response_format"}], "residual"}`.

`"counted": true` is added when a statement asks only for the number of records of its one request. The number is then
read from the status of the search, and no record is fetched. `"joined"` is added when the residual names fields that
records do not contain: their paths in a record to which the endpoint's source with the same identifier is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auroraql.codecs import query_json
from auroraql.ir.plan import Plan, PostProcessing, record_kind
from auroraql.ir.query import EVERYTHING, Column, GroupKey, Interval, OrderKey, Ref, Using
from auroraql.language.printer import print_predicate, print_scalar
from auroraql.schema import PROTOCOLS, Kind
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.source_fields import IDENTIFIER
from auroraql.schema.wire import SOURCE_LIST


def write_plan(plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    """Return the document of a plan. `residual` is null when nothing is left to do after the requests."""
    kind = record_kind(plan.query)
    requests = [
        {
            "endpoint": PROTOCOLS[kind.name].search,
            "query": query_json.write_query_json(request),
            "response_format": request.response_format,
        }
        for request in plan.requests
    ]
    document = {
        "kind": kind.name,
        "requests": requests,
        "residual": _write_post_processing(plan.post_processing, kind, catalogue) or None,
    }
    if plan.query.joined_names:
        document["joined"] = {
            "endpoint": SOURCE_LIST,
            "on": ".".join(IDENTIFIER),
            "paths": list(plan.query.joined_names),
        }
    return document | {"counted": True} if plan.counted else document


def _write_post_processing(  # noqa: C901 - one branch for each part
    residual: PostProcessing, kind: Kind, catalogue: Catalogue
) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if residual.where is not None:
        document["where"] = print_predicate(residual.where, kind, catalogue)
    if residual.during is not None:
        document["during"] = _write_intervals(residual.during)
    if residual.using is not None:
        document["using"] = _write_using(residual.using)
    if residual.distinct:
        document["distinct"] = True
    if residual.group_by:
        document["group_by"] = [_write_group_key(key, kind, catalogue) for key in residual.group_by]
    if residual.having != EVERYTHING:
        document["having"] = print_predicate(residual.having, kind, catalogue)
    if residual.order_by:
        document["order_by"] = [_write_order_key(key, kind, catalogue) for key in residual.order_by]
    if residual.limit is not None:
        document["limit"] = residual.limit
    if residual.offset:
        document["offset"] = residual.offset
    if residual.select is not None:
        document["select"] = [_write_column(column, kind, catalogue) for column in residual.select]
    return document


def _write_using(using: Using) -> dict[str, Any]:
    """Return the fields of USING, and the values and intervals of each group of rows."""
    groups = [{"values": list(group.values), "during": _write_intervals(group.intervals)} for group in using.groups]
    return {"fields": [_dotted_name(ref) for ref in using.refs], "groups": groups}


def _write_intervals(intervals: Iterable[Interval]) -> list[list[str]]:
    return [[first.isoformat(), last.isoformat()] for first, last in intervals]


def _dotted_name(ref: Ref) -> str:
    return ".".join(ref.path)


def _write_group_key(key: GroupKey, kind: Kind, catalogue: Catalogue) -> str | dict[str, str]:
    """Return a key of GROUP BY: a path of the record, or an expression."""
    return _dotted_name(key) if isinstance(key, Ref) else {"expression": print_scalar(key, kind, catalogue)}


def _write_order_key(key: OrderKey, kind: Kind, catalogue: Catalogue) -> dict[str, Any]:
    """Return an order key, by a path of the record, a column of the result, or an expression."""
    if key.expression is not None:
        text = print_scalar(key.expression, kind, catalogue)
        return {"expression": text, "descending": key.descending, "nulls_first": key.nulls_first}
    by = {"column": key.ref.name} if key.ref.role == "column" else {"path": _dotted_name(key.ref)}
    return {**by, "descending": key.descending, "nulls_first": key.nulls_first}


def _write_column(column: Column, kind: Kind, catalogue: Catalogue) -> dict[str, Any]:
    if column.expression is not None:
        return {"expression": print_scalar(column.expression, kind, catalogue), "name": column.label}
    path = {"path": "*" if column.ref is None else _dotted_name(column.ref), "name": column.label}
    return {"function": column.function, **path} if column.function else path
