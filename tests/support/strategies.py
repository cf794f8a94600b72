"""Hypothesis strategies of queries: values of every kind, queries of one request, and their parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from hypothesis import assume
from hypothesis import strategies as st

from auroraql.diagnostics.errors import replace_value
from auroraql.ir.query import (
    And,
    Column,
    Comparison,
    FieldComparison,
    Or,
    OrderKey,
    Predicate,
    Query,
    Ref,
    default_columns,
)
from auroraql.schema import DATA_PRODUCTS, EPHEMERIS, KINDS, Field, Kind, Type
from auroraql.schema.catalogue import MetadataKey, load_shipped
from auroraql.schema.kinds.data_products import PRODUCT_TYPES
from auroraql.schema.operators import OPERATORS, WIRE, Op

# Anything a user can put between quotes: quotes, brackets, blanks, surrogates, control characters.
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
    st.sampled_from(["epoch", "lat", "nbtrace.lat"]),
    st.text(st.characters(), min_size=1, max_size=8),
    st.sampled_from([key for kind in KINDS for key in load_shipped().keys(kind)]),
)
MOMENTS = st.one_of(
    st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(lambda d: d.replace(microsecond=0)),
    st.dates().map(lambda d: datetime(d.year, d.month, d.day)),
    st.dates().map(lambda d: datetime(d.year, d.month, d.day, 23, 59, 59)),
)
_NATIVE = list(WIRE.values())


_VALUES = {
    Type.NUMBER: NUMBERS,
    Type.INTEGER: st.integers(-(10**6), 10**6).map(str),
    Type.BOOLEAN: st.sampled_from(["true", "false"]),
}


def values_of(key: str, kind: Kind = DATA_PRODUCTS) -> st.SearchStrategy[str]:
    """Generate values to compare a key with, of the type that its schema declares, if any."""
    known = load_shipped().key(kind.metadata, key)
    return TEXTS if known is None else _VALUES.get(known.type, TEXTS)


def operators_of(key: str, kind: Kind = DATA_PRODUCTS) -> list[Op]:
    """Return AuroraX's operators that apply to a key: TRUE and FALSE have no order."""
    known = load_shipped().key(kind.metadata, key)
    ordered = known is None or known.type.is_ordered
    return [name for name in _NATIVE if ordered or not OPERATORS[name].ordering]


def _counts(operator: Op) -> tuple[int, int]:
    arity = OPERATORS[operator].arity
    return (1, 4) if arity < 0 else (arity, arity)


@cache
@st.composite
def filters(draw: st.DrawFn, kind: Kind = DATA_PRODUCTS) -> Comparison:
    """Generate one metadata filter of AuroraX."""
    key = draw(KEYS)
    operator = draw(st.sampled_from(operators_of(key, kind)))
    least, most = _counts(operator)
    values = draw(st.lists(values_of(key, kind), min_size=least, max_size=most))
    return Comparison(Ref("metadata", key), operator, tuple(values))


@cache
@st.composite
def native_predicates(draw: st.DrawFn, kind: Kind = DATA_PRODUCTS) -> Predicate:
    """Generate a predicate of one request: lists of fields, and one flat group of metadata filters."""
    terms: list[Predicate] = []
    for leaf in kind.leaves():
        values = (
            draw(st.lists(st.sampled_from(leaf.known or ("trex", "gillam")) | TEXTS, max_size=3))
            if leaf.criterion
            else []
        )
        if values:
            terms.append(Comparison(Ref(leaf.role, leaf.name), Op.IN, tuple(values), True))
    group = draw(st.lists(filters(kind), max_size=4))
    if draw(st.booleans()) and len(group) > 1:
        terms.append(Or(tuple(group)))
    else:
        terms += group
    return And(tuple(terms))


@cache
@st.composite
def windows(draw: st.DrawFn) -> tuple[datetime | None, datetime | None]:
    """Generate both bounds, one, or none."""
    first, second = draw(st.none() | MOMENTS), draw(st.none() | MOMENTS)
    if first is not None and second is not None and second < first:
        first, second = second, first
    return first, second


def _fields(kind: Kind) -> list[Ref]:
    return [Ref(leaf.role, leaf.name) for leaf in kind.leaves() if leaf.type is not Type.OBJECT]


@cache
def refs(kind: Kind) -> st.SearchStrategy[Ref]:
    """Generate a field other than an object, or a metadata key."""
    return st.sampled_from(_fields(kind)) | KEYS.map(lambda key: Ref("metadata", key))


