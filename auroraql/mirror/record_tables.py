"""Arrow tables of the records of a unit, from the columns in which they arrive, and their digest.

No record becomes a dict, except in batches that columns cannot represent, for example times with fractions of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy
import pyarrow as pa
import pyarrow.compute as pc

from auroraql.catalogues.writer import KEY_COLUMNS, TIME_COLUMNS, batch_schema, make_batch
from auroraql.engines.aurorax.columnar.batches import BatchedRecords, ColumnBatch
from auroraql.mirror.units import Unit
from auroraql.results.result_set import Record, read_time
from auroraql.schema.source_fields import IDENTIFIER

_PLACES = ("location_geo", "location_gsm", "nbtrace", "sbtrace")
_METADATA = "metadata"
_POINT = ("lat", "lon")

RESPONSE_FORMATS: dict[str, dict[str, Any]] = {
    "ephemeris": {
        "data_source": {"identifier": True},
        "epoch": True,
        **{place: dict.fromkeys(_POINT, True) for place in _PLACES},
        _METADATA: True,
    },
    "data_products": {
        "data_source": {"identifier": True},
        **dict.fromkeys(("start", "end", "data_product_type", "url", _METADATA), True),
    },
}
"""Parts of the records that a catalogue stores. A whole record is about ten times as long."""


@dataclass(frozen=True, slots=True)
class UnitTable:
    """Records of a unit in the order of their identity, without those of other sources and times.

    `duplicates` is the number of records that were in the answer more than once and are dropped.
    """

    table: pa.Table
    duplicates: int

    def digest(self) -> str:
        """Return a hash of the records that does not depend on their order in the answer."""
        state = blake2b(digest_size=16)
        for name in self.table.column_names:
            _hash_column(state, self.table.column(name))
        return state.hexdigest()


def build_unit_table(unit: Unit, records: Sequence[Record]) -> UnitTable:
    """Return the table of a unit from the records of an answer. Raises ValueError for a record without a key."""
    kind = unit.key.kind
    batches = records.batches() if isinstance(records, BatchedRecords) else ()
    tables = [
        _column_table(kind, batch) if isinstance(batch, ColumnBatch) else _record_table(kind, batch.records())
        for batch in batches
    ]
    if not isinstance(records, BatchedRecords):
        tables = [_record_table(kind, records)]
    table = pa.concat_tables([batch_schema(kind).empty_table(), *tables]).combine_chunks()
    for name in KEY_COLUMNS[kind]:
        if table.column(name).null_count:
            raise ValueError(f"a record has no {name}")
    return _sort_and_clean(kind, _select(unit, table))


def _column_table(kind: str, batch: ColumnBatch) -> pa.Table:
    arrays = []
    for field in batch_schema(kind):
        leaf = batch.leaf_columns.get(_path(field.name))
        if leaf is None:
            arrays.append(pa.nulls(len(batch), field.type))
        else:
            array = leaf.array
            arrays.append(array if array.type == field.type else array.cast(field.type))
    return pa.Table.from_arrays(arrays, schema=batch_schema(kind))


def _path(column: str) -> tuple[str, ...]:
    """Return the path of a column of a batch in a record."""
    if column == "data_source":
        return IDENTIFIER
    place, _, member = column.rpartition("_")
    return (place, member) if place in _PLACES else (column,)


def _record_table(kind: str, records: Iterable[Record]) -> pa.Table:
    columns: dict[str, list[Any]] = {field.name: [] for field in batch_schema(kind)}
    for record in records:
        for name, values in columns.items():
            values.append(_record_value(record, name))
    return pa.Table.from_batches([make_batch(kind, columns)])


def _record_value(record: Record, column: str) -> Any:
    value: Any = record
    for step in _path(column):
        value = value.get(step) if value is not None else None
    if column == _METADATA:
        return None if value is None else json.dumps(value)
    return read_time(value) if column in ("start", "end", "epoch") and isinstance(value, str) else value


def _select(unit: Unit, table: pa.Table) -> pa.Table:
    """Return the records of the source whose start or epoch is in the unit."""
    times = table.column(TIME_COLUMNS[unit.key.kind])
    start, end = (pa.scalar(moment, pa.timestamp("us")) for moment in (unit.start, unit.end))
    inside = pc.and_(pc.greater_equal(times, start), pc.less(times, end))
    mask = pc.and_(inside, pc.equal(table.column("data_source"), unit.key.source))
    return table if pc.all(mask).as_py() else table.filter(mask)


def _sort_and_clean(kind: str, table: pa.Table) -> UnitTable:
    """Sort the records by their identity, drop repetitions, and make incomplete positions null."""
    keys = [name for name in KEY_COLUMNS[kind] if name != "data_source"]
    if not _is_sorted(table, keys):
        table = table.take(pc.sort_indices(table, [(name, "ascending") for name in (*keys, _METADATA)]))
    same = numpy.zeros(table.num_rows, bool)
    if table.num_rows > 1:
        same[1:] = True
        for name in keys:
            column = table.column(name)
            same[1:] &= pc.equal(column.slice(1), column.slice(0, table.num_rows - 1)).to_numpy()
    duplicates = int(same.sum())
    if duplicates:
        table = table.filter(pa.array(~same))
    return UnitTable(_complete_positions(table).combine_chunks(), duplicates)


def _is_sorted(table: pa.Table, keys: Sequence[str]) -> bool:
    """Return whether the first key increases strictly, so that the order is that of all keys."""
    times = table.column(keys[0]).to_numpy()
    return bool((times[1:] > times[:-1]).all())


def _complete_positions(table: pa.Table) -> pa.Table:
    """Return the table with both members of a position null where one is."""
    for place in _PLACES:
        names = [f"{place}_{member}" for member in _POINT]
        if not all(name in table.column_names for name in names):
            continue
        columns = [table.column(name) for name in names]
        if columns[0].null_count == columns[1].null_count == 0 or all(c.null_count == len(c) for c in columns):
            continue
        both = pc.and_(columns[0].is_valid(), columns[1].is_valid())
        for name, column in zip(names, columns, strict=True):
            position = table.schema.get_field_index(name)
            table = table.set_column(position, table.schema.field(name), pc.if_else(both, column, None))
    return table


def _hash_column(state: Any, column: pa.ChunkedArray) -> None:
    """Add the validity and the values of a column to a hash, whatever the layout of its buffers."""
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    state.update(array.is_valid().to_numpy(zero_copy_only=False).tobytes() if array.null_count else b"-")
    if not pa.types.is_string(array.type):
        state.update(pc.fill_null(array, pa.scalar(0).cast(array.type)).to_numpy(zero_copy_only=False).tobytes())
        return
    filled = pc.fill_null(array, "")
    state.update(pc.binary_length(filled).to_numpy(zero_copy_only=False).tobytes())
    buffers: Any = filled.buffers()
    offsets, data = buffers[1], buffers[2]
    bounds: Any = (
        numpy.frombuffer(offsets, numpy.int32)[filled.offset : filled.offset + len(filled) + 1] if offsets else ()
    )
    if len(bounds) and data is not None:
        state.update(memoryview(data)[int(bounds[0]) : int(bounds[-1])])
