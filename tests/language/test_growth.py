"""Tests of growth: every construct at two sizes, a factor of four apart, takes work in proportion to the text.

Work is the number of function calls rather than a time, so that a busy machine changes nothing.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from itertools import count
from time import process_time
from typing import Any

import pytest

from auroraql import connect, translate
from auroraql.completion import ArchiveNames, Completer, CompletionContext
from auroraql.completion.incomplete_input import IncompleteInputCheck
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.language.formatter import format_text
from auroraql.language.highlighter import AuroraQLLexer
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.limits import (
    LIST_LIMITS,
    MAX_CLAUSES,
    MAX_COLUMNS,
    MAX_SQL_TABLES,
)
from auroraql.session.analyzer import check_scripts

FIND = "FIND data_products WHERE "
ON = " ON 2021-01-01"
CONJUNCTIONS = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm'{}) WITHIN 300 km ON 2020-01-01"


def list_of(item: str, count: int, sign: str = ", ") -> str:
    return sign.join(item.replace("#", str(number)) for number in range(count))


_SHIFTS = count(1)

CONSTRUCTS: dict[str, Callable[[int], str]] = {
    "location points": lambda n: f"FIND conjunctions OF location ({list_of('(51.5, -#)', n)}), space WITHIN 5 km{ON}",
    "distances": lambda n: f"FIND conjunctions OF ground, space WITHIN {list_of('ground1-space1 5 km', n)}{ON}",
    "traces": lambda n: f"FIND conjunctions OF ground, space WITHIN 5 km VIA {list_of('nbtrace', n)}{ON}",
    "unknown traces": lambda n: f"FIND conjunctions OF ground, space WITHIN 5 km VIA {list_of('t#', n)}{ON}",
    "SELECT tree": lambda n: f"FIND data_products SELECT metadata {{{list_of('k#', n)}}}{ON}",
    "SELECT list": lambda n: f"FIND data_products SELECT {list_of('start AS k#', n)}{ON}",
    "ORDER BY": lambda n: f"FIND data_products{ON} ORDER BY {list_of('k#', n)}",
    "GROUP BY": lambda n: f"FIND data_products SELECT count(*){ON} GROUP BY {list_of('k#', n)}",
    "GROUP BY with columns": lambda n: (
        f"FIND data_products SELECT {list_of('metadata.k#', n)}, count(*){ON} GROUP BY {list_of('k#', n)}"
    ),
    "EXCLUDE": lambda n: f"FIND data_products SELECT * EXCLUDE ({list_of('metadata', n)}){ON}",
    "parameters": lambda n: f"{FIND}{list_of('k# = $p#', n, ' AND ')}{ON}",
    "parameters of a list": lambda n: f"{FIND}k IN ({list_of('$p#', n)}){ON}",
    "IN list": lambda n: f"{FIND}a IN ({list_of('#', n)}){ON}",
    "unknown values": lambda n: f"{FIND}platform IN ({list_of(chr(39) + 'p#' + chr(39), n)}){ON}",
    "AND of keys": lambda n: f"{FIND}{list_of('k# = #', n, ' AND ')}{ON}",
    "OR of keys": lambda n: f"{FIND}{list_of('k# = #', n, ' OR ')}{ON}",
    "OR of identifiers": lambda n: f"{FIND}{list_of('identifier = #', n, ' OR ')}{ON}",
    "AND of platforms": lambda n: f"{FIND}{list_of('platform != ' + chr(39) + 'p#' + chr(39), n, ' AND ')}{ON}",
    "AND of ORs": lambda n: f"{FIND}{list_of('(k# = 1 OR wavelength = 1)', n, ' AND ')}{ON}",
    "OR of ANDs": lambda n: f"{FIND}{list_of('(k# = 1 AND wavelength = 1)', n, ' OR ')}{ON}",
    "OR in a block": lambda n: CONJUNCTIONS.format(f" AND ({list_of('k# = 1', n, ' OR ')})"),
    "AND in a block": lambda n: CONJUNCTIONS.format(f" AND {list_of('k# = 1', n, ' AND ')}"),
    "shifts": lambda n: f"FIND data_products ON NOW{' - 1 day' * min(n, MAX_CLAUSES)}",
    "clauses": lambda n: "FIND data_products" + " LIMIT 5" * min(n, MAX_CLAUSES),
    "windows": lambda n: "FIND data_products" + ON * min(n, MAX_CLAUSES),
    "clauses of SHOW": lambda n: "SHOW SOURCES" + " LIMIT 5" * min(n, MAX_CLAUSES),
    "comments": lambda n: f"{FIND}a = 1 {'/*x*/ ' * n}{ON}",
    "nested comments": lambda n: f"{FIND}a = 1 {'/*' * n}{'*/' * n}{ON}",
    "line comments": lambda n: FIND + "-- x\r" * n + f"a = 1{ON}",
    "long text": lambda n: f"{FIND}a = '{'x' * n}'{ON}",
    "quotes": lambda n: f"{FIND}a = {chr(39) * 2 * n}{ON}",
    "long number": lambda n: f"{FIND}a = {'1' * n}{ON}",
    "long name": lambda n: f"{FIND}{'x' * n} = 1{ON}",
    "backticks": lambda n: f"{FIND}`{'``' * n}` = 1{ON}",
    "FINDs": lambda n: f"FIND data_products{ON};\n" * n,
    "LETs": lambda n: list_of(f"LET c# = FIND data_products{ON}", n, ";\n"),
    "unnamed SUBMITs": lambda n: f"SUBMIT FIND data_products{ON};\n" * n,
    "SETs": lambda n: "SET limit = 5;\n" * n,
    "semicolons": lambda n: ";" * n,
    "lines": lambda n: "\n" * n + f"FIND data_products{ON}",
    "words that do not fit": lambda n: f"FIND data_products {'foo ' * n}",
    "JSON filters": lambda n: document(
        data_sources={
            "data_product_metadata_filters": {
                "expressions": [{"key": f"k{at}", "operator": "=", "values": ["1"]} for at in range(n)]
            }
        }
    ),
    "JSON programs": lambda n: document(data_sources={"programs": [f"p{at}" for at in range(n)]}),
    "JSON fields": lambda n: document(**{f"field{at}": 1 for at in range(n)}),
    "JSON distances": lambda n: document(ground=[{}], space=[{}], max_distances={f"a{at}-b": 5 for at in range(n)}),
    "sentence": lambda n: (
        f"Find data_products for ((program in ({list_of('p#', n)}) filtered by metadata ()) AND  "
        "data_product_metadata_filters []) AND data_product start >= 2020-02-01T00:00 UTC AND data_product end <= "
        "2020-02-01T23:59:59 UTC AND"
    ),
    "SQL": lambda n: f"SQL SELECT {list_of('1', n)}",
}


def document(**members: Any) -> str:
    window = {"start": "2020-01-01T00:00:00", "end": "2020-01-02T00:00:00"}
    kind: dict[str, Any] = {} if "ground" in members else {"data_product_type_filters": []}
    return json.dumps({**window, **kind, **members})


def type_text(text: str) -> None:
    IncompleteInputCheck().check(text[:99_000], load_shipped())


KNOWN = CompletionContext(ArchiveNames(load_shipped()))


def complete_text(text: str) -> None:
    Completer().complete(text[:99_000], len(text[:99_000]), KNOWN)


DOORS: dict[str, Callable[[str], object]] = {
    "check": lambda text: list(check_scripts([Source(text)], load_shipped(), {})),
    "fmt": lambda text: format_text(Source(text)),
    "plan": lambda text: translate(text, "plan"),
    "typing": type_text,
    "completion": complete_text,
    "colours": lambda text: list(AuroraQLLexer().get_tokens_unprocessed(text)),
}


def ignore_errors(door: Callable[[str], object], text: str) -> None:
    """Return an action that passes a text to an entry point and ignores its errors."""
    try:
        door(text)
    except StatementError as error:
        assert len(str(error)) < 20_000


def count_calls(door: Callable[[str], object], text: str) -> int:
    """Return the number of Python and C functions that an entry point calls for a text."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        ignore_errors(door, text)
    finally:
        sys.setprofile(None)
    return count


