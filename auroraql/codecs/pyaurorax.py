"""A search as a program for the published Python client: what a user of pyaurorax would write by hand.

Everything of the statement stands in the program as a Python literal, so that no text of it is ever run.
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
"""What the client calls fields of the query JSON of conjunctions."""


def write_pyaurorax(request: Request, statement: str) -> str:
    """The program for a request; `statement` is the text it was made from, shown at its head.

    Raises StatementError for a search that is open at an end, which the client cannot say.
    """
    if request.start is None or request.end is None:
        message = "the Python client searches within a window that has both ends"
        raise StatementError([Diagnostic("AQL0407", message, hint="add one, as DURING 2021-01")])
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
    """The client's keyword arguments besides the window, in the order of the query JSON; empty ones left out."""
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
    """A Python literal, broken over lines where it is long."""
    shown = pformat(value, width=_WIDTH - len(name), sort_dicts=False)
    return shown.replace("\n", "\n    " + " " * (len(name) + 1))
