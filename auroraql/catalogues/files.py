"""Creation of catalogue files, and their replacement as a whole.

A file is written under a temporary name in the folder of the catalogue, and then takes its place at once. Until then
the catalogue is as it was, whatever happens; a later command removes what a killed one has left.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from auroraql.catalogues.writer import write_error
from auroraql.diagnostics.errors import Failed, UsageError
from auroraql.engines.duckdb import SCHEMA_VERSION, read_format
from auroraql.engines.duckdb.catalogue_file import open_catalogue, raise_keyboard_interrupt
from auroraql.engines.duckdb.spill_folder import lock_file

_RULE = "records of its owner"

_UNFINISHED = ".auroraql-unfinished-"

_LOCK = "lock"

_NEW_SECONDS = 60.0
"""Age in seconds below which an unfinished file counts as in use."""


def create_catalogue(path: Path, description: str = "") -> None:
    """Create an empty catalogue. Raises UsageError if the file exists or cannot be created, and Failed."""
    _refuse_existing(path)
    with new_file(path) as temporary:
        with duckdb.connect(str(temporary)) as connection, connection.cursor() as cursor:
            cursor.begin()
            cursor.execute(read_format())
            cursor.execute("INSERT INTO catalogue VALUES (?, false, ?, ?)", [SCHEMA_VERSION, description, _RULE])
            cursor.commit()
        move_into_place(temporary, path, replace=False)


def copy_catalogue(original: Path, path: Path, description: str = "") -> None:
    """Create a catalogue with the records of another one. Raises UsageError, Unreachable and Failed."""
    _refuse_existing(path)
    file = open_catalogue(original)  # no other process writes to it while it is copied
    try:
        with new_file(path) as temporary:
            shutil.copyfile(original, temporary)
            with duckdb.connect(str(temporary)) as connection, connection.cursor() as cursor:
                if description:
                    cursor.execute("UPDATE catalogue SET description = ?", [description])
            move_into_place(temporary, path, replace=False)
    finally:
        file.connection.close()


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise UsageError(f"'{path}' exists already", "choose another name, or import into it")
    if not path.parent.is_dir():
        raise UsageError(f"the folder '{path.parent}' does not exist")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield the temporary path of a file that will be moved to a path. Raises UsageError and Failed."""
    try:
        _remove_abandoned(path.parent)
        folder = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=path.parent))
    except OSError as problem:
        raise UsageError(f"'{path}' cannot be written: {problem.strerror}") from None
    try:
        with (folder / _LOCK).open("ab") as lock:
            lock_file(lock, wait=False)
            with _errors_of(path), raise_keyboard_interrupt():
                yield folder / "catalogue.duckdb"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as problem:
        raise write_error(path, problem) from None
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise Failed(f"{reason}; nothing was changed", archive=str(path), subject=f"writing '{path}'") from None


def _remove_abandoned(folder: Path) -> None:
    """Remove the unfinished files of killed processes, whose locks are free."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if os.lstat(left).st_mtime > time.time() - _NEW_SECONDS:
                continue  # its owner may not have locked it yet
            with (left / _LOCK).open("ab") as lock:
                is_abandoned = lock_file(lock, wait=False)
            if is_abandoned:
                shutil.rmtree(left, ignore_errors=True)


def move_into_place(temporary: Path, path: Path, *, replace: bool) -> None:
    """Move a complete file to its place, on disk before its name changes. Raises UsageError and OSError."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    if replace:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)  # unlike a renaming, it fails if another process has created the file
    except FileExistsError:
        raise UsageError(f"'{path}' exists already", "choose another name, or import into it") from None
    except OSError:  # a file system without hard links
        temporary.replace(path)
