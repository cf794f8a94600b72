r"""Rules for predicates and values of other languages: `CONTAINS 'x'`, `x::int`, `tags @> …`, `eo:cloud_cover`, `x ^ 2`.

Each form is a row of a table: a pattern of the text around the error, the fact, the way out and, where the meaning is
certain, the replacement. A row matches from the start of a token and reaches beyond the place where the parser stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.printer import print_name, quote_name, quote_text
from auroraql.language.syntax_errors.parse_context import ParseErrorContext

_MAX_CHARACTERS_AFTER = 2_000
"""Number of characters after the error that the rows see, so that their cost does not depend on the statement."""

_MAX_TOKENS_BACK = 14
"""Number of tokens before the error at which a row may begin."""

_TEXT = r"'(?:[^']|'')*'|\"[^\"]*\""
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_ONE = rf"(?:{_TEXT}|{_NUMBER}|\$\w+)"
_KEYWORDS = r"(?!(?:is|in|and|or|not|like|between|where|on|select|having|case|when|then|else|by)(?!\w))"
_F = rf"(?P<f>`[^`]+`|\"[\w.: ]+\"|{_KEYWORDS}[^\W\d]\w*(?:\.\w+)*)"
_V = rf"(?P<v>{_ONE})"
_S = rf"(?P<v>{_TEXT})"
_LIST = rf"(?P<list>{_ONE}(?:\s*,\s*{_ONE})*)"
_ITEM = re.compile(_ONE)

Build = Callable[[re.Match[str]], str | None]


@dataclass(frozen=True, slots=True)
class _Row:
    """A foreign form. `hint` and `fix` are built from the match; a row without a hint shows its fix as the hint."""

    pattern: re.Pattern[str]
    fact: str
    hint: Build | str
    fix: Build | None = None


def _row(pattern: str, fact: str, hint: Build | str = "", fix: Build | None = None) -> _Row:
    return _Row(re.compile(pattern, re.IGNORECASE), fact, hint, fix)


# --- parts of a match


def _field(match: re.Match[str], group: str = "f") -> str:
    """Return a field as AuroraQL writes it: quoted names without their quotes."""
    text = match[group]
    if text[0] in '"`':
        return ".".join(map(print_name, text[1:-1].split(".")))
    return text


def _value(text: str) -> str:
    """Return a value as AuroraQL writes it: texts in single quotes."""
    return quote_text(text[1:-1]) if text[0] == '"' else text


def _items(match: re.Match[str]) -> list[str]:
    return [_value(item) for item in _ITEM.findall(match["list"])]


def _negation(match: re.Match[str]) -> str:
    return "NOT " if match["n"] else ""


def _call(function: str) -> Build:
    return lambda match: f"{_negation(match)}{function}({_field(match)}, {_value(match['v'])})"


def _any_like(match: re.Match[str]) -> str | None:
    word = " OR " if match["word"].lower() in ("any", "some") else " AND "
    if match["n"]:
        return None
    terms = word.join(f"{_field(match)} LIKE {item}" for item in _items(match))
    return f"({terms})"


def _has_value(match: re.Match[str]) -> str | None:
    # A dotted path may name a member that records do not have, which the fix would not correct.
    return None if "." in match["f"] else f"{_field(match)} = {_value(match['v'])}"


def _any_of(match: re.Match[str]) -> str | None:
    word, operator = match["word"].lower(), match["op"]
    if operator in ("=", "==") and word in ("any", "some"):
        return f"{_field(match)} IN ({', '.join(_items(match))})"
    if operator in ("!=", "<>") and word == "all":
        return f"{_field(match)} NOT IN ({', '.join(_items(match))})"
    return None


def _regular_expression(match: re.Match[str]) -> str:
    operator = match["op"].lower()
    negated = "NOT " if match["n"] or operator[0] == "!" else ""
    field, value = _field(match), _value(match["v"])
    if "~~" in operator:
        return f"write {field} {negated}LIKE {value}, which ignores case"
    if operator == "glob":
        pattern = value.replace("*", "%").replace("?", "_")
        return f"write {field} {negated}LIKE {pattern}: % is any text, _ one character, and case is ignored"
    if operator.startswith("similar"):
        return f"write {field} {negated}LIKE {value}, or regexp_matches({field}, …) for a regular expression"
    if operator.endswith("*"):
        value = f"'(?i){value[1:-1]}'"
    return (
        f"write {negated}regexp_matches({field}, {value}) for a regular expression, "
        f"or {field} {negated}LIKE 'text%' for a pattern"
    )


_TEXT_TYPES = frozenset(("text", "varchar", "char", "string", "str", "nvarchar", "character"))
_NUMBER_TYPES = frozenset(("float", "double", "real", "numeric", "decimal", "number", "float8", "float4", "float64"))
_WHOLE_TYPES = frozenset(("int", "integer", "bigint", "smallint", "int64", "int32", "int8", "int4", "signed", "long"))


def _cast(match: re.Match[str]) -> str | None:
    type_ = match["type"].lower().rpartition(":")[2]
    text = match["x"]
    if _ITEM.fullmatch(text):
        return None
    function = "text" if type_ in _TEXT_TYPES else "number" if type_ in _NUMBER_TYPES else ""
    return f"{function}({text})" if function else None


def _cast_hint(match: re.Match[str]) -> str:
    type_, text = match["type"].lower().rpartition(":")[2], match["x"]
    fix = _cast(match)
    if fix is not None:
        return f"write {fix}"
    if _ITEM.fullmatch(text):
        return f"write {_value(text)} without a cast"
    if type_ in _WHOLE_TYPES:
        return f"write number({text}), or floor(number({text})) without the fraction"
    if "date" in type_ or "time" in type_:
        return f"compare the time itself, or write day({text}) for its day"
    return "text(x) and number(x) convert a value; dates and times need no conversion"


def _literal(match: re.Match[str]) -> str | None:
    """Return a time literal without its keyword where it means the same time.

    A date is its whole day in AuroraQL and midnight in other languages.
    """
    text = match["d"].strip()
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?", text):
        return None
    if len(text) > len("2020-01-01"):
        return match["op"] + " " + text.replace(" ", "T", 1) if match["op"] else text.replace(" ", "T", 1)
    return f"{match['op']} {text}" if match["op"] in (">=", "<") else None


def _period_literal(match: re.Match[str]) -> str:
    return match["d"]


def _interval(match: re.Match[str]) -> str:
    return f"{match['count']} {match['unit'].lower()}"


_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?(?!\w)", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+)\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_CLOCK_UNITS = ("day", "hour", "minute", "second")


def _count(number: str, unit: str) -> str:
    return f"{number} {unit}{'' if number == '1' else 's'}"


def _duration(match: re.Match[str]) -> str:
    """Return the value of SQL's INTERVAL as a duration, or an empty string for months and unknown forms."""
    text, unit = match["d"] or match["count"], match["unit"] or ""
    clock = _CLOCK.fullmatch(text.strip())
    if clock is not None:
        counted = zip(clock.groups(), _CLOCK_UNITS, strict=True)
        parts = [_count(str(int(count)), name) for count, name in counted if count and int(count)]
    else:
        whole = f"{text} {unit}" if text.strip().isdigit() else text
        parts = [_count(count, name.lower()) for count, name in _DURATION_PART.findall(whole)]
        if not parts or _DURATION_PART.sub("", whole).strip():
            return ""
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})" if parts else ""


