"""An independent evaluation of conjunctions without SQL: every combination at every epoch, one by one.

Written from the rules at the heads of auroraql/sql/participants.py and conjunction_pipeline.py, not from their code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, product, takewhile
from typing import Any

from auroraql.ir.query import And, Block, Comparison, Criteria, Not, Or, Predicate, Query, Ref
from auroraql.results.result_set import Record
from tests.support.brute_force import SOURCE_NAMES, Truth, compare
from tests.support.small_catalogue import Position

RADIUS = 6371.0
TRACES = {"geographic": 0, "nbtrace": 2, "sbtrace": 3}
"""Index of a trace in the places of a `Position`."""

Place = tuple[float, float]
Track = Mapping[datetime, Place]
"""Location of a participant at each epoch."""

HALF = timedelta(seconds=30)
ALWAYS: Track = {}


@dataclass(frozen=True)
class Participant:
    """A source, or a fixed point, for which `track` is not used."""

    source: Mapping[str, Any]
    track: Track
    point: Place | None = None

    @property
    def identifier(self) -> int:
        return int(self.source["identifier"])

    def place(self, epoch: datetime) -> Place | None:
        return self.point or self.track.get(epoch)


@dataclass(frozen=True)
class Run:
    """A combination by one trace, with the distance of each pair at each of its epochs, and the limited pairs."""

    via: str
    combination: tuple[Participant, ...]
    distances: Mapping[datetime, Mapping[tuple[int, int], float]]
    pairs: Sequence[tuple[int, int]]

    @property
    def identifiers(self) -> tuple[int, ...]:
        return tuple(item.identifier for item in self.combination)

    @property
    def limited_pairs(self) -> set[frozenset[int]]:
        return {frozenset((self.identifiers[i], self.identifiers[j])) for i, j in self.pairs}


def conjunctions(query: Query, positions: Sequence[Position], sources: Iterable[Sequence[Any]]) -> list[Record]:
    """Return the conjunctions that a query's criteria find in its window, in order."""
    assert query.criteria is not None
    runs = list(_runs(query, query.criteria, positions, [dict(zip(SOURCE_NAMES, s, strict=True)) for s in sources]))
    stored = [run for run in runs if not any(_covers(other, run) for other in runs if other is not run)]
    stored.sort(key=lambda run: (min(run.distances), run.via, run.identifiers))
    return [_record(run) for run in stored]


def _covers(other: Run, run: Run) -> bool:
    """Return whether the other run has the same sources, pairs and trace, and covers the first one's epochs."""
    alike = other.via == run.via and set(other.identifiers) == set(run.identifiers)
    if not alike or other.limited_pairs != run.limited_pairs or not other.distances.keys() >= run.distances.keys():
        return False
    return len(other.distances) > len(run.distances) or other.identifiers < run.identifiers


def _runs(
    query: Query, criteria: Criteria, positions: Sequence[Position], sources: Sequence[Mapping[str, Any]]
) -> Iterator[Run]:
    step = timedelta(seconds=30 if criteria.subminute else 60)
    limits = zip(criteria.pairs, criteria.distances, strict=True)
    pairs = [pair for pair, limit in limits if limit is not None] or criteria.pairs
    for via in dict.fromkeys(criteria.via or ("nbtrace",)):
        blocks = [_participants(criteria, block, via, query, positions, sources) for block in criteria.blocks]
        epochs = sorted({epoch for block in blocks for item in block for epoch in item.track})
        for combination in product(*blocks):
            if len({item.identifier for item in combination}) < len(combination):
                continue
            met = {epoch: distances for epoch in epochs if (distances := _distances_of(criteria, combination, epoch))}
            for first in (epoch for epoch in met if epoch - step not in met):
                following = (first + n * step for n in range(len(met)))
                yield Run(
                    via, combination, {epoch: met[epoch] for epoch in takewhile(met.__contains__, following)}, pairs
                )


def _distances_of(
    criteria: Criteria, combination: Sequence[Participant], epoch: datetime
) -> Mapping[tuple[int, int], float] | None:
    """Return the distances of each pair of a combination in conjunction, or None when it is not in conjunction."""
    places = [item.place(epoch) for item in combination]
    there = [place for place in places if place is not None]
    if len(there) < len(places):
        return None
    limits = dict(zip(combinations(range(len(places)), 2), criteria.distances, strict=True))
    distances = {pair: distance(there[pair[0]], there[pair[1]]) for pair in limits}
    if any(limit is not None and distances[pair] > float(limit) for pair, limit in limits.items()):
        return None
    return distances


