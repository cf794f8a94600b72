"""Reasons for an empty result that the archive can confirm, for example a window outside its records.

Only a certain reason is reported. A predicate on the fields of a record is never reported as the reason.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auroraql.diagnostics.errors import ArchiveError, Diagnostic, Origin
from auroraql.engines.base import Engine
from auroraql.ir.query import Comparison, Predicate, Query, collect_refs, has_conditions, split_conjuncts
from auroraql.ir.window_inference import narrow_window
from auroraql.planner.conjunction_plan import is_allowed_in_block
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.results.result_set import Row
from auroraql.schema import EPHEMERIS, KINDS, Kind
from auroraql.schema.catalogue import DataSource, join_statistics
from auroraql.schema.operators import Op
from auroraql.schema.source_fields import SOURCE_FIELDS

_SECONDS = 5.0
"""Seconds that the archive may take to respond. The result is complete without the reason."""

_MAX_WINDOW = timedelta(days=400)
"""Longest window whose records are counted by day."""

_PRODUCT_TYPE = "data_product_type"

Window = tuple[datetime | None, datetime | None]


def explain_empty_result(query: Query, engine: Engine) -> Diagnostic | None:
    """Return a warning with the reason for an empty result, or None when it is unknown or the archive does not respond."""
    try:
        reasons = _ReasonFinder(query, engine, time.monotonic() + _SECONDS)
        message = next(reasons.find_reasons(), None)
    except ArchiveError:  # the reason is optional
        return None
    if message is None:
        return None
    hint = reasons.hint or f"SHOW AVAILABILITY OF {reasons.counted} counts the records of each source and day"
    return Diagnostic("AQL0631", message, reasons.origin, "no records found", hint, severity="warning")


@dataclass(slots=True)
class _ReasonFinder:
    """Finder of the reasons for one query. `deadline` is in seconds of `time.monotonic`."""

    query: Query
    engine: Engine
    deadline: float
    origin: Origin = None
    counted: str = ""
    """Kind of the counted records."""
    hint: str = ""
    """Hint of the reason. Empty: suggest SHOW AVAILABILITY."""

    def find_reasons(self) -> Iterator[str]:
        """Yield the reasons, the most certain first. Raises ArchiveError."""
        query, sources = self.query, self.engine.sources(self.deadline)
        if query.criteria is None:
            self.counted, self.origin = query.kind, query.where.origin
            yield from self._source_reasons(
                KINDS[query.kind], SourcePredicates.for_sources(sources).possible_sources(query.where), query.where
            )
            return
        self.counted = EPHEMERIS.name
        for name, block in zip(query.criteria.names, query.criteria.blocks, strict=True):
            if block.kind != "location":
                self.origin = block.where.origin
                matching = [
                    source
                    for source in SourcePredicates.for_sources(sources).possible_sources(block.where)
                    if is_allowed_in_block(source, block.kind)
                ]
                for reason in self._source_reasons(EPHEMERIS, matching, None):
                    yield f"{name}: {reason}"

    def _source_reasons(self, kind: Kind, sources: Sequence[DataSource], where: Predicate | None) -> Iterator[str]:
        """Yield the reasons for records of a kind and of some sources.

        `where` is None when other predicates may be the reason.
        """
        statistics = self.engine.statistics(kind.name, self.deadline)
        if not sources or not all(source.identifier in statistics for source in sources):
            return
        totals, name = join_statistics(statistics[source.identifier] for source in sources), self.engine.name
        records = f"{kind.title}{self._describe_sources(sources)}"
        if not totals.count:
            yield f"{name} has no {records}"
            return
        start, end = self._window()
        first, last = totals.earliest, totals.latest
        if (start and last and start > last) or (end and first and end < first):
            yield f"{name} has {records} only {_describe_span(first, last)}"
        elif start and end and end - start <= _MAX_WINDOW:
            yield from self._day_reasons(kind, sources, records, (start, end), where)

    def _day_reasons(
        self,
        kind: Kind,
        sources: Sequence[DataSource],
        records: str,
        window: tuple[datetime, datetime],
        where: Predicate | None,
    ) -> Iterator[str]:
        rows = self._available_counts(kind, sources, window)
        if not rows:
            yield f"{self.engine.name} has no {records} {_describe_span(*window)}"
            return
        if kind.span[0].bound != "start" or where is None:
            return
        available_types, requested_types = (
            {str(row[-2]) for row in rows if row[-2] is not None},
            _product_types_asked(where),
        )
        if available_types and requested_types and not available_types & requested_types:
            products = f"{', '.join(sorted(available_types))}{self._describe_sources(sources)}"
            yield f"{self.engine.name} has {products} {_describe_span(*window)}, but no {' or '.join(sorted(requested_types))}"
        elif requested_types and not available_types:
            # A service may return one count for all types, and the count of a type only on request.
            if not any(self._available_counts(kind, sources, window, product_type) for product_type in requested_types):
                yield f"{self.engine.name} has no {' or '.join(sorted(requested_types))}{self._describe_sources(sources)} {_describe_span(*window)}"
        elif self.query.during is None and _is_source_predicate(where):
            self.hint = "use OVERLAPPING to find the products that are only partly inside the window"
            yield f"{self.engine.name} has {records} of these days, but none is fully inside the window"

    def _available_counts(
        self, kind: Kind, sources: Sequence[DataSource], window: tuple[datetime, datetime], product_type: str = ""
    ) -> list[Row]:
        """Return the counts of the sources by day of the window, of one product type if given."""
        first, last = (moment.date() for moment in window)
        programs = {source.program for source in sources}
        criteria = {"program": programs.pop()} if len(programs) == 1 else {}
        criteria |= {_PRODUCT_TYPE: product_type} if product_type else {}
        identifiers = {source.identifier for source in sources}
        rows = self.engine.availability(kind.name, first, last, criteria, self.deadline)
        date_column = len(SOURCE_FIELDS)
        return [row for row in rows if row[0] in identifiers and row[-1] and first <= row[date_column].date() <= last]

    def _window(self) -> Window:
        """Return the window that contains every matching record: of the clause, the predicates on times and the intervals."""
        start, end = narrow_window(self.query) or self.query.window
        if self.query.during:
            starts, ends = (
                [interval[0] for interval in self.query.during],
                [interval[1] for interval in self.query.during],
            )
            start, end = max(filter(None, (start, min(starts)))), min(filter(None, (end, max(ends))))
        return start, end

    def _describe_sources(self, sources: Sequence[DataSource]) -> str:
        """Return a short description of the sources, or an empty text for all sources of the archive."""
        all_sources = self.engine.sources(self.deadline)
        if len(sources) == len(all_sources):
            return ""
        programs = list(dict.fromkeys(source.program for source in sources))
        is_whole_programs = "" not in programs and len(sources) == sum(
            source.program in programs for source in all_sources
        )
        return f" of {_shorten_names(programs if is_whole_programs else [source.display_name or str(source.identifier) for source in sources])}"


def _shorten_names(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _describe_span(first: datetime | None, last: datetime | None) -> str:
    """Return a time span as text, in whole days. An open end is None."""
    days = [str(moment.date()) for moment in (first, last) if moment is not None]
    if len(days) == 2:
        return f"on {days[0]}" if days[0] == days[1] else f"from {days[0]} to {days[1]}"
    return f"from {days[0]} on" if first is not None else f"until {days[0]}" if days else ""


def _product_types_asked(where: Predicate) -> set[str]:
    """Return the product types that the top-level conjuncts of a predicate allow."""
    product_types: set[str] = set()
    for term in split_conjuncts(where):
        if isinstance(term, Comparison) and term.operator in (Op.EQ, Op.IN) and term.ref.name == _PRODUCT_TYPE:
            product_types = product_types & {*term.values} if product_types else {*term.values}
    return product_types


def _is_source_predicate(where: Predicate) -> bool:
    """Return whether a predicate compares only the source and the product type of a record with constants."""
    if has_conditions(where):
        return False
    return all(ref.role == "source" or ref.name == _PRODUCT_TYPE for ref in collect_refs(where))
