"""The script reader: it reads every statement, in whatever form, and collects the diagnostics of all of them."""

from __future__ import annotations

import re
from _thread import allocate_lock  # `threading` takes 2 ms to load
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from auroraql.diagnostics.errors import LINE_END_PATTERN, MAX_REPORTED, Diagnostic, Source, Span, StatementError
from auroraql.language import parser
from auroraql.language.ast import (
    AndExpression,
    ComparisonExpression,
    ExplainStatement,
    Expression,
    FindStatement,
    Instant,
    Limit,
    NotExpression,
    OrExpression,
    Overlap,
    SqlStatement,
    Statement,
    Token,
    Where,
    Window,
    Within,
    get_find,
)
from auroraql.language.splitter import Form, StatementPiece, end_of_unbalanced, find_next_start, split_script
from auroraql.schema import CONJUNCTIONS, KINDS


@dataclass(frozen=True, slots=True)
class ReadStatement:
    """A statement, the form in which it is written, and its offsets in the source."""

    statement: Statement
    form: Form
    start: int
    end: int
    tokens: tuple[Token, ...] = field(default=(), compare=False, repr=False)
    """The tokens of a statement in text form."""


def read_script(source: Source, most: int | None = None) -> list[ReadStatement]:
    """Return the statements of a script in order, at most `most`.

    Raises StatementError with the diagnostics of all statements. Reading stops after MAX_REPORTED diagnostics.
    """
    statements: list[ReadStatement] = []
    diagnostics: list[Diagnostic] = []
    for result in _read_pieces(source, split_script(source.text)) if most is not None else iterate_statements(source):
        if isinstance(result, ReadStatement):
            statements.append(result)
        else:
            diagnostics += result.error.diagnostics
        if len(diagnostics) >= MAX_REPORTED or len(statements) == most:
            break
    if diagnostics:
        raise StatementError(diagnostics, source)
    return statements


@dataclass(frozen=True, slots=True)
class UnreadStatement:
    """A statement that cannot be read: its error, and its offsets in the source."""

    error: StatementError
    start: int
    end: int

    def name(self, source: Source) -> str:
        """Return the name that the statement would have given to its result, or an empty string."""
        return assigned_name(source.text[self.start : self.end])


def assigned_name(statement: str) -> str:
    """Return the name that a statement gives to its result, judging by its first words, or an empty string."""
    match = re.match(r"\s*(?:let|submit|fetch)\s+([^\W\d]\w*)", statement, re.IGNORECASE)
    return match[1] if match is not None else ""


def iterate_statements(source: Source) -> Iterator[ReadStatement | UnreadStatement]:
    """Yield each statement of a script, readable or not, up to the first open quote or comment.

    A script with too many statements yields only that error.
    """
    pieces = [*split_script(source.text)]
    last = pieces[-1] if pieces else None
    if isinstance(last, Diagnostic) and last.code == "AQL0119":
        yield UnreadStatement(StatementError([last], source), 0, len(source.text))
        return
    yield from _read_pieces(source, pieces)


def _read_pieces(
    source: Source, pieces: Iterable[StatementPiece | Diagnostic]
) -> Iterator[ReadStatement | UnreadStatement]:
    end = 0
    for piece in pieces:
        if isinstance(piece, Diagnostic):
            start = find_next_start(source.text, end)
            end = end_of_unbalanced(source.text, start)
            yield UnreadStatement(StatementError([piece], source), start, end)
            continue
        end = piece.end
        try:
            yield read_piece(source.text, piece)
        except StatementError as error:
            yield UnreadStatement(StatementError(error.diagnostics, source), piece.start, piece.end)


def read_each_statement(source: Source) -> Iterator[ReadStatement | StatementError]:
    """Yield each statement of a script, or its error."""
    for entry in iterate_statements(source):
        yield entry.error if isinstance(entry, UnreadStatement) else entry


def read_one_statement(source: Source) -> ReadStatement:
    """Return the one statement of a text. Raises StatementError when there is none, or more than one."""
    statements = read_script(source, most=2)
    if len(statements) == 1:
        return statements[0]
    if not statements:
        raise StatementError(
            [Diagnostic("AQL0105", "there is no statement", hint="for example: FIND data_products …")], source
        )
    raise StatementError(
        [
            Diagnostic(
                "AQL0115",
                "one statement is expected here, not several",
                _statement_origin(statements[1]),
                "the second begins here",
                hint="run several as a script",
            )
        ],
        source,
    )


def read_find(source: Source) -> FindStatement:
    """Return the FIND in a text of one statement. Raises StatementError when it does not contain one."""
    return require_find(read_one_statement(source), source)


def require_find(piece_read: ReadStatement, source: Source) -> FindStatement:
    """Return the FIND in a statement. Raises StatementError when it does not contain one."""
    find = get_find(piece_read.statement)
    if find is not None:
        return find
    hint = "for example: FIND data_products …"
    raise StatementError(
        [Diagnostic("AQL0115", "this is not a search", _statement_origin(piece_read), "not a FIND", hint)], source
    )


def _statement_origin(statement: ReadStatement) -> Span:
    return Span(statement.start, statement.start + 1)


