"""Rendering of results as text and files for every front end.

Output cannot move the cursor, change colors or forge terminal lines, because values are escaped. Files are written
completely or not at all.
"""

from __future__ import annotations

from auroraql.rendering.cell_format import cut_text
from auroraql.rendering.files import check_writable, format_of, write_result, write_text
from auroraql.rendering.footer import format_footer
from auroraql.rendering.formats import FORMATS, ResultFormat, get_format, render_result, render_text, should_color
from auroraql.rendering.options import supports_blocks
from auroraql.rendering.table import render_grid

__all__ = [
    "FORMATS",
    "ResultFormat",
    "check_writable",
    "cut_text",
    "format_footer",
    "format_of",
    "get_format",
    "render_grid",
    "render_result",
    "render_text",
    "should_color",
    "supports_blocks",
    "write_result",
    "write_text",
]