SMALL, LARGE = 20, 80
"""Numbers of items to compare, large enough to show quadratic growth, which makes 16 of 4."""

SIZES = {"OR of identifiers": (80, 320)}
"""Sizes of a construct whose plan changes above some number of items: both sizes are above it."""


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_work_grows_no_faster_than_the_text(construct: str) -> None:
    small, large = map(CONSTRUCTS[construct], SIZES.get(construct, (SMALL, LARGE)))
    for name, door in DOORS.items():
        ignore_errors(door, CONSTRUCTS[construct](2))  # loads what every statement needs
        few, many = count_calls(door, small), count_calls(door, large)
        assert many <= few * 5 + 2_000, f"{name}: {few:,} calls become {many:,}"


ABOVE = {
    "points": CONSTRUCTS["location points"](40_000),
    "distances": CONSTRUCTS["distances"](40_000),
    "traces": CONSTRUCTS["traces"](60_000),
    "SELECT list": CONSTRUCTS["SELECT list"](40_000),
    "ORDER BY": CONSTRUCTS["ORDER BY"](60_000),
    "AND": CONSTRUCTS["AND of keys"](40_000),
    "OR": CONSTRUCTS["OR of keys"](40_000),
    "IN": f"{FIND}a IN ({list_of('1', 200_000)}){ON}",
}


