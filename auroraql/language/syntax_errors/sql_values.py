"""Literals, types and functions of SQL's dialects, and how AuroraQL writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from auroraql.language.syntax_errors.sql_tokens import word_set
from auroraql.schema.functions import FUNCTIONS

DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d(?::?\d\d)?|UTC)?)?", re.I)
INTERVAL_PART = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]+)")
UNITS = re.compile(r"(?:second|minute|hour|day|week|month|year)s?|secs?|mins?|hrs?|[shdw]", re.IGNORECASE)
NOW = word_set("now current_timestamp localtimestamp getdate getutcdate sysdate sysdatetime utc_timestamp")
TODAY = word_set("current_date curdate today utc_date")
TEXT_TYPES = word_set("text varchar char string nvarchar character bpchar")
NUMBER_TYPES = word_set("double float real numeric decimal number float8 float4 float64")
WHOLE_TYPES = word_set("int integer bigint smallint int4 int8 int64 signed unsigned")
TIME_TYPES = word_set("timestamp timestamptz datetime datetime2")
DATE_FORMATS = {"%Y-%m-%d": "text(day({0}))", "YYYY-MM-DD": "text(day({0}))", "yyyy-MM-dd": "text(day({0}))"}
PARTS = {
    **{part: f"{part}({{0}})" for part in ("year", "month", "hour", "minute", "second")},
    **dict.fromkeys(("day", "dayofmonth", "dom"), "day_of_month({0})"),
    **dict.fromkeys(("doy", "dayofyear"), "day_of_year({0})"),
    "isodow": "day_of_week({0})",
    "dow": "day_of_week({0}) % 7",
}
"""Templates of the parts of a time that EXTRACT names. DOW counts from Sunday, 0."""

FUNCTIONS_OF_SQL = word_set(
    "string_agg group_concat listagg array_agg list_agg list json_group_array approx_count_distinct mode "
    "quantile quantile_cont quantile_disc var_samp var_pop variance "
    "stddev_pop corr any_value arg_min arg_max min_by max_by bool_and bool_or count_if histogram md5 sha256 "
    "hash random printf lpad rpad repeat reverse split_part string_split regexp_replace regexp_extract "
    "position strpos instr ascii chr epoch strftime date_diff datediff"
)
"""Functions that DuckDB's SQL has and AuroraQL does not."""

WINDOW_FUNCTIONS = word_set(
    "row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value "
    "percentile_cont percentile_disc"
)
"""Functions of DuckDB's SQL that take OVER or WITHIN GROUP."""

SHARED_FUNCTIONS = frozenset(
    name
    for name, function in FUNCTIONS.items()
    if function.is_aggregate or function.sql["duckdb"].startswith(f"{name}(")
)
"""Functions that have the same name in DuckDB's SQL."""

CALLS: Mapping[tuple[str, int], str] = {
    ("day", 1): "day_of_month({0})",
    ("isnull", 1): "{0} IS NULL",
    ("isnull", 2): "coalesce({0}, {1})",
    ("if", 3): "CASE WHEN {0} THEN {1} ELSE {2} END",
    ("iif", 3): "CASE WHEN {0} THEN {1} ELSE {2} END",
    ("left", 2): "substring({0}, 1, {1})",
    ("regexp_like", 2): "regexp_matches({0}, {1})",
    ("char_length", 1): "length({0})",
    ("character_length", 1): "length({0})",
    ("to_char", 1): "text({0})",
}
"""Templates of functions with other names or meanings, by name and number of arguments."""

WEEKDAYS = ("dayofweek", "weekday", "dayname")


def read_moment(text: str) -> tuple[str, str] | None:
    """Return a time literal of SQL as one of AuroraQL, and the date if it has no time of day. None for other texts."""
    match = _MOMENT.fullmatch(text.strip("'\"").strip())
    if match is None:
        return None
    day, clock, zone = match.groups()
    if clock is None:
        return day, day
    offset = (zone or "").upper().replace("UTC", "Z")
    if re.fullmatch(r"[+-]\d\d", offset):
        offset += ":00"
    return f"{day}T{clock}{offset}", ""


def write_interval(text: str) -> str | None:
    """Return an interval of SQL as a duration, `7 days`, or a sum in parentheses. None for other texts."""
    parts = INTERVAL_PART.findall(text)
    rest = INTERVAL_PART.sub("", text).strip()
    if not parts or rest or any(UNITS.fullmatch(unit) is None for _, unit in parts):
        return None
    durations = [f"{number} {plural(unit.lower(), number)}" for number, unit in parts]
    return durations[0] if len(durations) == 1 else f"({' + '.join(durations)})"


def plural(unit: str, number: str) -> str:
    """Return the name of a unit after a number."""
    return (
        f"{unit}s" if number != "1" and unit in ("second", "minute", "hour", "day", "week", "month", "year") else unit
    )
