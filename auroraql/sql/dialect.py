"""SQL dialects: an interface for the spelling of a database engine, and DuckDB, its only implementation.

The rest of `auroraql.sql` writes standard SQL: SELECT, JOIN, CASE, window functions, FILTER, NULLS LAST. It asks the
dialect for everything else: placeholders, conversions that do not fail, patterns, lists, JSON, structs and intervals.
The templates of functions are columns of `schema.functions`, by the name of the dialect.
"""

# ruff: noqa: S608 - names of the schema and SQL expressions are put into SQL, every value is bound

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from auroraql.schema.functions import SqlTemplates
from auroraql.schema.model import Type

NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""Regular expression of a number."""

INTEGER = "[+-]?[0-9]{1,38}"
"""Regular expression of an integer that is compared exactly."""

_DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
MOMENT = _DATE + r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?Z?)?"
"""Regular expression of a time."""

_ODD_MOMENT = (
    _DATE + r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:([0-5][0-9]|60)(\.[0-9]+)?)?(Z| ?UTC|[+-](0[0-9]|1[0-4]):?[0-5][0-9])?"
)
"""Times of other programs: with a leap second, an offset from UTC or a finer fraction."""

EXACT_IN_DOUBLE = 2**53
"""Limit below which a double holds every integer exactly."""

_DAY_MICROSECONDS = 86_400_000_000

ValueReading = Literal["text", "number", "whole", "moment"]
"""How a value is read: as text, a number, an exact integer or a time in UTC."""

ElementType = Literal["text", "number", "integer", "whole", "moment"]
"""Type of the elements of an array parameter. An `integer` has 64 bits."""


@dataclass(frozen=True, slots=True)
class StoredValue:
    """SQL expression of a stored value and its declared type (ANY for a metadata key).

    With `many` it is a list of values of the type. Times in a list are text.
    """

    sql: str
    type: Type
    many: bool = False


TEXT_OR_SCALAR = (Type.STRING, Type.TIME, Type.DATE, Type.INTERVAL, Type.INTEGER, Type.NUMBER, Type.BOOLEAN)
"""Types whose text `Dialect.parse_text` reads as it is. A duration is a number of microseconds."""


class Dialect(ABC):
    """Spelling of one database engine."""

    name: str
    """Name of the dialect in the templates of `schema.functions`."""

    missing_object: str
    """An object column without a value."""

    def template(self, templates: SqlTemplates) -> str:
        """Return the template of a function or an arithmetic rule."""
        return templates[self.name]

    # --- parameters

    @abstractmethod
    def placeholder(self, number: int) -> str:
        """Return the placeholder of a bound value. The first is number 1."""

    @abstractmethod
    def array(self, placeholder: str, elements: ElementType) -> str:
        """Return a bound list as an array of a type."""

    @abstractmethod
    def rows_of(self, array: str) -> str:
        """Return an expression for SELECT that gives one row for each element of an array."""

    @abstractmethod
    def is_in_array(self, value: str, array: str) -> str:
        """Return the condition that a value equals an element of an array."""

    @abstractmethod
    def missing(self, type: Type) -> str:
        """Return the missing value of a type."""

    @abstractmethod
    def as_time(self, sql: str) -> str:
        """Return a bound datetime as a time of the engine."""

    # --- reading of values

    @abstractmethod
    def text(self, stored: StoredValue) -> str:
        """Return the plain text of a value."""

    @abstractmethod
    def parse_text(self, text: str, stored: StoredValue) -> str:
        """Return text as a value of the type of a column: lists and types not in TEXT_OR_SCALAR are JSON."""

    @abstractmethod
    def metadata_key(self, metadata: str, key: str) -> StoredValue:
        """Return the value of a bound key of a metadata column."""

    @abstractmethod
    def convert_if_match(self, text: str, pattern: str, reading: Literal["number", "whole"]) -> str:
        """Return a text as a number if all of it matches a pattern, otherwise NULL."""

    @abstractmethod
    def to_whole(self, number: str) -> str:
        """Return a double of any size, rounded to a large integer."""

    @abstractmethod
    def moment(self, text: str) -> str:
        """Return a text as a time in UTC, or NULL if it is not a time."""

    @abstractmethod
    def to_integer(self, sql: str) -> str:
        """Return a number as a 64-bit integer, or NULL if it is too large."""

    @abstractmethod
    def is_finite(self, number: str) -> str:
        """Return the condition that a double is not infinite and not NaN."""

    @abstractmethod
    def year(self, time: str) -> str:
        """Return the year of a time."""

    @abstractmethod
    def duration(self, microseconds: str) -> str:
        """Return a number of microseconds as an interval."""

    @abstractmethod
    def seconds(self, count: int) -> str:
        """Return a constant interval of whole seconds."""

    @abstractmethod
    def microseconds(self, time: str) -> str:
        """Return the microseconds of a time since 1970."""

    # --- patterns, lists, structs and JSON

    @abstractmethod
    def is_like(self, text: str, pattern: str, escape: str = "") -> str:
        """Return the condition of LIKE, which ignores case. `escape` is a bound character."""

    @abstractmethod
    def ends_with(self, text: str, end: str) -> str:
        """Return the condition that a text ends with another."""

    @abstractmethod
    def list_of(self, elements: Sequence[str]) -> str:
        """Return a list."""

    @abstractmethod
    def sorted_list(self, elements: Sequence[str]) -> str:
        """Return a list in ascending order."""

    @abstractmethod
    def map_list(self, values: str, function: Callable[[str], str]) -> str:
        """Return a list with a function applied to every element. The function receives and returns SQL."""

    @abstractmethod
    def any_element(self, values: str, condition: Callable[[str], str]) -> str:
        """Return whether the condition is true for any element, by three-valued logic: NULL for an empty list."""

    @abstractmethod
    def list_contains(self, values: str, value: str) -> str:
        """Return the condition that a list contains a value."""

    @abstractmethod
    def compute_once(self, values: Sequence[str], body: Callable[[Sequence[str]], str]) -> str:
        """Return the SQL of a body that may repeat values, which are computed once. The body receives their names."""

    @abstractmethod
    def distinct_tuples(self, lists: Sequence[str]) -> str:
        """Return a list of the distinct tuples of elements of lists of one length, or one missing tuple if they are empty."""

    @abstractmethod
    def tuple_member(self, tuple_: str, number: int) -> str:
        """Return a member of a tuple. The first is number 1."""

    @abstractmethod
    def has_no_element(self, values: str) -> str:
        """Return the condition that a list is missing, or that all of its elements are."""

    @abstractmethod
    def struct(self, members: Mapping[str, str]) -> str:
        """Return a struct of expressions by member name."""

    @abstractmethod
    def json(self, sql: str) -> str:
        """Return an object, a list or a metadata value as JSON."""

    @abstractmethod
    def json_text(self, sql: str) -> str:
        """Return an object, a list or a metadata value as the text of its JSON."""

    @abstractmethod
    def sorted_json(self, sql: str) -> str:
        """Return an object or a list as JSON whose members are in a fixed order."""

    @abstractmethod
    def json_object(self, members: Mapping[str, str]) -> str:
        """Return a JSON object of expressions by member name."""

    @abstractmethod
    def json_member(self, metadata: str, pointer: str) -> str:
        """Return the JSON at a bound pointer of a metadata column."""

    @abstractmethod
    def with_text_map(self, table: str, alias: str, condition: str) -> str:
        """Return a subquery of a table, with the same alias, that adds a map `texts` of its metadata as plain texts.

        It contains the rows that satisfy the condition. Each map is made once for each row.
        """

    @abstractmethod
    def map_value(self, texts: str, key: str) -> str:
        """Return the value of a bound key in a map."""

    # --- aggregates and subqueries

    @abstractmethod
    def any_value(self, sql: str) -> str:
        """Return the aggregate of a value that all rows of a group share."""

    @abstractmethod
    def exact_sum(self, function: Literal["sum", "avg"], number: str) -> str:
        """Return a sum or mean of doubles that does not depend on the order of the rows."""

    @abstractmethod
    def value_at_least(self, value: str, key: Sequence[str]) -> str:
        """Return the aggregate of the value where a key of several parts is least."""

    @abstractmethod
    def value_at_most(self, value: str, key: Sequence[str]) -> str:
        """Return the aggregate of the value where a key of several parts is greatest."""

    @abstractmethod
    def step(self, name: str, select: str, *, materialized: bool) -> str:
        """Return a member of WITH. A materialized one is computed once, and fixes the order of joins."""

    @abstractmethod
    def hashed_rows(self, select: str) -> str:
        """Return a SELECT with the same rows, which joins keep in their hash table instead of the other table's."""

    # --- integers

    @abstractmethod
    def integers(self, first: str, last: str) -> str:
        """Return the array of the integers from `first` to `last`."""

    @abstractmethod
    def quotient(self, number: str, divisor: int) -> str:
        """Return the whole quotient of an integer that is not negative."""

    @abstractmethod
    def collect_bits(self, bit: str) -> str:
        """Return the aggregate of the numbers of bits, 0 to 62, as an integer that has them set."""

    @abstractmethod
    def has_bit(self, bits: str, bit: str) -> str:
        """Return the condition that an integer has a bit set."""

    @abstractmethod
    def shift_bits(self, bits: str, by: int) -> str:
        """Return an integer with each bit moved to a number that is `by` higher. Bits below 0 are lost."""

    @abstractmethod
    def add_common_bits(self, bits: str, left: str, right: str) -> str:
        """Return an integer with its own bits and those that both other integers have."""

    # --- readings, in terms of the methods above

    def element(self, name: str, stored: StoredValue) -> StoredValue:
        """Return the value of an element of a list. Times in lists are text."""
        return StoredValue(self.as_time(name) if stored.type is Type.TIME else name, stored.type)

    def read(self, stored: StoredValue, reading: ValueReading) -> str:
        """Return the SQL of a value as text, number, integer or time. It is NULL if it cannot be read so.

        The reading `whole` is exact for integers. It rounds fractions, but only values from 2**53 on are compared as
        integers, and doubles of that size have no fraction.
        """
        if reading == "text":
            return self.text(stored)
        if stored.type is not Type.ANY:
            return stored.sql
        text = self.text(stored)
        match reading:
            case "number":
                return self.convert_if_match(text, NUMBER, "number")
            case "moment":
                return self.moment(text)
            case "whole":
                rounded = self.to_whole(self.convert_if_match(text, NUMBER, "number"))
                return f"coalesce({self.convert_if_match(text, INTEGER, 'whole')}, {rounded})"
            case _:
                assert_never(reading)

    def large_integer(self, stored: StoredValue) -> str:
        """Return a metadata value as an integer, if a double might round it, otherwise NULL."""
        return (
            f"CASE WHEN abs({self.read(stored, 'number')}) >= {EXACT_IN_DOUBLE} THEN {self.read(stored, 'whole')} END"
        )


