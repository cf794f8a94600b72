"""Candidates in SQL: stored results, which are the tables, and their columns by their SQL names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from auroraql.completion.groups import Group, made
from auroraql.completion.known import Known
from auroraql.completion.matching import Item
from auroraql.completion.place import Place

_QUALIFIED = re.compile(r"(\w+)\.\Z")
_BEHIND_FROM = re.compile(r"\b(?:from|join)\s+\Z", re.IGNORECASE)


def sql_offers(place: Place, known: Known) -> Iterator[Group]:
    """Yield the groups that fit in SQL: after `c.` only the columns of that table, elsewhere tables and columns.

    Columns of tables that the statement names come before columns of other tables.
    """
    before, statement = place.text[place.begin : place.start], place.text[place.begin :]
    qualified = _QUALIFIED.search(before)
    if qualified is not None:
        table = _table(qualified[1], statement, known)
        yield _columns({table: known.tables[table]} if table else known.tables)
        return
    results = Group(made(Item(name, "result") for name in known.tables), "sql")
    if _BEHIND_FROM.search(before):
        yield results
        return
    here = {name: columns for name, columns in known.tables.items() if re.search(rf"\b{re.escape(name)}\b", statement)}
    yield _columns(here)
    yield results
    yield _columns(known.tables)


def _columns(tables: Mapping[str, Sequence[str]]) -> Group:
    return Group(made(Item(column, name) for name, columns in tables.items() for column in columns), "sql")


def _table(name: str, statement: str, known: Known) -> str:
    """Return the table with a name or an alias, or an empty text."""
    if name in known.tables:
        return name
    alias = rf"\s+(?:as\s+)?{re.escape(name)}\b"
    return next(
        (table for table in known.tables if re.search(rf"\b{re.escape(table)}{alias}", statement, re.IGNORECASE)), ""
    )
