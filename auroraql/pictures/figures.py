"""Pictures drawn with matplotlib, on axes of the caller or new ones."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from auroraql.pictures.availability import Availability
from auroraql.pictures.distances import Distances
from auroraql.pictures.geography import circle_around, map_radius, project_land
from auroraql.pictures.keograms import Keograms
from auroraql.pictures.maps import FIELD_OF_VIEW_KM, Map
from auroraql.pictures.palette import COLORS, OTHER, SHAPES
from auroraql.pictures.picture import load_matplotlib
from auroraql.pictures.time_axis import DAY, choose_step
from auroraql.pictures.timeline import TIME_UNIT, Timeline

_MAX_LANES = 60
_ROW_HEIGHT, _MIN_HEIGHT = 0.24, 2.5
"""Height of a row of sources, and the least height of a figure, in inches."""


def plot_timeline(timeline: Timeline, axes: Any) -> None:
    """Draw a bar for each record, in a row for each source."""
    dates = load_matplotlib("dates")
    lanes = timeline.lanes[:_MAX_LANES]
    for number, lane in enumerate(lanes):
        starts, ends = dates.date2num(lane.starts), dates.date2num(lane.ends)
        spans = list(zip(starts, np.maximum(ends - starts, 0), strict=True))
        axes.broken_barh(spans, (number - 0.35, 0.7), color=COLORS[0], alpha=0.75, linewidth=1)
    _label_rows(axes, [f"{lane.name} ({lane.count:,})" for lane in lanes])
    axes.set_xlim(*dates.date2num([timeline.first, timeline.last]))
    _format_time_axis(axes)
    axes.set_title(timeline.title, loc="left", fontsize="medium", parse_math=False)


def plot_availability(model: Availability, axes: Any) -> None:
    """Draw the records of each source and day as shades, with their scale."""
    step, starts = choose_step(model.first, model.last, 2000, DAY)
    sources = model.sources[:_MAX_LANES]
    counts = np.array([model.daily_means(source, step, starts) for source in sources], float)
    counts[counts <= 0] = np.nan
    edges = np.array([*starts, step.next_start(starts[-1])], TIME_UNIT)
    mesh = axes.pcolormesh(edges, np.arange(len(sources) + 1) - 0.5, counts, cmap="Blues", vmin=0)
    axes.figure.colorbar(mesh, ax=axes, label="records a day")
    _label_rows(axes, [source.name for source in sources])
    _format_time_axis(axes)
    axes.set_title(model.title, loc="left", fontsize="medium", parse_math=False)


def plot_distances(model: Distances, axes: Any) -> None:
    """Draw the smallest distance of each conjunction over time, with a marker for each pair."""
    dates = load_matplotlib("dates")
    for number, pair in reversed(list(enumerate(model.pairs))):
        is_named = number < len(COLORS)
        axes.scatter(
            dates.date2num([approach.when for approach in pair.approaches]),
            [approach.distance for approach in pair.approaches],
            s=24,
            marker=_MARKERS[SHAPES[number]] if is_named else ".",
            color=COLORS[number] if is_named else OTHER,
            label=_escape_math(pair.name) if is_named else None,
        )
    axes.set_xlim(*dates.date2num([model.first, model.last]))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("smallest distance (km)")
    _format_time_axis(axes)
    axes.set_title(model.title, loc="left", fontsize="medium", parse_math=False)
    others = len(model.pairs) - len(COLORS)
    title = f"and {others:,} other pairs (gray)" if others > 0 else None
    axes.legend(title=title, fontsize="small", title_fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def plot_map(model: Map, axes: Any) -> None:
    """Draw the map, in km east and north of its center."""
    radius = map_radius(model.radius)
    project = model.projection.project
    for east, north in project_land(model.projection, radius * 1.5):
        axes.plot(east, north, color="0.6", linewidth=0.6)
    for site in model.sites:
        if site.has_view:
            axes.fill(*project(*circle_around(*site.place, FIELD_OF_VIEW_KM)), color=OTHER, alpha=0.15)
    for number, name in enumerate(model.moving):
        color = COLORS[number] if number < len(COLORS) else OTHER
        label: str | None = _escape_math(name)
        for track in (track for track in model.tracks if track.name == name):
            axes.plot(*project(*zip(*track.places, strict=True)), color=color, marker=".", markevery=[-1], label=label)
            label = None
    for approach in model.approaches:
        axes.plot(*project(*zip(*approach.ends, strict=True)), color="black", marker="D", markevery=[1], markersize=4)
    for site in model.sites:
        (east,), (north,) = project([site.place[0]], [site.place[1]])
        axes.plot(east, north, "ks", markersize=4)
        axes.annotate(site.name, (east, north), (4, 4), textcoords="offset points", fontsize="small", parse_math=False)
    axes.set(xlim=(-radius, radius), ylim=(-radius, radius), xlabel="km east", ylabel="km north", aspect="equal")
    if len(axes.figure.axes) == 1:
        axes.figure.set_figheight(8)
    axes.set_title(model.title, loc="left", fontsize="medium", parse_math=False)
    if model.moving:
        axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))


def plot_keograms(model: Keograms, axes: Any) -> None:
    """Draw the strips over the hours of the day: images, or bars where there are none, and marks for passes."""
    image = load_matplotlib("image")
    strips = model.strips[:_MAX_LANES]
    for number, strip in enumerate(strips):
        for keogram in strip.keograms:
            start, end = (24 * strip.fraction(moment) for moment in (keogram.start, keogram.end))
            if keogram.image is not None:
                image_format = keogram.image.media_type.removeprefix("image/")
                pixels = image.imread(io.BytesIO(keogram.image.content), format=image_format)
                axes.imshow(pixels, extent=(start, end, number + 0.45, number - 0.45), aspect="auto")
                continue
            axes.barh(number, end - start, left=start, color=OTHER, alpha=0.25)
            if keogram.imaging is not None:
                first, last = (24 * strip.fraction(moment) for moment in keogram.imaging)
                axes.barh(number, last - first, left=first, color=OTHER, alpha=0.6)
        hours = [24 * strip.fraction(mark.when) for mark in strip.marks]
        axes.scatter(hours, [number] * len(hours), marker="|", s=120, linewidths=3, color=COLORS[1], zorder=3)
    _label_rows(axes, [strip.label for strip in strips])
    axes.set(xlim=(0, 24), xticks=range(0, 25, 3), xlabel="hours UTC")
    axes.set_title(model.title, loc="left", fontsize="medium", parse_math=False)


_MARKERS = {"circle": "o", "square": "s", "triangle": "^", "diamond": "D", "cross": "P", "down": "v"}


def _escape_math(text: str) -> str:
    """Return the text with dollar signs escaped, which would begin a formula."""
    return text.replace("$", r"\$")


def _label_rows(axes: Any, names: list[str]) -> None:
    """Label the rows, first row on top, and make a figure that has only these axes high enough."""
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
    if len(axes.figure.axes) <= 2:
        axes.figure.set_figheight(max(len(names) * _ROW_HEIGHT + 1.2, _MIN_HEIGHT))


def _format_time_axis(axes: Any) -> None:
    dates = load_matplotlib("dates")
    locator = axes.xaxis.get_major_locator()
    if not isinstance(locator, dates.AutoDateLocator):
        locator = dates.AutoDateLocator()
        axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axes.set_xlabel("UTC")
