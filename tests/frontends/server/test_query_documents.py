"""Tests of query documents sent to `auroraql serve`: checked in JSON terms and echoed in normal form."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

import auroraql
from auroraql.diagnostics.errors import StatementError
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.frontends.server.http_types import HttpError
from auroraql.frontends.server.query_documents import describe_query, plan_checked_query, read_query
from auroraql.frontends.server.result_store import ResultStore
from auroraql.schema import KINDS
from tests.support.server_process import (
    DAY,
    MAX,
    OVER_SWARM,
    SWARM,
    ServerProcess,
    assert_refused,
    await_status,
    finished_url,
    get,
    post,
)
from tests.support.small_catalogue import Product, write

NAMES = {"conjunctions": "conjunction", "data_products": "data_products", "ephemeris": "ephemeris"}


def with_filters(kind: str, group: Any) -> dict[str, Any]:
    """Return a query with metadata filters."""
    if kind == "conjunctions":
        return {**OVER_SWARM, "ground": [{"ephemeris_metadata_filters": group}]}
    return {
        **(MAX if kind == "data_products" else SWARM),
        "data_sources": {"programs": ["a"], KINDS[kind].filters: group},
    }


# --- a description checks nothing


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({**DAY, "ground": [{"programs": ["trex"]}]}, "ground1=(program in (trex)) WHERE"),
        ({**DAY}, "between data sources of  WHERE"),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": 500.5}}, "ground1-space1=500.5 km."),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": 500.0}}, "ground1-space1=500 km."),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": -1}}, "ground1-space1=-1 km."),
        ({**OVER_SWARM, "ground": [{}] * 11}, "ground11=()"),
        (
            {**OVER_SWARM, "start": DAY["end"], "end": DAY["start"]},
            "between 2020-01-01T23:59:59 AND 2020-01-01T00:00:00",
        ),
        ({**OVER_SWARM, "ground": [{"programs": ["a, b", ")"]}]}, "ground1=(program in (a, b, )))"),
        ({**OVER_SWARM, "epoch_search_precision": 60, "subminute_precision": True}, "at sub-minute precision"),
        ({**OVER_SWARM, "epoch_search_precision": 30, "subminute_precision": False}, "at one-minute precision"),
        ({**OVER_SWARM, "epoch_search_precision": 30}, "at sub-minute precision"),
    ],
)
def test_a_description_accepts_queries_that_a_search_refuses(
    server: ServerProcess, document: dict[str, Any], message: str
) -> None:
    answer = post(server, "utils/describe/query/conjunction", document)
    assert answer.status_code == 200, answer.text
    assert message in answer.json()
    assert post(server, "utils/describe/cartesian_products", document).status_code == 200


def test_a_described_ephemeris_needs_neither_filter_nor_window(server: ServerProcess) -> None:
    documents: list[dict[str, Any]] = [
        {"data_sources": {}},
        {**SWARM, "end": "2030-01-01T00:00:00"},
        {**SWARM, "start": None},
    ]
    for document in documents:
        assert post(server, "utils/describe/query/ephemeris", document).json().startswith("Find ephemeris for ")


def test_a_search_takes_the_newer_precision(server: ServerProcess) -> None:
    results = {}
    cases: dict[str, dict[str, Any]] = {
        "newer": {"epoch_search_precision": 60, "subminute_precision": True},
        "fine": {"subminute_precision": True},
        "coarse": {"epoch_search_precision": 30, "subminute_precision": False},
        "none": {},
    }
    for name, fields in cases.items():
        status = requests.get(finished_url(server, "conjunctions", {**OVER_SWARM, **fields}), timeout=60).json()
        results[name] = status["search_result"]["result_count"]
        assert status["search_request"]["query"]["epoch_search_precision"] == (30 if name in ("newer", "fine") else 60)
    assert results["newer"] == results["fine"]
    assert results["coarse"] == results["none"] < results["fine"]


# --- enumerations and limits


@pytest.mark.parametrize(
    ("kind", "document", "message"),
    [
        ("conjunctions", {**OVER_SWARM, "space": [{"hemisphere": ["eastern"]}]}, "(at /space/0/hemisphere/0)"),
        ("conjunctions", {**OVER_SWARM, "space": [{"hemisphere": ["Northern"]}]}, "'northern'"),
        ("conjunctions", {**OVER_SWARM, "conjunction_types": ["nbtrace", "north"]}, "(at /conjunction_types/1)"),
        ("conjunctions", {**OVER_SWARM, "epoch_search_precision": 45}, "(at /epoch_search_precision)"),
        ("conjunctions", {**OVER_SWARM, "epoch_search_precision": "60"}, "(at /epoch_search_precision)"),
        ("conjunctions", {**OVER_SWARM, "epoch_search_precision": True}, "(at /epoch_search_precision)"),
        ("conjunctions", {**OVER_SWARM, "subminute_precision": "yes"}, "true or false"),
        ("conjunctions", with_filters("conjunctions", {"logical_operator": "XOR"}), "/ground/0/ephemeris_metadata_filters/logical_operator"),
        ("data_products", {**MAX, "data_product_type_filters": ["keograms"]}, "did you mean \"keogram\"?"),
        ("data_products", {**MAX, "data_product_type_filters": ["keogram", ""]}, "(at /data_product_type_filters/1)"),
        ("data_products", with_filters("data_products", {"expressions": [{"key": "a", "operator": "like", "values": ["b"]}]}), "/expressions/0/operator"),
        ("ephemeris", with_filters("ephemeris", [{"key": "a", "operator": "~", "values": ["b"]}]), "/data_sources/ephemeris_metadata_filters/0/operator"),
    ],
)  # fmt: skip
def test_enumerations_are_checked(server: ServerProcess, kind: str, document: dict[str, Any], message: str) -> None:
    for path in (f"{kind}/search", f"utils/describe/query/{NAMES[kind]}"):
        assert_refused(post(server, path, document), 400, message.replace("'northern'", '"northern"'))


@pytest.mark.parametrize(
    "document",
    [
        with_filters("conjunctions", {"logical_operator": "XOR"}),
        {**OVER_SWARM, "space": [{"hemisphere": ["eastern"]}]},
        {**OVER_SWARM, "conjunction_types": ["geomagnetic"]},
    ],
)
def test_a_valid_value_is_not_mistaken_for_a_typing_error(server: ServerProcess, document: dict[str, Any]) -> None:
    answer = post(server, "conjunctions/search", document)
    assert answer.status_code == 400
    assert "did you mean" not in answer.text


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({**OVER_SWARM, "ground": [{}] * 10}, "/space/0"),
        ({**OVER_SWARM, "ground": [{}] * 4, "events": [{}] * 6}, "/events/5"),
        ({**DAY, "ground": [{}]}, "/"),
        ({**OVER_SWARM, "ground": [], "adhoc": [{"locations": []}]}, "/adhoc/0/locations"),
        ({**OVER_SWARM, "ground": [], "adhoc": [{"locations": [{"lat": 95, "lon": 0}]}]}, "/adhoc/0/locations/0/lat"),
        ({**OVER_SWARM, "ground": [], "adhoc": [{"locations": [{"lat": 5, "lon": -181}]}]}, "/adhoc/0/locations/0/lon"),
        ({**OVER_SWARM, "ground": [], "adhoc": [{"locations": [{"lat": "5", "lon": 0}]}]}, "/adhoc/0/locations/0/lat"),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": -1}}, "/max_distances/ground1-space1"),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": "5"}}, "/max_distances/ground1-space1"),
        ({**OVER_SWARM, "max_distances": {"ground1-ground1": 5}}, "/max_distances/ground1-ground1"),
        ({**OVER_SWARM, "max_distances": {"ground1-space1": 5, "space1-ground1": 6}}, "/max_distances/space1-ground1"),
        ({**OVER_SWARM, "max_distances": {"a/b": 5}}, "/max_distances/a~1b"),
        ({**OVER_SWARM, "ground": [None]}, "/ground/0"),
        ({**OVER_SWARM, "ground": {"programs": []}}, "/ground"),
        ({**OVER_SWARM, "grund": []}, "/grund"),
        ({**OVER_SWARM, "start": "yesterday"}, "/start"),
        ({**OVER_SWARM, "start": 5}, "/start"),
        ({**OVER_SWARM, "ground": [{"programs": ["x"] * 10_001}]}, "/ground/0/programs"),
        (with_filters("conjunctions", [{"key": "a", "operator": "=", "values": ["b", "c"]}]), "/ground/0/ephemeris_metadata_filters/0/values"),
        (with_filters("conjunctions", {"expressions": [{}] * 1001}), "/ground/0/ephemeris_metadata_filters/expressions"),
        (with_filters("conjunctions", [None]), "/ground/0/ephemeris_metadata_filters/0"),
    ],
)  # fmt: skip
def test_errors_carry_a_json_pointer(server: ServerProcess, document: dict[str, Any], pointer: str) -> None:
    answer = post(server, "conjunctions/search", document)
    assert_refused(answer, 400, f"(at {pointer})")
    assert_worded_for_json(answer.json()["error_message"])


AURORAQL = re.compile(
    r"\b(OF|WITHIN|VIA|ANY|FIND|FROM|WHERE|TRUE|FALSE|PRECISION|NULL|BETWEEN|DURING|SINCE|UNTIL)\b|latitude first|--param|\$"
)


def assert_worded_for_json(message: str) -> None:
    """Assert that a message uses no word of the query language."""
    assert not AURORAQL.search(message), message


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("data_products", {**MAX, "start": DAY["end"], "end": DAY["start"]}),
        ("data_products", with_filters("data_products", [{"key": "wavelength", "operator": ">", "values": ["red"]}])),
        (
            "ephemeris",
            with_filters("ephemeris", [{"key": "calgary_apa_ml_v1_confidence", "operator": ">", "values": ["a"]}]),
        ),
        ("ephemeris", with_filters("ephemeris", [{"key": "tii_on", "operator": "=", "values": ["perhaps"]}])),
        ("ephemeris", with_filters("ephemeris", [{"key": "tii_on", "operator": ">", "values": ["true"]}])),
        ("conjunctions", {**OVER_SWARM, "start": DAY["end"], "end": DAY["start"]}),
    ],
)
def test_planner_errors_are_worded_for_json(server: ServerProcess, kind: str, document: dict[str, Any]) -> None:
    answer = post(server, f"{kind}/search", document)
    if answer.status_code != 202:
        assert_refused(answer, 400, "(at /")
        assert_worded_for_json(answer.json()["error_message"])


VALUES = st.sampled_from(["trex", "swarm", "a", "75", "1.5", "true", "2020-01-01T00:00:00"]) | st.integers(-5, 99)
KEYS = st.sampled_from(
    ["wavelength", "tii_on", "keogram_type", "nbtrace_region", "imaging_start_time", "calgary_apa_ml_v1", "x"]
)
OPERATORS = st.sampled_from(["=", "!=", "<", ">=", "in", "not in", "between"])
EXPRESSIONS = st.builds(
    lambda key, operator, values: {
        "key": key,
        "operator": operator,
        "values": values[: {"between": 2, "in": 3, "not in": 3}.get(operator, 1)],
    },
    KEYS,
    OPERATORS,
    st.lists(VALUES, min_size=3, max_size=3),
)
GROUPS = st.none() | st.lists(EXPRESSIONS, max_size=3) | st.fixed_dictionaries(
    {"expressions": st.lists(EXPRESSIONS, max_size=3), "logical_operator": st.sampled_from(["AND", "OR", "or"])}
)  # fmt: skip
LISTS = {
    name: st.none() | st.lists(st.sampled_from(["trex", "swarm", "footprint"]), max_size=2)
    for name in ("programs", "platforms")
}
BLOCKS = st.fixed_dictionaries({**LISTS, "ephemeris_metadata_filters": GROUPS})
PLACES = st.lists(
    st.fixed_dictionaries({"lat": st.integers(-90, 90), "lon": st.floats(-180, 180)}), min_size=1, max_size=2
)


@st.composite
def queries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Generate queries that a search accepts, unless a key does not take a value."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    if kind != "conjunctions":
        sources = draw(st.fixed_dictionaries({**LISTS, KINDS[kind].filters: GROUPS}))
        return kind, {**DAY, "data_sources": sources}
    blocks = {
        "ground": draw(st.lists(BLOCKS, min_size=1, max_size=2)),
        "space": draw(st.lists(BLOCKS, min_size=1, max_size=2)),
        "adhoc": [{"locations": draw(PLACES)}] if draw(st.booleans()) else [],
    }
    pairs = st.sampled_from(["ground1-space1", "ground1-ground2", "space1-space2", "space1-adhoc1", "ground3-space1"])
    distances = draw(st.dictionaries(pairs, st.none() | st.integers(0, 900), max_size=3))
    types = draw(st.lists(st.sampled_from(["nbtrace", "sbtrace", "geographic"]), max_size=2))
    finer: dict[str, Any] = draw(st.sampled_from([{}, {"subminute_precision": True}, {"epoch_search_precision": 30}]))
    return kind, {**DAY, **blocks, "max_distances": distances, "conjunction_types": types, **finer}


@pytest.fixture(scope="module")
def engine(isolated_user_folders: Path) -> Iterator[EmbeddedEngine]:
    embedded = EmbeddedEngine()
    yield embedded
    embedded.close()


@settings(max_examples=25)
@given(described=queries())
def test_the_echo_is_the_query_in_normal_form(engine: EmbeddedEngine, described: tuple[str, dict[str, Any]]) -> None:
    """Reading the echo changes nothing; both have the same description and the same plan."""
    kind, document = described
    query = read_query(document, kind, to_run=True)
    again = read_query(json.loads(json.dumps(query.document)), kind, to_run=True)
    assert again == query
    assert describe_query(query) == describe_query(read_query(document, kind, to_run=False))
    try:
        plan = plan_checked_query(query, engine)
    except HttpError as problem:
        assert "(at /" in str(problem)
        assert_worded_for_json(str(problem))
        return
    assert plan_checked_query(again, engine) == plan
    if kind == "data_products" and not query.request.filters.expressions:
        try:
            sentence = auroraql.translate(f"FIND {kind} FROM {json.dumps(document)}", to="sentence")
        except StatementError:
            return  # no source can match, which a description does not check
        assert describe_query(query) == sentence


# --- limits apply before the work


@pytest.mark.parametrize(
    "path", ["conjunctions/search", "utils/describe/query/conjunction", "utils/describe/cartesian_products"]
)
def test_a_small_body_with_many_blocks_is_cheap(fresh_server: ServerProcess, path: str) -> None:
    before = memory(fresh_server)
    for blocks in (
        '{"ground": [' + ",".join(["{}"] * 12_000) + "]}",
        '{"ground": [' + ",".join(["{}"] * 200_000) + "]}",
    ):
        began = time.monotonic()
        assert_refused(requests.post(f"{fresh_server.url}/api/v1/{path}", data=blocks, timeout=60), 400, "blocks")
        assert time.monotonic() - began < 20
    assert memory(fresh_server) - before < 150


def test_a_body_of_very_many_values_is_refused_before_it_is_parsed(fresh_server: ServerProcess) -> None:
    before, body = memory(fresh_server), b'{"ground": [' + b"{}," * 3_000_000 + b"{}]}"
    for path in ("conjunctions/search", "ephemeris/search_synchronous"):
        began = time.monotonic()
        assert_refused(requests.post(f"{fresh_server.url}/api/v1/{path}", data=body, timeout=60), 400, "values")
        assert time.monotonic() - began < 20
    assert memory(fresh_server) - before < 100


def test_a_query_has_at_most_a_megabyte(server: ServerProcess) -> None:
    for size, status in ((1_000_000, 202), (1 << 20, 413)):
        long = json.dumps({**MAX, "data_sources": {"programs": ["x" * size]}})
        answer = requests.post(f"{server.url}/api/v1/data_products/search", data=long, timeout=60)
        assert answer.status_code == status, answer.text


def memory(server: ServerProcess) -> float:
    """Return the peak memory of the server in MB."""
    status = Path(f"/proc/{server.process.pid}/status")
    if not status.is_file():
        pytest.skip("the memory of a process cannot be asked here")
    return next(int(row.split()[1]) / 1024 for row in status.read_text().splitlines() if row.startswith("VmHWM"))


# --- statuses equal the service's

RECORDED: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "data_products": (
        {"start": "2020-02-01T00:00:00", "end": "2020-02-05T23:59:59",
         "data_sources": {"programs": ["trex"], "platforms": [], "instrument_types": ["RGB ASI"], "data_product_metadata_filters": {}},
         "data_product_type_filters": []},
        {"start": "2020-02-01T00:00:00", "end": "2020-02-05T23:59:59", "request_id": None,
         "data_sources": {"programs": ["trex"], "platforms": [], "instrument_types": ["RGB ASI"],
                          "data_product_metadata_filters": {"expressions": [], "logical_operator": "AND"}},
         "data_product_type_filters": []},
        [
            ("debug", r"Search request arrived and saved"),
            ("info", r"Starting query for {id}"),
            ("info", r"Finished query in \d+\.\d\d seconds\."),
            ("debug", r"Starting to write data to file"),
            ("info", r"Finished writing data, found {count} records in \d+\.\d\d seconds\."),
            ("debug", r"File size is {size} bytes\."),
            ("info", r"Finished search in \d+\.\d\d seconds and found {count} records\."),
        ],
    ),
    "ephemeris": (
        {**SWARM, "start": "2019-01-01T00:00:00", "end": "2019-01-01T23:59:59"},
        {"start": "2019-01-01T00:00:00", "end": "2019-01-01T23:59:59", "request_id": None,
         "data_sources": {"programs": [], "platforms": ["swarma"], "instrument_types": [],
                          "ephemeris_metadata_filters": {"expressions": [], "logical_operator": "AND"}}},
        [
            ("debug", r"Search request arrived and saved"),
            ("debug", r"Starting {id} for query Find ephemeris for \(\(platform in \(swarma\) filtered .*"),
            ("info", r"Finished query in \d+\.\d\d seconds\."),
            ("debug", r"Starting to write data to file"),
            ("info", r"Finished writing data, found {count} records in \d+\.\d\d seconds\."),
            ("debug", r"File size is {size} bytes\."),
            ("info", r"Finished search in \d+\.\d\d seconds and found {count} records\."),
        ],
    ),
    "conjunctions": (
        {"start": "2020-01-01T00:00:00", "end": "2020-01-01T06:59:59", "conjunction_types": ["nbtrace"],
         "ground": [{"programs": ["themis-asi"]}], "space": [{"programs": ["swarm"], "hemisphere": []}],
         "max_distances": {"ground1-space1": 500.0}},
        {"start": "2020-01-01T00:00:00", "end": "2020-01-01T06:59:59", "request_id": None, "conjunction_types": ["nbtrace"],
         "ground": [{"programs": ["themis-asi"], "platforms": [], "instrument_types": [], "ephemeris_metadata_filters": None}],
         "space": [{"programs": ["swarm"], "platforms": [], "instrument_types": [], "ephemeris_metadata_filters": None,
                    "hemisphere": []}],
         "events": [], "adhoc": [], "max_distances": {"ground1-space1": 500}, "epoch_search_precision": 60},
        [
            ("debug", r"Search request arrived and saved"),
            ("info", r"Starting conjunction search for query {id}"),
            ("debug", (r"Start search for nbtrace conjunctions using query: Find conjunctions of type \(nbtrace\) with epoch precision of "
                      r"60 seconds between data sources of ground1=\(program in \(themis-asi\)\) AND space1=\(program in \(swarm\)\) "
                      r"WHERE epochs are between 2020-01-01T00:00:00 AND 2020-01-01T06:59:59 UTC "
                      r"HAVING max distances between location points of ground1-space1=500 km\.")),
            ("debug", r"Querying the database 1 times for this .* This log message will repeat 1 times during this search\."),
            ("debug", r"Querying database for criteria combination \[\(program in \(themis-asi\)\), \(program in \(swarm\)\)\]"),
            ("debug", r"Found {epochs} single epoch events"),
            ("debug", r"Reduced single events into {count} continuous intervals"),
            ("debug", r"Searching for super events across all data source combinations: \[\[\d+, 3\], \[\d+, 29\], .*"),
            ("debug", r"Found {count} super events"),
            ("debug", r"Saving results"),
            ("info", r"Search completed"),
            ("debug", r"File size is {size} bytes\."),
            ("info", r"Finished search in \d+\.\d\d seconds and found {count} records\."),
        ],
    ),
}  # fmt: skip
"""For each kind: a query, the service's echo of it, and the steps in its log."""


