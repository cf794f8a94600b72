"""Results of searches on disk, with a time limit and a size limit.

`<id>.json.gz` holds the records and `<id>.status` the status. Both are written atomically, so finished searches
survive a restart. When space runs out, the oldest records are deleted first. Their status remains and records the
deletion.
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

_MAX_SEARCHES = 10_000
"""Maximum number of stored searches, however little space they use."""

_MAX_UNWRITTEN = 1000
"""Maximum number of statuses held in memory when the disk is full."""

_RESULT, _STATUS, _PART = ".json.gz", ".status", ".part"


def is_request_id(text: str) -> bool:
    """Return whether a text is a valid request id and safe as a file name: letters, digits, inner `.`, `_` and `-`."""
    return _ID.fullmatch(text) is not None and ".." not in text


class ResultTooLarge(Exception):
    """Raised when a result does not fit into the space for results."""


@dataclass(frozen=True, slots=True)
class ResultEntry:
    """Index entry of a finished search. Its status file holds the rest. Sizes are in bytes, times in UTC."""

    kind: str
    requested: datetime
    finished: float
    milliseconds: int
    count: int
    failed: bool
    size: int
    stored_size: int
    """Bytes of records on disk, 0 if there are none."""
    status_size: int
    address: str = ""


class ResultStore:
    """Folder of compressed results. `keep` is in seconds, `disk` in bytes. Thread-safe."""

    def __init__(self, folder: Path, keep: float, disk: int) -> None:
        self._folder, self._keep, self.disk = folder, keep, disk
        self._lock = threading.RLock()
        self._loaded_entries: dict[str, ResultEntry] = {}
        self._used = 0
        self._unwritten: dict[str, Document] = {}
        """Statuses that did not fit on disk. They are lost when the server ends."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Reading thousands of files takes about a second, which must not delay the first response.
        self._loading = threading.Thread(target=self._load, daemon=True)
        self._loading.start()

    @property
    def _entries(self) -> dict[str, ResultEntry]:
        """Finished searches by id, oldest first. Waits until those of an earlier run are loaded."""
        self._loading.join()
        return self._loaded_entries

    def _load(self) -> None:
        """Load the results of an earlier run and delete incomplete ones."""
        entries: dict[str, ResultEntry] = {}
        for path in self._folder.iterdir():
            if path.suffix == _PART:
                path.unlink(missing_ok=True)
            elif path.suffix == _STATUS:
                entries |= self._read_entry(path)
        for path in self._folder.glob(f"*{_RESULT}"):
            if path.name.removesuffix(_RESULT) not in entries:
                path.unlink(missing_ok=True)
        self._used = sum(entry.stored_size + entry.status_size for entry in entries.values())
        self._loaded_entries = dict(sorted(entries.items(), key=lambda item: item[1].finished))

    def _read_entry(self, path: Path) -> dict[str, ResultEntry]:
        """Return the entry of a status file by its id, or an empty dict if the file is not a status."""
        name = path.name.removesuffix(_STATUS)
        result = self._folder / f"{name}{_RESULT}"
        with suppress(OSError, ValueError, KeyError, TypeError):
            document = json.loads(path.read_text("utf-8"))
            size = result.stat().st_size if result.is_file() else 0
            return {name: _entry_from_status(document, size, path.stat().st_size, document.get("address", ""))}
        return {}

    def _set_entry(self, name: str, entry: ResultEntry | None) -> ResultEntry | None:
        """Add, replace or (with None) remove an entry, and update the used bytes. Return the previous entry."""
        entries = self._entries
        before = entries.pop(name, None) if entry is None else entries.get(name)
        if before is not None:
            self._used -= before.stored_size + before.status_size
        if entry is not None:
            self._used += entry.stored_size + entry.status_size
            entries[name] = entry
        return before

    @contextmanager
    def writing(self, request_id: str) -> Iterator[ResultWriter]:
        """Yield a writer of one result. The result is stored when the block ends; on an error it is discarded."""
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
                    self._used -= writer.stored_size

    def reserve(self, size: int) -> None:
        """Reserve `size` bytes, deleting old results if needed. Raises ResultTooLarge."""
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
        """Store the status of a finished search. `address` is the IP address of the client."""
        result = self._folder / f"{request_id}{_RESULT}"
        with self._lock:
            stored_size = result.stat().st_size if result.is_file() else 0
            size = self._write_status(request_id, document, address)
            self._set_entry(request_id, _entry_from_status(document, stored_size, size, address))
        self.expire()
        with suppress(ResultTooLarge):
            self.reserve(0)

    def finish_without_space(self, request_id: str, document: Document, address: str) -> None:
        """Hold the status of a search in memory because the disk is full."""
        with self._lock:
            (self._folder / f"{request_id}{_RESULT}").unlink(missing_ok=True)
            self._hold_in_memory(request_id, document)
            self._set_entry(request_id, _entry_from_status(document, 0, 0, address))

    def _hold_in_memory(self, request_id: str, document: Document) -> None:
        self._unwritten[request_id] = document
        while len(self._unwritten) > _MAX_UNWRITTEN:
            self.forget(next(iter(self._unwritten)))

    def _write_status(self, request_id: str, document: Document, address: str) -> int:
        """Write a status file, which includes the client's address, and return its size. Raises OSError."""
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
        """Return whether a finished search has this id."""
        return request_id in self._entries

    def entries(self) -> dict[str, ResultEntry]:
        """Return the finished searches by id, oldest first."""
        with self._lock:
            return dict(self._entries)

    def status(self, request_id: str) -> Document | None:
        """Return the status of a finished search, or None if it is unknown or expired."""
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
        """Open the compressed result of a finished search. Return None if it was deleted."""
        entry = self._entries.get(request_id)
        if entry is None or not entry.stored_size:
            return None
        try:
            return (self._folder / f"{request_id}{_RESULT}").open("rb")
        except FileNotFoundError:
            return None

    def delete_records(self, request_id: str) -> None:
        """Delete the records of a finished search and note the time in its status."""
        with self._lock:
            entry, document = self._entries.get(request_id), self.status(request_id)
            if entry is None or document is None or not entry.stored_size:
                return
            (self._folder / f"{request_id}{_RESULT}").unlink(missing_ok=True)
            document["search_result"]["result_file_deleted_timestamp"] = utc_now().isoformat()
            try:
                size = self._write_status(request_id, document, entry.address)
            except OSError:
                size = entry.status_size  # the old status file is still there
                self._hold_in_memory(request_id, document)
            self._set_entry(request_id, replace(entry, stored_size=0, status_size=size))

    def forget(self, request_id: str) -> bool:
        """Delete the status and the records of a finished search. Return whether the search existed."""
        if not is_request_id(request_id):
            return False  # an invalid id does not name a file of this store
        with self._lock:
            self._unwritten.pop(request_id, None)
            for suffix in (_RESULT, _STATUS):
                (self._folder / f"{request_id}{suffix}").unlink(missing_ok=True)
            return self._set_entry(request_id, None) is not None

    def expire(self) -> None:
        """Delete expired searches, and the oldest ones beyond the maximum number."""
        before = time.time() - self._keep
        with self._lock:
            # Entries are in the order in which their searches finished.
            while self._entries:
                name, oldest = next(iter(self._entries.items()))
                if oldest.finished >= before and len(self._entries) <= _MAX_SEARCHES:
                    return
                self.forget(name)


