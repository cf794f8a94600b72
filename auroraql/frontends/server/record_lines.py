"""Records as lines of JSON: written from an archive's rows, a line a record, and formatted again from lines.

A result is a file that holds an opening, its lines parted by commas, and a closing: one can go through it line by line.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from json.encoder import encode_basestring_ascii
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import msgspec

from auroraql.frontends.server.gzip_io import GzipFile, compressing, open_gzip
from auroraql.frontends.server.http_types import HttpError
from auroraql.results.result_set import Record, ResultColumn, Row
from auroraql.schema import Type

WRAPPED = b'{"result": [\n', b"\n]}"
"""Around the lines of a result that was asked for step by step."""

BARE = b"[\n", b"\n]"
"""Around those of one that is answered at once."""

_IN_MEMORY = 1 << 16
"""Bytes of an answer that are made in memory; what is larger is made on disk."""

Shape = Callable[[Record], Record]
"""What makes a record another."""

LineShape = Callable[[bytes], bytes]
"""The same, of the line that the record is."""


def to_line_shape(shape: Shape) -> LineShape:
    """A shape of records as one of lines."""
    return lambda line: msgspec.json.encode(shape(msgspec.json.decode(line)))


class LineWriter:
    """Writes rows of these columns as lines: the constant parts of a record are made once."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self._between = _line_constants([column.path for column in columns])
        self._writes = [_WRITES.get(column.type, _write_text) for column in columns]

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """A line a row, without its end."""
        if not rows:
            return []
        pieces: list[Iterable[str]] = []
        for between, write, values in zip(self._between, self._writes, zip(*rows, strict=True), strict=False):
            pieces += [[between] * len(rows), map(write, values)]
        pieces.append([self._between[-1]] * len(rows))
        return ["".join(line) for line in zip(*pieces, strict=True)]


def _line_constants(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """What stands before each value of a record, and after the last."""
    made: list[str] = []
    above: tuple[str, ...] = ()
    for number, path in enumerate(paths):
        shared = 0
        while shared < min(len(above), len(path) - 1) and above[shared] == path[shared]:
            shared += 1
        text = "}" * (len(above) - shared) + (", " if number else "{")
        for step in path[shared:-1]:
            text += f"{json.dumps(step)}: {{"
        made.append(f"{text}{json.dumps(path[-1])}: ")
        above = path[:-1]
    return [*made, "}" * (len(above) + 1)]


def _write_time(value: datetime | None) -> str:
    """In whole seconds: pyaurorax reads no others."""
    return "null" if value is None else f'"{value.isoformat(timespec="seconds")}"'


def _write_string(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def _write_float(value: float | None) -> str:
    return "null" if value is None or not math.isfinite(value) else repr(value)


def _write_integer(value: int | None) -> str:
    return "null" if value is None else str(value)


def _write_object(value: str | None) -> str:
    """DuckDB gives JSON text already."""
    return "{}" if value is None else value.replace("\n", " ")


def _write_text(value: Any) -> str:
    return "null" if value is None else json.dumps(value)


_WRITES: dict[Type, Callable[[Any], str]] = {
    Type.TIME: _write_time,
    Type.STRING: _write_string,
    Type.INTEGER: _write_integer,
    Type.NUMBER: _write_float,
    Type.OBJECT: _write_object,
}


def read_lines(file: BinaryIO) -> Iterator[bytes]:
    """The records of a packed result that was written here, a line each."""
    file.seek(0)
    for line in open_gzip(file):
        if line.startswith(b'{"') and line != WRAPPED[0]:
            yield line.rstrip(b",\n")


def reshape(packed: GzipFile, shape: LineShape, around: tuple[bytes, bytes], into: BinaryIO) -> GzipFile:
    """A packed result once more, each record in another shape. Closes the first file, and gives back the other.

    It is made whole before it is sent, so that neither memory nor a thread waits for a slow reader.
    """
    between, size = b"", sum(map(len, around))
    with packed.file as file, close_on_error(into), compressing(into.write) as write:
        write(around[0])
        for line in read_lines(file):
            made = between + shape(line)
            size += len(made)
            write(made)
            between = b",\n"
        write(around[1])
    into.seek(0)
    return GzipFile(into, size)


@contextmanager
def close_on_error(file: BinaryIO) -> Iterator[None]:
    """Closes a file that nobody will have."""
    try:
        yield
    except BaseException:
        file.close()
        raise


class SpoolFiles:
    """Files for answers that are sent as their readers take them: small ones in memory, others on disk.

    All that are open take `most` bytes at most.
    """

    def __init__(self, most: int) -> None:
        self._most, self._used, self._lock = most, 0, threading.Lock()

    def open(self) -> BinaryIO:
        """A file that is gone once it is closed."""
        return cast("BinaryIO", _SpoolFile(self))

    def take(self, size: int) -> None:
        """Counts bytes that are written, or given back. Raises Problem when there is no room for them."""
        with self._lock:
            if size > 0 and self._used + size > self._most:
                raise HttpError(503, "the space for answers is used up: try again in a moment")
            self._used += size


class _SpoolFile:
    """One of them, as far as a file as it must be."""

    def __init__(self, spools: SpoolFiles) -> None:
        self._spools, self._size = spools, 0
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.seek, self.tell, self.read = self._file.seek, self._file.tell, self._file.read
        self.readline = self._file.readline

    def __enter__(self) -> _SpoolFile:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def write(self, data: bytes) -> int:
        """Adds bytes. Raises Problem when there is no room for them."""
        self._spools.take(len(data))
        self._size += len(data)
        try:
            return self._file.write(data)
        except OSError as problem:
            raise HttpError(503, f"there is no space for the answer: {problem.strerror}") from None

    def close(self) -> None:
        """Gives the space back."""
        size, self._size = self._size, 0
        self._spools.take(-size)
        self._file.close()
