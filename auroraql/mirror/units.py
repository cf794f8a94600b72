"""Units: the records of one kind and source in a month or a year, which are copied and replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

UNIT_MONTHS = {"ephemeris": 1, "data_products": 12}
"""Length of a unit in months. AuroraX accepts ephemeris searches of at most a month."""


@dataclass(frozen=True, slots=True, order=True)
class UnitKey:
    """Kind, identifier of the source, and the first moment of the month or year."""

    kind: str
    source: int
    period: datetime

    @property
    def label(self) -> str:
        """Description for messages, without the source: `ephemeris of 2021-02`."""
        text = f"{self.period:%Y-%m}" if UNIT_MONTHS[self.kind] == 1 else f"{self.period:%Y}"
        return f"{self.kind} of {text}"


@dataclass(frozen=True, slots=True)
class Unit:
    """Unit and the time in it that is mirrored. `end` is exclusive."""

    key: UnitKey
    start: datetime
    end: datetime

    def join(self, start: datetime, end: datetime) -> Unit:
        """Return the unit with all time from the earlier start to the later end."""
        return Unit(self.key, min(self.start, start), max(self.end, end))


def split_into_units(kind: str, source: int, start: datetime, end: datetime) -> Iterator[Unit]:
    """Yield the units of the time from `start` to `end` (exclusive)."""
    period = period_of(kind, start)
    while period < end:
        following = _next_period(kind, period)
        yield Unit(UnitKey(kind, source, period), max(start, period), min(end, following))
        period = following


def period_of(kind: str, moment: datetime) -> datetime:
    """Return the first moment of the month or year that contains a moment."""
    return datetime(moment.year, moment.month if UNIT_MONTHS[kind] == 1 else 1, 1)


def period_end(kind: str, moment: datetime) -> datetime:
    """Return the first moment after the month or year that contains a moment."""
    return _next_period(kind, period_of(kind, moment))


def _next_period(kind: str, period: datetime) -> datetime:
    index = period.year * 12 + period.month - 1 + UNIT_MONTHS[kind]
    return datetime(index // 12, index % 12 + 1, 1) if index < 120_000 else datetime.max
