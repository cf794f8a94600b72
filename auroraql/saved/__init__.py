"""Saved queries: scripts kept as files, found by name and run with values for the parameters their head declares.

`header` reads the head, `types` what a parameter may be, `uses` where statements have it, `binding` gives it a value,
`shelf` keeps the files.
"""

from __future__ import annotations

from auroraql.saved.binding import Given, bind, known_values
from auroraql.saved.header import Declared, Header, declaration, header_of
from auroraql.saved.shelf import SUFFIX, SavedQuery, check_name, find, listed, rows_of, save, unknown, unreadable
from auroraql.saved.types import TYPES, items, unquoted, written
from auroraql.saved.uses import Use, uses_of

__all__ = [
    "SUFFIX",
    "TYPES",
    "Declared",
    "Given",
    "Header",
    "SavedQuery",
    "Use",
    "bind",
    "check_name",
    "declaration",
    "find",
    "header_of",
    "items",
    "known_values",
    "listed",
    "rows_of",
    "save",
    "unknown",
    "unquoted",
    "unreadable",
    "uses_of",
    "written",
]
