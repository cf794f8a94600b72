"""Laws of the written forms for conjunctions, with the published client as the judge of the JSON."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyaurorax.search import (
    ConjunctionSearch,
    CustomLocationsCriteriaBlock,
    EventsCriteriaBlock,
    GroundCriteriaBlock,
    MetadataFilter,
    MetadataFilterExpression,
    SpaceCriteriaBlock,
)

from auroraql import translate
from auroraql.codecs import query_json, script, sentence
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.ir.query import Query
from auroraql.language import printer
from auroraql.language.formatter import format_text
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.schema import EPHEMERIS
from auroraql.schema.catalogue import load_shipped
from tests.support.conjunction_strategies import queries, searches
from tests.support.strategies import KEYS, TEXTS, operators_of, values_of

NOW = datetime(2021, 3, 4, 5, 6, 7)
FIND = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') "


def read_text(text: str) -> Query:
    return resolve(script.read_find(Source(text)), load_shipped(), now=NOW).query


def read_json(document: dict[str, Any]) -> Query:
    return resolve(query_json.read_document(document, "conjunctions"), load_shipped(), now=NOW).query


@given(queries())
def test_law_1_printed_text_parses_to_the_same_query(query: Query) -> None:
    assert read_text(printer.print_query(query, load_shipped())) == query
    assert Query.build(query) == query


@given(searches())
def test_laws_1_and_2_json_and_sentence_parse_to_the_same_query(query: Query) -> None:
    plan = plan_query(query, load_shipped())
    if not plan.requests:
        assert plan.warnings
        return
    (request,) = plan.requests
    document = query_json.write_query_json(request)
    assert read_json(document) == query
    assert read_text("FIND conjunctions FROM " + json.dumps(document)) == query
    text = printer.print_query(query, load_shipped())
    assert translate(text, to="json") == document
    assert translate(document, to="aql") == text
    lifted = plan_query(read_json(document), load_shipped())
    assert [query_json.write_query_json(item) for item in lifted.requests] == [document]
    assert not lifted.post_processing
    try:
        worded = sentence.write_sentence(request)
    except StatementError as error:
        assert {diagnostic.code for diagnostic in error.diagnostics} == {"AQL0406"}
        return
    assert read_text(worded) == query


@given(queries())
def test_law_4_canonical_text_equals_the_formatters(query: Query) -> None:
    text = printer.print_query(query, load_shipped())
    assert format_text(Source(text)) == text + ";\n"


_LISTS = st.lists(TEXTS, max_size=2)
_DISTANCES = st.integers(0, 20_000)


@st.composite
def groups(draw: st.DrawFn) -> MetadataFilter | None:
    expressions = []
    for key in draw(st.lists(KEYS, max_size=3)):
        operator: Any = draw(st.sampled_from(operators_of(key, EPHEMERIS)))
        count = {"in": 2, "not in": 3, "between": 2}.get(operator, 1)
        values = draw(st.lists(values_of(key, EPHEMERIS), min_size=count, max_size=count))
        expressions.append(MetadataFilterExpression(key, values if count > 1 else values[0], operator))
    joined: Any = draw(st.sampled_from(["and", "or"]))
    return draw(st.none() | st.just(MetadataFilter(expressions, joined)))


_HEMISPHERES: Any = st.lists(st.sampled_from(["northern", "southern"]), max_size=2, unique=True)
_GROUND = st.builds(GroundCriteriaBlock, _LISTS, _LISTS, _LISTS, groups())
_SPACE = st.builds(SpaceCriteriaBlock, _LISTS, _LISTS, _LISTS, _HEMISPHERES, groups())
_EVENTS = st.builds(EventsCriteriaBlock, _LISTS, _LISTS, groups())
_DEGREES = st.floats(-90, 90).map(lambda d: round(d, 4))
_PLACES = st.builds(CustomLocationsCriteriaBlock, st.lists(st.tuples(_DEGREES, _DEGREES), min_size=1, max_size=2))


@st.composite
def client_searches(draw: st.DrawFn) -> ConjunctionSearch:
    """Generate searches as users of pyaurorax write them. The client never connects."""
    start, end = sorted(draw(st.tuples(*[st.datetimes(datetime(1000, 1, 1))] * 2)))
    nobody: Any = None
    traces: Any = st.lists(st.sampled_from(["nbtrace", "sbtrace", "geographic"]), max_size=3, unique=True)
    pairs = st.sampled_from(["ground1-space1", "ground1-ground2", "space1-space2", "ground2-adhoc1"])
    return ConjunctionSearch(
        nobody,
        start,
        end,
        draw(_DISTANCES | st.dictionaries(pairs, _DISTANCES | st.none())),
        ground=draw(st.lists(_GROUND, min_size=1, max_size=2)),
        space=draw(st.lists(_SPACE, min_size=1, max_size=2)),
        events=draw(st.lists(_EVENTS, max_size=1)),
        custom_locations=draw(st.lists(_PLACES, max_size=1)),
        conjunction_types=draw(traces),
        subminute_precision=draw(st.none() | st.booleans()),
    )


@given(client_searches())
def test_json_equals_what_pyaurorax_builds(search: ConjunctionSearch) -> None:
    query = json.loads(json.dumps(search.query))
    expected = json.loads(json.dumps(query))
    if not expected.get("subminute_precision"):
        expected.pop("subminute_precision", None)
    for name in ("ground", "space", "events"):
        for block in expected[name]:
            group = block["ephemeris_metadata_filters"] or {"expressions": [], "logical_operator": "AND"}
            if len(group["expressions"]) < 2:
                group["logical_operator"] = "AND"
            block["ephemeris_metadata_filters"] = group
    assert translate(query, to="json") == expected
    assert translate(str(translate(query, to="aql")), to="json") == expected


def test_both_wire_forms_of_the_precision_are_read() -> None:
    document: Any = translate(FIND + "WITHIN 500 km PRECISION 30 s ON 2020-01-01", to="json")
    assert document["subminute_precision"] is True
    del document["subminute_precision"]
    whole = translate(document, to="aql")
    for seconds in (60, None):
        assert translate(document | {"epoch_search_precision": seconds}, to="aql") == whole
    finer = f"{whole}".replace("WITHIN 500 km", "WITHIN 500 km\n  PRECISION 30 s")
    for more in ({"epoch_search_precision": 30}, {"subminute_precision": True}, {"epoch_search_precision": 1}):
        assert translate(document | more, to="aql") == finer
    with pytest.raises(StatementError, match="contradict each other"):
        translate(document | {"epoch_search_precision": 60, "subminute_precision": True}, to="aql")


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"grounds": []}, "/grounds"),
        ({"ground": [{"program": ["x"]}]}, "/ground/0/program"),
        ({"ground": ["x"]}, "/ground/0"),
        ({"space": [{"hemisphere": "northern"}]}, "/space/0/hemisphere"),
        ({"adhoc": [{"locations": [{"lat": 91, "lon": 0}]}]}, "/adhoc/0/locations/0/lat"),
        ({"adhoc": [{"locations": [{"lat": 1}]}]}, "/adhoc/0/locations/0/lon"),
        ({"adhoc": [{"locations": []}]}, "/adhoc/0"),
        ({"max_distances": {"ground1": 5}}, "/max_distances/ground1"),
        ({"max_distances": {"ground1-space1": "5"}}, "/max_distances/ground1-space1"),
        ({"max_distances": {"ground1-space1": -5}}, "/max_distances/ground1-space1"),
        ({"max_distances": {"space1-ground1": 5, "ground1-space1": 5}}, "/max_distances/ground1-space1"),
        ({"conjunction_types": ["nbtrack"]}, "/conjunction_types/0"),
        ({"epoch_search_precision": 61}, "/epoch_search_precision"),
        ({"epoch_search_precision": "x"}, "/epoch_search_precision"),
        ({"subminute_precision": 1}, "/subminute_precision"),
        ({"request_id": "x"}, "/request_id"),
    ],
)
def test_json_errors_carry_a_json_pointer(more: dict[str, Any], pointer: str) -> None:
    document = {"ground": [{"programs": ["trex"]}], "space": [{"programs": ["swarm"]}], **more}
    with pytest.raises(StatementError) as caught:
        translate(document, to="aql")
    assert pointer in [diagnostic.origin.path for diagnostic in caught.value.diagnostics]  # type: ignore[union-attr]


def test_a_block_is_split_by_its_sources_and_alternatives() -> None:
    text = "FIND conjunctions OF ground ({}), space (program = 'swarm') WITHIN 300 km ON 2020-01-01"

    def grounds(where: str) -> list[Any]:
        translation: Any = translate(text.format(where), to="plan")
        return [request["query"]["ground"][0] for request in translation["requests"]]

    cut = grounds("platform = 'gillam' AND (program = 'trex' OR calgary_apa_ml_v1_confidence > 90)")
    assert len(cut) == 2
    assert sorted(bool(block["ephemeris_metadata_filters"]["expressions"]) for block in cut) == [False, True]
    assert {program for block in cut for program in block["programs"]} >= {"trex", "themis-asi"}
    assert grounds("source_type = 'ground' AND program = 'trex' AND NOT display_name LIKE '%GILL'")
    assert len(grounds("a = 1 AND (b = 2 OR c = 3)")) == 2
    for where in ("a LIKE 'x%'", "a IS NULL", " AND ".join(f"(a{n} = 1 OR b{n} = 2)" for n in range(6))):
        with pytest.raises(StatementError, match="AQL0407"):
            translate(text.format(where), to="plan")
    with pytest.raises(StatementError, match="sub-minute"):
        translate(text.format("a = 1 AND (b = 2 OR c = 3)") + " PRECISION 30 s", to="plan")
    with pytest.raises(StatementError, match="whole kilometres"):
        translate(FIND + "WITHIN 300.5 km ON 2020-01-01", to="json")
    nothing: Any = translate(text.format("source_type = 'heo' AND platform LIKE 'g%'"), to="plan")
    assert nothing["requests"] == []
