"""Atomic writing of result files: an incomplete file never has the final name.

Data goes to a new file in the same directory, which is renamed after it is complete and synced to disk.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.rendering.formats import FORMATS, ResultFormat, get_format
from auroraql.results.result_set import ResultSet

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def write_result(result: ResultSet, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write the result to a file, in the given format or the format of its suffix.

    An existing file is replaced atomically and keeps its permissions. Raises UsageError when writing fails.
    """
    _write_atomically(path, _resolve_format(path, format).encode_result(result))


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text to a file atomically. Raises UsageError when writing fails."""
    write_bytes(path, text.encode())


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file atomically. Raises UsageError when writing fails."""
    _write_atomically(path, (content,))


def write_chunks(path: str | os.PathLike[str], chunks: Iterable[str]) -> None:
    """Write a text in pieces to a file atomically: an error while a piece is made leaves the file as it was.

    Raises UsageError when writing fails.
    """
    _write_atomically(path, (chunk.encode() for chunk in chunks))


def _write_atomically(path: str | os.PathLike[str], chunks: Iterable[bytes]) -> None:
    with _describe_os_error(path), _open_target(Path(path)) as stream:
        for chunk in chunks:
            stream.write(chunk)


def check_writable(path: str | os.PathLike[str], format: str | None = None) -> None:
    """Raise the UsageError that `write` would, before the search runs; `path` is not changed."""
    _resolve_format(path, format)
    check_target(path)


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise the UsageError that writing a file of any format would; `path` is not changed."""
    with _describe_os_error(path):
        if not _is_stream(Path(path)):
            probe = _temporary_path(_resolve_target(path))
            os.close(os.open(probe, _NEW, 0o600))
            probe.unlink()


def format_of(path: str | os.PathLike[str]) -> ResultFormat | None:
    """Return the format of a file name's suffix, or None."""
    suffix = Path(path).suffix.lower()
    return next((row for row in FORMATS.values() if suffix in row.suffixes), None)


def _resolve_format(path: str | os.PathLike[str], format: str | None) -> ResultFormat:
    chosen = get_format(format) if format is not None else format_of(path)
    if chosen is not None:
        return chosen
    suffixes = ", ".join(suffix for row in FORMATS.values() for suffix in row.suffixes)
    raise UsageError(
        f"the name '{make_visible(os.fspath(path))}' does not show the format",
        f"end it with one of {suffixes}, or name the format with --format",
    )


@contextmanager
def _describe_os_error(path: str | os.PathLike[str]) -> Iterator[None]:
    """Translate OSError into UsageError."""
    if "\0" in os.fspath(path):
        raise _unwritable_error(path, "a file name cannot contain a NUL character")
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of a named pipe closed it; the front end ignores that
    except OSError as error:
        raise _unwritable_error(path, error.strerror or str(error)) from error


def _unwritable_error(path: str | os.PathLike[str], reason: str) -> UsageError:
    return UsageError(f"cannot write '{make_visible(os.fspath(path))}': {reason}")


def _resolve_target(path: str | os.PathLike[str]) -> Path:
    """Return the file behind symbolic links. Raises OSError when it is not writable."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(2, f"the directory '{make_visible(str(target.parent))}' does not exist")
    if target.exists():
        if target.is_dir():
            raise IsADirectoryError(21, "it is a directory")
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "it is write-protected")
    return target


def _is_stream(path: Path) -> bool:
    """Return whether the path is a device, pipe or open descriptor, such as /dev/stdout, and cannot be replaced."""
    if _named_descriptor(path) is not None:
        return True
    return path.exists() and not path.is_dir() and not stat.S_ISREG(path.stat().st_mode)


_MAX_LINKS = 40


def _named_descriptor(path: Path) -> int | None:
    """Return the descriptor of this process that a path names (/dev/stdout, /dev/fd/3); None for other paths."""
    descriptors = Path(os.path.realpath("/dev/fd"))
    for _ in range(_MAX_LINKS):
        folder = Path(os.path.realpath(path.parent))
        if folder == descriptors and path.name.isascii() and path.name.isdigit():
            return int(path.name)
        if not path.is_symlink():
            return None
        path = folder / path.readlink()
    return None


def _open_target(path: Path) -> AbstractContextManager[IO[bytes]]:
    descriptor = _named_descriptor(path)
    if descriptor is not None:
        # Duplicate the descriptor to keep its offset: the shell may have opened it for appending.
        return os.fdopen(os.dup(descriptor), "wb")
    return path.open("wb") if _is_stream(path) else _replace_atomically(_resolve_target(path))


@contextmanager
def _replace_atomically(target: Path) -> Iterator[IO[bytes]]:
    temporary = _temporary_path(target)
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o666), "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            temporary.chmod(stat.S_IMODE(target.stat().st_mode))
        temporary.replace(target)
    except BaseException:  # KeyboardInterrupt too: delete the incomplete file
        with suppress(OSError):
            temporary.unlink()
        raise


def _temporary_path(target: Path) -> Path:
    return target.with_name(f".auroraql-{os.urandom(6).hex()}.tmp")
