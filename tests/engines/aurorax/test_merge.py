"""Tests of merging the conjunctions of several requests into one list."""

from __future__ import annotations

from typing import Any

import pytest

from auroraql.engines.aurorax.merge import merge_conjunctions

SOURCES = [{"identifier": 103, "platform": "gillam"}, {"identifier": 3, "platform": "swarma"}]


def conjunction(start: str, end: str, **changed: Any) -> dict[str, Any]:
    record = {"conjunction_type": "nbtrace", "data_sources": SOURCES, "start": start, "end": end}
    return {**record, "min_distance": 10.0, "max_distance": 20.0, "events": [], **changed}


MORNING = conjunction("2020-01-01T06:00:00", "2020-01-01T06:05:00")


@pytest.mark.parametrize("name", ["start", "end", "data_sources"])
def test_records_without_an_identifying_field_are_never_merged(name: str) -> None:
    part = {key: value for key, value in MORNING.items() if key != name}
    assert merge_conjunctions([[part, dict(part)], [dict(part)]], subminute=False) == [part, part, part]


@pytest.mark.parametrize(
    ("start", "merged"),
    [("2020-01-01T06:05:00", True), ("2020-01-01T06:06:00", True), ("2020-01-01T06:07:00", False)],
)
def test_parts_at_most_a_step_apart_are_one_conjunction(start: str, merged: bool) -> None:
    later = conjunction(start, "2020-01-01T06:30:00")
    conjunctions = merge_conjunctions([[MORNING], [later]], subminute=False)
    whole = {**MORNING, "end": later["end"], "closest_epoch": None, "farthest_epoch": None}
    assert conjunctions == ([whole] if merged else [MORNING, later])
