"""A search as a Python program that uses pyaurorax, AuroraX's published client.

Every part of the statement is a Python literal in the program, so that no text of it is ever executed.
"""

from __future__ import annotations

from collections.abc import Iterator
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
            "import pyaurorax",
            "",
            "aurorax = pyaurorax.PyAuroraX()",
            f"search = aurorax.search.{room}.search(",
            f"    start={_datetime_literal(request.start)},",
            f"    end={_datetime_literal(request.end)},",
            *(f"    {name}={_python_literal(name, value)}," for name, value in arguments.items()),
            ")",
            "for record in search.data:",
            "    print(record)",
        )
    )


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
