"""Compilation of predicates, value expressions, ORDER BY and LIMIT to SQL.

AND, OR and NOT follow SQL's three-valued logic. A computed number that is not finite, such as an overflow, is missing.
Durations are whole numbers of microseconds. Missing values come last, or first with NULLS FIRST. Values of a metadata key
are ordered with numbers first, by value, then everything else by its plain text. Descending order is the exact reverse,
except for missing values.
"""

# ruff: noqa: S608 - only names of the column mappings are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import assert_never

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
from auroraql.schema.functions import ARITHMETIC, FUNCTIONS
from auroraql.schema.model import Type
from auroraql.schema.operators import FIELD_OPERATORS, Op
from auroraql.sql.comparison import Bindings, StoredValue, compare_fields, compare_stored

Locate = Callable[[Ref, Bindings], StoredValue]
"""Function from a field to its SQL expression. The name of a metadata key is bound, not spliced into the SQL."""

DIALECT = "duckdb"


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

    # --- predicates

    def predicate(self, predicate: Predicate) -> str:
        """Return the SQL condition of a predicate, safe to combine with AND."""
        match predicate:
            case Comparison(ref, operator, values):
                return compare_stored(self._field(ref), operator, values, self.bind)
            case FieldComparison(ref, operator, other):
                return compare_fields(self._field(ref), operator, self._field(other))
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
        if ref.role != "source" or stored.type is not Type.STRING:
            return stored
        if stored.many:
            return replace(stored, sql=f"list_transform({stored.sql}, lambda each: nullif(each, ''))")
        return replace(stored, sql=f"nullif({stored.sql}, '')")

    def _condition(self, condition: Condition) -> str:
        left = _as_comparable(self.finite_value(condition.left))
        if condition.right is None:
            sql = self._compare_with_constants(left, condition)
        else:
            sql = self._compare_with_value(left, _as_comparable(self.finite_value(condition.right)), condition)
        return f"NOT ({sql})" if condition.negated else f"({sql})"

    def _compare_with_constants(self, left: StoredValue, condition: Condition) -> str:
        if condition.escape:
            pattern = f"{self.bind(condition.values[0])} ESCAPE {self.bind(condition.escape)}"
            sql = f"{left.text} ILIKE {pattern}"
            return f"NOT ({sql})" if condition.operator is Op.NOT_LIKE else sql
        return compare_stored(left, condition.operator, condition.values, self.bind)

    def _compare_with_value(self, left: StoredValue, right: StoredValue, condition: Condition) -> str:
        if condition.operator in (Op.LIKE, Op.NOT_LIKE):
            escape = f" ESCAPE {self.bind(condition.escape)}" if condition.escape else ""
            sql = f"{left.text} ILIKE {right.text}{escape}"
            return f"NOT ({sql})" if condition.operator is Op.NOT_LIKE else sql
        return compare_fields(left, FIELD_OPERATORS[condition.operator], right)

    # --- values

    def output(self, scalar: Scalar) -> StoredValue:
        """Return the SQL of a value as a result column has it: a duration as an INTERVAL."""
        value = self.finite_value(scalar)
        return replace(value, sql=interval_sql(value.sql)) if value.type is Type.INTERVAL else value

    def finite_value(self, scalar: Scalar) -> StoredValue:
        """Return the SQL of a value. A computed number that is not finite and a time after year 9999 are missing."""
        value = self.value(scalar)
        if not isinstance(scalar, Call | Case):
            return value
        match value.type:
            case Type.NUMBER:
                return replace(value, sql=f"CASE WHEN isfinite({value.sql}) THEN {value.sql} END")
            case Type.TIME:
                return replace(value, sql=f"CASE WHEN year({value.sql}) BETWEEN 1 AND 9999 THEN {value.sql} END")
            case _:
                return value

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
                return StoredValue(_read_as(self._field(value.ref), type), type)
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
                return f"CAST({self.bind(datetime.fromisoformat(constant.value))} AS TIMESTAMP)"
            case Type.DATE:
                return f"CAST({self.bind(date.fromisoformat(constant.value))} AS DATE)"
            case _:
                return self.bind(constant.value)

    def _call(self, call: Call) -> StoredValue:
        function = FUNCTIONS.get(call.function)
        if function is not None and function.is_aggregate and self.locate_in_group is not None:
            inner = ExpressionCompiler(self.locate_in_group, self.bind)
            return StoredValue(_aggregate_sql(call, [inner.finite_value(each) for each in call.arguments]), call.type)
        arguments = [self.value(argument) for argument in call.arguments]
        if function is not None:
            return StoredValue(fill_template(function.sql[DIALECT], arguments), call.type)
        if len(arguments) == 1:
            return StoredValue(f"(-{arguments[0].sql})", call.type)
        left, right = (argument.type for argument in call.arguments)
        rule = (
            ARITHMETIC.get((call.function, left, right))
            or ARITHMETIC[call.function, _as_number(left), _as_number(right)]
        )
        return StoredValue(fill_template(rule.sql[DIALECT], arguments), call.type)

    def _case(self, case: Case) -> StoredValue:
        branches = " ".join(
            f"WHEN {self.predicate(test)} THEN {self.value(value).sql}" for test, value in case.branches
        )
        otherwise = f" ELSE {self.value(case.otherwise).sql}" if case.otherwise is not None else ""
        return StoredValue(f"CASE {branches}{otherwise} END", case.type)


