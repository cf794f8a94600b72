"""Comparison operators: one row each, used by the parser, the resolver, the planner, the codecs and SQL.

Code that depends on the operator matches on `Op` and ends with `assert_never`, so that mypy reports every place that
does not handle a new operator. A property that several places use is a column of the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

Limit = Literal["first", "last", "whole", "text"]
"""Part of an operand that a comparison uses: the first or last time of an interval, all of it, or the typed text."""


PLAIN_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""Text that is read as a number, on the wire and in records."""


class Op(StrEnum):
    """A comparison operator. The value is its name in queries and in error messages about them."""

    EQ = "="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    NOT_IN = "not in"
    BETWEEN = "between"
    NOT_BETWEEN = "not between"
    LIKE = "like"
    NOT_LIKE = "not like"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"


FieldOp = Literal[Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE]
"""An operator that compares two fields."""

FIELD_OPERATORS: Mapping[Op, FieldOp] = {
    Op.EQ: Op.EQ,
    Op.NE: Op.NE,
    Op.LT: Op.LT,
    Op.LE: Op.LE,
    Op.GT: Op.GT,
    Op.GE: Op.GE,
}
"""The operators that compare two fields. The negation of each is one of them."""

MIRRORED: Mapping[Op, FieldOp] = {
    Op.EQ: Op.EQ,
    Op.NE: Op.NE,
    Op.LT: Op.GT,
    Op.LE: Op.GE,
    Op.GT: Op.LT,
    Op.GE: Op.LE,
}
"""The operator that means the same with its sides exchanged: `5 < x` is `x > 5`."""


@dataclass(frozen=True, slots=True)
class Operator:
    """One comparison operator: how it is typed, sent, negated and described.

    `text` is how a statement writes it and `also` lists other spellings. `wire` is the operator of AuroraX's
    MetadataExpression; empty when AuroraX has none. `arity` is the number of values on the right: 0, 1, 2, or -1 for
    a list of one or more. `limits` says what each value contributes; the last entry holds for all further values.
    `ordering` operators need a type that has an order, `pattern` operators a text.
    """

    op: Op
    text: str
    wire: str
    arity: int
    negation: Op
    doc: str
    ordering: bool = False
    pattern: bool = False
    limits: tuple[Limit, ...] = ("whole",)
    also: tuple[str, ...] = ()

    def limits_of(self, count: int) -> tuple[Limit, ...]:
        """Return what each of `count` values contributes."""
        return self.limits + self.limits[-1:] * (count - len(self.limits))


_ROWS = (
    Operator(Op.EQ, "=", "=", 1, Op.NE, "equal to"),
    Operator(Op.NE, "!=", "!=", 1, Op.EQ, "not equal to", also=("<>", "≠")),
    Operator(Op.LT, "<", "<", 1, Op.GE, "less than", ordering=True, limits=("first",)),
    Operator(Op.LE, "<=", "<=", 1, Op.GT, "at most", ordering=True, limits=("last",), also=("≤",)),
    Operator(Op.GT, ">", ">", 1, Op.LE, "greater than", ordering=True, limits=("last",)),
    Operator(Op.GE, ">=", ">=", 1, Op.LT, "at least", ordering=True, limits=("first",), also=("≥",)),
    Operator(Op.IN, "IN", "in", -1, Op.NOT_IN, "one of"),
    Operator(Op.NOT_IN, "NOT IN", "not in", -1, Op.IN, "none of"),
    Operator(
        Op.BETWEEN,
        "BETWEEN",
        "between",
        2,
        Op.NOT_BETWEEN,
        "within, both ends included",
        ordering=True,
        limits=("first", "last"),
    ),
    Operator(Op.NOT_BETWEEN, "NOT BETWEEN", "", 2, Op.BETWEEN, "outside", ordering=True, limits=("first", "last")),
    Operator(
        Op.LIKE,
        "LIKE",
        "",
        1,
        Op.NOT_LIKE,
        "like the pattern: % is any text, _ is one character",
        pattern=True,
        limits=("text",),
        also=("ilike",),
    ),
    Operator(
        Op.NOT_LIKE,
        "NOT LIKE",
        "",
        1,
        Op.LIKE,
        "not like the pattern",
        pattern=True,
        limits=("text",),
        also=("not ilike",),
    ),
    Operator(Op.IS_NULL, "IS NULL", "", 0, Op.IS_NOT_NULL, "missing"),
    Operator(Op.IS_NOT_NULL, "IS NOT NULL", "", 0, Op.IS_NULL, "present"),
)

OPERATORS = {row.op: row for row in _ROWS}
"""Operators by their `Op`."""

assert OPERATORS.keys() == set(Op), "every operator has its row"  # noqa: S101

SPELLINGS = {spelling: row.op for row in _ROWS for spelling in (row.text.lower(), *row.also)}
"""Operators by their spellings in lower case."""

WIRE = {row.wire: row.op for row in _ROWS if row.wire}
"""Operators by their spelling in AuroraX's query JSON."""


@lru_cache(maxsize=1024)
def like_pattern(like: str, escape: str = "") -> re.Pattern[str]:
    """Return the regular expression of a LIKE pattern, which ignores case. It matches in quadratic time at most.

    `escape` is the character before a `%` or `_` that stands for itself.
    """
    parts, characters = [""], iter(like)
    for character in characters:
        if character == "%" != escape:
            parts.append("")
        elif character == "_" != escape:
            parts[-1] += "."
        else:
            parts[-1] += re.escape(next(characters, "") if character == escape else character)
    if len(parts) == 1:
        return re.compile(parts[0], re.IGNORECASE | re.DOTALL)
    # The first match of a middle part leaves the most text to the others, so no other one has to be tried.
    middle = "".join(f"(?>.*?{part})" for part in parts[1:-1])
    return re.compile(f"{parts[0]}{middle}.*{parts[-1]}", re.IGNORECASE | re.DOTALL)
