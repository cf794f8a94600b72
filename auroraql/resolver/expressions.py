"""Value expressions: resolve functions, arithmetic and CASE to typed values, and compute constant ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from auroraql.diagnostics.errors import Origin, Span, replace_value
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
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
    Predicate,
    Reading,
    Ref,
    Scalar,
    Truth,
    normalize,
)
from auroraql.ir.times import TimeError, read_full_date, read_interval, unit_seconds, write_instant
from auroraql.language import ast
from auroraql.language.ast import (
    Arithmetic,
    BooleanLiteral,
    CaseExpression,
    Duration,
    Expression,
    FunctionCall,
    Instant,
    Negative,
    NullLiteral,
    NumberLiteral,
    Parameter,
    Path,
    Subquery,
    TextLiteral,
    Timestamp,
    Value,
)
from auroraql.resolver.names import NameResolver
from auroraql.resolver.patterns import find_pattern_fault
from auroraql.resolver.values import OperandResolver, SemanticError
from auroraql.schema import Type
from auroraql.schema.functions import (
    AGGREGATES,
    ARITHMETIC,
    FUNCTION_NAMES,
    FUNCTIONS,
    PHYSICAL_UNITS,
    TIME_UNITS,
    Arguments,
    ArgumentType,
    ArithmeticRule,
    Function,
    NotFoldableError,
    plain_value,
)
from auroraql.schema.operators import Op

NUMERIC = (Type.NUMBER, Type.INTEGER)
_TIMES = (Type.TIME, Type.DATE)
_MOST_MICROSECONDS = 2**62

_NULL = Case((), None, Type.ANY)
"""NULL: a CASE without branches is always missing. It gets the type of the values around it."""

ResolvePredicate = Callable[[Expression], Predicate]


class ExpressionResolver:
    """Resolver of the value expressions of one clause.

    `allows_aggregates` is true in SELECT, HAVING and ORDER BY. `labels` are the values of the columns of SELECT that a
    clause may use by their names.
    """

    def __init__(
        self,
        names: NameResolver,
        values: OperandResolver,
        resolve_predicate: ResolvePredicate,
        *,
        clause: str,
        allows_aggregates: bool = False,
        labels: Mapping[str, Scalar] | None = None,
    ) -> None:
        self.names, self.values, self.resolve_predicate = names, values, resolve_predicate
        self.clause, self.allows_aggregates = clause, allows_aggregates
        self.labels = labels or {}
        self._inside: str = ""
        """The aggregate function whose argument is being resolved."""
        self._resolved: dict[tuple[int, str], tuple[Value, Scalar]] = {}
        """Computed values by the id of their node, which is stored too, so that the id is not reused."""

    def resolve(self, value: Value) -> Scalar:
        """Return the typed value of an expression. Raises SemanticError for its first error.

        Comparisons resolve their sides more than once, which would double the time at each level of nesting.
        """
        key = (id(value), self._inside)
        if key not in self._resolved:
            self._resolved[key] = value, self._resolve(value)
        return self._resolved[key][1]

    def _resolve(self, value: Value) -> Scalar:  # noqa: C901, PLR0912 - one case for each node
        match value:
            case Path():
                return self._path(value)
            case NumberLiteral(text, unit, origin):
                return self._number(text, unit, origin)
            case TextLiteral(text):
                return Constant(text, Type.STRING)
            case BooleanLiteral(truth):
                return Constant(str(truth).lower(), Type.BOOLEAN)
            case Instant():
                return Constant(write_instant(self.values.interval(value).first), Type.TIME)
            case Duration():
                return self._duration(value)
            case Parameter():
                return self._parameter(value)
            case FunctionCall():
                return self._call(value)
            case Arithmetic():
                return self._arithmetic(value)
            case Negative(operand, origin):
                return self._negative(self.resolve(operand), operand, origin)
            case CaseExpression():
                return self._case(value)
            case NullLiteral():
                return _NULL
            case Subquery(origin=origin):
                message = "a FIND in parentheses is a list of values, not a single value"
                raise SemanticError("AQL0221", message, origin, "a list", "use it after IN: platform IN (FIND …)")
            case _:
                return Truth(normalize(self.resolve_predicate(value)))

    # --- leaves

    def _path(self, path: Path) -> Scalar:
        label = self.labels.get(path.dotted) if not self._inside else None
        if label is not None:
            return label
        ref = self.names.ref(path)
        declared = self.names.declared_field(ref)
        if declared is None:
            key = self.names.catalogue.key(self.names.kind.metadata, ref.name)
            return FieldValue(ref, Type.ANY, key.unit if key is not None else "")
        return FieldValue(ref, declared.type, declared.unit, many=self.names.kind.is_listed(ref.path))

    def _number(self, text: str, unit: str, origin: Origin) -> Constant:
        if unit and unit not in PHYSICAL_UNITS:
            return self._duration(Duration(text, unit, origin))
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise SemanticError("AQL0203", f"{text} is too large or too small a number", origin)
        whole = re.fullmatch(r"[+-]?\d{1,18}", text) is not None
        return Constant(text if whole else plain_value(number), Type.INTEGER if whole else Type.NUMBER, unit)

    def _duration(self, duration: Duration) -> Constant:
        try:
            count = self.values.count(duration) * unit_seconds(duration.unit) * 1_000_000
        except TimeError as error:
            raise SemanticError("AQL0301", str(error), duration.origin, hint=error.hint) from None
        if abs(count) > _MOST_MICROSECONDS:
            raise SemanticError(
                "AQL0301", "the duration is too long", duration.origin, "", "write at most 100,000 years"
            )
        return Constant(str(int(count)), Type.INTERVAL)

    def _parameter(self, parameter: Parameter) -> Scalar:
        operands = self.values.substitute(parameter)
        if len(operands) != 1:
            message = f"the parameter ${parameter.name} is a list, and one value is needed"
            raise SemanticError("AQL0211", message, parameter.origin, "a list", "use IN for a list")
        return self.resolve(operands[0])

    # --- arithmetic

    def _arithmetic(self, value: Arithmetic) -> Scalar:
        total, shown = self.resolve(value.operands[0]), value.operands[0]
        for sign, operand in zip(value.signs, value.operands[1:], strict=True):
            right = self.resolve(operand)
            total = self._combine(sign, (total, shown), (right, operand), value)
            shown = value
        return total

    def _combine(self, sign: str, left: tuple[Scalar, Value], right: tuple[Scalar, Value], whole: Arithmetic) -> Scalar:
        """Return the value of two values joined by a sign. Raises SemanticError if their types or units differ."""
        span = _join_spans(left[1].origin, right[1].origin) or whole.origin
        for scalar, written in (left, right):
            if isinstance(scalar, Constant) and scalar.unit == "%":
                message = "after a number, '%' is the unit percent, which arithmetic does not take"
                hint = f"write mod({scalar.value}, …) for the remainder of a division"
                raise SemanticError("AQL0204", message, written.origin, "a percentage", hint)
        if sign == "||":
            texts = tuple(self.to_text(*side) for side in (left, right))
            return _fold(Call("||", texts, Type.STRING), span)
        first, second = (self._operand(side, other[0]) for side, other in ((left, right), (right, left)))
        rule = _find_rule(sign, first.type, second.type)
        if rule is None:
            message = f"{_describe(first)} {sign} {_describe(second)} is not defined"
            hint = _arithmetic_hint(sign, first, second)
            raise SemanticError("AQL0203", message, span, "wrong types", hint, missing=("TIME_UNIT",))
        unit = self._combined_unit(rule, first, second, span)
        if sign in "/%" and isinstance(second, Constant) and float(second.value) == 0:
            raise SemanticError("AQL0203", "a division by zero has no value", right[1].origin, "zero")
        return _fold(Call(sign, (first, second), rule.result, unit), span)

    def _operand(self, side: tuple[Scalar, Value], other: Scalar) -> Scalar:
        """Return an operand of arithmetic. A metadata value is read as the other operand's type, else as a number."""
        scalar, written = side
        if _is_many(scalar):
            raise self._list_error(written)
        if scalar.type is Type.ANY:
            is_number = isinstance(scalar, FieldValue) and self._usual_type(scalar) in NUMERIC
            is_time = other.type in (*_TIMES, Type.INTERVAL) and not is_number
            return self.to_time(scalar, written) if is_time else self.to_number(scalar, written)
        if scalar.type is Type.STRING and isinstance(scalar, Constant) and other.type in _TIMES:
            return self.to_time(scalar, written)
        if scalar.type is Type.DATE and other.type is not Type.DATE:
            return self.to_time(scalar, written)
        return scalar

    def _combined_unit(self, rule: ArithmeticRule, left: Scalar, right: Scalar, origin: Origin) -> str:
        match rule.unit:
            case "none":
                return ""
            case "one":
                return "" if left.unit and right.unit else left.unit or ("" if rule.sign == "/" else right.unit)
            case "same":
                check_units(left, right, origin)
                return left.unit or right.unit

    def _negative(self, scalar: Scalar, written: Value, origin: Origin) -> Scalar:
        if scalar.type is not Type.INTERVAL:
            scalar = self.to_number(scalar, written)
        return _fold(Call("-", (scalar,), scalar.type, scalar.unit), origin)

    # --- CASE

    def _case(self, value: CaseExpression) -> Scalar:
        branches = []
        for test, result in value.branches:
            condition = test if value.subject is None else _equals(value.subject, test)
            branches.append((normalize(self.resolve_predicate(condition)), self.resolve(result)))  # type: ignore[arg-type]
        otherwise = self.resolve(value.otherwise) if value.otherwise is not None else None
        written = [result for _, result in value.branches] + ([value.otherwise] if value.otherwise is not None else [])
        scalars = [scalar for _, scalar in branches] + ([otherwise] if otherwise is not None else [])
        unified = self.unify(list(zip(scalars, written, strict=True)), "CASE")
        unit = next((scalar.unit for scalar in unified if scalar.unit), "")
        tests = [test for test, _ in branches]
        return Case(
            tuple(zip(tests, unified, strict=False)),
            unified[-1] if otherwise is not None else None,
            _common_type(unified),
            unit,
        )

    # --- functions

    def _call(self, call: FunctionCall) -> Scalar:
        function = FUNCTION_NAMES.get(call.name)
        if function is None:
            raise unknown_function_error(call)
        if function.is_aggregate:
            return self._aggregate(function, call)
        if call.star or call.distinct:
            word = "*" if call.star else "DISTINCT"
            hint = f"write {function.signature}"
            raise SemanticError("AQL0205", f"{function.name} does not take {word}", call.origin, "", hint)
        overloaded = self._list_function(function, call)
        if overloaded is not None:
            return overloaded
        declared, arguments = self._arguments(function, call)
        values = [self._argument(kind, *pair, function) for (_, kind), pair in zip(declared, arguments, strict=True)]
        if any(kind == "value" for _, kind in declared):
            values = list(
                self.unify(list(zip(values, [written for _, written in arguments], strict=True)), function.name)
            )
        if function.name == "distance_km":
            self._check_place(values, arguments)
        type_ = _common_type(values) if function.result == "argument" else function.result
        unit = function.unit
        if function.unit == "argument":
            unit = next((value.unit for value in values if value.unit), "")
        return _fold(Call(function.name, tuple(values), type_, unit), call.origin)

    def _list_function(self, function: Function, call: FunctionCall) -> Scalar | None:
        """Return `contains(list, value)`, which shares its name with the function of text."""
        if function.name != "contains" or len(call.arguments) != 2:
            return None
        first = self.resolve(call.arguments[0])
        if not _is_many(first):
            return None
        second = self._argument("value", self.resolve(call.arguments[1]), call.arguments[1], function)
        if isinstance(first, FieldValue) and first.type in (Type.STRING, Type.INTEGER, Type.NUMBER):
            is_alike = (first.type in NUMERIC) == (second.type in NUMERIC) and isinstance(second, Constant)
            if is_alike and isinstance(second, Constant):
                return Truth(Condition(first, Op.EQ, (second.value,), origin=call.origin))
        message = f"contains compares the elements of '{_written(call.arguments[0])}' with one constant of their type"
        raise SemanticError("AQL0203", message, call.arguments[1].origin)

    def _arguments(self, function: Function, call: FunctionCall) -> tuple[Arguments, list[tuple[Scalar, Value]]]:
        """Return the declared and the resolved arguments. A place becomes its latitude and longitude."""
        resolved: list[tuple[Scalar, Value]] = []
        for written in call.arguments:
            place = self._place(written) if function.group == "geography" and isinstance(written, Path) else None
            resolved += place if place is not None else [(self.resolve(written), written)]
        declared = function.arguments
        if function.is_variadic and len(resolved) > len(declared):
            declared = (*declared, *declared[-1:] * (len(resolved) - len(declared)))
        if not len(declared) - function.optional <= len(resolved) <= len(declared):
            count = len(call.arguments)
            message = f"{function.name} takes {_count_arguments(function)}, not {count}"
            hint = f"write {function.signature}: {function.doc}"
            raise SemanticError("AQL0205", message, call.origin, "", hint, missing=("COMMA",))
        return declared[: len(resolved)], resolved

    def _place(self, path: Path) -> list[tuple[Scalar, Value]] | None:
        """Return the latitude and longitude of an object with these members, or None for another field."""
        declared = self.names.kind.field(path.dotted)
        members = {field.path[-1]: field for field in declared.members} if declared is not None else {}
        if not {"lat", "lon"} <= members.keys():
            return None
        parts = [Path((*path.parts, name), path.origin) for name in ("lat", "lon")]
        return [(self._path(part), part) for part in parts]

    def _check_place(self, values: Sequence[Scalar], arguments: Sequence[tuple[Scalar, Value]]) -> None:
        for at in (0, 2):
            latitude = values[at]
            if isinstance(latitude, Constant) and abs(float(latitude.value)) > 90:
                message = f"{latitude.value} is not a latitude"
                hint = "distance_km takes the latitude first: distance_km(lat1, lon1, lat2, lon2)"
                raise SemanticError("AQL0203", message, arguments[at][1].origin, "outside -90 to 90", hint)

    def _argument(  # noqa: C901 - one case for each type of argument
        self, kind: ArgumentType, scalar: Scalar, written: Value, function: Function
    ) -> Scalar:
        """Return an argument as the type that a function takes. Raises SemanticError for another type."""
        if kind != "list" and _is_many(scalar):
            raise self._list_error(written)
        match kind:
            case "number":
                return self.to_number(scalar, written, function.name)
            case "text":
                return (
                    self.to_text(scalar, written)
                    if function.name == "concat"
                    else self._text_only(scalar, written, function)
                )
            case "time":
                return self.to_time(scalar, written, function.name)
            case "duration":
                if scalar.type is Type.INTERVAL:
                    return scalar
                raise _type_error(function.name, "a duration", scalar, written)
            case "value":
                return self._concrete(scalar, written) if function.name not in ("text", "number") else scalar
            case "list":
                if _is_many(scalar):
                    return scalar
                raise _type_error(function.name, "a list", scalar, written)
            case "time unit":
                return _check_time_unit(scalar, written)
            case "pattern":
                return _check_pattern(scalar, written)
            case "boolean" | "place" | "records":
                raise AssertionError(f"no function takes a {kind} by itself")

    def _aggregate(self, function: Function, call: FunctionCall) -> Scalar:
        if self._inside:
            message = f"{function.name} is inside {self._inside}: an aggregate cannot contain another"
            hint = "keep the groups with LET g = FIND …, then search them: FIND g SELECT …"
            raise SemanticError("AQL0212", message, call.origin, "", hint)
        if not self.allows_aggregates:
            message = f"{function.name} is computed from several records, and {self.clause} takes one record at a time"
            hint = "put the condition into HAVING, after GROUP BY" if self.clause == "WHERE" else "remove the function"
            raise SemanticError("AQL0212", message, call.origin, "an aggregate", hint)
        if call.star or (function.name == "count" and not call.arguments):
            if function.name != "count":
                message = f"{function.name} does not take *: only count does"
                raise SemanticError("AQL0205", message, call.origin, hint=f"name a field: {function.example}")
            return Call("count", (), Type.INTEGER)
        if len(call.arguments) != 1:
            message = f"{function.name} takes one argument, not {len(call.arguments)}"
            raise SemanticError("AQL0205", message, call.origin, "", f"write {function.example}", missing=("COMMA",))
        self._inside = function.name
        try:
            return self._aggregate_value(function, call)
        finally:
            self._inside = ""

    def _aggregate_value(self, function: Function, call: FunctionCall) -> Scalar:
        written = call.arguments[0]
        scalar = self.resolve(written)
        if _is_many(scalar):
            raise self._list_error(written)
        is_numeric = function.arguments[0][1] == "number"
        if call.distinct and function.name != "count":
            message = f"{function.name} does not take DISTINCT: only count does"
            raise SemanticError("AQL0205", message, call.origin, "", f"write {function.name}({_written(written)})")
        if is_numeric and not (function.overload and scalar.type is Type.INTERVAL):
            scalar = self.to_number(scalar, written, function.name)
        elif scalar.type is Type.OBJECT:
            raise _type_error(function.name, "a value", scalar, written)
        elif scalar.type is Type.BOOLEAN and function.name in ("min", "max"):
            message = f"'{_written(written)}' is TRUE or FALSE, and {function.name} needs values with an order"
            raise SemanticError("AQL0205", message, written.origin, hint="count its values: GROUP BY it with count(*)")
        elif function.name in ("first", "last"):
            scalar = self._concrete(scalar, written)
        type_ = scalar.type if function.result == "argument" else function.result
        if scalar.type is Type.INTERVAL and function.name != "count":
            type_ = Type.INTERVAL
        unit = scalar.unit if function.unit == "argument" else ""
        arguments = (scalar, self._record_time(scalar)) if function.needs_time else (scalar,)
        return Call(function.name, arguments, type_, unit, call.distinct)

    def _record_time(self, scalar: Scalar) -> Scalar:
        """Return the time of a record, by which the first and the last one are found."""
        span = self.names.kind.span
        if not span:
            return scalar
        return self._path(Path(span[0].path))

    # --- conversions

    def to_number(self, scalar: Scalar, written: Value, taker: str = "") -> Scalar:
        """Return a value as a number. Raises SemanticError if it is of another type."""
        if scalar.type in NUMERIC:
            return scalar
        if isinstance(scalar, FieldValue) and scalar.type is Type.ANY:
            return Reading(scalar, Type.NUMBER, scalar.unit)
        raise _type_error(taker, "a number", scalar, written)

    def to_time(self, scalar: Scalar, written: Value, taker: str = "") -> Scalar:
        """Return a value as a time. Raises SemanticError if it is of another type."""
        match scalar:
            case FieldValue(type=Type.ANY):
                return Reading(scalar, Type.TIME)
            case Constant(text, Type.STRING):
                try:
                    return Constant(write_instant(read_interval(text).first), Type.TIME)
                except TimeError as error:
                    raise SemanticError("AQL0301", str(error), written.origin, hint=error.hint) from None
            case _ if scalar.type is Type.TIME:
                return scalar
            case _ if scalar.type is Type.DATE:
                return _fold(Call("date_trunc", (Constant("day", Type.STRING), scalar), Type.TIME), written.origin)
            case _:
                raise _type_error(taker, "a time", scalar, written)

    def to_text(self, scalar: Scalar, written: Value) -> Scalar:
        """Return a value as text. Raises SemanticError for an object or a list."""
        if _is_many(scalar):
            raise self._list_error(written)
        if scalar.type is Type.STRING:
            return scalar
        if scalar.type is Type.OBJECT:
            raise _type_error("", "a text", scalar, written)
        if isinstance(scalar, FieldValue) and scalar.type is Type.ANY:
            return Reading(scalar, Type.STRING)
        return Call("text", (scalar,), Type.STRING)

    def _text_only(self, scalar: Scalar, written: Value, function: Function) -> Scalar:
        if scalar.type is Type.STRING or (isinstance(scalar, FieldValue) and scalar.type is Type.ANY):
            return self.to_text(scalar, written)
        raise _type_error(function.name, "a text", scalar, written)

    def _list_error(self, written: Value) -> SemanticError:
        name = _written(written)
        block = self.names.block_field(written) if isinstance(written, Path) else ""
        hint = f"count its elements with len({name}), or test one with contains({name}, …)"
        hint = f"name the source of one block, such as {block}; {hint}" if block else hint
        return SemanticError("AQL0205", f"'{name}' has several values in a record", written.origin, "a list", hint)

    def _usual_type(self, scalar: FieldValue) -> Type:
        """Return the type that the values of a metadata key usually have."""
        return self.names.value_context(scalar.ref, scalar.ref.name).type

    def _concrete(self, scalar: Scalar, written: Value) -> Scalar:
        """Return a value of a type with operators. A metadata value is read as the type that its key usually has."""
        if _is_many(scalar):
            raise self._list_error(written)
        if scalar.type is Type.OBJECT:
            raise _type_error("", "a value", scalar, written)
        if not isinstance(scalar, FieldValue) or scalar.type is not Type.ANY:
            return scalar
        context = self.names.value_context(scalar.ref, scalar.ref.name)
        if context.is_time:
            return Reading(scalar, Type.TIME)
        if context.type in NUMERIC:
            return Reading(scalar, Type.NUMBER, scalar.unit)
        return Reading(scalar, Type.BOOLEAN if context.type is Type.BOOLEAN else Type.STRING)

    def unify(self, values: list[tuple[Scalar, Value]], taker: str) -> list[Scalar]:
        """Return values as one type. Raises SemanticError if they have none in common, or different units."""
        present = [pair for pair in values if pair[0] != _NULL]
        if not present:
            hint = "write at least one other value"
            raise SemanticError("AQL0203", f"{taker} has only NULL", values[0][1].origin, "no value", hint)
        unified = self._unify(present, taker)
        type_, remaining = _common_type(unified), iter(unified)
        return [replace_value(_NULL, type=type_) if scalar == _NULL else next(remaining) for scalar, _ in values]

    def _unify(self, values: list[tuple[Scalar, Value]], taker: str) -> list[Scalar]:
        known = [scalar.type for scalar, _ in values if scalar.type is not Type.ANY]
        if known and all(type_ in NUMERIC for type_ in known):
            unified = [self.to_number(*pair) for pair in values]
            for scalar, written in zip(unified, values, strict=True):
                check_units(unified[0], scalar, written[1].origin)
            return unified
        if any(type_ in _TIMES for type_ in known) and not all(type_ is Type.DATE for type_ in known):
            return [self.to_time(*pair) for pair in values]
        unified = [self._concrete(*pair) for pair in values]
        if known and all(type_ is Type.STRING for type_ in known):
            return [self.to_text(*pair) for pair in values]
        odd = next((at for at, scalar in enumerate(unified) if scalar.type is not unified[0].type), None)
        if odd is None:
            return unified
        message = f"{taker} takes values of one type, and this one is {unified[odd].type.value}"
        raise SemanticError(
            "AQL0203", message, values[odd][1].origin, f"the first is {unified[0].type.value}", _CONVERSIONS
        )

    # --- constants

    def fold_operand(self, value: Value) -> Value:
        """Return a literal for a constant expression, and any other value unchanged."""
        if not isinstance(value, FunctionCall | Arithmetic | Negative | CaseExpression):
            return value
        scalar = self.resolve(value)
        return literal_of_constant(scalar, value.origin) if isinstance(scalar, Constant) else value


