"""The SQL of conjunctions before cells: every pair of blocks is joined at equal epochs and every pair is measured.

It is the baseline of `tests.bench.bench_conjunctions`, and `tests.sql.test_conjunction_oracle` compares its rows.
"""

# ruff: noqa: S608 - names of this module and of the schema are put into SQL, every value is bound

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from unittest.mock import patch

from auroraql.ir.query import Criteria
from auroraql.schema import Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD, TRACES, epoch_step_seconds
from auroraql.schema.model import EARTH_RADIUS_KM
from auroraql.sql import statement
from auroraql.sql.conjunction_pipeline import Pair, Pipeline, are_interchangeable
from auroraql.sql.dialect import Bindings, StoredValue
from auroraql.sql.participants import Participants, Window

_DECIMALS = 6


@contextmanager
def sql_of_before() -> Iterator[None]:
    """Compile queries to the SQL of before."""
    with patch.object(statement, "build_pipeline", build_pipeline):
        yield


def build_pipeline(criteria: Criteria, windows: Sequence[Window], bind: Bindings) -> Pipeline:
    return _PipelineBuilder(criteria, Participants(criteria, windows, bind), bind).pipeline()


class _PipelineBuilder:
    """Builder of one pipeline. Columns of a block or pair are numbered by block index, for example id0 and d0_1."""

    def __init__(self, criteria: Criteria, participants: Participants, bind: Bindings) -> None:
        self._criteria, self._participants, self._bind = criteria, participants, bind
        self._dialect = bind.dialect
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
        order = _join_order(self._criteria)
        first = f"SELECT epoch, {_block_alias(order[0])} FROM ({self._participants.rows(order[0], via)}) AS p"
        steps = [self._dialect.step(f"{name}_1", first, materialized=False)]
        for step in range(1, len(order)):
            joined = self._join_blocks(f"{name}_{step}", order[:step], order[step], via)
            steps.append(self._dialect.step(f"{name}_{step + 1}", joined, materialized=True))
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
        """Return the condition that two participants differ. For interchangeable blocks only one order is kept."""
        if self._criteria.blocks[other].kind != self._criteria.blocks[block].kind:
            return ()
        sign = "<>" if not are_interchangeable(self._criteria, other, block) else "<" if other < block else ">"
        return (f"m.id{other} {sign} p.id",)

    def _is_within_limit(self, pair: Pair, other: int) -> tuple[str, ...]:
        """Return the conditions of a distance limit. A loose test of the cosine, which is much cheaper, comes first."""
        limit = self._limits[pair]
        if limit is None:
            return ()
        least = math.cos(min((float(limit) + 0.001) / EARTH_RADIUS_KM, math.pi)) - 1e-12
        return (
            f"{_cosine_expression(other)} >= {self._bind(least)}",
            f"{_distance_expression(other)} <= {self._bind(float(limit))}",
        )

    def _meetings(self, name: str, via: str) -> str:
        """Return a SELECT of the epochs at which combinations are in conjunction for one trace."""
        columns = ", ".join((*self._ids, *(f"d{i}_{j}" for i, j in self._measured)))
        return f"SELECT {self._bind(via)} AS conjunction_type, epoch, {columns} FROM {name}_{len(self._ids)}"

    def _runs(self) -> str:
        """Return a SELECT that groups meetings into runs: epoch minus step times row number is constant in a run."""
        distances = ", ".join(f"d{i}_{j}" for i, j in self._measured)
        ids = ", ".join(self._ids)
        step = self._dialect.seconds(self._seconds)
        parts = f"conjunction_type, {ids}, {self._phase('epoch')}"
        closest = self._dialect.value_at_least("epoch", ("near", "epoch"))
        farthest = self._dialect.value_at_most("epoch", ("far", f"-{self._dialect.microseconds('epoch')}"))
        measures = "".join(f", min(d{i}_{j}) AS near{i}_{j}, max(d{i}_{j}) AS far{i}_{j}" for i, j in self._measured)
        return (
            f'SELECT conjunction_type, {ids}, min(epoch) AS start, max(epoch) AS "end", '
            f"min(near) AS min_distance, max(far) AS max_distance, {closest} AS closest_epoch, "
            f"{farthest} AS farthest_epoch{measures} "
            f"FROM ( SELECT *, least({distances}) AS near, greatest({distances}) AS far, "
            f"epoch - {step} * row_number() OVER (PARTITION BY {parts} ORDER BY epoch) AS run FROM meetings ) "
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
        places = range(len(self._ids))
        sources = (f"s{at}.source AS s{at}" for at in places)
        events = (f"{self._event(pair)} AS e{pair[0]}_{pair[1]}" for pair in self._measured)
        joins = (f"JOIN sources AS s{at} ON s{at}.identifier = r.id{at}" for at in places)
        return f"SELECT r.*, {', '.join((*sources, *events))} FROM runs AS r {' '.join(joins)}"

    def _event(self, pair: Pair) -> str:
        """Return the struct of the event of one pair. Its times are text, as in records."""
        i, j = pair
        members = {
            "conjunction_type": "r.conjunction_type",
            "e1_source": f"s{i}.source",
            "e2_source": f"s{j}.source",
            "start": self._dialect.text(StoredValue("r.start", Type.TIME)),
            "end": self._dialect.text(StoredValue('r."end"', Type.TIME)),
            "min_distance": f"r.near{i}_{j}",
            "max_distance": f"r.far{i}_{j}",
        }
        return self._dialect.struct(members)


_SELECTIVE = {"events": 0, "space": 1}
"""Rank of selectivity: events are few, and spacecraft move; fixed positions are always or never in range."""


def _join_order(criteria: Criteria) -> tuple[int, ...]:
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


def _block_alias(block: int) -> str:
    return f"p.id AS id{block}, p.x AS x{block}, p.y AS y{block}, p.z AS z{block}"


def _distance_expression(other: int) -> str:
    """Return the SQL of the distance in km. Unlike the arc cosine, it is accurate for near points and antipodes."""
    axes = (("y", "z"), ("z", "x"), ("x", "y"))
    cross = " + ".join(f"(m.{a}{other} * p.{b} - m.{b}{other} * p.{a}) ** 2" for a, b in axes)
    return f"round({EARTH_RADIUS_KM} * atan2(sqrt({cross}), {_cosine_expression(other)}), {_DECIMALS})"


def _cosine_expression(other: int) -> str:
    return f"(m.x{other} * p.x + m.y{other} * p.y + m.z{other} * p.z)"
