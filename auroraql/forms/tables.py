"""The parse table of the language as plain data, so that reading a statement needs neither Lark nor the grammar.

Lark makes the table, once for a grammar; it is kept as JSON beside the parser, in the user's own cache directory.
Invariant: the table says nothing that the grammar does not; a test holds the two parse loops against each other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from auroraql.forms import grammar

Rule = tuple[int, str, str, bool, list[list[int]] | None]
"""How many symbols a rule has, what it makes, how its callback is called, whether a single child stands for it, and
which children are kept (each with 1 where it is a list of its own); None keeps all."""


@dataclass(frozen=True)
class Table:
    """States are numbers; an entry of a row is the state shifted to, or -1 minus the number of the rule reduced."""

    start: int
    end: int
    rows: list[dict[str, int]]
    rules: list[Rule]
    terminals: dict[str, str]
    """The regular expression of each terminal."""
    anonymous: list[str]
    """The terminals that are written as signs in the grammar."""


_SHAPE = 1
"""Raised when this module makes another table of the same grammar."""


@cache
def table() -> Table:
    """The table, from the cache when it is there and whole."""
    name = f"{grammar.key_of(f'table {_SHAPE} {grammar.grammar_text()}')}.json"
    kept = grammar.read_kept(name)
    if kept is not None:
        try:
            return Table(**json.loads(kept))
        except (ValueError, TypeError):
            pass  # damaged: made anew
    made = _made(grammar.parser())
    grammar.keep(name, json.dumps(made.__dict__).encode())
    return made


def _made(parser: Any) -> Table:
    """The table of Lark's parser."""
    conf = parser.parser.parser.parser.parse_table
    numbers = {state: at for at, state in enumerate(conf.states)}
    rules = {rule: at for at, rule in enumerate(parser.rules)}
    rows = [
        {symbol: _entry(argument, numbers, rules) for symbol, (_, argument) in entries.items()}
        for entries in conf.states.values()
    ]
    return Table(
        numbers[conf.start_states[grammar.START]],
        numbers[conf.end_states[grammar.START]],
        rows,
        [_rule(rule) for rule in rules],
        {each.name: str(each.pattern.to_regexp()) for each in parser.terminals},
        [each.name for each in parser.terminals if each.pattern.type == "str"],
    )


def _entry(argument: Any, numbers: dict[Any, int], rules: dict[Any, int]) -> int:
    """A shift's argument is a state, a reduction's a rule."""
    return -1 - rules[argument] if argument in rules else numbers[argument]


def _rule(rule: Any) -> Rule:
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