_CONVERSIONS = "text(x) and number(x) convert a value; a field is written without quotes, or in backticks"


def _equals(subject: Value, value: Value) -> Expression:
    return ast.ValueComparison(subject, Op.EQ, (value,), origin=value.origin)


def literal_of_constant(constant: Constant, origin: Origin) -> Value:
    """Return a constant as the literal that a user would write."""
    match constant.type:
        case Type.NUMBER | Type.INTEGER:
            return NumberLiteral(constant.value, constant.unit, origin)
        case Type.BOOLEAN:
            return BooleanLiteral(constant.value == "true", origin)
        case Type.TIME | Type.DATE:
            return Instant(Timestamp(constant.value, origin), (), origin)
        case Type.INTERVAL:
            return Duration(_seconds(constant.value), "seconds", origin)
        case _:
            return TextLiteral(constant.value, origin)


def _seconds(microseconds: str) -> str:
    whole, part = divmod(int(microseconds), 1_000_000)
    return f"{whole}.{part:06}".rstrip("0").rstrip(".") if part else str(whole)


def constant_value(constant: Constant) -> Any:
    """Return a constant as a Python value, by its type."""
    match constant.type:
        case Type.INTEGER:
            return int(constant.value)
        case Type.NUMBER:
            return float(constant.value)
        case Type.BOOLEAN:
            return constant.value == "true"
        case Type.TIME:
            moment = read_full_date(constant.value)
            return moment.first if moment is not None else datetime.fromisoformat(constant.value)
        case Type.DATE:
            return date.fromisoformat(constant.value)
        case Type.INTERVAL:
            return timedelta(microseconds=int(constant.value))
        case _:
            return constant.value


