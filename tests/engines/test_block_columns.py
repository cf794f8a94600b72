"""Tests of the columns of criteria blocks: `ground1`, `ground1.platform` … in every clause, output and archive."""

from __future__ import annotations

import csv
import itertools
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import auroraql
from auroraql import Archive, ResultSet, connect
from auroraql.diagnostics.errors import StatementError, replace_value
from auroraql.ir.block_columns import BlockMatcher, block_columns, fits_block
from auroraql.ir.query import And, Block, Comparison, Ref
from auroraql.schema.catalogue import DataSource
from auroraql.schema.operators import Op
from tests.support.server_process import ServerProcess

OF = "OF ground AS img (program = 'trex'), space (program = 'swarm'), ground (program = 'rego')"
SEARCH = f"FIND conjunctions {OF} WITHIN 800 km, img-ground2 ANY"
ON = "ON 2020-01-02"
BLOCKS = ("img", "ground2", "space1")
"""The columns, in the order of query JSON."""


@pytest.fixture(scope="module", params=["embedded", "served"])
def archive(request: pytest.FixtureRequest, demo_server: ServerProcess) -> Iterator[Archive]:
    with connect("demo" if request.param == "embedded" else demo_server.url, timeout=60) as opened:
        yield opened


@pytest.fixture(scope="module")
def whole(archive: Archive) -> ResultSet:
    """All conjunctions of the search, as whole records."""
    return archive.run(f"{SEARCH} {ON}")


def last(archive: Archive, script: str) -> ResultSet:
    """Return the result of the last statement of a script."""
    return list(archive.run_script(script))[-1]


def source(record: dict[str, Any], block: str) -> dict[str, Any]:
    """Return the source of a block: each one has its own program here."""
    program = {"img": "trex", "ground2": "rego", "space1": "swarm"}[block]
    (match,) = (candidate for candidate in record["data_sources"] if candidate["program"] == program)
    return dict(match)


def test_whole_conjunctions_have_a_column_for_each_block(whole: ResultSet) -> None:
    names = [column.name for column in whole.columns]
    assert names[:6] == ["conjunction_type", "start", "end", *BLOCKS]
    for block in BLOCKS:
        assert whole[block] == [source(record, block)["display_name"] for record in whole.records]
    assert len(set(whole["space1"])) > 1


def test_records_are_those_of_the_service(archive: Archive, whole: ResultSet) -> None:
    """JSON has no key for a block, unless SELECT names it."""
    keys = {"conjunction_type", "start", "end", "data_sources", "min_distance", "max_distance", "closest_epoch"}
    assert {*whole.records[0]} == keys | {"farthest_epoch", "events"}
    assert set(map(len, whole.records)) == {9}
    stored = last(archive, f"LET c = {SEARCH} {ON}; FIND c WHERE img.platform = 'gillam'")
    assert stored.records == [record for record in whole.records if source(record, "img")["platform"] == "gillam"]
    assert stored["ground2"] == [source(record, "ground2")["display_name"] for record in stored.records]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("img", {"img": "Name"}),
        ("img AS camera", {"camera": "Name"}),
        ("img.platform", {"img": {"platform": "site"}}),
        ("img {platform, display_name}", {"img": {"platform": "site", "display_name": "Name"}}),
        ("img, img.platform", {"img": {"platform": "site", "display_name": "Name"}}),
        ("img.platform AS site", {"site": "site"}),
        ("upper(img.platform) AS site", {"site": "SITE"}),
    ],
)
def test_select_gives_json_its_keys(archive: Archive, whole: ResultSet, select: str, expected: dict[str, Any]) -> None:
    result = archive.run(f"{SEARCH} SELECT {select} {ON}")
    for record, complete in zip(result.records, whole.records, strict=True):
        image = source(complete, "img")
        values = {"Name": image["display_name"], "site": image["platform"], "SITE": image["platform"].upper()}

        def filled(shape: Any, values: dict[str, Any] = values) -> Any:
            return {k: filled(v) for k, v in shape.items()} if isinstance(shape, dict) else values[shape]

        assert record == filled(expected)


