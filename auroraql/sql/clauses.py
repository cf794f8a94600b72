"""Compilation of comparisons, predicates, value expressions, ORDER BY and LIMIT to SQL.

Only the placeholders of `Bindings` become SQL text, never a value.

The values of a query are strings, as in API requests. How a string is read depends on the field:

* For a text field it is text. `=` is exact; `<` and `>` compare code points.
* For a number field it is a number, for a time field a time in UTC.
* A metadata key has no type, so the string decides. A number is compared with stored numbers and with stored text
  that is a number, a time with stored text that is a time. Any other string is compared as text with the plain form
  of the stored value (`486.1`, `true`). The plain form of objects and lists is DuckDB's text for them.
* An integer from 2**53 on, which a double cannot hold exactly, is compared as an integer.

A string can also be a time interval, `first/last`. It is used only with equality and equals every moment inside.

A number has decimal digits with an optional sign, fraction and exponent, but not `inf`, `nan`, `1_000`, `0x10` or
spaces. A time is `YYYY-MM-DD`, optionally with `THH:MM`, `:SS`, a fraction, and Z, UTC or an offset. A space may
replace the T. A stored leap second, `:60`, is read as the second before it.

If the stored value cannot be read like the string (`5` and `abc`), they are not equal and their order is unknown. If
the stored value is missing, everything except IS [NOT] NULL is unknown. Unknown is SQL's NULL: it matches nothing,
negated or not. LIKE compares the plain text and ignores case. `%` and `_` cannot be escaped.

A field with several values, for example the platforms of a conjunction, is compared by its values that are not
missing. `=`, IN and LIKE are true if they are true for any value; `!=`, NOT IN and NOT LIKE if the positive operator
is true for none. The field is missing if it has no value.

When two fields of a record are compared, a metadata key is read as the type of the other field. Two metadata keys are
compared as numbers if both are numbers, as times if both are times, and otherwise by their plain text.

AND, OR and NOT follow SQL's three-valued logic. A computed number that is not finite, such as an overflow, is missing.
Durations are whole numbers of microseconds. Missing values come last, or first with NULLS FIRST. Values of a metadata key
are ordered with numbers first, by value, then everything else by its plain text. Descending order is the exact reverse,
except for missing values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, assert_never

from auroraql.ir.query import (
    And,
    Call,
    Case,
    Comparison,
    Condition,
    Constant,
    FieldComparison,
    FieldValue,
    Not,
    Or,
    OrderKey,
    Predicate,
    Reading,
    Ref,
    Scalar,
    Truth,
    collect_refs,
)
from auroraql.ir.times import read_span
from auroraql.schema.functions import ARITHMETIC, FUNCTIONS, SqlTemplates
from auroraql.schema.model import Type
from auroraql.schema.operators import FIELD_OPERATORS, OPERATORS, FieldOp, Op
from auroraql.sql.dialect import EXACT_IN_DOUBLE, MOMENT, NUMBER, Bindings, Dialect, StoredValue, ValueReading

Locate = Callable[[Ref, Bindings], StoredValue]
"""Function from a field to its SQL expression. The name of a metadata key is bound, not spliced into the SQL."""


def compile_predicate(predicate: Predicate, locate: Locate, bind: Bindings) -> str:
    """Return the SQL condition of a predicate, safe to combine with AND."""
    return ExpressionCompiler(locate, bind).predicate(predicate)


@dataclass(slots=True)
class ExpressionCompiler:
    """Compiler of the predicates and values of one statement.

    `keys` are the SQL of values that are group keys, and `locate_in_group` finds the fields in the argument of an
    aggregate. Both are for expressions on groups.
    """

    locate: Locate
    bind: Bindings
    keys: Mapping[Scalar, StoredValue] = field(default_factory=dict)
    locate_in_group: Locate | None = None
    gather: Callable[[str], str] | None = None
    """Function that has a subquery compute an aggregate, and returns its name. TRY must not contain aggregates."""

    @property
    def dialect(self) -> Dialect:
        """Dialect of the SQL."""
        return self.bind.dialect

    # --- predicates

    def predicate(self, predicate: Predicate) -> str:
        """Return the SQL condition of a predicate, safe to combine with AND."""
        match predicate:
            case Comparison(ref, operator, values):
                return compare_stored(self._field(ref), operator, values, self.bind)
            case FieldComparison(ref, operator, other):
                return compare_fields(self._field(ref), operator, self._field(other), self.dialect)
            case Condition():
                return self._condition(predicate)
            case Not(term):
                return f"NOT ({self.predicate(term)})"
            case And(terms):
                return self._join(" AND ", _merge_equalities(terms, Op.NE, Op.NOT_IN)) if terms else "TRUE"
            case Or(terms):
                return self._join(" OR ", _merge_equalities(terms, Op.EQ, Op.IN)) if terms else "FALSE"

    def _join(self, word: str, terms: Iterable[Predicate]) -> str:
        return f"({word.join(map(self.predicate, terms))})"

    def _field(self, ref: Ref) -> StoredValue:
        """Return the SQL expression of a field. Empty text in a source field is read as NULL."""
        stored = self.locate(ref, self.bind)
        if ref.role not in ("source", "block") or stored.type is not Type.STRING:
            return stored
        if stored.many:
            return replace(stored, sql=self.dialect.map_list(stored.sql, lambda each: f"nullif({each}, '')"))
        return replace(stored, sql=f"nullif({stored.sql}, '')")

    def _condition(self, condition: Condition) -> str:
        sides = [_as_comparable(self.finite_value(condition.left), self.dialect)]
        if condition.right is None:
            sql = repeat_values(sides, lambda v: self._compare_with_constants(v[0], condition), self.dialect)
        else:
            sides.append(_as_comparable(self.finite_value(condition.right), self.dialect))
            sql = repeat_values(sides, lambda v: self._compare_with_value(v[0], v[1], condition), self.dialect)
        return f"NOT ({sql})" if condition.negated else f"({sql})"

    def _compare_with_constants(self, left: StoredValue, condition: Condition) -> str:
        if condition.escape:
            pattern, escape = self.bind(condition.values[0]), self.bind(condition.escape)
            sql = self.dialect.is_like(self.dialect.text(left), pattern, escape)
            return f"NOT ({sql})" if condition.operator is Op.NOT_LIKE else sql
        return compare_stored(left, condition.operator, condition.values, self.bind)

    def _compare_with_value(self, left: StoredValue, right: StoredValue, condition: Condition) -> str:
        if condition.operator in (Op.LIKE, Op.NOT_LIKE):
            text, pattern = self.dialect.text(left), self.dialect.text(right)
            sql = self.dialect.is_like(text, pattern)
            if condition.escape:  # a pattern that ends with the character is an error in DuckDB, and matches nothing
                escape = self.bind(condition.escape)
                rest = f"replace({pattern}, {escape} || {escape}, '')"
                matches = self.dialect.is_like(text, pattern, escape)
                sql = f"CASE WHEN NOT {self.dialect.ends_with(rest, escape)} THEN {matches} END"
            return f"NOT ({sql})" if condition.operator is Op.NOT_LIKE else sql
        return compare_fields(left, FIELD_OPERATORS[condition.operator], right, self.dialect)

    # --- values

    def output(self, scalar: Scalar) -> StoredValue:
        """Return the SQL of a value as a result column has it: a duration as an INTERVAL."""
        value = self.finite_value(scalar)
        return replace(value, sql=self.dialect.duration(value.sql)) if value.type is Type.INTERVAL else value

    def finite_value(self, scalar: Scalar) -> StoredValue:
        """Return the SQL of a value. A computed number that is not finite and a time after year 9999 are missing."""
        value = self.value(scalar)
        if not isinstance(scalar, Call | Case) or _is_always_finite(scalar):
            return value
        match value.type:
            case Type.NUMBER:
                return replace(value, sql=repeat_values([value], self._finite_number, self.dialect))
            case Type.TIME:
                return replace(value, sql=repeat_values([value], self._time_in_range, self.dialect))
            case _:
                return value

    def _finite_number(self, values: Sequence[StoredValue]) -> str:
        return f"CASE WHEN {self.dialect.is_finite(values[0].sql)} THEN {values[0].sql} END"

    def _time_in_range(self, values: Sequence[StoredValue]) -> str:
        return f"CASE WHEN {self.dialect.year(values[0].sql)} BETWEEN 1 AND 9999 THEN {values[0].sql} END"

    def value(self, scalar: Scalar) -> StoredValue:
        """Return the SQL of a value, with its type."""
        if scalar in self.keys:
            return self.keys[scalar]
        match scalar:
            case FieldValue(ref):
                return self._field(ref)
            case Constant():
                return StoredValue(self._constant(scalar), scalar.type)
            case Reading(value, type):
                return StoredValue(_read_as(self._field(value.ref), type, self.dialect), type)
            case Call():
                return self._call(scalar)
            case Case():
                return self._case(scalar)
            case Truth(predicate):
                return StoredValue(f"({self.predicate(predicate)})", Type.BOOLEAN)

    def _constant(self, constant: Constant) -> str:
        match constant.type:
            case Type.INTEGER | Type.INTERVAL:
                return self.bind(int(constant.value))
            case Type.NUMBER:
                return f"CAST({self.bind(float(constant.value))} AS DOUBLE)"
            case Type.BOOLEAN:
                return constant.value.upper()
            case Type.TIME:
                return self.dialect.as_time(self.bind(datetime.fromisoformat(constant.value)))
            case Type.DATE:
                return f"CAST({self.bind(date.fromisoformat(constant.value))} AS DATE)"
            case _:
                return self.bind(constant.value)

    def _call(self, call: Call) -> StoredValue:
        function = FUNCTIONS.get(call.function)
        if function is not None and function.is_aggregate and self.locate_in_group is not None and self.gather:
            inner = ExpressionCompiler(self.locate_in_group, self.bind)
            values = [inner.finite_value(value) for value in call.arguments]
            name = self.gather(_aggregate_sql(call, values, self.dialect))
            # The sum of whole numbers is a HUGEINT, and a total that is too large is missing.
            is_whole = call.function == "sum" and values[0].type in (Type.INTERVAL, Type.INTEGER)
            return StoredValue(self.dialect.to_integer(name) if is_whole else name, call.type)
        takes_any = function is not None and any(kind == "value" for _, kind in function.arguments)
        # A function such as coalesce would hide that a number is not finite.
        arguments = [(self.finite_value if takes_any else self.value)(argument) for argument in call.arguments]
        if function is not None:
            return StoredValue(fill_template(function.sql, arguments, self.dialect, function.defaults), call.type)
        if len(arguments) == 1:
            return StoredValue(f"(-{arguments[0].sql})", call.type)
        left, right = (argument.type for argument in call.arguments)
        rule = (
            ARITHMETIC.get((call.function, left, right))
            or ARITHMETIC[call.function, _as_number(left), _as_number(right)]
        )
        return StoredValue(fill_template(rule.sql, arguments, self.dialect), call.type)

    def _case(self, case: Case) -> StoredValue:
        if not case.branches:
            return StoredValue(self.dialect.missing(case.type), case.type)
        branches = " ".join(
            f"WHEN {self.predicate(test)} THEN {self.value(value).sql}" for test, value in case.branches
        )
        otherwise = f" ELSE {self.value(case.otherwise).sql}" if case.otherwise is not None else ""
        return StoredValue(f"CASE {branches}{otherwise} END", case.type)


def _is_always_finite(scalar: Scalar) -> bool:
    """Return whether a number is a whole number or a duration divided by a constant of at least 1.

    The usual `(end - start) / 1 min` then has the same SQL as by hand.
    """
    match scalar:
        case Call("/", (left, Constant(divisor, Type.INTEGER | Type.NUMBER | Type.INTERVAL))):
            return left.type in (Type.INTEGER, Type.INTERVAL) and abs(float(divisor)) >= 1
        case _:
            return False


_MAX_REPEATED = 2000
"""Length in characters above which SQL is not repeated: nested functions would double it at each level."""


def repeat_values(
    values: Sequence[StoredValue], build: Callable[[Sequence[StoredValue]], str], dialect: Dialect
) -> str:
    """Return the SQL that `build` makes of values. A long value that it repeats is computed once."""
    long = [number for number, value in enumerate(values) if len(value.sql) > _MAX_REPEATED]
    if long:
        # Marks show what is repeated. No SQL contains a NUL.
        marks = [replace(value, sql=f"\0{number}\0") for number, value in enumerate(values)]
        marked = build(marks)
        long = [number for number in long if marked.count(marks[number].sql) > 1]
    if not long:
        return build(values)

    def body(names: Sequence[str]) -> str:
        renamed = dict(zip(long, names, strict=True))
        return build([replace(v, sql=renamed[n]) if n in renamed else v for n, v in enumerate(values)])

    return dialect.compute_once([values[number].sql for number in long], body)


def fill_template(
    templates: SqlTemplates, arguments: Sequence[StoredValue], dialect: Dialect, defaults: Sequence[str] = ()
) -> str:
    """Return the SQL of a function of `schema.functions` with its arguments.

    `defaults` are the SQL of its last arguments, which may be left out.
    """
    return repeat_values(arguments, lambda values: _fill(templates, values, dialect, defaults), dialect)


def _fill(templates: SqlTemplates, arguments: Sequence[StoredValue], dialect: Dialect, defaults: Sequence[str]) -> str:
    template = dialect.template(templates)
    texts = [argument.sql for argument in arguments]
    first = arguments[0] if arguments else StoredValue("", Type.ANY)
    text = "" if "{text}" not in template else dialect.text(first)
    number = (
        ""
        if "{read_number}" not in template
        else _read_as(StoredValue(dialect.text(first), Type.ANY), Type.NUMBER, dialect)
    )
    listed = ", ".join(texts)
    texts += defaults  # a template uses its first arguments only
    return template.format(*texts, all=listed, joined=" || ".join(texts), text=text, read_number=number)


def _aggregate_sql(call: Call, arguments: list[StoredValue], dialect: Dialect) -> str:
    if not arguments:
        return "count(*)"
    first = arguments[0]
    if call.function == "count":
        counted = dialect.text(first) if first.type in (Type.ANY, Type.OBJECT) else first.sql
        return f"count(DISTINCT {counted})" if call.distinct else f"count({first.sql})"
    if first.type is Type.INTERVAL and call.function in ("avg", "median", "stddev"):
        name = "stddev_samp" if call.function == "stddev" else call.function
        order = f" ORDER BY {first.sql}" if call.function == "stddev" else ""
        return f"CAST({name}({first.sql}{order}) AS BIGINT)"
    if first.type in (Type.INTERVAL, Type.INTEGER) and call.function == "sum":
        return f"sum({first.sql})"
    if first.type is Type.INTEGER and call.function == "avg":
        return f"avg({first.sql})"
    if first.type is Type.ANY:
        first = replace(first, sql=dialect.text(first))
    return fill_template(FUNCTIONS[call.function].sql, [first, *arguments[1:]], dialect)


def _as_number(type: Type) -> Type:
    return Type.NUMBER if type is Type.INTEGER else type


def _as_comparable(value: StoredValue, dialect: Dialect) -> StoredValue:
    """Return a value as a type that `compare_stored` compares: a day as its midnight, a duration as a number."""
    match value.type:
        case Type.DATE:
            return StoredValue(dialect.as_time(value.sql), Type.TIME)
        case Type.INTERVAL:
            return StoredValue(value.sql, Type.INTEGER)
        case _:
            return value


def _read_as(stored: StoredValue, type: Type, dialect: Dialect) -> str:
    """Return the SQL of a metadata value read as a type."""
    match type:
        case Type.NUMBER | Type.INTEGER:
            return dialect.read(stored, "number")
        case Type.TIME | Type.DATE:
            return dialect.read(stored, "moment")
        case Type.BOOLEAN:
            return f"CASE {dialect.text(stored)} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case Type.STRING | Type.OBJECT | Type.DECIMAL | Type.INTERVAL | Type.CLOCK | Type.BYTES | Type.ANY:
            return dialect.text(stored)
    assert_never(type)


def _merge_equalities(terms: tuple[Predicate, ...], single: Op, several: Op) -> Iterable[Predicate]:
    """Merge `a = 1 OR a = 2` into one list: planning thousands of terms takes DuckDB seconds."""
    lists: dict[Ref, list[str]] = {}
    others: list[Predicate] = []
    for term in terms:
        if isinstance(term, Comparison) and term.operator in (single, several):
            lists.setdefault(term.ref, []).extend(term.values)
        else:
            others.append(term)
    return (*(Comparison(ref, several, tuple(values)) for ref, values in lists.items()), *others)


_MAX_EXTRACTED = 8
"""Number of metadata comparisons above which a map is cheaper."""


def has_many_comparisons(predicate: Predicate) -> bool:
    """Return whether a predicate has more comparisons of metadata than should be extracted one by one."""
    count, open_terms = 0, [predicate]
    while open_terms:
        match open_terms.pop():
            case Comparison(ref):
                count += ref.role == "metadata"
            case FieldComparison(ref, _, other):
                count += (ref.role == "metadata") + (other.role == "metadata")
            case Condition() as condition:
                count += sum(ref.role == "metadata" for ref in collect_refs(condition))
            case Not(term):
                open_terms.append(term)
            case And(terms) | Or(terms):
                open_terms += terms
    return count > _MAX_EXTRACTED


def text_expression(ref: Ref, alias: str, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a metadata key in a table made by `Dialect.with_text_map`."""
    return StoredValue(bind.dialect.map_value(f"{alias}.texts", bind(ref.name)), Type.ANY)


