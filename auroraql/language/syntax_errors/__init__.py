"""What a syntax error really is: the parser says where it stopped, the rules here say why and what would be right.

The rules are asked in order, the first that knows the slip answers; the last always answers. What could follow at the
place comes from the parse table, never from a list kept here. A fix is tried before it is offered: a rule whose fix the
parser would not accept has not understood the slip, and the next rule is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from auroraql.diagnostics.errors import Diagnostic, StatementError
from auroraql.language.lr_parser import ParseFailure, get_tables
from auroraql.language.syntax_errors.conjunction_rules import (
    find_block_predicate,
    find_joined_blocks,
    find_missing_place,
)
from auroraql.language.syntax_errors.fix_validation import is_valid_fix
from auroraql.language.syntax_errors.foreign_syntax import (
    find_arithmetic,
    find_distinct,
    find_foreign_word,
    find_function_call,
    find_member_access,
    find_operator_word,
    find_select_first,
    find_several_values,
    find_value_first,
)
from auroraql.language.syntax_errors.list_rules import find_comma
from auroraql.language.syntax_errors.parse_context import (
    CLAUSE_STARTS,
    NAMES_OF_TERMINALS,
    ParseErrorContext,
    describe_expected,
)
from auroraql.language.syntax_errors.predicate_rules import (
    find_bare_value,
    find_between_without_and,
    find_foreign_operator,
    find_missing_and,
    find_missing_list,
    find_missing_operator,
    find_missing_text,
    find_missing_value,
    find_null_comparison,
    find_pairs_in_list,
)
from auroraql.language.syntax_errors.quote_rules import find_backslash
from auroraql.language.syntax_errors.statement_rules import (
    find_early_clause,
    find_forced_keyword,
    find_from_clause,
    find_missing_assignment,
    find_missing_count,
    find_missing_kind,
    find_missing_of,
    find_missing_where,
    find_misspelt_keyword,
    find_row_limit,
    find_unfinished,
    find_wrong_first_word,
    find_wrong_listing,
    find_wrong_order,
)
from auroraql.language.syntax_errors.time_rules import (
    clock_without_date,
    find_decimal_comma,
    find_foreign_date,
    find_foreign_date_at_end,
    find_last_without_count,
    find_missing_date,
    find_moment_word,
    find_result_as_time,
    find_window_of_two,
    find_window_word,
    find_wrong_unit,
    find_wrong_using,
)

__all__ = ["CLAUSE_STARTS", "NAMES_OF_TERMINALS", "RULES", "ParseErrorContext", "diagnose_syntax_error"]


def diagnose_syntax_error(stuck: ParseErrorContext) -> Diagnostic:
    """Return the one diagnostic of a syntax error."""
    for rule in RULES:
        answer = rule(stuck)
        if answer is not None and is_valid_fix(stuck, answer):
            return answer
    return _unexpected_token(stuck)


RULES: tuple[Callable[[ParseErrorContext], Diagnostic | None], ...] = (
    find_backslash,
    find_select_first,
    find_wrong_first_word,
    find_missing_kind,
    find_wrong_using,
    find_result_as_time,
    find_wrong_listing,
    find_missing_assignment,
    find_null_comparison,
    find_several_values,
    find_operator_word,
    find_member_access,
    find_window_of_two,
    find_decimal_comma,
    find_between_without_and,
    find_pairs_in_list,
    find_foreign_operator,
    find_early_clause,
    find_joined_blocks,
    find_block_predicate,
    find_missing_place,
    find_distinct,
    find_value_first,
    find_comma,
    find_foreign_date_at_end,
    find_unfinished,
    find_row_limit,
    find_missing_count,
    find_last_without_count,
    find_moment_word,
    find_function_call,
    clock_without_date,
    find_foreign_date,
    find_window_word,
    find_wrong_unit,
    find_from_clause,
    find_foreign_word,
    find_wrong_order,
    find_missing_of,
    find_arithmetic,
    find_missing_list,
    find_bare_value,
    find_missing_date,
    find_missing_where,
    find_misspelt_keyword,
    find_forced_keyword,
    find_missing_and,
    find_missing_text,
    find_missing_operator,
    find_missing_value,
)


def _unexpected_token(at: ParseErrorContext) -> Diagnostic:
    shown = f"'{at.found_text}'" if at.found_text.isprintable() else f"the character U+{ord(at.found_text[0]):04X}"
    return Diagnostic("AQL0106", f"{shown} cannot be here", at.span, f"expected {describe_expected(at)}")


def diagnose_failure(text: str, stumble: ParseFailure, end: int | None = None) -> StatementError:
    """Return the error of `text[:end]`, in which the parse loop stopped."""
    words, states, found = stumble
    stop = len(text) if end is None else end
    accepts = get_tables().accepts(states)
    return StatementError(
        [
            diagnose_syntax_error(
                ParseErrorContext(text, words, found.start_pos, found.end_pos, found.type, accepts, stop)
            )
        ]
    )
