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
_UNTRANSLATED = re.compile(
    r"=~|!~|\b(?:ago|datetime|has|contains|startswith|endswith|isempty|isnotempty|isnull|isnotnull)\b|@|//"
)
"""Operators and functions of KQL and PRQL that SQL does not have."""
_STAGES = r"(?:filter|select|derive|take|sort|group|aggregate)(?!\w)"
_LINE_OF_STAGE = re.compile(rf"\s*\n\s*(?={_STAGES})", re.IGNORECASE)
_NAMED = re.compile(r"(?P<name>[^\W\d]\w*)\s*=(?!=)\s*(?P<value>.+)", re.DOTALL)
_GROUP = re.compile(
    r"(?P<keys>\{[^{}()]*\}|\w+)\s*\(\s*aggregate\s+(?P<values>\{[^{}]*\}|[^{}()]+?)\s*\)", re.IGNORECASE
)
_CALL = re.compile(r"(?P<function>\w+)(?:\s*\(\s*(?P<argument>[\w.]*)\s*\)|\s+(?P<bare>[\w.]+))")
_BIN = re.compile(r"bin\(\s*(?P<field>[\w.]+)\s*,\s*(?P<unit>1[dhm])\s*\)", re.IGNORECASE)
_BINS = {"1d": "date_trunc('day', {})", "1h": "date_trunc('hour', {})", "1m": "date_trunc('minute', {})"}
_AGGREGATES = {
    **{name: f"{name}({{}})" for name in ("count", "min", "max", "sum", "avg", "stddev")},
    **dict.fromkeys(("dcount", "count_distinct"), "count(DISTINCT {})"),
    "average": "avg({})",
}
"""Aggregates by their names in KQL and PRQL."""
_TAIL = ("GROUP BY", "ORDER BY", "LIMIT")
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


_UNKNOWN_FORM = re.compile(
    rf"(?:from\s+)?(?:{'|'.join(KINDS)}|df|db)\s*(?:\||%>%|\.|\[|\()|from\s+(?:{'|'.join(KINDS)})\s*\n\s*{_STAGES}",
    re.IGNORECASE,
)


def _diagnose_unknown_form(at: ParseErrorContext, text: str) -> Diagnostic | None:
    """Diagnose a pipeline or a method call that is not translated."""
    if _UNKNOWN_FORM.match(text) is None:
        return None
    message = f"a search begins with FIND, not with {at.found_text}"
    return Diagnostic("AQL0115", message, at.span, "", hint_of_stages(text))


def hint_of_stages(text: str) -> str:
    """Return the hint for a text of pipeline stages: the clause for the first stage that groups or computes."""
    stage = re.search(
        r"\b(?:(summari[sz]e|aggregate|group|groupby|group_by)|extend|derive|mutate|assign)\b", text, re.IGNORECASE
    )
    if stage is None:
        return "write clauses one after another: FIND data_products SELECT … WHERE … GROUP BY … ORDER BY … LIMIT 10"
    if stage[1]:
        return "write groups with GROUP BY: FIND data_products SELECT platform, count(*) AS n GROUP BY platform"
    return "write computed columns in SELECT: FIND data_products SELECT url, end - start AS length"


def _sql_of_pipeline(text: str) -> str | None:
    """Return a pipeline of KQL or PRQL as SQL, or None if a stage has no equivalent clause."""
    match = _PIPELINE.fullmatch(_join_lines(text))
    if match is None or _UNTRANSLATED.search(match["stages"]):
        return None
    pipeline = _Pipeline(match["kind"])
    for stage in _split_outside_brackets(match["stages"], "|"):
        word, _, rest = stage.strip().partition(" ")
        if not pipeline.add(word.lower(), rest.strip()):
            return None
    return pipeline.sql()


def _join_lines(text: str) -> str:
    """Return a pipeline of PRQL, which has a stage on each line, with `|` before each stage."""
    return _LINE_OF_STAGE.sub(" | ", text) if text[:4].lower() == "from" else text


def _split_outside_brackets(text: str, separator: str) -> list[str]:
    """Split a text at a separator that is neither in brackets nor in quotes."""
    parts, depth, start = [], 0, 0
    for mark in re.finditer(rf"{_TEXT}|[()\[\]{{}}]|{re.escape(separator)}", text):
        if mark[0] in "([{":
            depth += 1
        elif mark[0] in ")]}":
            depth -= 1
        elif mark[0] == separator and not depth:
            parts.append(text[start : mark.start()])
            start = mark.end()
    return [part.strip() for part in (*parts, text[start:])]


def _items(text: str) -> list[tuple[str, str]]:
    """Return the name and the expression of each item of a list such as `{n = count this, m = max start}`."""
    listed = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    items = []
    for item in _split_outside_brackets(listed, ","):
        named = _NAMED.fullmatch(item)
        items.append((named["name"], named["value"]) if named is not None else ("", item))
    return items


