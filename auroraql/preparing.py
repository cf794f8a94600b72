"""Statements made ready: a whole script is read and checked before anything of it runs.

What a statement takes from results is then known only by kind: a LET earlier in the script, or a result of the
session, gives the columns; the values are put in when the statement is run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from auroraql.errors import MAX_REPORTED, Diagnostic, Origin, Source, Span, StatementError
from auroraql.forms import script
from auroraql.named import ShowPlan, SqlPlan, StoredResult
from auroraql.plan import Plan
from auroraql.planner import plan_query as make_plan
from auroraql.planner import plan_warnings
from auroraql.planner.windows import FindRecordRange
from auroraql.resolver import ResolvedFind, resolve, unused_parameter_warning
from auroraql.resolver.feeding import ResultLookup, SubqueryResults, uses_results
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.row_search import kept_as, untimed, whole_records
from auroraql.schema import KINDS
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.settings import Value, read_set
from auroraql.spelling import find_closest
from auroraql.syntax import (
    ExplainStatement,
    FindStatement,
    JobStatement,
    LetStatement,
    Parameter,
    SetStatement,
    ShowStatement,
    ShowTarget,
    SqlStatement,
    Statement,
    SubmitStatement,
)

DataSources = Callable[[], Sequence[DataSource]]

KindOf = Callable[[str], str]
"""Of what kind the records of a request id are; asks the archive, and may raise ArchiveError."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that is right, and what is known of it before it runs; `name` is what its result is kept under."""

    statement: Statement
    source: Source
    written: str
    given: Mapping[str, object]
    now: datetime
    parameters: frozenset[str] = frozenset()
    warnings: tuple[Diagnostic, ...] = ()
    name: str = ""
    plan: Plan | None = None
    """Of a FIND that takes nothing from results."""
    kept: StoredResult | None = None
    """What is known of its rows."""
    shown: ShowPlan | None = None
    value: Value | None = None
    limited: SqlPlan | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What a script may count on before its first statement: the results, and the searches by the rows they will have."""

    results: Mapping[str, StoredResult]
    searches: Mapping[str, StoredResult]
    request_ids: Mapping[str, str] = field(default_factory=dict)
    """The names of the searches that are one request, by the archive's id of it."""


NOTHING = Standing({}, {})


def prepare(sources: Iterable[Source], preparing: Preparing) -> list[Prepared]:
    """The statements of scripts, made ready; the scripts share their parameters and results.

    Raises StatementError with everything wrong in any statement of the first script that is wrong.
    """
    prepared: list[Prepared] = []
    for source in sources:
        wrong: list[Diagnostic] = []
        failed = False
        for outcome in preparing.outcomes(source):
            if isinstance(outcome, Prepared):
                prepared.append(outcome)
            else:
                wrong += outcome.diagnostics
                failed = True
            if len(wrong) >= MAX_REPORTED:
                break
        if failed:
            raise StatementError(wrong, source)
    unused = _unused(prepared, preparing.parameters)
    if unused:
        raise StatementError(unused)
    return prepared


def prepare_alone(read: script.ReadStatement, source: Source, preparing: Preparing) -> Prepared:
    """One statement of a script made ready by itself. Raises StatementError."""
    outcome = preparing.outcome(read, source)
    if isinstance(outcome, StatementError):
        raise outcome
    return outcome


def check(
    sources: Iterable[Source],
    catalogue: Catalogue,
    parameters: Mapping[str, object],
    standing: Standing = NOTHING,
) -> Iterator[tuple[Source, tuple[Diagnostic, ...]]]:
    """What is to be said of each script, errors and warnings, without running it.

    A parameter that was given no value is no fault of a script, nor is one that is not used in all of them.
    """
    prepared: list[Prepared] = []
    last, whole = Source(""), True
    preparing = Preparing(catalogue, parameters, None, standing, checking=True)
    for last in sources:
        said: list[Diagnostic] = []
        for outcome in preparing.outcomes(last):
            if isinstance(outcome, Prepared):
                prepared.append(outcome)
                said += outcome.warnings
            else:
                whole = False
                said += wrong_or_questioned(outcome)
        yield last, tuple(said)
    unused = _unused(prepared, parameters) if whole else ()
    if unused:
        yield last, unused


