"""From when to when an archive has records for a request, as the statistics of its sources tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from auroraql.archives.base import Engine
from auroraql.errors import ArchiveError
from auroraql.plan import Request
from auroraql.query import Window
from auroraql.schema.catalogue import DataSource, join_statistics

_NOTHING = (datetime.max, datetime.min)


def held(engine: Engine, deadline: float) -> Callable[[Request], Window | None]:
    """Tells the first and last moment of the records that an archive has for a request.

    None where the archive does not count the records of each source that may be meant; an end before the start where it
    has none.
    """

    def extent(request: Request) -> Window | None:
        try:
            statistics, sources = engine.statistics(request.kind, deadline), engine.sources(deadline)
        except ArchiveError:
            return None
        # Lists may name sources that the archive does not list: any of its records may be theirs.
        chosen = [source for source in sources if _is_in(source, request)] or sources
        if not all(source.identifier in statistics for source in chosen):
            return None
        joined = join_statistics(statistics[source.identifier] for source in chosen)
        if joined.earliest is None or joined.latest is None:
            return None if joined.count else _NOTHING
        return joined.earliest, joined.latest

    return extent


def _is_in(source: DataSource, request: Request) -> bool:
    return all(getattr(source, name) in values for name, values in request.lists if hasattr(source, name))
