"""Tests of incomplete input: text that can still become correct is not reported as wrong. Other errors are."""

from __future__ import annotations

import re

import pytest

import auroraql.session.sql.sandbox  # noqa: F401 - with it SQL is checked while it is typed
from auroraql.completion.incomplete_input import MAX_CHECKED_CHARACTERS, IncompleteInputCheck
from auroraql.completion.live_checker import LiveChecker
from auroraql.diagnostics.errors import Span
from auroraql.schema import KINDS
from auroraql.schema.catalogue import load_shipped
from auroraql.schema.limits import MAX_LIST_VALUES
from tests.support import corpus_files

QUESTIONED = "FIND data_products WHERE platform = 'gilam' ON 2021-01-01"

_WORDS = re.compile(r"\w+|[^\w\s]|\s+")


@pytest.mark.parametrize("folder", [*KINDS, "scripts", "errors"])
def test_no_prefix_of_a_correct_statement_is_reported_as_wrong(folder: str) -> None:
    for number, path in enumerate(corpus_files.files(folder)):
        text = corpus_files.read(path)["statement"]
        typed = IncompleteInputCheck()
        if any(diagnostic.severity == "error" for diagnostic in typed.check(f"{text}\n;", load_shipped())):
            continue
        # Every third word of each statement: neighbouring files have similar statements and begin at different words.
        for word in [*_WORDS.finditer(text)][number % 3 :: 3]:
            begun = text[: word.end()]
            wrong = [diagnostic for diagnostic in typed.check(begun, load_shipped()) if diagnostic.severity == "error"]
            assert not wrong, f"{path.stem}: {begun!r}"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("FIND data_products WHERE program = 5 ON 2021-01-01", ["AQL0203"]),
        (QUESTIONED, ["AQL0602"]),
        # Incomplete statements are not errors, but their finished parts can have errors.
        ("FIND data_products WHERE", []),
        ("FIND data_products WHERE program = 'tr", []),
        ("FIND data_products WHERE program = 'trex'", []),
        ("FIND data_products WHERE program = 'trx' AND ", ["AQL0602"]),
        ("FIND data_products WHERE program = 'trx' AND platform = 'gil", ["AQL0602"]),
        ("FIND data_products WHERE (program = 'trx'", ["AQL0602"]),
        ("FIND data_products WHERE program IN ('trx', 'trex'", ["AQL0602"]),
        # A word that is being typed may become a valid one.
        ("FIND data_products WH", []),
        ("FIND data_products WHERE platform = gil", []),
        ("FIND data_products WHERE program = 'trx' AND plat", ["AQL0602"]),
        ("FIND data_products WH ", ["AQL0106"]),
        ("FIND data_products WHERE program = $", []),
        # The same holds for listed words after a comma, and for a date before its day is typed.
        ("FIND data_products SELECT start, ", []),
        ("FIND data_products SELECT start, WHERE url IS NULL", ["AQL0114"]),
        ("FIND data_products ON 2021-", []),
        ("FIND data_products BETWEEN 2021-01-01 AND 2021-01-0", []),
        ("FIND data_products ON 2021-0 LIMIT 1", ["AQL0112"]),
        # More blocks may follow the first, and a distance may follow all of them.
        ("FIND conjunctions OF ", []),
        ("FIND conjunctions OF ground (program = 'trex')", []),
        ("FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm')", []),
        ("FIND conjunctions OF ground (program = 'trex') ON 2021-01-01", ["AQL0213"]),
        ("FIND conjunctions ON 2021-01-01", []),
        ("FIND conjunctions ON 2021-01-01; ", ["AQL0213"]),
        # Values in the first block are checked immediately, although the second block is missing.
        ("FIND conjunctions OF ground (program = 'trx')", ["AQL0602"]),
        ("FIND conjunctions OF ground (program = 'trx'", ["AQL0602"]),
        ("FIND conjunctions OF ground (program = 'trx'), spa", ["AQL0602"]),
        ("FIND conjunctions OF ground (program = 'trx') ON 2021-01-01", ["AQL0213", "AQL0602"]),
        ("FIND data_products SELECT program, count(*) WHERE platform = 'gilam'", ["AQL0602"]),
        # A listing without its subject, a group without its keys, a list without its column, FETCH without an id.
        ("SHOW VALUES OF ", []),
        ("SHOW AVAILABILITY OF data_products WHERE program = 'trex' ", []),
        ("SHOW AVAILABILITY OF data_products SINCE 2021-01-01 ", []),
        ("SHOW VALUES; ", ["AQL0225"]),
        ("SHOW VALUES OF nothing ", ["AQL0225"]),
        ("FIND data_products SELECT platform, count(*) ", []),
        ("FIND data_products SELECT platform, count(*) GROUP BY program, ", []),
        ("FIND data_products SELECT platform, count(*) GROUP BY program LIMIT 5 ", ["AQL0212"]),
        ("FIND data_products SELECT platform, count(*) GROUP BY program LIMIT ", ["AQL0212"]),
        ("FIND data_products WHERE platform IN (FIND ephemeris ", []),
        ("FIND data_products WHERE platform IN (FIND ephemeris SELECT epoch, program ", ["AQL0221"]),
        ("FIND data_products WHERE platform IN (FIND ephemeris) AND ", ["AQL0221"]),
        ("FETCH passes = ", []),
        ("CANCEL passes ", ["AQL0226"]),
        # Words that depend on the following text are not checked alone.
        ("FIND data_products SELECT count", []),
        ("FIND data_products SELECT count(", []),
        ("FIND data_products SELECT keogram_tpye, count(", ["AQL0601"]),
        ("FIND data_products ORDER BY data_source.", []),
        ("FIND data_products WHERE start > 2021-01-", []),
        ("FIND data_products WHERE program = 'trex' AND platform !", []),
        # Other forms, and text that may become one.
        ("SQL ", []),
        ("FIND data_products FROM ", []),
        ("Find data_products for ", []),
        ("Find data_products for ((program in (tr", []),
        ("Find data_products for ((programme in (tr", ["AQL0405"]),
        ('{"start": "2021', []),
        ('{"start": 5]', ["AQL0102"]),
        # Terminated statements are complete; so is the text before a word that does not fit.
        ("FIND data_products WHERE; ", ["AQL0105"]),
        ("FIND data_products WHERE program == 'trex' AND ", ["AQL0109"]),
        ("FIND data_products WHERE program = 'trx'; FIND", ["AQL0602"]),
        ("", []),
        ("FIND data_products WHERE x = '" + "x" * MAX_CHECKED_CHARACTERS + "' y", []),
    ],
)
def test_errors_of_the_text_being_typed(text: str, wrong: list[str]) -> None:
    assert [diagnostic.code for diagnostic in IncompleteInputCheck().check(text, load_shipped())] == wrong


@pytest.mark.parametrize("ending", ["", ")", ") AND pro", ") ON 2021-01-01", ") ON 2021-01-01;\n"])
def test_a_list_above_its_limit_is_reported_while_it_is_typed(ending: str) -> None:
    values = ",".join("'atha'" for _ in range(MAX_LIST_VALUES + 1))
    text = f"FIND data_products WHERE platform IN ({values}{ending}"
    assert [diagnostic.code for diagnostic in IncompleteInputCheck().check(text, load_shipped())] == ["AQL0116"]


def test_every_fix_of_a_whole_statement_is_offered_while_it_is_typed() -> None:
    count = 0
    for path in corpus_files.files("habits"):
        for case in corpus_files.read_cases(path):
            text = case["statement"].rstrip()
            offered = set(IncompleteInputCheck().check(text, load_shipped()))
            for diagnostic in LiveChecker().check(text, load_shipped()):
                span = diagnostic.origin
                if not (diagnostic.fix or "").startswith("FIND ") or not isinstance(span, Span):
                    continue
                # A single word at the end may still become another.
                if span.end >= len(text) and len(text[span.start :].split()) > 1:
                    count += 1
                    assert diagnostic in offered, text
    assert count > 50
