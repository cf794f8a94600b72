"""Robustness of `auroraql serve`: no request gets a status of 500 or above, and a crowd is served without an error."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.frontends.server.application import Application
from auroraql.frontends.server.endpoints import routes
from auroraql.frontends.server.result_store import ResultStore, is_request_id
from auroraql.frontends.server.search_queue import SearchQueue
from auroraql.frontends.server.service import ServedArchive
from auroraql.frontends.server.source_directory import SourceDirectory
from tests.support.server_process import DAY, MAX, OVER_SWARM, SWARM, ServerProcess
from tests.support.small_catalogue import Position, Product, write

KEY = "key"

Answer = tuple[int, dict[str, str], bytes]


class ApplicationClient:
    """The application, called without a network."""

    def __init__(self, folder: Path) -> None:
        products = [
            Product(1, datetime(2020, 1, 1, hour), datetime(2020, 1, 1, hour, 59), f"u{hour}") for hour in range(9)
        ]
        positions = [Position(44, datetime(2020, 1, 1, 0, n), ((1.0, 2.0),) * 4, {"a": n}) for n in range(5)]
        self.engine = EmbeddedEngine(write(folder / "c.duckdb", products, positions=positions), writable=True)
        self.searches = SearchQueue(self.engine, ResultStore(folder / "results", 1000, 1 << 24), timeout=5, workers=2)
        service = ServedArchive(self.engine, self.searches, SourceDirectory(self.engine), (KEY,))
        self._application = Application(service)
        self.endpoints = [
            (name.removeprefix("on_").upper(), path)
            for path, resource in routes(service)
            for name in sorted(vars(type(resource)))
            if name.startswith("on_")
        ]

    def close(self) -> None:
        self.searches.close()
        self.engine.close()

    def __call__(self, method: str, path: str, query: str = "", body: bytes = b"") -> Answer:
        response: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _failure: object = None, /) -> Callable[[bytes], object]:
            response["status"], response["headers"] = int(status[:3]), {name.title(): value for name, value in headers}
            return lambda _data: None

        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path.encode().decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.file_wrapper": _whole,
            "HTTP_X_AURORAX_API_KEY": KEY,
            "HTTP_HOST": "localhost",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
        }
        content = b"".join(self._application(environ, start))
        return response["status"], response["headers"], content


def _whole(file: BinaryIO, size: int) -> list[bytes]:
    """Read the file of a response piece by piece and close it, as a WSGI server must."""
    with closing(file):
        return list(iter(lambda: file.read(size), b""))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApplicationClient]:
    client = ApplicationClient(tmp_path_factory.mktemp("robust"))
    yield client
    client.close()


WORDS = st.sampled_from(
    ["trex", "gillam", "RGB ASI", "keogram", "ground", "nbtrace", "2020-01-01T00:00:00", "2020-01-01", "in", "=", "a", "",
     "northern", "ground1-space1", "swarm", "\0", "'", "é", "x" * 300, "1e400", "-1", "full_record"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["start", "end", "data_sources", "programs", "platforms", "instrument_types", "data_product_type_filters", "query",
     "data_product_metadata_filters", "ephemeris_metadata_filters", "expressions", "logical_operator", "key", "operator",
     "values", "ground", "space", "events", "adhoc", "locations", "lat", "lon", "conjunction_types", "max_distances",
     "ground1-space1", "subminute_precision", "epoch_search_precision", "request_id", "response_format", "hemisphere",
     "program", "platform", "instrument_type", "source_type", "display_name", "identifier", "metadata", "owner", "urls",
     "url", "epoch", "location_geo", "data_product_type", "data_source", "maintainers"]
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | WORDS | st.text(max_size=9)
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
SOURCE = {"program": "trex", "platform": "gillam", "instrument_type": "RGB ASI"}
NEARLY = st.sampled_from(
    [MAX, SWARM, OVER_SWARM, {"query": SWARM, "response_format": {"epoch": True}}, {**SOURCE, **DAY, "urls": ["u"]},
     {**SOURCE, "source_type": "leo", "display_name": "d"},
     [{**SOURCE, **DAY, "url": "u", "data_product_type": "movie"}], [{**SOURCE, "epoch": "2020-01-01T00:00:00"}]]
)  # fmt: skip


@st.composite
def mutated_documents(draw: st.DrawFn) -> Any:
    """Generate a valid document with one member replaced."""
    document = json.loads(json.dumps(draw(NEARLY)))
    place = document
    while isinstance(place, dict | list) and place:
        key: Any = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(DOCUMENTS)
            break
        place = place[key]
    return document


STEPS = {"{request_id}": WORDS | st.text(max_size=9), "{identifier}": st.sampled_from(["1", "44", "9", "x", "-1"])}


@given(document=mutated_documents() | DOCUMENTS, data=st.data())
def test_no_request_gets_a_server_error(answers: ApplicationClient, document: Any, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(answers.endpoints))
    path = path.replace("{delete_job_id}", "x")
    for name, values in STEPS.items():
        path = path.replace(name, data.draw(values)) if name in path else path
    names = st.sampled_from(
        ["format", "start", "end", "include_stats", "active", "result_count", "program", "tz", "ts"]
    )
    requests = data.draw(st.dictionaries(names, WORDS, max_size=3))
    status, headers, body = answers(method, path, urlencode(requests), json.dumps(document).encode())
    assert status < 500, body
    if status >= 400 and method != "HEAD":
        assert headers["Content-Type"] == "application/json"
        answer_document = json.loads(body)
        assert all(
            set(item) == {"error_code", "error_message"}
            for item in (answer_document if isinstance(answer_document, list) else [answer_document])
        )


@given(st.text(max_size=120) | WORDS)
def test_an_id_used_as_a_file_name_is_a_plain_name(text: str) -> None:
    if is_request_id(text):
        assert Path(text).name == text
        assert text.isascii()
        assert not text.startswith(".")
        assert all(character.isalnum() or character in "._-" for character in text)


def test_an_internal_error_reveals_nothing_to_the_caller(
    answers: ApplicationClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_self: object) -> None:
        raise KeyError("/secret/path")

    monkeypatch.setattr(EmbeddedEngine, "sources", broken)
    status, _, body = answers("GET", "/api/v1/data_sources")
    assert status == 500
    assert json.loads(body) == {"error_code": "ApplicationError", "error_message": "there was an application error"}
    assert "/secret/path" in capsys.readouterr().err


def test_many_concurrent_clients_are_all_served() -> None:
    done: list[int] = []
    failed: list[str] = []

    def client(server: ServerProcess, stop: float) -> None:
        with requests.Session() as session:
            while time.monotonic() < stop:
                try:
                    done.append(run_search(session, server.url))
                except Exception as problem:
                    failed.append(repr(problem))

    with ServerProcess() as server:
        stop = time.monotonic() + 3
        threads = [threading.Thread(target=client, args=(server, stop)) for _ in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.stop() == 0
    assert failed == []
    assert len(done) >= 64
    assert len(set(done)) == 1
    assert done[0] > 0
    assert server.said[-1].startswith("Serving"), server.said


def run_search(session: requests.Session, url: str) -> int:
    """Run one search from submit to data, and return its number of records."""
    accepted = session.post(f"{url}/api/v1/data_products/search", json=MAX, timeout=30)
    assert accepted.status_code == 202, accepted.text
    location = accepted.headers["Location"]
    while session.get(location, timeout=30).json()["search_result"]["data_uri"] is None:
        time.sleep(0.05)
    return len(session.get(f"{location}/data", timeout=30).json()["result"])
