"""WHERE: resolve predicates, and check their names, operators and values."""

from __future__ import annotations

import operator as python_operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Origin, Span, replace_value
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import (
    And,
    Comparison,
    Condition,
    Constant,
    FieldComparison,
    FieldValue,
    Not,
    Or,
    Predicate,
    Ref,
    Scalar,
    Truth,
)
from auroraql.ir.times import TimeError, literal_of, read_literal, read_span, write_instant
from auroraql.language import ast
from auroraql.language.ast import (
    BooleanLiteral,
    Duration,
    Instant,
    NumberLiteral,
    Operand,
    Parameter,
    Path,
    Subquery,
    TextLiteral,
    Timestamp,
)
from auroraql.language.printer import print_name, print_scalar, quote_text
from auroraql.resolver.expressions import ExpressionResolver, check_units, constant_value, literal_of_constant
from auroraql.resolver.names import NameResolver, check_misused_name
from auroraql.resolver.selection import check_single
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.schema import Type
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import FIELD_OPERATORS, MIRRORED, OPERATORS, Op, Operator, like_pattern

_OTHER_VALUES = {
    Type.TIME: "write a date such as 2020-02-01 or a time such as 2020-02-01T06:30",
    Type.NUMBER: "write a number, for example 75",
    Type.INTEGER: "write a whole number, for example 75",
    Type.BOOLEAN: "write TRUE or FALSE",
}
"""The hint for a bare word compared with a field whose values are not text."""

_MAX_SHOWN = 60
"""Maximum length of an expression in a message."""


