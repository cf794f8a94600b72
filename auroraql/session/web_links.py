"""Web pages that show a search of AuroraX by its request ID: AuroraX's own, and Swarm-Aurora's.

Source: the links that AuroraX's conjunction search offers for a finished search.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from auroraql.diagnostics.errors import UsageError
from auroraql.engines.registry import AURORAX, is_aurorax
from auroraql.schema import CONJUNCTIONS

MAX_RESULTS = 5_000
"""Results of a search that the pages no longer show."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """A page that shows a search: its name in commands, its title, and its address up to the request ID."""

    name: str
    title: str
    address: str

    def url(self, request_id: str) -> str:
        """Return the address of a search."""
        return self.address + quote(request_id, safe="")


WEB_PAGES = {
    page.name: page
    for page in (
        WebPage("aurorax", "AuroraX", "https://aurorax.space/conjunctionSearch/standard?requestID="),
        WebPage("swarm-aurora", "Swarm-Aurora", "https://swarm-aurora.com/conjunctionFinder/?aurorax_request_id="),
    )
}
"""Pages by name."""


def is_shown_by_pages(archive: str) -> bool:
    """Return whether the pages show the searches of an archive, given its name or an address of it."""
    return archive == AURORAX or is_aurorax(archive)


def find_web_url(page: WebPage, archive: str, kind: str, request_ids: tuple[str, ...], results: int | None) -> str:
    """Return the address of a finished search. `results` is the number of its records, if it is known.

    Raises UsageError with the reason when the page cannot show it.
    """
    reason = ""
    if not is_shown_by_pages(archive):
        reason = f"shows searches of AuroraX only, and this one is of {archive}"
    elif kind != CONJUNCTIONS.name:
        reason = f"shows searches for conjunctions only, and this one is for {kind}"
    elif len(request_ids) != 1:
        reason = f"shows one request, and this search has {len(request_ids)}"
    elif results is not None and results >= MAX_RESULTS:
        reason = f"shows fewer than {MAX_RESULTS:,} results, and this search has {results:,}"
    if reason:
        raise UsageError(f"{page.title} {reason}", "\\export FILE.html writes a page with the result")
    return page.url(request_ids[0])
