"""The corpus: plain files of sections, with `=== name` before each. To add a case, add a file.

`statement` is the input. Every other section is an expected output, which `pytest --update` rewrites.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.conftest import ROOT

CORPUS = ROOT / "tests" / "corpus"

_SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)


INPUTS = ("statement", "to", "parameters", "sql")
"""Sections that are written by hand. The others are outputs."""


def files(folder: str) -> list[Path]:
    """Return the cases of one folder in name order."""
    paths = sorted((CORPUS / folder).glob("*.txt"))
    assert paths, f"the corpus has no {folder}"
    return paths


def read(path: Path) -> dict[str, str]:
    """Return the sections of a case. Their texts have no final line break."""
    # Read as bytes, because a carriage return in a statement is part of it.
    parts = _SECTION.split(path.read_bytes().decode("utf-8"))
    assert parts[0].strip() == "", f"{path}: text before the first section"
    return {name: text.removesuffix("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def read_cases(path: Path) -> list[dict[str, str]]:
    """Return the cases of a file that has several: each begins with a section `statement`."""
    parts = _SECTION.split(path.read_bytes().decode("utf-8"))
    assert parts[0].strip() == "", f"{path}: text before the first section"
    cases: list[dict[str, str]] = []
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name == "statement":
            cases.append({})
        cases[-1][name] = text.rstrip("\n")
    return cases


def write_cases(path: Path, cases: Iterable[dict[str, str]]) -> None:
    """Rewrite a file of several cases, with an empty line between them."""
    texts = ("".join(f"=== {name}\n{text}\n" for name, text in case.items()) for case in cases)
    path.write_bytes("\n".join(texts).encode("utf-8"))


def write(path: Path, sections: dict[str, str]) -> None:
    """Rewrite a case."""
    path.write_bytes("".join(f"=== {name}\n{text}\n" for name, text in sections.items()).encode("utf-8"))


def compare(path: Path, expected: dict[str, str], actual: dict[str, str], *, update: bool) -> None:
    """Compare outputs with the file, or rewrite the file."""
    if update:
        write(path, {**{name: text for name, text in expected.items() if name in INPUTS}, **actual})
        return
    assert {name: text for name, text in expected.items() if name not in INPUTS} == actual, path.name