class PredicateResolver:
    """Resolver of one WHERE predicate, which collects every error in it."""

    def __init__(
        self,
        names: NameResolver,
        values: OperandResolver,
        clause: str = "WHERE",
        labels: Mapping[str, Scalar] | None = None,
    ) -> None:
        self.names, self.values, self.clause, self.labels = names, values, clause, labels or {}
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._programs: tuple[str, ...] = ()
        """The programs that the surrounding AND selects. The source of a matching record belongs to one of them."""
        self._unknown: dict[tuple[str, bool], list[_Unknown]] = {}
        """Unknown values, by field name and by whether they come from a parameter or a result."""
        self._sets: dict[int, frozenset[str]] = {}
        """Known values as sets, by the id of the catalogue's tuple, which outlives this object."""

    @cached_property
    def expressions(self) -> ExpressionResolver:
        """The resolver of computed values, which most statements do not need."""
        return ExpressionResolver(
            self.names,
            self.values,
            self._resolve,
            clause=self.clause,
            allows_aggregates=self.clause != "WHERE",
            labels=self.labels,
        )

    def where(self, expression: ast.Expression) -> Predicate:
        """Return the resolved predicate. Errors are collected in `errors`, warnings in `warnings`."""
        terms = self._resolve_conjunction(_split_conjuncts(expression))
        self._warn_of_contradictions(terms)
        self._warn_of_unknown()
        return terms[0] if len(terms) == 1 else And(terms, expression.origin)

    def _resolve(self, expression: ast.Expression) -> Predicate:
        match expression:
            case ast.ComparisonExpression() | ast.ValueComparison() | ast.BooleanTest():
                try:
                    return self._leaf(expression)
                except SemanticError as error:
                    self.errors.append(error.diagnostic)
                    return And(())
            case ast.AndExpression(terms, origin):
                return And(self._resolve_conjunction(terms), origin)
            case ast.OrExpression(terms, origin):
                self._check_bare_values(expression)
                return Or(tuple([self._resolve(t) for t in terms]), origin)
            case ast.NotExpression(term, origin):
                return Not(self._resolve(term), origin)

    def _resolve_conjunction(self, terms: Iterable[ast.Expression]) -> tuple[Predicate, ...]:
        """Resolve the terms of an AND. Programs that one term selects narrow the known values of the others."""
        outer_programs, terms = self._programs, tuple(terms)
        self._programs = next((named for named in map(self._programs_named, terms) if named), outer_programs)
        resolved = tuple([self._resolve(term) for term in terms])
        self._programs = outer_programs
        return resolved

    def _check_bare_values(self, expression: ast.OrExpression) -> None:
        """Report `program = 'trex' OR 'rego'`: a value that lacks its comparison."""
        for earlier, term in pairwise(expression.terms):
            if not isinstance(term, ast.BooleanTest) or not isinstance(term.value, TextLiteral | NumberLiteral):
                continue
            if not isinstance(earlier, ast.ComparisonExpression) or earlier.operator not in (Op.EQ, Op.IN):
                continue
            shown = _show_literal(term.value)
            values = [_show_literal(operand) for operand in earlier.operands]
            name = ".".join(map(print_name, earlier.path.parts))
            fix = f"{name} IN ({', '.join((*values, shown))})" if all(values) and len(expression.terms) == 2 else None
            hint = f"write {fix}" if fix else f"write {name} = {shown}"
            message = "OR joins two conditions, and this is only a value"
            error = Diagnostic("AQL0118", message, expression.origin if fix else term.origin, "a value", hint, fix)
            self.errors.append(error)

    def _programs_named(self, term: ast.Expression) -> tuple[str, ...]:
        """Return the programs of `program = 'x'` or `program IN ('x', …)`. Records with several sources give none."""
        if not isinstance(term, ast.ComparisonExpression) or term.operator not in (Op.EQ, Op.IN):
            return ()
        field = self.names.kind.field(term.path.dotted)
        if field is None or field.role != "source" or field.bare != "program" or self.names.kind.is_listed(field.path):
            return ()
        named = tuple(operand.value for operand in term.operands if isinstance(operand, TextLiteral))
        return named if len(named) == len(term.operands) else ()

    def _leaf(self, leaf: ast.ComparisonExpression | ast.ValueComparison | ast.BooleanTest) -> Predicate:
        match leaf:
            case ast.BooleanTest(value, origin):
                return self._truth_test(value, origin)
            case ast.ValueComparison():
                return self._value_comparison(leaf)
            case ast.ComparisonExpression():
                return self._comparison(leaf)

    # --- computed values

    def _truth_test(self, value: ast.Value, origin: Origin) -> Predicate:
        """Resolve a value alone as a predicate."""
        if isinstance(value, BooleanLiteral):
            return And((), origin) if value.value else Or((), origin)
        if isinstance(value, Path) and value.dotted not in self.labels:
            try:
                ref = self.names.ref(value)
            except SemanticError as error:
                error.diagnostic = replace(error.diagnostic, missing=("CMP",))
                raise
            context = self.names.value_context(ref, value.dotted)
            if context.type is Type.BOOLEAN or (context.type is Type.ANY and context.metadata):
                return self._comparison(ast.ComparisonExpression(value, Op.EQ, (BooleanLiteral(True, origin),), origin))
            raise _not_a_predicate(f"'{value.dotted}'", context.type, origin)
        if isinstance(value, TextLiteral | NumberLiteral) and any(e.code == "AQL0118" for e in self.errors):
            return And((), origin)  # reported with the whole OR
        scalar = self.expressions.resolve(value)
        match scalar:
            case Truth(predicate):
                return predicate
            case Constant(text, Type.BOOLEAN):
                return And((), origin) if text == "true" else Or((), origin)
            case _ if scalar.type is Type.BOOLEAN:
                return Condition(scalar, Op.EQ, ("true",), origin=origin)
            case _:
                raise _not_a_predicate("this", scalar.type, origin)

    def _value_comparison(self, comparison: ast.ValueComparison) -> Predicate:
        """Resolve a comparison of computed values. Constant values are computed first."""
        self._refuse_bare_hyphen(comparison)
        left = self.expressions.fold_operand(comparison.left)
        operands = tuple(self.expressions.fold_operand(operand) for operand in comparison.operands)
        folded = replace_value(comparison, left=left, operands=operands)
        if isinstance(left, Path) and not folded.escape and self._are_plain(operands, left):
            return self._comparison(ast.ComparisonExpression(left, folded.operator, operands, folded.origin))  # type: ignore[arg-type]
        if isinstance(left, _LITERALS):
            return self._constant_left(folded)
        scalar = self.expressions.resolve(left)
        if isinstance(scalar, Constant):
            return self._constant_left(replace_value(folded, left=literal_of_constant(scalar, left.origin)))
        if folded.operator in (Op.IS_NULL, Op.IS_NOT_NULL):
            return Condition(scalar, folded.operator, origin=folded.origin)
        if all(isinstance(operand, _LITERALS) for operand in operands):
            return self._compare_with_constants(scalar, folded)
        return self._compare_values(scalar, folded)

    def _refuse_bare_hyphen(self, comparison: ast.ValueComparison) -> None:
        """Raise SemanticError for `program = themis-asi`: a name with a hyphen that has no quotes."""
        left = comparison.left
        declared = self.names.kind.field(left.dotted) if isinstance(left, Path) else None
        if declared is None or declared.type is not Type.STRING:
            return
        for operand in comparison.operands:
            if not isinstance(operand, ast.Arithmetic):
                continue
            parts = [p.dotted if isinstance(p, Path) else getattr(p, "text", "") for p in operand.operands]
            words = [p for p in operand.operands if isinstance(p, Path)]
            if set(operand.signs) <= {"-", "/"} and all(parts) and words and not any(map(self.names.is_known, words)):
                word = "".join(a + b for a, b in zip(parts, (*operand.signs, ""), strict=True))
                message, hint = f"'{word}' has no quotes", f"write '{word}'"
                raise SemanticError("AQL0108", message, operand.origin, "a text is quoted", hint, f"'{word}'")

    def _are_plain(self, operands: tuple[ast.Value, ...], left: Path) -> bool:
        """Return whether a field can be compared with these operands without computing anything."""
        if left.dotted in self.labels:
            return False
        return all(isinstance(operand, (*_LITERALS, Subquery)) for operand in operands) or (
            len(operands) == 1 and isinstance(operands[0], Path) and operands[0].dotted not in self.labels
        )

    def _constant_left(self, comparison: ast.ValueComparison) -> Predicate:
        """Resolve a comparison with a constant on the left: compute it, or exchange its sides."""
        left, operands, operator, origin = (
            comparison.left,
            comparison.operands,
            comparison.operator,
            comparison.origin,
        )
        if not operands:
            return Or((), origin) if operator is Op.IS_NULL else And((), origin)
        if all(isinstance(operand, _LITERALS) for operand in operands):
            self._refuse_quoted_name(left, operands)
            return And((), origin) if self._compare_constants(comparison) else Or((), origin)
        match operator:
            case Op.IN | Op.NOT_IN:
                terms = (ast.ValueComparison(operand, Op.EQ, (left,), origin=origin) for operand in operands)
                alternatives = Or(tuple(map(self._value_comparison, terms)), origin)
                return alternatives if operator is Op.IN else Not(alternatives, origin)
            case Op.BETWEEN | Op.NOT_BETWEEN:
                low = self._value_comparison(ast.ValueComparison(left, Op.GE, operands[:1], origin=origin))
                high = self._value_comparison(ast.ValueComparison(left, Op.LE, operands[1:], origin=origin))
                return And((low, high), origin) if operator is Op.BETWEEN else Not(And((low, high), origin), origin)
            case Op.LIKE | Op.NOT_LIKE:
                return self._compare_values(self.expressions.resolve(left), comparison)
            case _:
                mirrored = MIRRORED[operator]
                return self._value_comparison(ast.ValueComparison(operands[0], mirrored, (left,), origin=origin))

    def _refuse_quoted_name(self, left: ast.Value, operands: tuple[ast.Value, ...]) -> None:
        """Raise SemanticError for `'program' = 'trex'`: a name in quotes is a text."""
        if not isinstance(left, TextLiteral) or not all(isinstance(o, (TextLiteral, NumberLiteral)) for o in operands):
            return
        path = Path(tuple(left.value.split(".")), left.origin)
        if all(part.isidentifier() for part in path.parts) and self.names.is_known(path):
            message = f"'{left.value}' is a text, and both sides are constant"
            hint = f"write the field without quotes: {left.value}"
            raise SemanticError("AQL0118", message, left.origin, "a text", hint, left.value)

    def _compare_constants(self, comparison: ast.ValueComparison) -> bool:
        """Return whether a comparison of constants is true. Raises SemanticError if their types differ."""
        written = (comparison.left, *comparison.operands)
        scalars = [self.expressions.resolve(value) for value in written]
        unified = self.expressions.unify(list(zip(scalars, written, strict=True)), "a comparison")
        values = [constant_value(scalar) for scalar in unified if isinstance(scalar, Constant)]
        return compare_constants(comparison.operator, values[0], values[1:], _check_escape(comparison, str(values[1])))

    def _compare_with_constants(self, scalar: Scalar, comparison: ast.ValueComparison) -> Predicate:
        """Compare a computed value with constants, by the rules for a field of its type."""
        operator = OPERATORS[comparison.operator]
        scalar = self._comparable(scalar, comparison)
        context = ValueContext(self._shown(comparison.left, scalar), _compared_type(scalar), scalar.unit)
        _check_value_operator(comparison, context)
        operands: list[Operand] = []
        for operand in comparison.operands:
            operands += self.values.substitute(operand)  # type: ignore[arg-type]
        _check_operand_count(operator, operands, comparison.origin)
        context = replace(context, type=Type.STRING) if operator.pattern else context
        limits = operator.limits_of(len(operands))
        texts = tuple(
            self._constant_text(operand, replace(context, limit=limit))
            for operand, limit in zip(operands, limits, strict=False)
        )
        escape = _check_escape(comparison, *texts[:1])
        return Condition(scalar, comparison.operator, texts, escape=escape, origin=comparison.origin)

    def _shown(self, value: ast.Value, scalar: Scalar) -> str:
        match value:
            case Path():
                return value.dotted
            case ast.FunctionCall(name):
                return f"{name}(…)"
            case _:
                text = print_scalar(scalar, self.names.kind, self.names.catalogue)
                return text if len(text) <= _MAX_SHOWN else "this value"

    def _constant_text(self, operand: Operand, context: ValueContext) -> str:
        if context.type is not Type.INTERVAL:
            return self.values.text(operand, context)
        constant = self.expressions.resolve(operand)
        if constant.type is not Type.INTERVAL or not isinstance(constant, Constant):
            message = f"'{context.name}' is a duration, and this is {constant.type.value}"
            hint = "write a number with a unit of time, such as 90 min or 2 h"
            raise SemanticError("AQL0203", message, operand.origin, constant.type.value, hint, missing=("TIME_UNIT",))
        return constant.value

    def _comparable(self, scalar: Scalar, comparison: ast.ValueComparison) -> Scalar:
        """Return a value of a type with operators. A metadata value is read as the type of the other side."""
        is_metadata = isinstance(scalar, FieldValue) and scalar.type is Type.ANY
        if is_metadata and comparison.operator in (Op.LIKE, Op.NOT_LIKE):
            return self.expressions.to_text(scalar, comparison.left)
        if scalar.type is Type.OBJECT:
            return self.expressions.to_text(scalar, comparison.left)
        return scalar

    def _compare_values(self, left: Scalar, comparison: ast.ValueComparison) -> Predicate:
        """Compare two computed values. Lists and ranges of computed values become several comparisons."""
        operator, origin, operands = comparison.operator, comparison.origin, comparison.operands
        match operator:
            case Op.IN | Op.NOT_IN:
                alternatives = Or(
                    tuple(
                        self._value_comparison(replace_value(comparison, operator=Op.EQ, operands=(v,)))
                        for v in operands
                    ),
                    origin,
                )
                return alternatives if operator is Op.IN else Not(alternatives, origin)
            case Op.BETWEEN | Op.NOT_BETWEEN:
                low = self._value_comparison(replace_value(comparison, operator=Op.GE, operands=operands[:1]))
                high = self._value_comparison(replace_value(comparison, operator=Op.LE, operands=operands[1:]))
                return And((low, high), origin) if operator is Op.BETWEEN else Not(And((low, high), origin), origin)
            case _:
                right = self.expressions.resolve(operands[0])
        if operator in (Op.LIKE, Op.NOT_LIKE):
            texts = [self.expressions.to_text(*pair) for pair in ((left, comparison.left), (right, operands[0]))]
            return Condition(texts[0], operator, right=texts[1], escape=_check_escape(comparison), origin=origin)
        first, second = self.expressions.unify([(left, comparison.left), (right, operands[0])], "a comparison")
        if OPERATORS[operator].ordering and first.type is Type.BOOLEAN:
            raise SemanticError("AQL0205", f"TRUE and FALSE cannot be ordered by {operator}", origin)
        check_units(first, second, origin)
        return Condition(first, operator, right=second, origin=origin)

    # --- fields

    def _comparison(self, comparison: ast.ComparisonExpression) -> Predicate:
        computed = self._computed_operands(comparison)
        if computed is not None:
            return computed
        if len(comparison.path.parts) == 1 and not self.names.is_known(comparison.path):
            check_misused_name(self.names, comparison)
        ref = self.names.ref(comparison.path)
        declared = self.names.declared_field(ref)
        context = self._narrow_context(
            ref, self.names.value_context(ref, comparison.path.dotted), comparison.path.origin
        )
        _check_operator(comparison, context)
        match comparison.operands:
            case (Path() as other,) if comparison.operator in FIELD_OPERATORS and self.names.is_known(other):
                return self._field_comparison(comparison, ref, context, other)
        texts = self._text_values(comparison, context)
        if OPERATORS[comparison.operator].ordering and self.names.kind.is_listed(ref.path):
            # NOT of an order that one element has is not the reverse order of an element, so it is not a Comparison.
            values = FieldValue(ref, context.type, context.unit, many=True)
            return Condition(values, comparison.operator, texts, origin=comparison.origin)
        listed = declared is not None and bool(declared.criterion)
        resolved = Comparison(ref, comparison.operator, texts, listed, comparison.origin)
        self._warn_of_values(resolved, comparison, context)
        if context.type is Type.TIME and not context.metadata:
            self.warnings += _whole_day_warning(comparison)
        return _expand_unnamed_intervals(resolved)

    def _computed_operands(self, comparison: ast.ComparisonExpression) -> Predicate | None:
        """Resolve a comparison with the label of a column, or with fields in a list or range. Return None for others."""
        label = self.labels.get(comparison.path.dotted) or self._dated_field(comparison.path)
        fields = [operand for operand in comparison.operands if isinstance(operand, Path)]
        is_pattern = comparison.operator in (Op.LIKE, Op.NOT_LIKE)
        several = fields and (
            is_pattern or (comparison.operator not in FIELD_OPERATORS and len(comparison.operands) > 1)
        )
        labelled = label is not None or any(operand.dotted in self.labels for operand in fields)
        if not labelled and not (several and all(self.names.is_known(operand) for operand in fields)):
            return None
        written = ast.ValueComparison(
            comparison.path, comparison.operator, comparison.operands, origin=comparison.origin
        )
        scalar = self.expressions.resolve(comparison.path)
        if comparison.operator in (Op.IS_NULL, Op.IS_NOT_NULL):
            return Condition(scalar, comparison.operator, origin=comparison.origin)
        if all(isinstance(operand, _LITERALS) for operand in comparison.operands):
            if isinstance(scalar, FieldValue) and scalar.type not in (Type.DATE, Type.INTERVAL):
                return None
            return self._compare_with_constants(scalar, written)
        return self._compare_values(scalar, written)

    def _dated_field(self, path: Path) -> Scalar | None:
        """Return a field that is a date or a duration, which only the rows of a result have."""
        declared = self.names.kind.field(path.dotted)
        if declared is None or declared.type not in (Type.DATE, Type.INTERVAL):
            return None
        return self.expressions.resolve(path)

    def _narrow_context(self, ref: Ref, context: ValueContext, origin: Origin) -> ValueContext:
        """Return the context of a metadata key in the selected programs. Warn if none of them has the key."""
        kind, catalogue = self.names.kind.metadata, self.names.catalogue
        known = catalogue.key(kind, ref.name) if ref.role == "metadata" and self._programs else None
        if known is None:
            return context
        key = catalogue.key_of(kind, ref.name, self._programs)
        if key is not None:
            return replace(context, known=key.values)
        programs = " or ".join(self._programs[:3])
        message = f"{self.names.kind.title} of {programs} have no known metadata key '{ref.name}'"
        hint = f"it belongs to {', '.join(known.programs[:8])}" if known.programs else ""
        self.warnings.append(
            Diagnostic("AQL0601", message, origin, "not a key of these programs", hint, severity="warning")
        )
        return context

    def _field_comparison(
        self, comparison: ast.ComparisonExpression, ref: Ref, context: ValueContext, path: Path
    ) -> FieldComparison:
        """Resolve a comparison of two fields. Raises SemanticError unless their types and units are equal."""
        other = self.names.ref(path)
        other_context = self.names.value_context(other, path.dotted)
        check_single(self.names, ref, comparison.path)
        check_single(self.names, other, path)
        _check_operator(replace_value(comparison, path=path), other_context)
        comparable = (
            context.metadata or other_context.metadata or _type_family(context.type) == _type_family(other_context.type)
        )
        if not comparable:
            raise SemanticError(
                "AQL0203",
                f"'{context.name}' is {context.type.value}, and '{path.dotted}' is {other_context.type.value}",
                path.origin,
                other_context.type.value,
                hint="compare fields of one type",
            )
        if context.unit and other_context.unit and context.unit != other_context.unit:
            raise SemanticError(
                "AQL0204",
                f"'{context.name}' is in {context.unit}, and '{path.dotted}' in {other_context.unit}",
                path.origin,
                other_context.unit,
                hint="compare fields of one unit",
            )
        return FieldComparison(ref, FIELD_OPERATORS[comparison.operator], other, comparison.origin)

    def _text_values(self, comparison: ast.ComparisonExpression, context: ValueContext) -> tuple[str, ...]:
        operator = OPERATORS[comparison.operator]
        operands: list[Operand] = []
        for operand in comparison.operands:
            operands += self.values.substitute(operand)
        if len(operands) > MAX_LIST_VALUES:
            raise SemanticError(
                "AQL0116",
                f"the list has too many values; the maximum is {MAX_LIST_VALUES:,}",
                operands[MAX_LIST_VALUES].origin,
                "one too many",
                hint="split the search into several",
            )
        _check_operand_count(operator, operands, comparison.origin)
        words = [operand for operand in operands if isinstance(operand, Path)]
        if len(words) > 1 and len(words) == len(operands) and not any(map(self.names.is_known, words)):
            raise _bare_words_error(words)
        if words:
            raise self._diagnose_bare_word(words[0], context)
        if operator.pattern and not all(isinstance(o, TextLiteral | Parameter) for o in comparison.operands):
            hint = "for example: display_name LIKE 'TREx RGB %'"
            message = f"{operator.text} is followed by a quoted pattern"
            raise SemanticError("AQL0106", message, operands[0].origin, "expected a text", hint)
        context = replace(context, type=Type.STRING) if operator.pattern else context
        limits = operator.limits_of(len(operands))
        return tuple(
            self.values.text(o, replace(context, limit=limit)) for o, limit in zip(operands, limits, strict=False)
        )

    def _diagnose_bare_word(self, path: Path, context: ValueContext) -> SemanticError:
        word = path.dotted
        if self.names.is_known(path):
            return SemanticError(
                "AQL0202",
                f"'{word}' is a field, not a list",
                path.origin,
                "a field",
                hint=f"compare the fields with = {word}, or write ('{word}') for the text",
            )
        if context.type in _OTHER_VALUES and not context.metadata:
            hint = _OTHER_VALUES[context.type]
            return SemanticError(
                "AQL0202", f"'{word}' is not a field, and {context.type.value} is expected", path.origin, "", hint
            )
        near = find_closest(word, context.known, 1, 0.75)
        quoted = f"'{near[0] if near else word}'"
        return SemanticError(
            "AQL0202",
            f"'{word}' is not a field, and text needs quotes",
            path.origin,
            "no quotes",
            hint=f"did you mean {quoted}?",
            fix=quoted,
        )

    def _warn_of_values(self, resolved: Comparison, written: ast.ComparisonExpression, context: ValueContext) -> None:
        """Collect values that are not known. The known values are not exhaustive, so this is only a warning."""
        if (
            not context.known
            or resolved.operator not in (Op.EQ, Op.NE, Op.IN, Op.NOT_IN)
            or context.type is not Type.STRING
        ):
            return
        known = self._sets.get(id(context.known))
        if known is None:
            known = self._sets[id(context.known)] = frozenset(context.known)
        operands = (
            written.operands
            if len(written.operands) == len(resolved.values)
            else written.operands * len(resolved.values)
        )
        unknown = [pair for pair in zip(resolved.values, operands, strict=False) if pair[0] not in known]
        program_values = self._values_of_programs(resolved.ref) if unknown else ()
        for value, operand in unknown:
            is_given = isinstance(operand, TextLiteral) and operand.is_untyped  # from a parameter or a result
            entry = (value, operand, context, program_values, self._programs)
            self._unknown.setdefault((context.name, is_given), []).append(entry)

    def _warn_of_unknown(self) -> None:
        """Warn about the unknown values: a few of a field one by one, many in one warning."""
        for values in self._unknown.values():
            if len(values) <= _ONE_BY_ONE:
                self.warnings += (_unknown_value_warning(*entry) for entry in values)
            else:
                self.warnings.append(_unknown_values_warning(values))
        self._unknown.clear()

    def _values_of_programs(self, ref: Ref) -> tuple[str, ...]:
        """Return the values of a source field in the selected programs. Return () if nothing narrows them."""
        declared = self.names.declared_field(ref)
        if declared is None or declared.role != "source" or declared.bare == "program":
            return ()
        return self.names.catalogue.values_of(declared.bare, self._programs) if self._programs else ()

    def _warn_of_contradictions(self, terms: tuple[Predicate, ...]) -> None:
        """Warn about an AND that requires two values of one metadata key: AuroraX then finds nothing."""
        required: dict[Ref, str] = {}
        for term in terms:
            if not isinstance(term, Comparison) or term.operator != Op.EQ or term.ref.role != "metadata":
                continue
            earlier_value = required.setdefault(term.ref, term.values[0])
            if earlier_value != term.values[0]:
                self.warnings.append(
                    Diagnostic(
                        "AQL0604",
                        f"no record has two values of '{term.ref.name}': this finds nothing",
                        term.origin,
                        "the second value",
                        f"to match either value, write {term.ref.name} IN ('{earlier_value}', '{term.values[0]}')",
                        severity="warning",
                    )
                )


