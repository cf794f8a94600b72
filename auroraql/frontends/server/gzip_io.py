"""Gzip compression of results. They are stored compressed and decompressed only for clients without gzip support."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

_LEVEL = 1
"""Compression level. Level 1 already reduces records to a tenth; higher levels cost more time than they save."""

_PIECE_BYTES = 1 << 16
"""Maximum bytes decompressed at a time."""

MIN_COMPRESSED_BYTES = 1024
"""Minimum size in bytes of a response that is compressed."""

_GZIP_CODING = re.compile(r"(?:gzip|x-gzip|\*)(?:\s*;\s*q=(?P<quality>[0-9.]+))?", re.IGNORECASE | re.ASCII)


def accepts_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header accepts gzip with a weight above zero."""
    matches = [_GZIP_CODING.fullmatch(coding.strip()) for coding in accepted.split(",")]
    return any((match["quality"] or "1").strip("0.") != "" for match in matches if match is not None)


def compress(data: bytes) -> bytes:
    """Return the data as gzip. The output is deterministic."""
    return gzip.compress(data, _LEVEL, mtime=0)


@dataclass(frozen=True, slots=True)
class GzipFile:
    """Open gzip file, positioned at its beginning, and its decompressed size in bytes."""

    file: BinaryIO
    unpacked_size: int


@contextmanager
def compressing(write: Callable[[bytes], object]) -> Iterator[Callable[[bytes], object]]:
    """Yield a function that compresses data and passes the result to `write`. The end is flushed on exit."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def write_compressed(data: bytes) -> None:
        compressed = deflate.compress(data)
        if compressed:
            write(compressed)

    yield write_compressed
    write(deflate.flush())


def open_gzip(file: BinaryIO) -> BinaryIO:
    """Return a reader of the decompressed contents of a file."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))


class GzipReader:
    """Reader that decompresses a gzip file while it is sent. It holds only the piece that is being sent.

    Seeking works within that piece only: waitress seeks back over bytes that a client did not accept at once.
    """

    def __init__(self, records: GzipFile) -> None:
        self._packed = records
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._piece, self._first, self._at = b"", 0, 0

    def tell(self) -> int:
        """Return the position in the decompressed data."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position, relative to the beginning (0), the current position (1) or the end (2)."""
        self._at = offset + (0, self._at, self._packed.unpacked_size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the position, at most one piece. Raises ValueError before the current piece."""
        if self._at < self._first:
            raise ValueError(f"byte {self._at} was read before")
        count = _PIECE_BYTES if size < 0 else min(size, _PIECE_BYTES)
        self._piece, self._first = self._piece[self._at - self._first :], self._at
        while len(self._piece) < count and not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._packed.file.read(_PIECE_BYTES // 8)
            more = self._inflate.decompress(data, count - len(self._piece))
            if not data and not more:
                break
            self._piece += more
        chunk = self._piece[:count]
        self._at += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the compressed file."""
        self._packed.file.close()