def _fold(call: Call, origin: Origin) -> Scalar:
    """Return the value of a call with constant arguments, or the call. Raises SemanticError if it has no value."""
    constants = [argument for argument in call.arguments if isinstance(argument, Constant)]
    if len(constants) < len(call.arguments) or not constants:
        return call
    compute = _find_fold(call)
    if compute is None:
        return call
    try:
        value = compute(*map(constant_value, constants))
        if call.type is Type.NUMBER and isinstance(value, int):
            value = float(value)
        folded = None if value is None else plain_value(value)
    except NotFoldableError:
        return call
    except (ValueError, OverflowError, ArithmeticError):
        folded = None
    if folded is None or folded in ("inf", "-inf", "nan"):
        raise SemanticError("AQL0203", f"{call.function} of these constants has no value", origin, "no value")
    if call.type is Type.INTEGER and abs(int(folded)) >= 2**63:
        raise SemanticError("AQL0203", "the number is too large", origin, folded[:20])
    return Constant(folded, call.type, call.unit)


def _find_fold(call: Call) -> Callable[..., Any] | None:
    if call.function in FUNCTIONS:
        return FUNCTIONS[call.function].fold
    if len(call.arguments) == 1:
        return lambda value: -value
    rule = _find_rule(call.function, call.arguments[0].type, call.arguments[1].type)
    return rule.fold if rule is not None else None


