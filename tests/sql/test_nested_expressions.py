"""Tests of deeply nested expressions: the time and the SQL grow with the text, and values stay right."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from auroraql import Archive
from auroraql.engines.duckdb import embedded_engine
from auroraql.sql.statement import SqlText, compile_query

Step = Callable[[float], float | None]

NESTED: dict[str, tuple[str, Step]] = {
    "ln": ("ln({} + 3)", lambda x: math.log(x + 3)),
    "log10": ("log10({} + 20)", lambda x: math.log10(x + 20)),
    "division": ("10 / ({} + 1)", lambda x: 10 / (x + 1)),
    "remainder": ("mod(7, {} + 1)", lambda x: math.fmod(7, x + 1)),
    "nullif": ("nullif({} / 2, 0)", lambda x: x / 2),
    "greatest": ("greatest({} / 2, 3)", lambda x: max(x / 2, 3)),
    "coalesce": ("coalesce({} / 2, 3)", lambda x: x / 2),
    "CASE": ("CASE WHEN {} > 3 THEN 2 ELSE 5 END", lambda x: 2 if x > 3 else 5),
    "BETWEEN": ("CASE WHEN {} BETWEEN 3 AND 6 THEN 2 ELSE 5 END", lambda x: 2 if 3 <= x <= 6 else 5),
    "text": ("number(text({} + 1))", lambda x: x + 1),
    "a time": ("(epoch + {} * 1 s - epoch) / 1 s", lambda x: round(x * 1e6) / 1e6),
}


def statement(template: str, depth: int) -> str:
    expression = "identifier"
    for _ in range(depth):
        expression = template.format(expression)
    return f"FIND ephemeris SELECT identifier, {expression} AS x WHERE platform = 'swarma' ON 2020-01-01 LIMIT 1"


@pytest.mark.parametrize("name", NESTED)
def test_the_value_of_nested_functions_is_right_at_every_depth(demo: Archive, name: str) -> None:
    template, step = NESTED[name]
    for depth in (1, 3, 8, 14):
        ((value, result),) = demo.run(statement(template, depth)).rows
        for _ in range(depth):
            value = step(value)
        assert result == pytest.approx(value, rel=1e-9), depth


@pytest.mark.parametrize("name", NESTED)
def test_the_sql_grows_with_the_text(demo: Archive, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []

    def measured(*arguments: object) -> SqlText:
        compiled: SqlText = compile_query(*arguments)  # type: ignore[arg-type]
        lengths.append(len(compiled.sql))
        return compiled

    monkeypatch.setattr(embedded_engine, "compile_query", measured)
    started = time.perf_counter()
    for depth in (10, 20):
        demo.run(statement(NESTED[name][0], depth))
    short, long = lengths
    assert long < 3 * short
    assert time.perf_counter() - started < 20  # without names for repeated values it takes hours


def test_a_distance_of_distances(demo: Archive) -> None:
    text = statement("distance_km({} / 1000, 0, 0, 0)", 6)
    started = time.perf_counter()
    assert 0 <= demo.run(text).rows[0][1] < 20_100
    assert time.perf_counter() - started < 20


INFINITE = "exp(identifier * 1000)"
"""An overflow."""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"sign({INFINITE} - {INFINITE})", None),
        (f"coalesce({INFINITE}, 7)", 7),
        (f"least({INFINITE}, 7)", 7),
        (f"text({INFINITE})", None),
        ("sign(-identifier)", -1),
        ("ln(0 - identifier)", None),
        ("coalesce(ln(identifier - identifier), 5)", 5),
        ("substring(platform, 2)", "warma"),
        ("substring(platform, 2, 3)", "war"),
        ("substring(platform, 99)", ""),
        ("stddev(epoch - epoch)", timedelta()),
    ],
)
def test_a_value_that_cannot_be_computed_is_missing(demo: Archive, expression: str, expected: object) -> None:
    result = demo.run(f"FIND ephemeris SELECT {expression} AS x WHERE platform = 'swarma' ON 2020-01-01 LIMIT 1")
    assert result["x"] == [expected]


def test_a_duration_as_a_parameter(demo: Archive) -> None:
    text = "FIND data_products SELECT start + $d AS later, start WHERE program = 'trex' AND end - start > $d ON 2020-01-01 LIMIT 1"
    ((later, start),) = demo.run(text, d=timedelta(hours=2, microseconds=1)).rows
    assert later - start == timedelta(hours=2, microseconds=1)


def test_a_computed_value_in_the_values_of_a_search(demo: Archive) -> None:
    """The sites of TREx in capitals are the capitals of the sites that another search returns."""
    find = "FIND data_products SELECT platform WHERE program = 'trex' AND {} ON 2020-01-01"
    inner = (
        "FIND data_products SELECT upper(platform) AS site WHERE program = 'trex' AND platform LIKE 'g%' ON 2020-01-01"
    )
    every = demo.run(find.format("platform IS NOT NULL"))["platform"]
    expected = [name for name in every if name.startswith("g")]
    assert 0 < len(expected) < len(every)
    assert demo.run(find.format(f"upper(platform) IN ({inner})"))["platform"] == expected
    others = demo.run(find.format(f"upper(platform) NOT IN ({inner})"))["platform"]
    assert others == [name for name in every if not name.startswith("g")]
    script = f"LET c = {find.format(f'upper(platform) IN ({inner})')}; FIND c"
    assert list(demo.run_script(script))[-1]["platform"] == expected
