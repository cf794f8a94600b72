"""Law 1 for computed values: the canonical text and the formatted text of a statement are the same query."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.ir.query import Query
from auroraql.language import printer
from auroraql.language.formatter import format_text
from auroraql.resolver import resolve
from auroraql.schema.catalogue import load_shipped
from tests.support.expression_strategies import Expression, predicates, values
from tests.support.expression_texts import Expressions, expressions_of

NOW = datetime(2021, 3, 4, 5, 6, 7)
COSTLY = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

FINDS = {
    "data_products": "FIND data_products",
    "ephemeris": "FIND ephemeris",
    "conjunctions": "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km",
}


def read_text(text: str) -> Query:
    return resolve(script.read_find(Source(text)), load_shipped(), now=NOW).query


def check(text: str) -> None:
    """Check that a statement, its canonical text and its formatted text are the same query."""
    try:
        query = read_text(text)
    except StatementError:
        # A constant part without a value is an error of the statement.
        assume(False)
    printed = printer.print_query(query, load_shipped())
    assert read_text(printed) == query, (text, printed)
    assert printer.print_query(read_text(printed), load_shipped()) == printed
    assert read_text(format_text(Source(text))) == query, text


@settings(max_examples=60, suppress_health_check=COSTLY)
@given(value=values, test=predicates)
def test_texts_with_computed_values_are_the_same_query(value: Expression, test: Expression) -> None:
    # BETWEEN before WHERE: after a function alone, it would compare its value.
    window = "BETWEEN 2021-01-01 AND 2021-01-03"
    check(f"FIND data_products SELECT url, {value.text} AS x {window} WHERE {test.text} ORDER BY {value.text}")


@settings(max_examples=40, suppress_health_check=COSTLY)
@given(value=values, test=predicates)
def test_texts_with_computed_groups_are_the_same_query(value: Expression, test: Expression) -> None:
    select = f"SELECT {value.text} AS x, count(*) AS n"
    check(f"FIND data_products {select} WHERE {test.text} ON 2021-01-01 GROUP BY x HAVING n * 2 > 1")


def statements(kind: str, texts: Expressions) -> st.SearchStrategy[str]:
    """Return statements of a kind that use expressions in each clause."""
    rows = st.tuples(texts.values, texts.predicates, texts.values, st.sampled_from(["", " DESC", " NULLS FIRST"])).map(
        lambda t: f"SELECT {t[0]} AS x BETWEEN 2021-01-01 AND 2021-01-03 WHERE {t[1]} ORDER BY {t[2]}{t[3]} LIMIT 3"
    )
    labels = texts.values.map(lambda value: f"SELECT {value} ON 2021-01-01")
    groups = st.tuples(texts.values, texts.aggregates, texts.predicates, texts.group_predicates, texts.aggregates).map(
        lambda t: (
            f"SELECT {t[0]} AS x, {t[1]} AS y, count(*) AS n WHERE {t[2]} ON 2021-01-01 GROUP BY x HAVING {t[3]} ORDER BY {t[4]}"
        )
    )
    return st.one_of(rows, labels, groups).map(lambda clauses: f"{FINDS[kind]} {clauses}")


@pytest.mark.parametrize("kind", FINDS)
def test_texts_of_every_kind_and_function_are_the_same_query(kind: str) -> None:
    @settings(max_examples=60, suppress_health_check=COSTLY)
    @given(text=statements(kind, expressions_of(kind)))
    def check_statement(text: str) -> None:
        check(text)

    check_statement()
