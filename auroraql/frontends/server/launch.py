"""Startup and shutdown of `auroraql serve`."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from platformdirs import user_cache_path

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.duckdb.demo import demo_cache_path
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.engines.duckdb.spill_folder import SPILL_PREFIX, SpillFolder
from auroraql.engines.registry import find_engine
from auroraql.engines.source_cache import SourceCache
from auroraql.frontends.server.access import AccessPolicy, read_host, read_origin
from auroraql.frontends.server.application import Application
from auroraql.frontends.server.http_server import create_server
from auroraql.frontends.server.memory import DUCKDB_SETTINGS
from auroraql.frontends.server.result_store import ResultStore
from auroraql.frontends.server.search_queue import SearchQueue
from auroraql.frontends.server.service import ServedArchive
from auroraql.frontends.server.source_directory import SourceDirectory

Notify = Callable[[str], None]

_WORKERS = 4
"""Number of concurrent searches. DuckDB runs each on all processors."""

_INTERRUPTED = 130

_SPILL_DIVISOR = 4
"""Divisor of the disk space: a quarter is for searches that spill to disk, the rest for results."""

_TEMPORARY = (
    "Changes are temporary: they go to a copy of the demonstration archive, which is deleted when the server stops. "
    "To keep changes, serve a catalogue file with --archive FILE."
)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of a server. Times are in seconds, sizes in bytes."""

    archive: str = "demo"
    host: str = "127.0.0.1"
    port: int = 8080
    api_key_file: Path | None = None
    keep: float = 86400.0
    disk: int = 1 << 31
    memory: int = 1 << 31
    """Memory limit of DuckDB for all searches together."""
    timeout: float = 600.0
    allow_origins: tuple[str, ...] = ()
    """Web sites whose pages may use the server. `*` allows any."""
    allow_hosts: tuple[str, ...] = ()
    """Host names that the server accepts besides its addresses. `*` allows any."""
    allow_sql: bool = False
    """Whether statements over HTTP may use SQL."""
    folder: Path | None = None
    """Folder of the results. None is the user's cache directory."""


def serve(settings: ServerSettings, say: Notify) -> int:
    """Serve an archive until SIGINT or SIGTERM and return the exit code. Raises AuroraQLError if it cannot start."""
    keys = read_keys(settings.api_key_file)
    access = AccessPolicy(
        settings.host,
        tuple(map(read_host, settings.allow_hosts)),
        tuple(map(read_origin, settings.allow_origins)),
    )
    with (
        _result_folder(settings) as folder,
        _spill_folder(folder, settings.disk) as spill,
        _open_archive(settings, say, spill, writable=bool(keys)) as engine,
    ):
        store = ResultStore(folder, settings.keep, settings.disk - spill.size)
        searches = SearchQueue(engine, store, timeout=settings.timeout, workers=_WORKERS)
        temporary = bool(keys) and find_engine(settings.archive).is_demonstration
        service = ServedArchive(engine, searches, SourceDirectory(engine), keys, temporary, settings.allow_sql)
        server = create_server(Application(service, access), settings.host, settings.port)
        try:
            with _exit_on_signals() as signals:
                _clear_source_caches(settings.host, server.effective_port)
                if temporary:
                    say(_TEMPORARY)
                say(_startup_message(settings, server.effective_port, engine, writable=bool(keys)))
                server.run()
        finally:
            searches.close()
            server.close()
    return _INTERRUPTED if signals[:1] == [signal.SIGINT] else 0


def read_keys(path: Path | None) -> tuple[str, ...]:
    """Read API keys from a file, one per line. Empty lines and lines starting with # are skipped. Raises UsageError."""
    if path is None:
        return ()
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except OSError as problem:
        raise UsageError(f"cannot read the API key file {path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the API key file {path} is not UTF-8 text") from None
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise UsageError(f"the API key file {path} contains no key", "write one key per line")
    if any(not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise UsageError(f"a key in {path} cannot be sent in a header", "use ASCII letters, digits and punctuation")
    return keys


@contextmanager
def _spill_folder(folder: Path, disk: int) -> Iterator[SpillFolder]:
    """Create the spill folder with its share of the disk space. Files left by a killed server are deleted."""
    path = folder / f"{SPILL_PREFIX}server"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield SpillFolder(path, disk // _SPILL_DIVISOR)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _open_archive(
    settings: ServerSettings, say: Notify, spill: SpillFolder, *, writable: bool
) -> Iterator[EmbeddedEngine]:
    """Open the archive. Changes to the demonstration go to a copy that is deleted when the server stops."""
    if not find_engine(settings.archive).is_servable:
        raise UsageError("serve takes a local archive", "use demo or the path of a catalogue file")
    with (
        _copy_demonstration(say)
        if writable and find_engine(settings.archive).is_demonstration
        else _archive_name(settings.archive) as path
    ):
        config = {"memory_limit": f"{settings.memory}B", **DUCKDB_SETTINGS, **spill.settings(str(path))}
        engine = EmbeddedEngine(path, say=say, writable=writable, config=config)
        try:
            engine.catalogue()  # read once, before several threads ask for it
            yield engine
        finally:
            engine.close()


@contextmanager
def _archive_name(archive: str) -> Iterator[Path | None]:
    yield None if find_engine(archive).is_demonstration else Path(archive)


@contextmanager
def _copy_demonstration(say: Notify) -> Iterator[Path]:
    EmbeddedEngine(None, say=say).close()
    with tempfile.TemporaryDirectory(prefix="auroraql-serve-") as folder:
        path = Path(folder) / "demo"
        try:
            shutil.copyfile(demo_cache_path(None), path)
        except OSError as problem:
            raise UsageError(f"the demonstration archive cannot be copied: {problem.strerror}") from None
        yield path


@contextmanager
def _result_folder(settings: ServerSettings) -> Iterator[Path]:
    """Lock and yield a results folder of this archive. A second server on the same archive gets another folder."""
    parent = settings.folder or user_cache_path("auroraql", appauthor=False) / "serve"
    archive = settings.archive
    if not find_engine(archive).is_demonstration:
        archive = str(Path(archive).absolute())
    name = blake2b(archive.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    try:
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"results cannot be stored in {parent}: {problem.strerror}") from None
    number = 1
    while True:
        folder = parent / f"{name}-{number}"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "lock").open("wb") as lock:
            if _try_lock(lock):
                yield folder
                return
        number += 1


def _try_lock(lock: BinaryIO) -> bool:
    """Lock a file for the lifetime of this process. Return False if another process holds the lock."""
    try:
        import fcntl
    except ImportError:  # Windows: an open file is exclusive already
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _exit_on_signals() -> Iterator[list[int]]:
    """Within the block, SIGINT and SIGTERM raise SystemExit and are added to the yielded list."""
    signals: list[int] = []

    def handle_signal(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        raise SystemExit

    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    before: dict[int, Any] = {
        number: signal.signal(number, handle_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with suppress(SystemExit):
            yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clear_source_caches(host: str, port: int) -> None:
    """Clear AuroraQL's source caches for this address: it may have served another archive before."""
    for name in {host, "127.0.0.1", "localhost", "::1"}:
        SourceCache(f"http://{f'[{name}]' if ':' in name else name}:{port}").forget()


def _startup_message(settings: ServerSettings, port: int, engine: EmbeddedEngine, *, writable: bool) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    label = " (demonstration data)" if engine.capabilities.demonstration else ""
    access = "" if not writable else " (writable with an API key)"
    return f"Serving {settings.archive}{label} at http://{host}:{port}{access}"
