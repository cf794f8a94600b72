"""The facts of AuroraX's REST protocol about each kind of record: paths, names and limits of its requests.

Source: the OpenAPI document of AuroraX's API, version 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

API = "/api/v1"
"""The path below which every endpoint is, after the address of the service."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How AuroraX is asked for records of one kind.

    `collection` is the first step of the paths. `request_type` is the kind in statuses and in the list of requests,
    `described_as` the last step of the path that describes a query. `counted_as` is the kind in the members of
    `DataSourceStats`; empty for records that are computed and not stored, which have no availability either.
    `longest_synchronous` is the longest window of a synchronous search; None where the service has none.
    """

    collection: str
    request_type: str
    described_as: str
    counted_as: str = ""
    longest_synchronous: timedelta | None = None

    @property
    def search(self) -> str:
        """The path that submits a search."""
        return f"{API}/{self.collection}/search"

    @property
    def search_synchronous(self) -> str:
        """The path of a search that is answered in the same exchange."""
        return f"{self.search}_synchronous"

    @property
    def describe(self) -> str:
        """The path that describes a query in words."""
        return f"{API}/utils/describe/query/{self.described_as}"

    @property
    def availability(self) -> str:
        """The path of the counts of records per source and day."""
        return f"{API}/availability/{self.collection}"

    def request(self, request_id: str) -> str:
        """Return the path of the status of a submitted search."""
        return f"{API}/{self.collection}/requests/{request_id}"
