"""`auroraql serve`: opens the archive, listens, says where, and ends in order when it is told to."""

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
from auroraql.engines.duckdb.demo.location import demo_cache_path
from auroraql.engines.duckdb.engine import EmbeddedEngine
from auroraql.engines.duckdb.spill_folder import SPILL_PREFIX, SpillFolder
from auroraql.engines.registry import find_engine
from auroraql.engines.source_cache import SourceCache
from auroraql.frontends.server.access import AccessPolicy, read_host, read_origin
from auroraql.frontends.server.application import Application
from auroraql.frontends.server.http_server import create_server
from auroraql.frontends.server.memory_release import DUCKDB_SETTINGS
from auroraql.frontends.server.result_store import ResultStore
from auroraql.frontends.server.search_queue import SearchQueue
from auroraql.frontends.server.service import ServedArchive
from auroraql.frontends.server.source_directory import SourceDirectory

Say = Callable[[str], None]

_WORKERS = 4
"""How many searches run side by side; DuckDB divides each among the processors."""

_INTERRUPTED = 130

_SPILL_PART = 4
"""The part of the disk space that searches may take for what outgrows their memory; results have the rest."""

_TEMPORARY = (
    "Changes are temporary: they go to a copy of the demonstration, which is deleted when the server ends. "
    "To keep changes, serve a catalogue file with --archive FILE."
)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What is served, where and how. Times in seconds, sizes in bytes."""

    archive: str = "demo"
    host: str = "127.0.0.1"
    port: int = 8080
    api_key_file: Path | None = None
    keep: float = 86400.0
    disk: int = 1 << 31
    memory: int = 1 << 31
    """What all searches together may take in DuckDB."""
    timeout: float = 600.0
    allow_origins: tuple[str, ...] = ()
    """Web sites whose pages may use the server; `*` is any."""
    allow_hosts: tuple[str, ...] = ()
    """Host names by which the server is reached, besides its address; `*` is any."""
    folder: Path | None = None
    """Where results are kept; None: the user's own cache directory."""


def serve(settings: ServerSettings, say: Say) -> int:
    """Serves an archive until SIGINT or SIGTERM; gives back the exit code. Raises AuroraQLError when it cannot begin."""
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
        service = ServedArchive(engine, searches, SourceDirectory(engine), keys, temporary)
        server = create_server(Application(service, access), settings.host, settings.port)
        try:
            with _exit_on_signals() as told:
                _forget_cached_service(settings.host, server.effective_port)
                if temporary:
                    say(_TEMPORARY)
                say(_startup_message(settings, server.effective_port, engine, writable=bool(keys)))
                server.run()
        finally:
            searches.close()
            server.close()
    return _INTERRUPTED if told[:1] == [signal.SIGINT] else 0


def read_keys(path: Path | None) -> tuple[str, ...]:
    """The API keys of a file, a line each; empty lines and those that begin with # are none. Raises UsageError."""
    if path is None:
        return ()
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except OSError as problem:
        raise UsageError(f"the file of API keys {path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the file of API keys {path} is no UTF-8 text") from None
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys:
        raise UsageError(f"the file of API keys {path} has none", "write one a line")
    if any(not key.isascii() or not key.isprintable() or " " in key for key in keys):
        raise UsageError(f"a key in {path} cannot be sent in a header", "a key has ASCII letters, digits and signs")
    return keys


@contextmanager
def _spill_folder(folder: Path, disk: int) -> Iterator[SpillFolder]:
    """The folder for what outgrows memory, with its part of the disk space; what a killed server left there goes."""
    path = folder / f"{SPILL_PREFIX}server"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield SpillFolder(path, disk // _SPILL_PART)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _open_archive(
    settings: ServerSettings, say: Say, spill: SpillFolder, *, writable: bool
) -> Iterator[EmbeddedEngine]:
    """The archive. The demonstration is not changed: what is written goes to a copy that lasts as long as the server."""
    if not find_engine(settings.archive).is_servable:
        raise UsageError("serve takes a local archive", "demo, or the path of a catalogue file")
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
def _copy_demonstration(say: Say) -> Iterator[Path]:
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
    """The folder of this archive's results; a second server on it takes one beside."""
    above = settings.folder or user_cache_path("auroraql", appauthor=False) / "serve"
    archive = settings.archive
    if not find_engine(archive).is_demonstration:
        archive = str(Path(archive).absolute())
    name = blake2b(archive.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    try:
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"results cannot be kept in {above}: {problem.strerror}") from None
    number = 1
    while True:
        folder = above / f"{name}-{number}"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / "lock").open("wb") as lock:
            if _try_lock(lock):
                yield folder
                return
        number += 1


def _try_lock(lock: BinaryIO) -> bool:
    """Locks a file as long as this process lives; False when another has."""
    try:
        import fcntl
    except ImportError:  # Windows: whoever opens a file has it
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _exit_on_signals() -> Iterator[list[int]]:
    """Within, SIGINT and SIGTERM end what runs by SystemExit, and are noted."""
    told: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        told.append(number)
        raise SystemExit

    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    before: dict[int, Any] = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with suppress(SystemExit):
            yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _forget_cached_service(host: str, port: int) -> None:
    """What our client keeps of this address may be of another archive that was served at it."""
    for name in {host, "127.0.0.1", "localhost", "::1"}:
        SourceCache(f"http://{f'[{name}]' if ':' in name else name}:{port}").forget()


def _startup_message(settings: ServerSettings, port: int, engine: EmbeddedEngine, *, writable: bool) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    label = " (demonstration data)" if engine.capabilities.demonstration else ""
    access = "" if not writable else ", and may be changed with an API key"
    return f"Serving {settings.archive}{label} at http://{host}:{port}{access}"
