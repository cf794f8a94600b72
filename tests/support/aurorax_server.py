"""A small AuroraX service on the loopback that follows its OpenAPI document, with records and sources in lists.

The published client judges it (engines/aurorax/test_published_client.py), and it judges AuroraQL. `faults` makes any
step misbehave.
"""

from __future__ import annotations

import gzip
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from auroraql.engines.source_cache import SourceCache
from tests.support.aurorax_matching import Record, StepName, apply_format, matching_records, step_of

SOURCE_FIELDS = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")

SOURCES: list[Record] = [
    dict(zip(SOURCE_FIELDS, row, strict=True))
    for row in (
        (103, "trex", "gillam", "RGB ASI", "ground", "TREx RGB GILL"),
        (46, "themis-asi", "gillam", "panchromatic ASI", "ground", "THEMIS-ASI GILL"),
        (87, "rainbow", "rankin inlet", "redline MSP", "ground", "Rainbow RANK"),
    )
]


def _product(source: int, day: str, hours: tuple[str, str], kind: str, **metadata: Any) -> Record:
    start, end = (f"2020-02-{day}T{hour}" for hour in hours)
    url = f"https://data.example.org/2020/02/{day}/{SOURCES[source]['platform']}_{hours[0][:2]}_{kind}.jpg"
    record = {"start": start, "end": end, "data_source": SOURCES[source], "url": url}
    return {**record, "data_product_type": kind, "metadata": metadata}


DAY, HOUR = ("00:00:00", "23:59:00"), ("06:00:00", "06:59:00")

RECORDS: list[Record] = [
    _product(0, "01", DAY, "keogram", keogram_type="daily"),
    _product(0, "01", HOUR, "keogram", keogram_type="hourly"),
    _product(0, "02", DAY, "movie", movie_type="real-time daily"),
    _product(1, "03", DAY, "montage", montage_type="daily", wavelength=6300),
    _product(2, "04", DAY, "keogram", keogram_type="daily", wavelength=5577),
]
"""Five made-up data products, in AuroraX's JSON shape."""

SWARM: Record = dict(zip(SOURCE_FIELDS, (3, "swarm", "swarma", "footprint", "leo", "Swarm A"), strict=True))


def _position(source: Record, minute: int, latitude: float | None, **metadata: Any) -> Record:
    there = {"lat": latitude, "lon": None if latitude is None else -110.5}
    nowhere = {"lat": None, "lon": None}
    record = {"data_source": source, "epoch": f"2020-02-01T06:{minute:02}:00", "location_geo": there}
    return {**record, "location_gsm": nowhere, "nbtrace": there, "sbtrace": nowhere, "metadata": metadata}


EPHEMERIS: list[Record] = [
    _position(SWARM, 0, 58.25, nbtrace_region="north mid-latitude", radial_distance=6811.2, tii_on=True),
    _position(SWARM, 1, 62.0, nbtrace_region="north auroral oval", radial_distance=6811.9, tii_on=False),
    _position(SWARM, 2, None, radial_distance=6812.4),
    _position(SOURCES[1], 1, 56.38, calgary_cloud_ml_v1="classified as cloudy", calgary_cloud_ml_v1_confidence=99.94),
]
"""Four made-up ephemeris records."""


@dataclass(slots=True)
class Fault:
    """How a step misbehaves, the first `times` times (-1: always). Unset attributes change nothing.

    `body` replaces the body, and `change` the JSON document before it is encoded. `drop` closes the connection `before`
    anything is sent, or `within` the body. `trickle` sends the response byte by byte with that many seconds in between,
    from its `head` or its `body` on. `hang` waits before any response. `raw` is sent in place of the whole response,
    and `endless` again and again after it; then the connection is closed.
    """

    status: int | None = None
    body: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[Any], Any] | None = None
    drop: Literal["", "before", "within"] = ""
    trickle: float = 0.0
    trickled: Literal["head", "body"] = "body"
    hang: float = 0.0
    raw: bytes | None = None
    endless: bytes = b""
    times: int = -1


@dataclass(slots=True)
class Call:
    """One request as it arrived: `headers` in lower case, `body` as decoded JSON (None if there is none)."""

    step: str
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(slots=True)
class _Search:
    kind: str
    query: Any
    requested: str
    ready_at: float
    polls_left: int
    cancelled: bool = False


