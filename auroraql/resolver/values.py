"""Values: convert operands to the strings of AuroraX queries, and check their types, units and parameters.

NumPy and pandas scalars and arrays become Python values, aware times become naive UTC, missing values become None. A
value that a later stage cannot handle is rejected here, so that the error can name the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Origin, Pointer
from auroraql.ir.times import (
    NAMED_TIMES,
    Interval,
    TimeError,
    add_hyphens,
    fault_of,
    fault_of_literal,
    interval_of_value,
    read_full_date,
    read_interval,
    read_literal,
    resolve_named_time,
    shift_interval,
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
from auroraql.schema import Type
from auroraql.schema.operators import PLAIN_NUMBER, Limit

MAX_DEPTH_OF_VALUE = 16
"""Maximum nesting of lists and objects. It also stops at a list that contains itself."""

MAX_DIGITS = 400
"""Maximum number of digits before the decimal point."""


class ParameterError(ValueError):
    """Error for a value that cannot be a parameter. `args[0]` continues the sentence "the parameter $name …"."""


def to_plain_value(value: object, depth: int = 0) -> Any:
    """Return the value in standard Python types. Raises ParameterError if it has none."""
    if depth > MAX_DEPTH_OF_VALUE:
        raise ParameterError(f"is nested more than {MAX_DEPTH_OF_VALUE} levels deep")
    match value:
        case None | bool() | str() | bytes() | timedelta() | time():
            return value
        case int() | float() | Decimal():
            return _plain_number(value)
        case datetime():
            return None if _is_missing(value) else _to_naive_utc(value)
        case date():
            return value
        case Mapping():
            return {str(key): to_plain_value(inner, depth + 1) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset() | range():
            return [to_plain_value(inner, depth + 1) for inner in value]
    return _from_array_library(value, depth)


def _is_missing(value: object) -> bool:
    """Return whether the value is pandas' NaT, a datetime that does not equal itself."""
    return value != value  # noqa: PLR0124


def _plain_number(value: int | float | Decimal) -> int | float | Decimal:
    if isinstance(value, Decimal) and value.is_snan():
        raise ParameterError("is a signalling NaN")
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        raise ParameterError(f"has more than {MAX_DIGITS} digits")
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) > MAX_DIGITS:
        raise ParameterError(f"is beyond 10 to the power of {MAX_DIGITS}")
    return value


def _to_naive_utc(moment: datetime) -> datetime:
    """Return the time as a naive UTC datetime. Raises ParameterError if it is out of range in UTC."""
    to_python = getattr(moment, "to_pydatetime", None)  # a pandas Timestamp, which may have nanoseconds
    plain: datetime = moment if to_python is None else to_python(warn=False)
    try:
        return plain.astimezone(UTC).replace(tzinfo=None) if plain.tzinfo is not None else plain
    except OverflowError:
        raise ParameterError("is outside the years 0001 to 9999 in UTC") from None


