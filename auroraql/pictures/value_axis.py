"""Axes of numbers: round values at equal distances."""

from __future__ import annotations

from math import floor, isfinite, log10


def choose_value_ticks(highest: float, most: int) -> list[float]:
    """Return round values from 0 to at least `highest`, at most `most` + 1 of them."""
    if not 0 < highest < float("inf") or not isfinite(highest):
        return [0.0, 1.0]
    power = 10.0 ** floor(log10(highest / most)) if highest / most > 1e-300 else 1e-300
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10, 20) if factor * power * most >= highest * (1 - 1e-9))
    ticks = [0.0]
    while ticks[-1] < highest * (1 - 1e-9):
        ticks.append(step * len(ticks))
    return ticks
