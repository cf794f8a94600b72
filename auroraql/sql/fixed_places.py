"""Places of sources that stay put, as a cheap first test of distances.

Most sources on the ground have one place, or a few over the years, so the places near a record are looked up by the
cell of its own position instead of measuring its distance to every source. The tables of one block are:

* `hours`: a row for each source, place and period of 60 epochs, with a bit for each epoch that has a record there.
* `places`: the places, numbered. Sources with many places, or with a place that is not in degrees, move: they have none.
* `presence`: the bits of each numbered place. At sub-minute precision, a bit between two others is set too.
* `cells`: a row for each place and cell of the sphere from which a position may be within the limit of the place.
* `movers`: the sources that move. They are joined at equal epochs.

Cells are 2 degrees of latitude by 2 of longitude. They extend beyond 180 degrees, so longitudes need not be normalized.
"""

# ruff: noqa: S608 - names of this module are put into SQL, every value is bound

from __future__ import annotations

import math
from decimal import Decimal

from auroraql.schema.model import EARTH_RADIUS_KM
from auroraql.sql.dialect import Bindings
from auroraql.sql.participants import Axes, unit_vector

MAX_LIMIT_KM = 2000
"""Largest distance limit for which cells pay. A larger one leaves too few pairs out."""

_CELL_DEGREES = 2
_CELL_RADIUS_KM = 158
"""Distance from the centre of a cell to its corners, at most."""

_ROW = 1000
"""Difference between the numbers of cells that are next to each other from south to north."""

_COLUMNS = 360 // _CELL_DEGREES
_POLAR_ROW = 90 // _CELL_DEGREES
"""Number of the row that contains only latitude 90."""

_EPOCHS = 60
"""Epochs of one row of `hours`. Their bits fit an integer of 64 bits."""

_MAX_PLACES = 16
"""Number of places above which a source counts as moving."""

_ORIGIN_MICROSECONDS = 62_135_596_800_000_000
"""Microseconds from the start of the calendar, year 1, to 1970. Quotients of times since then are not negative."""

_IN_DEGREES = "abs({lat}) <= 90 AND abs({lon}) <= 360"


