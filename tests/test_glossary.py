"""Tests of wording: docstrings, comments, messages and pages use none of a list of calques."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

CALQUES = (
    r"(?<!there )\b(?:is|are) no (?!longer|more|less|later|earlier)",  # is not a
    r"\banew\b",  # again, new
    r"\bof ours\b|\bour own\b",  # AuroraQL's
    r"\bone's own\b",
    r"\bwhat (?:holds|is told|is said|it takes|comes of)\b",
    r"\bstand(?:s|ing)?\b(?! for\b)",  # is
    r"\b(?:as|how) it stands\b",
    r"\blies (?:at|behind|between)\b",  # is
    r"\bheld against\b",  # compared with
    r"\blook(?:s|ed)? (?:after|at together)\b",  # polled
    r"\bunder way\b",  # running
    r"\bwhoever\b|\bwho (?:waits|asks|reads|is told)\b",
    r"\bnobody\b",
    r"\bso many\b",
    r"\bbeside\b",  # next to
    r"\bbehind\b(?! (?:a (?:reverse )?proxy|it does|symbolic links|`serve`|UTC))",  # after
    r"\btold\b",  # reported, shown
    r"\b(?:it is|is|are|was|were) said\b|\bsaid (?:of|in|how|what|why)\b",
    r"\btells? (?:who|whose|them apart|of)\b",
    r"\bcannot say\b",  # cannot express
    r"\b(?:which|that) there (?:is|are) not\b",  # that does not exist
    r"\bas in:",  # for example:
    r"\b(?:is|are) to be \w+ed\b",  # must be
    r"\bstumbl",  # fails
    r"\bslips?\b(?: (?:of|in))",  # typing errors
    r"\bbr(?:oke|eaks?|oken) off\b",  # was closed, is truncated
    r"\bgo(?:es|ne)? round\b",  # falls back
    r"\bgone already\b",  # no longer exists
    r"\bthere already\b|\balready there\b(?!, after)",  # exists
)
"""Regular expressions without case. Write "there is no X" and "is not an X" instead of "is no X"."""

MODULES = [path for folder in ("auroraql", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]

PAGES = [
    ROOT / "README.md",
    *(path for folder in ("grammar", "examples") for path in sorted((ROOT / folder).rglob("*.*"))),
]
"""Pages, grammar files and example statements. Only the comments of the last two are prose."""

_COMMENT_OF_FILES = {".lark": r"//(.*)", ".aql": r"--(.*)"}


def find_calques(texts: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return the line of every calque in numbered texts, and the words around it."""
    return [
        (line, text[max(0, match.start() - 30) : match.end() + 30])
        for line, text in texts
        for pattern in CALQUES
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def prose_of_module(source: str, *, with_strings: bool) -> Iterator[tuple[int, str]]:
    """Yield the docstrings, the comments and, if wanted, all other strings of a module."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and (with_strings or id(node) in docstrings):
            yield node.lineno, " ".join(node.value.split())
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def prose_of_page(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page outside code blocks, or the comments of a grammar file or an example."""
    text = path.read_text("utf-8")
    comment = _COMMENT_OF_FILES.get(path.suffix)
    in_block = False
    for number, line in enumerate(text.splitlines(), 1):
        if comment is not None:
            yield from ((number, match) for match in re.findall(comment, line))
            continue
        in_block ^= line.startswith("```")
        if not in_block:
            yield number, line


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_docstring_comment_or_message_has_a_calque(path: Path) -> None:
    if path == Path(__file__):
        pytest.skip("the list itself")
    in_package = path.is_relative_to(ROOT / "auroraql")  # the strings of tests are mostly input
    assert find_calques(prose_of_module(path.read_text("utf-8"), with_strings=in_package)) == []


@pytest.mark.parametrize(
    "path",
    [path for path in PAGES if path.suffix in (".md", *_COMMENT_OF_FILES)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_page_has_a_calque(path: Path) -> None:
    assert find_calques(prose_of_page(path)) == []


def test_calques_are_found() -> None:
    source = '"""A job."""\n\nMESSAGE = f"this is no JSON: {MESSAGE}"  # as it stands\nHINT = "no one"\n'
    assert [line for line, _ in find_calques(prose_of_module(source, with_strings=True))] == [3, 3, 3]
    assert [line for line, _ in find_calques(prose_of_module(source, with_strings=False))] == [3, 3]
    right = '"""Return nothing when there is no job or it is no longer running."""\n'
    assert find_calques(prose_of_module(right, with_strings=True)) == []
