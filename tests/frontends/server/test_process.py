"""Tests of the `auroraql serve` process: stored results, startup and shutdown."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import duckdb
import pytest
import requests

from auroraql.engines.duckdb.demo import demo_cache_path
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from tests.support.server_process import DAY, SWARM, ServerProcess, assert_refused, await_status, finished_url, get
from tests.support.small_catalogue import Product, write

# --- stored results


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the demonstration's catalogue file."""
    EmbeddedEngine().close()  # which may have to be built
    return Path(shutil.copyfile(demo_cache_path(None), tmp_path / "copy.duckdb"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_results_survive_a_restart(copy: Path, number: int, code: int) -> None:
    with ServerProcess(archive=copy) as first:
        path = urlsplit(finished_url(first, "ephemeris", {**SWARM, "request_id": f"kept-{number}"})).path
        before = requests.get(f"{first.url}{path}/data", timeout=60).content
        assert first.stop(number) == code
    with ServerProcess(archive=copy) as second:
        assert requests.get(f"{second.url}{path}/data", timeout=60).content == before
        assert await_status(f"{second.url}{path}")["logs"][-1]["summary"].startswith("Finished search")
        with ServerProcess(archive=copy) as beside:  # another server on the same archive has its own results
            assert_refused(get(beside, f"ephemeris/requests/kept-{number}"), 404)


def test_results_expire(copy: Path) -> None:
    with ServerProcess("--keep", "1s", archive=copy) as server:
        location = finished_url(server, "ephemeris", SWARM)
        time.sleep(1.1)
        finished_url(server, "ephemeris", SWARM)
        assert_refused(requests.get(location, timeout=60), 404)


def test_results_take_bounded_disk_space(tmp_path: Path, copy: Path) -> None:
    """One result of a day takes about 90 KB on disk."""
    with ServerProcess("--disk", "250KB", archive=copy, cache=tmp_path) as server:
        locations = [finished_url(server, "ephemeris", SWARM) for _ in range(4)]
        statuses = [requests.get(f"{location}/data", timeout=60).status_code for location in locations]
        assert statuses[0] == 404
        assert statuses[-1] == 200
        large = finished_url(server, "ephemeris", {**SWARM, "end": "2020-01-20T00:00:00"})
        status = await_status(large)
        assert status["search_result"]["error_condition"] is True
        assert "larger than the server" in status["logs"][-1]["summary"]
        size = sum(item.stat().st_size for item in (tmp_path / "auroraql" / "serve").rglob("*") if item.is_file())
        assert size <= 250 * 1024
        spilled = [path for path in (tmp_path / "auroraql" / "serve").rglob("spill-*") if path.is_dir()]
        assert len(spilled) == 1  # spill files are inside it too
        assert spilled[0].stat().st_mode & 0o777 == 0o700
    assert not spilled[0].exists()


def test_a_search_that_needs_too_much_memory_reports_it(tmp_path: Path) -> None:
    rows = [Product(44, datetime(2020, 1, 1), datetime(2020, 1, 3), "u" * 300)]
    catalogue = write(tmp_path / "wide.duckdb", rows)
    with duckdb.connect(str(catalogue)) as connection:
        connection.execute(
            'INSERT INTO data_products SELECT data_source, start + to_seconds(hash(n) % 86400), "end",'
            " data_product_type, url || n, metadata FROM data_products, range(100_000) AS r(n)"
        )
    with ServerProcess("--memory", "24MB", archive=catalogue, cache=tmp_path) as server:
        status = await_status(
            finished_url(server, "data_products", {"start": "2020-01-01T00:00:00", "end": "2020-01-03T00:00:00"})
        )
        assert status["search_result"]["error_condition"] is True
        assert "more memory than the server's limit" in status["logs"][-1]["summary"]
        small = {"start": "2020-01-01T00:00:00", "end": "2020-01-03T00:00:00", "data_sources": {"programs": ["swarm"]}}
        assert await_status(finished_url(server, "data_products", small))["search_result"]["error_condition"] is False


# --- startup and shutdown


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_shuts_down_in_order(number: int, code: int, tmp_path: Path) -> None:
    catalogue = write(tmp_path / "small.duckdb", [Product(1, datetime(2020, 1, 1), datetime(2020, 1, 1, 1), "u")])
    with ServerProcess(archive=catalogue) as server:
        finished_url(server, "data_products", DAY)
        assert server.stop(number) == code
    assert server.said == [f"Serving {catalogue} at {server.url}"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--port", "70000"], 2, "from 0 to 65535"),
        (["--host", "198.51.100.7"], 2, "cannot listen"),
        (["--keep", "soon"], 2, "a time is a number"),
        (["--disk", "0"], 2, "a size is a number"),
        (["-a", "aurorax"], 2, "a local archive"),
        (["-a", "not-there.duckdb"], 2, "the catalogue file 'not-there.duckdb' does not exist"),
        (["--api-key-file", "not-there"], 2, "cannot read"),
    ],
)
def test_startup_errors(arguments: list[str], code: int, message: str) -> None:
    command = [sys.executable, "-m", "auroraql", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr


def test_a_port_in_use_is_reported(server: ServerProcess) -> None:
    port = str(urlsplit(server.url).port)
    command = [sys.executable, "-m", "auroraql", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"cannot listen at 127.0.0.1:{port}" in done.stderr
