"""The grammar: its text, its keywords, Lark's parser for it, the tables of the parser, and whitespace.

Parsing a statement does not load Lark. The build of the package writes the parse table as JSON, with a hash of its
grammar. A checkout that was not installed, or whose grammar has changed, builds the table on first use, which takes
about a second, and keeps it in the user's cache directory. Invariant: the table contains nothing that is not in the
grammar; a test compares the two parse loops.

A line ends with LF, CR or CRLF, and so does a `--` comment. Other separators of lines and pages (VT, FF, NEL, U+2028,
U+2029) are whitespace, as in DuckDB's SQL. Comments nest, which a regular expression cannot match.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast
from zlib import crc32

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError, UsageError
from auroraql.language.ast import Token, make_token
from auroraql.language.ast_builder import AstBuilder
from auroraql.schema.limits import LIST_LIMITS, ListLimit

START = "statement"


def grammar_files() -> list[Path]:
    """Return the files of the grammar in order: from the installed package, or next to it in a checkout.

    Raises UsageError when there are none.
    """
    package = Path(__file__).parent.parent
    for folder in (package / "grammar", package.parent / "grammar"):
        files = sorted(folder.glob("[0-9]*.lark"))
        if files:
            return files
    raise UsageError("the grammar files are missing from this installation", "install auroraql again")


@cache
def grammar_text() -> str:
    """Return the whole grammar as one text: its files concatenated in name order."""
    return "".join(file.read_text("utf-8") for file in grammar_files())


def build_parser(text: str) -> Any:
    """Build Lark's parser for a grammar text."""
    import lark  # deferred: reading a statement needs only the stored parse table

    return lark.Lark(
        text,
        parser="lalr",
        lexer="contextual",
        start=[START],
        maybe_placeholders=False,
        transformer=AstBuilder(),
    )


@cache
def get_parser() -> Any:
    """Return Lark's parser for the current grammar. It builds the AST while it reduces."""
    return build_parser(grammar_text())


def terminal_pattern(terminal: str) -> str:
    """Return the regular expression of a terminal."""
    return load_table().terminals[terminal]


@cache
def grammar_keywords() -> tuple[str, ...]:
    """Return the keywords of the language in upper case: the terminals whose pattern is their own name."""
    return tuple(sorted(n for n, value in load_table().terminals.items() if value == rf"(?i:{n.lower()}(?!\w))"))


Rule = tuple[int, str, str, bool, list[list[int]] | None]
"""A rule: its number of symbols, the symbol that it makes, the name of its callback, whether a single child replaces
it, and the children that are kept (each with 1 when it is a list to expand). None keeps all children."""


@dataclass(frozen=True)
class ParseTable:
    """The parse table.

    States are numbers. An entry of a row is the next state of a shift, or -1 minus the rule of a reduction.
    """

    start: int
    end: int
    rows: list[dict[str, int]]
    rules: list[Rule]
    terminals: dict[str, str]
    """The regular expression of each terminal, in the order in which Lark tries them."""
    anonymous: list[str]
    """The terminals that the grammar writes as literal strings."""


FILE = Path(__file__).with_name("parse_table.json")
"""The table that the build of the package writes (hatch_build.py). It is not under version control."""

_TABLE_FORMAT = 1
"""Increase this when the code that builds the table changes, so that cached tables are built again."""


@cache
def load_table() -> ParseTable:
    """Return the table of the package or of the cache. If neither fits the grammar, build it and write it to the cache."""
    table = read_table(FILE)
    if table is None:
        # Import here: the table of an installed package needs no cache.
        from platformdirs import user_cache_path

        cached = user_cache_path("auroraql", appauthor=False) / f"parse-table-{_grammar_hash()}.json"
        table = read_table(cached)
        if table is None:
            table = build_table()
            with suppress(OSError):  # a cache that cannot be written only costs time
                cached.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                write_table(table, cached)
    return table


