"""Rules for queries of KQL, PRQL and pandas: they are written as SQL, and translated as SQL is."""

from __future__ import annotations

import re

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import ParseErrorContext
from auroraql.language.syntax_errors.sql_expressions import UntranslatableError
from auroraql.language.syntax_errors.sql_statements import UnfinishedError, UnknownTableError, translate_query
from auroraql.schema import KINDS

_MAX_CHARACTERS = 2_000
_KIND = rf"(?P<kind>{'|'.join(KINDS)})"
_TEXT = r"\"[^\"']*\"|'[^']*'"
_PIPELINE = re.compile(rf"(?:from\s+)?{_KIND}\s*\|(?![|>])\s*(?P<stages>.+)", re.IGNORECASE | re.DOTALL)
_MASK = re.compile(
    rf"{_KIND}\[(?P<mask>[^\[\]]*(?:\[(?:{_TEXT})\][^\[\]]*)*)\](?:\.head\((?P<count>\d+)\))?", re.IGNORECASE
)
_QUERY = re.compile(
    rf"{_KIND}\.query\(\s*(?P<text>\"[^\"]*\"|'[^']*')\s*\)(?:\.head\((?P<count>\d+)\))?", re.IGNORECASE
)
_ARGUMENTS = re.compile(
    rf"{_KIND}\.(?:where|filter|filter_by)\(\s*(?P<list>\w+\s*=\s*(?:{_TEXT}|\d+)(?:\s*,\s*\w+\s*=\s*(?:{_TEXT}|\d+))*)\s*\)",
    re.IGNORECASE,
)
_HEAD = re.compile(rf"{_KIND}\.head\((?P<count>\d+)\)", re.IGNORECASE)


def find_pipeline(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `data_products | where … | take 10`, `data_products[data_products.program == 'trex']` and similar."""
    if at.tokens or at.stop - at.start > _MAX_CHARACTERS:
        return None
    text = at.text[at.start : at.stop].strip()
    sql = _sql_of_pipeline(text) or _sql_of_frame(text)
    if sql is None:
        return _diagnose_unknown_form(at, text)
    message = f"a search begins with FIND, not with {at.found_text}"
    try:
        fix = translate_query(sql, 0, len(sql)).script
    except (UntranslatableError, UnknownTableError, UnfinishedError):
        return _diagnose_unknown_form(at, text)
    return Diagnostic("AQL0115", message, Span(at.start, at.start + len(text)), "", f"write {fix}", fix)


_UNKNOWN_FORM = re.compile(rf"(?:from\s+)?(?:{'|'.join(KINDS)}|df|db)\s*(?:\||%>%|\.|\[|\()", re.IGNORECASE)


def _diagnose_unknown_form(at: ParseErrorContext, text: str) -> Diagnostic | None:
    """Diagnose a pipeline or a method call that is not translated."""
    if _UNKNOWN_FORM.match(text) is None:
        return None
    message = f"a search begins with FIND, not with {at.found_text}"
    hint = "write clauses one after another: FIND data_products SELECT … WHERE … GROUP BY … ORDER BY … LIMIT 10"
    return Diagnostic("AQL0115", message, at.span, "", hint)


def _sql_of_pipeline(text: str) -> str | None:  # noqa: C901 - one case for each stage
    """Return a pipeline of KQL or PRQL as SQL, or None if a stage has no equivalent clause."""
    match = _PIPELINE.fullmatch(text)
    if match is None or re.search(
        r"=~|!~|\b(?:ago|datetime|has|contains|startswith|endswith|isempty|isnotempty|isnull|isnotnull)\b|@|//",
        match["stages"],
    ):
        return None
    columns, wheres, tail = "*", [], ""
    for stage in match["stages"].split("|"):
        word, _, rest = stage.strip().partition(" ")
        rest = rest.strip()
        match word.lower():
            case "where" | "filter" if not tail and columns == "*":
                wheres.append(f"({rest})")
            case "take" | "limit" if rest.isdecimal() and "LIMIT" not in tail:
                tail += f" LIMIT {rest}"
            case "project" | "select" if columns == "*" and "LIMIT" not in tail and "=" not in rest:
                columns = rest.strip("{}[] ")
            case "distinct" if columns == "*" and not tail:
                columns = f"DISTINCT {rest}"
            case "count" if columns == "*" and not tail and not rest:
                columns = "count(*)"
            case "summarize" if columns == "*" and not tail:
                groups = re.fullmatch(r"(?:(\w+)\s*=\s*)?count\(\)\s+by\s+([\w\s,]+)", rest)
                if groups is None:
                    return None
                columns = f"{groups[2]}, count(*)" + (f" AS {groups[1]}" if groups[1] else "")
                tail += f" GROUP BY {groups[2]}"
            case "sort" | "order" if "LIMIT" not in tail and "ORDER" not in tail and rest.lower().startswith("by "):
                keys = re.sub(r"\s+asc\b", "", rest[3:], flags=re.IGNORECASE)
                tail += f" ORDER BY {keys}"
            case _:
                return None
    text = " AND ".join(wheres) if len(wheres) > 1 else wheres[0][1:-1] if wheres else ""
    condition = f" WHERE {text}" if text else ""
    return f"SELECT {columns} FROM {match['kind']}{condition}{tail}"  # noqa: S608 - translated, and never run


def _sql_of_frame(text: str) -> str | None:
    """Return a search of a data frame as SQL, or None for other texts."""
    for pattern in (_MASK, _QUERY, _ARGUMENTS, _HEAD):
        match = pattern.fullmatch(text)
        if match is None:
            continue
        groups = match.groupdict()
        if groups.get("mask") is not None:
            condition = _condition_of_mask(groups["mask"], match["kind"])
            if condition is None:
                return None
        elif groups.get("text"):
            condition = groups["text"][1:-1]
        else:
            condition = re.sub(r"\s*,\s*(?=\w+\s*=)", " AND ", groups.get("list") or "")
        limit = f" LIMIT {groups['count']}" if groups.get("count") else ""
        where = f" WHERE {condition}" if condition else ""
        return f"SELECT * FROM {match['kind']}{where}{limit}"  # noqa: S608 - translated, and never run
    return None


def _condition_of_mask(mask: str, kind: str) -> str | None:
    """Return the condition of `frame[mask]`, or None for a column."""
    if "==" not in mask and not re.search(r"[<>]|!=", mask):
        return None
    mask = re.sub(rf"{kind}\[\s*['\"](\w+)['\"]\s*\]", rf"{kind}.\1", mask)
    outside = re.split(rf"({_TEXT})", mask)
    outside[::2] = [part.replace("&", " AND ").replace("|", " OR ").replace("~", " NOT ") for part in outside[::2]]
    return re.sub(r"\s+", " ", "".join(outside)).strip()
