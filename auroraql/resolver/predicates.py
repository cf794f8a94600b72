"""WHERE: names, operators and values checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import And, Comparison, FieldComparison, Not, Or, Predicate, Ref
from auroraql.ir.time_literals import TimeError, literal_of, read_interval, read_span, write_instant
from auroraql.language import ast
from auroraql.language.ast import Instant, NumberLiteral, Operand, Path, TextLiteral, Timestamp
from auroraql.resolver.names import NameResolver
from auroraql.resolver.selection import check_single, several_values_error
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.schema import Type
from auroraql.schema.limits import MAX_LIST_VALUES
from auroraql.schema.operators import FIELD_OPERATORS, OPERATORS, Op

_OTHER_VALUES = {
    Type.TIME: "write a date as 2020-02-01 or a time as 2020-02-01T06:30",
    Type.NUMBER: "write a number, as 75",
    Type.INTEGER: "write a whole number, as 75",
    Type.BOOLEAN: "write TRUE or FALSE",
}
"""What a field takes that takes no texts."""

_DAYS = {"yesterday": "TODAY - 1 day", "tomorrow": "TODAY + 1 day"}


class PredicateResolver:
    """Resolves one WHERE, collecting everything wrong in it."""

    def __init__(self, names: NameResolver, values: OperandResolver) -> None:
        self.names, self.values = names, values
        self.wrong: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        self._programs: tuple[str, ...] = ()
        """The programs that the terms beside a comparison choose, one of which its source is of."""
        self._unknown: dict[tuple[str, bool], list[_Unknown]] = {}
        """Values that are not among the known ones, by their field and by whether they come from elsewhere."""
        self._sets: dict[int, frozenset[str]] = {}
        """Lists of known values, which outlive this, as sets."""

    def where(self, expression: ast.Expression) -> Predicate:
        """The predicate."""
        terms = self._resolve_conjunction(_split_conjuncts(expression))
        self._warn_of_contradictions(terms)
        self._warn_of_unknown()
        return terms[0] if len(terms) == 1 else And(terms, expression.origin)

    def _resolve(self, expression: ast.Expression) -> Predicate:
        match expression:
            case ast.ComparisonExpression():
                try:
                    return self._comparison(expression)
                except SemanticError as fault:
                    self.wrong.append(fault.diagnostic)
                    return And(())
            case ast.AndExpression(terms, origin):
                return And(self._resolve_conjunction(terms), origin)
            case ast.OrExpression(terms, origin):
                return Or(tuple([self._resolve(t) for t in terms]), origin)
            case ast.NotExpression(term, origin):
                return Not(self._resolve(term), origin)

    def _resolve_conjunction(self, terms: Iterable[ast.Expression]) -> tuple[Predicate, ...]:
        """Terms that hold together, each resolved knowing the programs that another of them chooses."""
        around, terms = self._programs, tuple(terms)
        self._programs = next((named for named in map(self._programs_named, terms) if named), around)
        made = tuple([self._resolve(term) for term in terms])
        self._programs = around
        return made

    def _programs_named(self, term: ast.Expression) -> tuple[str, ...]:
        """The programs of `program = 'x'` and `program IN ('x', …)`; none of a record that has several sources."""
        if not isinstance(term, ast.ComparisonExpression) or term.operator not in (Op.EQ, Op.IN):
            return ()
        field = self.names.kind.field(term.path.dotted)
        if field is None or field.role != "source" or field.bare != "program" or self.names.kind.is_listed(field.path):
            return ()
        named = tuple(each.value for each in term.operands if isinstance(each, TextLiteral))
        return named if len(named) == len(term.operands) else ()

    def _comparison(self, comparison: ast.ComparisonExpression) -> Predicate:
        if len(comparison.path.parts) == 1 and not self.names.is_known(comparison.path):
            from auroraql.resolver.misused_names import check_misused_name  # most statements have known names

            check_misused_name(self.names, comparison)
        ref = self.names.ref(comparison.path)
        declared = self.names.declared_field(ref)
        place = self._narrow_context(ref, self.names.value_context(ref, comparison.path.dotted), comparison.path.origin)
        _check_operator(comparison, place)
        if OPERATORS[comparison.operator].ordering and self.names.kind.is_listed(ref.path):
            raise several_values_error(comparison.path.dotted, comparison.path.origin)
        match comparison.operands:
            case (Path() as other,) if comparison.operator in FIELD_OPERATORS and self.names.is_known(other):
                return self._field_comparison(comparison, ref, place, other)
        texts = self._text_values(comparison, place)
        listed = declared is not None and bool(declared.criterion)
        made = Comparison(ref, comparison.operator, texts, listed, comparison.origin)
        self._warn_of_values(made, comparison, place)
        if place.type is Type.TIME and not place.metadata:
            self.warnings += _whole_day_warning(comparison)
        return _expand_unnamed_intervals(made)

    def _narrow_context(self, ref: Ref, place: ValueContext, origin: Origin) -> ValueContext:
        """What a value of a metadata key must be in the programs that are chosen; warns where none of them has it."""
        kind, catalogue = self.names.kind.metadata, self.names.catalogue
        known = catalogue.key(kind, ref.name) if ref.role == "metadata" and self._programs else None
        if known is None:
            return place
        key = catalogue.key_of(kind, ref.name, self._programs)
        if key is not None:
            return replace(place, known=key.values)
        message = f"no {self.names.kind.title} of {' or '.join(self._programs[:3])} are known to have '{ref.name}'"
        hint = f"it belongs to {', '.join(known.programs[:8])}" if known.programs else ""
        self.warnings.append(Diagnostic("AQL0601", message, origin, "not of these sources", hint, severity="warning"))
        return place

    def _field_comparison(
        self, comparison: ast.ComparisonExpression, ref: Ref, place: ValueContext, path: Path
    ) -> FieldComparison:
        """Two fields, which must be of one type and of one unit; a metadata key is compared with anything."""
        other = self.names.ref(path)
        other_place = self.names.value_context(other, path.dotted)
        check_single(self.names, ref, comparison.path)
        check_single(self.names, other, path)
        _check_operator(replace(comparison, path=path), other_place)
        alike = place.metadata or other_place.metadata or _type_family(place.type) == _type_family(other_place.type)
        if not alike:
            raise SemanticError(
                "AQL0203",
                f"'{place.name}' is {place.type.value}, and '{path.dotted}' is {other_place.type.value}",
                path.origin,
                other_place.type.value,
                hint="compare fields of one type",
            )
        if place.unit and other_place.unit and place.unit != other_place.unit:
            raise SemanticError(
                "AQL0204",
                f"'{place.name}' is in {place.unit}, and '{path.dotted}' in {other_place.unit}",
                path.origin,
                other_place.unit,
                hint="compare fields of one unit",
            )
        return FieldComparison(ref, FIELD_OPERATORS[comparison.operator], other, comparison.origin)

    def _text_values(self, comparison: ast.ComparisonExpression, place: ValueContext) -> tuple[str, ...]:
        operator = OPERATORS[comparison.operator]
        operands: list[Operand] = []
        for operand in comparison.operands:
            operands += self.values.substitute(operand)
        if len(operands) > MAX_LIST_VALUES:
            raise SemanticError(
                "AQL0116",
                f"the list has too many values; {MAX_LIST_VALUES:,} are the most",
                operands[MAX_LIST_VALUES].origin,
                "one too many",
                hint="cut the search into several",
            )
        if (operator.arity >= 0 and len(operands) != operator.arity) or (not operands and operator.arity):
            raise SemanticError(
                "AQL0211",
                f"{operator.text} takes {'one value' if operator.arity == 1 else 'one value or more'}, "
                f"and the parameter holds {len(operands)}",
                comparison.origin,
                hint="use IN for a list",
            )
        for operand in operands:
            if isinstance(operand, Path):
                raise self._diagnose_bare_word(operand, place)
        place = replace(place, type=Type.STRING) if operator.pattern else place
        limits = operator.limits_of(len(operands))
        return tuple(
            self.values.text(o, replace(place, limit=limit)) for o, limit in zip(operands, limits, strict=False)
        )

    def _diagnose_bare_word(self, path: Path, place: ValueContext) -> SemanticError:
        word = path.dotted
        if self.names.is_known(path):
            return SemanticError(
                "AQL0202",
                f"'{word}' is a field, and no list",
                path.origin,
                "a field",
                hint=f"compare the fields with = {word}, or write ('{word}') if the text is meant",
            )
        if place.type in _OTHER_VALUES and not place.metadata:
            hint, fix = _OTHER_VALUES[place.type], None
            if place.type is Type.TIME and word.lower() in _DAYS:
                fix = _DAYS[word.lower()]
                hint = f"write {fix}"
            return SemanticError(
                "AQL0202", f"'{word}' is not a field, and {place.type.value} is due", path.origin, "", hint, fix
            )
        near = find_closest(word, place.known, 1, 0.75)
        quoted = f"'{near[0] if near else word}'"
        return SemanticError(
            "AQL0202",
            f"'{word}' is not a field, and a text needs quotes",
            path.origin,
            "no quotes",
            hint=f"did you mean {quoted}?",
            fix=quoted,
        )

    def _warn_of_values(self, made: Comparison, written: ast.ComparisonExpression, place: ValueContext) -> None:
        """A value that is not among the known ones is questioned; the lists are not exhaustive, so it runs."""
        if not place.known or made.operator not in (Op.EQ, Op.NE, Op.IN, Op.NOT_IN) or place.type is not Type.STRING:
            return
        known = self._sets.get(id(place.known))
        if known is None:
            known = self._sets[id(place.known)] = frozenset(place.known)
        operands = (
            written.operands if len(written.operands) == len(made.values) else written.operands * len(made.values)
        )
        unknown = [each for each in zip(made.values, operands, strict=False) if each[0] not in known]
        among = self._values_of_programs(made.ref) if unknown else ()
        for value, operand in unknown:
            plain = (
                isinstance(operand, TextLiteral) and operand.is_untyped
            )  # not written here: of a parameter or a result
            self._unknown.setdefault((place.name, plain), []).append((value, operand, place, among, self._programs))

    def _warn_of_unknown(self) -> None:
        """Report every unknown value: a few one by one, many of one field together."""
        for values in self._unknown.values():
            if len(values) <= _ONE_BY_ONE:
                self.warnings += (_unknown_value_warning(*each) for each in values)
            else:
                self.warnings.append(_unknown_values_warning(values))
        self._unknown.clear()

    def _values_of_programs(self, ref: Ref) -> tuple[str, ...]:
        """The values of a source field that sources of the chosen programs have."""
        declared = self.names.declared_field(ref)
        if declared is None or declared.role != "source" or declared.bare == "program":
            return ()
        return self.names.catalogue.values_of(declared.bare, self._programs) if self._programs else ()

    def _warn_of_contradictions(self, terms: tuple[Predicate, ...]) -> None:
        """Two different values asked of one metadata key find nothing, by AuroraX's design."""
        asked: dict[Ref, str] = {}
        for term in terms:
            if not isinstance(term, Comparison) or term.operator != Op.EQ or term.ref.role != "metadata":
                continue
            earlier_value = asked.setdefault(term.ref, term.values[0])
            if earlier_value != term.values[0]:
                self.warnings.append(
                    Diagnostic(
                        "AQL0604",
                        f"no record has two values of '{term.ref.name}': this finds nothing",
                        term.origin,
                        "the second value",
                        f"for either of them: {term.ref.name} IN ('{earlier_value}', '{term.values[0]}')",
                        severity="warning",
                    )
                )


