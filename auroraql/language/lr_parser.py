"""The LR parse loop: it runs Lark's tables and terminals without Lark's bookkeeping for each token.

At an error it returns the unexpected token and the parser states. A test compares the loop with Lark's own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.language import grammar
from auroraql.language.ast import Token, make_token
from auroraql.language.ast_builder import AstBuilder
from auroraql.language.grammar import ParseTable, Rule, load_table, skip_blanks
from auroraql.schema.limits import LIST_LIMITS, ListLimit

END = "$END"
# One entry of a row: the next state of a shift, or the number of values of a reduction, its callback and its rule.
Action = tuple[int, None, str] | tuple[int, Any, str]


Make = Callable[[list[Any]], Any]


class ParseFailure(NamedTuple):
    """The point where parsing stopped: the tokens before it, the parser states, and the unexpected token."""

    words: list[Token]
    states: list[int]
    found_type: Token


_SHAPES = ("DATETIME", "MONTH", "NUMBER", "STRING", "QNAME", "PARAM", "CMP", "SIGN", "STAR")
_UNITS = ("TIME_UNIT", "UNIT")
_WORD = "WORD"


class ParserTables:
    """The parse table in the layout of the parse loop, with the callback of each rule and one scanner for all states.

    Lark compiles a scanner for each state, to distinguish keywords from names. Here a word is a keyword where the
    table accepts the keyword, and otherwise a name. Where both are accepted, the grammar gives the keyword priority
    too.
    """

    def __init__(self, table: ParseTable, reading: AstBuilder) -> None:
        self.start, self.end = table.start, table.end
        self.rows: dict[int, dict[str, Action]] = {}
        self.states = table.rows
        self._reductions = [_compile_reduction(rule, reading) for rule in table.rules]
        self.keywords = frozenset(grammar.grammar_keywords())
        name = re.compile(table.terminals["NAME"])
        self.reserved = frozenset(word for word in self.keywords if not name.fullmatch(word))
        self.terminals = table.terminals
        self.blank = re.compile(rf"(?:{table.terminals['WS']}|{table.terminals['COMMENT']})*")
        """Whitespace and comments, except nested comments, which only `skip_blanks` skips."""
        self.scanner = re.compile("|".join(self._alternatives(table)))

    @staticmethod
    def _alternatives(table: ParseTable) -> Iterator[str]:
        for name in (*_SHAPES, *table.anonymous):
            yield f"(?P<{name}>{table.terminals[name]})"
        yield rf"(?P<{_WORD}>[^\W\d]\w*)|(?P<UNIT>%)"

    def row(self, state: int) -> dict[str, Action]:
        """Build and store the row of a state: the actions by terminal."""
        row = self.rows[state] = {symbol: self._action(entry) for symbol, entry in self.states[state].items()}
        return row

    def _action(self, entry: int) -> Action:
        return (entry, None, "") if entry >= 0 else self._reductions[-1 - entry]

    def kind_of(self, word: str, row: dict[str, Action]) -> str:
        """Return the terminal of a word in a state, or an empty string when the state does not accept it."""
        upper = word.upper()
        if upper in self.keywords and upper in row:
            return upper
        if "NAME" in row and upper not in self.reserved:
            return "NAME"
        return next((unit for unit in _UNITS if unit in row and re.fullmatch(grammar.terminal_pattern(unit), word)), "")

    def shift(self, states: list[int], kind: str) -> bool:
        """Shift a terminal after the reductions that it requires, changing `states` in place.

        Return False when the terminal is not accepted. The states are then unusable.
        """
        while True:
            action = (self.rows.get(states[-1]) or self.row(states[-1])).get(kind)
            if action is None:
                return False
            count, callback, origin = action
            if callback is None:
                states.append(count)
                return True
            if count:
                del states[-count:]
            states.append((self.rows.get(states[-1]) or self.row(states[-1]))[origin][0])
            if kind == END and states[-1] == self.end:
                return True

    def accepts(self, states: list[int]) -> frozenset[str]:
        """Return the terminals that are accepted next."""
        row = self.rows.get(states[-1]) or self.row(states[-1])
        return frozenset(kind for kind in row if kind.isupper() and self.shift([*states], kind))

    def closing(self, states: list[int]) -> str | None:
        """Return the parentheses that complete the statement, or None when parentheses do not suffice."""
        states, closing = [*states], ""
        while not self.shift([*states], END):
            if not self.shift(states, "RPAR"):
                return None
            closing += ")"
        return closing

    def word_at(self, text: str, at: int, end: int, row: dict[str, Action]) -> Token:
        """Return the token at an offset as a state reads it.

        A token that the state does not accept is returned as another state would read it.
        """
        match = self.scanner.match(text, at, end)
        if match is not None:
            matched = match[0]
            kind = match.lastgroup or ""
            if kind == _WORD:
                kind = self.kind_of(matched, row)
            if kind in row:
                word = Token(matched)
                word.type, word.start_pos, word.end_pos = kind, at, match.end()
                return word
        fitting = self.word_for(text, at, end, row)
        return fitting or self.word_for(text, at, end, self.terminals) or make_token(text[at], "", at)

    def word_for(self, text: str, at: int, end: int, fitting: Iterable[str]) -> Token | None:
        """Return the token at an offset for the first matching terminal in `fitting`, in the order of Lark's lexer."""
        for kind, expression in self.terminals.items():
            if kind in fitting:
                match = re.compile(expression).match(text, at, end)
                if match is not None:
                    return make_token(match[0], kind, at)
        return None


