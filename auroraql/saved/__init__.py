"""Saved queries: scripts in files, found by name and run with values for the parameters in their front matter.

`header` reads the front matter, `types` defines the parameter types, `uses` finds parameters in statements,
`binding` assigns values, and `shelf` stores the files.
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
