"""The grammar: its text, its parse table as plain data, and its keywords.

Lark compiles the grammar into the table. The package contains the table as JSON, generated (a test compares it) and
marked with a hash of its grammar, so that reading a statement imports neither Lark nor the grammar. For another
grammar the table is compiled again, which takes a second.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from auroraql.diagnostics.errors import UsageError
from auroraql.language.ast_builder import AstBuilder

START = "statement"


def grammar_files() -> list[Path]:
    """The grammar's files in reading order: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "grammar", package.parent / "grammar"):
        files = sorted(folder.glob("[0-9]*.lark"))
        if files:
            return files
    raise UsageError("the grammar files are missing from this installation", "install auroraql again")


@cache
def grammar_text() -> str:
    """The whole grammar as one text: its files concatenated in name order."""
    return "".join(file.read_text("utf-8") for file in grammar_files())


def build_parser(text: str, *, strict: bool = False) -> Any:
    """The parser for a grammar text; `strict` turns every conflict into an error (tests do)."""
    import lark  # deferred: reading a statement needs only the stored parse table

    return lark.Lark(
        text,
        parser="lalr",
        lexer="contextual",
        start=[START],
        maybe_placeholders=False,
        strict=strict,
        transformer=AstBuilder(),
    )


@cache
def get_parser() -> Any:
    """Lark's parser of the grammar as it is; it reduces straight to the syntax tree."""
    return build_parser(grammar_text())


def terminal_pattern(terminal: str) -> str:
    """The regular expression of one terminal."""
    return load_table().terminals[terminal]


@cache
def grammar_keywords() -> tuple[str, ...]:
    """The words of the language in upper case: each terminal whose pattern is its own name."""
    return tuple(sorted(n for n, value in load_table().terminals.items() if value == rf"(?i:{n.lower()}(?!\w))"))


Rule = tuple[int, str, str, bool, list[list[int]] | None]
"""How many symbols a rule has, what it makes, how its callback is called, whether a single child stands for it, and
which children are kept (each with 1 where it is a list of its own); None keeps all."""


@dataclass(frozen=True)
class ParseTable:
    """States are numbers; an entry of a row is the state shifted to, or -1 minus the number of the rule reduced."""

    start: int
    end: int
    rows: list[dict[str, int]]
    rules: list[Rule]
    terminals: dict[str, str]
    """The regular expression of each terminal, in the order in which Lark tries them."""
    anonymous: list[str]
    """The terminals that are written as signs in the grammar."""


FILE = Path(__file__).with_name("parse_table.json")


@cache
def load_table() -> ParseTable:
    """The table that comes with the package, or Lark's, where the grammar is not the one it was made of."""
    try:
        document = json.loads(FILE.read_bytes())
    except (OSError, ValueError):
        return build_table()
    return ParseTable(**document) if document.pop("grammar", "") == _grammar_hash() else build_table()


def build_table() -> ParseTable:
    """The table as Lark makes it of the grammar."""
    return _from_lark(get_parser())


def serialize_table(table: ParseTable) -> str:
    """The file of a table: a line for each row and rule."""
    parts = {"grammar": _grammar_hash(), **table.__dict__}
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()) + "\n}\n"


def _lines(part: Any) -> str:
    match part:
        case list():
            return "[\n" + ",\n".join(json.dumps(each, separators=(",", ":")) for each in part) + "\n]"
        case dict():
            return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in part.items()) + "\n}"
        case _:
            return json.dumps(part)


def _grammar_hash() -> str:
    """What tells one grammar from another; no secret, and so not worth loading what makes better ones."""
    text = grammar_text().encode()
    return f"{len(text)}-{crc32(text):08x}"


def _from_lark(parser: Any) -> ParseTable:
    """The table of Lark's parser."""
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
        {each.name: str(each.pattern.to_regexp()) for each in sorted(parser.terminals, key=_terminal_order)},
        [each.name for each in parser.terminals if each.pattern.type == "str"],
    )


def _number_states(start: Any, states: dict[Any, Any], rules: dict[Any, int]) -> dict[Any, int]:
    """The states in the order in which they are reached: Lark's own is another each time."""
    numbers = {start: 0}
    pending = [start]
    for state in pending:
        for _, (_, argument) in sorted(states[state].items()):
            if argument not in rules and argument not in numbers:
                numbers[argument] = len(numbers)
                pending.append(argument)
    return numbers


def _terminal_order(terminal: Any) -> tuple[int, int, int, str]:
    """The order of Lark's lexer: by priority, then what may be longest."""
    return -terminal.priority, -terminal.pattern.max_width, -len(terminal.pattern.value), terminal.name


def _table_entry(argument: Any, numbers: dict[Any, int], rules: dict[Any, int]) -> int:
    """A shift's argument is a state, a reduction's a rule."""
    return -1 - rules[argument] if argument in rules else numbers[argument]


def _child_filter(rule: Any) -> Rule:
    """As Lark itself would treat its children: signs of the grammar are dropped, helper rules opened."""
    options = rule.options
    kept = [
        [at, int(not symbol.is_term and symbol.name.startswith("_"))]
        for at, symbol in enumerate(rule.expansion)
        if options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)
    ]
    whole = len(kept) == len(rule.expansion) and not any(opened for _, opened in kept)
    alone = bool(options.expand1 and not rule.alias)
    return (
        len(rule.expansion),
        str(rule.origin.name),
        str(rule.alias or rule.origin.name),
        alone,
        None if whole else kept,
    )
