"""Tests of saved queries: front matter, parameter values, files, and `auroraql run`."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import auroraql
from auroraql.diagnostics.errors import AuroraQLError, Source, StatementError, UsageError
from auroraql.queries import (
    bind_parameters,
    check_name,
    find_queries,
    find_query,
    find_uses,
    read_front_matter,
    save_query,
)
from auroraql.queries.front_matter import format_declaration
from auroraql.queries.parameter_completion import describe_parameters, parameter_values
from auroraql.queries.parameter_types import TYPES, quote_value, split_items, unquote_value
from tests.support.command_line import command

DAILY = """\
#!/usr/bin/env auroraql
-- description: The daily keograms
-- description of a program.

-- Anything else is a comment.
-- param program: text = 'trex'  the program
-- PARAM $day : date  the day, in UTC
-- param sites: list of text = ('fort smith', gillam)
--param most: integer = 3
FIND data_products SELECT platform, start
  WHERE program = $program AND keogram_type = 'daily' AND platform IN ($sites)
  ON $day -- param late: date
  ORDER BY platform
  LIMIT $most;
"""


def head(text: str) -> list[tuple[str, str, str | None, str]]:
    return [
        (parameter.name, parameter.type_name, parameter.default, parameter.doc)
        for parameter in read_front_matter(Source(text)).parameters
    ]


# --- front matter


def test_front_matter_describes_a_query_and_declares_its_parameters() -> None:
    assert read_front_matter(Source(DAILY)).description == "The daily keograms of a program."
    assert head(DAILY) == [
        ("program", "text", "'trex'", "the program"),
        ("day", "date", None, "the day, in UTC"),
        ("sites", "list of text", "('fort smith', gillam)", ""),
        ("most", "integer", "3", ""),
    ]
    assert head("\ufeff" + DAILY.replace("\n", "\r\n")) == head(DAILY)
    assert read_front_matter(Source("FIND data_products; -- description late")).description == ""
    assert read_front_matter(
        Source("-- The first comment will do.\n-- $ auroraql run x\nFIND data_products")
    ).description == ("The first comment will do.")


@pytest.mark.parametrize(
    ("line", "declared"),
    [
        ("param a: date = TODAY - 7 days  a week ago", ("a", "date", "TODAY - 7 days", "a week ago")),
        ("param a: list of number = 557.7, 630 the lines", ("a", "list of number", "557.7, 630", "the lines")),
        ("param a: list", ("a", "list of text", None, "")),
        ("param a: text = it's", None),
        ("param a: text = 'o''brien' — who", ("a", "text", "'o''brien'", "who")),
        ('param a: text = "two words"', ("a", "text", '"two words"', "")),
        ("param a text", None),
        ("param a: date = 2021-13-01", None),
        ("param a: boolean = maybe", None),
        ("param: text", None),
        ("param 1a: text", None),
        ("parameters are for later", ()),
    ],
)
def test_declarations(line: str, declared: tuple[object, ...] | None) -> None:
    front_matter = read_front_matter(Source(f"-- {line}\nFIND data_products"))
    assert bool(front_matter.wrong) is (declared is None)
    assert all(item.code == "AQL0117" and item.hint for item in front_matter.wrong)
    assert head(f"-- {line}\n") == ([declared] if declared else [])


def test_printed_declarations_parse_again() -> None:
    for value in ("trex", "fort smith", "o'brien", "a,b", "(x)", "", "-- x"):
        line = format_declaration("a", "text", value, "what it is")
        (parameter,) = read_front_matter(Source(f"{line}\n")).parameters
        assert (parameter.read([parameter.default or ""]), parameter.doc) == (value, "what it is")
        assert unquote_value(quote_value(value)) == value
    assert split_items('(\'a, b\', c ,"d""e")') == ["'a, b'", "c", '"d""e"']


# --- types


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "5", "5"),
        ("text", "'5'", "5"),
        ("integer", "-7", -7),
        ("number", "7", 7),
        ("number", "557.70", Decimal("557.70")),
        ("number", "1e3", Decimal("1e3")),
        ("boolean", "TRUE", True),
        ("date", "2021-01-02", date(2021, 1, 2)),
        ("time", "2021-01-02", date(2021, 1, 2)),
        ("time", "2021-01-02T06:30+01:00", datetime(2021, 1, 2, 5, 30)),
        ("time", "2021-01", "2021-01"),
        ("period", "2021-01", "2021-01"),
        ("period", "2021-01-02", date(2021, 1, 2)),
        ("date", "9999-12-31", date(9999, 12, 31)),
    ],
)
def test_a_value_is_bound_with_its_type(name: str, text: str, value: object) -> None:
    bound_value = TYPES[name].read(text)
    assert (bound_value, type(bound_value)) == (value, type(value))


def test_relative_days() -> None:
    today = datetime.now(UTC).date()
    assert TYPES["date"].read("today") in (today, today + timedelta(1))
    assert TYPES["date"].read("TODAY - 7 days") in (today - timedelta(7), today - timedelta(6))
    assert isinstance(TYPES["time"].read("NOW - 6 h"), datetime)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("integer", "1.5"), ("integer", ""), ("integer", "1" * 19), ("integer", "١"), ("number", "NaN"),
        ("number", "1e999"), ("number", "5 km"), ("boolean", "yes"), ("date", "2021-01"), ("date", "2021-02-30"),
        ("date", "NOW"), ("date", "2021-01-01T00:00"), ("time", "soon"), ("time", "TODAY - 7 moons"),
        ("date", "TODAY + 99999999999999999999 days"), ("period", "2021-01-01T06:00"), ("period", "NOW"),
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type(name: str, text: str) -> None:
    refused = False
    try:
        TYPES[name].read(text)
    except ValueError:
        refused = True
    assert refused


# --- values


def bound(text: str, **given: Sequence[str]) -> dict[str, object]:
    return bind_parameters([Source(text, "q.aql")], given)


def test_given_values_and_defaults() -> None:
    expected = {"program": "trex", "day": date(2021, 1, 1), "sites": ["fort smith", "gillam"], "most": 3}
    assert bound(DAILY, day=["2021-01-01"]) == expected
    given = bound(DAILY, day=["2021-01-01"], sites=["'pinawa', gillam", "rabbit lake"], program=["'rego'"], most=["1"])
    assert given == {**expected, "program": "rego", "sites": ["pinawa", "gillam", "rabbit lake"], "most": 1}
    assert bound("FIND data_products WHERE program = $p", p=["'x'"]) == {"p": "'x'"}
    assert bound("FIND data_products WHERE program IN ($p)", p=["a", "b"]) == {"p": ["a", "b"]}


def test_all_errors_are_reported_at_once() -> None:
    text = DAILY.replace("$most", "$most OFFSET $skip")
    with pytest.raises(StatementError) as caught:
        bound(text, most=["many"], sights=["x"], program=["a", "b"], sites=[""])
    message = str(caught.value)
    for part in (
        "$program takes a text, not 'a', 'b'", "it was given 2 values", "$most takes a whole number, not 'many'",
        "$sites takes a list of texts, not ''", "the parameter $day has no value: the day, in UTC",
        "the parameter $skip has no value", "did you mean $sites?", "q.aql:7:11",
    ):  # fmt: skip
        assert part in message
    assert len(caught.value.diagnostics) == 6


def test_parameters_are_found_anywhere_in_a_statement() -> None:
    text = """
    LET c = FIND conjunctions OF ground (program = $a), location ($lat, 5) WITHIN $d, ground1-adhoc1 $e DURING $m;
    FIND data_products WHERE start >= $s - $n days AND NOT (platform LIKE $l OR url IN ($u, 'x')) LIMIT 1 OFFSET $o;
    SQL SELECT '$no' AS "$nor", $q FROM c -- $neither
    ; SHOW SOURCES WHERE platform = $p LIKE $k; SET timeout = $t; EXPLAIN FIND ephemeris BETWEEN $f AND $f + 1 day;
    """
    uses = find_uses(Source(text))
    assert set(uses.names) == set("adesnlouqpktfm") | {"lat"}
    kinds = {use.name: (use.type, use.many, use.compared) for use in uses.each}
    assert kinds["a"] == ("text", False, "program")
    assert kinds["u"] == ("text", True, "url")
    assert kinds["s"] == ("time", False, "start")
    assert kinds["m"][0] == "period"
    assert kinds["d"][0] == kinds["n"][0] == "number"
    assert kinds["o"][0] == "integer"
    assert not find_uses(Source("FIND data_products WHERE $")).is_complete


def test_known_values_are_offered() -> None:
    source = Source(DAILY)
    assert [parameter.name for parameter in describe_parameters(source)] == ["program", "day", "sites", "most"]
    assert next(describe_parameters(source)).doc == "text = 'trex'  the program"
    programs = list(parameter_values(source, "program"))
    assert programs[0] == "trex"
    assert "themis-asi" in programs
    assert "fort smith" in parameter_values(source, "sites")
    assert list(parameter_values(source, "day")) == ["TODAY"]
    keys = Source("FIND data_products WHERE keogram_type = $k AND data_product_type = $t")
    assert "daily" in parameter_values(keys, "k")
    assert "keogram" in parameter_values(keys, "t")
    truth = Source("-- param b: boolean\nFIND data_products WHERE x = $b")
    assert list(parameter_values(truth, "b")) == ["true", "false"]
    assert parameter_values(source, "nothing") == {}


# --- files


@pytest.mark.parametrize("name", ["a", "keograms_of_a_day", "v1.2", "über", "a-b", "x.aql"])
def test_names(name: str, tmp_path: Path) -> None:
    assert save_query(name, "FIND data_products;\n", tmp_path).parent == tmp_path
    assert [query.name for query in find_queries([tmp_path])] == [name.removesuffix(".aql")]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/x", "C:x", "x\0", "a b", "-x", "x.", ".x", "~", "$x", "a" * 101, "é" * 51,
     "con", "NUL", "Aux.txt", "lpt1.aql", "com¹", "a\nb", "a:b", "x*", "\u202ea"],
)  # fmt: skip
def test_unsafe_and_unportable_names(name: str, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    with pytest.raises(UsageError):
        check_name(name)
    with pytest.raises(UsageError):
        save_query(name, "x", inner, replace=True)
    assert list(tmp_path.iterdir()) == []


def test_files_are_not_overwritten_by_accident(tmp_path: Path) -> None:
    path = save_query("daily", "one", tmp_path)
    for name in ("daily", "DAILY", "Daily.aql"):
        with pytest.raises(UsageError) as caught:
            save_query(name, "two", tmp_path)
        assert "\\save! daily replaces it" in str(caught.value)
    assert path.read_text() == "one"
    assert save_query("DAILY", "two", tmp_path, replace=True) == path
    assert (path.read_text(), [item.name for item in tmp_path.iterdir()]) == ("two", ["daily.aql"])


def test_a_query_created_meanwhile_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auroraql.queries import store

    monkeypatch.setattr(store, "_candidate_files", lambda _folder: iter(()))
    (tmp_path / "daily.aql").write_text("other")
    with pytest.raises(UsageError, match="already"):
        save_query("daily", "mine", tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["other"]


def test_a_symbolic_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("before")
    folder = tmp_path / "queries"
    folder.mkdir()
    (folder / "link.aql").symlink_to(outside)
    with pytest.raises(UsageError, match="not a regular file"):
        save_query("link", "x", folder, replace=True)
    assert outside.read_text() == "before"


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be created"):
        save_query("a", "x", tmp_path / "file" / "queries")


def test_the_first_folder_wins_and_other_files_are_ignored(tmp_path: Path) -> None:
    here, own = tmp_path / "here", tmp_path / "own"
    for folder in (here, own):
        save_query("both", f"-- of {folder.name}\n", folder)
    save_query("Only", "-- own\n", own)
    (here / "folder.aql").mkdir()
    (here / "bytes.aql").write_bytes(b"\xff")
    (here / "other.txt").write_text("")
    (here / ".hidden.aql").write_text("")
    folders = [here, own, tmp_path / "nowhere"]
    assert [(query.name, query.header.description) for query in find_queries(folders)] == [
        ("both", "of here"),
        ("Only", "own"),
    ]
    assert [getattr(find_query(name, folders), "name", None) for name in ("only", "BOTH", "none", "bytes")] == [
        "Only",
        "both",
        None,
        None,
    ]
    (here / "both.aql").write_text("-- changed and longer\n")
    assert find_queries(folders)[0].header.description == "changed and longer"


# --- the command line


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return a working folder, and the user's folder of queries."""
    here, own = tmp_path / "here", tmp_path / "own"
    here.mkdir()
    own.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("AURORAQL_QUERIES", str(own))
    return here, own


