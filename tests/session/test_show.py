"""Tests of SHOW and SET: the listed rows, the clauses, and how every front end runs statements other than FIND."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pyaurorax
import pytest

from auroraql import Archive, Failed, ResultSet, StatementError, TimedOut, UsageError, connect
from auroraql.frontends.repl.controller import run_input
from auroraql.frontends.repl.state import ReplState
from auroraql.schema import KINDS, Type
from auroraql.schema.catalogue import load_shipped
from auroraql.session.settings import Settings
from tests.support import small_catalogue
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCE_FIELDS, SOURCES, SWARM, AuroraXServer, Fault
from tests.support.command_line import command
from tests.support.small_catalogue import Position, Product


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("NO_PROXY", "*")
        yield stack.enter_context(AuroraXServer(RECORDS, [*SOURCES, SWARM], ephemeris=EPHEMERIS))


@pytest.fixture(scope="module")
def both(server: AuroraXServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, Archive]]:
    """Return the records of the test service, in a catalogue file and over HTTP."""
    sources = [tuple(item[name] for name in SOURCE_FIELDS) for item in (*SOURCES, SWARM)]
    products = [
        Product(
            record["data_source"]["identifier"],
            datetime.fromisoformat(record["start"]),
            datetime.fromisoformat(record["end"]),
            record["url"],
            record["data_product_type"],
        )
        for record in RECORDS
    ]
    minutes = [Position(e["data_source"]["identifier"], datetime.fromisoformat(e["epoch"])) for e in EPHEMERIS]
    path = small_catalogue.write(tmp_path_factory.mktemp("show") / "same.duckdb", products, sources, positions=minutes)
    with connect(path) as embedded, connect(server.url, timeout=20) as service:
        yield embedded, service


def names(result: ResultSet) -> list[str]:
    return [column.name for column in result.columns]


def code(archive: Archive, text: str) -> str:
    with pytest.raises(StatementError) as raised:
        archive.run(text)
    return raised.value.diagnostics[0].code


# --- listings


def test_sources_and_their_shared_values(demo: Archive) -> None:
    known = demo.catalogue.sources
    result = demo.run("SHOW SOURCES")
    assert names(result) == list(SOURCE_FIELDS)
    assert [row[0] for row in result] == [source.identifier for source in known]
    assert result.records[0] == {name: getattr(known[0], name) for name in SOURCE_FIELDS}
    chosen = demo.run(
        "SHOW SOURCES SELECT display_name AS n, platform WHERE program = 'trex' AND NOT platform IN ('gillam')"
        " LIKE 'trex rgb %' ORDER BY n DESC LIMIT 2 OFFSET 1"
    )
    rgb = sorted((s.display_name, s.platform) for s in known if s.display_name.startswith("TREx RGB"))
    assert list(chosen) == [item for item in reversed(rgb) if item[1] != "gillam"][1:3]
    for word in ("program", "platform", "instrument_type"):
        listed = demo.run(f"SHOW {word}s")
        assert [row[0] for row in listed] == sorted({getattr(s, word) for s in known})
        assert sum(row[1] for row in listed) == len(known)
    ((program, count, platforms, types),) = demo.run("SHOW PROGRAMS LIKE 'TRE%'")
    trex = [s for s in known if s.program == "trex"]
    assert (program, count) == ("trex", len(trex))
    assert platforms.split(", ") == list(dict.fromkeys(s.platform for s in trex))
    assert types.split(", ") == list(dict.fromkeys(s.instrument_type for s in trex))
    most = max(sum(s.platform == name for s in known) for name in {s.platform for s in known})
    assert demo.run("SHOW PLATFORMS WHERE sources > 4 ORDER BY sources DESC LIMIT 1").rows[0][1] == most


def test_sources_are_the_archives_current_ones(both: tuple[Archive, Archive]) -> None:
    for archive in both:
        result = archive.run("SHOW SOURCES ORDER BY identifier")
        assert [row[0] for row in result] == [3, 46, 87, 103], archive.name


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_columns_of_a_kind(demo: Archive, kind: str) -> None:
    result = demo.run(f"SHOW COLUMNS OF {kind}")
    assert names(result) == ["name", "path", "type", "unit", "doc", "native"]
    declared = [member for field in KINDS[kind].fields for member in (field.members or (field,))]
    assert [row[1] for row in result] == [field.name for field in (*declared, *KINDS[kind].joined)]
    assert [KINDS[kind].field(name) for name, *_ in result] == [*declared, *KINDS[kind].joined]
    assert all(KINDS[kind].field(row[0]) is not None and row[4] for row in result)


def test_the_columns_of_a_result(demo: Archive) -> None:
    demo.run(
        "LET c = FIND ephemeris SELECT epoch, platform AS site, nbtrace, radial_distance WHERE platform = 'swarma' ON 2020-01-01"
    )
    result = demo.run("SHOW COLUMNS OF c SELECT name, type, unit")
    assert list(result) == [
        ("epoch", "time", None),
        ("site", "string", None),
        ("nbtrace.lat", "number", "deg"),
        ("nbtrace.lon", "number", "deg"),
        ("radial_distance", "any", "km"),
    ]
    assert demo.run("SHOW COLUMNS OF c WHERE type = 'time'").rows[0][0] == "epoch"


def test_metadata_keys_and_their_values(demo: Archive) -> None:
    every = demo.run("SHOW METADATA")
    assert len(every) == sum(len(load_shipped().keys(kind)) for kind in KINDS)
    assert {row[1] for row in demo.run("SHOW METADATA OF ephemeris")} == {"ephemeris"}
    of_trex = {row[0] for row in demo.run("SHOW METADATA OF data_products FOR trex")}
    assert "keogram_type" in of_trex
    known = [load_shipped().key("data_products", name) for name in load_shipped().keys("data_products")]
    assert of_trex == {key.name for key in known if key is not None and (not key.programs or "trex" in key.programs)}
    assert {row[0] for row in demo.run("SHOW METADATA FOR 'fort smith'")} >= of_trex
    assert {row[1] for row in demo.run("SHOW METADATA FOR swarma")} == {"ephemeris"}
    assert len(demo.run("SHOW METADATA OF data_products FOR swarm")) == 0
    values = demo.run("SHOW VALUES OF keogram_type LIKE 'daily%'")
    assert ("daily", "data_products") in values.rows
    assert all(row[0].startswith("daily") for row in values)
    for text in ("metadata.keogram_type", "data_source.program", "program", "data_product_type", "platform"):
        assert len(demo.run(f"SHOW VALUES OF {text}")) > 2, text
    assert {row[0] for row in demo.run("SHOW VALUES OF program")} == set(load_shipped().values("program"))


def test_availability_is_equal_on_every_archive(both: tuple[Archive, Archive], server: AuroraXServer) -> None:
    counted: dict[tuple[Any, ...], int] = {}
    for record in RECORDS:
        key = (record["data_source"]["identifier"], record["start"][:10], record["data_product_type"])
        counted[key] = counted.get(key, 0) + 1
    for archive in both:
        result = archive.run("SHOW AVAILABILITY OF data_products DURING 2020-02 ORDER BY date, identifier")
        assert names(result)[6:] == ["date", "data_product_type", "count"]
        assert {(row[0], row[6].isoformat()[:10], row[7]): row[8] for row in result} == counted, archive.name
        result = archive.run(
            "SHOW AVAILABILITY OF data_products SELECT platform, count WHERE program = 'trex' AND count > 1"
            " BETWEEN 2020-02-01 AND 2020-02-03"
        )
        assert list(result) == [("gillam", 2)], archive.name
        result = archive.run("SHOW AVAILABILITY OF ephemeris ON 2020-02-01 LIKE 'swarm%'")
        assert list(result) == [(3, "swarm", "swarma", "footprint", "leo", "Swarm A", datetime(2020, 2, 1), 3)], (
            archive.name
        )
        assert archive.run("SHOW AVAILABILITY OF ephemeris ON 2020-02-02").rows == []
    requests = [call.path for call in server.calls if call.step == "availability"]
    assert requests[1].endswith("?start=2020-02-01&end=2020-02-03&program=trex&format=basic_info")


def replace_response(document: Any) -> Fault:
    """Return the fault of a service that responds with this document."""
    return Fault(change=lambda _: document)


def test_availability_of_any_structure_is_read_or_refused(both: tuple[Archive, Archive], server: AuroraXServer) -> None:
    service, source = both[1], SOURCES[0]
    text = "SHOW AVAILABILITY OF data_products SELECT date, data_product_type, count ON 2020-02-01"
    for counts, expected in (
        ({"2020-02-01": {"keogram": 2}}, ("keogram", 2)),
        ({"keogram": {"2020-02-01": 2}}, ("keogram", 2)),
        ({"2020-02-01": 3}, (None, 3)),
    ):
        answer = [{"data_source": source, "available_data_products": counts}]
        server.faults["availability"] = replace_response(answer)
        assert list(service.run(text)) == [(datetime(2020, 2, 1), *expected)]
    wrong: Any
    for wrong in (
        {"no": "list"},
        [{"data_source": source, "available_data_products": {"soon": 1}}],
        [{"data_source": {}}],
        [5],
    ):
        server.faults["availability"] = replace_response(wrong)
        with pytest.raises(Failed):
            service.run(text)
    del server.faults["availability"]


def test_results_searches_and_settings(demo: Archive) -> None:
    with connect() as archive:
        for what in ("RESULTS", "SEARCHES"):
            assert archive.run(f"SHOW {what}").rows == []
        archive.run("LET  c = FIND data_products SELECT url\n WHERE program = 'trex' ON 2020-02-01 LIMIT 2")
        assert archive.run("SHOW RESULTS").rows == [
            ("c", 2, "url", "LET c = FIND data_products SELECT url WHERE program = 'trex' ON 2020-02-01 LIMIT 2")
        ]
        assert archive.run("SHOW RESULTS WHERE rows > 2").rows == []
        assert archive.run("SHOW SETTINGS SELECT name, value, default").rows == [
            ("timeout", "600 s", "600 s"),
            ("format", "table", "table"),
            ("bell", "on", "on"),
        ]


def test_clauses_are_checked_like_those_of_find(demo: Archive) -> None:
    assert code(demo, "SHOW SOURCES WHERE identifier = 'x'") == "AQL0203"
    assert code(demo, "SHOW SOURCES WHERE platform = gillam") == "AQL0202"
    assert code(demo, "SHOW SOURCES ORDER BY platfrom") == "AQL0201"
    assert code(demo, "SHOW SOURCES LIMIT 2.5") == "AQL0208"
    assert code(demo, "SHOW SEARCHES LIKE 5") == "AQL0106"
    result = demo.run("SHOW SOURCES WHERE platform = 'gilam'")
    assert [warning.code for warning in result.warnings] == ["AQL0602"]
    demo.run("LET g = FIND data_products WHERE platform = 'gillam' ON 2020-02-01")
    fed = demo.run("SHOW SOURCES WHERE identifier IN g.identifier AND program IN (FIND g SELECT program)")
    assert {row[2] for row in fed} == {"gillam"}
    assert {row[0] for row in fed} == {record["data_source"]["identifier"] for record in demo.results["g"].records}


def test_listings_are_results_like_others(demo: Archive, tmp_path: Path) -> None:
    result = demo.run("SHOW SOURCES WHERE program = 'trex' LIMIT 2")
    assert [column.type for column in result.columns][:2] == [Type.INTEGER, Type.STRING]
    assert result.to_pandas().shape == (2, 6)
    result.save(tmp_path / "sources.json")
    assert json.loads((tmp_path / "sources.json").read_text("utf-8")) == list(result.records)


# --- SET


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("5 minutes", 300), ("1.5 h", 5400), ("250 s", 250), ("'30'", 30), ("1 day", 86400)],
)
def test_a_deadline_is_a_length_of_time(written: str, seconds: float) -> None:
    with connect(timeout=20) as archive:
        result = archive.run(f"SET timeout = {written}")
        assert (result.note, archive.settings.timeout, len(result)) == (f"timeout is {seconds} s", seconds, 0)
        assert archive.run("SET Timeout = DEFAULT").note == "timeout is 20 s"
        for wrong in ("0", "-5", "'long'", "2 km", "TRUE", "2020-01-01", "1e30"):
            with pytest.raises(StatementError):
                archive.run(f"SET timeout = {wrong}")
        assert archive.settings.timeout == 20


def test_a_new_deadline_is_applied() -> None:
    with connect() as archive:
        archive.run("SET timeout = 0.2 s")
        with pytest.raises(TimedOut):
            archive.run("SQL SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3")
        archive.run("SET timeout = DEFAULT")
        assert archive.run("SQL SELECT 1").rows == [(1,)]


def test_settings_check_their_values() -> None:
    settings = Settings(timeout=5)
    settings.set_format("CSV")
    assert (settings.format, settings.timeout) == ("csv", 5.0)
    settings.set_front_end_format(format="json")
    settings.set_format("vertical")
    assert settings.set_value("format", None) == "format is json"
    for act in (settings.set_format, lambda name: settings.set_front_end_format(format=name)):
        with pytest.raises(UsageError, match="did you mean csv"):
            act("cvs")


# --- front ends

SCRIPT = """
LET c = FIND data_products SELECT start, end, platform WHERE program = 'trex' AND keogram_type = 'daily' ON 2020-02-01;
SET format = csv;
SQL SELECT platform FROM c WHERE platform < 'g' ORDER BY 1;
SHOW SETTINGS WHERE name = 'format';
"""


def test_the_command_line_runs_every_statement(tmp_path: Path) -> None:
    file = tmp_path / "script.aql"
    file.write_text(SCRIPT)
    expected = "platform\nfort smith\nname,value,default,doc\nformat,csv,table,the format of results\n"
    for done in (command("run", file), command("-c", SCRIPT), command(stdin=SCRIPT)):
        assert (done.code, done.out) == (0, expected), done.err
        assert done.err.splitlines()[:2] == ["c: 5 data products", "format is csv"]
    assert command("check", file) == command("check", file)
    assert (command("check", file).code, command("check", file).err) == (0, "")


def test_the_command_line_writes_the_single_result_of_a_script(tmp_path: Path) -> None:
    let = SCRIPT.split(";", maxsplit=1)[0]
    done = command("-c", f"{let}; FIND c SELECT platform ORDER BY platform LIMIT 1", "--output", tmp_path / "found.csv")
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "found.csv").read_text() == "platform\nfort smith\n"
    assert done.err.startswith("c: 5 data products\n")
    done = command("-c", f"{let}; FIND c; SHOW RESULTS", "--output", tmp_path / "two.csv")
    assert (done.code, (tmp_path / "two.csv").exists()) == (2, False)
    assert "holds the result of one statement" in done.err


def test_errors_on_the_command_line(tmp_path: Path) -> None:
    for text, shown in (
        ("FIND d", "AQL0107"),
        ("SQL SELECT * FROM d", "AQL0220"),
        ("SHOW COLUMNS OF d", "AQL0225"),
        ("SET tiemout = 5", "AQL0223"),
        ("FETCH d", "AQL0226"),
    ):
        done = command("-c", text)
        assert (done.code, done.out) == (2, ""), text
        assert shown in done.err
        file = tmp_path / "wrong.aql"
        file.write_text(text)
        assert command("check", file).code == 2
    done = command("translate", "--to", "json", "-c", "FIND data_products DURING d")
    assert (done.code, "AQL0410" in done.err) == (2, True)


def test_the_prompt_runs_every_statement(demo: Archive) -> None:
    with connect() as archive:
        stream = io.StringIO()
        session = ReplState(archive, stream)
        for text in ("LET c = FIND data_products WHERE program = 'trex' ON 2020-02-01 LIMIT 3;", "SET format = csv;"):
            run_input(session, text)
        assert stream.getvalue() == "c: 3 data products\nformat is csv\n"
        assert session.format == "csv"
        run_input(session, "SQL SELECT count(*) AS n FROM c")
        run_input(session, "\\x")
        run_input(session, "SHOW SETTINGS SELECT value WHERE name = 'format'")
        output = stream.getvalue()
        assert "n\n3\n1 row" in output
        assert "results are shown as vertical\n" in output
        assert output.count("vertical") == 2
        run_input(session, "FETCH nothing")
        assert "AQL0226" in stream.getvalue()


# --- sources and their details


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_template_equals_pyauroraxs(demo: Archive, kind: str) -> None:
    shown = demo.run(f"SHOW TEMPLATE OF {kind}")
    assert shown.is_report
    expected = getattr(pyaurorax.PyAuroraX().search, kind).create_response_format_template()
    assert json.loads("\n".join(row[0] for row in shown)) == expected


def test_for_accepts_any_name_of_a_source(demo: Archive) -> None:
    known = demo.catalogue.sources
    for name, expected in (
        ("trex", [s for s in known if s.program == "trex"]),
        ("gillam", [s for s in known if s.platform == "gillam"]),
        ("'redline ASI'", [s for s in known if s.instrument_type == "redline ASI"]),
        ("'TREx RGB GILL'", [s for s in known if s.identifier == 103]),
        ("'trex rgb gill'", [s for s in known if s.identifier == 103]),
        ("103", [s for s in known if s.identifier == 103]),
    ):
        identifiers = [row[0] for row in demo.run(f"SHOW SOURCES FOR {name} SELECT identifier")]
        assert identifiers == [source.identifier for source in expected], name
        for word in ("program", "platform", "instrument_type"):
            listed = [row[0] for row in demo.run(f"SHOW {word}s FOR {name}")]
            assert listed == sorted({getattr(source, word) for source in expected}), name
            assert [row[0] for row in demo.run(f"SHOW VALUES OF {word} FOR {name}")] == listed
    assert code(demo, "SHOW PLATFORMS FOR nowhere") == "AQL0225"


def test_where_of_a_listing_applies_to_its_sources(demo: Archive) -> None:
    known = demo.catalogue.sources
    where = "program IN ('trex', 'rego') AND NOT platform = 'gillam' AND identifier > 80"
    expected = [s for s in known if s.program in ("trex", "rego") and s.platform != "gillam" and s.identifier > 80]
    for word in ("instrument_type", "source_type", "display_name"):
        listed = demo.run(f"SHOW VALUES OF {word} WHERE {where} ORDER BY value")
        assert [row[0] for row in listed] == sorted({getattr(s, word) for s in expected})
    shown = demo.run(f"SHOW INSTRUMENT_TYPES WHERE {where} AND sources > 4 SELECT instrument_type, sources")
    counts = Counter(s.instrument_type for s in expected)
    assert list(shown) == sorted((name, count) for name, count in counts.items() if count > 4)
    keys = {row[0] for row in demo.run("SHOW METADATA WHERE program = 'swarm' AND kind = 'ephemeris'")}
    assert {"tii_on", "nbtrace_region"} <= keys
    assert "calgary_cloud_ml_v1" not in keys
    with pytest.raises(StatementError):
        demo.run("SHOW SETTINGS WHERE program = 'trex'")


def test_sources_with_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both over HTTP and in a catalogue file."""
    monkeypatch.setenv("NO_PROXY", "*")
    text = (
        "SHOW SOURCES SELECT identifier, owner, maintainers, metadata, stats.ephemeris_count AS n,"
        " stats.latest_ephemeris_loaded AS latest, data_product_metadata_schema ORDER BY identifier"
    )
    described = {
        **SOURCES[0],
        "owner": "a@b.example",
        "maintainers": ["c", "d"],
        "metadata": {"site": {"code": "GILL"}},
        "data_product_metadata_schema": [{"field_name": "w", "data_type": "double", "allowed_values": []}],
        "stats": {"ephemeris_count": 2, "latest_ephemeris_loaded": "2020-01-02T03:04:00", "data_product_count": 0},
    }
    with AuroraXServer([], [SOURCES[1], described]) as running, connect(running.url) as archive:
        bare, whole = archive.run(text)
        assert bare == (46, None, None, None, None, None, None)
        schema = described["data_product_metadata_schema"]
        assert whole == (
            103, "a@b.example", ["c", "d"], {"site": {"code": "GILL"}}, 2, datetime(2020, 1, 2, 3, 4), schema,
        )  # fmt: skip
        assert archive.run("SHOW METADATA OF data_products FOR 103 SELECT key").rows == [("w",)]
        assert {row[0] for row in archive.run("SHOW SOURCES WHERE owner = 'a@b.example'")} == {103}
        assert archive.check("FIND data_products WHERE program = 'trex' AND w = 5 ON 2020-01-01") == ()
        (diagnostics,) = archive.check("FIND data_products WHERE program = 'themis-asi' AND w = 5 ON 2020-01-01")
        assert (diagnostics.code, diagnostics.hint) == ("AQL0601", "it belongs to trex")
        assert len(archive.run("SHOW SOURCES")) == 2
