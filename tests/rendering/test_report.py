"""Reports: another parser and a browser read the same values, hostile values stay text, and files are whole or absent."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import auroraql
from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.rendering.report import columns as report_columns
from auroraql.rendering.report import page as report_page
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet
from auroraql.schema import Type
from auroraql.session.archive import Archive
from tests.rendering.test_notebook import HOSTILE
from tests.support.browser import EXECUTABLE, Browser, open_browser
from tests.support.command_line import command

DAILY = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
EXACT = (
    1.5,
    -0.25,
    1e300,
    float("nan"),
    2**60,
    True,
    Decimal("12345678901234567890.12"),
    None,
    "",
    timedelta(hours=25),
)


class Page(HTMLParser):
    """The scripts, the elements and the policy of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[str] = []
        self.policy = ""
        self.scripts: dict[str, list[str]] = {"application/json": [], "": []}
        self._script: str | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert not [name for name in attributes if name.startswith("on")]
        self.elements.append(tag)
        self._script = attributes.get("type") or "" if tag == "script" else None
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"] or ""
        if attributes.get("href"):
            self.links.append(attributes["href"] or "")

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts[self._script].append(data)

    def handle_endtag(self, _tag: str) -> None:
        self._script = None

    @property
    def tables(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.scripts["application/json"]]


def table(names: Sequence[str], *rows: tuple[Any, ...], types: Sequence[Type] = (), archive: str = "demo") -> ResultSet:
    described = [
        ResultColumn(name, type_, path=(name,)) for name, type_ in zip(names, types or [Type.ANY] * 99, strict=False)
    ]
    return ResultSet(Listing(), FetchedData(rows=rows), archive=archive, elapsed=0, columns=tuple(described))


def written(result: ResultSet, folder: Path, title: str | None = None) -> Page:
    result.report(folder / "page.html", title=title)
    return Page((folder / "page.html").read_text("utf-8"))


def decode(column: dict[str, Any], rows: int) -> list[Any]:
    """Return the values of a column as the script of the page reads them."""
    if "numbers" in column:
        return list(column["numbers"])
    codes = column.get("codes", [0] * rows)
    return [None if code < 0 else column.get("full", column["texts"])[code] for code in codes]


def test_a_report_has_every_value_once_and_members_of_objects_as_columns(demo: Archive, tmp_path: Path) -> None:
    result = demo.run("FIND ephemeris WHERE program = 'swarm' BETWEEN 2020-01-01T00:00 AND 2020-01-01T01:59")
    (data,) = written(result, tmp_path).tables
    values = {column["name"]: decode(column, len(result)) for column in data["columns"]}
    assert values["epoch"] == [str(value) for value in result["epoch"]]
    assert values["nbtrace.lat"] == [
        None if v is None else pytest.approx(v, abs=0.00501) for v in result["nbtrace.lat"]
    ]
    assert values["metadata.nbtrace_region"] == [value.get("nbtrace_region") for value in result["metadata"]]
    assert data["columns"][data["site"]]["texts"] == ["Swarm A", "Swarm B", "Swarm C"]
    assert data["columns"][data["time"]]["name"] == "epoch"


def test_texts_are_in_the_order_of_their_values(tmp_path: Path) -> None:
    moments = [datetime(2021, 1, 1) + timedelta(hours=hour) for hour in (5, 1, 30)]
    rows = list(zip(["b", "A", "c"], [10, 9, 100], [Decimal("10"), Decimal("9.5"), None], moments, strict=True)) * 3
    (data,) = written(table("abcd", *rows), tmp_path).tables
    assert [column["texts"] for column in data["columns"]] == [
        ["A", "b", "c"], ["9", "10", "100"], ["9.5", "10"], [str(moments[at]) for at in (1, 0, 2)],
    ]  # fmt: skip


