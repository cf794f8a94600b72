"""Rendering of results as text and files for every front end.

Output cannot move the cursor, change colors or forge terminal lines, because values are escaped. Files are written
completely or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from auroraql.downloads.report import Report
from auroraql.rendering.files import check_writable, format_of, write_chunks, write_result, write_text
from auroraql.rendering.formats import (
    FORMATS,
    ResultFormat,
    get_format,
    render_pretty,
    render_result,
    render_text,
    should_color,
)
from auroraql.rendering.table import render_grid
from auroraql.rendering.text_output import cut_text, format_footer, supports_blocks
from auroraql.results.result_set import ResultSet, ResultWriters

__all__ = [
    "FORMATS",
    "ResultFormat",
    "check_writable",
    "cut_text",
    "format_footer",
    "format_of",
    "get_format",
    "render_grid",
    "render_pretty",
    "render_result",
    "render_text",
    "should_color",
    "supports_blocks",
    "write_chunks",
    "write_result",
    "write_text",
]


def _notebook_html(result: ResultSet) -> str:
    from auroraql.rendering.notebook import notebook_html  # deferred: only notebooks need it

    return notebook_html(result)


def _write_report(result: ResultSet, path: str | os.PathLike[str], title: str | None, pictures: Sequence[Any]) -> None:
    from auroraql.rendering.report.page import render_result_page  # deferred: only reports need it

    drawings = [_create_picture(result, picture) if isinstance(picture, str) else picture for picture in pictures]
    write_chunks(path, render_result_page(result, title or "", drawings))


def _to_arrow_table(result: ResultSet, flat: bool) -> Any:
    from auroraql.results.dataframes import to_arrow_table  # deferred: only data frames and Parquet need it

    return to_arrow_table(result, flat=flat)


def _to_pandas_frame(result: ResultSet, flat: bool) -> Any:
    from auroraql.results.dataframes import to_pandas_frame  # deferred: only data frames and Parquet need it

    return to_pandas_frame(result, flat=flat)


def _download_result(result: ResultSet, folder: str | os.PathLike[str], **options: Any) -> Report:
    from auroraql.downloads.downloader import DownloadOptions, download_result  # deferred: only downloads need requests

    return download_result(result, folder, DownloadOptions(**options))


def _create_picture(result: ResultSet, name: str, **options: Any) -> Any:
    from auroraql.pictures.registry import create_picture  # deferred: only pictures need numpy

    return create_picture(result, name, **options)


ResultSet.registered_writers = ResultWriters(
    render_text,
    render_pretty,
    write_result,
    _write_report,
    _notebook_html,
    _to_arrow_table,
    _to_pandas_frame,
    _download_result,
    _create_picture,
)
