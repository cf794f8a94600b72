"""Predicates on times with every kind of literal equal a plain evaluation, and their requests cover them.

The oracle knows the interval of each literal because it created the literal. It parses no text and shares no code with
the product.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql import connect
from auroraql.codecs import query_json, script
from auroraql.diagnostics.errors import Source
from auroraql.engines.duckdb import postprocess
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.language import printer
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from auroraql.session.archive import Archive
from tests.support import small_catalogue
from tests.support.small_catalogue import SOURCES, Position, Product

KNOWN = Catalogue(tuple(DataSource(*item) for item in SOURCES), load_shipped().metadata)
MICROSECOND, SECOND = timedelta(microseconds=1), timedelta(seconds=1)
KEY = "imaging_start_time"

Truth = bool | None


@dataclass(frozen=True)
class Literal:
    """A time as written or passed, and the first and last instant of the interval that it names."""

    text: str
    first: datetime
    last: datetime
    value: Any = None


@dataclass(frozen=True)
class Test:
    """A comparison, NOT, AND or OR: `word` is a comparison operator or one of those three."""

    __test__ = False

    word: str
    field: str = ""
    literals: tuple[Literal, ...] = ()
    terms: tuple[Test, ...] = ()


_MINUTES = st.integers(-90, 3 * 24 * 60).map(lambda n: datetime(2020, 1, 1) + timedelta(minutes=30 * (n // 30)))


@st.composite
def literals(draw: st.DrawFn) -> Literal:
    moment, sort = draw(_MINUTES), draw(st.integers(0, 11))
    day = moment.replace(hour=0, minute=0)
    plain = moment.isoformat(timespec="minutes")
    instant = Literal(plain, moment, moment)
    if sort < 4:
        last = day + timedelta(days=1) - MICROSECOND
        return Literal(f"{day:%Y-%m-%d}", day, last, draw(st.sampled_from([None, day.date()])))
    if sort == 4:
        first = day.replace(day=1)
        return Literal(f"{day:%Y-%m}", first, (first + timedelta(days=32)).replace(day=1) - MICROSECOND)
    if sort == 5:
        first = day.replace(day=1, month=1)
        return Literal(f"{day:%Y}", first, first.replace(year=first.year + 1) - MICROSECOND)
    if sort == 6:
        part = moment + timedelta(microseconds=draw(st.sampled_from([1, 400_000, 500_000, 999_999])))
        return Literal(part.isoformat(), part, part, draw(st.sampled_from([None, part])))
    if sort == 7:
        zone = timezone(draw(st.sampled_from([timedelta(hours=1), timedelta(hours=-3.5), timedelta(hours=14)])))
        local = moment.replace(tzinfo=UTC).astimezone(zone)
        return Literal(local.isoformat(), moment, moment, draw(st.sampled_from([None, local])))
    if sort == 8:
        return Literal(draw(st.sampled_from([f"{plain}Z", f"{plain} UTC", plain.replace("T", " ")])), moment, moment)
    return Literal(plain, moment, moment, draw(st.sampled_from([None, moment]))) if sort == 9 else instant


def comparisons(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    counts = {"BETWEEN": 2, "NOT BETWEEN": 2, "IN": 3, "NOT IN": 2}
    words = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", *counts, *("<", "<=", ">", ">=", "=")])
    return words.flatmap(
        lambda word: st.builds(
            Test,
            st.just(word),
            st.sampled_from(fields),
            st.lists(literals(), min_size=counts.get(word, 1), max_size=counts.get(word, 1)).map(tuple),
        )
    )


def join_terms(word: str, terms: Sequence[Test]) -> Test:
    return Test(word, terms=tuple(terms))


def trees(fields: Sequence[str]) -> st.SearchStrategy[Test]:
    several = [("AND", 2), ("OR", 2), ("NOT", 1)]

    def join_tests(inner: st.SearchStrategy[Test]) -> st.SearchStrategy[Test]:
        return st.one_of(
            *(st.lists(inner, min_size=count, max_size=count).map(partial(join_terms, word)) for word, count in several)
        )

    return st.recursive(comparisons(fields), join_tests, max_leaves=6)


def print_tree(test: Test, quoted: Callable[[], bool], parameters: dict[str, Any]) -> str:
    """Return the text of a tree. Its parameters are added to `given`."""
    if test.word == "NOT":
        return f"NOT ({print_tree(test.terms[0], quoted, parameters)})"
    if test.terms:
        return "(" + f" {test.word} ".join(print_tree(term, quoted, parameters) for term in test.terms) + ")"
    values = []
    for literal in test.literals:
        if literal.value is not None:
            parameters[f"p{len(parameters)}"] = literal.value
            values.append(f"$p{len(parameters) - 1}")
        else:
            values.append(f"'{literal.text}'" if quoted() else literal.text)
    if test.word.endswith("BETWEEN"):
        return f"{test.field} {test.word} {values[0]} AND {values[1]}"
    right = f"({', '.join(values)})" if test.word.endswith("IN") else values[0]
    return f"{test.field} {test.word} {right}"


def truth(test: Test, value: Callable[[str], datetime | None]) -> Truth:
    """Return True, False, or None for unknown."""
    if test.word == "NOT":
        return opposite(truth(test.terms[0], value))
    if test.terms:
        truths = [truth(term, value) for term in test.terms]
        if test.word == "OR":
            return opposite(every([opposite(item) for item in truths]))
        return every(truths)
    moment = value(test.field)
    if moment is None:
        return None
    first, last = test.literals[0].first, test.literals[-1].last
    inside = [literal.first <= moment <= literal.last for literal in test.literals]
    return {
        "=": inside[0],
        "!=": not inside[0],
        "IN": any(inside),
        "NOT IN": not any(inside),
        "<": moment < first,
        ">=": moment >= first,
        "<=": moment <= last,
        ">": moment > last,
        "BETWEEN": first <= moment <= last,
        "NOT BETWEEN": not first <= moment <= last,
    }[test.word]


def opposite(truth: Truth) -> Truth:
    return None if truth is None else not truth


def every(truths: Sequence[Truth]) -> Truth:
    return False if False in truths else None if None in truths else True


def _products() -> list[Product]:
    products = []
    for number in range(40):
        start = datetime(2019, 12, 31) + timedelta(hours=3 * number, minutes=30 * (number % 3))
        lasts = (timedelta(minutes=59), timedelta(hours=23, minutes=59), timedelta(hours=1, seconds=7))[number % 3]
        moment = start + timedelta(microseconds=(0, 1, 400_000, 500_000)[number % 4])
        metadata = {KEY: moment.isoformat(timespec="microseconds")} if number % 5 else {}
        products.append(Product((1, 2, 3)[number % 3], start, start + lasts, f"u{number:02}", metadata=metadata))
    return products


PRODUCTS = _products()
POSITIONS = [
    Position((1, 3)[number % 2], datetime(2019, 12, 31, 12) + timedelta(minutes=30 * number)) for number in range(160)
]


def value_of(record: Product | Position) -> Callable[[str], datetime | None]:
    def value(field: str) -> datetime | None:
        if field == KEY:
            text = (record.metadata or {}).get(KEY)
            return None if text is None else datetime.fromisoformat(text)
        moment: datetime = getattr(record, field)
        return moment

    return value


FIELDS = {"data_products": ("start", "end", KEY), "ephemeris": ("epoch",)}
RECORDS: dict[str, Sequence[Product | Position]] = {"data_products": PRODUCTS, "ephemeris": POSITIONS}


def identity(record: Product | Position) -> str:
    return record.url if isinstance(record, Product) else f"{record.data_source} {record.epoch.isoformat()}"


def matching_records(kind: str, test: Test) -> list[str]:
    return sorted(identity(record) for record in RECORDS[kind] if truth(test, value_of(record)) is True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    path: Path = tmp_path_factory.mktemp("times") / "times.duckdb"
    with connect(small_catalogue.write(path, PRODUCTS, positions=POSITIONS)) as opened:
        yield opened


@st.composite
def searches(draw: st.DrawFn) -> tuple[str, Test, str, dict[str, Any]]:
    kind = draw(st.sampled_from(sorted(FIELDS)))
    test = draw(trees(FIELDS[kind]))
    parameters: dict[str, Any] = {}
    where = print_tree(test, lambda: draw(st.booleans()), parameters)
    return kind, test, f"FIND {kind} WHERE program IN ('trex', 'themis-asi') AND {where}", parameters


@settings(max_examples=120, deadline=None)
@given(searches())
def test_law_5_times_in_an_archive(archive: Archive, search: tuple[str, Test, str, dict[str, Any]]) -> None:
    kind, test, text, parameters = search
    archive.on_warning(lambda *_: None)
    records = archive.run(text, **parameters).records
    names = [r["url"] if kind == "data_products" else f"{r['data_source']['identifier']} {r['epoch']}" for r in records]
    assert sorted(names) == matching_records(kind, test)


def record(item: Product | Position) -> dict[str, Any]:
    names = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name")
    source = dict(zip(names, next(row for row in SOURCES if row[0] == item.data_source), strict=True))
    if isinstance(item, Position):
        return {"epoch": item.epoch.isoformat(), "data_source": source, "metadata": {}}
    times = {"start": item.start.isoformat(), "end": item.end.isoformat()}
    return {**times, "data_source": source, "url": item.url, "metadata": item.metadata}


def service(kind: str, query: dict[str, Any], document: dict[str, Any]) -> bool:
    """Return the response of a service that compares metadata as text."""
    first, last = (document["epoch"],) * 2 if kind == "ephemeris" else (document["start"], document["end"])
    if first < query.get("start", "") or last > query.get("end", "9"):
        return False
    lists = query["data_sources"]
    for name in ("program", "platform", "instrument_type"):
        if lists[f"{name}s"] and document["data_source"][name] not in lists[f"{name}s"]:
            return False
    group = lists[KINDS[kind].filters]
    matches = [_holds(one, document["metadata"].get(one["key"])) for one in group["expressions"]]
    return not matches or (any(matches) if group["logical_operator"] == "OR" else all(matches))


def _holds(one: dict[str, Any], stored: str | None) -> bool:
    if stored is None:
        return False
    values = one["values"]
    checks: dict[str, Callable[[], bool]] = {
        "=": lambda: stored == values[0],
        "!=": lambda: stored != values[0],
        "<": lambda: stored < values[0],
        "<=": lambda: stored <= values[0],
        ">": lambda: stored > values[0],
        ">=": lambda: stored >= values[0],
        "in": lambda: stored in values,
        "not in": lambda: stored not in values,
        "between": lambda: values[0] <= stored <= values[1],
    }
    return checks[one["operator"]]()


def fetch(plan: Plan, kind: str) -> list[dict[str, Any]]:
    records: dict[str, dict[str, Any]] = {}
    for request in plan.requests:
        document = query_json.write_query_json(request)
        for item in map(record, RECORDS[kind]):
            if service(kind, document, item):
                records.setdefault(json.dumps(item, sort_keys=True), item)
    return list(records.values())


@settings(max_examples=120, deadline=None)
@given(searches())
def test_law_5_times_by_requests(search: tuple[str, Test, str, dict[str, Any]]) -> None:
    kind, test, text, parameters = search
    plan = plan_query(resolve(script.read_find(Source(text)), KNOWN, parameters).query, KNOWN)
    done = postprocess.filter_records(fetch(plan, kind), plan.post_processing, KINDS[kind])
    names = [r["url"] if kind == "data_products" else f"{r['data_source']['identifier']} {r['epoch']}" for r in done]
    assert sorted(names) == matching_records(kind, test)


def same_moment(moment: datetime, _field: str) -> datetime:
    """Return the time of every field of a record that has one."""
    return moment


@settings(max_examples=120, deadline=None)
@given(trees(("epoch",)))
def test_requests_for_ephemeris_stay_within_the_hull(test: Test) -> None:
    parameters: dict[str, Any] = {}
    text = f"FIND ephemeris WHERE program = 'trex' AND {print_tree(test, lambda: False, parameters)}"
    plan = plan_query(resolve(script.read_find(Source(text)), KNOWN, parameters).query, KNOWN, cut=False)
    edges = set(_edges(test))
    near = {edge + step * SECOND for edge in edges for step in (-1, 0, 1)}
    whole = {moment.replace(microsecond=0) for moment in near} | {datetime(1900, 1, 1), datetime(2100, 1, 1)}
    expected = sorted(moment for moment in whole if truth(test, partial(same_moment, moment)))
    for request in plan.requests:
        assert expected
        assert request.start is None or request.start >= expected[0]
        assert request.end is None or request.end <= expected[-1]
        assert request.start is not None or expected[0] == datetime(1900, 1, 1)
        assert request.end is not None or expected[-1] == datetime(2100, 1, 1)


def _edges(test: Test) -> Iterator[datetime]:
    for literal in test.literals:
        yield from (literal.first, literal.last)
    for term in test.terms:
        yield from _edges(term)


SPACECRAFT = (9, "swarm", "swarma", "footprint", "leo", "Swarm A")
_PLACE, _NEAR, _MIDDLE, _FAR = (60.0, 0.0), (60.5, 0.0), (61.0, 0.0), (61.5, 0.0)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Pass:
    """A run of minutes in which a spacecraft is near the single site.

    `closest` is the minute of the smallest distance.
    """

    epochs: tuple[datetime, ...]
    closest_epoch: datetime
    farthest_epoch: datetime

    start = property(lambda self: self.epochs[0])
    end = property(lambda self: self.epochs[-1])

    def within(self, start: datetime, end: datetime) -> Pass | None:
        """Return the part of the pass that a search with this window finds, as far as these tests need it."""
        inside = tuple(epoch for epoch in self.epochs if start <= epoch <= end)
        if not inside:
            return None
        closest = self.closest_epoch if self.closest_epoch in inside else inside[0]
        return Pass(inside, closest, self.farthest_epoch if self.farthest_epoch in inside else inside[0])


def _passes() -> list[Pass]:
    passes = []
    for number in range(24):
        start = datetime(2019, 12, 31, 0, 27) + timedelta(hours=4 * number)
        minutes = 150 if number % 8 == 5 else 4 + number % 7
        epochs = tuple(start + minute * _MINUTE for minute in range(minutes))
        passes.append(Pass(epochs, epochs[1], epochs[-2]))
    return passes


PASSES = _passes()
FROM_PASSES = ("start", "end", "closest_epoch", "farthest_epoch")


def _track() -> Iterator[Position]:
    for item in PASSES:
        for epoch in item.epochs:
            place = {item.closest_epoch: _NEAR, item.farthest_epoch: _FAR}.get(epoch, _MIDDLE)
            yield Position(SPACECRAFT[0], epoch, (place, None, place, place))
            yield Position(1, epoch, (_PLACE, None, _PLACE, _PLACE))


@pytest.fixture(scope="module")
def passes_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    path: Path = tmp_path_factory.mktemp("passes") / "passes.duckdb"
    with connect(small_catalogue.write(path, (), (*SOURCES, SPACECRAFT), positions=tuple(_track()))) as opened:
        opened.on_warning(lambda *_: None)
        yield opened


def passes_that_match(test: Test) -> list[str]:
    return sorted(
        f"{item.start.isoformat()} {item.end.isoformat()}"
        for item in PASSES
        if truth(test, partial(getattr, item)) is True
    )


@st.composite
def conjunction_searches(draw: st.DrawFn) -> tuple[Test, str, dict[str, Any]]:
    test = draw(trees(FROM_PASSES))
    parameters: dict[str, Any] = {}
    where = print_tree(test, lambda: draw(st.booleans()), parameters)
    blocks = "ground (program = 'trex' AND platform = 'gillam'), space (program = 'swarm')"
    return test, f"FIND conjunctions OF {blocks} WITHIN 300 km WHERE {where}", parameters


@settings(max_examples=40, deadline=None)
@given(conjunction_searches())
def test_law_5_times_of_conjunctions_in_an_archive(
    passes_archive: Archive, search: tuple[Test, str, dict[str, Any]]
) -> None:
    test, text, parameters = search
    records = passes_archive.run(text, **parameters).records
    assert sorted(f"{item['start']} {item['end']}" for item in records) == passes_that_match(test)


@settings(max_examples=100, deadline=None)
@given(conjunction_searches())
def test_law_5_times_of_conjunctions_by_requests(search: tuple[Test, str, dict[str, Any]]) -> None:
    """The windows cover every pass completely, and a pass cut by a window is distinguished from a complete one."""
    test, text, parameters = search
    catalogue = Catalogue((*KNOWN.sources, DataSource(*SPACECRAFT)), KNOWN.metadata)
    plan = plan_query(resolve(script.read_find(Source(text)), catalogue, parameters).query, catalogue)
    records = []
    for request in plan.requests:
        start, end = request.start or datetime.min, request.end or datetime.max
        for item in PASSES:
            overlap = item.within(start, end)
            if overlap is not None:
                times = {name: getattr(overlap, name).isoformat() for name in FROM_PASSES}
                records.append({"conjunction_type": "nbtrace", "data_sources": [], "events": [], **times})
    done = postprocess.filter_records(records, plan.post_processing, KINDS["conjunctions"])
    assert sorted(f"{element['start']} {element['end']}" for element in done) == passes_that_match(test)


@pytest.mark.parametrize(
    ("where", "start", "end"),
    [
        ("start >= '2020-01-05' AND start < '2020-01-08'", "2020-01-04T23:59:00", "2020-01-09T00:00:59"),
        ("end >= 2020-01-05 AND end < 2020-01-08", "2020-01-03T23:59:00", "2020-01-08T00:00:59"),
        ("start = 2020-01-05 OR closest_epoch = 2020-01-07", "2020-01-03T23:59:00", "2020-01-09T00:00:59"),
        ("farthest_epoch BETWEEN 2020-01 AND 2020-02", "2019-12-30T23:59:00", "2020-03-02T00:00:59"),
    ],
)
def test_times_of_conjunctions_narrow_both_ends_of_the_window(where: str, start: str, end: str) -> None:
    text = f"FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km WHERE {where}"
    plan = plan_query(resolve(script.read_find(Source(text)), load_shipped()).query, load_shipped())
    assert [(str(request.start), str(request.end)) for request in plan.requests] == [
        (start.replace("T", " "), end.replace("T", " "))
    ]


_LISTS = st.sampled_from(
    [
        "program = 'trex'",
        "program IN ('trex', 'rego')",
        "NOT program = 'rego'",
        "platform != 'gillam'",
        "identifier = 2",
    ]
)


@st.composite
def mixed_queries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Generate lists of one field, times and NOTs at every depth, perhaps with a window."""
    parameters: dict[str, Any] = {}
    text = draw(_LISTS)
    for _ in range(draw(st.integers(1, 4))):
        term = draw(_LISTS | trees(FIELDS["data_products"]).map(lambda t: print_tree(t, lambda: False, parameters)))
        text = f"{draw(st.sampled_from(['', 'NOT ']))}({text} {draw(st.sampled_from(['AND', 'OR']))} {term})"
    window = draw(st.sampled_from(["", " ON 2020-01-01", " SINCE 2020-01-01T06:00", " UNTIL 2020"]))
    return f"FIND data_products WHERE {text}{window}", parameters


