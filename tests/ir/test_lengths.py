"""Tests of the lengths of time that options and settings take: every door reads the same texts."""

from __future__ import annotations

import argparse

import pytest

import auroraql
from auroraql.config.definitions import SETTING_DEFINITIONS, InvalidSetting
from auroraql.diagnostics.errors import AuroraQLError
from auroraql.frontends.shared.time_option import read_time
from auroraql.ir.times import TimeError, read_seconds

LENGTHS = {
    "90": 90.0,
    "0.5": 0.5,
    "1e1": 10.0,
    "10m": 600.0,
    "10 min": 600.0,
    "1.5h": 5400.0,
    "1h30m": 5400.0,
    " 2 Hours ": 7200.0,
    "1d": 86400.0,
    "2 weeks": 1209600.0,
    "": None,
    "m": None,
    "10m5": None,
    "5 10m": None,
    "1 month": None,
    "nan": None,
    "-3": None,
    "10 parsecs": None,
}


@pytest.mark.parametrize(("text", "seconds"), LENGTHS.items())
def test_every_door_reads_the_same_lengths(text: str, seconds: float | None, demo: auroraql.Archive) -> None:
    read = SETTING_DEFINITIONS["timeout"].read
    quoted = f"SET timeout = '{text}'"
    if seconds is None:
        for door, error in ((read_seconds, TimeError), (read_time, argparse.ArgumentTypeError)):
            with pytest.raises(error):
                door(text)
        with pytest.raises(InvalidSetting, match="wrong type"):
            read(text, True)
        with pytest.raises(AuroraQLError, match="'timeout' cannot have this value"):
            demo.run(quoted)
        return
    assert read_seconds(text) == read_time(text) == read(text, True) == read(text, False) == seconds
    demo.run(quoted)
    shown = demo.run("SHOW SETTINGS").records
    assert [row["value"] for row in shown if row["name"] == "timeout"] == [f"{seconds:g} s"]
