"""`GET /api/v1/data_sources`: the data sources of a service, with what its level full_record has of each, and statistics.

Sources with a negative identifier are left out: they are the ad-hoc places of somebody's search for conjunctions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from auroraql.archives.aurorax.answers import Answer, Context, read_json
from auroraql.errors import Failed
from auroraql.results import read_time
from auroraql.schema import KINDS, PROTOCOLS, STORED_KINDS
from auroraql.schema.catalogue import DataSource, SourceDetails, Statistics

FULL_RECORD = "/api/v1/data_sources?format=full_record"

STATISTICS = "/api/v1/data_sources?format=identifier_only&include_stats=true"

_NAMES = tuple(each.name for each in fields(DataSource))


def read_sources(answer: Answer, context: Context) -> tuple[tuple[DataSource, ...], dict[int, SourceDetails]]:
    """The sources, and their details by identifier. Raises Failed for another shape than the published one."""
    documents = _read_list(answer, _NAMES, context)
    sources = tuple(DataSource(each["identifier"], *(_text(each[name]) for name in _NAMES[1:])) for each in documents)
    return sources, {each["identifier"]: _details(each) for each in documents}


def read_statistics(answer: Answer, context: Context) -> dict[str, dict[int, Statistics]]:
    """Statistics by kind and identifier; a source without any is missing. Raises Failed for another shape."""
    documents = _read_list(answer, ("identifier",), context)
    return {
        kind: {
            each["identifier"]: found
            for each in documents
            if isinstance(each.get("stats"), dict)
            and (found := _statistics(each["stats"], PROTOCOLS[kind].counted_as)) is not None
        }
        for kind in STORED_KINDS
    }


def _read_list(answer: Answer, names: Sequence[str], context: Context) -> list[dict[str, Any]]:
    """The documents that are no ad-hoc sources, each with all of the names."""
    document = read_json(answer, "data sources", context)
    if not isinstance(document, list):
        raise context.error(Failed, f"expected a list of data sources, got {context.excerpt(answer.body)}", "try again")
    for number, each in enumerate(document, 1):
        lacking = [name for name in names if not isinstance(each, dict) or name not in each]
        if lacking or not isinstance(each["identifier"], int):
            wrong = f"has no {lacking[0]}" if lacking else "has an identifier that is no number"
            raise context.error(Failed, f"data source {number} of {len(document)} {wrong}", "try again")
    return [each for each in document if each["identifier"] >= 0]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _details(document: Mapping[str, Any]) -> SourceDetails:
    """What of a source is no part of `DataSource`; what is not as published counts as not given."""
    schemas: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS.values():
        schema = document.get(kind.schema_key) if kind.schema_key else None
        if isinstance(schema, list) and all(isinstance(entry, dict) for entry in schema):
            schemas[kind.name] = schema
    owner, maintainers, metadata = (document.get(name) for name in ("owner", "maintainers", "metadata"))
    return SourceDetails(
        schemas,
        owner if isinstance(owner, str) else None,
        tuple(map(str, maintainers)) if isinstance(maintainers, list) else None,
        metadata if isinstance(metadata, dict) else None,
    )


def _statistics(document: Mapping[str, Any], name: str) -> Statistics | None:
    count = document.get(f"{name}_count")
    if not isinstance(count, int):
        return None
    return Statistics(count, *(_moment(document.get(f"{end}_{name}_loaded")) for end in ("earliest", "latest")))


def _moment(value: Any) -> datetime | None:
    try:
        return read_time(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
