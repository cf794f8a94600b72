"""A compact reference of the language for agents, made from the schema and the grammar."""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.completion.keywords import KEYWORDS
from auroraql.schema import KINDS
from auroraql.schema.functions import FUNCTIONS
from auroraql.schema.operators import OPERATORS

_INTRODUCTION = """\
# AuroraQL

A statement searches one kind of record of AuroraX: `FIND kind WHERE conditions window`. Texts are in single quotes, times
are UTC and without quotes. Useful clauses: SELECT, WHERE, a window (ON, BETWEEN … AND …, DURING, SINCE, UNTIL, LAST),
GROUP BY, HAVING, ORDER BY, LIMIT. `LET name = FIND …` keeps a result for later statements of the session:
`FIND name WHERE …`, `… DURING name USING (platform)`. `SHOW VALUES OF program` lists what a field can contain.
Conjunctions need OF, WITHIN and a window:
`FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01`.
"""


def language_reference() -> str:
    """Return the reference as Markdown: kinds and fields, operators, functions, and keywords with examples."""
    return "\n".join(_sections())


def _sections() -> Iterator[str]:
    yield _INTRODUCTION
    for kind in KINDS.values():
        yield f"## {kind.name}\n\n{kind.doc}\n"
        for field in kind.leaves():
            unit = f", in {field.unit}" if field.unit else ""
            yield f"- `{field.bare}` ({field.type.name.lower()}{unit}): {field.doc}"
        yield ""
    yield "## Operators\n"
    yield from (f"- `{row.text}`: {row.doc}" for row in OPERATORS.values())
    yield "\n## Functions\n"
    yield from (f"- `{row.signature}`: {row.doc}, for example `{row.example}`" for row in FUNCTIONS.values())
    yield "\n## Keywords\n"
    yield from (f"- {row.word}: {row.doc}. Example: `{' '.join(row.example.split())}`" for row in KEYWORDS.values())
