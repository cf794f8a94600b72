"""Compilation of DISTINCT, GROUP BY and aggregate functions to SQL.

Equal values form one group. Values of a metadata key, objects and lists are compared as JSON (`5`, `5.0` and `"5"` are
three groups); missing values form one group. A record whose grouped field is a list is in the group of each distinct
element, once; fields of one list are grouped together, element by element. Functions ignore missing values. For a metadata key, `min` and `max` use
the order of ORDER BY, numbers before text, and `sum` and `avg` use the values that are numbers. Values are summed in
their order, so that equal groups have equal sums to the last digit.

Rows that ORDER BY does not order are in the order of their group keys.
"""

# ruff: noqa: S608 - names of this module and SQL expressions are put into SQL, every value is bound

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from auroraql.diagnostics.errors import replace_value
from auroraql.ir.plan import PostProcessing
from auroraql.ir.query import (
    EVERYTHING,
    Column,
    GroupKey,
    OrderKey,
    Query,
    Ref,
    Scalar,
    collect_refs,
    column_refs,
    key_refs,
    order_refs,
)
from auroraql.schema.model import Type, is_grouped_by_element
from auroraql.sql import clauses
from auroraql.sql.clauses import ExpressionCompiler, limit_clause
from auroraql.sql.dialect import Bindings, Dialect, StoredValue

Places = Mapping[Ref, StoredValue]
"""SQL expressions of the values in the rows to group."""


def used_refs(query: Query | PostProcessing, columns: Sequence[Column]) -> tuple[Ref, ...]:
    """Return the distinct fields used by GROUP BY, the columns and ORDER BY."""
    grouped = (ref for key in query.group_by for ref in key_refs(key))
    of_columns = (ref for column in columns for ref in column_refs(column))
    ordered = (ref for key in query.order_by for ref in order_refs(key))
    return tuple(dict.fromkeys((*grouped, *of_columns, *ordered, *collect_refs(query.having))))


def select_values(refs: Sequence[Ref], places: Places, tables: str, where: str, also: str = "1") -> tuple[str, Places]:
    """Return the SELECT of the rows to group and the places of their values. `also` is an additional column."""
    named = {ref: replace(places[ref], sql=f"k{at}") for at, ref in enumerate(refs)}
    values = (f"{places[ref].sql} AS k{at}" for at, ref in enumerate(refs))
    clauses = ("SELECT", ", ".join((*values, also)), "FROM", tables, *(("WHERE", where) if where else ()))
    return " ".join(clauses), named


def compile_groups(
    query: Query | PostProcessing,
    columns: Sequence[Column],
    rows: str,
    places: Places,
    bind: Bindings,
    *,
    only: str = "",
) -> str:
    """Return the statement that groups `rows`, a SELECT. JSON values and objects are returned as text.

    `only` is an aggregate that replaces the columns.
    """
    rows, places = _split_lists(query.group_by, rows, places, bind.dialect)
    groups = _GroupCompiler(query, columns, places, bind)
    values = [groups.gathered_name(only)] if only else [column.value for column in groups.columns]
    ordering = groups.ordering(bind)
    having = groups.computed.predicate(query.having) if query.having != EVERYTHING else ""
    clauses = (
        "SELECT",
        ", ".join(values),
        "FROM ( SELECT DISTINCT" if query.distinct and not only else "FROM ( SELECT",
        ", ".join(f"{sql} AS {name}" for sql, name in groups.names.items()),
        f"FROM (SELECT {', '.join(f'{sql} AS {name}' for sql, name in groups.gathered.items()) or 'count(*)'}",
        f"FROM ({rows})",
        *((f"GROUP BY {', '.join(groups.keys)}",) if groups.keys else ()),
        ")",
        *((f"WHERE {having}",) if having else ()),
        ")",
        *((f"ORDER BY {', '.join(ordering)}",) if ordering else ()),
        *limit_clause(query.limit, query.offset, bind),
    )
    return " ".join(clauses)