_LITERALS = (TextLiteral, NumberLiteral, BooleanLiteral, Instant, Parameter, Duration)
"""Operands whose value does not depend on the record."""


def _check_operand_count(operator: Operator, operands: list[Operand], origin: Origin) -> None:
    """Check the number of values of an operator, which a list parameter may change."""
    if (operator.arity >= 0 and len(operands) != operator.arity) or (not operands and operator.arity):
        takes = {1: "one value", 2: "two values"}.get(operator.arity, "at least one value")
        message = f"{operator.text} takes {takes}, and the parameter has {len(operands) or 'none'}"
        hint = "use IN for a list" if operands else "pass a list with at least one value"
        raise SemanticError("AQL0211", message, origin, hint=hint)


def _check_value_operator(comparison: ast.ValueComparison, context: ValueContext) -> None:
    operator = OPERATORS[comparison.operator]
    if operator.ordering and context.type is Type.BOOLEAN:
        message = f"TRUE and FALSE cannot be ordered by {operator.text}"
        hint = "compare with = TRUE or = FALSE"
        if operator.op is Op.BETWEEN:
            hint = f"write {context.name} = TRUE before BETWEEN if it is the time window"
        raise SemanticError("AQL0205", message, comparison.origin, hint=hint)
    if operator.pattern and context.type is not Type.STRING:
        message = f"{operator.text} compares text, and '{context.name}' is {context.type.value}"
        raise SemanticError("AQL0205", message, comparison.origin, hint="use =, < or BETWEEN, or text(…)")