def _find_rule(sign: str, left: Type, right: Type) -> ArithmeticRule | None:
    """Return the rule of a sign between two types. A whole number is also a number."""
    for first in (left, Type.NUMBER) if left is Type.INTEGER else (left,):
        for second in (right, Type.NUMBER) if right is Type.INTEGER else (right,):
            rule = ARITHMETIC.get((sign, first, second))
            if rule is not None:
                return rule
    return None


def find_rule(call: Call) -> ArithmeticRule | None:
    """Return the rule of arithmetic that a call applies, or None for a function or a minus before a value."""
    if len(call.arguments) != 2 or call.function in FUNCTIONS:
        return None
    return _find_rule(call.function, call.arguments[0].type, call.arguments[1].type)


def check_units(left: Scalar, right: Scalar, origin: Origin) -> None:
    """Check that two values have the same unit. A number without a unit takes the other's."""
    if left.unit and right.unit and left.unit != right.unit:
        message = f"the left side is in {left.unit}, and the right side in {right.unit}"
        raise SemanticError("AQL0204", message, origin, right.unit, "convert one of them")


def _common_type(values: Sequence[Scalar]) -> Type:
    """Return the type of values that `unify` returned: a number if any of them is not whole."""
    types = {value.type for value in values}
    return Type.NUMBER if types == {Type.NUMBER, Type.INTEGER} else values[0].type


