"""The folder of a download: its lock, its manifest, and the checks that keep every file inside it.

`manifest.jsonl` has one line for each complete file, written and synced after the file has its final name. A process
that is killed between the two leaves the information about the part, from which the next run completes the manifest.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.downloads.file_names import LOCK_NAME, MANIFEST_NAME

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A line of the manifest. `path` is relative to the folder, with `/`."""

    url: str
    path: str
    size: int
    sha256: str
    etag: str = ""
    last_modified: str = ""
    statement: str = ""


class OutsideFolder(Exception):
    """A path that leads out of the folder, for example through a symbolic link."""


class DownloadFolder:
    """A folder and its manifest, opened by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = Path(os.path.realpath(path))
        self._lock = threading.Lock()
        self.entries: dict[str, ManifestEntry] = {}
        """Entries of the manifest by URL; the last one of each."""
        self._needs_line_end = False
        self._read()

    def find_path(self, relative: PurePosixPath | str) -> Path:
        """Return the path of a file of the folder. Raises OutsideFolder when a symbolic link leads out of it."""
        target = self.root.joinpath(*PurePosixPath(relative).parts)
        parent = Path(os.path.realpath(target.parent))
        if not parent.is_relative_to(self.root):
            raise OutsideFolder("a symbolic link in its path leads out of the folder")
        if target.is_symlink():
            inside = Path(os.path.realpath(target)).is_relative_to(self.root)
            raise OutsideFolder(
                "its name is a symbolic link" if inside else "its name is a symbolic link that leads out of the folder"
            )
        return target

    def show_path(self, target: Path) -> Path:
        """Return a path of `find_path` as the user wrote the folder."""
        return self.path / target.relative_to(self.root)

    def append(self, entry: ManifestEntry) -> None:
        """Add a line for a complete file, and sync it to disk. Raises OSError."""
        line = json.dumps(asdict(entry), ensure_ascii=True) + "\n"
        with self._lock:
            text = f"\n{line}" if self._needs_line_end else line
            self._needs_line_end = True  # until the line is complete
            with open_for_writing(self.root / MANIFEST_NAME, os.O_CREAT | os.O_APPEND) as descriptor:
                write_fully(descriptor, text.encode())
                os.fsync(descriptor)
            self._needs_line_end = False
            self.entries[entry.url] = entry

    def _read(self) -> None:
        """Read the manifest. A last line without an end was cut by a crash and is skipped. Raises UsageError."""
        path = self.root / MANIFEST_NAME
        try:
            with open_for_reading(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
                lines = stream.read().split(b"\n")
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"cannot read '{make_visible(str(path))}': {describe_os_error(error)}") from None
        self._needs_line_end = bool(lines[-1])
        for number, line in enumerate(lines, 1):
            entry = _parse_entry(line)
            if entry is not None:
                self.entries[entry.url] = entry
            elif line.strip() and not (number == len(lines) or _is_cut(line)):
                raise UsageError(
                    f"line {number} of '{make_visible(str(path))}' cannot be read",
                    "correct or delete the line; its file is then no longer a known download",
                )


def _is_cut(line: bytes) -> bool:
    """Return whether a crash may have cut the line: an object that does not end."""
    return line.startswith(b"{") and not line.rstrip().endswith(b"}")


def _parse_entry(line: bytes) -> ManifestEntry | None:
    try:
        document: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    known = {field.name: document[field.name] for field in fields(ManifestEntry) if field.name in document}
    texts = (known.get(name, "") for name in ("url", "path", "sha256", "etag", "last_modified", "statement"))
    is_valid = all(isinstance(text, str) for text in texts) and type(known.get("size")) is int
    if not is_valid or not {"url", "path", "sha256"} <= known.keys() or not _is_relative(known["path"]):
        return None
    return ManifestEntry(**known)


def _is_relative(text: str) -> bool:
    """Return whether a path of the manifest stays in the folder."""
    path = PurePosixPath(text)
    return bool(path.parts) and not path.is_absolute() and not {"..", "."} & set(path.parts) and "\0" not in text


@contextmanager
def open_folder(path: Path) -> Iterator[DownloadFolder]:
    """Create a folder if necessary, and lock it while the block runs. Raises UsageError.

    The error names the reason: another process downloads into the folder, or it cannot be written.
    """
    shown = make_visible(str(path))
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o666)
    except (OSError, ValueError) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot download to '{shown}': {reason}", "choose a folder that you can write") from None
    try:
        if not _try_lock(lock):
            raise UsageError(f"another process downloads to '{shown}'", "wait until it ends, or choose another folder")
        yield DownloadFolder(path)
    finally:
        os.close(lock)


def _try_lock(descriptor: int) -> bool:
    """Lock an open file until it is closed. Return False when another process holds the lock."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _try_lock_on_windows(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):  # a file system without locks
            raise
    return True


def _try_lock_on_windows(descriptor: int) -> bool:
    import msvcrt

    windows: Any = msvcrt
    try:
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    except OSError:
        return False
    return True


@contextmanager
def open_for_writing(path: Path, flags: int) -> Iterator[int]:
    """Open a file for unbuffered writing, and not through a symbolic link. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | flags | _NO_FOLLOW | _BINARY, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_for_reading(path: Path) -> Iterator[int]:
    """Open a file for reading, and not through a symbolic link. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | _BINARY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write_fully(descriptor: int, data: bytes) -> None:
    """Write all the data. Raises OSError, for example on a full disk."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a small document so that a crash leaves the old one or the new one. Raises OSError."""
    temporary = temporary_path(path)
    with suppress(FileNotFoundError):
        temporary.unlink()
    with open_for_writing(temporary, os.O_CREAT | os.O_EXCL) as descriptor:
        write_fully(descriptor, json.dumps(document).encode())
    temporary.replace(path)


def temporary_path(path: Path) -> Path:
    """Return the name under which `write_json` writes a document first."""
    return path.with_name(f"{path.name}.tmp")


def describe_os_error(error: OSError) -> str:
    """Return the reason of a failed system call in plain words."""
    if error.errno == errno.ELOOP:
        return "it is a symbolic link"
    return error.strerror or str(error)