def test_run_by_name(folders: tuple[Path, Path]) -> None:
    here, own = folders
    (own / "daily.aql").write_text(DAILY)
    done = command("run", "daily", "--param", "day=2021-01-01", "--format", "csv")
    assert (done.code, [line.partition(",")[0] for line in done.out.splitlines()]) == (
        0,
        ["platform", "fort smith", "gillam"],
    )
    done = command("run", "Daily", "--param", "day=2021-01-01", "--param", "sites=pinawa", "--format", "csv")
    assert (done.code, done.out.splitlines()[1:]) == (0, ["pinawa,2021-01-01T00:00:00"])
    wrong = command("run", "daily", "--param", "day=x", "--param", "most=y")
    assert (wrong.code, wrong.out, wrong.err.count("error[AQL0211]")) == (2, "", 2)
    # Both errors are reported before anything runs: the missing archive is never contacted.
    assert command("-a", "no.duckdb", "run", "daily").err == command("run", "daily").err
    (here / "daily").write_text(
        "FIND data_products SELECT program AS p WHERE program = 'auroramax' ON 2021-01-01 LIMIT 1"
    )
    both = command("run", "daily", "--format", "csv")
    assert (both.code, both.out) == (0, "p\nauroramax\n")
    assert f"daily is both a file and a saved query; the file is run. The query is {own / 'daily.aql'}" in both.err
    assert command("run", own / "daily.aql", "--param", "day=2021-01-01").code == 0


