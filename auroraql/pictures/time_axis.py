"""Time axes and the block characters above them, for calendar and timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from auroraql.ir.query import Call
from auroraql.results.result_set import ResultColumn, ResultSet
from auroraql.schema import Type

_MONDAY = datetime(2001, 1, 1)
_MONTHS = 12
_DAY = 86_400


_COUNT_NAMES = ("n", "count", "count(*)", "count_star()")
"""Names of columns that hold counts, in results whose statement does not say so."""


def find_count_column(result: ResultSet) -> int | None:
    """Return the index of the column with the number of records of each row, or None if rows are records."""
    selected = (result.plan.query.select if result.plan is not None else None) or ()
    for index, column in enumerate(selected):
        call = column.expression
        if column.function == "count" or (isinstance(call, Call) and call.function == "count"):
            return index
    counts = (i for i, c in enumerate(result.columns) if c.type is Type.INTEGER and c.name.lower() in _COUNT_NAMES)
    return next(counts, None)


def find_day_column(columns: Sequence[ResultColumn]) -> int | None:
    """Return the index of the first column of days, else of computed times. None without such a column."""
    return next(
        (index for type_ in (Type.DATE, Type.TIME) for index, c in enumerate(columns) if c.type is type_),
        None,
    )


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Length of time with pieces aligned to the calendar, in seconds or in months."""

    name: str
    seconds: int = 0
    months: int = 0

    def floor(self, moment: datetime) -> datetime:
        """Return the start of the piece that contains a time."""
        if self.months:
            number = moment.year * _MONTHS + moment.month - 1
            return _month_start(number - number % self.months)
        length = timedelta(seconds=self.seconds)
        try:
            return _MONDAY + (moment - _MONDAY) // length * length
        except OverflowError:
            return datetime.min

    def next_start(self, start: datetime) -> datetime:
        """Return the start of the piece after the one that starts at `start`."""
        if self.months:
            return _month_start(start.year * _MONTHS + start.month - 1 + self.months)
        try:
            return start + timedelta(seconds=self.seconds)
        except OverflowError:
            return datetime.max

    def pieces(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """Yield the starts of all pieces between two times."""
        start = self.floor(first)
        while start <= last and start < datetime.max:
            yield start
            start = self.next_start(start)

    def estimate_pieces(self, first: datetime, last: datetime) -> int:
        """Estimate the number of pieces between two times."""
        length = self.seconds or self.months * 30 * _DAY
        return int((last - first).total_seconds()) // length


def _month_start(number: int) -> datetime:
    year, month = divmod(number, _MONTHS)
    if year < 1:
        return datetime.min
    return datetime(year, month + 1, 1) if year <= datetime.max.year else datetime.max


STEPS = (
    *(TimeStep(f"{n} minute{'s' if n > 1 else ''}", 60 * n) for n in (1, 2, 5, 10, 15, 30)),
    *(TimeStep(f"{n} hour{'s' if n > 1 else ''}", 3600 * n) for n in (1, 2, 3, 6, 12)),
    *(TimeStep(f"{n} day{'s' if n > 1 else ''}", _DAY * n) for n in (1, 2)),
    *(TimeStep(f"{n} week{'s' if n > 1 else ''}", _DAY * 7 * n) for n in (1, 2)),
    *(TimeStep(f"{n} month{'s' if n > 1 else ''}", months=n) for n in (1, 3, 6)),
    *(TimeStep(f"{n:,} year{'s' if n > 1 else ''}", months=12 * n) for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)),
)
"""Steps, finest first."""

DAY = next(step for step in STEPS if step.seconds == _DAY)


def choose_step(
    first: datetime, last: datetime, room: int, finest: TimeStep = STEPS[0]
) -> tuple[TimeStep, list[datetime]]:
    """Return the finest step that divides the time into at most `room` pieces, and their starts."""
    for step in STEPS[STEPS.index(finest) :]:
        if step.estimate_pieces(first, last) <= room:
            starts = list(step.pieces(first, last))
            if len(starts) <= room:
                return step, starts
    return STEPS[-1], [STEPS[-1].floor(first)]


