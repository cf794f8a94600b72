"""Searches of a live service beside pyaurorax, on the same answers: `python -m tests.bench.bench_live [--full]`.

The service is the tests' own, on the loopback, in a process of its own. Latency is that of whole searches, volume of
fetching one large result: a million records with `--full`, else fewer, for the gate.
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
"""Seconds that the service takes for a search."""

STATEMENT = "FIND data_products WHERE program = 'trex' BETWEEN 2020-02-01 AND 2020-02-05"
MINUTES = 1440


def main() -> None:
    """Every measurement, one line each; or, started by itself, one of the processes for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="a million records")
    parser.add_argument("--process", nargs=2, metavar=("NAME", "ARGUMENT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["NO_PROXY"] = "*"
    if options.process:
        name, argument = options.process
        PROCESSES[name](argument)
        return
    latency()
    volume(1_000_000 if options.full else 300_000)


@contextmanager
def started(name: str, argument: str) -> Iterator[str]:
    """The first line that a process of this file says, while it runs."""
    command = [sys.executable, "-m", "tests.bench.bench_live", "--process", name, argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


# Latency


def latency() -> None:
    """Whole searches, as our client and as the published one makes them."""
    for way in ("at once", "asynchronous"):
        with started("quick", way) as url:
            trips = 1 if way == "at once" else 3
            unavoidable = COMPUTES + trips * round_trip(url)
            ours, theirs = searches(url)
        line(f"a search, {way} / {trips} round trips and {COMPUTES:.1f} s", ours, unavoidable, "<= 1.3")
        line(f"a search, {way} / pyaurorax", ours, theirs, "<= 0.5")


def round_trip(url: str) -> float:
    """Seconds for the smallest question, on a connection that is open."""
    import requests

    with requests.Session() as session:
        return median(lambda: session.get(f"{url}/api/v1/data_sources?program=none").content, 9)


def searches(url: str) -> tuple[float, float]:
    """Seconds for one search, ours and theirs."""
    import pyaurorax

    import auroraql

    first, last = datetime(2020, 2, 1), datetime(2020, 2, 5, 23, 59, 59)
    with tempfile.TemporaryDirectory() as folder, auroraql.connect(url) as archive:
        client = pyaurorax.PyAuroraX(api_base_url=url, download_output_root_path=folder)
        found = archive.run(STATEMENT)
        assert len(found) == len(client.search.data_products.search(first, last, programs=["trex"]).data)
        ours = median(lambda: list(archive.run(STATEMENT)), 7)
        theirs = median(lambda: client.search.data_products.search(first, last, programs=["trex"]), 3)
    return ours, theirs


def median(work: Callable[[], object], runs: int) -> float:
    """Seconds for one call."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def quick_service(way: str) -> None:
    """A service that computes for a while."""
    with AuroraXServer(RECORDS, SOURCES) as server:
        server.seconds, server.synchronous = COMPUTES, way == "at once"
        say_and_stay(server.url)


# Volume


def volume(count: int) -> None:
    """One large result, fetched by each client in a process of its own."""
    with started("large", str(count)) as url:
        measured = {}
        for name in ("ours", "theirs"):
            with started(name, url) as said:
                measured[name] = json.loads(said)
    ours, theirs = measured["ours"], measured["theirs"]
    assert ours["count"] == theirs["count"] == count
    line(f"{count:,} ephemeris records fetched / get_data", ours["seconds"], theirs["seconds"], "<= 0.2", "s")
    sizes = f"{ours['peak']:>9.0f} MB{theirs['peak']:>9.0f} MB{ours['peak'] / theirs['peak']:>8.2f}"
    print(f"{'the same, peak memory of the process':<58}{sizes}  <= 0.2", flush=True)


def large_service(count: str) -> None:
    """A service with one large result, whose bytes are made beforehand."""
    total = int(count)
    with AuroraXServer([], [SWARM], ephemeris=EPHEMERIS) as server:
        server.faults["data"] = Fault(body=b'{"result": [' + b", ".join(records(total)) + b"]}")
        server.faults["status"] = Fault(change=lambda status: announced(status, total))
        say_and_stay(server.url)


def announced(status: Any, total: int) -> Any:
    """A status with so many records."""
    return {**status, "search_result": {**status["search_result"], "result_count": total}}


def records(total: int) -> Iterator[bytes]:
    """The records, a day at a time."""
    first = date(2000, 1, 1)
    day = [json.dumps(record(minute, first)).encode() for minute in range(MINUTES)]
    for number in range(-(-total // MINUTES)):
        today = str(first + timedelta(days=number)).encode()
        some = day[: min(MINUTES, total - number * MINUTES)]
        yield b", ".join(some).replace(str(first).encode(), today)


def record(minute: int, day: date) -> dict[str, Any]:
    """Where a spacecraft is at a minute, with as much metadata as AuroraX has of Swarm."""
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
    """Our engine, from the finished search to its records."""
    from auroraql.engines.aurorax import AuroraXEngine
    from auroraql.ir.plan import Plan, Request
    from auroraql.ir.query import Query

    request = Request("ephemeris", (("program", ("swarm",)),))
    engine, deadline = AuroraXEngine(url), time.monotonic() + 600
    run = engine.submit(Plan(Query("ephemeris"), (request,)))
    run.wait(deadline)
    tell(lambda: len(run.fetch(deadline).records or ()))
    engine.close()


def fetch_theirs(url: str) -> None:
    """The published client, likewise."""
    import pyaurorax

    with tempfile.TemporaryDirectory() as folder:
        client = pyaurorax.PyAuroraX(api_base_url=url, download_output_root_path=folder, api_timeout=600)
        first, last = datetime(2020, 2, 1), datetime(2020, 2, 2)
        search: Any = client.search.ephemeris.search(first, last, programs=["swarm"], return_immediately=True)
        search.wait(poll_interval=0.01)

        def fetch() -> int:
            search.get_data()
            return len(search.data)

        tell(fetch)


def tell(fetch: Callable[[], int]) -> None:
    """Says how long it took, and the peak of the process's memory in MB."""
    began = time.perf_counter()
    count = fetch()
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"count": count, "seconds": seconds, "peak": peak}), flush=True)


def say_and_stay(text: str) -> None:
    """For who started this process; until it ends it."""
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
