"""Address and API key of a service, validated before anything is sent.

Invariant: the key leaves `ApiKey` only as a request header, and messages contain neither passwords nor keys.
"""

from __future__ import annotations

import html
import json
import re
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from requests import PreparedRequest

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.registry import url_origin

API_KEY_HEADER = "x-aurorax-api-key"

_EXAMPLE = "write it as https://api.aurorax.space"
_SCHEMES = ("http", "https")
_BLANK_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_HEADER_TEXT = re.compile(r"[\x21-\x7e\xa1-\xff]+")


def read_address(url: str) -> str:
    """Return the base URL that precedes `/api/v1`, without a trailing slash.

    Path prefixes are kept, and a trailing `/api/v1` is accepted. Raises UsageError for anything but a plain http(s)
    URL.
    """
    if "@" in url:
        raise UsageError(
            "the archive's address contains '@', as if it had a user name or password",
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
    """Resolve a `Location` header against `url`. Return None for another origin or a malformed target."""
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    return target if location and url_origin(target) == url_origin(url) and "@" not in urlsplit(target).netloc else None


class ApiKey:
    """API key, possibly empty. Pass `sign` to requests as `auth`."""

    def __init__(self, value: str | None) -> None:
        """Raise UsageError, without showing the key, if an HTTP header cannot carry it."""
        if value and not _HEADER_TEXT.fullmatch(value):
            raise UsageError(
                "the API key contains a space, a line break or another character that cannot be sent",
                "check AURORAX_API_KEY or the key in the config file",
            )
        self._value = value or ""
        self._written = _encodings(self._value)

    def authorize(self, request: PreparedRequest) -> PreparedRequest:
        """Add the key header to a request if there is a key."""
        if self._value:
            request.headers[API_KEY_HEADER] = self._value
        return request

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Key(***)" if self else "Key()"

    def occurs_in(self, text: str) -> bool:
        """Return whether the text contains the key, in any encoding."""
        return any(spelling in text for spelling in self._written)

    def redact(self, text: str) -> str:
        """Return the text with the key masked, in every encoding that a service may echo."""
        for spelling in self._written:
            text = text.replace(spelling, "***")
        return text


def _encodings(value: str) -> tuple[str, ...]:
    """Return the key as plain text, JSON, HTML and URL text, longest first because some contain others."""
    if not value:
        return ()
    in_json = {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}
    in_json |= {written.replace("/", r"\/") for written in in_json}
    encodings = {value, *in_json, html.escape(value), quote(value), quote(value, safe=""), quote_plus(value)}
    return tuple(sorted(encodings, key=len, reverse=True))
