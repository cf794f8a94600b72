"""Tests of results used in statements: DURING, IN name.column and IN (FIND …), against oracles, on every archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql import Archive, StatementError
from auroraql.ir.query import merge_touched_days
from auroraql.resolver.using import join_intervals
from tests.support.aurorax_server import SOURCE_FIELDS, AuroraXServer
from tests.support.feeding_records import FIRST, POSITIONS, PRODUCTS, codes, last, make_archives, serve_records, urls
from tests.support.small_catalogue import SOURCES, Product


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with serve_records() as running:
        yield running


@pytest.fixture(scope="module")
def archives(server: AuroraXServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Archive]]:
    with make_archives(server, tmp_path_factory.mktemp("feeding")) as opened:
        yield opened


# --- the meaning, by independent oracles


def products_overlapping(
    intervals: Sequence[tuple[datetime, datetime]], products: Sequence[Product] = PRODUCTS
) -> list[str]:
    """Return the products that overlap an interval and lie in its days or the days next to them."""
    overlapping = []
    for product in products:
        for first, end in intervals:
            begin = datetime.combine(first - timedelta(days=1), time.min)
            past = datetime.combine(end + timedelta(days=2), time.min)
            if product.start <= end and product.end >= first and begin <= product.start and product.end < past:
                overlapping.append(product.url)
                break
    return sorted(overlapping)


def intervals_of_minutes(platforms: Sequence[str], padding: timedelta) -> list[tuple[datetime, datetime]]:
    """Return the intervals of the minutes of some platforms; minutes a minute apart become one interval."""
    identifiers = [row[0] for row in SOURCES if row[2] in platforms]
    moments = sorted(p.epoch for p in POSITIONS if p.data_source in identifiers)
    runs = [[moments[0], moments[0]]] if moments else []
    for before, moment in pairwise(moments):
        if moment - before <= timedelta(minutes=1):
            runs[-1][1] = moment
        else:
            runs.append([moment, moment])
    return [(first - padding, end + padding) for first, end in runs]


@pytest.mark.parametrize(
    "platforms", [("gillam",), ("fort smith",), ("gillam", "fort smith"), ("longyearbyen",), ("x",)]
)
@pytest.mark.parametrize("minutes", [0, 1, 30, 1440])
def test_products_during_minutes(archives: tuple[Archive, Archive], platforms: tuple[str, ...], minutes: int) -> None:
    expected = products_overlapping(intervals_of_minutes(platforms, timedelta(minutes=minutes)))
    for archive in archives:
        result = last(
            archive,
            "LET c = FIND ephemeris WHERE platform IN ($platforms) ON 2020-02",
            "FIND data_products DURING c PADDED BY $n minutes",
            platforms=list(platforms),
            n=minutes,
        )
        assert urls(result) == expected, archive.name


@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 300)), max_size=6), st.integers(0, 200))
def test_intervals_are_joined_in_order_and_apart(pairs: list[tuple[int, int]], at: int) -> None:
    intervals = [(FIRST + timedelta(minutes=a), FIRST + timedelta(minutes=a + length)) for a, length in pairs]
    joined_intervals = join_intervals(intervals)
    assert all(a[1] < b[0] for a, b in pairwise(joined_intervals))
    moment = FIRST + timedelta(minutes=at)
    inside = any(first <= moment <= end for first, end in intervals)
    assert inside == any(first <= moment <= end for first, end in joined_intervals)
    assert all(a[1] < b[0] for a, b in pairwise(merge_touched_days(joined_intervals)))
    assert products_overlapping(joined_intervals) == products_overlapping(intervals)


COLUMNS = (
    "platform",
    "program",
    "data_source.program",
    "url",
    "metadata.keogram_type",
    "metadata.w",
    "start",
    "data_source.identifier",
)


def value(product: Product, column: str) -> Any:
    """Return the value of a column of a product."""
    source = next(row for row in SOURCES if row[0] == product.data_source)
    bare = column.rpartition(".")[2]
    if bare in SOURCE_FIELDS:
        return source[SOURCE_FIELDS.index(bare)]
    return getattr(product, bare, None) or (product.metadata or {}).get(bare)


@pytest.mark.parametrize("negated", [False, True])
@pytest.mark.parametrize("column", COLUMNS)
def test_lists_from_results(archives: tuple[Archive, Archive], column: str, negated: bool) -> None:
    values = {value(p, column) for p in PRODUCTS if p.start.day == 1} - {None}
    expected = [p for p in PRODUCTS if value(p, column) is not None and (value(p, column) in values) != negated]
    word = "NOT IN" if negated else "IN"
    for archive in archives:
        let = "LET c = FIND data_products WHERE start < 2020-02-02 UNTIL 2020-02-10"
        result = last(archive, let, f"FIND data_products WHERE {column} {word} c.{column} ON 2020-02")
        assert urls(result) == sorted(p.url for p in expected), archive.name
        inner = f"FIND data_products SELECT {column} WHERE start < 2020-02-02 UNTIL 2020-02-10"
        result = archive.run(f"FIND data_products WHERE {column} {word} ({inner}) ON 2020-02")
        assert urls(result) == sorted(p.url for p in expected), archive.name


def test_finds_in_parentheses_can_be_nested_and_combined(archives: tuple[Archive, Archive]) -> None:
    text = """
        FIND data_products
          WHERE (platform IN (FIND ephemeris SELECT platform WHERE program IN
              (FIND data_products SELECT program WHERE keogram_type = 'across midnight' ON 2020-02) ON 2020-02)
            OR NOT program IN (FIND data_products SELECT program WHERE w < 100 ON 2020-02)) AND url LIKE '%T%'
          DURING (FIND data_products WHERE keogram_type = 'daily' ON 2020-02)
    """
    places = {"gillam", "fort smith"}
    days = [(p.start, p.end) for p in PRODUCTS if (p.metadata or {}).get("keogram_type") == "daily"]
    requested = [p for p in PRODUCTS if value(p, "platform") in places or value(p, "program") != "trex"]
    expected = products_overlapping(days, requested)
    assert len(expected) > 3
    assert [urls(archive.run(text)) for archive in archives] == [expected, expected]


# --- empty results


def test_an_empty_result_finds_nothing_and_sends_nothing(service: Archive, server: AuroraXServer) -> None:
    service.run("LET c = FIND data_products WHERE program = 'swarm' ON 1999-01-01")
    server.calls.clear()
    for text in (
        "FIND data_products WHERE platform IN c.platform ON 2020-02",
        "FIND data_products WHERE keogram_type = 'daily' AND keogram_type IN c.metadata.keogram_type ON 2020-02",
        "FIND data_products DURING c PADDED BY 2 days",
    ):
        result = service.run(text)
        assert len(result) == 0
        assert [warning.code for warning in result.warnings] == ["AQL0609"], text
    assert server.calls == []
    result = service.run(
        "FIND data_products WHERE NOT (platform IN c.platform) AND program NOT IN c.program ON 2020-02"
    )
    assert len(result) == len(PRODUCTS)
    assert {warning.code for warning in result.warnings} == {"AQL0609"}
    result = service.run("FIND data_products WHERE platform IN c.platform OR platform = 'gillam' ON 2020-02")
    assert urls(result) == sorted(p.url for p in PRODUCTS if value(p, "platform") == "gillam")


def test_a_column_without_values_is_an_empty_list(archives: tuple[Archive, Archive]) -> None:
    for archive in archives:
        archive.run("LET c = FIND data_products WHERE platform = 'fort smith' ON 2020-02-02")
        result = archive.run("FIND data_products WHERE w IN c.metadata.w ON 2020-02")
        assert len(result) == 0
        assert "has 1 rows, all without a value" in result.warnings[0].message


def test_a_list_from_a_result_has_the_same_limit_as_a_written_one(demo: Archive) -> None:
    demo.run("LET minutes = FIND ephemeris SELECT epoch WHERE platform = 'swarma' BETWEEN 2020-01-01 AND 2020-01-07")
    assert len(demo.results["minutes"]) > 10_000
    with pytest.raises(StatementError, match=r"'minutes.epoch' has 10,\d\d\d values; the maximum is 10,000") as raised:
        demo.run("FIND data_products WHERE start IN minutes.epoch ON 2020-01")
    assert codes(raised.value) == ["AQL0116"]


def test_values_from_results_are_not_checked_for_typing_errors(demo: Archive) -> None:
    demo.run("LET c = FIND data_products SELECT url WHERE program = 'trex' ON 2020-02-01 LIMIT 2")
    result = demo.run("FIND data_products WHERE platform IN c.url AND program = 'terx' ON 2020-02-01")
    assert [warning.message for warning in result.warnings if warning.code == "AQL0602"] == [
        "no program 'terx' is known"
    ]
