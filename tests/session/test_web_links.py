"""Web pages of a search: only for what they show, and no request ID becomes another address."""

from __future__ import annotations

import webbrowser
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import pytest

import auroraql
from auroraql.engines.registry import AURORAX_URL
from auroraql.frontends.repl.result_commands import open_product
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.results.result_set import FetchedData, ResultSet
from auroraql.session import web_links
from auroraql.session.archive import Archive
from auroraql.session.web_links import WEB_PAGES, find_web_url
from tests.support.feeding_records import serve_records
from tests.support.repl_fakes import products

ID = "8b3d3ff7-ce08-463c-9fe2-b44cde68c40b"


@pytest.mark.parametrize("archive", ["aurorax", AURORAX_URL, f"{AURORAX_URL}/api/v1/conjunctions/requests/{ID}"])
def test_the_pages_show_a_search_by_its_id(archive: str) -> None:
    for page, host, key in (
        ("aurorax", "aurorax.space", "requestID"),
        ("swarm-aurora", "swarm-aurora.com", "aurorax_request_id"),
    ):
        for request_id in (ID, "a&b=c#d", "../../x", "\n'\"><"):
            url = urlsplit(find_web_url(WEB_PAGES[page], archive, "conjunctions", (request_id,), 4_999))
            assert (url.scheme, url.netloc, url.fragment) == ("https", host, "")
            assert parse_qs(url.query) == {key: [request_id]}


@pytest.mark.parametrize(
    ("archive", "kind", "ids", "results", "reason"),
    [
        ("demo", "conjunctions", (ID,), 1, "searches of AuroraX only"),
        ("https://aurorax.space.evil.example", "conjunctions", (ID,), 1, "searches of AuroraX only"),
        ("aurorax", "ephemeris", (ID,), 1, "searches for conjunctions only"),
        ("aurorax", "conjunctions", (ID, ID), 1, "shows one request, and this search has 2"),
        ("aurorax", "conjunctions", (), 1, "shows one request, and this search has 0"),
        ("aurorax", "conjunctions", (ID,), 5_000, "fewer than 5,000 results"),
    ],
)
def test_a_search_that_the_pages_do_not_show(
    archive: str, kind: str, ids: tuple[str, ...], results: int, reason: str
) -> None:
    with pytest.raises(auroraql.UsageError, match=reason):
        find_web_url(WEB_PAGES["aurorax"], archive, kind, ids, results)


def test_the_prompt_opens_the_page_of_the_last_result() -> None:
    state = products()
    state.last = ResultSet(
        Plan(Query("conjunctions"), ()), FetchedData(rows=[]), archive="aurorax", elapsed=0, request_ids=(ID,)
    )
    with patch.object(webbrowser, "open", return_value=True) as opened:
        assert open_product(state, "aurorax").startswith("opened https://aurorax.space/")
        open_product(state, "Swarm-Aurora")
    assert [call.args[0] for call in opened.call_args_list] == [page.url(ID) for page in WEB_PAGES.values()]


def test_searches_list_the_page_when_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_records() as server, auroraql.connect(server.url) as service:
        monkeypatch.setattr(web_links, "is_aurorax", lambda url: url.startswith(server.url))
        search = submit_conjunctions(service)
        search.wait()
        (url,) = [row[0] for row in service.run("SHOW SEARCHES SELECT web_url")]
        assert url == search.web_url == WEB_PAGES["aurorax"].url(search.request_ids[0])
        other = service.submit("FIND data_products WHERE program = 'trex' ON 2020-02-01")
        other.wait()
        assert other.web_url is None


def submit_conjunctions(service: Archive) -> auroraql.Search:
    return service.submit(
        "SUBMIT c = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2020-01-01"
    )
