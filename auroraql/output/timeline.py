"""A result over time as a picture: a line for each source, higher blocks where more of it is; readable without colour."""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from auroraql.errors import UsageError, columns, visible
from auroraql.output.blocks import ASCII_BARS, BARS, Scale
from auroraql.output.cells import BOLD, cut, pad, paint
from auroraql.output.screen import Screen
from auroraql.output.steps import axis, fitting
from auroraql.output.summary import counted
from auroraql.results import ResultColumn, ResultSet, Row
from auroraql.schema import Type

_NAMED = ("display_name", "platform", "program", "identifier")
_LEAST_WIDTH = 40
_WIDEST_PIECE = 4


@dataclass(frozen=True, slots=True)
class _Reader:
    """How a row tells when it is, and of which sources."""

    start: int
    end: int
    source: int | None

    def when(self, row: Row) -> tuple[datetime, datetime] | None:
        """The first and the last moment of a row; None when it does not tell."""
        start, end = row[self.start], row[self.end]
        if not isinstance(start, datetime):
            return None
        return (start, end) if isinstance(end, datetime) and end >= start else (start, start)

    def sources(self, row: Row) -> list[str]:
        """The names of its sources, each once."""
        value = row[self.source] if self.source is not None else "all"
        return list(dict.fromkeys(map(_name, value if isinstance(value, list) else [value])))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a first look at the rows found: the time they take up, how many each source has, how many tell no time."""

    first: datetime
    last: datetime
    counts: Counter[str]
    timeless: int


def render_timeline(result: ResultSet, screen: Screen, most: int) -> Iterator[str]:
    """The picture, of the `most` sources that have most rows. Raises UsageError for a result without times."""
    reader = _reader(result)
    seen = _look(result, reader)
    named = seen.counts.most_common(most)
    width = max(screen.width or 80, _LEAST_WIDTH)
    names = min(max(columns(name) for name, _ in named), width // 3)
    figures = max(len(f"{count:,}") for _, count in named)
    room = width - names - figures - 4
    step, starts = fitting(seen.first, seen.last, room)
    heights = _heights(result, reader, starts, {name for name, _ in named})
    scale = Scale(BARS if screen.blocks else ASCII_BARS, max(max(each) for each in heights.values()))
    each = min(room // len(starts), _WIDEST_PIECE)
    edge = "│" if screen.blocks else "|"
    yield _title(result, seen, reader) + "\n"
    above = axis(step, starts, each, "┌" if screen.blocks else "|")
    yield paint(f"{' ' * names}  {above}", BOLD, color=screen.color).rstrip() + "\n"
    for name, count in named:
        strip = "".join(scale.character(height) * each for height in heights[name])
        yield f"{screen.shown(pad(cut(name, names), names, right=False))} {edge}{strip}{edge}{count:>{figures},}\n"
    if len(seen.counts) > len(named):
        rest = seen.counts.total() - sum(count for _, count in named)
        yield screen.note(f"{len(seen.counts) - len(named):,} more sources, not drawn, have {rest:,}")
    yield screen.note(_legend(scale, step.name, each))


def _reader(result: ResultSet) -> _Reader:
    """Raises UsageError for a result that does not tell when its rows are."""
    start = _place(result.columns, ("start",), Type.TIME)
    if start is None:
        start = _place(result.columns, ("epoch",), Type.TIME)
    if start is None:
        raise UsageError("the result has no column start or epoch", "SELECT start too")
    end = _place(result.columns, ("end",), Type.TIME)
    bare = [column.path[-1] if column.path else column.name for column in result.columns]
    named = next((bare.index(name) for name in (*_NAMED, "data_source", "data_sources") if name in bare), None)
    return _Reader(start, start if end is None else end, named)


def _place(every: tuple[ResultColumn, ...], path: tuple[str, ...], type: Type) -> int | None:
    return next((at for at, column in enumerate(every) if column.path == path and column.type is type), None)


def _name(source: Any) -> str:
    if isinstance(source, dict):
        source = next((source[name] for name in _NAMED if source.get(name) is not None), None)
    return visible(str(source)) if source is not None else "no source"


def _look(result: ResultSet, reader: _Reader) -> _Seen:
    """Raises UsageError when no row tells when it is."""
    counts: Counter[str] = Counter()
    first, last, timeless = datetime.max, datetime.min, 0
    for row in result:
        when = reader.when(row)
        if when is None:
            timeless += 1
        else:
            first, last = min(first, when[0]), max(last, when[1])
            counts.update(reader.sources(row))
    if not counts:
        raise UsageError("the result has no rows that tell when they are", "FIND something first")
    asked = result.plan.query
    return _Seen(min(first, asked.start or first), max(last, asked.end or last), counts, timeless)


def _heights(result: ResultSet, reader: _Reader, starts: list[datetime], named: set[str]) -> dict[str, list[int]]:
    """How many rows of each source touch each piece of time."""
    changes = {name: [0] * (len(starts) + 1) for name in named}
    for row in result:
        when = reader.when(row)
        if when is not None:
            begin, end = bisect(starts, when[0]) - 1, bisect(starts, when[1])
            for name in reader.sources(row):
                if name in changes:
                    changes[name][max(begin, 0)] += 1
                    changes[name][end] -= 1
    return {name: _sums(each) for name, each in changes.items()}


def _sums(changes: list[int]) -> list[int]:
    total, sums = 0, []
    for change in changes[:-1]:
        total += change
        sums.append(total)
    return sums


def _title(result: ResultSet, seen: _Seen, reader: _Reader) -> str:
    several = reader.source is not None and result.columns[reader.source].type is Type.OBJECT
    shared = ", each under all its sources" if several else ""
    untold = f"; {seen.timeless:,} do not tell when" if seen.timeless else ""
    whole = seen.first.time() == time.min and seen.last.time() >= time(23, 59)
    first, last = (f"{each:{'%Y-%m-%d' if whole else '%Y-%m-%d %H:%M'}}" for each in (seen.first, seen.last))
    return f"{counted(result)}{shared}, {first if first == last else f'{first} to {last}'}, UTC{untold}"


def _legend(scale: Scale, step: str, each: int) -> str:
    ranges = scale.ranges()
    (low, fewest), (high, most) = ranges[0], ranges[-1]
    dots = "..." if scale.characters.isascii() else "…"
    told = f"{low} {fewest}" if len(ranges) == 1 else f"{low} {fewest} {dots} {high} {most}"
    return f"blank none, {told} in each {'column' if each == 1 else f'{each} columns'} ({step})"