def interval_sql(microseconds: str) -> str:
    """Return the SQL of a number of microseconds as an INTERVAL."""
    return f"to_microseconds(CAST({microseconds} AS BIGINT))"


def fill_template(template: str, arguments: list[StoredValue]) -> str:
    """Return the SQL of a template of `schema.functions` with its arguments."""
    texts = [argument.sql for argument in arguments]
    first = arguments[0] if arguments else StoredValue("", Type.ANY)
    text = "" if "{text}" not in template else first.text
    number = (
        "" if "{read_number}" not in template else _read_as(replace(first, sql=first.text, type=Type.ANY), Type.NUMBER)
    )
    if template.startswith("round(") and len(texts) == 1:
        texts.append("0")
    return template.format(*texts, all=", ".join(texts), joined=" || ".join(texts), text=text, read_number=number)


def _aggregate_sql(call: Call, arguments: list[StoredValue]) -> str:
    if not arguments:
        return "count(*)"
    first = arguments[0]
    if call.function == "count":
        counted = first.text if first.type in (Type.ANY, Type.OBJECT) else first.sql
        return f"count(DISTINCT {counted})" if call.distinct else f"count({first.sql})"
    if first.type is Type.INTERVAL and call.function in ("avg", "median"):
        return f"CAST({call.function}({first.sql}) AS BIGINT)"
    if first.type in (Type.INTERVAL, Type.INTEGER) and call.function == "sum":
        return f"TRY(CAST(sum({first.sql}) AS BIGINT))"
    if first.type is Type.INTEGER and call.function == "avg":
        return f"avg({first.sql})"
    if first.type is Type.ANY:
        first = replace(first, sql=first.text)
    return fill_template(FUNCTIONS[call.function].sql[DIALECT], [first, *arguments[1:]])


def _as_number(type: Type) -> Type:
    return Type.NUMBER if type is Type.INTEGER else type


def _as_comparable(value: StoredValue) -> StoredValue:
    """Return a value as a type that `sql.comparison` compares: a day as its midnight, a duration as a number."""
    match value.type:
        case Type.DATE:
            return StoredValue(f"CAST({value.sql} AS TIMESTAMP)", Type.TIME)
        case Type.INTERVAL:
            return StoredValue(value.sql, Type.INTEGER)
        case _:
            return value


def _read_as(stored: StoredValue, type: Type) -> str:
    """Return the SQL of a metadata value read as a type."""
    match type:
        case Type.NUMBER | Type.INTEGER:
            return stored.as_reading("number")
        case Type.TIME | Type.DATE:
            return stored.as_reading("moment")
        case Type.BOOLEAN:
            return f"CASE {stored.text} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
        case Type.STRING | Type.OBJECT | Type.DECIMAL | Type.INTERVAL | Type.CLOCK | Type.BYTES | Type.ANY:
            return stored.text
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


def add_text_map(table: str, alias: str, condition: str) -> str:
    """Return a table with a column `texts` made from its `metadata`, as a subquery of the same alias.

    DuckDB extracts a key from a VARIANT again for every comparison and uses about a megabyte for each, which its memory
    limit does not count. A predicate with many comparisons therefore reads a map from keys to the plain texts of their
    values, which is built once for each record, through JSON. Values of JSON types have the same text as when they are
    extracted. A DECIMAL, FLOAT or HUGEINT, which only other programs store in a VARIANT, has the text of the nearest
    DOUBLE.

        `condition` limits the rows for which maps are made. OFFSET keeps DuckDB from moving conditions on the map into the
    subquery, where it would make the map for each of them.
    """
    text = "CAST(CAST(each.value AS VARIANT) AS VARCHAR)"
    entries = f"map_entries(CAST(CAST({alias}.metadata AS JSON) AS MAP(VARCHAR, JSON)))"
    texts = f"map_from_entries(list_transform({entries}, lambda each: {{'key': each.key, 'value': {text}}}))"
    return f"(SELECT {alias}.*, {texts} AS texts FROM {table} AS {alias} WHERE {condition} OFFSET 0) AS {alias}"


def text_expression(ref: Ref, alias: str, bind: Bindings) -> StoredValue:
    """Return the SQL expression of a metadata key in a table made by `add_text_map`."""
    return StoredValue(f"{alias}.texts[{bind(ref.name)}]", Type.ANY)


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
            key, locate(key.ref, bind) if key.expression is None else compiler.finite_value(key.expression)
        )
    )


def _key_terms(key: OrderKey, stored: StoredValue) -> tuple[str, ...]:
    direction = "DESC" if key.descending else "ASC"
    missing = "FIRST" if key.nulls_first else "LAST"
    if stored.type is not Type.ANY:
        value = stored.text if stored.type is Type.OBJECT else stored.sql
        return (f"{value} {direction} NULLS {missing}",)
    number = stored.as_reading("number")
    return (
        f"{stored.sql} IS NULL {'DESC' if key.nulls_first else 'ASC'}",
        f"{number} {direction} NULLS {'FIRST' if key.descending else 'LAST'}",
        f"{stored.as_large_integer} {direction}",  # orders integers that are equal as doubles
        f"CASE WHEN {number} IS NULL THEN {stored.text} END {direction}",
    )
