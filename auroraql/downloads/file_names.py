"""Safe names of files and folders: what a URL or a value may become on Windows, macOS and Linux.

Invariant: a cleaned component is one name, never empty, `.` or `..`, without separators or control characters, and is
none of the names that the download itself uses.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import unquote

MANIFEST_NAME = "manifest.jsonl"
LOCK_NAME = ".auroraql-download.lock"
PART_SUFFIX = ".part"
PART_INFO_SUFFIX = ".part.json"

_UNSAFE = re.compile(r'[<>:"/\\|?*]')
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?=\.|$)", re.IGNORECASE
)
"""Names of devices on Windows, with any suffix."""

_OWN = re.compile(
    rf"(?:{re.escape(MANIFEST_NAME)}|.*{re.escape(PART_SUFFIX)}(?:\.json(?:\.tmp)?)?)", re.IGNORECASE | re.DOTALL
)

MAX_NAME_BYTES = 200
"""Longest component in bytes of UTF-8. File systems allow 255; the rest is for the suffixes of parts."""


def clean_component(text: str) -> str:
    """Return one name of a path for any text. Texts that differ may get the same name."""
    name = unicodedata.normalize("NFC", text)
    name = "".join(c if c.isprintable() else "_" for c in name)
    name = _UNSAFE.sub("_", name).strip(" ").rstrip(". ")
    if name[:1] in (".", "-", "~"):  # hidden files, options of commands, home folders
        name = f"_{name[1:]}"
    if not name:
        return "_"
    if _RESERVED.match(name) or _OWN.fullmatch(name):
        name = f"_{name}_" if _OWN.fullmatch(name) else f"_{name}"
    return _cut(name)


def _cut(name: str) -> str:
    """Cut a long name before its suffix, and add a hash of the whole so that long names stay different."""
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    suffix = suffix if len(suffix.encode()) <= 20 else ""
    ending = f"~{short_hash(name)}{suffix}"
    stem = name.encode()[: MAX_NAME_BYTES - len(ending.encode())].decode(errors="ignore")
    return f"{stem}{ending}"


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that represent a text."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def add_hash(name: str, text: str) -> str:
    """Return a name with the hash of a text before its suffix."""
    path = PurePosixPath(name)
    return _cut(f"{path.stem}~{short_hash(text)}{path.suffix}")


def url_components(path: str) -> tuple[str, ...]:
    """Return the cleaned components of a URL's path; empty for the root."""
    return tuple(clean_component(unquote(part, errors="replace")) for part in path.split("/") if part)


def comparison_key(path: PurePosixPath) -> tuple[str, ...]:
    """Return what is equal for paths that are the same file on some file system, which may ignore case."""
    return tuple(unicodedata.normalize("NFC", part.casefold()) for part in path.parts)
