"""Benchmark of a mirror: CPU time of the client for each record, and its memory: `python -m tests.bench.bench_sync [--full]`.

A service in another process sends months of minutes of one spacecraft. The peer reads the same answers with requests and
json, makes dicts, and writes the same transactions. With `--full` there are 3.2 million records, else 175,000.
"""

from __future__ import annotations

import argparse
import calendar
import gzip
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests

from auroraql.catalogues.files import create_catalogue
from auroraql.catalogues.writer import POSITIONS, batch_schema, open_writer
from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine
from auroraql.mirror.report import SyncOptions
from auroraql.mirror.synchronizer import Synchronizer
from tests.bench.measure import line

SOURCE = {
    "identifier": 3, "program": "swarm", "platform": "swarma", "instrument_type": "footprint",
    "source_type": "leo", "display_name": "Swarm A",
}  # fmt: skip
REGIONS = ("north polar cap", "north auroral oval", "north mid-latitude", "equatorial")
FIRST_YEAR = 2014


def main() -> None:
    """Print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--serve", action="store_true", help="be the service")
    parser.add_argument("--process", nargs=4, metavar=("WAY", "URL", "FILE", "MONTHS"), help="run and print one way")
    options = parser.parse_args()
    if options.serve:
        serve()
    elif options.process:
        way, url, file, months = options.process
        run_process(way, url, Path(file), int(months))
    else:
        compare(73 if options.full else 4)


def compare(months: int) -> None:
    """Run both ways in processes of their own, then a second synchronization, which finds nothing new."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.bench_sync", "--serve"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as folder:
        # The difference of a long and a short run has no start-up in it.
        short, sync = (measure("sync", url, f"{folder}/sync{count}.duckdb", count) for count in (1, months))
        short_peer, peer = (measure("dicts", url, f"{folder}/dicts{count}.duckdb", count) for count in (1, 3))
        quiet = measure("sync", url, f"{folder}/sync{months}.duckdb", months)
    server.stdin.close()
    server.wait()
    line("sync, CPU of a record, peer dicts", per_record(sync, short), per_record(peer, short_peer), "6 us", "us")
    line("sync, peak memory", sync["memory"], peer["memory"], "300 MB", "MB")
    print(f"{'sync, bytes of a record in the file':<58}{sync['size'] / sync['records']:>9.1f}")
    print(f"{'a second sync: units read, CPU in s':<58}{quiet['units']:>9} {quiet['cpu']:>6.2f}  0 units")


def per_record(long: dict[str, Any], short: dict[str, Any]) -> float:
    """Return the CPU seconds of a record that a long run has more than a short one."""
    return float((long["cpu"] - short["cpu"]) / (long["records"] - short["records"]))


