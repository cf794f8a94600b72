"""Wrong statements derived from valid ones: tokens deleted, doubled, swapped, misspelt, and words of SQL inserted."""

from __future__ import annotations

import re
from random import Random

from auroraql.schema import KINDS
from tests.support import corpus_files

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[\w.$:+-]+|<=|>=|!=|<>|\S")
_WORDS = (
    *("JOIN", "HAVING", "DISTINCT", "UNION", "XOR", "FROM", "TO", "WITH", "TOP", "NULL", "AS", "ALL", "USING", "CASE"),
    *("year(start)", "count(*)", "date('2020-01-01')", "(SELECT", "((", "))", "[", "==", "||", "+", "- 1", "::date"),
    *("yesterday", "2020/01/02", "20200102T0304Z", "557,7", "1_000", "MST", "week", "BY", "ON", "IN", "BETWEEN", "AND"),
    *(
        "LIKE",
        "~",
        "&&",
        "IS",
        "NOT",
        "EXISTS",
        "GROUP",
        "ORDER",
        "LIMIT 5, 6",
        "OFFSET",
        "DESC",
        "trex",
        ",",
        ";",
        "*",
    ),
)


def statements() -> list[str]:
    """Return the valid statements of the corpus that are text of moderate length."""
    texts = []
    for kind in KINDS:
        for path in corpus_files.files(kind):
            statement = corpus_files.read(path)["statement"]
            if len(statement) < 400 and statement.lstrip()[:4].upper() == "FIND" and "{" not in statement:
                texts.append(statement)
    return texts


def mutate(statement: str, random: Random) -> str:
    """Generate a statement with one or two changed tokens."""
    tokens = _TOKEN.findall(statement)
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(len(tokens))
        match random.randrange(6):
            case 0:
                del tokens[at]
            case 1:
                tokens.insert(at, tokens[at])
            case 2 if at + 1 < len(tokens):
                tokens[at], tokens[at + 1] = tokens[at + 1], tokens[at]
            case 3 if len(tokens[at]) > 2:
                word = tokens[at]
                place = random.randrange(len(word) - 1)
                tokens[at] = random.choice(
                    (
                        word[:place] + word[place + 1 :],
                        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
                        word[:place] + word[place] + word[place:],
                    )
                )
            case 4:
                tokens[at] = random.choice(_WORDS)
            case _:
                tokens.insert(at, random.choice(_WORDS))
        if not tokens:
            return statement
    return " ".join(tokens)
