"""`auroraql check`: diagnostics of files, as text or as JSON for editors and other programs.

Values are checked against the cached catalogue of the configured archive. The archive is not contacted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

from auroraql.config import effective_config
from auroraql.diagnostics.errors import Diagnostic, Pointer, Source, Span, UsageError, render
from auroraql.engines.registry import offline_catalogue
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parse_parameters
from auroraql.frontends.cli.streams import EXIT_OK, EXIT_WRONG
from auroraql.queries import Given, known_values, read_front_matter
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import check_scripts

VERSION = 1
"""Version of the JSON format. It increases when the meaning of a member changes."""


def check_files(options: argparse.Namespace) -> int:
    """Print the diagnostics of files and return the exit code. An unreadable file is reported; the others are checked."""
    sources: list[Source] = []
    for name in options.files:
        try:
            sources.append(streams.read_input(name))
        except UsageError as error:
            streams.print_notice(str(error))
    catalogue = offline_catalogue(effective_config(options).archive)
    reports = list(_check_scripts(sources, parse_parameters(options), catalogue))
    if options.diagnostics == "json":
        documents = [_diagnostic_json(diagnostic, source) for source, report in reports for diagnostic in report]
        _print(json.dumps({"version": VERSION, "diagnostics": documents}, indent=2, ensure_ascii=False))
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


def _check_scripts(
    sources: Sequence[Source], given: Given, catalogue: Catalogue
) -> Iterator[tuple[Source, Sequence[Diagnostic]]]:
    """Yield each script with its diagnostics: those of its front matter, then those of its statements."""
    heads = [known_values(source, given) for source in sources]
    values: dict[str, object] = {}
    for name, texts in given.items():
        if not any(read_front_matter(source).get_declaration(name) for source in sources):
            values[name] = texts[0] if len(texts) == 1 else texts
    for bound, _ in heads:
        values |= bound
    head_reports = [report for _, report in heads]
    for source, report in check_scripts(sources, catalogue, values):
        head_report = head_reports.pop(0) if head_reports else ()
        yield source, (*head_report, *report)


def _diagnostic_json(diagnostic: Diagnostic, source: Source) -> dict[str, Any]:
    """Return a diagnostic as a JSON object. One without a position is placed at the beginning of the file."""
    span = diagnostic.origin if isinstance(diagnostic.origin, Span) else Span(0, 0)
    ends = [min(at, len(source.text)) for at in (span.start, max(span.end, span.start))]
    lines = [source.place(at) for at in ends]
    start, end = (
        {"line": row - 1, "character": _utf16_length(source.text[at - column + 1 : at])}
        for at, (row, column) in zip(ends, lines, strict=True)
    )
    return {
        "file": source.name,
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "hint": diagnostic.hint,
        "fix": diagnostic.fix,
        "start": {"line": lines[0][0], "column": lines[0][1]},
        "end": {"line": lines[1][0], "column": lines[1][1]},
        "range": {"start": start, "end": end},
        "pointer": diagnostic.origin.path if isinstance(diagnostic.origin, Pointer) else None,
        **({"other_fixes": list(diagnostic.other_fixes)} if diagnostic.other_fixes else {}),
    }


def _utf16_length(text: str) -> int:
    """Return the number of UTF-16 units in a text, the unit of the language server protocol."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2
