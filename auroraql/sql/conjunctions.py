"""Conjunctions, computed: from criteria to one pipeline of SQL over the ephemeris of a catalogue.

What is found:

* A combination is one participant of each block, all of them different. At an epoch it is in conjunction by a
  trace if all have a place there and every two blocks with a limit are no farther apart than that, along a sphere of
  6371 km. Distances are kept to the millimetre, so equal ones are equal whatever rounding did on the way.
* Every pair of blocks is measured, those of any distance too: each has an event, and counts in the record's distances.
* A conjunction is a longest run of epochs, each 60 s (at sub-minute precision 30 s) after the one before.
* Epochs are those of ephemeris: criteria of nothing but locations find nothing.
* The same sources often fit the blocks in several ways, as two of Swarm in two blocks that ask for Swarm. A
  conjunction says nothing new when the same sources, placed otherwise, have one of the same trace that has all its
  epochs and limits the same pairs of them (all pairs, when none has a limit): such a one is left out; of equals the
  one with the first identifiers stays.

How: the blocks are joined one by one at equal epochs, the pair that leaves least first; each step is kept
(MATERIALIZED), which is also what keeps DuckDB to this order. Only what was found is then made into records.
"""

# ruff: noqa: S608 - names of this module and of the schema are put into SQL, every value is bound

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from auroraql.ir.query import Criteria
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import TRACES, epoch_step_seconds
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import StoredValue
from auroraql.sql.participants import Participants, Window, struct_expression

EARTH_RADIUS = 6371.0
"""In km."""

_DECIMALS = 6
"""Of distances in km."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A SELECT whose columns are the plain fields of conjunctions, by name, and structs.

    `lists` has, for each field that is a list, the columns of its elements; `ties` are columns that tell all rows apart.
    """

    sql: str
    lists: Mapping[str, tuple[str, ...]]
    ties: tuple[str, ...]


def build_pipeline(criteria: Criteria, windows: Sequence[Window], bind: Bindings) -> Pipeline:
    """The conjunctions of criteria within windows, which are more than an epoch apart."""
    return _PipelineBuilder(criteria, Participants(criteria, windows, bind), bind).pipeline()


