"""Map as SVG: coastlines, fields of view, tracks and closest approaches, with a legend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from auroraql.pictures.geography import circle_around, map_radius, project_land
from auroraql.pictures.maps import FIELD_OF_VIEW_KM, Map, Track
from auroraql.pictures.palette import COLORS, OTHER
from auroraql.pictures.svg.canvas import Canvas, Point, add_mark
from auroraql.pictures.svg.time_scale import HEADER, MARGIN, WIDTH
from auroraql.pictures.timeline import format_period

_SIZE = 620
_LEGEND_LEFT = MARGIN + _SIZE + 20
_LINE_HEIGHT = 20
_MAX_LEGEND_LINES = 24
_MAX_TRACKS, _MAX_APPROACHES, _MAX_SITES = 1000, 300, 200
_DASHES = (None, "7 3", "2 3", "9 3 2 3", "5 5", "12 4")
"""Dashes of tracks, one for each color, for readers who do not see the colors."""

_TO_POINTS = Callable[[Any, Any], list[Point]]


def draw_map(model: Map, *, inline: bool) -> str:
    """Return the map, centered on the sites."""
    canvas = Canvas(WIDTH, model.title, model.description)
    canvas.text(MARGIN, HEADER - 10, model.title, most=WIDTH - 2 * MARGIN, font_weight="bold", font_size=13)
    radius = map_radius(model.radius)
    scale = _SIZE / 2 / radius
    center = (MARGIN + _SIZE / 2, HEADER + _SIZE / 2)

    def to_points(lat: Any, lon: Any) -> list[Point]:
        east, north = model.projection.project(lat, lon)
        return [(center[0] + scale * x, center[1] - scale * y) for x, y in zip(east, north, strict=True)]

    # A nested document clips what leaves the map, without an identifier that another picture might have too.
    canvas.open("svg", x=MARGIN, y=HEADER, width=_SIZE, height=_SIZE, viewBox=f"{MARGIN} {HEADER} {_SIZE} {_SIZE}")
    outlines = project_land(model.projection, radius * 1.5)
    land = [
        [(center[0] + scale * x, center[1] - scale * y) for x, y in zip(*outline, strict=True)] for outline in outlines
    ]
    canvas.path(
        land, closed=True, fill="currentColor", fill_opacity=0.08, fill_rule="evenodd", stroke="currentColor",
        stroke_opacity=0.5, stroke_width=0.8,
    )  # fmt: skip
    _draw_graticule(canvas, model, to_points)
    _draw_views(canvas, model, to_points)
    for track in model.tracks[:_MAX_TRACKS]:
        _draw_track(canvas, track, _style(model, track.name), to_points)
    _draw_approaches(canvas, model, to_points)
    _draw_sites(canvas, model, to_points)
    canvas.close("svg")
    canvas.add(
        "rect", x=MARGIN, y=HEADER, width=_SIZE, height=_SIZE, fill="none", stroke="currentColor", stroke_opacity=0.4
    )
    _draw_legend(canvas, model)
    return canvas.write(HEADER + _SIZE + MARGIN, inline=inline)


def _style(model: Map, name: str) -> tuple[str, str | None]:
    number = model.moving.index(name)
    return (COLORS[number], _DASHES[number]) if number < len(COLORS) else (OTHER, None)


def _draw_graticule(canvas: Canvas, model: Map, to_points: _TO_POINTS) -> None:
    """Draw parallels and meridians, those of the parallels labeled left of the center, and of meridians below it."""
    step = next((step for step in (2, 5, 10, 15, 30) if model.radius / 111 / step < 5), 30)
    along = np.linspace(-180, 180, 181)
    parallels = [float(lat) for lat in np.arange(-90 + step, 90, step)]
    meridians = [float(lon) for lon in np.arange(-180, 180, step * 2 if step < 30 else 30)]
    lines = [to_points(np.full_like(along, lat), along) for lat in parallels]
    lines += [to_points(np.linspace(-90 + step, 90 - step, 91), np.full(91, lon)) for lon in meridians]
    canvas.path(lines, fill="none", stroke="currentColor", stroke_opacity=0.16, stroke_width=0.7)
    center = model.projection
    for lat in parallels:
        _label(canvas, to_points, (lat, center.lon), f"{abs(lat):g}°{'S' if lat < 0 else 'N' if lat else ''}")
    edge = max(min(center.lat - model.radius / 111 * 0.8, 85), -85)
    for lon in meridians:
        suffix = "W" if -180 < lon < 0 else "E" if lon > 0 else ""
        _label(canvas, to_points, (edge, lon), f"{abs(lon):g}°{suffix}")


def _label(canvas: Canvas, to_points: _TO_POINTS, place: tuple[float, float], text: str) -> None:
    ((x, y),) = to_points([place[0]], [place[1]])
    if MARGIN < x < MARGIN + _SIZE - 34 and HEADER + 10 < y < HEADER + _SIZE - 4:
        canvas.text(x + 2, y - 2, text, font_size=10, fill_opacity=0.6)


def _draw_views(canvas: Canvas, model: Map, to_points: _TO_POINTS) -> None:
    circles = [
        to_points(*circle_around(*site.place, FIELD_OF_VIEW_KM)) for site in model.sites[:_MAX_SITES] if site.has_view
    ]
    canvas.path(circles, closed=True, fill=OTHER, fill_opacity=0.1, stroke=OTHER, stroke_opacity=0.8)


def _draw_track(canvas: Canvas, track: Track, style: tuple[str, str | None], to_points: _TO_POINTS) -> None:
    """Draw a track with a dot at its last point. A single point is only the dot."""
    color, dashes = style
    points = to_points([lat for lat, _ in track.places], [lon for _, lon in track.places])
    tip = f"{track.name}, {format_period(track.first, track.last)}"
    canvas.path(
        [points], tooltip=tip, fill="none", stroke=color, stroke_width=1.8, stroke_dasharray=dashes, stroke_opacity=0.9
    )
    add_mark(canvas, "circle", *points[-1], 2.4, tooltip=tip, fill=color)


def _draw_approaches(canvas: Canvas, model: Map, to_points: _TO_POINTS) -> None:
    for approach in model.approaches[:_MAX_APPROACHES]:
        lats, lons = zip(*approach.ends, strict=True)
        points = to_points(lats, lons)
        canvas.path(
            [points], tooltip=approach.text, stroke="currentColor", stroke_width=1, stroke_opacity=0.7,
            data_row=str(approach.row + 1),
        )  # fmt: skip
        add_mark(
            canvas, "diamond", *points[1], 3.4, tooltip=approach.text, fill="currentColor",
            data_row=str(approach.row + 1),
        )  # fmt: skip


def _draw_sites(canvas: Canvas, model: Map, to_points: _TO_POINTS) -> None:
    for site in model.sites[:_MAX_SITES]:
        ((x, y),) = to_points([site.place[0]], [site.place[1]])
        add_mark(canvas, "square", x, y, 3.6, tooltip=site.name, fill="currentColor")
        canvas.text(x + 6, y + 4, site.name, most=160, font_size=11, font_weight="bold")


def _legend_lines(model: Map) -> Iterator[tuple[str, str]]:
    """Yield the kind of mark and the text of each line of the legend."""
    if model.sites:
        yield "site", "site"
    if any(site.has_view for site in model.sites):
        yield "view", f"view at 110 km, 10° above the horizon ({FIELD_OF_VIEW_KM:,.0f} km)"
    for name in model.moving:
        yield "track", name
    if model.approaches:
        yield "approach", f"closest approach ({len(model.approaches):,})"


def _draw_legend(canvas: Canvas, model: Map) -> None:
    lines = list(_legend_lines(model))
    for number, (key, text) in enumerate(lines[:_MAX_LEGEND_LINES]):
        x, y = _LEGEND_LEFT, HEADER + 14 + number * _LINE_HEIGHT
        match key:
            case "site":
                add_mark(canvas, "square", x + 12, y - 4, 3.6, fill="currentColor")
            case "view":
                add_mark(canvas, "circle", x + 12, y - 4, 7, fill=OTHER, fill_opacity=0.1, stroke=OTHER)
            case "approach":
                add_mark(canvas, "diamond", x + 12, y - 4, 3.4, fill="currentColor")
        if key == "track":
            color, dashes = _style(model, text)
            canvas.add(
                "line", x1=x, x2=x + 24, y1=y - 4, y2=y - 4, stroke=color, stroke_width=1.8, stroke_dasharray=dashes
            )
        canvas.text(x + 32, y, text, most=WIDTH - MARGIN - x - 32)
    y = HEADER + 14 + min(len(lines), _MAX_LEGEND_LINES) * _LINE_HEIGHT
    for note in _notes(model, len(lines)):
        canvas.text(_LEGEND_LEFT, y, note, most=WIDTH - MARGIN - _LEGEND_LEFT, font_size=11, fill_opacity=0.75)
        y += _LINE_HEIGHT


def _notes(model: Map, lines: int) -> Iterator[str]:
    if lines > _MAX_LEGEND_LINES:
        yield f"and {lines - _MAX_LEGEND_LINES:,} more"
    for parts, most, what in (
        (model.tracks, _MAX_TRACKS, "parts of tracks"),
        (model.approaches, _MAX_APPROACHES, "approaches"),
        (model.sites, _MAX_SITES, "sites"),
    ):
        if len(parts) > most:
            yield f"the first {most:,} of {len(parts):,} {what}"
    yield "Land: Natural Earth"