PREDICATES = (
    ("img.platform = 'gillam'", lambda img, _rego, _swarm: img["platform"] == "gillam"),
    ("ground1.platform = ground2.platform", lambda img, rego, _swarm: img["platform"] == rego["platform"]),
    ("img.identifier > space1.identifier * 4", lambda img, _rego, swarm: img["identifier"] > swarm["identifier"] * 4),
    ("NOT space1 LIKE '%b' AND upper(ground2) = 'REGO GILL'", lambda _img, rego, swarm: rego["display_name"].upper() == "REGO GILL" and not swarm["display_name"].lower().endswith("b")),
    ("length(img) > 13 OR space1.platform IN ('swarma')", lambda img, _rego, swarm: len(img["display_name"]) > 13 or swarm["platform"] == "swarma"),
)  # fmt: skip


@pytest.mark.parametrize(("predicate", "holds"), PREDICATES, ids=[text for text, _ in PREDICATES])
def test_where_takes_block_columns(archive: Archive, whole: ResultSet, predicate: str, holds: Any) -> None:
    records = archive.run(f"{SEARCH} WHERE {predicate} {ON}").records
    expected = [r for r in whole.records if holds(*(source(r, block) for block in BLOCKS))]
    assert list(records) == expected
    assert 0 < len(expected) < len(whole)
    stored = last(archive, f"LET c = {SEARCH} {ON}; FIND c WHERE {predicate}")
    assert list(stored.records) == expected


def test_groups_orders_and_having(archive: Archive, whole: ResultSet) -> None:
    counts = Counter((source(r, "img")["platform"], source(r, "space1")["display_name"]) for r in whole.records)
    text = "SELECT img.platform, space1, count(*) AS n {} GROUP BY img.platform, space1 HAVING n > 2 ORDER BY n DESC, space1, img.platform"
    expected = sorted(((*key, n) for key, n in counts.items() if n > 2), key=lambda row: (-row[2], row[1], row[0]))
    assert list(archive.run(f"{SEARCH} {text.format(ON)}").rows) == expected
    stored = last(archive, f"LET c = {SEARCH} {ON}; FIND c {text.format('')}")
    assert list(stored.rows) == expected
    days = archive.run(
        f"{SEARCH} SELECT ground1.platform AS site, day(start) AS day, count(*) AS n {ON} GROUP BY site, day"
    )
    assert sum(days["n"]) == len(whole)


def values(record: dict[str, Any], *names: str) -> set[tuple[Any, ...]]:
    """Return the distinct values of fields of the sources of a conjunction."""
    return {tuple(source[name] for name in names) for source in record["data_sources"]}


@pytest.mark.parametrize("names", [("platform",), ("program",), ("platform", "program"), ("program", "source_type")])
def test_a_conjunction_counts_once_in_the_group_of_each_site(
    archive: Archive, whole: ResultSet, names: tuple[str, ...]
) -> None:
    counts = Counter(site for record in whole.records for site in values(record, *names))
    listed = ", ".join(names)
    text = f"SELECT {listed}, count(*) AS n, min(min_distance) AS nearest {{}} GROUP BY {listed} ORDER BY {listed}"
    nearest = {
        site: min(record["min_distance"] for record in whole.records if site in values(record, *names))
        for site in counts
    }
    expected = sorted((*site, n, nearest[site]) for site, n in counts.items())
    result = archive.run(f"{SEARCH} {text.format(ON)}")
    assert list(result.rows) == expected
    assert result.records[0] == dict(zip([*names, "n", "nearest"], expected[0], strict=True))
    stored = last(archive, f"LET c = {SEARCH} {ON}; FIND c {text.format('')}")
    assert list(stored.rows) == expected
    for site, n in counts.items():
        (single,) = (name for name in names[:1])
        if len(names) == 1:
            count = archive.run(f"{SEARCH} SELECT count(*) AS n WHERE {single} = '{site[0]}' {ON}")
            assert count["n"] == [n]


def test_groups_of_sites_can_be_searched_and_referenced(archive: Archive) -> None:
    script = f"LET g = {SEARCH} SELECT platform, count(*) AS n {ON} GROUP BY platform HAVING platform LIKE 'g%'; "
    assert last(archive, script + "FIND g").rows == [("gillam", 31)]
    assert last(archive, f"{script} SQL FROM g SELECT platform WHERE platform = 'gillam'").rows == [("gillam",)]
    products = last(
        archive,
        script
        + "FIND data_products SELECT platform, count(*) WHERE platform IN g.platform ON 2020-01-02 GROUP BY platform",
    )
    assert products["platform"] == ["gillam"]