class _Pipeline:
    """The clauses of a query in SQL that has the rows of a pipeline.

    Each method returns whether the stage has an equivalent clause after the stages before it.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.columns: list[str] = []
        self.computed: dict[str, str] = {}
        self.conditions: list[str] = []
        self.clauses: dict[str, str] = {}
        """GROUP BY, ORDER BY and LIMIT, in the order of SQL."""

    def add(self, word: str, rest: str) -> bool:
        """Add a stage: its first word and the text after it."""
        match word:
            case "where" | "filter":
                return self._filter(rest)
            case "take" | "limit":
                return rest.isdecimal() and self._add_clause("LIMIT", rest)
            case "project" | "select":
                return self._select(rest)
            case "extend" | "derive":
                return self._compute(rest)
            case "distinct":
                return self._is_plain() and self._show([f"DISTINCT {rest}"])
            case "count":
                return self._is_plain() and not rest and self._show(["count(*)"])
            case "summarize" | "aggregate":
                values, _, keys = (*re.split(r"\s+(by)\s+", rest, maxsplit=1, flags=re.IGNORECASE), "", "")[:3]
                return self._group(values, keys)
            case "group":
                group = _GROUP.fullmatch(rest)
                return group is not None and self._group(group["values"], group["keys"])
            case "sort" | "order":
                return self._sort(rest)
        return False

    def sql(self) -> str:
        """Return the query."""
        columns = self.columns or ["*", *(f"{value} AS {name}" for name, value in self.computed.items())]
        terms = self.conditions if len(self.conditions) < 2 else [f"({term})" for term in self.conditions]
        condition = f" WHERE {' AND '.join(terms)}" if terms else ""
        tail = "".join(f" {name} {self.clauses[name]}" for name in _TAIL if name in self.clauses)
        return f"SELECT {', '.join(columns)} FROM {self.kind}{condition}{tail}"  # noqa: S608 - translated, and never run

    def _is_plain(self) -> bool:
        return not (self.columns or self.computed or self.clauses)

    def _show(self, columns: list[str]) -> bool:
        self.columns = columns
        return True

    def _add_clause(self, name: str, text: str) -> bool:
        """Add a clause, unless the query has it or a later one: SQL would apply them in another order."""
        if any(clause in self.clauses for clause in _TAIL[_TAIL.index(name) :]):
            return False
        self.clauses[name] = text
        return True

    def _filter(self, condition: str) -> bool:
        self.conditions.append(condition)
        return self._is_plain()

    def _select(self, rest: str) -> bool:
        columns = []
        for name, value in _items(rest):
            known = self.computed.get(value, value)
            alias = name or (value if known != value else "")
            columns.append(f"{known} AS {alias}" if alias else value)
        return not self.columns and "LIMIT" not in self.clauses and self._show(columns)

    def _compute(self, rest: str) -> bool:
        for name, value in _items(rest):
            if not name or set(re.findall(r"\w+", value)) & self.computed.keys():
                return False
            self.computed[name] = value
        return not self.columns and not self.clauses

    def _group(self, values: str, keys: str) -> bool:
        columns, groups = [], []
        for name, value in _items(keys) if keys else ():
            bin_of_time = _BIN.fullmatch(value)
            key = _BINS[bin_of_time["unit"].lower()].format(bin_of_time["field"]) if bin_of_time is not None else value
            if re.fullmatch(r"[\w.]+", value) is None and bin_of_time is None:
                return False
            groups.append(key)
            columns.append(f"{key} AS {name}" if name else key)
        for name, value in _items(values):
            call = _CALL.fullmatch(value)
            if call is None or call["function"].lower() not in _AGGREGATES:
                return False
            argument = call["argument"] or call["bare"] or ""
            function = _AGGREGATES[call["function"].lower()].format("*" if argument == "this" else argument or "*")
            if "*" in function and function != "count(*)":
                return False
            columns.append(f"{function} AS {name}" if name else function)
        if not self._is_plain():
            return False
        return self._show(columns) and (not groups or self._add_clause("GROUP BY", ", ".join(groups)))

    def _sort(self, rest: str) -> bool:
        """Add ORDER BY. `sort by n` of KQL begins with the greatest, and `sort {-n}` of PRQL too."""
        is_kql = rest.lower().startswith("by ")
        keys = []
        for _, key in _items(rest[3:].strip() if is_kql else rest):
            sign = re.fullmatch(r"(?P<sign>[-+]?)(?P<key>[\w.]+)(?:\s+(?P<direction>asc|desc))?", key, re.IGNORECASE)
            if sign is None or sign["key"] in self.computed or (is_kql and sign["sign"]):
                return False
            descends = sign["sign"] == "-" or (is_kql and (sign["direction"] or "desc").lower() == "desc")
            keys.append(sign["key"] + (" DESC" if descends else ""))
        return self._add_clause("ORDER BY", ", ".join(keys))


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