def _compared_type(scalar: Scalar) -> Type:
    """Return the type whose rules of comparison apply: a day is compared as the interval of its times."""
    if scalar.type is Type.INTEGER:
        return Type.NUMBER
    return Type.TIME if scalar.type is Type.DATE else scalar.type


def _bare_words_error(words: list[Path]) -> SemanticError:
    """Return the error for a list of words without quotes."""
    fix = ", ".join(f"'{word.dotted}'" for word in words)
    names = " and ".join(repr(word.dotted) for word in words[:5])
    first, last = words[0].origin, words[-1].origin
    span = Span(first.start, last.end) if isinstance(first, Span) and isinstance(last, Span) else first
    return SemanticError("AQL0108", f"{names} have no quotes", span, "texts are quoted", f"write {fix}", fix)


def _show_literal(operand: object) -> str:
    """Return a text or number as it is written, or an empty string for another operand."""
    match operand:
        case TextLiteral(text):
            return quote_text(text)
        case NumberLiteral(text, unit):
            return f"{text} {unit}".strip()
        case _:
            return ""


def _check_escape(comparison: ast.ValueComparison, pattern: str = "") -> str:
    """Return the character of ESCAPE, or an empty string. Raises SemanticError if no pattern can be read with it."""
    escape = comparison.escape
    if not escape:
        return ""
    if len(escape) > 1 or not escape.isascii() or escape in ("%", "_"):
        message = "ESCAPE takes one character of ASCII other than % and _"
        raise SemanticError("AQL0203", message, comparison.origin, hint="write ESCAPE '!'")
    if pattern.replace(escape * 2, "").endswith(escape):
        message = f"the pattern ends with its escape character {escape}, and nothing follows to escape"
        origin = comparison.operands[0].origin
        raise SemanticError("AQL0203", message, origin, hint=f"write {escape * 2} for the character itself")
    return escape


