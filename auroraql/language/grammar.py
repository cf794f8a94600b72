"""The grammar, and what can be read off it: its text, its keywords, the parser that Lark makes of it.

Lark is loaded by whoever asks for that parser, which nobody does to read a statement: the table it makes comes with
the package (tables.py).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from auroraql.diagnostics.errors import UsageError
from auroraql.language.ast_builder import AstBuilder

START = "statement"


def grammar_files() -> list[Path]:
    """The grammar's files in reading order: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "grammar", package.parent / "grammar"):
        files = sorted(folder.glob("[0-9]*.lark"))
        if files:
            return files
    raise UsageError("the grammar files are missing from this installation", "install auroraql again")


@cache
def grammar_text() -> str:
    """The whole grammar as one text: its files concatenated in name order."""
    return "".join(file.read_text("utf-8") for file in grammar_files())


def build_parser(text: str, *, strict: bool = False) -> Any:
    """The parser for a grammar text; `strict` turns every conflict into an error (tests do)."""
    import lark

    return lark.Lark(
        text,
        parser="lalr",
        lexer="contextual",
        start=[START],
        maybe_placeholders=False,
        strict=strict,
        transformer=AstBuilder(),
    )


@cache
def get_parser() -> Any:
    """Lark's parser of the grammar as it is; it reduces straight to the syntax tree."""
    return build_parser(grammar_text())


def terminal_pattern(terminal: str) -> str:
    """The regular expression of one terminal."""
    from auroraql.language.parse_table import load_table

    return load_table().terminals[terminal]


@cache
def grammar_keywords() -> tuple[str, ...]:
    """The words of the language in upper case: each terminal whose pattern is its own name."""
    from auroraql.language.parse_table import load_table

    return tuple(sorted(n for n, value in load_table().terminals.items() if value == rf"(?i:{n.lower()}(?!\w))"))
