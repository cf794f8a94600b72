"""Timeline: a line per source, with higher blocks for more rows; readable without color."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from auroraql.diagnostics.errors import UsageError, display_width, make_visible
from auroraql.rendering.text_output import BOLD, RenderOptions, apply_style, cut_text, format_count, pad_text
from auroraql.rendering.time_axis import (
    ASCII_BARS,
    BARS,
    DAY,
    STEPS,
    BlockScale,
    choose_step,
    draw_axis,
    find_count_column,
    find_day_column,
)
from auroraql.results.result_set import ResultColumn, ResultSet, Row
from auroraql.schema import Type

_NAMED = ("display_name", "platform", "program", "identifier")
_MIN_WIDTH = 40
_WIDEST_PIECE = 4
_END_OF_DAY = time(23, 59, 59)


@dataclass(frozen=True, slots=True)
class _RowReader:
    """Column indices of a row's time, of its sources, and of the number of records that it counts."""

    start: int
    end: int
    source: int | None
    count: int | None = None

    def time_range(self, row: Row) -> tuple[datetime, datetime] | None:
        """Return the first and last time of a row; None without a start."""
        start, end = row[self.start], row[self.end]
        if not isinstance(start, datetime):
            # A day is drawn from its first to its last moment.
            return (datetime.combine(start, time.min), datetime.combine(start, _END_OF_DAY)) if start else None
        return (start, end) if isinstance(end, datetime) and end >= start else (start, start)

    def weight(self, row: Row) -> int:
        """Return the number of records of a row."""
        return 1 if self.count is None else row[self.count] or 0

    def sources(self, row: Row) -> list[str]:
        """Return the distinct names of a row's sources."""
        value = row[self.source] if self.source is not None else "all"
        return list(dict.fromkeys(map(_source_name, value if isinstance(value, list) else [value])))


@dataclass(frozen=True, slots=True)
class _TimelineStatistics:
    """Statistics of the rows: time range, rows per source, and number of rows without a time."""

    first: datetime
    last: datetime
    counts: Counter[str]
    timeless: int