def wrong_or_questioned(error: StatementError) -> list[Diagnostic]:
    """What a check says of a statement that is wrong; a parameter without a value is no fault of it."""
    return [each for each in (*error.diagnostics, *error.questions) if each.code != "AQL0206"]


def _unused(prepared: Iterable[Prepared], parameters: Mapping[str, object]) -> tuple[Diagnostic, ...]:
    used = frozenset(name for each in prepared for name in each.parameters)
    return tuple(unused_parameter_warning(name, used) for name in sorted(set(parameters) - used))


@dataclass(frozen=True, slots=True)
class Beside:
    """Results, and one more: the rows that a SHOW takes its clauses to."""

    results: ResultLookup
    kept: StoredResult

    @property
    def names(self) -> Collection[str]:
        """The names of the others."""
        return self.results.names

    def named(self, name: str) -> StoredResult | None:
        """The result of a name."""
        return self.kept if name == self.kept.name else self.results.get(name)

    def found(self, find: FindStatement) -> StoredResult:
        """What a FIND in parentheses finds."""
        return self.results.run_subquery(find)


class Preparing:
    """Scripts being made ready, one statement after the other; the `ResultLookup` of the resolver, without rows.

    Where they are only checked, no plan is made: what is to be said of it is known without.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        parameters: Mapping[str, object],
        data_sources: DataSources | None = None,
        standing: Standing = NOTHING,
        kind_of: KindOf | None = None,
        *,
        held: FindRecordRange | None = None,
        checking: bool = False,
    ) -> None:
        self.checking, self.kind_of, self.held = checking, kind_of, held
        self.catalogue, self.parameters, self.data_sources = catalogue, parameters, data_sources
        self.now = datetime.now(UTC).replace(tzinfo=None)
        self.kept = {name: replace(kept, result=None) for name, kept in standing.results.items()}
        self.searches = dict(standing.searches)
        self.request_ids = standing.request_ids
        self.elsewhere: dict[str, str] = {}
        """Request ids of which it is not known yet what they found, by the name that FETCH will keep it under."""
        self.lost: set[str] = set()
        """Names that a wrong statement would have given: what needs them is not blamed for it."""
        self.used: set[str] = set()
        self._unnamed = 1
        self._nested = SubqueryResults(lambda find: kept_as("(FIND)", self._resolved(find)))

    def outcomes(self, source: Source) -> Iterator[Prepared | StatementError]:
        """Yield each statement of a script, ready or with what is wrong. One that cannot be read hides no other."""
        for read in script.iterate_statements(source):
            yield self.unread(read, source) if isinstance(read, script.UnreadStatement) else self.outcome(read, source)

    def unread(self, read: script.UnreadStatement, source: Source) -> StatementError:
        """Return what is wrong with a statement that cannot be read; what needs its result is not blamed for it."""
        self.lost.add(read.name(source))
        return self._checked(read.error, source, Span(read.start, read.end))

    def _checked(self, error: StatementError, source: Source, span: Span) -> StatementError:
        """Return the error with only those fixes that mend."""
        found = error.diagnostics
        if any(each.fix is not None for each in found):
            # A right statement is not kept waiting by what checks the fixes of wrong ones.
            from auroraql.fixes import keep_right

            found = keep_right(found, source, span, self.catalogue, self.parameters, self.now, self)
        return StatementError(found, source, error.questions)

    def outcome(self, read: script.ReadStatement, source: Source) -> Prepared | StatementError:
        """A statement of a script, ready or with what is wrong."""
        written = " ".join(source.text[read.start : read.end].split())
        begun = Prepared(read.statement, source, written, self.parameters, self.now)
        self.used = set()
        self._nested = SubqueryResults(lambda find: kept_as("(FIND)", self._resolved(find)))
        self._learn(written)
        try:
            made = self._prepared(begun)
            return replace(made, parameters=made.parameters | self.used)
        except SemanticError as fault:
            wrong = StatementError([fault.diagnostic], source)
        except StatementError as error:
            wrong = StatementError(error.diagnostics, source, error.questions)
        self.lost.add(getattr(read.statement, "name", ""))
        return self._checked(wrong, source, Span(read.start, read.end))

    # --- what is known of results

    @property
    def names(self) -> Collection[str]:
        """The names of the results there will be."""
        return self.kept.keys()

    def named(self, name: str) -> StoredResult | None:
        """The result of a name, without its rows. Raises StatementError that says nothing for one that was lost."""
        if name in self.lost and name not in self.kept:
            raise StatementError(())
        return self.kept.get(name)

    def found(self, find: FindStatement) -> StoredResult:
        """What a FIND in parentheses will find."""
        return self._nested.run_subquery(find)

    # --- statements

    def _prepared(self, begun: Prepared) -> Prepared:
        match begun.statement:
            case FindStatement() as find:
                return self._find(begun, find)[0]
            case ExplainStatement(_, find):
                return self._find(begun, find, asks=False)[0]
            case LetStatement(name, find, origin):
                _check_name(name, origin)
                made, kept = self._find(begun, find, name)
                self.kept[name] = kept
                return replace(made, name=name)
            case SubmitStatement():
                return self._submit(begun, begun.statement)
            case JobStatement():
                return self._follow(begun, begun.statement)
            case ShowStatement():
                return self._show(begun, begun.statement)
            case SetStatement():
                values = OperandResolver(self.parameters, self.now)
                value = read_set(begun.statement, values)
                return replace(begun, value=value, parameters=frozenset(values.used))
            case SqlStatement():
                return self._sql(begun, begun.statement)

    def _resolved(self, find: FindStatement) -> ResolvedFind:
        resolved = resolve(find, self.catalogue, self.parameters, now=self.now, results=self)
        self.used |= resolved.parameters
        if resolved.searched is not None:
            wrong = untimed(resolved.query, resolved.searched, find.origin)
            if wrong is not None:
                raise StatementError([wrong])
        return resolved

    def _find(
        self, begun: Prepared, find: FindStatement, name: str = "", *, asks: bool = True
    ) -> tuple[Prepared, StoredResult]:
        resolved = self._resolved(find)
        kept = kept_as(name, resolved, begun.written)
        if uses_results(find):
            return replace(begun, warnings=resolved.warnings), kept
        if self.checking:
            return replace(
                begun, kept=kept, warnings=plan_warnings(resolved.query, self.catalogue, resolved.warnings)
            ), kept
        data_sources = self.data_sources if asks else None
        plan = make_plan(resolved.query, self.catalogue, resolved.warnings, data_sources, held=self.held)
        return replace(begun, plan=plan, kept=kept, warnings=plan.warnings), kept

    def _submit(self, begun: Prepared, statement: SubmitStatement) -> Prepared:
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        if statement.find.kind not in KINDS and statement.find.kind in self.kept:
            message = f"'{statement.find.kind}' is a result, and its rows are searched at once"
            raise SemanticError(
                "AQL0214", message, statement.find.origin, "no search of the archive", "FIND it without SUBMIT"
            )
        made, kept = self._find(begun, statement.find, name)
        self.searches[name] = kept
        return replace(made, name=name)

    def _next_name(self) -> str:
        """The name of the next search without one. No name becomes free, so it is looked for after the last."""
        name = next_name(self.searches, self.elsewhere, begin=self._unnamed)
        self._unnamed = int(name[1:])
        return name

    def _follow(self, begun: Prepared, statement: JobStatement) -> Prepared:
        asked = statement.request_id
        own = self.request_ids.get(asked, asked) if asked else statement.name
        if asked and (own not in self.searches or statement.name not in ("", own)):
            return self._from_elsewhere(begun, statement)
        return self._followed(begun, own, statement)

    def _from_elsewhere(self, begun: Prepared, statement: JobStatement) -> Prepared:
        """A search that the session did not submit; what it found is known when the archive is asked."""
        if statement.verb == "cancel":
            return begun
        name = statement.name or self._next_name()
        _check_name(name, statement.origin)
        for known in (self.kept, self.searches):
            known.pop(name, None)
        self.elsewhere[name] = statement.request_id
        return replace(begun, statement=replace(statement, name=name), name=name)

    def _learn(self, written: str) -> None:
        """What was found elsewhere becomes known when a statement may be about it. Raises ArchiveError."""
        for name in [name for name in self.elsewhere if name in written]:
            if self.kind_of is None:
                self.lost.add(name)  # nobody is asked, and nothing is said of it
                continue
            kind = KINDS[self.kind_of(self.elsewhere.pop(name))]
            self.kept[name] = self.searches[name] = whole_records(name, kind)

    def _followed(self, begun: Prepared, name: str, statement: JobStatement) -> Prepared:
        if name in self.lost and name not in self.searches:
            raise StatementError(())
        if name not in self.searches:
            near = find_closest(name, self.searches, 1, 0.5)
            known = (
                f"the searches are {', '.join(self.searches)}" if self.searches else "SUBMIT name = FIND … starts one"
            )
            hint = f"did you mean {near[0]}?" if near else known
            missing = ("CMP",) if statement.verb == "fetch" else ()  # FETCH name = 'id' keeps what others submitted
            message = f"there is no search '{name}'"
            raise SemanticError("AQL0226", message, statement.origin, "unknown search", hint, missing=missing)
        if statement.verb == "fetch":
            self.kept[name] = self.searches[name]
        return replace(begun, statement=JobStatement(statement.verb, name), name=name)

    def _show(self, begun: Prepared, statement: ShowStatement) -> Prepared:
        # Most scripts show nothing and never load this room.
        from auroraql.listings import read_show

        if any(
            isinstance(each, ShowTarget) and each.name in self.lost - self.kept.keys() for each in statement.clauses
        ):
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        shown = read_show(statement, self.catalogue, self.kept, values)
        self.used |= values.used
        results = Beside(self, shown.result)
        resolved = resolve(shown.find, self.catalogue, self.parameters, now=self.now, results=results)
        self.used |= resolved.parameters
        said = resolved.warnings
        if shown.source_find is not None and shown.source_result is not None:
            results = Beside(self, shown.source_result)
            chosen = resolve(shown.source_find, self.catalogue, self.parameters, now=self.now, results=results)
            self.used |= chosen.parameters
            said += chosen.warnings
        wrong = untimed(resolved.query, shown.result, statement.origin)
        if wrong is not None:
            raise StatementError([wrong])
        return replace(begun, shown=shown, warnings=said)

    def _sql(self, begun: Prepared, statement: SqlStatement) -> Prepared:
        from auroraql.sql_limits import check_sql  # DuckDB, which most scripts load later or not at all

        limited = check_sql(statement, [*self.kept, *sorted(self.lost - self.kept.keys())])
        if self.lost & {*limited.tables} - self.kept.keys():
            raise StatementError(())
        values = OperandResolver(self.parameters, self.now)
        given = {name: values.parameter(Parameter(name, statement.origin)) for name in limited.parameters}
        self.used |= values.used
        return replace(begun, limited=limited, given=given)


def next_name(*taken: Collection[str], begin: int = 1) -> str:
    """The name of a search that was given none: s1, s2 …, the first from `begin` on that is not taken."""
    number = begin
    while any(f"s{number}" in names for names in taken):
        number += 1
    return f"s{number}"


def _check_name(name: str, origin: Origin) -> None:
    if name.lower() in KINDS:
        hint = "give the result a name of its own"
        raise SemanticError("AQL0227", f"'{name}' is a kind of record, and no name for a result", origin, "taken", hint)
