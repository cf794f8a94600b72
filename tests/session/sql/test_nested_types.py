"""Tests of the types of nested values of SQL: dates, times and durations in lists and objects."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pyarrow.parquet
import pytest

from auroraql import Archive

VALUES: list[tuple[str, Any, Any]] = [
    ("[DATE '2020-01-01', NULL]", [date(2020, 1, 1), None], pyarrow.list_(pyarrow.date32())),
    ("{'d': DATE '2020-01-01'}", {"d": date(2020, 1, 1)}, pyarrow.struct({"d": pyarrow.date32()})),
    ("[INTERVAL 36 HOUR, INTERVAL '-2' HOUR]", [timedelta(1.5), -timedelta(hours=2)], pyarrow.list_(pyarrow.duration("us"))),
    ("[[TIME '01:02:03.5']]", [[time(1, 2, 3, 500_000)]], pyarrow.list_(pyarrow.list_(pyarrow.time64("us")))),
    ("[{'t': TIMESTAMPTZ '2020-01-01 00:00:00+02'}]", [{"t": datetime(2019, 12, 31, 22)}], pyarrow.list_(pyarrow.struct({"t": pyarrow.timestamp("us")}))),
    ("[TIMESTAMP_S '2020-01-01 00:00:01']", [datetime(2020, 1, 1, 0, 0, 1)], pyarrow.list_(pyarrow.timestamp("us"))),
    ("array_value(DATE '2020-01-01')", [date(2020, 1, 1)], pyarrow.list_(pyarrow.date32())),
    ("NULL::DATE[]", None, pyarrow.list_(pyarrow.date32())),
    ("[]::INTERVAL[]", [], pyarrow.list_(pyarrow.duration("us"))),
    ("{'d': DATE '2020-01-01', 'x': 1.5, 'b': 'q'::BLOB}", {"d": date(2020, 1, 1), "x": 1.5, "b": "q"}, None),
    ("[DATE '0044-03-15 (BC)', DATE '2020-01-01']", ["0044-03-15 (BC)", "2020-01-01"], None),
    ("['2020-01-01']", ["2020-01-01"], pyarrow.list_(pyarrow.string())),
    ("[1::TINYINT, 2]", [1, 2], pyarrow.list_(pyarrow.int64())),
]  # fmt: skip
"""SQL of a value, the value in Arrow, and its Arrow type if it is the declared one."""


@pytest.mark.parametrize(("sql", "value", "arrow"), VALUES, ids=[sql for sql, *_ in VALUES])
def test_nested_values_have_their_type(demo: Archive, sql: str, value: Any, arrow: Any, tmp_path: Path) -> None:
    result = demo.run(f"SQL SELECT {sql} AS v UNION ALL SELECT NULL")
    table = result.to_arrow()
    assert [row["v"] for row in sorted(table.to_pylist(), key=str)] == sorted(
        [value, None], key=lambda v: str({"v": v})
    )
    if arrow is not None:
        assert table.schema.field("v").type == arrow
    result.save(tmp_path / "v.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "v.parquet").to_pylist() == table.to_pylist()
    with duckdb.connect() as connection:
        assert len(connection.execute("SELECT v FROM read_parquet(?)", [str(tmp_path / "v.parquet")]).fetchall()) == 2
    assert result.records[0].keys() == {"v"}
