"""The steps of a search as the service logs them: the same lines, levels and order for each kind.

They are those of the recorded requests. What the embedded archive does in one statement is told by what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, product

import msgspec

from auroraql.codecs.query_json import SUBMINUTE
from auroraql.codecs.sentence import write_block
from auroraql.frontends.server.query_documents import QueryDocument, describe_query
from auroraql.ir.plan import BlockRequest
from auroraql.results.result_set import ResultColumn, Row
from auroraql.schema.catalogue import DataSource
from auroraql.schema.kinds.conjunctions import TRACES, epoch_step_seconds

Line = tuple[str, str]
"""Level and summary."""

ARRIVED: Line = ("debug", "Search request arrived and saved")

_QUERYING = (
    "Querying the database 1 times for this overall combination of criteria blocks and conjunction types. "
    "This log message will repeat {times} times during this search."
)

_LONGEST = 2000
"""Characters of a query in a log."""

_LONGEST_COMBINATIONS = 300

_SOURCE_TYPES = {"ground": ("ground",), "events": ("event_list",)}
"""The types of sources that a block of a kind takes; one of space takes the others."""


def starting_lines(query: QueryDocument, request_id: str) -> Iterator[Line]:
    """The lines before anything is searched."""
    match query.request.kind:
        case "conjunctions":
            yield "info", f"Starting conjunction search for query {request_id}"
            yield from _starting_conjunction_lines(query)
        case "ephemeris":
            yield "debug", f"Starting {request_id} for query {describe_query(query)[:_LONGEST]}"
        case _:
            yield "info", f"Starting query for {request_id}"


def _starting_conjunction_lines(query: QueryDocument) -> Iterator[Line]:
    criteria = query.request.criteria
    if criteria is None:
        return
    kinds = criteria.via or TRACES[:1]
    # The recorded logs word a query with the older field for its precision, or with neither, in the older way.
    sentence = describe_query(query, older=SUBMINUTE not in query.document)[:_LONGEST]
    for name in kinds:
        yield "debug", f"Start search for {name} conjunctions using query: {sentence}"
        yield "debug", _QUERYING.format(times=len(kinds))
        blocks = ", ".join(f"({write_block(block)})" for block in criteria.blocks)
        yield "debug", f"Querying database for criteria combination [{blocks[:_LONGEST]}]"


def writing_lines(kind: str, seconds: float) -> Iterator[Line]:
    """The lines between searching and writing."""
    if kind != "conjunctions":
        yield "info", f"Finished query in {seconds:.2f} seconds."
        yield "debug", "Starting to write data to file"


def written_lines(kind: str, count: int, seconds: float) -> Iterator[Line]:
    """The lines after writing, which took so many seconds."""
    if kind == "conjunctions":
        yield "debug", "Saving results"
        yield "info", "Search completed"
    else:
        yield "info", f"Finished writing data, found {count} records in {seconds:.2f} seconds."


def finished_lines(size: int, count: int, seconds: float) -> Iterator[Line]:
    """The last lines; `size` is in bytes."""
    yield "debug", f"File size is {size} bytes."
    yield "info", f"Finished search in {seconds:.2f} seconds and found {count} records."


class _ConjunctionEvent(msgspec.Struct):
    start: str
    end: str


class IntervalCounter:
    """Counts the intervals of conjunctions, and their epochs, from the records that are written."""

    def __init__(self, query: QueryDocument, columns: Sequence[ResultColumn]) -> None:
        criteria = query.request.criteria
        self._query = query
        self._step = epoch_step_seconds(subminute=criteria is not None and criteria.subminute)
        self._events = next((at for at, column in enumerate(columns) if column.path == ("events",)), None)
        self._decode = msgspec.json.Decoder(list[_ConjunctionEvent]).decode
        self.epochs = self.intervals = self.found = 0

    def count(self, rows: Sequence[Row]) -> None:
        """Count what these records hold."""
        self.found += len(rows)
        if self._events is None:
            return
        for row in rows:
            events = self._decode(row[self._events])
            self.intervals += len(events)
            self.epochs += sum(_duration_seconds(event.start, event.end) // self._step + 1 for event in events)

    def lines(self, sources: Sequence[DataSource]) -> Iterator[Line]:
        """What was found, step by step."""
        yield "debug", f"Found {self.epochs} single epoch events"
        yield "debug", f"Reduced single events into {self.intervals} continuous intervals"
        combined = _combination_lines(self._query, sources)
        yield "debug", f"Searching for super events across all data source combinations: {combined}"
        yield "debug", f"Found {self.found} super events"


def _duration_seconds(start: str, end: str) -> int:
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def _combination_lines(query: QueryDocument, sources: Sequence[DataSource]) -> str:
    """The identifiers of the sources of each combination, cut where the service cuts them; a location has none."""
    criteria = query.request.criteria
    blocks = criteria.blocks if criteria is not None else ()
    known = [[source.identifier for source in block_sources(block, sources)] or [-1] for block in blocks]
    text = str([list(each) for each in islice(product(*known), _LONGEST_COMBINATIONS)])
    return text if len(text) <= _LONGEST_COMBINATIONS else text[:_LONGEST_COMBINATIONS] + "…"


def block_sources(block: BlockRequest, sources: Sequence[DataSource]) -> list[DataSource]:
    """The sources that a block takes; none for a block of locations."""
    return [] if block.points else [source for source in sources if _is_in_block(block, source)]


def _is_in_block(block: BlockRequest, source: DataSource) -> bool:
    types = _SOURCE_TYPES.get(block.kind)
    if types is None:
        fits = all(source.source_type not in each for each in _SOURCE_TYPES.values())
    else:
        fits = source.source_type in types
    # Some lists, as hemisphere, are about records and not about sources.
    return fits and all(getattr(source, name, values[0]) in values for name, values in block.lists if values)
