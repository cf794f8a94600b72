"""The values of the intermediate representation: equality, hash, repr, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime

import pytest

from auroraql.diagnostics.errors import LocatedValue, Span, replace_value
from auroraql.ir.plan import Expression, FilterGroup, Request
from auroraql.ir.query import And, Block, Column, Comparison, Not, OrderKey, Query, Ref
from auroraql.schema.operators import Op

_PROGRAM = Ref("source", "data_source.program")
_LEAF = Comparison(_PROGRAM, Op.EQ, ("trex",), True, Span(3, 9))
_QUERY = Query("data_products", And((_LEAF, Not(_LEAF))), datetime(2021, 1, 1), select=(Column(_PROGRAM),))


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (_LEAF, {"origin": None}),
        (And((_LEAF,)), {"origin": Span(0, 1)}),
        (Column(_PROGRAM), {"origin": Span(0, 1)}),
        (OrderKey(_PROGRAM), {"origin": Span(0, 1)}),
        (Block("ground", _LEAF), {"alias": "site"}),
        (_QUERY, {"window_from": ("WHERE start",)}),
        (Expression("keogram_type", Op.EQ, ("daily",)), {"origin": Span(0, 1)}),
    ],
)
def test_places_and_names_do_not_take_part_in_equality(value: LocatedValue, changes: dict[str, object]) -> None:
    changed = replace_value(value, **changes)
    assert changed == value
    assert hash(changed) == hash(value)
    assert repr(changed) != repr(value)


def test_every_other_field_takes_part_in_equality() -> None:
    for changes in ({"ref": Ref("record", "url")}, {"operator": Op.NE}, {"values": ()}, {"listed": False}):
        assert replace_value(_LEAF, **changes) != _LEAF
    assert And((_LEAF,)) != Not(_LEAF)
    assert replace_value(_QUERY, limit=1) != _QUERY
    assert replace_value(_QUERY, where=Not(_QUERY.where)) != _QUERY


def test_copies_and_pickles_are_equal_and_keep_places() -> None:
    request = Request("data_products", filters=FilterGroup((Expression("keogram_type", Op.EQ, ("daily",)),)))
    for value in (_QUERY, request):
        for copied in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
            assert copied == value
            assert hash(copied) == hash(value)
            assert repr(copied) == repr(value)


def test_values_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _LEAF.listed = False  # type: ignore[misc]
    with pytest.raises(AttributeError):
        _QUERY.limit = 3  # type: ignore[misc]
