"""Availability as a picture: a line for each source, a shade for each day, week or month; readable without colour."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from auroraql.errors import columns, visible
from auroraql.output.blocks import ASCII_SHADES, SHADES, Scale
from auroraql.output.cells import BOLD, cut, pad, paint
from auroraql.output.screen import MOST_SHOWN, Screen
from auroraql.output.steps import DAY, Step, axis, fitting
from auroraql.results import ResultSet
from auroraql.schema import Type

_LEAST_ROOM = 7
_WIDEST_DAY = 3


@dataclass(slots=True)
class _Source:
    """A source: its name, and how many records it has on which day."""

    name: str
    days: dict[datetime, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Days:
    """What is drawn: the sources, and the first and the last day that was asked of."""

    sources: list[_Source]
    first: datetime
    last: datetime


def render_calendar(result: ResultSet, screen: Screen) -> Iterator[str] | None:
    """The picture of what SHOW AVAILABILITY found; None where its rows do not tell it, or there is no room for it."""
    days = _days(result)
    if days is None or screen.width is None:
        return None
    names = min(max(columns(source.name) for source in days.sources), max(screen.width // 3, 8))
    figures = _figures(days)
    beside = len(figures[0]) + 2
    room = screen.width - names - 2 - beside
    return _drawn(result, days, screen, names, room, figures) if room >= _LEAST_ROOM else None


def _days(result: ResultSet) -> _Days | None:
    """The counts of each source, in the order of the rows; None when the rows do not tell them."""
    paths = [column.path for column in result.columns]
    named = [at for at, path in enumerate(paths) if path in (("display_name",), ("platform",), ("identifier",))]
    if ("date",) not in paths or ("count",) not in paths or not named:
        return None
    day, count = paths.index(("date",)), paths.index(("count",))
    if result.columns[day].type is not Type.TIME or result.columns[count].type is not Type.INTEGER:
        return None
    sources: dict[tuple[object, ...], _Source] = {}
    for row in result:
        key = tuple(row[at] for at in named)
        source = sources.get(key) or sources.setdefault(key, _Source(visible(str(key[-1]))))
        if row[count]:
            source.days[row[day]] = source.days.get(row[day], 0) + row[count]
    there = [each for source in sources.values() for each in source.days]
    if not there:
        return None
    asked = result.plan.query
    return _Days(list(sources.values()), DAY.floor(asked.start or min(there)), DAY.floor(asked.end or max(there)))


def _figures(days: _Days) -> list[str]:
    """Beside each source, how many records and on how many days; first their titles."""
    every = (days.last - days.first).days + 1
    totals = [f"{sum(source.days.values()):,}" for source in days.sources]
    counts = [f"{len(source.days):,}/{every:,}" for source in days.sources]
    wide, far = max(map(len, [*totals, "records"])), max(map(len, [*counts, "days"]))
    pairs = [("records", "days"), *zip(totals, counts, strict=True)]
    return [f"{total.rjust(wide)}  {count.rjust(far)}" for total, count in pairs]


def _drawn(result: ResultSet, days: _Days, screen: Screen, names: int, room: int, figures: list[str]) -> Iterator[str]:
    step, starts = fitting(days.first, days.last, room, DAY)
    each = min(room // len(starts), _WIDEST_DAY)
    lines = [(source, _a_day(source, step, starts, days)) for source in days.sources]
    scale = Scale(SHADES if screen.blocks else ASCII_SHADES, max(max(counts) for _, counts in lines))
    wide = len(starts) * each
    above = axis(step, starts, each, "┌" if screen.blocks else "|")
    yield paint(f"{' ' * names}  {above.ljust(wide)}  {figures[0]}", BOLD, color=screen.color) + "\n"
    for (source, counts), figure in zip(lines[:MOST_SHOWN], figures[1:], strict=False):
        strip = "".join(scale.character(count) * each for count in counts)
        yield f"{pad(cut(source.name, names), names, right=False)}  {strip}  {figure}\n"
    if len(lines) > MOST_SHOWN:
        yield screen.note(f"first {MOST_SHOWN:,} of {len(lines):,} sources")
    yield screen.note(_legend(scale, step))
    way = "\\last" if screen.commands else "--format csv"
    note = _between(days)
    yield screen.note(note if screen.python else f"{note}; the {len(result):,} rows: {way}")


def _a_day(source: _Source, step: Step, starts: list[datetime], days: _Days) -> list[int]:
    """How many records a day a source has in each piece of time, rounded up: a little is never none."""
    sums = [0] * len(starts)
    for day, count in source.days.items():
        at = bisect(starts, day) - 1
        if at >= 0:
            sums[at] += count
    if step is DAY:
        return sums
    ends = [*starts[1:], step.after(starts[-1])]
    lengths = [
        (min(end, DAY.after(days.last)) - max(start, days.first)).days for start, end in zip(starts, ends, strict=True)
    ]
    return [-(-total // max(length, 1)) for total, length in zip(sums, lengths, strict=True)]


def _between(days: _Days) -> str:
    """The days that are drawn."""
    first, last = (moment.date().isoformat() for moment in (days.first, days.last))
    return f"{first}, UTC" if first == last else f"{first} to {last}, UTC"


def _legend(scale: Scale, step: Step) -> str:
    """What each character stands for."""
    parts = [f"{scale.characters[0]} none", *(f"{character} {counts}" for character, counts in scale.ranges())]
    mean = "" if step is DAY else f", mean of {step.name}"
    return f"{'  '.join(parts)} records a day{mean}"
