"""Tests of the columns that a table shows when not all of them fit."""

from __future__ import annotations

import pytest

from auroraql.rendering.table import GAP, TableColumn, squeeze_columns
from auroraql.schema import Type


def make_columns(count: int) -> list[TableColumn]:
    columns = [TableColumn(f"c.{n}", "c." + "x" * (n % 7), Type.STRING, data=n % 11, seen={str}) for n in range(count)]
    for column in columns:
        column.settle()
    return columns


@pytest.mark.parametrize("width", range(1, 120, 7))
def test_the_longest_prefix_that_fits_is_shown(width: int) -> None:
    fits = [
        count
        for count in range(12)
        if sum(column.min_width() for column in make_columns(count)) + GAP * (count - 1) <= width
    ]
    shown = squeeze_columns(make_columns(12), width)
    assert [column.name for column in shown] == [f"c.{n}" for n in range(max(fits))]
    assert sum(column.width for column in shown) + GAP * (len(shown) - 1) <= max(width, 0)


def test_columns_that_do_not_fit_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns, measured = make_columns(5000), []
    original = TableColumn.min_width

    def min_width(column: TableColumn) -> int:
        measured.append(column)
        return original(column)

    monkeypatch.setattr(TableColumn, "min_width", min_width)
    assert 0 < len(squeeze_columns(columns, 100)) < 50
    assert len(measured) < 5000
