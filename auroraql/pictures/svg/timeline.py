"""Timeline as SVG: a bar for each record, or, for many records, bars whose heights are counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from auroraql.pictures.palette import COLORS
from auroraql.pictures.svg.canvas import Canvas, text_width
from auroraql.pictures.svg.time_scale import HEADER, MARGIN, WIDTH, TimeScale, widen_period
from auroraql.pictures.time_axis import choose_step
from auroraql.pictures.timeline import Lane, Timeline, format_period

_MAX_LANES = 60
_MAX_SINGLE_RECORDS = 500
"""Most records that are drawn one by one."""

_LANE_HEIGHT, _BAR_HEIGHT = 20, 14
_NAME_WIDTH = 220
_DAY = 86_400
_PIECE_WIDTH = 5
"""Narrowest bar of counts."""


def draw_timeline(timeline: Timeline, *, inline: bool) -> str:
    """Return the timeline of the sources with most records."""
    canvas = Canvas(WIDTH, timeline.title, timeline.description)
    lanes = timeline.lanes[:_MAX_LANES]
    names = min(max(text_width(lane.name) for lane in lanes), _NAME_WIDTH) + 8
    figures = max(text_width(f"{lane.count:,}") for lane in lanes) + 8
    first, last = widen_period(timeline.first, timeline.last)
    scale = TimeScale(first, last, MARGIN + names, WIDTH - MARGIN - figures)
    top = HEADER + 22
    bottom = top + len(lanes) * _LANE_HEIGHT
    canvas.text(MARGIN, HEADER - 10, timeline.title, most=WIDTH - 2 * MARGIN, font_weight="bold", font_size=13)
    scale.draw(canvas, top, bottom)
    is_single = sum(len(lane.rows) for lane in lanes) <= _MAX_SINGLE_RECORDS
    for number, lane in enumerate(lanes):
        y = top + number * _LANE_HEIGHT
        middle = y + _LANE_HEIGHT / 2 + 4
        canvas.text(scale.left - 8, middle, lane.name, most=names - 8, text_anchor="end")
        canvas.text(WIDTH - MARGIN, middle, f"{lane.count:,}", text_anchor="end", fill_opacity=0.75)
        if is_single:
            _draw_records(canvas, scale, lane, y)
    if not is_single:
        _draw_counts(canvas, scale, timeline, lanes, top)
    rest = len(timeline.lanes) - len(lanes)
    if rest:
        count = sum(lane.count for lane in timeline.lanes[_MAX_LANES:])
        bottom += _LANE_HEIGHT
        canvas.text(MARGIN, bottom, f"{rest:,} more sources, not drawn, have {count:,}", fill_opacity=0.75)
    return canvas.write(bottom + MARGIN, inline=inline)


def _draw_records(canvas: Canvas, scale: TimeScale, lane: Lane, y: float) -> None:
    """Draw a bar for each record of a lane, at least 2 pixels wide. Where records overlap, bars are darker."""
    lefts, rights = scale.positions(lane.starts), scale.positions(lane.ends)
    begins, ends = lane.starts.astype(object), lane.ends.astype(object)
    for left, right, begin, end, row in zip(lefts, rights, begins, ends, lane.rows, strict=True):
        canvas.add(
            "rect",
            x=min(float(left), scale.right - 2),
            y=y + (_LANE_HEIGHT - _BAR_HEIGHT) / 2,
            width=max(float(right - left), 2),
            height=_BAR_HEIGHT,
            fill=COLORS[0],
            fill_opacity=0.75,
            data_row=str(int(row) + 1),
            tooltip=f"{lane.name}: {format_period(begin, end)}",
        )


def _draw_counts(canvas: Canvas, scale: TimeScale, timeline: Timeline, lanes: tuple[Lane, ...], top: float) -> None:
    """Draw the number of records in each piece of time. All lanes have the same scale."""
    room = int((scale.right - scale.left) / _PIECE_WIDTH)
    step, starts = choose_step(timeline.first, timeline.last, room, timeline.finest)
    counts = [lane.count_by_piece(starts) for lane in lanes]
    highest = max(1, *map(max, counts))
    bounds = [*starts, step.next_start(starts[-1])]
    edges = np.clip(scale.positions(np.array(bounds, "datetime64[us]")), scale.left, scale.right)
    for number, (lane, lane_counts) in enumerate(zip(lanes, counts, strict=True)):
        floor = top + number * _LANE_HEIGHT + (_LANE_HEIGHT + _BAR_HEIGHT) / 2
        for piece, (left, right), count in zip(starts, pairwise(edges), lane_counts, strict=True):
            if count:
                height = max(_BAR_HEIGHT * count / highest, 2)
                canvas.add(
                    "rect", x=float(left), y=floor - height, width=max(float(right - left) - 0.5, 1), height=height,
                    fill=COLORS[0], tooltip=f"{lane.name}: {count:,} in {step.name} from {piece:{_piece_format(step.seconds)}}",
                )  # fmt: skip
    canvas.text(
        scale.right, top - 18, f"bars: records in {step.name}, at most {highest:,}", text_anchor="end",
        font_size=11, fill_opacity=0.75,
    )  # fmt: skip


def _piece_format(seconds: int) -> str:
    return "%Y-%m-%d %H:%M" if 0 < seconds < _DAY else "%Y-%m-%d"
