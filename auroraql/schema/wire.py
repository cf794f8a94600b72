"""Protocol facts of AuroraX's REST API for each kind of record: paths, names and limits of requests.

Source: the OpenAPI document of AuroraX's API, version 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

API = "/api/v1"
"""Path prefix of every endpoint."""

SOURCE_LIST = f"{API}/data_sources"
"""Path of the list of data sources."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """Protocol facts of one kind.

    `collection` is the first part of the paths. `request_type` is the name of the kind in request statuses and in the
    list of requests, and `described_as` is the last part of the path that describes a query. `counted_as` is the name
    of the kind in `DataSourceStats`. It is empty for records that are computed and not stored, which have no
    availability either. `longest_synchronous` is the maximum window of a synchronous search, or None if the service
    has no synchronous search.
    """

    collection: str
    request_type: str
    described_as: str
    counted_as: str = ""
    longest_synchronous: timedelta | None = None

    @property
    def search(self) -> str:
        """Path that submits a search."""
        return f"{API}/{self.collection}/search"

    @property
    def search_synchronous(self) -> str:
        """Path of a synchronous search."""
        return f"{self.search}_synchronous"

    @property
    def describe(self) -> str:
        """Path that describes a query in words."""
        return f"{API}/utils/describe/query/{self.described_as}"

    @property
    def availability(self) -> str:
        """Path of the record counts per source and day."""
        return f"{API}/availability/{self.collection}"

    def request(self, request_id: str) -> str:
        """Return the path of the status of a submitted search."""
        return f"{API}/{self.collection}/requests/{request_id}"