_Unknown = tuple[str, Operand, ValueContext, tuple[str, ...], tuple[str, ...]]
"""A value, where it is written, what it is compared with, and the values and programs that narrow it."""

_ONE_BY_ONE = 3
"""More unknown values of one field are reported together."""

_MOST_NAMED = 100
"""More unknown values are only counted: nobody reads them, and a list may have thousands."""

_MOST_COMPARED = 30
"""The nearest known value is looked for so often, which takes a while."""


def _unknown_values_warning(values: list[_Unknown]) -> Diagnostic:
    """Return one warning for many unknown values of a field, which names them all."""
    _, operand, place, _, _ = values[0]
    named = ", ".join(f"'{value[:60]}'" for value, *_ in values[:_MOST_NAMED])
    more = f" and {len(values) - _MOST_NAMED:,} more" if len(values) > _MOST_NAMED else ""
    near = [
        (value, (_nearest_value(value, among) or _nearest_value(value, place.known))[:1])
        for value, _, _, among, _ in values[:_MOST_COMPARED]
    ]
    meant = [f"'{found[0]}' for '{value}'" for value, found in near if found]
    some = ", ".join(f"'{each}'" for each in place.known[:5])
    hint = f"did you mean {', '.join(meant)}?" if meant else f"known are {some}{'…' if len(place.known) > 5 else ''}"
    message = f"{len(values):,} values of {place.name} are not known: {named}{more}"
    return Diagnostic("AQL0602", message, operand.origin, "the first of them", hint, severity="warning")


