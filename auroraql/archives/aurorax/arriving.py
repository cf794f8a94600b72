"""Records read while they arrive: a small answer is left whole, of a large one each piece is packed and let go.

Invariant: a piece ends exactly where a record of the array does. What stands before that, closed by `]`, is a whole
JSON document only there, so decoding it is the proof.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from auroraql.archives.aurorax.answers import decoded
from auroraql.archives.aurorax.packed import Batch, Listed, Packed, listed
from auroraql.archives.aurorax.typed import ColumnReader, for_kind
from auroraql.archives.aurorax.wire import Endless
from auroraql.results import Record
from auroraql.schema import Kind

SMALL = 8 << 20
"""Bytes up to which an answer is left whole: packing begins to pay about there."""

PIECE = 1 << 20

_LITTLE = 64 << 10
"""Bytes after which it is looked whether enough records came, where only some are wanted."""

MOST = 512 << 20
"""Bytes that are kept of an answer which cannot be packed."""

_HEAD = re.compile(rb'(?:\xef\xbb\xbf)?\s*(\{\s*"result"\s*:\s*)?\[')
_LONGEST_HEAD = 64
_NEXT = re.compile(rb"\s*,\s*(?=\{)")
_LONGEST_GAP = 64
_MOST_ENDS = 50

Check = Callable[[Record], str]
Seen = Callable[[int, int], object]


class RecordReader:
    """Takes the body of an answer piece by piece.

    `check` says what is wrong with a record, empty for nothing; `seen` is told how many bytes and records came. Of
    more records than are `expected` the rest is an error; of more than are `wanted` the rest is not received.
    """

    def __init__(
        self,
        kind: Kind,
        check: Check,
        seen: Seen = lambda *_: None,
        expected: int | None = None,
        wanted: int | None = None,
    ) -> None:
        self._kind, self._check, self._seen, self._expected = kind, check, seen, expected
        self._wanted, self._piece = wanted, PIECE if wanted is None else min(PIECE, _LITTLE)
        self._columns: ColumnReader | None = None
        self._buffer, self._head, self._batches = bytearray(), b"", list[Batch]()
        self._enough = SMALL if wanted is None else min(SMALL, _LITTLE)
        self.bytes, self.count = 0, 0
        self.wrong: tuple[int, str] | None = None
        """The number of the first record that is not as published, and what is wrong with it."""

    def feed(self, data: bytes) -> None:
        """Takes more of the body. Raises Endless for more than an answer can be."""
        self.bytes += len(data)
        self._buffer += data
        if len(self._buffer) >= self._enough:
            self._cut()
        if len(self._buffer) > MOST:
            raise Endless(f"its answer has {MOST >> 20} MB that are no list of records")
        if self._expected is not None and self.count > self._expected:
            raise Endless(f"the service announced {self._expected:,} records, and more arrived")
        self._seen(self.bytes, self.count)

    @property
    def body(self) -> bytes:
        """What is not packed: the whole of a small answer, else what stands around the records."""
        return bytes(self._buffer)

    @property
    def has_enough(self) -> bool:
        """Whether as many records came as are wanted, so that the rest need not be received."""
        return self._wanted is not None and self.packed and self.count >= self._wanted

    @property
    def packed(self) -> bool:
        """Whether records were packed, so that `finish` has them."""
        return bool(self._head)

    def finish(self) -> tuple[Packed, Any]:
        """The records, and the document around them, in which the array is empty. Raises ValueError for broken JSON."""
        if self.has_enough:
            self._buffer.clear()
            return Packed(self._batches), []
        last, tail = self._end()
        self._take(last)
        self._buffer.clear()
        return Packed(self._batches), decoded(self._head + tail)

    def _cut(self) -> None:
        """Packs the records in the buffer that are whole; where no end of one is found, more is waited for."""
        if not self._head:
            head = _HEAD.match(self._buffer[:_LONGEST_HEAD])
            if head is None:
                self._enough = 1 << 62  # another document: it is read whole
                return
            self._head = bytes(head[0])
            self._columns = for_kind(self._kind)
            del self._buffer[: head.end()]
        for end, following in self._ends():
            batch = self._batch(b"[" + self._buffer[:end] + b"]")
            if batch is not None:
                self._take(batch)
                del self._buffer[:following]
                self._enough = self._piece
                return
        self._enough = 2 * len(self._buffer)

    def _ends(self) -> Iterator[tuple[int, int]]:
        """Where an object ends and another begins, from the last on: between two records, or inside of one."""
        end = len(self._buffer)
        for _ in range(_MOST_ENDS):
            end = self._buffer.rfind(b"}", 0, end)
            if end < 0:
                return
            gap = _NEXT.match(self._buffer[end + 1 : end + _LONGEST_GAP])
            if gap is not None:
                yield end + 1, end + 1 + gap.end()

    def _end(self) -> tuple[Batch, bytes]:
        """The last records, and what stands from the end of the array on. Raises ValueError."""
        end = self._buffer.rfind(b"]")
        batch = self._batch(b"[" + self._buffer[:end] + b"]") if end >= 0 else None
        if batch is not None:
            return batch, bytes(self._buffer[end:])
        text = "[" + self._buffer.decode()
        length = json.JSONDecoder().raw_decode(text)[1]  # which takes more for JSON than is
        return self._checked(decoded(text[:length].encode())), text[length - 1 :].encode()

    def _batch(self, data: bytes) -> Batch | None:
        """The records of a JSON array; None when that is none."""
        batch = self._columns.read(data) if self._columns is not None else None
        if batch is not None:
            return batch
        load = partial(msgspec.json.decode, data)
        try:
            records = decoded(data)
        except ValueError:
            return None
        self._checked(records)
        return Listed(len(records), load)

    def _checked(self, records: list[Any]) -> Batch:
        if self.wrong is None:
            for number, record in enumerate(records, self.count + 1):
                if words := self._check(record):
                    self.wrong = number, words
                    break
        return listed(records)

    def _take(self, batch: Batch) -> None:
        self._batches.append(batch)
        self.count += len(batch)
