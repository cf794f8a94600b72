"""Evaluation of an AuroraX query record by record, and of a response_format."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

Record = dict[str, Any]

StepName = Literal["submit", "status", "data", "cancel", "sources", "availability", "at_once", "estimate", "describe"]

_WINDOWS = {"data_products": ("start", "end"), "ephemeris": ("epoch", "epoch")}
"""The fields of a record that the two ends of the window restrict."""

_FILTERS = {"data_products": "data_product_metadata_filters", "ephemeris": "ephemeris_metadata_filters"}


def matching_records(kind: str, query: Any, records: Sequence[Record]) -> list[Record]:
    """Return the records that a `DataProductQuery` or an `EphemerisQuery` finds."""
    sources = query.get("data_sources") or {}
    lists: list[tuple[tuple[str, ...], Any]] = [
        (("data_source", name), sources.get(f"{name}s")) for name in ("program", "platform", "instrument_type")
    ]
    lists.append((("data_product_type",), query.get("data_product_type_filters")))
    group = sources.get(_FILTERS[kind]) or query.get(_FILTERS[kind]) or {}
    first, last = _moment(query.get("start")), _moment(query.get("end"))
    lower, upper = _WINDOWS[kind]
    return [
        record
        for record in records
        if all(not expected or _at(record, path) in expected for path, expected in lists)
        and (first is None or (_moment(record[lower]) or first) >= first)
        and (last is None or (_moment(record[upper]) or last) <= last)
        and _holds(group, record.get("metadata") or {})
    ]


def _moment(text: str | None) -> datetime | None:
    """Return a time in UTC without a zone. The text may have one."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _at(record: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        record = record.get(step)
    return record


def _holds(group: Any, metadata: Record) -> bool:
    expressions = group.get("expressions") or []
    joined = any if str(group.get("logical_operator") or "AND").upper() == "OR" else all
    return not expressions or joined(_true(expression, metadata.get(expression["key"])) for expression in expressions)


def _true(expression: Any, value: Any) -> bool:
    """Return whether a filter is true.

    A missing key never matches, not even negated, like SQL's NULL. `between` is inclusive.
    """
    if value is None:
        return False
    pairs = [_comparable(value, item) for item in expression["values"]]
    match expression["operator"]:
        case "=" | "in":
            return any(a == b for a, b in pairs)
        case "!=" | "not in":
            return all(a != b for a, b in pairs)
        case "between":
            (value, low), (_, high) = pairs
            return bool(low <= value <= high)
        case ordering:
            return bool(_ORDERINGS[ordering](*pairs[0]))


_ORDERINGS: dict[str, Callable[[Any, Any], Any]] = {"<": operator.lt, "<=": operator.le, ">": operator.gt}
_ORDERINGS[">="] = operator.ge


def _comparable(value: Any, expected: Any) -> tuple[Any, Any]:
    """Return a comparable form of a value: numbers as numbers, anything else as its JSON text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value), float(expected)
        except ValueError:
            return str(value), str(expected)
    return (json.dumps(value) if isinstance(value, bool) else str(value)), str(expected)


def apply_format(value: Any, leaves: Any) -> Any:
    """Return the part of a value that the true leaves of a response_format select; lists element by element."""
    if isinstance(value, list):
        return [apply_format(item, leaves) for item in value]
    if not isinstance(leaves, dict) or not isinstance(value, dict):
        return value
    return {name: apply_format(value[name], leaf) for name, leaf in leaves.items() if leaf and name in value}


def step_of(method: str, steps: list[str]) -> StepName | Literal[""]:
    """Return the step of the protocol that a call is; empty for none."""
    match method, steps:
        case "GET", ["data_sources"]:
            return "sources"
        case "GET", ["availability", "data_products" | "ephemeris"]:
            return "availability"
        case "POST", ["data_products" | "ephemeris" | "conjunctions", "search"]:
            return "submit"
        case "POST", ["data_products" | "ephemeris", "search_synchronous"]:
            return "at_once"
        case "POST", ["utils", "describe", "cartesian_products"]:
            return "estimate"
        case "POST", ["utils", "describe", "query", "conjunction" | "data_products" | "ephemeris"]:
            return "describe"
        case "GET", ["data_products" | "ephemeris" | "conjunctions", "requests", _]:
            return "status"
        case "DELETE", ["data_products" | "ephemeris" | "conjunctions", "requests", _]:
            return "cancel"
        case "GET" | "POST", ["data_products" | "ephemeris" | "conjunctions", "requests", _, "data"]:
            return "data"
    return ""
