"""Generated texts of expressions of every kind of record, with all functions, operators and literals of the language.

Unlike those of `expression_strategies`, they are not computed in Python, so they may be wrong, for example in their
units. A law that uses them skips statements with errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from auroraql.schema import Type
from auroraql.schema.functions import FUNCTIONS, Function

Texts = st.SearchStrategy[str]


@dataclass(frozen=True)
class Leaves:
    """Names of the fields of a kind by their types, and one list."""

    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    times: tuple[str, ...]
    listed: str = ""
    booleans: tuple[str, ...] = ()


LEAVES = {
    "data_products": Leaves(
        ("identifier", "data_source.identifier", "metadata.wavelength", "metadata.`odd key`"),
        ("platform", "display_name", "url", "metadata.keogram_type"),
        ("start", "end", "metadata.imaging_start_time"),
        booleans=("metadata.colour",),
    ),
    "ephemeris": Leaves(
        ("nbtrace.lat", "radial_distance", "location_geo.lon", "metadata.calgary_cloud_ml_v1_confidence"),
        ("platform", "nbtrace_region"), ("epoch",), booleans=("tii_on",),
    ),
    "conjunctions": Leaves(
        ("min_distance", "max_distance", "len(events)"), ("ground1", "space1.platform", "conjunction_type"), ("start", "end"), "platform"
    ),
}  # fmt: skip

_numbers: Texts = st.one_of(
    st.integers(-9, 999).map(str),
    st.integers(-(2**62), 2**62).map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(repr),
    st.sampled_from(["0.0", "-0.0", "1e3", "5.50", "1E-7", "90 deg", "100 km", "557.7 nm"]),
)
_texts: Texts = st.sampled_from(
    ["''", "'it''s'", "'100%'", "'2021-01-01'", "'NULL'", "'-- a'", "'a; b'", "'1'", "'é\t'"]
)
_times: Texts = st.sampled_from(
    ["2021-01-01", "2021", "2021-01-01T06:30:00.25", "(2021-01-01 + 36 hours)", "NOW - 1 h", "TODAY", "2021-01"]
)
_durations: Texts = st.sampled_from(["30 s", "1.5 h", "2 days", "0 min", "-1 h", "1 week", "0.000001 s"])


def _join(template: str, *parts: Texts) -> Texts:
    return st.tuples(*parts).map(lambda texts: template.format(*texts))


def _calls(arguments: dict[str, Texts], is_wanted: Callable[[Function], bool]) -> Texts:
    """Return calls of the functions of the table that are wanted, with arguments of the declared types."""
    calls = []
    for function in FUNCTIONS.values():
        kinds = [kind for _, kind in function.arguments]
        if is_wanted(function) and set(kinds) <= arguments.keys():
            counts = range(len(kinds) - function.optional, len(kinds) + 1 + function.is_variadic)
            for count in counts:
                taken = [arguments[kind] for kind in (kinds + kinds[-1:])[:count]]
                calls.append(_join(f"{function.name}({', '.join(['{}'] * count)})", *taken))
    return st.one_of(calls)


@dataclass(frozen=True)
class Expressions:
    """Strategies of the texts of one kind."""

    values: Texts
    predicates: Texts
    aggregates: Texts
    group_predicates: Texts


def expressions_of(kind: str) -> Expressions:
    """Return the strategies of a kind of record."""
    leaves = LEAVES[kind]
    numbers: Texts = st.deferred(lambda: st.sampled_from(leaves.numbers) | _numbers | number_nodes)
    texts: Texts = st.deferred(lambda: st.sampled_from(leaves.texts) | _texts | text_nodes)
    times: Texts = st.deferred(lambda: st.sampled_from(leaves.times) | _times | time_nodes)
    durations: Texts = st.deferred(lambda: _durations | duration_nodes)
    predicates: Texts = st.deferred(lambda: predicate_leaves | predicate_nodes)
    values = numbers | texts | times | durations
    alike = st.sampled_from([numbers, texts, times])
    arguments: dict[str, Texts] = {
        "number": numbers,
        "text": texts,
        "time": times,
        "duration": durations,
        "value": alike.flatmap(lambda s: s),
        "time unit": st.sampled_from(["'day'", "'HOUR'", "'months'"]),
        "pattern": st.sampled_from(["'a|b'", "'^[a-z]{2,3}$'", "'x.*'"]),
        "list": st.just(leaves.listed or "events"),
    }

    def cases(of: Texts) -> Texts:
        return st.one_of(
            _join("CASE WHEN {} THEN {} ELSE {} END", predicates, of, of | st.just("NULL")),
            _join("CASE WHEN {} THEN {} WHEN {} THEN NULL END", predicates, of, predicates),
            _join("CASE {} WHEN {} THEN {} WHEN {} THEN {} ELSE {} END", texts, texts, of, texts, of, of),
            _join("coalesce({}, NULL, {})", of, of),
            _join("nullif({}, {})", of, of),
        )

    signs = st.sampled_from("+-*/%")
    number_nodes = st.one_of(
        _join("({}) {} ({})", numbers, signs, numbers),
        _join("{} {} {}", numbers, signs.filter(lambda sign: sign != "%"), numbers),
        _join("-({})", numbers),
        _calls(arguments, lambda f: not f.is_aggregate and f.result in ("argument", Type.NUMBER, Type.INTEGER)),
        _join("({}) / {}", durations, durations),
        cases(numbers),
    )
    text_nodes = st.one_of(
        _join("({} || {})", texts, values),
        _calls(arguments, lambda f: not f.is_aggregate and f.result is Type.STRING),
        cases(texts),
    )
    time_nodes = st.one_of(
        _join("({} {} {})", times, st.sampled_from("+-"), durations),
        _join("date_trunc({}, {})", arguments["time unit"], times),
        cases(times),
    )
    duration_nodes = st.one_of(
        _join("({} - {})", times, times), _join("({} * {})", durations, numbers), _join("-({})", durations)
    )
    signs_of_order = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])

    def comparisons(of: Texts) -> Texts:
        return st.one_of(
            _join("{} {} {}", of, signs_of_order, of),
            _join("{} {} ({}, {})", of, st.sampled_from(["IN", "NOT IN"]), of, of),
            _join("{} {} {} AND {}", of, st.sampled_from(["BETWEEN", "NOT BETWEEN"]), of, of),
            _join("{} {}", of, st.sampled_from(["IS NULL", "IS NOT NULL"])),
        )

    predicate_leaves = st.one_of(
        *map(comparisons, (numbers, texts, times, durations)),
        _join("{} {} {}", texts, st.sampled_from(["LIKE", "NOT LIKE", "ILIKE", "NOT ILIKE"]), _texts),
        _join("{} LIKE '10!%' ESCAPE '!'", texts),
        _calls(arguments, lambda f: f.result is Type.BOOLEAN),
        st.sampled_from(["TRUE", "FALSE", "1 > 2", *leaves.booleans]),
    )
    predicate_nodes = st.one_of(
        _join("NOT {}", predicates), _join("NOT ({})", predicates), _join("({} AND {})", predicates, predicates),
        _join("({} OR {})", predicates, predicates),
    )  # fmt: skip
    gathered = st.one_of(
        st.just("count(*)"),
        _join("count(DISTINCT {})", values),
        _calls(arguments | {"records": values}, lambda f: f.is_aggregate),
    )
    computed = st.one_of(gathered, _join("({} + 1) / {}", gathered, _numbers), _join("round({}, 2)", gathered))
    group_predicates = st.one_of(
        comparisons(computed), _join("{} > 1 AND NOT {} < 5", computed, computed), _join("n * 2 > {}", computed)
    )
    return Expressions(values, predicates, computed, group_predicates)
