"""The page of every error and warning: its cause, its way out, and a corpus case as an example."""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.diagnostics.codes import CODES
from tests.support import corpus_files

HEAD = """# Errors and warnings

An error stops a statement before it runs. A warning does not: the statement runs. Each has a code, whose meaning never
changes. The examples are cases of the test corpus. Generated: `pytest tests/docs/test_docs.py --update`.
"""

_SECTIONS = {
    "AQL01": "Reading",
    "AQL02": "Names and values",
    "AQL03": "Time",
    "AQL04": "Other forms",
    "AQL05": "Running",
    "AQL06": "Warnings",
}

MAX_EXAMPLE_LENGTH = 700
"""Maximum number of characters of an example."""


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD, *_entries()])


def _entries() -> Iterator[str]:
    section = ""
    shown = examples()
    for name, code in sorted(CODES.items()):
        if name[:5] != section:
            section = name[:5]
            yield f"## {_SECTIONS[section]}\n"
        yield f"### {name}: {code.title}\n"
        yield f"{code.cause} {code.remedy}\n"
        if name in shown:
            yield f"```text\n{shown[name]}\n```\n"


def examples() -> dict[str, str]:
    """Return, for each code, the shortest case that reports it first."""
    statements: dict[str, str] = {}
    for path in corpus_files.files("errors"):
        case = corpus_files.read(path)
        messages = case["rendering"]
        code = messages.partition("[")[2][:7]
        if len(messages) <= MAX_EXAMPLE_LENGTH and (code not in statements or len(messages) < len(statements[code])):
            statements[code] = messages
    return statements
