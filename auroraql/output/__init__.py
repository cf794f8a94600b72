"""Rendering of results as text and files for every front end.

Output cannot move the cursor, change colors or forge terminal lines, because values are escaped. Files are written
completely or not at all.
"""

from __future__ import annotations

from auroraql.output.cells import cut
from auroraql.output.files import check_writable, format_of, write, write_text
from auroraql.output.formats import FORMATS, Format, known_format, render, render_text, wants_color
from auroraql.output.screen import writes_blocks
from auroraql.output.summary import footer
from auroraql.output.table import grid

__all__ = [
    "FORMATS",
    "Format",
    "check_writable",
    "cut",
    "footer",
    "format_of",
    "grid",
    "known_format",
    "render",
    "render_text",
    "wants_color",
    "write",
    "write_text",
    "writes_blocks",
]
