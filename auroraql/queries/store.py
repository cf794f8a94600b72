"""Storage of saved queries: `.aql` files in the working folder and in the user's own folder, found by name.

A name cannot leave its folder and is a valid file name on every system. A query is only overwritten on request.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

from auroraql.diagnostics.errors import Source, UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.queries.front_matter import FrontMatter, read_front_matter
from auroraql.rendering import write_text

SUFFIX = ".aql"

_NAME = r"\w(?:[\w.-]*\w)?"
_MAX_NAME_LENGTH = 100
_RESERVED = frozenset(("con", "prn", "aux", "nul", "conin$", "conout$")) | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}
_MAX_FILE_BYTES = 1_000_000
"""Largest file that is read as a saved query, in bytes."""

_CACHE_SIZE = 2_000


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A saved query: name, path and source."""

    name: str
    path: Path
    source: Source

    @property
    def header(self) -> FrontMatter:
        """The front matter of the query."""
        return read_front_matter(self.source)

    @property
    def signature(self) -> str:
        """The parameters with their defaults, as `name=value` pairs."""
        parameters = self.header.parameters
        return " ".join(
            f"{parameter.name}={'…' if parameter.default is None else parameter.default}" for parameter in parameters
        )


def check_name(name: str) -> str:
    """Return a valid name for a saved query, without the suffix.

    Raises UsageError for a name that is not a valid file name on every system.
    """
    plain = unicodedata.normalize("NFC", name.strip())
    if plain.lower().endswith(SUFFIX):
        plain = plain[: -len(SUFFIX)]
    if re.fullmatch(_NAME, plain) is None or len(plain.encode(errors="replace")) > _MAX_NAME_LENGTH:
        message = f"'{make_visible(name)}' cannot be the name of a saved query"
        raise UsageError(message, "a name has letters, digits, '_', '-' and '.', for example keograms_of_a_day")
    if plain.partition(".")[0].casefold() in _RESERVED:
        raise UsageError(f"'{plain}' is the name of a device on Windows", "choose another name")
    return plain


def find_queries(folders: Iterable[Path]) -> list[SavedQuery]:
    """Return the saved queries of the folders, sorted by name. The first folder that has a name wins."""
    queries: dict[str, SavedQuery] = {}
    for folder in folders:
        for path in _candidate_files(folder):
            key = _name_key(path.stem)
            if key not in queries:
                query = _read_query(path)
                if query is not None:
                    queries[key] = query
    return [queries[key] for key in sorted(queries)]


def find_query(name: str, folders: Iterable[Path]) -> SavedQuery | None:
    """Return the saved query with a name, or None. An exact match is preferred over one that differs in case."""
    plain = unicodedata.normalize("NFC", name.removesuffix(SUFFIX))
    for folder in folders:
        files = {unicodedata.normalize("NFC", path.stem): path for path in _candidate_files(folder)}
        path = files.get(plain) or next((files[stem] for stem in files if stem.casefold() == plain.casefold()), None)
        query = _read_query(path) if path is not None else None
        if query is not None:
            return query
    return None


def unreadable_query_error(name: str, folders: Iterable[Path]) -> UsageError | None:
    """Return the error for a name whose only files cannot be read, or None when there is no such file."""
    for path in chain.from_iterable(map(_candidate_files, folders)):
        if _name_key(path.stem) == _name_key(name.removesuffix(SUFFIX)):
            return UsageError(f"{make_visible(str(path))} cannot be read: {_why_unreadable(path)}")
    return None


def unknown_query_error(name: str, folders: Iterable[Path]) -> UsageError:
    """Return the error for a name that no saved query has, with suggestions."""
    names = [query.name for query in find_queries(folders)]
    matches = find_closest(name, names, 1, 0.5)
    listed_names = ", ".join(names[:5]) + ("…" if len(names) > 5 else "")
    hint = (
        f"did you mean {matches[0]}?"
        if matches
        else f"there are {listed_names}"
        if names
        else "\\save NAME saves a query"
    )
    return UsageError(f"the saved query '{make_visible(name)}' does not exist", hint)


def save_query(name: str, text: str, folder: Path, *, replace: bool = False) -> Path:
    """Save a text under a name in a folder and return the path. Write all of it or nothing.

    `replace` allows an existing query to be replaced. Links are never followed. Raises UsageError for an invalid or
    taken name, and when the file cannot be written.
    """
    path = folder / f"{check_name(name)}{SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{make_visible(str(folder))}' cannot be created: {error.strerror or error}") from None
    existing = next(
        (candidate for candidate in _candidate_files(folder) if candidate.name.casefold() == path.name.casefold()), None
    )
    if any(
        candidate.is_symlink() or (candidate.exists() and not candidate.is_file())
        for candidate in (path, existing or path)
    ):
        raise UsageError(f"'{make_visible(str(path))}' is not a regular file", "save the query under another name")
    if existing is not None and replace:
        write_text(existing, text)
        return existing
    if existing is not None:
        raise _name_taken_error(existing)
    try:
        _write_new(path, text)
    except UsageError:
        if replace and path.exists():  # another session has just saved a query with this name
            return save_query(name, text, folder, replace=True)
        raise
    return path


def _name_taken_error(path: Path) -> UsageError:
    return UsageError(f"the query '{path.stem}' already exists", f"\\save! {path.stem} replaces it")


def _write_new(path: Path, text: str) -> None:
    """Create a file. Leave a file that another process created in the meantime unchanged."""
    temporary = path.with_name(f".auroraql-{os.urandom(6).hex()}.new")
    write_text(temporary, text)
    try:
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            with path.open("x", encoding="utf-8"):
                pass
            temporary.replace(path)
    except FileExistsError:
        raise _name_taken_error(path) from None
    except OSError as error:
        raise UsageError(f"cannot write '{make_visible(str(path))}': {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def _candidate_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that may be saved queries. Yield none when the folder cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIX) and entry.name[0] != "."]
    except OSError:
        return
    yield from (folder / name for name in sorted(names))


def _read_query(path: Path) -> SavedQuery | None:
    """Return the query in a file, or None for a folder, a file that is too large, or a file that is not text."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MAX_FILE_BYTES:
        return None
    return _read_cached(path, state.st_mtime_ns, state.st_size)


@lru_cache(_CACHE_SIZE)
def _read_cached(path: Path, _changed: int, _size: int) -> SavedQuery | None:
    """Return the query in a file, cached by its modification time and size."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return None
    return SavedQuery(unicodedata.normalize("NFC", path.stem), path, Source(text, str(path)))


def _why_unreadable(path: Path) -> str:
    """Return why a file cannot be read as a query."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return "it is not a regular file"
        if state.st_size > _MAX_FILE_BYTES:
            return f"it has more than {_MAX_FILE_BYTES:,} bytes"
        path.read_text("utf-8-sig")
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "it is not valid UTF-8"
    return "it has just changed"


def _name_key(name: str) -> str:
    """Return the form of a name that names with other case share."""
    return unicodedata.normalize("NFC", name).casefold()


def query_rows(queries: Sequence[SavedQuery]) -> list[tuple[str, str, str, str]]:
    """Return name, parameters, description and path of each query. An invalid front matter replaces the description."""
    return [(query.name, query.signature, _describe_query(query.header), str(query.path)) for query in queries]


def _describe_query(header: FrontMatter) -> str:
    return f"wrong: {header.wrong[0].message}" if header.wrong else header.description
