"""Tests of editing in a real pseudo-terminal: the user's editor, colours, suggestions and the history."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from tests.frontends.repl import test_terminal
from tests.support.terminal import CTRL_C, CTRL_D, PROGRAM, READY, UP, WIDTH, Terminal, terminal

SESSION = str(Path(test_terminal.__file__))
"""A session with an archive that answers immediately."""

CTRL_X_CTRL_E, RIGHT = "\x18\x05", "\x1b[C"


def editor(folder: Path, code: int, text: str = "FIND edited LIMIT 1;") -> str:
    """Return the command of an editor that writes another statement, reports that it did, and exits with a code."""
    script = folder / f"editor{code}.py"
    script.write_text(
        "import pathlib, sys\n"
        "file = pathlib.Path(sys.argv[-1])\n"
        f"pathlib.Path({str(folder / 'given')!r}).write_text(file.read_text())\n"
        f"file.write_text({text + chr(10)!r})\n"
        f"sys.exit({code})\n"
    )
    return f"{sys.executable} {script}"


def text_in_editor(folder: Path, screen: Terminal) -> str:
    """Return the text that the editor received, when it has ended."""
    file = folder / "given"
    screen.until(lambda: file.exists() and READY in screen.shown_lines)
    text = file.read_text()
    file.unlink()
    return text


def test_the_users_editor(tmp_path: Path) -> None:
    with terminal(tmp_path, SESSION, str(tmp_path / "history"), EDITOR=editor(tmp_path, 0), VISUAL="") as screen:
        screen.until(READY)
        screen.type("FIND a WHERE x = 1" + CTRL_X_CTRL_E)
        screen.until("auroraql> FIND edited LIMIT 1;")
        assert text_in_editor(tmp_path, screen) == "FIND a WHERE x = 1"
        screen.type("\r")
        screen.until("1 row · 12 ms")
        screen.type("\\e\r")
        screen.until(lambda: screen.shown_lines.count("auroraql> FIND edited LIMIT 1;") == 2)
        assert text_in_editor(tmp_path, screen) == "FIND edited LIMIT 1;"


def test_an_incomplete_text_from_the_editor_is_not_run(tmp_path: Path) -> None:
    command = editor(tmp_path, 0, "FIND edited WHERE")
    with terminal(tmp_path, SESSION, str(tmp_path / "history"), EDITOR=command, VISUAL="") as screen:
        screen.until(READY)
        screen.type("FIND a" + CTRL_X_CTRL_E)
        screen.until("auroraql> FIND edited WHERE")
        screen.type(" x = 1;\r")
        screen.until("1 row · 12 ms")
        screen.until("FIND edited WHERE x = 1;")


def test_a_missing_editor_is_reported(tmp_path: Path) -> None:
    with terminal(tmp_path, SESSION, str(tmp_path / "history"), EDITOR="no-such-editor", VISUAL="") as screen:
        screen.until(READY)
        screen.type("FIND a" + CTRL_X_CTRL_E)
        screen.until("the editor 'no-such-editor' cannot be run")
        screen.until("auroraql> FIND a")


def test_a_failing_editor_changes_nothing(tmp_path: Path) -> None:
    with terminal(tmp_path, SESSION, str(tmp_path / "history"), EDITOR=editor(tmp_path, 3), VISUAL="") as screen:
        screen.until(READY)
        screen.type("FIND a;\r")
        screen.until("1 row · 12 ms")
        screen.type("FIND b" + CTRL_X_CTRL_E)
        assert text_in_editor(tmp_path, screen) == "FIND b"
        screen.type(" LIMIT 2")
        screen.until("auroraql> FIND b LIMIT 2")
        screen.type(CTRL_C + "\\e\r")
        screen.until("the editor failed: the statement is unchanged")
        assert text_in_editor(tmp_path, screen) == "FIND a;"
        assert "edited" not in screen.shown_lines


def colour(screen: Terminal, text: str) -> set[str]:
    """Return the colours of the characters of a text on the screen."""
    row = next(at for at, line in enumerate(screen.screen.display) if text in line)
    begin = screen.screen.display[row].index(text)
    return {screen.screen.buffer[row][column].fg for column in range(begin, min(begin + len(text), WIDTH))}


def has_colour(screen: Terminal, text: str, expected: str) -> bool:
    return colour(screen, text) == {expected}


@pytest.mark.parametrize(
    ("text", "colours"),
    [
        ('{"start": "2020-01-01"}', {'"start"': "cyan", '"2020-01-01"': "green"}),
        ("Find ephemeris for ((platform in (swarma, x) ", {"swarma, x": "green", "platform": "cyan"}),
        ("FIND data_products WHERE program = 'trex'", {"program": "cyan", "'trex'": "green"}),
    ],
)
def test_each_form_has_its_own_highlighting(tmp_path: Path, text: str, colours: dict[str, str]) -> None:
    with terminal(tmp_path, *PROGRAM, AURORAQL_ARCHIVE="demo") as screen:
        screen.until(READY)
        screen.type(f"\x1b[200~{text}\x1b[201~ -- end")
        screen.until("-- end")
        for part, colour in colours.items():
            screen.until(partial(has_colour, screen, part, colour))


def is_at_prompt(screen: Terminal) -> bool:
    return screen.shown_lines.endswith("\\? help")


def is_in_history(history: Path, statement: str) -> bool:
    return f"+{statement}\n" in history.read_text()


def test_the_history_suggests_and_is_shared(tmp_path: Path) -> None:
    history = tmp_path / "history"
    with (
        terminal(tmp_path, SESSION, str(history)) as one,
        terminal(tmp_path, SESSION, str(history)) as other,
    ):
        for screen, statement in ((one, "FIND alpha LIMIT 5;"), (other, "FIND beta LIMIT 6;"), (one, "FIND gamma;")):
            screen.until(READY)
            screen.type(f"{statement}\r")
            screen.until(partial(is_at_prompt, screen))
            screen.until(partial(is_in_history, history, statement))
        one.type("FIND al")
        one.until(lambda: one.shown_lines.count("auroraql> FIND alpha LIMIT 5;") == 2)
        one.type(RIGHT + " x")
        one.until("auroraql> FIND alpha LIMIT 5; x")
    assert [line for line in history.read_text().split("\n") if line[:1] == "+"] == [
        "+FIND alpha LIMIT 5;",
        "+FIND beta LIMIT 6;",
        "+FIND gamma;",
    ]


def test_a_typed_key_is_not_stored(tmp_path: Path) -> None:
    key = "0b8c1f0e-3b1e-4c55-9d3b-0f5f6b0d9a11"
    with terminal(tmp_path, SESSION, str(tmp_path / "history")) as screen:
        screen.until(READY)
        screen.type(f"FIND x WHERE api_key = '{key}';\r")
        screen.until("1 row · 12 ms")
        screen.type("FIND y;\r")
        screen.until(lambda: screen.shown_lines.count("1 row · 12 ms") == 2)
        screen.type(UP + UP)
        screen.until(lambda: screen.shown_lines.count(key) == 2)  # this session still has it
        screen.type(CTRL_C + CTRL_D)
        assert screen.child.wait(20) == 0
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or key not in file.read_text("utf-8", "replace")


def test_an_unknown_value_is_reported_before_the_search_runs(tmp_path: Path) -> None:
    with terminal(tmp_path, *PROGRAM, AURORAQL_ARCHIVE="demo") as screen:
        screen.until(READY)
        screen.type("FIND data_products WHERE program = 'trex' AND platform = 'gilam' ON 2021-01-01")
        screen.until("no platform 'gilam' is known in trex: did you mean 'gillam'?")
        assert screen.underlined_text() == "'gilam'"
        screen.type("\r")
        screen.until("demo (demonstration data)\nauroraql>")
        warning_line, rows = (
            screen.shown_lines.index(item) for item in ("no platform 'gilam' is known in trex", "0 rows")
        )
        assert warning_line < rows
        assert screen.shown_lines.count("[AQL0602]") == 1
