"""The incomplete file of a transfer: `NAME.part` with its data, and `NAME.part.json` with what is known about it.

Invariant: a file gets its final name only when it is whole and synced to disk, and never replaces another file.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from auroraql.downloads.file_names import PART_INFO_SUFFIX, PART_SUFFIX
from auroraql.downloads.http_headers import if_range_value
from auroraql.downloads.manifest import open_for_reading, temporary_path, write_fully, write_json

_CHUNK = 1 << 20
_HEAD_BYTES = 64


class OccupiedName(Exception):
    """A file has the name that a download needs; the text is the reason."""


@dataclass(slots=True)
class PartInfo:
    """What is known about a part: its URL, the validators of the server, and the result when it is whole."""

    url: str
    etag: str = ""
    last_modified: str = ""
    size: int | None = None
    sha256: str = ""
    """Set with `size` when all data has arrived."""

    @property
    def validator(self) -> str:
        """Value for `If-Range`; empty if the part cannot be resumed."""
        return if_range_value(self.etag, self.last_modified)


class PartFile:
    """Part of one file. Only one thread uses it."""

    def __init__(self, target: Path, url: str) -> None:
        """Open the part of an earlier run, or begin one. Raises OSError and OccupiedName."""
        self.target = target
        self._part = target.with_name(target.name + PART_SUFFIX)
        self._info_path = target.with_name(target.name + PART_INFO_SUFFIX)
        self.size, self.head = 0, b""
        """Bytes received so far, and the first of them."""
        self._hash = hashlib.sha256()
        self._descriptor = -1
        info = _read_info(self._info_path)
        if info is None:
            for path in (self._part, self._info_path):
                if os.path.lexists(path):
                    raise OccupiedName(f"the file {path.name} is not of a download; it is kept")
        self.info = info if info is not None and info.url == url else PartInfo(url)

    @property
    def is_whole(self) -> bool:
        """Whether an earlier run received all data but could not finish."""
        return bool(self.info.sha256)

    def open(self) -> None:
        """Open the data of an earlier run if it can be continued, else begin an empty part. Raises OSError."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        can_continue = bool(self.info.validator) or self.is_whole
        if not can_continue:
            self.save_info()
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._part, flags, 0o666)
        if not can_continue:
            self.restart()
            return
        self._hash_data()
        if self.is_whole and (self.size, self.sha256) != (self.info.size, self.info.sha256):
            self.info.size, self.info.sha256 = None, ""  # damaged since it was whole
            self.restart()

    def _hash_data(self) -> None:
        while data := os.read(self._descriptor, _CHUNK):
            self._count(data)

    def _count(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)
        if len(self.head) < _HEAD_BYTES:
            self.head += data[: _HEAD_BYTES - len(self.head)]

    def restart(self) -> None:
        """Delete the data received so far. Raises OSError."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size, self.head = 0, b""
        self._hash = hashlib.sha256()

    def save_info(self) -> None:
        """Write what is known about the part. Raises OSError."""
        write_json(self._info_path, asdict(self.info))

    def write(self, data: bytes) -> None:
        """Append data. Raises OSError."""
        write_fully(self._descriptor, data)
        self._count(data)

    @property
    def sha256(self) -> str:
        """SHA-256 of the data so far, in hexadecimal."""
        return self._hash.hexdigest()

    def finish(self) -> None:
        """Give the whole file its final name. Raises OSError and OccupiedName, and then keeps the part.

        The information stays until `forget_info`, so that a run after a crash knows the file.
        """
        os.fsync(self._descriptor)
        self.info.size, self.info.sha256 = self.size, self.sha256
        self.save_info()
        self.close()
        _rename_without_replacing(self._part, self.target)

    def forget_info(self) -> None:
        """Delete the information, after the manifest has the file."""
        for path in (self._info_path, temporary_path(self._info_path)):
            with suppress(FileNotFoundError):
                path.unlink()

    def discard(self) -> None:
        """Delete the part and its information: there is nothing to continue. Raises OSError."""
        self.close()
        with suppress(FileNotFoundError):
            self._part.unlink()
        self.forget_info()

    def close(self) -> None:
        """Close the data, which stays for another run."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @classmethod
    def remove_leftovers(cls, target: Path, url: str) -> None:
        """Delete the information of a part that a run left when it ended just after it wrote the manifest."""
        info_path = target.with_name(target.name + PART_INFO_SUFFIX)
        info = _read_info(info_path)
        if info is not None and info.url == url and info.sha256:
            cls(target, url).forget_info()

    def find_unlisted(self) -> bool:
        """Return whether the target is this part, renamed by a run that ended before it wrote the manifest."""
        if not self.is_whole or not self.target.is_file():
            return False
        if self.target.stat().st_size != self.info.size or hash_file(self.target) != self.info.sha256:
            return False
        with suppress(FileNotFoundError):
            self._part.unlink()  # the other name of a link
        return True

    def exists(self) -> bool:
        """Return whether there is data to continue."""
        return self._part.is_file() and (bool(self.info.validator) or self.is_whole)


def _rename_without_replacing(part: Path, target: Path) -> None:
    """Rename a file. Raises OccupiedName if the target exists. Only file systems without links leave a short gap."""
    try:
        os.link(part, target, follow_symlinks=False)
    except FileExistsError:
        raise OccupiedName("a file with this name appeared during the download; it is kept") from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT):
            raise
        if os.path.lexists(target):
            raise OccupiedName("a file with this name appeared during the download; it is kept") from None
        part.rename(target)
    else:
        part.unlink()


def hash_file(path: Path, stop: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of a file in hexadecimal. `stop` is called between chunks. Raises OSError."""
    digest = hashlib.sha256()
    with open_for_reading(path) as descriptor:
        while data := os.read(descriptor, _CHUNK):
            digest.update(data)
            stop()
    return digest.hexdigest()


def _read_info(path: Path) -> PartInfo | None:
    """Return the information about a part. None if there is none, or if it is not of a download."""
    try:
        with open_for_reading(path) as descriptor:
            document: Any = json.loads(os.read(descriptor, _CHUNK))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    texts = {name: document.get(name, "") for name in ("url", "etag", "last_modified", "sha256")}
    size = document.get("size")
    if not all(isinstance(text, str) for text in texts.values()) or not (size is None or type(size) is int):
        return None
    return PartInfo(size=size, **texts)