def _duration_hint(match: re.Match[str]) -> str:
    return f"write {_duration(match) or '36 hours'}, and compare it with a duration such as end - start"


def _compared_duration(match: re.Match[str]) -> str | None:
    duration = _duration(match)
    return (f"{match['op']} {duration}" if match["op"] else duration) if duration else None


def _prefixed_name(match: re.Match[str]) -> str:
    prefix, name = match["p"], match["q"]
    return f"metadata.{name}" if prefix.lower() == "metadata" else quote_name(f"{prefix}:{name}")


def _method(match: re.Match[str]) -> str | None:
    """Return the predicate or function of a method call such as `program.str.startswith('tr')`."""
    field, method = match["f"], match["method"].lower().replace("_", "")
    inside = match["inside"].strip()
    items = [_value(item) for item in _ITEM.findall(inside)]
    if method in ("isin", "inset") and items:
        return f"{field} IN ({', '.join(items)})"
    if method in ("isnull", "isna", "notnull", "notna", "isnotnull") and not inside:
        return f"{field} IS {'NOT ' if 'not' in method else ''}NULL"
    function = {"startswith": "starts_with", "endswith": "ends_with", "contains": "contains"}.get(method)
    if function is not None and len(items) == 1 and items[0] == _value(inside):
        return f"{function}({field}, {items[0]})"
    function = {"lower": "lower", "upper": "upper", "strip": "trim", "len": "length"}.get(method)
    return f"{function}({field})" if function is not None and not inside else None


def _parameter(match: re.Match[str]) -> str | None:
    name = next((match[group] for group in ("a", "b", "c", "d", "e") if match[group]), None)
    return f"${name}" if name else None


def _pattern(match: re.Match[str]) -> str:
    return f"{match['like']} '{match['t']}'"


_PARTS = {"year": "year", "hour": "hour", "minute": "minute", "second": "second", "doy": "day_of_year"}


def _part(match: re.Match[str]) -> str | None:
    function = _PARTS.get(match["part"].lower())
    return f"{function}({match['x'].strip()})" if function else None


def _fixed(text: str) -> Build:
    return lambda match: match.expand(text)


_LISTS = "a list matches when any of its elements does: write {f} = 'x', or {f} IN ('x', 'y')"


def _list_hint(match: re.Match[str]) -> str:
    return _LISTS.format(f=_field(match))


def _all_of_list(match: re.Match[str]) -> str:
    return "write " + " AND ".join(f"{_field(match)} = {item}" for item in _items(match))