def _is_many(scalar: Scalar) -> bool:
    return isinstance(scalar, FieldValue) and scalar.many


def _written(value: Value) -> str:
    return value.dotted if isinstance(value, Path) else "this"


def _describe(scalar: Scalar) -> str:
    unit = f" in {scalar.unit}" if scalar.unit else ""
    return f"{scalar.type.value}{unit}"


def _type_error(taker: str, expected: str, scalar: Scalar, written: Value) -> SemanticError:
    name = f"'{written.dotted}'" if isinstance(written, Path) else "this value"
    message = f"{name} is {scalar.type.value}, and {taker or 'this place'} takes {expected}"
    hint = ""
    if scalar == _NULL:
        message, hint = f"NULL is not {expected}", f"remove it: {taker or 'the value'} would always be missing"
    elif scalar.type is Type.OBJECT and isinstance(written, Path):
        hint = f"name one of its members: {written.dotted}.…"
    elif expected == "a number" and scalar.type is Type.STRING:
        hint = "number(…) reads a text as a number"
    elif scalar.type is Type.INTERVAL:
        unit = taker if taker in TIME_UNITS else "hour"
        hint = f"divide a duration by a unit to get a number: (end - start) / 1 {unit}"
    elif expected == "a text":
        hint = "text(…) writes a value as text"
    label = scalar.type.value if scalar != _NULL else "missing"
    return SemanticError("AQL0203", message, written.origin, label, hint, missing=("COMMA",))


