"""Private folder to which DuckDB spills data that exceeds its memory.

Each process has one folder, readable by its user alone, and removes it at exit. The next process that needs a folder
removes those of killed processes; the lock file in a folder shows whether its owner is alive.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from platformdirs import user_cache_path

Settings = dict[str, str | bool | int | float | list[str]]

SPILL_PREFIX = "spill-"
_LOCK = "lock"
_UNLOCKED_SECONDS = 3600.0
"""Age in seconds from which a folder without a lock file counts as abandoned."""

_LOCK_GUARD = Lock()


@dataclass(frozen=True, slots=True)
class SpillFolder:
    """Folder for spilled data, and the number of its bytes that DuckDB may use."""

    path: Path
    size: int

    def settings(self, database: str) -> Settings:
        """Return the DuckDB settings of one database, which has its own subfolder."""
        name = blake2b(database.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
        return {"temp_directory": str(self.path / name), "max_temp_directory_size": f"{self.size}B"}


MEMORY = "50%"
"""Share of the machine's or container's memory that DuckDB may use before it spills."""

NO_SPILL: Settings = {"temp_directory": ""}
"""Settings of a database that never writes to disk."""


def spill_settings(database: str) -> Settings:
    """Return the settings that let a database of this process spill; without a writable folder, it does not."""
    folder = _get_own_folder()
    return NO_SPILL if folder is None else folder.settings(database)


_FOLDERS: dict[int, SpillFolder | None] = {}
"""Folder by process id: a forked child creates its own."""


def _get_own_folder() -> SpillFolder | None:
    with _LOCK_GUARD:
        if os.getpid() not in _FOLDERS:
            _FOLDERS.clear()
            _FOLDERS[os.getpid()] = _create_folder()
        return _FOLDERS[os.getpid()]


def _create_folder() -> SpillFolder | None:
    for parent in _candidate_parents():
        try:
            parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_own(parent):
                continue
            with (parent / "spill.lock").open("ab") as guard_file:
                lock_file(guard_file, wait=True)  # one process cleans up or creates at a time
                _remove_abandoned(parent)
                path = Path(tempfile.mkdtemp(prefix=SPILL_PREFIX, dir=parent))
                own_lock = (path / _LOCK).open("ab")
                lock_file(own_lock, wait=False)
            free = shutil.disk_usage(path).free
        except OSError:
            continue
        atexit.register(_remove, path, own_lock, os.getpid())
        return SpillFolder(path, free // 2)
    return None


def _candidate_parents() -> Iterator[Path]:
    """Yield candidate parents: in TMPDIR if set, in the cache directory, in the system's temporary directory."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    private = f"auroraql-{user}"  # a shared folder may contain another user's files and locks
    if temporary := os.environ.get("TMPDIR"):
        yield Path(temporary) / private
    yield user_cache_path("auroraql", appauthor=False)
    yield Path(tempfile.gettempdir()) / private


def _is_own(path: Path) -> bool:
    """Return whether the path is a folder, not a link, owned by this user."""
    state = os.lstat(path)
    return path.is_dir() and not path.is_symlink() and (not hasattr(os, "getuid") or state.st_uid == os.getuid())


def _remove_abandoned(parent: Path) -> None:
    for path in parent.glob(f"{SPILL_PREFIX}*"):
        with suppress(OSError):
            if _is_own(path) and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    try:
        with (path / _LOCK).open("ab") as own_lock:
            free = lock_file(own_lock, wait=False)
    except FileNotFoundError:
        return os.lstat(path).st_mtime < time.time() - _UNLOCKED_SECONDS
    if free and os.name == "nt":
        (path / _LOCK).unlink()  # raises if the owner has it open
    return free


def _remove(path: Path, own_lock: object, owner: int) -> None:
    """Remove the folder at the exit of the process that created it, not of its forks."""
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
        own_lock.close()  # type: ignore[attr-defined]


def lock_file(file: BinaryIO, *, wait: bool) -> bool:
    """Lock an open file until it is closed; return False when another process holds the lock.

    With `wait`, block until the lock is free. Return True on systems and file systems without locks.
    """
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be deleted, and callers rely on that instead
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a network file system without locks
        return True
    return True
