"""Tests of unreadable files on the command line and of broken saved queries: none hides another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command_line import command


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working folder, with no saved queries of the user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AURORAQL_QUERIES", str(tmp_path / "own"))
    return tmp_path


def test_an_unreadable_file_does_not_hide_the_others(empty_folder: Path) -> None:
    (empty_folder / "binary.aql").write_bytes(b"\xff")
    (empty_folder / "wrong.aql").write_text("FIND data_products WHERE program == 'trex' ON 2021-01-01;")
    checked = command("check", "binary.aql", "nosuch.aql", "wrong.aql")
    assert checked.code == 2
    for item in ("binary.aql is not UTF-8 text", "nosuch.aql cannot be read", "wrong.aql:1:34"):
        assert item in checked.err
    for_programs = command("check", "--format", "json", "nosuch.aql", "wrong.aql")
    assert [diagnostic["file"] for diagnostic in json.loads(for_programs.out)["diagnostics"]] == ["wrong.aql"]
    assert (for_programs.code, for_programs.err.count("cannot be read")) == (2, 1)
    alone = command("check", "--format", "json", "nosuch.aql")
    assert (alone.code, json.loads(alone.out)["diagnostics"]) == (2, [])


def test_a_file_that_is_not_a_query_is_named(empty_folder: Path) -> None:
    (empty_folder / "binary.aql").write_bytes(b"\xff\xfe")
    (empty_folder / "folder.aql").mkdir()
    (empty_folder / "gone.aql").symlink_to(empty_folder / "nowhere")
    (empty_folder / "long.aql").write_text(" " * 1_000_001)
    for name, reason in (
        ("binary", "it is not valid UTF-8"),
        ("FOLDER", "it is not a regular file"),
        ("gone", "No such file or directory"),
        ("long", "it has more than 1,000,000 bytes"),
    ):
        for arguments in (("run", name), ("run", "--list", name)):
            ended = command(*arguments)
            assert (ended.code, ended.out) == (2, "")
            assert f"{name.lower()}.aql cannot be read: {reason}" in ended.err


def test_the_list_marks_broken_front_matter_and_leaves_missing_fields_empty(empty_folder: Path) -> None:
    (empty_folder / "bad.aql").write_text("-- param day: datum\nFIND data_products ON $day;")
    (empty_folder / "plain.aql").write_text("FIND data_products ON 2021-01-01;")
    bad, plain = command("run", "--list").out.splitlines()[2:]
    assert bad.split() == ["bad", "wrong:", "the", "type", "'datum'", "does", "not", "exist", "bad.aql"]
    assert plain.split() == ["plain", "plain.aql"]


def test_an_invalid_file_does_not_stop_the_formatting_of_others(empty_folder: Path) -> None:
    loose, wrong = empty_folder / "loose.aql", empty_folder / "wrong.aql"
    loose.write_text("find   data_products on 2021-01-01")
    wrong.write_text("FIND data_products WHERE")
    checked = command("fmt", "--check", "nosuch.aql", "wrong.aql", "loose.aql")
    assert checked.code == 2
    for item in ("nosuch.aql cannot be read", "wrong.aql:1:", "loose.aql would change"):
        assert item in checked.err
    assert command("fmt", "wrong.aql", "loose.aql").code == 2
    assert loose.read_text() == "FIND data_products ON 2021-01-01;\n"
    assert wrong.read_text() == "FIND data_products WHERE"
