"""Saved queries: scripts in files, found by name and run with values for the parameters in their front matter.

`front_matter` reads the front matter, `parameter_types` defines the types, `parameter_usage` finds parameters,
`parameters` binds values, and `store` keeps the files.
"""

from __future__ import annotations

from auroraql.queries.front_matter import FrontMatter, ParameterDeclaration, format_declaration, read_front_matter
from auroraql.queries.parameter_types import TYPES, quote_value, split_items, unquote_value
from auroraql.queries.parameter_usage import ParameterUse, find_uses
from auroraql.queries.parameters import Given, bind_parameters, known_values
from auroraql.queries.store import (
    SUFFIX,
    SavedQuery,
    check_name,
    find_queries,
    find_query,
    query_rows,
    save_query,
    unknown_query_error,
    unreadable_query_error,
)

__all__ = [
    "SUFFIX",
    "TYPES",
    "FrontMatter",
    "Given",
    "ParameterDeclaration",
    "ParameterUse",
    "SavedQuery",
    "bind_parameters",
    "check_name",
    "find_queries",
    "find_query",
    "find_uses",
    "format_declaration",
    "known_values",
    "query_rows",
    "quote_value",
    "read_front_matter",
    "save_query",
    "split_items",
    "unknown_query_error",
    "unquote_value",
    "unreadable_query_error",
]
