"""Hover: each kind of word is explained, and nothing is made up about other places."""

from __future__ import annotations

from dataclasses import replace

import pytest

import auroraql
from auroraql.language_service.hover import hover_at
from auroraql.schema.catalogue import DataSource, load_shipped
from auroraql.session.archive import Archive

TEXT = """\
-- param day: date = 2021-01-01  the day to search
FIND data_products SELECT hour(start), `url`
WHERE program = 'trex' AND keogram_type IN ('daily', 'x') AND platform = gillam AND data_source.source_type = "ground"
ON $day LIMIT 5;
FIND ephemeris SELECT nbtrace.lat WHERE epoch >= 2021-01 AND program = 'swarm' ON 2021-01-01"""


@pytest.mark.parametrize(
    ("word", "facts"),
    [
        ("FIND", ["**FIND**", "search for records"]),
        ("data_products", ["Summary products", "`keogram_type`"]),
        ("hour", ["**hour(time)**", "0 to 23 UTC"]),
        ("start", ["**start**: a timestamp", "first moment"]),
        ("`url`", ["**url**", "address of the file"]),
        ("program = 'trex'", ["**data_source.program**", "`amisr`", "and 16 more"]),
        ("'trex'", ["the program of 18 data sources", "TREx NIR GILL", "and 10 more"]),
        ("keogram_type", ["**keogram_type**", "metadata of data_products", "`daily`"]),
        ("'daily'", ["A value of `keogram_type`", "one of the known values"]),
        ("'x'", ["A value of `keogram_type`"]),
        ("gillam", ["the platform of", "TREx RGB GILL"]),
        ('"ground"', ["the source_type of"]),
        ("$day", ["a date", "`2021-01-01`", "the day to search"]),
        ("LIMIT", ["**LIMIT**"]),
        ("lat", ["**nbtrace.lat**", "in deg"]),
        ("2021-01 AND", ["`2021-01-01T00:00:00` to `2021-01-31T23:59:59"]),
        ("ephemeris", ["position of a spacecraft"]),
    ],
)
def test_a_word_is_explained(word: str, facts: list[str]) -> None:
    start = TEXT.index(word) if word != "lat" else TEXT.index("nbtrace.lat") + len("nbtrace.")
    document = auroraql.hover(TEXT, start + 1)
    assert document is not None
    for fact in facts:
        assert fact in document["markdown"]
    line, character = document["range"]["start"]["line"], document["range"]["start"]["character"]
    assert auroraql.hover(TEXT, (line, character)) == document


@pytest.mark.parametrize(
    "text", ["", "   ", "-- FIND", "FIND ephemeris ON 2021-01-01 ; ", "{}", "SQL SELECT 1", "FIND nosuch = ", "🎉"]
)
def test_there_is_nothing_to_explain_at_the_end(text: str) -> None:
    for offset in range(len(text) + 2):
        auroraql.hover(text, offset)
    assert auroraql.hover(text, len(text)) is None


def test_a_stored_result_is_explained(demo: Archive) -> None:
    demo.run("LET products = FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01")
    document = auroraql.hover("FIND products SELECT url", 7, archive=demo)
    assert document is not None
    assert "a stored result" in document["markdown"]
    assert "`url`" in document["markdown"]


def test_hostile_names_have_no_meaning_in_markdown() -> None:
    name = "x<img src=x onerror=alert(1)>`*[a](javascript:b)\n# \u202e&lt;"
    source = DataSource(7, name, name, name, name, name)
    catalogue = replace(load_shipped(), sources=(source,))
    quoted = name.replace("'", "''")
    hover = hover_at(f"FIND data_products WHERE program = '{quoted}'", 38, catalogue)
    assert hover is not None
    for harmful in ("<img", "[a](", "\n#", "\u202e", " &lt;"):
        assert harmful not in hover.markdown
    fields = hover_at("FIND data_products WHERE program = 'a'", 26, catalogue)
    assert fields is not None
    line_of_values = next(line for line in fields.markdown.splitlines() if line.startswith("known values"))
    assert line_of_values.count("`") == 2
    assert "\u202e" not in line_of_values
