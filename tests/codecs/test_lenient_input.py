"""Documents as people have them: Python dicts, typographic quotes, status documents, older formats, unknown values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auroraql.codecs.lenient_json import to_json
from auroraql.codecs.query_json import JsonNumber, _load_document
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.session.translation import translate_source

_PLAIN = st.none() | st.booleans() | st.text(max_size=12) | st.integers(-1000, 1000)
_DOCUMENTS = st.dictionaries(
    st.text(max_size=6), st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3)), max_size=4
)


@given(_DOCUMENTS)
def test_a_printed_dict_is_the_same_document(document: dict[str, Any]) -> None:
    def plain(value: Any) -> Any:
        return (
            int(value)
            if isinstance(value, JsonNumber)
            else [plain(v) for v in value]
            if isinstance(value, list)
            else value
        )

    assert {key: plain(value) for key, value in _load_document(repr(document)).items()} == document


def aql(text: str) -> str:
    """Return the text form of a statement."""
    return " ".join(str(translate_source(Source(text), "aql").output).split())


_SWARM = "FIND ephemeris WHERE program = 'swarm' ON 2020-01-01"
_JSON = '{"start": "2020-01-01T00:00:00", "end": "2020-01-01T23:59:59", "data_sources": {"programs": ["swarm"]}}'


@pytest.mark.parametrize(
    "text",
    [
        _JSON,
        str(
            {
                "start": datetime(2020, 1, 1),
                "end": datetime(2020, 1, 1, 23, 59, 59),
                "data_sources": {"programs": ["swarm"], "platforms": None},
            }
        ),
        repr(
            {
                "start": datetime(2020, 1, 1, tzinfo=UTC),
                "end": "2020-01-01T23:59:59",
                "data_sources": {"programs": ("swarm",)},
            }
        ),
        _JSON.replace('"', "\u201c", 1).replace('"', "\u201d").replace(": ", ":\u00a0"),
        "{'start': Timestamp('2020-01-01 00:00:00'), 'end': '2020-01-01T23:59:59', 'data_sources': {'programs': ['swarm'],},}",
        '{"search_request": {"query": ' + _JSON + ', "request_id": "x", "request_type": "ephemeris"}, "logs": []}',
        '{"query": ' + _JSON + "}",
    ],
    ids=["json", "dict", "zone", "typographic", "timestamp", "status", "request"],
)
def test_lenient_documents_are_read(text: str) -> None:
    assert aql(text) == _SWARM


def test_the_older_list_of_filters_is_a_group_joined_by_and() -> None:
    filters = '[{"key": "state", "operator": "=", "values": ["definitive"]}, {"key": "tii_on", "operator": "=", "values": ["true"]}]'
    text = _JSON.replace('["swarm"]', '["swarm"], "ephemeris_metadata_filters": ' + filters)
    assert (
        aql(text) == "FIND ephemeris WHERE program = 'swarm' AND state = 'definitive' AND tii_on = TRUE ON 2020-01-01"
    )


def test_the_prefix_of_a_description_is_skipped() -> None:
    sentence = str(translate_source(Source(_SWARM), "sentence").output)
    assert aql("Query description: " + sentence) == _SWARM


def test_a_distance_of_a_missing_pair_is_ignored_with_a_warning() -> None:
    text = (
        '{"ground": [{"programs": ["trex"]}], "space": [{"programs": ["swarm"]}], "conjunction_types": ["nbtrace"], '
        '"start": "2020-01-01T00:00:00", "end": "2020-01-01T06:00:00", '
        '"max_distances": {"ground1-space1": 300, "ground1-space2": 100}}'
    )
    translation = translate_source(Source(text), "json")
    assert translation.output["max_distances"] == {"ground1-space1": 300}  # type: ignore[index]
    assert ["ground1-space2" in warning.message for warning in translation.warnings] == [True]


@pytest.mark.parametrize(
    "text", ["{'start': open('x')}", "{'start': 1 + 1}", "{'start': __import__('os')}", "{'a': f'x'}"]
)
def test_input_is_never_evaluated(text: str) -> None:
    assert to_json(text) is None
    with pytest.raises(StatementError, match="AQL0401"):
        translate_source(Source(text), "aql")


@pytest.mark.parametrize("joined", ["IN", "OR"])
def test_thirty_unknown_values_are_named_in_one_warning(joined: str) -> None:
    values = [f"nowhere{n:02}" for n in range(30)]
    where = (
        f"platform IN ({', '.join(map(repr, values))})"
        if joined == "IN"
        else " OR ".join(f"platform = '{v}'" for v in values)
    )
    warnings = [
        warning
        for warning in translate_source(Source(f"FIND data_products WHERE {where} ON 2021-01-01"), "aql").warnings
        if warning.code == "AQL0602"
    ]
    assert len(warnings) == 1
    assert all(f"'{value}'" in warnings[0].message for value in values)
