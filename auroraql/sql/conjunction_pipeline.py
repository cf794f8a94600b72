"""Computation of conjunctions: criteria become one SQL pipeline over the ephemeris of a catalogue.

Definition:

* A combination has one participant from each block, all different. At an epoch it is in conjunction for a trace if
  all have a position and each pair of blocks with a limit is within that distance, along a sphere of 6371 km.
  Distances are rounded to the millimetre, so that equal distances compare as equal.
* Every pair of blocks is measured, with or without a limit. Each pair has an event and counts in the record's distances.
* A conjunction is a maximal run of epochs that are 60 s apart (30 s at sub-minute precision).
* Epochs come from ephemeris, so criteria of locations only have no conjunctions.
* The same sources often fit the blocks in several ways, for example two Swarm satellites in two Swarm blocks. A
  conjunction is a repetition if the same sources, assigned differently, have one for the same trace that contains all
  its epochs and limits the same pairs (all pairs if none has a limit). Repetitions are left out. Of equal
  conjunctions, the one with the lowest identifiers remains.

Method: blocks are joined one by one, the most selective pair first. Each step is MATERIALIZED, which also forces DuckDB
to keep this order. A block of fixed places with a limit is joined to a position by the cell of that position, see
`auroraql.sql.fixed_places`; any other block, and sources that move, at equal epochs. Distances are whole millimetres up
to the records, which are built only from the final runs.
"""

# ruff: noqa: S608 - names of this module and of the schema are put into SQL, every value is bound

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from auroraql.ir.query import Block, Criteria
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD, TRACES, epoch_step_seconds
from auroraql.schema.model import EARTH_RADIUS_KM
from auroraql.sql.dialect import Bindings, StoredValue
from auroraql.sql.fixed_places import MAX_LIMIT_KM, FixedPlaces, cell_of_place, cell_of_vector
from auroraql.sql.participants import Participants, Window, unit_vector

_MM_PER_KM = 1_000_000