def render_timeline(result: ResultSet, screen: RenderOptions, most: int) -> Iterator[str]:
    """Render the timeline of the `most` sources with most rows. Raises UsageError for a result without times."""
    reader = _row_reader(result)
    statistics = _collect_statistics(result, reader)
    drawn_sources = statistics.counts.most_common(most)
    width = max(screen.width or 80, _MIN_WIDTH)
    names = min(max(display_width(name) for name, _ in drawn_sources), width // 3)
    figures = max(len(f"{count:,}") for _, count in drawn_sources)
    strip_width = width - names - figures - 4
    finest = DAY if result.columns[reader.start].type is Type.DATE else STEPS[0]
    step, starts = choose_step(statistics.first, statistics.last, strip_width, finest)
    heights = _count_by_piece(result, reader, starts, {name for name, _ in drawn_sources})
    scale = BlockScale(BARS if screen.blocks else ASCII_BARS, max(max(counts) for counts in heights.values()))
    piece_width = min(strip_width // len(starts), _WIDEST_PIECE)
    edge = "│" if screen.blocks else "|"
    yield _timeline_title(result, statistics, reader) + "\n"
    axis_line = draw_axis(step, starts, piece_width, "┌" if screen.blocks else "|")
    yield apply_style(f"{' ' * names}  {axis_line}", BOLD, color=screen.color).rstrip() + "\n"
    for name, count in drawn_sources:
        strip = "".join(scale.character(height) * piece_width for height in heights[name])
        yield f"{screen.format_shown(pad_text(cut_text(name, names), names, right=False))} {edge}{strip}{edge}{count:>{figures},}\n"
    if len(statistics.counts) > len(drawn_sources):
        rest_count = statistics.counts.total() - sum(count for _, count in drawn_sources)
        yield screen.note(
            f"{len(statistics.counts) - len(drawn_sources):,} more sources, not drawn, have {rest_count:,}"
        )
    yield screen.note(_draw_legend(scale, step.name, piece_width))


def _row_reader(result: ResultSet) -> _RowReader:
    """Return the row reader. Raises UsageError without a start or epoch column."""
    start = _column_index(result.columns, ("start",), Type.TIME)
    if start is None:
        start = _column_index(result.columns, ("epoch",), Type.TIME)
    count = None
    if start is None:
        start, count = find_day_column(result.columns), find_count_column(result)
    if start is None:
        raise UsageError("the result has no column start or epoch", "add start to SELECT")
    end = _column_index(result.columns, ("end",), Type.TIME)
    # Whole conjunctions are listed under all of their sources, not only under those of one block.
    names = [column.path[-1] if column.path and column.in_records else column.name for column in result.columns]
    source_index = next((names.index(name) for name in (*_NAMED, "data_source", "data_sources") if name in names), None)
    if source_index is None:
        texts = [index for index, column in enumerate(result.columns) if column.type is Type.STRING]
        source_index = texts[0] if len(texts) == 1 and count is not None else None
    return _RowReader(start, start if end is None else end, source_index, count)


def _column_index(all_columns: tuple[ResultColumn, ...], path: tuple[str, ...], type: Type) -> int | None:
    return next(
        (index for index, column in enumerate(all_columns) if column.path == path and column.type is type), None
    )


def _source_name(source: Any) -> str:
    if isinstance(source, dict):
        source = next((source[name] for name in _NAMED if source.get(name) is not None), None)
    return make_visible(str(source)) if source is not None else "no source"


def _collect_statistics(result: ResultSet, reader: _RowReader) -> _TimelineStatistics:
    """Collect statistics of all rows. Raises UsageError when no row has a time."""
    counts: Counter[str] = Counter()
    first, last, timeless = datetime.max, datetime.min, 0
    for row in result:
        when = reader.time_range(row)
        if when is None:
            timeless += 1
        else:
            first, last = min(first, when[0]), max(last, when[1])
            for source in reader.sources(row):
                counts[source] += reader.weight(row)
    if not counts:
        raise UsageError("the result has no rows with a time", "run a FIND that returns rows")
    start, end = result.window
    return _TimelineStatistics(min(first, start or first), max(last, end or last), counts, timeless)


def _count_by_piece(
    result: ResultSet, reader: _RowReader, starts: list[datetime], drawn_names: set[str]
) -> dict[str, list[int]]:
    """Return, by source, the number of rows that overlap each piece of time."""
    changes = {name: [0] * (len(starts) + 1) for name in drawn_names}
    for row in result:
        when = reader.time_range(row)
        if when is not None:
            begin, end = bisect(starts, when[0]) - 1, bisect(starts, when[1])
            for name in reader.sources(row):
                if name in changes:
                    changes[name][max(begin, 0)] += reader.weight(row)
                    changes[name][end] -= reader.weight(row)
    return {name: _running_sums(source_changes) for name, source_changes in changes.items()}


def _running_sums(changes: list[int]) -> list[int]:
    total, sums = 0, []
    for change in changes[:-1]:
        total += change
        sums.append(total)
    return sums


def _timeline_title(result: ResultSet, statistics: _TimelineStatistics, reader: _RowReader) -> str:
    several = reader.source is not None and result.columns[reader.source].type is Type.OBJECT
    shared = ", each listed under all its sources" if several else ""
    timeless_note = f"; {statistics.timeless:,} without a time" if statistics.timeless else ""
    whole = statistics.first.time() == time.min and statistics.last.time() >= time(23, 59)
    first, last = (
        f"{moment:{'%Y-%m-%d' if whole else '%Y-%m-%d %H:%M'}}" for moment in (statistics.first, statistics.last)
    )
    counted = f", records counted by {result.columns[reader.count].name}" if reader.count is not None else ""
    return f"{format_count(result)}{counted}{shared}, {first if first == last else f'{first} to {last}'}, UTC{timeless_note}"


def _draw_legend(scale: BlockScale, step: str, piece_width: int) -> str:
    ranges = scale.ranges()
    (low, fewest), (high, most) = ranges[0], ranges[-1]
    dots = "..." if scale.characters.isascii() else "…"
    range_text = f"{low} {fewest}" if len(ranges) == 1 else f"{low} {fewest} {dots} {high} {most}"
    return f"blank none, {range_text} in each {'column' if piece_width == 1 else f'{piece_width} columns'} ({step})"
