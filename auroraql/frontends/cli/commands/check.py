"""`auroraql check`: diagnostics of files, as text or as JSON for editors and other programs.

Values are checked against the cached catalogue of the configured archive. The archive is not contacted.
"""

from __future__ import annotations

import argparse
import json

from auroraql.config import effective_config
from auroraql.diagnostics.errors import Source, UsageError, render
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parse_parameters
from auroraql.frontends.cli.streams import EXIT_OK, EXIT_WRONG
from auroraql.language_service.documents import check_document
from auroraql.language_service.service import check_sources


def check_files(options: argparse.Namespace) -> int:
    """Print the diagnostics of files and return the exit code. An unreadable file is reported; the others are checked."""
    sources: list[Source] = []
    for name in options.files:
        try:
            sources.append(streams.read_input(name))
        except UsageError as error:
            streams.print_notice(str(error))
    catalogue = offline_catalogue(effective_config(options).archive)
    reports = check_sources(sources, parse_parameters(options), catalogue)
    if options.diagnostics == "json":
        _print(json.dumps(check_document(reports), indent=2, ensure_ascii=False))
    else:
        for source, report in reports:
            if report:
                streams.print_notice(render(report, source))
    has_errors = any(diagnostic.severity == "error" for _, report in reports for diagnostic in report)
    return EXIT_WRONG if has_errors or len(sources) < len(options.files) else EXIT_OK


def _print(text: str) -> None:
    """Print text. If its reader has exited, the exit code still reports errors. Raises OSError for a full disk."""
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        streams.handle_closed_output(error)
