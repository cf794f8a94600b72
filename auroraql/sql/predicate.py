"""From a predicate tree to an SQL condition; SQL's own AND, OR and NOT keep the three-valued logic."""

from __future__ import annotations

from collections.abc import Callable

from auroraql.query import And, Comparison, Not, Or, Predicate, Ref
from auroraql.sql.bindings import Bindings
from auroraql.sql.comparison import Stored, compare

Locate = Callable[[Ref, Bindings], Stored]
"""Where a layout keeps the value of a field; a metadata key is bound, never spliced."""


def condition(predicate: Predicate, locate: Locate, bind: Bindings) -> str:
    """The SQL condition of a predicate, safe to combine with AND."""
    match predicate:
        case Comparison(ref, operator, values):
            return compare(locate(ref, bind), operator, values, bind)
        case Not(term):
            return f"NOT ({condition(term, locate, bind)})"
        case And(terms):
            return _joined(" AND ", terms, locate, bind) if terms else "TRUE"
        case Or(terms):
            return _joined(" OR ", terms, locate, bind) if terms else "FALSE"


def _joined(word: str, terms: tuple[Predicate, ...], locate: Locate, bind: Bindings) -> str:
    return f"({word.join(condition(term, locate, bind) for term in terms)})"