def test_lists_of_different_fields_are_grouped_by_every_combination(archive: Archive, whole: ResultSet) -> None:
    text = "SELECT platform, events.start, count(*) AS n {} GROUP BY platform, events.start ORDER BY events.start, platform"
    counts = Counter(
        (start, platform)
        for record in whole.records
        for (platform,) in values(record, "platform")
        for start in {event["start"] for event in record["events"]}
    )
    rows = archive.run(f"{SEARCH} {text.format(ON)}").rows
    assert [(start.isoformat(), platform, n) for platform, start, n in rows] == sorted(
        (start, platform, n) for (start, platform), n in counts.items()
    )


def test_fields_of_blocks_are_lists_of_values(archive: Archive, whole: ResultSet) -> None:
    sites = {source(record, "img")["platform"] for record in whole.records}
    for name in ("c.img.platform", "c.ground1.platform"):
        find = f"FIND data_products SELECT platform, count(*) WHERE program = 'trex' AND platform IN {name} {ON}"
        products = last(archive, f"LET c = {SEARCH} {ON}; {find} GROUP BY platform")
        assert set(products["platform"]) <= sites
        assert len(products) > 1


def test_a_star_after_a_block_gives_all_fields_of_its_source(archive: Archive, whole: ResultSet) -> None:
    records = archive.run(f"{SEARCH} SELECT img {{*}} {ON} LIMIT 1").records
    assert list(records) == [{"img": source(whole.records[0], "img")}]


def test_sql_reads_the_columns_and_the_fields_of_blocks(archive: Archive, whole: ResultSet) -> None:
    sql = "SQL SELECT img, c.space1, img.platform, ground1.identifier FROM c"
    rows = last(archive, f"LET c = {SEARCH} {ON}; {sql}")
    assert [column.name for column in rows.columns] == ["img", "space1", "img.platform", "ground1.identifier"]
    assert list(rows.rows) == [
        (
            source(r, "img")["display_name"],
            source(r, "space1")["display_name"],
            source(r, "img")["platform"],
            source(r, "img")["identifier"],
        )
        for r in whole.records
    ]


def test_outputs_show_every_block(archive: Archive, whole: ResultSet, tmp_path: Path) -> None:
    frame = whole.to_pandas()
    table = whole.to_arrow()
    whole.save(tmp_path / "c.parquet")
    whole.save(tmp_path / "c.csv")
    whole.save(tmp_path / "c.json")
    parquet = pyarrow.parquet.read_table(tmp_path / "c.parquet")
    with (tmp_path / "c.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for block in BLOCKS:
        expected = whole[block]
        assert list(frame[block]) == expected
        assert table[block].to_pylist() == parquet[block].to_pylist() == expected
        assert [row[block] for row in rows] == expected
    assert json.loads((tmp_path / "c.json").read_text()) == list(whole.records)
    assert "Swarm" in str(archive.run(f"{SEARCH} {ON} LIMIT 1"))


NAMED = "FIND conjunctions OF ground AS {} (program = 'trex'), space (program = 'swarm') WITHIN 500 km"


@pytest.mark.parametrize(
    ("alias", "column"),
    [("g", "g"), ("start", "ground1"), ("EVENTS", "ground1"), ("`my camera`", "my camera"), ("`a.b`", "ground1")],
)
def test_an_alias_names_the_column_unless_it_is_taken(alias: str, column: str) -> None:
    with connect("demo") as archive:
        result = archive.run(f"{NAMED.format(alias)} {ON} LIMIT 1")
        assert [c.name for c in result.columns][3] == column
        written = f"`{column}`"
        rows = archive.run(f"{NAMED.format(alias)} SELECT {written}.platform AS p, ground1.platform AS q {ON} LIMIT 1")
    ((one, other),) = rows.rows
    assert one == other


@pytest.mark.parametrize(
    "clauses",
    [
        "SELECT `my camera`, `my camera`.platform, upper(`my camera`.program) AS p WHERE `my camera`.platform = 'gillam'",
        "SELECT * EXCLUDE (`my camera`)",
        "SELECT space1.platform, count(*) AS n GROUP BY space1.platform ORDER BY space1.platform",
    ],
)
def test_canonical_text_keeps_the_columns(clauses: str) -> None:
    text = auroraql.translate(f"{NAMED.format('`my camera`')} {clauses} {ON}", to="aql")
    assert auroraql.translate(text, to="aql") == text
    assert "AS `my camera`" in text


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("g.platfrom", "did you mean g.platform?"),
        ("g.metadata.calgary_cloud_ml_v1_confidence", "filter by it in the block"),
        ("g.nbtrace_region", "filter by it in the block"),
        ("ground2.platform", "did you mean ground1.platform?"),
    ],
)
def test_unknown_names_of_blocks_have_a_way_out(name: str, hint: str) -> None:
    with pytest.raises(StatementError, match="AQL0201") as caught:
        auroraql.translate(f"{NAMED.format('g')} SELECT {name} {ON}", to="plan")
    assert hint in str(caught.value)


