"""Operands to the strings AuroraX is sent: types, units, parameters. Every type error is raised here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from math import isfinite

from auroraql.diagnostics.errors import Diagnostic, Origin, Pointer
from auroraql.ir.time_literals import (
    fault_of,
    fault_of_literal,
    read_full_date,
    with_hyphens,
    write_instant,
    write_interval,
)
from auroraql.language.ast import (
    BooleanLiteral,
    Duration,
    Instant,
    NumberLiteral,
    Operand,
    Parameter,
    Path,
    Subquery,
    TextLiteral,
    Timestamp,
)
from auroraql.resolver.parameter_values import ParameterError, to_plain_value
from auroraql.resolver.times import (
    Interval,
    TimeError,
    interval_of_value,
    read_interval,
    resolve_named_time,
    shift_interval,
)
from auroraql.schema import Type
from auroraql.schema.operators import Limit

PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""A text that reads as a number, on the wire and in records."""

_LARGEST_EXPONENT = 400


class SemanticError(Exception):
    """One thing wrong with one part of a statement."""

    def __init__(
        self,
        code: str,
        message: str,
        origin: Origin,
        label: str = "",
        hint: str = "",
        fix: str | None = None,
        missing: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, origin, label, hint, fix, missing=missing)


@dataclass(frozen=True, slots=True)
class ValueContext:
    """Where a value stands: what it is compared with, and which part of an interval it uses.

    `times` marks a metadata key that holds times. Any other key that may hold text takes a whole date for a time.
    """

    name: str
    type: Type
    unit: str = ""
    metadata: bool = False
    limit: Limit = "whole"
    known: tuple[str, ...] = ()
    times: bool = False