@cache
def columns(kind: Kind) -> st.SearchStrategy[list[Column]]:
    """Generate columns for SELECT with distinct labels."""
    objects = [Ref("record", field.name) for field in kind.fields if field.type is Type.OBJECT]
    column = st.builds(Column, refs(kind) | st.sampled_from(objects), st.just("") | st.text(min_size=1, max_size=6))
    listed = st.lists(column | column.map(partial(in_bare_form, kind=kind)), min_size=1, max_size=5)
    starred = st.tuples(st.just(list(default_columns(kind.leaves()))), listed).map(lambda lists: [*lists[0], *lists[1]])
    return (listed | starred).map(_unique_names).filter(lambda columns: not _aliases_collide(columns))


def in_bare_form(column: Column, kind: Kind) -> Column:
    """Return the column as written without the prefix of its path, where that is another name and means the same."""
    if column.ref is None or column.alias or column.ref.bare == ".".join(column.ref.path):
        return column
    declared = kind.field(column.ref.bare)
    is_free = declared is None if column.ref.role == "metadata" else declared is not None
    return replace_value(column, bare=is_free)


def _unique_names(columns: list[Column]) -> list[Column]:
    """Return the first column of each name."""
    return list({column.label: column for column in reversed(columns)}.values())[::-1]


def _aliases_collide(columns: list[Column]) -> bool:
    """Return whether an alias equals the key of an object that contains another column."""
    objects = {column.ref.path[0] for column in columns if column.ref is not None and not column.alias}
    return any(column.alias in objects for column in columns if column.alias)


def limit_span(start: datetime | None, end: datetime | None, kind: Kind) -> datetime | None:
    """Return the end, or an earlier one where one request cannot span so much time."""
    reach = timedelta(days=28 * kind.longest_months)
    return start + reach if reach and start is not None and end is not None and end - start > reach else end


@st.composite
def searches(draw: st.DrawFn, kind: Kind = DATA_PRODUCTS) -> Query:
    """Generate a query that one native request expresses completely: what query JSON can express."""
    start, end = draw(windows())
    return Query.build(Query(kind.name, draw(native_predicates(kind)), start, limit_span(start, end, kind)))


@cache
def predicates(kind: Kind = DATA_PRODUCTS) -> st.SearchStrategy[Predicate]:
    """Generate any boolean tree of any comparisons, native or not."""
    return st.recursive(
        st.one_of(filters(kind), _comparisons(kind), field_comparisons(kind)),
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: And(tuple(terms))),
            st.lists(inner, min_size=2, max_size=3).map(lambda terms: Or(tuple(terms))),
        ),
        max_leaves=8,
    )


@cache
@st.composite
def _comparisons(draw: st.DrawFn, kind: Kind) -> Comparison:
    leaf = draw(st.sampled_from([f for f in kind.leaves() if f.type in (Type.STRING, Type.NUMBER)]))
    likened = leaf.type is Type.STRING
    named = [name for name in OPERATORS if name != "not between" and (likened or not name.endswith("like"))]
    operator = draw(st.sampled_from(named))
    least, most = _counts(operator)
    values = draw(st.lists(_VALUES.get(leaf.type, TEXTS), min_size=least, max_size=most))
    return Comparison(Ref(leaf.role, leaf.name), operator, tuple(values), bool(leaf.criterion))


def _declared(ref: Ref, kind: Kind) -> MetadataKey | Field | None:
    return load_shipped().key(kind.metadata, ref.name) if ref.role == "metadata" else kind.field(ref.name)


def _type(ref: Ref, kind: Kind) -> Type:
    known = _declared(ref, kind)
    return known.type if known is not None else Type.ANY


def _unit(ref: Ref, kind: Kind) -> str:
    known = _declared(ref, kind)
    return known.unit if known is not None else ""


@cache
@st.composite
def field_comparisons(draw: st.DrawFn, kind: Kind) -> FieldComparison:
    """Generate a comparison of two fields with one type, or with a metadata key, but not of different units."""
    left = draw(refs(kind))
    alike = [ref for ref in _fields(kind) if _type(ref, kind) is _type(left, kind)]
    keys = KEYS.map(lambda key: Ref("metadata", key))
    right = draw(refs(kind) if left.role == "metadata" else keys | st.sampled_from(alike))
    assume(len({_unit(left, kind), _unit(right, kind)} - {""}) < 2)
    ordered = _type(left, kind).is_ordered and _type(right, kind).is_ordered
    named = [Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE] if ordered else [Op.EQ, Op.NE]
    return FieldComparison(left, draw(st.sampled_from(named)), right)


