"""Tests of DURING … USING and OVERLAPPING against joins in Python: on a file, over HTTP and through `serve`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql import Archive, StatementError, connect
from auroraql.codecs import plan_json
from auroraql.diagnostics.errors import Source, Span
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts
from tests.conftest import ROOT
from tests.engines.test_archives import holds
from tests.support import aurorax_matching, small_catalogue
from tests.support.aurorax_server import AuroraXServer
from tests.support.feeding_records import (
    DAY,
    FIRST,
    POSITIONS,
    PRODUCTS,
    codes,
    last,
    make_archives,
    serve_records,
    urls,
)
from tests.support.server_process import ServerProcess
from tests.support.small_catalogue import SOURCES, Position, Product


@pytest.fixture(scope="module")
def server() -> Iterator[AuroraXServer]:
    with serve_records() as running:
        yield running


@pytest.fixture(scope="module")
def archives(server: AuroraXServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, ...]]:
    """Return the same records in a catalogue file, on the test server, and behind `serve`."""
    folder = tmp_path_factory.mktemp("using")
    with ExitStack() as stack:
        # AuroraX does not publish how it compares a number stored as text: the test server does it as AuroraQL does.
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(aurorax_matching, "_true", holds)
        opened = stack.enter_context(make_archives(server, folder))
        small_catalogue.write(folder / "served.duckdb", PRODUCTS, positions=POSITIONS)
        served = stack.enter_context(ServerProcess(archive=folder / "served.duckdb", cache=folder))
        yield (*opened, stack.enter_context(connect(served.url, timeout=20)))


# --- the meaning, without SQL

Row = tuple[datetime | None, datetime | None, Any, Any, Any, Any]
"""A row of the result: start, end, platform, identifier, keogram_type, w."""

FIELDS = ("platform", "identifier", "keogram_type", "w")


def value(product: Product, name: str) -> Any:
    """Return the value of a field of a product."""
    source = next(row for row in SOURCES if row[0] == product.data_source)
    named = {"identifier": source[0], "platform": source[2]}
    return named[name] if name in named else (product.metadata or {}).get(name)


def overlaps(product: Product, first: datetime, past: datetime) -> bool:
    """Return whether a product overlaps an interval and lies in its days and the days next to them."""
    begin = datetime.combine(first - DAY, time.min)
    end = datetime.combine(past + 2 * DAY, time.min)
    return product.start <= past and product.end >= first and begin <= product.start and product.end < end


def are_equal(one: Any, other: Any) -> bool:
    """Return whether two values are equal and neither is missing. A list in the row matches by any element."""
    if isinstance(other, list):
        return any(are_equal(one, item) for item in other)
    return one is not None and other is not None and one == other


def join_products(rows: Sequence[Row], names: Sequence[str], padding: timedelta = timedelta()) -> list[str]:
    """Return the products that overlap one of the rows with the same values."""
    return sorted(
        product.url
        for product in PRODUCTS
        if any(
            row[0] is not None
            and row[1] is not None
            and overlaps(product, row[0] - padding, row[1] + padding)
            and all(are_equal(value(product, name), row[2 + FIELDS.index(name)]) for name in names)
            for row in rows
        )
    )


@st.composite
def rows_of_results(draw: st.DrawFn) -> list[Row]:
    """Generate rows with duplicates, missing values, and times that cross the ends of days and of a month."""
    rows: list[Row] = []
    for _ in range(draw(st.integers(0, 6))):
        start = FIRST + timedelta(minutes=draw(st.sampled_from((-90, -1, 0, 359, 420, 1409, 1439, 1440, 2880, 7200))))
        end = start + timedelta(minutes=draw(st.sampled_from((0, 1, 31, 1440))))
        platform = draw(st.sampled_from((None, "gillam", "fort smith", "longyearbyen", "nowhere")))
        identifier = draw(st.sampled_from((None, 1, 2, 3, 44, 999)))
        kind = draw(st.sampled_from((None, "daily", "hourly", "across midnight")))
        row = (
            draw(st.sampled_from((start, start, start, None))),
            end,
            platform,
            identifier,
            kind,
            draw(st.sampled_from((None, 1.5, 2, "wide"))),
        )
        rows += [row] * draw(st.sampled_from((1, 1, 2)))
    return rows


LET = "LET r = FIND data_products SELECT start, end, platform, identifier, keogram_type, w UNTIL 2020-02-01T00:00"


def store_result(archive: Archive, rows: Sequence[Row]) -> None:
    """Store rows as the result `r` of a session."""
    if "r" not in archive.results:
        archive.run(LET)
    stored = archive._stored["r"]
    assert stored.result is not None
    archive._stored["r"] = replace(stored, result=stored.result.with_rows(list(rows)))


@settings(max_examples=40, deadline=None)
@given(
    rows_of_results(),
    st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True),
    st.sampled_from((0, 0, 30, 1500)),
)
def test_a_record_overlaps_and_equals_one_row(
    archives: tuple[Archive, ...], rows: list[Row], names: list[str], minutes: int
) -> None:
    expected = join_products(rows, names, timedelta(minutes=minutes))
    padding = f" PADDED BY {minutes} minutes" if minutes else ""
    for archive in archives:
        store_result(archive, rows)
        result = archive.run(f"FIND data_products DURING r{padding} USING ({', '.join(names)})")
        assert urls(result) == expected, archive.name
        assert not expected or "AQL0609" not in [warning.code for warning in result.warnings]


@settings(max_examples=15, deadline=None)
@given(rows_of_results())
def test_stored_rows_are_joined_too(archives: tuple[Archive, ...], rows: list[Row]) -> None:
    expected = [p for p in PRODUCTS if p.url in join_products(rows, ["platform"])]
    for archive in archives[:1]:
        store_result(archive, rows)
        archive.run("LET every = FIND data_products BETWEEN 2020-01 AND 2020-03")
        result = archive.run("FIND every DURING r USING (platform)")
        # Stored rows need no request: no window is added, and products longer than a day stay.
        assert {p.url for p in expected} <= set(urls(result))


@pytest.mark.parametrize("text", ["DURING (FIND ephemeris {})", "DURING c"])
def test_minutes_of_a_source_find_its_products(archives: tuple[Archive, ...], text: str) -> None:
    inner = "WHERE program IN ('trex', 'unis/kho') ON 2020-02"
    rows: list[Row] = [
        (
            position.epoch,
            position.epoch,
            next(row[2] for row in SOURCES if row[0] == position.data_source),
            None,
            None,
            None,
        )
        for position in POSITIONS
    ]
    expected = join_products(rows, ["platform"], timedelta(minutes=10))
    for archive in archives:
        archive.run(f"LET c = FIND ephemeris {inner}")
        result = archive.run(f"FIND data_products {text.format(inner)} PADDED BY 10 minutes USING (platform)")
        assert urls(result) == expected, archive.name
        # Selected columns, also when an alias renames a field of the comparison.
        selected = "FIND ephemeris SELECT epoch, data_source.platform " + inner
        assert (
            urls(
                last(
                    archive,
                    f"LET d = {selected}",
                    "FIND data_products DURING d PADDED BY 10 min USING (data_source.platform)",
                )
            )
            == expected
        )


def test_ephemeris_during_products_of_its_own_site(archives: tuple[Archive, ...]) -> None:
    expected = sorted(
        p.epoch.isoformat()
        for p in POSITIONS
        if any(
            product.start <= p.epoch <= product.end and value(product, "platform") == place
            for product in PRODUCTS
            for place in [next(row[2] for row in SOURCES if row[0] == p.data_source)]
        )
    )
    for archive in archives:
        result = last(archive, "LET k = FIND data_products ON 2020-02", "FIND ephemeris DURING k USING (platform)")
        assert sorted(record["epoch"] for record in result.records) == expected, archive.name


def test_no_overlap_sends_no_request(archives: tuple[Archive, ...], server: AuroraXServer) -> None:
    archive = archives[1]
    for rows, code in (
        ([], "AQL0609"),
        ([(FIRST, FIRST + DAY, None, None, None, None)], "AQL0609"),
        ([(FIRST, FIRST + DAY, "nowhere", None, None, None)], "AQL0606"),
    ):
        store_result(archive, rows)
        archive.run("SHOW SOURCES")
        server.calls.clear()
        result = archive.run("FIND data_products DURING r USING (platform)")
        assert len(result) == 0
        assert code in [warning.code for warning in result.warnings]
        assert server.calls == []


def test_the_plan_as_json_has_the_groups(archives: tuple[Archive, ...]) -> None:
    archive = archives[0]
    store_result(archive, [(FIRST, FIRST + DAY, "gillam", 1, None, None), (FIRST, FIRST, "gillam", None, None, None)])
    result = archive.run("FIND data_products DURING r USING (platform, identifier)")
    assert result.plan is not None
    document = plan_json.write_plan(result.plan, archive.catalogue)
    intervals = [["2020-02-01T00:00:00", "2020-02-02T00:00:00"]]
    assert document["residual"]["using"] == {
        "fields": ["data_source.platform", "data_source.identifier"],
        "groups": [{"values": ["gillam", "1"], "during": intervals}],
    }
    assert document["residual"]["during"] == intervals


def test_sites_on_different_days_have_separate_requests(archives: tuple[Archive, ...]) -> None:
    archive = archives[1]
    store_result(
        archive,
        [
            (FIRST + n * 9 * DAY, FIRST + n * 9 * DAY, site, None, None, None)
            for n, site in enumerate(("gillam", "fort smith"))
        ],
    )
    explained = "\n".join(line for (line,) in archive.run("EXPLAIN FIND data_products DURING r USING (platform)").rows)
    assert "2 requests" in explained
    assert "platform in (gillam)" in explained
    assert "platform in (fort smith)" in explained
    assert "BETWEEN 2020-01-31 AND 2020-02-02" in explained
    assert "rows with the same data_source.platform" in explained
    store_result(archive, [(FIRST, FIRST, site, None, None, None) for site in ("gillam", "fort smith")])
    explained = "\n".join(line for (line,) in archive.run("EXPLAIN FIND data_products DURING r USING (platform)").rows)
    assert "platform in (gillam, fort smith)" in explained


# --- OVERLAPPING


@pytest.mark.parametrize(
    ("window", "first", "end"),
    [
        ("2020-02-02", 1440, 2880),
        ("2020-02-02T00:30", 1470, 1470),
        ("2020-02-02T00:31 AND 2020-02-02T11:59", 1471, 2159),
        ("'2020-02-01T23:59:30' AND 2020-02-02T00:00 + 10 seconds", 1439, 1440),
        ("$from AND $to", 420, 425),
    ],
)
def test_overlapping_means_sharing_an_instant(archives: tuple[Archive, ...], window: str, first: int, end: int) -> None:
    interval = FIRST + timedelta(minutes=first), FIRST + timedelta(minutes=end)
    if "59:30" in window:
        interval = datetime(2020, 2, 1, 23, 59, 30), datetime(2020, 2, 2, 0, 0, 10)
    if window == "2020-02-02":
        interval = datetime(2020, 2, 2), datetime(2020, 2, 2, 23, 59, 59)
    expected = sorted(p.url for p in PRODUCTS if overlaps(p, *interval))
    assert expected
    given = {"from": interval[0], "to": interval[1]} if "$" in window else {}
    for archive in archives:
        result = archive.run(f"FIND data_products OVERLAPPING {window}", **given)
        assert urls(result) == expected, archive.name
        epochs = archive.run(
            f"FIND ephemeris WHERE program IN ('trex', 'themis-asi', 'unis/kho') OVERLAPPING {window}", **given
        )
        inside = sorted(p.epoch.isoformat() for p in POSITIONS if interval[0] <= p.epoch <= interval[1])
        assert sorted(record["epoch"] for record in epochs.records) == inside, archive.name


def test_overlapping_conjunctions_are_returned_whole(tmp_path: Any) -> None:
    """A run from 23:50 to 00:10 overlaps midnight, and is returned from its first epoch to its last."""
    sources = ((1, "trex", "gillam", "RGB ASI", "ground", "G"), (3, "swarm", "swarma", "footprint", "leo", "A"))
    place = (10.0, 10.0)
    minutes = [*range(-10, 11), *range(120, 125)]
    positions = [
        Position(number, datetime(2020, 2, 2) + timedelta(minutes=n), (place,) * 4)
        for number in (1, 3)
        for n in minutes
    ]
    path = small_catalogue.write(tmp_path / "met.duckdb", (), sources, positions=positions)
    text = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 5 km "
    with connect(path) as file, ServerProcess(archive=path, cache=tmp_path) as served, connect(served.url) as service:
        for archive in (file, service):
            for window, runs in (
                (
                    "OVERLAPPING 2020-02-02",
                    [("2020-02-01T23:50:00", "2020-02-02T00:10:00"), ("2020-02-02T02:00:00", "2020-02-02T02:04:00")],
                ),
                ("OVERLAPPING 2020-02-02T00:10 AND 2020-02-02T01:59", [("2020-02-01T23:50:00", "2020-02-02T00:10:00")]),
                ("OVERLAPPING 2020-02-02T00:11 AND 2020-02-02T01:59", []),
                ("OVERLAPPING 2020-01", []),
                (
                    "DURING (FIND ephemeris WHERE platform = 'swarma' ON 2020-02-02T02:03) USING (platform)",
                    [("2020-02-02T02:00:00", "2020-02-02T02:04:00")],
                ),
            ):
                result = archive.run(text + window)
                assert [(record["start"], record["end"]) for record in result.records] == runs, (archive.name, window)


# --- the demonstration


def keograms_during_passes(passes: Sequence[dict[str, Any]], keograms: Sequence[dict[str, Any]]) -> list[str]:
    """Return the keograms that overlap a pass over their site, extended by ten minutes at both ends."""
    padding = timedelta(minutes=10)
    times = [
        (
            datetime.fromisoformat(item["start"]) - padding,
            datetime.fromisoformat(item["end"]) + padding,
            {source["platform"] for source in item["data_sources"]},
        )
        for item in passes
    ]
    return sorted(
        keogram["url"]
        for keogram in keograms
        if any(
            datetime.fromisoformat(keogram["start"]) <= end
            and datetime.fromisoformat(keogram["end"]) >= start
            and keogram["data_source"]["platform"] in sites
            for start, end, sites in times
        )
    )


DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily'"


def test_keograms_of_passes_are_a_join(demo: Archive) -> None:
    """From an issue report: at 50 km in January 2020 there are 14 keograms of sites on days with a pass, not 60."""
    passes = demo.run(
        "LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 50 km DURING 2020-01"
    )
    keograms = demo.run(f"{DAILY} DURING 2020-01")
    expected = keograms_during_passes(passes.records, keograms.records)
    result = demo.run(f"{DAILY} DURING passes PADDED BY 10 minutes USING (platform)")
    assert urls(result) == expected
    assert len(expected) == 14
    apart = f"{DAILY} AND platform IN passes.platform DURING passes PADDED BY 10 minutes"
    loose = demo.run(apart)
    assert len(loose) == 60
    (warning,) = loose.warnings
    assert (warning.code, warning.fix) == ("AQL0620", "DURING passes PADDED BY 10 minutes USING (platform)")
    assert isinstance(warning.origin, Span)
    result = demo.run(apart[: warning.origin.start] + str(warning.fix) + apart[warning.origin.end :])
    assert (urls(result), result.warnings) == (expected, ())


def test_the_examples_are_joins_too(demo: Archive) -> None:
    text = (ROOT / "examples" / "passes.aql").read_text("utf-8")
    passes, result = demo.run_script(text, distance=50, month="2020-01")
    assert urls(result) == keograms_during_passes(passes.records, demo.run(f"{DAILY} DURING 2020-01").records)
    assert len(result) == 14
    readme = (ROOT / "README.md").read_text("utf-8")
    (block,) = (match for match in re.findall(r"```aql\n(.*?)```", readme, re.DOTALL) if "LET passes" in match)
    passes, result, *_ = demo.run_script(block)
    days = demo.run(f"{DAILY} BETWEEN 2019-12-31 AND 2020-01-08").records
    assert urls(result) == keograms_during_passes(passes.records, days)
    assert 0 < len(result) < len(days)


def test_a_short_window_suggests_overlapping(demo: Archive) -> None:
    for window in (
        "BETWEEN 2021-01-01T06:00 AND 2021-01-01T09:00",
        "ON 2021-01-01T06:00",
        "LAST 3 hours BEFORE '2021-01-01T09:00' + 1 hour",
    ):
        text = f"FIND data_products WHERE program = 'trex' AND (keogram_type = 'daily' OR movie_type = 'real-time daily') {window}"
        result = demo.run(text)
        assert len(result) == 0
        (warning,) = (item for item in result.warnings if item.code == "AQL0621")
        fixed = demo.run(text[: warning.origin.start] + str(warning.fix) + text[warning.origin.end :])  # type: ignore[union-attr]
        assert len(fixed) > 0
        assert fixed.warnings == ()
        for record in fixed.records:
            assert record["start"] <= "2021-01-01T10:00:00"
            assert record["end"] >= "2021-01-01T06:00:00"
    for text in (
        "FIND data_products WHERE keogram_type = 'hourly' BETWEEN 2021-01-01T06:00 AND 2021-01-01T09:00",
        "FIND data_products WHERE keogram_type != 'daily' BETWEEN 2021-01-01T06:00 AND 2021-01-01T09:00",
        "FIND data_products WHERE keogram_type = 'daily' ON 2021-01-01",
    ):
        assert "AQL0621" not in [item.code for item in demo.run(text).warnings], text


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("FIND conjunctions OF ground, space WITHIN 9 km DURING r USING (keogram_type)", "AQL0201"),
        ("FIND data_products DURING r USING (end, url)", "AQL0201"),
        ("FIND data_products DURING r USING (r.platform)", "AQL0201"),
        ("FIND data_products DURING r USING (data_source)", "AQL0205"),
        ("FIND data_products DURING r USING (platform, platform)", "AQL0111"),
        ("FIND data_products DURING (FIND r SELECT start, end, identifier AS url) USING (url)", "AQL0203"),
        ("FIND data_products DURING (FIND r SELECT platform) USING (platform)", "AQL0222"),
    ],
)
def test_fields_missing_on_one_side(archives: tuple[Archive, ...], statement: str, code: str) -> None:
    archive = archives[0]
    store_result(archive, [])
    with pytest.raises(StatementError) as raised:
        archive.run(statement)
    assert codes(raised.value) == [code]


@pytest.mark.parametrize(
    ("statement", "fix"),
    [
        (
            "FIND data_products WHERE platform IN c.platform AND data_source.program IN c.program DURING c",
            "DURING c USING (platform, data_source.program)",
        ),
        (
            "FIND ephemeris WHERE platform IN c.platform DURING c PADDED BY $n min",
            "DURING c PADDED BY $n min USING (platform)",
        ),
        ("FIND data_products WHERE platform IN c.platform OR program = 'trex' DURING c", None),
        ("FIND data_products WHERE url IN c.platform DURING c", None),
        ("FIND data_products WHERE platform IN (FIND c SELECT platform) DURING (FIND c WHERE min_distance < 9)", None),
        ("FIND conjunctions OF ground (platform IN c.platform), space WITHIN 9 km DURING c", None),
        ("FIND data_products WHERE platform IN c.platform DURING c USING (platform)", ""),
        ("FIND data_products WHERE NOT platform IN c.platform DURING c", ""),
        ("FIND data_products WHERE platform IN d.platform DURING c", ""),
        ("FIND data_products WHERE platform IN c.platform ON 2020-01-01", ""),
    ],
)
def test_independent_lists_and_times_cause_a_warning(statement: str, fix: str | None) -> None:
    meeting = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 9 km ON 2020-01-01"
    script = f"LET c = {meeting}; LET d = {meeting}; {statement}"
    ((_, diagnostics),) = check_scripts([Source(script)], load_shipped(), {"n": 5} if "$n" in statement else {})
    warned = [item for item in diagnostics if item.code == "AQL0620"]
    assert [item.fix for item in warned] == ([] if fix == "" else [fix])
    if fix:
        (warning,) = warned
        assert isinstance(warning.origin, Span)
        fixed = script[: warning.origin.start] + fix + script[warning.origin.end :]
        ((_, diagnostics),) = check_scripts([Source(fixed)], load_shipped(), {"n": 5} if "$n" in statement else {})
        assert diagnostics == ()
