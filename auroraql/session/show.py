"""Listings of SHOW: their columns and the sources of their rows.

A listing is a stored result, so that its clauses are resolved and run like those of FIND.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import date, datetime
from typing import Any

from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import Comparison, Query, split_conjuncts
from auroraql.language.ast import (
    AndExpression,
    Expression,
    FindStatement,
    GroupBy,
    LikePattern,
    NotExpression,
    OrExpression,
    Path,
    Select,
    SelectColumn,
    ShowStatement,
    ShowTarget,
    Where,
    Window,
)
from auroraql.language.ast import ComparisonExpression as Written
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.resolver.windows import WINDOWS, join_windows, resolve_window
from auroraql.results.result_set import ResultColumn, Row
from auroraql.results.stored_results import ShowPlan, StoredResult, kind_of_rows
from auroraql.schema import KINDS, STORED_KINDS, Field, Kind, Type
from auroraql.schema.catalogue import (
    Catalogue,
    DataSource,
    SourceDetails,
    Statistics,
    sources_named,
)
from auroraql.schema.operators import Op
from auroraql.schema.response_template import response_template
from auroraql.schema.source_fields import SOURCE_DETAILS, SOURCE_FIELDS, SOURCE_STATISTICS
from auroraql.session.source_details import source_documents


@dataclass(frozen=True, slots=True)
class ListingContext:
    """Sources of the rows of listings. They are callbacks, so that a listing requests only the data that it needs.

    `details`, `statistics` and `available` are the methods of `Engine` with a deadline. `searches` and `settings`
    return the rows of their listings.
    """

    catalogue: Callable[[], Catalogue]
    sources: Callable[[], Sequence[DataSource]]
    """Returns the data sources that the WHERE of the listing matches."""
    details: Callable[[], Mapping[int, SourceDetails]]
    statistics: Callable[[str], Mapping[int, Statistics]]
    available: Callable[[str, date, date, Mapping[str, str]], list[Row]]
    results: Mapping[str, StoredResult]
    searches: Callable[[], Sequence[Row]]
    settings: Callable[[], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class ListingDefinition:
    """Definition of a listing: its columns, the column of LIKE, and its OF and FOR."""

    columns: tuple[ResultColumn, ...]
    rows: Callable[[ShowPlan, ListingContext, Query], Iterable[Row]]
    like: str = ""
    of: str = ""
    """What OF names: `kind`, `result` (a kind or a result), `key`, `available` (a stored kind); empty without OF."""
    needs_of: bool = False
    has_for: bool = False
    of_sources: bool = False
    """Whether the listing uses the cached data sources, so that it accepts REFRESH."""
    by_source: bool = False
    """Whether WHERE also accepts fields of the data sources."""
    usual: int = 0
    """Number of leading columns shown without SELECT; 0 for all."""
    kind: Kind | None = None
    """Kind that declares the columns, if they have members."""

    def stored_result(self, title: str) -> StoredResult:
        """Return the listing as a stored result, without rows."""
        return StoredResult(
            title, kind_of_rows(title, self.columns, self.kind, whole=self.kind is not None), self.columns
        )


TREE_LISTINGS = frozenset(("template",))
"""Listings whose rows are the lines of a text."""


def analyze_show(
    statement: ShowStatement, catalogue: Catalogue, results: Mapping[str, StoredResult], values: OperandResolver
) -> ShowPlan:
    """Return the plan of a SHOW. Raises SemanticError for a clause that the listing does not accept, or an unknown name."""
    listing = _LISTINGS[statement.what]
    title = f"SHOW {statement.what.upper()}"
    targets: dict[str, ShowTarget] = {
        clause.word: clause for clause in statement.clauses if isinstance(clause, ShowTarget)
    }
    _check_target_words(statement, listing, targets, title)
    if statement.refresh and not listing.of_sources:
        hint = "remove REFRESH; it belongs to listings of cached data, such as SHOW SOURCES REFRESH"
        raise SemanticError(
            "AQL0214", f"{title} is always up to date", statement.origin, "does not accept REFRESH", hint
        )
    of = targets["of"].name if "of" in targets else ""
    columns = listing.columns
    if "of" in targets:
        _check_of(targets["of"], listing, catalogue, results)
    if statement.what == "availability" and of == "ephemeris":
        columns = tuple(column for column in columns if column.name != "data_product_type")
    if "for" in targets:
        _check_for(targets["for"], catalogue)
    stored = replace(listing, columns=columns).stored_result(title)
    days = _availability_days(statement, values, title) if statement.what == "availability" else None
    if days is None:
        _refuse_days(statement, title)
    source_terms, row_terms = _source_terms(statement, listing)
    find = FindStatement(title, tuple(_row_clauses(statement, listing, row_terms)), origin=statement.origin)
    for_name = targets["for"].name if "for" in targets else ""
    show_plan = ShowPlan(statement.what, stored, find, of, for_name, days, statement.refresh)
    if not source_terms:
        return show_plan
    title = "SHOW SOURCES"
    source_find = FindStatement(title, (Where(_conjunction(source_terms), statement.origin),), origin=statement.origin)
    return replace(show_plan, source_find=source_find, source_result=_SOURCES.stored_result(title))


def _source_terms(statement: ShowStatement, listing: ListingDefinition) -> tuple[list[Expression], list[Expression]]:
    """Split the terms of WHERE: those about fields of data sources that are not columns of the listing, and the others."""
    source_terms: list[Expression] = []
    row_terms: list[Expression] = []
    columns = {column.name for column in listing.columns}
    fields = {field.bare for field in SOURCE_FIELDS}
    for clause in statement.clauses:
        if isinstance(clause, Where):
            for term in _split_conjuncts(clause.expression):
                names = {path.dotted.lower().removeprefix("data_source.") for path in _expression_paths(term)}
                is_source_term = listing.by_source and names <= fields and not names <= columns
                (source_terms if is_source_term else row_terms).append(term)
    return source_terms, row_terms


def _conjunction(terms: Sequence[Expression]) -> Expression:
    return terms[0] if len(terms) == 1 else AndExpression(tuple(terms))


def _split_conjuncts(expression: Expression) -> Iterator[Expression]:
    """Yield the conjuncts of an expression."""
    if isinstance(expression, AndExpression):
        for term in expression.terms:
            yield from _split_conjuncts(term)
    else:
        yield expression


def _expression_paths(expression: Expression) -> Iterator[Path]:
    """Yield every path in an expression."""
    match expression:
        case AndExpression(terms) | OrExpression(terms):
            for term in terms:
                yield from _expression_paths(term)
        case NotExpression(term):
            yield from _expression_paths(term)
        case Written(path, _, operands):
            yield path
            yield from (operand for operand in operands if isinstance(operand, Path))


def listing_rows(show_plan: ShowPlan, context: ListingContext, query: Query) -> list[Row]:
    """Return the rows of a listing before its clauses are applied. Raises ArchiveError."""
    return list(_LISTINGS[show_plan.what].rows(show_plan, context, query))


def _check_target_words(
    statement: ShowStatement, listing: ListingDefinition, targets: Mapping[str, ShowTarget], title: str
) -> None:
    if "of" in targets and not listing.of:
        raise SemanticError("AQL0214", f"{title} does not accept OF", targets["of"].origin, "not allowed here")
    if "for" in targets and not listing.has_for:
        hint = "use WHERE; FOR belongs to listings about data sources, such as SHOW METADATA"
        raise SemanticError("AQL0214", f"{title} does not accept FOR", targets["for"].origin, "not allowed here", hint)
    if listing.needs_of and "of" not in targets:
        message, hint = f"{title} needs OF", f"write {title} OF {_example_statement(listing)}"
        raise SemanticError("AQL0225", message, statement.origin, "OF is missing", hint, missing=("OF",))


def _example_statement(listing: ListingDefinition) -> str:
    return "keogram_type" if listing.of == "key" else next(iter(KINDS))


def _check_of(
    target: ShowTarget, listing: ListingDefinition, catalogue: Catalogue, results: Mapping[str, StoredResult]
) -> None:
    """Check the name after OF. Raises SemanticError when it is unknown."""
    names: list[str] = []
    if listing.of == "key":
        names = [
            *(f.bare for f in _fields_with_values(catalogue)),
            *(key for kind in KINDS for key in catalogue.keys(kind)),
        ]
    elif listing.of == "available":
        names = [*STORED_KINDS]
    else:
        names = [*KINDS, *(results if listing.of == "result" else ())]
    name = target.name.removeprefix("metadata.").removeprefix("data_source.") if listing.of == "key" else target.name
    if name in names:
        return
    near = find_closest(name, names, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"the names are {', '.join(dict.fromkeys(names))}"
    raise SemanticError("AQL0225", f"unknown name '{target.name}'", target.origin, "unknown", hint)


_NAMES = ("program", "platform", "instrument_type", "display_name")
"""Fields of a source whose values FOR accepts, in addition to its identifier."""


def _check_for(target: ShowTarget, catalogue: Catalogue) -> None:
    """Check the name after FOR. Raises SemanticError when it is unknown.

    The shipped catalogue may lack sources of the archive, so nothing is checked against it.
    """
    if catalogue.is_shipped or catalogue.sources_named(target.name):
        return
    names = [value for name in _NAMES for value in catalogue.values(name)]
    near = find_closest(target.name, names, 1, 0.5)
    hint = f"did you mean '{near[0]}'?" if near else "SHOW SOURCES lists them with their identifiers"
    raise SemanticError("AQL0225", f"unknown data source '{target.name}'", target.origin, "unknown", hint)


def _availability_days(statement: ShowStatement, values: OperandResolver, title: str) -> tuple[date, date]:
    """Return the first and last day of SHOW AVAILABILITY. Raises SemanticError when the window is open or missing."""
    windows = [clause for clause in statement.clauses if isinstance(clause, Window)]
    bounds = join_windows([(window, resolve_window(window, values)) for window in windows])
    if bounds.start is None or bounds.end is None:
        hint = "add a window with both ends, such as DURING 2020-02"
        message = f"{title} needs a time window with both ends"
        raise SemanticError("AQL0225", message, statement.origin, "needs a window", hint, missing=WINDOWS)
    return bounds.start.date(), bounds.end.date()


def _refuse_days(statement: ShowStatement, title: str) -> None:
    for clause in statement.clauses:
        if isinstance(clause, Window):
            raise SemanticError(
                "AQL0214", f"{title} does not accept a time window", clause.origin, "not allowed here", "remove it"
            )


def _row_clauses(
    statement: ShowStatement, listing: ListingDefinition, row_terms: Sequence[Expression]
) -> Iterator[Any]:
    """Yield the clauses for the rows. `wheres` are the terms of WHERE about the rows; LIKE becomes another term."""
    if listing.usual and not any(isinstance(clause, Select | GroupBy) for clause in statement.clauses):
        default_columns = listing.columns[: listing.usual]
        yield Select(
            tuple(SelectColumn(Path((column.name,), statement.origin)) for column in default_columns), statement.origin
        )
    patterns = [clause for clause in statement.clauses if isinstance(clause, LikePattern)]
    path = Path((listing.like or listing.columns[0].name,), statement.origin)
    terms = [*row_terms, *(Written(path, Op.LIKE, (clause.operand,), clause.origin) for clause in patterns)]
    if terms:
        yield Where(_conjunction(terms), statement.origin)
    yield from (c for c in statement.clauses if not isinstance(c, LikePattern | Where | ShowTarget | Window))


# --- rows


def source_row(source: DataSource) -> Row:
    """Return the fields of a source, in the order of SOURCE_FIELDS. A field without a value is None."""
    return tuple(None if value == "" else value for value in astuple(source))


def _selected_sources(show_plan: ShowPlan, context: ListingContext) -> Sequence[DataSource]:
    """Return the sources that FOR and WHERE match."""
    sources = context.sources()
    return sources_named(sources, show_plan.only_for) if show_plan.only_for else sources


def _source_rows(show_plan: ShowPlan, context: ListingContext, query: Query) -> Iterator[Row]:
    """Yield the rows of SHOW SOURCES. Request details and statistics only when a clause refers to them."""
    column_names = {ref.path[0] for ref in query.refs}
    shows_all = query.select is None and not query.group_by
    fields = (*SOURCE_DETAILS, SOURCE_STATISTICS)
    names = {field.name for field in fields if shows_all or field.name in column_names}
    sources = _selected_sources(show_plan, context)
    documents = source_documents(names, sources, context.details, context.statistics)
    for source in sources:
        document = documents[source.identifier]
        yield (*source_row(source), *(document.get(field.name) for field in fields))


def _rows_by_field(name: str, *others: str) -> Callable[[ShowPlan, ListingContext, Query], Iterator[Row]]:
    """Return a function that yields one row for each value of a source field.

    A row has the value, the number of sources with it, and their values of the other fields.
    """

    def rows(show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
        sources_by_value: dict[str, list[DataSource]] = {}
        for source in _selected_sources(show_plan, context):
            sources_by_value.setdefault(getattr(source, name), []).append(source)
        for value in sorted(sources_by_value.keys() - {""}):
            other_values = (
                ", ".join(dict.fromkeys(v for s in sources_by_value[value] if (v := getattr(s, other))))
                for other in others
            )
            yield (value, len(sources_by_value[value]), *other_values)

    return rows


def _column_rows(show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
    stored = context.results.get(show_plan.of)
    kind = KINDS.get(show_plan.of) or (stored.kind if stored is not None else None)
    for field in (*_kind_leaves(kind), *kind.joined) if kind is not None else ():
        bound = "start and end" if field.bound == "both" else field.bound
        native = field.criterion or (f"window {bound}" if bound else None)
        name = field.bare if kind is not None and kind.field(field.bare) is field else field.name
        yield name, field.name, _type_name(field.type), field.unit or None, field.doc, native


def _kind_leaves(kind: Kind) -> Iterator[Field]:
    for field in kind.fields:
        yield from (field.members or (field,))


def _current_catalogue(context: ListingContext) -> Catalogue:
    """Return the catalogue of the archive. Request its sources if only the shipped catalogue is loaded."""
    catalogue = context.catalogue()
    if catalogue.is_shipped:
        context.sources()
    return context.catalogue()


def _metadata_rows(show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
    catalogue = _current_catalogue(context)
    is_filtered = show_plan.only_for or show_plan.source_find is not None
    for kind in [show_plan.of] if show_plan.of else KINDS:
        keys = (
            catalogue.carried_keys(kind, _selected_sources(show_plan, context))
            if is_filtered
            else catalogue.metadata.get(kind, ())
        )
        for key in keys:
            programs = (catalogue.key(kind, key.name) or key).programs
            yield (
                key.name,
                kind,
                _type_name(key.type),
                key.unit or None,
                _join_values(key.values),
                _join_values(programs),
                key.doc,
            )


def _value_rows(show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
    catalogue = _current_catalogue(context)
    name = show_plan.of.removeprefix("data_source.").removeprefix("metadata.")
    is_filtered = show_plan.only_for or show_plan.source_find is not None
    sources = _selected_sources(show_plan, context) if is_filtered else ()
    for field in _fields_with_values(catalogue):
        if field.bare == name:
            values = catalogue.values(name)
            if is_filtered and values:
                values = tuple(sorted({getattr(source, name) for source in sources} - {""}))
            yield from ((value, None) for value in values or field.known)
    for kind in KINDS:
        key = catalogue.key(kind, name)
        if is_filtered:
            key = next((key for key in catalogue.keys_of(kind, sources) if key.name == name), None)
        yield from ((value, kind) for value in (key.values if key is not None else ()))


def _template_rows(show_plan: ShowPlan, _context: ListingContext, _query: Query) -> Iterator[Row]:
    text = json.dumps(response_template(KINDS[show_plan.of]), indent=2)
    yield from ((line,) for line in text.splitlines())


def _fields_with_values(catalogue: Catalogue) -> Iterator[Field]:
    """Yield the fields with known values, each name once."""
    seen: set[str] = set()
    for kind in KINDS.values():
        for field in _kind_leaves(kind):
            if (field.known or catalogue.values(field.bare)) and field.bare not in seen:
                seen.add(field.bare)
                yield field


def _availability_rows(show_plan: ShowPlan, context: ListingContext, query: Query) -> list[Row]:
    """Return the rows of SHOW AVAILABILITY. An equality in WHERE on program, platform or instrument type narrows the request."""
    narrowing_fields = ("program", "platform", "instrument_type")
    criteria = {
        term.ref.name: term.values[0]
        for term in split_conjuncts(query.where)
        if isinstance(term, Comparison) and term.operator == Op.EQ and term.ref.name in narrowing_fields
    }
    first, last = show_plan.days or (date.min, date.max)
    return [row for row in context.available(show_plan.of, first, last, criteria) if _is_within_days(row, first, last)]


def _is_within_days(row: Row, first: date, last: date) -> bool:
    day = row[len(SOURCE_FIELDS)]
    return isinstance(day, datetime) and first <= day.date() <= last


def _job_rows(_show_plan: ShowPlan, context: ListingContext, _query: Query) -> Sequence[Row]:
    return context.searches()


def _result_rows(_show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
    for stored in context.results.values():
        columns = ", ".join(column.name for column in stored.columns)
        yield stored.name, len(stored.result) if stored.result is not None else None, columns, stored.statement_text


def _mirror_rows(_show_plan: ShowPlan, context: ListingContext, _query: Query) -> Iterator[Row]:
    """Yield a row for each kind and source that the archive mirrors, with the counts of the mirrored archive."""
    catalogue = context.catalogue()
    mirror = catalogue.mirror
    if mirror is None:
        return
    sources = {source.identifier: source for source in catalogue.sources}
    for kind, parts in mirror.parts.items():
        for identifier, part in parts.items():
            source = sources.get(identifier, DataSource(identifier, "", "", "", "", ""))
            known = mirror.statistics.get(kind, {}).get(identifier)
            (first, _), (_, last) = part.spans[0], part.spans[-1]
            names = source_row(source)[1:4]
            gaps, archive_count = len(part.spans) - 1, known.count if known is not None else None
            yield (
                *(kind, identifier, *names, first, last, gaps, part.units, part.records, archive_count),
                *(part.oldest_read.replace(microsecond=0), mirror.archive),
            )


def _setting_rows(_show_plan: ShowPlan, context: ListingContext, _query: Query) -> Sequence[Row]:
    return context.settings()


def _join_values(values: Sequence[str]) -> str | None:
    return ", ".join(values) or None


def _type_name(type: Type) -> str:
    return type.name.lower()


def _text_columns(*names: str) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name, Type.STRING, path=(name,)) for name in names)


def _integer_columns(*names: str) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name, Type.INTEGER, path=(name,)) for name in names)


_SOURCE_COLUMNS = tuple(ResultColumn(field.bare, field.type, path=(field.bare,)) for field in SOURCE_FIELDS)

_SOURCES_KIND = Kind(
    name="SHOW SOURCES",
    title="data sources",
    doc="Data source of records: a spacecraft, or an instrument at a site.",
    fields=(
        *(Field((field.bare,), field.type, field.doc, known=field.known) for field in SOURCE_FIELDS),
        *SOURCE_DETAILS,
        SOURCE_STATISTICS,
    ),
    protocol=None,
    filters="",
    marks=(),
    schema_key="",
    wording=(),
)
_COUNT = (ResultColumn("sources", Type.INTEGER, path=("sources",)),)


def _grouped_listing(name: str, others: tuple[str, ...], titles: tuple[str, ...]) -> ListingDefinition:
    columns = (*_text_columns(name), *_COUNT, *_text_columns(*titles))
    return ListingDefinition(columns, _rows_by_field(name, *others), has_for=True, of_sources=True, by_source=True)


_SOURCES = ListingDefinition(
    tuple(ResultColumn(field.name, field.type, path=field.path) for field in _SOURCES_KIND.fields),
    _source_rows,
    like="display_name",
    has_for=True,
    of_sources=True,
    usual=len(SOURCE_FIELDS),
    kind=_SOURCES_KIND,
)

_LISTINGS = {
    "sources": _SOURCES,
    "programs": _grouped_listing("program", ("platform", "instrument_type"), ("platforms", "instrument_types")),
    "platforms": _grouped_listing("platform", ("program", "instrument_type"), ("programs", "instrument_types")),
    "instrument_types": _grouped_listing("instrument_type", ("program",), ("programs",)),
    "columns": ListingDefinition(
        _text_columns("name", "path", "type", "unit", "doc", "native"), _column_rows, of="result", needs_of=True
    ),
    "metadata": ListingDefinition(
        _text_columns("key", "kind", "type", "unit", "values", "programs", "doc"),
        _metadata_rows,
        of="kind",
        has_for=True,
        of_sources=True,
        by_source=True,
    ),
    "values": ListingDefinition(
        _text_columns("value", "kind"),
        _value_rows,
        of="key",
        needs_of=True,
        has_for=True,
        of_sources=True,
        by_source=True,
    ),
    "template": ListingDefinition(_text_columns("template"), _template_rows, of="kind", needs_of=True),
    "availability": ListingDefinition(
        (
            *_SOURCE_COLUMNS,
            ResultColumn("date", Type.TIME, path=("date",)),
            *_text_columns("data_product_type"),
            ResultColumn("count", Type.INTEGER, path=("count",)),
        ),
        _availability_rows,
        like="display_name",
        of="available",
        needs_of=True,
    ),
    "searches": ListingDefinition(
        (
            *_text_columns("name", "status"),
            ResultColumn("elapsed", Type.NUMBER, "s", path=("elapsed",)),
            *_text_columns("log"),
            ResultColumn("result_count", Type.INTEGER, path=("result_count",)),
            *_text_columns("request_ids", "request_urls", "web_url"),
            ResultColumn("started", Type.TIME, path=("started",)),
            *_text_columns("statement"),
        ),
        _job_rows,
    ),
    "results": ListingDefinition(
        (
            *_text_columns("name"),
            ResultColumn("rows", Type.INTEGER, path=("rows",)),
            *_text_columns("columns", "statement"),
        ),
        _result_rows,
    ),
    "sync": ListingDefinition(
        (
            *_text_columns("kind"),
            *_SOURCE_COLUMNS[:4],
            *(ResultColumn(name, Type.TIME, path=(name,)) for name in ("start", "end")),
            *_integer_columns("gaps", "units", "records", "archive_records"),
            ResultColumn("read", Type.TIME, path=("read",)),
            *_text_columns("archive"),
        ),
        _mirror_rows,
        like="platform",
    ),
    "settings": ListingDefinition(_text_columns("name", "value", "default", "doc"), _setting_rows),
}
"""Definitions of the listings, by the word after SHOW."""

REFRESHABLE = frozenset(what for what, listing in _LISTINGS.items() if listing.of_sources)
"""Listings that accept REFRESH."""


def listing_columns() -> dict[str, tuple[str, ...]]:
    """Return the column names of each listing, by the word after SHOW."""
    return {what: tuple(column.name for column in listing.columns) for what, listing in _LISTINGS.items()}
