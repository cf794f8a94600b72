"""Tests of TSV, Parquet, Markdown and HTML: other programs read the same values, and no value becomes markup."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from auroraql.diagnostics.errors import Source, UsageError
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.rendering import FORMATS, render_result, write_result
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet, Row
from auroraql.schema import Type
from tests.support.command_line import command, process

MIDNIGHT = datetime(2021, 1, 1)
URL = "https://data.example/2021/01/01/gill keogram.png".replace(" ", "_")
WHOLE: Row = (
    MIDNIGHT, MIDNIGHT.replace(hour=23, minute=59), 103, "trex", "gillam", "RGB ASI", "ground", "TREx RGB GILL",
    URL, "keogram", {"keogram_type": "daily", "wavelength": 486.1},
)  # fmt: skip
DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"


def products(*rows: Row, text: str = "FIND data_products") -> ResultSet:
    plan = Plan(Query("data_products"), ())
    return ResultSet(plan, FetchedData(rows=rows), archive="demo", elapsed=0.1, demonstration=True, source=Source(text))


def keys(*names: str, rows: Sequence[Row]) -> ResultSet:
    plan = Plan(Query("data_products", select=tuple(Column(Ref("metadata", name)) for name in names)), ())
    return ResultSet(plan, FetchedData(rows=rows), archive="demo", elapsed=0.1)


def text(result: ResultSet, format: str) -> str:
    return "".join(render_result(result, format, width=None, color=False))


# --- TSV


@given(rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_tsv_round_trips(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO(text(keys("a", "b", rows=rows), "tsv"), newline="")
    assert list(csv.reader(written, delimiter="\t")) == [["metadata.a", "metadata.b"], *map(list, rows)]


def test_tsv_is_csv_with_tabs() -> None:
    assert text(keys("a", "b", rows=[("x,y", None), ("t\tt", 1.5)]), "tsv") == (
        'metadata.a\tmetadata.b\nx,y\t\n"t\tt"\t1.5\n'
    )


# --- Parquet


def table(result: ResultSet) -> pyarrow.Table:
    data = b"".join(FORMATS["parquet"].encode_result(result))
    return parquet.read_table(pyarrow.BufferReader(data))


def test_parquet_has_a_type_for_each_column() -> None:
    arrow = table(products(WHOLE, WHOLE))
    types = {field.name: str(field.type) for field in arrow.schema}
    assert types["start"] == "timestamp[us]"
    assert types["identifier"] == "int64"
    assert types["program"] == types["url"] == "string"
    assert types["metadata"] == "struct<keogram_type: string, wavelength: double>"
    assert arrow["start"].to_pylist() == [MIDNIGHT] * 2
    assert arrow["metadata"][1].as_py() == WHOLE[-1]
    assert list(types) == [column.name for column in products().columns]


def test_parquet_is_read_by_duckdb_and_keeps_units(tmp_path: Path) -> None:
    result = ResultSet(
        Plan(Query("", select=()), ()),
        FetchedData(rows=[(1.5, [{"display_name": "a"}]), (None, None)]),
        archive="demo",
        elapsed=0,
        columns=(ResultColumn("km", Type.NUMBER, "km", ("km",)), ResultColumn("who", Type.OBJECT, "", ("who",))),
    )
    result.save(tmp_path / "a.parquet")
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT km, who[1].display_name FROM '{tmp_path}/a.parquet'").fetchall()  # noqa: S608
    assert rows == [(1.5, "a"), (None, None)]
    assert parquet.read_schema(tmp_path / "a.parquet").field("km").metadata == {b"unit": b"km"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([None, None], [None, None]),
        ([1, None, 2.5], [1.0, None, 2.5]),
        ([2**70, 1], [str(2**70), "1"]),
        ([True, "x", 3], ["true", "x", "3"]),
        (["\ud800é"], ["\ufffdé"]),
        ([{}, None], ["{}", None]),
        ([{}, {"a": 1}], [{"a": None}, {"a": 1}]),
        ([{"a": 1, "b": None}, {"a": "x"}], [{"a": "1", "b": None}, {"a": "x", "b": None}]),
        ([{"a": [{"b": 1}, {"b": "x"}]}, {"c": {}}], [{"a": [{"b": "1"}, {"b": "x"}], "c": None}, {"a": None, "c": "{}"}]),
        ([[1, 2], []], [[1, 2], []]),
        ([[], []], [[], []]),
        ([[1], {"a": 1}], ["[1]", '{"a": 1}']),
    ],
)  # fmt: skip
def test_parquet_holds_any_value_of_a_key(values: list[Any], expected: list[Any]) -> None:
    assert table(keys("key", rows=[(value,) for value in values])).column(0).to_pylist() == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values=st.lists(json_values, max_size=6))
def test_no_value_prevents_writing_parquet(values: list[Any]) -> None:
    arrow = table(keys("key", rows=[(value,) for value in values]))
    assert arrow.num_rows == len(values)
    assert [value is None for value in arrow.column(0).to_pylist()] == [value is None for value in values]


def test_row_groups_share_one_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auroraql.results.dataframes._GROUP", 2)
    rows: list[Row] = [({"a": 1},), ({"a": 2},), ({"b": "x"},), ({},), ({"a": 0.5},)]
    assert table(keys("key", rows=rows)).column(0).to_pylist() == [
        {"a": 1.0, "b": None}, {"a": 2.0, "b": None}, {"a": None, "b": "x"}, {"a": None, "b": None}, {"a": 0.5, "b": None}
    ]  # fmt: skip
    rows = [(1,), (2,), ("x",), (None,), ({"a": 1},)]
    assert table(keys("key", rows=rows)).column(0).to_pylist() == ["1", "2", "x", None, '{"a": 1}']


def test_parquet_goes_to_files_and_pipes_but_not_to_terminals(tmp_path: Path) -> None:
    done = command("-c", DAILY, "--output", tmp_path / "a.parquet")
    assert (done.code, done.out) == (0, "")
    assert parquet.read_table(tmp_path / "a.parquet").num_rows == 5
    line = [sys.executable, "-m", "auroraql", "-c", DAILY, "--format", "parquet"]
    piped = subprocess.run(line, capture_output=True, check=True).stdout
    assert parquet.read_table(pyarrow.BufferReader(piped)).num_rows == 5
    several = process("-c", f"{DAILY}; {DAILY}", "--format", "parquet")
    assert (several.code, several.out) == (2, "")
    assert "parquet holds the result of one statement" in several.err
    later = subprocess.run([*line[:4], f"SET format = parquet; {DAILY}; {DAILY}"], capture_output=True, check=False)
    assert later.returncode == 2
    assert parquet.read_table(pyarrow.BufferReader(later.stdout)).num_rows == 5
    with pytest.raises(UsageError, match="a terminal cannot show it"):
        text(products(WHOLE), "parquet")


@pytest.mark.skipif(not Path("/dev/ptmx").exists(), reason="there are no terminals here")
def test_a_terminal_is_refused_before_the_search() -> None:
    import pty

    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "auroraql", "-a", "http://127.0.0.1:1", "-c", DAILY, "--format", "parquet"]
    with subprocess.Popen(line, stdout=theirs, stderr=subprocess.PIPE) as started:
        messages = started.communicate()[1].decode()
    assert started.returncode == 2
    assert "a terminal cannot show it\n  = hint: write it with --output FILE" in messages
    for handle in (ours, theirs):
        io.FileIO(handle).close()


def test_a_parquet_file_is_replaced_completely_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    write_result(products(WHOLE), path)
    before = path.read_bytes()

    class Breaking(tuple[Row, ...]):
        __slots__ = ()

        def __iter__(self) -> Any:
            yield from [WHOLE] * 5
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("auroraql.rendering.parquet._GROUP", 2)
    broken = products().with_rows(Breaking((WHOLE,)))
    with pytest.raises(UsageError, match="No space left"):
        write_result(broken, path)
    assert [item.read_bytes() for item in tmp_path.iterdir()] == [before]


# --- Markdown


def test_markdown_is_a_table_with_right_aligned_numbers() -> None:
    head, rule, row = text(products(WHOLE), "markdown").splitlines()
    assert head.startswith("| start | end | identifier | program |")
    assert rule.split(" | ")[2] == "---:"
    assert "| 2021-01-01 00:00:00 | 2021-01-01 23:59:00 | 103 | trex |" in row
    assert f"| <{URL}> | keogram | keogram_type=daily, wavelength=486.1 |" in row


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a|b", r"a\|b"), ("a\\|b", r"a\\\|b"), ("a\nb\r\nc", "a␊b␍␊c"), ("*x* _y_ `z` a_b", r"\*x\* \_y\_ \`z\` a_b"),
        ("<b> &amp; & [l](u) ~~s~~", r"\<b\> \&amp; & \[l\](u) \~\~s\~\~"), (None, ""), ("", ""),
        ("https://a.example/x|y", "<https://a.example/x%7Cy>"), ("https://a.example/<b>", "<https://a.example/%3Cb%3E>"),
        ("javascript:alert(1)", "javascript:alert(1)"), ({"a": "x|y"}, r"a=x\|y"),
    ],
)  # fmt: skip
def test_no_value_becomes_markdown(value: Any, written: str) -> None:
    assert text(keys("a", "b", rows=[(value, 1)]), "markdown").splitlines()[2] == f"| {written} | 1 |"


@given(values=st.lists(st.text(), min_size=2, max_size=2))
def test_a_markdown_row_is_one_line_with_a_fixed_number_of_cells(values: list[str]) -> None:
    lines = text(keys("a", "b", rows=[tuple(values)]), "markdown").split("\n")
    assert len(lines) == 4
    bare = lines[2].replace("\\\\", "").replace("\\|", "")
    assert bare.count("|") == 3


# --- HTML


class Page(HTMLParser):
    """An HTML parser that collects elements with their attributes, and the texts of the cells."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(written)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data.replace("\n", "")

    def all(self, tag: str, name: str) -> list[str | None]:
        return [attributes.get(name) for item, attributes in self.elements if item == tag]


