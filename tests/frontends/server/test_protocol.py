"""Tests of the protocol of `auroraql serve`: its responses and its errors."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

import auroraql
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

# --- searches


def test_a_search_follows_the_protocol(server: ServerProcess) -> None:
    accepted = post(server, "data_products/search", {**MAX, "request_id": "my.own-id_1"})
    location = f"{server.url}/api/v1/data_products/requests/my.own-id_1"
    assert (accepted.status_code, accepted.headers["Location"]) == (202, location)
    status = await_status(location)
    result = status["search_result"]
    assert result["data_uri"] == "/api/v1/data_products/requests/my.own-id_1/data"
    assert result["error_condition"] is False
    filters = {"expressions": [], "logical_operator": "AND"}
    sources = {"programs": ["auroramax"], "platforms": [], "instrument_types": []}
    normal = {"data_sources": {**sources, "data_product_metadata_filters": filters}, "data_product_type_filters": []}
    assert status["search_request"]["query"] == {**DAY, **normal, "request_id": "my.own-id_1"}
    assert status["search_request"]["request_type"] == "data_product"
    answer = requests.get(f"{location}/data", timeout=60)
    assert answer.headers["Content-Type"] == "application/json"
    assert (len(answer.json()["result"]), len(answer.content)) == (result["result_count"], result["file_size"])
    assert_refused(post(server, "data_products/search", {**MAX, "request_id": "my.own-id_1"}), 409, "already")
    assert_refused(get(server, "ephemeris/requests/my.own-id_1"), 404, "request ID not found")


@pytest.mark.parametrize(
    ("kind", "document"), [("data_products", MAX), ("ephemeris", SWARM), ("conjunctions", OVER_SWARM)]
)
def test_records_equal_those_of_the_archive(server: ServerProcess, kind: str, document: dict[str, Any]) -> None:
    served = requests.get(f"{finished_url(server, kind, document)}/data", timeout=60).json()["result"]
    with auroraql.connect() as archive:
        assert served == archive.run(f"FIND {kind} FROM {json.dumps(document)}").records
    assert served


@pytest.mark.parametrize(("kind", "document"), [("data_products", MAX), ("ephemeris", SWARM)])
def test_a_synchronous_search_returns_its_records(server: ServerProcess, kind: str, document: dict[str, Any]) -> None:
    at_once = post(server, f"{kind}/search_synchronous", {"query": document})
    assert at_once.headers["Content-Type"] == "application/json"
    later = requests.get(f"{finished_url(server, kind, document)}/data", timeout=60).json()["result"]
    assert at_once.json() == later
    formatted = post(
        server, f"{kind}/search_synchronous", {"query": document, "response_format": {"data_source": {"program": True}}}
    )
    assert formatted.json() == [{"data_source": {"program": item["data_source"]["program"]}} for item in later]
    full = post(server, f"{kind}/search_synchronous?data_source_record_format=full_record", {"query": document})
    assert "maintainers" in full.json()[0]["data_source"]


def test_the_limits_of_synchronous_searches(server: ServerProcess) -> None:
    for kind, start, end, right in (
        ("ephemeris", "2020-01-01T00:00:00", "2020-01-03T00:00:00", True),
        ("ephemeris", "2020-01-01T00:00:00", "2020-01-03T00:00:01", False),
        ("data_products", "2011-01-01T00:00:00", "2020-12-31T23:59:59", True),
        ("data_products", "2010-01-01T00:00:00", "2020-12-31T23:59:59", False),
        ("data_products", "2010-01-01T00:00:00", None, False),
    ):
        sources = {"platforms": ["no such"]}
        answer = post(
            server, f"{kind}/search_synchronous", {"query": {"data_sources": sources, "start": start, "end": end}}
        )
        if right:
            assert answer.json() == [], answer.text
        else:
            assert_refused(answer, 400, "the window of a synchronous search is at most")


def test_ephemeris_searches_need_a_filter_and_a_month(server: ServerProcess) -> None:
    assert_refused(post(server, "ephemeris/search", {**DAY, "data_sources": {}}), 400, "at least one filter")
    long = {**SWARM, "end": "2020-02-02T00:00:00"}
    assert_refused(post(server, "ephemeris/search", long), 400, "one month")
    for end in ("start", "end"):  # open: longer than a month
        assert_refused(post(server, "ephemeris/search", {**SWARM, end: None}), 400, "one month")


def test_conjunctions_come_with_queries_for_their_ephemeris(server: ServerProcess) -> None:
    location = finished_url(server, "conjunctions", OVER_SWARM)
    records = requests.get(f"{location}/data?generate_ephemeris_queries=true", timeout=60).json()["result"]
    query = records[0]["events"][0]["generated_e2_ephemeris_query"]
    assert query["data_sources"]["programs"] == ["swarm"]
    assert finished_url(server, "ephemeris", query)
    full = requests.get(f"{location}/data?data_source_record_format=identifier_only", timeout=60).json()["result"]
    assert full[0]["data_sources"][0]["identifier"] > 0
    assert full[0]["data_sources"][0]["program"] is None
    assert full[0]["events"][0]["e1_source"]["program"] is None


def test_deleted_searches(server: ServerProcess) -> None:
    location = finished_url(server, "conjunctions", OVER_SWARM)
    assert requests.delete(location, timeout=60).status_code == 204
    assert requests.get(location, timeout=60).json()["search_result"]["result_file_deleted_timestamp"]
    assert_refused(requests.get(f"{location}/data", timeout=60), 404, "deleted")
    products = finished_url(server, "data_products", MAX)
    assert requests.delete(products, timeout=60).json()["search_result"]["error_condition"] is False
    assert requests.get(f"{products}/data", timeout=60).status_code == 200
    assert requests.delete(f"{products}/data", timeout=60).status_code == 200
    assert_refused(requests.post(f"{products}/data", json={"start": True}, timeout=60), 404, "deleted")


def test_a_running_search_is_cancelled(server: ServerProcess) -> None:
    year = {
        **OVER_SWARM,
        "start": "2019-01-01T00:00:00",
        "end": "2021-12-31T00:00:00",
        "space": [{}],
        "ground": [{}, {}],
    }
    year["max_distances"] = {"ground1-space1": 20000, "ground1-ground2": 20000, "ground2-space1": 20000}
    accepted = post(server, "conjunctions/search", year)
    time.sleep(0.1)
    began = time.monotonic()
    status = requests.delete(accepted.headers["Location"], timeout=60).json()
    assert time.monotonic() - began < 3
    assert status["search_result"]["error_condition"] is True
    assert status["logs"][-1]["level"] == "error"
    assert "cancelled" in status["logs"][-1]["summary"]
    assert_refused(requests.get(f"{accepted.headers['Location']}/data", timeout=60), 404, "failed")


# --- descriptions


def test_descriptions(server: ServerProcess) -> None:
    sentence = post(server, "utils/describe/query/data_products", MAX).json()
    assert sentence == auroraql.translate(f"FIND data_products FROM {json.dumps(MAX)}", to="sentence")
    assert post(server, "utils/describe/query/ephemeris", SWARM).json().startswith("Find ephemeris for ")
    assert "ground1-space1=500 km" in post(server, "utils/describe/query/conjunction", OVER_SWARM).json()
    ground = get(server, "data_sources?program=themis-asi&source_type=ground").json()
    assert post(server, "utils/describe/cartesian_products", OVER_SWARM).json() == 3 * len(ground)
    place = {**OVER_SWARM, "ground": [], "adhoc": [{"locations": [{"lat": 1, "lon": 2}, {"lat": 3, "lon": 4}]}]}
    place["max_distances"] = {"space1-adhoc1": 500}
    assert post(server, "utils/describe/cartesian_products", place).json() == 6


def test_time_zones(server: ServerProcess) -> None:
    assert "America/Edmonton" in get(server, "utils/timezones").json()
    requests = "utils/timezones/convert?ts=2020-01-01T00:00:00&tz=America/Edmonton"
    assert get(server, requests).json() == ["2020-01-01T07:00:00"]
    assert_refused(get(server, "utils/timezones/convert?ts=2020-01-01T00:00:00&tz=../../etc/passwd"), 400)


# --- errors


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("data_products/search", b"", "not JSON"),
        ("data_products/search", b"{", "not JSON"),
        ("data_products/search", b"[]", "not a JSON object"),
        ("data_products/search", b'{"start": NaN}', "not JSON"),
        ("data_products/search", b'{"start": "\\ud800"}', "not Unicode"),
        ("data_products/search", b"\xff", "no"),
        ("data_products/search", b"[" * 100_000, "JSON"),
        ("data_products/search", b'{"colour": 1}', "(at /colour)"),
        ("data_products/search", b'{"start": "yesterday"}', "(at /start)"),
        ("data_products/search", b'{"data_sources": {"programs": [{}]}}', "(at /data_sources/programs/0)"),
        ("data_products/search", b'{"request_id": "../../etc/passwd"}', "request_id"),
        ("data_products/search", b'{"request_id": "a\\r\\nSet-Cookie: b"}', "request_id"),
        ("data_products/search", b'{"request_id": 5}', "request_id"),
        ("conjunctions/search", b'{"ground": [{}]}', ""),
        ("ephemeris/search_synchronous", b"{}", "must have a query"),
        ("ephemeris/search_synchronous", b'{"query": {}, "response_format": {"start": 5}}', "true or false"),
        ("data_sources/search", b'{"programs": "trex"}', "array of strings"),
        ("data_sources/search", b'{"program": []}', "not a field"),
        ("utils/describe/query/ephemeris", b'{"data_sources": 5}', "(at /data_sources)"),
    ],
)
def test_an_invalid_body_is_refused_with_its_position(
    server: ServerProcess, path: str, body: bytes, message: str
) -> None:
    assert_refused(requests.post(f"{server.url}/api/v1/{path}", data=body, timeout=60), 400, message)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("nowhere", 404),
        ("data_sources/abc", 400),
        ("data_sources/99999999999999999999", 400),
        ("data_sources/999999", 404),
        ("data_sources/%2e%2e%2fx", 404),
        ("data_sources?format=everything", 400),
        ("data_sources?include_stats=perhaps", 400),
        ("data_sources?source_type=moon", 400),
        ("data_sources?program=%ff", 400),
        ("availability/ephemeris?start=2020-13-01", 400),
        ("availability/ephemeris?start=2020-02-01&end=2020-01-01", 400),
        ("availability/data_products?data_product_type=poem", 400),
        ("availability/data_products?start=9999-12-31&end=9999-12-31", 400),
        ("data_products/requests/not-there", 404),
        ("data_products/requests/..%2F..%2Fetc%2Fpasswd", 404),
        ("data_products/requests/..%2Flock/data", 404),
        ("data_products/requests/%00", 404),
        ("utils/admin/search_requests", 401),
    ],
)
def test_an_unknown_path_is_refused(server: ServerProcess, path: str, status: int) -> None:
    assert_refused(get(server, path), status)


def test_a_value_is_never_sql(server: ServerProcess) -> None:
    for text in ("'; DROP TABLE data_sources; --", "' OR 1=1 --", "%' UNION SELECT 1", "\0", '"'):
        assert requests.get(f"{server.url}/api/v1/data_sources", params={"program": text}, timeout=60).json() == []
        query = {**DAY, "data_sources": {"programs": [text], "data_product_metadata_filters": {
            "expressions": [{"key": text, "operator": "=", "values": [text]}]}}}  # fmt: skip
        location = finished_url(server, "data_products", query)
        assert requests.get(location, timeout=60).json()["search_result"]["result_count"] == 0
    assert len(get(server, "data_sources").json()) > 100


def test_methods(server: ServerProcess) -> None:
    wrong = requests.put(f"{server.url}/api/v1/data_sources", timeout=60)
    assert_refused(wrong, 405)
    assert sorted(wrong.headers["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]
    head = requests.head(f"{server.url}/api/v1/data_sources", timeout=60)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(get(server, "data_sources").content)
    assert requests.options(f"{server.url}/api/v1/data_sources", timeout=60).status_code == 204
    assert "Access-Control-Allow-Origin" not in head.headers


def test_a_body_over_ten_megabytes_is_refused(server: ServerProcess) -> None:
    assert_refused(
        requests.post(f"{server.url}/api/v1/data_products/search", data=b" " * (10 * 1024 * 1024 + 1), timeout=60), 413
    )
    most = requests.post(f"{server.url}/api/v1/data_products/search", data=b" " * (10 * 1024 * 1024), timeout=60)
    assert_refused(most, 400, "not JSON")
    for path in ("data_products/search", "data_products/requests/none/data", "no/such/place"):
        chunks = (b" " * 65536 for _ in range(200))
        assert_refused(requests.post(f"{server.url}/api/v1/{path}", data=chunks, timeout=60), 413)
    few = (b" " * 65536 for _ in range(100))
    assert_refused(requests.post(f"{server.url}/api/v1/data_products/search", data=few, timeout=60), 400, "not JSON")


def test_a_request_that_is_not_http_is_answered_in_json(server: ServerProcess) -> None:
    place = urlsplit(server.url)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"]) == (400, "application/json")
        assert json.loads(answer.read())["error_code"] == "AssertionError"


def test_slow_clients_hold_no_thread(server: ServerProcess) -> None:
    place = urlsplit(server.url)
    location = finished_url(server, "ephemeris", {**SWARM, "end": "2020-01-31T00:00:00"})
    slow = []
    for number in range(60):
        connection = socket.create_connection((place.hostname, place.port), timeout=10)
        slow.append(connection)
        if number % 2:
            connection.sendall(b"POST /api/v1/data_products/search HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(f"GET {urlsplit(location).path}/data HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    began = time.monotonic()
    for _ in range(5):
        assert len(get(server, "data_sources").json()) > 100
    assert time.monotonic() - began < 20
    for connection in slow:
        connection.close()
