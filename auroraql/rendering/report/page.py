"""The page of a report: statements, where the rows are from, the rows as JSON, and the script that shows them.

The page contacts no server except for the pictures of its rows. Its policy allows exactly one script, by its hash.
Values are never markup. Without scripts, a browser shows the first rows as a table.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Protocol

import msgspec

from auroraql.diagnostics.errors import AuroraQLError, Diagnostic, Source, StatementError, render
from auroraql.language.formatter import format_text
from auroraql.rendering.html import escape_html, render_table_html, visible_lines
from auroraql.rendering.report.columns import MAX_ROWS, report_columns, to_document
from auroraql.rendering.text_output import RenderOptions, describe_origin, format_count
from auroraql.results.result_set import ResultSet, replace_surrogates

MAX_STATIC_ROWS = 500
"""Rows that are shown without scripts."""

_ESCAPED_IN_JSON = {b"<": b"\\u003c", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}
"""Bytes that could end the element that holds the JSON, or a line of it."""

Outcome = ResultSet | AuroraQLError
"""Result or error of a statement."""


class Drawing(Protocol):
    """Protocol of a picture of a result, for example `result.timeline()`."""

    def svg(self, *, inline: bool = False) -> str:
        """Return the picture as SVG whose texts are escaped. With `inline` it is a part of an HTML page."""


def render_html(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Render a result as a complete page."""
    return render_result_page(result)


def render_result_page(result: ResultSet, title: str = "", drawings: Sequence[Drawing] = ()) -> Iterator[str]:
    """Render a page of one result with drawings above its rows. The title is by default the statement."""
    statement = result.provenance.statement if result.provenance is not None else _statement(result).partition("\n")[0]
    yield _page_head(title or statement or _heading(result), title or _heading(result))
    yield from _render_section(result, has_heading=bool(title), drawings=drawings)
    yield _page_end()


def render_report(outcomes: Iterable[Outcome], title: str) -> Iterator[str]:
    """Render the results of several statements as one page. Each is requested when its section is written."""
    yield _page_head(title, title)
    for outcome in outcomes:
        yield from _render_error(outcome) if isinstance(outcome, AuroraQLError) else _render_section(outcome)
    yield _page_end()


def _page_end() -> str:
    return f"<script>{_asset('report.js')}</script>\n</main>\n</body>\n</html>\n"


@cache
def _asset(name: str) -> str:
    """Return the text of a file of this package."""
    return files("auroraql.rendering.report").joinpath(name).read_text("utf-8")


def _page_head(title: str, heading: str) -> str:
    digest = base64.b64encode(hashlib.sha256(_asset("report.js").encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; img-src http: https:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape_html(title)}</title>\n<style>\n{_asset('report.css')}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape_html(heading)}</h1>\n"
    )


def _render_error(error: AuroraQLError) -> Iterator[str]:
    yield f'<section aria-label="Error">\n<h2>Error</h2>\n{_preformatted(str(error))}</section>\n'


def _render_section(result: ResultSet, *, has_heading: bool = True, drawings: Sequence[Drawing] = ()) -> Iterator[str]:
    """Yield the section of a result: its statement, its origin, drawings, and its rows."""
    statement = _statement(result)
    heading = escape_html(_heading(result))
    yield f'<section aria-label="{heading}">\n'
    if has_heading:
        yield f"<h2>{heading}</h2>\n"
    if statement:
        yield _preformatted(statement)
    if result.warnings:
        yield _preformatted(_render_warnings(result.warnings, result.source), "warning")
    if result.note:
        yield f"<p>{escape_html(result.note)}</p>\n"
    elif result.is_report:
        yield _preformatted("\n".join(str(line) for (line,) in result))
    else:
        yield f'<p class="note">{escape_html(_describe_source(result))}</p>\n'
        for drawing in drawings:
            yield f'<figure class="drawing">\n{drawing.svg(inline=True)}\n</figure>\n'
        yield from _render_rows(result)
    yield "</section>\n"


def _heading(result: ResultSet) -> str:
    return "Report" if result.is_report else "Note" if result.note else format_count(result)


def _preformatted(text: str, name: str = "") -> str:
    return f"<pre{f' class={name!r}' if name else ''}>{escape_html(visible_lines(text))}</pre>\n"


def _render_warnings(warnings: Sequence[Diagnostic], source: Source | None) -> str:
    return render(list(warnings), source if source is not None else Source(""))


def _statement(result: ResultSet) -> str:
    """Return the text of the statement, formatted over several lines if it is long."""
    if result.provenance is None:
        return visible_lines(result.source.text.strip()) if result.source is not None else ""
    try:
        return visible_lines(format_text(Source(result.provenance.statement)).strip().rstrip(";"))
    except StatementError:  # query JSON and sentences, which have no layout
        return visible_lines(result.provenance.statement)


def _describe_source(result: ResultSet) -> str:
    """Return where and when the rows were searched, with the parameters of the statement."""
    parts = [f"From {describe_origin(result)}"]
    if result.provenance is not None:
        document = result.provenance.to_document()
        parts.append(f"searched at {document['searched_at']}")
        parts += [f"${name} = {value}" for name, value in document.get("parameters", {}).items()]
        if result.request_ids:
            parts.append(f"request {', '.join(result.request_ids)}")
    if len(result) > MAX_ROWS:
        parts.append(f"the first {MAX_ROWS:,} of {len(result):,} rows")
    if result.demonstration:
        parts.append("addresses of demonstration data may not have pictures")
    return visible_lines(" · ".join(parts))


def _render_rows(result: ResultSet) -> Iterator[str]:
    """Yield the first rows for browsers without scripts, and all rows as JSON."""
    yield "<noscript>\n"
    if len(result) > MAX_STATIC_ROWS:
        yield f"<p>The first {MAX_STATIC_ROWS} rows. Allow scripts to see all rows, to filter and to sort.</p>\n"
    yield '<div class="scroller">\n'
    yield from render_table_html(result, MAX_STATIC_ROWS)
    yield "</div>\n</noscript>\n"
    if result.columns and len(result):
        document = to_document(report_columns(result), min(len(result), MAX_ROWS))
        yield f'<script type="application/json">{_encode_json(document)}</script>\n'


def _encode_json(document: object) -> str:
    """Return JSON that cannot end its element."""
    try:
        encoded = msgspec.json.encode(document)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_without_surrogates(document))
    for character, escape in _ESCAPED_IN_JSON.items():
        encoded = encoded.replace(character, escape)
    return encoded.decode()


def _without_surrogates(value: object) -> object:
    match value:
        case str():
            return replace_surrogates(value)
        case dict():
            return {key: _without_surrogates(member) for key, member in value.items()}
        case list():
            return [_without_surrogates(member) for member in value]
        case _:
            return value
