"""Timeline: the records of each source over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Any

import numpy as np
import numpy.typing as npt

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.row_reader import RowReader, create_row_reader
from auroraql.pictures.time_axis import DAY, STEPS, TimeStep
from auroraql.rendering.text_output import format_count
from auroraql.results.result_set import ResultSet
from auroraql.schema import Type

Times = npt.NDArray[np.datetime64]
Integers = npt.NDArray[np.int64]

TIME_UNIT = "datetime64[us]"


@dataclass(frozen=True, slots=True)
class Lane:
    """Records of one source, in the order of the rows.

    Attributes:
        name: Name of the source, without control characters.
        count: Number of records.
        starts: First moment of each record, UTC, in microseconds.
        ends: Last moment of each record.
        weights: Number of records that each row counts.
        rows: Index of each record's row in the result.
    """

    name: str
    count: int
    starts: Times
    ends: Times
    weights: Integers
    rows: Integers

    def count_by_piece(self, pieces: Sequence[datetime]) -> list[int]:
        """Return the number of records that overlap each piece of time. `pieces` are their starts, ascending."""
        bounds = np.array(pieces, TIME_UNIT)
        changes = np.zeros(len(pieces) + 1, np.int64)
        np.add.at(changes, np.maximum(np.searchsorted(bounds, self.starts, "right") - 1, 0), self.weights)
        np.subtract.at(changes, np.searchsorted(bounds, self.ends, "right"), self.weights)
        return [int(count) for count in np.cumsum(changes[:-1])]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Model of a timeline: lanes with most records first, and the time that they are drawn in.

    Attributes:
        title: Number of records and the time range.
        timeless: Number of rows without a time, which no lane has.
        finest: Smallest piece of time that the rows resolve.
    """

    title: str
    first: datetime
    last: datetime
    lanes: tuple[Lane, ...]
    timeless: int
    finest: TimeStep

    @property
    def description(self) -> str:
        """Summary of the lanes, for readers who do not see the picture."""
        shown = [f"{lane.name}: {lane.count:,}" for lane in self.lanes[:_DESCRIBED]]
        rest = len(self.lanes) - len(shown)
        return f"Records by source: {', '.join(shown)}{f', and {rest:,} more sources' if rest > 0 else ''}."


_DESCRIBED = 12


@dataclass(slots=True)
class _LaneData:
    """Records of one source while the rows are read."""

    count: int = 0
    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    def add(self, when: tuple[datetime, datetime], weight: int, row: int) -> None:
        self.count += weight
        self.starts.append(when[0])
        self.ends.append(when[1])
        self.weights.append(weight)
        self.rows.append(row)

    def to_lane(self, name: str) -> Lane:
        """Return the lane, in a compact form."""
        return Lane(
            name,
            self.count,
            np.array(self.starts, TIME_UNIT),
            np.array(self.ends, TIME_UNIT),
            np.array(self.weights, np.int64),
            np.array(self.rows, np.int64),
        )


def create_timeline(result: ResultSet) -> Timeline:
    """Return the model of a result's timeline. Raises UsageError for a result without times."""
    reader = create_row_reader(result)
    data: dict[str, _LaneData] = {}
    first, last, timeless = datetime.max, datetime.min, 0
    for number, row in enumerate(result):
        when = reader.time_range(row)
        if when is None:
            timeless += 1
            continue
        first, last = min(first, when[0]), max(last, when[1])
        for source in reader.sources(row):
            (data.get(source) or data.setdefault(source, _LaneData())).add(when, reader.weight(row), number)
    if not data:
        raise UsageError("the result has no rows with a time", "run a FIND that returns rows")
    start, end = result.window
    first, last = min(first, start or first), max(last, end or last)
    lanes = [lane_data.to_lane(name) for name, lane_data in data.items()]
    lanes.sort(key=lambda lane: -lane.count)
    finest = DAY if result.columns[reader.start].type is Type.DATE else STEPS[0]
    return Timeline(_title(result, reader, first, last, timeless), first, last, tuple(lanes), timeless, finest)


def _title(result: ResultSet, reader: RowReader, first: datetime, last: datetime, timeless: int) -> str:
    several = reader.source is not None and result.columns[reader.source].type is Type.OBJECT
    shared = ", each listed under all its sources" if several else ""
    timeless_note = f"; {timeless:,} without a time" if timeless else ""
    counted = f", records counted by {result.columns[reader.count].name}" if reader.count is not None else ""
    return f"{format_count(result)}{counted}{shared}, {format_period(first, last)}, UTC{timeless_note}"


def format_period(first: datetime, last: datetime) -> str:
    """Return a period as text: its days if it consists of whole days, otherwise with minutes."""
    whole = first.time() == time.min and last.time() >= time(23, 59)
    start, end = (format_moment(moment, whole=whole) for moment in (first, last))
    return start if start == end else f"{start} to {end}"


def format_moment(moment: datetime | Any, *, whole: bool = False) -> str:
    """Return a time as text, to the minute, or only the day if `whole`."""
    return f"{moment:{'%Y-%m-%d' if whole else '%Y-%m-%d %H:%M'}}"
