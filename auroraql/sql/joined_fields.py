"""Joined fields: facts about the source of a record that the archive's source list has, and records do not contain.

SQL receives the facts as text in a table of one row per source, which is joined by the identifier of the source.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from auroraql.ir.plan import SourceFacts
from auroraql.results.result_set import read_duration, read_time
from auroraql.schema import Kind, Type
from auroraql.sql.dialect import TEXT_OR_SCALAR, Bindings, StoredValue

_ALIAS = "joined"
_PLAIN_TIME_LENGTH = len("2020-01-01T00:00:00")


def join_facts(facts: SourceFacts, kind: Kind, identifier: str, bind: Bindings) -> tuple[str, dict[str, StoredValue]]:
    """Return the SQL of a LEFT JOIN of facts, and the columns that it adds by the dotted name of the field.

    `identifier` is the column of a record that holds the identifier of its source.
    """
    identifiers = sorted({source for values in facts.values() for source in values})
    dialect, fields = bind.dialect, {}
    columns = [f"{dialect.rows_of(dialect.array(bind(identifiers), 'integer'))} AS source"]
    for at, (name, values) in enumerate(facts.items()):
        field = kind.names[name]
        stored = StoredValue(f"f{at}", field.type, many=kind.is_listed(field.path))
        texts = [value_text(values.get(source), stored) for source in identifiers]
        rows = dialect.rows_of(dialect.array(bind(texts), "text"))
        columns.append(f"{dialect.parse_text(rows, stored)} AS {stored.sql}")
        fields[name] = StoredValue(f"{_ALIAS}.{stored.sql}", stored.type, many=stored.many)
    table = " ".join(("SELECT", ", ".join(columns)))
    return f" LEFT JOIN ({table}) AS {_ALIAS} ON {_ALIAS}.source = {identifier}", fields


def value_text(value: Any, stored: StoredValue) -> str | None:
    """Return a value of a record as text for `Dialect.parse_text`."""
    if stored.type is Type.INTERVAL:
        value = _to_microseconds(value)
    if stored.type is Type.TIME:
        value = _to_utc_text(value)
    is_json = stored.many or stored.type not in TEXT_OR_SCALAR
    if value is None or (isinstance(value, str) and not is_json):
        return value
    return json.dumps(value, ensure_ascii=False)


def _to_microseconds(value: Any) -> Any:
    """Return a duration, or a list of durations, as microseconds."""
    if isinstance(value, list):
        return [_to_microseconds(element) for element in value]
    duration = read_duration(value) if isinstance(value, str) else value
    return duration // timedelta(microseconds=1) if isinstance(duration, timedelta) else value


def _to_utc_text(value: Any) -> Any:
    """Convert a time, or a list of times, to UTC without an offset, because DuckDB would ignore the offset."""
    if isinstance(value, list):
        return [_to_utc_text(element) for element in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str) or (len(value) == _PLAIN_TIME_LENGTH and not value.endswith(":60")):
        return value
    try:
        return read_time(value).isoformat()
    except (ValueError, OverflowError):
        return value
