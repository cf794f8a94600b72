"""Tests of limits: each is enforced before the work that it limits, so the cost of a refusal is bounded."""

from __future__ import annotations

import sys

import pytest

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source
from auroraql.language.grammar import load_table
from auroraql.language.splitter import StatementPiece
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.limits import LIST_LIMITS, MAX_SCRIPT_CHARACTERS, MAX_STATEMENTS
from auroraql.session.analyzer import check_scripts

FIND = "FIND data_products WHERE "
ON = " ON 2021-01-01"
LISTS = {
    "blocks": "FIND conjunctions OF ground‹, ground›",
    "points": "FIND conjunctions OF location ((1, 2)‹, (1, 2)›), space",
    "distances": "FIND conjunctions OF ground, space WITHIN 5 km‹, 5 km›",
    "traces": "FIND conjunctions OF ground, space VIA nbtrace‹, nbtrace›",
    "SELECT": "FIND data_products SELECT a‹, a›",
    "SELECT tree": "FIND data_products SELECT metadata {a‹, a›}",
    "EXCLUDE": "FIND data_products SELECT * EXCLUDE (url‹, url›)",
    "ORDER BY": "FIND data_products ORDER BY a‹, a›",
    "GROUP BY": "FIND data_products SELECT count(*) GROUP BY a‹, a›",
    "AND": f"{FIND}a = 1‹ AND a = 1›",
    "OR": f"{FIND}a = 1‹ OR a = 1›",
    "IN": f"{FIND}a IN (1‹, 1›)",
    "parameters": f"{FIND}a IN ($p‹, $p›)",
    "path": f"{FIND}a‹.a› = 1",
    "shifts": "FIND data_products ON NOW‹ - 1 day›",
    "clauses": "FIND data_products‹ LIMIT 5›",
    "clauses of SHOW": "SHOW SOURCES‹ LIMIT 5›",
}


def check_and_count_calls(text: str) -> tuple[list[str], int]:
    """Return the codes of a check and the number of functions that it calls."""
    count = 0

    def counted(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        ((_, diagnostics),) = check_scripts([Source(text)], load_shipped(), {})
    finally:
        sys.setprofile(None)
    return [item.code for item in diagnostics], count


@pytest.mark.parametrize("name", LISTS)
def test_a_list_stops_at_its_limit(name: str) -> None:
    before, _, rest = LISTS[name].partition("‹")
    item, _, after = rest.partition("›")
    codes, calls = check_and_count_calls(before + item * 11_000 + after)
    assert codes == ["AQL0116"]
    twice, more_calls = check_and_count_calls(before + item * 22_000 + after)
    assert twice == codes
    assert more_calls < calls * 1.05 + 100


@pytest.mark.parametrize(
    ("name", "rule"), [("SELECT", "select"), ("EXCLUDE", "exclusion"), ("GROUP BY", "group_by"), ("ORDER BY", "order")]
)
def test_a_list_of_columns_or_keys_has_the_limit_of_its_clause(name: str, rule: str) -> None:
    limit = LIST_LIMITS[rule]
    before, _, rest = LISTS[name].partition("‹")
    item, _, after = rest.partition("›")
    ((_, below),) = check_scripts([Source(before + item * (limit.maximum - 1) + after)], load_shipped(), {})
    assert "AQL0116" not in {item.code for item in below}
    ((_, (above,)),) = check_scripts([Source(before + item * limit.maximum + after)], load_shipped(), {})
    assert above.message == f"the list has too many {limit.items}; the maximum is {limit.maximum:,}"
    assert above.hint == limit.hint


def test_every_list_of_the_grammar_has_a_limit() -> None:
    helpers = {rule[1] for rule in load_table().rules if rule[1].startswith("__")}
    assert {name[2:].rpartition("_")[0].rpartition("_")[0] for name in helpers} == set(LIST_LIMITS)


@pytest.mark.parametrize("text", ["FIND ephemeris;" * (MAX_STATEMENTS + 1), ";" * (MAX_SCRIPT_CHARACTERS + 1)])
def test_a_script_that_is_too_long_is_not_read(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(text: str, piece: StatementPiece) -> script.ReadStatement:
        raise AssertionError("it was read")

    monkeypatch.setattr(script, "read_piece", unread)
    ((_, diagnostics),) = check_scripts([Source(text)], load_shipped(), {})
    assert [item.code for item in diagnostics] == ["AQL0119"]


def test_too_many_blocks_compute_no_pairs() -> None:
    blocks = "FIND conjunctions OF " + ", ".join(["ground (program = 'trex')"] * 900) + " WITHIN 5 km" + ON
    codes, calls = check_and_count_calls(blocks)
    assert codes == ["AQL0213"]
    assert calls < 900 * 300, "900 blocks have 404,550 pairs"


def test_nots_count_towards_the_nesting_limit() -> None:
    assert check_and_count_calls(f"{FIND}{('NOT ' * 99 + '(') * 2}a = 1)){ON}")[0] == ["AQL0601"]
    assert check_and_count_calls(f"{FIND}{('NOT ' * 150 + '(') * 100}a = 1{')' * 100}{ON}")[0] == ["AQL0104"]


def test_nested_finds_do_not_recurse() -> None:
    nested = f"FIND data_products SELECT data_source.platform WHERE program = 'trex'{ON}"
    for _ in range(198):
        nested = f"FIND data_products SELECT data_source.platform WHERE platform IN ({nested}){ON}"
    assert check_and_count_calls(nested)[0] == []