def draw_axis(step: TimeStep, starts: Sequence[datetime], piece_width: int, mark: str) -> str:
    """Return the axis with as many labels as fit; each piece is `each` columns wide."""
    ends = [*starts[1:], step.next_start(starts[-1])]
    width = len(starts) * piece_width
    for tick in STEPS[STEPS.index(step) :]:
        # Mark the piece that contains the start of the tick.
        marks = [(position * piece_width, tick.floor(end - _MIN_STEP)) for position, end in enumerate(ends)]
        ticks = [(position, moment) for position, moment in marks if moment >= starts[position // piece_width]]
        if len(ticks) < 2:
            break
        distance = min(b - a for (a, _), (b, _) in pairwise(ticks))
        if distance > len(tick_label(tick, ticks[-1][1])) + 1:
            return _place_labels(tick, ticks, starts[0], width, mark)
    return _place_labels(step, [(0, starts[0])], starts[0], width, mark)


_MIN_STEP = timedelta(microseconds=1)


def tick_label(tick: TimeStep, moment: datetime) -> str:
    """Return the label of a tick, without the year if the ticks are days or less."""
    if tick.months:
        return f"{moment.year:04}" if tick.months % _MONTHS == 0 else f"{moment.year:04}-{moment.month:02}"
    return f"{moment:%H:%M}" if tick.seconds < _DAY and (moment.hour or moment.minute) else f"{moment:%m-%d}"


def full_label(tick: TimeStep, moment: datetime) -> str:
    """Return the label of the first tick, which includes the year."""
    if tick.months:
        return tick_label(tick, moment)
    day = f"{moment.year:04}-{moment.month:02}-{moment.day:02}"
    return f"{day} {moment:%H:%M}" if moment.hour or moment.minute else day


def _place_labels(tick: TimeStep, ticks: list[tuple[int, datetime]], first: datetime, width: int, mark: str) -> str:
    """Place the labels; the first is full if it fits, and labels that exceed the width are omitted."""
    if ticks[0][0] > len(mark + full_label(DAY, first)):
        ticks = [(0, first), *ticks]
    line = ""
    for number, (position, moment) in enumerate(ticks):
        room = (ticks[number + 1][0] if number + 1 < len(ticks) else width + 1) - position
        label, full = mark + tick_label(tick, moment), mark + full_label(tick, moment)
        chosen = full if number == 0 and len(full) < room else label
        line = line.ljust(position) + (chosen if len(chosen) < room else "")
    return line


def choose_ticks(first: datetime, last: datetime, most: int) -> tuple[TimeStep, list[datetime]]:
    """Return the finest step with at most `most` ticks between two times, and the ticks."""
    for step in STEPS:
        if step.estimate_pieces(first, last) <= most + 1:
            ticks = [start for start in step.pieces(first, last) if start >= first]
            if len(ticks) <= most:
                return step, ticks
    return STEPS[-1], []


@dataclass(frozen=True, slots=True)
class BlockScale:
    """Scale of characters for counts up to the highest, in equal ranges. The first character means zero."""

    characters: str
    highest: int

    @property
    def _level_count(self) -> int:
        return len(self.characters) - 1

    def character(self, count: int) -> str:
        """Return the character of a count; only zero has the first one."""
        return self.characters[-(-count * self._level_count // max(self.highest, 1))]

    def ranges(self) -> list[tuple[str, str]]:
        """Return each character except the first with its range of counts; empty ranges are left out."""
        ranges, dash = [], "-" if self.characters.isascii() else "–"
        for level in range(1, self._level_count + 1):
            low = (level - 1) * self.highest // self._level_count + 1
            high = level * self.highest // self._level_count
            if low <= high:
                ranges.append((self.characters[level], f"{low:,}" if low == high else f"{low:,}{dash}{high:,}"))
        return ranges


SHADES, ASCII_SHADES = "·░▒▓█", ".:+*#"
BARS, ASCII_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*%#"
