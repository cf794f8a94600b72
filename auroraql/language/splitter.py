"""The splitter: it cuts a script into statements and detects the form of each (text, query JSON, sentence or SQL).

The splitter runs before the parser, so one wrong statement does not hide the others, and a text that is too long or
nested too deep never reaches a parser. It takes linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from auroraql.diagnostics.errors import Diagnostic, Pointer, Span
from auroraql.language import grammar
from auroraql.language.grammar import block_comment_end, skip_blanks, skip_to_statement
from auroraql.schema.limits import MAX_DEPTH, MAX_SCRIPT_CHARACTERS, MAX_STATEMENT_CHARACTERS, MAX_STATEMENTS

_MAX_SEARCHED_CHARACTERS = 100_000
"""The number of characters that are searched for the cause of a stray quote."""

Form = Literal["text", "json", "sentence", "sql"]

Verb = Literal["", "explain", "describe"]

_PAIRS = {")": "(", "]": "[", "}": "{"}
_SQL_QUOTED = r"""(?<!\b[eE])'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*\""""
_MAX_BLANK_LENGTH = 200
_QUOTES = "\"'“”„‟‘’‚‛"


@dataclass(frozen=True, slots=True)
class StatementPiece:
    """One statement of a script: its offsets, its form, and the kind named before a JSON object."""

    start: int
    end: int
    form: Form
    kind: str = ""
    body: int = 0
    """The start of the JSON object or the SQL."""
    is_terminated: bool = False
    """Whether a `;` closes it."""
    verb: Verb = ""
    """EXPLAIN or DESCRIBE before a JSON object or sentence; before text it is part of the text."""


_HEADS = {
    "verb": ("ed", r"((?i:explain|describe))_+"),
    "json": ("f{", r"(?:(?i:find)_+(\w+)_+(?i:from)_*)?(?=\{)"),
    "sql": ("s", r"(?i:sql)_+(?!_)(?=.)"),
    "sentence": ("fq", r"(?:(?i:query)_+(?i:description)_*:_*)?(?i:find)_+\w+_+(?:(?i:for)_*\(|(?i:of)_+(?i:type)\b)"),
}
"""The heads of statements in other forms: the possible first characters, and a pattern in which _ is whitespace."""

_INCOMPLETE_HEAD = r"(?i:sql)_*|(?:(?i:explain|describe)_+)?(?i:find)_+\w+_+(?i:from|for)_*"
"""The pattern of an incomplete head."""


@cache
def _compile_with_blanks(expression: str) -> re.Pattern[str]:
    """Compile a pattern in which _ is whitespace.

    Only letters ignore case, because that is costly for a set of characters.
    """
    return re.compile(expression.replace("_", grammar.terminal_pattern("WS").removesuffix("+")))


def _match_head(name: str, text: str, at: int) -> re.Match[str] | None:
    """Match the head of a statement. Its pattern is compiled when a statement first has one of its initials."""
    initials, expression = _HEADS[name]
    return _compile_with_blanks(expression).match(text, at) if text[at : at + 1].casefold() in initials else None


@cache
def _text_stop_pattern() -> re.Pattern[str]:
    """Compile the pattern of comments, quoted texts, brackets, `;` and stray quotes. All other text is skipped."""
    return _compile_stops(*_text_marks())


@cache
def _sql_stop_pattern() -> re.Pattern[str]:
    """Compile the stop pattern of SQL as DuckDB reads it."""
    return _compile_stops(*_sql_marks())


def _compile_stops(comment: str, quoted: str, unclosed: str) -> re.Pattern[str]:
    brackets = r"(?P<open>[(\[{])|(?P<close>[)\]}])"
    return re.compile(rf"(?P<comment>{comment})|(?P<quoted>{quoted})|{brackets}|(?P<end>;)|{unclosed}", re.DOTALL)


