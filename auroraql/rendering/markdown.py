"""GitHub Markdown table, in which values cannot end a cell or line, or become markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from auroraql.rendering.text_output import SAFE_URL, RenderOptions, column_headers, format_cell
from auroraql.results.result_set import ResultSet
from auroraql.schema import Type

_MARKUP = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])")
"""Characters that Markdown interprets; an underscore inside a word is not one."""


def render_markdown(result: ResultSet, _screen: RenderOptions) -> Iterator[str]:
    """Render a result as a table: formatted times and numbers, URLs as links, missing values empty."""
    alignments = [
        "---:" if column.type in (Type.INTEGER, Type.NUMBER, Type.DECIMAL) else "---" for column in result.columns
    ]
    yield _table_line(_escape_markup(title) for title in column_headers(result.columns)) + _table_line(alignments)
    for row in result:
        yield _table_line(map(_format_value, row))


def _table_line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |\n"


def _format_value(value: Any) -> str:
    if isinstance(value, str) and SAFE_URL.fullmatch(value):
        return f"<{value.replace('|', '%7C').replace('<', '%3C').replace('>', '%3E')}>"
    return _escape_markup(format_cell(value) if value != "" else "")


def _escape_markup(text: str) -> str:
    return _MARKUP.sub(r"\\\g<0>", text)
