"""Tests of exact CSV and JSON: Python's own modules read the same values back."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet, Row
from auroraql.schema import Type
from auroraql.sql.statement import MAX_STDLIB_ROWS, decode_rows
from tests.rendering.test_output import MIDNIGHT, answer, selected_columns, text

ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text("\ud800é\0\"1e,:0.[", max_size=9)
    | st.sampled_from([1e16, 1e-5, -9.5e-5, 0.0001, -0.0, 5e-324, 2**64, -(2**64), ":1e5", "[0.0000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(rows=st.lists(st.tuples(ANY_VALUE, ANY_VALUE), min_size=1, max_size=5), labels=st.tuples(st.text(), st.text()))
def test_json_and_json_lines_round_trip(rows: list[Row], labels: tuple[str, str]) -> None:
    first, second = labels[0], labels[1] + "_"
    columns = (ResultColumn("a", Type.ANY, "", ("in", first)), ResultColumn("b", Type.ANY, "", (second, "x")))
    result = ResultSet(Plan(Query("", select=()), ()), FetchedData(rows), archive="", elapsed=0, columns=columns)
    records: list[dict[str, Any]] = []
    for row in rows:
        records.append({})
        for column, value in zip(columns, row, strict=True):
            records[-1].setdefault(column.path[0], {})[column.path[1]] = value
    written, lines = text(result, "json"), text(result, "jsonl")
    assert re.search("[\ud800-\udfff]", written + lines) is None, "no encoding can write it"
    assert (
        repr(json.loads(written))
        == repr([json.loads(line) for line in lines.split("\n")[:-1]])
        == repr(finite(records))
    )
    assert repr(finite(list(result.records))) == repr(finite(records))


@given(rows=st.lists(st.tuples(ANY_VALUE | st.just(MIDNIGHT), st.none() | st.floats()), max_size=5))
def test_csv_equals_the_output_of_the_csv_module(rows: list[Row]) -> None:
    def cell(value: Any) -> Any:
        match value:
            case None:
                return ""
            case datetime():
                return value.isoformat()
            case bool():
                return str(value).lower()
        return value if isinstance(value, dict | list) else str(value)

    csv_text = text(selected_columns("a", "b", rows=rows), "csv")
    assert re.search("[\ud800-\udfff]", csv_text) is None, "no encoding can write it"
    lines = list(csv.reader(io.StringIO(csv_text, newline="")))[1:]
    expected = [[*map(cell, row)] for row in rows]
    for row, cells in zip(lines, expected, strict=True):
        for written, value in zip(row, cells, strict=True):
            if isinstance(value, str):
                assert written == re.sub("[\ud800-\udfff]", "\ufffd", value)
            else:
                assert repr(json.loads(written)) == repr(finite(value))


@pytest.mark.parametrize(("missing", "order"), [(False, ["metadata", "start"]), (True, ["start", "metadata"])])
def test_a_missing_metadata_key_is_omitted_from_its_record_only(missing: bool, order: list[str]) -> None:
    refs = (Ref("metadata", "a"), Ref("record", "start"), Ref("metadata", "b"))
    rows: list[Row] = [("x", MIDNIGHT, "y")] * 600 + [(None if missing else "x", MIDNIGHT, "y")]
    result = answer(Query("data_products", select=tuple(map(Column, refs))), rows)
    first, *_, last = (json.loads(line) for line in text(result, "jsonl").splitlines())
    assert first == {"metadata": {"a": "x", "b": "y"}, "start": "2021-01-01T00:00:00"}
    assert list(last) == order
    assert last["metadata"] == ({"b": "y"} if missing else {"a": "x", "b": "y"})


@given(ANY_VALUE)
def test_a_value_is_written_the_same_for_any_number_of_rows(value: Any) -> None:
    columns, row = [ResultColumn("value", Type.ANY)], (json.dumps(value),)
    (alone,), many = decode_rows([row], columns), decode_rows([row, *[("0",)] * MAX_STDLIB_ROWS], columns)
    assert repr(alone) == repr(many[0]) == repr((json.loads(row[0]),))
