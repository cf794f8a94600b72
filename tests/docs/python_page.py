"""Generator of the Python reference (grammar/PYTHON.md) from the signatures and docstrings of the public names."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from textwrap import dedent
from typing import Any

import auroraql
from auroraql.downloads.report import DownloadedFile, DownloadProgress, FailedDownload, PlannedFile, Report
from auroraql.engines.base import LogLine, Progress, RunStatus
from auroraql.results.result_set import ResultColumn

HEAD = """# Python reference

The public names of the package `auroraql`, with their signatures and docstrings. Everything else may change without
notice. [README.md](../README.md#python) shows how the parts work together. A `StatementLike` is text in any form, a query
document as a dict, a `Source`, or a search object of pyaurorax.
Generated: `pytest tests/docs/test_docs.py --update`.
"""

_ORDER = (
    auroraql.connect,
    auroraql.Archive,
    auroraql.Search,
    auroraql.ResultSet,
    auroraql.translate,
    auroraql.check,
    auroraql.complete,
    auroraql.hover,
    auroraql.explain,
    auroraql.format_text,
    auroraql.parse,
    auroraql.parse_script,
    auroraql.AuroraQLError,
    auroraql.StatementError,
    auroraql.UsageError,
    auroraql.ArchiveError,
    auroraql.Unreachable,
    auroraql.Refused,
    auroraql.TimedOut,
    auroraql.Cancelled,
    auroraql.Failed,
    auroraql.AuroraQLWarning,
    auroraql.Diagnostic,
    auroraql.Source,
)

_RETURNED = (
    Report, DownloadedFile, FailedDownload, PlannedFile, DownloadProgress, ResultColumn, RunStatus, Progress, LogLine,
)  # fmt: skip
"""Classes that public functions return."""

_FRONT_ENDS = {
    "Archive": {
        "keep", "leave", "limit_rows", "on_end", "on_interrupt", "on_progress", "refresh_searches", "result",
        "runs_when_awaited", "session_context", "on_wait_interrupted", "watch",
    },
    "Search": {"as_row", "detach", "is_fetched", "is_over", "is_refused", "line", "poll", "stored_result"},
    "ResultSet": {"columnar_records", "each_record", "is_whole", "kind", "window", "with_rows"},
    "ArchiveError": {"verb"},
    "Report": {"retry_failed"},
    "Diagnostic": {"missing", "shifted_by"},
    "ResultColumn": {"derive", "digits", "in_records", "is_element", "is_key", "many_at", "record_path"},
}  # fmt: skip
"""Members that only AuroraQL's own front ends use. An exception class omits everything that its base class shows."""

_ATTRIBUTES = {
    "Archive": {"settings": "Settings that SET changes."},
    "ResultSet": {
        "columns": "The columns, each with `name`, `type` and `unit`.",
        "warnings": "The warnings about the statement.",
        "request_ids": "The request IDs of the archive; empty when it answered without a request.",
        "plan": "The requests that a search became, and the steps after them; None for other statements.",
        "archive": "The name of the archive.",
        "elapsed": "The seconds that the statement took.",
        "demonstration": "Whether the records are made up.",
    },
    "Search": {"name": "The name that SUBMIT gave the search; empty without one."},
}
"""Attributes that the constructor sets on instances and no class declares."""


def page() -> str:
    """Return the whole page."""
    entries = [*_ORDER, *_RETURNED]
    return "\n".join([HEAD, *(line for entry in entries for line in _entry(entry))])


def documented_names() -> set[str]:
    """Return the names of the public functions and classes on the page."""
    return {entry.__name__ for entry in _ORDER}


def hidden_members() -> list[tuple[Any, str]]:
    """Return the members that the page omits, each with its class."""
    entries: tuple[Any, ...] = (*_ORDER, *_RETURNED)
    return [(entry, name) for entry in entries for name in _FRONT_ENDS.get(entry.__name__, ())]


def _entry(entry: Any) -> Iterator[str]:
    yield f"## {entry.__name__}\n"
    if not inspect.isclass(entry):
        yield f"```py\n{_signature(f'auroraql.{entry.__name__}', entry)}\n```\n"
        yield f"{_prose(entry)}\n"
        return
    bases = [base.__name__ for base in entry.__bases__ if base in _ORDER]
    yield f"{_prose(entry)}{f' A subclass of `{bases[0]}`.' if bases else ''}\n"
    if dataclasses.is_dataclass(entry):
        hidden = _FRONT_ENDS.get(entry.__name__, ())
        fields = [field for field in dataclasses.fields(entry) if field.name not in hidden]
        yield f"Fields: {', '.join(f'`{field.name}: {field.type}`' for field in fields)}.\n"
    members = sorted(_members(entry), key=lambda member: (member[0].endswith(")"), member[0]))
    if members:
        yield "| member | what it is |\n|---|---|"
        yield from (f"| `{shown.replace('|', chr(92) + '|')}` | {text} |" for shown, text in members)
        yield ""


def _members(entry: type) -> Iterator[tuple[str, str]]:
    """Yield the declared attributes and methods of a class, as they are used, with their docstrings."""
    yield from _ATTRIBUTES.get(entry.__name__, {}).items()
    fields = {field.name for field in dataclasses.fields(entry)} if dataclasses.is_dataclass(entry) else set()
    inherited = {
        name: value
        for base in entry.__mro__[1:]
        if base.__module__.startswith("auroraql.") and not issubclass(entry, Exception)
        for name, value in vars(base).items()
    }
    for name, value in (inherited | dict(vars(entry))).items():
        if name.startswith("_") or name in fields or name in _FRONT_ENDS.get(entry.__name__, ()):
            continue
        if isinstance(value, property | cached_property):
            yield name, _prose(value)
        elif isinstance(value, classmethod):
            yield _signature(f"{entry.__name__}.{name}", getattr(entry, name)), _prose(value)
        elif inspect.isfunction(value):
            yield _signature(name, value), _prose(value)


def _signature(name: str, function: Callable[..., Any]) -> str:
    """Return a call signature without self, with annotations as written."""
    signature = inspect.signature(function)
    shown: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.name == "self" or parameter.name.startswith("_"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not any(text.startswith("*") for text in shown):
            shown.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else "*" * (parameter.kind is parameter.VAR_POSITIONAL)
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        shown.append(f"{stars}{parameter.name}: {parameter.annotation}{default}")
    return f"{name}({', '.join(shown)}) -> {signature.return_annotation}"


def _prose(entry: Any) -> str:
    """Return a docstring as one paragraph."""
    return " ".join(dedent(inspect.getdoc(entry) or "").split())