_MAX_BIGINT = 2**63 - 1


def limit_clause(limit: int | None, offset: int, bind: Bindings) -> tuple[str, ...]:
    """Return the LIMIT and OFFSET clauses that a query has."""
    first = () if limit is None else (f"LIMIT {bind(min(limit, _MAX_BIGINT))}",)
    return (*first, f"OFFSET {bind(min(offset, _MAX_BIGINT))}") if offset else first


def order_terms(keys: Iterable[OrderKey], locate: Locate, bind: Bindings) -> tuple[str, ...]:
    """Return the terms of an SQL ORDER BY."""
    compiler = ExpressionCompiler(locate, bind)
    return tuple(
        term
        for key in keys
        for term in _key_terms(
            key,
            locate(key.ref, bind) if key.expression is None else compiler.finite_value(key.expression),
            bind.dialect,
        )
    )


def _key_terms(key: OrderKey, stored: StoredValue, dialect: Dialect) -> tuple[str, ...]:
    direction = "DESC" if key.descending else "ASC"
    missing = "FIRST" if key.nulls_first else "LAST"
    if stored.type is not Type.ANY:
        value = dialect.text(stored) if stored.type is Type.OBJECT else stored.sql
        return (f"{value} {direction} NULLS {missing}",)
    number = dialect.read(stored, "number")
    return (
        f"{stored.sql} IS NULL {'DESC' if key.nulls_first else 'ASC'}",
        f"{number} {direction} NULLS {'FIRST' if key.descending else 'LAST'}",
        f"{dialect.large_integer(stored)} {direction}",  # orders integers that are equal as doubles
        f"CASE WHEN {number} IS NULL THEN {dialect.text(stored)} END {direction}",
    )