class AuroraXServer:
    """Server that runs inside `with`, and fails the block when the server itself crashed.

    A search is done after `polls` unfinished statuses and `seconds`, or `never`. It fails with `error`, if set.
    """

    def __init__(
        self,
        records: Sequence[Record],
        sources: Sequence[Record] = (),
        *,
        ephemeris: Sequence[Record] = (),
        conjunctions: Sequence[Record] = (),
        prefix: str = "",
    ) -> None:
        self.records, self.sources, self.prefix = list(records), list(sources), prefix
        self.ephemeris, self.conjunctions = list(ephemeris), list(conjunctions)
        self.polls, self.seconds, self.never = 0, 0.0, False
        self.error, self.sentence = "", "as it says"
        self.synchronous = False
        """Whether `search_synchronous` exists. Clients use the asynchronous steps without it."""
        self.latency = 0.0
        """Seconds of latency of each response."""
        self.faults: dict[StepName, Fault] = {}
        self.calls: list[Call] = []
        self.connections = 0
        self.broken: list[BaseException] = []
        self.searches: dict[str, _Search] = {}
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._http = _Server(self)
        self.url = f"http://127.0.0.1:{self._http.server_port}{prefix}"

    def __enter__(self) -> AuroraXServer:
        SourceCache(self.url).forget()  # of another server that had this port
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        assert not self.broken, self.broken

    def count(self, step: StepName) -> int:
        """Return the number of calls of a step."""
        return sum(call.step == step for call in self.calls)

    def submit(self, kind: str, query: Any) -> str:
        """Store a search and answer with its id."""
        request_id = str(uuid.uuid4())
        self.searches[request_id] = _Search(kind, query, _now(), time.monotonic() + self.seconds, self.polls)
        return request_id

    def status(self, request_id: str) -> Record:
        """Return the `SearchQueryResponse` of a search. Each call is a poll."""
        search = self.searches[request_id]
        waiting = search.polls_left > 0 or time.monotonic() < search.ready_at or self.never
        search.polls_left -= 1
        failed = bool(self.error) or search.cancelled
        done = failed or not waiting
        logs = [_log("debug", "Search request arrived and saved"), _log("info", f"Starting query for {request_id}")]
        records = self.find_records(search) if done and not failed else None
        if failed:
            logs.append(_log("error", self.error or "The search was cancelled by its user"))
        elif records is not None:
            logs.append(_log("info", f"Finished search in 0.01 seconds and found {len(records)} records."))
        return {
            "logs": logs,
            "search_request": {
                "query": search.query,
                "request_id": request_id,
                "request_type": search.kind.removesuffix("s") if search.kind != "ephemeris" else search.kind,
                "requested": search.requested,
            },
            "search_result": {
                "completed_timestamp": _now() if done else None,
                "data_uri": f"/api/v1/{search.kind}/requests/{request_id}/data" if done else None,
                "error_condition": failed if done else None,
                "file_size": len(json.dumps(records)) if records is not None else None,
                "query_duration": 10 if done else None,
                "result_count": len(records) if records is not None else None,
                "result_file_deleted_timestamp": None,
            },
        }

    def find_records(self, search: _Search) -> list[Record]:
        """Return the records of a search."""
        if search.kind == "conjunctions":
            return self.conjunctions
        records = self.records if search.kind == "data_products" else self.ephemeris
        return matching_records(search.kind, search.query, records)

    def availability(self, kind: str, params: Mapping[str, list[str]]) -> list[Record]:
        """Return the number of records of each source on each day, for data products by type."""
        counts: dict[int, Record] = {}
        (first,), (last,) = params["start"], params["end"]
        for record in self.records if kind == "data_products" else self.ephemeris:
            day, source = str(record.get("start") or record.get("epoch"))[:10], record["data_source"]
            if not first <= day <= last or not _sources([source], params):
                continue
            entry = counts.setdefault(source["identifier"], {"data_source": source, f"available_{kind}": {}})
            days = entry[f"available_{kind}"]
            days = days.setdefault(record["data_product_type"], {}) if kind == "data_products" else days
            days[day] = days.get(day, 0) + 1
        return list(counts.values())

    def run_synchronously(self, kind: str, document: Any) -> list[Any]:
        """Return the response of `search_synchronous`: a plain array."""
        records = self.find_records(_Search(kind, document["query"], _now(), 0.0, 0))
        response_format = document.get("response_format")
        return records if not response_format else [apply_format(record, response_format) for record in records]

    def data(self, request_id: str, response_format: Any = None) -> list[Any]:
        """Return the records of a search, restricted to the leaves of the response_format if there is one."""
        records = self.find_records(self.searches[request_id])
        return records if not response_format else [apply_format(record, response_format) for record in records]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def _log(level: str, summary: str) -> Record:
    return {"level": level, "summary": summary, "timestamp": _now()}


