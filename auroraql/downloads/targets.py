"""Names of the downloaded files: from the URLs, or by a template such as `{program}/{start:%Y/%m/%d}/{file}`.

Without a template, the name is the shortest tail of the URL's path that tells all files of the folder apart. Two files
never get names that are equal on a file system that ignores case, and no name is both a file and a folder.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from pathlib import PurePosixPath
from string import Formatter
from typing import Any
from urllib.parse import urlsplit

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest
from auroraql.downloads.file_names import (
    MANIFEST_NAME,
    add_hash,
    clean_component,
    comparison_key,
    url_components,
)

_MAX_DEPTH = 24
"""Largest number of components in a name."""

_FILE = "file"
"""Field of a template that is the last component of the URL."""

_UNKNOWN = "unknown"
"""Component for a missing value in a template."""

_PLAIN_SPEC = re.compile(r"[-+ ]?0?\d{0,3}[,_]?(?:\.\d{1,2})?[bcdeEfFgGnosxX%]?")
"""Format specifications of texts and numbers."""


@dataclass(frozen=True, slots=True)
class Product:
    """A file to name: its URL, and the values of its row by column name for a template."""

    url: str
    values: Mapping[str, Any]


def name_by_url(urls: Sequence[str], taken: Iterable[PurePosixPath] = ()) -> dict[str, PurePosixPath]:
    """Return a path in the folder for each URL. `taken` are the paths of other files of the folder."""
    used = [comparison_key(path) for path in taken]
    tails = {url: _components(url) for url in urls}
    deepest = min(max(map(len, tails.values()), default=1), _MAX_DEPTH)
    best: dict[str, PurePosixPath] = {}
    fewest = len(urls) + 1
    for depth in range(1, deepest + 2):
        if depth <= deepest:
            names = {url: PurePosixPath(*tail[-depth:]) for url, tail in tails.items()}
        else:
            names = {url: PurePosixPath(_host(url), *tail[-_MAX_DEPTH:]) for url, tail in tails.items()}
        if (collisions := len(_find_collisions(names, used))) < fewest:
            best, fewest = names, collisions
        if not collisions:
            break
    return _separate(best, used) if fewest else best


def _separate(names: dict[str, PurePosixPath], used: Collection[tuple[str, ...]]) -> dict[str, PurePosixPath]:
    """Add a hash of the URL to the names that still collide, for example because only the query differs."""
    colliding = _find_collisions(names, used)
    separate = names | {url: names[url].with_name(add_hash(names[url].name, url)) for url in colliding}
    # A name below another file's name moves out of it.
    return separate | {url: PurePosixPath(add_hash(names[url].name, url)) for url in _find_collisions(separate, used)}


def _find_collisions(names: Mapping[str, PurePosixPath], used: Collection[tuple[str, ...]]) -> set[str]:
    """Return the URLs whose name is another's name, or the folder of another's name."""
    keys = {url: comparison_key(path) for url, path in names.items()}
    files = Counter([*keys.values(), *used])
    folders = {key[:depth] for key in files for depth in range(1, len(key))}
    return {url for url, key in keys.items() if files[key] > 1 or key in folders or _is_below_file(key, files)}


def _is_below_file(key: tuple[str, ...], files: Mapping[tuple[str, ...], int]) -> bool:
    return any(key[:depth] in files for depth in range(1, len(key)))


def _components(url: str) -> tuple[str, ...]:
    return url_components(urlsplit(url).path) or (_host(url),)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return clean_component(parts.netloc.rpartition("@")[2].replace(":", "_"))


class NameTemplate:
    """A template of names, checked against the columns of a result."""

    def __init__(self, text: str, columns: Sequence[str], keys: Collection[str] = ()) -> None:
        """Parse a template. `columns` and `keys` are the fields that it may use. Raises UsageError."""
        self._text = text
        self._parts = _parse_template(text)
        known = {_FILE, *columns, *keys}
        for _, field, _ in self._parts:
            if field is not None and field not in known:
                raise _unknown_field_error(field, [_FILE, *columns])

    def names(self, products: Sequence[Product], taken: Mapping[PurePosixPath, str]) -> dict[str, PurePosixPath]:
        """Return a path in the folder for each product. Raises UsageError when two files would get the same name.

        `taken` has the paths of the folder's other files, with their URLs.
        """
        names = {product.url: self._name(product) for product in products}
        colliding = _find_collisions(names, [comparison_key(path) for path in taken])
        if colliding:
            raise self._collision_error(names, colliding)
        return names

    def _name(self, product: Product) -> PurePosixPath:
        text = ""
        for literal, field, spec in self._parts:
            text += literal
            if field is not None:
                text += self._format_field(product, field, spec)
        parts = [clean_component(part) for part in text.split("/") if part]
        return PurePosixPath(*parts) if parts else PurePosixPath(_UNKNOWN)

    def _format_field(self, product: Product, field: str, spec: str) -> str:
        """Return the text of a field. Only the format of a date or time may contain `/`, which separates folders."""
        if field == _FILE:
            return _components(product.url)[-1]
        value = product.values.get(field)
        if value is None:
            return _UNKNOWN
        try:
            if isinstance(value, date | time):  # includes datetime
                return format(value, spec) if spec else value.isoformat().replace(":", "")
            if _PLAIN_SPEC.fullmatch(spec) is None:
                raise ValueError("invalid format")
            return _flatten(format(value, spec) if spec else str(value))
        except (ValueError, TypeError) as error:
            problem = f"the format '{make_visible(spec)}' of {{{field}}} does not fit its values: {error}"
            raise UsageError(problem, "times take strftime formats, for example {start:%Y/%m/%d}") from None

    def _collision_error(self, names: Mapping[str, PurePosixPath], colliding: Collection[str]) -> UsageError:
        first = next(url for url in names if url in colliding)
        hint = "add fields that tell the files apart, such as {start:%H%M}"
        if not any(field == _FILE for _, field, _ in self._parts):
            hint = "end the template with {file}"
        return UsageError(f"'{make_visible(self._text)}' gives the name {names[first]} to several files", hint)


def _flatten(text: str) -> str:
    """Return the text of a value as one component."""
    return clean_component(text)


def _parse_template(text: str) -> list[tuple[str, str | None, str]]:
    """Return literal text, field and format of each part. Raises UsageError for a malformed or absolute template."""
    if text.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", text) or ".." in re.split(r"[/\\]", text):
        raise UsageError(
            f"the template '{make_visible(text)}' leads out of the folder", "begin it with a field or name"
        )
    try:
        parts = [
            (literal, field, spec or "", conversion) for literal, field, spec, conversion in Formatter().parse(text)
        ]
    except ValueError as error:
        raise UsageError(f"the template '{make_visible(text)}' is malformed: {error}", _EXAMPLE) from None
    for _, field, spec, conversion in parts:
        if conversion is not None or "{" in spec or field == "":
            raise UsageError(f"the template '{make_visible(text)}' is malformed", _EXAMPLE)
    if not any(field is not None for _, field, _, _ in parts):
        raise UsageError(f"the template '{make_visible(text)}' has no fields", _EXAMPLE)
    return [(literal.replace("\\", "_"), field, spec) for literal, field, spec, _ in parts]


_EXAMPLE = "for example {program}/{platform}/{start:%Y/%m/%d}/{file}"


def _unknown_field_error(field: str, columns: Sequence[str]) -> UsageError:
    matches = find_closest(field, columns, 1)
    hint = f"did you mean {{{matches[0]}}}? " if matches else ""
    return UsageError(
        f"the template has the unknown field '{make_visible(field)}'", f"{hint}the fields are {', '.join(columns)}"
    )


def is_reserved(path: PurePosixPath) -> bool:
    """Return whether a path is that of the manifest."""
    return comparison_key(path) == (MANIFEST_NAME,)