def read_table(file: Path) -> ParseTable | None:
    """Return the table in a file, or None if there is none that fits the grammar."""
    try:
        document = json.loads(file.read_bytes())
        return ParseTable(**document) if document.pop("grammar") == _grammar_hash() else None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def write_table(table: ParseTable, file: Path) -> None:
    """Write the JSON text of a table atomically, because several processes may write it at once."""
    temporary = file.with_name(f".{file.name}-{os.urandom(6).hex()}")
    try:
        temporary.write_text(serialize_table(table), "ascii")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def build_table() -> ParseTable:
    """Build the table from the grammar with Lark."""
    return _from_lark(get_parser())


def serialize_table(table: ParseTable) -> str:
    """Return the JSON text of a table, with one line for each row and rule."""
    parts = {"grammar": _grammar_hash(), **table.__dict__}
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()) + "\n}\n"


def _lines(part: Any) -> str:
    match part:
        case list():
            return "[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in part) + "\n]"
        case dict():
            return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in part.items()) + "\n}"
        case _:
            return json.dumps(part)


def _grammar_hash() -> str:
    """Return a hash of the grammar and the format of the table. It detects changes only, so a CRC is enough."""
    text = grammar_text().encode()
    return f"{_TABLE_FORMAT}-{len(text)}-{crc32(text):08x}"


def _from_lark(parser: Any) -> ParseTable:
    """Convert the table of Lark's parser."""
    conf = parser.parser.parser.parser.parse_table
    rules = {rule: at for at, rule in enumerate(parser.rules)}
    numbers = _number_states(conf.start_states[START], conf.states, rules)
    rows = [
        {symbol: _table_entry(argument, numbers, rules) for symbol, (_, argument) in sorted(conf.states[state].items())}
        for state in numbers
    ]
    return ParseTable(
        numbers[conf.start_states[START]],
        numbers[conf.end_states[START]],
        rows,
        [_child_filter(rule) for rule in rules],
        {
            terminal.name: str(terminal.pattern.to_regexp())
            for terminal in sorted(parser.terminals, key=_terminal_order)
        },
        [terminal.name for terminal in parser.terminals if terminal.pattern.type == "str"],
    )


def _number_states(start: Any, states: dict[Any, Any], rules: dict[Any, int]) -> dict[Any, int]:
    """Assign numbers to the states in the order in which they are reached. Lark's own order differs on each run."""
    numbers = {start: 0}
    pending = [start]
    for state in pending:
        for _, (_, argument) in sorted(states[state].items()):
            if argument not in rules and argument not in numbers:
                numbers[argument] = len(numbers)
                pending.append(argument)
    return numbers


def _terminal_order(terminal: Any) -> tuple[int, int, int, str]:
    """Return the sort key of a terminal in Lark's lexer: by priority, then by the longest match."""
    return -terminal.priority, -terminal.pattern.max_width, -len(terminal.pattern.value), terminal.name


def _table_entry(argument: Any, numbers: dict[Any, int], rules: dict[Any, int]) -> int:
    """Return the entry of a shift, whose argument is a state, or of a reduction, whose argument is a rule."""
    return -1 - rules[argument] if argument in rules else numbers[argument]


def _child_filter(rule: Any) -> Rule:
    """Return the rule as Lark would treat its children: signs of the grammar are dropped, helper rules are expanded."""
    options = rule.options
    children = [
        [at, int(not symbol.is_term and symbol.name.startswith("_"))]
        for at, symbol in enumerate(rule.expansion)
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)
    ]
    keeps_all = len(children) == len(rule.expansion) and not any(is_list for _, is_list in children)
    unwraps_single = bool(options.expand1 and not rule.alias)
    return (
        len(rule.expansion),
        str(rule.origin.name),
        str(rule.alias or rule.origin.name),
        unwraps_single,
        None if keeps_all else children,
    )


END = "$END"
# One entry of a row: the next state of a shift, or the number of values of a reduction, its callback and its rule.
Action = tuple[int, None, str] | tuple[int, Any, str]


Make = Callable[[list[Any]], Any]