@cache
def _unbalanced_pattern(*, sql: bool) -> re.Pattern[str]:
    """Compile the pattern of the text before the next `;`, or before a quote or comment that is not closed.

    One match passes over all brackets, because a wrong statement may consist of millions of them.
    """
    comment, quoted, unclosed = _sql_marks() if sql else _text_marks()
    marks = ";'\"`‘’‚‛“”„‟/\\-" + ("$eE" if sql else "")
    # Marks that open nothing are passed over in runs: the alternatives after them are slow at each character.
    single = r"/(?!\*)|-(?!-)" + ("|[eE](?!')" if sql else "")
    return re.compile(rf"(?:[^{marks}]++|(?:{single})++|{comment}|{quoted}|(?!;|{unclosed}).)*+", re.DOTALL)


def _text_marks() -> tuple[str, str, str]:
    """Return the patterns of comments, of quoted texts, and of marks that open one without an end."""
    comment, string, name = (grammar.terminal_pattern(t) for t in ("COMMENT", "STRING", "QNAME"))
    return comment, f"{string}|{name}", r"(?P<stray>['\"`‘’‚‛“”„‟]|/\*)"


def _sql_marks() -> tuple[str, str, str]:
    """Return the same patterns for SQL, with `E'…'`, in which a backslash escapes, and `$$…$$` and `$tag$…$tag$`."""
    comment, name = grammar.terminal_pattern("COMMENT"), grammar.terminal_pattern("QNAME")
    quoted = rf"(?<!\w)[eE]'[^'\\]*+(?:(?:\\.|'')[^'\\]*+)*+'|{_SQL_QUOTED}|{name}"
    return comment, quoted, r"(?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)|(?P<stray>['\"`]|/\*)"


@cache
def _json_stop() -> re.Pattern[str]:
    """Compile the pattern of brackets, stray quotes, and texts in the quotes of JSON, Python or word processors."""
    return re.compile(
        r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[“”„‟][^“”‟"]*[“”‟"]|[‘’‚‛][^‘’‛']*[‘’‛'])|[{}\[\]()]|["'“”„‟‘’‚‛]""",
        re.DOTALL,
    )


@cache
def _sentence_stop() -> re.Pattern[str]:
    """Compile the pattern of parentheses, `;`, and line ends with the start of another statement."""
    return re.compile(r"[();]|[\r\n]\s*+(?P<next>\{|--|/\*|find\b)?", re.IGNORECASE)


@cache
def _typed_find() -> re.Pattern[str]:
    """Compile the pattern of a FIND that is being typed as the next statement."""
    return re.compile(r"[\r\n]\s*f(?:in?)?\Z", re.IGNORECASE)


def split_script(text: str) -> Iterator[StatementPiece | Diagnostic]:
    """Yield the statements of a script in order, and a Diagnostic where the end of one cannot be determined.

    Splitting goes on after the `;` of such a statement, unless a quote or comment is open.
    """
    if len(text) > MAX_SCRIPT_CHARACTERS:
        yield _too_large(MAX_SCRIPT_CHARACTERS, "characters", MAX_SCRIPT_CHARACTERS)
        return
    at, count = skip_shebang(text), 0
    while True:
        at = skip_to_statement(text, at, len(text))
        if at >= len(text):
            return
        count += 1
        if count > MAX_STATEMENTS:
            yield _too_large(MAX_STATEMENTS, "statements", at)
            return
        piece = _next_piece(text, at)
        yield piece
        at = end_of_unbalanced(text, at) if isinstance(piece, Diagnostic) else piece.end


def find_next_start(text: str, at: int) -> int:
    """Return the start of the next statement, after whitespace, comments and `;`."""
    return skip_to_statement(text, at or skip_shebang(text), len(text))


def end_of_unbalanced(text: str, at: int) -> int:
    """Return the end of a statement with unbalanced brackets that starts at `at`: its `;`, or the end of the text."""
    before = _unbalanced_pattern(sql=detect_form(text, at) == "sql").match(text, at)
    end = before.end() if before else at
    return end + 1 if text.startswith(";", end) else len(text)


def _too_large(most: int, what: str, at: int) -> Diagnostic:
    message = f"the script has more than {most:,} {what}"
    return Diagnostic("AQL0119", message, Span(at, at + 1), "one too many", hint="split it into several scripts")


def detect_form(text: str, at: int) -> Form:
    """Detect the form of the statement at `at` from its first words. The statement may be incomplete."""
    if _match_head("sql", text, at):
        return "sql"
    verb = _match_head("verb", text, at)
    body = verb.end() if verb else at
    if _match_head("json", text, body):
        return "json"
    return "sentence" if _match_head("sentence", text, body) else "text"