_GEOMETRY = (
    r"s_\w+|st_\w+|dwithin|beyond|bbox|intersects|disjoint|envelope|point|polygon|linestring|multi(?:point|polygon"
    r"|linestring)|geometrycollection|circle|box"
)
_GEOMETRY_HINT = (
    "compare the distance, as in distance_km(location_geo, 56.4, -94.7) < 100, or latitude and longitude, "
    "as in location_geo.lat BETWEEN 55 AND 57"
)
_NO_GEOMETRY = "AuroraQL has no geometries"
_NO_CAST = "AuroraQL has no casts"
_NO_BITS = "AuroraQL has no bit operators"
_PLAIN_TIME = "a time is written without a keyword"
_TIME_HINT = "write 2021-01-01 for the whole day, 2021-01-01T00:00 for midnight"
_OP = r"(?P<op>>=|<=|<>|!=|<|>|=|)\s*"
_UNITS = r"(?P<unit>seconds?|minutes?|hours?|days?|weeks?|months?|years?)"

_ROWS = (
    # texts
    _row(rf"{_F}\s+(?P<n>not\s+)?contains\s+{_S}", "CONTAINS is a function", fix=_call("contains")),
    _row(rf"{_F}\s+(?P<n>not\s+)?(?:starts(?:\s*with)?|begins\s*with|has_?prefix)\s+{_S}",
         "the start of a text is tested by a function", fix=_call("starts_with")),
    _row(rf"{_F}\s+(?P<n>not\s+)?(?:ends(?:\s*with)?|has_?suffix)\s+{_S}",
         "the end of a text is tested by a function", fix=_call("ends_with")),
    _row(rf"{_F}\s+(?P<n>not\s+)?i?like\s+(?P<word>any|some|all)\s*\(\s*(?:array\s*)?\[?\s*{_LIST}\s*\]?\s*\)",
         "LIKE takes one pattern", "write one LIKE for each pattern, joined by OR", _any_like),
    _row(rf"{_F}\s*(?P<n>not\s+)?(?P<op>[=?]~|!?~~?\*?|rlike|regexp|matches\s+regex|matches|match|similar\s+to|glob)"
         rf"(?:\s*|(?<=\w)\s+)r?{_S}", "'{op}' is not an operator", _regular_expression),
    _row(rf"{_F}\s+sounds\s+like\s+{_S}", "AuroraQL does not compare sounds",
         "write LIKE with % for any text and _ for one character"),
    _row(rf"{_F}\s*<=>\s*{_V}", "'<=>' is not an operator",
         fix=lambda match: f"{_field(match)} IS NOT DISTINCT FROM {_value(match['v'])}"),
    _row(r"(?P<like>i?like)\s+(?P<t>(?=[\w%*]*[%*])[\w%*-]+)", "a pattern is a text in quotes", fix=_pattern),
    # missing values
    _row(r"is\s+(?P<n>not\s+)?unknown(?!\w)", "a missing value is NULL",
         fix=lambda match: "IS NOT NULL" if match["n"] else "IS NULL"),
    _row(r"is\s+(?P<n>not\s+)?known(?!\w)", "a missing value is NULL",
         fix=lambda match: "IS NULL" if match["n"] else "IS NOT NULL"),
    _row(rf"(?P<n>not\s+)?exists\s+(?!\(|select){_F}", "EXISTS tests no field",
         fix=lambda match: f"{_field(match)} IS {'' if match['n'] else 'NOT '}NULL"),
    # lists
    _row(rf"{_F}\s+has\s+{_V}(?!\s*[:,])", "HAS is not an operator",
         lambda match: f"write {_field(match)} = {_value(match['v'])}", _has_value),
    _row(rf"{_F}\s+has(?:_any|\s+any)\s*\(?\s*{_LIST}(?!\s*:)\s*\)?", "HAS ANY is written IN",
         fix=lambda match: f"{_field(match)} IN ({', '.join(_items(match))})"),
    _row(rf"{_F}\s+has(?:_all|\s+all)\s*\(?\s*{_LIST}(?!\s*:)\s*\)?", "HAS ALL is not an operator", _all_of_list),
    _row(rf"{_F}(?::[\w:]+)*\s+has\s+[^;]*", "HAS is not an operator", _list_hint),
    _row(rf"{_F}\s+length\s*(?P<op>[<>=!]*)\s*(?P<v>\d+)", "the length of a list is a function",
         lambda match: f"write len({_field(match)}) {match['op'] or '='} {match['v']}"),
    _row(rf"{_F}\s*(?P<op>==?|<>|!=|<=?|>=?)\s*(?P<word>any|some|all)\s*\(\s*(?:array\s*)?\[?\s*{_LIST}\s*\]?\s*\)",
         "a list of values is written IN ('a', 'b')", "write IN or NOT IN with the list", _any_of),
    _row(rf"{_F}\s+in\s+unnest\s*\(\s*\[\s*{_LIST}\s*\]\s*\)", "IN takes the list itself",
         fix=lambda match: f"{_field(match)} IN ({', '.join(_items(match))})"),
    _row(rf"{_F}\s*(?:@>|<@|&&|\?[|&]?|@\?|@@)\s*(?:array|'|\"|\{{)[^;]*", "AuroraQL has no operators of arrays", _list_hint),
    _row(rf"(?:a_\w+|array_\w+)\s*\(\s*{_F}[^;]*", "AuroraQL has no functions of arrays", _list_hint),
    _row(r"(?:a_\w+|array_\w+)\s*\(\s*\([^;]*", "AuroraQL has no functions of arrays",
         "a list matches when any of its elements does: write x = 'a', or x IN ('a', 'b')"),
    _row(rf"(?P<op>=|in)\s*\(\s*(?P<list>{_ONE}(?:\s*(?:or|\|)\s*{_ONE})+)\s*\)",
         "several values are written as a list", fix=lambda match: f"IN ({', '.join(_items(match))})"),
    _row(rf"between\s*\(\s*(?P<low>{_ONE})\s*,\s*(?P<high>{_ONE})\s*\)", "BETWEEN takes two values joined by AND",
         fix=lambda match: f"BETWEEN {_value(match['low'])} AND {_value(match['high'])}"),
    _row(rf"in\s+(?P<low>{_NUMBER})\s*\.\.\.?\s*(?P<high>{_NUMBER})", "a range is written with BETWEEN",
         fix=_fixed(r"BETWEEN \g<low> AND \g<high>")),
    _row(rf"in\s+range\s*\(\s*(?P<low>{_NUMBER})\s*,\s*(?P<high>{_NUMBER})\s*\)", "a range is written with BETWEEN",
         "write BETWEEN low AND high, both included"),
    _row(r"\(\s*[^\W\d]\w*(?:\s*,\s*[^\W\d]\w*)+\s*\)\s*(?:=|<>|!=|in|not\s+in|overlaps)(?!\w)",
         "AuroraQL does not compare several fields at once", "compare each field: program = 'trex' AND platform = 'gillam'"),
    # geometry
    _row(rf"(?:{_GEOMETRY})\s*\([^;]*", _NO_GEOMETRY, _GEOMETRY_HINT),
    _row(rf"{_F}\s+(?:near\s*\(|within\s+{_NUMBER}\s*\w*\s+of(?!\w))[^;]*", _NO_GEOMETRY, _GEOMETRY_HINT),
    _row(rf"{_F}\s+in\s+(?:{_GEOMETRY})\s*\([^;]*", _NO_GEOMETRY, _GEOMETRY_HINT),
    # names
    _row(r"(?P<p>[^\W\d]\w*):(?P<q>[^\W\d]\w*)(?=\s*(?:[=<>!]|(?:is|in|not|like|between|has)\b))",
         "a name with a colon is written in backticks", fix=_prefixed_name),
    _row(r"\[(?P<f>[^\W\d][\w ]*)\](?=\s*(?:[=<>!]|(?:is|in|not|like|between)\b))",
         "a name is written without brackets", fix=lambda match: print_name(match["f"])),
    _row(r"(?<![\w.`\"')=<>])(?<![=<>]\s)\.(?P<f>[^\W\d]\w*)", "a field has no dot before it", fix=_fixed(r"\g<f>")),
    _row(r"(?P<f>[^\W\d]\w*(?:\.(?!str\b)\w+)*?)(?:\.str)?\.(?P<method>[a-z_]\w*)\((?P<inside>[^()]*)\)",
         "a field has no methods", "functions take the field as an argument: lower(platform)", _method),
    _row(rf"{_KEYWORDS}[^\W\d]\w*\s*\{{\s*\w+\s*[=!]~?[^{{}}]*\}}(?:\[[^\]]*\])?", "conditions are not written in braces",
         "write them after WHERE, joined by AND: WHERE program = 'trex' AND platform = 'gillam'"),
    _row(rf"{_KEYWORDS}[^\W\d]\w*\s*\[(?!\s*(?:['\"]|\d+\s*\]))[^\]]*\]", "AuroraQL has no brackets after a name",
         "a member is written with a dot (metadata.keogram_type), a condition after WHERE, and a range of time as LAST 5 minutes"),
    # aggregates, set operators and time shifts of PromQL
    _row(r"(?P<f>sum|count|avg|min|max|stddev|topk|bottomk|group|quantile)\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)\s*)?(?:by|without)\s*\([^;]*",
         "groups are made by GROUP BY", "write SELECT platform, count(*) AS n WHERE … GROUP BY platform"),
    _row(rf"(?:{_F}\s+)?unless(?!\w)[^;]*", "UNLESS is not an operator", "write AND NOT between two conditions"),
    _row(r"(?P<p>\$\w+)\s*(?:km|nm|deg|%)(?!\w)", "a parameter has no unit after it",
         lambda match: f"write {match['p']}, and give the number in the unit of the field", lambda match: match["p"]),
    _row(r"padded(?!\w)[^;]*", "PADDED follows the times of a result",
         "write DURING name PADDED BY 5 min after LET name = FIND …; a period is widened by its own times"),
    _row(rf"{_F}\s+offset\s+-?\d+(?:\.\d+)?\s*(?:ms|[smhdwy])(?!\w)", "AuroraQL does not shift a field in time",
         "add a duration to a time, as in start + 5 min, or move the window"),
    _row(rf"{_F}\s*@\s*(?:\d+|start|end)", "AuroraQL does not read a field at another time",
         "write the time as a window, such as ON 2021-01-01"),
    _row(r"(?:on|ignoring|group_left|group_right)\s*\([^()]*\)\s*[^\W\d][^;]*", "a search does not match two series of values",
         "keep each search with LET, then join the results: SQL SELECT … FROM a JOIN b ON …"),
    _row(r"(?:==?|!=|<>|<=?|>=?)\s*bool(?!\w)", "a comparison has no modifier",
         "write the comparison in SELECT: SELECT n > 3 AS many"),
    # other languages
    _row(r"pick\s+[^;]*?(?:when|else)\s[^;]*", "PICK is written CASE", "write CASE WHEN min_distance < 100 THEN 'short' ELSE 'long' END"),
    _row(r"pick(?!\w)\s*[^=<>!\s(.]\w*", "PICK is not a clause", "choose columns with SELECT, and values with CASE WHEN … THEN … END"),
    _row(r"filter\s+\.(?P<f>[^\W\d]\w*)[^;]*", "conditions follow WHERE, without a dot",
         lambda match: f"write WHERE {match['f']} …"),
    _row(r"(?:connect\s+by|start\s+with|prior)\s+(?!=)[^;]*", "AuroraQL has no hierarchies",
         "records have no parents: compare fields with WHERE"),
    _row(rf"{_F}\s+does[\s-]+not[\s-]+exist", "EXISTS tests no field", fix=lambda match: f"{_field(match)} IS NULL"),
    _row(rf"{_F}\s+(?:before\s+or\s+during|during\s+or\s+after)(?!\w)[^;]*", "AFTER and BEFORE are not operators",
         "compare the times: end <= 2021-01-02, or write the window DURING 2021-01"),
    _row(r"during\s+p[\dt]\w*\s*/[^;]*", "an interval is written with BETWEEN",
         "write both ends: BETWEEN 2020-02-01 AND 2020-02-05, or LAST 5 days BEFORE 2020-02-06"),
    _row(r"(?P<x>[^\W\d]\w*\([^()]*\))\s*\?\?\s*[^;]*", "'??' is not an operator",
         lambda match: f"write coalesce({match['x']}, …)"),
    _row(r"count\s*\(\s*\)\s*\{[^;]*", "conditions are not written in braces", "write them after WHERE: SELECT count(*) … WHERE program = 'trex'"),
    _row(r"\?filter=[^;]*|/\w+\?\w+=[^;]*", "this is a part of a URL, not a condition",
         "write conditions after WHERE: program = 'trex' AND platform = 'gillam'"),
    # conversions
    _row(rf"(?P<x>{_TEXT}|[^\W\d]\w*(?:\.\w+)*)\s*::\s*(?P<type>[a-z]\w*)(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?",
         _NO_CAST, _cast_hint, _cast),
    _row(rf"(?:try_|safe_)?cast\s*\(\s*(?P<x>{_TEXT}|[^\W\d]\w*(?:\.\w+)*)\s+as\s+(?P<type>[a-z]\w*)"
         r"(?:\s*\(\s*\d+(?:\s*,\s*\d+)?\s*\))?\s*\)", _NO_CAST, _cast_hint, _cast),
    _row(r"(?:try_|safe_)?cast\s*\([^;]*", _NO_CAST, "text(x) and number(x) convert a value"),
    _row(rf"<(?P<type>[a-z][\w:]*)>\s*(?P<x>{_TEXT}|\$?[^\W\d]\w*)", _NO_CAST, _cast_hint, _cast),
    _row(r"extract\s*\(\s*(?P<part>\w+)\s+from\s+(?P<x>[^()]+)\)", "a part of a time is a function",
         "for example year(start) or hour(start)", _part),
    _row(r"substring\s*\(\s*(?P<x>\w+)\s+from\s+(?P<a>\d+)\s+for\s+(?P<b>\d+)\s*\)",
         "arguments are separated by commas", fix=_fixed(r"substring(\g<x>, \g<a>, \g<b>)")),
    _row(r"position\s*\(\s*(?P<v>'[^']*')\s+in\s+(?P<f>\w+)\s*\)", "AuroraQL has no POSITION",
         lambda match: f"write contains({match['f']}, {match['v']})"),
    # times
    _row(rf"now\s*\(\s*\)\s*-\s*interval\s*'?\s*(?P<count>\d+)\s*'?\s*{_UNITS}(?!\w)\s*'?",
         "a duration is written without INTERVAL", fix=lambda match: f"NOW - {_interval(match)}"),
    _row(rf"(?:current_date|curdate\s*\(\s*\))\s*-\s*interval\s*'?\s*(?P<count>\d+)\s*'?\s*{_UNITS}(?!\w)\s*'?",
         "a duration is written without INTERVAL", lambda match: f"write TODAY - {_interval(match)}"),
    _row(rf"(?:(?<=[-+] )|(?<=[-+]))interval\s*'?\s*(?P<count>\d+)\s*'?\s*{_UNITS}(?!\w)\s*'?", "a duration is written without INTERVAL", fix=_interval),
    _row(r"(?:(?P<op>>=|<=|<>|!=|<|>|=)\s*)?interval\s*(?:'(?P<d>[^']*)'|(?P<count>\d+))(?:\s*(?P<unit>second|minute|hour|day|week|month|year)s?(?!\w))?",
         "a duration is written without INTERVAL",
         _duration_hint, _compared_duration),
    _row(rf"{_OP}(?:date|timestamptz|timestamp(?:\s+with(?:out)?\s+time\s+zone)?|datetime)\s*['\"](?P<d>[^'\"]*)['\"]",
         _PLAIN_TIME, _TIME_HINT, _literal),
    _row(rf"{_OP}(?:\{{\s*(?:d|ts)\s*'(?P<d>[^']*)'\s*\}})", _PLAIN_TIME, _TIME_HINT, _literal),
    _row(rf"{_OP}#\"?(?P<d>\d{{4}}-\d{{2}}-\d{{2}})[#\"]", _PLAIN_TIME, _TIME_HINT, _literal),
    _row(r"@(?P<d>\d{4}(?:-\d{2}(?:-\d{2})?)?)(?![\w:-])", "a time is written without '@'",
         lambda match: f"write {match['d']}", _period_literal),
    _row(rf"(?:{_F}\s+)?at\s+time\s+zone(?!\w)[^;]*", "all times are UTC",
         "write the offset in the time, such as 2021-01-01T06:00-07:00"),
    _row(r"(?P<f>start|end|epoch)\s+(?P<word>after|before)\s+(?P<v>\d{4}-\d{2}-\d{2}(?:T[\d:.]+Z?)?)",
         "AFTER and BEFORE are not operators",
         lambda match: f"write {match['f']} {'>' if match['word'].lower() == 'after' else '<'} {match['v']}"),
    _row(r"[^\W\d]\w*\s+tequals\s+", "TEQUALS is not an operator", "write start = 2021-01-01, any time of that day"),
    # numbers
    _row(rf"(?P<f>[^\W\d]\w*(?:\.\w+)*)\s*\*\*\s*(?P<v>{_NUMBER})", "a power is a function", fix=_fixed(r"power(\g<f>, \g<v>)")),
    _row(rf"(?P<f>[^\W\d]\w*(?:\.\w+)*|\)|{_NUMBER})\s*\^(?!=)\s*(?:[-+]?[\w.]+)?", "'^' is not an operator", "write power(x, 2) for a power"),
    _row(rf"(?P<f>[^\W\d]\w*(?:\.\w+)*|{_NUMBER})\s*(?://|\s+div\s)\s*(?P<v>{_NUMBER})(?=\s*(?:[=<>!)]|$|(?:on|and|or)\b))",
         "AuroraQL divides with '/'", lambda match: f"write floor({match['f']} / {match['v']}) for the whole quotient"),
    _row(rf"(?P<f>[^\W\d]\w*(?:\.\w+)*)\s+mod\s+(?P<v>{_NUMBER})", "the remainder is written '%'", fix=_fixed(r"\g<f> % \g<v>")),
    _row(r"[^\W\d]\w*\s*(?:<<|>>|&|\|)\s*\d+(?![\w.])(?!\s*[=<>!])", _NO_BITS, "the logical operators are AND, OR and NOT"),
    _row(r"~\s*[^\W\d]\w*", _NO_BITS, "NOT negates a predicate"),
    _row(r"0x[0-9a-f]+(?!\w)", "numbers are decimal", lambda match: f"write {int(match[0], 16)}"),
    _row(r"(?P<a>\d+(?:\.\d*)?)d(?P<b>[+-]?\d+)(?!\w)", "an exponent is written with e", fix=_fixed(r"\g<a>e\g<b>")),
    _row(r"[-+]\s+[-+](?:\s*[-+])*\s*(?=[\w(])", "a value has one sign", "write one sign, or parentheses between two: -(-x)"),
    _row(r"\d+(?:\.\d*)?e[-+]+(?!\d)|[-+]{2,}\d+", "this is not a number", "write one sign and digits, such as -1.5e3"),
    _row(r"[-+]?\.e[-+]?\d+", "this is not a number", "write digits before the exponent, such as 1.5e3"),
    _row(r"\d{1,3}\.\d+\.\d(?![\w.-])", "this is not a number", "write one decimal point, or a text in quotes"),
    _row(r"(?P<f>\d+_\w*[^\W\d]\w*)(?=\s*(?:[=<>!]|(?:is|in|not|like|between)\b))", "a name does not begin with a digit",
         fix=lambda match: quote_name(match["f"])),
    # operators
    _row(r"(?P<a>[<>!=])\s+=(?!=)", "an operator has no blank in it",
         fix=lambda match: "=" if match["a"] == "=" else f"{match['a']}="),
    _row(rf"{_F}\s+not\s*==?\s*{_V}", "NOT is written before the predicate",
         fix=lambda match: f"{_field(match)} != {_value(match['v'])}"),
    _row(rf"{_F}\s+not\s+{_S}", "an operator is missing", lambda match: f"write {_field(match)} != {_value(match['v'])}"),
    _row(rf"{_F}\s+not\s*(?P<op><=|>=|<|>|<>|!=)\s*{_V}", "NOT is written before the predicate",
         lambda match: f"write NOT {_field(match)} {match['op']} {_value(match['v'])}"),
    _row(rf"=\s*not\s+{_V}", "NOT is written before the predicate", lambda match: f"write != {_value(match['v'])}"),
    _row(rf"{_F}\s*\?=\s*{_V}", "'?=' is not an operator",
         fix=lambda match: f"{_field(match)} IS NOT DISTINCT FROM {_value(match['v'])}"),
    _row(rf"{_F}\s*\?!=\s*{_V}", "'?!=' is not an operator",
         fix=lambda match: f"{_field(match)} IS DISTINCT FROM {_value(match['v'])}"),
    _row(rf"{_F}\s*\?\?\s*{_V}", "'??' is not an operator", fix=lambda match: f"coalesce({_field(match)}, {_value(match['v'])})"),
    _row(rf"{_F}\s*\?\s*[^;]*", "'?' is not an operator", lambda match: f"write {_field(match)} = …, or {_field(match)} IN (…)"),
    _row(rf"{_F}\s*#>>?\s*'[^']*'", "members are written with a dot", lambda match: f"write {_field(match)}.name"),
    _row(rf"{_F}\s*\^=\s*{_V}", "'^=' is not an operator",
         lambda match: f"write {_field(match)} != {_value(match['v'])}"),
    _row(r"!\s*(?P<a>[<>])(?!=)", "this is not an operator", fix=lambda match: "<=" if match["a"] == ">" else ">="),
    _row(r"(?P<a>now|today|yesterday|tomorrow)\s*\(\s*\)(?=\s*[,)])", "a time relative to now is not a function",
         fix=lambda match: match["a"].upper()),
    # parameters and texts
    _row(r"%s|%\((?P<a>[^\W\d]\w*)\)s|(?<![\w:]):(?P<b>[^\W\d]\w*)|@(?P<c>[^\W\d]\w*)|\$?\{\{?\s*(?P<d>[^\W\d]\w*)\s*\}?\}"
         r"|(?P<e>(?!))|\?(?=\s|$|\))", "a parameter is written $name",
         "write $name, and pass --param name=…, or name=… in Python", _parameter),
    _row(r"(?P<p>[nreub])(?P<v>'[^'\\]*')", "a text has no prefix", lambda match: f"write {match['v']}",
         lambda match: None if match["p"].lower() == "b" else match["v"]),
    _row(r"\$(\w*)\$(?P<t>[^$]*)\$\1\$", "a text is written in single quotes",
         fix=lambda match: quote_text(match["t"])),
    _row(rf"(?P<a>{_TEXT})\s+(?P<b>{_TEXT})(?!\s*[,)])", "two texts follow one another",
         "write || between texts to join them, or one text in quotes"),
    _row(r"&(?=[\w.]+[=<>])[^;]*", "conditions are joined by AND, not by '&'",
         "write WHERE program = 'trex' AND platform = 'gillam', with texts in quotes"),
    _row(r"collate\s+\S+", "AuroraQL has no COLLATE", "LIKE ignores case; lower(platform) compares in lower case"),
    _row(r"«(?P<t>[^»]*)»", "a text is written in single quotes", fix=lambda match: quote_text(match["t"])),
    _row(r"＝", "this is not the character '='", fix=lambda _: "="),
)  # fmt: skip
"""The forms, the more specific first."""


