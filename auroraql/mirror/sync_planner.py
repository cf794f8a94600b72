"""Plan of a synchronization: the units that selections cover, and why each of them is read.

Availability counts are a hint and not a proof: they are cached, and do not change with the content of records. A unit is
therefore also read when it is recent or in the future, and a part of all units is read again to verify them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import ceil

from auroraql.diagnostics.errors import ArchiveError
from auroraql.mirror.ledger import Ledger, UnitRecord
from auroraql.mirror.report import SyncOptions
from auroraql.mirror.selection import Selection
from auroraql.mirror.units import Unit, UnitKey, period_end, split_into_units
from auroraql.results.result_set import Row
from auroraql.schema.catalogue import DataSource, Statistics

REASONS = ("new", "extended", "changed", "recent", "verified")
"""Reasons to read a unit: it is not mirrored, its mirrored time grows, the archive announces another number of records,
it is recent or in the future, or it is part of the sample that is read again. In the order of reading."""

Availability = Callable[[str, date, date, Mapping[str, str]], list[Row]]
"""Callback that returns the rows of `Engine.availability`."""


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """Unit to read: the reason, the number of records that the archive announces, and its row in the ledger."""

    unit: Unit
    source: DataSource
    reason: str
    available: int | None
    known: UnitRecord | None
    latest: datetime | None
    """Time of the source's latest record in the archive, or None if it is unknown."""


@dataclass(slots=True)
class SyncPlan:
    """Units to read, the number of units that are compared, and warnings."""

    units: list[PlannedUnit] = field(default_factory=list)
    compared: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def expected_records(self) -> int:
        """Number of records that the archive announces for the units to read."""
        return sum(planned.available or 0 for planned in self.units)