_DUCKDB_SCALARS = dict(
    zip(TEXT_OR_SCALAR, ("VARCHAR", "TIMESTAMP", "DATE", "BIGINT", "BIGINT", "DOUBLE", "BOOLEAN"), strict=True)
)
"""Column types of the values that `parse_text` reads from text."""


class DuckDB(Dialect):
    """Spelling of DuckDB. Metadata is a VARIANT."""

    name = "duckdb"
    missing_object = "CAST(NULL AS VARIANT)"

    def placeholder(self, number: int) -> str:
        """Return `$1`."""
        return f"${number}"

    def array(self, placeholder: str, elements: ElementType) -> str:
        """Return `$1::DOUBLE[]`."""
        return f"{placeholder}::{_DUCKDB_TYPES[elements]}[]"

    def rows_of(self, array: str) -> str:
        """Return `unnest(…)`."""
        return f"unnest({array})"

    def is_in_array(self, value: str, array: str) -> str:
        """Return `value = ANY(array)`."""
        return f"{value} = ANY({array})"

    def missing(self, type: Type) -> str:
        """Return `CAST(NULL AS …)`. A NULL without a type does not fit every function."""
        return f"CAST(NULL AS {_DUCKDB_SCALARS[type]})" if type in _DUCKDB_SCALARS else "NULL"

    def as_time(self, sql: str) -> str:
        """Return a cast to TIMESTAMP."""
        return f"CAST({sql} AS TIMESTAMP)"

    def text(self, stored: StoredValue) -> str:
        """Return the plain text of a value. A duration is a number of microseconds."""
        match stored.type:
            case Type.STRING:
                return stored.sql
            case Type.TIME:
                return f"strftime({stored.sql}, '%Y-%m-%dT%H:%M:%S')"
            case Type.INTERVAL:
                days, rest = f"{stored.sql} // {_DAY_MICROSECONDS}", f"{stored.sql} % {_DAY_MICROSECONDS}"
                return f"CAST(to_days(CAST({days} AS INTEGER)) + to_microseconds({rest}) AS VARCHAR)"
            case _:
                return f"CAST({stored.sql} AS VARCHAR)"

    def parse_text(self, text: str, stored: StoredValue) -> str:
        """Return TRY_CAST, to a list or a VARIANT through JSON."""
        if stored.many:
            element = "VARCHAR" if stored.type is Type.TIME else _DUCKDB_SCALARS.get(stored.type, "JSON")
            return f"TRY_CAST(TRY_CAST({text} AS JSON) AS {element}[])"
        if stored.type in _DUCKDB_SCALARS:
            return f"TRY_CAST({text} AS {_DUCKDB_SCALARS[stored.type]})"
        return f"TRY_CAST(TRY_CAST({text} AS JSON) AS VARIANT)"

    def metadata_key(self, metadata: str, key: str) -> StoredValue:
        """Return the member of a VARIANT."""
        return StoredValue(f"{metadata}[{key}]", Type.ANY)

    def convert_if_match(self, text: str, pattern: str, reading: Literal["number", "whole"]) -> str:
        """Return TRY_CAST, if the pattern matches."""
        return f"CASE WHEN regexp_full_match({text}, '{pattern}') THEN TRY_CAST({text} AS {_DUCKDB_TYPES[reading]}) END"

    def to_whole(self, number: str) -> str:
        """Return a cast to HUGEINT, which holds 38 digits."""
        cut = (
            f"CASE WHEN abs({number}) < 1e38 THEN {number} WHEN {number} > 0 THEN 1e38 WHEN {number} < 0 THEN -1e38 END"
        )
        return f"CAST({cut} AS HUGEINT)"

    def moment(self, text: str) -> str:
        """Return TRY_CAST for plain times, and a detour through TIMESTAMPTZ for times with an offset."""
        # TIMESTAMPTZ reads text without a zone as local time, and TIMESTAMP drops offsets.
        zoned = f"regexp_replace(regexp_replace({text}, ':60', ':59'), '(Z| ?UTC)?$', '+00:00')"
        zoned = rf"regexp_replace({zoned}, '([+-][0-9:]{{4,5}})\+00:00$', '\1')"
        return (
            f"CASE WHEN regexp_full_match({text}, '{MOMENT}') THEN TRY_CAST({text} AS TIMESTAMP)"
            f" WHEN regexp_full_match({text}, '{_ODD_MOMENT}')"
            f" THEN make_timestamp(epoch_us(TRY_CAST({zoned} AS TIMESTAMPTZ))) END"
        )

    def to_integer(self, sql: str) -> str:
        """Return a cast to BIGINT inside TRY."""
        return f"TRY(CAST({sql} AS BIGINT))"

    def is_finite(self, number: str) -> str:
        """Return `isfinite(…)`."""
        return f"isfinite({number})"

    def year(self, time: str) -> str:
        """Return `year(…)`."""
        return f"year({time})"

    def duration(self, microseconds: str) -> str:
        """Return an INTERVAL."""
        return f"to_microseconds(CAST({microseconds} AS BIGINT))"

    def seconds(self, count: int) -> str:
        """Return `INTERVAL 60 SECOND`."""
        return f"INTERVAL {count} SECOND"

    def microseconds(self, time: str) -> str:
        """Return `epoch_us(…)`."""
        return f"epoch_us({time})"

    def is_like(self, text: str, pattern: str, escape: str = "") -> str:
        """Return ILIKE."""
        return f"{text} ILIKE {pattern}" + (f" ESCAPE {escape}" if escape else "")

    def ends_with(self, text: str, end: str) -> str:
        """Return `ends_with(…)`."""
        return f"ends_with({text}, {end})"

    def list_of(self, elements: Sequence[str]) -> str:
        """Return `[a, b]`."""
        return f"[{', '.join(elements)}]"

    def sorted_list(self, elements: Sequence[str]) -> str:
        """Return `list_sort([a, b])`."""
        return f"list_sort({self.list_of(elements)})"

    def map_list(self, values: str, function: Callable[[str], str]) -> str:
        """Return `list_transform` with a lambda."""
        return f"list_transform({values}, lambda each: {function('each')})"

    def any_element(self, values: str, condition: Callable[[str], str]) -> str:
        """Return `list_bool_or` of the conditions."""
        return f"list_bool_or({self.map_list(values, condition)})"

    def list_contains(self, values: str, value: str) -> str:
        """Return `list_contains(…)`."""
        return f"list_contains({values}, {value})"

    def compute_once(self, values: Sequence[str], body: Callable[[Sequence[str]], str]) -> str:
        """Return a lambda over a list of one struct, whose members are the values."""
        members = {f"v{number}": value for number, value in enumerate(values)}
        names = [f"once.{member}" for member in members]
        return f"list_transform([{self.struct(members)}], lambda once: {body(names)})[1]"

    def distinct_tuples(self, lists: Sequence[str]) -> str:
        """Return `list_distinct(list_zip(…))`, or `[NULL]`."""
        return f"coalesce(nullif(list_distinct(list_zip({', '.join(lists)})), []), [NULL])"

    def tuple_member(self, tuple_: str, number: int) -> str:
        """Return `tuple[1]`."""
        return f"{tuple_}[{number}]"

    def has_no_element(self, values: str) -> str:
        """Return whether `list_count`, which does not count NULLs, is 0."""
        return f"coalesce(list_count({values}), 0) = 0"

    def struct(self, members: Mapping[str, str]) -> str:
        """Return `{'name': value}`."""
        return "{" + ", ".join(f"'{name}': {sql}" for name, sql in members.items()) + "}"

    def json(self, sql: str) -> str:
        """Return a cast to JSON."""
        return f"CAST({sql} AS JSON)"

    def json_text(self, sql: str) -> str:
        """Return a cast to VARCHAR through JSON."""
        return f"CAST({self.json(sql)} AS VARCHAR)"

    def sorted_json(self, sql: str) -> str:
        """Return JSON made from a VARIANT, which keeps the members of objects in a fixed order."""
        return self.json(f"CAST({self.json(sql)} AS VARIANT)")

    def json_object(self, members: Mapping[str, str]) -> str:
        """Return `json_object('name', value)`."""
        inner = ", ".join(f"'{name}', {sql}" for name, sql in members.items())
        return f"json_object({inner})"

    def json_member(self, metadata: str, pointer: str) -> str:
        """Return the JSON at a pointer: extracting a key from a VARIANT costs much more time and memory."""
        return f"{self.json(metadata)} -> {pointer}::VARCHAR"

    def with_text_map(self, table: str, alias: str, condition: str) -> str:
        """Return a subquery that makes the map through JSON.

        DuckDB extracts a key from a VARIANT again for every comparison and uses about a megabyte for each, which its
        memory limit does not count. Values of JSON types have the same text as when they are extracted. A DECIMAL,
        FLOAT or HUGEINT, which only other programs store in a VARIANT, has the text of the nearest DOUBLE. OFFSET keeps
        DuckDB from moving conditions on the map into the subquery, where it would make the map for each of them.
        """
        text = "CAST(CAST(each.value AS VARIANT) AS VARCHAR)"
        entries = f"map_entries(CAST({self.json(f'{alias}.metadata')} AS MAP(VARCHAR, JSON)))"
        texts = f"map_from_entries(list_transform({entries}, lambda each: {{'key': each.key, 'value': {text}}}))"
        return f"(SELECT {alias}.*, {texts} AS texts FROM {table} AS {alias} WHERE {condition} OFFSET 0) AS {alias}"

    def map_value(self, texts: str, key: str) -> str:
        """Return the value of a key of a MAP."""
        return f"{texts}[{key}]"

    def any_value(self, sql: str) -> str:
        """Return `any_value(…)`."""
        return f"any_value({sql})"

    def exact_sum(self, function: Literal["sum", "avg"], number: str) -> str:
        """Return Kahan's sum, in the order of the values: equal groups have equal sums to the last digit."""
        return f"f{function}({number} ORDER BY {number})"

    def value_at_least(self, value: str, key: Sequence[str]) -> str:
        """Return `arg_min(value, row(key))`."""
        return f"arg_min({value}, row({', '.join(key)}))"

    def value_at_most(self, value: str, key: Sequence[str]) -> str:
        """Return `arg_max(value, row(key))`."""
        return f"arg_max({value}, row({', '.join(key)}))"

    def step(self, name: str, select: str, *, materialized: bool) -> str:
        """Return `name AS MATERIALIZED (SELECT …)`."""
        return f"{name} AS {'' if materialized else 'NOT '}MATERIALIZED ({select})"

    def hashed_rows(self, select: str) -> str:
        """Return the rows of a list. DuckDB hashes the smaller table by its estimate, which is one row for a list."""
        return f"SELECT unnest(rows, recursive := true) FROM (SELECT list(r) AS rows FROM ({select}) AS r)"

    def integers(self, first: str, last: str) -> str:
        """Return `range(first, last + 1)`."""
        return f"range({first}, {last} + 1)"

    def quotient(self, number: str, divisor: int) -> str:
        """Return `number // divisor`."""
        return f"({number} // {divisor})"

    def collect_bits(self, bit: str) -> str:
        """Return `bit_or(1 << bit)`."""
        return f"bit_or(1::BIGINT << {bit})"

    def has_bit(self, bits: str, bit: str) -> str:
        """Return `(bits >> bit) & 1 = 1`."""
        return f"({bits} >> {bit}) & 1 = 1"

    def shift_bits(self, bits: str, by: int) -> str:
        """Return `bits << by` or `bits >> by`."""
        return f"({bits} {'<<' if by > 0 else '>>'} {abs(by)})"

    def add_common_bits(self, bits: str, left: str, right: str) -> str:
        """Return `bits | (left & right)`."""
        return f"({bits} | ({left} & {right}))"


_DUCKDB_TYPES: Mapping[ElementType, str] = {
    "text": "VARCHAR",
    "number": "DOUBLE",
    "integer": "BIGINT",
    "whole": "HUGEINT",
    "moment": "TIMESTAMP",
}

DUCKDB = DuckDB()


_SURROGATE = re.compile("[\ud800-\udfff]")


class Bindings:
    """Collects the bound values of one statement, in the dialect of its SQL. Equal values share a placeholder.

    Lists do not share placeholders.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.values: list[Any] = []
        self._places: dict[tuple[type, Any], str] = {}

    def __call__(self, value: Any) -> str:
        """Bind a value and return its placeholder."""
        if isinstance(value, list):
            return self._placeholder([_to_storable(item) for item in value])
        key = (type(value), value)
        if key not in self._places:
            self._places[key] = self._placeholder(_to_storable(value))
        return self._places[key]

    def _placeholder(self, value: Any) -> str:
        self.values.append(value)
        return self.dialect.placeholder(len(self.values))


def _to_storable(value: Any) -> Any:
    """Replace lone surrogates by U+FFFD. UTF-8 cannot encode them, so stored text never contains one."""
    if isinstance(value, str) and not value.isascii():
        return _SURROGATE.sub("\ufffd", value)
    return value