def _not_a_predicate(shown: str, type_: Type, origin: Origin) -> SemanticError:
    message = f"{shown} is {type_.value}, and a condition is TRUE or FALSE"
    hint = "compare it with a value, or write IS NOT NULL to test whether it is present"
    label = "expected =, IN, BETWEEN, LIKE or IS NULL"
    return SemanticError("AQL0106", message, origin, label, hint, missing=("CMP",))


_COMPARE_CONSTANTS = {
    Op.EQ: python_operator.eq,
    Op.NE: python_operator.ne,
    Op.LT: python_operator.lt,
    Op.LE: python_operator.le,
    Op.GT: python_operator.gt,
    Op.GE: python_operator.ge,
}


def compare_constants(operator: Op, left: Any, values: Sequence[Any], escape: str = "") -> bool:
    """Return whether a comparison of constants of one type is true. `escape` is the character of LIKE … ESCAPE."""
    match operator:
        case Op.IN | Op.NOT_IN:
            return (left in values) is (operator is Op.IN)
        case Op.BETWEEN | Op.NOT_BETWEEN:
            return bool(values[0] <= left <= values[1]) is (operator is Op.BETWEEN)
        case Op.LIKE | Op.NOT_LIKE:
            is_like = like_pattern(values[0], escape).fullmatch(left) is not None
            return is_like is (operator is Op.LIKE)
        case Op.IS_NULL | Op.IS_NOT_NULL:
            return operator is Op.IS_NOT_NULL
        case _:
            return bool(_COMPARE_CONSTANTS[operator](left, values[0]))


