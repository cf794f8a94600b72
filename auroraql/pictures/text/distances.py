"""Distances as text: a letter for each pair, over time and distance."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from datetime import datetime
from string import ascii_lowercase

from auroraql.diagnostics.errors import make_visible
from auroraql.pictures.distances import Distances, format_distance
from auroraql.pictures.time_axis import choose_step, draw_axis
from auroraql.pictures.value_axis import choose_value_ticks
from auroraql.rendering.text_output import BOLD, RenderOptions, apply_style, cut_text

_MIN_WIDTH = 40
_ROWS = 15
_SEVERAL, _OTHER = "*", "+"
_OTHER_LINES = 8
"""Lines of a screen that are not part of the drawing or its legend."""
_WIDEST_PIECE = 2


def render_distances(model: Distances, screen: RenderOptions) -> Iterator[str]:
    """Render the smallest distances: a line for each range of distances, nearest at the bottom."""
    width = max(screen.width or 80, _MIN_WIDTH)
    shown = max(min(len(ascii_lowercase), (screen.height or 40) - _ROWS - _OTHER_LINES), 4)
    ticks = choose_value_ticks(model.highest, 5)
    labels = [f"{tick:,g} km" for tick in ticks]
    label_width = max(map(len, labels))
    step, starts = choose_step(model.first, model.last, width - label_width - 2)
    piece_width = min((width - label_width - 2) // len(starts), _WIDEST_PIECE)
    cells = _place_letters(model, shown, ticks[-1], starts)
    rows = {round(tick / ticks[-1] * (_ROWS - 1)): label for tick, label in zip(ticks, labels, strict=True)}
    edge = "│" if screen.blocks else "|"
    yield screen.format_shown(cut_text(_to_ascii(make_visible(model.title), screen), width)) + "\n"
    axis_line = draw_axis(step, starts, piece_width, "┌" if screen.blocks else "|")
    yield apply_style(f"{' ' * label_width}  {axis_line}", BOLD, color=screen.color).rstrip() + "\n"
    for row in reversed(range(_ROWS)):
        line = "".join(cells.get((piece, row), " ").ljust(piece_width) for piece in range(len(starts)))
        yield f"{rows.get(row, ''):>{label_width}} {edge}{line}".rstrip() + "\n"
    yield from _draw_legend(model, screen, shown, width)


def _place_letters(model: Distances, shown: int, highest: float, starts: list[datetime]) -> dict[tuple[int, int], str]:
    """Return the character of each cell, by piece of time and row."""
    cells: dict[tuple[int, int], str] = {}
    for number, pair in enumerate(model.pairs):
        letter = ascii_lowercase[number] if number < shown else _OTHER
        for approach in pair.approaches:
            cell = (max(bisect(starts, approach.when) - 1, 0), round(approach.distance / highest * (_ROWS - 1)))
            cells[cell] = letter if cells.get(cell, letter) == letter else _SEVERAL
    return cells


def _draw_legend(model: Distances, screen: RenderOptions, shown: int, width: int) -> Iterator[str]:
    for letter, pair in zip(ascii_lowercase, model.pairs[:shown], strict=False):
        counts = f"{len(pair.approaches):,}, nearest {format_distance(pair.nearest.distance)}"
        name = cut_text(_to_ascii(pair.name, screen), max(width - len(counts) - 4, 8))
        yield screen.format_shown(f"{letter} {name}: {counts}") + "\n"
    others = model.pairs[shown:]
    if others:
        count = sum(len(pair.approaches) for pair in others)
        yield f"{_OTHER} {len(others):,} other pairs: {count:,}\n"
    yield screen.note(f"{_SEVERAL} several pairs")


def _to_ascii(text: str, screen: RenderOptions) -> str:
    """Return the text with the dash of pairs replaced if the encoding lacks it."""
    return text if screen.blocks else text.replace("–", "-")
