"""Availability as SVG: a square for each source and day, darker for more records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from auroraql.pictures.availability import Availability
from auroraql.pictures.palette import COLORS
from auroraql.pictures.svg.canvas import Canvas, text_width
from auroraql.pictures.svg.time_scale import HEADER, MARGIN, WIDTH, TimeScale
from auroraql.pictures.time_axis import DAY, BlockScale, TimeStep, choose_step

_MAX_SOURCES = 60
_NAME_WIDTH = 220
_LEVELS = " 1234"
_OPACITIES = (0.25, 0.5, 0.75, 1.0)
_MIN_CELL, _MAX_CELL = 4, 16
_MAX_SINGLE_CELLS = 5000
"""Most squares that are drawn one by one. More are joined to bars of equal shade."""


def draw_availability(model: Availability, *, inline: bool) -> str:
    """Return the records of each source and day, in row order."""
    canvas = Canvas(WIDTH, model.title, model.description)
    sources = model.sources[:_MAX_SOURCES]
    names = min(max(text_width(source.name) for source in sources), _NAME_WIDTH) + 8
    figures = [f"{source.count:,} on {len(source.days):,}/{model.day_count:,} days" for source in sources]
    figures_width = max(map(text_width, figures)) + 8
    left, room = MARGIN + names, WIDTH - 2 * MARGIN - names - figures_width
    step, starts = choose_step(model.first, model.last, int(room / _MIN_CELL), DAY)
    cell = min(room / len(starts), _MAX_CELL)
    height = max(min(cell, _MAX_CELL), 10)
    top = HEADER + 22
    rows = [model.daily_means(source, step, starts) for source in sources]
    scale = BlockScale(_LEVELS, max(map(max, rows)))
    canvas.text(MARGIN, HEADER - 10, model.title, most=WIDTH - 2 * MARGIN, font_weight="bold", font_size=13)
    last = step.next_start(starts[-1])
    TimeScale(starts[0], last, left, left + cell * len(starts)).draw(canvas, top, top + len(sources) * (height + 4))
    joins = len(sources) * len(starts) > _MAX_SINGLE_CELLS
    for number, (source, counts) in enumerate(zip(sources, rows, strict=True)):
        y = top + number * (height + 4) + 2
        canvas.text(left - 8, y + height / 2 + 4, source.name, most=names - 8, text_anchor="end")
        canvas.text(left + cell * len(starts) + 8, y + height / 2 + 4, figures[number], fill_opacity=0.75)
        for start, end in _cells(counts, scale, joins=joins):
            shade = int(scale.character(counts[start]))
            canvas.add(
                "rect", x=left + cell * start, y=y, width=max(cell * (end - start) - 1, 1), height=height,
                fill=COLORS[0], fill_opacity=_OPACITIES[shade - 1],
                tooltip=f"{source.name}: {_describe_cell(counts, starts, start, end, step)}",
            )  # fmt: skip
    bottom = top + len(sources) * (height + 4) + 20
    _draw_legend(canvas, scale, step, bottom)
    if len(model.sources) > len(sources):
        bottom += 20
        canvas.text(MARGIN, bottom, f"first {len(sources):,} of {len(model.sources):,} sources", fill_opacity=0.75)
    return canvas.write(bottom + MARGIN, inline=inline)


def _cells(counts: Sequence[int], scale: BlockScale, *, joins: bool) -> Iterator[tuple[int, int]]:
    """Yield the first and the next index of each cell with records. Joined cells are neighbors of one shade."""
    if not joins:
        yield from ((at, at + 1) for at, count in enumerate(counts) if count > 0)
        return
    for shade, group in groupby(enumerate(counts), lambda item: scale.character(max(item[1], 0))):
        indices = [at for at, _ in group]
        if shade != _LEVELS[0]:
            yield indices[0], indices[-1] + 1


def _describe_cell(counts: Sequence[int], starts: Sequence[datetime], start: int, end: int, step: TimeStep) -> str:
    fewest, most = min(counts[start:end]), max(counts[start:end])
    amount = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    first, last = (f"{starts[at]:%Y-%m-%d}" for at in (start, end - 1))
    if step is DAY:
        return f"{amount} on {first}" if first == last else f"{amount} a day, {first} to {last}"
    return f"{amount} a day, mean of {step.name} from {first}" + (f" to that from {last}" if last != first else "")


def _draw_legend(canvas: Canvas, scale: BlockScale, step: TimeStep, y: float) -> None:
    x: float = MARGIN
    for character, counts in scale.ranges():
        canvas.add(
            "rect", x=x, y=y - 10, width=12, height=12, fill=COLORS[0], fill_opacity=_OPACITIES[int(character) - 1]
        )
        canvas.text(x + 17, y, counts)
        x += 17 + text_width(counts) + 16
    mean = "" if step is DAY else f", mean of {step.name}"
    canvas.text(x, y, f"records a day{mean}; blank none", fill_opacity=0.75)
