"""Law 5 for computed values: embedded, over HTTP and computed record by record in Python, the rows are equal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

import auroraql
from auroraql.diagnostics.errors import StatementError
from tests.support.expression_strategies import Expression, Record, predicates, values
from tests.support.server_process import ServerProcess

WHERE = "program IN ('trex', 'themis-asi') AND data_product_type = 'keogram'"


@cache
def keograms() -> list[Record]:
    with auroraql.connect() as archive:
        records: list[Record] = list(
            archive.run(f"FIND data_products WHERE {WHERE} ON 2021-01-01 ORDER BY url").records
        )
    assert len(records) > 100
    return records


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) or isinstance(right, float):
        return left is not None and right is not None and math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9)
    return bool(left == right)


def check(archive: auroraql.Archive, value: Expression, test: Expression) -> None:
    text = (
        f"FIND data_products SELECT url, {value.text} AS x WHERE {WHERE} AND ({test.text}) ON 2021-01-01 ORDER BY url"
    )
    try:
        rows = list(archive.run(text))
    except StatementError as error:
        # A constant part without a value, such as a division by zero, is an error of the statement.
        assume(
            "has no value" not in str(error) and "too large" not in str(error) and "outside the years" not in str(error)
        )
        raise AssertionError(text) from error
    expected = [(record["url"], value.compute(record)) for record in keograms() if test.compute(record) is True]
    assert [row[0] for row in rows] == [url for url, _ in expected], text
    for row, (_, computed) in zip(rows, expected, strict=True):
        assert same(row[1], computed), (text, row, computed)


@pytest.fixture(scope="module")
def served(demo_server: ServerProcess) -> Iterator[auroraql.Archive]:
    with auroraql.connect(demo_server.url) as archive:
        yield archive


COSTLY = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=100, suppress_health_check=COSTLY)
@given(value=values, test=predicates)
def test_computed_values_equal_those_of_python(demo: auroraql.Archive, value: Expression, test: Expression) -> None:
    check(demo, value, test)


@settings(max_examples=30, suppress_health_check=COSTLY)
@given(value=values, test=predicates)
def test_computed_values_are_the_same_over_http(served: auroraql.Archive, value: Expression, test: Expression) -> None:
    check(served, value, test)
