"""Participants of conjunctions: each criteria block as rows of id, epoch and a unit vector x, y, z.

* A ground, space or events block selects the ephemeris records that match its predicate, of the sources whose
  `source_type` fits: `ground`, `event_list`, or any other known source for space. A source thus fits blocks of one
  kind only, and records of unknown sources are left out.
* A point of a location block is present at every epoch. In lists of sources it has the program `adhoc`, its latitude
  and longitude as name, and a negative identifier, which data sources never have: -1, -2 … in the order of the
  criteria. Equal points share an identifier.
* The position of a source depends on the trace. Records without that position are left out.
* At sub-minute precision, a position is interpolated on the great circle half-way between two records of a block
  that are 60 s apart, unless there is a record half-way. Antipodes have no such position.
"""

# ruff: noqa: S608 - names of this module and of the schema are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from auroraql.ir.query import EVERYTHING, Block, Criteria, Ref, collect_refs
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import HALF_MINUTE
from auroraql.schema.source_fields import SOURCE_FIELDS
from auroraql.sql.clauses import compile_predicate, has_many_comparisons, text_expression
from auroraql.sql.dialect import Bindings, Dialect, ElementType, StoredValue

Point = tuple[Decimal, Decimal]

_PLACES = {"nbtrace": "nbtrace", "sbtrace": "sbtrace", "geographic": "location_geo"}
"""Location columns of ephemeris by the name of a trace."""

_SOURCE_TYPES = {
    "ground": "s.source_type = 'ground'",
    "events": "s.source_type = 'event_list'",
    "space": "s.source_type NOT IN ('ground', 'event_list')",
}

_HEMISPHERE = "CASE WHEN e.location_geo_lat >= 0 THEN 'northern' WHEN e.location_geo_lat < 0 THEN 'southern' END"


Window = tuple[datetime | None, datetime | None]
"""First and last epoch, both inclusive. None leaves an end open."""

Axes = tuple[str, str, str]
"""SQL of the three axes of a unit vector."""


class Participants:
    """SQL of the participants of criteria blocks within the given windows."""

    def __init__(self, criteria: Criteria, windows: Sequence[Window], bind: Bindings) -> None:
        self._criteria, self._windows, self._bind = criteria, windows, bind
        points = dict.fromkeys(point for block in criteria.blocks for point in block.points)
        self._numbers = {point: -number for number, point in enumerate(points, 1)}

    def sources(self) -> str:
        """Return a SELECT of all sources and points: the identifier, and the fields as a struct."""
        names = [field.bare for field in SOURCE_FIELDS]
        source = self._bind.dialect.struct({name: name for name in names})
        return f"SELECT identifier, {source} AS source FROM ({self._listed_sources(names)})"

    def _listed_sources(self, names: list[str]) -> str:
        described = f"SELECT {', '.join(names)} FROM data_sources"
        if not self._numbers:
            return described
        labels = [f"{latitude:f}, {longitude:f}" for latitude, longitude in self._numbers]
        columns = {"identifier": self._rows_of(list(self._numbers.values()), "integer")}
        columns |= dict.fromkeys(("platform", "display_name"), self._rows_of(labels, "text"))
        columns |= {"program": "'adhoc'", "instrument_type": "'adhoc'", "source_type": "'not_applicable'"}
        return f"{described} UNION ALL SELECT {', '.join(columns[name] for name in names)}"

    def _rows_of(self, values: list[Any], elements: ElementType) -> str:
        """Return a column with one row for each value."""
        dialect = self._bind.dialect
        return dialect.rows_of(dialect.array(self._bind(values), elements))

    def rows(self, at: int, via: str, condition: str = "") -> str:
        """Return a SELECT of id, epoch, x, y and z of the block with index `at`. The epoch of a point is NULL.

        The condition restricts the positions of the block by their columns.
        """
        positions = self.positions(at, via)
        if condition:
            positions = f"SELECT * FROM ({positions}) WHERE {condition}"
        if self._criteria.blocks[at].kind == "location" or not self._criteria.subminute:
            return _unit_vectors(positions)
        half_minutes = _half_minutes(positions, self._bind.dialect)
        return f"SELECT * FROM ({half_minutes}) AS e WHERE {' AND '.join(self._window(0)) or 'TRUE'}"

    def positions(self, at: int, via: str) -> str:
        """Return a SELECT of id, epoch, lat and lon of the records or points of the block with index `at`.

        At sub-minute precision, it includes the records half a minute outside the windows.
        """
        block = self._criteria.blocks[at]
        return self._points(block) if block.kind == "location" else self._records(block, via)

    def _points(self, block: Block) -> str:
        points = list(dict.fromkeys(block.points))
        columns = {
            "id": self._rows_of([self._numbers[point] for point in points], "integer"),
            "lat": self._rows_of([float(latitude) for latitude, _ in points], "number"),
            "lon": self._rows_of([float(longitude) for _, longitude in points], "number"),
            "epoch": self._bind.dialect.as_time("NULL"),
        }
        return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in columns.items())}"

    def _records(self, block: Block, via: str) -> str:
        latitude, longitude = f"e.{_PLACES[via]}_lat", f"e.{_PLACES[via]}_lon"
        conditions = [f"{latitude} IS NOT NULL", f"{longitude} IS NOT NULL", _SOURCE_TYPES[block.kind]]
        # A half-way epoch inside the window can have a neighbour outside it.
        window = self._window(HALF_MINUTE if self._criteria.subminute else 0)
        conditions += window
        table, locate = "ephemeris_metadata AS m", _locate
        if has_many_comparisons(block.where):
            identifiers = f"SELECT e.metadata FROM ephemeris AS e WHERE {' AND '.join(window) or 'TRUE'}"
            table = self._bind.dialect.with_text_map("ephemeris_metadata", "m", f"m.identifier IN ({identifiers})")
            locate = _locate_text
        if block.where != EVERYTHING:
            conditions.append(compile_predicate(block.where, locate, self._bind))
        metadata = f"LEFT JOIN {table} ON m.identifier = e.metadata"
        clauses = (
            f"SELECT e.data_source AS id, e.epoch, {latitude} AS lat, {longitude} AS lon",
            "FROM ephemeris AS e JOIN data_sources AS s ON s.identifier = e.data_source",
            *((metadata,) if any(ref.role == "metadata" for ref in collect_refs(block.where)) else ()),
            f"WHERE {' AND '.join(conditions)}",
        )
        return " ".join(clauses)

    def _window(self, margin: int) -> list[str]:
        """Return the conditions of the windows, widened by `margin` seconds at both ends."""
        if len(self._windows) == 1:
            return self._within(self._windows[0], margin)
        alternatives = (" AND ".join(self._within(window, margin)) for window in self._windows)
        return [f"({' OR '.join(alternatives)})" if self._windows else "FALSE"]

    def _within(self, window: Window, margin: int) -> list[str]:
        dialect = self._bind.dialect
        ends = zip(window, (">=", "<="), ("-", "+"), strict=True)
        return [
            f"e.epoch {sign} {dialect.as_time(self._bind(moment))}"
            + (f" {away} {dialect.seconds(margin)}" if margin else "")
            for moment, sign, away in ends
            if moment is not None
        ]