# --- comparisons

_NUMBER, _MOMENT, _WHOLE = re.compile(NUMBER), re.compile(MOMENT), re.compile("[+-]?[0-9]{1,18}")

_MAX_INTEGER = 10**38
"""Limit from which integers are compared as doubles: the integers of engines hold little more."""

_UNKNOWN = "CAST(NULL AS BOOLEAN)"

_MAX_SEPARATE_PARAMETERS = 50
"""Maximum number of list values that are separate parameters. A longer list is one array parameter."""


@dataclass(frozen=True, slots=True)
class QueryValue:
    """Parsed string of a query: its reading and the value to bind. An interval has its first and last moment."""

    reading: ValueReading
    value: str | int | float | datetime
    last: datetime | None = None


def read_value(text: str, type: Type) -> QueryValue | None:
    """Parse a query's string for a field of a type. Return None if it cannot be read."""
    match type:
        case Type.INTEGER if _WHOLE.fullmatch(text):
            return QueryValue("number", int(text))
        case Type.INTEGER:
            return _read_integer(text) or _read_number(text)
        case Type.NUMBER:
            return _read_number(text)
        case Type.TIME:
            return _read_moment(text)
        case Type.ANY:
            return _read_integer(text) or _read_number(text) or _read_moment(text) or QueryValue("text", text)
        case _:
            return QueryValue("text", text)


