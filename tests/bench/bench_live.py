"""Benchmark of live searches against pyaurorax on the same responses: `python -m tests.bench.bench_live [--full]`.

The service is the test server on the loopback, in a separate process. Latency is that of whole searches; volume is one
large result: a million records with `--full`, fewer otherwise, for the gate.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from tests.bench.measure import line
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, SWARM, AuroraXServer, Fault
from tests.support.client_libraries import substitute_client_libraries

substitute_client_libraries()

COMPUTES = 0.3
"""Seconds that the service takes to compute a search."""

STATEMENT = "FIND data_products WHERE program = 'trex' BETWEEN 2020-02-01 AND 2020-02-05"
MINUTES = 1440


def main() -> None:
    """Print every measurement, or run one of the helper processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a million records")
    parser.add_argument("--process", nargs=2, metavar=("NAME", "ARGUMENT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "*"
    if options.process:
        name, argument = options.process
        PROCESSES[name](argument)
        return
    measure_latency()
    measure_volume(1_000_000 if options.full else 300_000)


@contextmanager
def helper_process(name: str, argument: str) -> Iterator[str]:
    """Start a helper process of this file and yield the first line that it prints. It is terminated at the end."""
    command = [sys.executable, "-m", "tests.bench.bench_live", "--process", name, argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


# Latency


def measure_latency() -> None:
    """Measure whole searches with AuroraQL and with pyaurorax."""
    for way in ("at once", "asynchronous"):
        with helper_process("quick", way) as url:
            trips = 1 if way == "at once" else 3
            unavoidable = COMPUTES + trips * measure_round_trip(url)
            ours, theirs = measure_searches(url)
        line(f"a search, {way} / {trips} round trips and {COMPUTES:.1f} s", ours, unavoidable, "<= 1.3")
        line(f"a search, {way} / pyaurorax", ours, theirs, "<= 0.5")


def measure_round_trip(url: str) -> float:
    """Return the seconds of the smallest request on an open connection."""
    import requests

    with requests.Session() as session:
        return median(lambda: session.get(f"{url}/api/v1/data_sources?program=none").content, 9)


def measure_searches(url: str) -> tuple[float, float]:
    """Return the seconds of one search, with AuroraQL and with pyaurorax."""
    import pyaurorax

    import auroraql

    first, last = datetime(2020, 2, 1), datetime(2020, 2, 5, 23, 59, 59)
    with tempfile.TemporaryDirectory() as folder, auroraql.connect(url) as archive:
        client = pyaurorax.PyAuroraX(api_base_url=url, download_output_root_path=folder)
        result = archive.run(STATEMENT)
        assert len(result) == len(client.search.data_products.search(first, last, programs=["trex"]).data)
        ours = median(lambda: list(archive.run(STATEMENT)), 7)
        theirs = median(lambda: client.search.data_products.search(first, last, programs=["trex"]), 3)
    return ours, theirs


def median(work: Callable[[], object], runs: int) -> float:
    """Return the median time of a call in seconds."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def quick_service(way: str) -> None:
    """Run a service that takes a while to compute a search."""
    with AuroraXServer(RECORDS, SOURCES) as server:
        server.seconds, server.synchronous = COMPUTES, way == "at once"
        print_and_wait(server.url)


# Volume


def measure_volume(count: int) -> None:
    """Measure one large result, fetched by each client in a separate process."""
    with helper_process("large", str(count)) as url:
        measured = {}
        for name in ("ours", "theirs"):
            with helper_process(name, url) as messages:
                measured[name] = json.loads(messages)
    ours, theirs = measured["ours"], measured["theirs"]
    assert ours["count"] == theirs["count"] == count
    line(f"{count:,} ephemeris records fetched / get_data", ours["seconds"], theirs["seconds"], "<= 0.2", "s")
    sizes = f"{ours['peak']:>9.0f} MB{theirs['peak']:>9.0f} MB{ours['peak'] / theirs['peak']:>8.2f}"
    print(f"{'the same, peak memory of the process':<58}{sizes}  <= 0.2", flush=True)


def large_service(count: str) -> None:
    """Run a service with one large result, whose body is encoded beforehand."""
    total = int(count)
    with AuroraXServer([], [SWARM], ephemeris=EPHEMERIS) as server:
        server.faults["data"] = Fault(body=b'{"result": [' + b", ".join(records(total)) + b"]}")
        server.faults["status"] = Fault(change=lambda status: with_result_count(status, total))
        print_and_wait(server.url)


def with_result_count(status: Any, total: int) -> Any:
    """Return the status with `total` as its number of records."""
    return {**status, "search_result": {**status["search_result"], "result_count": total}}


def records(total: int) -> Iterator[bytes]:
    """Yield the JSON of the records, a day at a time."""
    first = date(2000, 1, 1)
    day = [json.dumps(record(minute, first)).encode() for minute in range(MINUTES)]
    for number in range(-(-total // MINUTES)):
        today = str(first + timedelta(days=number)).encode()
        some = day[: min(MINUTES, total - number * MINUTES)]
        yield b", ".join(some).replace(str(first).encode(), today)


def record(minute: int, day: date) -> dict[str, Any]:
    """Return a spacecraft's record of one minute, with as much metadata as AuroraX has for Swarm."""
    places = {
        name: {"lat": round(((minute * 7 + at * 311) % 1800) / 10 - 90, 6), "lon": round(minute / 4.1 - 180, 6)}
        for at, name in enumerate(("location_geo", "location_gsm", "nbtrace", "sbtrace"))
    }
    metadata = {
        "nbtrace_region": "north mid-latitude",
        "sbtrace_region": "south polar cap",
        "radial_distance": 6811.25 + minute % 10,
        "radial_trace_region": "undefined",
        "spacecraft": "A",
        "tii_on": minute % 2 == 0,
    }
    epoch = f"{day}T{minute // 60:02}:{minute % 60:02}:00"
    return {"data_source": SWARM, "epoch": epoch, **places, "metadata": metadata}


def fetch_ours(url: str) -> None:
    """Fetch the records of the finished search with the AuroraX engine."""
    from auroraql.engines.aurorax import AuroraXEngine
    from auroraql.ir.plan import Plan, Request
    from auroraql.ir.query import Query

    request = Request("ephemeris", (("program", ("swarm",)),))
    engine, deadline = AuroraXEngine(url), time.monotonic() + 600
    run = engine.submit(Plan(Query("ephemeris"), (request,)))
    run.wait(deadline)
    report(lambda: len(run.fetch(deadline).records or ()))
    engine.close()


def fetch_theirs(url: str) -> None:
    """Fetch the records of the finished search with pyaurorax."""
    import pyaurorax

    with tempfile.TemporaryDirectory() as folder:
        client = pyaurorax.PyAuroraX(api_base_url=url, download_output_root_path=folder, api_timeout=600)
        first, last = datetime(2020, 2, 1), datetime(2020, 2, 2)
        search: Any = client.search.ephemeris.search(first, last, programs=["swarm"], return_immediately=True)
        search.wait(poll_interval=0.01)

        def fetch() -> int:
            search.get_data()
            return len(search.data)

        report(fetch)


def report(fetch: Callable[[], int]) -> None:
    """Print the time of a fetch and the process's peak memory in MB as JSON."""
    began = time.perf_counter()
    count = fetch()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"count": count, "seconds": seconds, "peak": peak}), flush=True)


def print_and_wait(text: str) -> None:
    """Print a line for the parent process and wait until it terminates this one."""
    print(text, flush=True)
    threading.Event().wait()


PROCESSES: dict[str, Callable[[str], None]] = {
    "quick": quick_service,
    "large": large_service,
    "ours": fetch_ours,
    "theirs": fetch_theirs,
}

if __name__ == "__main__":
    main()
