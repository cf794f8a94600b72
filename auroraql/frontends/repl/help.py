r"""The help of `\h` for a keyword: purpose, syntax from the grammar, and an example."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, PERIODS, SQL, Keyword
from auroraql.diagnostics.errors import Source, UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.language.formatter import format_text
from auroraql.language.grammar import grammar_text

_RULE = re.compile(r"^[?!]*(?P<name>[a-z_]+)\s*:(?P<body>.*(?:\n\s+\|.*)*)", re.MULTILINE)
_ALIAS = re.compile(r"\s*->\s*\w+")
_MAX_SYNTAX_LINES = 4
_PERIOD_SYNTAX = "(THIS | LAST) (WEEK | MONTH | YEAR)"
"""The words of the terminal PERIOD."""

_MIN_DESCRIPTION_WIDTH = 24
"""Smallest width of the description column. On narrower terminals the description goes on the next line."""


def keyword_help(argument: str, width: int) -> str:
    """Return the help page of a keyword, or a list of all keywords. Raises UsageError for an unknown keyword."""
    rows = {**KEYWORDS, **PERIODS, SQL.word: SQL, **{word.upper(): row for word, row in FUNCTIONS.items()}}
    if not argument:
        table = lay_out_pairs(((row.word, row.doc) for row in rows.values()), width)
        return f"{table}\n\n\\h KEYWORD explains one"
    phrase = " ".join(argument.upper().split())
    word = phrase if phrase in PERIODS else re.split(r"[\s(;]", argument.strip().upper(), maxsplit=1)[0]
    if word not in rows:
        matches = find_closest(word, rows, 1, 0.5)
        hint = f"did you mean \\h {matches[0]}?" if matches else "\\h lists the keywords"
        raise UsageError(f"{word} is not a keyword", hint)
    return "\n".join(_keyword_page(rows[word]))


def _keyword_page(row: Keyword) -> Iterator[str]:
    yield f"{row.word}: {row.doc}"
    yield ""
    word = "function" if row.word in FUNCTIONS else "PERIOD" if row.word in PERIODS else row.word
    yield from (f"  {line}" for line in keyword_syntax(word)[:_MAX_SYNTAX_LINES])
    if row.word == SQL.word:
        yield "  SQL select"
    yield ""
    yield "example:"
    yield from (f"  {line}" for line in format_text(Source(f"{row.example};")).splitlines())


def lay_out_pairs(rows: Iterable[tuple[str, str]], width: int) -> str:
    """Return names and their descriptions in two columns that fit the terminal."""
    rows = list(rows)
    name_width = max(len(name) for name, _ in rows) + 4
    lines: list[str] = []
    for name, doc in rows:
        if width - name_width >= _MIN_DESCRIPTION_WIDTH:
            first, *others = wrap(doc, width - name_width)
            lines += [f"  {name.ljust(name_width - 4)}  {first}", *(" " * name_width + other for other in others)]
        else:
            lines += [f"  {name}", *(f"      {line}" for line in wrap(doc, max(width - 6, _MIN_DESCRIPTION_WIDTH)))]
    return "\n".join(lines)


def keyword_syntax(word: str) -> list[str]:
    """Return the lines of the grammar's rules that contain a keyword."""
    rules = []
    for rule in _RULE.finditer(grammar_text()):
        for branch in rule["body"].split("\n"):
            alternative = _ALIAS.sub("", branch).strip().removeprefix("|").strip()
            if re.search(rf"\b{word}\b", alternative):
                # In rules with a keyword, CMP occurs only in LET and SET, where it is always `=`.
                shown = alternative.replace("PERIOD", _PERIOD_SYNTAX)
                rules.append(f"{rule['name']}: {' '.join(shown.split())}".replace(" CMP", ' "="'))
    return rules
