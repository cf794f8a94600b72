"""Statements from Python programs: text, a query document as a dict, or a search object of AuroraX's client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from auroraql.diagnostics.errors import Pointer, Source, StatementError, UsageError
from auroraql.language.splitter import too_deep

__all__ = ["SearchObject", "StatementLike", "to_source"]


@runtime_checkable
class SearchObject(Protocol):
    """Search of AuroraX's client, for example `pyaurorax.search.DataProductSearch`, executed or not."""

    @property
    def query(self) -> Mapping[str, Any]:
        """Query document that the client would send."""


StatementLike = str | Source | Mapping[str, Any] | SearchObject
"""One statement, as an argument of `run`, `submit`, `check` and `translate`."""

_DOCUMENT_NAME = "<query>"


def to_source(statement: object) -> Source:
    """Return the statement as a source text.

    A dict becomes its JSON; times in it become AuroraX's `YYYY-MM-DDTHH:MM:SS` in UTC. The `response_format` of a
    search object becomes SELECT. Raises UsageError for any other type, and StatementError for a dict that nests
    too deep and for a search object with a `response_format` whose query has errors.
    """
    if isinstance(statement, str | Source):
        return Source.of(statement)
    if isinstance(statement, Mapping):
        return Source(_to_json(statement), _DOCUMENT_NAME)
    document = getattr(statement, "query", None)
    if isinstance(document, Mapping):
        source = Source(_to_json(document), f"<{type(statement).__name__}>")
        template = getattr(statement, "response_format", None)
        return _with_selection(source, template) if template else source
    raise UsageError(
        f"a statement is text, a query as a dict, or a search object, not {type(statement).__name__}",
        "for example: archive.run(\"FIND data_products WHERE program = 'trex' ON 2021-01-01\")",
    )


def _to_json(document: Mapping[str, Any]) -> str:
    try:
        return json.dumps(document, default=_to_plain, ensure_ascii=False)
    except RecursionError:
        # Python's own limit, about a thousand levels. The parser's limit on JSON is lower.
        raise StatementError([too_deep(Pointer(""))]) from None
    except (TypeError, ValueError) as error:
        raise UsageError(f"the query cannot be written as JSON: {error}") from None


def _to_plain(value: Any) -> Any:
    """Return a value of a type that JSON does not have as one that it has. Raises TypeError for an unsupported type."""
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy
        return value.tolist()
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is not a JSON type")


def _with_selection(source: Source, template: Mapping[str, Any]) -> Source:
    """Return the query as text, with a SELECT for the members of the response format."""
    # Imported late: few callers pass search objects with a response format.
    from auroraql.session.translation import translate_source

    text = str(translate_source(source, "aql").output)
    return Source(f"{text} SELECT {_select_list(template)}", source.name)


def _select_list(template: Mapping[str, Any]) -> str:
    from auroraql.language.printer import print_name

    return ", ".join(
        f"{print_name(key)} {{{_select_list(inner)}}}" if isinstance(inner, Mapping) else print_name(key)
        for key, inner in template.items()
        if inner
    )
