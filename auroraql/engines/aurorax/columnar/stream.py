"""Streaming of records: a small response is kept whole; a large one is decoded to columns chunk by chunk.

Invariant: a chunk ends exactly between two records of the array. Only there is the text before it, closed by `]`, a
complete JSON document, so successful decoding proves the position.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from auroraql.engines.aurorax.columnar.batches import BatchedRecords, ListBatch, RecordBatch, list_batch
from auroraql.engines.aurorax.columnar.decoder import ColumnDecoder, decoder_for_kind
from auroraql.engines.aurorax.http_client import OversizedResponse
from auroraql.engines.aurorax.responses import decode_json
from auroraql.results.result_set import Record
from auroraql.schema import Kind

SMALL_RESPONSE_BYTES = 8 << 20
"""Size in bytes from which packing into columns pays off."""

CHUNK_BYTES = 1 << 20

_CHECK_INTERVAL_BYTES = 64 << 10
"""Bytes between checks for enough records, for a limited number of wanted records."""

MAX_RESPONSE_BYTES = 512 << 20
"""Size limit in bytes of a response that cannot be packed."""

_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*(\{\s*"result"\s*:\s*)?\[')
_MAX_HEAD_BYTES = 64
_NEXT = re.compile(rb"\s*,\s*(?=\{)")
_MAX_GAP_BYTES = 64
_MAX_TRIED_ENDS = 50

CheckRecord = Callable[[Record], str]
OnReceived = Callable[[int, int], object]


class RecordStream:
    """Receives the body of a response in chunks.

    `check` describes the error of a record, empty for a valid one. `on_received` receives the bytes and records so far. More
    than `expected` records raise OversizedResponse; after `limit` records the rest is not received. Responses of less
    than `small_bytes` (SMALL_RESPONSE_BYTES unless given) are not packed.
    """

    def __init__(
        self,
        kind: Kind,
        check: CheckRecord,
        on_received: OnReceived = lambda *_: None,
        expected: int | None = None,
        limit: int | None = None,
        small_bytes: int | None = None,
    ) -> None:
        self._kind, self._check, self._seen, self._expected = kind, check, on_received, expected
        self._wanted, self._piece = limit, CHUNK_BYTES if limit is None else min(CHUNK_BYTES, _CHECK_INTERVAL_BYTES)
        self._columns: ColumnDecoder | None = None
        self._buffer, self._head, self._batches = bytearray(), b"", list[RecordBatch]()
        small_bytes = SMALL_RESPONSE_BYTES if small_bytes is None else small_bytes
        self._enough = small_bytes if limit is None else min(small_bytes, _CHECK_INTERVAL_BYTES)
        self.bytes, self.count = 0, 0
        self.wrong: tuple[int, str] | None = None
        """Number of the first malformed record, and the description of its error."""

    def feed(self, data: bytes) -> None:
        """Process the next chunk. Raises OversizedResponse when the response exceeds a limit."""
        self.bytes += len(data)
        self._buffer += data
        if len(self._buffer) >= self._enough:
            self._take_complete_records()
        if len(self._buffer) > MAX_RESPONSE_BYTES:
            raise OversizedResponse(f"its response has {MAX_RESPONSE_BYTES >> 20} MB and is not a list of records")
        if self._expected is not None and self.count > self._expected:
            raise OversizedResponse(f"the service announced {self._expected:,} records, and more arrived")
        self._seen(self.bytes, self.count)

    @property
    def body(self) -> bytes:
        """Bytes that are not packed: a whole small response, or the document around the records."""
        return bytes(self._buffer)

    @property
    def has_enough(self) -> bool:
        """Whether enough records arrived, so that the rest need not be received."""
        return self._wanted is not None and self.has_columns and self.count >= self._wanted

    @property
    def has_columns(self) -> bool:
        """Whether records were packed, so that `finish` returns them."""
        return bool(self._head)

    def finish(self) -> tuple[BatchedRecords, Any]:
        """Return the records, and the document around them with an empty array. Raises ValueError for broken JSON."""
        if self.has_enough:
            self._buffer.clear()
            return BatchedRecords(self._batches), []
        last, tail = self._take_last_records()
        self._keep_batch(last)
        self._buffer.clear()
        return BatchedRecords(self._batches), decode_json(self._head + tail)

    def _take_complete_records(self) -> None:
        """Pack the complete records in the buffer; wait for more data when no record boundary is found."""
        if not self._head:
            head = _HEAD.match(self._buffer[:_MAX_HEAD_BYTES])
            if head is None:
                self._enough = 1 << 62  # not an array of records: read whole
                return
            self._head = bytes(head[0])
            self._columns = decoder_for_kind(self._kind)
            del self._buffer[: head.end()]
        for end, following in self._record_ends():
            batch = self._decode_batch(b"[" + self._buffer[:end] + b"]")
            if batch is not None:
                self._keep_batch(batch)
                del self._buffer[:following]
                self._enough = self._piece
                return
        self._enough = 2 * len(self._buffer)

    def _record_ends(self) -> Iterator[tuple[int, int]]:
        """Yield positions where one object ends and the next begins, last first: between records or inside one."""
        end = len(self._buffer)
        for _ in range(_MAX_TRIED_ENDS):
            end = self._buffer.rfind(b"}", 0, end)
            if end < 0:
                return
            gap = _NEXT.match(self._buffer[end + 1 : end + _MAX_GAP_BYTES])
            if gap is not None:
                yield end + 1, end + 1 + gap.end()

    def _take_last_records(self) -> tuple[RecordBatch, bytes]:
        """Return the last records, and the text from the end of the array. Raises ValueError."""
        end = self._buffer.rfind(b"]")
        batch = self._decode_batch(b"[" + self._buffer[:end] + b"]") if end >= 0 else None
        if batch is not None:
            return batch, bytes(self._buffer[end:])
        text = "[" + self._buffer.decode()
        length = json.JSONDecoder().raw_decode(text)[1]  # raw_decode accepts more than strict JSON, so decode again
        return self._check_records(decode_json(text[:length].encode())), text[length - 1 :].encode()

    def _decode_batch(self, data: bytes) -> RecordBatch | None:
        """Return the records of a JSON array; None for invalid JSON."""
        batch = self._columns.read(data) if self._columns is not None else None
        if batch is not None:
            return batch
        load = partial(msgspec.json.decode, data)
        try:
            records = decode_json(data)
        except ValueError:
            return None
        self._check_records(records)
        return ListBatch(len(records), load)

    def _check_records(self, records: list[Any]) -> RecordBatch:
        if self.wrong is None:
            for number, record in enumerate(records, self.count + 1):
                if problem := self._check(record):
                    self.wrong = number, problem
                    break
        return list_batch(records)

    def _keep_batch(self, batch: RecordBatch) -> None:
        self._batches.append(batch)
        self.count += len(batch)
