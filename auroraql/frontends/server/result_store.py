"""The results of searches on disk, for a time and in bounded space.

`<id>.json.gz` has the records, `<id>.status` the status.

Both appear whole or not at all, so what was finished is there after a restart. When space runs out the oldest
records go first; their status stays, and says that they were deleted.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from auroraql.frontends.server.gzip_io import compressing
from auroraql.frontends.server.http_types import Document, utc_now

_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?", re.ASCII)

_MOST_KEPT = 10_000
"""How many searches are remembered, however little space they take."""

_MOST_UNWRITTEN = 1000
"""How many statuses are kept in memory when the disk is full."""

_RESULT, _STATUS, _PART = ".json.gz", ".status", ".part"


def is_request_id(text: str) -> bool:
    """Whether it may be the id of a request, and so name a file: letters, digits, and dots and dashes within."""
    return _ID.fullmatch(text) is not None and ".." not in text


class ResultTooLarge(Exception):
    """A result that the bounded space has no room for."""


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """What is remembered of a finished search; the rest is in its status file. Sizes in bytes, times in UTC."""

    kind: str
    requested: datetime
    finished: float
    milliseconds: int
    count: int
    failed: bool
    size: int
    held: int
    """Bytes of records on disk; 0 when there are none."""
    status_size: int
    address: str = ""


class ResultStore:
    """A folder of results, which are packed there. `keep` is in seconds, `disk` in bytes; thread-safe."""

    def __init__(self, folder: Path, keep: float, disk: int) -> None:
        self._folder, self._keep, self.disk = folder, keep, disk
        self._lock = threading.RLock()
        self._remembered: dict[str, ResultEntry] = {}
        self._used = 0
        self._unwritten: dict[str, Document] = {}
        """Statuses for which there was no space on disk; they last as long as the server."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Thousands of files take a second to read, which need not pass before the first answer.
        self._loading = threading.Thread(target=self._load, daemon=True)
        self._loading.start()

    @property
    def _entries(self) -> dict[str, ResultEntry]:
        """Every finished search by its id, oldest first; waits until those of an earlier run are read."""
        self._loading.join()
        return self._remembered

    def _load(self) -> None:
        """Finds what is there from an earlier run."""
        found: dict[str, ResultEntry] = {}
        for path in self._folder.iterdir():
            if path.suffix == _PART:
                path.unlink(missing_ok=True)
            elif path.suffix == _STATUS:
                found |= self._read_entry(path)
        for path in self._folder.glob(f"*{_RESULT}"):
            if path.name.removesuffix(_RESULT) not in found:
                path.unlink(missing_ok=True)
        self._used = sum(each.held + each.status_size for each in found.values())
        self._remembered = dict(sorted(found.items(), key=lambda item: item[1].finished))

    def _read_entry(self, path: Path) -> dict[str, ResultEntry]:
        """The search of a status file; none for a file that is no status."""
        name = path.name.removesuffix(_STATUS)
        result = self._folder / f"{name}{_RESULT}"
        with suppress(OSError, ValueError, KeyError, TypeError):
            document = json.loads(path.read_text("utf-8"))
            size = result.stat().st_size if result.is_file() else 0
            return {name: _entry_from_status(document, size, path.stat().st_size, document.get("address", ""))}
        return {}

    def _keep_entry(self, name: str, entry: ResultEntry | None) -> ResultEntry | None:
        """Remembers a search, or forgets it, and counts its bytes; gives back what was remembered before."""
        entries = self._entries
        before = entries.pop(name, None) if entry is None else entries.get(name)
        if before is not None:
            self._used -= before.held + before.status_size
        if entry is not None:
            self._used += entry.held + entry.status_size
            entries[name] = entry
        return before

    @contextmanager
    def writing(self, request_id: str) -> Iterator[ResultWriter]:
        """A writer of one result, which is there when the block ends; on an error, nothing is left of it."""
        part = self._folder / f"{request_id}{_PART}"
        writer = None
        try:
            with part.open("xb") as file:
                writer = ResultWriter(file, self)
                with compressing(writer.put) as write:
                    writer.pack = write
                    yield writer
            part.replace(self._folder / f"{request_id}{_RESULT}")
        finally:
            part.unlink(missing_ok=True)
            if writer is not None:
                with self._lock:
                    self._used -= writer.held

    def reserve(self, size: int) -> None:
        """Makes room for so many more bytes. Raises TooLarge."""
        with self._lock:
            entries = self._entries
            self._used += size
            for delete in (self.delete_records, self.forget):
                for name in list(entries) if self._used > self.disk else ():
                    delete(name)
                    if self._used <= self.disk:
                        return
            if self._used > self.disk:
                raise ResultTooLarge

    def finish(self, request_id: str, document: Document, address: str) -> None:
        """Keeps the status of a search that is over."""
        result = self._folder / f"{request_id}{_RESULT}"
        with self._lock:
            held = result.stat().st_size if result.is_file() else 0
            size = self._write_status(request_id, document, address)
            self._keep_entry(request_id, _entry_from_status(document, held, size, address))
        self.expire()
        with suppress(ResultTooLarge):
            self.reserve(0)

    def finish_without_space(self, request_id: str, document: Document, address: str) -> None:
        """Keep the status of a search that failed as there was no space on disk; nothing is written."""
        with self._lock:
            (self._folder / f"{request_id}{_RESULT}").unlink(missing_ok=True)
            self._keep_in_memory(request_id, document)
            self._keep_entry(request_id, _entry_from_status(document, 0, 0, address))

    def _keep_in_memory(self, request_id: str, document: Document) -> None:
        self._unwritten[request_id] = document
        while len(self._unwritten) > _MOST_UNWRITTEN:
            self.forget(next(iter(self._unwritten)))

    def _write_status(self, request_id: str, document: Document, address: str) -> int:
        """Writes the file of a status, which has the caller's address too; its size. Raises OSError."""
        part = self._folder / f"{request_id}{_STATUS}{_PART}"
        try:
            size = part.write_bytes(json.dumps({**document, "address": address}).encode())
            part.replace(self._folder / f"{request_id}{_STATUS}")
        except OSError:
            part.unlink(missing_ok=True)
            raise
        self._unwritten.pop(request_id, None)
        return size

    def has(self, request_id: str) -> bool:
        """Whether a finished search has this id."""
        return request_id in self._entries

    def entries(self) -> dict[str, ResultEntry]:
        """Every finished search by its id, oldest first."""
        with self._lock:
            return dict(self._entries)

    def status(self, request_id: str) -> Document | None:
        """The status of a finished search."""
        entry = self._entries.get(request_id)
        if entry is not None and entry.finished < time.time() - self._keep:
            self.forget(request_id)
            entry = None
        if entry is None:
            return None
        if request_id in self._unwritten:
            return json.loads(json.dumps(self._unwritten[request_id]))  # type: ignore[no-any-return]
        try:
            document: Document = json.loads((self._folder / f"{request_id}{_STATUS}").read_bytes())
        except FileNotFoundError:
            return None
        document.pop("address", None)
        return document

    def records(self, request_id: str) -> BinaryIO | None:
        """The packed result of a finished search, open; None when it was deleted."""
        entry = self._entries.get(request_id)
        if entry is None or not entry.held:
            return None
        try:
            return (self._folder / f"{request_id}{_RESULT}").open("rb")
        except FileNotFoundError:
            return None

    def delete_records(self, request_id: str) -> None:
        """Deletes the records of a finished search; its status tells when."""
        with self._lock:
            entry, document = self._entries.get(request_id), self.status(request_id)
            if entry is None or document is None or not entry.held:
                return
            (self._folder / f"{request_id}{_RESULT}").unlink(missing_ok=True)
            document["search_result"]["result_file_deleted_timestamp"] = utc_now().isoformat()
            try:
                size = self._write_status(request_id, document, entry.address)
            except OSError:
                size = entry.status_size  # the file, which does not say so, is still there
                self._keep_in_memory(request_id, document)
            self._keep_entry(request_id, replace(entry, held=0, status_size=size))

    def forget(self, request_id: str) -> bool:
        """Deletes all that is kept of a finished search; whether there was one."""
        if not is_request_id(request_id):
            return False  # what is no id names no file of ours
        with self._lock:
            self._unwritten.pop(request_id, None)
            for suffix in (_RESULT, _STATUS):
                (self._folder / f"{request_id}{suffix}").unlink(missing_ok=True)
            return self._keep_entry(request_id, None) is not None

    def expire(self) -> None:
        """Forgets what was kept long enough, and of very many the oldest."""
        before = time.time() - self._keep
        with self._lock:
            # They stand in the order in which they were finished.
            while self._entries:
                name, oldest = next(iter(self._entries.items()))
                if oldest.finished >= before and len(self._entries) <= _MOST_KEPT:
                    return
                self.forget(name)


class ResultWriter:
    """Writes one result and counts its bytes: those that were written, and those that it takes on disk, packed."""

    def __init__(self, file: BinaryIO, store: ResultStore) -> None:
        self._file, self._store = file, store
        self.size = self.held = 0
        self.pack: Callable[[bytes], object] = self.put

    def write(self, data: bytes) -> None:
        """Adds bytes. Raises TooLarge when there is no room for them: one result has half of it at most."""
        self.size += len(data)
        self.pack(data)

    def put(self, data: bytes) -> None:
        """Adds packed bytes. Raises TooLarge."""
        if self.held + len(data) > self._store.disk // 2:
            raise ResultTooLarge
        self.held += len(data)
        self._store.reserve(len(data))
        self._file.write(data)


def _entry_from_status(document: Document, held: int, status_size: int, address: str) -> ResultEntry:
    asked, found = document["search_request"], document["search_result"]
    finished = datetime.fromisoformat(found["completed_timestamp"]).replace(tzinfo=UTC).timestamp()
    return ResultEntry(
        asked["request_type"],
        datetime.fromisoformat(asked["requested"]),
        finished,
        found["query_duration"],
        found["result_count"],
        found["error_condition"],
        found["file_size"],
        held,
        status_size,
        address,
    )