def find_document_end(text: str, at: int, cursor: int) -> int | None:
    """Return the end of the JSON object or sentence at `at`, or None for other forms and incomplete statements.

    A sentence also ends at the line in which the FIND of another statement is being typed at the cursor.
    """
    if detect_form(text, at) not in ("json", "sentence"):
        return None
    piece = _next_piece(text, at)
    if isinstance(piece, Diagnostic):
        return None
    if piece.form == "sentence" and (typed := _typed_find().search(text, max(at, cursor - _MAX_BLANK_LENGTH), cursor)):
        return min(piece.end, typed.start())
    return piece.end if piece.end < len(text) else None


def may_become_other_form(statement: str) -> bool:
    """Return whether a text has only words with which JSON, a sentence or SQL may begin."""
    return _compile_with_blanks(_INCOMPLETE_HEAD).fullmatch(statement) is not None


def skip_shebang(text: str) -> int:
    """Return the start of a script, after its `#!` line, if any."""
    shebang = re.match(r"\ufeff?#![^\r\n]*", text)
    return shebang.end() if shebang else 0


def _next_piece(text: str, at: int) -> StatementPiece | Diagnostic:
    piece: StatementPiece | Diagnostic
    if sql := _match_head("sql", text, at):
        piece = _text_piece(text, at, sql=True)
        return piece if isinstance(piece, Diagnostic) else replace(piece, form="sql", body=sql.end())
    verb_match = _match_head("verb", text, at)
    body = verb_match.end() if verb_match else at
    if json_start := _match_head("json", text, body):
        piece = _json_piece(text, body, json_start.end(), (json_start[1] or "").lower())
    elif _match_head("sentence", text, body):
        piece = _sentence_piece(text, body)
    else:
        return _text_piece(text, at)
    if verb_match is None or isinstance(piece, Diagnostic):
        return piece
    return replace(piece, verb="explain" if verb_match[1].lower() == "explain" else "describe")


def _text_piece(text: str, at: int, *, sql: bool = False) -> StatementPiece | Diagnostic:
    opened: list[int] = []
    stop, place, limit = _sql_stop_pattern() if sql else _text_stop_pattern(), at, at + MAX_STATEMENT_CHARACTERS + 1
    while match := stop.search(text, place, limit):
        group, place = match.lastgroup, match.end()
        if group == "open":
            opened.append(match.start())
            if len(opened) > MAX_DEPTH:
                return _too_deep_at(match.start())
        elif group == "close":
            if not opened or text[opened[-1]] != _PAIRS[match[0]]:
                return _unopened_bracket(text, match, opened)
            opened.pop()
        elif group in ("stray", "dollar"):
            place = find_closing(text, match, limit)
            if place < 0:
                return _stray_quote(text, match, at, stop)
        elif group == "end":
            ended = StatementPiece(at, match.start(), "text", is_terminated=True)
            return _unclosed_bracket(text, opened[-1]) if opened else _check_size(text, ended)
    if opened and len(text) - at <= MAX_STATEMENT_CHARACTERS:
        return _unclosed_bracket(text, opened[-1])
    return _check_size(text, StatementPiece(at, len(text), "text"))


def stop_pattern(form: Form) -> re.Pattern[str]:
    """Return the pattern of the delimiters of a form.

    Its groups are `comment`, `quoted`, `open`, `close`, `end` and `stray`. `stray` is a mark that the pattern cannot
    close: a quote, a comment that contains another, and in SQL (`dollar`) `$$`.
    """
    return _sql_stop_pattern() if form == "sql" else _text_stop_pattern()


def find_closing(text: str, match: re.Match[str], limit: int | None = None) -> int:
    """Return the end of a nested comment or a text in dollar quotes, or -1 when it is not closed.

    `match` is a `stray` or `dollar` match of `stop_pattern`.
    """
    if match[0] == "/*":
        return block_comment_end(text, match.start(), limit)
    if match.lastgroup != "dollar":
        return -1
    end = text.find(match[0], match.end(), limit)
    return end + len(match[0]) if end >= 0 else -1


