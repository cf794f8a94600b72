"""Tests of EXPLAIN and DESCRIBE, before every form of a statement, and that neither searches."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from auroraql import Archive, StatementError, UsageError, connect, parse, translate
from auroraql.codecs.script import is_complete
from auroraql.diagnostics.errors import Source
from auroraql.language.ast import ExplainStatement
from auroraql.language.formatter import format_text
from auroraql.rendering import format_footer, render_result
from tests.support import corpus_files

FIND = "FIND data_products WHERE program = 'trex' ON 2020-02-01"


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with connect() as opened:
        yield opened


def lines(archive: Archive, text: str) -> list[str]:
    """Return the lines of a report."""
    result = archive.run(text)
    assert result.is_report
    return [line for (line,) in result]


def test_describe_is_the_sentence_of_every_form(archive: Archive) -> None:
    sentence = translate(FIND, to="sentence")
    assert isinstance(sentence, str)
    query = corpus_files.read(corpus_files.CORPUS / "data_products" / "json_2025.txt")["statement"]
    assert lines(archive, f"DESCRIBE {FIND}") == [sentence]
    assert lines(archive, f"describe {query}") == [sentence]
    assert lines(archive, f"DESCRIBE {sentence}") == [sentence]
    assert lines(archive, f"DESCRIBE FIND data_products FROM {query};") == [sentence]


def test_describe_reports_what_a_sentence_cannot_express(archive: Archive) -> None:
    with pytest.raises(StatementError, match=r"(?s)AQL0406.*LIMIT 5\n.*\^\^\^\^\^"):
        archive.run(f"DESCRIBE {FIND} LIMIT 5")


def test_explain_shows_requests_and_post_processing(archive: Archive) -> None:
    messages = lines(
        archive,
        "EXPLAIN FIND data_products SELECT url "
        "WHERE (program = 'rainbow' OR keogram_type = 'daily') AND platform LIKE 'fort s%' AND url LIKE '%.jpg' "
        "ON 2020-02-01 ORDER BY start DESC LIMIT 3 OFFSET 1",
    )
    assert messages[0] == "data products from demo: 2 requests"
    assert [line for line in messages if "request " in line and "POST" in line] == [
        "├─ request 1 of 2: POST /api/v1/data_products/search",
        "├─ request 2 of 2: POST /api/v1/data_products/search",
    ]
    after = messages[messages.index("└─ post-processing of the fetched records") + 1 :]
    assert any("WHERE " in line and "url LIKE '%.jpg'" in line for line in after)
    assert "   ORDER BY start descending" in after
    assert "   LIMIT 3 OFFSET 1" in after
    assert "   columns: url" in after


def test_explain_of_a_query_without_matching_sources(archive: Archive) -> None:
    result = archive.run("EXPLAIN FIND data_products WHERE program = 'trex' AND source_type = 'heo' ON 2020-02-01")
    assert result.rows[0] == ("data products from demo: no requests",)
    assert [warning.code for warning in result.warnings] == ["AQL0606"]


def test_a_report_is_shown_as_lines_and_read_as_records(archive: Archive) -> None:
    result = archive.run(f"DESCRIBE {FIND}")
    (line,) = result.rows[0]
    assert "".join(render_result(result, "table", width=40, color=False)) == line + "\n"
    assert result.records == [{"sentence": line}]
    assert "row" not in format_footer(result)


def test_a_report_is_parsed_formatted_and_never_submitted(archive: Archive) -> None:
    statement = parse(f"explain {FIND}")
    assert statement == ExplainStatement("explain", parse(FIND))  # type: ignore[arg-type]
    assert format_text(Source(f"explain  {FIND} -- why\n;")) == f"EXPLAIN {FIND};  -- why\n"
    assert (
        format_text(Source('explain\n{"data_product_type_filters": []}'))
        == 'EXPLAIN {"data_product_type_filters": []};\n'
    )
    assert not is_complete("EXPLAIN")
    assert not is_complete("EXPLAIN FIND data_products")
    assert is_complete(f"EXPLAIN {FIND}")
    with pytest.raises(UsageError, match="EXPLAIN does not run a search"):
        archive.submit(f"EXPLAIN {FIND}")