def test_a_page_has_the_statement_and_a_table_with_links() -> None:
    film = (*WHOLE[:8], "https://data.example/film.mp4", *WHOLE[9:])
    written = text(products(WHOLE, film, text="FIND data_products -- <mine>"), "html")
    page = Page(written)
    assert written.startswith("<!doctype html>")
    assert page.all("a", "href") == [URL, "https://data.example/film.mp4"]
    assert "<pre>FIND data_products -- &lt;mine&gt;</pre>" in written
    assert "demo (demonstration data)" in written
    assert page.cells[:4] == ["2021-01-01 00:00:00", "2021-01-01 23:59:00", "103", "trex"]
    assert [attributes for tag, attributes in page.elements if tag == "script"] == [{"type": "application/json"}, {}]
    assert not {"link", "iframe"} & {tag for tag, _ in page.elements}


def test_a_page_without_pictures_is_a_table() -> None:
    page = Page(text(keys("n", "s", rows=[(1, None), (2.5, "")]), "html"))
    assert page.all("img", "src") == []
    assert page.cells == ["1", "NULL", "2.5", ""]
    assert page.all("td", "class") == ["number", "null", "number", None]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)//.png",
        "data:image/png;base64,AA",
        'https://x/"onload=a.png',
        "//x/a.png",
        "https://x/a b.png",
        "file:///etc/a.png",
    ],
)
def test_only_http_is_linked(url: str) -> None:
    page = Page(text(keys("a", rows=[(url,)]), "html"))
    assert page.all("a", "href") == page.all("img", "src") == []
    assert page.cells == [url]


