"""Engine registry: what an archive name means, and which engine opens it.

This table is the only place that interprets archive names. It holds data, so that importing it loads no engine. To add
an engine, write its folder and add a row here. The functions below it compare addresses and decide who may get a key.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

from auroraql.diagnostics.errors import ArchiveError, UsageError
from auroraql.schema.catalogue import Catalogue, load_shipped

AURORAX = "aurorax"
AURORAX_URL = "https://api.aurorax.space"


_OPTIONAL_PACKAGES = ("duckdb",)
"""Packages that an installation in a browser (Pyodide) does not have."""


@dataclass(frozen=True, slots=True)
class EngineDefinition:
    """Row of the registry: a kind of archive name, its properties, and its functions as `module:function`."""

    form: str
    """What the user writes, in words: `demo`, `a URL`."""
    doc: str
    """Description in completion."""
    opener: str
    """`(archive, api_key, say, deadline) -> Engine`, see `open_archive`."""
    name: str = ""
    """The archive's whole name, if it has a fixed one."""
    schemes: tuple[str, ...] = ()
    """URL schemes that mean this engine."""
    suffix: str = ""
    """Suffix of the files that completion offers."""
    url: str = ""
    """Address of a service that has a fixed name."""
    lazy_opener: str = ""
    """Opener that returns before the archive is open; with the same arguments. Empty: use `opener`."""
    catalogue: str = ""
    """`() -> Catalogue` without opening the archive. Empty: open it."""
    check: str = ""
    """`(address) -> object`, raises UsageError for an address that cannot be opened."""
    is_remote: bool = False
    """Whether the archive is a service on the network."""
    takes_api_key: bool = False
    """Whether an API key may be sent to the archive."""
    is_demonstration: bool = False
    """Whether the records are synthetic."""
    always_exists: bool = False
    """Whether opening cannot fail because the archive does not exist, so that a prompt may appear first."""
    is_servable: bool = False
    """Whether `auroraql serve` can serve the archive: it is a DuckDB catalogue on this machine."""

    def address(self, archive: str) -> str:
        """Return the address of an archive of this engine: its URL if the name is fixed, else the name."""
        return self.url or archive

    def load(self, reference: str) -> Any:
        """Import and return a function of this row, such as `opener`. Raises UsageError without a package it needs."""
        module, _, name = reference.partition(":")
        try:
            return getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _OPTIONAL_PACKAGES:
                raise
            hint = "translate, check, complete, hover and format_text work without it"
            raise UsageError(f"an archive cannot be opened without the package {error.name}", hint) from None


_SERVICE = EngineDefinition(
    form="a URL",
    doc="search engine with AuroraX's API",
    opener="auroraql.engines.aurorax.aurorax_engine:open_service",
    schemes=("http", "https"),
    check="auroraql.engines.aurorax.credentials:read_address",
    is_remote=True,
    takes_api_key=True,
)

_CATALOGUE_FILE = EngineDefinition(
    form="a catalogue file",
    doc="catalogue file",
    opener="auroraql.engines.duckdb.embedded_engine:open_file",
    suffix=".duckdb",
    is_servable=True,
)

ENGINES = (
    EngineDefinition(
        form="demo",
        doc="demonstration data",
        opener="auroraql.engines.duckdb.embedded_engine:open_demonstration",
        name="demo",
        lazy_opener="auroraql.engines.duckdb.demo.lazy_demo:open_demonstration_lazily",
        catalogue="auroraql.engines.duckdb.demo:demo_catalogue",
        is_demonstration=True,
        always_exists=True,
        is_servable=True,
    ),
    _CATALOGUE_FILE,
    EngineDefinition(
        form=AURORAX,
        doc="the search engine",
        opener="auroraql.engines.aurorax.aurorax_engine:open_aurorax",
        name=AURORAX,
        url=AURORAX_URL,
        is_remote=True,
        takes_api_key=True,
        always_exists=True,
    ),
    _SERVICE,
)


def find_engine(archive: str | os.PathLike[str]) -> EngineDefinition:
    """Return the engine of an archive name.

    A path object is a catalogue file. A text is looked up by name, then by URL scheme; an unknown scheme is left to the
    engine of URLs, which reports it. Any other text is the path of a catalogue file.
    """
    return _find_by_text(archive) if isinstance(archive, str) else _CATALOGUE_FILE


@cache
def _find_by_text(archive: str) -> EngineDefinition:
    scheme, separator, _ = archive.partition("://")
    for definition in ENGINES:
        if (definition.name and archive == definition.name) or (separator and scheme.lower() in definition.schemes):
            return definition
    return _SERVICE if separator else _CATALOGUE_FILE


def archive_forms() -> str:
    """Return the forms of archive names for a message: `demo, a catalogue file, aurorax or a URL`."""
    forms = [definition.form for definition in ENGINES]
    return f"{', '.join(forms[:-1])} or {forms[-1]}"


DEFAULT_TIMEOUT = timedelta(minutes=10)


Say = Callable[[str], None]


def open_archive(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Any:
    """Open an archive and return its `Engine`; a catalogue file within `timeout` seconds.

    `api_key` defaults to AURORAX_API_KEY for AuroraX itself. `say` receives lines about slow steps. Raises UsageError
    for an archive that does not exist, Unreachable for one that cannot be opened, TimedOut.
    """
    return _open(archive, api_key, say, timeout, lazily=False)


def open_lazily(
    archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float = DEFAULT_TIMEOUT.total_seconds()
) -> Any:
    """Return an `Engine` whose name and catalogue are available at once; it may open on the first request for records.

    Raises the errors of `open_archive`.
    """
    return _open(archive, api_key, say, timeout, lazily=True)


def _open(archive: str | os.PathLike[str], api_key: str | None, say: Say, timeout: float, *, lazily: bool) -> Any:
    if not archive:
        raise UsageError("the archive name is empty", f"use {archive_forms()}")
    definition = find_engine(archive)
    opener = definition.load((lazily and definition.lazy_opener) or definition.opener)
    return opener(archive, api_key, say, time.monotonic() + timeout)


_PORTS = {"http": 80, "https": 443}


def url_origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of a URL; None for a malformed URL."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None


def is_aurorax(url: str) -> bool:
    """Return whether a URL is AuroraX's own service, to which AURORAX_API_KEY belongs."""
    return url_origin(url) == url_origin(AURORAX_URL)


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    host = ""
    try:
        host = urlsplit(url).hostname or ""
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def may_carry_key(url: str) -> bool:
    """Return whether a key may be sent to the URL: encrypted, or within this machine."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def offline_catalogue(archive: str) -> Catalogue:
    """Return the sources and metadata keys of an archive without network access.

    Services use their disk cache. Without a cache, or if the file is unreachable, return the packaged catalogue.
    Raises UsageError for an archive that does not exist.
    """
    definition = find_engine(archive)
    if definition.catalogue:
        return cast("Catalogue", definition.load(definition.catalogue)())
    try:
        engine = open_archive(archive, "", lambda _line: None)
    except ArchiveError:
        return load_shipped()
    try:
        return cast("Catalogue", engine.catalogue())
    finally:
        engine.close()