_Unknown = tuple[str, Operand, ValueContext, tuple[str, ...], tuple[str, ...]]
"""An unknown value, its operand, its context, and the values and programs that narrow the known values."""

_ONE_BY_ONE = 3
"""Maximum number of unknown values of a field that are reported one by one."""

_MAX_NAMED_VALUES = 100
"""Maximum number of unknown values in one message. A list may have thousands."""

_MAX_COMPARED_VALUES = 30
"""Maximum number of unknown values for which a suggestion is searched, which is slow."""


def _unknown_values_warning(values: list[_Unknown]) -> Diagnostic:
    """Return one warning for many unknown values of a field."""
    _, operand, context, _, _ = values[0]
    named = ", ".join(f"'{value[:60]}'" for value, *_ in values[:_MAX_NAMED_VALUES])
    more = f" and {len(values) - _MAX_NAMED_VALUES:,} more" if len(values) > _MAX_NAMED_VALUES else ""
    near = [
        (value, (_nearest_value(value, program_values) or _nearest_value(value, context.known))[:1])
        for value, _, _, program_values, _ in values[:_MAX_COMPARED_VALUES]
    ]
    meant = [f"'{nearest[0]}' for '{value}'" for value, nearest in near if nearest]
    some = ", ".join(f"'{known}'" for known in context.known[:5])
    hint = (
        f"did you mean {', '.join(meant)}?"
        if meant
        else f"known values are {some}{'…' if len(context.known) > 5 else ''}"
    )
    message = f"{len(values):,} values of {context.name} are not known: {named}{more}"
    return Diagnostic("AQL0602", message, operand.origin, "the first of them", hint, severity="warning")