def compare_stored(stored: StoredValue, operator: Op, values: Sequence[str], bind: Bindings) -> str:
    """Return the SQL condition that compares a stored value with strings."""
    match operator:
        case Op.NE | Op.NOT_IN | Op.NOT_BETWEEN | Op.NOT_LIKE:
            return f"NOT ({compare_stored(stored, OPERATORS[operator].negation, values, bind)})"
        case Op.IS_NULL:
            return bind.dialect.has_no_element(stored.sql) if stored.many else f"{stored.sql} IS NULL"
        case Op.IS_NOT_NULL:
            return f"NOT ({bind.dialect.has_no_element(stored.sql)})" if stored.many else f"{stored.sql} IS NOT NULL"
        case Op.EQ | Op.IN | Op.LIKE | Op.BETWEEN | Op.LT | Op.LE | Op.GT | Op.GE:
            return (_compare_any if stored.many else _compare_one)(stored, operator, values, bind)
        case _:
            assert_never(operator)


_Positive = Literal[Op.EQ, Op.IN, Op.LIKE, Op.BETWEEN, Op.LT, Op.LE, Op.GT, Op.GE]
"""Operators that compare with values and are not the negation of another one in SQL."""


def _compare_one(stored: StoredValue, operator: _Positive, values: Sequence[str], bind: Bindings) -> str:
    match operator:
        case Op.EQ | Op.IN:
            return _compare_in(stored, values, bind)
        case Op.LIKE:
            return bind.dialect.is_like(bind.dialect.text(stored), bind(values[0]))
        case Op.BETWEEN:
            low, high = values
            return f"({_compare_order(stored, '>=', low, bind)} AND {_compare_order(stored, '<=', high, bind)})"
        case Op.LT:
            return _compare_order(stored, "<", values[0], bind)
        case Op.LE:
            return _compare_order(stored, "<=", values[0], bind)
        case Op.GT:
            return _compare_order(stored, ">", values[0], bind)
        case Op.GE:
            return _compare_order(stored, ">=", values[0], bind)
        case _:
            assert_never(operator)


