"""Tests of mirrors against a service that misbehaves: no record is lost or doubled, no unit is read in a loop."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from auroraql.catalogues.writer import open_writer
from auroraql.diagnostics.errors import Diagnostic, Source, StatementError, Unreachable, UsageError
from auroraql.engines.aurorax.aurorax_engine import AuroraXEngine
from auroraql.mirror.report import SyncOptions, SyncProgress, SyncReport
from auroraql.mirror.selection import split_statements
from auroraql.mirror.synchronizer import Synchronizer, read_mirror_ledger
from auroraql.schema.catalogue import DataSource
from auroraql.session.archive import connect
from tests.support.aurorax_matching import Record
from tests.support.aurorax_server import SOURCES, SWARM, AuroraXServer, Fault
from tests.support.server_process import ServerProcess, await_status, post
from tests.support.small_catalogue import write

SWARM_2020 = "FIND ephemeris WHERE program = 'swarm' SINCE 2020-01-01 UNTIL 2020-03-31"
TREX = "FIND data_products WHERE program = 'trex' SINCE 2019-01-01 UNTIL 2021-12-31"
TREX_SOURCE = SOURCES[0]
FIXED_OPTIONS = SyncOptions(timeout=20.0)


def position(epoch: str, latitude: float = 60.0, **metadata: Any) -> Record:
    there, nowhere = {"lat": latitude, "lon": -110.5}, {"lat": None, "lon": None}
    return {
        "data_source": SWARM,
        "epoch": epoch,
        "location_geo": there,
        "location_gsm": nowhere,
        "nbtrace": there,
        "sbtrace": nowhere,
        "metadata": {"n": 1, **metadata},
    }


def minutes(start: str, count: int) -> list[Record]:
    first = datetime.fromisoformat(start)
    return [
        position((first + timedelta(minutes=number)).isoformat(), 50 + number / 64, radial_distance=6800.5 + number)
        for number in range(count)
    ]


def product(start: str, end: str, name: str = "a", **metadata: Any) -> Record:
    return {
        "data_source": TREX_SOURCE,
        "start": start,
        "end": end,
        "url": f"https://data.example.org/{name}.png",
        "data_product_type": "keogram",
        "metadata": metadata,
    }


@dataclass
class RecordedClock:
    """Clock that records the waits between attempts and does not wait."""

    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return False


@pytest.fixture
def service() -> Iterator[AuroraXServer]:
    ephemeris = [
        *minutes("2020-01-31T23:50:00", 20),
        *minutes("2020-03-05T00:00:00", 5),
    ]
    with AuroraXServer([], [SWARM, *SOURCES], ephemeris=ephemeris) as server:
        yield server


def sync(
    server: AuroraXServer,
    path: Path,
    *statements: str,
    clock: RecordedClock | None = None,
    options: SyncOptions = FIXED_OPTIONS,
) -> SyncReport:
    engine = AuroraXEngine(server.url, pause=lambda _seconds: None)
    try:
        return Synchronizer(engine, server.url, path, statements, options, clock=clock or RecordedClock()).run()
    finally:
        engine.close()


def epochs(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT epoch FROM ephemeris ORDER BY epoch").fetchall()
    return [row[0].isoformat() for row in rows]


def starts(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute('SELECT "start" FROM data_products ORDER BY "start"').fetchall()
    return [row[0].isoformat() for row in rows]


def all_epochs(server: AuroraXServer) -> list[str]:
    return sorted(record["epoch"] for record in server.ephemeris)


def test_a_mirror_has_the_records_and_a_second_run_reads_nothing(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    report = sync(service, path, SWARM_2020)
    assert (report.read, report.records, report.failures, report.stopped) == (3, 25, [], "")
    assert epochs(path) == all_epochs(service)
    statement = "FIND ephemeris WHERE program = 'swarm' DURING 2020 ORDER BY epoch"
    with connect(path) as mirror, connect(service.url) as live:
        columns = "SELECT epoch, location_geo.lat, nbtrace.lon, sbtrace.lat, metadata.radial_distance, display_name"
        text = statement.replace(" ORDER", f" {columns} ORDER").replace("2020 ", "2020-01 ")
        assert list(mirror.run(text).rows) == list(live.run(text).rows)
    searches = service.count("submit")
    again = sync(service, path)
    assert (again.units, again.known_units, service.count("submit")) == (0, 3, searches)
    assert again.statements == (SWARM_2020,)


def test_each_search_is_deleted_after_its_unit_is_committed(service: AuroraXServer, tmp_path: Path) -> None:
    sync(service, tmp_path / "m.duckdb", SWARM_2020)
    assert service.count("cancel") == service.count("submit") == 3
    assert all(search.cancelled for search in service.searches.values())


def test_only_a_unit_whose_count_has_changed_is_read_again(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    service.ephemeris += minutes("2020-03-06T00:00:00", 3)
    report = sync(service, path)
    assert (report.planned["changed"], report.units, report.records, report.deleted) == (1, 1, 8, 5)
    assert epochs(path) == all_epochs(service)


def test_a_stale_count_is_a_warning_and_not_a_loop(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    stale = service.availability("ephemeris", {"start": ["2020-01-01"], "end": ["2020-12-31"]})
    service.ephemeris += minutes("2020-02-20T00:00:00", 4)
    service.faults["availability"] = Fault(change=lambda _document: stale)
    report = sync(service, path, SWARM_2020)
    assert [line for line in report.warnings if "announces 10 records and returned 14" in line]
    assert epochs(path) == all_epochs(service)
    assert sync(service, path).units == 0
    del service.faults["availability"]
    assert sync(service, path).units == 0  # the right count is that of the mirror


def test_without_availability_units_are_read_all_the_same(service: AuroraXServer, tmp_path: Path) -> None:
    service.faults["availability"] = Fault(500, body=b"{}")
    report = sync(service, tmp_path / "m.duckdb", SWARM_2020)
    assert report.records == 25
    assert "does not report its ephemeris of 2020" in report.warnings[0]


@pytest.mark.parametrize(
    ("step", "fault", "waits"),
    [
        ("submit", Fault(429, body=b"{}", headers={"Retry-After": "7"}, times=4), True),
        ("submit", Fault(503, body=b"{}", headers={"Retry-After": "7"}, times=1), True),
        ("status", Fault(503, body=b"{}", headers={"Retry-After": "7"}, times=4), True),
        ("submit", Fault(drop="before", times=1), True),
        ("data", Fault(drop="within", times=1), False),
        ("data", Fault(drop="within", times=4), True),
        ("data", Fault(body=b'{"result": [{"data_source": {"identifier": 3}, "epo', times=1), True),
        ("data", Fault(change=lambda document: {"result": document["result"][1:]}, times=1), True),
    ],
    ids=["429", "503", "status-503", "drop", "truncated", "truncated-often", "half-json", "one-less"],
)
def test_a_temporary_fault_loses_and_doubles_nothing(
    service: AuroraXServer, tmp_path: Path, step: Any, fault: Fault, waits: bool
) -> None:
    clock = RecordedClock()
    service.faults[step] = fault
    path = tmp_path / "m.duckdb"
    report = sync(service, path, SWARM_2020, clock=clock, options=SyncOptions(jobs=1, timeout=20.0))
    assert (report.failures, report.stopped) == ([], "")
    assert epochs(path) == all_epochs(service)
    assert bool(clock.waits) == waits
    if "Retry-After" in fault.headers:
        assert max(clock.waits) > 6  # seconds that the service asked for, less the time since


def test_a_lasting_fault_is_reported_and_the_next_run_reads_the_rest(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    service.faults["data"] = Fault(change=lambda document: {"result": document["result"][1:]})
    report = sync(service, path, SWARM_2020)
    assert not report.is_complete
    assert any("announced 10 records, and 9 arrived" in line for line in report.failures)
    assert epochs(path) == []
    service.faults.clear()
    assert sync(service, path).is_complete
    assert epochs(path) == all_epochs(service)


def test_a_service_that_is_away_ends_the_run(service: AuroraXServer, tmp_path: Path) -> None:
    statement = SWARM_2020.replace("2020-03-31", "2020-12-31")
    service.faults["submit"] = Fault(503, body=b"{}")
    report = sync(service, tmp_path / "m.duckdb", statement)
    assert "503" in report.stopped
    assert service.count("submit") < 12 * 4


def test_an_unreachable_service_leaves_no_file(tmp_path: Path) -> None:
    with AuroraXServer([]) as server:
        url = server.url
    engine = AuroraXEngine(url, pause=lambda _seconds: None)
    with pytest.raises(Unreachable):
        Synchronizer(engine, url, tmp_path / "m.duckdb", [SWARM_2020], FIXED_OPTIONS).run()
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_vanishes_is_kept_until_deletions_are_allowed(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    service.records = [product("2020-02-01T00:00:00", "2020-02-01T01:00:00")]
    sync(service, path, SWARM_2020, TREX)
    service.sources = [source for source in service.sources if source["identifier"] != SWARM["identifier"]]
    service.ephemeris = []
    with pytest.raises(StatementError, match="no data source"):
        sync(service, path)
    service.sources.append({**SWARM, "identifier": 4})
    report = sync(service, path)
    assert any("data source 3 is no longer in" in line and "kept" in line for line in report.warnings)
    assert len(epochs(path)) == 25
    sync(service, path, options=SyncOptions(allow_deletions=True))
    assert epochs(path) == []


@pytest.mark.parametrize("confirmed", [False, True])
def test_records_are_deleted_only_when_the_counts_confirm_it(
    service: AuroraXServer, tmp_path: Path, confirmed: bool
) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    before = epochs(path)
    if not confirmed:
        counts = service.availability("ephemeris", {"start": ["2020-01-01"], "end": ["2020-12-31"]})
        service.faults["availability"] = Fault(change=lambda _document: counts)
    service.ephemeris = service.ephemeris[:-2]
    report = sync(service, path, options=SyncOptions(verify=1.0, timeout=20))
    if confirmed:
        assert epochs(path) == all_epochs(service)
        assert report.is_complete
    else:
        assert "returned 3 records, the mirror has 5" in report.stopped
        assert epochs(path) == before
        sync(service, path, options=SyncOptions(verify=1.0, allow_deletions=True))
        assert epochs(path) == all_epochs(service)


def test_an_empty_answer_deletes_nothing_even_if_the_counts_agree(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    service.ephemeris = []
    assert "nothing was deleted" in sync(service, path).stopped
    assert len(epochs(path)) == 25


def test_a_changed_record_is_found_by_verifying_and_in_recent_units(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    service.ephemeris[0] = position(service.ephemeris[0]["epoch"], 12.5)
    assert sync(service, path).units == 0
    report = sync(service, path, options=SyncOptions(verify=1.0))
    assert (report.planned["verified"], report.changed, report.unchanged) == (3, 1, 2)
    service.ephemeris[1] = position(service.ephemeris[1]["epoch"], 13.5)
    report = sync(service, path, options=SyncOptions(refresh=timedelta(days=36600)))
    assert (report.planned["recent"], report.changed) == (3, 1)
    with connect(path) as archive:
        rows = archive.run(
            "FIND ephemeris WHERE program = 'swarm' DURING 2020-01 SELECT location_geo.lat ORDER BY epoch"
        ).rows
    assert [row[0] for row in rows][:2] == [12.5, 13.5]


def test_verifying_takes_the_units_that_were_read_longest_ago(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    for _ in range(3):
        assert sync(service, path, options=SyncOptions(verify=0.3)).units == 1
    ledger = read_mirror_ledger(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        runs = connection.execute("SELECT run, ended IS NOT NULL FROM sync_runs ORDER BY run").fetchall()
    assert runs == [(1, True), (2, True), (3, True), (4, True)]
    assert len({record.read_at for record in ledger.units.values()}) == 3


def test_products_across_the_end_of_a_year_are_mirrored_once(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    service.records = [
        product("2019-06-01T00:00:00", "2019-06-01T23:59:00", "june"),
        product("2019-12-31T23:00:00", "2020-01-01T00:59:00", "across"),
        product("2020-01-01T00:00:00", "2020-01-01T23:59:00", "first"),
        product("2020-12-15T00:00:00", "2021-01-14T00:00:00", "month"),
        product("2021-03-01T00:00:00", "2021-03-01T01:00:00", "again"),
        product("2021-03-01T00:00:00", "2021-03-01T01:00:00", "again"),
    ]
    report = sync(service, path, TREX)
    assert starts(path) == sorted({record["start"] for record in service.records})
    assert any("1 records were returned more than once" in line for line in report.warnings)
    assert sync(service, path).units == 0


def test_another_statement_is_added_and_a_longer_window_extends_a_unit(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020.replace("2020-03-31", "2020-02-01").replace("2020-01-01", "2020-01-20"))
    assert len(epochs(path)) == 20
    report = sync(service, path, SWARM_2020)
    assert (report.planned["extended"], report.planned["new"], len(report.statements)) == (2, 1, 2)
    assert epochs(path) == all_epochs(service)
    other = Synchronizer(AuroraXEngine("http://localhost:1"), "http://localhost:1", path)
    with pytest.raises(UsageError, match="is a mirror of"):
        other.run()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') DURING 2020-01",
            "cannot be mirrored",
        ),
        ("FIND ephemeris DURING 2020 LIMIT 3", "whole records of whole sources"),
        ("FIND ephemeris DURING 2020 SELECT epoch", "whole records of whole sources"),
        ("SHOW SOURCES", "takes FIND statements"),
    ],
)
def test_a_statement_that_is_not_a_selection_is_an_error(statement: str, message: str) -> None:
    with pytest.raises(StatementError, match=message) as caught:
        split_statements(Source(statement))
    assert {diagnostic.code for diagnostic in caught.value.diagnostics} == {"AQL0228"}


@pytest.mark.parametrize("where", ["data_product_type = 'keogram'", "program = 'trex' AND metadata.w > 3"])
def test_a_predicate_on_records_is_an_error(service: AuroraXServer, tmp_path: Path, where: str) -> None:
    with pytest.raises(StatementError, match="no fields of records"):
        sync(service, tmp_path / "m.duckdb", f"FIND data_products WHERE {where} DURING 2020")


def test_a_source_of_the_catalogue_is_not_overwritten(service: AuroraXServer, tmp_path: Path) -> None:
    path = write(tmp_path / "own.duckdb", [], sources=[(3, "lab", "camp", "ASI", "ground", "Lab camp")])
    with pytest.raises(UsageError, match="Lab camp"):
        sync(service, path, SWARM_2020)
    path = write(tmp_path / "other.duckdb", [], sources=[(9003, "lab", "camp", "ASI", "ground", "Lab camp")])
    sync(service, path, SWARM_2020)
    with open_writer(path) as writer:
        assert DataSource(9003, "lab", "camp", "ASI", "ground", "Lab camp") in writer.catalogue().sources


def test_the_file_does_not_exceed_its_limit(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    report = sync(service, path, SWARM_2020, options=SyncOptions(limit_bytes=1000))
    assert "--limit-bytes" in report.stopped
    assert epochs(path) == []


def test_ctrl_c_leaves_a_correct_file_and_the_next_run_continues(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"

    def interrupt(progress: object) -> None:
        if isinstance(progress, SyncProgress) and progress.records:
            raise KeyboardInterrupt

    engine = AuroraXEngine(service.url)
    with pytest.raises(KeyboardInterrupt):
        Synchronizer(engine, service.url, path, [SWARM_2020], FIXED_OPTIONS, on_progress=interrupt).run()
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT outcome FROM sync_runs").fetchall() == [("interrupted",)]
    sync(service, path)
    assert epochs(path) == all_epochs(service)


COMMAND = [sys.executable, "-m", "auroraql", "sync"]


def start_sync(server: AuroraXServer, path: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(path.parent / "cache")}
    target = [str(path)] if path.exists() else ["--archive", server.url, "--to", str(path), "-c", SWARM_2020]
    return subprocess.Popen(
        [*COMMAND, *target, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def kill_after(server: AuroraXServer, process: subprocess.Popen[str], deletions: int) -> None:
    """Kill the process when it has committed this many units: it deletes the search of each unit after the commit."""
    deadline = time.monotonic() + 60
    while server.count("cancel") < deletions and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def test_a_killed_run_leaves_whole_units_and_the_next_one_continues(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    service.latency = 0.02
    kill_after(service, start_sync(service, path), 1)
    ledger = read_mirror_ledger(path)
    assert sum(record.records for record in ledger.units.values()) == len(epochs(path))
    output, errors = start_sync(service, path, "--json").communicate(timeout=60)
    report = json.loads(output)
    assert report["complete"], errors
    assert epochs(path) == all_epochs(service)


@pytest.fixture
def mirror(service: AuroraXServer, tmp_path: Path) -> Path:
    path = tmp_path / "m.duckdb"
    service.records = [product("2020-02-01T00:00:00", "2020-02-01T01:00:00")]
    sync(service, path, "FIND ephemeris WHERE program = 'swarm' SINCE 2020-01-01 UNTIL 2020-02-29")
    return path


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("FIND ephemeris WHERE program = 'swarm' DURING 2020-01", ""),
        ("FIND ephemeris WHERE program = 'swarm' SINCE 2020-01-31T12:00 UNTIL 2020-02-01T12:00", ""),
        (
            "FIND ephemeris WHERE program = 'swarm' DURING 2020-03",
            "ephemeris records of Swarm A only from 2020-01-01 to",
        ),
        (
            "FIND ephemeris WHERE program = 'swarm' SINCE 2020-02-01 UNTIL 2020-03-02",
            "only from 2020-01-01 to 2020-03-01",
        ),
        ("FIND ephemeris WHERE program = 'trex' DURING 2020-01", "no ephemeris records of TREx RGB GILL"),
        (
            "FIND data_products DURING 2020-02",
            "no data products of Swarm A, THEMIS-ASI GILL, Rainbow RANK, TREx RGB GILL",
        ),
        (
            "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km DURING 2020-01",
            "ground1: the mirror has no ephemeris records of TREx RGB GILL",
        ),
    ],
)
def test_a_search_of_records_that_are_not_mirrored_has_a_warning(mirror: Path, statement: str, message: str) -> None:
    with connect(mirror) as archive:
        warnings: list[Diagnostic] = []
        archive.on_warning(lambda diagnostics, _source: warnings.extend(diagnostics))
        checked = archive.check(statement)
        archive.run(statement)
        reported = tuple(warnings)
        explained = archive.run(f"EXPLAIN {statement}").warnings
    for diagnostics in (reported, checked, explained):
        messages = [diagnostic.message for diagnostic in diagnostics if diagnostic.code == "AQL0632"]
        assert len(messages) == bool(message)
        assert all(message in text for text in messages)


def test_a_source_of_the_catalogue_itself_has_no_warning(mirror: Path) -> None:
    with open_writer(mirror) as writer, writer.transaction() as records:
        records.write_source(DataSource(9003, "lab", "camp", "ASI", "ground", "Lab camp"))
    with connect(mirror) as archive:
        assert not [
            d for d in archive.check("FIND data_products WHERE program = 'lab' ON 2020-01-01") if d.code == "AQL0632"
        ]


def test_show_sync_lists_what_is_mirrored(mirror: Path, service: AuroraXServer) -> None:
    with connect(mirror) as archive:
        result = archive.run("SHOW SYNC SELECT kind, platform, start, end, gaps, units, records, archive")
    assert [tuple(row) for row in result.rows] == [
        ("ephemeris", "swarma", datetime(2020, 1, 1), datetime(2020, 3, 1), 0, 2, 20, service.url)
    ]
    with connect(service.url) as live:
        assert list(live.run("SHOW SYNC").rows) == []


def test_a_plan_reads_and_writes_nothing(service: AuroraXServer, tmp_path: Path) -> None:
    engine = AuroraXEngine(service.url)
    report = Synchronizer(engine, service.url, tmp_path / "m.duckdb", [SWARM_2020], FIXED_OPTIONS).plan()
    assert (report.units, report.expected_records, report.to_json()["expected_transfer_bytes"]) == (3, 25, 25 * 520)
    assert (service.count("submit"), list(tmp_path.iterdir())) == (0, [])


def test_a_served_mirror_logs_what_it_lacks(mirror: Path) -> None:
    query = {"start": "2020-03-01T00:00:00", "end": "2020-03-02T00:00:00", "data_sources": {"programs": ["swarm"]}}
    with ServerProcess(archive=mirror, cache=mirror.parent / "cache") as server:
        logs = await_status(post(server, "ephemeris/search", query).headers["Location"])["logs"]
    assert [line["summary"] for line in logs if line["level"] == "warn"] == [
        "the mirror has ephemeris records of Swarm A only from 2020-01-01 to 2020-03-01"
    ]


def test_a_full_disk_rolls_the_unit_back(service: AuroraXServer, tmp_path: Path) -> None:
    path = tmp_path / "m.duckdb"
    sync(service, path, SWARM_2020)
    service.ephemeris += minutes("2020-02-03T00:00:00", 3000)
    full = f"ulimit -f 64; exec {shlex.join([*COMMAND, str(path), '--json'])}"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    process = subprocess.run(["bash", "-c", f"trap '' XFSZ; {full}"], capture_output=True, text=True, env=environment)
    assert process.returncode == 1, process.stderr
    assert "no space left" in process.stdout + process.stderr
    assert len(epochs(path)) == 25
    assert sync(service, path).is_complete
    assert epochs(path) == all_epochs(service)