def _stray_quote(text: str, match: re.Match[str], at: int, stop: re.Pattern[str]) -> StatementPiece | Diagnostic:
    """Handle a quote that is not closed, or not within the longest statement."""
    if len(text) - at > MAX_STATEMENT_CHARACTERS:
        closed = stop.match(text, match.start())
        end = closed.end() if closed and closed.lastgroup not in ("stray", "dollar") else find_closing(text, match)
        if end >= 0:
            return _check_size(text, StatementPiece(at, end, "text"))
    return _unclosed_quote(text, match, at)


def _check_size(text: str, piece: StatementPiece) -> StatementPiece | Diagnostic:
    """Return the piece, or a Diagnostic when it is too long or nested too deep."""
    if piece.end - piece.start > MAX_STATEMENT_CHARACTERS:
        message = f"the statement is longer than {MAX_STATEMENT_CHARACTERS:,} characters"
        return Diagnostic(
            "AQL0103",
            message,
            Span(piece.start, piece.start + 1),
            "begins here",
            hint="split it into several, or load long lists from a file as parameters",
        )
    if piece.form == "text":
        statement = text[piece.start : piece.end]
        if statement.count("(") + statement.lower().count("not") > MAX_DEPTH:
            deepest = _find_too_deep(text, piece)
            return piece if deepest is None else _too_deep_at(deepest)
    return piece


def _find_too_deep(text: str, piece: StatementPiece) -> int | None:
    """Return the offset where brackets and NOTs exceed the depth limit, or None."""
    opened: list[int] = []
    depth, nots, after_nots, at = 0, 0, -1, piece.start
    while match := _nesting_pattern().search(text, at, piece.end):
        start, at = match.span()
        nots = nots if start == after_nots else 0
        match match.lastgroup:
            case "nots":
                for word in _NOT.finditer(text, start, at):
                    nots += 1
                    if depth + nots > MAX_DEPTH:
                        return word.start()
                after_nots = at
            case "open":
                opened.append(1 + nots)
                depth += opened[-1]
                if depth > MAX_DEPTH:
                    return start
            case "close" if opened:
                depth -= opened.pop()
            case "stray":
                at = max(at, find_closing(text, match, piece.end))
                after_nots = skip_blanks(text, at, piece.end) if nots else -1
            case _:
                pass
    return None


_NOT = re.compile(r"\bnot\b", re.IGNORECASE)


@cache
def _nesting_pattern() -> re.Pattern[str]:
    """Compile the pattern of brackets and of NOTs that negate a predicate. NOT IN and other operators do not count."""
    blank, comment = grammar.terminal_pattern("WS"), grammar.terminal_pattern("COMMENT")
    blanks = rf"(?:{blank}|{comment})*+"
    no_operator = rf"(?!{blanks}(?:in|between|like|null)\b)"
    return re.compile(
        rf"(?P<nots>(?:\bnot\b{no_operator}{blanks})++)|(?i:{_text_stop_pattern().pattern})", re.IGNORECASE
    )


def _too_deep_at(at: int) -> Diagnostic:
    return too_deep(Span(at, at + 1))


def too_deep(origin: Span | Pointer) -> Diagnostic:
    """Return the diagnostic of a statement that nests more than MAX_DEPTH levels. `origin` is the place."""
    return Diagnostic(
        "AQL0104",
        f"nested more than {MAX_DEPTH} levels deep",
        origin,
        "one level too many",
        hint="AND and OR need no parentheses of their own; an IN list replaces many ORs",
    )


def _unclosed_bracket(text: str, at: int) -> Diagnostic:
    mark = text[at]
    closing = next(close for close, opening in _PAIRS.items() if opening == mark)
    return Diagnostic(
        "AQL0102",
        f"this '{mark}' is never closed",
        Span(at, at + 1),
        f"no '{closing}' for it",
        hint=f"add the '{closing}' where the group ends",
        missing=(closing,),
    )


def _unopened_bracket(text: str, match: re.Match[str], opened: list[int]) -> Diagnostic:
    span = Span(match.start(), match.end())
    if not opened:
        return Diagnostic(
            "AQL0102",
            f"this '{match[0]}' has no opening bracket",
            span,
            "nothing is open here",
            hint="remove it, or open the group that it should close",
            fix="",
        )
    mark = text[opened[-1]]
    closing = next(close for close, opening in _PAIRS.items() if opening == mark)
    return Diagnostic(
        "AQL0102", f"'{match[0]}' cannot close '{mark}'", span, f"'{closing}' is expected first", fix=closing
    )


