"""`auroraql doctor`: how AuroraQL stands on this machine, for its user and for those who help them. No secret is shown."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from threading import Thread

from platformdirs import user_cache_path, user_state_path

from auroraql import __version__
from auroraql.archives.demo.place import demo_cache_path
from auroraql.archives.opening import AURORAX_URL
from auroraql.config import Config, unknown_variables
from auroraql.config.rows import SETTING_DEFINITIONS
from auroraql.errors import AuroraQLError, UsageError, make_visible
from auroraql.frontends.cli.configuring import shown, without_password
from auroraql.frontends.cli.exits import DONE, UNREACHABLE, WRONG, exit_code
from auroraql.frontends.cli.searching import is_colored
from auroraql.frontends.cli.settling import own_queries, query_folders, settled
from auroraql.saved import find_queries
from auroraql.session import connect

PATIENCE = 10.0
"""Seconds that an archive has to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: what it is, how it stands, the exit code if that is bad, and the way out."""

    name: str
    said: str
    code: int = DONE
    hint: str = ""
    warns: bool = False


def examine(options: argparse.Namespace) -> int:
    """Prints all findings; gives back the exit code of the first bad one."""
    code = DONE
    for title, findings in (("AuroraQL", _versions()), *_about(options)):
        print(title)
        for each in findings:
            mark = "WRONG " if each.code else "warning " if each.warns else ""
            print(f"  {each.name.ljust(16)} {mark}{make_visible(each.said)}")
            for line in each.hint.splitlines():
                print(f"  {''.ljust(16)}   = hint: {make_visible(line)}")
            code = code or each.code
            sys.stdout.flush()  # the next may take its time
    return code


def _about(options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Finding]]]:
    """The rest, as far as the configuration can be read."""
    try:
        config = settled(options, checked=True)
    except UsageError as error:
        # The message names the file, or the variable or option that is to blame.
        wrong = Finding("settings", error.message, WRONG, error.hint or "auroraql config validate")
        yield "Configuration", iter((wrong,))
        return
    yield "Places", _places(config)
    yield "Terminal", _terminal(config)
    yield "Configuration", _configuration(config)
    yield "Archive", _archive(config)


def _versions() -> Iterator[Finding]:
    yield Finding("version", __version__)
    yield Finding("Python", f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}")
    yield Finding("system", platform.platform())
    try:
        required = metadata.requires("auroraql") or []
    except metadata.PackageNotFoundError:
        yield Finding("dependencies", "not known: AuroraQL is not installed", warns=True)
        return
    for requirement in required:
        match = re.match(r"[\w.-]+", requirement)
        if match is not None and "extra ==" not in requirement:
            yield _dependency(match[0])


def _dependency(name: str) -> Finding:
    try:
        return Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "is not installed", WRONG, f"pip install {name}")


def _places(config: Config) -> Iterator[Finding]:
    yield Finding("configuration", _with_state(config.file.path))
    yield Finding(
        "saved queries", f"{_with_state(own_queries(config))}, {len(find_queries(query_folders(config)))} here in all"
    )
    yield _writable("history", user_state_path("auroraql") / "history")
    yield _writable("cache", user_cache_path("auroraql"))


def _with_state(path: Path) -> str:
    return f"{path}{'' if path.exists() else ' (not there)'}"


def _writable(name: str, path: Path) -> Finding:
    """A place that is written to, or the nearest folder that is there, when it is made first."""
    nearest = next((each for each in (path, *path.parents) if each.exists()), path)
    if os.access(nearest, os.W_OK):
        return Finding(name, _with_state(path))
    return Finding(
        name, f"{path} cannot be written to", hint="nothing is kept from one session to the next", warns=True
    )


def _terminal(config: Config) -> Iterator[Finding]:
    streams = [("input", sys.stdin), ("output", sys.stdout), ("messages", sys.stderr)]
    on = [name for name, stream in streams if stream is not None and stream.isatty()]
    size = shutil.get_terminal_size()
    yield Finding("on a terminal", ", ".join(on) or "nothing")
    yield Finding("TERM", f"{os.environ.get('TERM') or '(not set)'}, {size.columns} columns, {size.lines} lines")
    yield Finding("colour", "on" if is_colored(config) else "off")
    encoding = (sys.stdout.encoding or "").lower()
    plain = encoding.replace("-", "") != "utf8"
    yield Finding("encoding", encoding, hint="characters it has not are escaped" if plain else "", warns=plain)


def _configuration(config: Config) -> Iterator[Finding]:
    yield Finding("profile", config.profile or "(none)")
    for name in SETTING_DEFINITIONS:
        if config.origins[name] != "default":
            yield Finding(name, f"{shown(name, config)}  ({config.origins[name]})")
    if config.withheld:
        yield Finding("api_key", f"that of {config.withheld} is not for this archive, and is not sent to it")
    for warning in config.warnings:
        said, _, hint = warning.partition("\n  = hint: ")
        yield Finding("file", said.removeprefix("warning: "), hint=hint, warns=True)
    for name, hint in unknown_variables(os.environ):
        yield Finding(name, "is no setting", hint=hint, warns=True)


def _archive(config: Config) -> Iterator[Finding]:
    name = without_password(config.archive)
    if config.archive == "demo":
        file = demo_cache_path(None)
        yield Finding("demo", f"{file}, {_age(file)}" if file.exists() else f"{file} (built at the first search)")
        return
    if config.archive == "aurorax" or "://" in config.archive:
        yield _timed(name, lambda: _asked(config))
        kept = _kept_sources(config)
        if kept is not None:
            yield Finding("kept sources", f"{kept}, {_age(kept)}" if kept.exists() else "none yet")
    else:
        yield _timed(name, lambda: _opened(config))


def _asked(config: Config) -> str:
    """What a service says of its sources. Raises AuroraQLError."""
    from auroraql.archives.aurorax import AuroraXEngine

    url = AURORAX_URL if config.archive == "aurorax" else config.archive
    engine = AuroraXEngine(url, api_key=config.api_key or None)
    try:
        return f"answers, {len(engine.refresh_sources())} data sources"
    finally:
        engine.close()


def _opened(config: Config) -> str:
    """What a catalogue file says of its sources. Raises AuroraQLError."""
    with connect(config.archive, api_key="") as archive:
        return f"can be read, {len(archive.catalogue.sources)} data sources"


def _timed(name: str, ask: Callable[[], str]) -> Finding:
    """What an archive says, if it says it in time."""
    found: list[Finding] = []
    began = time.monotonic()

    def work() -> None:
        try:
            found.append(Finding(name, f"{ask()} ({(time.monotonic() - began) * 1000:.0f} ms)"))
        except AuroraQLError as error:
            said, _, hint = str(error).partition("\n  = hint: ")
            found.append(Finding(name, said, exit_code(error), hint))

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else Finding(name, f"has not answered in {PATIENCE:g} s", UNREACHABLE, "try again later")


def _kept_sources(config: Config) -> Path | None:
    from auroraql.archives.aurorax.address import read_address
    from auroraql.archives.kept_sources import SourceCache

    try:
        return SourceCache(read_address(AURORAX_URL if config.archive == "aurorax" else config.archive)).path
    except UsageError:
        return None


def _age(path: Path) -> str:
    """How old a file is, in words."""
    seconds = max(time.time() - path.stat().st_mtime, 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} old"
    return "just made"
