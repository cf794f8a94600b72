"""What is to be said of searches under way when a session ends: those that go on, and how to come back to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from auroraql.searches import Search


class Leaving(Protocol):
    """What is needed of an archive that is to be closed."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def submitted(self) -> Mapping[str, Search]:
        """The searches that were submitted."""

    def leave(self) -> list[Search]:
        """Lets those go on that can, and were not fetched."""


def farewell(archive: Leaving) -> Iterator[str]:
    """Lines for each search that is not fetched; what can go on does so when the archive is closed."""
    left = archive.leave()
    for search in left:
        if search.refused:  # its error has told all there is to tell
            continue
        how = "is done" if search.state == "done" else "goes on"
        yield f"{search.name} {how} at {archive.name}, and can be fetched there later:"
        yield from (f"  FETCH '{request_id}';" for request_id in search.request_ids)
    for search in archive.submitted.values():
        if search not in left and search.state == "running":
            yield f"{search.name} is still running, and is cancelled: {archive.name} runs a search only in its session"
