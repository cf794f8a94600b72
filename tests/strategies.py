"""Searches for property tests: Query values of every kind that one request can say, and the parts of them."""

from __future__ import annotations

from datetime import datetime

from hypothesis import strategies as st

from auroraql.query import And, Column, Comparison, Or, OrderKey, Predicate, Query, Ref
from auroraql.schema import DATA_PRODUCTS, Type
from auroraql.schema.catalogue import shipped
from auroraql.schema.data_products import PRODUCT_TYPES
from auroraql.schema.operators import OPERATORS, WIRE

# Anything a user can put between quotes: quotes, brackets, blanks, surrogates, controls.
TEXTS = st.one_of(
    st.sampled_from(
        [
            "daily",
            "fort smith",
            "unis/kho",
            "RGB ASI",
            "o'brien",
            '"',
            "a, b",
            "(x)",
            "5",
            "-1.50",
            "007",
            "true",
            "",
            " ",
        ]
    ),
    st.text(st.characters(), max_size=12),
)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.decimals(-1000, 1000, places=2, allow_nan=False, allow_infinity=False).map(lambda d: f"{d:f}"),
)
KEYS = st.one_of(
    st.sampled_from(
        ["limit", "where", "program", "start", "a b", "data_source", "metadata", "`", "x.y", "größe", "true", "now"]
    ),
    st.text(st.characters(), min_size=1, max_size=8),
    st.sampled_from(shipped().keys("data_products")),
)
MOMENTS = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(lambda d: d.replace(microsecond=0)),
    st.dates().map(lambda d: datetime(d.year, d.month, d.day)),
    st.dates().map(lambda d: datetime(d.year, d.month, d.day, 23, 59, 59)),
)
_NATIVE = list(WIRE.values())


def values_of(key: str) -> st.SearchStrategy[str]:
    """Values a key can be compared with: of the type its schema tells, if one does."""
    known = shipped().key("data_products", key)
    return NUMBERS if known is not None and known.type is Type.NUMBER else TEXTS


def _counts(operator: str) -> tuple[int, int]:
    arity = OPERATORS[operator].arity
    return (1, 4) if arity < 0 else (arity, arity)


@st.composite
def filters(draw: st.DrawFn) -> Comparison:
    """One metadata filter that AuroraX has."""
    key = draw(KEYS)
    operator = draw(st.sampled_from(_NATIVE))
    least, most = _counts(operator)
    values = draw(st.lists(values_of(key), min_size=least, max_size=most))
    return Comparison(Ref("metadata", key), operator, tuple(values))


@st.composite
def native_predicates(draw: st.DrawFn) -> Predicate:
    """A predicate that fits one request: lists of fields, and one flat group of metadata filters."""
    terms: list[Predicate] = []
    for leaf in DATA_PRODUCTS.leaves():
        values = (
            draw(st.lists(st.sampled_from(leaf.known or ("trex", "gillam")) | TEXTS, max_size=3))
            if leaf.criterion
            else []
        )
        if values:
            terms.append(Comparison(Ref(leaf.role, leaf.name), "in", tuple(values), True))
    group = draw(st.lists(filters(), max_size=4))
    if draw(st.booleans()) and len(group) > 1:
        terms.append(Or(tuple(group)))
    else:
        terms += group
    return And(tuple(terms))


@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime | None, datetime | None]:
    """Both bounds, one, or none."""
    first, second = draw(st.none() | MOMENTS), draw(st.none() | MOMENTS)
    if first is not None and second is not None and second < first:
        first, second = second, first
    return first, second


REFS = st.one_of(
    st.sampled_from([Ref(leaf.role, leaf.name) for leaf in DATA_PRODUCTS.leaves() if leaf.type is not Type.OBJECT]),
    KEYS.map(lambda key: Ref("metadata", key)),
)
COLUMNS = st.lists(
    st.builds(
        Column,
        REFS | st.sampled_from([Ref("record", "data_source"), Ref("record", "metadata")]),
        st.just("") | st.text(min_size=1, max_size=6),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda column: column.label,
)


@st.composite
def searches(draw: st.DrawFn) -> Query:
    """A query that one native request says whole: what query JSON can say."""
    start, end = draw(windows())
    return Query.of(Query("data_products", draw(native_predicates()), start, end))


@st.composite
def predicates(draw: st.DrawFn) -> Predicate:
    """Any boolean tree of any comparisons, native or not."""
    leaf = st.one_of(filters(), _comparisons())
    return draw(
        st.recursive(
            leaf,
            lambda inner: st.one_of(
                st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms))),
                st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms))),
            ),
            max_leaves=8,
        )
    )


@st.composite
def _comparisons(draw: st.DrawFn) -> Comparison:
    leaf = draw(st.sampled_from([f for f in DATA_PRODUCTS.leaves() if f.type is Type.STRING]))
    operator = draw(st.sampled_from([name for name in OPERATORS if name != "not between"]))
    least, most = _counts(operator)
    values = draw(st.lists(TEXTS, min_size=least, max_size=most))
    return Comparison(Ref(leaf.role, leaf.name), operator, tuple(values), bool(leaf.criterion))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Any query the text form can say."""
    start, end = draw(windows())
    select = draw(st.none() | COLUMNS)
    order = draw(st.lists(st.builds(OrderKey, REFS, st.booleans(), st.booleans()), max_size=3))
    # An alias shadows a field of the record, which then has no other name to be ordered by.
    aliases = {column.alias for column in select or ()}
    order = [key for key in order if key.ref.role != "record" or key.ref.name not in aliases]
    limit = draw(st.none() | st.integers(0, 10**9))
    offset = draw(st.integers(0, 100)) if limit is not None else 0
    where = draw(predicates() | native_predicates())
    return Query.of(
        Query("data_products", where, start, end, tuple(select) if select else None, tuple(order), limit, offset)
    )


PRODUCT_TYPE_LISTS = st.lists(st.sampled_from(PRODUCT_TYPES), max_size=3)