class ResultWriter:
    """Writer of one result. `size` counts the bytes written, `stored_size` the compressed bytes on disk."""

    def __init__(self, file: BinaryIO, store: ResultStore) -> None:
        self._file, self._store = file, store
        self.size = self.stored_size = 0
        self.pack: Callable[[bytes], object] = self.put

    def write(self, data: bytes) -> None:
        """Compress and write bytes. Raises ResultTooLarge if they do not fit: one result may use half of the space."""
        self.size += len(data)
        self.pack(data)

    def put(self, data: bytes) -> None:
        """Write compressed bytes. Raises ResultTooLarge."""
        if self.stored_size + len(data) > self._store.disk // 2:
            raise ResultTooLarge
        self.stored_size += len(data)
        self._store.reserve(len(data))
        self._file.write(data)


def _entry_from_status(document: Document, stored_size: int, status_size: int, address: str) -> ResultEntry:
    request, result = document["search_request"], document["search_result"]
    finished = datetime.fromisoformat(result["completed_timestamp"]).replace(tzinfo=UTC).timestamp()
    return ResultEntry(
        request["request_type"],
        datetime.fromisoformat(request["requested"]),
        finished,
        result["query_duration"],
        result["result_count"],
        result["error_condition"],
        result["file_size"],
        stored_size,
        status_size,
        address,
    )