@dataclass(slots=True)
class SyncPlanner:
    """Planner of one synchronization. `statistics` are the archive's by kind and identifier, `now` is naive UTC."""

    ledger: Ledger
    statistics: Mapping[str, Mapping[int, Statistics]]
    availability: Availability
    now: datetime
    options: SyncOptions
    warnings: list[str] = field(default_factory=list)

    def plan(self, selections: Sequence[Selection]) -> SyncPlan:
        """Return the plan. Raises ArchiveError when the archive cannot be reached."""
        sources: dict[UnitKey, DataSource] = {}
        units: dict[UnitKey, Unit] = {}
        for selection in selections:
            for source in selection.sources:
                for unit in self._units(selection, source):
                    sources[unit.key] = source
                    earlier = units.get(unit.key)
                    units[unit.key] = unit if earlier is None else earlier.join(unit.start, unit.end)
        counts = self._count_available(units.values(), sources)
        planned: list[PlannedUnit] = []
        others: list[PlannedUnit] = []
        for key, unit in sorted(units.items()):
            item = self._plan_unit(unit, sources[key], counts)
            (planned if item.reason else others).append(item)
        planned += self._sample(others)
        planned.sort(key=lambda item: REASONS.index(item.reason))
        return SyncPlan(planned, len(units), self.warnings)

    def _units(self, selection: Selection, source: DataSource) -> Iterator[Unit]:
        """Yield the units in which the archive may have records of a source, and those that are mirrored already."""
        kind, known = selection.kind, self.statistics.get(selection.kind, {}).get(source.identifier)
        start, end = selection.start, selection.end
        if known is not None and known.earliest is not None:
            first = datetime(known.earliest.year, known.earliest.month, known.earliest.day)
            start = first if start is None else max(start, first)
        if known is not None and known.latest is not None:
            last = period_end(kind, known.latest)
            end = last if end is None else min(end, last)
        has_none = known is not None and not known.count
        if start is None and not has_none:
            self.warnings.append(
                f"{source.display_name or source.identifier}: the archive does not report when its {kind} begin;"
                " give the statement a start, for example SINCE 2013"
            )
        elif start is not None and not has_none:
            last = end or period_end(kind, self.now)
            yield from split_into_units(kind, source.identifier, start, last)
        yield from self._mirrored_units(selection, source)

    def _mirrored_units(self, selection: Selection, source: DataSource) -> Iterator[Unit]:
        """Yield the mirrored units of a selection: their records may have vanished from the archive."""
        for record in self._records_by_source().get((selection.kind, source.identifier), ()):
            unit = record.unit
            is_before = selection.start is not None and unit.end <= selection.start
            if not is_before and (selection.end is None or unit.start < selection.end):
                yield unit

    def _records_by_source(self) -> Mapping[tuple[str, int], list[UnitRecord]]:
        if not self._by_source and self.ledger.units:
            for record in self.ledger.units.values():
                key = record.unit.key
                self._by_source.setdefault((key.kind, key.source), []).append(record)
        return self._by_source

    _by_source: dict[tuple[str, int], list[UnitRecord]] = field(default_factory=dict)

    def _plan_unit(self, unit: Unit, source: DataSource, counts: _DayCounts) -> PlannedUnit:
        known = self.ledger.units.get(unit.key)
        if known is not None:
            unit = unit.join(known.unit.start, known.unit.end)
        statistics = self.statistics.get(unit.key.kind, {}).get(source.identifier)
        latest = statistics.latest if statistics is not None else None
        available = counts.count(unit)
        return PlannedUnit(unit, source, self._reason(unit, known, available), available, known, latest)

    def _reason(self, unit: Unit, known: UnitRecord | None, available: int | None) -> str:
        """Return the reason to read a unit; empty without one.

        A number that the archive announced already when the unit was read is not a reason: it would be read each time.
        """
        if known is None:
            return "new"
        if unit.start < known.unit.start or unit.end > known.unit.end:
            return "extended"
        if available is not None and available not in (known.records, known.available):
            return "changed"
        return "recent" if unit.end > self.now - self.options.refresh else ""

    def _sample(self, others: Sequence[PlannedUnit]) -> Iterator[PlannedUnit]:
        """Yield the units to verify: those that were read longest ago."""
        count = ceil(self.options.verify * len(others))
        oldest = sorted(others, key=lambda item: item.known.read_at if item.known is not None else self.now)
        for item in oldest[:count]:
            yield PlannedUnit(item.unit, item.source, "verified", item.available, item.known, item.latest)

    def _count_available(self, units: Iterable[Unit], sources: Mapping[UnitKey, DataSource]) -> _DayCounts:
        """Request the availability of each kind and year that has units. Failures become warnings."""
        counts = _DayCounts({}, set())
        years = sorted({(unit.key.kind, year) for unit in units for year in _years(unit)})
        for kind, year in years:
            programs = {source.program for key, source in sources.items() if key.kind == kind}
            only = {"program": programs.pop()} if len(programs) == 1 and "" not in programs else {}
            try:
                rows = self.availability(kind, date(year, 1, 1), date(year, 12, 31), only)
            except ArchiveError as error:
                self.warnings.append(f"the archive does not report its {kind} of {year}: {error.message}")
                continue
            counts.add(kind, year, rows)
        return counts


def _years(unit: Unit) -> range:
    return range(unit.start.year, (unit.end - timedelta(microseconds=1)).year + 1)


@dataclass(slots=True)
class _DayCounts:
    """Announced records by kind, source and day, and the kinds and years that were announced."""

    days: dict[tuple[str, int], dict[date, int]]
    years: set[tuple[str, int]]

    def add(self, kind: str, year: int, rows: Iterable[Row]) -> None:
        """Add the rows of `Engine.availability` for a year. Days outside it are ignored."""
        self.years.add((kind, year))
        for row in rows:
            day = next(value for value in row if isinstance(value, datetime)).date()
            if day.year == year:
                by_day = self.days.setdefault((kind, row[0]), {})
                by_day[day] = by_day.get(day, 0) + row[-1]

    def count(self, unit: Unit) -> int | None:
        """Return the announced records of a unit, or None if a part of it was not announced."""
        if any((unit.key.kind, year) not in self.years for year in _years(unit)):
            return None
        by_day = self.days.get((unit.key.kind, unit.key.source), {})
        return sum(count for day, count in by_day.items() if unit.start.date() <= day < unit.end.date())
