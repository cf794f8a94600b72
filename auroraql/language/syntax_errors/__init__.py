"""Diagnostics of syntax errors: the parser reports where it stopped, and the rules here explain why.

The rules are tried in order, and the first that recognizes the mistake answers. `_unexpected_token` answers when none
does. The tokens that are allowed at the place come from the parse table, never from a list kept here. Each fix is
validated: when the parser would not accept the fix of a rule, the next rule is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from auroraql.diagnostics.errors import Diagnostic, Span, StatementError
from auroraql.language.ast import Token
from auroraql.language.grammar import END, get_tables
from auroraql.language.syntax_errors.foreign_clauses import find_foreign_clause, find_foreign_statement
from auroraql.language.syntax_errors.foreign_predicates import (
    find_foreign_comment,
    find_foreign_predicate,
    find_misplaced_logic,
    find_repeated_operator,
    find_text_after_field,
    find_unit_word,
    find_unquoted_pattern,
)
from auroraql.language.syntax_errors.foreign_syntax import (
    find_arithmetic,
    find_distinct,
    find_early_construct,
    find_foreign_word,
    find_function_call,
    find_member_access,
    find_operator_word,
    find_several_values,
)
from auroraql.language.syntax_errors.graphql_rules import find_graphql_query
from auroraql.language.syntax_errors.listing_rules import find_described_table, find_wrong_listing
from auroraql.language.syntax_errors.parse_context import (
    CLAUSE_STARTS,
    NAMES_OF_TERMINALS,
    ParseErrorContext,
    describe_expected,
)
from auroraql.language.syntax_errors.phrase_rules import find_time_phrase
from auroraql.language.syntax_errors.pipeline_rules import find_pipeline
from auroraql.language.syntax_errors.predicate_rules import (
    find_bare_value,
    find_between_without_and,
    find_comma,
    find_condition_in_select,
    find_foreign_operator,
    find_joined_predicates,
    find_missing_and,
    find_missing_list,
    find_missing_operator,
    find_missing_text,
    find_missing_value,
    find_null_comparison,
    find_pairs_in_list,
    find_percent_of_number,
)
from auroraql.language.syntax_errors.quote_rules import find_backslash
from auroraql.language.syntax_errors.sql_rules import find_sql_query
from auroraql.language.syntax_errors.statement_rules import (
    find_block_predicate,
    find_early_clause,
    find_forced_keyword,
    find_from_clause,
    find_joined_blocks,
    find_kind_after_from,
    find_missing_assignment,
    find_missing_count,
    find_missing_kind,
    find_missing_of,
    find_missing_place,
    find_missing_where,
    find_misspelt_keyword,
    find_predicate_in_parentheses,
    find_row_limit,
    find_table_alias,
    find_unfinished,
    find_wrong_first_word,
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
    find_window_without_keyword,
    find_window_word,
    find_wrong_unit,
    find_wrong_using,
)

__all__ = ["CLAUSE_STARTS", "NAMES_OF_TERMINALS", "RULES", "ParseErrorContext", "diagnose_syntax_error"]


def diagnose_syntax_error(context: ParseErrorContext) -> Diagnostic:
    """Return the one diagnostic of a syntax error."""
    for rule in RULES:
        diagnostic = rule(context)
        if diagnostic is None:
            continue
        if rule in (find_sql_query, find_pipeline, find_graphql_query) or is_valid_fix(context, diagnostic):
            # The fix of a query may need fixes of its own, which the checker of fixes applies.
            return diagnostic
        if rule is find_wrong_first_word:
            # The first word is wrong whatever follows it: only the fix is not sure.
            return replace(diagnostic, fix=None)
    return _unexpected_token(context)


RULES: tuple[Callable[[ParseErrorContext], Diagnostic | None], ...] = (
    find_backslash,
    find_pipeline,
    find_graphql_query,
    find_sql_query,
    find_described_table,
    find_foreign_statement,
    find_wrong_first_word,
    find_kind_after_from,
    find_table_alias,
    find_predicate_in_parentheses,
    find_foreign_clause,
    find_missing_kind,
    find_wrong_using,
    find_result_as_time,
    find_wrong_listing,
    find_missing_assignment,
    find_unquoted_pattern,
    find_foreign_predicate,
    find_repeated_operator,
    find_text_after_field,
    find_misplaced_logic,
    find_foreign_comment,
    find_unit_word,
    find_early_construct,
    find_joined_predicates,
    find_percent_of_number,
    find_null_comparison,
    find_condition_in_select,
    find_several_values,
    find_operator_word,
    find_member_access,
    find_time_phrase,
    find_window_of_two,
    find_window_without_keyword,
    find_decimal_comma,
    find_between_without_and,
    find_pairs_in_list,
    find_foreign_operator,
    find_early_clause,
    find_joined_blocks,
    find_block_predicate,
    find_missing_place,
    find_distinct,
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


def diagnose_failure(text: str, tokens: list[Token], unexpected: Token, states: list[int], stop: int) -> StatementError:
    """Return the error for `text[:stop]`, in which the parser stopped at an unexpected token.

    `tokens` are the tokens before it, and `states` the states of the parser.
    """
    place = unexpected.start_pos, unexpected.end_pos
    context = ParseErrorContext(text, tokens, *place, unexpected.type, get_tables().accepts(states), stop)
    return StatementError([diagnose_syntax_error(context)])


_CHECKED_TOKENS_AFTER_FIX = 1
"""The number of tokens after the fix that the parser must accept as well."""


def is_valid_fix(at: ParseErrorContext, diagnostic: Diagnostic) -> bool:
    """Return whether the parser accepts the fix of a diagnostic and the token after it.

    Parsing starts at the last token before the fix, so the cost does not depend on the rest of the statement.
    """
    span, fix = diagnostic.origin, diagnostic.fix
    if fix is None or not isinstance(span, Span):
        return True
    tables = get_tables()
    before = [token for token in at.tokens if token.end_pos < span.start]
    states = [tables.start]
    for token in before:
        tables.shift(states, token.type)
    start = before[-1].end_pos if before else min(span.start, at.tokens[0].start_pos if at.tokens else at.start)
    text = at.text[start : span.start] + fix + at.text[span.end : at.stop]
    fixed = span.start - start + len(fix)
    offset, accepted_after, seen = 0, 0, [token.type for token in before]
    while accepted_after < _CHECKED_TOKENS_AFTER_FIX:
        blank = tables.blank.match(text, offset)
        offset = blank.end() if blank else offset
        row = tables.rows.get(states[-1]) or tables.row(states[-1])
        kind = END if offset >= len(text) else ""
        if not kind:
            word = tables.word_at(text, offset, len(text), row)
            kind = word.type
        if not tables.shift(states, kind):
            # The fix may leave the statement unfinished if nothing follows it.
            return kind == END and not at.text[span.end : at.stop].strip()
        if kind == END:
            return True
        if offset < fixed and kind in CLAUSE_STARTS and kind in seen and kind != "BETWEEN" and "LPAR" not in seen:
            return False  # the clause would occur twice
        seen.append(kind)
        if offset >= fixed:
            accepted_after += 1
        offset = word.end_pos
    return True
