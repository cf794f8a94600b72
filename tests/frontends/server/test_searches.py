"""Tests of how the server runs searches: long windows in slices, and one at a time when memory is short."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine, OutOfMemory
from auroraql.frontends.server import window_slices
from auroraql.frontends.server.http_types import HttpError
from auroraql.frontends.server.memory import Admission
from auroraql.frontends.server.query_documents import plan_document
from auroraql.frontends.server.response_formats import read_format
from auroraql.frontends.server.window_slices import WindowSlicer
from tests.support.small_catalogue import Position, Product, write

FIRST = datetime(2020, 1, 1)
EDGES = [timedelta(days=days, microseconds=micro) for days in (0, 3, 6, 60, 120) for micro in (-500_000, -1, 0, 1)]
"""Boundaries of slices, to a fraction of a second."""

PLACES = ((1.0, 2.0),) * 4


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    moments = [FIRST + edge for edge in EDGES]
    products = [
        Product(44, moment, moment + timedelta(hours=hours), f"{moment}") for moment in moments for hours in (1, 99)
    ]
    positions = [Position(44, moment, PLACES, {"a": 1}) for moment in moments]
    path = write(tmp_path_factory.mktemp("sliced") / "c.duckdb", products, positions=positions)
    embedded = EmbeddedEngine(path)
    yield embedded
    embedded.close()


def deadline() -> float:
    return time.monotonic() + 30


@given(
    kind=st.sampled_from(["data_products", "ephemeris"]),
    start=st.none() | st.sampled_from([-1, 0, 1, 2, 3, 59, 60]),
    days=st.none() | st.integers(0, 125),
    only=st.booleans(),
    most=st.sampled_from([1, 2, 3, 5, 100]),
)
def test_slices_find_the_same_as_the_whole_window(
    engine: EmbeddedEngine, kind: str, start: int | None, days: int | None, only: bool, most: int
) -> None:
    begun = FIRST + timedelta(days=start or 0)
    document: dict[str, Any] = {} if start is None else {"start": begun.isoformat()}
    document |= {} if days is None else {"end": (begun + timedelta(days=days)).isoformat()}
    if only:
        document["data_sources"] = {"programs": ["themis-asi"]}
    plan = plan_document(document, kind, engine)
    whole = [row for page in engine.submit(plan).pages(deadline(), 7) for row in page]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window_slices, "_MAX_SLICE_RECORDS", most)
        parts = list(WindowSlicer(engine).slice_plan(plan, deadline()))
    assert [row for part in parts for page in engine.submit(part).pages(deadline(), 7) for row in page] == whole
    assert len(parts) == 1 or most < 100


def test_a_slice_has_a_limited_number_of_records(engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window_slices, "_MAX_SLICE_RECORDS", 5)
    parts = list(WindowSlicer(engine).slice_plan(plan_document({}, "data_products", engine), deadline()))
    sizes = [sum(map(len, engine.submit(part).pages(deadline(), 100))) for part in parts]
    assert sum(sizes) == 2 * len(EDGES)
    assert len(parts) > 3
    assert max(sizes) <= 5


NAMES = st.sampled_from(["a", "b", "epoch", "metadata", "x y", "", "f0", "é"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
TREES = st.recursive(st.booleans() | st.none(), lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=10)


def apply_format(value: Any, tree: dict[str, Any]) -> Any:
    """Return a record in a response format, by the plain definition."""
    if isinstance(value, list):
        return [apply_format(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    stored = {name: item for name, item in tree.items() if item not in (None, False) and name in value}
    return {name: value[name] if item is True else apply_format(value[name], item) for name, item in stored.items()}


@given(record=st.dictionaries(NAMES, VALUES), tree=st.dictionaries(NAMES, TREES))
def test_a_format_keeps_the_requested_fields(record: dict[str, Any], tree: dict[str, Any]) -> None:
    expected = apply_format(record, tree)
    for item in (tree, {**tree, **{f"none{number}": True for number in range(1100)}}):
        document = json.loads(read_format(item)(json.dumps(record).encode()))
        assert document == expected
        assert list(document) == list(expected)


def test_numbers_of_a_record_keep_their_spelling() -> None:
    line = b'{"a": 1.0, "b": {"c": 123456789012345678901234567890, "d": 1.10}, "e": 0.1e1}'
    assert read_format({"a": True, "b": {"d": True, "c": True}, "e": True})(line) == (
        b'{"a":1.0,"b":{"d":1.10,"c":123456789012345678901234567890},"e":0.1e1}'
    )


def test_a_search_short_of_memory_runs_alone() -> None:
    turns, done, beside = Admission(), [], threading.Event()
    began = threading.Event()

    def other() -> None:
        began.set()
        assert beside.wait(10)
        done.append("other")

    def large() -> str:
        if "other" not in done:
            beside.set()
            raise OutOfMemory("no memory", archive="x")
        return "large"

    thread = threading.Thread(target=turns.run, args=(other, deadline()))
    thread.start()
    assert began.wait(10)
    assert turns.run(large, deadline()) == "large"
    thread.join(10)
    assert turns.run(lambda: "after", deadline()) == "after"


def test_no_other_search_starts_during_an_exclusive_one() -> None:
    turns, tried = Admission(), []

    def refused() -> None:
        with pytest.raises(HttpError, match="not enough memory"):
            turns.run(lambda: tried.append("beside"), time.monotonic() + 0.05)

    def large() -> None:
        if not tried:
            tried.append("large")
            raise OutOfMemory("no memory", archive="x")
        thread = threading.Thread(target=refused)
        thread.start()
        thread.join(10)

    turns.run(large, deadline())
    assert tried == ["large"]
    with pytest.raises(OutOfMemory):
        turns.run(_never_enough, deadline())
    assert turns.run(lambda: 1, deadline()) == 1


def _never_enough() -> None:
    raise OutOfMemory("no memory", archive="x")
