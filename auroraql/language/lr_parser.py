"""The parse loop: Lark's tables and terminals, driven without Lark and the bookkeeping it does for every token.

Where a word does not fit, it tells which, and what could have stood there. A test compares the loop with Lark's own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.language import grammar
from auroraql.language.ast_builder import AstBuilder
from auroraql.language.grammar import ParseTable, Rule, load_table
from auroraql.language.token import Token, make_token
from auroraql.language.whitespace import skip_blanks
from auroraql.schema.limits import LIST_LIMITS, ListLimit

END = "$END"
# One entry of a row: the state shifted to and nothing, or the number of values reduced, what they become, and of what rule.
Action = tuple[int, None, str] | tuple[int, Any, str]


Make = Callable[[list[Any]], Any]


class ParseFailure(NamedTuple):
    """Where the loop stopped: the words before, the states there, and what was found in place of a word that fits."""

    words: list[Token]
    states: list[int]
    found_type: Token


_SHAPES = ("DATETIME", "MONTH", "NUMBER", "STRING", "QNAME", "PARAM", "CMP", "SIGN", "STAR")
_UNITS = ("TIME_UNIT", "UNIT")
_WORD = "WORD"


class ParserTables:
    """The parse table laid out for the loop, with what each rule becomes, and one scanner for all states.

    Lark compiles a scanner for each state, to tell keywords from names. Here a word is a keyword where the
    table has a place for it, and else a name: where both may come, the keywords have priority in the grammar too.
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
        """Blanks and comments, but for a comment with another inside, which `skip_blanks` skips too."""
        self.scanner = re.compile("|".join(self._alternatives(table)))

    @staticmethod
    def _alternatives(table: ParseTable) -> Iterator[str]:
        for name in (*_SHAPES, *table.anonymous):
            yield f"(?P<{name}>{table.terminals[name]})"
        yield rf"(?P<{_WORD}>[^\W\d]\w*)|(?P<UNIT>%)"

    def row(self, state: int) -> dict[str, Action]:
        """Makes the row of a state: what may come there."""
        made = self.rows[state] = {symbol: self._action(entry) for symbol, entry in self.states[state].items()}
        return made

    def _action(self, entry: int) -> Action:
        return (entry, None, "") if entry >= 0 else self._reductions[-1 - entry]

    def kind_of(self, word: str, row: dict[str, Action]) -> str:
        """The terminal of a word in a state; nothing when it has no place there."""
        upper = word.upper()
        if upper in self.keywords and upper in row:
            return upper
        if "NAME" in row and upper not in self.reserved:
            return "NAME"
        return next((unit for unit in _UNITS if unit in row and re.fullmatch(grammar.terminal_pattern(unit), word)), "")

    def shift(self, states: list[int], kind: str) -> bool:
        """Shifts a terminal, after the reductions it asks for; False, and states of no use, where it does not fit."""
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
        """The terminals that may come next."""
        there = self.rows.get(states[-1]) or self.row(states[-1])
        return frozenset(kind for kind in there if kind.isupper() and self.shift([*states], kind))

    def closing(self, states: list[int]) -> str | None:
        """The parentheses that would make a whole statement of the words so far; None where they would not do."""
        states, closing = [*states], ""
        while not self.shift([*states], END):
            if not self.shift(states, "RPAR"):
                return None
            closing += ")"
        return closing

    def word_at(self, text: str, at: int, end: int, row: dict[str, Action]) -> Token:
        """The word at a place as a state takes it; of one that fits nowhere there, as it would be taken elsewhere."""
        match = self.scanner.match(text, at, end)
        if match is not None:
            found = match[0]
            kind = match.lastgroup or ""
            if kind == _WORD:
                kind = self.kind_of(found, row)
            if kind in row:
                word = Token(found)
                word.type, word.start_pos, word.end_pos = kind, at, match.end()
                return word
        fitting = self.word_for(text, at, end, row)
        return fitting or self.word_for(text, at, end, self.terminals) or make_token(text[at], "", at)

    def word_for(self, text: str, at: int, end: int, fitting: Iterable[str]) -> Token | None:
        """The word at a place as the first of the fitting terminals sees it, in the order of Lark's lexer."""
        for kind, expression in self.terminals.items():
            if kind in fitting:
                match = re.compile(expression).match(text, at, end)
                if match is not None:
                    return make_token(match[0], kind, at)
        return None


