"""The printer: a Query as canonical text, and how texts and names are quoted. Parsing the text gives the same Query."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from auroraql.diagnostics.errors import replace_value
from auroraql.ir.plan import record_kind
from auroraql.ir.query import (
    EVENTS_ONLY,
    And,
    Block,
    Call,
    Case,
    Column,
    Comparison,
    Condition,
    Constant,
    Criteria,
    FieldComparison,
    FieldValue,
    GroupKey,
    Not,
    Or,
    OrderKey,
    Predicate,
    Query,
    Reading,
    Ref,
    Scalar,
    Truth,
    default_columns,
    split_conjuncts,
)
from auroraql.ir.times import literal_of, read_full_date, read_span
from auroraql.schema import BLOCKS, Field, Kind, Type
from auroraql.schema.catalogue import Catalogue, is_time_key
from auroraql.schema.functions import FUNCTIONS, MICROSECONDS
from auroraql.schema.kinds.conjunctions import HALF_MINUTE, PRECISION_UNIT, TRACES
from auroraql.schema.operators import OPERATORS, Limit, Op
from auroraql.schema.synonyms import TIME_WORDS

WIDTH = 100
INDENT = "  "


def lay_out_clauses(head: str, clauses: list[str]) -> str:
    """Lay out a statement from its head (`FIND data_products`) and its clauses, in the given order."""
    line = " ".join([head, *clauses])
    if len(line) <= WIDTH and "\n" not in line:
        return line
    return "\n".join([head, *(INDENT + clause for clause in clauses)])


def quote_text(text: str) -> str:
    """Return a text in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """Return a name in backticks."""
    return "`" + name.replace("`", "``") + "`"


