"""A plan as JSON: `{"kind", "requests": [{"endpoint", "query", "response_format"}], "residual"}`."""

from __future__ import annotations

from typing import Any

from auroraql.forms import query_json
from auroraql.forms.text.writing import write_predicate
from auroraql.plan import Plan, Residual
from auroraql.schema import KINDS, Kind
from auroraql.schema.catalogue import Catalogue


def write(plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    """The document of a plan; `residual` is null when nothing is left to do after the requests."""
    kind = KINDS[plan.query.kind]
    requests = [
        {
            "endpoint": f"/api/v1/{kind.endpoint}",
            "query": query_json.write(request),
            "response_format": request.response_format,
        }
        for request in plan.requests
    ]
    return {"kind": kind.name, "requests": requests, "residual": _residual(plan.residual, kind, catalogue) or None}


def _residual(residual: Residual, kind: Kind, catalogue: Catalogue) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if residual.where is not None:
        document["where"] = write_predicate(residual.where, kind, catalogue)
    if residual.order_by:
        document["order_by"] = [
            {"path": ".".join(key.ref.path), "descending": key.descending, "nulls_first": key.nulls_first}
            for key in residual.order_by
        ]
    if residual.limit is not None:
        document["limit"] = residual.limit
    if residual.offset:
        document["offset"] = residual.offset
    if residual.select is not None:
        document["select"] = [{"path": ".".join(c.ref.path), "name": c.label} for c in residual.select]
    return document
