"""Diagnostics of names that cannot be metadata keys: words for time such as `date`, and aliases of SELECT."""

from __future__ import annotations

from auroraql.language import ast
from auroraql.language.ast import Instant, NumberLiteral, Operand, SelectAggregate, TextLiteral, Timestamp
from auroraql.resolver.names import NameResolver
from auroraql.resolver.times import TimeError, read_interval
from auroraql.resolver.values import SemanticError
from auroraql.schema import CONJUNCTIONS
from auroraql.schema.kinds.synonyms import TIME_WORDS
from auroraql.schema.operators import Op


def check_misused_name(names: NameResolver, comparison: ast.ComparisonExpression) -> None:
    """Raise SemanticError if an unknown bare name is an alias of SELECT, or a word for time compared with times."""
    name = comparison.path.dotted
    item = names.labels.get(name)
    if item is not None:
        _refuse_label(name, item, comparison)
    if name.lower() in TIME_WORDS and names.kind.span:
        _refuse_time(names, name, comparison)


def _refuse_label(name: str, item: ast.SelectItem, comparison: ast.ComparisonExpression) -> None:
    if isinstance(item, SelectAggregate):
        message = f"'{name}' is counted after WHERE, which filters single records"
        if item.function != "count":
            message = f"'{name}' is calculated after WHERE, which filters single records"
        hint = f"keep the groups with LET g = FIND …, then filter them: FIND g WHERE {name} …"
        raise SemanticError("AQL0201", message, comparison.path.origin, "an alias of SELECT", hint)
    if isinstance(item, ast.SelectColumn) and not item.members:
        message = f"'{name}' is an alias of SELECT, which WHERE cannot use"
        written = item.path.dotted
        raise SemanticError(
            "AQL0201", message, comparison.path.origin, "an alias of SELECT", f"write {written}", written
        )


def _refuse_time(names: NameResolver, name: str, comparison: ast.ComparisonExpression) -> None:
    operator = comparison.operator
    literals = [_operand_literals(operand, name) for operand in comparison.operands]
    if not literals or not all(literals):
        return
    low, high = literals[0] or ("", ""), literals[-1] or ("", "")
    message = f"{names.kind.title} have no field '{name}'"
    windows = {
        Op.EQ: _on_literal(low),
        Op.IN: _on_literal(low) if len(literals) == 1 else "",
        Op.GE: f"SINCE {low[0]}",
        Op.LE: f"UNTIL {high[1]}",
        Op.BETWEEN: f"BETWEEN {low[0]} AND {high[1]}",
    }
    window = windows.get(operator, "")
    times = tuple(dict.fromkeys(field.bare for field in names.kind.span))
    fields = f"the times are {' and '.join(times)}" if len(times) > 1 else f"the time is {times[0]}"
    rewritten = _rewrite_comparison(names, operator, low, high, len(literals))
    hint = fields
    if window:
        hint = f"write the time window after WHERE: {window}; {fields}"
    elif rewritten:  # > and < have no equivalent window: SINCE and UNTIL include their time
        hint = f"write {rewritten}; {fields}"
    fix = None if names.kind is CONJUNCTIONS else rewritten
    raise SemanticError("AQL0201", message, comparison.origin, "not a field", hint, fix)


def _on_literal(literal: tuple[str, str]) -> str:
    return f"ON {literal[0]}" if literal[0] == literal[1] else f"BETWEEN {literal[0]} AND {literal[1]}"


def _rewrite_comparison(
    names: NameResolver, operator: Op, low: tuple[str, str], high: tuple[str, str], count: int
) -> str | None:
    """Return the comparison as text, rewritten to the kind's time fields. Return None for other operators."""
    first, last = (field.bare for field in names.kind.span)
    match operator:
        case Op.EQ | Op.BETWEEN if first == last:
            return f"{first} BETWEEN {low[0]} AND {high[1]}"
        case Op.EQ | Op.BETWEEN:
            return f"({first} >= {low[0]} AND {last} <= {high[1]})"
        case Op.IN if count == 1:
            return _rewrite_comparison(names, Op.EQ, low, high, count)
        case Op.GE:
            return f"{first} >= {low[0]}"
        case Op.LE:
            return f"{last} <= {high[1]}"
        case Op.GT:
            return f"{first} > {high[1]}"
        case Op.LT:
            return f"{last} < {low[0]}"
        case _:
            return None


def _operand_literals(operand: Operand, name: str) -> tuple[str, str] | None:
    """Return the literals of an operand's first and last time. Return None if the operand is not a time."""
    match operand:
        case Instant(Timestamp(text), ()) if text not in ("NOW", "TODAY"):
            written = text
        case TextLiteral(value):
            written = value.strip()
        case NumberLiteral(text, "") if name.lower() == "year" and len(text) == 4 and text.isdigit():
            return f"{text}-01-01", f"{text}-12-31"
        case _:
            return None
    try:
        read_interval(written)
    except TimeError:
        return None
    return (f"{written}-01-01", f"{written}-12-31") if len(written) == 4 else (written, written)
