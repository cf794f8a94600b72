"""Everything the server answers: each module here gives its routes, and they are all of one shape."""

from __future__ import annotations

from auroraql.frontends.server.endpoints import (
    administration,
    availability,
    data_sources,
    description,
    requests,
    search,
    upload,
)

ROUTES = (
    *search.ROUTES,
    *requests.ROUTES,
    *data_sources.ROUTES,
    *availability.ROUTES,
    *description.ROUTES,
    *upload.ROUTES,
    *administration.ROUTES,
)
"""Every route, in no order."""