class _PipelineBuilder:
    """The parts of one pipeline. Columns of a block or pair are numbered by their places: id0, x0, d0_1 …"""

    def __init__(self, criteria: Criteria, participants: Participants, bind: Bindings) -> None:
        self._criteria, self._participants, self._bind = criteria, participants, bind
        self._limits = dict(zip(criteria.pairs, criteria.distances, strict=True))
        limited = tuple(pair for pair, limit in self._limits.items() if limit is not None)
        self._limited = limited or criteria.pairs
        self._measured = criteria.pairs
        self._ids = tuple(f"id{at}" for at in range(len(criteria.blocks)))
        self._seconds = epoch_step_seconds(subminute=criteria.subminute)

    def pipeline(self) -> Pipeline:
        """All of it, in the order in which it is done."""
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
            "data_sources": tuple(f"s{at}" for at in range(len(self._ids))),
            "events": tuple(f"e{i}_{j}" for i, j in self._measured),
        }
        return Pipeline(f"WITH {', '.join(parts)} {self._records()}", lists, ("start", "conjunction_type", *self._ids))

    def _steps(self, name: str, via: str) -> list[str]:
        """The epochs at which participants of the blocks meet by one trace, with a block more at each step."""
        order = join_order(self._criteria)
        first = f"SELECT epoch, {_block_alias(order[0])} FROM ({self._participants.rows(order[0], via)}) AS p"
        steps = [f"{name}_1 AS NOT MATERIALIZED ({first})"]
        for step in range(1, len(order)):
            joined = self._join_blocks(f"{name}_{step}", order[:step], order[step], via)
            steps.append(f"{name}_{step + 1} AS MATERIALIZED ({joined})")
        return steps

    def _join_blocks(self, before: str, joined: tuple[int, ...], block: int, via: str) -> str:
        is_location = self._criteria.blocks[block].kind == "location"
        conditions = ["m.epoch IS NOT NULL" if is_location else "p.epoch = m.epoch"]
        distances = []
        for other in joined:
            conditions += self._are_different(other, block)
            pair = (min(block, other), max(block, other))
            if pair in self._measured:
                distances.append(f", {_distance_expression(other)} AS d{pair[0]}_{pair[1]}")
                conditions += self._is_within_limit(pair, other)
        return (
            f"SELECT m.*, {_block_alias(block)}{''.join(distances)} "
            f"FROM {before} AS m JOIN ({self._participants.rows(block, via)}) AS p ON {' AND '.join(conditions)}"
        )

    def _are_different(self, other: int, block: int) -> tuple[str, ...]:
        """Two participants are different; when their blocks are interchangeable, one order stands for both."""
        if self._criteria.blocks[other].kind != self._criteria.blocks[block].kind:
            return ()
        sign = "<>" if not are_interchangeable(self._criteria, other, block) else "<" if other < block else ">"
        return (f"m.id{other} {sign} p.id",)

    def _is_within_limit(self, pair: Pair, other: int) -> tuple[str, ...]:
        """Within the limit; most that are not are told by a cosine, loosely, which takes far less to compute."""
        limit = self._limits[pair]
        if limit is None:
            return ()
        least = math.cos(min((float(limit) + 0.001) / EARTH_RADIUS, math.pi)) - 1e-12
        return (
            f"{_cosine_expression(other)} >= {self._bind(least)}",
            f"{_distance_expression(other)} <= {self._bind(float(limit))}",
        )

    def _meetings(self, name: str, via: str) -> str:
        """Every epoch at which a combination is in conjunction by one trace."""
        columns = ", ".join((*self._ids, *(f"d{i}_{j}" for i, j in self._measured)))
        return f"SELECT {self._bind(via)} AS conjunction_type, epoch, {columns} FROM {name}_{len(self._ids)}"

    def _runs(self) -> str:
        """Meetings into runs: in a run of equal steps, an epoch less as many steps as came before is always the same."""
        distances = ", ".join(f"d{i}_{j}" for i, j in self._measured)
        ids = ", ".join(self._ids)
        step = f"INTERVAL {self._seconds} SECOND"
        parts = f"conjunction_type, {ids}, epoch_us(epoch) % {self._seconds}_000_000"
        measures = "".join(f", min(d{i}_{j}) AS near{i}_{j}, max(d{i}_{j}) AS far{i}_{j}" for i, j in self._measured)
        return (
            f'SELECT conjunction_type, {ids}, min(epoch) AS start, max(epoch) AS "end", '
            "min(near) AS min_distance, max(far) AS max_distance, arg_min(epoch, row(near, epoch)) AS closest_epoch, "
            f"arg_max(epoch, row(far, -epoch_us(epoch))) AS farthest_epoch{measures} "
            f"FROM ( SELECT *, least({distances}) AS near, greatest({distances}) AS far, "
            f"epoch - {step} * row_number() OVER (PARTITION BY {parts} ORDER BY epoch) AS run FROM meetings ) "
            f"GROUP BY conjunction_type, {ids}, run{self._without_repeated()}"
        )

    def _without_repeated(self) -> str:
        """Drops what says nothing new (see the module's head): it lies in one that starts earlier or is longer."""
        kinds = [block.kind for block in self._criteria.blocks]
        alike = [pair for pair in self._criteria.pairs if kinds[pair[0]] == kinds[pair[1]]]
        if all(are_interchangeable(self._criteria, *pair) for pair in alike):
            return ""
        who = f"list_sort([{', '.join(self._ids)}])"
        pairs = ", ".join(f"[least(id{i}, id{j}), greatest(id{i}, id{j})]" for i, j in self._limited)
        parts = f"conjunction_type, {who}, list_sort([{pairs}]), epoch_us(min(epoch)) % {self._seconds}_000_000"
        order = f"min(epoch), max(epoch) DESC, {', '.join(self._ids)}"
        frame = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
        last = f"max(max(epoch)) OVER (PARTITION BY {parts} ORDER BY {order} {frame})"
        return f" QUALIFY coalesce({last} < max(epoch), TRUE)"

    def _records(self) -> str:
        """What was found with the sources, and what each pair of them did, as structs."""
        places = range(len(self._ids))
        sources = (f"s{at}.source AS s{at}" for at in places)
        events = (f"{self._event(pair)} AS e{pair[0]}_{pair[1]}" for pair in self._measured)
        joins = (f"JOIN sources AS s{at} ON s{at}.identifier = r.id{at}" for at in places)
        return f"SELECT r.*, {', '.join((*sources, *events))} FROM runs AS r {' '.join(joins)}"

    def _event(self, pair: Pair) -> str:
        """One pair during the run, its times as text as records have them."""
        i, j = pair
        members = {
            "conjunction_type": "r.conjunction_type",
            "e1_source": f"s{i}.source",
            "e2_source": f"s{j}.source",
            "start": StoredValue("r.start", Type.TIME).text,
            "end": StoredValue('r."end"', Type.TIME).text,
            "min_distance": f"r.near{i}_{j}",
            "max_distance": f"r.far{i}_{j}",
        }
        return struct_expression(members)


_SELECTIVE = {"events": 0, "space": 1}
"""A limit leaves least with events, which are few, then with what moves; what stays is near for ever or never."""


def join_order(criteria: Criteria) -> tuple[int, ...]:
    """The places of the blocks in the order to join them: the pair that leaves least, then what is limited by those.

    The first is no location, which has no epochs, unless all are.
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
    return (first, *(at for at in order if at != first))


def are_interchangeable(criteria: Criteria, one: int, other: int) -> bool:
    """Whether two blocks ask for the same and have the same limits to all others: either order means the same."""
    if criteria.blocks[one] != criteria.blocks[other]:
        return False
    limits = {frozenset(pair): limit for pair, limit in zip(criteria.pairs, criteria.distances, strict=True)}
    others = set(range(len(criteria.blocks))) - {one, other}
    return all(limits[frozenset((one, each))] == limits[frozenset((other, each))] for each in others)


def _block_alias(block: int) -> str:
    return f"p.id AS id{block}, p.x AS x{block}, p.y AS y{block}, p.z AS z{block}"


def _distance_expression(other: int) -> str:
    """Between p and another block of m, in km; unlike by the cosine alone it is exact for what is near, and antipodes."""
    axes = (("y", "z"), ("z", "x"), ("x", "y"))
    cross = " + ".join(f"(m.{a}{other} * p.{b} - m.{b}{other} * p.{a}) ** 2" for a, b in axes)
    return f"round({EARTH_RADIUS} * atan2(sqrt({cross}), {_cosine_expression(other)}), {_DECIMALS})"


def _cosine_expression(other: int) -> str:
    return f"(m.x{other} * p.x + m.y{other} * p.y + m.z{other} * p.z)"
