"""Tests of the list of data sources on disk: kept for a day, for one address, without a key, and never required."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import auroraql
from auroraql.diagnostics.errors import Refused, Unreachable
from auroraql.engines.aurorax import AuroraXEngine
from auroraql.engines.disk_cache import CacheFile
from auroraql.engines.source_cache import DAY_SECONDS, SourceCache
from auroraql.schema import Type
from auroraql.schema.catalogue import DataSource, Statistics, load_shipped
from tests.support import small_catalogue
from tests.support.aurorax_server import SOURCES, AuroraXServer, Fault
from tests.support.command_line import Done, command
from tests.support.server_process import ServerProcess

KNOWN = tuple(DataSource(**item) for item in SOURCES)
Connect = Callable[..., AuroraXEngine]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer([], SOURCES) as running:
        yield running


@pytest.fixture
def connect(server: AuroraXServer, tmp_path: Path) -> Connect:
    return lambda **options: AuroraXEngine(server.url, cache=tmp_path / "cache", pause=lambda _: None, **options)


def cache_path(server: AuroraXServer, tmp_path: Path) -> Path:
    path = SourceCache(server.url, tmp_path / "cache").path
    assert path is not None
    return path


def make_older(path: Path, seconds: float) -> None:
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "saved": time.time() - seconds}))


def test_sources_are_requested_once_a_day(server: AuroraXServer, connect: Connect, tmp_path: Path) -> None:
    assert connect().catalogue() is load_shipped()
    for _ in range(3):
        engine = connect(api_key="s3cret")
        assert engine.sources() == engine.sources() == KNOWN
    assert server.count("sources") == 1
    path = cache_path(server, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "s3cret" not in path.read_text()
    assert list(path.parent.iterdir()) == [path]
    make_older(path, DAY_SECONDS + 1)
    assert connect().sources() == KNOWN
    assert server.count("sources") == 2


def test_a_session_of_several_days_requests_them_again(
    server: AuroraXServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = connect()
    engine.sources()
    make_older(cache_path(server, tmp_path), DAY_SECONDS + 1)
    later = time.monotonic() + DAY_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    server.sources.pop()
    assert engine.sources() == KNOWN[:-1]
    assert engine.sources() == KNOWN[:-1]
    assert server.count("sources") == 2


def test_concurrent_sessions_find_a_complete_list(server: AuroraXServer, tmp_path: Path) -> None:
    """A concurrent reader finds one of the lists that were written, never a part of one."""
    lists = [KNOWN * 300, KNOWN[:1], KNOWN * 40]

    def write(some: tuple[DataSource, ...]) -> None:
        for _ in range(30):
            SourceCache(server.url, tmp_path).write(some, {})

    writers = [threading.Thread(target=write, args=(some,)) for some in lists]
    for writer in writers:
        writer.start()
    lengths = set()
    while any(writer.is_alive() for writer in writers):
        entry = SourceCache(server.url, tmp_path).read()
        if entry is not None:
            lengths.add(len(entry.sources))
    assert lengths <= {len(some) for some in lists}
    assert lengths
    assert len(list(tmp_path.iterdir())) == 1


def test_the_folder_is_in_the_users_cache(connect: Connect, tmp_path: Path) -> None:
    connect().sources()
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_without_network_the_cache_is_valid_for_a_day(server: AuroraXServer, tmp_path: Path) -> None:
    kept_by = SourceCache("https://nowhere.example", tmp_path)
    kept_by.write(KNOWN, {})
    engine = AuroraXEngine("https://nowhere.example", cache=tmp_path, pause=lambda _: None)
    assert engine.sources() == engine.catalogue().sources == KNOWN
    assert kept_by.path is not None
    make_older(kept_by.path, DAY_SECONDS + 1)
    engine = AuroraXEngine("https://nowhere.example", cache=tmp_path, pause=lambda _: None)
    assert engine.catalogue().sources == KNOWN
    with pytest.raises(Unreachable):
        engine.sources()


def test_the_cache_is_available_immediately_and_without_network(
    server: AuroraXServer, connect: Connect, tmp_path: Path
) -> None:
    connect().sources()
    make_older(cache_path(server, tmp_path), 40 * DAY_SECONDS)
    server.calls.clear()
    catalogue = connect().catalogue()
    assert catalogue.sources == KNOWN
    assert catalogue.metadata == load_shipped().metadata
    assert server.calls == []


def test_the_cache_can_be_refreshed(server: AuroraXServer, connect: Connect) -> None:
    engine = connect()
    assert engine.sources() == KNOWN
    server.sources.pop()
    assert engine.sources() == KNOWN
    assert engine.refresh_sources() == engine.sources() == engine.catalogue().sources == KNOWN[:-1]
    assert connect().sources() == KNOWN[:-1]
    server.faults["sources"] = Fault(status=403)
    with pytest.raises(Refused):
        engine.refresh_sources()
    assert engine.sources() == KNOWN[:-1]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "5", "null", '{"saved": 1}', "\ud800", "[" * 100_000),
        '{"address": "ADDRESS", "saved": "now", "sources": [[1, "a", "b", "c", "d", "e"]]}',
        '{"address": "ADDRESS", "saved": 9e99, "sources": [["1", "a", "b", "c", "d", "e"]]}',
        '{"address": "ADDRESS", "saved": 1, "sources": [[1, "a", "b", "c", "d"]]}',
        '{"address": "ADDRESS", "saved": 1, "sources": []}',
        '{"address": "ADDRESS", "saved": 1, "sources": 5}',
        '{"address": "https://elsewhere.example", "saved": 1, "sources": [[1, "a", "b", "c", "d", "e"]]}',
    ],
)
def test_a_damaged_file_counts_as_missing(server: AuroraXServer, connect: Connect, tmp_path: Path, text: str) -> None:
    path = cache_path(server, tmp_path)
    path.parent.mkdir()
    path.write_bytes(text.replace("ADDRESS", server.url).encode("utf-8", "surrogatepass"))
    engine = connect()
    assert engine.catalogue() is load_shipped()
    assert engine.sources() == KNOWN
    assert json.loads(path.read_bytes())["address"] == server.url


def test_a_time_in_the_future_is_not_trusted(server: AuroraXServer, connect: Connect, tmp_path: Path) -> None:
    connect().sources()
    make_older(cache_path(server, tmp_path), -3600)
    connect().sources()
    assert server.count("sources") == 2


def test_a_full_disk_is_not_an_error(server: AuroraXServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert AuroraXEngine(server.url, cache=tmp_path / "file" / "below").sources() == KNOWN


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "[::1]:9", "127.8.8.8", "my.localhost"])
def test_endpoints_of_a_service_on_this_machine_are_not_remembered(host: str) -> None:
    assert CacheFile("ways", f"http://{host}", here=False).path is None
    assert SourceCache(f"http://{host}").path is not None


def test_the_next_session_knows_the_sources_without_network(server: AuroraXServer) -> None:
    with auroraql.connect(server.url) as archive:
        archive.run("SHOW SOURCES")
    server.faults["sources"] = Fault(drop="before")
    with auroraql.connect(server.url) as archive:
        assert len(archive.run("SHOW SOURCES")) == len(KNOWN) == len(archive.catalogue.sources)
    assert server.count("sources") == 1


def test_a_new_server_does_not_get_the_sources_of_the_previous_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = small_catalogue.write(tmp_path / "small.duckdb", [])  # the demonstration would be built there
    with ServerProcess(archive=archive, cache=tmp_path) as first:
        port = first.url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost"):
            SourceCache(f"http://{host}:{port}").write(KNOWN, {})
    with ServerProcess("--port", port, archive=archive, cache=tmp_path):
        assert [SourceCache(f"http://{host}:{port}").read() for host in ("127.0.0.1", "localhost")] == [None, None]


def test_each_address_has_its_own_cache(tmp_path: Path) -> None:
    paths = {str(SourceCache(f"https://{name}", tmp_path).path) for name in ("a.example", "b.example", "a.example/x")}
    assert len(paths) == 3
    here: Any = SourceCache("https://a.example").path
    assert here.parent.name == "auroraql"


def test_a_session_refreshes_on_request(server: AuroraXServer) -> None:
    with auroraql.connect(server.url) as archive:
        assert [row[0] for row in archive.run("SHOW SOURCES")] == [item.identifier for item in KNOWN]
        server.sources.append({**SOURCES[0], "identifier": 500, "program": "newest"})
        assert len(archive.run("SHOW PROGRAMS LIKE 'newest'")) == 0
        shown = archive.run("SHOW PROGRAMS REFRESH LIKE 'newest'")
        assert [row[0] for row in shown] == ["newest"]
        assert shown.warnings == archive.run("SHOW SOURCES WHERE program = 'newest'").warnings == ()
        assert "newest" in archive.catalogue.values("program")
        assert server.count("sources") == 2
        server.faults["sources"] = Fault(status=403)
        with pytest.raises(Refused):
            archive.run("SHOW SOURCES REFRESH")
        assert len(archive.run("SHOW SOURCES")) == 4


def test_check_uses_the_cached_sources_and_sends_nothing(
    server: AuroraXServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "FIND data_products WHERE program = 'newest' ON 2021-01-01"
    ways = ("check", "-", "--archive", server.url)
    assert "no program 'newest' is known" in command(*ways, stdin=text).err
    server.sources.append({**SOURCES[0], "identifier": 500, "program": "newest"})
    with auroraql.connect(server.url) as archive:
        archive.run("SHOW SOURCES REFRESH")
    server.calls.clear()
    assert command(*ways, stdin=text) == Done(0, "", "")
    monkeypatch.setenv("AURORAQL_ARCHIVE", server.url)
    assert command("check", "-", stdin=text) == Done(0, "", "")
    near = command("check", "-", stdin=text.replace("newest", "newets"))
    assert (near.code, "did you mean 'newest'?" in near.err) == (0, True)
    assert server.calls == []


def test_check_uses_the_shipped_sources_without_a_cache(tmp_path: Path) -> None:
    text = "FIND data_products WHERE program = 'trx' ON 2021-01-01"
    for archive in ("demo", "https://nobody.example"):
        done = command("check", "-", "--archive", archive, stdin=text)
        assert (done.code, "did you mean 'trex'?" in done.err) == (0, True)
    small_catalogue.write(tmp_path / "small.duckdb", [])
    own = command("check", "-", "--archive", tmp_path / "small.duckdb", stdin=text.replace("trx", "swarm"))
    assert (own.code, "no program 'swarm' is known" in own.err) == (0, True)
    (tmp_path / "broken.duckdb").write_text("no catalogue")
    for name in ("broken", "none"):
        assert command("check", "-", "--archive", tmp_path / f"{name}.duckdb", stdin=text).code == 2


SCHEMA = [
    {"field_name": "tii_on", "data_type": "bool", "allowed_values": ["true", "false"], "description": "works"},
    {"field_name": "orbit_number", "data_type": "int", "allowed_values": [], "description": "counted from launch"},
]
STATS = {
    "earliest_ephemeris_loaded": "2020-01-01T00:00:00",
    "latest_ephemeris_loaded": "2020-02-29T23:59:00",
    "ephemeris_count": 86400,
    "earliest_data_product_loaded": None,
    "latest_data_product_loaded": None,
    "data_product_count": 0,
}


def test_sources_come_with_their_schemas(server: AuroraXServer, connect: Connect) -> None:
    """The archive's list decides which keys the records of a source have.

    Programs outside the list keep the shipped keys.
    """
    server.sources[:] = [
        {**SOURCES[0], "data_product_metadata_schema": SCHEMA, "owner": "a@b.example", "maintainers": ["c"]},
        {**SOURCES[1], "data_product_metadata_schema": "broken", "metadata": {"site": "GILL"}},
        {**SOURCES[2], "identifier": -7, "program": "adhoc"},
        {**SOURCES[2], "program": None},
    ]
    connect().sources()
    assert "format=full_record" in server.calls[0].path
    server.calls.clear()
    engine = connect()
    catalogue, details = engine.catalogue(), engine.details()
    first, second, third = catalogue.sources
    assert [source.identifier for source in catalogue.sources] == [source["identifier"] for source in SOURCES]
    assert third.program == ""
    assert catalogue.values("program") == ("themis-asi", "trex")
    names = {key.name for key in catalogue.source_keys("data_products", first)}
    assert {"tii_on", "orbit_number", "wavelength"} <= names
    assert "keogram_type" not in names
    assert "keogram_type" in {key.name for key in catalogue.source_keys("data_products", second)}
    orbit = catalogue.key("data_products", "orbit_number")
    assert orbit is not None
    assert (orbit.type, orbit.doc, orbit.programs) == (Type.INTEGER, "counted from launch", ("trex",))
    assert (details[103].owner, details[103].maintainers, details[46].metadata) == (
        "a@b.example",
        ("c",),
        {"site": "GILL"},
    )
    assert details[103].schemas == {"data_products": SCHEMA}
    assert details[46].schemas == {}
    assert server.calls == []


def test_statistics_are_requested_once_in_ten_minutes(server: AuroraXServer, connect: Connect, tmp_path: Path) -> None:
    server.sources[:] = [
        {**SOURCES[0], "stats": STATS},
        {**SOURCES[1], "stats": None},
        {**SOURCES[2], "identifier": -7},
    ]
    engine = connect()
    engine.sources()
    assert engine.catalogue().statistics == {}
    expected = Statistics(86400, datetime(2020, 1, 1), datetime(2020, 2, 29, 23, 59))
    for item in (engine, engine, connect()):
        assert item.statistics("ephemeris") == {103: expected}
        assert item.statistics("data_products") == {103: Statistics(0)}
        assert item.catalogue().statistics["ephemeris"] == {103: expected}
    assert server.count("sources") == 2
    assert "include_stats=true" in server.calls[-1].path
    make_older(
        cache_path(server, tmp_path).with_name(cache_path(server, tmp_path).name.replace("sources", "statistics")), 601
    )
    assert connect().catalogue().statistics["ephemeris"] == {103: expected}
    connect().statistics("ephemeris")
    assert server.count("sources") == 3


def test_statistics_of_a_file_are_counted(tmp_path: Path) -> None:
    with auroraql.connect("demo") as demo:
        engine = demo._engine
        swarm = engine.statistics("ephemeris")[3]
        assert (swarm.earliest, swarm.latest) == (datetime(2018, 1, 1), datetime(2023, 2, 24, 23, 59))
        assert swarm.count == len(demo.run("FIND ephemeris SELECT epoch WHERE platform = 'swarma'"))
        assert engine.statistics("data_products")[3] == Statistics(0)


def test_the_shipped_lists_are_consistent() -> None:
    """Every program that a metadata key names has a source, so that no negative predicate loses its records."""
    programs = {program for keys in load_shipped().metadata.values() for key in keys for program in key.programs}
    assert programs <= set(load_shipped().values("program"))
    assert {"rego", "events", "go-canada", "dmsp", "elfin"} <= set(load_shipped().values("program"))
    assert {"redline ASI", "riometer", "substorm onset", "STEVE"} <= set(load_shipped().values("instrument_type"))
    numbers = [source.identifier for source in load_shipped().sources]
    assert numbers == sorted(set(numbers))
