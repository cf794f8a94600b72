"""Slips in dates and durations."""

from __future__ import annotations

import re

from auroraql.errors import Diagnostic, Span
from auroraql.forms.text.slips.stuck import CLAUSE_STARTS, Stuck, is_word
from auroraql.spelling import closest


def date(at: Stuck) -> Diagnostic | None:
    """Dates written in another way: 2020-1-1, 01/02/2020, 2020/02/01, 20200201."""
    run = re.compile(r"\d+[-/.:]\d+(?:[-/.:T]\d+)*\w*").search(at.text, max(at.start - 11, 0), at.start + 30)
    if run and run.start() <= at.start < run.end() and run[0].count(".") != 1:
        return _date_fix(run[0], Span(run.start(), run.end()))
    wants_time = "DATETIME" in at.accepts
    if wants_time and "NUMBER" not in at.accepts and at.type == "NUMBER":
        return _date_fix(at.found, at.span)
    return None


def _date_fix(typed: str, span: Span) -> Diagnostic:
    parts = [int(p[:9]) for p in re.findall(r"\d+", typed)]
    fix = None
    if len(parts) >= 3 and 1000 < parts[0] < 10000:
        fix = f"{parts[0]:04}-{parts[1]:02}-{parts[2]:02}"
        fix += (
            "T" + ":".join(f"{p:02}" for p in (*parts[3:6], 0, 0)[: max(len(parts[3:6]), 2)]) if len(parts) > 3 else ""
        )
    elif re.fullmatch(r"\d{8}", typed):
        fix = f"{typed[:4]}-{typed[4:6]}-{typed[6:]}"
    hint = f"did you mean {fix}?" if fix else "dates are written year-month-day, as 2020-02-01 or 2020-02-01T06:30"
    return Diagnostic(
        "AQL0112", f"'{typed}' is not how a date is written", span, "expected YYYY-MM-DD", hint=hint, fix=fix
    )


def using(at: Stuck) -> Diagnostic | None:
    """USING without a result before it, or without the parentheses around its fields."""
    if at.found.upper() == "USING":
        hint = "it follows a result: DURING passes USING (platform)"
        return Diagnostic("AQL0106", "USING does not follow DURING and a result", at.span, "no result before it", hint)
    if at.type_before() != "USING" or not is_word(at.found):
        return None
    fields = _FIELDS.match(at.text, at.start)
    written = fields[0] if fields is not None else at.found
    message, fix = "the fields of USING are written in parentheses", f"({written})"
    span = Span(at.start, at.start + len(written))
    return Diagnostic("AQL0106", message, span, "no parentheses", f"write USING {fix}", fix)


_FIELDS = re.compile(r"[\w.]+(?:\s*,\s*[\w.]+)*")


def result_for_a_time(at: Stuck) -> Diagnostic | None:
    """OVERLAPPING and the name of a result, whose times DURING takes."""
    window = at.before()
    if window is None or window.type != "OVERLAPPING" or at.type not in ("NAME", "QNAME", "LPAR"):
        return None
    fix = f"DURING {at.found}"
    hint = f"for what overlaps the rows of a result write {fix}" + ("FIND …)" if at.type == "LPAR" else "")
    span = Span(int(window.start_pos or 0), at.end)
    return Diagnostic("AQL0106", "OVERLAPPING takes a time, not a result", span, "expected a time", hint, fix)


def no_date(at: Stuck) -> Diagnostic | None:
    """A word or nothing where a window needs its moment."""
    if "DATETIME" not in at.accepts or "CMP" in at.accepts or "NAME" in at.accepts or at.type == "$END":
        return None
    shown = at.type_before()
    return Diagnostic(
        "AQL0106",
        f"'{at.found}' is no time",
        at.span,
        f"{shown} needs a date or time",
        hint="write a date as 2020-02-01, a time as 2020-02-01T06:30, or NOW or TODAY",
    )


def unit(at: Stuck) -> Diagnostic | None:
    """A duration without its unit, or with one that is unclear or misspelt."""
    if "TIME_UNIT" not in at.accepts:
        return None
    if at.found.lower() == "m":
        return Diagnostic(
            "AQL0113",
            "'m' could be minutes, metres or months",
            at.span,
            "which unit?",
            hint="write min for minutes, km for kilometres, months for months",
        )
    number = at.before()
    if number is not None and number.type in ("NUMBER", "PARAM") and "UNIT" not in at.accepts:
        near = closest(at.found.lower(), ("seconds", "minutes", "hours", "days", "weeks", "months", "years"), 1, 0.6)
        label = f"expected a unit of time after {number}"
        hint = (
            f"did you mean {near[0]}?" if near else "the units are seconds, minutes, hours, days, weeks, months, years"
        )
        if is_word(at.found) and at.found.upper() not in CLAUSE_STARTS:
            return Diagnostic(
                "AQL0113", f"'{at.found}' is no unit of time", at.span, label, hint, near[0] if near else None
            )
        return Diagnostic(
            "AQL0113", f"{number} has no unit", Span(int(number.start_pos or 0), at.end_before()), "of what?", hint
        )
    return None