def _arithmetic_hint(sign: str, left: Scalar, right: Scalar) -> str:
    if Type.STRING in (left.type, right.type) and sign == "+":
        return "join texts with ||"
    if left.type in _TIMES or right.type in _TIMES:
        return "add a duration to a time, such as start + 30 min, or subtract two times"
    if Type.INTERVAL in (left.type, right.type):
        return "divide a duration by a unit to get a number: (end - start) / 1 hour"
    return "calculate with numbers, times and durations"


def _count_arguments(function: Function) -> str:
    most = len(function.arguments)
    least = most - function.optional
    words = f"{least}" if least == most else f"{least} or {most}"
    words = f"at least {least}" if function.is_variadic else words
    return f"{words} argument{'' if words == '1' else 's'}"


def _check_time_unit(scalar: Scalar, written: Value) -> Scalar:
    if not isinstance(scalar, Constant) or scalar.type is not Type.STRING:
        hint = f"the units are {', '.join(TIME_UNITS)}: date_trunc('hour', epoch)"
        raise SemanticError("AQL0203", "date_trunc takes the name of a unit first", written.origin, "", hint)
    unit = scalar.value.lower()
    unit = unit[:-1] if unit.endswith("s") and unit[:-1] in TIME_UNITS else unit
    if unit not in TIME_UNITS:
        near = find_misspelt(unit, TIME_UNITS)
        hint = f"did you mean '{near}'?" if near else f"the units are {', '.join(TIME_UNITS)}"
        fix = f"'{near}'" if near else None
        raise SemanticError("AQL0203", f"'{scalar.value}' is not a unit of time", written.origin, "", hint, fix)
    return Constant(unit, Type.STRING)


