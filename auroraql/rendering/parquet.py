"""Parquet encoding of a result's Arrow table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from auroraql.results.dataframes import to_arrow_table
from auroraql.results.result_set import ResultSet

_GROUP = 100_000
"""Rows per row group."""


def encode_parquet(result: ResultSet) -> Iterator[bytes]:
    """Encode a result as a Parquet file, in chunks."""
    # Import here: loading pyarrow takes as long as many searches.
    from pyarrow.parquet import ParquetWriter

    table, sink = to_arrow_table(result), _ChunkSink()
    with ParquetWriter(sink, table.schema, compression="zstd") as writer:
        for start in range(0, max(len(table), 1), _GROUP):
            writer.write_table(table.slice(start, _GROUP))
            yield sink.take()
    yield sink.take()


class _ChunkSink(io.RawIOBase):
    """Buffer for the writer's output, emptied chunk by chunk."""

    def __init__(self) -> None:
        self._buffer, self._written = bytearray(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._buffer += data
        return len(data)

    def tell(self) -> int:
        return self._written + len(self._buffer)

    def take(self) -> bytes:
        """Return the bytes written since the last call."""
        chunk, self._buffer = bytes(self._buffer), bytearray()
        self._written += len(chunk)
        return chunk