def _unknown_value_warning(
    value: str, operand: Operand, place: ValueContext, among: tuple[str, ...], programs: tuple[str, ...]
) -> Diagnostic:
    """`among` are the values in the programs that are chosen, where that narrows them."""
    near = _nearest_value(value, among) or _nearest_value(value, place.known)
    known = among or place.known
    some = ", ".join(f"'{each}'" for each in known[:5])
    hint = f"did you mean '{near[0]}'?" if near else f"known are {some}{'…' if len(known) > 5 else ''}"
    fix = f"'{near[0]}'" if near and isinstance(operand, TextLiteral) else None
    message = (
        f"no {place.name} '{value}' in {' or '.join(programs[:3])}" if among else f"no {place.name} '{value}' is known"
    )
    return Diagnostic("AQL0602", message, operand.origin, "unknown value", hint, fix, "warning")


def _whole_day_warning(comparison: ast.ComparisonExpression) -> Iterator[Diagnostic]:
    """The warning that a date is its whole day, and not its midnight as in SQL, where that is easily mistaken."""
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
        ways = (f"{path} >= {literal}", f"{path} > {midnight}")
        hint = f"write {ways[0]} to include it, or {ways[1]} for what follows its first moment"
    else:
        message = f"{path} = {literal} is any moment of {literal}"
        ways = (f"{path} BETWEEN {literal} AND {literal}", f"{path} = {midnight}")
        hint = f"write {ways[0]} to say so, or {ways[1]} for its first moment alone"
    yield Diagnostic("AQL0615", message, comparison.origin, "a whole interval", hint, ways[0], "warning", ways[1:])


