"""Availability: the number of records of each source and day."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.pictures.row_reader import create_row_reader
from auroraql.pictures.time_axis import DAY, TimeStep, find_count_column, find_day_column
from auroraql.results.result_set import ResultSet
from auroraql.schema import Type

_NAMES = (("display_name",), ("platform",), ("identifier",))
"""Ends of the paths of columns that name a source."""


@dataclass(slots=True)
class SourceDays:
    """One source: its name without control characters, and its record counts by day. Days have no time of day."""

    name: str
    days: dict[datetime, int] = field(default_factory=dict)

    def add(self, day: datetime, count: int) -> None:
        """Count records of a day."""
        self.days[day] = self.days.get(day, 0) + count

    @property
    def count(self) -> int:
        """Number of records of all days."""
        return sum(self.days.values())


@dataclass(frozen=True, slots=True)
class Availability:
    """Model of the picture: the sources, and the first and last day of the request. `row_count` is that of the result."""

    sources: tuple[SourceDays, ...]
    first: datetime
    last: datetime
    row_count: int

    @property
    def day_count(self) -> int:
        """Number of days of the request."""
        return (self.last - self.first).days + 1

    @property
    def period(self) -> str:
        """First and last day as text."""
        first, last = (moment.date().isoformat() for moment in (self.first, self.last))
        return f"{first}, UTC" if first == last else f"{first} to {last}, UTC"

    @property
    def title(self) -> str:
        """Number of sources and the period."""
        sources = "1 source" if len(self.sources) == 1 else f"{len(self.sources):,} sources"
        return f"Records by day of {sources}, {self.period}"

    @property
    def description(self) -> str:
        """Summary of the sources, for readers who do not see the picture."""
        shown = [f"{s.name}: {s.count:,} records on {len(s.days):,} days" for s in self.sources[:_DESCRIBED]]
        rest = len(self.sources) - len(shown)
        return f"{'; '.join(shown)}{f'; and {rest:,} more sources' if rest > 0 else ''}."

    def daily_means(self, source: SourceDays, step: TimeStep, starts: Sequence[datetime]) -> list[int]:
        """Return a source's records per day in each step, rounded up so that few records stay visible."""
        sums = [0] * len(starts)
        for day, count in source.days.items():
            index = bisect(starts, day) - 1
            if index >= 0:
                sums[index] += count
        if step is DAY:
            return sums
        ends = [*starts[1:], step.next_start(starts[-1])]
        lengths = [
            (min(end, DAY.next_start(self.last)) - max(start, self.first)).days
            for start, end in zip(starts, ends, strict=True)
        ]
        return [-(-total // max(length, 1)) for total, length in zip(sums, lengths, strict=True)]


_DESCRIBED = 12


def create_availability(result: ResultSet) -> Availability:
    """Return the model of the availability of any result with times. A record counts on the day of its start.

    Raises UsageError for a result without times.
    """
    counted = read_counted_days(result)
    if counted is not None:
        return counted
    reader = create_row_reader(result)
    sources: dict[str, SourceDays] = {}
    for row in result:
        when = reader.time_range(row)
        if when is None:
            continue
        for name in reader.sources(row):
            (sources.get(name) or sources.setdefault(name, SourceDays(name))).add(_day(when[0]), reader.weight(row))
    availability = _limit_days(result, sorted(sources.values(), key=lambda source: source.name))
    if availability is None:
        raise UsageError("the result has no rows with a time", "run a FIND that returns rows")
    return availability


def read_counted_days(result: ResultSet, *, needs_sources: bool = False) -> Availability | None:
    """Return the model of SHOW AVAILABILITY or a FIND that counts by day, with the sources in row order.

    Return None when columns or counts are missing. Without a column of sources there is one line for all, unless
    sources are needed.
    """
    paths = [column.path for column in result.columns]
    # An alias or a block may name the source, and so may any other single text.
    texts = [index for index, column in enumerate(result.columns) if column.type is Type.STRING]
    name_indices = [index for index, path in enumerate(paths) if path[-1:] in _NAMES] or texts[:1]
    day = paths.index(("date",)) if ("date",) in paths else find_day_column(result.columns)
    count = paths.index(("count",)) if ("count",) in paths else find_count_column(result)
    if needs_sources and not name_indices:
        return None
    if day is None or count is None or result.columns[count].type is not Type.INTEGER:
        return None
    sources: dict[tuple[object, ...], SourceDays] = {}
    for row in result:
        key = tuple(row[index] for index in name_indices)
        source = sources.get(key) or sources.setdefault(key, SourceDays(make_visible(str(key[-1] if key else "all"))))
        if row[count] and row[day] is not None:
            source.add(_day(row[day]), row[count])
    return _limit_days(result, list(sources.values()))


def _limit_days(result: ResultSet, sources: Sequence[SourceDays]) -> Availability | None:
    """Return the model of the days of the request, or None when there are no records."""
    counted_days = [day for source in sources for day in source.days]
    if not counted_days:
        return None
    first, last = result.window
    return Availability(
        tuple(sources),
        DAY.floor(first or min(counted_days)),
        DAY.floor(last or max(counted_days)),
        len(result),
    )


def _day(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day)
