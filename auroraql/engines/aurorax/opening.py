"""Openers of AuroraX and of other services with its API, for the engine registry."""

from __future__ import annotations

import os
from collections.abc import Callable

from auroraql.engines.aurorax.engine import AuroraXEngine
from auroraql.engines.registry import AURORAX, AURORAX_URL, is_aurorax


def open_service(url: str, api_key: str | None, _say: Callable[[str], None], _deadline: float) -> AuroraXEngine:
    """Return the engine of a URL. Nothing is sent. Raises UsageError for a URL or key that cannot be used."""
    return AuroraXEngine(url, api_key=_select_key(url, api_key))


def open_aurorax(_archive: str, api_key: str | None, _say: Callable[[str], None], _deadline: float) -> AuroraXEngine:
    """Return the engine of AuroraX itself. Nothing is sent. Raises UsageError for a key that cannot be used."""
    return AuroraXEngine(AURORAX_URL, api_key=_select_key(AURORAX_URL, api_key), name=AURORAX)


def _select_key(url: str, api_key: str | None) -> str | None:
    """Return the key to send: the given one, or for AuroraX itself that of the environment."""
    if api_key is None and is_aurorax(url):
        api_key = os.environ.get("AURORAX_API_KEY")
    return api_key or None
