"""The public functions for tool authors: versioned JSON, the same answers as the command line and the prompt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import auroraql
from auroraql.session.archive import Archive

WRONG = "FIND data_products WHERE program = 'trxe' 😀 ON 2021-01-01;\nFIND ephemeris WHERE platform == 'swarma' ON 2021-01-01"


def test_check_returns_what_the_command_prints(tmp_path: Path) -> None:
    file = tmp_path / "a.aql"
    file.write_text(WRONG, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "auroraql", "check", "--format", "json", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    printed = json.loads(done.stdout)
    document = auroraql.check(WRONG)
    assert document["version"] == printed["version"] == 1
    for diagnostic in printed["diagnostics"]:
        diagnostic["file"] = "<statement>"
    assert document["diagnostics"] == printed["diagnostics"]
    assert len(document["diagnostics"]) > 1


def test_every_fix_replaces_its_range() -> None:
    text = "FIND data_products WHERE program == 'trex' ON 2021-01-01"
    (diagnostic,) = auroraql.check(text)["diagnostics"]
    start, end = diagnostic["range"]["start"]["character"], diagnostic["range"]["end"]["character"]
    assert diagnostic["fix"] is not None
    fixed = text[:start] + diagnostic["fix"] + text[end:]
    assert auroraql.check(fixed)["diagnostics"] == []


def test_unfinished_text_is_not_wrong_while_typing() -> None:
    text = "FIND data_products WHERE program = 'trex' ON 2021-01-01"
    for end in range(len(text)):
        assert not [d for d in auroraql.check(text[:end], typing=True)["diagnostics"] if d["severity"] == "error"]
    assert auroraql.check("FIND data_products WHERE")["diagnostics"]


def test_front_matter_is_checked() -> None:
    text = "-- param day: dat = 2021-01-01\nFIND data_products ON $day"
    for typing in (True, False):
        assert any("dat" in d["message"] + d["label"] for d in auroraql.check(text, typing=typing)["diagnostics"])


@pytest.mark.parametrize("position", [38, (0, 38)])
def test_candidates_replace_what_is_typed(position: int | tuple[int, int]) -> None:
    document = auroraql.complete("FIND data_products WHERE program = 'tr", position)
    first = document["candidates"][0]
    assert document["version"] == 1
    assert (first["text"], first["label"]) == ("'trex'", "trex")
    assert first["range"] == {"start": {"line": 0, "character": 35}, "end": {"line": 0, "character": 38}}


def test_positions_count_utf_16_units() -> None:
    text = "-- 😀\nFIND data_products WHERE url = '😀' AND program = 'tr"
    position = (1, len(text.split("\n")[1]) + 1)
    assert auroraql.complete(text, position) == auroraql.complete(text, len(text))
    assert auroraql.complete(text, len(text))["candidates"][0]["text"] == "'trex'"


def test_a_session_adds_its_results(demo: Archive) -> None:
    assert not auroraql.complete("FIND product_li", 15)["candidates"]
    demo.run("LET product_list = FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01")
    assert auroraql.complete("FIND product_li", 15, archive=demo)["candidates"][0]["text"] == "product_list"
    assert auroraql.check("FIND product_list", archive=demo)["diagnostics"] == []
    assert auroraql.check("FIND product_list")["diagnostics"]


def test_the_results_of_the_script_are_known() -> None:
    text = "LET product_list = FIND data_products WHERE program = 'trex' ON 2021-01-01;\nFIND product_li"
    assert auroraql.complete(text, len(text))["candidates"][0]["text"] == "product_list"
    hover = auroraql.hover(text.replace("product_li\n", "product_list\n") + "st", len(text) - 1)
    assert hover is not None
    assert "`url`" in hover["markdown"]
    text = text.replace("product_list =", "others =")
    assert not auroraql.complete(text, len(text))["candidates"]


def test_explain_gives_the_requests(demo: Archive) -> None:
    statement = "FIND data_products WHERE program = $p AND url LIKE '%a%' ON 2021-01-01"
    document = auroraql.explain(statement, p="trex")
    (request,) = document["plan"]["requests"]
    assert request["query"]["data_sources"]["programs"] == ["trex"]
    assert document["plan"]["residual"]["where"] == "program = 'trex' AND url LIKE '%a%'"
    assert auroraql.explain(statement, archive=demo, p="trex") == document
    warnings = auroraql.explain("FIND data_products WHERE program = 'trxe'")["warnings"]
    assert {warning["code"] for warning in warnings} == {"AQL0602", "AQL0603"}
    with pytest.raises(auroraql.StatementError):
        auroraql.explain("FIND")


def test_documents_are_json() -> None:
    text = "find data_products where program = 'trex' on 2021-01-01"
    for document in (auroraql.check(text), auroraql.complete(text, 9), auroraql.hover(text, 7), auroraql.explain(text)):
        assert json.loads(json.dumps(document)) == document
    assert auroraql.format_text(text) == "FIND data_products WHERE program = 'trex' ON 2021-01-01;\n"
    with pytest.raises(auroraql.StatementError):
        auroraql.format_text("FIND")
