"""Hypothesis strategies of searches for conjunctions: those of one request, and any that the text form can express."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from auroraql.ir.query import And, Block, Column, Comparison, Criteria, Or, OrderKey, Predicate, Query, Ref
from auroraql.schema import BLOCKS, CONJUNCTIONS
from auroraql.schema.kinds.conjunctions import TRACES
from auroraql.schema.operators import Op
from tests.support.strategies import NUMBERS, TEXTS, in_bare_form, native_predicates, predicates, windows

_DEGREES = st.decimals(-90, 90, places=2, allow_nan=False, allow_infinity=False)
_POINTS = st.lists(st.tuples(_DEGREES, _DEGREES.map(lambda d: d * 2)), min_size=1, max_size=3)
_WHOLE = st.none() | st.integers(0, 30_000).map(Decimal)
_BROKEN = _WHOLE | st.decimals(0, 30_000, places=3, allow_nan=False, allow_infinity=False)
_VIA = st.lists(st.sampled_from(TRACES), max_size=3, unique=True).map(tuple)


@st.composite
def criteria(draw: st.DrawFn, *, native: bool) -> Criteria:
    """Generate two to five blocks, in any order, and a limit for each pair."""
    kinds = draw(st.lists(st.sampled_from(list(BLOCKS)), min_size=2, max_size=5))
    blocks = []
    for kind in kinds:
        if kind == "location":
            blocks.append(Block(kind, points=tuple(draw(_POINTS))))
        else:
            inner = native_predicates(BLOCKS[kind]) if native else predicates(BLOCKS[kind])
            blocks.append(Block(kind, draw(inner)))
    pairs = len(kinds) * (len(kinds) - 1) // 2
    distances = draw(st.lists(_WHOLE if native else _BROKEN, min_size=pairs, max_size=pairs))
    return Criteria(tuple(blocks), tuple(distances), draw(_VIA), draw(st.booleans()))


@st.composite
def searches(draw: st.DrawFn) -> Query:
    """Generate a query that one native request expresses completely."""
    start, end = draw(windows())
    return Query.build(Query("conjunctions", And(()), start, end, criteria=draw(criteria(native=True))))


_PLAIN = [Ref("record", name) for name in ("min_distance", "max_distance")]
_LISTED = [Ref("source", "data_sources.platform"), Ref("record", "events.e1_source.display_name")]


def _leaf(ref: Ref, operators: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Predicate]:
    return st.builds(lambda operator, value: Comparison(ref, operator, (value,)), st.sampled_from(operators), values)


_LEAVES = st.one_of(
    *(_leaf(ref, ["=", "!=", "<", "<=", ">", ">="], NUMBERS) for ref in _PLAIN),
    *(_leaf(ref, ["=", "!=", "in", "not in", "like", "not like"], TEXTS) for ref in _LISTED),
    st.just(Comparison(Ref("record", "start"), Op.GE, ("2020-01-01T00:00:00",))),
)
FOUND: st.SearchStrategy[Predicate] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda terms: st.sampled_from([And(tuple(terms)), Or(tuple(terms))])
    ),
    max_leaves=5,
)
"""Predicates on the conjunctions found."""

_NAMES = ["start", "data_sources", "events.e1_source", "data_sources.platform", "events.min_distance", "closest_epoch"]


def _column(name: str, alias: str) -> Column:
    declared = CONJUNCTIONS.field(name)
    assert declared is not None
    return Column(Ref(declared.role, name), alias)


_COLUMNS = st.builds(_column, st.sampled_from(_NAMES), st.just("") | st.sampled_from(["a", "b c"]))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Generate any query for conjunctions that the text form can express."""
    start, end = draw(windows())
    columns = _COLUMNS | _COLUMNS.map(lambda column: in_bare_form(column, CONJUNCTIONS))
    select = draw(st.none() | st.lists(columns, min_size=1, max_size=4, unique_by=lambda each: each.label))
    order = draw(st.lists(st.builds(OrderKey, st.sampled_from(_PLAIN), st.booleans(), st.booleans()), max_size=2))
    limit = draw(st.none() | st.integers(0, 10**9))
    where = draw(st.just(And(())) | FOUND)
    chosen = tuple(select) if select else None
    requests = draw(criteria(native=False))
    return Query.build(Query("conjunctions", where, start, end, chosen, tuple(order), limit, criteria=requests))
