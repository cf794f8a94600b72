"""JSON documents of the language service. Every front end and `auroraql check --format json` write the same ones.

`version` increases when the meaning of a member changes or a member is removed. New members may come at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from auroraql.completion import Completion
from auroraql.diagnostics.errors import Diagnostic, Pointer, Severity, Source, Span
from auroraql.language_service.hover import Hover
from auroraql.language_service.positions import LineTable, RangeDocument

VERSION = 1
"""Version of the documents."""


class PlaceDocument(TypedDict):
    """JSON of a place for people: both numbers begin at 1, and `column` counts characters (code points)."""

    line: int
    column: int


class DiagnosticDocument(TypedDict):
    """JSON of an error or warning.

    `fix`, if it is not null, is the text that replaces `range`, and `other_fixes` has alternatives. `pointer` is the
    RFC 6901 pointer of a place in a query document.
    """

    file: str
    code: str
    severity: Severity
    message: str
    label: str
    hint: str
    fix: str | None
    start: PlaceDocument
    end: PlaceDocument
    range: RangeDocument
    pointer: str | None
    other_fixes: NotRequired[list[str]]


class CheckDocument(TypedDict):
    """JSON of the errors and warnings of one or more scripts."""

    version: int
    diagnostics: list[DiagnosticDocument]


class CandidateDocument(TypedDict):
    """JSON of a completion candidate: `text` replaces `range`. `label` is its name in a menu."""

    text: str
    label: str
    doc: str
    range: RangeDocument


class CompletionDocument(TypedDict):
    """JSON of the candidates at a position, best first."""

    version: int
    candidates: list[CandidateDocument]


class HoverDocument(TypedDict):
    """JSON of the facts about the word at a position, as Markdown."""

    version: int
    markdown: str
    range: RangeDocument


class ExplainDocument(TypedDict):
    """JSON of the plan of a FIND, in the form that `translate --to plan` writes, and the warnings about it."""

    version: int
    plan: dict[str, Any]
    warnings: list[DiagnosticDocument]


def check_document(reports: Iterable[tuple[Source, Iterable[Diagnostic]]]) -> CheckDocument:
    """Return the JSON of the diagnostics of scripts."""
    documents = [diagnostic_document(diagnostic, source) for source, report in reports for diagnostic in report]
    return {"version": VERSION, "diagnostics": documents}


def diagnostic_document(diagnostic: Diagnostic, source: Source) -> DiagnosticDocument:
    """Return the JSON of a diagnostic. One without a position is placed at the beginning of the text."""
    span = diagnostic.origin if isinstance(diagnostic.origin, Span) else Span(0, 0)
    ends = [min(at, len(source.text)) for at in (span.start, max(span.end, span.start))]
    start, end = ({"line": line, "column": column} for line, column in map(source.place, ends))
    document: DiagnosticDocument = {
        "file": source.name,
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "label": diagnostic.label,
        "hint": diagnostic.hint,
        "fix": diagnostic.fix,
        "start": PlaceDocument(line=start["line"], column=start["column"]),
        "end": PlaceDocument(line=end["line"], column=end["column"]),
        "range": LineTable(source.text).range(Span(*ends)),
        "pointer": diagnostic.origin.path if isinstance(diagnostic.origin, Pointer) else None,
    }
    if diagnostic.other_fixes:
        document["other_fixes"] = list(diagnostic.other_fixes)
    return document


def completion_document(candidates: Iterable[Completion], text: str, offset: int) -> CompletionDocument:
    """Return the JSON of the candidates at an offset of a text."""
    lines = LineTable(text)
    return {
        "version": VERSION,
        "candidates": [
            {
                "text": candidate.text,
                "label": candidate.shown,
                "doc": candidate.doc,
                "range": lines.range(Span(candidate.start, offset)),
            }
            for candidate in candidates
        ],
    }


def hover_document(hover: Hover, text: str) -> HoverDocument:
    """Return the JSON of a hover text."""
    return {"version": VERSION, "markdown": hover.markdown, "range": LineTable(text).range(hover.span)}