def _locate(ref: Ref, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a field or metadata key in a block's predicate."""
    if ref.role == "metadata":
        return bind.dialect.metadata_key("m.metadata", bind(ref.name))
    if ref.role == "record":
        return {"hemisphere": StoredValue(_HEMISPHERE, Type.STRING)}[ref.name]
    return {field.name: StoredValue(f's."{field.bare}"', field.type) for field in SOURCE_FIELDS}[ref.name]


def _locate_text(ref: Ref, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a field or of a metadata key in a map of texts."""
    return text_expression(ref, "m", bind) if ref.role == "metadata" else _locate(ref, bind)


def _unit_vectors(places: str) -> str:
    """Return a SELECT that converts rows of id, epoch, lat and lon to unit vectors."""
    x, y, z = unit_vector("lat", "lon")
    return f"SELECT id, epoch, {x} AS x, {y} AS y, {z} AS z FROM ({places})"


def _half_minutes(places: str, dialect: Dialect) -> str:
    """Return a SELECT of unit vectors, with a row half-way between rows that are a minute apart.

    The next row is searched among those a multiple of 30 s away. If it is 60 s away, there is no row half-way.
    """
    following = ", ".join(f"lead({name}) OVER following AS next_{name}" for name in ("epoch", "lat", "lon"))
    ends = zip("xyz", unit_vector("lat", "lon"), unit_vector("next_lat", "next_lon"), strict=True)
    sums = ", ".join(f"{here} + CASE WHEN half THEN {there} ELSE 0 END AS {axis}" for axis, here, there in ends)
    epoch = f"CASE WHEN half THEN epoch + {dialect.seconds(30)} ELSE epoch END"
    both, one = (dialect.list_of(halves) for halves in (("FALSE", "TRUE"), ("FALSE",)))
    halves = f"CASE WHEN next_epoch = epoch + {dialect.seconds(60)} THEN {both} ELSE {one} END"
    clauses = (
        "SELECT id, epoch, x / long AS x, y / long AS y, z / long AS z FROM (",
        "SELECT *, sqrt(x * x + y * y + z * z) AS long FROM (",
        f"SELECT id, {epoch} AS epoch, {sums} FROM (",
        f"SELECT *, {dialect.rows_of(halves)} AS half FROM (",
        f"SELECT *, {following} FROM ({places})",
        f"WINDOW following AS (PARTITION BY id, {dialect.microseconds('epoch')} % 30000000 ORDER BY epoch) ) ) ) )",
        "WHERE long > 1e-9",
    )
    return " ".join(clauses)


def unit_vector(latitude: str, longitude: str) -> Axes:
    """Return the SQL of the unit vector of a position in degrees."""
    flat, turn = f"cos(radians({latitude}))", f"radians({longitude})"
    return f"{flat} * cos({turn})", f"{flat} * sin({turn})", f"sin(radians({latitude}))"
