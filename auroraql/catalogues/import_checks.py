"""Values of imported records: their conversion from text, and the checks of each row, as SQL.

The SQL reads texts from columns with the names of the table, for example `location_geo_lat`, and `metadata` as JSON. An
empty text is a missing value.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auroraql.catalogues.writer import POSITIONS
from auroraql.schema.kinds.data_products import MAX_PRODUCT_LENGTH, PRODUCT_TYPES

_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = " ?(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)"
_EPOCHS = "BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30'"

TIME_HINT = "write times in UTC such as 2021-01-31T23:59:00, or with an offset such as 2021-01-31T16:59:00-07:00"


@dataclass(frozen=True, slots=True)
class Check:
    """Check of a row. `condition` is SQL that is true for a wrong row. `{value}` in the message is the wrong text."""

    column: str
    condition: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ImportRules:
    """Options of the conversion. `offset_minutes` is that of times without an offset; None means UTC."""

    offset_minutes: int | None = None
    wrap_longitudes: bool = False


def time_columns(kind: str) -> tuple[str, ...]:
    """Return the columns of times of a kind."""
    return ("start", "end") if kind == "data_products" else ("epoch",)


def has_offset(column: str) -> str:
    """Return the condition that a text is a time with an offset from UTC."""
    return f"""regexp_full_match("{column}", '{_DATE}{_CLOCK}{_ZONE}')"""


def typed_columns(kind: str, rules: ImportRules) -> dict[str, str]:
    """Return the SQL of the values by column, NULL if a text cannot be read."""
    columns = {name: _time(name, rules) for name in time_columns(kind)}
    if kind == "data_products":
        return columns | {name: f'"{name}"' for name in ("data_product_type", "url")}
    return columns | {name: _degrees(name, rules) for name in POSITIONS}


def _time(column: str, rules: ImportRules) -> str:
    """Return a time in UTC. A date without a time is midnight, or the last second of the day for the end."""
    name = f'"{column}"'
    plain = f"TRY_CAST({name} AS TIMESTAMP)"
    if rules.offset_minutes:
        plain = f"{plain} - to_minutes({rules.offset_minutes})"
    day = f"{plain} + INTERVAL 86399 SECOND" if column == "end" else plain
    zoned = f"TRY_CAST(regexp_replace({name}, ' ?(Z|z|UTC)$', '+00:00') AS TIMESTAMPTZ)"
    time = (
        f"CASE WHEN regexp_full_match({name}, '{_DATE}{_CLOCK}') THEN {plain}"
        f" WHEN regexp_full_match({name}, '{_DATE}') THEN {day}"
        f" WHEN {has_offset(column)} THEN make_timestamp(epoch_us({zoned})) END"
    )
    return f"CASE WHEN {time} {_EPOCHS} THEN {time} END"


def _degrees(column: str, rules: ImportRules) -> str:
    number = f'TRY_CAST("{column}" AS DOUBLE)'
    if rules.wrap_longitudes and column.endswith("_lon"):
        return f"CASE WHEN {number} > 180 AND {number} <= 360 THEN {number} - 360 ELSE {number} END"
    return number


def checks_of(kind: str) -> tuple[Check, ...]:
    """Return the checks of a kind. They see the texts, and the values with the prefix `value_`."""
    return (*(_product_checks() if kind == "data_products" else _ephemeris_checks()), *_METADATA_CHECKS)


_METADATA_CHECKS = (
    Check(
        "metadata",
        "metadata_text IS NOT NULL AND coalesce(json_type(metadata_object), '') NOT IN ('OBJECT', 'NULL')",
        "{value} is not a JSON object",
        'write metadata such as {"keogram_type": "daily"}, or each key in a column of its own',
    ),
    Check("metadata", "contains(metadata, '\\u0000')", "the metadata contains a null character"),
)


def _time_checks(column: str) -> Iterator[Check]:
    yield Check(column, f'"{column}" IS NULL', "the time is missing")
    yield Check(column, f'"value_{column}" IS NULL', "{value} is not a time", TIME_HINT)


def _product_checks() -> Iterator[Check]:
    yield from _time_checks("start")
    yield from _time_checks("end")
    yield Check("end", "value_end < value_start", "the end, {value}, is before the start")
    seconds = int(MAX_PRODUCT_LENGTH.total_seconds())
    yield Check(
        "end",
        f"value_end - value_start > INTERVAL {seconds} SECOND",
        "the product ends at {value}, more than a day after its start",
        "searches assume products of at most a day: divide it into days",
    )
    types = ", ".join(f"'{name}'" for name in PRODUCT_TYPES)
    yield Check("data_product_type", "data_product_type IS NULL", "the type is missing")
    yield Check(
        "data_product_type",
        f"data_product_type NOT IN ({types})",
        "{value} is not a type of data products",
        f"the types are {', '.join(PRODUCT_TYPES)}",
    )
    yield Check("url", "url IS NULL", "the URL is missing")


def _ephemeris_checks() -> Iterator[Check]:
    yield from _time_checks("epoch")
    for column in POSITIONS:
        yield from _degree_checks(column)
    for latitude, longitude in zip(POSITIONS[::2], POSITIONS[1::2], strict=True):
        yield Check(
            latitude,
            f"({latitude} IS NULL) <> ({longitude} IS NULL)",
            "the position has only one of latitude and longitude",
            _UNKNOWN_HINT,
        )


_UNKNOWN_HINT = "leave both empty where the position is unknown"

_WRAP_HINT = "longitudes are from -180 to 180: --wrap-longitudes converts those from 180 to 360"


def _degree_checks(column: str) -> Iterator[Check]:
    title = "latitude" if column.endswith("_lat") else "longitude"
    # AuroraX has GSM latitudes beyond 90 and longitudes beyond 180.
    most = 360 if "_gsm_" in column else 90 if title == "latitude" else 180
    number = f"value_{column}"
    yield Check(column, f"{column} IS NOT NULL AND {number} IS NULL", f"the {title} {{value}} is not a number")
    yield Check(column, f"NOT isfinite({number})", f"the {title} {{value}} is not a position", _UNKNOWN_HINT)
    yield Check(
        column,
        f"abs({number}) > {most}",
        f"the {title} {{value}} is not from -{most} to {most}",
        _WRAP_HINT if most == 180 else f"{title}s are in degrees",
    )