def _unknown_value_warning(
    value: str, operand: Operand, context: ValueContext, program_values: tuple[str, ...], programs: tuple[str, ...]
) -> Diagnostic:
    """Return the warning for an unknown value. `program_values` are the field's values in the selected programs."""
    near = _nearest_value(value, program_values) or _nearest_value(value, context.known)
    known = program_values or context.known
    some = ", ".join(f"'{name}'" for name in known[:5])
    hint = f"did you mean '{near[0]}'?" if near else f"known values are {some}{'…' if len(known) > 5 else ''}"
    fix = f"'{near[0]}'" if near and isinstance(operand, TextLiteral) else None
    message = (
        f"no {context.name} '{value}' is known in {' or '.join(programs[:3])}"
        if program_values
        else f"no {context.name} '{value}' is known"
    )
    return Diagnostic("AQL0602", message, operand.origin, "unknown value", hint, fix, "warning")


def _whole_day_warning(comparison: ast.ComparisonExpression) -> Iterator[Diagnostic]:
    """Yield a warning for `>` or `=` and a date: here a date is its whole day, in SQL its midnight."""
    if comparison.operator not in (Op.GT, Op.EQ) or not comparison.operands:
        return
    match comparison.operands[0]:
        case Instant(Timestamp(text), ()) | TextLiteral(text) | NumberLiteral(text):
            literal = text
        case _:
            return
    try:
        interval = read_literal(literal)
    except TimeError:  # a time relative to now
        return
    if interval.past is None:
        return
    path, midnight = comparison.path.dotted, interval.first.isoformat(timespec="minutes")
    if comparison.operator == Op.GT:
        message = f"{path} > {literal} is after the last moment of {literal}"
        choices = (f"{path} >= {literal}", f"{path} > {midnight}")
        hint = f"write {choices[0]} to include it, or {choices[1]} for all times after its first moment"
    else:
        message = f"{path} = {literal} matches any moment of {literal}"
        choices = (f"{path} BETWEEN {literal} AND {literal}", f"{path} = {midnight}")
        hint = f"write {choices[0]} to make that explicit, or {choices[1]} for its first moment alone"
    yield Diagnostic(
        "AQL0615", message, comparison.origin, "a whole interval", hint, choices[0], "warning", choices[1:]
    )