_UNSUPPORTED_PATTERN = re.compile(r"\(\?(?:=|!|<=|<!|>)|\\[1-9]|(?<!\\)[*+?}]\+")


def _check_pattern(scalar: Scalar, written: Value) -> Scalar:
    """Check a regular expression. The engine matches in linear time, so it has no references or lookaround."""
    if not isinstance(scalar, Constant) or scalar.type is not Type.STRING:
        hint = "write the pattern in quotes: regexp_matches(url, 'rgb-0[1-4]')"
        raise SemanticError("AQL0203", "a regular expression is a constant text", written.origin, "", hint)
    unsupported = _UNSUPPORTED_PATTERN.search(scalar.value)
    if unsupported is not None:
        message = f"regular expressions have no '{unsupported[0]}': they are matched in linear time (RE2 syntax)"
        raise SemanticError(
            "AQL0203", message, written.origin, "not supported", "rewrite it without lookaround or references"
        )
    fault = find_pattern_fault(scalar.value)
    if fault:
        message, hint = f"the regular expression is not valid: {fault}", "patterns have the syntax of RE2"
        raise SemanticError("AQL0203", message, written.origin, "not valid", hint)
    return scalar


_SAME = {"maximum": "max", "minimum": "min", "var": "stddev", "count_distinct": "count"}
"""Names of functions in other languages, and the functions to use."""

_ALTERNATIVES = {
    "now": "write NOW without parentheses",
    "current_date": "write TODAY",
    "today": "write TODAY without parentheses",
    "extract": "write the part as a function: year(start)",
    "date_part": "write the part as a function: year(start)",
    "datepart": "write the part as a function: year(start)",
    "datediff": "subtract the times: (end - start) / 1 hour",
    "date_diff": "subtract the times: (end - start) / 1 hour",
    "timestampdiff": "subtract the times: (end - start) / 1 hour",
    "date_add": "add a duration: start + 1 day",
    "dateadd": "add a duration: start + 1 day",
    "date_sub": "subtract a duration: start - 1 day",
    "strftime": "use date_trunc('day', start), or day, month and year",
    "to_date": "write the date without a function: 2021-01-01",
    "to_timestamp": "write the time without a function: 2021-01-01T06:00",
    "timestamp": "write the time without a function: 2021-01-01T06:00",
    "datetime": "write the time without a function: 2021-01-01T06:00",
    "cast": "use text(x), number(x) or day(x)",
    "convert": "use text(x), number(x) or day(x)",
    "st_distance": "use distance_km(nbtrace, lat, lon)",
    "st_dwithin": "compare the distance: distance_km(nbtrace, 56.35, -94.71) < 100",
    "st_intersects": "compare latitudes and longitudes with BETWEEN",
    "if": "use CASE WHEN condition THEN value ELSE other END",
    "iif": "use CASE WHEN condition THEN value ELSE other END",
    "decode": "use CASE x WHEN value THEN result END",
    "isnull": "write x IS NULL",
    "like": "write x LIKE 'pattern'",
    "casei": "LIKE ignores case: platform LIKE 'gill%'; lower(platform) compares in lower case",
    "accenti": "write each spelling: platform IN ('a', 'b')",
    "t_after": "compare the times: start > 2021-01-01",
    "t_before": "compare the times: end < 2021-01-01",
    "t_equals": "compare the times: start = 2021-01-01",
    "t_during": "write the window BETWEEN 2021-01-01 AND 2021-01-02",
    "t_contains": "write the window OVERLAPPING 2021-01-01",
    "t_intersects": "write the window OVERLAPPING 2021-01-01 AND 2021-01-02",
    "t_overlaps": "write the window OVERLAPPING 2021-01-01 AND 2021-01-02",
    "overlaps": "write the window OVERLAPPING 2021-01-01 AND 2021-01-02",
    "t_disjoint": "compare the times: end < 2021-01-01 OR start > 2021-01-02",
    "t_meets": "compare the times: end = 2021-01-01T06:00",
    "any": "write x IN ('a', 'b')",
    "some": "write x IN ('a', 'b')",
    "all": "write x NOT IN ('a', 'b'), or one comparison for each value, joined by AND",
    "array_contains": "a list matches when any element does: write x = 'a'",
    "list_contains": "a list matches when any element does: write x = 'a'",
    "json_extract": "write a member after a dot: metadata.keogram_type",
    "json_value": "write a member after a dot: metadata.keogram_type",
    "json_extract_string": "write a member after a dot: metadata.keogram_type",
    "current_timestamp": "write NOW",
    "getdate": "write NOW",
    "ago": "write the time before now: NOW - 7 days",
    "startofday": "write TODAY, or date_trunc('day', start)",
    "timestamp_diff": "subtract the times: (end - start) / 1 hour",
    "datetime_diff": "subtract the times: (end - start) / 1 hour",
    "substringof": "write contains(field, 'text')",
    "indexof": "write contains(field, 'text')",
    "strpos": "write contains(field, 'text')",
    "position": "write contains(field, 'text')",
    "left": "write substring(x, 1, 3)",
    "rand": "rows have no random order; LIMIT returns some rows",
    "random": "rows have no random order; LIMIT returns some rows",
    "distance": "use distance_km(nbtrace, 56.35, -94.71)",
    "haversine": "use distance_km(nbtrace, 56.35, -94.71)",
    "row_number": "use ORDER BY with LIMIT",
    "rank": "use ORDER BY with LIMIT",
}
"""What to write instead of a function of other languages."""


