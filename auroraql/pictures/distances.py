"""Distances: how near each pair of sources came in each conjunction, over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.row_reader import SOURCE_NAMES, source_name
from auroraql.pictures.timeline import format_moment, format_period
from auroraql.rendering.text_output import format_count
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD

_DESCRIBED = 12
_TIMES = ("closest_epoch", "start", "epoch")
"""Columns with the time of a distance, best first."""


@dataclass(frozen=True, slots=True)
class Approach:
    """The smallest distance of a pair in one conjunction, in km. `row` is the index of its row in the result."""

    when: datetime
    distance: float
    row: int


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of sources, or all sources of a conjunction if its pairs are not in the result."""

    name: str
    approaches: tuple[Approach, ...]

    @property
    def nearest(self) -> Approach:
        """The approach with the smallest distance."""
        return min(self.approaches, key=lambda approach: approach.distance)

    def describe(self, approach: Approach) -> str:
        """Return an approach as text."""
        return f"{self.name}: {format_distance(approach.distance)}, {format_moment(approach.when)}"


@dataclass(frozen=True, slots=True)
class Distances:
    """Model of the picture: pairs with most conjunctions first, and the time and the greatest distance drawn."""

    title: str
    first: datetime
    last: datetime
    highest: float
    pairs: tuple[Pair, ...]

    @property
    def description(self) -> str:
        """Summary of the pairs, for readers who do not see the picture."""
        shown = [
            f"{pair.name}: {len(pair.approaches):,}, nearest {format_distance(pair.nearest.distance)}"
            for pair in self.pairs[:_DESCRIBED]
        ]
        rest = len(self.pairs) - len(shown)
        return f"Smallest distances by pair: {'; '.join(shown)}{f'; and {rest:,} more pairs' if rest > 0 else ''}."


def format_distance(distance: float) -> str:
    """Return a distance in km as text."""
    return f"{distance:,.1f} km" if distance < 1000 else f"{distance:,.0f} km"


def create_distances(result: ResultSet) -> Distances:
    """Return the model of the distances of a result. Raises UsageError without a time and a distance."""
    reader = _create_reader(result)
    pairs: dict[str, list[Approach]] = {}
    skipped = 0
    for number, row in enumerate(result):
        for name, when, distance in reader.read(row):
            if isinstance(when, datetime) and isinstance(distance, int | float) and isfinite(distance):
                pairs.setdefault(name, []).append(Approach(when, max(float(distance), 0.0), number))
            else:
                skipped += 1
    if not pairs:
        raise UsageError("the result has no rows with a time and a distance", "run a FIND that returns rows")
    moments = [approach.when for approaches in pairs.values() for approach in approaches]
    start, end = result.window
    first, last = min([*moments, start or moments[0]]), max([*moments, end or moments[0]])
    highest = max(approach.distance for approaches in pairs.values() for approach in approaches)
    ordered = sorted(pairs.items(), key=lambda item: (-len(item[1]), item[0]))
    note = f"; {skipped:,} without a distance" if skipped else ""
    title = f"Smallest distances of {format_count(result)}, {format_period(first, last)}, UTC{note}"
    return Distances(title, first, last, highest, tuple(Pair(name, tuple(items)) for name, items in ordered))


@dataclass(frozen=True, slots=True)
class _DistanceReader:
    """Column indices of a row's time and distance, of its pairs, and of the sources that name it."""

    time: int
    distance: int
    events: int | None
    names: tuple[int, ...]

    def read(self, row: Row) -> Iterator[tuple[str, Any, Any]]:
        """Yield name, time and distance of each pair of a row."""
        events = row[self.events] if self.events is not None else None
        if not isinstance(events, list) or len(events) < 2:
            yield self._name(row), row[self.time], row[self.distance]
            return
        for event in events:
            if isinstance(event, dict):
                sources = (event.get("e1_source"), event.get("e2_source"))
                yield " – ".join(map(source_name, sources)), _to_time(event.get("start")), event.get("min_distance")

    def _name(self, row: Row) -> str:
        values = [row[index] for index in self.names]
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
        return " – ".join(source_name(value) for value in values if value is not None) or "all"


def _create_reader(result: ResultSet) -> _DistanceReader:
    columns = result.columns
    distance = _last_name_index(columns, "min_distance")
    if distance is None:
        raise UsageError("the result has no column min_distance", "run FIND conjunctions, or add it to SELECT")
    indices = (_last_name_index(columns, name) for name in _TIMES)
    time = next((index for index in indices if index is not None and columns[index].type is Type.TIME), None)
    if time is None:
        raise UsageError("the result has no column closest_epoch or start", "add start to SELECT")
    paths = [column.path for column in columns]
    events = paths.index(("events",)) if ("events",) in paths else None
    return _DistanceReader(time, distance, events, _name_indices(columns))


def _last_name_index(columns: tuple[ResultColumn, ...], name: str) -> int | None:
    return next(
        (i for i, c in enumerate(columns) if not c.many_at and (c.path[-1:] == (name,) or c.name == name)), None
    )


def _name_indices(columns: tuple[ResultColumn, ...]) -> tuple[int, ...]:
    """Return the columns that name the sources: one for each criteria block, or a list of the sources."""
    blocks = tuple(i for i, c in enumerate(columns) if c.derive is not None and c.path[-1:] == ("display_name",))
    if blocks:
        return blocks
    paths = [column.path for column in columns]
    lists = [paths.index(path) for name in SOURCE_NAMES if (path := (SOURCES_FIELD, name)) in paths]
    if (SOURCES_FIELD,) in paths:
        return (paths.index((SOURCES_FIELD,)),)
    return tuple(lists[:1]) or tuple(i for i, c in enumerate(columns) if c.type is Type.STRING and c.path != _TYPE)


_TYPE = ("conjunction_type",)


def _to_time(value: Any) -> datetime | None:
    """Return a time of a nested record, which is text."""
    if isinstance(value, datetime) or value is None:
        return value
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None)
    except ValueError:
        return None