def _compare_any(stored: StoredValue, operator: _Positive, values: Sequence[str], bind: Bindings) -> str:
    """Return the condition for a list of stored values. It is unknown for an empty list."""
    # An array parameter makes a subquery, which a lambda cannot contain: a long list is compared in pieces.
    pieces = [values[at : at + _MAX_SEPARATE_PARAMETERS] for at in range(0, len(values), _MAX_SEPARATE_PARAMETERS)]

    def compare_element(name: str) -> str:
        element = bind.dialect.element(name, stored)
        return " OR ".join(_compare_one(element, operator, piece, bind) for piece in pieces)

    return bind.dialect.any_element(stored.sql, compare_element)


def _compare_order(stored: StoredValue, sign: Literal["<", "<=", ">", ">="], text: str, bind: Bindings) -> str:
    value = read_value(text, stored.type)
    return _UNKNOWN if value is None else f"{bind.dialect.read(stored, value.reading)} {sign} {bind(value.value)}"


def _compare_in(stored: StoredValue, texts: Sequence[str], bind: Bindings) -> str:
    """Return the condition that a value equals one of the strings, which can have different readings."""
    values = [value for value in (read_value(text, stored.type) for text in texts) if value is not None]
    readings: tuple[ValueReading, ...] = ("text", "number", "whole", "moment")
    groups = [(r, [v.value for v in values if v.reading == r and v.last is None]) for r in readings]
    conditions = [_compare_one_of(stored, reading, group, bind) for reading, group in groups if group]
    conditions += [_compare_inside(stored, value, bind) for value in values if value.last is not None]
    if not conditions:
        return f"({stored.sql} IS NULL AND NULL)"
    return conditions[0] if len(conditions) == 1 else f"({' OR '.join(conditions)})"


