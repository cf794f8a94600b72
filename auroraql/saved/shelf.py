"""Where saved queries are: `.aql` files of the working folder and of the user's own folder, found by their names.

A name never leaves its folder, is a file name on every system, and no query is overwritten that was not meant to be.
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

from auroraql.errors import Source, UsageError, visible
from auroraql.output import write_text
from auroraql.saved.header import Header, header_of
from auroraql.spelling import closest

SUFFIX = ".aql"

_NAME = r"\w(?:[\w.-]*\w)?"
_LONGEST_NAME = 100
_RESERVED = frozenset(("con", "prn", "aux", "nul", "conin$", "conout$")) | {
    f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"
}
_MOST_READ = 1_000_000
"""Bytes; a longer file is data, and no query that someone saved."""

_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A saved query: its name, its file, and its text."""

    name: str
    path: Path
    source: Source

    @property
    def header(self) -> Header:
        """What its head says."""
        return header_of(self.source)

    @property
    def signature(self) -> str:
        """Its parameters with their defaults, as they would be given."""
        parameters = self.header.parameters
        return " ".join(f"{each.name}={'…' if each.default is None else each.default}" for each in parameters)


def check_name(name: str) -> str:
    """The name a query may be saved under, without the suffix. Raises UsageError for what is none on every system."""
    plain = unicodedata.normalize("NFC", name.strip())
    if plain.lower().endswith(SUFFIX):
        plain = plain[: -len(SUFFIX)]
    if re.fullmatch(_NAME, plain) is None or len(plain.encode(errors="replace")) > _LONGEST_NAME:
        message = f"'{visible(name)}' cannot be the name of a saved query"
        raise UsageError(message, "letters, digits, '_', '-' and '.' make a name, as in: keograms_of_a_day")
    if plain.partition(".")[0].casefold() in _RESERVED:
        raise UsageError(f"'{plain}' is the name of a device on Windows", "take another name")
    return plain


def listed(folders: Iterable[Path]) -> list[SavedQuery]:
    """The saved queries of the folders, by their names; of several with one name, that of the first folder."""
    found: dict[str, SavedQuery] = {}
    for folder in folders:
        for path in _files(folder):
            key = _key(path.stem)
            if key not in found:
                query = _read(path)
                if query is not None:
                    found[key] = query
    return [found[key] for key in sorted(found)]


def find(name: str, folders: Iterable[Path]) -> SavedQuery | None:
    """The saved query of a name, in whatever case; None when there is none."""
    wanted = unicodedata.normalize("NFC", name.removesuffix(SUFFIX))
    for folder in folders:
        files = {unicodedata.normalize("NFC", path.stem): path for path in _files(folder)}
        path = files.get(wanted) or next((files[n] for n in files if n.casefold() == wanted.casefold()), None)
        query = _read(path) if path is not None else None
        if query is not None:
            return query
    return None


def unreadable(name: str, folders: Iterable[Path]) -> UsageError | None:
    """What to say of a name that only files have which are no query; None where there is no such file."""
    for path in chain.from_iterable(map(_files, folders)):
        if _key(path.stem) == _key(name.removesuffix(SUFFIX)):
            return UsageError(f"{visible(str(path))} cannot be read: {_unread(path)}")
    return None


def unknown(name: str, folders: Iterable[Path]) -> UsageError:
    """What to say of a name that no saved query has."""
    names = [query.name for query in listed(folders)]
    near = closest(name, names, 1, 0.5)
    some = ", ".join(names[:5]) + ("…" if len(names) > 5 else "")
    hint = f"did you mean {near[0]}?" if near else f"there are {some}" if names else "\\save NAME keeps a query"
    return UsageError(f"there is no saved query '{visible(name)}'", hint)


def save(name: str, text: str, folder: Path, *, replace: bool = False) -> Path:
    """Keeps a text under a name in a folder, whole or not at all. Raises UsageError, also for a name that is taken.

    With `replace` an earlier query of the name is replaced; a link is never followed.
    """
    path = folder / f"{check_name(name)}{SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{visible(str(folder))}' cannot be made: {error.strerror or error}") from None
    taken = next((each for each in _files(folder) if each.name.casefold() == path.name.casefold()), None)
    if any(each.is_symlink() or (each.exists() and not each.is_file()) for each in (path, taken or path)):
        raise UsageError(f"'{visible(str(path))}' is no plain file", "save the query under another name")
    if taken is not None and replace:
        write_text(taken, text)
        return taken
    if taken is not None:
        raise _taken(taken)
    try:
        _put_new(path, text)
    except UsageError:
        if replace and path.exists():  # another session has just saved it: it is replaced now
            return save(name, text, folder, replace=True)
        raise
    return path


def _taken(path: Path) -> UsageError:
    return UsageError(f"there is a query '{path.stem}' already", f"\\save! {path.stem} replaces it")


def _put_new(path: Path, text: str) -> None:
    """Writes a file that was not there; if it is there by then, it stays as it is."""
    made = path.with_name(f".auroraql-{os.urandom(6).hex()}.new")
    write_text(made, text)
    try:
        try:
            os.link(made, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            with path.open("x", encoding="utf-8"):
                pass
            made.replace(path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise UsageError(f"cannot write '{visible(str(path))}': {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            made.unlink()


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder that may be queries; none of a folder that is not there."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(SUFFIX) and entry.name[0] != "."]
    except OSError:
        return
    yield from (folder / name for name in sorted(names))


def _read(path: Path) -> SavedQuery | None:
    """The query of a file; None for what is none: a folder, a file too long or not of text."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(state.st_mode) or state.st_size > _MOST_READ:
        return None
    return _read_once(path, state.st_mtime_ns, state.st_size)


@lru_cache(_KEPT)
def _read_once(path: Path, _changed: int, _size: int) -> SavedQuery | None:
    """A file as it was at a time: what is listed again and again is read once."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError):
        return None
    return SavedQuery(unicodedata.normalize("NFC", path.stem), path, Source(text, str(path)))


def _unread(path: Path) -> str:
    """Why a file is no query, where `_read` says that it is none."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            return "it is no plain file"
        if state.st_size > _MOST_READ:
            return f"it has more than {_MOST_READ:,} bytes"
        path.read_text("utf-8-sig")
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "it is no UTF-8 text"
    return "it has just changed"


def _key(name: str) -> str:
    """What names that differ in case alone have in common."""
    return unicodedata.normalize("NFC", name).casefold()


def rows_of(queries: Sequence[SavedQuery]) -> list[tuple[str, str, str, str]]:
    """Name, parameters, description and file of each; of one with a head that is wrong, what is wrong with it."""
    return [(each.name, each.signature, _about(each.header), str(each.path)) for each in queries]


def _about(header: Header) -> str:
    return f"wrong: {header.wrong[0].message}" if header.wrong else header.description
