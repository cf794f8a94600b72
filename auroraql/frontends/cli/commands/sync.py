"""`auroraql sync`: mirror an archive, or a part of it, in a catalogue file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from auroraql.config import Config, effective_config
from auroraql.diagnostics.errors import Source, UsageError
from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine
from auroraql.engines.registry import find_engine, open_archive
from auroraql.frontends.cli.streams import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, print_error, print_notice
from auroraql.frontends.shared.sync_progress import sync_status_line
from auroraql.mirror.report import SyncOptions, SyncReport
from auroraql.mirror.selection import split_statements
from auroraql.mirror.synchronizer import Synchronizer, read_mirror_ledger

_MAX_LINES = 20
"""Warnings and failures that are printed. `--json` has all of them."""


def run_sync(options: argparse.Namespace) -> int:
    """Synchronize a mirror and return the exit code: 1 if a unit is missing. Raises AuroraQLError."""
    path, statements = _read_target(options), _read_statements(options)
    config = _read_config(options, path)
    for warning in config.warnings:
        print_notice(warning)
    engine = open_archive(config.archive, config.api_key, print_notice, config.timeout)
    if not isinstance(engine, AuroraXEngine):
        raise UsageError(f"'{config.archive}' is not a service", "sync mirrors aurorax or a URL; copy a catalogue file")
    sync_options = SyncOptions(
        options.jobs,
        options.refresh,
        options.verify,
        options.limit_bytes,
        bool(options.allow_deletions),
        config.timeout,
    )
    progress = sync_status_line(sys.stderr)
    synchronizer = Synchronizer(engine, config.archive, path, statements, sync_options, on_progress=progress)
    try:
        report = synchronizer.plan() if options.dry_run else synchronizer.run()
    except KeyboardInterrupt:
        print_error(f"interrupted; 'auroraql sync {path}' continues")
        return EXIT_INTERRUPTED
    finally:
        engine.close()
    _print_report(report, as_json=options.as_json)
    return EXIT_OK if report.is_complete else EXIT_FAILED


def _read_target(options: argparse.Namespace) -> Path:
    if (options.file is None) == (options.to is None):
        raise UsageError("sync takes one catalogue file", "create a mirror with --to FILE, and update it by its name")
    if options.file is not None and not Path(options.file).exists():
        raise UsageError(f"the mirror '{options.file}' does not exist", "create it with --archive, --to and -c")
    return Path(options.to if options.file is None else options.file)


def _read_statements(options: argparse.Namespace) -> list[str]:
    """Return the statements of -c. Raises StatementError."""
    return [statement for text in options.texts or () for statement in split_statements(Source(text))]


def _read_config(options: argparse.Namespace, path: Path) -> Config:
    """Return the settings with the archive of the options, else that of an existing mirror. Raises UsageError."""
    if getattr(options, "archive", None) is None and path.exists():
        stored = read_mirror_ledger(path).archive
        if stored:
            options.archive = stored
    config = effective_config(options)
    if not find_engine(config.archive).is_remote:
        hint = "give the service with --archive: aurorax, or a URL"
        raise UsageError(f"sync mirrors a service, and '{config.archive}' is not one", hint)
    return config


def _print_report(report: SyncReport, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.to_json(), ensure_ascii=False))
        return
    for lines, show in ((report.warnings, print_notice), (report.failures, print_error)):
        for line in lines[:_MAX_LINES]:
            show(line)
        if len(lines) > _MAX_LINES:
            show(f"… and {len(lines) - _MAX_LINES:,} more (--json prints all)")
    if report.stopped:
        print_error(f"stopped: {report.stopped}")
    print_notice(report.summary())
