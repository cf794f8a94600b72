"""Selections: the FIND statements of a mirror, as kinds, sources and whole days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from auroraql.codecs.script import read_script
from auroraql.diagnostics.errors import Diagnostic, Source, StatementError
from auroraql.ir.query import Query, collect_refs, has_conditions
from auroraql.language.ast import FindStatement, Statement, Where, Window
from auroraql.planner.source_predicates import SourcePredicates
from auroraql.resolver import resolve
from auroraql.schema import STORED_KINDS
from auroraql.schema.catalogue import Catalogue, DataSource

_DAY = timedelta(days=1)
_EXAMPLE = "FIND ephemeris WHERE program = 'swarm' SINCE 2020"


@dataclass(frozen=True, slots=True)
class Selection:
    """Kind, sources and days of one statement. `end` is exclusive. None is open."""

    kind: str
    sources: tuple[DataSource, ...]
    start: datetime | None
    end: datetime | None


def split_statements(source: Source) -> list[str]:
    """Return the statements of a text, each on one line. Raises StatementError for one that cannot be mirrored."""
    statements = []
    for piece in read_script(source):
        _check_statement(piece.statement, source)
        statements.append(" ".join(source.text[piece.start : piece.end].split()))
    if not statements:
        message = "there is no statement to mirror"
        raise StatementError([Diagnostic("AQL0105", message, hint=f"for example: {_EXAMPLE}")], source)
    return statements


def resolve_selections(statements: Sequence[str], catalogue: Catalogue, now: datetime) -> list[Selection]:
    """Return the selections of statements, given the archive's sources. `now` is in naive UTC.

    Raises StatementError for a statement with errors, or one that selects more than sources and times.
    """
    selections: list[Selection] = []
    for text in statements:
        source = Source(text)
        try:
            selections += [_resolve(piece.statement, catalogue, now) for piece in read_script(source)]
        except StatementError as error:
            raise StatementError(error.diagnostics, source) from None
    return selections


def _check_statement(statement: Statement, source: Source) -> None:
    """Raise StatementError unless the statement is a FIND of stored records with WHERE and a window only."""
    diagnostics = list(_statement_errors(statement))
    if diagnostics:
        raise StatementError(diagnostics, source)


def _statement_errors(statement: Statement) -> Iterator[Diagnostic]:
    if not isinstance(statement, FindStatement):
        yield Diagnostic("AQL0228", "sync takes FIND statements", statement.origin, "not a FIND", f"write {_EXAMPLE}")
        return
    if statement.kind not in STORED_KINDS:
        hint = f"mirror {' and '.join(STORED_KINDS)}; searches for conjunctions on the mirror use its ephemeris"
        yield Diagnostic(
            "AQL0228", f"{statement.kind} cannot be mirrored", statement.origin, "not stored records", hint
        )
        return
    for clause in statement.clauses:
        if not isinstance(clause, Where | Window):
            hint = "write only WHERE on data sources and a time window"
            message = "a mirror consists of whole records of whole sources"
            yield Diagnostic("AQL0228", message, clause.origin, "not allowed here", hint)


def _resolve(statement: Statement, catalogue: Catalogue, now: datetime) -> Selection:
    errors = list(_statement_errors(statement))
    if errors or not isinstance(statement, FindStatement):
        raise StatementError(errors)
    query = resolve(statement, catalogue, now=now).query
    _check_query(query)
    sources = SourcePredicates.for_sources(catalogue.sources).possible_sources(query.where)
    if not sources:
        message, hint = "no data source of the archive matches", "SHOW SOURCES lists the data sources of the archive"
        raise StatementError([Diagnostic("AQL0228", message, query.where.origin, "no source", hint)])
    start = query.start and _floor_day(query.start)
    end = query.end and _floor_day(query.end + timedelta(seconds=1) + _DAY - timedelta(microseconds=1))
    return Selection(query.kind, tuple(sources), start, end)


def _check_query(query: Query) -> None:
    """Raise StatementError for a predicate on fields of records: part of a unit would look like all of it."""
    others = [ref for ref in collect_refs(query.where) if ref.role != "source"]
    if others or has_conditions(query.where) or query.during is not None or query.using is not None:
        name = f" ({others[0].name})" if others else ""
        message = f"a mirror selects whole data sources and times, and no fields of records{name}"
        hint = "use program, platform, instrument_type, display_name or identifier"
        raise StatementError([Diagnostic("AQL0228", message, query.where.origin, "not only data sources", hint)])


def _floor_day(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, moment.day)
