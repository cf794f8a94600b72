"""Diagnostics of syntax errors: the parser reports where it stopped, and the rules here explain why.

The rules are tried in order, and the first that recognizes the mistake answers. `_unexpected_token` answers when none
does. The tokens that are allowed at the place come from the parse table, never from a list kept here. Each fix is
validated: when the parser would not accept the fix of a rule, the next rule is tried.
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


def diagnose_syntax_error(context: ParseErrorContext) -> Diagnostic:
    """Return the one diagnostic of a syntax error."""
    for rule in RULES:
        diagnostic = rule(context)
        if diagnostic is not None and is_valid_fix(context, diagnostic):
            return diagnostic
    return _unexpected_token(context)


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


def _unexpected_token(context: ParseErrorContext) -> Diagnostic:
    shown = (
        f"'{context.found_text}'"
        if context.found_text.isprintable()
        else f"the character U+{ord(context.found_text[0]):04X}"
    )
    return Diagnostic("AQL0106", f"{shown} is not allowed here", context.span, f"expected {describe_expected(context)}")


def diagnose_failure(text: str, failure: ParseFailure, end: int | None = None) -> StatementError:
    """Return the error for `text[:end]`, which the LR parser could not parse. `end` defaults to the end of the text."""
    words, states, token = failure
    stop = len(text) if end is None else end
    accepts = get_tables().accepts(states)
    return StatementError(
        [
            diagnose_syntax_error(
                ParseErrorContext(text, words, token.start_pos, token.end_pos, token.type, accepts, stop)
            )
        ]
    )
