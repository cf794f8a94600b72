"""Candidates in SQL: stored results, which are the tables, and their columns by their SQL names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from auroraql.completion.context import CompletionContext
from auroraql.completion.cursor import Cursor
from auroraql.completion.matching import NamedItem
from auroraql.completion.name_groups import NameGroup, make_items

_QUALIFIED = re.compile(r"(\w+)\.\Z")
_BEHIND_FROM = re.compile(r"\b(?:from|join)\s+\Z", re.IGNORECASE)


def sql_candidates(place: Cursor, known: CompletionContext) -> Iterator[NameGroup]:
    """Yield the groups that fit in SQL: after `c.` only the columns of that table, elsewhere tables and columns.

    Columns of tables that the statement names come before columns of other tables.
    """
    before, statement = place.text[place.begin : place.start], place.text[place.begin :]
    qualified = _QUALIFIED.search(before)
    if qualified is not None:
        table = _find_table(qualified[1], statement, known)
        yield _column_groups({table: known.tables[table]} if table else known.tables)
        return
    results = NameGroup(make_items(NamedItem(name, "result") for name in known.tables), "sql")
    if _BEHIND_FROM.search(before):
        yield results
        return
    here = {name: columns for name, columns in known.tables.items() if re.search(rf"\b{re.escape(name)}\b", statement)}
    yield _column_groups(here)
    yield results
    yield _column_groups(known.tables)


def _column_groups(tables: Mapping[str, Sequence[str]]) -> NameGroup:
    return NameGroup(
        make_items(NamedItem(column, name) for name, columns in tables.items() for column in columns), "sql"
    )


def _find_table(name: str, statement: str, known: CompletionContext) -> str:
    """Return the table with a name or an alias, or an empty text."""
    if name in known.tables:
        return name
    alias = rf"\s+(?:as\s+)?{re.escape(name)}\b"
    return next(
        (table for table in known.tables if re.search(rf"\b{re.escape(table)}{alias}", statement, re.IGNORECASE)), ""
    )
