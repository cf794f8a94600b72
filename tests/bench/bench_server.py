"""Benchmark of `auroraql serve`: time to the first response, searches per second, and many concurrent clients."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import requests

from tests.bench.measure import line
from tests.support.server_process import ServerProcess, await_status, finished_url, post

THREE_HUNDRED = {
    "data_sources": {"programs": ["auroramax"]},
    "start": "2020-01-01T00:00:00",
    "end": "2020-01-16T23:59:59",
}
"""A search for about 300 records of the demonstration."""

A_MONTH = {
    "data_sources": {"programs": ["swarm", "themis", "themis-asi", "trex", "rego"]},
    "start": "2020-01-01T00:00:00",
    "end": "2020-01-31T23:59:59",
}
"""A search for over a million records."""


def main() -> None:
    """Print every measurement. `--full` runs the load for half a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="64 clients for 30 seconds, not for 3")
    full = parser.parse_args().full
    os.environ["NO_PROXY"] = "127.0.0.1"
    measure_startup()
    with ServerProcess() as server:
        measure_searches(server)
        measure_large_search(server)
        measure_concurrency(server, 30.0 if full else 3.0)


def measure_startup() -> None:
    """Measure the time from the command to the first response, next to a Python process that imports DuckDB."""
    subprocess.run(
        [sys.executable, "-m", "auroraql", "-c", "FIND data_products ON 2020-01-01"], check=True, capture_output=True
    )
    ours, peer = [], []
    for _ in range(5):
        began = time.perf_counter()
        with ServerProcess() as server:
            requests.get(f"{server.url}/api/v1/data_sources/3", timeout=10).raise_for_status()
            ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import duckdb"], check=True)
        peer.append(time.perf_counter() - began)
    line("auroraql serve to the first answer / import duckdb", min(ours), min(peer), "")


def measure_searches(server: ServerProcess) -> None:
    """Measure one client that sends one search after the other, synchronous and asynchronous."""
    session = requests.Session()
    url = f"{server.url}/api/v1/data_products/search_synchronous"
    count = len(session.post(url, json={"query": THREE_HUNDRED}, timeout=30).json())
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < 3:
        session.post(url, json={"query": THREE_HUNDRED}, timeout=30).raise_for_status()
        calls += 1
    took = (time.perf_counter() - began) / calls
    line(f"synchronous search of {count} records ({1 / took:.0f} a second)", took, None, "")
    location = finished_url(server, "data_products", THREE_HUNDRED)
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < 3:
        session.get(f"{location}/data", timeout=30).raise_for_status()
        calls += 1
    took = (time.perf_counter() - began) / calls
    line(f"the {count} records of a request ({1 / took:.0f} a second)", took, None, "")


def measure_large_search(server: ServerProcess) -> None:
    """Measure one search for a month of all records: its time, its size, and the server's memory."""
    before, most, over = memory(server.process.pid), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            most[0] = max(most[0], memory(server.process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    search = await_status(post(server, "ephemeris/search", A_MONTH).headers["Location"], 600)["search_result"]
    took = time.perf_counter() - began
    over.set()
    watching.join()
    name = f"a search of {search['result_count']:,} records, {search['file_size'] / 1e6:.0f} MB"
    line(name, took, None, f"(memory {before:.0f} MB before, {most[0]:.0f} at most)", "s")


def measure_concurrency(server: ServerProcess, seconds: float) -> None:
    """Run 64 clients, each with one search after the other, and print errors and growth of memory."""
    first = memory(server.process.pid)
    done, failed = [0] * 64, [0] * 64
    stop = time.monotonic() + seconds

    def client(number: int) -> None:
        with requests.Session() as session:
            while time.monotonic() < stop:
                try:
                    run_search(session, server.url)
                    done[number] += 1
                except (requests.RequestException, KeyError, ValueError):
                    failed[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    middle = seconds / 2
    time.sleep(middle)
    half = memory(server.process.pid)
    for thread in threads:
        thread.join()
    grown = f"memory {first:.0f} MB at first, {half:.0f} after half, {memory(server.process.pid):.0f} at the end"
    name = f"64 clients, {seconds:.0f} s: {sum(done)} searches, {sum(failed)} errors"
    line(name, seconds / max(1, sum(done)), None, f"({sum(done) / seconds:.0f} searches a second; {grown})")


def run_search(session: requests.Session, url: str) -> None:
    """Run one search as clients do: submit it, poll it, and fetch its records."""
    accepted = session.post(f"{url}/api/v1/data_products/search", json=THREE_HUNDRED, timeout=30)
    accepted.raise_for_status()
    location = accepted.headers["Location"]
    while session.get(location, timeout=30).json()["search_result"]["data_uri"] is None:
        time.sleep(0.1)
    records = session.get(f"{location}/data", timeout=30)
    records.raise_for_status()
    if not records.json()["result"]:
        raise ValueError


def memory(process: int) -> float:
    """Return the memory of a process in MB, or 0 where the platform does not report it."""
    status = Path(f"/proc/{process}/status")
    if not status.is_file():
        return 0.0
    return next((int(row.split()[1]) / 1024 for row in status.read_text().splitlines() if row.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    main()