@dataclass(slots=True)
class OperandResolver:
    """Turns operands into wire strings; knows the parameters and what time it is."""

    parameters: Mapping[str, object]
    now: datetime
    used: set[str] = field(default_factory=set)

    def substitute(self, operand: Operand) -> tuple[Operand, ...]:
        """The operand with its parameter replaced; a list parameter gives several."""
        if not isinstance(operand, Parameter):
            return (operand,)
        value = self.parameter(operand)
        many = value if isinstance(value, list | tuple | set | frozenset) else [value]
        return tuple(_operand(one, operand) for one in many)

    def parameter(self, parameter: Parameter) -> object:
        """The value of a parameter. Raises Fault when none was given."""
        self.used.add(parameter.name)
        if parameter.name not in self.parameters:
            raise SemanticError(
                "AQL0206",
                f"the parameter ${parameter.name} has no value",
                parameter.origin,
                "needs a value",
                hint=f"give it as --param {parameter.name}=…, or {parameter.name}=… in Python",
            )
        try:
            return to_plain_value(self.parameters[parameter.name])
        except ParameterError as fault:
            message = f"the parameter ${parameter.name} {fault}"
            raise SemanticError(
                "AQL0211", message, parameter.origin, hint="give a text, a number, a time, or a list of them"
            ) from None

    def text(self, operand: Operand, place: ValueContext) -> str:
        """The wire string of an operand. Raises Fault for a wrong type or unit."""
        match operand:
            case TextLiteral(value, origin):
                return self._string(value, origin, place)
            case NumberLiteral(text, unit, origin):
                if not unit and with_hyphens(text) and (place.type is Type.TIME or place.times):
                    raise _diagnose_digits(text, origin)
                year = _year(text, unit, place)
                return _number(text, unit, origin, place) if year is None else _time(year, place)
            case BooleanLiteral(value, origin):
                if place.type not in (Type.BOOLEAN, Type.ANY):
                    raise _wrong_type_error(place, "TRUE or FALSE", origin, str(value).lower())
                return str(value).lower()
            case Instant(origin=origin):
                if place.type not in (Type.TIME, Type.ANY) and not (place.metadata and place.type is Type.STRING):
                    raise _wrong_type_error(place, "a timestamp", origin, "")
                return _time(self.interval(operand), place)
            case Path() | Parameter() | Subquery():
                raise AssertionError("only values have a text; the rest is resolved before it is asked for")

    def _string(self, value: str, origin: Origin, place: ValueContext) -> str:
        if place.type is Type.TIME:
            return _time(_interval(read_interval, value, origin=origin), place)
        if place.metadata and place.type in (Type.ANY, Type.STRING) and place.limit != "text":
            named_interval = _interval_of_text(value, place)
            fault = fault_of_literal(value) if place.times and named_interval is None else None
            if fault is not None and not isinstance(origin, Pointer):  # a JSON query is sent as it is
                raise SemanticError("AQL0301", str(fault), origin, hint=fault.hint)
            return value if named_interval is None else _time(named_interval, place)
        if place.type in (Type.NUMBER, Type.INTEGER):
            if PLAIN_NUMBER.fullmatch(value):
                return value
            raise _wrong_type_error(place, "a string", origin, "")
        if place.type is Type.BOOLEAN and value.lower() not in ("true", "false"):
            raise _wrong_type_error(place, "a string", origin, "")
        return value.lower() if place.type is Type.BOOLEAN else value

    def interval(self, instant: Instant) -> Interval:
        """The interval an instant means. Raises Fault."""
        base = instant.base
        if isinstance(base, Parameter):
            found = self._interval_of(self.parameter(base), base)
        elif isinstance(base, Timestamp) and base.text in ("NOW", "TODAY"):
            found = resolve_named_time(base.text, self.now)
        else:
            written = base.text if isinstance(base, Timestamp) else base.value
            if isinstance(base, Timestamp) and written.isdigit() and len(written) != len("2020"):
                raise _diagnose_digits(written, base.origin)
            found = _interval(read_interval, written, origin=base.origin)
        for each in instant.shifts:
            count = self.count(each)
            found = _interval(shift_interval, found, count, each.unit, origin=each.origin)
        return found

    def _interval_of(self, value: object, parameter: Parameter) -> Interval:
        if isinstance(value, date | datetime):
            return _interval(interval_of_value, value, origin=parameter.origin)
        if isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 9999:
            return read_interval(str(value))
        if isinstance(value, str):
            if value.strip().upper() in ("NOW", "TODAY"):
                return resolve_named_time(value.strip().upper(), self.now)
            return _interval(read_interval, value, origin=parameter.origin)
        raise SemanticError(
            "AQL0211",
            f"${parameter.name} takes a date or time, not {_describe_value(value)}",
            parameter.origin,
            hint="give it as 2020-02-01, or as a date or datetime in Python",
        )

    def count(self, duration: Duration) -> Decimal:
        """How many units a duration is, signed. Raises Fault."""
        written = duration.count
        if isinstance(written, Parameter):
            written = str(self.parameter(written))
        try:
            number = Decimal(written)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) > Decimal(10) ** 12:
            raise SemanticError(
                "AQL0301", f"{written} is no number of {duration.unit}", duration.origin, hint="as in: 7 days"
            )
        return -number if duration.negative else number

    def whole(self, number: NumberLiteral | Parameter, what: str) -> int:
        """A count of rows. Raises Fault when it is no whole number from 0 up."""
        text = str(self.parameter(number)) if isinstance(number, Parameter) else number.text
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise SemanticError(
                "AQL0208",
                f"{what} takes a whole number, not {text}",
                number.origin,
                "expected a whole number",
                hint=f"as in: {what} 10",
            )
        return int(text)


def _operand(value: object, parameter: Parameter) -> Operand:
    origin = parameter.origin
    match value:
        case bool():
            return BooleanLiteral(value, origin)
        case str():
            return TextLiteral(value, origin, is_untyped=True)
        case int():
            return NumberLiteral(str(value), "", origin)
        case float() | Decimal() if isfinite(value):
            return NumberLiteral(str(value), "", origin)
        case float() | Decimal():
            message = f"${parameter.name} is {value}, which is not a number to compare with"
            raise SemanticError("AQL0211", message, origin, hint="IS NULL finds records without a value")
        case date():
            interval = _interval(interval_of_value, value, origin=origin)
            written = value.isoformat() if interval.past is not None else write_instant(interval.first)
            return Instant(Timestamp(written, origin), (), origin)
        case _:
            raise SemanticError(
                "AQL0211",
                f"${parameter.name} cannot be {_describe_value(value)}",
                origin,
                hint="give a text, a number or a time",
            )


