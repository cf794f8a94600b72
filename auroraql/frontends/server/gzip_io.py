"""Results packed as gzip, as they are kept and as nearly every client takes them; unpacked for one that does not."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

_LEVEL = 1
"""Records pack to a tenth even so; more takes longer than it saves."""

_PIECE = 1 << 16
"""Bytes that are unpacked at once."""

MIN_COMPRESSED_BYTES = 1024
"""Bytes below which an answer is not worth packing."""

_TAKEN = re.compile(r"(?:gzip|x-gzip|\*)(?:\s*;\s*q=(?P<quality>[0-9.]+))?", re.IGNORECASE | re.ASCII)


def accepts_gzip(accepted: str) -> bool:
    """Whether a client that sends this Accept-Encoding takes gzip: of what fits, a weight above nothing."""
    found = [_TAKEN.fullmatch(each.strip()) for each in accepted.split(",")]
    return any((each["quality"] or "1").strip("0.") != "" for each in found if each is not None)


def compress(data: bytes) -> bytes:
    """Bytes as gzip; the same bytes are the same."""
    return gzip.compress(data, _LEVEL, mtime=0)


@dataclass(frozen=True, slots=True)
class GzipFile:
    """An open file that is packed as gzip, at its beginning, and how many bytes it holds unpacked."""

    file: BinaryIO
    unpacked_size: int


@contextmanager
def compressing(write: Callable[[bytes], object]) -> Iterator[Callable[[bytes], object]]:
    """Within, what is written is packed, and handed on as it comes."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def packed(data: bytes) -> None:
        made = deflate.compress(data)
        if made:
            write(made)

    yield packed
    write(deflate.flush())


def open_gzip(file: BinaryIO) -> BinaryIO:
    """What was packed into a file, to be read from its beginning."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))


class GzipReader:
    """A packed file, read unpacked as it is sent: nothing of it is kept but the piece that is being sent.

    It seeks within that piece only, as waitress does with what a client did not take at once.
    """

    def __init__(self, packed: GzipFile) -> None:
        self._packed = packed
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._piece, self._first, self._at = b"", 0, 0

    def tell(self) -> int:
        """Where the next byte is read, unpacked."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte: from the beginning (0), from here (1) or from the end (2)."""
        self._at = offset + (0, self._at, self._packed.unpacked_size)[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The bytes from here, at most a piece of them. Raises ValueError before the current piece."""
        if self._at < self._first:
            raise ValueError(f"byte {self._at} was read before")
        wanted = _PIECE if size < 0 else min(size, _PIECE)
        self._piece, self._first = self._piece[self._at - self._first :], self._at
        while len(self._piece) < wanted and not self._inflate.eof:
            data = self._inflate.unconsumed_tail or self._packed.file.read(_PIECE // 8)
            more = self._inflate.decompress(data, wanted - len(self._piece))
            if not data and not more:
                break
            self._piece += more
        read = self._piece[:wanted]
        self._at += len(read)
        return read

    def close(self) -> None:
        """Close the packed file."""
        self._packed.file.close()
