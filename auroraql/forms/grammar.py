"""The grammar, loaded: the LALR parser of `grammar/*.lark`, and what can be read off it.

The parser is built once per grammar and kept in the user's own cache directory (never in a shared
temporary one: it is a pickle). The cache only saves time; without it the grammar is built anew. Lark is
loaded where it is needed, which is not to read a statement that is right: it takes longer to load than to parse.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

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


def build(text: str, *, strict: bool = False) -> Any:
    """The parser for a grammar text; `strict` turns every conflict into an error (tests do)."""
    import lark

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
def parser() -> Any:
    """Lark's parser, from the cache when it is there and whole; it reduces straight to the syntax tree.

    A statement that is right is read without it (tables.py).
    """
    import lark

    text = grammar_text()
    name = f"{key_of(f'{lark.__version__} {sys.version} {text}')}.bin"
    kept = read_kept(name)
    if kept is not None:
        with suppress(Exception):  # a damaged cache is only slower, whatever is in it
            # The public `load` cannot be given the callbacks.
            return lark.Lark.__new__(lark.Lark)._load(io.BytesIO(kept), transformer=Reading())
    made = build(text)
    stream = io.BytesIO()
    made.save(stream, exclude_options=["transformer"])
    keep(name, stream.getvalue())
    return made


def key_of(text: str) -> str:
    """A short name for everything that what is kept depends on."""
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def read_kept(name: str) -> bytes | None:
    """What was kept under a name; None when there is nothing, or nothing that is safe to read."""
    file = _cache_file(name)
    try:
        return file.read_bytes() if file is not None else None
    except OSError:
        return None


def keep(name: str, made: bytes) -> None:
    """Writes beside the final name and moves it there, so that no reader sees half of it; else does nothing."""
    file = _cache_file(name)
    if file is None:
        return
    with suppress(OSError):
        handle, beside = tempfile.mkstemp(dir=file.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(made)
            Path(beside).replace(file)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def _cache_file(name: str) -> Path | None:
    """Where something is kept; None when there is no directory of the user's own."""
    try:
        folder = user_cache_path("auroraql") / "grammar"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except OSError:
        return None
    foreign = hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & 0o022)
    return None if foreign else folder / name


def pattern(terminal: str) -> str:
    """The regular expression of one terminal."""
    from auroraql.forms.tables import table

    return table().terminals[terminal]


@cache
def keywords() -> tuple[str, ...]:
    """The words of the language in upper case: each terminal whose pattern is its own name."""
    from auroraql.forms.tables import table

    return tuple(sorted(n for n, value in table().terminals.items() if value == rf"(?i:{n.lower()}(?!\w))"))