def test_values_of_every_type_are_encoded(tmp_path: Path) -> None:
    (data,) = written(table(["v"], *((value,) for value in EXACT)), tmp_path).tables
    assert decode(data["columns"][0], len(EXACT)) == [
        "1.5", "-0.25", "1e+300", "nan", str(2**60), "true", "12345678901234567890.12", None, "", "1 day 01:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_text_everywhere(value: str, tmp_path: Path) -> None:
    nested = {value: [{"display_name": value, "x": [value]}]}
    plain = written(table(["a", "b", "c"], ("x", "x", {"k": 1})), tmp_path)
    result = table([value, "b", "c"], (value, nested, {value: value}), archive=value)
    page = written(result, tmp_path, title=value)
    assert {"b", "img", "iframe", "style"} & set(page.elements) <= {"style"}
    assert page.elements.count("script") == plain.elements.count("script") == 2
    assert page.elements.count("style") == 1
    assert page.links == []
    shown = (tmp_path / "page.html").read_text("utf-8")
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
    assert "<" not in page.scripts["application/json"][0]
    # The script reads JSON escapes back. Escaped characters must pass the same check.
    assert not [c for c in json.dumps(page.tables, ensure_ascii=False) if unicodedata.category(c) in ("Cc", "Cf", "Cs")]


def test_pictures_are_parts_of_the_page(demo: Archive, tmp_path: Path) -> None:
    result = demo.run(DAILY)
    result.report(tmp_path / "page.html", pictures=["timeline", result.availability()])
    assert Page((tmp_path / "page.html").read_text("utf-8")).elements.count("svg") == 2
    for value in HOSTILE:
        moment = datetime(2021, 1, 1)
        hostile = table(["start", "platform"], (moment, value), types=[Type.TIME, Type.STRING])
        hostile.report(tmp_path / "page.html", pictures=["timeline"])
        page = Page((tmp_path / "page.html").read_text("utf-8"))
        assert not {"b", "img", "iframe"} & set(page.elements)
        assert page.elements.count("script") == 2
    with pytest.raises(auroraql.UsageError, match="unknown picture"):
        result.report(tmp_path / "page.html", pictures=["timelime"])


def test_the_policy_allows_exactly_the_script_of_the_page(demo: Archive, tmp_path: Path) -> None:
    page = written(demo.run(DAILY), tmp_path)
    (script,) = page.scripts[""]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert page.policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; img-src http: https:;")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|fetch\(", script)


def test_a_long_result_is_cut_with_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (report_columns, report_page):
        monkeypatch.setattr(module, "MAX_ROWS", 1000)
    page = written(table(["n"], *((n,) for n in range(1001))), tmp_path)
    text = (tmp_path / "page.html").read_text("utf-8")
    assert page.tables[0]["rows"] == len(decode(page.tables[0]["columns"][0], 0)) == 1000
    assert "the first 1,000 of 1,001 rows" in text
    assert page.elements.count("tr") == 501
    assert "The first 500 rows." in text


def test_all_results_of_a_script_are_on_one_page(tmp_path: Path) -> None:
    file, script = tmp_path / "night.html", tmp_path / "night.aql"
    script.write_text(
        f"{DAILY};\nLET p = {DAILY};\nFIND p SELECT url;\nEXPLAIN {DAILY};\nFIND data_products WHERE program = 'no<b>' ON 2021-01-01"
    )
    done = command("run", str(script), "--report", str(file))
    assert (done.code, done.out) == (0, "")
    page = Page(file.read_text("utf-8"))
    assert page.elements.count("section") == 5
    assert [data["rows"] for data in page.tables] == [5, 5]
    assert "no program" in file.read_text("utf-8")
    assert "<b>" not in file.read_text("utf-8")


def test_an_error_leaves_the_old_report_or_is_part_of_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "night.html"
    file.write_text("old")
    statements = f"{DAILY}; SQL SELECT error('boom')"
    assert command("-c", statements, "--report", str(file)).code == 2
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])
    assert command("-c", statements, "--report", str(file), "--keep-going").code == 2
    assert "boom" in file.read_text("utf-8")
    for option in ("--format", "csv"), ("--output", str(tmp_path / "x.csv")):
        refused = command("-c", DAILY, "--report", str(file), *option)
        assert refused.code == 2
        assert f"--report cannot be combined with {option[0]}" in refused.err
    with pytest.raises(auroraql.UsageError):
        table(["n"], (1,)).report(tmp_path / "missing" / "page.html")


