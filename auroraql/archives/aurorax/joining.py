"""Conjunctions that several requests found in parts, put together again.

A block that takes either of two metadata filters is asked for each of them; the minutes of one conjunction may then
come in several records, which overlap or follow one another. Invariant: what is joined is the record that one
request for all of it would have found.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from auroraql.query import Tree
from auroraql.results import Record, read_time
from auroraql.schema import CONJUNCTIONS
from auroraql.schema.conjunctions import epoch_step

NEEDED: Tree = {
    field.name: {"identifier": True, "platform": True} if field.name == "data_sources" else True
    for field in CONJUNCTIONS.fields
}
"""What joining looks at: nearly all of a record."""


def joined(batches: Iterable[Sequence[Record]], *, subminute: bool) -> list[Record]:
    """The conjunctions of several requests, each once and whole, in the order of their first part.

    Records that lack what tells them apart (NEEDED) stay as they are. `subminute` is the requests' precision.
    """
    step = timedelta(seconds=epoch_step(subminute=subminute))
    parts: dict[str, list[Record]] = defaultdict(list)
    for number, record in enumerate(record for batch in batches for record in batch):
        name = _identity(record, step) or f"record {number}"
        parts[name].append(record)
    return [record for records in parts.values() for record in _runs(records, step)]


def _identity(record: Record, step: timedelta) -> str:
    """The type and sources of a conjunction and its seconds past a step, as text to compare; empty when one did not come."""
    sources = record.get("data_sources")
    if not isinstance(sources, list) or not record.get("start") or not record.get("end"):
        return ""
    names = [[each.get("identifier"), each.get("platform")] for each in sources if isinstance(each, dict)]
    second = read_time(record["start"]).second % step.seconds
    return json.dumps([record.get("conjunction_type"), names, second])


def _runs(records: list[Record], step: timedelta) -> Iterator[Record]:
    """The records of the same sources, those that touch joined."""
    if len(records) == 1:
        yield records[0]
        return
    records = sorted(records, key=lambda record: read_time(record["start"]))
    current = records[0]
    for record in records[1:]:
        if read_time(record["start"]) <= read_time(current["end"]) + step:
            current = _both(current, record)
        else:
            yield current
            current = record
    yield current


def _both(first: Record, second: Record) -> Record:
    """One record for two that touch, of which the first begins no later."""
    nearest = min(
        (first, second), key=lambda record: (_number(record, "min_distance"), record.get("closest_epoch") or "")
    )
    farthest = min(
        (first, second), key=lambda record: (-_number(record, "max_distance"), record.get("farthest_epoch") or "")
    )
    return {
        **first,
        "end": max(first["end"], second["end"], key=read_time),
        "min_distance": nearest.get("min_distance"),
        "closest_epoch": nearest.get("closest_epoch"),
        "max_distance": farthest.get("max_distance"),
        "farthest_epoch": farthest.get("farthest_epoch"),
        "events": [_event(*pair) for pair in zip(first.get("events") or (), second.get("events") or (), strict=False)],
    }


def _event(first: Record, second: Record) -> Record:
    """What happened between two sources, in both parts."""
    return {
        **first,
        "end": max(first["end"], second["end"], key=read_time),
        "min_distance": min(_number(first, "min_distance"), _number(second, "min_distance")),
        "max_distance": max(_number(first, "max_distance"), _number(second, "max_distance")),
    }


def _number(record: Record, name: str) -> Any:
    value = record.get(name)
    return float("nan") if value is None else value