def _compile_reduction(rule: Rule, reading: AstBuilder) -> Action:
    """Compile the reduction of a rule.

    A helper rule keeps its children as a list, which the enclosing rule expands.
    """
    count, origin, name, unwraps_single, children = rule
    callback = getattr(reading, name, _identity)
    if unwraps_single:
        callback = _unwrap_single(callback)
    return count, callback if children is None else _filter_children(origin, count, children, callback), origin


def _identity(children: list[Any]) -> list[Any]:
    return children


def _unwrap_single(make: Make) -> Make:
    return lambda children: children[0] if len(children) == 1 else make(children)


def _filter_children(origin: str, count: int, kept: list[list[int]], make: Make) -> Make:
    """Return a callback that drops some children and expands the lists of helper rules.

    A helper rule that begins with its own list (`_list : _list "," item`) extends that list in place: copying it for
    each item would take quadratic time. Parsing stops as soon as the list exceeds its limit.
    """
    in_place = make is _identity and bool(kept[0][1])
    most = _max_children(origin, kept, separated=count > 2) if in_place else sys.maxsize

    def reduce(children: list[Any]) -> Any:
        chosen: list[Any] = children[kept[0][0]] if in_place else []
        for at, opened in kept[in_place:]:
            if opened:
                chosen += children[at]
            else:
                chosen.append(children[at])
        if len(chosen) > most:
            raise _too_many_items(origin, chosen[-1])
        return make(chosen)

    return reduce


def _max_children(origin: str, children_kept: list[list[int]], *, separated: bool) -> int:
    """Return the maximum length of a helper rule's list.

    The list does not contain the first item when the items are separated.
    """
    return (_list_limit(origin).maximum - separated) * (len(children_kept) - 1)


def _list_limit(origin: str) -> ListLimit:
    return LIST_LIMITS[re.sub(r"^__|_(?:star|plus)_\d+$", "", origin)]


def _too_many_items(origin: str, item: Any) -> StatementError:
    """Return the error at the first item above the limit of its list."""
    limit = _list_limit(origin)
    message = f"the list has too many {limit.items}; the maximum is {limit.maximum:,}"
    return StatementError([Diagnostic("AQL0116", message, _item_span(item), "one too many", limit.hint)])


def _item_span(item: Any) -> Span:
    """Return the span of an item of a list."""
    while not isinstance(item, Token):
        if isinstance(item, tuple):
            item = item[0]
        elif isinstance(getattr(item, "origin", None), Span):
            return cast("Span", item.origin)
        else:
            item = item.path
    return Span(item.start_pos, item.end_pos)


@cache
def get_tables() -> ParserTables:
    """Return the parser tables of the language."""
    return ParserTables(load_table(), AstBuilder())


_CHECK_INTERVAL = 64
"""The number of tokens between two saved copies of the parser states."""


def last_complete_word(words: Sequence[Token], end: int) -> tuple[int, str] | None:
    """Find the last token, ending at or before `end`, after which the tokens are a complete statement.

    Return the end of that token and the parentheses that close the statement, or None when there is no such token.
    """
    tables = get_tables()
    states = [tables.start]
    checkpoints: list[tuple[int, list[int]]] = []
    for at, word in enumerate(words):
        if at % _CHECK_INTERVAL == 0:
            checkpoints.append((at, [*states]))
        tables.shift(states, word.type)
    rest = len(words)
    for first, saved_states in reversed(checkpoints):
        states, complete = saved_states, None
        for at in range(first, rest):
            word = words[at]
            tables.shift(states, word.type)
            closing = None if word.end_pos > end or _needs_next_word(words, at) else tables.closing(states)
            complete = complete if closing is None else (word.end_pos, closing)
        if complete is not None:
            return complete
        rest = first
    return None


def _needs_next_word(words: Sequence[Token], at: int) -> bool:
    """Return whether a token needs the next one: in a path, before arguments, or before an assignment."""
    after = words[at + 1].type if at + 1 < len(words) else ""
    return after in ("DOT", "CMP") or (after == "LPAR" and words[at].type == "NAME")


# One long loop on purpose: a function call for each step would cost as much as the step itself.
def run_parser(text: str, start: int, end: int) -> tuple[Any, list[Token]] | ParseFailure:
    """Parse `text[start:end]`. Return its AST and tokens, or the ParseFailure at the first unexpected token."""
    tables = get_tables()
    row, rows, blank = tables.row, tables.rows.get, tables.blank.match
    words: list[Token] = []
    states, at = [tables.start], start
    values: list[Any] = []
    while True:
        previous_end, at = at, blank(text, at, end).end()  # type: ignore[union-attr]
        if text.startswith("/*", at, end):
            at = skip_blanks(text, at, end)
        actions = rows(states[-1]) or row(states[-1])
        word = tables.word_at(text, at, end, actions) if at < end else make_token("", END, previous_end)
        kind = word.type
        while True:
            action = actions.get(kind)
            if action is None:
                return ParseFailure(words, states, word)
            count, callback, origin = action
            if callback is None:
                states.append(count)
                values.append(word)
                words.append(word)
                at = word.end_pos
                break
            reduced = values[-count:] if count else []
            if count:
                del states[-count:], values[-count:]
            value = callback(reduced)
            states.append((rows(states[-1]) or row(states[-1]))[origin][0])
            values.append(value)
            if kind == END and states[-1] == tables.end:
                return values[-1], words
            actions = rows(states[-1]) or row(states[-1])