def test_an_unknown_name(folders: tuple[Path, Path]) -> None:
    (folders[0] / "daily.aql").write_text(DAILY)
    done = command("run", "dayly")
    assert (done.code, done.out) == (2, "")
    assert "'dayly' is neither a file nor a saved query" in done.err
    assert "did you mean daily?" in done.err
    for name in ("../daily", "x/daily", "daily.txt", "..", "\0", "no\0.aql"):
        assert command("run", name).code == 2
    assert command("run").code == 2


def test_list_of_queries(folders: tuple[Path, Path]) -> None:
    assert command("run", "--list").err.startswith("there are no saved queries here or in ")
    save_query("daily", DAILY, folders[1])
    (folders[0] / "bare.aql").write_text("FIND data_products")
    rows = json.loads(command("run", "--list", "--format", "json").out)
    assert [row["name"] for row in rows] == ["bare", "daily"]
    assert rows[1]["parameters"] == "program='trex' day=… sites=('fort smith', gillam) most=3"
    assert rows[1]["description"] == "The daily keograms of a program."
    assert "The daily keograms of a program." in command("run", "--list", "daily").out
    assert command("run", "--list", "nothing").code == 2


def test_front_matter_applies_wherever_a_script_runs(folders: tuple[Path, Path]) -> None:
    text = "-- param day: date = 2021-01-01\nFIND data_products SELECT start ON $day LIMIT 1"
    for done in (command("-c", text, "--format", "csv"), command("--format", "csv", stdin=text)):
        assert (done.code, done.out) == (0, "start\n2021-01-01T00:00:00\n")
    query = command("translate", "--to", "aql", "-c", text.partition(" LIMIT")[0].replace("SELECT start ", ""))
    assert (query.code, query.out) == (0, "FIND data_products ON 2021-01-01\n")
    checked = command("check", "-", "--param", "day=x", stdin=text + " OFFSET 'x'")
    assert checked.code == 2
    assert "$day takes a date, not 'x'" in checked.err
    assert command("check", "-", stdin=text).code == 0
    assert command("check", "-", "--param", "dya=1", stdin=text).code == 2


def test_scripts_that_share_a_parameter_agree_on_it(folders: tuple[Path, Path]) -> None:
    for number in (1, 2):
        text = f"-- param day: date = 2021-01-0{number}\nFIND data_products SELECT start ON $day LIMIT 1;"
        (folders[0] / f"{number}.aql").write_text(text)
    done = command("run", "1.aql", "2.aql")
    assert (done.code, done.out) == (2, "")
    assert "$day differs between these files" in done.err
    assert command("run", "1.aql", "2.aql", "--param", "day=2021-02-01").out.count("2021-02-01") == 2


def test_typed_python_values_keep_their_type() -> None:
    with auroraql.connect() as archive:
        result = archive.run(DAILY, program="trex", day=date(2021, 1, 1), sites=["gillam"], most=5)
        assert [row[0] for row in result] == ["gillam"]
        with pytest.raises(AuroraQLError):
            archive.run(DAILY, program="trex")


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_saved_query_is_private_to_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    save_query("x", "y", folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