def measure(way: str, url: str, file: str, months: int) -> dict[str, Any]:
    """Return the figures of one way, which it prints."""
    command = [sys.executable, "-m", "tests.bench.bench_sync", "--process", way, url, file, str(months)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def run_process(way: str, url: str, path: Path, months: int) -> None:
    """Mirror months, and print records, CPU seconds without start-up, peak memory and size of the file."""
    began = time.process_time()
    units, records = (run_sync if way == "sync" else run_with_dicts)(url, path, months)
    figures = {
        "units": units,
        "records": records,
        "cpu": time.process_time() - began,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "size": path.stat().st_size,
    }
    print(json.dumps(figures))


def month_start(number: int) -> datetime:
    return datetime(FIRST_YEAR + number // 12, number % 12 + 1, 1)


def run_sync(url: str, path: Path, months: int) -> tuple[int, int]:
    """Mirror with AuroraQL. Return the numbers of units and records."""
    last = month_start(months) - timedelta(days=1)
    statement = f"FIND ephemeris WHERE program = 'swarm' SINCE {FIRST_YEAR} UNTIL {last:%Y-%m-%d}"
    engine = AuroraXEngine(url)
    report = Synchronizer(engine, url, path, [statement], SyncOptions()).run()
    engine.close()
    assert report.is_complete, report
    return report.read, report.records


def run_with_dicts(url: str, path: Path, months: int) -> tuple[int, int]:
    """Mirror with requests, json and dicts."""
    create_catalogue(path)
    total = 0
    with open_writer(path) as writer, requests.Session() as session:
        for number in range(months):
            start, end = month_start(number), month_start(number + 1)
            query = {"start": start.isoformat(), "end": end.isoformat()}
            location = session.post(f"{url}/api/v1/ephemeris/search", json=query, timeout=60).headers["Location"]
            records = session.get(f"{location}/data", timeout=60).json()["result"]
            rows = [to_row(record) for record in records]
            table = pa.Table.from_pylist(rows, batch_schema("ephemeris"))
            with writer.transaction() as transaction:
                transaction.replace("ephemeris", 3, start, end, [table])
            total += len(rows)
    return months, total


def to_row(record: dict[str, Any]) -> dict[str, Any]:
    row = {name: record[name.rpartition("_")[0]][name.rpartition("_")[2]] for name in POSITIONS}
    return row | {
        "data_source": record["data_source"]["identifier"],
        "epoch": datetime.fromisoformat(record["epoch"]),
        "metadata": json.dumps(record["metadata"]),
    }


# --- the service


@cache
def month_body(start: str) -> bytes:
    """Return the compressed answer of a month. Coordinates and one key of the metadata are different each minute."""
    first = datetime.fromisoformat(start)
    number = random.Random(start).uniform
    parts = []
    for minute in range(calendar.monthrange(first.year, first.month)[1] * 1440):
        places = ",".join(
            f'"{place}":{{"lat":{number(-88, 88):.4f},"lon":{number(-180, 180):.4f}}}'
            for place in ("location_geo", "location_gsm", "nbtrace", "sbtrace")
        )
        parts.append(
            f'{{"data_source":{{"identifier":3}},"epoch":"{(first + timedelta(minutes=minute)).isoformat()}",{places},'
            f'"metadata":{{"nbtrace_region":"{REGIONS[minute // 20 % 4]}","sbtrace_region":"{REGIONS[minute // 30 % 4]}",'
            f'"radial_distance":{number(6800, 6900):.2f},"tii_on":true}}}}'
        )
    return gzip.compress(f'{{"result":[{",".join(parts)}]}}'.encode(), 1)


class Handler(BaseHTTPRequestHandler):
    """Service with one source; the month of a search is its request ID."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""

    def answer(self, document: Any, status: int = 200, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        if isinstance(document, bytes):
            headers["Content-Encoding"] = "gzip"
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        if "/data_sources" in self.path:
            self.answer([SOURCE])
        elif "/availability/" in self.path:
            year = int(self.path.partition("start=")[2][:4])
            days = (datetime(year, 1, 1) + timedelta(days=number) for number in range(365 + calendar.isleap(year)))
            counts = {f"{day:%Y-%m-%d}": 1440 for day in days}
            self.answer([{"data_source": SOURCE, "available_ephemeris": counts}])
        elif self.path.endswith("/data"):
            self.answer(month_body(self.path.split("/")[-2]))
        else:
            first = datetime.fromisoformat(self.path.rpartition("/")[2])
            count = calendar.monthrange(first.year, first.month)[1] * 1440
            result = {"data_uri": "data", "error_condition": False, "result_count": count}
            self.answer({"logs": [], "search_request": {"request_type": "ephemeris"}, "search_result": result})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/data"):
            self.do_GET()
        else:
            self.answer(
                {}, 202, Location=f"http://{self.headers['Host']}/api/v1/ephemeris/requests/{body['start'][:10]}"
            )

    def do_DELETE(self) -> None:
        self.answer({})


def serve() -> None:
    """Serve until standard input is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True

    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