@pytest.mark.parametrize("kind", RECORDED)
def test_a_status_equals_the_services(server: ServerProcess, kind: str) -> None:
    query, echo, steps = RECORDED[kind]
    location = finished_url(server, kind, query)
    status = requests.get(location, timeout=60).json()
    assert status["search_request"]["query"] == echo
    result = status["search_result"]
    fields = {
        "id": location.rpartition("/")[2],
        "count": result["result_count"],
        "size": result["file_size"],
        "epochs": "",
    }
    if kind == "conjunctions":
        records = requests.get(f"{location}/data", timeout=60).json()["result"]
        fields["epochs"] = str(sum(count_epochs(event) for record in records for event in record["events"]))
    assert result["result_count"] > 0
    assert [line["level"] for line in status["logs"]] == [level for level, _ in steps]
    for line, (_, pattern) in zip(status["logs"], steps, strict=True):
        expected = re.sub(r"{(\w+)}", lambda name: str(fields[name[1]]), pattern)
        assert re.fullmatch(expected, line["summary"]), line["summary"]


def count_epochs(event: dict[str, str]) -> int:
    """Return the number of epochs of an event."""
    first, last = (event[end][:16] for end in ("start", "end"))
    return (int(last[11:13]) - int(first[11:13])) * 60 + int(last[14:]) - int(first[14:]) + 1