def _expand_unnamed_intervals(leaf: Comparison) -> Predicate:
    """The comparison with intervals that no literal names, as `TODAY - 1 hour`, written as ranges.

    This is for lists: the normal form makes a range of an interval alone.
    """
    if leaf.operator not in (Op.IN, Op.NOT_IN) or not any("/" in value for value in leaf.values):
        return leaf
    odd: list[Predicate] = []
    plain: list[str] = []
    positive = leaf.operator == Op.IN
    for value in leaf.values:
        span = read_span(value)
        if span is None or literal_of(*span):
            plain.append(value)
        else:
            operator = Op.BETWEEN if positive else Op.NOT_BETWEEN
            odd.append(replace(leaf, operator=operator, values=tuple(map(write_instant, span))))
    if not odd:
        return leaf
    terms: tuple[Predicate, ...] = (*([replace(leaf, values=tuple(plain))] if plain else []), *odd)
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


def _check_operator(comparison: ast.ComparisonExpression, place: ValueContext) -> None:
    operator = OPERATORS[comparison.operator]
    if place.type is Type.OBJECT and operator.arity:
        raise SemanticError(
            "AQL0205",
            f"'{place.name}' is an object and cannot be compared",
            comparison.path.origin,
            "an object",
            hint=f"name one of its members, as {place.name}.…",
        )
    if operator.ordering and not place.type.is_ordered:
        raise SemanticError(
            "AQL0205",
            f"'{place.name}' is TRUE or FALSE, which {operator.text} cannot order",
            comparison.origin,
            hint=f"write {place.name} = TRUE",
        )
    if operator.pattern and place.type in (Type.NUMBER, Type.INTEGER, Type.TIME, Type.BOOLEAN):
        raise SemanticError(
            "AQL0205",
            f"{operator.text} compares texts, and '{place.name}' is {place.type.value}",
            comparison.origin,
            hint="use =, < or BETWEEN",
        )