@settings(max_examples=150, deadline=None)
@given(mixed_queries())
def test_laws_1_to_3_with_not_at_every_depth(search: tuple[str, dict[str, Any]]) -> None:
    text, parameters = search

    def meaning(statement: str, **values: Any) -> Query:
        return resolve(script.read_find(Source(statement)), load_shipped(), values).query

    query = meaning(text, **parameters)
    assert Query.build(query) == query
    canonical = printer.print_query(query, load_shipped())
    again = meaning(canonical)
    assert again == query, canonical
    plan = plan_query(query, load_shipped())
    assert plan_query(again, load_shipped()).requests == plan.requests
    if len(plan.requests) == 1 and not plan.post_processing:
        document = query_json.write_query_json(plan.requests[0])
        lifted = resolve(query_json.read_document(document, query.kind), load_shipped()).query
        assert query_json.write_query_json(plan_query(lifted, load_shipped()).requests[0]) == document


def test_a_datetime_is_an_instant_and_a_date_a_day(archive: Archive) -> None:
    archive.on_warning(lambda *_: None)
    midnight = datetime(2020, 1, 1)
    instant = archive.run("FIND data_products WHERE start = $d", d=midnight).records
    day = archive.run("FIND data_products WHERE start = $d", d=midnight.date()).records
    assert {r["url"] for r in instant} == {product.url for product in PRODUCTS if product.start == midnight}
    assert {r["url"] for r in day} == {product.url for product in PRODUCTS if product.start.date() == midnight.date()}
    assert "AQL0621" in [warning.code for warning in archive.run("FIND data_products ON $d", d=midnight).warnings]