def test_the_log_has_each_type_of_conjunctions(server: ServerProcess) -> None:
    location = finished_url(server, "conjunctions", {**OVER_SWARM, "conjunction_types": ["nbtrace", "sbtrace"]})
    logs = [line["summary"] for line in requests.get(location, timeout=60).json()["logs"]]
    assert sum(line.startswith("Start search for sbtrace conjunctions") for line in logs) == 1
    assert sum("will repeat 2 times" in line for line in logs) == 2


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"epoch_search_precision": 30}, " with epoch precision of 30 seconds "),
        ({"subminute_precision": False}, " at one-minute precision "),
        ({"subminute_precision": True, "epoch_search_precision": 60}, " at sub-minute precision "),
    ],
)
def test_the_log_words_the_precision_as_the_query_does(
    server: ServerProcess, field: dict[str, Any], words: str
) -> None:
    location = finished_url(server, "conjunctions", {**OVER_SWARM, **field})
    logs = [line["summary"] for line in requests.get(location, timeout=60).json()["logs"]]
    assert sum(words in line for line in logs if line.startswith("Start search")) == 1


def test_the_older_form_of_filters_is_accepted(server: ServerProcess) -> None:
    expressions = [{"key": "keogram_type", "operator": "in", "values": ["daily_hires"]}]
    sources = {"programs": ["auroramax"]}
    counts = []
    for group in (expressions, {"expressions": expressions}):
        location = finished_url(
            server, "data_products", {**MAX, "data_sources": {**sources, "data_product_metadata_filters": group}}
        )
        status = requests.get(location, timeout=60).json()
        counts.append(status["search_result"]["result_count"])
        echo = status["search_request"]["query"]["data_sources"]["data_product_metadata_filters"]
        assert echo == {"expressions": expressions, "logical_operator": "AND"}
    assert counts[0] == counts[1] > 0
    plain = requests.get(finished_url(server, "data_products", MAX), timeout=60).json()["search_result"]["result_count"]
    assert counts[0] < plain


