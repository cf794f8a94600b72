"""What a syntax error really is: the parser says where it stopped, the rules here say why and what would be right.

The rules are asked in order, the first that knows the slip answers; the last always answers. What could follow at the
place comes from the parse table, never from a list kept here. A fix is tried before it is offered: a rule whose fix the
parser would not accept has not understood the slip, and the next rule is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from auroraql.errors import Diagnostic
from auroraql.forms.text.slips.criteria import block_predicate, blocks_joined, place_needed
from auroraql.forms.text.slips.habits import (
    arithmetic,
    call,
    distinct,
    foreign_word,
    member,
    operator_word,
    select_first,
    several_values,
    value_first,
)
from auroraql.forms.text.slips.lists import comma
from auroraql.forms.text.slips.predicates import (
    and_missing,
    bare_value,
    between_and,
    compared_with_null,
    foreign_operator,
    list_needed,
    operator_missing,
    pairs_in_list,
    text_needed,
    value_needed,
)
from auroraql.forms.text.slips.quotes import backslash
from auroraql.forms.text.slips.statements import (
    clause_too_early,
    count_needed,
    criteria_missing,
    first_word,
    forced,
    from_clause,
    given,
    kind_of_record,
    listing,
    misspelt,
    ordered,
    rows_wanted,
    unfinished,
    where_missing,
)
from auroraql.forms.text.slips.stuck import CLAUSE_STARTS, NAMES_OF_TERMINALS, Stuck, expected
from auroraql.forms.text.slips.times import (
    clock_without_date,
    date,
    date_at_end,
    decimal_comma,
    last_of_nothing,
    moment_word,
    no_date,
    result_for_a_time,
    unit,
    using,
    window_of_two,
    window_word,
)
from auroraql.forms.text.slips.trial import is_right

__all__ = ["CLAUSE_STARTS", "NAMES_OF_TERMINALS", "RULES", "Stuck", "diagnose"]


def diagnose(stuck: Stuck) -> Diagnostic:
    """Return the one diagnostic of a syntax error."""
    for rule in RULES:
        answer = rule(stuck)
        if answer is not None and is_right(stuck, answer):
            return answer
    return _unexpected(stuck)


RULES: tuple[Callable[[Stuck], Diagnostic | None], ...] = (
    backslash,
    select_first,
    first_word,
    kind_of_record,
    using,
    result_for_a_time,
    listing,
    given,
    compared_with_null,
    several_values,
    operator_word,
    member,
    window_of_two,
    decimal_comma,
    between_and,
    pairs_in_list,
    foreign_operator,
    clause_too_early,
    blocks_joined,
    block_predicate,
    place_needed,
    distinct,
    value_first,
    comma,
    date_at_end,
    unfinished,
    rows_wanted,
    count_needed,
    last_of_nothing,
    moment_word,
    call,
    clock_without_date,
    date,
    window_word,
    unit,
    from_clause,
    foreign_word,
    ordered,
    criteria_missing,
    arithmetic,
    list_needed,
    bare_value,
    no_date,
    where_missing,
    misspelt,
    forced,
    and_missing,
    text_needed,
    operator_missing,
    value_needed,
)


def _unexpected(at: Stuck) -> Diagnostic:
    shown = f"'{at.found}'" if at.found.isprintable() else f"the character U+{ord(at.found[0]):04X}"
    return Diagnostic("AQL0106", f"{shown} cannot be here", at.span, f"expected {expected(at)}")
