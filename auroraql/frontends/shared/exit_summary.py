"""The summary printed at the end of a session: jobs that continue on the service, and how to fetch them later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from auroraql.session.jobs import Search


class ClosableArchive(Protocol):
    """Protocol of an archive that is about to be closed."""

    @property
    def name(self) -> str:
        """Name of the archive in messages."""

    @property
    def submitted(self) -> Mapping[str, Search]:
        """Submitted searches by name."""

    def leave(self) -> list[Search]:
        """Let submitted searches that were not fetched continue. Return them."""


def exit_summary(archive: ClosableArchive) -> Iterator[str]:
    """Yield lines for each search that was not fetched. Searches that can continue do so after closing."""
    continuing = archive.leave()
    for search in continuing:
        if search.is_refused:  # its error was already reported
            continue
        status = "is done" if search.state == "done" else "continues"
        yield f"{search.name} {status} at {archive.name}, and can be fetched there later:"
        yield from (f"  FETCH '{request_id}';" for request_id in search.request_ids)
    for search in archive.submitted.values():
        if search not in continuing and search.state == "running":
            yield f"{search.name} was still running and was cancelled: {archive.name} runs a search only in its session"
