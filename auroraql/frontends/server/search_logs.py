"""Log of a search in AuroraX's format: the same lines, levels and order for each kind as in recorded requests.

The embedded archive runs one statement, so the lines of AuroraX's intermediate steps are derived from the results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice, product

import msgspec

from auroraql.codecs.query_json import SUBMINUTE
from auroraql.codecs.sentence import write_block
from auroraql.diagnostics.errors import Diagnostic
from auroraql.frontends.server.query_documents import QueryDocument, describe_query
from auroraql.ir.plan import BlockRequest
from auroraql.results.result_set import ResultColumn, Row
from auroraql.schema.catalogue import DataSource
from auroraql.schema.kinds.conjunctions import TRACES, epoch_step_seconds

Line = tuple[str, str]
"""Level and summary of a log line."""

ARRIVED: Line = ("debug", "Search request arrived and saved")

_QUERYING = (
    "Querying the database 1 times for this overall combination of criteria blocks and conjunction types. "
    "This log message will repeat {times} times during this search."
)

_MAX_QUERY_LENGTH = 2000
"""Maximum characters of a query in a log line."""

_MAX_COMBINATIONS_LENGTH = 300

_SOURCE_TYPES = {"ground": ("ground",), "events": ("event_list",)}
"""Source types of each block kind. A space block takes all others."""


def starting_lines(query: QueryDocument, request_id: str) -> Iterator[Line]:
    """Yield the log lines at the start of a search."""
    match query.request.kind:
        case "conjunctions":
            yield "info", f"Starting conjunction search for query {request_id}"
            yield from _starting_conjunction_lines(query)
        case "ephemeris":
            yield "debug", f"Starting {request_id} for query {describe_query(query)[:_MAX_QUERY_LENGTH]}"
        case _:
            yield "info", f"Starting query for {request_id}"


def mirror_lines(warnings: Sequence[Diagnostic]) -> Iterator[Line]:
    """Yield a log line for each warning about records that a mirror lacks. Other warnings are the client's own."""
    yield from (("warn", warning.message) for warning in warnings if warning.code == "AQL0632")


def _starting_conjunction_lines(query: QueryDocument) -> Iterator[Line]:
    criteria = query.request.criteria
    if criteria is None:
        return
    kinds = criteria.via or TRACES[:1]
    # Recorded logs use the older wording for queries without the newer precision field.
    sentence = describe_query(query, older=SUBMINUTE not in query.document)[:_MAX_QUERY_LENGTH]
    for name in kinds:
        yield "debug", f"Start search for {name} conjunctions using query: {sentence}"
        yield "debug", _QUERYING.format(times=len(kinds))
        blocks = ", ".join(f"({write_block(block)})" for block in criteria.blocks)
        yield "debug", f"Querying database for criteria combination [{blocks[:_MAX_QUERY_LENGTH]}]"


def writing_lines(kind: str, seconds: float) -> Iterator[Line]:
    """Yield the log lines between searching and writing. `seconds` is the duration of the query."""
    if kind != "conjunctions":
        yield "info", f"Finished query in {seconds:.2f} seconds."
        yield "debug", "Starting to write data to file"


def written_lines(kind: str, count: int, seconds: float) -> Iterator[Line]:
    """Yield the log lines after writing. `seconds` is the duration of writing."""
    if kind == "conjunctions":
        yield "debug", "Saving results"
        yield "info", "Search completed"
    else:
        yield "info", f"Finished writing data, found {count} records in {seconds:.2f} seconds."


def finished_lines(size: int, count: int, seconds: float) -> Iterator[Line]:
    """Yield the last log lines. `size` is in bytes."""
    yield "debug", f"File size is {size} bytes."
    yield "info", f"Finished search in {seconds:.2f} seconds and found {count} records."


class _ConjunctionEvent(msgspec.Struct):
    start: str
    end: str


class IntervalCounter:
    """Counts the intervals and epochs of conjunctions while their records are written."""

    def __init__(self, query: QueryDocument, columns: Sequence[ResultColumn]) -> None:
        criteria = query.request.criteria
        self._query = query
        self._step = epoch_step_seconds(subminute=criteria is not None and criteria.subminute)
        self._events = next((at for at, column in enumerate(columns) if column.path == ("events",)), None)
        self._decode = msgspec.json.Decoder(list[_ConjunctionEvent]).decode
        self.epochs = self.intervals = self.conjunctions = 0

    def count(self, rows: Sequence[Row]) -> None:
        """Count the intervals and epochs of these rows."""
        self.conjunctions += len(rows)
        if self._events is None:
            return
        for row in rows:
            events = self._decode(row[self._events])
            self.intervals += len(events)
            self.epochs += sum(_duration_seconds(event.start, event.end) // self._step + 1 for event in events)

    def lines(self, sources: Sequence[DataSource]) -> Iterator[Line]:
        """Yield the log lines of the search steps."""
        yield "debug", f"Found {self.epochs} single epoch events"
        yield "debug", f"Reduced single events into {self.intervals} continuous intervals"
        combined = _combination_lines(self._query, sources)
        yield "debug", f"Searching for super events across all data source combinations: {combined}"
        yield "debug", f"Found {self.conjunctions} super events"


def _duration_seconds(start: str, end: str) -> int:
    return int((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())


def _combination_lines(query: QueryDocument, sources: Sequence[DataSource]) -> str:
    """Return the source identifiers of each combination as text, truncated as AuroraX does. -1 means no source."""
    criteria = query.request.criteria
    blocks = criteria.blocks if criteria is not None else ()
    identifiers = [[source.identifier for source in block_sources(block, sources)] or [-1] for block in blocks]
    # A combination has more than one character, so this many combinations fill the text.
    text = str([list(combination) for combination in islice(product(*identifiers), _MAX_COMBINATIONS_LENGTH)])
    return text if len(text) <= _MAX_COMBINATIONS_LENGTH else text[:_MAX_COMBINATIONS_LENGTH] + "…"


def block_sources(block: BlockRequest, sources: Sequence[DataSource]) -> list[DataSource]:
    """Return the sources that match a block. A block of locations has none."""
    return [] if block.points else [source for source in sources if _is_in_block(block, source)]


def _is_in_block(block: BlockRequest, source: DataSource) -> bool:
    types = _SOURCE_TYPES.get(block.kind)
    if types is None:
        fits = all(source.source_type not in types for types in _SOURCE_TYPES.values())
    else:
        fits = source.source_type in types
    # Some lists, for example hemisphere, restrict records and not sources.
    return fits and all(getattr(source, name, values[0]) in values for name, values in block.lists if values)
