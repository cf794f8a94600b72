"""Map as text: coastlines as dots, a letter for each spacecraft, a number for each site."""

from __future__ import annotations

from collections.abc import Iterator
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from auroraql.diagnostics.errors import make_visible
from auroraql.pictures.distances import format_distance
from auroraql.pictures.geography import Floats, map_radius, project_land
from auroraql.pictures.maps import Map
from auroraql.pictures.timeline import format_moment
from auroraql.rendering.text_output import RenderOptions, cut_text

_MIN_WIDTH, _MAX_COLUMNS = 40, 80
_ASPECT = 2
"""Height of a character cell in widths."""
_DOTS_ACROSS, _DOTS_DOWN = 2, 4
_BRAILLE = 0x2800
_BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_COAST, _APPROACH = ".", "*"
_MAX_LEGEND = 8
_OTHER_LINES = 7
"""Lines of a screen that are not part of the map."""


def render_map(model: Map, screen: RenderOptions) -> Iterator[str]:
    """Render the map as wide as the screen, and its legend."""
    width = max(screen.width or 80, _MIN_WIDTH)
    columns = min(width, _MAX_COLUMNS)
    if screen.height is not None:
        columns = max(min(columns, (screen.height - _OTHER_LINES) * _ASPECT), _MIN_WIDTH)
    grid = _Grid(model, columns, columns // _ASPECT)
    lines = grid.coast_lines(blocks=screen.blocks)
    for (row, column), character in grid.marks().items():
        lines[row][column] = character
    yield screen.format_shown(cut_text(make_visible(model.title), width)) + "\n"
    for line in lines:
        yield "".join(line).rstrip() + "\n"
    for text in _legend(model):
        shown = text if screen.blocks else text.replace("–", "-")
        yield screen.format_shown(cut_text(shown, width)) + "\n"
    yield screen.note(f"{2 * model.radius:,.0f} km across; land: Natural Earth")


class _Grid:
    """The cells of the map, and the positions on them."""

    def __init__(self, model: Map, columns: int, rows: int) -> None:
        self._model, self._columns, self._rows = model, columns, rows
        self._radius = map_radius(model.radius)

    def coast_lines(self, *, blocks: bool) -> list[list[str]]:
        """Return the cells with the coastlines: braille dots, or periods in ASCII."""
        across, down = (_DOTS_ACROSS, _DOTS_DOWN) if blocks else (1, 1)
        dots = np.zeros((self._rows * down, self._columns * across), bool)
        for east, north in project_land(self._model.projection, self._radius * 1.5):
            self._add_line(dots, east, north)
        if not blocks:
            return [[_COAST if dot else " " for dot in row] for row in dots]
        cells = dots.reshape(self._rows, down, self._columns, across).transpose(0, 2, 1, 3)
        codes = (cells * _BRAILLE_BITS).sum(axis=(2, 3))
        return [[chr(_BRAILLE + int(code)) if code else " " for code in row] for row in codes]

    def _add_line(self, dots: Any, east: Floats, north: Floats) -> None:
        """Set the dots along a line, at steps shorter than a dot."""
        step = 2 * self._radius / max(dots.shape)
        near = np.hypot(east, north) < self._radius * 1.6
        for at in np.flatnonzero(near[:-1] | near[1:]):
            length = np.hypot(east[at + 1] - east[at], north[at + 1] - north[at])
            # A line across half of the map is one around the antipode.
            if length > self._radius:
                continue
            along = np.linspace(0, 1, int(length / step * 1.5) + 2)
            x = east[at] + along * (east[at + 1] - east[at])
            y = north[at] + along * (north[at + 1] - north[at])
            column = np.floor((x / self._radius + 1) / 2 * dots.shape[1]).astype(int)
            row = np.floor((1 - y / self._radius) / 2 * dots.shape[0]).astype(int)
            inside = (column >= 0) & (column < dots.shape[1]) & (row >= 0) & (row < dots.shape[0])
            dots[row[inside], column[inside]] = True

    def marks(self) -> dict[tuple[int, int], str]:
        """Return the characters of tracks, approaches and sites by cell; sites are on top."""
        cells: dict[tuple[int, int], str] = {}
        letters = dict(zip(self._model.moving, _letters(ascii_lowercase, len(self._model.moving)), strict=True))
        for track in self._model.tracks:
            for cell in self._cells([lat for lat, _ in track.places], [lon for _, lon in track.places]):
                cells[cell] = letters[track.name]
        for approach in self._model.approaches:
            cells |= dict.fromkeys(self._cells([approach.ends[1][0]], [approach.ends[1][1]]), _APPROACH)
        for site, letter in zip(self._model.sites, _letters(ascii_uppercase, len(self._model.sites)), strict=True):
            cells |= dict.fromkeys(self._cells([site.place[0]], [site.place[1]]), letter)
        return cells

    def _cells(self, lats: list[float], lons: list[float]) -> Iterator[tuple[int, int]]:
        """Yield the cells along a line through places, as far as it is on the map."""
        east, north = self._model.projection.project(lats, lons)
        column = (east / self._radius + 1) / 2 * self._columns
        row = (1 - north / self._radius) / 2 * self._rows
        for at in range(len(lats)):
            end = min(at + 1, len(lats) - 1)
            length = np.hypot(column[end] - column[at], row[end] - row[at])
            # A longer line is one around the antipode, or leaves the map.
            steps = int(length * 2) + 1 if length < self._columns else 1
            for part in np.arange(steps) / steps:
                x, y = column[at] + part * (column[end] - column[at]), row[at] + part * (row[end] - row[at])
                if 0 <= x < self._columns and 0 <= y < self._rows:
                    yield int(y), int(x)


def _letters(alphabet: str, count: int) -> list[str]:
    """Return a letter for each source. After the last one, all have a plus sign."""
    return [alphabet[number] if number < len(alphabet) else "+" for number in range(count)]


def _legend(model: Map) -> Iterator[str]:
    """Yield the lines that explain the letters."""
    for alphabet, names in (
        (ascii_uppercase, [site.name for site in model.sites]),
        (ascii_lowercase, list(model.moving)),
    ):
        pairs = [f"{letter} {name}" for letter, name in zip(alphabet, names, strict=False)]
        more = [f"+ {len(names) - len(alphabet):,} more"] if len(names) > len(alphabet) else []
        if pairs:
            yield "  ".join([*pairs, *more])
    nearest = sorted(model.approaches, key=lambda approach: approach.distance)
    for approach in nearest[:_MAX_LEGEND]:
        name = " – ".join(approach.names)
        yield f"{_APPROACH} {name}: {format_distance(approach.distance)}, {format_moment(approach.when)}"
    if len(nearest) > _MAX_LEGEND:
        yield f"{_APPROACH} {len(nearest) - _MAX_LEGEND:,} more approaches"
