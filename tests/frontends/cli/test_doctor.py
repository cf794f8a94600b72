"""Tests of `auroraql doctor`: what it reports, its time limits, and that it shows no secret."""

from __future__ import annotations

import socket
import time
from importlib import metadata
from pathlib import Path

import pytest

from auroraql.frontends.cli.commands import doctor
from tests.config.test_config import Write, server, write
from tests.support import small_catalogue
from tests.support.aurorax_server import AuroraXServer
from tests.support.command_line import command

__all__ = ["server", "write"]


def test_the_doctor_finds_no_problem(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    write('api_key = "secret-key"\n[profiles.a]\napi_key = "other-key"')
    monkeypatch.setenv("HTTPS_PROXY", "http://me:pass-word@proxy")
    done = command("doctor")
    assert (done.code, done.err) == (0, "")
    for part in (
        "AuroraQL\n",
        "  duckdb  ",
        "Paths\n",
        "saved queries",
        "Terminal\n",
        "Configuration\n",
        "Archive\n",
        "  demo ",
    ):
        assert part in done.out
    assert not any(secret in done.out for secret in ("secret-key", "other-key", "pass-word"))
    assert "***" in done.out


def test_the_doctor_contacts_the_archive(
    server: AuroraXServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done = command("doctor", "-a", server.url)
    assert done.code == 0
    assert "answers, " in done.out
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    gone = command("doctor", "-a", f"http://127.0.0.1:{free}")
    assert gone.code == 3
    assert "cannot be reached" in gone.out
    mine = small_catalogue.write(tmp_path / "mine.duckdb", [])
    assert command("doctor", "-a", mine).code == 0
    assert command("doctor", "-a", tmp_path / "none.duckdb").code == 2


def test_the_doctor_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ARCHIVE_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        began = time.monotonic()
        done = command("doctor", "-a", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - began < 10
    assert done.code == 3
    assert "did not answer within 0.3 s" in done.out


def test_the_doctor_reports_invalid_settings(write: Write) -> None:
    write("fromat = 'csv'")
    done = command("doctor")
    assert done.code == 2
    assert "did you mean format?" in done.out


def test_missing_packages_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _name: ["duckdb>=2", "no-such-thing>=1", "x; extra == 'test'"])
    done = command("doctor")
    assert done.code == 2
    assert "no-such-thing    WRONG is not installed" in done.out
    assert "  x  " not in done.out


def test_an_invalid_variable_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORAQL_KEYS", "nano")
    done = command("doctor")
    assert done.code == 2
    assert "  settings         WRONG AURORAQL_KEYS sets 'keys' to 'nano'\n" in done.out
    monkeypatch.delenv("AURORAQL_KEYS")
    assert "  settings         WRONG unknown profile 'nope'\n" in command("doctor", "--profile", "nope").out