def _compare_one_of(
    stored: StoredValue, reading: ValueReading, values: list[str | int | float | datetime], bind: Bindings
) -> str:
    """Return the condition that a value equals one of several values with the same reading."""
    dialect = bind.dialect
    value = dialect.read(stored, reading)
    if len(values) == 1:
        equal = f"{value} = {bind(values[0])}"
    elif len(values) <= _MAX_SEPARATE_PARAMETERS:
        equal = f"{value} IN ({', '.join(map(bind, values))})"
    else:
        equal = dialect.is_in_array(value, dialect.array(bind(values), reading))
    return equal if reading == "text" else _false_if_unreadable(equal, stored, dialect)


def _compare_inside(stored: StoredValue, value: QueryValue, bind: Bindings) -> str:
    """Return the condition that a value is inside a time interval."""
    inside = f"{bind.dialect.read(stored, value.reading)} BETWEEN {bind(value.value)} AND {bind(value.last)}"
    return _false_if_unreadable(inside, stored, bind.dialect)


def _false_if_unreadable(condition: str, stored: StoredValue, dialect: Dialect) -> str:
    """Make a condition false for unreadable values. For missing values it stays unknown: `TRUE AND NULL`."""
    return f"coalesce({condition}, {dialect.text(stored)} IS NULL AND NULL)" if stored.type is Type.ANY else condition


