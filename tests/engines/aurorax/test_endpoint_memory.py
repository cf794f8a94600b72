"""Tests of what the endpoint policy remembers: for how long, for which address, and from which files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from auroraql.engines.aurorax.endpoint_policy import EndpointPolicy
from auroraql.engines.disk_cache import CacheFile
from auroraql.ir.plan import Request

START, END = datetime(2020, 2, 1), datetime(2020, 2, 29)


def make_request(*, last: datetime = END) -> Request:
    return Request("data_products", start=START, end=last)


@pytest.fixture
def clock() -> list[float]:
    """Return the current time as the policy sees it, in a list that a test can change."""
    return [1_000_000.0]


@pytest.fixture
def opened(tmp_path: Path, clock: list[float]) -> Callable[[], EndpointPolicy]:
    return lambda: EndpointPolicy(CacheFile("ways", "https://a.example", tmp_path), lambda: clock[0])


@pytest.mark.parametrize(
    ("status", "lasts"),
    [
        (404, 86400),
        (405, 86400),
        (501, 86400),
        (401, 3600),
        (403, 3600),
        (500, 60),
        (502, 60),
        (503, 60),
        (200, 60),
        (0, 60),
    ],
)
def test_an_endpoint_is_disabled_as_long_as_the_fault_is_likely_to_last(
    opened: Callable[[], EndpointPolicy], clock: list[float], status: int, lasts: float
) -> None:
    for item in (opened(), opened()):
        assert item.use_synchronous(make_request())
        item.disable(make_request(), status)
        assert not item.use_synchronous(make_request())
        assert not opened().use_synchronous(make_request()), "the next session knows"
        clock[0] += lasts - 1
        assert not opened().use_synchronous(make_request())
        clock[0] += 2
        assert item.use_synchronous(make_request())
        assert opened().use_synchronous(make_request())


@pytest.mark.parametrize("status", [400, 413, 422, 429])
def test_errors_about_the_request_disable_nothing(opened: Callable[[], EndpointPolicy], status: int) -> None:
    engine = opened()
    engine.disable(make_request(), status)
    assert engine.use_synchronous(make_request())


def test_windows_that_took_too_long_use_the_asynchronous_endpoint_for_an_hour(
    opened: Callable[[], EndpointPolicy], clock: list[float]
) -> None:
    opened().note_timeout(make_request())
    shorter, longer = make_request(last=END - timedelta(days=1)), make_request(last=END + timedelta(days=1))
    assert [opened().use_synchronous(item) for item in (shorter, make_request(), longer)] == [True, False, False]
    opened().note_timeout(shorter)
    assert [opened().use_synchronous(item) for item in (shorter, make_request(), longer)] == [False, False, False]
    clock[0] += 3601
    assert [opened().use_synchronous(item) for item in (shorter, make_request(), longer)] == [True, True, True]
    opened().note_timeout(longer)
    assert [opened().use_synchronous(item) for item in (shorter, make_request(), longer)] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 100_000),
        '{"address": "https://a.example", "closed": {"data_products": [9e99]}, "too_long": 5}',
        '{"address": "https://a.example", "closed": {"data_products": ["soon"]}, "too_long": {"data_products": [0]}}',
        '{"address": "https://a.example", "closed": [1], "too_long": {"data_products": [0, 9e99]}}',
        '{"address": "https://b.example", "closed": {"data_products": [1000050]}}',
    ],
)
def test_a_damaged_memory_counts_as_none(opened: Callable[[], EndpointPolicy], tmp_path: Path, text: str) -> None:
    path = CacheFile("ways", "https://a.example", tmp_path).path
    assert path is not None
    path.write_text(text)
    assert opened().use_synchronous(make_request())
