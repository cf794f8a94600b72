"""Results packed as gzip, as they are kept and as nearly every client takes them; unpacked for one that does not."""

from __future__ import annotations

import gzip
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

_LEVEL = 1
"""Records pack to a tenth even so; more takes longer than it saves."""

_AT_ONCE = 1 << 18

LEAST = 1024
"""Bytes below which an answer is not worth packing."""

_TAKEN = re.compile(r"(?:gzip|x-gzip|\*)(?:\s*;\s*q=(?P<quality>[0-9.]+))?", re.IGNORECASE | re.ASCII)


def takes_gzip(accepted: str) -> bool:
    """Whether a client that sends this Accept-Encoding takes gzip: of what fits, a weight above nothing."""
    found = [_TAKEN.fullmatch(each.strip()) for each in accepted.split(",")]
    return any((each["quality"] or "1").strip("0.") != "" for each in found if each is not None)


def pack(data: bytes) -> bytes:
    """Bytes as gzip; the same bytes are the same."""
    return gzip.compress(data, _LEVEL, mtime=0)


@contextmanager
def packing(write: Callable[[bytes], object]) -> Iterator[Callable[[bytes], object]]:
    """Within, what is written is packed, and handed on as it comes."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def packed(data: bytes) -> None:
        made = deflate.compress(data)
        if made:
            write(made)

    yield packed
    write(deflate.flush())


def unpacking(file: BinaryIO) -> BinaryIO:
    """What was packed into a file, to be read from its beginning."""
    return cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))


def unpack(file: BinaryIO, into: BinaryIO) -> BinaryIO:
    """Unpacks a file into another, which it gives back at its beginning; the first is closed, on an error the other too."""
    try:
        with file:
            shutil.copyfileobj(unpacking(file), into, _AT_ONCE)
        into.seek(0)
    except BaseException:
        into.close()
        raise
    return into
