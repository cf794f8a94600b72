"""Tests of lazily opened archives: what is known before they open, their errors, and what is not loaded."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import duckdb
import pytest

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.duckdb.demo import build_demo, demo_cache, demo_cache_path
from auroraql.engines.registry import open_archive
from auroraql.session.archive import connect
from tests.conftest import ROOT
from tests.support import small_catalogue

HEAVY = ("duckdb", "pyarrow", "numpy", "pandas", "requests", "urllib3", "lark")

TYPED = """
import io, sys
import auroraql.frontends.cli.commands.prompt, auroraql.frontends.cli.commands.statements
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.repl.controller import Controller
from auroraql.session.archive import connect
with connect(sys.argv[1], late=True) as archive:
    controller = Controller(archive, ReplOptions(color=True), io.StringIO())
    text = "FIND data_products WHERE program = 'trex' AND platform = 'gilam' AND wavelength == 5 ON 2021-01-01"
    for end in range(len(text)):
        list(controller.complete(Document(text[:end]), CompleteEvent()))
        controller.check(text[:end])
        controller.submits(Document(text[:end]))
print(*[name for name in sys.argv[2:] if name in sys.modules])
"""


def catalogue_file(folder: Path) -> Path:
    file = folder / "small.duckdb"
    small_catalogue.write(file, [])
    return file


def test_nothing_heavy_is_loaded_before_a_run() -> None:
    with connect("demo"):  # so that it need not be built later
        pass
    command = [sys.executable, "-c", TYPED, "demo", *HEAVY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr


def test_a_lazy_archive_knows_its_facts_before_it_opens(tmp_path: Path) -> None:
    for archive in ("demo", "aurorax", "http://127.0.0.1:9", str(catalogue_file(tmp_path))):
        with connect(archive, late=True) as late, connect(archive) as opened:
            assert (late.name, late.demonstration, late.catalogue) == (
                opened.name,
                opened.demonstration,
                opened.catalogue,
            )


def test_a_lazy_archive_returns_rows() -> None:
    with connect(late=True) as late, connect() as opened:
        text = "FIND data_products SELECT start, url WHERE program = 'rainbow' ON 2020-03-01 ORDER BY start, url"
        assert late.run(text).rows == opened.run(text).rows


@pytest.mark.parametrize("archive", ["nowhere.duckdb", "", "ftp://x", __file__])
def test_an_invalid_archive_is_reported_immediately(archive: str) -> None:
    with pytest.raises(UsageError) as at_once:
        open_archive(archive, None, lambda _line: None)
    with pytest.raises(UsageError) as late:
        connect(archive, late=True)
    assert str(late.value) == str(at_once.value)


def copy_demo(connection: duckdb.DuckDBPyConnection, built: Path) -> None:
    """Fill a new catalogue from a built demonstration, ten times as fast as its rule."""
    (name,) = connection.execute("SELECT current_database()").fetchall()[0]
    connection.execute(f"ATTACH '{built}' AS built (READ_ONLY)")
    connection.execute(f'COPY FROM DATABASE built TO "{name}"')
    connection.execute("DETACH built")


@pytest.mark.usefixtures("demo_engine")
def test_a_missing_demonstration_is_built_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_cache, "build_demo", partial(copy_demo, built=demo_cache_path(None)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    messages: list[str] = []
    with connect(late=True, say=messages.append) as archive:
        assert archive.catalogue.values("program")  # immediately
        assert len(archive.run("FIND data_products WHERE program = 'rainbow' ON 2020-03-01")) > 0
    assert demo_cache_path(None).is_file()
    assert messages in ([], ["Building the demonstration catalogue (once, a few seconds)."])


def test_a_cache_that_cannot_be_written_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build is interrupted, and starts again with the next statement."""
    build = build_demo
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("auroraql.engines.duckdb.demo.lazy_demo._BUILD_NOTICE_SECONDS", 30)

    def interrupted(_connection: object) -> None:
        monkeypatch.setattr(demo_cache, "build_demo", build)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo_cache, "build_demo", interrupted)
    messages: list[str] = []
    text = "FIND data_products WHERE program = 'rainbow' ON 2020-03-01"
    with connect(late=True, say=messages.append) as archive:
        with pytest.raises(KeyboardInterrupt):
            archive.run(text)
        assert len(archive.run(text)) > 0
        assert len(archive.run(text)) > 0
    (line,) = messages
    assert line.endswith("(Not a directory): building it in memory.")


def test_the_version_is_printed_without_loading_anything() -> None:
    code = (
        "import sys; before = {*sys.modules}; sys.argv[1:] = ['--version']; from auroraql.__main__ import main; main(); "
        "print(*sorted({*sys.modules} - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    version, loaded = done.stdout.splitlines()
    assert version.startswith("auroraql ")
    assert loaded == "__future__ auroraql auroraql.__main__"
