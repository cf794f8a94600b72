"""The grammar, loaded: the LALR parser of `grammar/*.lark`, and what can be read off it.

The parser is built once per grammar and kept in the user's own cache directory (never in a shared
temporary one: it is a pickle). The cache only saves time; without it the grammar is built anew.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

import lark
from platformdirs import user_cache_path

from auroraql.errors import UsageError
from auroraql.forms.text.reading import Reading

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


def build(text: str, *, strict: bool = False) -> lark.Lark:
    """The parser for a grammar text; `strict` turns every conflict into an error (tests do)."""
    return lark.Lark(
        text,
        parser="lalr",
        lexer="contextual",
        start=[START],
        maybe_placeholders=False,
        strict=strict,
        transformer=Reading(),
    )


@cache
def parser() -> lark.Lark:
    """The parser, from the cache when it is there and whole; it reduces straight to the syntax tree."""
    text = grammar_text()
    file = _cache_file(text)
    if file is not None and file.exists():
        with suppress(Exception), file.open("rb") as stream:  # a damaged cache is only slower, whatever is in it
            # The public `load` cannot be given the callbacks.
            return lark.Lark.__new__(lark.Lark)._load(stream, transformer=Reading())
    made = build(text)
    if file is not None:
        _keep(made, file)
    return made


def _cache_file(text: str) -> Path | None:
    """Named by everything the pickle depends on; None when there is no directory of the user's own."""
    key = hashlib.sha256(f"{lark.__version__}\0{sys.version}\0{text}".encode()).hexdigest()[:20]
    try:
        folder = user_cache_path("auroraql") / "grammar"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return None
    foreign = hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o022)
    return None if foreign else folder / f"{key}.bin"


def _keep(made: lark.Lark, file: Path) -> None:
    """Writes the parser beside its final name and moves it there, so that no reader sees half of it."""
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                made.save(stream, exclude_options=["transformer"])
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


@cache
def pattern(terminal: str) -> str:
    """The regular expression of one terminal."""
    return str(parser().get_terminal(terminal).pattern.to_regexp())


@cache
def keywords() -> tuple[str, ...]:
    """The words of the language in upper case: each terminal whose pattern is its own name."""
    spelled = {t.name: t.pattern.value for t in parser().terminals}
    return tuple(sorted(name for name, value in spelled.items() if value == rf"{name.lower()}(?!\w)"))