_CLAUSE = re.compile(r"\s(?:on|during|since|until|last|order|group|limit)\s", re.IGNORECASE)
_UNQUOTED = re.compile(r"(?P<like>i?like)\s+(?P<t>[\w*]*[%*][\w%*-]*)(?=\s|$)", re.IGNORECASE)


def find_unquoted_pattern(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `LIKE gill% ON …`, where the parser read a remainder and stopped after it."""
    for back in range(1, 6):
        token = at.token_before(back)
        if token is not None and token.type in ("LIKE", "ILIKE"):
            match = _UNQUOTED.match(at.text, token.start_pos, at.end)
            if match is None:
                return None
            fix = f"{match['like']} '{match['t']}'"
            span = Span(match.start(), match.end())
            return Diagnostic("AQL0108", "a pattern is a text in quotes", span, "no quotes", f"write {fix}", fix)
    return None


def find_foreign_predicate(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose predicates and values of other languages, where the parser stopped in one of them."""
    if not at.tokens:
        return None
    starts = [at.start]
    for back in range(1, min(len(at.tokens), _MAX_TOKENS_BACK) + 1):
        token = at.tokens[-back]
        if token.type in ("WHERE", "HAVING", "SELECT"):
            break
        starts.append(token.start_pos)
    stop = min(at.stop, at.start + _MAX_CHARACTERS_AFTER)
    starts = [start for start in starts if start > at.start - _MAX_CHARACTERS_AFTER]
    for row in _ROWS:
        for start in reversed(starts):
            match = row.pattern.match(at.text, start, stop)
            if match is not None and match[0].strip() and match.end() > at.start - (at.type == "$END"):
                return _diagnose_row(row, match)
    return None


def _diagnose_row(row: _Row, match: re.Match[str]) -> Diagnostic:
    fix = row.fix(match) if row.fix is not None else None
    hint = row.hint if isinstance(row.hint, str) else row.hint(match)
    text = match[0].rstrip()
    clause = None if fix is not None else _CLAUSE.search(text)
    text = text[: clause.start()] if clause is not None else text
    span = Span(match.start(), match.start() + len(text))
    if fix is not None and (isinstance(row.hint, str) or not hint):
        hint = f"write {fix}"
    fact = row.fact.format(**match.groupdict()) if "{op}" in row.fact else row.fact
    return Diagnostic("AQL0109", fact, span, "", hint or "", fix)


def find_repeated_operator(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `x > 5 AND < 9` and `x LIKE 'a' OR LIKE 'b'`: a comparison without its field."""
    is_operator = at.type in ("CMP", "LIKE", "ILIKE", "BETWEEN", "IN", "IS")
    if not is_operator or at.type_before() not in ("AND", "OR", "WHERE", "NOT", "HAVING"):
        return None
    last = len(at.tokens) - 2
    names = [n for n in range(max(last - 6, 0), last + 1) if at.tokens[n].type in ("NAME", "QNAME")]
    if not names or at.type_before() not in ("AND", "OR"):
        return Diagnostic(
            "AQL0109",
            f"a field is missing before '{at.found_text}'",
            at.span,
            "compare what?",
            f"write the field before it, as in program {at.found_text} …",
        )
    end = names[-1]
    begin = end
    while begin >= 2 and at.tokens[begin - 1].type == "DOT":
        begin -= 2
    field = at.text[at.tokens[begin].start_pos : at.tokens[end].end_pos]
    negated = begin > 0 and at.tokens[begin - 1].type == "NOT"
    fix = f"{field} {at.found_text}"
    message = f"a field is missing before '{at.found_text}'"
    return Diagnostic("AQL0109", message, at.span, "compare what?", f"write {fix}", None if negated else fix)


def find_text_after_field(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `program 'trex'`: a text after a field, without an operator."""
    if at.type != "STRING" or at.type_before() not in ("NAME", "QNAME") or "CMP" not in at.accepts:
        return None
    if "AS" in at.accepts or at.found_text[0] not in "'\"":
        return None
    field, text = at.text[at.start_before() : at.end_before()], _value(at.found_text)
    span = Span(at.start_before(), at.end)
    hint = f"write {field} = {text}, or another operator such as != or LIKE"
    return Diagnostic("AQL0106", f"an operator is missing between {field} and {text}", span, "", hint)


def find_misplaced_logic(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose AND or OR without a predicate before it: `WHERE AND a = 1`, `a = 1 AND OR b = 2`."""
    if at.word not in ("AND", "OR") or at.type_before() not in ("WHERE", "AND", "OR", "NOT", "LPAR", "HAVING"):
        return None
    before = at.word_before()
    is_repeated = before == at.word
    fix = "" if is_repeated or at.type_before() in ("WHERE", "HAVING") else None
    hint = (
        "remove it" if fix is not None else f"write a predicate between {before} and {at.word}, or remove one of them"
    )
    end = at.match(r"\w+\s*")
    span = Span(at.start, end.end()) if end is not None and fix is not None else at.span
    return Diagnostic("AQL0106", f"{at.word} has no predicate before it", span, "", hint, fix)


def find_foreign_comment(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose comments of other languages: `# …` and `// …`."""
    comment = at.match(r"(#(?=\s|\w)|//)(?P<text>[^\r\n]*)")
    if comment is None and at.text[at.start - 1 : at.start + 1] == "//":
        comment = at.match(r"(//)(?P<text>[^\r\n]*)", at.start - 1)
    if comment is None or (comment[1] == "//" and re.match(r"\s*[\d(]", comment["text"])):
        return None
    span = Span(comment.start(), comment.start() + len(comment[1]))
    return Diagnostic("AQL0106", "a comment begins with --", span, "a comment?", "write --", "--")


_UNITS_OF_WORDS = {
    **dict.fromkeys(("nanometers", "nanometres", "nanometer", "nanometre"), "nm"),
    **dict.fromkeys(("kilometers", "kilometres", "kilometer", "kilometre", "kms"), "km"),
    **dict.fromkeys(("degrees", "degree", "degs", "°"), "deg"),
    **dict.fromkeys(("percent", "pct"), "%"),
}


def find_unit_word(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a unit in words after a number: `557.7 nanometers`, `50°`."""
    unit = _UNITS_OF_WORDS.get(at.found_text.lower())
    if unit is None or at.type_before() != "NUMBER":
        return None
    blank = " " if at.start == at.end_before() else ""
    message = f"the unit is written {unit}"
    return Diagnostic("AQL0113", message, at.span, "a unit", f"write {unit}", f"{blank}{unit}")