@given(values=st.lists(st.text() | st.dictionaries(st.text(), st.text(), max_size=2), min_size=1, max_size=3))
def test_no_value_becomes_markup(values: list[Any]) -> None:
    names = [f"k{n}" for n in range(len(values))]
    tags = [tag for tag, _ in Page(text(keys(*names, rows=[tuple("x" * len(values))]), "html")).elements]
    written = text(keys(*names, rows=[tuple(values)]), "html")
    written.encode()
    assert "\x1b" not in written
    foldable = ("div", "details", "summary")
    assert [tag for tag, _ in Page(written).elements if tag not in foldable] == [t for t in tags if t not in foldable]


def test_long_objects_are_collapsed_and_sources_are_named() -> None:
    sources = [{"display_name": name, "program": "p" * 90} for name in ("TREx RGB GILL", "Swarm A")]
    page = Page(text(keys("sources", rows=[(sources,)]), "html"))
    assert page.cells[0].startswith("TREx RGB GILL, Swarm A")
    assert json.loads(page.cells[0].removeprefix("TREx RGB GILL, Swarm A")) == sources


class LazyRows(Sequence[Row]):
    """A million rows that are created on access and counted."""

    def __init__(self) -> None:
        self.taken = 0

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, at: Any) -> Any:
        raise AssertionError("rows are taken one after the other")

    def __iter__(self) -> Iterator[Row]:
        for _ in range(len(self)):
            self.taken += 1
            yield WHOLE


# A page of HTML has its values by column, and therefore needs all rows first.
@pytest.mark.parametrize("format", [name for name, row in FORMATS.items() if row.render is not None and name != "html"])
def test_only_the_shown_rows_of_a_million_are_created(format: str) -> None:
    rows = LazyRows()
    result = ResultSet(Plan(Query("data_products"), ()), FetchedData(rows=rows), archive="demo", elapsed=1)
    for _ in zip(range(20), render_result(result, format, width=None, color=False), strict=False):
        pass
    assert 0 < rows.taken <= 30_000


@pytest.mark.parametrize("format", ["table", "vertical"])
def test_a_terminal_shows_the_first_of_a_million_rows_with_a_note(format: str) -> None:
    rows = LazyRows()
    result = ResultSet(Plan(Query("data_products"), ()), FetchedData(rows=rows), archive="demo", elapsed=1)
    shown = "".join(render_result(result, format, width=100, color=False, commands=True))
    assert rows.taken <= 1001
    assert shown.endswith("first 1,000 of 1,000,000 rows: \\last for all, \\export FILE to save them\n")
