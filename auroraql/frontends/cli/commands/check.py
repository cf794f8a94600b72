"""`auroraql check`: what is wrong with files, for people or, as JSON, for editors and other programs.

Values are looked for in what is known of the configured archive, which is asked nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Pointer, Source, Span, UsageError, render
from auroraql.engines.offline_catalogue import offline_catalogue
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.arguments import parse_parameters
from auroraql.frontends.cli.exit_codes import EXIT_OK, EXIT_WRONG
from auroraql.frontends.shared.effective_config import effective_config
from auroraql.queries import Given, known_values, read_front_matter
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import check_scripts

VERSION = 1
"""Of the shape of the JSON: it grows when a member comes to mean something else."""


def check_files(options: argparse.Namespace) -> int:
    """Says what is to be said of files; gives back the exit code. One that cannot be read does not hide the others."""
    sources: list[Source] = []
    for name in options.files:
        try:
            sources.append(streams.read_input(name))
        except UsageError as error:
            streams.print_notice(str(error))
    known = offline_catalogue(effective_config(options).archive)
    found = [(source, said) for source, said in _check_scripts(sources, parse_parameters(options), known) if said]
    if options.diagnostics == "json":
        diagnostics = [_diagnostic_json(each, source) for source, said in found for each in said]
        _print(json.dumps({"version": VERSION, "diagnostics": diagnostics}, indent=2, ensure_ascii=False))
    else:
        for source, said in found:
            streams.print_notice(render(said, source))
    wrong = any(each.severity == "error" for _, said in found for each in said)
    return EXIT_WRONG if wrong or len(sources) < len(options.files) else EXIT_OK


def _print(text: str) -> None:
    """Prints; where nobody reads it any more, the exit code still tells. Raises OSError for a full disk."""
    try:
        print(text, flush=True)
    except BrokenPipeError as error:
        streams.handle_closed_output(error)


def _check_scripts(
    sources: Sequence[Source], given: Given, known: Catalogue
) -> Iterator[tuple[Source, Sequence[Diagnostic]]]:
    """What is to be said of each script: of its head, then of its statements."""
    heads = [known_values(source, given) for source in sources]
    values: dict[str, object] = {}
    for name, texts in given.items():
        if not any(read_front_matter(source).get_declaration(name) for source in sources):
            values[name] = texts[0] if len(texts) == 1 else texts
    for bound, _ in heads:
        values |= bound
    waiting = [said for _, said in heads]
    for source, said in check_scripts(sources, known, values):
        head = waiting.pop(0) if waiting else ()
        yield source, (*head, *said)


def _diagnostic_json(each: Diagnostic, source: Source) -> dict[str, Any]:
    """A diagnostic as programs take it; one without a place stands at the beginning."""
    span = each.origin if isinstance(each.origin, Span) else Span(0, 0)
    ends = [min(at, len(source.text)) for at in (span.start, max(span.end, span.start))]
    lines = [source.place(at) for at in ends]
    start, end = (
        {"line": row - 1, "character": _utf16_length(source.text[at - column + 1 : at])}
        for at, (row, column) in zip(ends, lines, strict=True)
    )
    return {
        "file": source.name,
        "code": each.code,
        "severity": each.severity,
        "message": each.message,
        "label": each.label,
        "hint": each.hint,
        "fix": each.fix,
        "start": {"line": lines[0][0], "column": lines[0][1]},
        "end": {"line": lines[1][0], "column": lines[1][1]},
        "range": {"start": start, "end": end},
        "pointer": each.origin.path if isinstance(each.origin, Pointer) else None,
        **({"other_fixes": list(each.other_fixes)} if each.other_fixes else {}),
    }


def _utf16_length(text: str) -> int:
    """How many UTF-16 units a text has, which the language server protocol counts in."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2
