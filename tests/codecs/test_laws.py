"""Laws of the written forms, as properties of generated searches."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pyaurorax.search import DataProductSearch, EphemerisSearch, MetadataFilter, MetadataFilterExpression

from auroraql import AuroraQLWarning, translate
from auroraql.codecs import query_json, script, sentence
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.language import parser, printer
from auroraql.language.formatter import format_text
from auroraql.planner import plan_query
from auroraql.planner.request_windows import is_open
from auroraql.resolver import resolve
from auroraql.schema import DATA_PRODUCTS, EPHEMERIS, KINDS, Kind
from auroraql.schema.catalogue import load_shipped
from tests.support import corpus_files
from tests.support.strategies import (
    EVERY_QUERY,
    EVERY_SEARCH,
    KEYS,
    PRODUCT_TYPE_LISTS,
    TEXTS,
    limit_span,
    operators_of,
    values_of,
)

NOW = datetime(2021, 3, 4, 5, 6, 7)


def read_text(text: str) -> Query:
    return resolve(script.read_find(Source(text)), load_shipped(), now=NOW).query


def read_json(document: dict[str, Any], kind: str) -> Query:
    return resolve(query_json.read_document(document, kind), load_shipped(), now=NOW).query


def plan_of(query: Query) -> Plan:
    return plan_query(query, load_shipped(), cut=False)


def one_request(query: Query) -> Plan:
    plan = plan_of(query)
    assume(plan.requests)
    return plan


@given(EVERY_QUERY)
def test_law_1_printed_text_parses_to_the_same_query(query: Query) -> None:
    assert read_text(printer.print_query(query, load_shipped())) == query


@given(EVERY_SEARCH)
def test_law_1_written_json_parses_to_the_same_query(query: Query) -> None:
    document = query_json.write_query_json(one_request(query).requests[0])
    assert read_json(document, query.kind) == query
    assert read_text(f"FIND {query.kind} FROM " + json.dumps(document)) == query


@given(EVERY_SEARCH)
def test_law_1_a_sentence_parses_to_the_same_query_or_is_refused(query: Query) -> None:
    request = one_request(query).requests[0]
    try:
        text = sentence.write_sentence(request)
    except StatementError as error:
        assert {diagnostic.code for diagnostic in error.diagnostics} == {"AQL0406"}
        return
    assert read_text(text) == query


@given(EVERY_SEARCH)
def test_law_2_all_forms_agree(query: Query) -> None:
    request = one_request(query).requests[0]
    document = query_json.write_query_json(request)
    text = printer.print_query(query, load_shipped())
    if not is_open(request):  # which is an error
        assert translate(text, to="json") == document
    assert translate(document, to="aql") == text
    lifted = plan_of(read_json(document, query.kind))
    assert len(lifted.requests) == 1
    assert not lifted.post_processing
    assert query_json.write_query_json(lifted.requests[0]) == document


@pytest.mark.parametrize("open_text", ["SINCE 2015", "AND epoch < '2020-01-01'", ""])
@pytest.mark.parametrize("to", ["json", "sentence", "plan", "python", "curl"])
def test_ephemeris_with_an_open_window_is_not_one_request(open_text: str, to: str) -> None:
    with pytest.raises(StatementError) as raised:
        translate(f"FIND ephemeris WHERE platform = 'swarma' {open_text}", to=to)
    assert [diagnostic.code for diagnostic in raised.value.diagnostics] == ["AQL0305"]


@pytest.mark.parametrize("end", [{}, {"end": "2020-01-01T00:00:00"}])
def test_a_document_that_aurorax_refuses_is_kept_as_it_is(end: dict[str, str]) -> None:
    document = query_json.write_query_json(
        plan_of(read_json({"data_sources": {"ephemeris_metadata_filters": {}}} | end, "ephemeris")).requests[0]
    )
    with pytest.warns(AuroraQLWarning, match="AQL0614"):
        assert translate(document, to="json") == document
    translation: Any = translate(document, to="sentence")
    assert translate(translation, to="json") == document


@given(EVERY_QUERY)
def test_law_3_the_normal_form_is_idempotent(query: Query) -> None:
    assert Query.build(query) == query


@given(EVERY_SEARCH)
def test_law_3_missing_empty_and_null_lists_are_equal(query: Query) -> None:
    document = query_json.write_query_json(one_request(query).requests[0])
    bare = _without_empty(document)
    assert read_json(bare, query.kind) == query
    assert read_json(_with_null(document), query.kind) == query


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    opened = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in document.items()}
    return {k: v for k, v in opened.items() if v not in ([], {}, {"logical_operator": "AND"})}


def _with_null(document: dict[str, Any]) -> dict[str, Any]:
    return {k: None if v == [] else _with_null(v) if isinstance(v, dict) else v for k, v in document.items()}


@given(EVERY_QUERY)
def test_law_4_canonical_text_equals_the_formatters(query: Query) -> None:
    text = printer.print_query(query, load_shipped())
    assert format_text(Source(text)) == text + ";\n"


_COMMENTS = st.sampled_from(
    ["", "", "", " -- why\n", "\n-- alone\n", " /* in */ ", "\n/* two\n   lines */\n", "\n\n", "\t"]
)


@given(EVERY_QUERY, st.data())
def test_law_4_formatting_is_idempotent_and_keeps_comments_and_meaning(query: Query, data: st.DataObject) -> None:
    text = printer.print_query(query, load_shipped())
    script, at = "", 0
    for token in parser.parse_words(text)[1]:
        script += text[at : token.start_pos] + data.draw(_COMMENTS) + text[token.start_pos : token.end_pos]
        at = token.end_pos
    script += data.draw(_COMMENTS) + ";" + data.draw(_COMMENTS)
    once = format_text(Source(script))
    assert format_text(Source(once)) == once
    assert read_text(once) == query
    for comment in ("-- why", "-- alone", "/* in */"):
        assert once.count(comment) == script.count(comment)


@pytest.mark.parametrize(
    "path", [path for kind in KINDS for path in corpus_files.files(kind)], ids=lambda p: f"{p.parent.name}-{p.stem}"
)
def test_law_4_holds_for_the_corpus(path: Any) -> None:
    source = Source(corpus_files.read(path)["statement"])
    once = format_text(source)
    assert format_text(Source(once)) == once
    assert read_text(once) == read_text(source.text)


@st.composite
def client_searches(draw: st.DrawFn, kind: Kind) -> DataProductSearch | EphemerisSearch:
    """Generate searches as users of pyaurorax write them. The client never connects."""
    expressions = []
    for key in draw(st.lists(KEYS, max_size=3)):
        operator = draw(st.sampled_from(operators_of(key, kind)))
        count = {"in": 2, "not in": 3, "between": 2}.get(operator, 1)
        values = draw(st.lists(values_of(key, kind), min_size=count, max_size=count))
        expressions.append(MetadataFilterExpression(key, values if count > 1 else values[0], operator))
    joined = draw(st.sampled_from(["and", "or", "AND", "OR"]))
    lists = [draw(st.none() | st.lists(TEXTS, max_size=2)) for _ in range(3)]
    start, end = sorted((draw(st.datetimes(datetime(1000, 1, 1))), draw(st.datetimes(datetime(1000, 1, 1)))))
    group = draw(st.none() | st.just(MetadataFilter(expressions, joined)))
    if kind is EPHEMERIS:
        return EphemerisSearch(None, start, limit_span(start, end, kind), *lists, metadata_filters=group)
    types = draw(st.none() | PRODUCT_TYPE_LISTS)
    return DataProductSearch(None, start, end, *lists, types, metadata_filters=group)


def assert_equals_client(kind: Kind, search: DataProductSearch | EphemerisSearch) -> None:
    """Assert that AuroraQL's JSON of a pyaurorax search equals the client's own, with the filters in normal form."""
    query = json.loads(json.dumps(search.query))
    ours = translate(query, to="json")
    assert isinstance(ours, dict)
    expected = query | {"data_sources": dict(query["data_sources"])}
    group = expected["data_sources"][kind.filters] or {"expressions": [], "logical_operator": "AND"}
    if len(group["expressions"]) < 2:
        group["logical_operator"] = "AND"
    expected["data_sources"][kind.filters] = group
    assert ours == expected
    assert translate(str(translate(query, to="aql")), to="json") == expected


@given(client_searches(DATA_PRODUCTS))
def test_json_equals_what_pyaurorax_builds(search: DataProductSearch) -> None:
    assert_equals_client(DATA_PRODUCTS, search)


@given(client_searches(EPHEMERIS))
def test_json_of_ephemeris_equals_what_pyaurorax_builds(search: EphemerisSearch) -> None:
    assert_equals_client(EPHEMERIS, search)