def error(code: str, message: str) -> Record:
    """Return an `ErrorDocument`."""
    return {"error_code": code, "error_message": message}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, service: AuroraXServer) -> None:
        self.service = service
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """Ignore clients that disconnect, as the tests do on purpose, and record any other error."""
        trouble = sys.exception()
        if trouble is not None and not isinstance(trouble, ConnectionError):
            self.service.broken.append(trouble)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def setup(self) -> None:
        super().setup()
        with self.server.service.lock:
            self.server.service.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the tests read `calls`."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        service = self.server.service
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        steps = parts.path.removeprefix(service.prefix).removeprefix("/api/v1/").split("/")
        step = step_of(self.command, steps)
        if step == "at_once" and not service.synchronous:
            step = ""
        body = json.loads(raw) if raw else None
        call = Call(step, self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        with service.lock:
            service.calls.append(call)
            status, document, headers = self._answer(step, steps, body, parse_qs(parts.query))
            fault = _taken(service, step)
        if step == "at_once":
            service.closing.wait(service.seconds)
        if service.latency:
            service.closing.wait(service.latency)
        self._send(status, document, headers, fault)

    def _answer(self, step: str, steps: list[str], document: Any, params: Any) -> tuple[int, Any, dict[str, str]]:
        service = self.server.service
        if step == "sources":
            return 200, _sources(service.sources, params), {}
        if step == "availability":
            return 200, service.availability(steps[1], params), {}
        if step == "estimate":
            return 200, 42, {}
        if step == "describe":
            return 200, service.sentence, {}
        if step == "at_once":
            return 200, service.run_synchronously(steps[0], document), {}
        if step == "submit":
            request_id = service.submit(steps[0], document)
            return 202, None, {"Location": f"{service.url}/api/v1/{steps[0]}/requests/{request_id}"}
        if step == "" or steps[2] not in service.searches:
            return 404, error("NotFound", "No request with given request id"), {}
        if step == "status":
            return 200, service.status(steps[2]), {}
        if step == "cancel":
            service.searches[steps[2]].cancelled = True
            return 200, service.status(steps[2]), {}
        return 200, {"result": service.data(steps[2], document if self.command == "POST" else None)}, {}

    def _send(self, status: int, document: Any, headers: dict[str, str], fault: Fault) -> None:
        if fault.hang:
            self.server.service.closing.wait(fault.hang)
        if fault.drop == "before":
            self.close_connection = True
            return
        if fault.raw is not None:
            self._send_raw(fault.raw, fault.endless)
            return
        if fault.change:
            document = fault.change(document)
        body = b"" if document is None else json.dumps(document).encode()
        body = body if fault.body is None else fault.body
        head = {"Content-Type": fault.content_type, **headers, **fault.headers}
        if len(body) > 500 and "gzip" in self.headers.get("Accept-Encoding", "") and fault.body is None:
            body, head["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        head.setdefault("Content-Length", str(len(body)))
        self._write(fault.status or status, head, body, fault)

    def _write(self, status: int, head: dict[str, str], body: bytes, fault: Fault) -> None:
        if fault.trickle and fault.trickled == "head":
            self._trickle(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 60_000, fault.trickle)
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        if fault.drop == "within":
            body, self.close_connection = body[: len(body) // 2], True
        if fault.trickle:
            self._trickle(body, fault.trickle)
        self.wfile.write(body)

    def _send_raw(self, raw: bytes, endless: bytes) -> None:
        self.close_connection = True
        self.wfile.write(raw)
        while endless and not self.server.service.closing.is_set():
            self.wfile.write(endless)

    def _trickle(self, data: bytes, seconds: float) -> None:
        for byte in data:
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            if self.server.service.closing.wait(seconds):
                return


def _taken(service: AuroraXServer, step: Any) -> Fault:
    fault = service.faults.get(step)
    if fault is None or fault.times == 0:
        return Fault()
    fault.times -= 1
    return fault


def _sources(sources: Sequence[Record], params: Mapping[str, list[str]]) -> list[Record]:
    names = ("program", "platform", "instrument_type", "source_type")
    return [source for source in sources if all(source[name] in params.get(name, [source[name]]) for name in names)]
