"""A search as an IDL program that calls idl-aurorax, AuroraX's published library for IDL.

Every part of the statement is an IDL literal in the program, so that no text of it is ever executed. Source: idl-aurorax
1.4, whose functions cannot express all searches: those are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

from auroraql.codecs import query_json
from auroraql.diagnostics.errors import Diagnostic, StatementError, make_visible
from auroraql.ir.plan import Request
from auroraql.schema import KINDS

_SEARCHES = {"data_products": "aurorax_data_product_search", "ephemeris": "aurorax_ephemeris_search"}

_OPERATORS = {
    "=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "between": "between", "in": "in", "not in": "not_in",
}  # fmt: skip
"""Keywords of `aurorax_create_metadata_filter_expression`, after `/operator_`, by the operator of the query JSON."""

_SOURCE_NAMES = ("programs", "platforms", "instrument_types")
_BLOCKS = ("ground", "space", "events")

_CHANGED_TEXTS = ("LOGICAL_OPERATOR", "EXPRESSIONS", "end_ts")
"""Texts that the library replaces everywhere in a query before it sends the query."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_MAX_INTEGER = 32_767
"""Maximum of the library's distances, unless they are in a hash."""


def write_idl(request: Request, statement: str) -> str:
    """Return the program for a request. `statement` is its source text, shown as a comment at the top.

    Raises StatementError for a search that the library cannot express.
    """
    if request.start is None or request.end is None:
        raise _refusal("a search without a time window with both ends", "add one, such as DURING 2021-01")
    document = query_json.write_query_json(request)
    for text in _CHANGED_TEXTS:
        if text in str(document):
            raise _refusal(f"a search with the text '{text}', which the library changes", "use --to json")
    window = f"{_text(document['start'])}, {_text(document['end'])}"
    writer = _conjunction_lines if request.criteria is not None else _record_lines
    lines = [f"; {make_visible(line)}" for line in statement.splitlines()]
    lines += [*writer(document, request.kind, window), "help, response"]
    return "\n".join([*lines, "if n_elements(response.data) gt 0 then help, response.data[0]", "end"])


def _refusal(what: str, hint: str = "use --to python or --to json") -> StatementError:
    return StatementError([Diagnostic("AQL0407", f"the IDL library cannot express {what}", hint=hint)])


def _record_lines(document: dict[str, Any], kind: str, window: str) -> Iterator[str]:
    """Yield the lines of a search for data products or ephemeris."""
    if document.get("data_product_type_filters"):
        raise _refusal("a filter of data_product_type")
    sources = document[query_json.SOURCES]
    arguments = [f"{name} = {_array(sources[name])}" for name in _SOURCE_NAMES if sources[name]]
    group = sources[KINDS[kind].filters]
    if group["expressions"]:
        yield f"metadata_filters = {_metadata_filters(group)}"
        arguments.append("metadata_filters = metadata_filters")
    yield f"response = {_SEARCHES[kind]}({', '.join([window, *arguments])})"


def _conjunction_lines(document: dict[str, Any], _kind: str, window: str) -> Iterator[str]:
    """Yield the lines of a search for conjunctions."""
    if document["adhoc"]:
        raise _refusal("a search near custom locations")
    if document.get(query_json.SUBMINUTE):
        raise _refusal("a search with a precision below a minute")
    names = [f"{block}{number}" for block in _BLOCKS for number in range(1, len(document[block]) + 1)]
    for block in _BLOCKS:
        for number, criteria in enumerate(document[block], 1):
            yield f"{block}{number} = {_criteria_block(block, criteria)}"
    arguments = [
        f"{block} = list({', '.join(name for name in names if name.rstrip('0123456789') == block)})"
        for block in _BLOCKS
        if document[block]
    ]
    arguments += [f"/{conjunction_type}" for conjunction_type in document["conjunction_types"]]
    yield f"distance = {_distance(document['max_distances'], names)}"
    yield f"response = aurorax_conjunction_search({', '.join([window, 'distance', *arguments])})"


def _criteria_block(block: str, criteria: dict[str, Any]) -> str:
    arguments = [f"{name} = {_array(criteria[name])}" for name in (*_SOURCE_NAMES, "hemisphere") if criteria.get(name)]
    group = criteria.get("ephemeris_metadata_filters")
    if group and group["expressions"]:
        arguments.append(f"metadata_filters = {_metadata_filters(group)}")
    return f"aurorax_create_criteria_block({', '.join([*arguments, f'/{block}'])})"


def _distance(distances: dict[str, Any], names: Sequence[str]) -> str:
    """Return one distance for all pairs of blocks, or a hash. The library requires a distance for each pair."""
    pairs = [f"{one}-{other}" for one, other in combinations(names, 2)]
    if set(pairs) != distances.keys() or None in distances.values():
        raise _refusal("a search in which only some pairs of blocks have a distance")
    values = set(distances.values())
    if len(values) == 1 and (value := values.pop()) == int(value) and value <= _MAX_INTEGER:
        return str(int(value))
    return f"hash({', '.join(f'{_text(pair)}, {_number(distances[pair])}' for pair in pairs)})"


def _metadata_filters(group: dict[str, Any]) -> str:
    """Return a filter of metadata as a structure: the library's function for it always combines with AND."""
    expressions = ", ".join(map(_expression, group["expressions"]))
    return f"{{logical_operator: {_text(group['logical_operator'])}, expressions: list({expressions})}}"


def _expression(expression: dict[str, Any]) -> str:
    values = ", ".join(map(_text, expression["values"]))
    operator = f"/operator_{_OPERATORS[expression['operator']]}"
    return f"aurorax_create_metadata_filter_expression({_text(expression['key'])}, list({values}), {operator})"


def _array(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"


def _number(value: float) -> str:
    """Return a number as a 32-bit integer or a double: IDL's plain ones have 16 bits and 7 digits."""
    return f"{value}L" if isinstance(value, int) else f"{value!r}d"


def _text(text: str) -> str:
    """Return a text as an IDL literal. Control characters, which a literal cannot contain, are given by their codes."""
    escaped = text.replace("'", "''")
    if _UNPRINTABLE.search(text) is None:
        return f"'{escaped}'"
    codes = _UNPRINTABLE.sub(lambda match: "'" + _code(match[0]) + "'", escaped)
    return f"('{codes}')"


def _code(character: str) -> str:
    """Return the concatenation of a character by its UTF-8 bytes."""
    return " + string([" + ", ".join(f"{byte}b" for byte in character.encode()) + "]) + "