_SHAPES = (
    "DATETIME",
    "MONTH",
    "PERIOD",
    "DURATION",
    "NUMBER",
    "STRING",
    "QNAME",
    "PARAM",
    "CMP",
    "SIGN",
    "STAR",
    "CONCAT",
    "SLASH",
    "PERCENT",
)
_UNITS = ("TIME_UNIT", "UNIT", "NIGHTS")
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
        self.keywords = frozenset(grammar_keywords())
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
        yield rf"(?P<{_WORD}>[^\W\d]\w*)"

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
        return next((unit for unit in _UNITS if unit in row and re.fullmatch(terminal_pattern(unit), word)), "")

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
    if unwraps_single and count == 1 and children is None:
        return count, pass_value, origin
    callback = getattr(reading, name, _identity)
    if unwraps_single:
        callback = _unwrap_single(callback)
    return count, callback if children is None else _filter_children(origin, count, children, callback), origin


def pass_value(children: list[Any]) -> Any:
    """Return the only child. The parse loop recognizes this callback and keeps the value where it is."""
    return children[0]


def _identity(children: list[Any]) -> list[Any]:
    return children


def _unwrap_single(make: Make) -> Make:
    return lambda children: children[0] if len(children) == 1 else make(children)


def _filter_children(origin: str, count: int, kept_children: list[list[int]], make: Make) -> Make:
    """Return a callback that drops some children and expands the lists of helper rules.

    A helper rule that begins with its own list (`_list : _list "," item`) extends that list in place: copying it for
    each item would take quadratic time. Parsing stops as soon as the list exceeds its limit.
    """
    in_place = make is _identity and bool(kept_children[0][1])
    most = _max_children(origin, kept_children, separated=count > 2) if in_place else sys.maxsize

    def reduce(children: list[Any]) -> Any:
        chosen: list[Any] = children[kept_children[0][0]] if in_place else []
        for at, opened in kept_children[in_place:]:
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
            item = item.value
    return Span(item.start_pos, item.end_pos)


@cache
def get_tables() -> ParserTables:
    """Return the parser tables of the language."""
    return ParserTables(load_table(), AstBuilder())


_BLOCK_MARKS = re.compile(r"/\*|\*/")


@cache
def _blank_pattern() -> re.Pattern[str]:
    """Compile the pattern of whitespace and of comments that contain no comment."""
    return re.compile(rf"(?:{terminal_pattern('WS')}|{terminal_pattern('COMMENT')})*")


@cache
def _separator_pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:{terminal_pattern('WS')}|{terminal_pattern('COMMENT')}|;)*")


def block_comment_end(text: str, start: int, end: int | None = None) -> int:
    """Return the end of the comment whose `/*` is at `start`, or -1 when it is not closed before `end`."""
    open_comments = 0
    for mark in _BLOCK_MARKS.finditer(text, start, len(text) if end is None else end):
        open_comments += 1 if mark[0] == "/*" else -1
        if not open_comments:
            return mark.end()
    return -1


def skip_blanks(text: str, at: int, end: int) -> int:
    """Return the offset of the next token, at `at` or after it, or `end` when there is none."""
    return _skip(_blank_pattern(), text, at, end)


def skip_to_statement(text: str, at: int, end: int) -> int:
    """Return the offset of the next statement. Any number of `;` may separate two statements."""
    return _skip(_separator_pattern(), text, at, end)


def _skip(pattern: re.Pattern[str], text: str, at: int, end: int) -> int:
    while True:
        at = pattern.match(text, at, end).end()  # type: ignore[union-attr]
        closed = block_comment_end(text, at, end) if text.startswith("/*", at, end) else -1
        if closed < 0:
            return at
        at = closed


def find_comments(gap: str, at: int = 0) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each comment after `at` in a text of whitespace, comments and `;`."""
    while begun := _COMMENT_START.search(gap, at):
        at = begun.end() if begun[0] != "/*" else block_comment_end(gap, begun.start())
        yield begun.start(), at


_COMMENT_START = re.compile(r"--[^\r\n]*|/\*")
