"""`auroraql doctor`: versions, paths, terminal, settings and the state of the archive. Secrets are hidden."""

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
from auroraql.config import Config, effective_config, query_folders, unknown_variables, user_query_folder
from auroraql.config.definitions import SETTING_DEFINITIONS
from auroraql.diagnostics.errors import AuroraQLError, UsageError, make_visible
from auroraql.engines.aurorax.credentials import read_address
from auroraql.engines.duckdb.demo import demo_cache_path
from auroraql.engines.registry import find_engine, open_archive
from auroraql.engines.source_cache import SourceCache
from auroraql.frontends.cli.commands.configuration import format_config_value, hide_password
from auroraql.frontends.cli.commands.statements import use_color
from auroraql.frontends.cli.streams import EXIT_OK, EXIT_UNREACHABLE, EXIT_WRONG, exit_code
from auroraql.queries import find_queries

ARCHIVE_TIMEOUT_SECONDS = 10.0
"""Seconds within which an archive must answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Line of the report. `code` is the exit code if it is an error, `hint` the way out."""

    name: str
    text: str
    code: int = EXIT_OK
    hint: str = ""
    warns: bool = False


def run_doctor(options: argparse.Namespace) -> int:
    """Print all findings and return the exit code of the first error."""
    code = EXIT_OK
    for title, findings in (("AuroraQL", _version_findings()), *_findings(options)):
        print(title)
        for finding in findings:
            mark = "WRONG " if finding.code else "warning " if finding.warns else ""
            print(f"  {finding.name.ljust(16)} {mark}{make_visible(finding.text)}")
            for line in finding.hint.splitlines():
                print(f"  {''.ljust(16)}   = hint: {make_visible(line)}")
            code = code or finding.code
            sys.stdout.flush()  # the next finding may take seconds
    return code


def _findings(options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Finding]]]:
    """Yield the sections that need the configuration, or its error."""
    try:
        config = effective_config(options, checked=True)
    except UsageError as error:
        # The message names the file, variable or option at fault.
        wrong = Finding("settings", error.message, EXIT_WRONG, error.hint or "auroraql config validate")
        yield "Configuration", iter((wrong,))
        return
    yield "Paths", _path_findings(config)
    yield "Terminal", _terminal_finding(config)
    yield "Configuration", _config_findings(config)
    yield "Archive", _archive_findings(config)


def _version_findings() -> Iterator[Finding]:
    yield Finding("version", __version__)
    yield Finding("Python", f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}")
    yield Finding("system", platform.platform())
    try:
        required = metadata.requires("auroraql") or []
    except metadata.PackageNotFoundError:
        yield Finding("dependencies", "unknown: AuroraQL is not installed", warns=True)
        return
    for requirement in required:
        match = re.match(r"[\w.-]+", requirement)
        if match is not None and "extra ==" not in requirement:
            yield _dependency_finding(match[0])


def _dependency_finding(name: str) -> Finding:
    try:
        return Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, "is not installed", EXIT_WRONG, f"pip install {name}")


def _path_findings(config: Config) -> Iterator[Finding]:
    yield Finding("configuration", _path_with_state(config.file.path))
    yield Finding(
        "saved queries",
        f"{_path_with_state(user_query_folder(config))}, {len(find_queries(query_folders(config)))} available",
    )
    yield _writable_finding("history", user_state_path("auroraql") / "history")
    yield _writable_finding("cache", user_cache_path("auroraql"))


def _path_with_state(path: Path) -> str:
    return f"{path}{'' if path.exists() else ' (does not exist)'}"


def _writable_finding(name: str, path: Path) -> Finding:
    """Check that a path can be written or, if it does not exist, its nearest existing parent."""
    nearest = next((parent for parent in (path, *path.parents) if parent.exists()), path)
    if os.access(nearest, os.W_OK):
        return Finding(name, _path_with_state(path))
    return Finding(name, f"{path} cannot be written to", hint="it is not saved between sessions", warns=True)


def _terminal_finding(config: Config) -> Iterator[Finding]:
    streams = [("input", sys.stdin), ("output", sys.stdout), ("messages", sys.stderr)]
    on = [name for name, stream in streams if stream is not None and stream.isatty()]
    size = shutil.get_terminal_size()
    yield Finding("on a terminal", ", ".join(on) or "nothing")
    yield Finding("TERM", f"{os.environ.get('TERM') or '(not set)'}, {size.columns} columns, {size.lines} lines")
    yield Finding("colour", "on" if use_color(config) else "off")
    encoding = (sys.stdout.encoding or "").lower()
    plain = encoding.replace("-", "") != "utf8"
    yield Finding(
        "encoding", encoding, hint="characters outside this encoding are escaped" if plain else "", warns=plain
    )


def _config_findings(config: Config) -> Iterator[Finding]:
    yield Finding("profile", config.profile or "(none)")
    for name in SETTING_DEFINITIONS:
        if config.origins[name] != "default":
            yield Finding(name, f"{format_config_value(name, config)}  ({config.origins[name]})")
    if config.withheld:
        yield Finding("api_key", f"the key of {config.withheld} belongs to another archive and is not sent")
    for warning in config.warnings:
        message, _, hint = warning.partition("\n  = hint: ")
        yield Finding("file", message.removeprefix("warning: "), hint=hint, warns=True)
    for name, hint in unknown_variables(os.environ):
        yield Finding(name, "is not a setting", hint=hint, warns=True)


def _archive_findings(config: Config) -> Iterator[Finding]:
    definition = find_engine(config.archive)
    if definition.is_demonstration:
        file = demo_cache_path(None)
        age = f"{file}, {_file_age(file)}" if file.exists() else f"{file} (built by the first search)"
        yield Finding(config.archive, age)
        return
    answers = "answers" if definition.is_remote else "readable"
    yield _check_with_timeout(
        hide_password(config.archive), lambda: f"{answers}, {_count_sources(config)} data sources"
    )
    cached = _source_cache_path(config) if definition.is_remote else None
    if cached is not None:
        yield Finding("source cache", f"{cached}, {_file_age(cached)}" if cached.exists() else "none yet")


def _count_sources(config: Config) -> int:
    """Return the number of data sources that the archive reports now. Raises AuroraQLError."""
    engine = open_archive(config.archive, config.api_key, lambda _line: None)
    try:
        return len(engine.refresh_sources())
    finally:
        engine.close()


def _check_with_timeout(name: str, ask: Callable[[], str]) -> Finding:
    """Run a check of an archive with a timeout and return its finding."""
    findings: list[Finding] = []
    started = time.monotonic()

    def work() -> None:
        try:
            findings.append(Finding(name, f"{ask()} ({(time.monotonic() - started) * 1000:.0f} ms)"))
        except AuroraQLError as error:
            message, _, hint = str(error).partition("\n  = hint: ")
            findings.append(Finding(name, message, exit_code(error), hint))

    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(ARCHIVE_TIMEOUT_SECONDS)
    return (
        findings[0]
        if findings
        else Finding(name, f"did not answer within {ARCHIVE_TIMEOUT_SECONDS:g} s", EXIT_UNREACHABLE, "try again later")
    )


def _source_cache_path(config: Config) -> Path | None:
    try:
        return SourceCache(read_address(find_engine(config.archive).address(config.archive))).path
    except UsageError:
        return None


def _file_age(path: Path) -> str:
    """Return the age of a file in words."""
    seconds = max(time.time() - path.stat().st_mtime, 0)
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} old"
    return "less than a minute old"