def _from_array_library(value: object, depth: int) -> Any:
    """Return a scalar or array of NumPy or pandas in Python's own types."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    as_type = getattr(value, "astype", None)
    if kind == "M" and as_type is not None and not hasattr(value, "array"):
        value = as_type(_target_dtype(str(getattr(value, "dtype", ""))))
    to_list = getattr(value, "tolist", None)
    if to_list is not None:
        return to_plain_value(to_list(), depth)
    if type(value).__name__ == "NAType":
        return None
    if type(value).__module__ == "uuid":  # compared by name: importing uuid would slow every start
        return value
    raise ParameterError(f"cannot be {_type_name(value)}")


def _target_dtype(dtype: str) -> str:
    """Return the dtype to convert NumPy times to. Days stay days, and years and months become text."""
    match dtype.removeprefix("datetime64[").removesuffix("]"):
        case "D":
            return dtype
        case "Y" | "M":
            return "str"
        case _:  # tolist() would return nanoseconds as integers
            return "datetime64[us]"


def _type_name(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


_MAX_EXPONENT = 400


class SemanticError(Exception):
    """Error in one part of a statement, with its diagnostic."""

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
    """What a value is compared with, and which part of an interval the comparison uses.

    `is_time` marks a metadata key whose values are times. For other keys that may contain text, only a full date is
    read as a time.
    """

    name: str
    type: Type
    unit: str = ""
    metadata: bool = False
    limit: Limit = "whole"
    known: tuple[str, ...] = ()
    is_time: bool = False


@dataclass(slots=True)
class OperandResolver:
    """Converter from operands to wire strings, with the parameter values and the time of NOW."""

    parameters: Mapping[str, object]
    now: datetime
    used: set[str] = field(default_factory=set)

    def substitute(self, operand: Operand) -> tuple[Operand, ...]:
        """Replace a parameter by its value. A list parameter gives several operands."""
        if not isinstance(operand, Parameter):
            return (operand,)
        value = self.parameter(operand)
        many = value if isinstance(value, list | tuple | set | frozenset) else [value]
        return tuple(_operand(item, operand) for item in many)

    def parameter(self, parameter: Parameter) -> object:
        """Return the value of a parameter as a Python value. Raises SemanticError if it is missing or unsupported."""
        self.used.add(parameter.name)
        if parameter.name not in self.parameters:
            raise SemanticError(
                "AQL0206",
                f"the parameter ${parameter.name} has no value",
                parameter.origin,
                "needs a value",
                hint=f"pass --param {parameter.name}=…, or {parameter.name}=… in Python",
            )
        try:
            return to_plain_value(self.parameters[parameter.name])
        except ParameterError as error:
            message = f"the parameter ${parameter.name} {error}"
            raise SemanticError(
                "AQL0211", message, parameter.origin, hint="pass a text, a number, a time, or a list of them"
            ) from None

    def text(self, operand: Operand, context: ValueContext) -> str:
        """Return the wire string of an operand. Raises SemanticError for a wrong type or unit."""
        match operand:
            case TextLiteral(value, origin):
                return self._string(value, origin, context)
            case NumberLiteral(text, unit, origin):
                if not unit and add_hyphens(text) and (context.type is Type.TIME or context.is_time):
                    raise _diagnose_digits(text, origin)
                year = _year(text, unit, context)
                return _number(text, unit, origin, context) if year is None else _time(year, context)
            case BooleanLiteral(value, origin):
                if context.type not in (Type.BOOLEAN, Type.ANY):
                    raise _wrong_type_error(context, "TRUE or FALSE", origin, str(value).lower())
                return str(value).lower()
            case Instant(origin=origin):
                if context.type not in (Type.TIME, Type.ANY) and not (context.metadata and context.type is Type.STRING):
                    raise _wrong_type_error(context, "a timestamp", origin, "")
                return _time(self.interval(operand), context)
            case Duration(origin=origin):
                raise _wrong_type_error(context, "a duration", origin, "")
            case Path() | Parameter() | Subquery():
                raise AssertionError("paths, parameters and subqueries are replaced by values before this call")

    def _string(self, value: str, origin: Origin, context: ValueContext) -> str:
        if context.type is Type.TIME:
            read_time = read_interval if isinstance(origin, Pointer) else read_literal
            return _time(_interval(read_time, value, origin=origin), context)
        if context.metadata and context.type in (Type.ANY, Type.STRING) and context.limit != "text":
            named_interval = _interval_of_text(value, context)
            error = fault_of_literal(value) if context.is_time and named_interval is None else None
            if error is not None and not isinstance(origin, Pointer):  # a JSON query is sent unchanged
                raise SemanticError("AQL0301", str(error), origin, hint=error.hint)
            return value if named_interval is None else _time(named_interval, context)
        if context.type in (Type.NUMBER, Type.INTEGER):
            if PLAIN_NUMBER.fullmatch(value):
                return value
            raise _wrong_type_error(context, "a string", origin, "")
        if context.type is Type.BOOLEAN and value.lower() not in ("true", "false"):
            raise _wrong_type_error(context, "a string", origin, "")
        return value.lower() if context.type is Type.BOOLEAN else value

    def interval(self, instant: Instant) -> Interval:
        """Return the interval of an instant. Raises SemanticError if it is not a valid time."""
        base = instant.base
        if isinstance(base, Parameter):
            interval = self._interval_of(self.parameter(base), base)
        elif isinstance(base, Timestamp) and base.text in NAMED_TIMES:
            interval = resolve_named_time(base.text, self.now)
        else:
            written = base.text if isinstance(base, Timestamp) else base.value
            if isinstance(base, Timestamp) and written.isdigit() and len(written) != len("2020"):
                raise _diagnose_digits(written, base.origin)
            # The documents of the service take ISO 8601 only.
            read_time = read_interval if isinstance(base.origin, Pointer) else read_literal
            interval = _interval(read_time, written, origin=base.origin)
        for shift in instant.shifts:
            count = self.count(shift)
            interval = _interval(shift_interval, interval, count, shift.unit, origin=shift.origin)
        return interval

    def _interval_of(self, value: object, parameter: Parameter) -> Interval:
        if isinstance(value, date | datetime):
            return _interval(interval_of_value, value, origin=parameter.origin)
        if isinstance(value, int) and not isinstance(value, bool) and 1000 <= value <= 9999:
            return read_interval(str(value))
        if isinstance(value, str):
            named = " ".join(value.upper().split())
            if named in NAMED_TIMES:
                return resolve_named_time(named, self.now)
            return _interval(read_literal, value, origin=parameter.origin)
        raise SemanticError(
            "AQL0211",
            f"${parameter.name} takes a date or time, not {_describe_value(value)}",
            parameter.origin,
            hint="pass a text such as 2020-02-01, or a date or datetime in Python",
        )

    def count(self, duration: Duration) -> Decimal:
        """Return the signed number of units of a duration. Raises SemanticError if it is not a number."""
        written = duration.count
        if isinstance(written, Parameter):
            written = str(self.parameter(written))
        try:
            number = Decimal(written)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or abs(number) > Decimal(10) ** 12:
            raise SemanticError(
                "AQL0301", f"{written} is not a number of {duration.unit}", duration.origin, hint="for example: 7 days"
            )
        return -number if duration.negative else number

    def whole(self, number: NumberLiteral | Parameter, what: str) -> int:
        """Return the row count of LIMIT or OFFSET. Raises SemanticError if it is not a whole number of at least 0."""
        text = str(self.parameter(number)) if isinstance(number, Parameter) else number.text
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            raise SemanticError(
                "AQL0208",
                f"{what} takes a whole number, not {text}",
                number.origin,
                "expected a whole number",
                hint=f"for example: {what} 10",
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
            message = f"${parameter.name} is {value}, which cannot be compared"
            raise SemanticError("AQL0211", message, origin, hint="write IS NULL to find records without a value")
        case date():
            interval = _interval(interval_of_value, value, origin=origin)
            written = value.isoformat() if interval.past is not None else write_instant(interval.first)
            return Instant(Timestamp(written, origin), (), origin)
        case timedelta():
            seconds = Decimal(value // timedelta(microseconds=1)) / 1_000_000
            return Duration(f"{seconds.normalize():f}", "seconds", origin)
        case None:
            message, hint = f"${parameter.name} is missing", "write IS NULL to find records without a value"
            raise SemanticError("AQL0211", message, origin, hint=hint)
        case _:
            raise SemanticError(
                "AQL0211",
                f"${parameter.name} cannot be {_describe_value(value)}",
                origin,
                hint="pass a text, a number, a time or a duration",
            )


def _interval(read_time: Callable[..., Interval], *parts: object, origin: Origin) -> Interval:
    """Return `read(*parts)`. Raises SemanticError at `origin` if the time does not exist."""
    try:
        return read_time(*parts)
    except TimeError as error:
        raise SemanticError("AQL0301", str(error), origin, hint=error.hint) from None


def _time(interval: Interval, context: ValueContext) -> str:
    """Return the wire string of the part of an interval that the comparison uses: its first time, its last, or all."""
    match context.limit:
        case "first":
            return write_instant(interval.first)
        case "last":
            return write_instant(interval.last)
        case _:
            return write_interval(interval)


def _interval_of_text(value: str, context: ValueContext) -> Interval | None:
    """Return the interval that quoted text means for a metadata key, or None if it is compared as text."""
    if not context.is_time:
        return read_full_date(value)
    try:
        return read_interval(value)
    except TimeError:
        return None


def _year(text: str, unit: str, context: ValueContext) -> Interval | None:
    """Return the year that a four-digit number means where a time is expected, else None."""
    if (
        unit
        or not (context.type is Type.TIME or context.is_time)
        or not re.fullmatch("[0-9]{4}", text)
        or text == "0000"
    ):
        return None
    return read_interval(text)


def _number(text: str, unit: str, origin: Origin, context: ValueContext) -> str:
    if context.type not in (Type.NUMBER, Type.INTEGER, Type.ANY):
        raise _wrong_type_error(context, "a number", origin, text)
    if unit != context.unit and unit:
        owned = f"'{context.name}' is in {context.unit}" if context.unit else f"'{context.name}' has no unit"
        # No fix: replacing only the unit would change the value.
        hint = f"convert the number to {context.unit}" if context.unit else "leave the unit out"
        raise SemanticError("AQL0204", f"{owned}, not in {unit}", origin, hint=hint)
    plain = _plain_decimal(text, origin)
    if context.type is Type.INTEGER and not plain.lstrip("-").isdigit():
        raise _wrong_type_error(context, "a fraction", origin, "")
    return plain


def _plain_decimal(text: str, origin: Origin) -> str:
    """Return a number without exponent, and with digits on both sides of a decimal point."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    number = Decimal(text)
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise SemanticError("AQL0203", f"{text} is too large or too small a number", origin)
    return f"{number:f}"


