"""Pictures drawn with matplotlib, on axes of the caller or new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from auroraql.pictures.availability import Availability
from auroraql.pictures.palette import COLORS
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
