"""Records as JSON lines: writing an archive's rows, one line per record, and reshaping stored lines.

A result file holds an opening line, the records separated by commas and newlines, and a closing line, so it can be
read line by line.
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
"""Opening and closing of the result of an asynchronous search."""

BARE = b"[\n", b"\n]"
"""Opening and closing of the result of a synchronous search."""

_MAX_BYTES_IN_MEMORY = 1 << 16
"""Bytes of a response held in memory. A larger response is written to disk."""

Shape = Callable[[Record], Record]
"""Transformation of a record."""

LineShape = Callable[[bytes], bytes]
"""Transformation of the JSON line of a record."""


def to_line_shape(shape: Shape) -> LineShape:
    """Convert a transformation of records into one of JSON lines."""
    return lambda line: msgspec.json.encode(shape(msgspec.json.decode(line)))


class LineWriter:
    """Writes rows as JSON lines. The constant parts of a record are built once from the columns."""

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        written = [number for number, column in enumerate(columns) if column.in_records]
        self._written = written
        self._between = _line_constants([columns[number].path for number in written])
        self._writes = [_WRITES.get(columns[number].type, _write_text) for number in written]

    def lines(self, rows: Sequence[Row]) -> list[str]:
        """Return one line for each row, without a newline."""
        if not rows:
            return []
        pieces: list[Iterable[str]] = []
        values = list(zip(*rows, strict=True))
        for between, write, number in zip(self._between, self._writes, self._written, strict=False):
            pieces += [[between] * len(rows), map(write, values[number])]
        pieces.append([self._between[-1]] * len(rows))
        return ["".join(line) for line in zip(*pieces, strict=True)]


def _line_constants(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the constant text before each value of a record and after the last one."""
    constants: list[str] = []
    above: tuple[str, ...] = ()
    for number, path in enumerate(paths):
        shared = 0
        while shared < min(len(above), len(path) - 1) and above[shared] == path[shared]:
            shared += 1
        text = "}" * (len(above) - shared) + (", " if number else "{")
        for step in path[shared:-1]:
            text += f"{json.dumps(step)}: {{"
        constants.append(f"{text}{json.dumps(path[-1])}: ")
        above = path[:-1]
    return [*constants, "}" * (len(above) + 1)]


def _write_time(value: datetime | None) -> str:
    """Write a time in whole seconds: pyaurorax does not parse fractions."""
    return "null" if value is None else f'"{value.isoformat(timespec="seconds")}"'


def _write_string(value: str | None) -> str:
    return "null" if value is None else encode_basestring_ascii(value)


def _write_float(value: float | None) -> str:
    return "null" if value is None or not math.isfinite(value) else repr(value)


def _write_integer(value: int | None) -> str:
    return "null" if value is None else str(value)


def _write_object(value: str | None) -> str:
    """Write an object, which DuckDB returns as JSON text."""
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
    """Yield the records of a compressed result file, one line each."""
    file.seek(0)
    for line in open_gzip(file):
        if line.startswith(b'{"') and line != WRAPPED[0]:
            yield line.rstrip(b",\n")


def reshape(records: GzipFile, shape: LineShape, around: tuple[bytes, bytes], into: BinaryIO) -> GzipFile:
    """Write a compressed result to `into` with each record transformed. Closes the source file.

    The result is complete before it is sent, so a slow client holds neither memory nor a thread.
    """
    between, size = b"", sum(map(len, around))
    with records.file as file, close_on_error(into), compressing(into.write) as write:
        write(around[0])
        for line in read_lines(file):
            piece = between + shape(line)
            size += len(piece)
            write(piece)
            between = b",\n"
        write(around[1])
    into.seek(0)
    return GzipFile(into, size)


@contextmanager
def close_on_error(file: BinaryIO) -> Iterator[None]:
    """Close a file if the block raises."""
    try:
        yield
    except BaseException:
        file.close()
        raise


class SpoolFiles:
    """Temporary files for streamed responses: small ones in memory, others on disk.

    All open files together hold at most `most` bytes.
    """

    def __init__(self, most: int) -> None:
        self._most, self._used, self._lock = most, 0, threading.Lock()

    def open(self) -> BinaryIO:
        """Open a temporary file that is deleted when it is closed."""
        return cast("BinaryIO", _SpoolFile(self))

    def take(self, size: int) -> None:
        """Count written bytes, or released ones if negative. Raises HttpError if there is no room for them."""
        with self._lock:
            if size > 0 and self._used + size > self._most:
                raise HttpError(503, "the space for responses is used up: try again in a moment")
            self._used += size


class _SpoolFile:
    """Temporary file that counts its bytes, with the file methods that responses use."""

    def __init__(self, spools: SpoolFiles) -> None:
        self._spools, self._size = spools, 0
        self._file = SpooledTemporaryFile(_MAX_BYTES_IN_MEMORY)  # noqa: SIM115 - closed by `close`
        self.seek, self.tell, self.read = self._file.seek, self._file.tell, self._file.read
        self.readline = self._file.readline

    def __enter__(self) -> _SpoolFile:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def write(self, data: bytes) -> int:
        """Write bytes. Raises HttpError if there is no room for them."""
        self._spools.take(len(data))
        self._size += len(data)
        try:
            return self._file.write(data)
        except OSError as problem:
            raise HttpError(503, f"the response cannot be written: {problem.strerror}") from None

    def close(self) -> None:
        """Close the file and release its space."""
        size, self._size = self._size, 0
        self._spools.take(-size)
        self._file.close()
