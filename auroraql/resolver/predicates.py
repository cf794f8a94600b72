"""WHERE: resolve predicates, and check their names, operators and values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, Predicate, Ref
from auroraql.ir.times import TimeError, literal_of, read_interval, read_span, write_instant
from auroraql.language import ast
from auroraql.language.ast import Instant, NumberLiteral, Operand, Path, TextLiteral, Timestamp
from auroraql.resolver.names import NameResolver, check_misused_name
from auroraql.resolver.selection import check_single, several_values_error
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.schema import Type
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import FIELD_OPERATORS, OPERATORS, Op

_OTHER_VALUES = {
    Type.TIME: "write a date such as 2020-02-01 or a time such as 2020-02-01T06:30",
    Type.NUMBER: "write a number, for example 75",
    Type.INTEGER: "write a whole number, for example 75",
    Type.BOOLEAN: "write TRUE or FALSE",
}
"""The hint for a bare word compared with a field whose values are not text."""

_DAYS = {"yesterday": "TODAY - 1 day", "tomorrow": "TODAY + 1 day"}


class PredicateResolver:
    """Resolver of one WHERE predicate, which collects every error in it."""

    def __init__(self, names: NameResolver, values: OperandResolver) -> None:
        self.names, self.values = names, values
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._programs: tuple[str, ...] = ()
        """The programs that the surrounding AND selects. The source of a matching record belongs to one of them."""
        self._unknown: dict[tuple[str, bool], list[_Unknown]] = {}
        """Unknown values, by field name and by whether they come from a parameter or a result."""
        self._sets: dict[int, frozenset[str]] = {}
        """Known values as sets, by the id of the catalogue's tuple, which outlives this object."""

    def where(self, expression: ast.Expression) -> Predicate:
        """Return the resolved predicate. Errors are collected in `errors`, warnings in `warnings`."""
        terms = self._resolve_conjunction(_split_conjuncts(expression))
        self._warn_of_contradictions(terms)
        self._warn_of_unknown()
        return terms[0] if len(terms) == 1 else And(terms, expression.origin)

    def _resolve(self, expression: ast.Expression) -> Predicate:
        match expression:
            case ast.ComparisonExpression():
                try:
                    return self._comparison(expression)
                except SemanticError as error:
                    self.errors.append(error.diagnostic)
                    return And(())
            case ast.AndExpression(terms, origin):
                return And(self._resolve_conjunction(terms), origin)
            case ast.OrExpression(terms, origin):
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

    def _programs_named(self, term: ast.Expression) -> tuple[str, ...]:
        """Return the programs of `program = 'x'` or `program IN ('x', …)`. Records with several sources give none."""
        if not isinstance(term, ast.ComparisonExpression) or term.operator not in (Op.EQ, Op.IN):
            return ()
        field = self.names.kind.field(term.path.dotted)
        if field is None or field.role != "source" or field.bare != "program" or self.names.kind.is_listed(field.path):
            return ()
        named = tuple(operand.value for operand in term.operands if isinstance(operand, TextLiteral))
        return named if len(named) == len(term.operands) else ()

    def _comparison(self, comparison: ast.ComparisonExpression) -> Predicate:
        if len(comparison.path.parts) == 1 and not self.names.is_known(comparison.path):
            check_misused_name(self.names, comparison)
        ref = self.names.ref(comparison.path)
        declared = self.names.declared_field(ref)
        context = self._narrow_context(
            ref, self.names.value_context(ref, comparison.path.dotted), comparison.path.origin
        )
        _check_operator(comparison, context)
        if OPERATORS[comparison.operator].ordering and self.names.kind.is_listed(ref.path):
            raise several_values_error(comparison.path.dotted, comparison.path.origin)
        match comparison.operands:
            case (Path() as other,) if comparison.operator in FIELD_OPERATORS and self.names.is_known(other):
                return self._field_comparison(comparison, ref, context, other)
        texts = self._text_values(comparison, context)
        listed = declared is not None and bool(declared.criterion)
        resolved = Comparison(ref, comparison.operator, texts, listed, comparison.origin)
        self._warn_of_values(resolved, comparison, context)
        if context.type is Type.TIME and not context.metadata:
            self.warnings += _whole_day_warning(comparison)
        return _expand_unnamed_intervals(resolved)

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
        _check_operator(replace(comparison, path=path), other_context)
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
        if (operator.arity >= 0 and len(operands) != operator.arity) or (not operands and operator.arity):
            raise SemanticError(
                "AQL0211",
                f"{operator.text} takes {'one value' if operator.arity == 1 else 'at least one value'}, "
                f"and the parameter has {len(operands)}",
                comparison.origin,
                hint="use IN for a list",
            )
        for operand in operands:
            if isinstance(operand, Path):
                raise self._diagnose_bare_word(operand, context)
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
            hint, fix = _OTHER_VALUES[context.type], None
            if context.type is Type.TIME and word.lower() in _DAYS:
                fix = _DAYS[word.lower()]
                hint = f"write {fix}"
            return SemanticError(
                "AQL0202", f"'{word}' is not a field, and {context.type.value} is expected", path.origin, "", hint, fix
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
        interval = read_interval(literal)
    except TimeError:  # NOW, or TODAY
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
            ranges.append(replace(leaf, operator=operator, values=tuple(map(write_instant, span))))
    if not ranges:
        return leaf
    terms: tuple[Predicate, ...] = (*([replace(leaf, values=tuple(plain))] if plain else []), *ranges)
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