# --- in a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if EXECUTABLE is None:
        pytest.skip("Chromium is not installed")
    with open_browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


CELLS = "[...document.querySelectorAll('tbody.seen tr')].map(row => [...row.cells].map(cell => cell.textContent))"


def test_a_browser_filters_sorts_and_links_rows_and_pictures(demo: Archive, browser: Browser, tmp_path: Path) -> None:
    result = demo.run("FIND data_products WHERE program = 'trex' BETWEEN 2021-01-01 AND 2021-01-03")
    result.report(tmp_path / "page.html")
    browser.open(tmp_path / "page.html")
    platform = 1 + [column.name for column in result.columns].index("platform")
    assert browser.run("document.querySelector('[role=status]').textContent") == f"{len(result):,} rows"
    seen = browser.run(CELLS)
    assert len(seen) < 100
    assert [row[platform] for row in seen] == result["platform"][: len(seen)]
    # Sorts down by the second click, and keeps the order of equal values.
    for _ in range(2):
        browser.run("document.querySelector('th button[title=\"Sort by platform\"]').click()")
    assert browser.run("document.querySelector('th[aria-sort]').getAttribute('aria-sort')") == "descending"
    expected = sorted(result["platform"], reverse=True)
    assert [row[platform] for row in browser.run(CELLS)] == expected[: len(seen)]
    # The end of the table appears when it scrolls there.
    browser.run("new Promise(done => { document.querySelector('.scroller').scrollTop = 1e9; setTimeout(done, 200) })")
    assert browser.run(CELLS)[-1][platform] == expected[-1]
    # A day, then words. The counts of the other filters follow.
    browser.run(
        "[...document.querySelectorAll('.facet button')].find(b => b.textContent.startsWith('2021-01-02')).click()"
    )
    browser.run(
        "new Promise(done => { const words = document.querySelector('input'); words.value = 'GILLAM keogram';"
        " words.dispatchEvent(new Event('input')); setTimeout(done, 400) })"
    )
    matching = [
        row for row in result if row[0].day == 2 and row[platform - 1] == "gillam" and "keogram" in str(row[9:])
    ]
    assert 0 < len(matching) < len(result)
    assert browser.run("document.querySelector('[role=status]').textContent").startswith(f"{len(matching)} of ")
    pictures = browser.run("document.querySelectorAll('figure').length")
    assert pictures == sum(str(row[8]).endswith((".jpg", ".png")) for row in matching)
    # A picture leads to its row, and the row to its fields; Escape closes them.
    browser.run("document.querySelector('figcaption button').click()")
    number = browser.run("document.querySelector('tr.target button').textContent")
    assert browser.run("document.activeElement.textContent") == number
    browser.press("Enter", 13)
    assert browser.run("document.querySelector('dialog[open] dl').textContent").count("gillam")
    browser.press("Escape", 27)
    assert browser.run("document.querySelector('dialog')") is None
    assert [message for message in browser.messages if "ERR_NAME_NOT_RESOLVED" not in message] == []


def test_a_browser_runs_nothing_of_hostile_values(browser: Browser, tmp_path: Path) -> None:
    values = [*HOSTILE, "</script><script>document.title='owned'</script>", "javascript:document.title='owned'//.png"]
    table(["v", "w"], *((value, {"k": [value]}) for value in values)).report(tmp_path / "page.html", title="mine")
    browser.messages.clear()
    browser.open(tmp_path / "page.html")
    assert len(browser.run(CELLS)) == len(values)
    browser.run("document.querySelector('tbody.seen button').click()")
    assert browser.run("document.title") == "mine"
    assert browser.run("document.querySelectorAll('a, img, iframe, tbody b').length") == 0
    assert browser.run("document.scripts.length") == 2
    assert browser.messages == []


def test_the_query_of_a_plan_names_the_rows(tmp_path: Path) -> None:
    result = ResultSet(Plan(Query("data_products"), ()), FetchedData(rows=[]), archive="demo", elapsed=0)
    assert written(result, tmp_path).tables == []
    assert "<h1>0 data products</h1>" in (tmp_path / "page.html").read_text("utf-8")
