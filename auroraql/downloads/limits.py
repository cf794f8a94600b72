"""Numbers of simultaneous transfers."""

from __future__ import annotations

DEFAULT_AT_ONCE = 4
"""Simultaneous transfers of a download, if not set."""

MAX_AT_ONCE = 32
"""Largest number of simultaneous transfers."""

CONNECTIONS_PER_HOST = 4
"""Largest number of simultaneous requests to one host."""
