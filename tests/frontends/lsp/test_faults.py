"""The language server with editors, documents and settings that are odd, broken or hostile."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.support.language_server import URI, RawEditor, place

GOOD = "FIND data_products WHERE program = 'trex' ON 2021-01-01;\n"
BAD = GOOD.replace("=", "==")


def test_an_editor_without_capabilities_that_only_closes_its_pipe() -> None:
    with RawEditor() as editor:
        sync = editor.initialize()["capabilities"]["textDocumentSync"]
        assert sync["change"] == 1
        assert [diagnostic["code"] for diagnostic in editor.open(BAD)] == ["AQL0109"]
        editor.change({"text": GOOD})  # the check is pending when the input ends
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.wait(20) == 0


@pytest.mark.parametrize(("method", "code"), [("shutdown", 0), ("", 1)])
def test_exit(method: str, code: int) -> None:
    with RawEditor() as editor:
        editor.initialize()
        if method:
            assert editor.request(method) is None
        editor.send("exit")
        assert editor.process.wait(20) == code


def test_a_shutdown_without_exit_ends_with_the_input() -> None:
    with RawEditor() as editor:
        editor.initialize()
        assert editor.request("shutdown") is None
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.wait(20) == 0


def test_only_the_protocol_is_on_standard_output(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, warnings\n"
        "import auroraql.language.formatter as formatter\n"
        "original = formatter.format_text\n"
        "def noisy(source):\n"
        "    print('a print'); os.write(1, b'from C'); warnings.warn('a warning'); sys.__stdout__.write('raw')\n"
        "    return original(source)\n"
        "formatter.format_text = noisy\n"
    )
    path = os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", "")))
    with RawEditor(env={**os.environ, "PYTHONPATH": path}) as editor:
        editor.initialize()
        editor.open(GOOD.lower())
        assert editor.ask("formatting", options={"tabSize": 2, "insertSpaces": True})
        assert editor.ask("hover", position=place(0, 1))  # the stream is still in step
        assert editor.process.stdin is not None
        editor.process.stdin.close()
        assert editor.process.stderr is not None
        errors = editor.process.stderr.read().decode()
        assert "a print" in errors
        assert "from C" in errors


def test_documents_that_are_not_open() -> None:
    with RawEditor() as editor:
        editor.initialize()
        for method, params in (
            ("hover", {"position": place(0, 0)}),
            ("completion", {"position": place(0, 0)}),
            ("formatting", {"options": {"tabSize": 2, "insertSpaces": True}}),
            ("rename", {"position": place(0, 0), "newName": "x"}),
            ("semanticTokens/full", {}),
            ("codeLens", {}),
        ):
            assert editor.ask(method, **params) is None
        editor.change({"text": BAD})
        editor.send("textDocument/didSave", {"textDocument": {"uri": URI}})
        editor.send("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert editor.open(BAD)


def test_a_document_that_closes_while_its_check_is_pending() -> None:
    with RawEditor() as editor:
        editor.initialize()
        editor.open(GOOD)
        editor.change({"text": BAD})
        editor.send("textDocument/didClose", {"textDocument": {"uri": URI}})
        assert editor.diagnostics() == []
        with pytest.raises(TimeoutError):
            editor.receive("textDocument/publishDiagnostics", seconds=0.6)


def test_changes_of_parts_although_whole_texts_were_requested() -> None:
    text = "-- \u2028\x0c\x0b\x85😀 a\rFIND data_products WHERE program = 'trex'\r\nON 2021-01-01;\n"
    with RawEditor() as editor:
        editor.initialize()
        editor.open(text)
        editor.change(
            {"range": {"start": place(1, 33), "end": place(1, 34)}, "text": "=="},
            {"range": {"start": place(0, 9), "end": place(0, 10)}, "text": "bc"},
        )
        (diagnostic,) = editor.diagnostics()
        assert diagnostic["range"] == {"start": place(1, 33), "end": place(1, 35)}
        editor.change({"range": {"start": place(1, 33), "end": place(1, 35)}, "text": "="}, version=3)
        assert editor.diagnostics() == []
        editor.change({"range": {"start": place(99, 0), "end": place(200, 7)}, "text": "FIND nothing;"}, version=4)
        (diagnostic,) = editor.diagnostics()
        assert diagnostic["range"]["start"] == place(3, 5)


def test_positions_outside_of_the_text() -> None:
    with RawEditor() as editor:
        editor.initialize()
        editor.open(GOOD)
        for position in (place(0, 4_000_000), place(7_000, 3), place(1, 9)):
            assert editor.ask("completion", position=position) is not None
            editor.ask("hover", position=position)
            editor.ask("definition", position=position)
        everything = {"start": place(0, 0), "end": place(2**31 - 1, 2**31 - 1)}
        assert editor.ask("codeAction", range=everything, context={"diagnostics": []}) == []
        assert editor.ask("inlayHint", range=everything) == []
        for wrong in (place(-1, -1), {"line": 0}, "here", None):
            with pytest.raises(LookupError, match="Invalid"):
                editor.ask("hover", position=wrong)
        assert editor.ask("hover", position=place(0, 1)) is not None


def test_a_document_of_a_megabyte() -> None:
    comments = "-- a comment with some words in a line, and a quote's end\n"
    text = BAD + comments * (1_000_000 // len(comments)) + GOOD.lower()
    last = text.count("\n") - 1
    with RawEditor() as editor:
        editor.initialize()
        assert [diagnostic["range"]["start"]["line"] for diagnostic in editor.open(text)] == [0]
        assert "more than 100,000 characters" in editor.receive("window/showMessage")["message"]
        for version in range(2, 5):
            editor.change({"text": text + f"FIND ephemeris LIMIT {version}"}, version=version)
        assert editor.diagnostics() == []
        assert editor.ask("semanticTokens/full") is None
        assert editor.ask("completion", position=place(last, 0))["items"] == []
        assert editor.ask("hover", position=place(0, 1))
        editor.change({"text": text.replace("==", "=")}, version=9)
        edits = editor.ask("formatting", options={"tabSize": 2, "insertSpaces": True})
        assert [edit["range"]["start"] for edit in edits] == [place(last, 0)]


def test_a_line_of_a_hundred_thousand_characters() -> None:
    text = "FIND ephemeris WHERE platform = 'swarma' ON 2020-01-01; " * 1_700 + "-- 😀"
    with RawEditor() as editor:
        editor.initialize()
        assert editor.open(text) == []
        data = editor.ask("semanticTokens/full")["data"]
        assert sum(data[1::5]) + data[-3] == len(text) + 1


def test_an_archive_that_cannot_be_reached_does_not_block() -> None:
    with RawEditor("--archive", "http://192.0.2.1:9/") as editor:
        began = time.monotonic()
        editor.initialize()
        assert editor.open(GOOD) == []
        assert time.monotonic() - began < 20
        editor.send(
            "workspace/didChangeConfiguration", {"settings": {"auroraql": {"archive": "http://[2001:db8::1]:9/"}}}
        )
        assert editor.diagnostics() == []


def test_settings_of_an_editor() -> None:
    text = "-- param day: date = 2021-01-01  the day\nFIND data_products WHERE program = $program ON $day;\n"
    with RawEditor() as editor:
        editor.initialize({"archive": "nowhere.duckdb", "parameters": {"day": "yesterdayish", "program": "trex"}})
        (diagnostic,) = editor.open(text)
        assert (diagnostic["code"], diagnostic["range"]["start"]["line"]) == ("AQL0211", 0)
        assert "nowhere.duckdb" in editor.receive("window/showMessage")["message"]
        for settings, codes in (
            ({"archive": None, "parameters": {"day": "2021-01-02", "$program": ["trex"]}}, []),
            ({"auroraql": {"parameters": {"program": "trx"}}, "other": 1}, ["AQL0602"]),
            ({}, []),
        ):
            editor.send("workspace/didChangeConfiguration", {"settings": settings})
            assert [problem["code"] for problem in editor.diagnostics()] == codes, settings
        editor.send("workspace/didChangeConfiguration", {"settings": {"archive": 3, "parameters": {"a": {"b": 1}}}})
        messages = [editor.receive("window/showMessage")["message"] for _ in range(2)]
        assert "archive is not a text" in messages[0]
        assert "parameters.a " in messages[1]
        for odd in (None, 7, [1], "text"):
            editor.send("workspace/didChangeConfiguration", {"settings": odd})
        assert editor.ask("hover", position=place(1, 1)) is not None


def test_several_unknown_values_and_front_matter() -> None:
    text = (
        "#!/usr/bin/env -S auroraql run\n-- param day: dat = 2021-01-01\n"
        "FIND data_products WHERE program IN ('trx', 'trex', 'regoo') AND platform = 'gilam' ON 2021-01-01;\n"
        "LET a = FIND nothing;\n"
        "FIND ephemeris WHERE platform = 'swarmaa' ON 2020-01-01;\n"
    )
    with RawEditor() as editor:
        editor.initialize()
        diagnostics = [
            (problem["range"]["start"]["line"], problem["range"]["start"]["character"]) for problem in editor.open(text)
        ]
        line = text.split("\n")[2]
        assert {place[0] for place in diagnostics} == {1, 2, 3, 4}
        assert {place[1] for place in diagnostics if place[0] == 2} == {
            line.index(word) for word in ("'trx", "'regoo", "'gilam")
        }


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_formatting_keeps_the_line_ends_of_the_document(line_end: str) -> None:
    text = (GOOD + "find ephemeris\n  where platform = 'swarma' on 2020-01-01\n;\n" + GOOD).replace("\n", line_end)
    with RawEditor() as editor:
        editor.initialize()
        editor.open(text)
        edits = editor.ask("formatting", options={"tabSize": 2, "insertSpaces": True})
        assert {edit["range"]["start"]["line"] for edit in edits} | {
            edit["range"]["end"]["line"] for edit in edits
        } <= {
            1,
            2,
            3,
            4,
        }
        new = "".join(edit["newText"] for edit in edits)
        assert new.count(line_end) == 1
        assert new.endswith(";" + line_end)


def test_run_sends_what_a_statement_uses() -> None:
    header = "-- param day: date = 2021-01-01  the day\n"
    first = "LET a = FIND data_products WHERE program = 'trex' ON $day"
    text = f"{header}{first};\nLET c = FIND ephemeris ON 2020-01-01;\nLET b = FIND a LIMIT 3;\nFIND b LIMIT 2;\n"
    with RawEditor() as editor:
        editor.initialize()
        assert editor.open(text) == []
        commands = [lens["command"] for lens in editor.ask("codeLens")]
        runs = {c["arguments"][1]: c["arguments"][2] for c in commands if c["command"] == "auroraql.run"}
        assert runs[first] == header
        assert runs["FIND b LIMIT 2"] == f"{header}{first};\nLET b = FIND a LIMIT 3;\n"
        script = runs["FIND b LIMIT 2"] + "FIND b LIMIT 2"
        assert editor.open(script) == []