def _participants(
    criteria: Criteria,
    block: Block,
    via: str,
    query: Query,
    positions: Sequence[Position],
    sources: Sequence[Mapping[str, Any]],
) -> list[Participant]:
    if block.kind == "location":
        return [_point_participants(criteria, point) for point in dict.fromkeys(block.points)]
    participants = []
    for source in sources:
        if _block_of(source) != block.kind:
            continue
        records = [p for p in positions if p.data_source == source["identifier"] and holds(block.where, p, source)]
        track = {p.epoch: place for p in records if (place := p.places[TRACES[via]]) is not None}
        if criteria.subminute:
            track |= _half_way(track)
        inside = {epoch: place for epoch, place in track.items() if _in_window(query, epoch)}
        participants.append(Participant(source, inside))
    return participants


def _point_participants(criteria: Criteria, point: tuple[Any, Any]) -> Participant:
    every = list(dict.fromkeys(item for block in criteria.blocks for item in block.points))
    name = f"{point[0]}, {point[1]}"
    values = (-1 - every.index(point), "adhoc", name, "adhoc", "not_applicable", name)
    return Participant(dict(zip(SOURCE_NAMES, values, strict=True)), ALWAYS, (float(point[0]), float(point[1])))


def _block_of(source: Mapping[str, Any]) -> str:
    return {"ground": "ground", "event_list": "events"}.get(source["source_type"], "space")


def _in_window(query: Query, epoch: datetime) -> bool:
    return (query.start is None or query.start <= epoch) and (query.end is None or epoch <= query.end)


def _half_way(track: Track) -> dict[datetime, Place]:
    """Interpolate half-way between records a minute apart where no record exists. Antipodes have no midpoint."""
    position = {}
    for epoch, here in track.items():
        there = track.get(epoch + 2 * HALF)
        if there is not None and epoch + HALF not in track and distance(here, there) < math.pi * RADIUS - 1e-3:
            position[epoch + HALF] = midpoint(here, there)
    return position


def midpoint(one: Place, two: Place) -> Place:
    """Return the midpoint on the great circle, by the navigators' formula."""
    (lat1, lon1), (lat2, lon2) = ((math.radians(lat), math.radians(lon)) for lat, lon in (one, two))
    x, y = math.cos(lat2) * math.cos(lon2 - lon1), math.cos(lat2) * math.sin(lon2 - lon1)
    lat = math.atan2(math.sin(lat1) + math.sin(lat2), math.hypot(math.cos(lat1) + x, y))
    return math.degrees(lat), math.degrees(lon1 + math.atan2(y, math.cos(lat1) + x))


def distance(one: Place, two: Place) -> float:
    """Return the great-circle distance in km, to the millimetre, from the chord and the chord to the antipode."""
    u, v = (_unit_vector(*place) for place in (one, two))
    chord, other = math.dist(u, v), math.dist(u, [-item for item in v])
    return round(2 * RADIUS * math.atan2(chord, other), 6)


def _unit_vector(latitude: float, longitude: float) -> tuple[float, float, float]:
    lat, lon = math.radians(latitude), math.radians(longitude)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def holds(predicate: Predicate, record: Position, source: Mapping[str, Any]) -> Truth:
    """Evaluate a block's predicate on a record: True, False, or None for unknown."""
    match predicate:
        case Comparison(ref, operator, values):
            return compare(_value(ref, record, source), ref, operator, values)
        case Not(term):
            inner = holds(term, record, source)
            return None if inner is None else not inner
        case And(terms):
            truths = [holds(term, record, source) for term in terms]
            return False if False in truths else None if None in truths else True
        case Or(terms):
            truths = [holds(term, record, source) for term in terms]
            return True if True in truths else None if None in truths else False
    raise AssertionError(predicate)


def _value(ref: Ref, record: Position, source: Mapping[str, Any]) -> Any:
    if ref.role == "metadata":
        return (record.metadata or {}).get(ref.name)
    if ref.role == "source":
        text = source[ref.name.removeprefix("data_source.")]
        return None if text == "" else text  # a source without a value
    below = record.places[TRACES["geographic"]]
    assert ref.name == "hemisphere"
    return None if below is None else "northern" if below[0] >= 0 else "southern"


def _record(run: Run) -> Record:
    start, end = min(run.distances).isoformat(), max(run.distances).isoformat()
    near = {epoch: min(distances.values()) for epoch, distances in run.distances.items()}
    far = {epoch: max(distances.values()) for epoch, distances in run.distances.items()}
    sources = [dict(item.source) for item in run.combination]
    events = []
    for pair in next(iter(run.distances.values())):
        between = [distances[pair] for distances in run.distances.values()]
        events.append(
            {
                "conjunction_type": run.via,
                "e1_source": sources[pair[0]],
                "e2_source": sources[pair[1]],
                "start": start,
                "end": end,
                "min_distance": min(between),
                "max_distance": max(between),
            }
        )
    return {
        "conjunction_type": run.via,
        "start": start,
        "end": end,
        "data_sources": sources,
        "min_distance": min(near.values()),
        "max_distance": max(far.values()),
        "closest_epoch": min(epoch for epoch in near if near[epoch] == min(near.values())).isoformat(),
        "farthest_epoch": min(epoch for epoch in far if far[epoch] == max(far.values())).isoformat(),
        "events": events,
    }
