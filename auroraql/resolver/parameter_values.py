"""Parameter values: convert Python, NumPy and pandas values to standard Python types, to a limited depth.

NumPy and pandas scalars and arrays become Python values, aware times become naive UTC, missing values become None.
A value that a later stage cannot handle is rejected here, so that the error can name the parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

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