_GEOMETRY_NAMES = r"s_\w+|st_\w+|bbox|dwithin|intersects|envelope|point|polygon|circle|box|coord\d"
_GEOMETRY_HINT = (
    "compare the distance, as in distance_km(location_geo, 56.4, -94.7) < 100, or latitude and longitude, "
    "as in location_geo.lat BETWEEN 55 AND 57"
)
"""What to write instead of a function of geometries."""


def unknown_function_error(call: FunctionCall) -> SemanticError:
    """Return the error for a function that does not exist, with the nearest name or the way to write it."""
    is_geometry = re.fullmatch(_GEOMETRY_NAMES, call.name) is not None
    alternative = _ALTERNATIVES.get(call.name, _GEOMETRY_HINT if is_geometry else None)
    meant = _SAME.get(call.name) or find_misspelt(call.name, tuple(FUNCTION_NAMES))
    near = [] if meant or alternative else find_closest(call.name, tuple(FUNCTION_NAMES), 1, 0.8)
    if alternative:
        hint = alternative
    elif meant or near:
        hint = f"did you mean {meant or near[0]}?"
    else:
        hint = "\\h functions lists the functions; SQL SELECT … FROM result has those of DuckDB"
    fix = meant if meant and not alternative and call.name not in _SAME else None
    message = f"the function '{call.name}' does not exist"
    return SemanticError("AQL0209", message, call.name_origin, "unknown function", hint, fix)


def _join_spans(first: Origin, last: Origin) -> Origin:
    if isinstance(first, Span) and isinstance(last, Span):
        return Span(first.start, last.end)
    return first


def ungrouped_refs(scalar: Scalar | None, keys: Iterable[object]) -> list[FieldValue]:
    """Return the fields of a value that are neither in an aggregate nor in one of the group keys."""
    known = set(keys)
    return list(_ungrouped(scalar, known))


def _ungrouped(scalar: Scalar | None, known: set[object]) -> Iterable[FieldValue]:  # noqa: C901 - a case a node
    if scalar in known:
        return
    match scalar:
        case FieldValue(ref):
            if ref not in known:
                yield scalar
        case Reading(key):
            if key.ref not in known:
                yield key
        case Call(function, arguments) if function not in AGGREGATES:
            for argument in arguments:
                yield from _ungrouped(argument, known)
        case Case(branches, otherwise):
            for test, value in branches:
                yield from ungrouped_in_predicate(test, known)
                yield from _ungrouped(value, known)
            yield from _ungrouped(otherwise, known)
        case Truth(predicate):
            yield from ungrouped_in_predicate(predicate, known)
        case _:
            return


def ungrouped_in_predicate(predicate: Predicate, keys: Iterable[object]) -> list[FieldValue]:
    """Return the fields of a predicate that are neither in an aggregate nor in one of the group keys."""
    known = set(keys)
    match predicate:
        case Comparison(ref):
            refs: tuple[Ref, ...] = (ref,)
        case FieldComparison(ref, _, other):
            refs = (ref, other)
        case Condition(left, right=right):
            return [*_ungrouped(left, known), *_ungrouped(right, known)]
        case And(terms) | Or(terms):
            return [field for term in terms for field in ungrouped_in_predicate(term, known)]
        case Not(term):
            return ungrouped_in_predicate(term, known)
    return [FieldValue(ref, Type.ANY) for ref in refs if ref not in known]
