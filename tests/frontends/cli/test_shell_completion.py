"""Tests of shell completion in the shells themselves."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from auroraql.frontends.cli.main import FORMAT_NAMES
from tests.conftest import ROOT

QUERY = """\
-- description  The keograms of a day.
-- param program: text = trex  the program
-- param day: date
FIND data_products WHERE program = $program AND keogram_type = 'daily' ON $day;
"""

Offered = Callable[[str], list[str]]

_BASH = """
eval "$(auroraql completion bash)"
COMP_LINE=$LINE; COMP_POINT=${#LINE}; COMP_TYPE=9
read -ra COMP_WORDS <<< "$LINE"; [[ $LINE == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete auroraql "${COMP_WORDS[COMP_CWORD]}" auroraql
printf '%s\\n' "${COMPREPLY[@]}"
"""
_FISH = 'auroraql completion fish | source; complete -C "$LINE"'

# The completion system of zsh works at a prompt only: a second zsh has a prompt, and the test types into it.
_ZSH = r"""
zmodload zsh/zpty
zpty -b inner zsh -f -i
zpty -w inner 'PS1=READY; stty -echo cols 200; autoload -U compinit; compinit -u -D'
zpty -w inner 'eval "$(auroraql completion zsh)"; zstyle ":completion:*" list-prompt ""; bindkey "^I" complete-word; unsetopt zle_bracketed_paste; echo SET UP'
while zpty -r inner line && [[ $line != *'SET UP'* ]]; do :; done
zpty -w -n inner "$LINE"$'\t'
repeat 600; do
  while zpty -r -t inner line; do print -r -- "$line"; seen+=$line; done
  [[ $seen == *"$PART"* ]] && break
  sleep 0.05
done
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a working folder with a query and other files, and `auroraql` as a command."""
    for name, text in (("keograms.aql", QUERY), ("other.txt", ""), ("mine.duckdb", "")):
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inner.aql").write_text("")
    (tmp_path / "config.toml").write_text('[profiles.lab]\narchive = "http://lab.example.org"\n')
    command = tmp_path / "bin" / "auroraql"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m auroraql "$@"\n')
    command.chmod(0o755)
    return tmp_path


def ask(folder: Path, shell: str, script: str, line: str, part: str = "") -> str:
    environ = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "AURORAQL_CONFIG": str(folder / "config.toml"),
        "LINE": line,
        "PART": part,
        "HOME": str(folder),
        "TERM": "xterm",
    }
    done = subprocess.run([shell, "-c", script], cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    return done.stdout


@pytest.fixture
def bash(folder: Path) -> Offered:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    return lambda line: sorted(word for word in ask(folder, "bash", _BASH, line).split("\n") if word)


@pytest.fixture
def fish(folder: Path) -> Offered:
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    return lambda line: sorted(item.partition("\t")[0] for item in ask(folder, "fish", _FISH, line).splitlines())


LINES = [
    ("auroraql conf", ["config"]),
    ("auroraql config ", ["show", "validate"]),
    ("auroraql run --keep", ["--keep-going"]),
    ("auroraql --format ", sorted(FORMAT_NAMES)),
    ("auroraql run k", ["keograms"]),
    ("auroraql run keograms --param ", ["day=", "program="]),
    ("auroraql run keograms --param p", ["program="]),
    ("auroraql download k", ["keograms"]),
    ("auroraql download keograms --to data --param ", ["day=", "program="]),
    ("auroraql check ", ["bin/", "folder/", "keograms.aql"]),
    ("auroraql check folder/", ["folder/inner.aql"]),
    ("auroraql -a ", ["aurorax", "bin/", "demo", "folder/", "http://lab.example.org", "mine.duckdb"]),
    ("auroraql --profile ", ["lab"]),
    ("auroraql completion z", ["zsh"]),
]


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_fish(fish: Offered, line: str, expected: list[str]) -> None:
    assert fish(line) == expected


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_bash(bash: Offered, line: str, expected: list[str]) -> None:
    # bash splits words at colons and completes the part after one.
    assert [word.strip() for word in bash(line)] == expected


def test_values_in_bash_and_fish(folder: Path) -> None:
    for shell, script in (("bash", _BASH), ("fish", _FISH)):
        if shutil.which(shell) is not None:
            candidates = ask(folder, shell, script, "auroraql run keograms --param program=the")
            assert "themis-asi" in candidates
            assert "trex" not in candidates


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("auroraql conf", "ig"),
        ("auroraql run keo", "grams"),
        ("auroraql run keograms --param d", "ay="),
        ("auroraql run keograms --param program=themis-", "asi"),
        ("auroraql ", "doctor"),
    ],
)
def test_zsh(folder: Path, line: str, part: str) -> None:
    assert part in ask(folder, "zsh", _ZSH, line, part)


def test_invalid_settings_do_not_break_completion(folder: Path, bash: Offered) -> None:
    (folder / "config.toml").write_text("wrong")
    assert [word.strip() for word in bash("auroraql --form")] == ["--format"]
    assert [word.strip() for word in bash("auroraql -a ")] == ["aurorax", "bin/", "demo", "folder/", "mine.duckdb"]
    assert [word.strip() for word in bash("auroraql run keo")] == ["keograms.aql"]