def _read_integer(text: str) -> QueryValue | None:
    """Parse an integer that a double might round, in any notation."""
    if not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    # The range is checked first: a huge exponent would make an enormous integer.
    if not EXACT_IN_DOUBLE <= abs(number) < _MAX_INTEGER or number != number.to_integral_value():
        return None
    return QueryValue("whole", int(number))


def _read_number(text: str) -> QueryValue | None:
    return QueryValue("number", float(text)) if _NUMBER.fullmatch(text) else None


def _read_moment(text: str) -> QueryValue | None:
    span = read_span(text) if "/" in text else None
    if span is not None:
        return QueryValue("moment", *span)
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return QueryValue("moment", datetime.fromisoformat(text).replace(tzinfo=None))
    except ValueError:
        return None


_READINGS: dict[Type, ValueReading] = {Type.NUMBER: "number", Type.INTEGER: "number", Type.TIME: "moment"}


_Sign = Literal["=", "<", "<=", ">", ">="]


def compare_fields(left: StoredValue, operator: FieldOp, right: StoredValue, dialect: Dialect) -> str:
    """Return the SQL condition that compares two stored values."""
    match operator:
        case Op.NE:
            return f"NOT ({_compare_typed(left, '=', right, dialect)})"
        case Op.EQ:
            return _compare_typed(left, "=", right, dialect)
        case Op.LT:
            return _compare_typed(left, "<", right, dialect)
        case Op.LE:
            return _compare_typed(left, "<=", right, dialect)
        case Op.GT:
            return _compare_typed(left, ">", right, dialect)
        case Op.GE:
            return _compare_typed(left, ">=", right, dialect)
        case _:
            assert_never(operator)


def _compare_typed(left: StoredValue, sign: _Sign, right: StoredValue, dialect: Dialect) -> str:
    if left.type is Type.ANY and right.type is Type.ANY:
        return _compare_metadata_keys(left, sign, right, dialect)
    reading = _READINGS.get(right.type if left.type is Type.ANY else left.type, "text")
    compared = f"{dialect.read(left, reading)} {sign} {dialect.read(right, reading)}"
    if sign != "=" or reading == "text" or Type.ANY not in (left.type, right.type):
        return f"({compared})"
    # If both have a value but one cannot be read as the type, they are not equal.
    return f"CASE WHEN {left.sql} IS NOT NULL AND {right.sql} IS NOT NULL THEN coalesce({compared}, FALSE) END"


def _compare_metadata_keys(left: StoredValue, sign: _Sign, right: StoredValue, dialect: Dialect) -> str:
    number, other_number = dialect.read(left, "number"), dialect.read(right, "number")
    moment, other_moment = dialect.read(left, "moment"), dialect.read(right, "moment")
    # Doubles round large integers: values that are equal as doubles are compared exactly.
    large, other_large = dialect.large_integer(left), dialect.large_integer(right)
    numbers = (
        f"CASE WHEN {number} = {other_number} AND {large} IS NOT NULL THEN {large} {sign} {other_large}"
        f" ELSE {number} {sign} {other_number} END"
    )
    return (
        f"CASE WHEN {number} IS NOT NULL AND {other_number} IS NOT NULL THEN {numbers}"
        f" WHEN {moment} IS NOT NULL AND {other_moment} IS NOT NULL THEN {moment} {sign} {other_moment}"
        f" ELSE {dialect.text(left)} {sign} {dialect.text(right)} END"
    )
