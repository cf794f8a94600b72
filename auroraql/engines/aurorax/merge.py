"""Merging of conjunctions whose parts come from several requests.

A block with alternative metadata filters takes one request for each. The minutes of one conjunction may then come in
several records that overlap or follow one another. Invariant: a merged record is the record that a single request for
all alternatives would return.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from auroraql.ir.query import Tree
from auroraql.results.result_set import Record, read_time
from auroraql.schema import CONJUNCTIONS
from auroraql.schema.kinds.conjunctions import epoch_step_seconds

NEEDED_FIELDS: Tree = {
    field.name: {"identifier": True, "platform": True} if field.name == "data_sources" else True
    for field in CONJUNCTIONS.fields
}
"""Fields that merging reads: nearly all of a record."""


def merge_conjunctions(batches: Iterable[Sequence[Record]], *, subminute: bool) -> list[Record]:
    """Return the conjunctions of several requests, each merged into one record, in order of their first part.

    Records that lack an identifying field (NEEDED_FIELDS) are kept unchanged. `subminute` is the requests' precision.
    """
    step = timedelta(seconds=epoch_step_seconds(subminute=subminute))
    parts: dict[str, list[Record]] = defaultdict(list)
    for number, record in enumerate(record for batch in batches for record in batch):
        name = _identity(record, step) or f"record {number}"
        parts[name].append(record)
    return [record for records in parts.values() for record in _merge_touching(records, step)]


def _identity(record: Record, step: timedelta) -> str:
    """Return type, sources and seconds past a step as comparable text; empty when a field is missing."""
    sources = record.get("data_sources")
    if not isinstance(sources, list) or not record.get("start") or not record.get("end"):
        return ""
    names = [[source.get("identifier"), source.get("platform")] for source in sources if isinstance(source, dict)]
    second = read_time(record["start"]).second % step.seconds
    return json.dumps([record.get("conjunction_type"), names, second])


def _merge_touching(records: list[Record], step: timedelta) -> Iterator[Record]:
    """Yield the records of one identity, with touching records merged."""
    if len(records) == 1:
        yield records[0]
        return
    records = sorted(records, key=lambda record: read_time(record["start"]))
    current = records[0]
    for record in records[1:]:
        if read_time(record["start"]) <= read_time(current["end"]) + step:
            current = _merge_two(current, record)
        else:
            yield current
            current = record
    yield current


def _merge_two(first: Record, second: Record) -> Record:
    """Merge two touching records, of which `first` starts no later."""
    nearest = min(
        (first, second), key=lambda record: (_get_number(record, "min_distance"), record.get("closest_epoch") or "")
    )
    farthest = min(
        (first, second), key=lambda record: (-_get_number(record, "max_distance"), record.get("farthest_epoch") or "")
    )
    return {
        **first,
        "end": max(first["end"], second["end"], key=read_time),
        "min_distance": nearest.get("min_distance"),
        "closest_epoch": nearest.get("closest_epoch"),
        "max_distance": farthest.get("max_distance"),
        "farthest_epoch": farthest.get("farthest_epoch"),
        "events": [
            _merge_event(*pair) for pair in zip(first.get("events") or (), second.get("events") or (), strict=False)
        ],
    }


def _merge_event(first: Record, second: Record) -> Record:
    """Merge the two parts of an event between two sources."""
    return {
        **first,
        "end": max(first["end"], second["end"], key=read_time),
        "min_distance": min(_get_number(first, "min_distance"), _get_number(second, "min_distance")),
        "max_distance": max(_get_number(first, "max_distance"), _get_number(second, "max_distance")),
    }


def _get_number(record: Record, name: str) -> Any:
    value = record.get(name)
    return float("nan") if value is None else value