@cache
@st.composite
def _functions(draw: st.DrawFn, kind: Kind) -> Column:
    """Generate an aggregate function."""
    ref = draw(st.none() | refs(kind))
    alias = draw(st.just("") | st.text(min_size=1, max_size=6))
    if ref is None:
        return Column(None, alias, function="count")
    declared = _type(ref, kind)
    named = ["count", *(["min", "max"] if declared.is_ordered else [])]
    if declared.is_ordered and (ref.role == "metadata" or declared in (Type.NUMBER, Type.INTEGER)):
        named += ["sum", "avg"]
    return Column(ref, alias, function=draw(st.sampled_from(named)))


@dataclass(frozen=True)
class Shape:
    """The columns and groups of a result, and the fields that it can be ordered by."""

    select: tuple[Column, ...] | None = None
    group_by: tuple[Ref, ...] = ()
    distinct: bool = False
    ordered: tuple[Ref, ...] | None = None
    """Fields to order by; None for any field."""

    def __post_init__(self) -> None:
        # An alias shadows a field of the record, which has no other name to group or order by.
        labels = {column.label if column.function else column.alias for column in self.select or ()}
        assume(not any(ref.role == "record" and ref.name in labels for ref in (*self.group_by, *(self.ordered or ()))))


@cache
@st.composite
def _groups(draw: st.DrawFn, kind: Kind) -> Shape:
    keys = tuple(draw(st.lists(refs(kind), max_size=3, unique=True)))
    plain = st.builds(Column, st.sampled_from(keys), st.just("") | st.text(min_size=1, max_size=6)) if keys else None
    column = _functions(kind) | plain if plain is not None else _functions(kind)
    column |= column.map(partial(in_bare_form, kind=kind))
    select = tuple(draw(st.lists(column, min_size=1, max_size=5, unique_by=lambda each: each.label)))
    of_groups = tuple(Ref("column", c.label) for c in select if c.function)
    distinct = draw(st.booleans())
    selected = tuple(c.ref for c in select if c.ref is not None and not c.function)
    return Shape(select, keys, distinct, (*of_groups, *(selected if distinct else keys)))


@cache
@st.composite
def _distinct(draw: st.DrawFn, kind: Kind) -> Shape:
    select = draw(st.none() | columns(kind))
    if select is None:
        return Shape(distinct=True)
    plain = tuple(c.ref for c in select if c.ref is not None and _type(c.ref, kind) is not Type.OBJECT)
    return Shape(tuple(select), (), True, plain)


@cache
def shapes(kind: Kind) -> st.SearchStrategy[Shape]:
    """Generate records, selected columns, distinct rows, or groups."""
    plain = st.builds(Shape, st.none() | columns(kind).map(tuple))
    return st.one_of(plain, _groups(kind), _distinct(kind))


@st.composite
def queries(draw: st.DrawFn, kind: Kind = DATA_PRODUCTS) -> Query:
    """Generate any query that the text form can express."""
    start, end = draw(windows())
    shape = draw(shapes(kind))
    by = refs(kind) if shape.ordered is None else st.sampled_from(shape.ordered or (Ref("column", ""),))
    order = draw(
        st.lists(st.builds(OrderKey, by, st.booleans(), st.booleans()), max_size=3 if shape.ordered != () else 0)
    )
    aliases = {column.alias for column in shape.select or ()}
    order = [key for key in order if key.ref.role != "record" or key.ref.name not in aliases]
    limit = draw(st.none() | st.integers(0, 10**9))
    offset = draw(st.integers(0, 100)) if limit is not None else 0
    where = draw(predicates(kind) | native_predicates(kind))
    query = Query(kind.name, where, start, end, shape.select, tuple(order), limit, offset)
    return Query.build(replace_value(query, distinct=shape.distinct, group_by=shape.group_by))


EVERY_KIND = st.sampled_from((DATA_PRODUCTS, EPHEMERIS))
EVERY_SEARCH = EVERY_KIND.flatmap(searches)
EVERY_QUERY = EVERY_KIND.flatmap(queries)
"""Queries of the kinds without criteria. Those with criteria are in `conjunction_strategies`."""

PRODUCT_TYPE_LISTS = st.lists(st.sampled_from(PRODUCT_TYPES), max_size=3)
