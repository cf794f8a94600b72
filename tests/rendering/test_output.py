"""Tests of output: tables fit and are harmless, formats for programs are exact, and files are complete."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.errors import display_width as width_of
from auroraql.ir.plan import Plan
from auroraql.ir.query import Column, Query, Ref
from auroraql.rendering import (
    FORMATS,
    check_writable,
    format_footer,
    render_grid,
    render_result,
    should_color,
    write_result,
    write_text,
)
from auroraql.results.result_set import FetchedData, ResultSet, Row

MIDNIGHT = datetime(2021, 1, 1)
URL = "https://data.phys.ucalgary.ca/sort_by_project/TREx/RGB/daily_keograms/2021/01/01/20210101_gill_keogram.png"
METADATA = {"keogram_type": "daily", "wavelength": 486.1}
WHOLE: Row = (
    MIDNIGHT, MIDNIGHT.replace(hour=23, minute=59, second=59),
    103, "trex", "gillam", "RGB ASI", "ground", "TREx RGB GILL", URL, "keogram", METADATA,
)  # fmt: skip


def whole_records(rows: Sequence[Row] = (WHOLE,)) -> ResultSet:
    return answer(Query("data_products"), rows)


def selected_columns(*names: str, rows: Sequence[Row]) -> ResultSet:
    return answer(
        Query("data_products", select=tuple(Column(Ref("metadata", name), bare=True) for name in names)), rows
    )


def answer(query: Query, rows: Sequence[Row]) -> ResultSet:
    return ResultSet(Plan(query, ()), FetchedData(rows=rows), archive="demo", elapsed=0.0123, demonstration=True)


def text(result: ResultSet, format: str = "table", width: int | None = None, *, color: bool = False) -> str:
    return "".join(render_result(result, format, width=width, color=color))


# --- formats for people


def test_a_narrow_terminal_shows_the_important_columns_and_names_the_others() -> None:
    head, rule, *rows, note = text(whole_records([WHOLE] * 3), width=80).splitlines()
    assert head == "start             program  platform  url                         data_product_t…"
    assert rule == "----------------  -------  --------  --------------------------  ---------------"
    assert rows == ["2021-01-01 00:00  trex     gillam    …20210101_gill_keogram.png  keogram"] * 3
    assert note == "11 columns, 5 shown: --format vertical for all"
    shown = "".join(render_result(whole_records([WHOLE] * 3), "table", width=80, color=False, commands=True))
    assert shown.endswith("11 columns, 5 shown: \\last for all\n")


@pytest.mark.parametrize(("rows", "vertical"), [(1, True), (2, False), (40, False)])
def test_few_rows_with_hidden_columns_are_shown_vertically(rows: int, vertical: bool) -> None:
    shown = text(whole_records([WHOLE] * rows), width=80)
    assert (shown == text(whole_records([WHOLE] * rows), "vertical", 80)) is vertical
    assert text(whole_records([WHOLE] * rows), width=400).startswith("start  ")


def test_few_rows_with_many_truncated_values_are_shown_vertically() -> None:
    long = "a long remark " * 20
    assert "-[ row 2 ]" in text(selected_columns("a", "b", rows=[(long, long)] * 2), width=80)
    assert "-[ row 2 ]" not in text(selected_columns("a", "b", rows=[("short", long[:100])] * 2), width=80)
    assert "-[ row 2 ]" not in text(selected_columns("a", rows=[(long,)] * 2), width=80)


def test_a_pipe_receives_every_column_and_every_character() -> None:
    head, _, row = text(whole_records()).splitlines()
    assert head.split() == [
        "start", "end", "identifier", "program", "platform", "instrument_type", "source_type", "display_name",
        "url", "data_product_type", "metadata",
    ]  # fmt: skip
    assert URL in row
    assert "keogram_type=daily, wavelength=486.1" in row


@pytest.mark.parametrize("width", [1, 20, 40, 60, 70, 80, 100, 120, 200, 400])
def test_no_table_line_is_wider_than_the_terminal(width: int) -> None:
    table = text(whole_records([WHOLE] * 3), width=width)
    if not table.startswith("-["):
        assert max(map(width_of, table.splitlines())) <= width


def test_unreadable_tables_are_shown_vertically() -> None:
    assert text(whole_records(), width=40) == text(whole_records(), "vertical", 40)


def test_selected_columns_are_all_shown() -> None:
    result = answer(
        Query("data_products", select=tuple(Column(Ref("record", n)) for n in ("url", "end"))), [(URL, MIDNIGHT)] * 9
    )
    assert text(result, width=40).splitlines()[:3] == [
        "url                     end",
        "----------------------  ----------------",
        "…0101_gill_keogram.png  2021-01-01 00:00",
    ]


def test_numbers_are_right_aligned_and_missing_values_are_empty() -> None:
    rows: list[Row] = [(1, "a"), (20.5, None), (None, "b")]
    assert text(selected_columns("n", "s", rows=rows)) == "   n  s\n----  -\n   1  a\n20.5\n      b\n"


def test_long_members_of_an_object_come_last() -> None:
    value = {"imaging_end_time": "2021-01-01T14:37:00.000000", "keogram_type": "daily"}
    assert "keogram_type=daily, imaging_end_time=2021" in text(selected_columns("m", rows=[(value,)]))


def test_headers_are_the_names_of_the_columns() -> None:
    refs = (Ref("record", "start"), Ref("metadata", "start"), Ref("source", "data_source.program"))
    columns = (*map(Column, refs), Column(refs[2], bare=True))
    result = answer(Query("data_products", select=columns), [])
    assert text(result).split()[:4] == ["start", "metadata.start", "data_source.program", "program"]


def test_the_vertical_view_shows_every_value_with_its_name() -> None:
    lines = text(whole_records(), "vertical", 60).splitlines()
    assert lines[0] == "-[ row 1 ]" + "-" * 50
    assert "program                trex" in lines
    assert "metadata.keogram_type  daily" in lines
    assert f"url                    {URL}" in lines


def test_a_terminal_shows_a_page_of_a_million_rows_and_a_pipe_receives_all() -> None:
    result = whole_records([WHOLE] * 2500)
    for item in ("table", "vertical"):
        shown = text(result, item, 100)
        assert shown.count("trex") == 1000
        assert shown.endswith("first 1,000 of 2,500 rows: --output FILE for all\n")
        assert len(re.findall("trex[ \n]", text(result, item))) == 2500


def test_every_part_of_a_long_table_has_the_same_columns() -> None:
    rows: list[Row] = [("x" * (n // 1000), n) for n in range(2500)]
    lines = text(selected_columns("a", "b", rows=rows)).splitlines()
    assert len(lines) == 2502
    assert {len(line) for line in lines} == {len("xx") + 2 + len("2499")}


HARMFUL = "a\x1b[31m\x9b2J\r\n\t\x00\u202eb\ud800\u2028\x7f"


@pytest.mark.parametrize("format", ["table", "vertical"])
@given(
    value=st.one_of(st.text(), st.just(HARMFUL), st.dictionaries(st.text(), st.text(), max_size=2), st.lists(st.text()))
)
def test_no_value_controls_the_terminal(format: str, value: Any) -> None:
    for width in (None, 60):
        shown = text(selected_columns("key", rows=[(value,)]), format, width)
        assert shown.replace("\n", "").isprintable()
        if format == "table":
            assert shown.count("\n") == 3
        shown.encode()


def test_an_alias_is_escaped_like_a_value() -> None:
    result = answer(Query("data_products", select=(Column(Ref("metadata", "x"), "\x1b[2J"),)), [("a",)])
    for item in ("table", "vertical"):
        assert "\x1b" not in text(result, item)


@given(value=st.text(min_size=9, alphabet=st.characters(categories=["L", "M", "So"])), width=st.integers(12, 60))
def test_wide_and_combining_characters_are_measured_as_displayed(value: str, width: int) -> None:
    assert max(map(width_of, text(selected_columns("key", rows=[(value,)]), width=width).splitlines())) <= width


def test_colours_only_on_request() -> None:
    result = selected_columns("a", rows=[(None,), ("x",)])
    assert "\x1b" not in text(result, width=80)
    colored = text(result, width=80, color=True)
    assert "NULL" in colored
    assert re.sub(r"\x1b\[\d*m", "", colored).split() == ["a", "----", "NULL", "x"]


def test_the_footer_mentions_demonstration_data() -> None:
    assert format_footer(whole_records()) == "1 row · 12 ms · demo (demonstration data)"
    real = ResultSet(
        Plan(Query("data_products"), ()), FetchedData([]), archive="a\x1b", elapsed=75.2, demonstration=False
    )
    assert format_footer(real) == "0 rows · 1 min 15 s · a␛"


def test_a_grid_of_arbitrary_values() -> None:
    assert render_grid(("name", "n"), [("a\n", 1)], 80) == "name  n\n----  -\na␊    1\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colours_depend_on_the_terminal(stream: io.StringIO, environ: dict[str, str], expected: bool) -> None:
    assert should_color(stream, environ) is expected


# --- formats for programs


def test_csv_has_full_names_iso_times_and_json_objects() -> None:
    head, row = csv.reader(io.StringIO(text(whole_records(), "csv")))
    values = dict(zip(head, row, strict=True))
    assert values["start"] == "2021-01-01T00:00:00"
    assert values["program"] == "trex"
    assert json.loads(values["metadata"]) == METADATA


@given(rows=st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))))
def test_csv_round_trips(rows: list[tuple[str, str]]) -> None:
    written = io.StringIO(text(selected_columns("a", "b", rows=rows), "csv"), newline="")
    assert list(csv.reader(written)) == [["a", "b"], *map(list, rows)]


def test_csv_lines_end_with_a_line_feed_and_missing_values_are_empty() -> None:
    assert text(selected_columns("a", "b", rows=[(None, True), ("x,\r", 1.5)]), "csv") == 'a,b\n,true\n"x,\r",1.5\n'


@pytest.mark.parametrize("rows", [[], [WHOLE], [WHOLE] * 1200])
def test_json_and_json_lines_are_the_records(rows: list[Row]) -> None:
    result = whole_records(rows)
    assert json.loads(text(result, "json")) == list(result.records)
    assert [json.loads(line) for line in text(result, "jsonl").splitlines()] == list(result.records)


def test_json_is_valid_for_any_value() -> None:
    rows: list[Row] = [("\ud800é",), (float("nan"),), ({"a": [float("inf")]},)]
    written = text(selected_columns("x", rows=rows), "jsonl")
    written.encode()
    assert "NaN" not in written
    assert "é" in written
    assert json.loads(written.splitlines()[0]) == {"metadata": {"x": "\ud800é"}}


@pytest.mark.parametrize("name", ["", "cvs", "\x1b"])
def test_an_unknown_format_is_reported_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=re.escape(", ".join(FORMATS))):
        text(whole_records(), name)


# --- files


@pytest.mark.parametrize("name", ["a.csv", "a.JSON", "a.jsonl", "a.txt", "ü – ₂.csv"])
def test_the_suffix_of_a_file_decides_the_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_result(whole_records(), path)
    messages = next(row.name for row in FORMATS.values() if path.suffix.lower() in row.suffixes)
    assert path.read_bytes() == text(whole_records(), messages).encode()
    assert [item.name for item in tmp_path.iterdir()] == [name]


def test_an_existing_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    path.write_text("x" * 100_000)
    path.chmod(0o640)
    link.symlink_to(path)
    write_result(whole_records(), link)
    assert link.is_symlink()
    assert path.read_text() == text(whole_records(), "csv")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_has_the_umasks_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_result(whole_records(), tmp_path / "a.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o640


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("lost")])
def test_a_failed_write_keeps_the_existing_file(tmp_path: Path, fault: BaseException) -> None:
    class Breaking(tuple[Row, ...]):
        __slots__ = ()

        def __iter__(self) -> Any:
            yield from [WHOLE] * 1000
            raise fault

    path = tmp_path / "a.csv"
    path.write_text("before")
    expected = UsageError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected):
        write_result(whole_records(Breaking((WHOLE,))), path)
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"a.csv": "before"}


_BELOW_DEV = Path("/dev/shm")  # noqa: S108


@pytest.mark.skipif(not _BELOW_DEV.is_dir(), reason="no files below /dev here")
def test_a_file_below_dev_is_a_file(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=_BELOW_DEV) as folder:
        (Path(folder) / "here").mkdir()
        for fault in (KeyboardInterrupt(), OSError(28, "No space left on device"), RuntimeError("lost")):
            test_a_failed_write_keeps_the_existing_file(Path(folder) / "here", fault)
        link = tmp_path / "link.csv"
        link.symlink_to(Path(folder) / "here" / "a.csv")
        write_result(whole_records(), link)
        assert (Path(folder) / "here" / "a.csv").read_text() == text(whole_records(), "csv")
        assert link.is_symlink()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no descriptors in the file system here")
@pytest.mark.parametrize("place", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_a_descriptor_is_written_at_its_position(tmp_path: Path, place: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text("before\n")
    with path.open("ab") as file:
        target = Path(place.format(file.fileno()))
        if place == "link":
            target = tmp_path / "link"
            target.symlink_to(f"/dev/fd/{file.fileno()}")
        if not target.parent.is_dir():
            pytest.skip("not here")
        check_writable(target, "csv")
        write_result(whole_records(), target, "csv")
    assert path.read_text() == "before\n" + text(whole_records(), "csv")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_a_full_disk_is_reported() -> None:
    with pytest.raises(UsageError, match="No space left"):
        write_result(whole_records(), "/dev/full", "csv")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    reader = subprocess.Popen(
        [sys.executable, "-c", f"print(open({str(pipe)!r}).read(), end='')"], stdout=subprocess.PIPE
    )
    check_writable(pipe)
    write_result(whole_records(), pipe)
    assert reader.communicate()[0].decode() == text(whole_records(), "csv")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


BAD_TARGETS = (
    "",
    "folder.csv",
    "missing/a.csv",
    "file.txt/a.csv",
    "a.xyz",
    "a",
    "n" * 300 + ".csv",
    "a\0.csv",
    "kept.csv",
)


@pytest.mark.parametrize("name", BAD_TARGETS)
def test_an_unwritable_file_is_reported_before_the_search(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "kept.csv").touch(0o444)
    if name == "kept.csv" and os.geteuid() == 0:
        pytest.skip("root may write anything")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError):
        check_writable(tmp_path / name)
    with pytest.raises(UsageError):
        write_result(whole_records(), tmp_path / name)
    assert sorted(tmp_path.iterdir()) == before


def test_a_text_is_written_for_any_file_name(tmp_path: Path) -> None:
    write_text(tmp_path / "a.aql", "FIND ü\n")
    assert (tmp_path / "a.aql").read_bytes() == "FIND ü\n".encode()
    with pytest.raises(UsageError):
        write_text(tmp_path / "missing" / "a.aql", "")


def test_an_unknown_suffix_is_reported_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.txt, \.csv, \.tsv, \.json, \.jsonl"):
        check_writable(tmp_path / "a.xyz")
    check_writable(tmp_path / "a.xyz", "csv")


def test_checking_a_file_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    check_writable(path)
    assert list(tmp_path.iterdir()) == []
    path.write_text("before")
    check_writable(path)
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"a.csv": "before"}


def test_no_heavy_library_is_loaded_before_a_table_is_shown() -> None:
    code = "import sys, auroraql.rendering; print({'wcwidth', 'pandas', 'pyarrow', 'auroraql.rendering.html', 'auroraql.pictures.availability'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
