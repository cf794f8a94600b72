"""Response template: the response_format of a kind with every part of a record that AuroraX can return.

Source: the `*Format` objects of AuroraX's OpenAPI document, and `create_response_format_template` of pyaurorax.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from auroraql.schema.model import Field, Kind
from auroraql.schema.source_fields import SOURCE_DETAILS

_CRITERIA = {
    "programs": True,
    "platforms": True,
    "instrument_types": True,
    "ephemeris_metadata_filters": {
        "logicalOperator": True,
        "expressions": {"key": True, "operator": True, "values": True},
    },
}

_EVENT_QUERY = {"request_id": True, "data_sources": _CRITERIA, "start": True, "end": True}
"""Format of the query that finds the ephemeris of one side of an event (OpenAPI `EphemerisQueryFormat`)."""

_EVENT_QUERIES = {f"generated_{side}_ephemeris_query": _EVENT_QUERY for side in ("e1", "e2")}


def response_template(kind: Kind) -> dict[str, Any]:
    """Return the response_format of a kind with a true leaf for each part of a record, in record order."""
    return _tree(kind.fields)


def _tree(fields: Iterable[Field]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for field in fields:
        name = field.path[-1]
        tree[name] = _tree(field.members) if field.members else True
        if any(member.path[-1] == "identifier" for member in field.members):
            tree[name] |= _tree(SOURCE_DETAILS)
        if name == "events":
            tree[name] |= _EVENT_QUERIES
    return tree
