"""What the caller hands in: the address of a service and an API key, both checked before anything is sent.

Invariant: the key leaves `Key` only as a header of a request, and no message repeats a password or a key.
"""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from requests import PreparedRequest

from auroraql.archives.endpoints import origin
from auroraql.errors import UsageError

HEADER = "x-aurorax-api-key"

_EXAMPLE = "write it as https://api.aurorax.space"
_SCHEMES = ("http", "https")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_HEADER_TEXT = re.compile(r"[\x21-\x7e\xa1-\xff]+")


def read_address(url: str) -> str:
    """The base URL below which `/api/v1` lies, without a slash at its end.

    A path prefix is kept; `/api/v1` at the end is understood. Raises UsageError for what is no plain http(s) URL.
    """
    if "@" in url:
        raise UsageError(
            "the archive's address holds '@', as for a user name or password",
            "leave it out; an API key comes from AURORAX_API_KEY or the config file",
        )
    try:
        parts = urlsplit(url)
        bad = parts.scheme not in _SCHEMES or not parts.hostname or parts.query or parts.fragment or parts.port == 0
    except ValueError:
        bad = True
    if bad or _BLANK_OR_CONTROL.search(url):
        raise UsageError(f"{url!r} is not the address of an archive", _EXAMPLE)
    return url.rstrip("/").removesuffix("/api/v1").rstrip("/")


def same_origin_target(url: str, location: str) -> str | None:
    """Where `location`, answered by `url`, leads to, when that is the same origin; None elsewhere."""
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    return target if location and origin(target) == origin(url) and "@" not in urlsplit(target).netloc else None


class Key:
    """The API key, or none (an empty one). `sign` is what requests is given as its `auth`."""

    def __init__(self, value: str | None) -> None:
        """Raises UsageError, without showing the key, for one that no HTTP header can carry."""
        if value and not _HEADER_TEXT.fullmatch(value):
            raise UsageError(
                "the API key holds a blank, a line break or another character that cannot be sent",
                "check AURORAX_API_KEY or the key in the config file",
            )
        self._value = value or ""
        self._written = _spellings(self._value)

    def sign(self, request: PreparedRequest) -> PreparedRequest:
        """Add the key, if there is one, and nothing else, to a request."""
        if self._value:
            request.headers[HEADER] = self._value
        return request

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Key(***)" if self else "Key()"

    def is_in(self, text: str) -> bool:
        """Whether a text holds the key, however it is written there."""
        return any(spelling in text for spelling in self._written)

    def hidden(self, text: str) -> str:
        """The text without the key, however a service that repeats it may have written it."""
        for spelling in self._written:
            text = text.replace(spelling, "***")
        return text


def _spellings(value: str) -> tuple[str, ...]:
    """The key as it stands in plain text, JSON, HTML and URLs; the longest first, as they may hold each other."""
    if not value:
        return ()
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_json |= {written.replace("/", r"\/") for written in in_json}
    every = {value, *in_json, html.escape(value), quote(value), quote(value, safe=""), quote_plus(value)}
    return tuple(sorted(every, key=len, reverse=True))
