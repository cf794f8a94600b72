"""Distances as SVG: a mark for each conjunction, with a shape and a color for each pair."""

from __future__ import annotations

from auroraql.pictures.distances import Approach, Distances, Pair, format_distance
from auroraql.pictures.palette import COLORS, OTHER, SHAPES
from auroraql.pictures.svg.canvas import Canvas, add_mark, text_width
from auroraql.pictures.svg.time_scale import HEADER, MARGIN, WIDTH, TimeScale, widen_period
from auroraql.pictures.value_axis import choose_value_ticks

_HEIGHT = 320
_AXIS_WIDTH = 64
_MARK_SIZE = 4.5
_GRID = 3
"""Marks of a pair in one square of this size are drawn once."""
_LINE_HEIGHT = 20


def draw_distances(model: Distances, *, inline: bool) -> str:
    """Return the smallest distances over time, those of the most frequent pairs with marks of their own."""
    canvas = Canvas(WIDTH, model.title, model.description)
    canvas.text(MARGIN, HEADER - 10, model.title, most=WIDTH - 2 * MARGIN, font_weight="bold", font_size=13)
    top = HEADER + 22
    floor = top + _HEIGHT
    scale = TimeScale(*widen_period(model.first, model.last), MARGIN + _AXIS_WIDTH, WIDTH - MARGIN - 10)
    scale.draw(canvas, top, floor)
    ticks = choose_value_ticks(model.highest, 6)
    for tick in ticks:
        y = floor - _HEIGHT * tick / ticks[-1]
        canvas.add("line", x1=scale.left, x2=scale.right, y1=y, y2=y, stroke="currentColor", stroke_opacity=0.15)
        canvas.text(scale.left - 8, y + 4, f"{tick:,g} km", text_anchor="end", fill_opacity=0.75)
    shown, others = model.pairs[: len(COLORS)], model.pairs[len(COLORS) :]
    for pair in others:  # first, so that the others are drawn on top
        _draw_pair(canvas, scale, pair, ("circle", OTHER), floor, ticks[-1])
    for number, pair in reversed(list(enumerate(shown))):
        _draw_pair(canvas, scale, pair, (SHAPES[number], COLORS[number]), floor, ticks[-1])
    legend = [(SHAPES[number], COLORS[number], _describe(pair)) for number, pair in enumerate(shown)]
    if others:
        count = sum(len(pair.approaches) for pair in others)
        legend.append(("circle", OTHER, f"{len(others):,} other pairs: {count:,}"))
    bottom = _draw_legend(canvas, legend, floor + 26)
    return canvas.write(bottom + MARGIN, inline=inline)


def _describe(pair: Pair) -> str:
    return f"{pair.name}: {len(pair.approaches):,}, nearest {format_distance(pair.nearest.distance)}"


def _draw_pair(
    canvas: Canvas, scale: TimeScale, pair: Pair, style: tuple[str, str], floor: float, highest: float
) -> None:
    cells: dict[tuple[int, int], list[Approach]] = {}
    for approach in pair.approaches:
        x, y = scale.position(approach.when), floor - _HEIGHT * approach.distance / highest
        cells.setdefault((int(x / _GRID), int(y / _GRID)), []).append(approach)
    shape, color = style
    for approaches in cells.values():
        approach = min(approaches, key=lambda item: item.distance)
        more = f" and {len(approaches) - 1:,} more" if len(approaches) > 1 else ""
        add_mark(
            canvas, shape, scale.position(approach.when), floor - _HEIGHT * approach.distance / highest, _MARK_SIZE,
            tooltip=f"{pair.describe(approach)}{more}", fill=color, fill_opacity=0.85, data_row=str(approach.row + 1),
        )  # fmt: skip


def _draw_legend(canvas: Canvas, legend: list[tuple[str, str, str]], top: float) -> float:
    """Draw the meaning of the marks in columns. Return the bottom of the last line."""
    width = min(max(text_width(text) for *_, text in legend) + 34, WIDTH - 2 * MARGIN)
    columns = max(int((WIDTH - 2 * MARGIN) / width), 1)
    for number, (shape, color, text) in enumerate(legend):
        x, y = MARGIN + width * (number % columns), top + number // columns * _LINE_HEIGHT
        add_mark(canvas, shape, x + 6, y - 4, _MARK_SIZE, fill=color)
        canvas.text(x + 18, y, text, most=width - 22)
    return top + (len(legend) - 1) // columns * _LINE_HEIGHT + 4
