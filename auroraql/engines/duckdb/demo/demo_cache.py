"""Cache of the demonstration catalogue: built on first use, and again after damage.

It is built in a temporary folder and then moved into place, so that concurrent processes see only complete files. If it
cannot be cached, it is built in memory.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from auroraql.diagnostics.errors import AuroraQLError, Unreachable
from auroraql.engines.duckdb.catalogue_file import (
    SANDBOXED,
    CatalogueFile,
    Config,
    connect_locked,
    first_error_line,
    open_catalogue,
    open_current,
    raise_keyboard_interrupt,
    read_header,
)
from auroraql.engines.duckdb.demo import DEMO_FILE, DEMO_NAME, RULE, build_demo, demo_cache_path
from auroraql.engines.duckdb.spill_folder import MEMORY, spill_settings

Say = Callable[[str], None]

_UNFINISHED = "building-"

_ABANDONED_AFTER_SECONDS = 3600.0
"""Age in seconds from which an unfinished build counts as killed."""


def build_and_open(path: Path, say: Say, config: Config) -> CatalogueFile:
    """Build the demonstration catalogue at a path and open it. Raises Unreachable if it cannot be built in memory either."""
    try:
        with raise_keyboard_interrupt():
            return _build_cached(path, say, config)
    except (OSError, duckdb.Error, AuroraQLError) as problem:
        say(
            f"The demonstration catalogue cannot be stored in {path.parent} ({_error_reason(problem)}): building it in memory."
        )
        return _build_in_memory(config)


def build_cache() -> None:
    """Build the cached catalogue if necessary. Raises OSError or duckdb.Error."""
    path = demo_cache_path(None)
    opened = open_current(path, RULE, {}) or _build_cached(path, lambda _line: None, {})
    opened.connection.close()


def _build_cached(path: Path, say: Say, config: Config) -> CatalogueFile:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _remove_abandoned(path.parent)
    folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
    try:
        say(f"Building the demonstration catalogue in {path.parent} (once, a few seconds).")
        # Use a cursor: in interactive Python, DuckDB's first connection draws a progress bar on stdout.
        with duckdb.connect(str(folder / DEMO_FILE)) as connection, connection.cursor() as cursor:
            build_demo(cursor)
        _move_into_place(folder / DEMO_FILE, path, config)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return open_catalogue(path, config=config)


def _move_into_place(built: Path, path: Path, config: Config) -> None:
    try:
        built.replace(path)
    except OSError:
        # Windows cannot replace a file in use; another process may just have built an equal one.
        opened = open_current(path, RULE, config)
        if opened is None:
            raise
        opened.connection.close()


def _build_in_memory(config: Config) -> CatalogueFile:
    try:
        settings = {**spill_settings("demo"), "memory_limit": MEMORY, **SANDBOXED, **config}
        connection = connect_locked(":memory:", settings)
        with connection.cursor() as cursor, raise_keyboard_interrupt():
            build_demo(cursor)
        return read_header(connection, DEMO_NAME)
    except duckdb.Error as problem:
        raise Unreachable(f"it cannot be built: {first_error_line(problem)}", archive=DEMO_NAME) from None


def _remove_abandoned(folder: Path) -> None:
    oldest = time.time() - _ABANDONED_AFTER_SECONDS
    for leftover in folder.glob(f"{_UNFINISHED}*"):
        if os.lstat(leftover).st_mtime < oldest:
            shutil.rmtree(leftover, ignore_errors=True)


def _error_reason(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return problem.strerror or str(problem)
    return first_error_line(problem)


if __name__ == "__main__":
    build_cache()
