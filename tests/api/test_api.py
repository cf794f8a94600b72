"""Tests of the Python interface: what `import auroraql` offers, what it loads, and what it returns."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

import auroraql
from auroraql import Archive, ResultSet, StatementError, UsageError
from auroraql.diagnostics import errors
from tests.support.aurorax_server import RECORDS, AuroraXServer, Fault

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
ASKED = "FIND data_products WHERE program = $program AND keogram_type = 'daily' ON $day"
PUBLIC: dict[str, str] = vars(auroraql)["_PUBLIC"]
OFFERED: list[str] = vars(auroraql)["__all__"]

IDENTIFIERS = [96, 101, 102, 103, 104]
DOCUMENT = {
    "start": "2021-01-01T00:00:00",
    "end": "2021-01-01T23:59:59",
    "data_sources": {"programs": ["trex"]},
    "data_product_type_filters": [],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


def identifiers(result: ResultSet) -> list[int]:
    return [record["data_source"]["identifier"] for record in result.records]


# --- public names


def test_stub_and_package_offer_the_same_names() -> None:
    stub = ast.parse(Path(auroraql.__file__).with_suffix(".pyi").read_text("utf-8"))
    declared = {
        alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert declared == PUBLIC
    assert set(OFFERED) == {"__version__", *PUBLIC} == set(dir(auroraql))
    for name in OFFERED:
        assert getattr(auroraql, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        auroraql.nothing_of_the_kind  # type: ignore[attr-defined]  # noqa: B018


def test_every_public_name_has_a_docstring() -> None:
    for name in PUBLIC:
        offered = getattr(auroraql, name)
        assert inspect.getdoc(offered), name
        members = vars(offered).items() if inspect.isclass(offered) else ()
        for member, value in members:
            if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{member}"


def test_exception_tree_matches_its_docstring() -> None:
    drawn: dict[str, str] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ([│ ├└─]*)(\w+)(?:  |$)", line)
        if match:
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1] if depth else ""
    real = {
        name: value.__mro__[1].__name__
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, Exception)
    }
    assert len(drawn) == 10
    assert drawn == {name: above if above in real else "" for name, above in real.items()}
    assert (real["AuroraQLError"], real["AuroraQLWarning"]) == ("Exception", "UserWarning")
    assert set(drawn) <= set(PUBLIC)


LOADED = "import sys; {}; print(*sorted({{m.partition('.')[0] for m in sys.modules}}))"


@pytest.mark.parametrize(
    ("act", "without"),
    [
        ("import auroraql", "duckdb prompt_toolkit requests pandas pyarrow lark pygments wcwidth"),
        (
            f"import auroraql; auroraql.translate({KEOGRAMS!r}, 'json')",
            "duckdb prompt_toolkit requests pandas pyarrow wcwidth",
        ),
        (
            f"from auroraql.frontends.cli import main; main(['translate', '--to', 'json', '-c', {KEOGRAMS!r}])",
            "duckdb prompt_toolkit requests pandas pyarrow wcwidth",
        ),
        ("from auroraql.frontends.cli import main; main(['--version'])", "duckdb prompt_toolkit requests pandas lark"),
        (
            f"from auroraql.frontends.cli import main; main(['-c', {KEOGRAMS!r}])",
            "prompt_toolkit requests pandas pyarrow",
        ),
    ],
    ids=["import", "translate", "command translate", "command version", "command search"],
)
def test_unused_packages_are_not_loaded(act: str, without: str) -> None:
    done = subprocess.run([sys.executable, "-c", LOADED.format(act)], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "auroraql" in loaded
    assert not set(loaded) & set(without.split())


# --- parse and translate


def test_parse_returns_a_tree_and_parse_script_several() -> None:
    assert auroraql.parse(KEOGRAMS) == auroraql.parse(f"{KEOGRAMS} ; -- once more")
    assert auroraql.parse_script(f"{KEOGRAMS}; {json.dumps(DOCUMENT)};")[0] == auroraql.parse(KEOGRAMS)
    assert auroraql.parse_script("-- nothing") == ()
    with pytest.raises(StatementError) as raised:
        auroraql.parse("FIND data_products LIMIT x")
    assert raised.value.diagnostics[0].origin == errors.Span(25, 26)


@pytest.mark.parametrize("statement", [KEOGRAMS, DOCUMENT])
@pytest.mark.parametrize(("to", "kind"), [("aql", str), ("json", dict), ("sentence", str), ("plan", dict)])
def test_translate_to_every_form(statement: Any, to: str, kind: type) -> None:
    translation = auroraql.translate(statement, to)
    assert isinstance(translation, kind)
    if to != "plan":
        assert auroraql.translate(translation, to) == translation
        assert auroraql.translate(translation, "json") == auroraql.translate(statement, "json")


def test_translate_does_not_modify_its_document() -> None:
    before = json.dumps(DOCUMENT)
    assert auroraql.translate(DOCUMENT, "aql") == "FIND data_products WHERE program = 'trex' ON 2021-01-01"
    assert json.dumps(DOCUMENT) == before


@pytest.mark.parametrize("wrong", [5, None, b"FIND data_products", ["FIND data_products"]])
def test_a_statement_must_be_text(wrong: Any, demo: Archive) -> None:
    for act in (auroraql.parse, auroraql.parse_script, demo.run, demo.run_script, demo.submit):
        with pytest.raises(UsageError, match="a statement is text"):
            act(wrong)
    with pytest.raises(UsageError, match="a statement is text"):
        auroraql.translate(wrong, "json")


def test_translate_to_an_unknown_form() -> None:
    for form in ("pdf", "JSON", "", None):
        with pytest.raises(UsageError, match="the forms are aql, json, sentence, python, curl, idl, notebook, plan"):
            auroraql.translate(KEOGRAMS, form)  # type: ignore[arg-type]


# --- parameters


@pytest.mark.parametrize(
    ("program", "day"),
    [
        ("trex", "2021-01-01"),
        (["trex"], date(2021, 1, 1)),
        (("trex",), "2021-01-01"),
    ],
)
def test_parameters_are_bound_as_values(demo: Archive, program: Any, day: Any) -> None:
    assert identifiers(demo.run(ASKED, program=program, day=day)) == IDENTIFIERS


EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("moment", "start"),
    [
        (datetime(2021, 1, 1, 6), "2021-01-01T06:00:00"),
        (datetime(2021, 1, 1, 6, tzinfo=UTC), "2021-01-01T06:00:00"),
        (datetime(2021, 1, 1, 1, tzinfo=EAST), "2020-12-31T23:00:00"),
        (datetime(2021, 1, 1, 6, 0, 0, 1), "2021-01-01T06:00:01"),
        (date(2021, 1, 1), "2021-01-01T00:00:00"),
        ("2021-01", "2021-01-01T00:00:00"),
    ],
)
def test_datetime_parameters_are_converted_to_utc(moment: Any, start: str) -> None:
    translation = auroraql.translate("FIND data_products SINCE $since", "json", since=moment)
    assert isinstance(translation, dict)
    assert translation["start"] == start


def test_parameters_never_become_part_of_the_text() -> None:
    evil = "trex' OR program = 'rego"
    translation = auroraql.translate("FIND data_products WHERE program = $p", "json", p=evil)
    assert isinstance(translation, dict)
    assert translation["data_sources"]["programs"] == [evil]


def test_numbers_booleans_and_lists_as_parameters() -> None:
    where = "FIND data_products WHERE program IN ($list) AND wavelength = $number AND calibrated = $truth"
    translation = auroraql.translate(where, "json", list=["a", "b"], number=5577.1, truth=True)
    assert isinstance(translation, dict)
    assert translation["data_sources"]["programs"] == ["a", "b"]
    filters = translation["data_sources"]["data_product_metadata_filters"]["expressions"]
    assert [item["values"] for item in filters] == [["5577.1"], ["true"]]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "AQL0206"),
        ({"p": 5}, "AQL0203"),
        ({"p": None}, "AQL0211"),
        ({"p": b"trex"}, "AQL0211"),
        ({"p": []}, "AQL0211"),
        ({"p": ["a", "b"]}, "AQL0211"),
        ({"p": "trex", "q": 1}, "AQL0210"),
    ],
)
def test_unsupported_parameter_values(demo: Archive, given: dict[str, Any], code: str) -> None:
    statement = "FIND data_products WHERE program = $p ON 2021-01-01"
    for act in (demo.run, demo.run_script, demo.submit):
        with pytest.raises(StatementError) as raised:
            act(statement, **given)
        assert [diagnostic.code for diagnostic in raised.value.diagnostics] == [code]
    with pytest.raises(StatementError, match=code):
        auroraql.translate(statement, "json", **given)


def test_any_name_can_be_a_parameter(demo: Archive) -> None:
    for name in ("self", "text", "texts", "source", "größe"):
        statement = f"FIND data_products WHERE program = ${name} ON 2021-01-01 LIMIT 1"
        assert len(demo.run(statement, **{name: "trex"})) == 1
        assert len(list(demo.run_script(statement, **{name: "trex"}))) == 1


# --- connect, run, submit


def test_connect_reports_archives_that_it_cannot_open(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no database")
    for archive in ("", "nowhere.duckdb", tmp_path, tmp_path / "text.duckdb", "ftp://x", "http://u:secret@x"):
        with pytest.raises(UsageError) as raised:
            auroraql.connect(archive)
        assert "secret" not in str(raised.value)
    for timeout in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="timeout must be"):
            auroraql.connect(timeout=timeout)


def test_repr_of_an_archive_and_its_results(demo: Archive) -> None:
    assert (demo.name, demo.demonstration, repr(demo)) == ("demo", True, "<Archive demo>")
    assert repr(demo.run(KEOGRAMS)).startswith("<ResultSet of 5 rows from demo: start, end, ")


def test_api_key_is_never_shown(server: AuroraXServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURORAX_API_KEY", "for-aurorax-alone")
    with auroraql.connect(server.url, api_key="s3cret-key") as archive:
        archive.run("FIND data_products")
        assert "s3cret" not in repr(archive) + repr(vars(archive))
        server.error = "the key s3cret-key has no right to that"
        with pytest.raises(auroraql.Failed) as raised:
            archive.run("FIND data_products")
        assert "s3cret" not in str(raised.value) + repr(raised.value)
    assert {call.headers["x-aurorax-api-key"] for call in server.calls} == {"s3cret-key"}
    with auroraql.connect(server.url, api_key="another") as archive:
        server.error = ""
        archive.run("FIND data_products")
    assert server.calls[-1].headers["x-aurorax-api-key"] == "another"


def test_run_takes_one_statement_and_run_script_several(demo: Archive) -> None:
    with pytest.raises(StatementError, match="AQL0115"):
        demo.run(f"{KEOGRAMS}; {KEOGRAMS}")
    with pytest.raises(StatementError, match="AQL0105"):
        demo.run(" -- nothing")
    results = demo.run_script(f"{KEOGRAMS}; {json.dumps(DOCUMENT)}", KEOGRAMS)
    assert [len(result) for result in results] == [5, 289, 5]
    assert list(demo.run_script("")) == []


def test_a_script_runs_lazily_and_only_when_it_has_no_error(server: AuroraXServer) -> None:
    with auroraql.connect(server.url) as archive:
        results = archive.run_script("FIND data_products; FIND data_products LIMIT 2", "FIND data_products")
        assert server.calls == []
        assert len(next(results)) == 5
        assert server.count("submit") == 1
        assert [len(result) for result in results] == [2, 5]
        server.calls.clear()
        with pytest.raises(StatementError) as raised:
            archive.run_script("FIND data_products LIMIT 1", "FIND data_products LIMIT x; FIND data_products ON y")
        assert len(raised.value.diagnostics) == 2
        assert server.calls == []


def test_a_script_stops_at_its_first_failure(server: AuroraXServer) -> None:
    with auroraql.connect(server.url) as archive:
        results = archive.run_script("FIND data_products; FIND data_products; FIND data_products")
        next(results)
        server.error = "no more"
        with pytest.raises(auroraql.Failed):
            next(results)
        assert list(results) == []
        assert server.count("submit") == 2


def test_a_refused_cancellation_does_not_hide_the_timeout(server: AuroraXServer) -> None:
    server.never = True
    server.faults["cancel"] = Fault(status=403, body=b"{}")
    with auroraql.connect(server.url, timeout=0.3) as archive, pytest.raises(auroraql.TimedOut):
        archive.run("FIND data_products")


def test_submit_against_a_service(server: AuroraXServer) -> None:
    server.polls = 2
    with auroraql.connect(server.url, timeout=20) as archive:
        search = archive.submit("FIND data_products WHERE program = $p ORDER BY start DESC LIMIT 2", p="trex")
        assert search.request_ids == tuple(server.searches)
        assert not search.status().done
        assert [line.level for line in search.logs] == ["debug", "info"]
        assert search.wait().result_count == 3
        assert [record["start"] for record in search.fetch().records] == ["2020-02-02T00:00:00", "2020-02-01T06:00:00"]
        server.never = True
        search = archive.submit("FIND data_products")
        with pytest.raises(auroraql.TimedOut):
            search.wait(0.05)
        assert server.searches[search.request_ids[0]].cancelled
