"""What a syntax error really is: the parser says where it stuck, the rules here say why and what would be right.

The rules are asked in order, the first that knows the slip answers; the last always answers. What may
stand at the place comes from the parse table, never from a list kept here.
"""

from __future__ import annotations

from collections.abc import Callable

from auroraql.errors import Diagnostic
from auroraql.forms.text.slips.criteria import block_predicate, blocks_joined, place_needed
from auroraql.forms.text.slips.lists import comma
from auroraql.forms.text.slips.predicates import (
    and_missing,
    bare_value,
    compared_with_null,
    foreign_operator,
    list_needed,
    operator_missing,
    text_needed,
)
from auroraql.forms.text.slips.statements import (
    clause_too_early,
    count_needed,
    first_word,
    from_clause,
    kind_of_record,
    misspelt,
    unfinished,
)
from auroraql.forms.text.slips.stuck import CLAUSE_STARTS, Stuck, expected
from auroraql.forms.text.slips.times import date, no_date, result_for_a_time, unit, using

__all__ = ["CLAUSE_STARTS", "RULES", "Stuck", "diagnose"]


def diagnose(stuck: Stuck) -> Diagnostic:
    """The one thing to say about a syntax error."""
    for rule in RULES:
        answer = rule(stuck)
        if answer is not None:
            return answer
    return _unexpected(stuck)


RULES: tuple[Callable[[Stuck], Diagnostic | None], ...] = (
    first_word,
    kind_of_record,
    using,
    result_for_a_time,
    compared_with_null,
    foreign_operator,
    clause_too_early,
    blocks_joined,
    block_predicate,
    place_needed,
    comma,
    unfinished,
    count_needed,
    date,
    unit,
    from_clause,
    bare_value,
    no_date,
    misspelt,
    and_missing,
    list_needed,
    text_needed,
    operator_missing,
)


def _unexpected(at: Stuck) -> Diagnostic:
    shown = f"'{at.found}'" if at.found.isprintable() else f"the character U+{ord(at.found[0]):04X}"
    return Diagnostic("AQL0106", f"{shown} cannot stand here", at.span, f"expected {expected(at)}")
