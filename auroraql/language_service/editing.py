"""Public functions for tools that edit statements: check, complete, hover, format and explain.

They run no search. `archive` gives the names, the sources and the results of a session; without it, the data sources
that come with the package are used. `documents` describes the JSON that they return.
"""

from __future__ import annotations

from functools import cache
from weakref import WeakKeyDictionary

from auroraql.diagnostics.errors import Source
from auroraql.language.formatter import format_text as format_source
from auroraql.language_service.documents import (
    VERSION,
    CheckDocument,
    CompletionDocument,
    ExplainDocument,
    HoverDocument,
    check_document,
    completion_document,
    diagnostic_document,
    hover_document,
)
from auroraql.language_service.positions import LineTable, Position
from auroraql.language_service.service import LanguageService
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import StatementLike, to_source
from auroraql.session.archive import Archive
from auroraql.session.translation import translate_source


def format_text(text: str) -> str:
    """Return a script formatted, each statement closed by `;`. Raises StatementError when one cannot be read."""
    return format_source(Source(text))


def check(text: str, *, archive: Archive | None = None, typing: bool = False) -> CheckDocument:
    """Return the errors and warnings of a script as JSON, without running it.

    With `typing`, the last statement may be unfinished: the beginning of a valid statement has no error. Each
    diagnostic has its code, message, label, hint, range, and the fix that replaces the range, if one is known.
    """
    return check_document([(Source(text), _service(archive).check(text, typing=typing))])


def complete(text: str, position: int | tuple[int, int], *, archive: Archive | None = None) -> CompletionDocument:
    """Return the candidates at a position as JSON, best first and at most 100.

    `position` is the number of characters before the cursor, or a line and a number of UTF-16 units, both from 0.
    """
    offset = _offset(text, position)
    return completion_document(_service(archive).complete(text, offset), text, offset)


def hover(text: str, position: int | tuple[int, int], *, archive: Archive | None = None) -> HoverDocument | None:
    """Return the facts about the word at a position as Markdown in JSON, or None where nothing is known.

    `position` is that of `complete`.
    """
    hovered = _service(archive).hover(text, _offset(text, position))
    return None if hovered is None else hover_document(hovered, text)


def explain(statement: StatementLike, /, *, archive: Archive | None = None, **parameters: object) -> ExplainDocument:
    """Return the plan of a FIND as JSON: its requests to AuroraX, and what is done with their records.

    `$name` in the statement takes the keyword argument `name`. Raises StatementError for a statement with errors, and
    for one whose plan depends on the rows of another result.
    """
    source = to_source(statement)
    translation = translate_source(source, "plan", catalogue=_service(archive).catalogue, parameters=parameters)
    assert isinstance(translation.output, dict), "a plan is a document"  # noqa: S101
    warnings = [diagnostic_document(warning, source) for warning in translation.warnings]
    return {"version": VERSION, "plan": translation.output, "warnings": warnings}


def _offset(text: str, position: int | tuple[int, int]) -> int:
    if isinstance(position, int):
        return min(max(position, 0), len(text))
    return LineTable(text).offset(Position(*position))


_SERVICES: WeakKeyDictionary[Archive, LanguageService] = WeakKeyDictionary()


def _service(archive: Archive | None) -> LanguageService:
    """Return the language service of an archive, which keeps its index of names from call to call."""
    if archive is None:
        return _offline_service()
    service = _SERVICES.setdefault(archive, LanguageService(archive.catalogue, archive.session_context))
    service.update(archive.catalogue, archive.session_context)
    return service


@cache
def _offline_service() -> LanguageService:
    return LanguageService(load_shipped())
