"""From when to when an archive has records for a request, by the statistics of its sources or by its availability."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from auroraql.archives.base import Engine
from auroraql.errors import ArchiveError
from auroraql.moments import SECOND
from auroraql.plan import Request
from auroraql.query import Window
from auroraql.schema.catalogue import DataSource, join_statistics

_FIRST_DAY = date(1957, 10, 4)
"""No spacecraft is older, and no record."""

_NOTHING = (datetime.max, datetime.min)


def held(engine: Engine, deadline: float) -> Callable[[Request], Window | None]:
    """Tells the first and last moment of the records that an archive has for a request.

    None where the archive says neither how many records each source has nor on which days; an end before the start
    where it has none.
    """

    def extent(request: Request) -> Window | None:
        for read in (_by_statistics, _by_availability):
            try:
                found = read(engine, request, deadline)
            except ArchiveError:  # the next may know it; where none does, the statement is refused
                continue
            if found is not None:
                return found
        return None

    return extent


def _by_statistics(engine: Engine, request: Request, deadline: float) -> Window | None:
    """By what the archive counts of each source; None where it does not count each that may be meant."""
    statistics, sources = engine.statistics(request.kind, deadline), engine.sources(deadline)
    # Lists may name sources that the archive does not list: any of its records may be theirs.
    chosen = [source for source in sources if _is_in(source, request)] or sources
    if not all(source.identifier in statistics for source in chosen):
        return None
    joined = join_statistics(statistics[source.identifier] for source in chosen)
    if joined.earliest is None or joined.latest is None:
        return None if joined.count else _NOTHING
    return joined.earliest, joined.latest


def _by_availability(engine: Engine, request: Request, deadline: float) -> Window | None:
    """By the days on which the archive has records of any source, as availability takes no lists of several names."""
    only = {name: values[0] for name, values in request.lists if hasattr(DataSource, name) and len(values) == 1}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    rows = engine.availability(request.kind, _FIRST_DAY, tomorrow, only, deadline)
    days = [value for row in rows for value in row if isinstance(value, datetime)]
    return (min(days), max(days) + timedelta(days=1) - SECOND) if days else _NOTHING


def _is_in(source: DataSource, request: Request) -> bool:
    return all(getattr(source, name) in values for name, values in request.lists if hasattr(source, name))
