"""How the server runs searches: long windows in slices, and what memory does not suffice for alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.archives.embedded import EmbeddedEngine, OutOfMemory
from auroraql.frontends.server.documents import plan_document
from auroraql.frontends.server.slices import sliced
from auroraql.frontends.server.turns import Turns
from auroraql.frontends.server.wire import Problem
from tests.small_catalogue import Position, Product, write

FIRST = datetime(2020, 1, 1)
EDGES = [timedelta(days=days, microseconds=micro) for days in (0, 3, 6, 60, 120) for micro in (-500_000, -1, 0, 1)]
"""Where slices meet, to a fraction of a second."""

PLACES = ((1.0, 2.0),) * 4


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    moments = [FIRST + edge for edge in EDGES]
    products = [
        Product(44, moment, moment + timedelta(hours=hours), f"{moment}") for moment in moments for hours in (1, 99)
    ]
    positions = [Position(44, moment, PLACES, {"a": 1}) for moment in moments]
    path = write(tmp_path_factory.mktemp("sliced") / "c.duckdb", products, positions=positions)
    made = EmbeddedEngine(path)
    yield made
    made.close()


def soon() -> float:
    return time.monotonic() + 30


@given(
    kind=st.sampled_from(["data_products", "ephemeris"]),
    start=st.sampled_from([-1, 0, 1, 2, 3, 59, 60]),
    days=st.integers(0, 125),
    only=st.booleans(),
)
def test_slices_find_what_the_whole_finds(engine: EmbeddedEngine, kind: str, start: int, days: int, only: bool) -> None:
    begun = FIRST + timedelta(days=start)
    document: dict[str, Any] = {"start": begun.isoformat(), "end": (begun + timedelta(days=days)).isoformat()}
    if only:
        document["data_sources"] = {"programs": ["themis-asi"]}
    plan = plan_document(document, kind, engine)
    whole = [row for page in engine.submit(plan).pages(soon(), 7) for row in page]
    parts = list(sliced(plan))
    assert [row for part in parts for page in engine.submit(part).pages(soon(), 7) for row in page] == whole
    assert len(parts) == max(1, -(-days // (60 if kind == "data_products" else 3)))


@pytest.mark.parametrize("document", [{}, {"start": "2020-01-01T00:00:00"}, {"end": "2030-01-01T00:00:00"}])
def test_a_window_without_an_end_is_one_slice(engine: EmbeddedEngine, document: dict[str, Any]) -> None:
    assert len(list(sliced(plan_document(document, "data_products", engine)))) == 1


def test_what_memory_does_not_suffice_for_is_done_alone() -> None:
    turns, done, beside = Turns(), [], threading.Event()
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

    thread = threading.Thread(target=turns.give, args=(other, soon()))
    thread.start()
    assert began.wait(10)
    assert turns.give(large, soon()) == "large"
    thread.join(10)
    assert turns.give(lambda: "after", soon()) == "after"


def test_there_is_no_turn_beside_one_that_works_alone() -> None:
    turns, tried = Turns(), []

    def refused() -> None:
        with pytest.raises(Problem, match="no memory"):
            turns.give(lambda: tried.append("beside"), time.monotonic() + 0.05)

    def large() -> None:
        if not tried:
            tried.append("large")
            raise OutOfMemory("no memory", archive="x")
        thread = threading.Thread(target=refused)
        thread.start()
        thread.join(10)

    turns.give(large, soon())
    assert tried == ["large"]
    with pytest.raises(OutOfMemory):
        turns.give(_never_enough, soon())
    assert turns.give(lambda: 1, soon()) == 1


def _never_enough() -> None:
    raise OutOfMemory("no memory", archive="x")
