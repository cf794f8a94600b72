"""What `\\h` says of a keyword: its syntax, read off the grammar, what it is for, and a statement that has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from textwrap import wrap

from auroraql.completion.keywords import FUNCTIONS, KEYWORDS, SQL, Keyword
from auroraql.errors import Source, UsageError
from auroraql.forms.grammar import grammar_text
from auroraql.forms.text.formatting import format_text
from auroraql.spelling import closest

_RULE = re.compile(r"^[?!]*(?P<name>[a-z_]+)\s*:(?P<body>.*(?:\n\s+\|.*)*)", re.MULTILINE)
_ALIAS = re.compile(r"\s*->\s*\w+")
_MOST = 4

_ROOM = 24
"""Columns that what is said beside a name takes at least; where there are fewer, it is said below."""


def keyword_help(argument: str, width: int) -> str:
    """The page of a keyword; all keywords, when none is named. Raises UsageError for one there is not."""
    rows = {**KEYWORDS, SQL.word: SQL, **{word.upper(): row for word, row in FUNCTIONS.items()}}
    if not argument:
        listed = beside(((row.word, row.doc) for row in rows.values()), width)
        return f"{listed}\n\n\\h KEYWORD tells more of one"
    word = re.split(r"[\s(;]", argument.strip().upper(), maxsplit=1)[0]
    if word not in rows:
        near = closest(word, rows, 1, 0.5)
        hint = f"did you mean \\h {near[0]}?" if near else "\\h lists them"
        raise UsageError(f"there is no keyword {word}", hint)
    return "\n".join(_page(rows[word]))


def _page(row: Keyword) -> Iterator[str]:
    yield f"{row.word}: {row.doc}"
    yield ""
    word = "function" if row.word in FUNCTIONS else row.word
    yield from (f"  {line}" for line in syntax(word)[:_MOST])
    if row.word == SQL.word:
        yield "  SQL select"
    yield ""
    yield "as in:"
    yield from (f"  {line}" for line in format_text(Source(f"{row.example};")).splitlines())


def beside(rows: Iterable[tuple[str, str]], width: int) -> str:
    """Names, and beside each what is said of it, in lines that fit the terminal."""
    rows = list(rows)
    left = max(len(name) for name, _ in rows) + 4
    lines: list[str] = []
    for name, doc in rows:
        if width - left >= _ROOM:
            first, *others = wrap(doc, width - left)
            lines += [f"  {name.ljust(left - 4)}  {first}", *(" " * left + other for other in others)]
        else:
            lines += [f"  {name}", *(f"      {line}" for line in wrap(doc, max(width - 6, _ROOM)))]
    return "\n".join(lines)


def syntax(word: str) -> list[str]:
    """The lines of the grammar's rules that have a keyword."""
    found = []
    for rule in _RULE.finditer(grammar_text()):
        for branch in rule["body"].split("\n"):
            written = _ALIAS.sub("", branch).strip().removeprefix("|").strip()
            if re.search(rf"\b{word}\b", written):
                # The one comparison that the rules with a keyword have is LET's and SET's.
                found.append(f"{rule['name']}: {' '.join(written.split())}".replace(" CMP", ' "="'))
    return found
