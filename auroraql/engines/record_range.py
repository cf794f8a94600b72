"""Time range of an archive's records for a request, from statistics or availability."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from auroraql.diagnostics.errors import ArchiveError
from auroraql.engines.base import Engine
from auroraql.ir.plan import Request
from auroraql.ir.query import Window
from auroraql.ir.times import SECOND
from auroraql.schema.catalogue import DataSource, join_statistics

_FIRST_DAY = date(1957, 10, 4)
"""Launch of the first spacecraft: no record is older."""

_NOTHING = (datetime.max, datetime.min)


def record_range(engine: Engine, deadline: float, request: Request) -> Window | None:
    """Return the first and last time of the archive's records for a request.

    Return None if the archive reports neither counts nor availability, and an end before the start if there are no
    records.
    """
    for method in (_range_by_statistics, _range_by_availability):
        try:
            window = method(engine, request, deadline)
        except ArchiveError:  # the next method may succeed; without any, the caller refuses the statement
            continue
        if window is not None:
            return window
    return None


def _range_by_statistics(engine: Engine, request: Request, deadline: float) -> Window | None:
    """Return the time range from the sources' statistics; None if a source that may match has none."""
    statistics, sources = engine.statistics(request.kind, deadline), engine.sources(deadline)
    # Lists may name sources that the archive does not list, so that any record may match.
    candidates = [source for source in sources if _is_in(source, request)] or sources
    if not all(source.identifier in statistics for source in candidates):
        return None
    total = join_statistics(statistics[source.identifier] for source in candidates)
    if total.earliest is None or total.latest is None:
        return None if total.count else _NOTHING
    return total.earliest, total.latest


def _range_by_availability(engine: Engine, request: Request, deadline: float) -> Window | None:
    """Return the range of days with records. Availability accepts only lists of one name, so it may be too wide."""
    only = {name: values[0] for name, values in request.lists if hasattr(DataSource, name) and len(values) == 1}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    rows = engine.availability(request.kind, _FIRST_DAY, tomorrow, only, deadline)
    days = [value for row in rows for value in row if isinstance(value, datetime)]
    return (min(days), max(days) + timedelta(days=1) - SECOND) if days else _NOTHING


def _is_in(source: DataSource, request: Request) -> bool:
    return all(getattr(source, name) in values for name, values in request.lists if hasattr(source, name))