def _unclosed_quote(text: str, match: re.Match[str], start: int) -> Diagnostic:
    mark = match[0]
    if mark == "/*":
        return Diagnostic(
            "AQL0101",
            "this comment is never closed",
            Span(match.start(), match.end()),
            "no '*/' for it",
            hint="add '*/' where the comment ends",
            missing=("*/",),
        )
    if mark in "'\"" and match.start() - start < _MAX_SEARCHED_CHARACTERS:
        # Most statements are correct and do not need this module.
        from auroraql.language.syntax_errors.quote_rules import diagnose_escaped_quote, diagnose_inner_quote

        rules = (diagnose_escaped_quote, diagnose_inner_quote)
        line = text.find("\n", match.end())
        stop = line if line >= 0 else len(text)
        diagnostics = [rule(text, start, stop, match.start(), unclosed=True) for rule in rules]
        if diagnostic := next(filter(None, diagnostics), None):
            return diagnostic
    doubled = "" if mark.startswith("$") else "; a quote inside a text is doubled"
    word = re.compile(r"[^\s,;)'\"`]*").match(text, match.end()) if doubled else None
    shown = word[0][:40] if word else ""
    span = Span(match.start(), match.end() + len(shown))
    if mark in "’”" or not shown:
        before = re.compile(r"[\w./-]+$").search(text, max(start, match.start() - 40), match.start())
        if before:
            word_before = before[0]
            return Diagnostic(
                "AQL0101",
                "this quote has no opening quote",
                Span(before.start(), match.end()),
                "no quote before it",
                hint=f"write '{word_before}'",
                fix=f"'{word_before}'",
            )
    return Diagnostic(
        "AQL0101",
        "this quote is never closed",
        span,
        f"no second {mark} for it",
        hint=f"write '{shown}'" if shown else f"add the closing {mark}{doubled}",
        missing=(mark,),
    )


def _json_piece(text: str, start: int, body: int, kind: str) -> StatementPiece | Diagnostic:
    opened: list[int] = []
    place = body
    while match := _json_stop().search(text, place, start + MAX_STATEMENT_CHARACTERS + 1):
        place = match.end()
        if match[0] in _QUOTES:
            if len(text) - start > MAX_STATEMENT_CHARACTERS:
                return _check_size(text, StatementPiece(start, len(text), "json"))
            span, label = Span(match.start(), match.end()), f"no second {match[0]} for it"
            return Diagnostic("AQL0101", "this quote is never closed", span, label, missing=(match[0],))
        if match[0] in "{[(":
            opened.append(match.start())
            if len(opened) > MAX_DEPTH:
                return _too_deep_at(match.start())
        elif match[0] in _PAIRS:
            if text[opened[-1]] != _PAIRS[match[0]]:
                return _unopened_bracket(text, match, opened)
            opened.pop()
            if not opened:
                return _check_size(
                    text, StatementPiece(start, place, "json", kind, body, _take_terminator(text, place))
                )
    if len(text) - start > MAX_STATEMENT_CHARACTERS:
        return _check_size(text, StatementPiece(start, len(text), "json"))
    return _unclosed_bracket(text, opened[-1])


def _sentence_piece(text: str, start: int) -> StatementPiece | Diagnostic:
    """Return the sentence, up to `;` or a line that begins another statement, outside parentheses."""
    inside = False
    place = start
    while match := _sentence_stop().search(text, place, start + MAX_STATEMENT_CHARACTERS + 1):
        place = match.end()
        if match[0] in "()":
            inside = match[0] == "("
        elif not inside and (match[0] == ";" or match["next"]):
            return _check_size(text, StatementPiece(start, match.start(), "sentence", is_terminated=match[0] == ";"))
    return _check_size(text, StatementPiece(start, len(text), "sentence"))


def _take_terminator(text: str, at: int) -> bool:
    return text.startswith(";", skip_blanks(text, at, len(text)))