_NAME = re.compile(
    r"(?!(?:and|or|not|in|between|like|is|null|true|false|case|when|now|today|yesterday|tomorrow)(?!\w))[^\W\d]\w*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_WHOLE = re.compile(r"-?\d+")
_ENDS_WITH_NUMBER = re.compile(r"(?<![\w`.])[\d.]+(?:[eE][+-]?\d+)?$")
_DAY = timedelta(days=1) - timedelta(seconds=1)


def print_query(query: Query, catalogue: Catalogue) -> str:
    """Return the canonical text of a query. The catalogue provides the types of metadata keys."""
    return _Printer(record_kind(query), catalogue).query(query)


def print_scalar(scalar: Scalar, kind: Kind, catalogue: Catalogue) -> str:
    """Return a value expression as it is written in SELECT."""
    return _Printer(kind, catalogue).scalar(scalar, 0)


def print_duration(microseconds: int) -> str:
    """Return a duration in the largest unit that gives a whole number."""
    for unit, size in sorted(MICROSECONDS.items(), key=lambda item: -item[1]):
        if microseconds % size == 0 and unit != "w":
            return f"{microseconds // size} {unit}"
    seconds, rest = divmod(abs(microseconds), MICROSECONDS["s"])
    return f"{'-' if microseconds < 0 else ''}{seconds}.{rest:06}".rstrip("0") + " s"


def print_predicate(predicate: Predicate, kind: Kind, catalogue: Catalogue) -> str:
    """Return a predicate as it is written in WHERE."""
    return _Printer(kind, catalogue).predicate(predicate, 0)


class _Printer:
    def __init__(self, kind: Kind, catalogue: Catalogue) -> None:
        self.kind, self.catalogue = kind, catalogue
        self.labels: set[str] = set()
        """Aliases of SELECT. A metadata key of the same name is written with the prefix `metadata.` in WHERE."""

    def query(self, query: Query) -> str:
        clauses = [] if query.criteria is None else self.criteria(query.criteria)
        if query.select is not None:
            clauses.append(f"SELECT {', '.join(self.columns(query))}")
        self.labels = {column.alias for column in query.select or () if column.alias}
        window = print_window(query.start, query.end)
        if query.where != And(()):
            # After a value, BETWEEN would be a comparison of it instead of the window.
            compared = " = TRUE" if window.startswith("BETWEEN") and _ends_with_truth(query.where) else ""
            clauses.append(f"WHERE {self.predicate(query.where, 0)}{compared}")
        if query.during:
            clauses.append(print_overlapping(*query.during[0]))
        if window:
            clauses.append(window)
        labels = {print_name(column.label if column.function else column.alias) for column in query.select or ()}
        if query.group_by:
            clauses.append(f"GROUP BY {', '.join(self.group_key(key, labels) for key in query.group_by)}")
        if query.having != And(()):
            clauses.append(f"HAVING {self.predicate(query.having, 0)}")
        if query.order_by:
            clauses.append(f"ORDER BY {', '.join(self.order_key(key, labels) for key in query.order_by)}")
        if query.limit is not None:
            clauses.append(f"LIMIT {query.limit}" + (f" OFFSET {query.offset}" if query.offset else ""))
        return lay_out_clauses(f"FIND {'DISTINCT ' if query.distinct else ''}{self.kind.name}", clauses)

    def criteria(self, criteria: Criteria) -> list[str]:
        return list(print_criteria(criteria, lambda where, kind: print_predicate(where, kind, self.catalogue)))

    def columns(self, query: Query) -> Iterator[str]:
        """Yield the items of SELECT.

        Columns in the order of the record become a star where that is shorter and few columns are missing.
        """
        columns = query.select or ()
        whole = default_columns(self.kind.leaves())
        places = {column: at for at, column in enumerate(whole)}
        for run in _consecutive_columns(columns, places):
            items = [self.column(column) for column in run]
            if (
                query.is_aggregate
                or run == list(whole) == list(columns)
                or run[0] not in places
                or 2 * len(run) <= len(whole)
            ):
                yield from items
                continue
            present = set(run)
            missing = [leaf for leaf, column in zip(self.kind.leaves(), whole, strict=True) if column not in present]
            star = f"* EXCLUDE ({', '.join(self.excluded_fields(missing))})" if missing else "*"
            yield from [star] if len(star) < len(", ".join(items)) else items

    def excluded_fields(self, missing: Sequence[Field]) -> Iterator[str]:
        """Yield the names in EXCLUDE for the missing fields: an object when all its members are missing."""
        for field in self.kind.fields:
            left_out = [leaf for leaf in missing if leaf.path[: len(field.path)] == field.path]
            members = field.members if field.members and not field.many else (field,)
            for excluded in (field,) if len(left_out) == len(members) else left_out:
                yield print_path(excluded.bare if self.kind.field(excluded.bare) is excluded else excluded.name)

    def column(self, column: Column) -> str:
        if column.expression is not None:
            text = self.scalar(column.expression, 0)
            return f"{text} AS {print_name(column.alias)}" if column.alias else text
        if column.ref is None:
            path = "*"
        elif column.bare:
            # The label of the column is the name as written, so it must not get a prefix.
            # The name of a metadata key is one part, also with a dot in it.
            path = print_name(column.ref.name) if column.ref.role == "metadata" else print_path(column.ref.bare)
        else:
            path = self.path(column.ref, dotted=True)
        text = f"{column.function}({path})" if column.function else path
        return f"{text} AS {print_name(column.alias)}" if column.alias else text

    def group_key(self, key: GroupKey, labels: set[str]) -> str:
        """Return a key of GROUP BY."""
        return self.key(key, labels) if isinstance(key, Ref) else self.scalar(key, 0)

    def key(self, ref: Ref, labels: set[str]) -> str:
        """Return a key of GROUP BY or ORDER BY.

        A label hides a name of one part, so the field is then written with its prefix.
        """
        if ref.role == "column":
            return print_name(ref.name)
        path = self.path(ref)
        return self.path(ref, dotted=True) if path in labels else path

    def order_key(self, key: OrderKey, labels: set[str]) -> str:
        is_label = print_name(key.ref.name) in labels
        by = self.key(key.ref, labels) if key.expression is None or is_label else self.scalar(key.expression, 0)
        words = [by, "DESC" if key.descending else "", "NULLS FIRST" if key.nulls_first else ""]
        return " ".join(filter(None, words))

    def path(self, ref: Ref, *, dotted: bool = False) -> str:
        """Return a path.

        A metadata key has its prefix only when a field, a time word or a label has its name. A field of the source
        has its prefix only when `dotted`.
        """
        if ref.role == "metadata":
            name = print_name(ref.name)
            is_taken = self.kind.field(ref.name) is not None or ref.name.lower() in TIME_WORDS
            return f"metadata.{name}" if dotted or is_taken or ref.name in self.labels else name
        declared = self.kind.field(ref.name)
        if dotted or declared is None or self.kind.field(declared.bare) is not declared:
            return print_path(ref.name)
        return print_path(declared.bare)

    def operand(self, ref: Ref) -> str:
        """Return a field on the right side of an operator. A metadata key has its prefix there."""
        return self.path(ref, dotted=ref.role == "metadata")

    def predicate(self, predicate: Predicate, above: int) -> str:
        """Return a predicate. `above` is the precedence of its surroundings: 0 for none, 1 for OR, 2 for AND."""
        match predicate:
            case Comparison():
                return self.comparison(predicate)
            case FieldComparison(ref, operator, other):
                return f"{self.path(ref)} {OPERATORS[operator].text} {self.operand(other)}"
            case Condition():
                return self.condition(predicate)
            case Not(term):
                return f"NOT ({self.predicate(term, 0)})"
            case And(()):
                return "TRUE"
            case Or(()):
                return "FALSE"
            case And(terms):
                text = " AND ".join(self.predicate(t, 2) for t in terms)
                return f"({text})" if above == 2 else text
            case Or(terms):
                text = " OR ".join(self.predicate(t, 1) for t in terms)
                return f"({text})" if above else text

    def comparison(self, comparison: Comparison) -> str:
        operator = OPERATORS[comparison.operator]
        limits = operator.limits_of(len(comparison.values))
        values = [
            self.value(comparison.ref, value, limit) for value, limit in zip(comparison.values, limits, strict=False)
        ]
        left = f"{self.path(comparison.ref)} {operator.text}"
        if operator.op is Op.BETWEEN and (literal := self.interval(comparison)):
            return f"{self.path(comparison.ref)} {OPERATORS[Op.EQ].text} {literal}"
        match operator.arity:
            case 0:
                return left
            case 2:
                return f"{left} {values[0]} AND {values[1]}"
            case -1:
                return f"{left} ({', '.join(values)})"
            case _:
                return f"{left} {values[0]}"

    def condition(self, condition: Condition) -> str:
        """Return a comparison of computed values."""
        is_truth = condition == replace_value(condition, operator=Op.EQ, values=("true",), right=None)
        if is_truth and isinstance(condition.left, Call) and condition.left.type is Type.BOOLEAN:
            text = self.scalar(condition.left, 1)
            return f"NOT {text}" if condition.negated else text
        operator = OPERATORS[condition.operator]
        left = f"{self.scalar(condition.left, 1)} {operator.text}"
        values = [self.scalar(condition.right, 1)] if condition.right is not None else self.constants(condition)
        match operator.arity:
            case 0:
                text = left
            case 2:
                text = f"{left} {values[0]} AND {values[1]}"
            case -1:
                text = f"{left} ({', '.join(values)})"
            case _:
                text = f"{left} {values[0]}"
        if condition.escape:
            text += f" ESCAPE {quote_text(condition.escape)}"
        return f"NOT ({text})" if condition.negated else text

    def constants(self, condition: Condition) -> list[str]:
        """Return the constants that a value is compared with."""
        type_ = Type.TIME if condition.left.type is Type.DATE else condition.left.type
        limits = OPERATORS[condition.operator].limits_of(len(condition.values))
        texts = []
        for value, limit in zip(condition.values, limits, strict=False):
            literal = _interval_literal(value, limit) if type_ is Type.TIME else ""
            texts.append(literal or self.constant(Constant(value, Type.STRING if limit == "text" else type_)))
        return texts

    def scalar(self, scalar: Scalar, above: int) -> str:
        """Return a value.

        `above` is the precedence of its surroundings: 0 none, 1 a comparison, 2 a sum, 3 a product, 4 a minus sign.
        """
        match scalar:
            case FieldValue(ref):
                return self.operand(ref)
            case Reading(value):
                return self.operand(value.ref)
            case Constant(value, Type.NUMBER, unit) if _WHOLE.fullmatch(value):
                # Without the point, it would be a whole number, whose arithmetic has other results.
                return self.signed(f"{value}.0 {unit}".rstrip(), above)
            case Constant():
                return self.signed(self.constant(scalar), above)
            case Truth(predicate):
                return f"({self.predicate(predicate, 0)})"
            case Case():
                return self.case(scalar)
            case Call():
                return self.call(scalar, above)

    def signed(self, constant: str, above: int) -> str:
        """Return a constant, in parentheses if it has a sign and follows a minus."""
        return f"({constant})" if above == 4 and constant.startswith("-") else constant

    def case(self, case: Case) -> str:
        if not case.branches:
            return "NULL"
        branches = (f"WHEN {self.predicate(test, 0)} THEN {self.scalar(value, 0)}" for test, value in case.branches)
        otherwise = f" ELSE {self.scalar(case.otherwise, 0)}" if case.otherwise is not None else ""
        return f"CASE {' '.join(branches)}{otherwise} END"

    def call(self, call: Call, above: int) -> str:
        function = FUNCTIONS.get(call.function)
        if function is not None:
            arguments = call.arguments[:1] if function.needs_time else call.arguments
            listed = ", ".join(self.scalar(argument, 0) for argument in arguments)
            if function.name == "count" and not arguments:
                listed = "*"
            return f"{call.function}({'DISTINCT ' if call.distinct else ''}{listed})"
        if len(call.arguments) == 1:
            text = f"-{self.scalar(call.arguments[0], 4)}"
            # Two signs in a row begin a comment.
            return f"({text})" if above == 4 else text
        own = 3 if call.function in "*/%" else 2
        left, right = self.scalar(call.arguments[0], own), self.scalar(call.arguments[1], own + 1)
        if call.function == "%" and _ENDS_WITH_NUMBER.search(left):
            left = f"({left})"  # after a number, % is the unit percent
        text = f"{left} {call.function} {right}"
        return f"({text})" if above > own else text

    def constant(self, constant: Constant) -> str:
        match constant.type:
            case Type.NUMBER | Type.INTEGER:
                return f"{constant.value} {constant.unit}".rstrip()
            case Type.BOOLEAN:
                return constant.value.upper()
            case Type.TIME | Type.DATE:
                return print_instant(constant.value)
            case Type.INTERVAL:
                return print_duration(int(constant.value))
            case _:
                return quote_text(constant.value)

    def value(self, ref: Ref, value: str, limit: Limit = "whole") -> str:
        """Return a value: numbers without quotes where the field may hold numbers, everything else quoted."""
        if limit == "text":
            return quote_text(value)
        literal = _interval_literal(value, limit) if ref.role == "metadata" or self.type_of(ref) is Type.TIME else ""
        if literal:
            # A year or month in quotes may be a text instead of a time.
            return quote_text(literal) if ref.role == "metadata" and len(literal) >= len("2020-01-01") else literal
        match self.type_of(ref):
            case Type.NUMBER | Type.INTEGER | Type.ANY if _NUMBER.fullmatch(value):
                return value
            case Type.BOOLEAN:
                return value.upper()
            case Type.TIME:
                return print_instant(value)
            case _:
                return quote_text(value)

    def interval(self, comparison: Comparison) -> str:
        """Return the time literal that is equal to a range of times, or an empty string."""
        ends = [_parse_instant(value) for value in comparison.values]
        if None in ends or (comparison.ref.role != "metadata" and self.type_of(comparison.ref) is not Type.TIME):
            return ""
        first, last = (end for end in ends if end is not None)
        literal = literal_of(first, last) if first < last else ""
        if comparison.ref.role != "metadata":
            return literal
        is_year = len(literal) == len("2020") and not is_time_key(self.kind, comparison.ref.name)
        return "" if is_year else quote_text(literal) if len(literal) == len("2020-01-01") else literal

    def type_of(self, ref: Ref) -> Type:
        if ref.role != "metadata":
            declared = self.kind.field(ref.name)
            return declared.type if declared is not None else Type.ANY
        key = self.catalogue.key(self.kind.metadata, ref.name)
        return key.type if key is not None else Type.ANY


def _is_truth(condition: Condition) -> bool:
    """Return whether a condition is written as a function alone: `starts_with(url, 'https')`."""
    is_true = condition == replace_value(condition, operator=Op.EQ, values=("true",), right=None)
    return is_true and isinstance(condition.left, Call) and condition.left.type is Type.BOOLEAN


def _ends_with_truth(predicate: Predicate) -> bool:
    """Return whether the text of a predicate ends with TRUE, FALSE or a function alone."""
    match predicate:
        case Condition():
            return _is_truth(predicate)
        case And(()) | Or(()):
            return True
        case And((*_, And((_, *_)) | Or((_, *_)))) | Or((*_, Or((_, *_)))):
            return False  # in parentheses
        case And((*_, last)) | Or((*_, last)):
            return _ends_with_truth(last)
        case _:
            return False


def _consecutive_columns(columns: Sequence[Column], places: Mapping[Column, int]) -> Iterator[list[Column]]:
    """Yield the columns, grouped into runs that are in the order of the record."""
    run: list[Column] = []
    for column in columns:
        if run and places.get(run[-1], len(places)) >= places.get(column, -1):
            yield run
            run = []
        run.append(column)
    if run:
        yield run


def print_path(dotted: str) -> str:
    """Return a dotted path as it is written in a statement."""
    return ".".join(map(print_name, dotted.split(".")))


def print_name(name: str) -> str:
    """Return a name as it is written in a statement, in backticks when it is not a plain name."""
    return name if _NAME.fullmatch(name) else quote_name(name)


def print_time(moment: datetime) -> str:
    """Return a time, with seconds only when they are not zero."""
    return moment.isoformat(timespec="seconds" if moment.second else "minutes")


def print_instant(value: str) -> str:
    """Return an instant of a query, without seconds when they are zero."""
    return value.removesuffix(":00") if len(value) == len("2020-01-01T00:00:00") else value


_MIDNIGHT, _LAST_MOMENT = "T00:00:00", "T23:59:59.999999"


def _parse_instant(value: str) -> datetime | None:
    """Return the time of an instant in a query, or None when the text is not a full time."""
    date = read_full_date(value) if len(value) >= len("2020-01-01T00:00:00") else None
    return None if date is None else date.first


def _interval_literal(value: str, limit: Limit) -> str:
    """Return the date, month or year that is equal to a time of a query, or an empty string."""
    span = read_span(value)
    if span is not None:
        return literal_of(*span)
    day, edge = value[:10], {"first": _MIDNIGHT, "last": _LAST_MOMENT}.get(limit)
    is_whole_day = edge is not None and value[10:] == edge and read_full_date(value) is not None
    return day if is_whole_day else ""


def print_window(start: datetime | None, end: datetime | None) -> str:
    """Return the canonical time window. A bound at the edge of a day is written as that day."""
    if start is not None and end is not None:
        if _is_midnight(start) and end == start + _DAY:
            return f"ON {start.date().isoformat()}"
        return f"BETWEEN {_print_lower_bound(start)} AND {_print_upper_bound(end)}"
    if start is not None:
        return f"SINCE {_print_lower_bound(start)}"
    return f"UNTIL {_print_upper_bound(end)}" if end is not None else ""


def print_overlapping(first: datetime, last: datetime) -> str:
    """Return the canonical OVERLAPPING window of an interval."""
    if first == last:
        return f"OVERLAPPING {print_time(first)}"
    if _is_midnight(first) and last == first + _DAY:
        return f"OVERLAPPING {first.date().isoformat()}"
    return f"OVERLAPPING {_print_lower_bound(first)} AND {_print_upper_bound(last)}"


def _is_midnight(moment: datetime) -> bool:
    return (moment.hour, moment.minute, moment.second) == (0, 0, 0)


def _print_lower_bound(start: datetime) -> str:
    return start.date().isoformat() if _is_midnight(start) else print_time(start)


def _print_upper_bound(end: datetime) -> str:
    return end.date().isoformat() if (end.hour, end.minute, end.second) == (23, 59, 59) else print_time(end)


PrintPredicate = Callable[[Predicate, Kind], str]


def print_criteria(criteria: Criteria, write_predicate: PrintPredicate) -> Iterator[str]:
    """Yield the clauses of the criteria, in canonical order."""
    yield f"OF {', '.join(_print_block(block, write_predicate) for block in criteria.blocks)}"
    distances = ", ".join(_print_distances(criteria))
    if distances:
        yield f"WITHIN {distances}"
    if criteria.via != (TRACES[0],):
        yield f"VIA {', '.join(criteria.via) or '()'}"
    if criteria.subminute:
        yield f"PRECISION {HALF_MINUTE} {PRECISION_UNIT}"


def _print_block(block: Block, write_predicate: PrintPredicate) -> str:
    alias = f" AS {print_name(block.alias)}" if block.alias else ""
    if block.kind == "location":
        points = ", ".join(f"({lat:f}, {lon:f})" for lat, lon in block.points)
        return f"location{alias} {points}" if len(block.points) == 1 else f"location{alias} ({points})"
    terms = split_conjuncts(block.where)
    if block.kind == "events" and terms[:1] == (EVENTS_ONLY,):
        terms = terms[1:]
    where = terms[0] if len(terms) == 1 else And(terms)
    return f"{block.kind}{alias} ({write_predicate(where, BLOCKS[block.kind])})" if terms else f"{block.kind}{alias}"


def _print_distances(criteria: Criteria) -> Iterator[str]:
    """Yield the items of WITHIN.

    The most frequent limit is written once for all pairs. By default, two ground blocks are at one place.
    """
    names, pairs = criteria.names, list(zip(criteria.pairs, criteria.distances, strict=True))
    usual = [limit for pair, limit in pairs if not _is_ground_pair(criteria, pair)]
    general = Counter(usual).most_common(1)[0][0] if usual else None
    if usual:
        yield _print_limit(general)
    for pair, limit in pairs:
        if limit != (Decimal(0) if _is_ground_pair(criteria, pair) else general):
            yield f"{names[pair[0]]}-{names[pair[1]]} {_print_limit(limit)}"


def _is_ground_pair(criteria: Criteria, pair: tuple[int, int]) -> bool:
    return all(criteria.blocks[at].kind == "ground" for at in pair)


def _print_limit(limit: Decimal | None) -> str:
    return "ANY" if limit is None else f"{limit:f} km"