class FixedPlaces:
    """SQL of the tables of one block and trace. Their names begin with `name`."""

    def __init__(self, name: str, limit: Decimal, step_seconds: int, bind: Bindings) -> None:
        self.name = name
        self._limit, self._step_seconds, self._bind = float(limit), step_seconds, bind
        self._dialect = bind.dialect

    def points(self, positions: str) -> list[str]:
        """Return the members of WITH for points that exist at every epoch, from a SELECT of id, lat and lon."""
        return [self._places(f"SELECT id, lat, lon FROM ({positions})"), self._cells()]

    def records(self, positions: str) -> list[str]:
        """Return the members of WITH for records, from a SELECT of id, epoch, lat and lon."""
        bits = self._dialect.collect_bits(self.bit("epoch"))
        hours = f"SELECT id, lat, lon, {self.period('epoch')} AS period, {bits} AS bits FROM ({positions}) GROUP BY id, lat, lon, period"
        return [
            self._dialect.step(f"{self.name}_hours", hours, materialized=True),
            self._dialect.step(f"{self.name}_movers", self._movers(), materialized=True),
            self._places(f"{self._all_places()} WHERE id NOT IN (SELECT id FROM {self.name}_movers)"),
            self._dialect.step(f"{self.name}_presence", self._presence(), materialized=True),
            self._cells(),
        ]

    @property
    def is_mover(self) -> str:
        """Condition that the source `id` moves."""
        return f"id IN (SELECT id FROM {self.name}_movers)"

    @property
    def has_movers(self) -> str:
        """Condition that some source moves. Without one, the rows are not read."""
        return f"1 IN (SELECT 1 FROM {self.name}_movers)"

    def is_present(self, presence: str, candidates: str) -> str:
        """Return the condition of a join of `presence` with rows of place and epoch: the place has a record then."""
        epoch = f"{candidates}.epoch"
        same_period = f"{presence}.place = {candidates}.place AND {presence}.period = {self.period(epoch)}"
        return f"{same_period} AND {self._dialect.has_bit(f'{presence}.bits', self.bit(epoch))}"

    def period(self, epoch: str) -> str:
        """Return the first of the 60 epochs to which an epoch belongs, in microseconds."""
        return f"{self._time(epoch)} - {self.bit(epoch)} * {self._step_seconds * 1_000_000}"

    def bit(self, epoch: str) -> str:
        """Return the number of an epoch in its period."""
        return f"({self._dialect.quotient(self._time(epoch), self._step_seconds * 1_000_000)} % {_EPOCHS})"

    def _time(self, epoch: str) -> str:
        return f"({self._dialect.microseconds(epoch)} + {_ORIGIN_MICROSECONDS})"

    def _all_places(self) -> str:
        return f"SELECT DISTINCT id, lat, lon FROM {self.name}_hours"

    def _movers(self) -> str:
        # A position between two places of a source is not in `places`.
        most = 1 if self._step_seconds < 60 else _MAX_PLACES
        outside = f"count(CASE WHEN {_IN_DEGREES.format(lat='lat', lon='lon')} THEN NULL ELSE 1 END) > 0"
        ids = f"SELECT id FROM ({self._all_places()}) GROUP BY id HAVING count(*) > {most} OR {outside}"
        return self._dialect.hashed_rows(ids)

    def _places(self, distinct: str) -> str:
        vector = ", ".join(f"{sql} AS {axis}" for axis, sql in zip("xyz", unit_vector("lat", "lon"), strict=True))
        numbered = f"SELECT row_number() OVER () AS place, id, lat, lon, {vector} FROM ({distinct})"
        return self._dialect.step(f"{self.name}_places", numbered, materialized=True)

    def _presence(self) -> str:
        own = (
            f"SELECT p.place, h.period, h.bits FROM {self.name}_hours AS h "
            f"JOIN {self.name}_places AS p ON p.id = h.id AND p.lat = h.lat AND p.lon = h.lon"
        )
        if self._step_seconds < 60:
            own = self._with_interpolated(own)
        return self._dialect.hashed_rows(own)

    def _with_interpolated(self, own: str) -> str:
        """Return a SELECT that also sets the bits between two others, which may be in the next period."""
        shift, length = self._dialect.shift_bits, _EPOCHS * self._step_seconds * 1_000_000
        last = _EPOCHS - 1
        before = f"({shift('o.bits', 1)} + CASE WHEN {self._dialect.has_bit('b.bits', str(last))} THEN 1 ELSE 0 END)"
        after = (
            f"({shift('o.bits', -1)} + CASE WHEN {self._dialect.has_bit('a.bits', '0')} THEN {1 << last} ELSE 0 END)"
        )
        return (
            f"SELECT o.place, o.period, {self._dialect.add_common_bits('o.bits', before, after)} AS bits FROM ({own}) AS o "
            f"LEFT JOIN ({own}) AS b ON b.place = o.place AND b.period = o.period - {length} "
            f"LEFT JOIN ({own}) AS a ON a.place = o.place AND a.period = o.period + {length}"
        )

    def _cells(self) -> str:
        """Return the cells whose centre is so near a place that a position in the cell may be within the limit.

        In each row of cells, those are the columns up to a difference of longitudes. Around the poles it is any.
        """
        reach_km = self._limit + _CELL_RADIUS_KM
        band = self._bind(math.degrees(reach_km / EARTH_RADIUS_KM))
        rows = self._dialect.integers(
            f"greatest({_floor(f'(lat - {band})')}, -{_POLAR_ROW})", f"least({_floor(f'(lat + {band})')}, {_POLAR_ROW})"
        )
        centre = f"radians(cell_row * {_CELL_DEGREES} + {_CELL_DEGREES / 2})"
        cosine = f"({self._bind(math.cos(reach_km / EARTH_RADIUS_KM))} - sin({centre}) * z) / (cos({centre}) * cos(radians(lat)))"
        # The row of latitude 90 has its centre beyond the pole.
        widest = (
            f"CASE WHEN cell_row < {_POLAR_ROW} THEN degrees(acos(greatest(least({cosine}, 1.0), -1.0))) ELSE 180 END"
        )
        first = f"{_floor(f'(lon - widest + {_CELL_DEGREES / 2})')}"
        columns = self._dialect.integers("first", f"least({_floor('(lon + widest)')}, first + {_COLUMNS - 1})")
        turns = self._dialect.integers("-2", "2")
        with_rows = f"SELECT *, {self._dialect.rows_of(rows)} AS cell_row FROM {self.name}_places"
        with_first = f"SELECT *, {first} AS first FROM (SELECT *, {widest} AS widest FROM ({with_rows}))"
        with_columns = f"SELECT *, {self._dialect.rows_of(columns)} AS cell_column FROM ({with_first})"
        cell = f"cell_row * {_ROW} + cell_column + {_COLUMNS} * {self._dialect.rows_of(turns)}"
        near = f"SELECT {cell} AS cell, place, id, x, y, z FROM ({with_columns})"
        return self._dialect.step(f"{self.name}_cells", self._dialect.hashed_rows(near), materialized=True)


def cell_of_place(latitude: str, longitude: str) -> str:
    """Return the SQL of the cell of a position in degrees. Positions that are not in degrees have one too."""
    plain = f"CAST(floor({latitude} / {_CELL_DEGREES}) * {_ROW} + floor({longitude} / {_CELL_DEGREES}) AS BIGINT)"
    inside = _IN_DEGREES.format(lat=latitude, lon=longitude)
    return f"CASE WHEN {inside} THEN {plain} ELSE {cell_of_vector(unit_vector(latitude, longitude))} END"


def cell_of_vector(vector: Axes) -> str:
    """Return the SQL of the cell of a unit vector."""
    x, y, z = vector
    # Rounding can make an axis a little longer than 1.
    latitude, longitude = f"degrees(asin(greatest(least({z}, 1.0), -1.0)))", f"degrees(atan2({y}, {x}))"
    return f"{_floor(latitude)} * {_ROW} + {_floor(longitude)}"


def _floor(degrees: str) -> str:
    return f"CAST(floor({degrees} / {_CELL_DEGREES}) AS BIGINT)"