def _split_lists(keys: Sequence[GroupKey], rows: str, places: Places, dialect: Dialect) -> tuple[str, Places]:
    """Return the rows with one row for each distinct element of the grouped lists, and the places of their values."""
    lists: dict[str, list[Ref]] = {}
    for key in keys:
        if isinstance(key, Ref) and places[key].many and is_grouped_by_element(places[key].type):
            lists.setdefault(key.path[0], []).append(key)
    for refs in lists.values():
        names = [places[ref].sql for ref in refs]
        others = [stored.sql for stored in places.values() if stored.sql not in names]
        tuples = f"{dialect.rows_of(dialect.distinct_tuples(names))} AS elements"
        members = (f"{dialect.tuple_member('elements', at)} AS {name}" for at, name in enumerate(names, 1))
        rows = f"SELECT {', '.join((*others, *members))} FROM (SELECT {', '.join((*others, tuples))} FROM ({rows}))"
        places = {ref: dialect.element(stored.sql, stored) if ref in refs else stored for ref, stored in places.items()}
    return rows, places


@dataclass(frozen=True, slots=True)
class _GroupValue:
    """Value of a group: its output expression, the expression to order by, and a tie breaker of that order."""

    value: str
    stored: StoredValue
    tie_breaker: str = ""


class _GroupCompiler:
    """Compiler of the groups of one query.

    `gathered` maps the SQL of aggregates and keys to their names in the innermost SELECT. `names` maps what is computed
    from them to its names in the SELECT around it.
    """

    def __init__(
        self, query: Query | PostProcessing, columns: Sequence[Column], places: Places, bind: Bindings
    ) -> None:
        self.asked, self.places, self.dialect = query, places, bind.dialect
        self.labels = [column.label for column in columns]
        self.gathered: dict[str, str] = {}
        self.names: dict[str, str] = {}
        plain = ExpressionCompiler(self._locate, bind)
        # DISTINCT rows are grouped by all of their values.
        keys = query.group_by if query.is_aggregate else tuple(map(_value_of, columns))
        stored = [places[key] if isinstance(key, Ref) else plain.finite_value(key) for key in keys]
        self.keys = tuple(dict.fromkeys(_group_key(value, bind.dialect) for value in stored))
        self.computed = ExpressionCompiler(
            self._locate_any,
            bind,
            {
                key: replace(value, sql=self.gather(value.sql))
                for key, value in zip(keys, stored, strict=True)
                if not isinstance(key, Ref)
            },
            self._locate,
            self.gather,
        )
        self.columns = [self._column(column) for column in columns]
        self.by_ref = {c.ref: value for c, value in zip(columns, self.columns, strict=True) if not c.is_computed}
        self.grouped = self.columns if query.distinct else [self._key_value(value) for value in stored]

    def _locate(self, ref: Ref, _bind: Bindings) -> StoredValue:
        return self.places[ref]

    def _locate_any(self, ref: Ref, _bind: Bindings) -> StoredValue:
        """Return the value of a group key outside of aggregates. All records of a group have the same one."""
        stored = self.places[ref]
        return replace(stored, sql=self.gather(self.dialect.any_value(stored.sql)))

    def gather(self, sql: str) -> str:
        """Return the column name of an aggregate or a key in the innermost SELECT, adding it if needed."""
        return self.gathered.setdefault(sql, f"a{len(self.gathered)}")

    def name(self, sql: str) -> str:
        """Return the column name of an expression in the inner SELECT, adding it if needed."""
        return self.names.setdefault(sql, f"g{len(self.names)}")

    def gathered_name(self, sql: str) -> str:
        """Return the column name of an aggregate or a key in the inner SELECT, adding it if needed."""
        return self.name(self.gather(sql))

    def ordering(self, bind: Bindings) -> list[str]:
        """Return the terms of ORDER BY: those of the query, then the group keys."""
        terms = [term for key in self.asked.order_by for term in _order_terms(key, self._ordered_value(key), bind)]
        for group_value in self.grouped:
            terms += _order_terms(OrderKey(Ref("column", "")), group_value.stored, bind)
            terms += [group_value.tie_breaker] if group_value.tie_breaker else []
        return list(dict.fromkeys(terms))

    def _ordered_value(self, key: OrderKey) -> StoredValue:
        ref = key.ref
        if key.expression is not None:
            value = self.computed.finite_value(key.expression)
            return replace(value, sql=self.name(value.sql))
        if ref.role == "column":
            return self.columns[self.labels.index(ref.name)].stored
        if ref in self.by_ref:
            return self.by_ref[ref].stored
        if ref in self.asked.group_by:
            return self._key_value(self.places[ref]).stored
        return self._any_value(self.places[ref])  # a member of an object that is a group key

    def _any_value(self, stored: StoredValue) -> StoredValue:
        """Return the value shared by a group, in the form to order by."""
        if stored.type is Type.ANY:
            return StoredValue(self.gathered_name(self.dialect.any_value(self.dialect.text(stored))), Type.ANY)
        return replace(stored, sql=self.gathered_name(self.dialect.any_value(stored.sql)))

    def _computed_column(self, expression: Scalar) -> _GroupValue:
        value = self.computed.finite_value(expression)
        name = self.name(value.sql)
        shown = self.dialect.duration(name) if value.type is Type.INTERVAL else name
        if value.type in (Type.ANY, Type.OBJECT):
            shown = self.name(self.dialect.json_text(value.sql))
        return _GroupValue(shown, replace(value, sql=name))

    def _column(self, column: Column) -> _GroupValue:
        if column.expression is not None:
            return self._computed_column(column.expression)
        if column.ref is None:
            return self._number("count(*)", Type.INTEGER)
        stored = self.places[column.ref]
        match column.function:
            case "":
                return self._key_value(stored)
            case "count":
                return self._number(f"count(*) FILTER ({stored.sql} IS NOT NULL)", Type.INTEGER)
            case "sum" | "avg" as function:
                return self._sum(function, stored)
            case function:
                return self._extreme(function, stored)

    def _key_value(self, stored: StoredValue) -> _GroupValue:
        key = _group_key(stored, self.dialect)
        if stored.type is Type.INTERVAL:
            name = self.gathered_name(key)
            return _GroupValue(self.dialect.duration(name), replace(stored, sql=name))
        if stored.many or stored.type is Type.OBJECT:
            exact = self.gathered_name(key)
            return _GroupValue(
                self.gathered_name(self.dialect.any_value(self.dialect.json(stored.sql))),
                StoredValue(exact, Type.OBJECT),
            )
        name = self.gathered_name(key)
        if stored.type is Type.ANY:
            return _GroupValue(name, self._any_value(stored), name)
        return _GroupValue(name, replace(stored, sql=name))

    def _number(self, sql: str, type: Type) -> _GroupValue:
        name = self.gathered_name(sql)
        return _GroupValue(self.dialect.duration(name) if type is Type.INTERVAL else name, StoredValue(name, type))

    def _sum(self, function: Literal["sum", "avg"], stored: StoredValue) -> _GroupValue:
        if stored.type is Type.INTERVAL:
            return self._number(f"CAST({function}({stored.sql}) AS BIGINT)", Type.INTERVAL)
        if stored.type is Type.INTEGER:
            return self._number(f"{function}({stored.sql})", Type.INTEGER if function == "sum" else Type.NUMBER)
        return self._number(self.dialect.exact_sum(function, self.dialect.read(stored, "number")), Type.NUMBER)

    def _extreme(self, function: str, stored: StoredValue) -> _GroupValue:
        if stored.type is not Type.ANY:
            return self._number(f"{function}({stored.sql})", stored.type)
        number = self.dialect.read(stored, "number")
        ranked = self.dialect.struct(
            {
                "is_text": f"{number} IS NULL",
                "number": f"coalesce({number}, 0)",
                "whole": f"coalesce({self.dialect.large_integer(stored)}, 0)",
                "text": self.dialect.text(stored),
                "json": self.dialect.json_text(stored.sql),
            }
        )
        name = self.gathered_name(f"{function}({ranked}) FILTER ({stored.sql} IS NOT NULL)")
        return _GroupValue(f"{name}.json", StoredValue(f"{name}.text", Type.ANY), f"{name}.json")


def _order_terms(key: OrderKey, stored: StoredValue, bind: Bindings) -> Iterable[str]:
    return clauses.order_terms((replace_value(key, expression=None),), lambda _ref, _bind: stored, bind)


def _value_of(column: Column) -> GroupKey:
    """Return the value of a column of DISTINCT rows."""
    value = column.expression if column.ref is None else column.ref
    assert value is not None, "columns of DISTINCT rows are not aggregates"  # noqa: S101
    return value


def _group_key(stored: StoredValue, dialect: Dialect) -> str:
    """Return an expression that is equal for values of one group."""
    if stored.many:
        return dialect.sorted_json(stored.sql)
    match stored.type:
        case Type.ANY:
            return dialect.json_text(stored.sql)
        case Type.OBJECT:
            return f"coalesce({dialect.sorted_json(stored.sql)}, '{{}}')"
        case _:
            return stored.sql
