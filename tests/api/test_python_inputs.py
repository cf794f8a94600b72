"""Tests of what Python programs pass in (dicts, pyaurorax searches, values of every type) and of what they see."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import re
import uuid
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from multiprocessing import get_context
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyaurorax
import pytest
from pyaurorax.search import (
    ConjunctionSearch,
    DataProductSearch,
    EphemerisSearch,
    GroundCriteriaBlock,
    MetadataFilter,
    MetadataFilterExpression,
    SpaceCriteriaBlock,
)

import auroraql
from auroraql import (
    Archive,
    AuroraQLError,
    AuroraQLWarning,
    Refused,
    StatementError,
    UsageError,
    connect,
    translate,
)
from tests.support.aurorax_server import RECORDS, AuroraXServer
from tests.support.client_libraries import substitute_client_libraries

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"

PASSES = (
    "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km "
    "BETWEEN 2020-01-01 AND 2020-01-01T02:00:00"
)


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with AuroraXServer(RECORDS) as running:
        yield running


# --- exceptions cross process boundaries


def _subclasses(base: type[AuroraQLError]) -> Iterator[type[Any]]:
    subclasses: list[type[AuroraQLError]] = base.__subclasses__()
    for inner in subclasses:
        yield inner
        yield from _subclasses(inner)


def _examples() -> list[BaseException]:
    """Return one instance of each exception class, found by loading every module, with every attribute set."""
    for module in pkgutil.walk_packages(auroraql.__path__, "auroraql."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    examples: list[BaseException] = []
    kinds: set[type[Any]] = {AuroraQLError, *_subclasses(AuroraQLError)}
    for kind in kinds:
        if issubclass(kind, auroraql.ArchiveError):
            error = kind("no", archive="there", request_id="17", hint="wait")
            error.log, error.ended = ("first", "second"), True
            examples.append(error)
        elif issubclass(kind, StatementError):
            with pytest.raises(StatementError) as caught, connect() as archive:
                archive.run("FIND data_products WHERE program = 5 AND platform = 'gilam' ON 2021-01-01")
            examples.append(caught.value)
        else:
            examples.append(kind("no", "do this") if kind is UsageError else kind("no"))
    with warnings.catch_warnings(record=True) as seen, connect() as archive:
        warnings.simplefilter("always")
        archive.run("FIND data_products WHERE platform = 'gilam' ON 2021-01-01")
    return [*examples, seen[0].message]  # type: ignore[list-item]


def _parts(error: BaseException) -> tuple[Any, ...]:
    return type(error), str(error), error.args, {name: repr(value) for name, value in vars(error).items()}


def _raise(error: BaseException) -> None:
    raise error


def test_every_exception_can_be_pickled_copied_and_raised_in_a_process_pool() -> None:
    examples = _examples()
    assert {type(example) for example in examples} >= {
        AuroraQLError,
        Refused,
        StatementError,
        UsageError,
        AuroraQLWarning,
    }
    for error in examples:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert _parts(pickle.loads(pickle.dumps(error, protocol))) == _parts(error)  # noqa: S301
        assert _parts(copy.copy(error)) == _parts(copy.deepcopy(error)) == _parts(error)
    with ProcessPoolExecutor(1, get_context("spawn"), substitute_client_libraries) as pool:
        for error in examples:
            raised = pool.submit(_raise, error).exception(timeout=60)
            assert raised is not None
            assert (type(raised), str(raised)) == (type(error), str(error))


# --- warnings


def test_a_warning_points_to_the_line_that_ran_the_statement(demo: Archive) -> None:
    misspelt = "FIND data_products WHERE platform = 'gilam' ON 2021-01-01"
    with pytest.warns(AuroraQLWarning, match="no platform 'gilam'") as seen:
        result = demo.run(misspelt)
    message = seen[0].message
    assert isinstance(message, AuroraQLWarning)
    assert (message.diagnostic,) == result.warnings
    assert seen[0].filename == __file__
    with pytest.warns(AuroraQLWarning, match="gilam"):
        list(demo.run_script(misspelt))
    with pytest.warns(AuroraQLWarning, match="gilam"):
        demo.submit(misspelt).fetch()
    with pytest.warns(AuroraQLWarning, match="gilam") as seen:
        translate(misspelt, to="json")
    assert seen[0].filename == __file__


def test_a_callback_receives_the_warnings(demo: Archive) -> None:
    received: list[str] = []
    demo.on_warning(lambda diagnostics, _source: received.extend(diagnostic.code for diagnostic in diagnostics))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            demo.run("FIND data_products WHERE platform = 'gilam' ON 2021-01-01")
    finally:
        demo.on_warning(None)
    assert received == ["AQL0602"]


def test_a_correct_statement_causes_no_warning(demo: Archive) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(demo.run(KEOGRAMS)) == 5


# --- dicts and search objects


def _searches() -> list[tuple[str, Any]]:
    """Return pyaurorax searches that were never executed, each with the equivalent text form."""
    client = pyaurorax.PyAuroraX()
    day, end = datetime(2021, 1, 1), datetime(2021, 1, 1, 23, 59, 59)
    early, late = datetime(2020, 1, 1), datetime(2020, 1, 1, 2)
    daily = MetadataFilter([MetadataFilterExpression("keogram_type", "daily", operator="=")])
    return [
        (KEOGRAMS, DataProductSearch(client, day, end, programs=["trex"], metadata_filters=daily)),
        (
            "FIND ephemeris WHERE platform = 'swarma' BETWEEN 2020-01-01 AND 2020-01-01T02:00:00",
            EphemerisSearch(client, early, late, platforms=["swarma"]),
        ),
        (
            PASSES,
            ConjunctionSearch(
                client,
                early,
                late,
                500,
                ground=[GroundCriteriaBlock(programs=["trex"])],
                space=[SpaceCriteriaBlock(programs=["swarm"])],
            ),
        ),
    ]


@pytest.mark.parametrize(("text", "search"), _searches(), ids=["data_products", "ephemeris", "conjunctions"])
def test_a_search_object_and_its_query_are_accepted_as_statements(demo: Archive, text: str, search: Any) -> None:
    expected = demo.run(text).records
    assert expected
    assert demo.run(search).records == expected
    assert demo.run(search.query).records == expected
    assert demo.submit(search).fetch().records == expected
    assert translate(search, to="aql") == translate(text, to="aql")
    assert translate(search.query, to="aql") == translate(text, to="aql")
    assert demo.check(search) == demo.check(text)


def test_the_response_format_of_a_search_object_becomes_select(demo: Archive) -> None:
    template = {"start": True, "data_source": {"platform": True, "identifier": False}, "metadata": True, "end": False}
    search = DataProductSearch(
        pyaurorax.PyAuroraX(),
        datetime(2021, 1, 1),
        datetime(2021, 1, 1, 23, 59, 59),
        programs=["trex"],
        response_format=template,
    )
    records = demo.run(search).records
    assert records
    assert {frozenset(record) for record in records} == {frozenset({"start", "data_source", "metadata"})}
    assert {frozenset(record["data_source"]) for record in records} == {frozenset({"platform"})}


def test_a_query_dict_can_hold_python_values(demo: Archive) -> None:
    query = {
        "start": datetime(2021, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        "end": pd.Timestamp("2021-01-01T23:59:59"),
        "data_sources": {"programs": np.array(["trex"])},
        "data_product_type_filters": ("keogram",),
    }
    text = "FIND data_products WHERE program = 'trex' AND data_product_type = 'keogram' ON 2021-01-01"
    assert demo.run(query).records == demo.run(text).records


@pytest.mark.parametrize(
    "value", [5, None, b"FIND", ["FIND"], len], ids=["number", "none", "bytes", "list", "function"]
)
def test_other_objects_are_refused_as_statements(demo: Archive, value: Any) -> None:
    with pytest.raises(UsageError, match="a statement is text, a query as a dict, or a search object"):
        demo.run(value)


def test_a_dict_that_is_not_a_query_is_refused(demo: Archive) -> None:
    endless: dict[str, Any] = {"data_product_type_filters": []}
    endless["start"] = endless
    for wrong in (endless, {"start": object()}, {"data_product_type_filters": [], "nonsense": 1}):
        with pytest.raises(AuroraQLError):
            demo.run(wrong)


# --- parameters


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


_ENDLESS: list[Any] = []
_ENDLESS.append(_ENDLESS)

VALUES: dict[str, Any] = {
    "none": None, "true": True, "small": 5, "wide": 2**64, "wider": 2**128, "huge": 10**399, "too huge": 10**400,
    "negative": -(10**400), "nan": float("nan"), "infinite": float("inf"), "tiny": 5e-324, "decimal": Decimal("1.5"),
    "decimal nan": Decimal("NaN"), "signalling": Decimal("sNaN"), "decimal infinite": Decimal("-Infinity"),
    "decimal huge": Decimal("1e401"), "decimal beyond": Decimal("1e999999"), "decimal tiny": Decimal("1e-401"),
    "empty": "", "surrogate": "\ud800", "null character": "a\0b", "date": date(1, 1, 1), "last date": date.max,
    "before all": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
    "after all": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=23))),
    "aware": datetime(2020, 1, 1, tzinfo=UTC), "time": time(1, 2), "duration": timedelta.max, "bytes": b"x",
    "uuid": uuid.UUID(int=5), "empty list": [], "mixed": [1, "a"], "uneven": [1, [2]], "tuple": (1, 2), "set": {1, 2},
    "object": {"a": 1}, "range": range(3), "NaT": pd.NaT, "NA": pd.NA, "day": np.datetime64("2020-01-01"),
    "nanoseconds": np.datetime64("2020-01-01T00:00", "ns"), "no time": np.datetime64("NaT"), "int64": np.int64(4),
    "float32": np.float32(1.5), "numpy text": np.str_("x"), "numpy truth": np.bool_(True), "complex": 1j,
    "timestamp": pd.Timestamp("2020-01-01 00:00:00.123456789", tz="UTC"), "series": pd.Series(["trex"]),
    "times": np.array(["2020-01-01"], dtype="M8[ns]"), "matrix": np.array([[1, 2], [3, 4]]), "nulls": [None],
    "itself": _ENDLESS, "object in itself": {"a": _ENDLESS}, "deep": _nested(5000), "function": len, "type": int,
    "numbers beyond": [1, 10**400], "not numbers": [Decimal("NaN")], "iterator": iter([1]), "ellipsis": ...,
}  # fmt: skip
"""One value of each type that a program might pass, and every value that once crashed the process."""

STATEMENTS = (
    "FIND data_products WHERE program = $p ON 2021-01-01 LIMIT 1",
    "FIND data_products WHERE program IN $p ON 2021-01-01 LIMIT 1",
    "FIND data_products WHERE identifier = $p ON 2021-01-01 LIMIT 1",
    "FIND data_products WHERE wavelength > $p ON 2021-01-01 LIMIT 1",
    "FIND data_products ON $p LIMIT 1",
    "FIND data_products ON 2021-01-01 LIMIT $p",
    "FIND data_products LAST $p days BEFORE 2021-01-01 LIMIT 1",
    "FIND conjunctions OF location ($p, 5), space (program = 'swarm') WITHIN $p ON 2020-01-01 LIMIT 1",
    "SET timeout = $p",
    "SQL SELECT $p AS a",
    "SQL SELECT [$p] AS a",
    "SHOW SOURCES WHERE program = $p LIMIT 1",
    "FIND data_products WHERE display_name LIKE $p ON 2021-01-01 LIMIT 1",
)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_parameter_value_works_or_is_refused_by_name(statement: str) -> None:
    with connect() as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", AuroraQLWarning)
        for name, value in VALUES.items():
            try:
                result = archive.run(statement, p=value)
                list(result), list(result.records)
            except StatementError as error:
                assert all(diagnostic.code.startswith(("AQL02", "AQL03")) for diagnostic in error.diagnostics), name
                assert any(
                    "$p" in diagnostic.message or diagnostic.origin is not None for diagnostic in error.diagnostics
                ), name


def test_times_of_every_library_give_the_same_parameter(demo: Archive) -> None:
    moment = datetime(2021, 1, 1, 12)
    same = (
        moment,
        moment.replace(tzinfo=UTC),
        datetime(2021, 1, 1, 5, tzinfo=timezone(timedelta(hours=-7))),
        pd.Timestamp(moment),
        pd.Timestamp(moment, tz="UTC").tz_convert("America/Edmonton"),
        np.datetime64("2021-01-01T12:00:00", "ns"),
        np.datetime64("2021-01-01T12:00:00", "s"),
        "2021-01-01T12:00",
    )
    requests = "FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01 AND $moment"
    expected = demo.run("FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01 AND 2021-01-01T12:00").records
    assert expected
    for value in same:
        assert demo.run(requests, moment=value).records == expected


# --- the steps of a search


def test_verbose_prints_the_steps_as_pyaurorax_does(
    server: AuroraXServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    text = "FIND conjunctions OF ground (program = 'themis-asi'), space (program = 'swarm') WITHIN 500 km ON 2020-01-01"
    with connect(server.url, verbose=True) as archive:
        result = archive.run(text)
    assert len(result.request_ids) == 1
    steps = [line.partition("] ")[2] for line in capsys.readouterr().out.splitlines()]
    assert steps[0].startswith("Search created: FIND conjunctions")
    following = ["Request submitted", f"Request ID: {result.request_ids[0]}"]
    assert steps[1:3] == following
    assert steps[3].startswith(f"Request details available at: {server.url}")
    assert result.request_ids[0] in steps[3]
    assert steps[4] == "Waiting for data ..."
    assert "Data is now available" in steps
    assert steps[-1].startswith("Retrieved ")
    assert steps[-1].endswith(f" of data containing {len(result)} record" + ("" if len(result) == 1 else "s"))


def test_verbose_lines_go_to_a_callback(demo: Archive) -> None:
    lines: list[str] = []
    demo.verbose = lines.append
    try:
        result = demo.run(KEOGRAMS)
        demo.submit(KEOGRAMS).fetch()
    finally:
        demo.verbose = False
    assert sum("Search created" in line for line in lines) == 2
    assert any(f"Request ID: {result.request_ids[0]}" in line for line in lines)
    demo.run(KEOGRAMS)
    assert sum("Search created" in line for line in lines) == 2


# --- results


def test_a_result_is_indexed_and_sliced_like_a_list(demo: Archive) -> None:
    result = demo.run("FIND data_products WHERE program = 'trex' ON 2021-01-01")
    rows = list(result)
    assert [result[n] for n in (0, 5, -1)] == [rows[0], rows[5], rows[-1]]
    for part in (slice(10, 20), slice(None, None, -50), slice(-3, None), slice(0, 0), slice(280, 400)):
        sliced = result[part]
        assert list(sliced) == rows[part]
        assert list(sliced.records) == list(result.records)[part]
        assert len(sliced) == len(rows[part])
    assert result["url"] == [row[[c.name for c in result.columns].index("url")] for row in rows]
    for wrong, error in ((289, IndexError), (-290, IndexError), ("nowhere", KeyError), (1.5, TypeError)):
        with pytest.raises(error):
            result[wrong]  # type: ignore[index]


def test_a_columnar_result_is_indexed_and_sliced(server: AuroraXServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    with connect(server.url) as archive:
        result = archive.run("FIND data_products SINCE 2000-01-01")
    assert len(result) > 1
    assert result[-1] == list(result)[-1]
    assert list(result[::-1]) == list(result)[::-1]
    assert result[:1].records == list(result.records)[:1]
    assert len(result["start"]) == len(result)


@pytest.mark.parametrize(
    "statement",
    [KEOGRAMS, "FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01", f"{PASSES} LIMIT 3", "SHOW PROGRAMS",
     "FIND data_products WHERE program = 'nosuch' ON 2021-01-01", "SQL SELECT 1 AS a, NULL AS b, DATE '2021-01-01' AS c"],
    ids=["products", "ephemeris", "conjunctions", "show", "no rows", "sql"],
)  # fmt: skip
def test_every_arrow_reader_accepts_a_result(demo: Archive, statement: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AuroraQLWarning)
        result = demo.run(statement)
    expected = result.to_arrow()
    assert pa.table(result).equals(expected)
    assert pl.DataFrame(result).to_arrow().num_rows == len(result)
    assert pl.DataFrame(result).columns == expected.column_names
    relation = duckdb.sql("SELECT count(*) FROM result")
    assert relation is not None
    assert relation.fetchall() == [(len(result),)]


def test_print_shows_rows_and_repr_names_the_columns(demo: Archive) -> None:
    result = demo.run("FIND data_products WHERE program = 'trex' ON 2021-01-01")
    printed = str(result).splitlines()
    assert printed[0].startswith("start")
    assert sum("2021-01-01" in line for line in printed) == 20
    assert "first 20 of 289 rows" in printed
    assert printed[-1].startswith("289 rows")
    assert "--" not in " ".join(printed[2:])
    assert repr(result) == (
        "<ResultSet of 289 rows from demo: start, end, identifier, program, platform, instrument_type, source_type, "
        "display_name, url, data_product_type, metadata>"
    )


def test_a_search_describes_itself(demo: Archive) -> None:
    search = demo.submit(KEOGRAMS)
    search.fetch()
    assert re.fullmatch(r"<Search, done for \d+\.\d s, request [-0-9a-f]{36}: FIND data_products .*>", repr(search))
