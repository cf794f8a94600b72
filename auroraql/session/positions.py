"""Positions of the sources of conjunctions. The records of conjunctions name their sources, but have no coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auroraql.diagnostics.errors import UsageError
from auroraql.pictures.maps import LOCATIONS, Passage
from auroraql.pictures.picture import Picture
from auroraql.pictures.registry import create_picture
from auroraql.pictures.row_reader import source_name
from auroraql.results.result_set import FetchedData, Listing, ResultColumn, ResultSet, Row
from auroraql.results.stored_results import StoredResult
from auroraql.schema import CONJUNCTIONS, Type
from auroraql.schema.kinds.conjunctions import SOURCES_FIELD, TRACES

MAX_PASSAGES = 100
"""Conjunctions whose positions are fetched for a map: those with the smallest distances."""

_TRACK_MINUTES = 5
"""Minutes before and after a conjunction in which the tracks are drawn."""

RESULT_NAME = "conjunctions of the map"
"""Name of the result that the statement refers to; it is not one that LET could give."""

_TIMES = ("start", "end")


def is_conjunctions(result: ResultSet) -> bool:
    """Return whether the rows are conjunctions, of which positions have to be searched."""
    paths = {column.path for column in result.columns}
    return ("min_distance",) in paths or (SOURCES_FIELD,) in paths


@dataclass(frozen=True, slots=True)
class PositionRequest:
    """Conjunctions to draw on a map: the intervals and sources to search, and the closest approaches."""

    stored: StoredResult
    passages: tuple[Passage, ...]
    trace: str
    title: str

    @property
    def statement(self) -> str:
        """FIND of the positions of each conjunction's own sources during it."""
        return (
            f"FIND ephemeris SELECT epoch, data_source, {LOCATIONS[self.trace]} {{lat, lon}}"
            f" DURING `{RESULT_NAME}` PADDED BY {_TRACK_MINUTES} minutes USING (identifier)"
        )


RunWithResult = Callable[[StoredResult, str], ResultSet]
"""Function that runs a statement which refers to a result."""


def create_archive_picture(result: ResultSet, name: str, options: dict[str, Any], run: RunWithResult) -> Picture:
    """Return a picture of a result. For a map of conjunctions, search their positions with `run`. Raises AuroraQLError."""
    if name.lower() != "map" or not is_conjunctions(result):
        return create_picture(result, name, **options)
    request = create_position_request(result, options.get("trace"))
    positions = run(request.stored, request.statement)
    return create_picture(positions, "map", trace=request.trace, passages=request.passages, title=request.title)


def create_position_request(conjunctions: ResultSet, trace: str | None) -> PositionRequest:
    """Return what to search for a map of conjunctions. Raises UsageError for a result without their sources."""
    columns = {column.path: at for at, column in enumerate(conjunctions.columns) if column.path}
    needed = [(name,) for name in ("start", "end", "closest_epoch", "min_distance", SOURCES_FIELD, "conjunction_type")]
    if not all(path in columns for path in needed[:5]):
        raise UsageError("a map of conjunctions needs all of their columns", "run FIND conjunctions without SELECT")
    rows = [(number, row) for number, row in enumerate(conjunctions) if _is_complete(row, columns)]
    if not rows:
        raise UsageError("the result has no conjunctions with a distance", "run a FIND that returns rows")
    chosen_trace = trace or _common_trace(rows, columns)
    nearest = sorted(rows, key=lambda item: float(item[1][columns["min_distance",]]))[:MAX_PASSAGES]
    limit = f"the {MAX_PASSAGES} nearest of {len(rows):,} conjunctions" if len(rows) > MAX_PASSAGES else ""
    count = f"{len(rows):,} conjunctions" if len(rows) > 1 else "1 conjunction"
    at = [columns[path] for path in (("start",), ("end",), (SOURCES_FIELD,))]
    stored = _store([tuple(row[index] for index in at) for _, row in nearest])
    passages = tuple(passage for number, row in nearest for passage in _passages(row, columns, number))
    return PositionRequest(stored, passages, chosen_trace, f"Map of {limit or count} by {LOCATIONS[chosen_trace]}")


def _is_complete(row: Row, columns: dict[tuple[str, ...], int]) -> bool:
    times = [row[columns[name,]] for name in (*_TIMES, "closest_epoch")]
    distance, sources = row[columns["min_distance",]], row[columns[SOURCES_FIELD,]]
    return all(isinstance(time, datetime) for time in times) and distance is not None and isinstance(sources, list)


def _common_trace(rows: Sequence[tuple[int, Row]], columns: dict[tuple[str, ...], int]) -> str:
    """Return the conjunction type of most rows."""
    at = columns.get(("conjunction_type",))
    types = [row[at] for _, row in rows] if at is not None else []
    return max(TRACES, key=types.count)


def _store(rows: Sequence[Row]) -> StoredResult:
    """Return the intervals and sources as a result that a statement can refer to."""
    columns = (
        ResultColumn("start", Type.TIME, path=("start",)),
        ResultColumn("end", Type.TIME, path=("end",)),
        ResultColumn(SOURCES_FIELD, Type.OBJECT, path=(SOURCES_FIELD,)),
    )
    result = ResultSet(Listing(), FetchedData(rows=rows), archive="", elapsed=0, columns=columns)
    return StoredResult(RESULT_NAME, CONJUNCTIONS, columns, result)


def _passages(row: Row, columns: dict[tuple[str, ...], int], number: int) -> list[Passage]:
    """Return the closest approach of a conjunction, which is that of its nearest pair; empty if it has one source."""
    at = columns.get(("events",))
    events = row[at] if at is not None and isinstance(row[at], list) else []
    pairs = [
        (event["min_distance"], event.get("e1_source"), event.get("e2_source"))
        for event in events
        if isinstance(event, dict) and isinstance(event.get("min_distance"), int | float)
    ]
    sources: list[Any] = [source for source in row[columns[SOURCES_FIELD,]] if isinstance(source, dict)]
    if pairs and len(sources) > 2:
        sources = [source for source in min(pairs, key=lambda pair: pair[0])[1:] if isinstance(source, dict)]
    if len(sources) < 2:
        return []
    # The site first: the mark is at the other end, which is usually the footprint.
    first, second = sorted(sources[:2], key=lambda source: source.get("source_type") != "ground")
    names = source_name(first), source_name(second)
    return [Passage(names, row[columns["closest_epoch",]], float(row[columns["min_distance",]]), number)]
