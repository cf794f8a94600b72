"""Tests of the prompt's history: private, intact after a crash and with two sessions, and free of secrets."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path

import pytest
from prompt_toolkit.history import InMemoryHistory

from auroraql.frontends.repl.history import PrivateHistory, may_be_secret, open_history


def test_the_history_is_private_to_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    history = open_history(file)
    history.append_string("FIND a\n  WHERE 'ü\ud800'")
    history.append_string("FIND b")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(PrivateHistory(file).load_history_strings()) == ["FIND b", "FIND a\n  WHERE 'ü?'"]


SECRETS = (
    "SET api_key = 'x'",
    "-- x-aurorax-api-key: abc",
    "AURORAX_API_KEY=abc",
    "'0b8c1f0e-3b1e-4c55-9d3b-0f5f6b0d9a11'",
    "'a8Fk20dkL39dkfjWQ29dkfjs03kd'",
)


@pytest.mark.parametrize("text", SECRETS)
def test_a_possible_api_key_is_never_written(tmp_path: Path, text: str) -> None:
    file = tmp_path / "history"
    open_history(file).append_string(f"FIND a\n{text}")
    assert file.read_text() == ""


@pytest.mark.parametrize(
    "text", ["FIND data_products WHERE keogram_type = 'daily_hires_200px' ON 2021-01-01", "a" * 200_000]
)
def test_text_that_is_not_an_api_key(text: str) -> None:
    assert not may_be_secret(text)


def test_without_a_writable_place_the_history_stays_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert isinstance(open_history(tmp_path / "file" / "history"), InMemoryHistory)


def _append(path: str, name: str) -> None:
    history = open_history(Path(path))
    for number in range(100):
        history.append_string(f"FIND {name}{number}\n  {name * 3000}")


def test_two_concurrent_sessions_lose_and_mix_nothing(tmp_path: Path) -> None:
    file = tmp_path / "history"
    context = get_context("spawn")
    writers = [context.Process(target=_append, args=(str(file), name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    entries = list(PrivateHistory(file).load_history_strings())
    expected = {f"FIND {name}{number}\n  {name * 3000}" for name in "ab" for number in range(100)}
    assert set(entries) == expected
    assert len(entries) == len(expected)


def test_entries_survive_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "history"
    code = (
        "import sys, time; from pathlib import Path; from auroraql.frontends.repl.history import open_history; "
        "open_history(Path(sys.argv[1])).append_string('FIND a'); print('there', flush=True); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"there\n"
    child.send_signal(signal.SIGKILL)
    child.wait(20)
    child.stdout.close()
    assert list(PrivateHistory(file).load_history_strings()) == ["FIND a"]
