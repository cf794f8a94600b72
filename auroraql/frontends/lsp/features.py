"""Answers of the language server about one document, in the types of the protocol. No input or output."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from lsprotocol import types

from auroraql.codecs.script import read_each_statement
from auroraql.completion import Completion
from auroraql.completion.incomplete_input import MAX_CHECKED_CHARACTERS
from auroraql.diagnostics.errors import Diagnostic, Source, Span, StatementError
from auroraql.frontends.lsp.documents import OpenDocument
from auroraql.language.ast import FindStatement, Window, get_find
from auroraql.language.formatter import format_text
from auroraql.language_service.positions import LineTable
from auroraql.language_service.symbols import Occurrence, find_occurrences, occurrence_at, same_symbol
from auroraql.language_service.words import StatementWords, script_words
from auroraql.queries import read_front_matter
from auroraql.resolver import resolve

SOURCE_NAME = "auroraql"

_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}


LONG_DOCUMENT_MESSAGE = (
    f"This document has more than {MAX_CHECKED_CHARACTERS:,} characters: AuroraQL checks it only when it is opened or "
    "saved, and gives no completions, colours or hints."
)


def is_long(document: OpenDocument) -> bool:
    """Return whether a document is data rather than typed queries: too long for an answer at each key."""
    return len(document.text) > MAX_CHECKED_CHARACTERS


def diagnostics(document: OpenDocument) -> list[types.Diagnostic]:
    """Return the errors and warnings. While the text differs from the file, its end may be unfinished."""
    return [
        types.Diagnostic(
            range=_diagnostic_range(document, problem),
            message="\n".join(part for part in (problem.message, problem.hint and f"hint: {problem.hint}") if part),
            severity=_SEVERITIES[problem.severity],
            code=problem.code,
            source=SOURCE_NAME,
        )
        for problem in document.problems
    ]


def _diagnostic_range(document: OpenDocument, problem: Diagnostic) -> types.Range:
    return document.range(problem.origin if isinstance(problem.origin, Span) else Span(0, 0))


# --- completion and hover


def completion(document: OpenDocument, position: types.Position) -> types.CompletionList:
    """Return the candidates, in their order and unfiltered: the editor must not filter what was matched loosely."""
    offset = document.offset(position)
    candidates = document.service.complete(document.text, offset)
    items = [_completion_item(document, c, offset, rank) for rank, c in enumerate(candidates)]
    return types.CompletionList(is_incomplete=True, items=items)


def _completion_item(document: OpenDocument, candidate: Completion, offset: int, rank: int) -> types.CompletionItem:
    return types.CompletionItem(
        label=candidate.shown,
        detail=candidate.doc or None,
        kind=_item_kind(candidate),
        sort_text=f"{rank:04}",
        filter_text=document.text[candidate.start : offset] or candidate.text,
        text_edit=types.TextEdit(range=document.range(Span(candidate.start, offset)), new_text=candidate.text),
    )


def _item_kind(candidate: Completion) -> types.CompletionItemKind:
    if candidate.text[:1] in ("'", '"'):
        return types.CompletionItemKind.Value
    if candidate.text.endswith("("):
        return types.CompletionItemKind.Function
    if candidate.text.startswith("$"):
        return types.CompletionItemKind.Variable
    return types.CompletionItemKind.Keyword if candidate.text.isupper() else types.CompletionItemKind.Field


def hover(document: OpenDocument, position: types.Position) -> types.Hover | None:
    """Return the facts about the word at a position."""
    hovered = document.service.hover(document.text, document.offset(position))
    if hovered is None:
        return None
    contents = types.MarkupContent(kind=types.MarkupKind.Markdown, value=hovered.markdown)
    return types.Hover(contents=contents, range=document.range(hovered.span))


# --- edits


def code_actions(document: OpenDocument, selection: types.Range) -> list[types.CodeAction]:
    """Return the fixes of the diagnostics that touch a range."""
    start, end = document.offset(selection.start), document.offset(selection.end)
    return [
        action
        for diagnostic, published in zip(document.problems, diagnostics(document), strict=True)
        if isinstance(diagnostic.origin, Span) and diagnostic.origin.start <= end and diagnostic.origin.end >= start
        for action in _fixes(document, diagnostic, diagnostic.origin, published)
    ]


def _fixes(
    document: OpenDocument, problem: Diagnostic, span: Span, published: types.Diagnostic
) -> Iterator[types.CodeAction]:
    fixes = (*((problem.fix,) if problem.fix is not None else ()), *problem.other_fixes)
    for number, fix in enumerate(fixes):
        yield types.CodeAction(
            title=_fix_title(document.text[span.start : span.end], fix),
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[published],
            is_preferred=number == 0,
            edit=_edit(document, [types.TextEdit(range=document.range(span), new_text=fix)]),
        )


def _fix_title(old: str, new: str) -> str:
    shown_old, shown_new = (" ".join(text.split())[:40] for text in (old, new))
    if not shown_new:
        return f"Remove {shown_old}"
    return f"Replace {shown_old} with {shown_new}" if shown_old else f"Insert {shown_new}"


def _edit(document: OpenDocument, edits: Sequence[types.TextEdit]) -> types.WorkspaceEdit:
    return types.WorkspaceEdit(changes={document.uri: edits})


def formatting(document: OpenDocument) -> list[types.TextEdit]:
    """Return the edits of the lines that the formatter changes. A text with errors is not formatted."""
    try:
        formatted = format_text(Source(document.text))
    except StatementError:
        return []
    return line_edits(document, formatted)


_MAX_COMPARISONS = 4_000_000
"""Lines before times lines after, above which a formatted part is replaced as a whole."""


def line_edits(document: OpenDocument, new_text: str) -> list[types.TextEdit]:
    """Return edits of whole lines that turn a document into another text, apart from its line ends.

    Equal lines are left alone. New lines end as the first line of the document does.
    """
    old, new = (_split_line_ends(lines) for lines in (document.lines.lines(), LineTable(new_text).lines()))
    line_end = next((end for _, end in old if end), "\n")
    starts = list(accumulate((len(body) + len(end) for body, end in old), initial=0))
    before, after = ([(body, bool(end)) for body, end in lines] for lines in (old, new))
    return [
        types.TextEdit(
            range=document.range(Span(starts[a], starts[b])),
            new_text="".join(body + (line_end if ends else "") for body, ends in after[c:d]),
        )
        for a, b, c, d in _changed_lines(before, after)
    ]


def _split_line_ends(lines: Sequence[str]) -> list[tuple[str, str]]:
    bodies = [line.rstrip("\r\n") for line in lines]
    return [(body, line[len(body) :]) for body, line in zip(bodies, lines, strict=True)]


def _changed_lines(
    before: Sequence[tuple[str, bool]], after: Sequence[tuple[str, bool]]
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the start and end of each changed part, in both sequences."""
    first = next((at for at, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    if first is None:
        first = min(len(before), len(after))
    rests = before[first:][::-1], after[first:][::-1]
    last = next((at for at, (a, b) in enumerate(zip(*rests, strict=False)) if a != b), min(map(len, rests)))
    a_end, b_end = len(before) - last, len(after) - last
    if (a_end - first) * (b_end - first) > _MAX_COMPARISONS:
        yield first, a_end, first, b_end
        return
    matcher = difflib.SequenceMatcher(None, before[first:a_end], after[first:b_end], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            yield first + a, first + b, first + c, first + d


# --- symbols

_PLAIN_NAME = re.compile(r"[^\W\d]\w{0,99}")


def occurrences(document: OpenDocument, position: types.Position) -> Sequence[Occurrence]:
    """Return every occurrence of the result or parameter at a position."""
    occurrence = occurrence_at(document.text, document.offset(position))
    return same_symbol(document.text, occurrence) if occurrence is not None else ()


def locations(document: OpenDocument, occurrences: Sequence[Occurrence]) -> list[types.Location]:
    """Return the places of occurrences."""
    return [types.Location(uri=document.uri, range=document.range(occurrence.span)) for occurrence in occurrences]


def rename(document: OpenDocument, position: types.Position, name: str) -> types.WorkspaceEdit | None:
    """Return the edits that rename the result or parameter at a position. Raises ValueError for an unsuitable name."""
    if not _PLAIN_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a name: use letters, digits and underscores")
    positions = occurrences(document, position)
    if not positions:
        return None
    return _edit(document, [types.TextEdit(range=document.range(o.span), new_text=name) for o in positions])


def document_symbols(document: OpenDocument) -> list[types.DocumentSymbol]:
    """Return one symbol for each statement: the name that it defines, or its first words."""
    return [
        types.DocumentSymbol(
            name=_statement_title(document.text, statement),
            kind=types.SymbolKind.Variable if _is_named(statement) else types.SymbolKind.Function,
            range=document.range(Span(statement.start, statement.end)),
            selection_range=document.range(_title_span(statement)),
        )
        for statement in script_words(document.text)
        if statement.end > statement.start
    ]


def _is_named(statement: StatementWords) -> bool:
    words = statement.words
    return len(words) > 2 and words[0].type in ("LET", "SUBMIT") and words[2].type == "CMP"


def _title_span(statement: StatementWords) -> Span:
    if _is_named(statement):
        return Span(statement.words[1].start_pos, statement.words[1].end_pos)
    end = statement.words[0].end_pos if statement.words else statement.start
    return Span(statement.start, end)


_MAX_TITLE_LENGTH = 60


def _statement_title(text: str, statement: StatementWords) -> str:
    if _is_named(statement):
        return statement.words[1]
    title = " ".join(text[statement.start : statement.end].split())
    return title if len(title) <= _MAX_TITLE_LENGTH else f"{title[: _MAX_TITLE_LENGTH - 1]}…"


def folding_ranges(document: OpenDocument) -> list[types.FoldingRange]:
    """Return the statements that take several lines."""
    ranges = []
    for statement in script_words(document.text):
        first, last = document.position(statement.start).line, document.position(statement.end).line
        if last > first:
            ranges.append(types.FoldingRange(start_line=first, end_line=last))
    return ranges


def code_lenses(document: OpenDocument) -> list[types.CodeLens]:
    """Return Run, Explain and As JSON above each statement. The editor carries them out.

    The arguments of the commands are the address of the document, the statement, and the front matter and statements
    that define what it uses.
    """
    statements = list(script_words(document.text))
    occurrences = find_occurrences(document.text)
    lenses = []
    for statement in statements:
        span = Span(statement.start, statement.end)
        place = document.range(Span(statement.start, statement.start))
        text = document.text[span.start : span.end]
        before = _context_of(document.text, statement, statements, occurrences)
        is_find = any(word.type == "FIND" for word in statement.words[:4]) or statement.form in ("json", "sentence")
        for title, command, applies in (
            ("Run", "auroraql.run", True),
            ("Explain", "auroraql.explain", is_find),
            ("As JSON", "auroraql.asJson", is_find),
        ):
            if applies:
                action = types.Command(title=title, command=command, arguments=[document.uri, text, before])
                lenses.append(types.CodeLens(range=place, command=action))
    return lenses


def _context_of(
    text: str, statement: StatementWords, statements: Sequence[StatementWords], occurrences: Sequence[Occurrence]
) -> str:
    """Return the front matter of a script, and the statements that define the results that a statement uses."""
    needed: set[int] = set()
    waiting = [statement]
    while waiting:
        user = waiting.pop()
        names = {o.name for o in occurrences if o.kind == "result" and user.start <= o.span.start < user.end}
        for definer in statements:
            defines = any(
                o.is_definition and o.name in names and definer.start <= o.span.start < definer.end for o in occurrences
            )
            if defines and definer.start < user.start and definer.start not in needed:
                needed.add(definer.start)
                waiting.append(definer)
    lines = LineTable(text)
    declared = sorted({lines.position(p.origin.start).line for p in read_front_matter(Source(text)).parameters})
    header = "".join(lines.lines()[number] for number in declared)
    return header + "".join(f"{text[s.start : s.end]};\n" for s in statements if s.start in needed)


def inlay_hints(document: OpenDocument, visible: types.Range) -> list[types.InlayHint]:
    """Return what each relative window means now: `2026-11-23 00:00 to 2026-11-30 12:00 UTC`."""
    start, end = document.offset(visible.start), document.offset(visible.end)
    hints = []
    for parsed in read_each_statement(Source(document.text)):
        find = get_find(parsed.statement) if not isinstance(parsed, StatementError) else None
        window = next((c for c in find.clauses if isinstance(c, Window)), None) if find is not None else None
        if window is None or not isinstance(window.origin, Span):
            continue
        if not start <= window.origin.end <= end:
            continue
        meaning = _relative_window(document, window)
        if meaning is not None:
            hints.append(
                types.InlayHint(
                    position=document.position(window.origin.end),
                    label=meaning,
                    padding_left=True,
                    tooltip="the window at this moment",
                )
            )
    return hints


def _relative_window(document: OpenDocument, window: Window) -> str | None:
    """Return the ends of a window now, if they depend on the time, otherwise None."""
    find = FindStatement("data_products", (window,))
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    later = now + timedelta(days=1_000, seconds=12_345)
    try:
        windows = [resolve(find, document.service.catalogue, {}, now=moment).query for moment in (now, later)]
    except StatementError:
        return None
    first, second = ((query.start, query.end) for query in windows)
    if first == second:
        return None
    ends = (f"{end:%Y-%m-%d %H:%M}" if end is not None else "…" for end in first)
    return f"{' to '.join(ends)} UTC"
