"""HTTP headers that have a meaning of their own: Retry-After, Content-Range and the validators of a file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_SECONDS = 1e9
"""Longest wait that a `Retry-After` header means; a longer one is cut to it."""

_CONTENT_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


def parse_retry_after(text: str) -> float | None:
    """Return the seconds of a `Retry-After` header, which holds them or a date; None for anything else or the past."""
    try:
        if text.isascii() and text.isdigit():
            seconds = float(text[-20:]) if len(text.lstrip("0")) <= 20 else MAX_WAIT_SECONDS
        else:
            moment = parsedate_to_datetime(text)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(seconds, MAX_WAIT_SECONDS) if seconds > 0 else None


def parse_content_range(text: str) -> tuple[int, int | None] | None:
    """Return the first byte of a `Content-Range` header and the size of the file, None when unknown; None if invalid."""
    match = _CONTENT_RANGE.fullmatch(text.strip())
    return None if match is None else (int(match[1]), None if match[3] == "*" else int(match[3]))


def parse_content_length(text: str) -> int | None:
    """Return a `Content-Length` header; None if it is missing or invalid."""
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def if_range_value(etag: str, last_modified: str) -> str:
    """Return the validator for `If-Range`: a strong ETag, else the date; empty when there is neither."""
    return etag if etag and not etag.startswith("W/") else last_modified
