"""Parquet: the Arrow table of a result in a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from auroraql.output.frames import arrow_table
from auroraql.results import ResultSet

_GROUP = 100_000
"""Rows of a row group."""


def encode_parquet(result: ResultSet) -> Iterator[bytes]:
    """Write a result as a Parquet file, piece by piece."""
    # It takes as long to load as many searches do.
    from pyarrow.parquet import ParquetWriter

    table, sink = arrow_table(result), _Sink()
    with ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for start in range(0, max(len(table), 1), _GROUP):
            writer.write_table(table.slice(start, _GROUP))
            yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Takes what the writer writes, and hands it on."""

    def __init__(self) -> None:
        self._held, self._before = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def tell(self) -> int:
        return self._before + len(self._held)

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        taken, self._held = bytes(self._held), bytearray()
        self._before += len(taken)
        return taken
