"""What may be named in SQL: the results, which are its tables, and their columns as SQL calls them."""

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
    """Behind `c.` the columns of that table alone; else those of the tables in the statement before those of others."""
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
    here = {name: each for name, each in known.tables.items() if re.search(rf"\b{re.escape(name)}\b", statement)}
    yield _columns(here)
    yield results
    yield _columns(known.tables)


def _columns(tables: Mapping[str, Sequence[str]]) -> Group:
    return Group(made(Item(column, name) for name, columns in tables.items() for column in columns), "sql")


def _table(name: str, statement: str, known: Known) -> str:
    """The table that is called so, itself or by an alias."""
    if name in known.tables:
        return name
    alias = rf"\s+(?:as\s+)?{re.escape(name)}\b"
    return next((t for t in known.tables if re.search(rf"\b{re.escape(t)}{alias}", statement, re.IGNORECASE)), "")