def _wrong_type_error(context: ValueContext, given: str, origin: Origin, written: str) -> SemanticError:
    hint, fix = "", None
    if context.type is Type.STRING and written:
        quoted = f"'{written}'"
        is_name = re.fullmatch(r"[\w.]+", context.name) is not None
        thing = context.name.rpartition(".")[2].replace("_", " ")
        hint = f"write {quoted} if that is the name of {'an' if thing[0] in 'aeiou' else 'a'} {thing}"
        hint = hint if is_name else f"write {quoted}"
        if context.known:
            some = ", ".join(f"'{name}'" for name in context.known[:3])
            hint += f"; known {thing}s are {some}" + ("…" if len(context.known) > 3 else "")
        fix = quoted
    elif context.type is Type.NUMBER or context.type is Type.INTEGER:
        hint = f"write a number, for example 75 {context.unit}".rstrip()
    elif context.type is Type.TIME:
        hint = "write a date such as 2020-02-01 or a time such as 2020-02-01T06:30"
    elif context.type is Type.BOOLEAN:
        hint = "write TRUE or FALSE"
    return SemanticError(
        "AQL0203", f"'{context.name}' takes {context.type.value}, not {given}", origin, given, hint, fix
    )


def _diagnose_digits(text: str, origin: Origin) -> SemanticError:
    """Return the error for digits where a time is expected: a date without hyphens, or not a year."""
    fix, hint = None, "write dates as year-month-day, for example 2020-02-01 or 2020-02-01T06:30"
    hyphenated = add_hyphens(text)
    error = fault_of(hyphenated) if hyphenated else None
    if error is not None:
        hint = f"{error}, {error.hint}; {hint}"
    elif hyphenated:
        fix, hint = hyphenated, f"did you mean {hyphenated}?"
    return SemanticError("AQL0112", f"'{text}' is not a valid date", origin, "expected YYYY-MM-DD", hint, fix)


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