_MAX_EPOCHS = 1 << 28
"""Number of epochs up to which a distance and a row number fit one integer: 510 years of minutes."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """SELECT of conjunctions: the scalar fields by name, and structs for the elements of lists.

    `lists` holds the columns of the elements of each list field. `ties` are columns that identify a row.
    """

    sql: str
    lists: Mapping[str, tuple[str, ...]]
    ties: tuple[str, ...]


def build_pipeline(criteria: Criteria, windows: Sequence[Window], bind: Bindings) -> Pipeline:
    """Return the SQL of the conjunctions of criteria within windows that are more than an epoch apart."""
    participants = Participants(criteria, windows, bind)
    return _PipelineBuilder(criteria, participants, bind, by_cells=_are_long(windows)).pipeline()


MIN_DAYS_OF_CELLS = 7
"""Length of the windows, in days, from which joins by cells are faster: the database plans them in 20 ms more."""


def _are_long(windows: Sequence[Window]) -> bool:
    """Return whether the windows are open or long enough for joins by cells."""
    lengths = [last - first for first, last in windows if first is not None and last is not None]
    return len(lengths) < len(windows) or sum(lengths, timedelta()) >= timedelta(days=MIN_DAYS_OF_CELLS)


class _PipelineBuilder:
    """Builder of one pipeline. Columns of a block or pair are numbered by block index, for example id0 and d0_1."""

    def __init__(self, criteria: Criteria, participants: Participants, bind: Bindings, *, by_cells: bool) -> None:
        self._criteria, self._participants, self._bind = criteria, participants, bind
        self._dialect, self._by_cells = bind.dialect, by_cells
        self._limits = dict(zip(criteria.pairs, criteria.distances, strict=True))
        limited = tuple(pair for pair, limit in self._limits.items() if limit is not None)
        self._limited = limited or criteria.pairs
        self._measured = criteria.pairs
        self._ids = tuple(f"id{at}" for at in range(len(criteria.blocks)))
        self._seconds = epoch_step_seconds(subminute=criteria.subminute)

    def pipeline(self) -> Pipeline:
        """Return the complete pipeline."""
        vias = tuple(dict.fromkeys(self._criteria.via)) or TRACES[:1]
        steps = [step for number, via in enumerate(vias) for step in self._steps(f"m{number}", via)]
        meetings = " UNION ALL ".join(self._meetings(f"m{number}", via) for number, via in enumerate(vias))
        parts = (
            *steps,
            f"meetings AS ({meetings})",
            f"runs AS ({self._runs()})",
            f"sources AS ({self._participants.sources()})",
        )
        lists = {
            SOURCES_FIELD: tuple(f"s{at}" for at in range(len(self._ids))),
            "events": tuple(f"e{i}_{j}" for i, j in self._measured),
        }
        return Pipeline(f"WITH {', '.join(parts)} {self._records()}", lists, ("start", "conjunction_type", *self._ids))

    def _steps(self, name: str, via: str) -> list[str]:
        """Return the join steps for one trace. Each step adds a block to the combinations at each epoch."""
        order = join_order(self._criteria)
        joins = [_Join(f"{name}_{at}", f"{name}_{at + 1}", order[:at], order[at], via) for at in range(1, len(order))]
        through = [self._near_block(join) for join in joins]
        # Most records of the first block are far from every place, so their unit vectors are computed after the cells.
        in_degrees = through[0] is not None and not self._criteria.subminute
        rows = self._participants.positions if in_degrees else self._participants.rows
        first = f"SELECT epoch, {_columns(order[0], 'p', ('id', 'lat', 'lon') if in_degrees else _COLUMNS)}"
        steps = [self._dialect.step(f"{name}_1", f"{first} FROM ({rows(order[0], via)}) AS p", materialized=False)]
        for join, near in zip(joins, through, strict=True):
            before = replace(join, in_degrees=in_degrees and len(join.joined) == 1)
            steps += self._join_at_epoch(before) if near is None else self._join_near(before, near)
        return steps

    def _near_block(self, join: _Join) -> int | None:
        """Return the joined block with the lowest limit to a block of fixed places, if that limit is low enough."""
        if not self._by_cells:
            return None
        limits = {other: self._limit(other, join.block) for other in join.joined}
        other = min(limits, key=lambda at: (limits[at] is None, limits[at] or 0))
        return other if is_near(self._criteria.blocks[join.block], limits[other]) else None

    def _limit(self, one: int, other: int) -> Decimal | None:
        return self._limits[min(one, other), max(one, other)]

    def _join_at_epoch(self, join: _Join) -> list[str]:
        """Return the step that joins a block at equal epochs."""
        rows = self._participants.rows(join.block, join.via)
        return [self._measured_step(join, self._at_equal_epochs(join, join.before, rows))]

    def _measured_step(self, join: _Join, combinations: str) -> str:
        """Return the step that measures the distances of the joined block, and keeps those within the limits."""
        limits = ((other, self._limit(other, join.block)) for other in join.joined)
        within = [
            f"{_distance_expression(other)} <= {self._bind(whole_millimetres(limit))}"
            for other, limit in limits
            if limit is not None
        ]
        select = f"SELECT {self._after_columns(join)} FROM ({combinations}) AS m WHERE {' AND '.join(within) or 'TRUE'}"
        return self._dialect.step(join.after, select, materialized=True)

    def _at_equal_epochs(self, join: _Join, before: str, rows: str) -> str:
        """Return a SELECT of combinations that may be within the limits, with the columns of the joined block."""
        is_location = self._criteria.blocks[join.block].kind == "location"
        conditions = ["m.epoch IS NOT NULL" if is_location else "p.epoch = m.epoch", *self._loose_conditions(join, "p")]
        columns = f"{self._before_columns(join, 'm.')}, p.{', p.'.join(_COLUMNS)}"
        return f"SELECT {columns} FROM {before} AS m JOIN ({rows}) AS p ON {' AND '.join(conditions)}"

    def _join_near(self, join: _Join, through: int) -> list[str]:
        """Return the steps that join a block of fixed places by the cell of the position of the block `through`."""
        limit = self._limit(through, join.block)
        assert limit is not None, "only a block with a limit is near"  # noqa: S101
        fixed = FixedPlaces(f"{join.before}_fixed", limit, self._seconds, self._bind)
        positions = self._participants.positions(join.block, join.via)
        columns = f"{self._before_columns(join, 'm.')}, m.{', m.'.join(_COLUMNS)}"
        near = self._dialect.step(f"{join.before}_near", self._candidates(join, through, fixed), materialized=True)
        if self._criteria.blocks[join.block].kind == "location":
            combinations = f"SELECT {columns} FROM {join.before}_near AS m WHERE m.epoch IS NOT NULL"
            return [*fixed.points(positions), near, self._measured_step(join, combinations)]
        combinations = (
            f"SELECT {columns} FROM {join.before}_near AS m JOIN {fixed.name}_presence AS k ON {fixed.is_present('k', 'm')} "
            f"UNION ALL {self._join_movers(join, fixed)}"
        )
        return [*fixed.records(positions), near, self._measured_step(join, combinations)]

    def _join_movers(self, join: _Join, fixed: FixedPlaces) -> str:
        """Return a SELECT that joins the sources of a block that move at equal epochs."""
        before = join.before
        if len(join.joined) == 1:
            (block,) = join.joined
            rows = self._participants.rows(block, join.via, fixed.has_movers)
            before = f"(SELECT epoch, {_columns(block, 'p', _COLUMNS)} FROM ({rows}) AS p)"
        return self._at_equal_epochs(join, before, self._participants.rows(join.block, join.via, fixed.is_mover))

    def _candidates(self, join: _Join, through: int, fixed: FixedPlaces) -> str:
        """Return a SELECT of the combinations with each place that may be within the limits."""
        if join.in_degrees:
            cell = cell_of_place(f"m.lat{through}", f"m.lon{through}")
        else:
            cell = cell_of_vector((f"m.x{through}", f"m.y{through}", f"m.z{through}"))
        place = ", ".join(("place", *_COLUMNS))
        pairs = f"SELECT m.*, c.{place.replace(', ', ', c.')} FROM {join.before} AS m JOIN {fixed.name}_cells AS c ON c.cell = {cell}"
        before = self._columns_in_degrees(join) if join.in_degrees else self._before_columns(join, "")
        conditions = " AND ".join(self._loose_conditions(join, "m"))
        return f"SELECT * FROM (SELECT {before}, {place} FROM ({pairs})) AS m WHERE {conditions}"

    def _columns_in_degrees(self, join: _Join) -> str:
        """Return the columns of the first block, with its position in degrees converted to a unit vector."""
        (block,) = join.joined
        vector = zip("xyz", unit_vector(f"lat{block}", f"lon{block}"), strict=True)
        return f"epoch, id{block}, {', '.join(f'{sql} AS {axis}{block}' for axis, sql in vector)}"

    def _before_columns(self, join: _Join, table: str) -> str:
        """Return the columns of the combinations before a join."""
        names = [f"{name}{block}" for block in join.joined for name in _COLUMNS]
        names += [f"d{i}_{j}" for i, j in self._measured if i in join.joined and j in join.joined]
        return ", ".join(f"{table}{name}" for name in ("epoch", *names))

    def _after_columns(self, join: _Join) -> str:
        """Return the columns of the combinations after a join."""
        distances = [
            f"{_distance_expression(other)} AS d{pair[0]}_{pair[1]}"
            for other in join.joined
            if (pair := (min(join.block, other), max(join.block, other))) in self._measured
        ]
        return ", ".join((self._before_columns(join, "m."), _columns(join.block, "m", _COLUMNS), *distances))

    def _loose_conditions(self, join: _Join, table: str) -> list[str]:
        """Return the conditions that participants differ, and tests of cosines, which are much cheaper than distances.

        `table` has the columns of the joined block. For interchangeable blocks only one order is kept.
        """
        conditions = []
        for other in join.joined:
            if self._criteria.blocks[other].kind == self._criteria.blocks[join.block].kind:
                interchangeable = are_interchangeable(self._criteria, other, join.block)
                sign = "<>" if not interchangeable else "<" if other < join.block else ">"
                conditions.append(f"m.id{other} {sign} {table}.id")
        limits = ((other, self._limit(other, join.block)) for other in join.joined)
        cosines = (
            f"{_cosine_expression(other, table)} >= {self._bind(_least_cosine(limit))}"
            for other, limit in limits
            if limit is not None
        )
        return [*conditions, *cosines]

    def _meetings(self, name: str, via: str) -> str:
        """Return a SELECT of the epochs at which combinations are in conjunction for one trace."""
        columns = ", ".join((*self._ids, *(f"d{i}_{j}" for i, j in self._measured)))
        return f"SELECT {self._bind(via)} AS conjunction_type, epoch, {columns} FROM {name}_{len(self._ids)}"

    def _runs(self) -> str:
        """Return a SELECT that groups meetings into runs: epoch minus step times row number is constant in a run.

        A distance and the row number of its epoch are one integer, so that one aggregate finds both. Of equal distances
        the earliest counts.
        """
        distances = ", ".join(f"d{i}_{j}" for i, j in self._measured)
        ids = ", ".join(self._ids)
        step = self._dialect.seconds(self._seconds)
        parts = f"conjunction_type, {ids}, {self._phase('epoch')}"
        last = _MAX_EPOCHS - 1
        measures = "".join(f", min(d{i}_{j}) AS near{i}_{j}, max(d{i}_{j}) AS far{i}_{j}" for i, j in self._measured)
        return (
            f'SELECT conjunction_type, {ids}, min(epoch) AS start, max(epoch) AS "end", run, '
            f"min(least({distances}) * {_MAX_EPOCHS} + number) AS nearest, "
            f"max(greatest({distances}) * {_MAX_EPOCHS} + {last} - number) AS farthest{measures} "
            f"FROM ( SELECT *, epoch - {step} * number AS run FROM ("
            f"SELECT *, row_number() OVER (PARTITION BY {parts} ORDER BY epoch) AS number FROM meetings)) "
            f"GROUP BY conjunction_type, {ids}, run{self._repetition_filter()}"
        )

    def _phase(self, epoch: str) -> str:
        """Return the place of an epoch between two steps, in microseconds. Epochs of one run have the same one."""
        return f"{self._dialect.microseconds(epoch)} % {self._seconds * 1_000_000}"

    def _repetition_filter(self) -> str:
        """Return the QUALIFY clause that drops repetitions: they are inside a run that starts earlier or is longer."""
        kinds = [block.kind for block in self._criteria.blocks]
        same_kind = [pair for pair in self._criteria.pairs if kinds[pair[0]] == kinds[pair[1]]]
        if all(are_interchangeable(self._criteria, *pair) for pair in same_kind):
            return ""
        participants = self._dialect.sorted_list(self._ids)
        pairs = self._dialect.sorted_list(
            [self._dialect.list_of((f"least(id{i}, id{j})", f"greatest(id{i}, id{j})")) for i, j in self._limited]
        )
        parts = f"conjunction_type, {participants}, {pairs}, {self._phase('min(epoch)')}"
        order = f"min(epoch), max(epoch) DESC, {', '.join(self._ids)}"
        frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
        last = f"max(max(epoch)) OVER (PARTITION BY {parts} ORDER BY {order} {frame})"
        return f" QUALIFY coalesce({last} < max(epoch), TRUE)"

    def _records(self) -> str:
        """Return the SELECT of the runs with their sources and the events of each pair as structs."""
        step, last = self._dialect.seconds(self._seconds), _MAX_EPOCHS - 1
        columns = ("conjunction_type", *self._ids, "start", '"end"')
        measures = {
            "min_distance": _to_km(self._dialect.quotient("r.nearest", _MAX_EPOCHS)),
            "max_distance": _to_km(self._dialect.quotient("r.farthest", _MAX_EPOCHS)),
            "closest_epoch": f"r.run + {step} * (r.nearest % {_MAX_EPOCHS})",
            "farthest_epoch": f"r.run + {step} * ({last} - r.farthest % {_MAX_EPOCHS})",
        }
        places = range(len(self._ids))
        sources = (f"s{at}.source AS s{at}" for at in places)
        events = (f"{self._event(pair)} AS e{pair[0]}_{pair[1]}" for pair in self._measured)
        joins = (f"JOIN sources AS s{at} ON s{at}.identifier = r.id{at}" for at in places)
        selected = (*(f"r.{name}" for name in columns), *(f"{sql} AS {name}" for name, sql in measures.items()))
        return f"SELECT {', '.join((*selected, *sources, *events))} FROM runs AS r {' '.join(joins)}"

    def _event(self, pair: Pair) -> str:
        """Return the struct of the event of one pair. Its times are text, as in records."""
        i, j = pair
        members = {
            "conjunction_type": "r.conjunction_type",
            "e1_source": f"s{i}.source",
            "e2_source": f"s{j}.source",
            "start": self._dialect.text(StoredValue("r.start", Type.TIME)),
            "end": self._dialect.text(StoredValue('r."end"', Type.TIME)),
            "min_distance": _to_km(f"r.near{i}_{j}"),
            "max_distance": _to_km(f"r.far{i}_{j}"),
        }
        return self._dialect.struct(members)


_SELECTIVE = {"events": 0, "space": 1}
"""Rank of selectivity: events are few, and spacecraft move; fixed positions are always or never in range."""


def join_order(criteria: Criteria) -> tuple[int, ...]:
    """Return the indices of the blocks in join order: the most selective pair, then blocks with a limit to those.

    The first block is not a location, which has no epochs, unless all blocks are locations. Of two blocks that are joined by
    cells, the one of fixed places is the second.
    """
    blocks = criteria.blocks
    limits = [
        (pair, limit) for pair, limit in zip(criteria.pairs, criteria.distances, strict=True) if limit is not None
    ]

    def remaining(limited: tuple[Pair, Decimal]) -> tuple[int, Decimal]:
        pair, limit = limited
        return min(_SELECTIVE.get(blocks[at].kind, 2) for at in pair), limit

    pairs = [pair for pair, _ in sorted(limits, key=remaining)]
    order: list[int] = []
    while missing := [at for at in range(len(blocks)) if at not in order]:
        open_pairs = [pair for pair in pairs if not set(pair) <= set(order)]
        linked = [pair for pair in open_pairs if set(pair) & set(order)] or open_pairs
        order += [at for at in (linked[0] if linked else missing) if at not in order]
    first = next((at for at in order if blocks[at].kind != "location"), order[0])
    order = [first, *(at for at in order if at != first)]
    limit = next((limit for pair, limit in limits if set(pair) == set(order[:2])), None)
    if is_near(blocks[order[0]], limit) and not is_near(blocks[order[1]], limit):
        order[:2] = order[1::-1]
    return tuple(order)


def are_interchangeable(criteria: Criteria, one: int, other: int) -> bool:
    """Return whether two blocks have the same criteria and the same limits to all other blocks."""
    if criteria.blocks[one] != criteria.blocks[other]:
        return False
    limits = {frozenset(pair): limit for pair, limit in zip(criteria.pairs, criteria.distances, strict=True)}
    others = set(range(len(criteria.blocks))) - {one, other}
    return all(limits[frozenset((one, third))] == limits[frozenset((other, third))] for third in others)


def is_near(block: Block, limit: Decimal | None) -> bool:
    """Return whether a block with a limit to another is joined to it by cells: its places are fixed and few are near."""
    return block.kind in ("ground", "location") and limit is not None and limit <= MAX_LIMIT_KM


@dataclass(frozen=True, slots=True)
class _Join:
    """Join of a block to the combinations of other blocks. `before` and `after` are names of steps.

    With `in_degrees`, the positions before the join are in degrees.
    """

    before: str
    after: str
    joined: tuple[int, ...]
    block: int
    via: str
    in_degrees: bool = False


_COLUMNS = ("id", "x", "y", "z")


def _columns(block: int, table: str, names: Sequence[str]) -> str:
    """Return the columns of a block, numbered by its index."""
    return ", ".join(f"{table}.{name} AS {name}{block}" for name in names)


def _distance_expression(other: int) -> str:
    """Return the SQL of the distance in mm. Unlike the arc cosine, it is accurate for near points and antipodes."""
    axes = (("y", "z"), ("z", "x"), ("x", "y"))
    cross = " + ".join(f"(m.{a}{other} * m.{b} - m.{b}{other} * m.{a}) ** 2" for a, b in axes)
    km = f"{EARTH_RADIUS_KM} * atan2(sqrt({cross}), {_cosine_expression(other, 'm')})"
    return f"CAST(round({km} * {_MM_PER_KM}) AS BIGINT)"


def _cosine_expression(other: int, table: str) -> str:
    return f"(m.x{other} * {table}.x + m.y{other} * {table}.y + m.z{other} * {table}.z)"


def _least_cosine(limit: Decimal) -> float:
    """Return a cosine that all pairs within a limit reach, whatever the rounding."""
    return math.cos(min((float(limit) + 0.001) / EARTH_RADIUS_KM, math.pi)) - 1e-12


def whole_millimetres(limit: Decimal) -> int:
    """Return the greatest whole number of mm whose number of km, as a double, is within a limit."""
    nearest = round(float(limit) * _MM_PER_KM)
    return max(mm for mm in (nearest - 1, nearest, nearest + 1) if mm / _MM_PER_KM <= float(limit))


def _to_km(mm: str) -> str:
    return f"{mm} / {_MM_PER_KM}.0"
