"""Functions and arithmetic of value expressions: one row each, used by the resolver, SQL, completion, help and docs.

A row gives the names, the types of the arguments, the type and unit of the result, the SQL of each dialect, and what
documentation shows. `fold` computes the value of constant arguments while a statement is resolved, by the rules of
the SQL. A value that cannot be computed, such as a division by zero or the root of a negative number, is missing.

Numbers are doubles, except whole numbers that are added, subtracted or multiplied. Times are naive UTC. A duration is
a whole number of microseconds in SQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from auroraql.schema.model import EARTH_RADIUS_KM, Type

ArgumentType = Literal[
    "number", "text", "time", "duration", "boolean", "value", "list", "place", "pattern", "time unit", "records"
]
"""Type of an argument.

A `value` has any type, and all values of a call have the same one. A `place` is an object with `lat` and `lon`, which
become two arguments. A `pattern` and a `time unit` are constant texts. `records` is the star of `count(*)`.
"""

Arguments = tuple[tuple[str, ArgumentType], ...]
"""Names and types of the arguments of a function."""

Group = Literal["time", "text", "number", "missing values", "list", "geography", "aggregate"]

SqlTemplates = Mapping[str, str]
"""SQL by the name of the dialect. `{0}` is the first argument, `{all}` all arguments joined by commas, `{joined}` all
joined by `||`, and `{text}` and `{read_number}` the first argument as text and read as a number."""

SIMPLE_AGGREGATES = ("count", "min", "max", "avg", "sum")
"""Aggregate functions that take one field. Every form of a statement can express them."""

PHYSICAL_UNITS = ("km", "deg", "nm", "%")
"""Units that may follow a number, apart from units of time."""

TIME_UNITS = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
"""Units of `date_trunc`. A week begins on Monday, as in ISO 8601."""

MICROSECONDS = {"s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6, "w": 7 * 86400 * 10**6}
"""Microseconds of the units of a duration. Months and years have no fixed length."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function. `result` is a type, or `argument` for the type of the first value.

    `unit` is the unit of the result, or `argument` for that of the first argument. The last `optional` arguments may be
    left out. With `is_variadic`, the last argument may be repeated.
    """

    name: str
    arguments: Arguments
    result: Type | Literal["argument"]
    sql: SqlTemplates
    doc: str
    example: str
    group: Group
    unit: str = ""
    also: tuple[str, ...] = ()
    optional: int = 0
    defaults: tuple[str, ...] = ()
    """SQL of the optional arguments that are left out."""
    is_variadic: bool = False
    fold: Callable[..., Any] | None = None
    kind: str = "data_products"
    """Kind of the records of the example."""
    needs_time: bool = False
    """Whether the time of the record is added as the last argument."""
    overload: Arguments = ()
    """Other arguments with the same meaning, such as a place instead of a latitude and a longitude."""

    @property
    def is_aggregate(self) -> bool:
        """Whether the function computes one value from all records of a group."""
        return self.group == "aggregate"

    @property
    def signature(self) -> str:
        """The call as help shows it: `round(number, digits)`."""
        names = [name for name, _ in self.arguments]
        required = len(names) - self.optional
        shown = [*names[:required], *(f"[{name}]" for name in names[required:])]
        return f"{self.name}({', '.join(shown)}{', …' if self.is_variadic else ''})"


def _duckdb(template: str) -> SqlTemplates:
    return {"duckdb": template}


_NUMBER: Arguments = (("number", "number"),)
_TEXT: Arguments = (("text", "text"),)
_TIME: Arguments = (("time", "time"),)
_VALUE: Arguments = (("value", "value"),)


class NotFoldableError(Exception):
    """Raised for constants that only the engine can compute."""


def _only_ascii(text: str) -> str:
    """Return a text whose case does not depend on the version of Unicode. Raises NotFoldableError for others."""
    if not text.isascii():
        raise NotFoldableError
    return text


def _truncate(unit: str, time: datetime) -> datetime:
    day = datetime(time.year, time.month, time.day)
    match unit:
        case "second":
            return time.replace(microsecond=0)
        case "minute":
            return time.replace(second=0, microsecond=0)
        case "hour":
            return time.replace(minute=0, second=0, microsecond=0)
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
        case "year":
            return day.replace(month=1, day=1)
        case _:
            return day


def _distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float | None:
    if not (-90 <= lat1 <= 90 and -90 <= lat2 <= 90):
        return None
    first, second, turn = math.radians(lat1), math.radians(lat2), math.radians(lon2 - lon1)
    across = math.hypot(
        math.cos(second) * math.sin(turn),
        math.cos(first) * math.sin(second) - math.sin(first) * math.cos(second) * math.cos(turn),
    )
    along = math.sin(first) * math.sin(second) + math.cos(first) * math.cos(second) * math.cos(turn)
    return EARTH_RADIUS_KM * math.atan2(across, along)


_DISTANCE_SQL = (
    "CASE WHEN {0} BETWEEN -90 AND 90 AND {2} BETWEEN -90 AND 90 THEN "
    f"{EARTH_RADIUS_KM} * atan2(sqrt("
    "pow(cos(radians({2})) * sin(radians({3} - {1})), 2) + "
    "pow(cos(radians({0})) * sin(radians({2})) - sin(radians({0})) * cos(radians({2})) * cos(radians({3} - {1})), 2)), "
    "sin(radians({0})) * sin(radians({2})) + cos(radians({0})) * cos(radians({2})) * cos(radians({3} - {1}))) END"
)


def _round(number: float, digits: float = 0) -> float:
    """Round half away from zero, as SQL does."""
    factor = 10.0 ** int(digits)
    scaled = abs(number) * factor
    return math.copysign(math.floor(scaled + 0.5) / factor, number) if math.isfinite(scaled) else number


_ROWS = (
    # --- time
    Function(
        "year", _TIME, Type.INTEGER, _duckdb("year({0})"), "year of a time, UTC", "year(start)", "time",
        fold=lambda time: time.year,
    ),
    Function(
        "month", _TIME, Type.INTEGER, _duckdb("month({0})"), "month of a time, 1 to 12", "month(start)", "time",
        fold=lambda time: time.month,
    ),
    Function(
        "day", _TIME, Type.DATE, _duckdb("CAST({0} AS DATE)"), "UTC day of a time, as a date", "day(start)", "time",
        also=("date",), fold=lambda time: time.date(),
    ),
    Function(
        "day_of_month", _TIME, Type.INTEGER, _duckdb("day({0})"), "day of the month, 1 to 31", "day_of_month(start)",
        "time", also=("dayofmonth",), fold=lambda time: time.day,
    ),
    Function(
        "day_of_year", _TIME, Type.INTEGER, _duckdb("dayofyear({0})"), "day of the year, 1 to 366",
        "day_of_year(start)", "time", also=("dayofyear", "doy"), fold=lambda time: time.timetuple().tm_yday,
    ),
    Function(
        "day_of_week", _TIME, Type.INTEGER, _duckdb("isodow({0})"), "day of the week, Monday is 1 and Sunday 7",
        "day_of_week(start)", "time", also=("isodow", "weekday"), fold=lambda time: time.isoweekday(),
    ),
    Function(
        "hour", _TIME, Type.INTEGER, _duckdb("hour({0})"), "hour of a time, 0 to 23 UTC", "hour(epoch)", "time",
        fold=lambda time: time.hour, kind="ephemeris",
    ),
    Function(
        "minute", _TIME, Type.INTEGER, _duckdb("minute({0})"), "minute of a time, 0 to 59", "minute(epoch)", "time",
        fold=lambda time: time.minute, kind="ephemeris",
    ),
    Function(
        "second", _TIME, Type.INTEGER, _duckdb("second({0})"), "second of a time, 0 to 59", "second(epoch)", "time",
        fold=lambda time: time.second, kind="ephemeris",
    ),
    Function(
        "date_trunc", (("unit", "time unit"), ("time", "time")), Type.TIME, _duckdb("date_trunc({0}, {1})"),
        f"first moment of the {', '.join(TIME_UNITS[:-1])} or {TIME_UNITS[-1]} of a time",
        "date_trunc('hour', epoch)", "time", also=("datetrunc",), fold=_truncate, kind="ephemeris",
    ),
    # --- text
    Function(
        "lower", _TEXT, Type.STRING, _duckdb("lower({0})"), "text in lower case", "lower(display_name)", "text",
        also=("lcase",), fold=lambda text: _only_ascii(text).lower(),
    ),
    Function(
        "upper", _TEXT, Type.STRING, _duckdb("upper({0})"), "text in upper case", "upper(program)", "text",
        also=("ucase",), fold=lambda text: _only_ascii(text).upper(),
    ),
    Function(
        "trim", _TEXT, Type.STRING, _duckdb("trim({0})"), "text without spaces at its ends", "trim(display_name)",
        "text", fold=lambda text: text.strip(" "),
    ),
    Function(
        "length", _TEXT, Type.INTEGER, _duckdb("length({0})"), "number of characters", "length(url)", "text",
        also=("char_length", "strlen"), fold=len,
    ),
    Function(
        "concat", (("text", "text"), ("text", "text")), Type.STRING, _duckdb("({joined})"),
        "texts joined, the same as `||`", "concat(program, ' ', platform)", "text", is_variadic=True,
        fold=lambda *texts: "".join(texts),
    ),
    Function(
        "substring", (("text", "text"), ("first", "number"), ("count", "number")), Type.STRING,
        _duckdb("substring({0}, TRY_CAST({1} AS BIGINT), TRY_CAST({2} AS BIGINT))"),
        "part of a text: the position of its first character, from 1, and the number of characters, by default all",
        "substring(platform, 1, 4)", "text", also=("substr", "mid"), optional=1, defaults=("2147483647",),
    ),
    Function(
        "replace", (("text", "text"), ("old", "text"), ("new", "text")), Type.STRING,
        _duckdb("replace({0}, {1}, {2})"), "text with each occurrence of another replaced",
        "replace(platform, ' ', '_')", "text", fold=lambda text, old, new: text.replace(old, new) if old else text,
    ),
    Function(
        "starts_with", (("text", "text"), ("start", "text")), Type.BOOLEAN, _duckdb("starts_with({0}, {1})"),
        "whether a text starts with another", "starts_with(platform, 'fort')", "text",
        also=("startswith",), fold=lambda text, part: text.startswith(part),
    ),
    Function(
        "ends_with", (("text", "text"), ("end", "text")), Type.BOOLEAN, _duckdb("ends_with({0}, {1})"),
        "whether a text ends with another", "ends_with(url, '.jpg')", "text",
        also=("endswith", "suffix"), fold=lambda text, part: text.endswith(part),
    ),
    Function(
        "contains", (("text", "text"), ("part", "text")), Type.BOOLEAN, _duckdb("contains({0}, {1})"),
        "whether a text contains another, or a list an element", "contains(url, 'gill')", "text",
        also=("list_contains",), fold=lambda text, part: part in text,
    ),
    Function(
        "regexp_matches", (("text", "text"), ("pattern", "pattern")), Type.BOOLEAN, _duckdb("regexp_matches({0}, {1})"),
        "whether a part of a text matches a regular expression (RE2 syntax, matched in linear time)",
        "regexp_matches(url, 'rgb-0[1-4]')", "text", also=("regexp_like", "rlike", "regex"),
    ),
    # --- numbers
    Function(
        "abs", _NUMBER, "argument", _duckdb("abs({0})"), "absolute value", "abs(nbtrace.lat)", "number",
        unit="argument", fold=abs, kind="ephemeris",
    ),
    Function(
        "sign", _NUMBER, Type.NUMBER, _duckdb("CASE WHEN NOT isnan(CAST({0} AS DOUBLE)) THEN CAST(sign({0}) AS DOUBLE) END"), "-1, 0 or 1", "sign(nbtrace.lat)", "number",
        fold=lambda number: float((number > 0) - (number < 0)), kind="ephemeris",
    ),
    Function(
        "round", (("number", "number"), ("digits", "number")), Type.NUMBER,
        _duckdb("round(CAST({0} AS DOUBLE), TRY_CAST({1} AS INTEGER))"),
        "number rounded to whole numbers, or to decimal digits", "round(radial_distance, 2)", "number",
        unit="argument", optional=1, defaults=("0",), fold=_round, kind="ephemeris",
    ),
    Function(
        "floor", _NUMBER, Type.NUMBER, _duckdb("floor(CAST({0} AS DOUBLE))"), "largest whole number not above",
        "floor(radial_distance)", "number", unit="argument", fold=lambda number: float(math.floor(number)), kind="ephemeris",
    ),
    Function(
        "ceil", _NUMBER, Type.NUMBER, _duckdb("ceil(CAST({0} AS DOUBLE))"), "smallest whole number not below",
        "ceil(radial_distance)", "number", unit="argument", also=("ceiling",),
        fold=lambda number: float(math.ceil(number)), kind="ephemeris",
    ),
    Function(
        "sqrt", _NUMBER, Type.NUMBER, _duckdb("pow({0}, 0.5)"), "square root", "sqrt(radial_distance)", "number",
        fold=lambda number: math.sqrt(number) if number >= 0 else None, kind="ephemeris",
    ),
    Function(
        "power", (("base", "number"), ("exponent", "number")), Type.NUMBER, _duckdb("pow({0}, {1})"),
        "base raised to an exponent", "power(radial_distance, 3)", "number", also=("pow",), kind="ephemeris",
    ),
    Function(
        "exp", _NUMBER, Type.NUMBER, _duckdb("exp({0})"), "e raised to a number", "exp(radial_distance)", "number", kind="ephemeris",
    ),
    Function(
        "ln", _NUMBER, Type.NUMBER, _duckdb("CASE WHEN {0} > 0 THEN ln({0}) END"), "natural logarithm",
        "ln(radial_distance)", "number", fold=lambda number: math.log(number) if number > 0 else None, kind="ephemeris",
    ),
    Function(
        "log10", _NUMBER, Type.NUMBER, _duckdb("CASE WHEN {0} > 0 THEN log10({0}) END"), "logarithm to base 10",
        "log10(radial_distance)", "number", also=("log",),
        fold=lambda number: math.log10(number) if number > 0 else None, kind="ephemeris",
    ),
    Function(
        "mod", (("dividend", "number"), ("divisor", "number")), Type.NUMBER,
        _duckdb("(CAST({0} AS DOUBLE) % CASE WHEN {1} <> 0 THEN {1} END)"),
        "remainder of a division, with the sign of the dividend, the same as `%`", "mod(identifier, 10)", "number",
        fold=lambda number, by: math.fmod(number, by) if by else None,
    ),
    Function("sin", _NUMBER, Type.NUMBER, _duckdb("sin({0})"), "sine of radians", "sin(radians(nbtrace.lat))", "number", kind="ephemeris",
    ),
    Function("cos", _NUMBER, Type.NUMBER, _duckdb("cos({0})"), "cosine of radians", "cos(radians(nbtrace.lat))", "number", kind="ephemeris",
    ),
    Function("tan", _NUMBER, Type.NUMBER, _duckdb("tan({0})"), "tangent of radians", "tan(radians(nbtrace.lat))", "number", kind="ephemeris",
    ),
    Function(
        "atan2", (("y", "number"), ("x", "number")), Type.NUMBER, _duckdb("atan2({0}, {1})"),
        "angle of a point in radians", "atan2(nbtrace.lat, nbtrace.lon)", "number", kind="ephemeris",
    ),
    Function(
        "radians", _NUMBER, Type.NUMBER, _duckdb("radians({0})"), "degrees as radians", "radians(nbtrace.lat)",
        "number", fold=math.radians, kind="ephemeris",
    ),
    Function(
        "degrees", _NUMBER, Type.NUMBER, _duckdb("degrees({0})"), "radians as degrees",
        "degrees(atan2(nbtrace.lat, nbtrace.lon))", "number", unit="deg", fold=math.degrees, kind="ephemeris",
    ),
    Function(
        "least", _VALUE * 2, "argument", _duckdb("least({all})"), "smallest of the values that are not missing",
        "least(nbtrace.lat, sbtrace.lat)", "number", unit="argument", is_variadic=True, kind="ephemeris",
    ),
    Function(
        "greatest", _VALUE * 2, "argument", _duckdb("greatest({all})"), "largest of the values that are not missing",
        "greatest(nbtrace.lat, sbtrace.lat)", "number", unit="argument", is_variadic=True, kind="ephemeris",
    ),
    # --- missing values
    Function(
        "coalesce", _VALUE * 2, "argument", _duckdb("coalesce({all})"), "first value that is not missing",
        "coalesce(nbtrace.lat, sbtrace.lat)", "missing values", unit="argument", also=("ifnull", "nvl"),
        is_variadic=True, kind="ephemeris",
    ),
    Function(
        "nullif", _VALUE * 2, "argument", _duckdb("CASE WHEN {0} = {1} THEN NULL ELSE {0} END"), "the first value, or missing if both are equal",
        "nullif(platform, 'gillam')", "missing values", unit="argument",
    ),
    # --- conversions
    Function(
        "text", _VALUE, Type.STRING, _duckdb("{text}"), "a value as text", "text(identifier)", "text",
        also=("varchar", "str", "string", "to_char"),
    ),
    Function(
        "number", _VALUE, Type.NUMBER, _duckdb("{read_number}"),
        "a text or metadata value read as a number; missing if it is not one", "number(metadata.wavelength)", "number",
        also=("double", "float", "to_number", "numeric"),
    ),
    # --- lists
    Function(
        "len", (("list", "list"),), Type.INTEGER, _duckdb("len({0})"), "number of elements of a list", "len(events)",
        "list", also=("cardinality", "array_length", "list_length"), kind="conjunctions",
    ),
    # --- geography
    Function(
        "distance_km",
        (("lat1", "number"), ("lon1", "number"), ("lat2", "number"), ("lon2", "number")),
        Type.NUMBER, _duckdb(_DISTANCE_SQL),
        f"distance of two places along a sphere of {EARTH_RADIUS_KM:g} km; a position of the record stands for its"
        " latitude and longitude",
        "distance_km(nbtrace, 56.35, -94.71)", "geography", unit="km", fold=_distance, kind="ephemeris",
    ),
    # --- aggregates
    Function(
        "count", (("records", "records"),), Type.INTEGER, _duckdb("count(*)"),
        "number of records, or of the records that have a value", "count(*)", "aggregate", overload=_VALUE,
    ),
    Function("min", _VALUE, "argument", _duckdb("min({0})"), "smallest value", "min(start)", "aggregate", unit="argument"),
    Function("max", _VALUE, "argument", _duckdb("max({0})"), "largest value", "max(end)", "aggregate", unit="argument"),
    Function(
        "avg", _NUMBER, Type.NUMBER, _duckdb("favg({0} ORDER BY {0})"), "mean of the values that are numbers",
        "avg(radial_distance)", "aggregate", unit="argument", also=("mean", "average"), overload=(("duration", "duration"),), kind="ephemeris",
    ),
    Function(
        "sum", _NUMBER, "argument", _duckdb("fsum({0} ORDER BY {0})"), "sum of the values that are numbers",
        "sum(end - start)", "aggregate", unit="argument", also=("total",), overload=(("duration", "duration"),),
    ),
    Function(
        "median", _NUMBER, Type.NUMBER, _duckdb("median({0})"), "middle value", "median(radial_distance)", "aggregate",
        unit="argument", overload=(("duration", "duration"),), kind="ephemeris",
    ),
    Function(
        "stddev", _NUMBER, Type.NUMBER, _duckdb("stddev_samp({0} ORDER BY {0})"),
        "standard deviation of a sample; missing for a single value", "stddev(radial_distance)", "aggregate",
        unit="argument", also=("std", "stddev_samp", "stdev"), overload=(("duration", "duration"),), kind="ephemeris",
    ),
    Function(
        "first", _VALUE, "argument", _duckdb("(list({0} ORDER BY {1}, {0}) FILTER ({0} IS NOT NULL))[1]"),
        "value of the first record in time that has one", "first(url)", "aggregate", unit="argument",
        also=("first_value",), needs_time=True,
    ),
    Function(
        "last", _VALUE, "argument", _duckdb("(list({0} ORDER BY {1}, {0}) FILTER ({0} IS NOT NULL))[-1]"),
        "value of the last record in time that has one", "last(url)", "aggregate", unit="argument",
        also=("last_value",), needs_time=True,
    ),
)  # fmt: skip

FUNCTIONS: Mapping[str, Function] = {row.name: row for row in _ROWS}
"""Functions by their names."""

FUNCTION_NAMES: Mapping[str, Function] = {name: row for row in _ROWS for name in (row.name, *row.also)}
"""Functions by every name that a statement may use, in lower case."""

AGGREGATES = tuple(row.name for row in _ROWS if row.is_aggregate)
"""Names of the aggregate functions."""


@dataclass(frozen=True, slots=True)
class ArithmeticRule:
    """One sign between two types. `unit` says how the units of both sides combine.

    `same` requires equal units and keeps them, `one` keeps the unit of the side that has one, `none` has none.
    """

    sign: str
    left: Type
    right: Type
    result: Type
    sql: SqlTemplates
    fold: Callable[[Any, Any], Any]
    unit: Literal["same", "one", "none"] = "none"


def _divide(left: float, right: float) -> float | None:
    return left / right if right else None


_N, _I, _T, _D, _V, _S = Type.NUMBER, Type.INTEGER, Type.TIME, Type.DATE, Type.INTERVAL, Type.STRING
_EXACT = "TRY(CAST({0} AS BIGINT) %s CAST({1} AS BIGINT))"

_ARITHMETIC = (
    ArithmeticRule("+", _I, _I, _I, _duckdb(_EXACT % "+"), lambda a, b: a + b, "same"),
    ArithmeticRule("-", _I, _I, _I, _duckdb(_EXACT % "-"), lambda a, b: a - b, "same"),
    ArithmeticRule("*", _I, _I, _I, _duckdb(_EXACT % "*"), lambda a, b: a * b, "one"),
    ArithmeticRule("+", _N, _N, _N, _duckdb("({0} + {1})"), lambda a, b: a + b, "same"),
    ArithmeticRule("-", _N, _N, _N, _duckdb("({0} - {1})"), lambda a, b: a - b, "same"),
    ArithmeticRule("*", _N, _N, _N, _duckdb("({0} * {1})"), lambda a, b: a * b, "one"),
    ArithmeticRule("/", _N, _N, _N, _duckdb("({0} / CASE WHEN {1} <> 0 THEN {1} END)"), _divide, "one"),
    ArithmeticRule(
        "%",
        _N,
        _N,
        _N,
        _duckdb("({0} % CASE WHEN {1} <> 0 THEN {1} END)"),
        lambda a, b: math.fmod(a, b) if b else None,
        "same",
    ),
    ArithmeticRule("-", _T, _T, _V, _duckdb("(epoch_us({0}) - epoch_us({1}))"), lambda a, b: a - b),
    ArithmeticRule("-", _D, _D, _V, _duckdb("(epoch_us({0}) - epoch_us({1}))"), lambda a, b: a - b),
    ArithmeticRule("+", _T, _V, _T, _duckdb("TRY({0} + to_microseconds(CAST({1} AS BIGINT)))"), lambda a, b: a + b),
    ArithmeticRule("-", _T, _V, _T, _duckdb("TRY({0} - to_microseconds(CAST({1} AS BIGINT)))"), lambda a, b: a - b),
    ArithmeticRule("+", _V, _T, _T, _duckdb("TRY({1} + to_microseconds(CAST({0} AS BIGINT)))"), lambda a, b: a + b),
    ArithmeticRule("+", _V, _V, _V, _duckdb(_EXACT % "+"), lambda a, b: a + b),
    ArithmeticRule("-", _V, _V, _V, _duckdb(_EXACT % "-"), lambda a, b: a - b),
    ArithmeticRule("*", _V, _N, _V, _duckdb("TRY(CAST({0} * {1} AS BIGINT))"), lambda a, b: a * b),
    ArithmeticRule("*", _N, _V, _V, _duckdb("TRY(CAST({0} * {1} AS BIGINT))"), lambda a, b: a * b),
    ArithmeticRule(
        "/",
        _V,
        _N,
        _V,
        _duckdb("TRY(CAST({0} / CASE WHEN {1} <> 0 THEN {1} END AS BIGINT))"),
        lambda a, b: a / b if b else None,
    ),
    ArithmeticRule(
        "/", _V, _V, _N, _duckdb("({0} / CASE WHEN {1} <> 0 THEN {1} END)"), lambda a, b: a / b if b else None
    ),
    ArithmeticRule("||", _S, _S, _S, _duckdb("({0} || {1})"), lambda a, b: a + b),
)

ARITHMETIC: Mapping[tuple[str, Type, Type], ArithmeticRule] = {(r.sign, r.left, r.right): r for r in _ARITHMETIC}
"""Rules of arithmetic by sign and types."""

SIGNS = tuple(dict.fromkeys(rule.sign for rule in _ARITHMETIC))
"""The signs of arithmetic."""


def plain_value(value: date | datetime | timedelta | float | str | bool) -> str:
    """Return a folded value in the spelling of AuroraX's JSON; a duration in microseconds."""
    match value:
        case bool():
            return str(value).lower()
        case datetime():
            return value.isoformat(timespec="microseconds" if value.microsecond else "seconds")
        case date():
            return value.isoformat()
        case timedelta():
            return str(value // timedelta(microseconds=1))
        case float():
            return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
        case _:
            return str(value)