def _compile_reduction(rule: Rule, reading: AstBuilder) -> Action:
    """What a rule's children become: a helper rule's stay a list, which the rule above it opens."""
    count, origin, name, alone, kept = rule
    make = getattr(reading, name, _identity)
    if alone:
        make = _unwrap_single(make)
    return count, make if kept is None else _filter_children(origin, count, kept, make), origin


def _identity(children: list[Any]) -> list[Any]:
    return children


def _unwrap_single(make: Make) -> Make:
    return lambda children: children[0] if len(children) == 1 else make(children)


def _filter_children(origin: str, count: int, kept: list[list[int]], make: Make) -> Make:
    """Keep only some children, and open those that are lists of helper rules.

    A helper rule that begins with its own list (`_list : _list "," item`) adds to that list in place: copying it for
    each item would take quadratic time. The list stops at its limit, before anything more of it is read.
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


def _max_children(origin: str, kept: list[list[int]], *, separated: bool) -> int:
    """How many children the list of a helper rule may have; its first item is not among them where signs separate."""
    return (_list_limit(origin).maximum - separated) * (len(kept) - 1)


def _list_limit(origin: str) -> ListLimit:
    return LIST_LIMITS[re.sub(r"^__|_(?:star|plus)_\d+$", "", origin)]


def _too_many_items(origin: str, item: Any) -> StatementError:
    """The error at the first item above the limit of its list."""
    limit = _list_limit(origin)
    message = f"the list has too many {limit.items}; {limit.maximum:,} are the most"
    return StatementError([Diagnostic("AQL0116", message, _item_span(item), "one too many", limit.hint)])


def _item_span(item: Any) -> Span:
    """Where an item of a list begins and ends."""
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
    """The tables of the language's parser."""
    return ParserTables(load_table(), AstBuilder())


_CHECK_INTERVAL = 64
"""Words between two copies of the parser's states, when these are looked through from the end."""


def last_complete_word(words: Sequence[Token], end: int) -> tuple[int, str] | None:
    """Find the last word, ending at or before `end`, after which the words are a statement.

    Return where it ends, and the parentheses that close the statement; None when there is no such word.
    """
    known = get_tables()
    states = [known.start]
    marks: list[tuple[int, list[int]]] = []
    for at, word in enumerate(words):
        if at % _CHECK_INTERVAL == 0:
            marks.append((at, [*states]))
        known.shift(states, word.type)
    rest = len(words)
    for begin, begun in reversed(marks):
        states, found = begun, None
        for at in range(begin, rest):
            word = words[at]
            known.shift(states, word.type)
            closing = None if word.end_pos > end or _needs_next_word(words, at) else known.closing(states)
            found = found if closing is None else (word.end_pos, closing)
        if found is not None:
            return found
        rest = begin
    return None


def _needs_next_word(words: Sequence[Token], at: int) -> bool:
    """Whether a word is nothing without the one behind it: in a path, of a function, of what is given a value."""
    after = words[at + 1].type if at + 1 < len(words) else ""
    return after in ("DOT", "CMP") or (after == "LPAR" and words[at].type == "NAME")


# One loop, and long on purpose: a call for each step would cost as much as the step.
def run_parser(text: str, start: int, end: int) -> tuple[Any, list[Token]] | ParseFailure:
    """The tree of `text[start:end]` and its words, or where it stumbles."""
    known = get_tables()
    row, rows, blank = known.row, known.rows.get, known.blank.match
    words: list[Token] = []
    states, at = [known.start], start
    values: list[Any] = []
    while True:
        behind, at = at, blank(text, at, end).end()  # type: ignore[union-attr]
        if text.startswith("/*", at, end):
            at = skip_blanks(text, at, end)
        actions = rows(states[-1]) or row(states[-1])
        word = known.word_at(text, at, end, actions) if at < end else make_token("", END, behind)
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
            if kind == END and states[-1] == known.end:
                return values[-1], words
            actions = rows(states[-1]) or row(states[-1])
