"""The resources of the server: each module declares the paths of one section of AuroraX's OpenAPI document.

A resource answers the HTTP method GET with `on_get`, POST with `on_post` and so on. The parts of its path that are
written in braces are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator

from auroraql.frontends.server.endpoints import (
    administration,
    availability,
    data_sources,
    description,
    requests,
    search,
    statements,
    upload,
)
from auroraql.frontends.server.service import Resource, ServedArchive

_SECTIONS = (search, requests, data_sources, availability, description, upload, administration, statements)


def routes(service: ServedArchive) -> Iterator[tuple[str, Resource]]:
    """Yield every path and its resource."""
    for section in _SECTIONS:
        yield from section.routes(service)
