"""Symbols: definitions and uses of results and parameters, for go to definition, references and rename."""

from __future__ import annotations

import pytest

import auroraql
from auroraql.language_service.symbols import find_occurrences, occurrence_at, same_symbol

TEXT = """\
-- param day: date = 2021-01-01  the day of passes
LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON $day;
FIND passes WHERE min_distance < 100;
FIND data_products SELECT url AS passes WHERE program = 'passes' AND platform IN passes.data_source_platform
DURING passes PADDED BY 5 min USING (platform) ORDER BY url; -- passes
SQL SELECT passes.start, 'passes', $day, $$ FROM passes $$, passes(1) FROM Passes JOIN `x`, passes /* passes */;
SHOW COLUMNS OF passes;
SUBMIT s = FIND ephemeris WHERE platform = 'swarma' ON $day; FETCH s; FETCH t = 'abc'; CANCEL s;
LET `odd name` = FIND passes; FIND `odd name`; FIND DISTINCT SELECT start
"""


def lines_of(name: str) -> list[tuple[int, bool]]:
    """Return the line of each occurrence of a name, and whether it is the definition."""
    occurrences = [occurrence for occurrence in find_occurrences(TEXT) if occurrence.name == name]
    assert all(TEXT[o.span.start : o.span.end].lower() == name for o in occurrences)
    return [(TEXT.count("\n", 0, o.span.start) + 1, o.is_definition) for o in occurrences]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("passes", [(2, True), *((line, False) for line in (3, 4, 5, 6, 6, 6, 7, 9))]),
        ("day", [(1, True), *((line, False) for line in (2, 6, 8))]),
        ("s", [(8, True), (8, False), (8, False)]),
        ("t", [(8, True)]),
        ("odd name", [(9, True), (9, False)]),
    ],
)
def test_every_occurrence_is_found(name: str, lines: list[tuple[int, bool]]) -> None:
    assert lines_of(name) == lines


def test_a_renamed_symbol_means_the_same() -> None:
    text = "LET a = FIND data_products WHERE program = 'trex' ON 2021-01-01;\nFIND a WHERE url LIKE '%a%';\nSQL SELECT a.url FROM a"
    occurrence = occurrence_at(text, 4)
    assert occurrence is not None
    renamed = text
    for use in reversed(same_symbol(text, occurrence)):
        renamed = f"{renamed[: use.span.start]}products{renamed[use.span.end :]}"
    assert renamed == text.replace("LET a", "LET products").replace("FIND a", "FIND products").replace(
        "a.url FROM a", "products.url FROM products"
    )
    with auroraql.connect() as archive:
        assert [len(result) for result in archive.run_script(renamed)] == [len(r) for r in archive.run_script(text)]


@pytest.mark.parametrize("text", ["", "LET", "LET x", "LET x =", "LET x = FIND (", "SQL SELECT 'x", "/* LET x =", "$"])
def test_unfinished_text_has_no_wrong_symbol(text: str) -> None:
    assert all(text[o.span.start : o.span.end] == o.name for o in find_occurrences(text))
    assert occurrence_at(text, 0) is None or text.startswith("$")