# --- which source belongs to which block


def listed(identifier: int, program: str, source_type: str, platform: str = "p") -> dict[str, Any]:
    return {
        "identifier": identifier,
        "program": program,
        "platform": platform,
        "instrument_type": "i",
        "source_type": source_type,
        "display_name": f"{program} {identifier}",
    }


def of_program(program: str) -> Comparison:
    return Comparison(Ref("source", "data_source.program"), Op.EQ, (program,), listed=True)


CLOUDLESS = Comparison(Ref("metadata", "clouds"), Op.EQ, ("none",))


def test_a_block_takes_the_source_at_its_own_position() -> None:
    """Two blocks of one program, one of them with a metadata filter, cannot be distinguished by their sources."""
    blocks = (Block("ground", And((of_program("trex"), CLOUDLESS))), Block("ground", of_program("trex")))
    match = BlockMatcher(blocks, ("a", "b"))
    one, other = listed(1, "trex", "ground"), listed(2, "trex", "ground")
    assert match({"data_sources": [one, other]}) == {"a": one, "b": other}
    assert match({"data_sources": [other, one]}) == {"a": other, "b": one}


def test_a_block_without_a_source_is_left_out() -> None:
    match = BlockMatcher((Block("ground"), Block("space"), Block("location")), ("g", "s", "l"))
    space, point = listed(3, "swarm", "leo"), listed(-1, "adhoc", "not_applicable")
    assert match({"data_sources": [point, space]}) == {"s": space, "l": point}
    assert match({"data_sources": None}) == {}
    assert match({}) == {}


PROGRAMS = st.sampled_from(["trex", "rego", "swarm", "adhoc"])
BLOCK = st.builds(
    lambda kind, programs: Block(
        kind, And(tuple(of_program(p) for p in programs)) if kind != "location" else And(()), ()
    ),
    st.sampled_from(["ground", "space", "events", "location"]),
    st.lists(PROGRAMS.filter("adhoc".__ne__), max_size=1),
)
SOURCE = st.builds(
    listed, st.integers(1, 4), PROGRAMS, st.sampled_from(["ground", "leo", "event_list", ""]), st.just("p")
)


@given(st.lists(BLOCK, min_size=1, max_size=4), st.lists(SOURCE, max_size=4))
def test_as_many_blocks_as_possible_get_a_fitting_source(blocks: list[Block], sources: list[dict[str, Any]]) -> None:
    names = tuple(f"b{at}" for at in range(len(blocks)))
    matched = BlockMatcher(tuple(blocks), names)({"data_sources": sources})
    taken = [
        next(at for at, source in enumerate(sources) if source is matched[name]) for name in names if name in matched
    ]
    assert len(set(taken)) == len(taken)
    assert all(fits_block(DataSource(**matched[n]), b) for n, b in zip(names, blocks, strict=True) if n in matched)
    places = [*range(len(sources)), *[None] * len(blocks)]
    best = max(
        sum(
            at is not None and fits_block(DataSource(**sources[at]), block)
            for at, block in zip(chosen, blocks, strict=True)
        )
        for chosen in itertools.permutations(places, len(blocks))
    )
    assert len(matched) == best


def test_the_order_of_sources_does_not_matter_where_predicates_differ(whole: ResultSet) -> None:
    assert whole.plan is not None
    criteria = whole.plan.query.criteria
    assert criteria is not None
    match = BlockMatcher(criteria.blocks, BLOCKS)
    shuffler = random.Random(1)
    for record in whole.records:
        shuffled = shuffler.sample(record["data_sources"], 3)
        assert match(record | {"data_sources": shuffled}) == {block: source(record, block) for block in BLOCKS}


def test_aliases_are_not_part_of_the_search() -> None:
    block = Block("ground", of_program("trex"), alias="a")
    assert block == replace_value(block, alias="b")
    assert [column.name for column in block_columns([("space", "s"), ("ground", "S"), ("ground", "ground1")])] == [
        "ground1",
        "ground2",
        "s",
    ]
