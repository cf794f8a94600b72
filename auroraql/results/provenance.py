"""Provenance of a result: which statement, on which archive, at what time, so that a file says where its rows are from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of the rows of a statement. It has no API key, and addresses of archives have no user names."""

    statement: str
    """Statement, on one line."""
    archive: str
    """Name of the archive: demo, a path, aurorax or a URL."""
    searched_at: datetime
    """Time of the search, which `now` and `LAST` in the statement refer to."""
    request_ids: tuple[str, ...] = ()
    """Request IDs of the archive; empty when it answered without a request."""
    parameters: Mapping[str, object] = field(default_factory=dict)
    """Values of the parameters that the statement names."""
    results: Mapping[str, Provenance] = field(default_factory=dict)
    """Provenance of the stored results that the statement searches, by name."""

    def to_document(self) -> dict[str, Any]:
        """Return the provenance as a JSON object. Empty members are left out."""
        searched_at = self.searched_at.astimezone(UTC) if self.searched_at.tzinfo else self.searched_at
        document = {
            "statement": self.statement,
            "parameters": {name: _plain_value(value) for name, value in self.parameters.items()},
            "archive": self.archive,
            "request_ids": list(self.request_ids),
            "searched_at": f"{searched_at.replace(tzinfo=None):%Y-%m-%dT%H:%M:%S}Z",
            "results": {name: provenance.to_document() for name, provenance in self.results.items()},
        }
        return {name: value for name, value in document.items() if value not in ({}, [])}


def _plain_value(value: object) -> Any:
    """Return the value of a parameter in JSON: numbers, truth values, lists of them, and texts of all others."""
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case date() | time():  # includes datetime
            return value.isoformat()
        case timedelta():
            return str(value)
        case Sequence():
            return [_plain_value(item) for item in value]
        case _:
            return str(value)
