"""USING: the fields in which a record must equal the row of the result that it overlaps.

A field is looked up by the same name in the record and in the result. Names and types are checked before the result
has rows; the groups of its rows are made when it has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from auroraql.errors import Diagnostic
from auroraql.named import Kept
from auroraql.query import Group, Interval, Ref, Using
from auroraql.resolver.intervals import joined, padded
from auroraql.resolver.names import METADATA, Names
from auroraql.resolver.values import Fault, Place, Values
from auroraql.schema import Field, Type
from auroraql.spelling import closest
from auroraql.syntax import And, Comparison, Duration, Expression, Overlap, Path

MOST_GROUPS = 100_000
"""The most combinations of values that the rows of a result may have in the fields of USING."""


@dataclass(frozen=True, slots=True)
class UsedField:
    """A field of USING: what it is in the record, and where its value is in a row of the result."""

    ref: Ref
    column: tuple[str, ...]


def used_field(path: Path, kept: Kept, names: Names, shown: str) -> UsedField:
    """The field of the record and the column of the result that a name of USING means. Raises Fault."""
    if len(path.parts) > 1 and path.parts[0] == kept.name:
        short = ".".join(path.parts[1:])
        message = f"USING names a field of both the record and the result, without '{kept.name}.'"
        raise Fault("AQL0201", message, path.origin, "the name of the field alone", f"write {short}", short)
    ref = names.ref(path)
    place = names.place(ref, path.dotted)
    _check_object(place.type, path, names.kind.title)
    column, held, unit = _column(path, ref, kept, names, shown)
    _check_object(held, path, shown)
    if not alike(place, held):
        message = f"'{path.dotted}' is {place.type.value} in {names.kind.title}, and {held.value} in {shown}"
        raise Fault("AQL0203", message, path.origin, "of two types", "use a field that has one type in both")
    if place.unit and unit and place.unit != unit:
        message = f"'{path.dotted}' is in {place.unit} in {names.kind.title}, and in {unit} in {shown}"
        raise Fault("AQL0204", message, path.origin, "of two units", "use a field that has one unit in both")
    return UsedField(ref, column)


def alike(place: Place, type: Type) -> bool:
    """Whether values of a type can equal a field."""
    kinds = {place.type, type}
    if len(kinds) == 1 or Type.ANY in kinds or kinds == {Type.NUMBER, Type.INTEGER}:
        return type is not Type.OBJECT
    return place.metadata and place.type is Type.STRING and type is Type.TIME


def _check_object(type: Type, path: Path, shown: str) -> None:
    if type is Type.OBJECT:
        message = f"'{path.dotted}' is an object in {shown} and cannot be compared"
        raise Fault("AQL0205", message, path.origin, "an object", f"name one of its members: {path.dotted}.…")


def _column(path: Path, ref: Ref, kept: Kept, names: Names, shown: str) -> tuple[tuple[str, ...], Type, str]:
    """Where the result has the field, its type and its unit. Raises Fault when it does not."""
    declared = names.declared(ref)
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
    near = closest(path.parts[-1], [name for name in columns if names.kind.field(name) is not None], 1, 0.7)
    hint = f"did you mean {near[0]}?" if near else f"select it where the result is made; it has {', '.join(columns)}"
    raise Fault(
        "AQL0201", f"{shown} has no column '{path.dotted}'", path.origin, "unknown", hint, near[0] if near else None
    )


def groups_of(
    kept: Kept, fields: Sequence[UsedField], clause: Overlap, values: Values, *, by_minute: bool
) -> tuple[Group, ...]:
    """The rows of a result by their values in the fields; of a list in a row, by each of its elements.

    Rows without a time or without a value are left out: nothing equals a missing value. Raises Fault.
    """
    intervals: dict[tuple[str, ...], list[Interval]] = defaultdict(list)
    for interval, held in kept.timed_values([field.column for field in fields]):
        for combination in product(*([_wire(value) for value in each] for each in held)):
            intervals[combination].append(interval)
            if len(intervals) > MOST_GROUPS:
                message = f"the rows have more than {MOST_GROUPS:,} combinations of values in the fields of USING"
                raise Fault("AQL0116", message, clause.using[0].origin, "too many", "narrow the search that found them")
    return tuple(
        Group(combination, tuple(joined(padded(found, clause.padding, values), by_minute=by_minute)))
        for combination, found in intervals.items()
    )


def using_of(fields: Sequence[UsedField], groups: Iterable[Group]) -> Using:
    """What a query takes of them."""
    return Using(tuple(field.ref for field in fields), tuple(groups))


def _wire(value: Any) -> str:
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


def independent(clause: Overlap, expressions: Iterable[Expression], kept: Kept, names: Names) -> Diagnostic | None:
    """The warning that values and times of one result are tested apart: `IN c.platform … DURING c`.

    The fix adds USING, where the lists are terms of the outermost AND and have the name of their field.
    """
    if clause.using or not isinstance(clause.result, Path):
        return None
    name = clause.result.dotted
    lists = [(leaf, path) for each in expressions for leaf, path in _lists_of(name, each)]
    if not lists:
        return None
    shown = ", ".join(f"{leaf.path.dotted} IN {path.dotted}" for leaf, path in lists[:3])
    message = f"'{shown}' and DURING {name} are tested apart: they may hold for different rows of '{name}'"
    paths = [leaf.path for leaf, path in lists if _is_the_same(leaf.path, path, kept, names)]
    dotted = list(dict.fromkeys(path.dotted for path in paths))
    if len(paths) < len(lists):
        hint = "USING names fields that one and the same row must have: give the column the name of the field"
        return Diagnostic("AQL0620", message, clause.origin, "independent of the list", hint, severity="warning")
    fix = f"DURING {name}{_padding(clause.padding)} USING ({', '.join(dotted)})"
    return Diagnostic("AQL0620", message, clause.origin, "independent of the list", f"write {fix}", fix, "warning")


def _lists_of(name: str, expression: Expression) -> Iterable[tuple[Comparison, Path]]:
    """The comparisons `IN name.column` of an outermost AND."""
    terms = expression.terms if isinstance(expression, And) else (expression,)
    for term in terms:
        if isinstance(term, And):
            yield from _lists_of(name, term)
        elif isinstance(term, Comparison) and term.operator == "in":
            for operand in term.operands:
                if isinstance(operand, Path) and len(operand.parts) > 1 and operand.parts[0] == name:
                    yield term, operand


def _is_the_same(path: Path, column: Path, kept: Kept, names: Names) -> bool:
    """Whether USING with the path would compare it with the same column of the result."""
    try:
        used = used_field(path, kept, Names(names.kind, names.catalogue), kept.name)
    except Fault:
        return False
    field = kept.kind.field(".".join(column.parts[1:]))
    named = field.path if field is not None else (METADATA, column.parts[-1])
    return used.column == named


def _padding(padding: Duration | None) -> str:
    if padding is None:
        return ""
    count = padding.count if isinstance(padding.count, str) else f"${padding.count.name}"
    return f" PADDED BY {count} {padding.unit}"
