"""Tests of `auroraql catalogue`: the actions on a file, their reports and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from tests.support.command_line import command
from tests.support.small_catalogue import Position, Product, write

NIGHT = datetime(2021, 1, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    products = [
        Product(1, NIGHT.replace(month=month), NIGHT.replace(month=month, hour=1), f"u{month}") for month in (3, 1)
    ]
    return write(tmp_path / "catalogue.duckdb", products, positions=[Position(2, NIGHT, metadata={"a": 1})])


def test_a_catalogue_is_created_and_filled(tmp_path: Path) -> None:
    path, nights = tmp_path / "lab.duckdb", tmp_path / "nights.csv"
    nights.write_text("start,end,url\n2021-01-01,2021-01-01,https://lab.example/1.png\n")
    assert command("catalogue", "create", path, "--description", "Our imagers").code == 0
    again = command("catalogue", "create", path)
    assert (again.code, "exists already" in again.err) == (2, True)
    added = command(
        "catalogue", "add-source", path, "--program", "lab", "--platform", "camp", "--instrument-type", "ASI"
    )
    assert added.out == "Added data source 1000000: lab, camp, ASI (ground): lab camp\n"
    assert command("catalogue", "add-source", path, "--from-aurorax", "swarm").out.count("Added") == 3
    arguments = ("catalogue", "import", path, nights, "--kind", "data_products", "--source", "camp")
    done = command(*arguments, "--set", "data_product_type=keogram")
    assert done.out.splitlines()[-1] == f"Imported 1 data products into {path}"
    found = command(
        "-a", path, "-c", "FIND data_products WHERE program = 'lab' SINCE 2021 SELECT url", "--format", "csv"
    )
    assert found.out == "url\nhttps://lab.example/1.png\n"
    assert "Our imagers" in command("catalogue", "info", path).out


def test_info_and_check_print_objects(path: Path) -> None:
    info = json.loads(command("catalogue", "info", path, "--json").out)
    assert info["records"] == {"data_products": 2, "ephemeris": 1}
    assert info["data_sources"][0]["stats"]["latest_data_product_loaded"] == "2021-03-01T01:00:00"
    assert json.loads(command("catalogue", "check", path, "--json").out)["problems"] == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE data_products SET data_source = 99 WHERE url = 'u1'",
            "row 2 of data_products: the record is of a data source",
        ),
        (
            "INSERT INTO data_products FROM data_products",
            "row 3 of data_products: the record occurs twice (and 1 more rows)",
        ),
        ("UPDATE ephemeris SET location_geo_lat = 1", "row 1 of ephemeris: location_geo has only one of lat and lon"),
        ("UPDATE ephemeris SET sbtrace_lat = 1, sbtrace_lon = 'nan'", "sbtrace.lon is not from -180 to 180"),
        ('UPDATE data_products SET "end" = "start" - INTERVAL 1 DAY', "the end is before the start (and 1 more rows)"),
    ],
)
def test_check_reports_wrong_records(path: Path, change: str, problem: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(change)
    done = command("catalogue", "check", path)
    assert (done.code, problem in done.out) == (1, True), done.out


def test_vacuum_keeps_everything(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE sync_units (unit VARCHAR PRIMARY KEY)")
        connection.execute("INSERT INTO sync_units VALUES ('a')")
        before = {table: connection.execute(f"FROM {table}").fetchall() for table in tables(connection)}
    path.chmod(0o640)
    killed = path.with_name(".auroraql-unfinished-killed")  # what a killed command has left
    killed.mkdir()
    (killed / "catalogue.duckdb").touch()
    os.utime(killed, (0, 0))
    assert command("catalogue", "vacuum", path).code == 0
    assert path.stat().st_mode & 0o777 == 0o640
    with duckdb.connect(str(path), read_only=True) as connection:
        assert tables(connection) == list(before)
        for table, rows in before.items():
            assert sorted(map(repr, connection.execute(f"FROM {table}").fetchall())) == sorted(map(repr, rows)), table
        assert connection.execute("SELECT url FROM data_products").fetchall() == [("u1",), ("u3",)]
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]


def make_older(path: Path, version: int = 2) -> Path:
    """Change a catalogue to a file of schema version 2, which has no table source_records unless serve made it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE catalogue SET schema_version = ?", [version])
        connection.execute("DROP TABLE source_records")
    return path


@pytest.mark.parametrize("documents", [(), ('{"owner": "me"}',)], ids=["written by hand", "used by serve"])
def test_migrate_converts_a_file_of_version_2(path: Path, documents: tuple[str, ...]) -> None:
    statement = ("-c", "FIND data_products SINCE 2021 ORDER BY start", "--format", "csv")
    before = command("-a", path, *statement).out
    make_older(path)
    for document in documents:
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE source_records (identifier BIGINT NOT NULL, document VARCHAR NOT NULL)")
            connection.execute("INSERT INTO source_records VALUES (1, ?)", [document])
    refused = command("-a", path, *statement)
    assert refused.code == 2
    assert "is a catalogue of schema version 2; this AuroraQL reads version 3" in refused.err
    assert f"= hint: auroraql catalogue migrate {path} converts it" in refused.err
    done = command("catalogue", "migrate", path)
    assert (done.code, "converted to schema version 3" in done.out) == (0, True), done.err
    converted = command("-a", path, *statement)
    assert converted.out == before, converted.err
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT document FROM source_records").fetchall() == [(text,) for text in documents]
    again = command("catalogue", "migrate", path)
    assert (again.code, again.out) == (0, f"{path}: of the current schema version already\n")


def test_a_newer_version_is_refused_by_every_action(path: Path) -> None:
    make_older(path, 4)
    for action in ("info", "check", "vacuum", "migrate"):
        done = command("catalogue", action, path)
        assert done.code == 2
        assert (
            "is a catalogue of schema version 4; this AuroraQL reads version 3\n  = hint: update AuroraQL" in done.err
        )


@pytest.mark.parametrize("action", ["vacuum", "migrate"])
def test_a_full_disk_leaves_the_file_as_it_was(path: Path, action: str) -> None:
    if action == "migrate":
        make_older(path)
    before = path.read_bytes()
    program = f"""
import resource, signal, sys
from pathlib import Path
from auroraql.catalogues.rewriting import {action}_catalogue
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
{action}_catalogue(Path(sys.argv[1]))
"""
    # A file of compiled Python would be cut at the limit too, and then be read by other tests.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    run = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, "there is no space left on the disk; nothing was changed" in done.stderr) == (1, True), (
        done.stderr
    )
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]


@pytest.mark.parametrize("action", ["info", "check", "vacuum"])
def test_a_file_that_is_not_a_catalogue_is_refused(tmp_path: Path, action: str) -> None:
    path = tmp_path / "text.duckdb"
    path.write_text("text")
    done = command("catalogue", action, path)
    assert done.code == 2
    assert f"'{path}' cannot be opened as a catalogue" in done.err
    assert command("catalogue", action, tmp_path / "missing.duckdb").code == 2
