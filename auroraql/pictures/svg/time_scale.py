"""Horizontal time axis of SVG pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from auroraql.pictures.svg.canvas import Canvas
from auroraql.pictures.time_axis import choose_ticks, full_label, tick_label

WIDTH = 960
"""Width of pictures in CSS pixels. They scale to the space they have."""

MARGIN, HEADER = 14, 30
"""Space around a picture, and that of its title."""

_LABEL_ROOM = 84
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Scale from times to horizontal positions, from `left` to `right`."""

    first: datetime
    last: datetime
    left: float
    right: float

    def position(self, moment: datetime) -> float:
        """Return the position of a time."""
        return self.left + (self.right - self.left) * ((moment - self.first) / self._span)

    def positions(self, times: Any) -> Any:
        """Return the positions of an array of times in microseconds, as an array."""
        origin = np.datetime64(self.first, "us")
        return self.left + (times - origin).astype(np.float64) * ((self.right - self.left) * 1e-6 / self._seconds)

    @property
    def _span(self) -> timedelta:
        return max(self.last - self.first, _MICROSECOND)

    @property
    def _seconds(self) -> float:
        return self._span.total_seconds()

    def draw(self, canvas: Canvas, top: float, bottom: float) -> None:
        """Draw lines at the ticks, and their labels above."""
        step, ticks = choose_ticks(self.first, self.last, int((self.right - self.left) / _LABEL_ROOM))
        label: Callable[..., str] = full_label
        for moment in ticks or [self.first]:
            x = self.position(moment)
            canvas.add("line", x1=x, x2=x, y1=top, y2=bottom, stroke="currentColor", stroke_opacity=0.15)
            canvas.text(x + 2, top - 4, label(step, moment), font_size=11, fill_opacity=0.75)
            label = tick_label


def widen_period(first: datetime, last: datetime) -> tuple[datetime, datetime]:
    """Return a period of at least a minute, so that a single moment has a place on an axis."""
    minute = timedelta(minutes=1)
    if last - first >= minute:
        return first, last
    return (first, first + minute) if first < datetime.max - minute else (last - minute, last)
