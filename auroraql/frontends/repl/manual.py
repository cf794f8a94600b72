"""What `\\h` says of a keyword: its syntax, read off the grammar, what it is for, and a statement that has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auroraql.completion.keywords import KEYWORDS, SQL, Keyword
from auroraql.errors import Source, UsageError
from auroraql.forms.grammar import grammar_text
from auroraql.forms.text.formatting import format_text
from auroraql.output import grid
from auroraql.spelling import closest

_RULE = re.compile(r"^[?!]*(?P<name>[a-z_]+)\s*:(?P<body>.*(?:\n\s+\|.*)*)", re.MULTILINE)
_ALIAS = re.compile(r"\s*->\s*\w+")
_MOST = 4


def keyword_help(argument: str, width: int) -> str:
    """The page of a keyword; all keywords, when none is named. Raises UsageError for one there is not."""
    rows = {**KEYWORDS, SQL.word: SQL}
    if not argument:
        listed = grid(("keyword", ""), [(row.word, row.doc) for row in rows.values()], width)
        return f"{listed}\\h KEYWORD tells more of one"
    word = argument.strip().rstrip(";").upper().split()[0]
    if word not in rows:
        near = closest(word, rows, 1, 0.5)
        hint = f"did you mean \\h {near[0]}?" if near else "\\h lists them"
        raise UsageError(f"there is no keyword {word}", hint)
    return "\n".join(_page(rows[word]))


def _page(row: Keyword) -> Iterator[str]:
    yield f"{row.word}: {row.doc}"
    yield ""
    yield from (f"  {line}" for line in syntax(row.word)[:_MOST])
    if row.word == SQL.word:
        yield "  SQL select"
    yield ""
    yield "as in:"
    yield from (f"  {line}" for line in format_text(Source(f"{row.example};")).splitlines())


def syntax(word: str) -> list[str]:
    """The lines of the grammar's rules that have a keyword."""
    found = []
    for rule in _RULE.finditer(grammar_text()):
        for branch in rule["body"].split("\n"):
            written = _ALIAS.sub("", branch).strip().removeprefix("|").strip()
            if re.search(rf"\b{word}\b", written):
                found.append(f"{rule['name']}: {' '.join(written.split())}")
    return found