@pytest.mark.parametrize("case", ABOVE)
def test_a_list_above_its_limit_is_refused_soon(case: str) -> None:
    source = Source(ABOVE[case])
    begun = process_time()
    ((_, diagnostics),) = check_scripts([source], load_shipped(), {})
    assert process_time() - begun < 5  # about one on an idle machine
    assert [diagnostic.code for diagnostic in diagnostics if diagnostic.severity == "error"] == ["AQL0116"]
    assert len(diagnostics[0].message) < 200


def peak_memory(door: Callable[[str], object], text: str) -> int:
    """Return the peak number of bytes that Python allocates while an entry point reads a text."""
    tracemalloc.start()
    try:
        ignore_errors(door, text)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "construct", ["IN list", "AND of keys", "OR of ANDs", "SELECT list", "location points", "FINDs"]
)
def test_memory_grows_no_faster_than_the_text(construct: str) -> None:
    small, large = map(CONSTRUCTS[construct], (50, 200))
    for name in ("check", "plan"):
        ignore_errors(DOORS[name], CONSTRUCTS[construct](2))
        # Other offsets, so that no statement is remembered from another test.
        few, many = (peak_memory(DOORS[name], "\n" * (1000 * next(_SHIFTS)) + text) for text in (small, large))
        assert many <= few * 5 + 200_000, f"{name}: {few:,} bytes become {many:,}"


def test_a_number_beyond_an_engines_limit_is_refused() -> None:
    archive, day = connect(), "FIND data_products {} WHERE program = 'trex' ON 2021-01-01 {}"
    with archive:
        archive.run("LET c = FIND data_products ON 2021-01-01 LIMIT 1")
        joins = "".join(f" CROSS JOIN c AS a{number}" for number in range(MAX_SQL_TABLES))
        for text in (
            f"SQL FROM c{joins} SELECT count(*)",
            day.format(f"SELECT {list_of('metadata.k#', MAX_COLUMNS + 1)}", ""),
        ):
            errors = [diagnostic.code for diagnostic in archive.check(text) if diagnostic.severity == "error"]
            assert errors == ["AQL0116"], text
        assert archive.run(f"SQL FROM c{joins[: joins.index('a9') + 2]} SELECT count(*)").rows == [(1,)]


def test_many_selected_keys_have_the_values_of_the_records() -> None:
    keys = ["keogram_type", "imaging_start_time", "`a/b~c`", *(f"made_up_{number}" for number in range(40))]
    with connect() as archive:
        day = "WHERE program = 'trex' ON 2021-01-01 ORDER BY url LIMIT 50"
        whole = archive.run(f"FIND data_products SELECT metadata {day}")
        result = archive.run(f"FIND data_products SELECT url, {', '.join(f'metadata.{key}' for key in keys)} {day}")
        names = [key.strip("`") for key in keys]
        expected = [tuple(record["metadata"].get(name) for name in names) for record in whole.records]
        assert [row[1:] for row in result] == expected
        assert any(row[1] for row in result)


def test_every_list_of_the_grammar_has_a_limit() -> None:
    from auroraql.language.grammar import load_table

    helpers = {rule[1] for rule in load_table().rules if rule[1].startswith("__")}
    assert {name[2:].rpartition("_")[0].rpartition("_")[0] for name in helpers} <= set(LIST_LIMITS)
