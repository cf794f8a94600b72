"""Options that give a length of time, on the command line and in notebooks."""

from __future__ import annotations

import argparse

from auroraql.ir.times import TimeError, read_seconds


def read_time(text: str) -> float:
    """Return the seconds of an option such as `90`, `10m` or `1h30m`. Raises ArgumentTypeError."""
    try:
        number = read_seconds(text)
    except TimeError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(
            f"a time is a number above 0, with s, m, h, d or w or in seconds, not {text!r}"
        )
    return number
