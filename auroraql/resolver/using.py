"""USING: fields that must have the same value in a record and in the result row that it overlaps.

A field has the same name in the record and in the result. Names and types are checked before the result has rows. Its
rows are grouped once they exist.
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
from auroraql.ir.times import TimeError, shift_time, unit_seconds
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
from auroraql.resolver.names import METADATA, NameResolver
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.results.stored_results import StoredResult
from auroraql.schema import KINDS, Field, Type
from auroraql.schema.operators import Op

_MINUTE = 60
"""Seconds between two ephemeris records: AuroraX has one per minute."""


def pad_intervals(intervals: Iterable[Interval], padding: Duration | None, values: OperandResolver) -> list[Interval]:
    """Return the intervals, extended by the padding at both ends.

    Raises SemanticError if the padding is negative or its unit has no fixed length.
    """
    if padding is None:
        return list(intervals)
    count = values.count(padding)
    if count < 0:
        raise SemanticError(
            "AQL0304", "a padding cannot be negative", padding.origin, "below 0", "a padding extends the intervals"
        )
    try:
        unit_seconds(padding.unit)
        return [
            (shift_time(first, -count, padding.unit), shift_time(last, count, padding.unit))
            for first, last in intervals
        ]
    except TimeError as error:
        raise SemanticError("AQL0304", str(error), padding.origin, hint=error.hint) from None


def join_intervals(intervals: Iterable[Interval], *, by_minute: bool = False) -> list[Interval]:
    """Return the intervals sorted by start, with overlapping ones joined.

    `by_minute` also joins intervals that are at most a minute apart.
    """
    max_gap = _MINUTE if by_minute else 0
    joined: list[Interval] = []
    for first, last in sorted(intervals):
        if joined and (first - joined[-1][1]).total_seconds() <= max_gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


MAX_GROUPS = 100_000
"""Maximum number of combinations of values that the rows of a result have in the fields of USING."""


class UsingField(NamedTuple):
    """Field of USING: its reference in the record, and its path in a row of the result."""

    ref: Ref
    column: tuple[str, ...]


def resolve_using_field(path: Path, stored: StoredResult, names: NameResolver, shown: str) -> UsingField:
    """Resolve a name of USING to a field of the record and a column of the result.

    `shown` is the result's name in messages. Raises SemanticError if either does not exist, or their types or units
    differ.
    """
    if len(path.parts) > 1 and path.parts[0] == stored.name:
        short = ".".join(path.parts[1:])
        message = f"USING names a field of both the record and the result, without '{stored.name}.'"
        raise SemanticError("AQL0201", message, path.origin, "only the field name", f"write {short}", short)
    ref = names.ref(path)
    context = names.value_context(ref, path.dotted)
    _check_object(context.type, path, names.kind.title)
    column, column_type, unit = _find_column(path, ref, stored, names, shown)
    _check_object(column_type, path, shown)
    if not can_be_compared(context, column_type):
        message = f"'{path.dotted}' is {context.type.value} in {names.kind.title}, and {column_type.value} in {shown}"
        raise SemanticError("AQL0203", message, path.origin, "two types", "use a field that has one type in both")
    if context.unit and unit and context.unit != unit:
        message = f"'{path.dotted}' is in {context.unit} in {names.kind.title}, and in {unit} in {shown}"
        raise SemanticError("AQL0204", message, path.origin, "two units", "use a field that has one unit in both")
    return UsingField(ref, column)


def can_be_compared(context: ValueContext, type: Type) -> bool:
    """Return whether a field can be compared with values of a type."""
    kinds = {context.type, type}
    if len(kinds) == 1 or Type.ANY in kinds or kinds == {Type.NUMBER, Type.INTEGER}:
        return type is not Type.OBJECT
    return context.metadata and context.type is Type.STRING and type is Type.TIME


def _check_object(type: Type, path: Path, shown: str) -> None:
    if type is Type.OBJECT:
        message = f"'{path.dotted}' is an object in {shown} and cannot be compared"
        raise SemanticError("AQL0205", message, path.origin, "an object", f"name one of its members: {path.dotted}.…")


def _find_column(
    path: Path, ref: Ref, stored: StoredResult, names: NameResolver, shown: str
) -> tuple[tuple[str, ...], Type, str]:
    """Return the path, type and unit of the field in the result. Raises SemanticError if the result lacks it."""
    declared = names.declared_field(ref)
    spellings = (path.dotted,) if declared is None else (path.dotted, declared.bare, declared.name)
    if ref.role == "metadata":
        spellings = (path.dotted, f"{METADATA}.{ref.name}", ref.name)
    fields = (stored.kind.field(name) for name in spellings)
    field: Field | None = next((field for field in fields if field is not None), None)
    if field is not None:
        return field.path, field.type, field.unit
    if ref.role == "metadata" and stored.kind.metadata:
        known = names.catalogue.key(stored.kind.metadata, ref.name)
        return (METADATA, ref.name), Type.ANY if known is None else known.type, "" if known is None else known.unit
    columns = [leaf.bare for leaf in stored.kind.leaves()]
    near = find_closest(path.parts[-1], [name for name in columns if names.kind.field(name) is not None], 1, 0.7)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else f"select it in the result's statement; its columns are {', '.join(columns)}"
    )
    raise SemanticError(
        "AQL0201", f"{shown} has no column '{path.dotted}'", path.origin, "unknown", hint, near[0] if near else None
    )


def group_rows(
    stored: StoredResult, fields: Sequence[UsingField], clause: Overlap, values: OperandResolver, *, by_minute: bool
) -> tuple[UsingGroup, ...]:
    """Group the rows of a result by their values in the fields. A list puts its row in one group per element.

    Rows without a time or a value are left out, because nothing equals a missing value. Raises SemanticError if there
    are more than MAX_GROUPS groups or the padding is invalid.
    """
    intervals: dict[tuple[str, ...], list[Interval]] = defaultdict(list)
    for interval, row_values in stored.timed_values([field.column for field in fields]):
        for combination in product(*([_wire_value(value) for value in column] for column in row_values)):
            intervals[combination].append(interval)
            if len(intervals) > MAX_GROUPS:
                message = f"the rows have more than {MAX_GROUPS:,} combinations of values in the fields of USING"
                raise SemanticError(
                    "AQL0116", message, clause.using[0].origin, "too many", "narrow the search that found them"
                )
    return tuple(
        UsingGroup(
            combination, tuple(join_intervals(pad_intervals(group, clause.padding, values), by_minute=by_minute))
        )
        for combination, group in intervals.items()
    )


def to_query_using(fields: Sequence[UsingField], groups: Iterable[UsingGroup]) -> Using:
    """Return the USING part of a query."""
    return Using(tuple(field.ref for field in fields), tuple(groups))


def _wire_value(value: Any) -> str:
    """Return a row value as the text that AuroraX takes."""
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
    clause: Overlap,
    where: Iterable[Expression],
    blocks: Iterable[Expression],
    stored: StoredResult,
    names: NameResolver,
) -> Diagnostic | None:
    """Warn if values and times of one result are tested separately, as in `IN c.platform … DURING c`.

    `where` are the predicates on records, `blocks` those on conjunction blocks. There is a fix, which adds USING, if
    every list is a term of the outermost AND of `where` and its column has the name of the field.
    """
    name = clause.result.dotted if isinstance(clause.result, Path) else clause.result.find.kind
    if clause.using or (isinstance(clause.result, Subquery) and name in KINDS):
        return None
    wheres = [reference for term in where for reference in _find_result_lists(name, term, outermost=True)]
    lists = [*wheres, *(reference for term in blocks for reference in _find_result_lists(name, term, outermost=False))]
    if not lists:
        return None
    shown = ", ".join(f"{reference.field.dotted} IN {reference.shown}" for reference in lists[:3])
    during = f"DURING {name}" if isinstance(clause.result, Path) else f"DURING (FIND {name} …)"
    message = f"'{shown}' and {during} are tested separately and may match different rows of '{name}'"
    fields = list(
        dict.fromkeys(reference.field.dotted for reference in lists if _is_same_column(reference, stored, names))
    )
    written = f"{during}{_format_padding(clause.padding)} USING ({', '.join(fields)})"
    label = "independent of the list"
    if all(_is_same_column(reference, stored, names) for reference in lists) and isinstance(clause.result, Path):
        return Diagnostic("AQL0620", message, clause.origin, label, f"write {written}", written, "warning")
    hint = (
        f"write {written} to require one row for both"
        if fields
        else "USING lists fields that must match in the same row"
    )
    return Diagnostic("AQL0620", message, clause.origin, label, hint, severity="warning")


class _ResultList(NamedTuple):
    """Comparison `field IN name.column`, or IN a FIND that searches the result, whose `column` is empty."""

    field: Path
    column: tuple[str, ...]
    shown: str
    outermost: bool


def _find_result_lists(name: str, expression: Expression, *, outermost: bool) -> Iterator[_ResultList]:
    """Yield the comparisons of a predicate with values of a result, without those under NOT."""
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


def _is_same_column(reference: _ResultList, stored: StoredResult, names: NameResolver) -> bool:
    """Return whether USING with this field would compare the same column of the result as the list."""
    if not reference.outermost:
        return False
    try:
        using = resolve_using_field(reference.field, stored, NameResolver(names.kind, names.catalogue), stored.name)
    except SemanticError:
        return False
    field = stored.kind.field(".".join(reference.column))
    return using.column == (field.path if field is not None else (METADATA, reference.column[-1]))


def _format_padding(padding: Duration | None) -> str:
    if padding is None:
        return ""
    count = padding.count if isinstance(padding.count, str) else f"${padding.count.name}"
    return f" PADDED BY {count} {padding.unit}"
