"""Searches as IDL programs: what idl-aurorax would send when they run, read by an interpreter of the IDL that they use."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from auroraql import StatementError, translate
from auroraql.codecs import idl, query_json
from auroraql.diagnostics.errors import AuroraQLWarning, replace_value
from auroraql.ir.query import Query
from auroraql.planner import plan_query
from auroraql.schema.catalogue import load_shipped
from tests.support import conjunction_strategies
from tests.support.strategies import EVERY_SEARCH

_TOKEN = re.compile(r"\s*('(?:[^'\n\x00-\x1f\x7f]|'')*'|/?[a-z]\w*|\d+(?:\.\d+)?[Lbd]?|[()\[\]{},:=+])")


class Interpreter:
    """Interpreter of assignments of literals and of calls to the functions of idl-aurorax 1.4."""

    def __init__(self, program: str) -> None:
        self.variables: dict[str, Any] = {}
        for line in program.split("\n"):
            name, equals, expression = line.partition(" = ")
            if equals and not line.startswith((";", "if ")):
                self.tokens = _TOKEN.findall(expression)
                assert re.sub(r"\s", "", "".join(self.tokens)) == re.sub(r"\s", "", expression)
                self.variables[name] = self.value()
                assert self.tokens == []

    def value(self) -> Any:
        value = self.operand()
        while self.tokens[:1] == ["+"]:
            self.take("+")
            value += self.operand()
        return value

    def operand(self) -> Any:
        token = self.tokens.pop(0)
        if token[0] == "'":
            return token[1:-1].replace("''", "'")
        if token[0].isdigit():
            return float(token[:-1]) if token[-1] == "d" else int(token.rstrip("Lb"))
        if token == "(":
            value = self.value()
            self.take(")")
            return value
        if token == "[":
            return self.items("]")[0]
        if token == "{":
            return self.items("}")[1]
        if token[0] == "/":
            return token
        if self.tokens[:1] != ["("]:
            return self.variables.get(token, token)
        self.take("(")
        return getattr(self, f"call_{token}")(*self.items(")"))

    def items(self, end: str) -> tuple[list[Any], dict[str, Any]]:
        """Return the values and the named values up to a bracket."""
        values, named = [], {}
        while self.tokens[0] != end:
            if self.tokens[1] in ("=", ":"):
                name = self.tokens.pop(0)
                self.tokens.pop(0)
                named[name] = self.value()
            elif self.tokens[0][0] == "/":
                named[self.tokens.pop(0)[1:]] = True
            else:
                values.append(self.value())
            if self.tokens[0] == ",":
                self.take(",")
        self.take(end)
        return values, named

    def take(self, token: str) -> None:
        assert self.tokens.pop(0) == token

    # --- functions of IDL and of the library

    def call_list(self, values: list[Any], _named: dict[str, Any]) -> list[Any]:
        return values

    def call_hash(self, values: list[Any], _named: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(values[::2], values[1::2], strict=True))

    def call_string(self, values: list[Any], _named: dict[str, Any]) -> str:
        return bytes(values[0]).decode()

    def call_aurorax_create_metadata_filter_expression(
        self, values: list[Any], named: dict[str, Any]
    ) -> dict[str, Any]:
        names = {
            "eq": "=",
            "ne": "!=",
            "lt": "<",
            "gt": ">",
            "le": "<=",
            "ge": ">=",
            "between": "between",
            "in": "in",
            "not_in": "not in",
        }
        (operator,) = named
        return {"key": values[0], "values": values[1], "operator": names[operator.removeprefix("operator_")]}

    def call_aurorax_create_criteria_block(self, _values: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        names = ("programs", "platforms", "instrument_types", *(["hemisphere"] if "space" in named else []))
        assert named.keys() - {*names, "metadata_filters"} <= {"ground", "space", "events"}
        return {name: named.get(name, []) for name in names} | {
            "ephemeris_metadata_filters": named.get("metadata_filters", {"expressions": [], "logical_operator": "AND"})
        }

    def search(self, values: list[Any], named: dict[str, Any], filters: str) -> dict[str, Any]:
        sources = {name: named.get(name, []) for name in ("programs", "platforms", "instrument_types")}
        sources[filters] = named.get("metadata_filters", {"expressions": [], "logical_operator": "AND"})
        return {"data_sources": sources, "start": values[0], "end": values[1]}

    def call_aurorax_data_product_search(self, values: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        return self.search(values, named, "data_product_metadata_filters") | {"data_product_type_filters": []}

    def call_aurorax_ephemeris_search(self, values: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        return self.search(values, named, "ephemeris_metadata_filters")

    def call_aurorax_conjunction_search(self, values: list[Any], named: dict[str, Any]) -> dict[str, Any]:
        blocks = {name: named.get(name, []) for name in ("ground", "space", "events")}
        names = [f"{name}{number + 1}" for name, criteria in blocks.items() for number in range(len(criteria))]
        pairs = {f"{one}-{other}" for at, one in enumerate(names) for other in names[at + 1 :]}
        distances = values[2] if isinstance(values[2], dict) else dict.fromkeys(pairs, values[2])
        assert distances.keys() == pairs
        types = [name for name in ("nbtrace", "sbtrace", "geographic") if name in named]
        return {
            "start": values[0],
            "end": values[1],
            **blocks,
            "adhoc": [],
            "conjunction_types": types,
            "max_distances": distances,
        }


_SEARCHES = (EVERY_SEARCH | conjunction_strategies.searches()).map(
    lambda query: replace_value(query, start=datetime(2020, 1, 1), end=datetime(2020, 1, 5, 6, 30, 1))
)


@given(_SEARCHES)
def test_a_program_sends_the_same_query(query: Query) -> None:
    requests = plan_query(query, load_shipped(), cut=False).requests
    assume(requests)
    document = query_json.write_query_json(requests[0])
    try:
        program = idl.write_idl(requests[0], "a\n'; exit\x1b")
    except StatementError:
        refused = ("adhoc", "data_product_type_filters", "subminute_precision")
        assert any(map(document.get, refused)) or has_partial_distances(document)
        return
    sent = Interpreter(program).variables["response"]
    if "conjunction_types" in document:
        document["conjunction_types"] = sorted(document["conjunction_types"])
        sent["conjunction_types"] = sorted(sent["conjunction_types"])
    assert sent == document


def has_partial_distances(document: dict[str, Any]) -> bool:
    count = sum(len(document.get(block, [])) for block in ("ground", "space", "events"))
    return (
        len(document.get("max_distances", {})) < count * (count - 1) // 2 or None in document["max_distances"].values()
    )


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_is_one_literal(text: str) -> None:
    literal = idl._text(text)
    assert Interpreter(f"x = {literal}").variables["x"] == text
    assert "\n" not in literal


def test_what_the_library_cannot_send_is_refused() -> None:
    for condition, reason in (
        ("data_product_type = 'keogram'", "a filter of data_product_type"),
        ("program = 'end_ts'", "which the library changes"),
        ("keogram_type LIKE 'd%'", "this predicate"),
    ):
        with pytest.raises(StatementError, match=reason):
            translate(f"FIND data_products WHERE {condition} ON 2020-02-01", to="idl")
    with pytest.warns(AuroraQLWarning, match="cannot express the selected columns"):
        assert "aurorax_data_product_search('2020-02-01T00:00:00'" in str(
            translate("FIND data_products SELECT url ON 2020-02-01", to="idl")
        )
