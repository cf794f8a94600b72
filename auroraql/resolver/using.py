"""USING: the fields in which a record must equal the row of the result that it overlaps.

A field is looked up by the same name in the record and in the result. Names and types are checked before the result
has rows; the groups of its rows are made when it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

from auroraql.diagnostics.errors import Diagnostic
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import Interval, Ref, Using, UsingGroup
from auroraql.language.ast import (
    AndExpression,
    ComparisonExpression,
    Duration,
    Expression,
    OrExpression,
    Overlap,
    Path,
    Subquery,
)
from auroraql.resolver.intervals import join_intervals, pad_intervals
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.results.stored_results import StoredResult
from auroraql.schema import KINDS, Field, Type
from auroraql.schema.operators import Op

MAX_GROUPS = 100_000
"""The most combinations of values that the rows of a result may have in the fields of USING."""


class UsingField(NamedTuple):
    """A field of USING: what it is in the record, and where its value is in a row of the result."""

    ref: Ref
    column: tuple[str, ...]


def resolve_using_field(path: Path, kept: StoredResult, names: NameResolver, shown: str) -> UsingField:
    """The field of the record and the column of the result that a name of USING means. Raises Fault."""
    if len(path.parts) > 1 and path.parts[0] == kept.name:
        short = ".".join(path.parts[1:])
        message = f"USING names a field of both the record and the result, without '{kept.name}.'"
        raise SemanticError("AQL0201", message, path.origin, "the name of the field alone", f"write {short}", short)
    ref = names.ref(path)
    place = names.value_context(ref, path.dotted)
    _check_object(place.type, path, names.kind.title)
    column, held, unit = _find_column(path, ref, kept, names, shown)
    _check_object(held, path, shown)
    if not can_be_compared(place, held):
        message = f"'{path.dotted}' is {place.type.value} in {names.kind.title}, and {held.value} in {shown}"
        raise SemanticError("AQL0203", message, path.origin, "of two types", "use a field that has one type in both")
    if place.unit and unit and place.unit != unit:
        message = f"'{path.dotted}' is in {place.unit} in {names.kind.title}, and in {unit} in {shown}"
        raise SemanticError("AQL0204", message, path.origin, "of two units", "use a field that has one unit in both")
    return UsingField(ref, column)


def can_be_compared(place: ValueContext, type: Type) -> bool:
    """Whether values of a type can equal a field."""
    kinds = {place.type, type}
    if len(kinds) == 1 or Type.ANY in kinds or kinds == {Type.NUMBER, Type.INTEGER}:
        return type is not Type.OBJECT
    return place.metadata and place.type is Type.STRING and type is Type.TIME


def _check_object(type: Type, path: Path, shown: str) -> None:
    if type is Type.OBJECT:
        message = f"'{path.dotted}' is an object in {shown} and cannot be compared"
        raise SemanticError("AQL0205", message, path.origin, "an object", f"name one of its members: {path.dotted}.…")


def _find_column(
    path: Path, ref: Ref, kept: StoredResult, names: NameResolver, shown: str
) -> tuple[tuple[str, ...], Type, str]:
    """Where the result has the field, its type and its unit. Raises Fault when it does not."""
    declared = names.declared_field(ref)
    spellings = (path.dotted,) if declared is None else (path.dotted, declared.bare, declared.name)
    if ref.role == "metadata":
        spellings = (path.dotted, f"{METADATA}.{ref.name}", ref.name)
    fields = (kept.kind.field(name) for name in spellings)
    field: Field | None = next((field for field in fields if field is not None), None)
    if field is not None:
        return field.path, field.type, field.unit
    if ref.role == "metadata" and kept.kind.metadata:
        known = names.catalogue.key(kept.kind.metadata, ref.name)
        return (METADATA, ref.name), Type.ANY if known is None else known.type, "" if known is None else known.unit
    columns = [leaf.bare for leaf in kept.kind.leaves()]
    near = find_closest(path.parts[-1], [name for name in columns if names.kind.field(name) is not None], 1, 0.7)
    hint = f"did you mean {near[0]}?" if near else f"select it where the result is made; it has {', '.join(columns)}"
    raise SemanticError(
        "AQL0201", f"{shown} has no column '{path.dotted}'", path.origin, "unknown", hint, near[0] if near else None
    )


def group_rows(
    kept: StoredResult, fields: Sequence[UsingField], clause: Overlap, values: OperandResolver, *, by_minute: bool
) -> tuple[UsingGroup, ...]:
    """The rows of a result by their values in the fields; of a list in a row, by each of its elements.

    Rows without a time or without a value are left out: nothing equals a missing value. Raises Fault.
    """
    intervals: dict[tuple[str, ...], list[Interval]] = defaultdict(list)
    for interval, held in kept.timed_values([field.column for field in fields]):
        for combination in product(*([_wire_value(value) for value in each] for each in held)):
            intervals[combination].append(interval)
            if len(intervals) > MAX_GROUPS:
                message = f"the rows have more than {MAX_GROUPS:,} combinations of values in the fields of USING"
                raise SemanticError(
                    "AQL0116", message, clause.using[0].origin, "too many", "narrow the search that found them"
                )
    return tuple(
        UsingGroup(
            combination, tuple(join_intervals(pad_intervals(found, clause.padding, values), by_minute=by_minute))
        )
        for combination, found in intervals.items()
    )


def to_query_using(fields: Sequence[UsingField], groups: Iterable[UsingGroup]) -> Using:
    """What a query takes of them."""
    return Using(tuple(field.ref for field in fields), tuple(groups))


def _wire_value(value: Any) -> str:
    """A value of a row as AuroraX is sent it."""
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat()
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case _:
            return str(value)


def independence_warning(
    clause: Overlap, where: Iterable[Expression], blocks: Iterable[Expression], kept: StoredResult, names: NameResolver
) -> Diagnostic | None:
    """The warning that values and times of one result are tested apart: `IN c.platform … DURING c`.

    `where` are the predicates on records, `blocks` those on blocks of conjunctions. The fix adds USING, where every
    list is a term of the outermost AND of `where` and has the name of its field.
    """
    name = clause.result.dotted if isinstance(clause.result, Path) else clause.result.find.kind
    if clause.using or (isinstance(clause.result, Subquery) and name in KINDS):
        return None
    wheres = [found for each in where for found in _find_result_lists(name, each, outermost=True)]
    lists = [*wheres, *(found for each in blocks for found in _find_result_lists(name, each, outermost=False))]
    if not lists:
        return None
    shown = ", ".join(f"{found.field.dotted} IN {found.shown}" for found in lists[:3])
    during = f"DURING {name}" if isinstance(clause.result, Path) else f"DURING (FIND {name} …)"
    message = f"'{shown}' and {during} are tested apart: they may hold for different rows of '{name}'"
    fields = list(dict.fromkeys(found.field.dotted for found in lists if _is_same_column(found, kept, names)))
    written = f"{during}{_format_padding(clause.padding)} USING ({', '.join(fields)})"
    label = "independent of the list"
    if all(_is_same_column(found, kept, names) for found in lists) and isinstance(clause.result, Path):
        return Diagnostic("AQL0620", message, clause.origin, label, f"write {written}", written, "warning")
    hint = (
        f"for one row that has both: {written}" if fields else "USING names fields that one and the same row must have"
    )
    return Diagnostic("AQL0620", message, clause.origin, label, hint, severity="warning")


class _ResultList(NamedTuple):
    """`field IN name.column`, or IN a FIND of the result; `column` is empty for a FIND."""

    field: Path
    column: tuple[str, ...]
    shown: str
    outermost: bool


def _find_result_lists(name: str, expression: Expression, *, outermost: bool) -> Iterator[_ResultList]:
    """The lists of a result's values in a predicate, without those under NOT."""
    match expression:
        case AndExpression(terms):
            for term in terms:
                yield from _find_result_lists(name, term, outermost=outermost)
        case OrExpression(terms):
            for term in terms:
                yield from _find_result_lists(name, term, outermost=False)
        case ComparisonExpression(field, Op.IN, operands):
            for operand in operands:
                match operand:
                    case Path(parts) if len(parts) > 1 and parts[0] == name:
                        yield _ResultList(field, parts[1:], operand.dotted, outermost)
                    case Subquery(find) if find.kind == name:
                        yield _ResultList(field, (), f"(FIND {name} …)", outermost=False)
        case _:
            return


def _is_same_column(found: _ResultList, kept: StoredResult, names: NameResolver) -> bool:
    """Whether USING with the field compares it with the same column of the result, in the place of the list."""
    if not found.outermost:
        return False
    try:
        used = resolve_using_field(found.field, kept, NameResolver(names.kind, names.catalogue), kept.name)
    except SemanticError:
        return False
    field = kept.kind.field(".".join(found.column))
    return used.column == (field.path if field is not None else (METADATA, found.column[-1]))


def _format_padding(padding: Duration | None) -> str:
    if padding is None:
        return ""
    count = padding.count if isinstance(padding.count, str) else f"${padding.count.name}"
    return f" PADDED BY {count} {padding.unit}"