def _expand_unnamed_intervals(leaf: Comparison) -> Predicate:
    """Rewrite the intervals of a list that no literal names, such as `TODAY - 1 hour`, to BETWEEN.

    Only lists need it: normalization turns a single interval into a range.
    """
    if leaf.operator not in (Op.IN, Op.NOT_IN) or not any("/" in value for value in leaf.values):
        return leaf
    ranges: list[Predicate] = []
    plain: list[str] = []
    positive = leaf.operator == Op.IN
    for value in leaf.values:
        span = read_span(value)
        if span is None or literal_of(*span):
            plain.append(value)
        else:
            operator = Op.BETWEEN if positive else Op.NOT_BETWEEN
            ranges.append(replace_value(leaf, operator=operator, values=tuple(map(write_instant, span))))
    if not ranges:
        return leaf
    terms: tuple[Predicate, ...] = (*([replace_value(leaf, values=tuple(plain))] if plain else []), *ranges)
    if len(terms) == 1:
        return terms[0]
    return Or(terms, leaf.origin) if positive else And(terms, leaf.origin)


def _nearest_value(value: str, known: tuple[str, ...]) -> list[str]:
    lower = value.lower()
    return find_closest(value, known, 1, 0.6) or (find_closest(lower, known, 1, 0.6) if lower != value else [])


def _split_conjuncts(expression: ast.Expression) -> list[ast.Expression]:
    if isinstance(expression, ast.AndExpression):
        return [inner for term in expression.terms for inner in _split_conjuncts(term)]
    return [expression]


def _type_family(type: Type) -> Type:
    return Type.NUMBER if type is Type.INTEGER else type


def _check_operator(comparison: ast.ComparisonExpression, context: ValueContext) -> None:
    operator = OPERATORS[comparison.operator]
    if context.type is Type.OBJECT and operator.arity:
        raise SemanticError(
            "AQL0205",
            f"'{context.name}' is an object and cannot be compared",
            comparison.path.origin,
            "an object",
            hint=f"name one of its members: {context.name}.…",
        )
    if operator.ordering and not context.type.is_ordered:
        raise SemanticError(
            "AQL0205",
            f"'{context.name}' is TRUE or FALSE and cannot be ordered by {operator.text}",
            comparison.origin,
            hint=f"write {context.name} = TRUE",
        )
    if operator.pattern and context.type in (Type.NUMBER, Type.INTEGER, Type.TIME, Type.BOOLEAN):
        raise SemanticError(
            "AQL0205",
            f"{operator.text} compares text, and '{context.name}' is {context.type.value}",
            comparison.origin,
            hint="use =, < or BETWEEN",
        )
