"""What a notebook shows of a result: HTML and text that are small, safe and the same for the same rows."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.lib.pretty import pretty as ipython_pretty

from auroraql.ir.plan import Plan
from auroraql.ir.query import Query
from auroraql.results.result_set import FetchedData, ResultColumn, ResultSet
from auroraql.schema import Type
from auroraql.session.archive import Archive

PASSES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2021-01-01"
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></table><iframe src='https://evil.example'>",
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD4=",
    "https://evil.example/\" onmouseover=\"alert(1)",
    "https://good.example/<b>",
    "\u202egpj.exe\u202c",
    "a\x1b[31mred\x00\x07",
    "line\nbreak\r\u2028 end",
    "&lt;b&gt; &amp;",
    "$x$ `code` \\(a\\)",
    "\ud800",
    "</pre><style>*{display:none}</style>",
)  # fmt: skip


def pretty(value: object) -> str:
    """Return what IPython prints for a value."""
    return str(ipython_pretty(value))  # type: ignore[no-untyped-call]


class Html(HTMLParser):
    """The elements and the text of an output."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("td", "th", "p", "pre"):
            self.cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag == "a"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def table(names: Sequence[str], *rows: tuple[Any, ...], archive: str = "demo", is_report: bool = False) -> ResultSet:
    columns = tuple(ResultColumn(name, Type.ANY, path=(name,)) for name in names)
    origin = Plan(Query("", select=()), ())
    return ResultSet(
        origin, FetchedData(rows=rows), archive=archive, elapsed=1.25, columns=columns, is_report=is_report
    )


SAFE = {"div": set(), "table": set(), "thead": set(), "tbody": set(), "tr": set(), "p": set(), "pre": {"style"}}
SAFE |= {"th": {"style"}, "td": {"style", "dir"}, "a": {"href", "target", "rel"}}


def assert_safe(html: str) -> Html:
    """Assert that an output has no markup but its own."""
    page = Html(html)
    for tag, attributes in page.elements:
        assert tag in SAFE, (tag, attributes)
        assert set(attributes) <= SAFE[tag], (tag, attributes)
        assert re.fullmatch(r"(?:[-a-z]+: [-a-z0-9]+(?:; )?)*", attributes.get("style") or "")
        if tag == "a":
            assert re.fullmatch(r"https?://[^\s\"'<>]+", attributes["href"] or "")
            assert attributes["rel"] == "noopener noreferrer"
    hidden = [c for c in html if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"]
    assert not hidden
    return page


def test_html_has_twenty_rows_and_the_columns_that_fit(demo: Archive) -> None:
    result = demo.run("FIND data_products ON 2021-01-01")
    page = assert_safe(result._repr_html_())
    assert page.count("tr") == 21
    assert 4 <= page.count("th") < len(result.columns)
    assert page.cells[-1] == (
        f"first 20 of {len(result):,} data products, {page.count('th')} of {len(result.columns)} columns, "
        "from demo (demonstration data)"
    )


def test_selected_columns_are_all_shown(demo: Archive) -> None:
    page = assert_safe(
        demo.run(f"{PASSES} SELECT start, end, ground1, space1, min_distance, events LIMIT 2")._repr_html_()
    )
    assert page.cells[:6] == ["start", "end", "ground1", "space1", "min_distance (km)", "events"]
    assert page.cells[-1] == "2 conjunctions from demo (demonstration data)"


def test_hundreds_of_columns_are_cut() -> None:
    wide = table([f"column_{n}" for n in range(300)], tuple(range(300)))
    page = assert_safe(wide._repr_html_())
    assert 10 <= page.count("th") <= 100
    assert page.cells[-1].startswith(f"1 row, {page.count('th')} of 300 columns, ")


def test_the_output_has_no_time_and_no_ids(demo: Archive) -> None:
    shown = {demo.run(f"{PASSES} LIMIT 3")._repr_html_() for _ in range(2)}
    assert len(shown) == 1
    assert len({pretty(demo.run(f"{PASSES} LIMIT 3")) for _ in range(2)}) == 1
    assert " ms" not in shown.pop()


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_text(value: str) -> None:
    shapes = (value, [value], {value: value}, [{"display_name": value}])
    for shape in shapes:
        assert_safe(table(["a"], (shape,))._repr_html_())
    assert_safe(table([value], (1,), archive=value)._repr_html_())
    page = assert_safe(table(["text"], (value,), is_report=True)._repr_html_())
    assert page.elements[1][0] == "pre"
    for text in (pretty(table([value], (value,), archive=value)), pretty(table(["text"], (value,), is_report=True))):
        assert all(c == "\n" or c.isprintable() for c in text)


@given(st.lists(st.tuples(st.text() | st.floats() | st.none() | st.lists(st.text()), st.text()), max_size=4))
def test_no_value_becomes_markup(rows: list[tuple[Any, str]]) -> None:
    page = assert_safe(table(["a", "b"], *rows)._repr_html_())
    assert page.count("td") == 2 * len(rows)


def test_only_web_addresses_are_links() -> None:
    urls = ["https://a.example/b/c.png", "http://a.example", "javascript:alert(1)", "ftp://a.example/x", "file:///etc"]
    page = assert_safe(table(["url"], *((url,) for url in urls))._repr_html_())
    assert [attributes["href"] for tag, attributes in page.elements if tag == "a"] == urls[:2]
    assert page.cells[1:3] == ["c.png", "a.example"]


def test_ipython_prints_a_table(demo: Archive) -> None:
    result = demo.run(f"{PASSES} SELECT start, min_distance LIMIT 2")
    assert pretty(result).splitlines() == [
        "start             min_distance (km)",
        "----------------  -----------------",
        "2021-01-01 00:46              230.8",
        "2021-01-01 02:53              194.7",
        "2 conjunctions from demo (demonstration data)",
    ]
    assert pretty([result]) == f"[{result!r}]"
    many = pretty(demo.run("FIND data_products ON 2021-01-01"))
    assert len(many.splitlines()) <= 25
    assert max(map(len, many.splitlines())) <= 200


def test_reports_and_results_without_rows(demo: Archive) -> None:
    explained = demo.run(f"EXPLAIN {PASSES}")
    assert assert_safe(explained._repr_html_()).cells == ["\n".join(row[0] for row in explained)]
    assert pretty(explained).splitlines() == [row[0] for row in explained]
    empty = demo.run("FIND data_products WHERE program = 'trex' AND platform = 'gillam' AND url = 'x' ON 2021-01-01")
    assert assert_safe(empty._repr_html_()).cells[-1].startswith("0 data products")
    assert_safe(demo.run("SET timeout = 20")._repr_html_())


def test_searches_and_archives_are_short(demo: Archive) -> None:
    search = demo.submit(f"FIND data_products WHERE url = '{'x' * 500}' ON 2021-01-01")
    search.wait()
    assert re.fullmatch(r"<Search, done, request [-0-9a-f]{36}: FIND data_products WHERE .{1,60}>", pretty(search))
    assert pretty(demo) == "<Archive demo>"


def test_the_size_is_limited() -> None:
    generator = random.Random(1)
    rows = [tuple("".join(generator.choices("ab<&\u202e", k=100_000)) for _ in range(5)) for _ in range(100)]
    assert len(table(list("abcde"), *rows)._repr_html_()) < 100_000