# --- a full disk


class FullServer(ServerProcess):
    """A server whose files are limited to a number of blocks of 512 bytes, as on a full disk."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self._command = ["sh", "-c", f'ulimit -f {blocks}; exec "$@"', "sh", *self._command]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(("blocks", "kind", "query"), [(0, "data_products", MAX), (8, "ephemeris", SWARM)])
def test_a_search_on_a_full_disk_fails_and_reports_it(
    blocks: int, kind: str, query: dict[str, Any], isolated_user_folders: Path
) -> None:
    """Once with no space for the records, and once with no space for the status either."""
    EmbeddedEngine().close()
    with FullServer(blocks) as server:
        accepted = post(server, f"{kind}/search", query)
        assert accepted.status_code == 202
        status = await_status(accepted.headers["Location"])
        assert status["search_result"]["error_condition"] is True
        assert status["logs"][-1]["level"] == "error"
        assert "File too large" in status["logs"][-1]["summary"]
        assert_refused(requests.get(f"{accepted.headers['Location']}/data", timeout=60), 404, "failed")
        assert_refused(post(server, f"{kind}/search", {**query, "request_id": accepted.headers["Location"][-36:]}), 409)
        assert get(server, "data_sources/3").status_code == 200


def test_a_status_that_cannot_be_written_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ResultStore(tmp_path, 1000, 1 << 20)
    result = {
        "result_count": 0,
        "file_size": 0,
        "query_duration": 5,
        "error_condition": True,
        "completed_timestamp": "2100-01-01T00:00:00",
    }
    request = {"request_type": "ephemeris", "requested": "2020-01-01T00:00:00"}
    document: Any = {"search_request": request, "search_result": result, "logs": []}
    store.finish_without_space("a", document, "1.2.3.4")
    assert store.status("a") == document
    assert store.has("a")
    assert store.records("a") is None
    monkeypatch.setattr("auroraql.frontends.server.result_store._MAX_UNWRITTEN", 2)
    for name in ("b", "c"):
        store.finish_without_space(name, document, "")
    assert [store.status(name) is None for name in ("a", "b", "c")] == [True, False, False]
    assert store.forget("b")
    assert store.status("b") is None
    assert list(tmp_path.iterdir()) == []


# --- sources


def test_sources_of_a_third_party_catalogue(tmp_path: Path) -> None:
    """Ad hoc sources, which have negative identifiers, are not listed. A missing text is null."""
    day = (datetime(2020, 1, 1), datetime(2020, 1, 1, 23, 59))
    path = write(tmp_path / "c.duckdb", [Product(-5, *day, "https://example.org/a.jpg")])
    with duckdb.connect(str(path)) as catalogue:
        for column in ("program", "display_name"):
            catalogue.execute(f"ALTER TABLE data_sources ALTER COLUMN {column} DROP NOT NULL")
        catalogue.execute("INSERT INTO data_sources VALUES (-5, 'adhoc', 'x', 'y', 'ground', 'A')")
        catalogue.execute("INSERT INTO data_sources VALUES (4711, NULL, 'here', 'z', 'ground', NULL)")
    with ServerProcess(archive=path) as server:
        listed = get(server, "data_sources").json()
        assert min(source["identifier"] for source in listed) >= 0
        assert post(server, "data_sources/search", {"platforms": ["x"]}).json() == []
        assert get(server, "data_sources?program=None").json() == []
        assert_refused(get(server, "data_sources/-5"), 404)
        assert get(server, "availability/data_products?start=2020-01-01&end=2020-01-02").json() == []
        unnamed = get(server, "data_sources/4711?format=full_record").json()
        assert (unnamed["program"], unnamed["display_name"]) == (None, None)
        assert (unnamed["metadata"], unnamed["maintainers"]) == ({}, [])
        plain = get(server, "data_sources/4711").json()
        assert (plain["metadata"], plain["maintainers"]) == (None, None)
        records = post(server, "data_products/search_synchronous", {"query": {**DAY, "data_sources": {}}}).json()
        assert [record["data_source"]["identifier"] for record in records] == [
            -5
        ]  # their records are searched all the same
