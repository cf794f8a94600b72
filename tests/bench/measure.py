"""Timing and printing for the benchmarks: the best of several rounds, one line for each measurement."""

from __future__ import annotations

import time
from collections.abc import Callable


def line(name: str, ours: float, peer: float | None, target: str, unit: str = "ms") -> None:
    """Print one measurement: times in seconds, memory in bytes."""
    scale = {"ms": 1e3, "us": 1e6, "s": 1, "MB": 1e-6}[unit]
    beside = f"{peer * scale:>9.1f} {unit}{ours / peer:>8.2f}" if peer else f"{'':>20}"
    print(f"{name:<58}{ours * scale:>9.1f} {unit}{beside}  {target}", flush=True)


def best(work: Callable[[], object], runs: int, least: float = 0.05) -> float:
    """Return the seconds of one call, the best of several rounds."""
    durations = []
    for _ in range(runs):
        calls, began = 0, time.perf_counter()
        while time.perf_counter() - began < least:
            work()
            calls += 1
        durations.append((time.perf_counter() - began) / calls)
    return min(durations)
