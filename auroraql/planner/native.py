"""From what is meant to what is run: the native requests of a Query, and the residual after them.

What AuroraX cannot say in one request is an error here, with its place; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from auroraql.errors import Diagnostic, Origin, StatementError
from auroraql.plan import Expression, FilterGroup, Plan, Request, Residual
from auroraql.query import Comparison, Or, Predicate, Query, Ref, Tree, conjuncts
from auroraql.schema import KINDS, Field
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.operators import OPERATORS


def plan(query: Query, catalogue: Catalogue, warnings: Iterable[Diagnostic] = ()) -> Plan:
    """The plan of a query on AuroraX's protocol.

    Raises StatementError for what one request cannot say. A query that no data source can match has no
    request at all, and a warning that says so.
    """
    native = _Native(query)
    for term in conjuncts(query.where):
        native.add(term)
    native.check_groups()
    if native.wrong:
        raise StatementError(native.wrong)
    said = [*warnings]
    if native.impossible is not None:
        said.append(native.impossible)
        return Plan(query, (), _residual(query), tuple(said))
    unmatched = _unmatched(native.lists, catalogue)
    if unmatched is not None and not any(w.code == "AQL0602" for w in said):
        said.append(unmatched)
    request = Request(
        query.kind, tuple(native.lists.items()), native.filters(), query.start, query.end, response_format(query)
    )
    return Plan(query, (request,), _residual(query), tuple(said))


def _residual(query: Query) -> Residual:
    return Residual(query.order_by, query.limit, query.offset, query.select)


@dataclass
class _Native:
    """The parts of one request, gathered term by term."""

    query: Query
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    expressions: list[Expression] = field(default_factory=list)
    groups: list[Or] = field(default_factory=list)
    wrong: list[Diagnostic] = field(default_factory=list)
    impossible: Diagnostic | None = None

    def add(self, term: Predicate) -> None:
        if isinstance(term, Comparison) and term.listed and term.operator in ("=", "in"):
            self._add_list(term)
        elif isinstance(term, Comparison) and _is_filter(term):
            self.expressions.append(_expression(term))
        elif isinstance(term, Or) and all(isinstance(t, Comparison) and _is_filter(t) for t in term.terms):
            self.groups.append(term)
        else:
            self._cannot_say(term)

    def _add_list(self, term: Comparison) -> None:
        name = KINDS[self.query.kind].field(term.ref.name)
        bare = name.bare if name is not None else term.ref.name
        if bare in self.lists:
            message = f"no record has two values of '{bare}': this finds nothing"
            self.impossible = Diagnostic(
                "AQL0606", message, term.origin, "none of the earlier ones", severity="warning"
            )
        self.lists[bare] = term.values

    def filters(self) -> FilterGroup:
        if not self.groups:
            return FilterGroup(tuple(self.expressions))
        return FilterGroup(tuple(_expression(t) for t in self.groups[0].terms if isinstance(t, Comparison)), "OR")

    def check_groups(self) -> None:
        """AuroraX has one flat filter group: an OR group stands alone."""
        second = self.groups[1:] or (self.groups if self.expressions else [])
        if second:
            self._cannot(
                second[0].origin,
                "metadata filters joined both by AND and by OR cannot run yet",
                "AuroraX joins them all one way: run one statement for each alternative",
            )

    def _cannot(self, origin: Origin, message: str, hint: str) -> None:
        self.wrong.append(Diagnostic("AQL0501", message, origin, "not in this version", hint))

    def _cannot_say(self, term: Predicate) -> None:
        if isinstance(term, Comparison):
            self._cannot(term.origin, _why_not(term), _way_out(term, KINDS[self.query.kind].leaves()))
            return
        leaves = list(_leaves(term))
        listed = next((leaf for leaf in leaves if leaf.ref.role != "metadata"), None)
        if listed is not None:
            self._cannot(
                term.origin,
                f"OR between '{listed.ref.name}' and other fields cannot run yet",
                "run one statement for each alternative, or use IN for several values of one field",
            )
        else:
            self._cannot(term.origin, "AND inside OR cannot run yet", "run one statement for each alternative")


def _leaves(term: Predicate) -> Iterable[Comparison]:
    pending = [term]
    while pending:
        each = pending.pop()
        if isinstance(each, Comparison):
            yield each
        elif hasattr(each, "terms"):
            pending.extend(each.terms)


def _is_filter(term: Comparison) -> bool:
    return term.ref.role == "metadata" and bool(OPERATORS[term.operator].wire)


def _expression(term: Comparison) -> Expression:
    return Expression(term.ref.name, term.operator, term.values, term.origin)


def _why_not(term: Comparison) -> str:
    shown = OPERATORS[term.operator].text
    if term.ref.role == "metadata" or term.listed:
        return f"{shown} on '{term.ref.name}' cannot run yet: AuroraX has no such filter"
    return f"a predicate on '{term.ref.name}' cannot run yet: AuroraX has no filter on it"


def _way_out(term: Comparison, fields: tuple[Field, ...]) -> str:
    if term.listed:
        return f"name the values wanted: {term.ref.name.rpartition('.')[2]} IN (…)"
    if term.ref.role == "metadata":
        return f"filters on metadata are {', '.join(row.text for row in OPERATORS.values() if row.wire)}"
    bound = next((f for f in fields if f.name == term.ref.name and f.bound), None)
    if bound is not None:
        return "the window is written start >= … AND end <= …, or BETWEEN … AND …"
    return f"filter on {', '.join(f.bare for f in fields if f.criterion)} or a metadata key"


def _unmatched(lists: dict[str, tuple[str, ...]], catalogue: Catalogue) -> Diagnostic | None:
    """Known values that no data source has together: gillam is a platform, but not one of swarm's."""
    wanted = {name: values for name, values in lists.items() if catalogue.values(name)}
    if len(wanted) < 2 or catalogue.has_source(wanted):
        return None
    shown = " and ".join(f"{name} {' or '.join(repr(v) for v in values[:3])}" for name, values in wanted.items())
    program = wanted.get("program", ())
    platforms = sorted({s.platform for s in catalogue.sources if s.program in program})
    hint = (
        f"the platforms of {program[0]} are {', '.join(platforms[:8])}{'…' if len(platforms) > 8 else ''}"
        if platforms
        else ""
    )
    return Diagnostic("AQL0606", f"no data source is known with {shown}", hint=hint, severity="warning")


def response_format(query: Query) -> Tree | None:
    """The parts of a record that a query needs, as AuroraX's response_format; None for the whole record."""
    if query.select is None:
        return None
    tree: Tree = {}
    for ref in (*(c.ref for c in query.select), *(k.ref for k in query.order_by)):
        _grow(tree, ref, query.kind)
    return tree


def _grow(tree: Tree, ref: Ref, kind_name: str) -> None:
    if ref.role == "metadata":
        tree["metadata"] = True
        return
    declared = KINDS[kind_name].field(ref.name)
    paths = [m.path for m in declared.members] if declared is not None and declared.members else [ref.path]
    for *above, last in paths:
        inner = tree
        for step in above:
            deeper = inner.setdefault(step, {})
            assert isinstance(deeper, dict), "a leaf has no members"  # noqa: S101
            inner = deeper
        inner[last] = True