def _interval(read: Callable[..., Interval], *parts: object, origin: Origin) -> Interval:
    """The interval that `read` makes of the rest; a time that does not exist is a fault at its place."""
    try:
        return read(*parts)
    except TimeError as fault:
        raise SemanticError("AQL0301", str(fault), origin, hint=fault.hint) from None


def _time(interval: Interval, place: ValueContext) -> str:
    """The end of an interval that a comparison is about, or all of it, as a query has it."""
    match place.limit:
        case "first":
            return write_instant(interval.first)
        case "last":
            return write_instant(interval.last)
        case _:
            return write_interval(interval)


def _interval_of_text(value: str, place: ValueContext) -> Interval | None:
    """The interval that a quoted text names for a metadata key; None for a text that is compared as it is."""
    if not place.times:
        return read_full_date(value)
    try:
        return read_interval(value)
    except TimeError:
        return None


def _year(text: str, unit: str, place: ValueContext) -> Interval | None:
    """The year that four digits are where a time is expected."""
    if unit or not (place.type is Type.TIME or place.times) or not re.fullmatch("[0-9]{4}", text) or text == "0000":
        return None
    return read_interval(text)


def _number(text: str, unit: str, origin: Origin, place: ValueContext) -> str:
    if place.type not in (Type.NUMBER, Type.INTEGER, Type.ANY):
        raise _wrong_type_error(place, "a number", origin, text)
    if unit != place.unit and unit:
        owned = f"'{place.name}' is in {place.unit}" if place.unit else f"'{place.name}' has no unit"
        # No fix: the same number in another unit is another value.
        hint = f"convert the number to {place.unit}" if place.unit else "leave the unit out"
        raise SemanticError("AQL0204", f"{owned}, not in {unit}", origin, hint=hint)
    plain = _plain_decimal(text, origin)
    if place.type is Type.INTEGER and not plain.lstrip("-").isdigit():
        raise _wrong_type_error(place, "a fraction", origin, "")
    return plain


def _plain_decimal(text: str, origin: Origin) -> str:
    """As written, but without exponent and with a digit on both sides of the point."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    number = Decimal(text)
    if abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise SemanticError("AQL0203", f"{text} is too large or too small a number", origin)
    return f"{number:f}"


def _wrong_type_error(place: ValueContext, given: str, origin: Origin, written: str) -> SemanticError:
    hint, fix = "", None
    if place.type is Type.STRING and written:
        quoted = f"'{written}'"
        thing = place.name.rpartition(".")[2].replace("_", " ")
        hint = f"write {quoted} if {'an' if thing[0] in 'aeiou' else 'a'} {thing} is really named so"
        if place.known:
            some = ", ".join(f"'{name}'" for name in place.known[:3])
            hint += f"; {thing}s here start with {some}" + ("…" if len(place.known) > 3 else "")
        fix = quoted
    elif place.type is Type.NUMBER or place.type is Type.INTEGER:
        hint = "write a number, as 75" if not place.unit else f"write a number, as 75 {place.unit}"
    elif place.type is Type.TIME:
        hint = "write a date as 2020-02-01 or a time as 2020-02-01T06:30"
    elif place.type is Type.BOOLEAN:
        hint = "write TRUE or FALSE"
    return SemanticError("AQL0203", f"'{place.name}' takes {place.type.value}, not {given}", origin, given, hint, fix)


def _diagnose_digits(text: str, origin: Origin) -> SemanticError:
    """A date without its hyphens, or a number that is no year."""
    fix, hint = None, "dates are written year-month-day, as 2020-02-01 or 2020-02-01T06:30"
    hyphenated = with_hyphens(text)
    fault = fault_of(hyphenated) if hyphenated else None
    if fault is not None:
        hint = f"{fault}, {fault.hint}; {hint}"
    elif hyphenated:
        fix, hint = hyphenated, f"did you mean {hyphenated}?"
    return SemanticError("AQL0112", f"'{text}' is not how a date is written", origin, "expected YYYY-MM-DD", hint, fix)


def _describe_value(value: object) -> str:
    names = {
        type(None): "nothing",
        dict: "an object",
        list: "a list",
        int: "a number",
        float: "a number",
        str: "a text",
    }
    return names.get(type(value), f"a {type(value).__name__}")
