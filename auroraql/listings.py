"""What SHOW shows: each listing with its columns, and where its rows come from.

A listing is a result like any other, so that its clauses are resolved and run as those of FIND are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from auroraql.named import Kept, Shown, rows_kind
from auroraql.query import Comparison, Query, conjuncts
from auroraql.resolver.values import Fault, Values
from auroraql.resolver.windows import WINDOWS, join_windows, resolve_window
from auroraql.results import ResultColumn, Row
from auroraql.schema import KINDS, Field, Kind, Type
from auroraql.schema.catalogue import Catalogue, DataSource, MetadataKey
from auroraql.schema.sources import SOURCE_FIELDS
from auroraql.spelling import closest
from auroraql.syntax import And, Find, Path, Pattern, Show, Target, Where, Window
from auroraql.syntax import Comparison as Written


@dataclass(frozen=True, slots=True)
class Listed:
    """What listings are made from; what takes time, or asks the archive, is asked only by the listing that needs it.

    `available` is `Engine.availability` with its deadline; `searches` and `settings` are rows of their listings.
    """

    catalogue: Catalogue
    sources: Callable[[], Sequence[DataSource]]
    available: Callable[[str, date, date, Mapping[str, str]], list[Row]]
    kept: Mapping[str, Kept]
    searches: Callable[[], Sequence[Row]]
    settings: Callable[[], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class _Listing:
    """One thing to show: the columns, the one that LIKE is about, and which OF and FOR it takes."""

    columns: tuple[ResultColumn, ...]
    rows: Callable[[Shown, Listed, Query], Iterable[Row]]
    like: str = ""
    of: str = ""
    """What OF names: a kind, a result too, a key; empty where there is no OF."""
    needs_of: bool = False
    has_for: bool = False
    of_sources: bool = False
    """Whether it is made of the data sources, which are kept, so that REFRESH asks for them anew."""


def read_show(statement: Show, catalogue: Catalogue, results: Mapping[str, Kept], values: Values) -> Shown:
    """What a SHOW asks for. Raises Fault for what makes no sense of it, or is not known."""
    listing = _LISTINGS[statement.what]
    title = f"SHOW {statement.what.upper()}"
    targets: dict[str, Target] = {clause.word: clause for clause in statement.clauses if isinstance(clause, Target)}
    _check_targets(statement, listing, targets, title)
    if statement.anew and not listing.of_sources:
        hint = "leave REFRESH out: it is for what is kept, as SHOW SOURCES REFRESH"
        raise Fault("AQL0214", f"{title} is always as it stands", statement.origin, "takes no REFRESH", hint)
    of = targets["of"].name if "of" in targets else ""
    columns = listing.columns
    if "of" in targets:
        _check_of(targets["of"], listing, catalogue, results)
    if statement.what == "availability" and of == "ephemeris":
        columns = tuple(column for column in columns if column.name != "data_product_type")
    if "for" in targets:
        _check_for(targets["for"], catalogue)
    kept = Kept(title, rows_kind(title, columns, None), columns)
    days = _days(statement, values, title) if statement.what == "availability" else None
    if days is None:
        _check_no_days(statement, title)
    find = Find(title, tuple(_clauses(statement, listing)), origin=statement.origin)
    only_for = targets["for"].name if "for" in targets else ""
    return Shown(statement.what, kept, find, of, only_for, days, statement.anew)


def rows_of_show(shown: Shown, known: Listed, query: Query) -> list[Row]:
    """The rows of a listing before its clauses are taken to them. Raises ArchiveError."""
    return list(_LISTINGS[shown.what].rows(shown, known, query))


def _check_targets(statement: Show, listing: _Listing, targets: Mapping[str, Target], title: str) -> None:
    if "of" in targets and not listing.of:
        raise Fault("AQL0214", f"{title} is of everything, and takes no OF", targets["of"].origin, "not here")
    if "for" in targets and not listing.has_for:
        hint = "WHERE says which; FOR stands behind SHOW METADATA"
        raise Fault("AQL0214", f"{title} takes no FOR", targets["for"].origin, "not here", hint)
    if listing.needs_of and "of" not in targets:
        message, hint = f"{title} does not say of what", f"{title} OF {_example(listing)}"
        raise Fault("AQL0225", message, statement.origin, "needs OF", hint, missing=("OF",))


def _example(listing: _Listing) -> str:
    return "keogram_type" if listing.of == "key" else next(iter(KINDS))


def _check_of(target: Target, listing: _Listing, catalogue: Catalogue, results: Mapping[str, Kept]) -> None:
    """Raises Fault for an OF that names nothing known."""
    known: list[str] = []
    if listing.of == "key":
        known = [*(f.bare for f in _valued(catalogue)), *(key for kind in KINDS for key in catalogue.keys(kind))]
    elif listing.of == "available":
        known = [name for name in KINDS if name != "conjunctions"]
    else:
        known = [*KINDS, *(results if listing.of == "result" else ())]
    name = target.name.removeprefix("metadata.").removeprefix("data_source.") if listing.of == "key" else target.name
    if name in known:
        return
    near = closest(name, known, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(dict.fromkeys(known))}"
    raise Fault("AQL0225", f"nothing is known of '{target.name}'", target.origin, "unknown", hint)


def _check_for(target: Target, catalogue: Catalogue) -> None:
    known = (*catalogue.values("program"), *catalogue.values("platform"))
    if target.name not in known:
        near = closest(target.name, known, 1, 0.5)
        hint = f"did you mean '{near[0]}'?" if near else "SHOW PROGRAMS and SHOW PLATFORMS list them"
        raise Fault("AQL0225", f"no program or platform '{target.name}' is known", target.origin, "unknown", hint)


def _days(statement: Show, values: Values, title: str) -> tuple[date, date]:
    """The first and last day that availability is asked of."""
    windows = [clause for clause in statement.clauses if isinstance(clause, Window)]
    bounds = join_windows([(each, resolve_window(each, values)) for each in windows])
    if bounds.start is None or bounds.end is None:
        hint = "add a window with both its ends, as DURING 2020-02"
        message = f"{title} counts day by day: of which days?"
        raise Fault("AQL0225", message, statement.origin, "needs a window", hint, missing=WINDOWS)
    return bounds.start.date(), bounds.end.date()


def _check_no_days(statement: Show, title: str) -> None:
    for clause in statement.clauses:
        if isinstance(clause, Window):
            raise Fault("AQL0214", f"{title} is no matter of time", clause.origin, "no window here", "leave it out")


def _clauses(statement: Show, listing: _Listing) -> Iterator[Any]:
    """The clauses for the rows; LIKE joins WHERE."""
    patterns = [clause for clause in statement.clauses if isinstance(clause, Pattern)]
    wheres = [clause for clause in statement.clauses if isinstance(clause, Where)]
    path = Path((listing.like or listing.columns[0].name,), statement.origin)
    terms = [clause.expression for clause in wheres]
    terms += [Written(path, "like", (clause.operand,), clause.origin) for clause in patterns]
    if terms:
        yield Where(terms[0] if len(terms) == 1 else And(tuple(terms)), statement.origin)
    yield from (c for c in statement.clauses if not isinstance(c, Pattern | Where | Target | Window))


# --- rows


def _sources(_shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
    for source in known.sources():
        yield tuple(getattr(source, column.bare) for column in SOURCE_FIELDS)


def _by(name: str, *others: str) -> Callable[[Shown, Listed, Query], Iterator[Row]]:
    """One row for each value of a source field: how many sources have it, and with which values of others."""

    def rows(_shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
        held: dict[str, list[DataSource]] = {}
        for source in known.sources():
            held.setdefault(getattr(source, name), []).append(source)
        for value in sorted(held):
            several = (", ".join(dict.fromkeys(getattr(s, other) for s in held[value])) for other in others)
            yield (value, len(held[value]), *several)

    return rows


def _columns(shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
    kept = known.kept.get(shown.of)
    kind = KINDS.get(shown.of) or (kept.kind if kept is not None else None)
    for field in _leaves(kind) if kind is not None else ():
        end = "start and end" if field.bound == "both" else field.bound
        native = field.criterion or (f"window {end}" if end else None)
        yield field.bare, field.name, _type(field.type), field.unit or None, field.doc, native


def _leaves(kind: Kind) -> Iterator[Field]:
    for field in kind.fields:
        yield from (field.members or (field,))


def _metadata(shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
    programs = {s.program for s in known.catalogue.sources if shown.only_for in (s.program, s.platform)}
    programs |= {shown.only_for}
    for kind in [shown.of] if shown.of else KINDS:
        for key in _keys(known.catalogue, kind):
            if not shown.only_for or not key.programs or programs & {*key.programs}:
                yield (
                    key.name,
                    kind,
                    _type(key.type),
                    key.unit or None,
                    _listed(key.values),
                    _listed(key.programs),
                    key.doc,
                )


def _keys(catalogue: Catalogue, kind: str) -> Iterator[MetadataKey]:
    for name in catalogue.keys(kind):
        key = catalogue.key(kind, name)
        if key is not None:
            yield key


def _values(shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
    name = shown.of.removeprefix("data_source.").removeprefix("metadata.")
    for field in _valued(known.catalogue):
        if field.bare == name:
            yield from ((value, None) for value in known.catalogue.values(name) or field.known)
    for kind in KINDS:
        key = known.catalogue.key(kind, name)
        yield from ((value, kind) for value in (key.values if key is not None else ()))


def _valued(catalogue: Catalogue) -> Iterator[Field]:
    """The fields whose values are known, each name once."""
    seen: set[str] = set()
    for kind in KINDS.values():
        for field in _leaves(kind):
            if (field.known or catalogue.values(field.bare)) and field.bare not in seen:
                seen.add(field.bare)
                yield field


def _availability(shown: Shown, known: Listed, query: Query) -> list[Row]:
    """What the WHERE says of one program, platform or instrument type is asked for by itself."""
    asked = ("program", "platform", "instrument_type")
    only = {
        term.ref.name: term.values[0]
        for term in conjuncts(query.where)
        if isinstance(term, Comparison) and term.operator == "=" and term.ref.name in asked
    }
    first, last = shown.days or (date.min, date.max)
    return [row for row in known.available(shown.of, first, last, only) if _is_within(row, first, last)]


def _is_within(row: Row, first: date, last: date) -> bool:
    day = row[len(SOURCE_FIELDS)]
    return isinstance(day, datetime) and first <= day.date() <= last


def _searches(_shown: Shown, known: Listed, _query: Query) -> Sequence[Row]:
    return known.searches()


def _results(_shown: Shown, known: Listed, _query: Query) -> Iterator[Row]:
    for kept in known.kept.values():
        columns = ", ".join(column.name for column in kept.columns)
        yield kept.name, len(kept.result) if kept.result is not None else None, columns, kept.written


def _settings(_shown: Shown, known: Listed, _query: Query) -> Sequence[Row]:
    return known.settings()


def _listed(values: Sequence[str]) -> str | None:
    return ", ".join(values) or None


def _type(type: Type) -> str:
    return type.name.lower()


def _texts(*names: str) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(name, Type.STRING, path=(name,)) for name in names)


_SOURCE_COLUMNS = tuple(ResultColumn(field.bare, field.type, path=(field.bare,)) for field in SOURCE_FIELDS)
_COUNT = (ResultColumn("sources", Type.INTEGER, path=("sources",)),)


def _grouped(name: str, others: tuple[str, ...], titles: tuple[str, ...]) -> _Listing:
    return _Listing((*_texts(name), *_COUNT, *_texts(*titles)), _by(name, *others), of_sources=True)


_LISTINGS = {
    "sources": _Listing(_SOURCE_COLUMNS, _sources, like="display_name", of_sources=True),
    "programs": _grouped("program", ("platform", "instrument_type"), ("platforms", "instrument_types")),
    "platforms": _grouped("platform", ("program", "instrument_type"), ("programs", "instrument_types")),
    "instrument_types": _grouped("instrument_type", ("program",), ("programs",)),
    "columns": _Listing(_texts("name", "path", "type", "unit", "doc", "native"), _columns, of="result", needs_of=True),
    "metadata": _Listing(
        _texts("key", "kind", "type", "unit", "values", "programs", "doc"), _metadata, of="kind", has_for=True
    ),
    "values": _Listing(_texts("value", "kind"), _values, of="key", needs_of=True),
    "availability": _Listing(
        (
            *_SOURCE_COLUMNS,
            ResultColumn("date", Type.TIME, path=("date",)),
            *_texts("data_product_type"),
            ResultColumn("count", Type.INTEGER, path=("count",)),
        ),
        _availability,
        like="display_name",
        of="available",
        needs_of=True,
    ),
    "searches": _Listing(
        (
            *_texts("name", "status"),
            ResultColumn("elapsed", Type.NUMBER, "s", path=("elapsed",)),
            *_texts("log"),
            ResultColumn("result_count", Type.INTEGER, path=("result_count",)),
            *_texts("request_ids", "request_urls"),
            ResultColumn("started", Type.TIME, path=("started",)),
            *_texts("statement"),
        ),
        _searches,
    ),
    "results": _Listing(
        (*_texts("name"), ResultColumn("rows", Type.INTEGER, path=("rows",)), *_texts("columns", "statement")), _results
    ),
    "settings": _Listing(_texts("name", "value", "default", "doc"), _settings),
}
"""Everything that can be shown, by the word behind SHOW."""

REFRESHABLE = frozenset(what for what, listing in _LISTINGS.items() if listing.of_sources)
"""What REFRESH may stand behind."""


def listing_columns() -> dict[str, tuple[str, ...]]:
    """The columns of everything that can be shown, by the word behind SHOW."""
    return {what: tuple(column.name for column in listing.columns) for what, listing in _LISTINGS.items()}
