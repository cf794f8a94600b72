"""A search as a Python program that uses pyaurorax, AuroraX's published client, and ends in a pandas DataFrame.

Every part of the statement is a Python literal in the program, so that no text of it is ever executed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pprint import pformat
from typing import Any

from auroraql.codecs import query_json
from auroraql.diagnostics.errors import Diagnostic, StatementError, make_visible
from auroraql.ir.plan import Request
from auroraql.schema import KINDS, PROTOCOLS

_WIDTH = 100

_CONJUNCTION_NAMES = {"adhoc": "custom_locations", "max_distances": "distance"}
"""The client's names for fields of the query JSON of conjunctions."""

_BLOCK_CLASSES = {
    "ground": "GroundCriteriaBlock",
    "space": "SpaceCriteriaBlock",
    "events": "EventsCriteriaBlock",
    "custom_locations": "CustomLocationsCriteriaBlock",
}
"""The client's classes of criteria blocks, by the name of their argument."""

_BLOCK_FILTERS = "ephemeris_metadata_filters"

_SOURCE = tuple((field, f"record.data_source.{field}") for field in ("program", "platform", "instrument_type"))

_ROWS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "data_products": (
        ("start", "record.start"),
        ("end", "record.end"),
        *_SOURCE,
        ("data_product_type", "record.data_product_type"),
        ("url", "record.url"),
    ),
    "ephemeris": (
        ("epoch", "record.epoch"),
        *_SOURCE,
        *((f"{place}.{axis}", f"record.{place}.{axis}") for place in ("nbtrace", "sbtrace") for axis in ("lat", "lon")),
    ),
    "conjunctions": (
        ("conjunction_type", "record.conjunction_type"),
        ("start", "record.start"),
        ("end", "record.end"),
        ("sources", "', '.join(source.display_name or '' for source in record.data_sources)"),
        ("min_distance", "record.min_distance"),
        ("max_distance", "record.max_distance"),
    ),
}
"""Columns of the DataFrame of each kind, with the expression of their values."""


def write_pyaurorax(request: Request, statement: str) -> str:
    """Return the program for a request. `statement` is its source text, shown as a comment at the top.

    Raises StatementError for a search without both ends of the window, which the client does not support.
    """
    if request.start is None or request.end is None:
        message = "the Python client needs a time window with both ends"
        raise StatementError([Diagnostic("AQL0407", message, hint="add one, such as DURING 2021-01")])
    arguments = dict(_client_arguments(request))
    if request.response_format is not None:
        arguments["response_format"] = request.response_format
    room = PROTOCOLS[request.kind].collection
    return "\n".join(
        (
            *(f"# {make_visible(line)}" for line in statement.splitlines()),
            "import datetime",
            "",
            "import pandas",
            "import pyaurorax",
            "",
            "aurorax = pyaurorax.PyAuroraX()",
            f"search = aurorax.search.{room}.search(",
            f"    start={_datetime_literal(request.start)},",
            f"    end={_datetime_literal(request.end)},",
            *(f"    {name}={_argument(name, value)}," for name, value in arguments.items()),
            ")",
            *_frame_lines(request),
            "print(frame)",
        )
    )


def _frame_lines(request: Request) -> Iterator[str]:
    """Yield the lines that convert the records to a DataFrame. Selected columns come as dicts."""
    if request.response_format is not None:
        yield "frame = pandas.json_normalize(search.data)"
        return
    yield "frame = pandas.DataFrame("
    yield "    {"
    yield from (f"        {name!r}: {expression}," for name, expression in _ROWS[request.kind])
    if request.criteria is None:
        yield "        **(record.metadata or {}),"
    yield "    }"
    yield "    for record in search.data"
    yield ")"


def _argument(name: str, value: Any) -> str:
    """Return the text of a keyword argument. Criteria blocks are objects of the client's classes."""
    if name not in _BLOCK_CLASSES:
        return _python_literal(name, value)
    blocks = (f"\n        {_block(_BLOCK_CLASSES[name], block)}," for block in value)
    return f"[{''.join(blocks)}\n    ]"


def _block(name: str, block: dict[str, Any]) -> str:
    """Return the text of a criteria block, without its empty arguments."""
    if name == "EventsCriteriaBlock" and block["programs"]:
        return repr(block)  # the class has no programs
    arguments = [
        f"{key}={value!r}" for key, value in block.items() if value and key not in (_BLOCK_FILTERS, "locations")
    ]
    if block.get("locations"):
        points = [(point["lat"], point["lon"]) for point in block["locations"]]
        arguments.append(f"locations={points!r}")
    group = block.get(_BLOCK_FILTERS)
    if group and group["expressions"]:
        expressions = ", ".join(
            f"aurorax.search.MetadataFilterExpression({e['key']!r}, {e['values']!r}, operator={e['operator']!r})"
            for e in group["expressions"]
        )
        operator = group["logical_operator"]
        arguments.append(f"metadata_filters=aurorax.search.MetadataFilter([{expressions}], operator={operator!r})")
    return f"aurorax.search.{name}({', '.join(arguments)})"


def _client_arguments(request: Request) -> Iterator[tuple[str, Any]]:
    """Yield the client's keyword arguments without the window, in the order of the query JSON.

    Empty arguments are omitted.
    """
    document = query_json.write_query_json(request)
    if request.criteria is not None:
        for key, value in document.items():
            if key not in ("start", "end") and (value or key == "conjunction_types"):
                yield _CONJUNCTION_NAMES.get(key, key), value
        return
    kind = KINDS[request.kind]
    sources = document[query_json.SOURCES]
    group = sources.pop(kind.filters)
    yield from ((name, values) for name, values in sources.items() if values)
    if document.get("data_product_type_filters"):
        yield "data_product_types", document["data_product_type_filters"]
    if group["expressions"]:
        yield "metadata_filters", group["expressions"]
        yield "metadata_filters_logical_operator", group["logical_operator"]


def _datetime_literal(moment: datetime) -> str:
    parts = [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second]
    return f"datetime.datetime({', '.join(map(str, parts))})"


def _python_literal(name: str, value: Any) -> str:
    """Return a Python literal, broken into lines where it is long."""
    shown = pformat(value, width=_WIDTH - len(name), sort_dicts=False)
    return shown.replace("\n", "\n    " + " " * (len(name) + 1))
