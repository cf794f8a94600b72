"""Availability calendar: a line per source, a shade per day, week or month; readable without color."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from auroraql.diagnostics.errors import display_width, make_visible
from auroraql.rendering.text_output import BOLD, MAX_ROWS_SHOWN, RenderOptions, apply_style, cut_text, pad_text
from auroraql.rendering.time_axis import (
    ASCII_SHADES,
    DAY,
    SHADES,
    BlockScale,
    TimeStep,
    choose_step,
    draw_axis,
    find_count_column,
    find_day_column,
)
from auroraql.results.result_set import ResultSet
from auroraql.schema import Type

_MIN_CELLS = 7
_WIDEST_DAY = 3
_NAMES = (("display_name",), ("platform",), ("identifier",))
"""Ends of the paths of columns that name a source."""


@dataclass(slots=True)
class _SourceDays:
    """One source: its name and its record counts by day."""

    name: str
    days: dict[datetime, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _CalendarData:
    """Data of the calendar: the sources, and the first and last day of the request."""

    sources: list[_SourceDays]
    first: datetime
    last: datetime


def render_calendar(result: ResultSet, screen: RenderOptions, *, needs_sources: bool = False) -> Iterator[str] | None:
    """Render the records of each source and day, from SHOW AVAILABILITY or a FIND that counts by day.

    Return None when columns are missing or the screen is too narrow. Without a column of sources there is one line for
    all, unless sources are needed.
    """
    days = _read_calendar(result, needs_sources=needs_sources)
    if days is None or screen.width is None:
        return None
    names = min(max(display_width(source.name) for source in days.sources), max(screen.width // 3, 8))
    figures = _summary_texts(days)
    figures_width = len(figures[0]) + 2
    strip_width = screen.width - names - 2 - figures_width
    return _draw_calendar(result, days, screen, names, strip_width, figures) if strip_width >= _MIN_CELLS else None


def _read_calendar(result: ResultSet, *, needs_sources: bool) -> _CalendarData | None:
    """Return record counts by source, in row order; None when columns or counts are missing."""
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
    sources: dict[tuple[object, ...], _SourceDays] = {}
    for row in result:
        key = tuple(row[index] for index in name_indices)
        source = sources.get(key) or sources.setdefault(key, _SourceDays(make_visible(str(key[-1] if key else "all"))))
        if row[count] and row[day] is not None:
            moment = datetime(row[day].year, row[day].month, row[day].day)
            source.days[moment] = source.days.get(moment, 0) + row[count]
    counted_days = [counted_day for source in sources.values() for counted_day in source.days]
    if not counted_days:
        return None
    first, last = result.window
    return _CalendarData(
        list(sources.values()), DAY.floor(first or min(counted_days)), DAY.floor(last or max(counted_days))
    )


def _summary_texts(days: _CalendarData) -> list[str]:
    """Return the texts right of each source: the headers, then records and covered days."""
    day_count = (days.last - days.first).days + 1
    totals = [f"{sum(source.days.values()):,}" for source in days.sources]
    counts = [f"{len(source.days):,}/{day_count:,}" for source in days.sources]
    totals_width, counts_width = max(map(len, [*totals, "records"])), max(map(len, [*counts, "days"]))
    pairs = [("records", "days"), *zip(totals, counts, strict=True)]
    return [f"{total.rjust(totals_width)}  {count.rjust(counts_width)}" for total, count in pairs]


def _draw_calendar(
    result: ResultSet, days: _CalendarData, screen: RenderOptions, names: int, room: int, figures: list[str]
) -> Iterator[str]:
    step, starts = choose_step(days.first, days.last, room, DAY)
    step_width = min(room // len(starts), _WIDEST_DAY)
    lines = [(source, _daily_means(source, step, starts, days)) for source in days.sources]
    scale = BlockScale(SHADES if screen.blocks else ASCII_SHADES, max(max(counts) for _, counts in lines))
    axis_width = len(starts) * step_width
    axis_line = draw_axis(step, starts, step_width, "┌" if screen.blocks else "|")
    yield apply_style(f"{' ' * names}  {axis_line.ljust(axis_width)}  {figures[0]}", BOLD, color=screen.color) + "\n"
    for (source, counts), figure in zip(lines[:MAX_ROWS_SHOWN], figures[1:], strict=False):
        strip = "".join(scale.character(count) * step_width for count in counts)
        yield f"{pad_text(cut_text(source.name, names), names, right=False)}  {strip}  {figure}\n"
    if len(lines) > MAX_ROWS_SHOWN:
        yield screen.note(f"first {MAX_ROWS_SHOWN:,} of {len(lines):,} sources")
    yield screen.note(_draw_legend(scale, step))
    hint = "\\last" if screen.commands else "--format csv"
    note = _days_between(days)
    yield screen.note(note if screen.python else f"{note}; the {len(result):,} rows: {hint}")


def _daily_means(source: _SourceDays, step: TimeStep, starts: list[datetime], days: _CalendarData) -> list[int]:
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
        (min(end, DAY.next_start(days.last)) - max(start, days.first)).days
        for start, end in zip(starts, ends, strict=True)
    ]
    return [-(-total // max(length, 1)) for total, length in zip(sums, lengths, strict=True)]


def _days_between(days: _CalendarData) -> str:
    """Return the period of the calendar as text."""
    first, last = (moment.date().isoformat() for moment in (days.first, days.last))
    return f"{first}, UTC" if first == last else f"{first} to {last}, UTC"


def _draw_legend(scale: BlockScale, step: TimeStep) -> str:
    """Return the meaning of each character."""
    parts = [f"{scale.characters[0]} none", *(f"{character} {counts}" for character, counts in scale.ranges())]
    mean = "" if step is DAY else f", mean of {step.name}"
    return f"{'  '.join(parts)} records a day{mean}"
