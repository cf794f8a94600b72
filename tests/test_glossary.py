"""Tests of wording: docstrings, comments, messages and pages avoid a list of calques."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

CALQUES = (
    r"(?<!there )\bis no (?!longer|more|less|later|earlier)",  # is not a
    r"(?<!there )\bare no (?!longer|more|less|later|earlier)",
    r"\banew\b",  # again, new
    r"\bof ours\b",
    r"\bof one's own\b",
    r"\bwhat holds\b",
    r"\bstands behind\b",
    r"\bheld against\b",  # compared with
    r"\blooked after\b",  # polled
    r"\bunder way\b",  # running
    r"\bwhoever\b",
    r"\bnobody\b",
    r"\bso many\b",
    r"\bbeside\b",  # next to
    r"\bit is said\b",  # it is reported
    r"\b(is|are) told\b",
    r"\bstumbl",  # fails
    r"\bslips of\b",  # typing errors
)
"""Regular expressions without case. Write "there is no X" and "is not an X" instead of "is no X"."""

MODULES = sorted((ROOT / "auroraql").rglob("*.py"))


def calques(source: str) -> list[tuple[int, str]]:
    """Return the line and the text around every calque in the strings and docstrings of a module."""
    texts = [
        (node.lineno, " ".join(node.value.split()))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [
        (line, text[max(0, match.start() - 30) : match.end() + 30])
        for line, text in texts
        for pattern in CALQUES
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_docstring_or_message_has_a_calque(path: Path) -> None:
    assert calques(path.read_text("utf-8")) == []


def test_calques_are_found() -> None:
    assert [
        line for line, _ in calques('"""A job."""\n\nMESSAGE = f"this is no JSON: {MESSAGE}"\nHINT = "no one"\n')
    ] == [3]
    assert calques('"""Return nothing when there is no job or it is no longer running."""\n') == []