def read_piece(text: str, piece: StatementPiece) -> ReadStatement:
    """Read one statement of a script, or take it from the statements read last.

    Raises StatementError. The diagnostics depend on the statement alone, not on the text around it.
    """
    key = (text[piece.start : piece.end], piece.start, piece.form, piece.kind, piece.verb)
    outcome = _READ_STATEMENTS.get(key)
    if outcome is None:
        try:
            outcome = _read_piece(text, piece)
        except StatementError as error:
            outcome = error.diagnostics if piece.form == "text" else _diagnose_alone(text, piece)
        _READ_STATEMENTS.add(key, outcome)
    if isinstance(outcome, ReadStatement):
        return outcome
    raise StatementError(outcome)


def _diagnose_alone(text: str, piece: StatementPiece) -> Sequence[Diagnostic]:
    """Return the diagnostics of a wrong statement, read without the text around it."""
    alone = replace(piece, start=0, end=piece.end - piece.start, body=max(piece.body - piece.start, 0))
    try:
        _read_piece(text[piece.start : piece.end], alone)
    except StatementError as error:
        return [diagnostic.shifted_by(piece.start) for diagnostic in error.diagnostics]
    raise AssertionError("a statement that cannot be read in its script cannot be read alone either")


_Key = tuple[str, int, str, str, str]
"""A statement's text, its offset in the source, its form, and the kind and verb before it."""


class _StatementCache:
    """The statements read last, so that a text that is checked, counted and then run is parsed once. Thread-safe."""

    def __init__(self, max_characters: int) -> None:
        self._outcomes: OrderedDict[_Key, ReadStatement | Sequence[Diagnostic]] = OrderedDict()
        self._max_characters, self._characters, self._lock = max_characters, 0, allocate_lock()

    def get(self, key: _Key) -> ReadStatement | Sequence[Diagnostic] | None:
        """Return a statement or its errors, or None when it was not read or is forgotten."""
        with self._lock:
            if key in self._outcomes:
                self._outcomes.move_to_end(key)
            return self._outcomes.get(key)

    def add(self, key: _Key, outcome: ReadStatement | Sequence[Diagnostic]) -> None:
        """Add a statement, and forget those that were not used for longest."""
        with self._lock:
            if len(key[0]) > self._max_characters or key in self._outcomes:
                return
            self._outcomes[key] = outcome
            self._characters += len(key[0])
            while self._characters > self._max_characters:
                self._characters -= len(self._outcomes.popitem(last=False)[0][0])


_READ_STATEMENTS = _StatementCache(200_000)


def _read_piece(text: str, piece: StatementPiece) -> ReadStatement:
    statement: Statement
    tokens: Sequence[Token] = ()
    # JSON and sentences are rare, and their modules are loaded only when needed, to keep startup short.
    if piece.form == "json":
        from auroraql.codecs import query_json

        statement = query_json.read_query_json(text[piece.body : piece.end], piece.kind, offset=piece.body)
    elif piece.form == "sentence":
        from auroraql.codecs import sentence

        statement = sentence.read_sentence(text, piece.start, piece.end)
    elif piece.form == "sql":
        statement = SqlStatement(text[piece.body : piece.end].strip(), Span(piece.body, piece.end))
    else:
        statement, tokens = parser.parse_words(text, piece.start, piece.end)
    find = get_find(statement)
    if piece.verb and find is not None:
        statement = ExplainStatement(piece.verb, find, find.origin)
    return ReadStatement(statement, piece.form, piece.start, piece.end, tuple(tokens))


def is_complete(text: str) -> bool:
    """Return whether the typed text can be run: it ends with `;`, or its last statement is complete.

    A wrong statement is complete too, so that it is run and its error is shown, unless it is only unfinished. A FIND
    without clauses is not complete, and neither is a FIND over several lines without a time window and without LIMIT,
    because more clauses may follow.
    """
    last: StatementPiece | None = None
    for piece in split_script(text):
        if isinstance(piece, Diagnostic):
            return not piece.missing
        last = piece
    if last is None or last.is_terminated:
        return True
    try:
        statement = read_piece(text, last).statement
    except StatementError as error:
        return all(diagnostic.code != "AQL0105" for diagnostic in error.diagnostics)
    find = get_find(statement)
    if last.form != "text" or find is None:
        return True
    over_lines = LINE_END_PATTERN.search(text, last.start, last.end) is not None
    return _is_limited(find) if over_lines and find.kind in KINDS else bool(find.clauses)


def _is_limited(find: FindStatement) -> bool:
    """Return whether a search is limited in rows or in time, and conjunctions also in distance.

    Clauses may be on their own lines, and Enter after one of them must not run half of the intended search.
    """
    clauses = find.clauses
    if any(isinstance(clause, Limit) for clause in clauses):
        return True
    wheres = [clause.expression for clause in clauses if isinstance(clause, Where)]
    limited = any(isinstance(clause, Window | Overlap) for clause in clauses) or any(map(_constrains_time, wheres))
    return limited and (find.kind != CONJUNCTIONS.name or any(isinstance(clause, Within) for clause in clauses))


def _constrains_time(expression: Expression) -> bool:
    """Return whether an expression compares something with a time."""
    pending = [expression]
    while pending:
        match pending.pop():
            case ComparisonExpression(_, _, operands):
                if any(isinstance(operand, Instant) for operand in operands):
                    return True
            case AndExpression(terms) | OrExpression(terms):
                pending += terms
            case NotExpression(term):
                pending.append(term)
    return False
