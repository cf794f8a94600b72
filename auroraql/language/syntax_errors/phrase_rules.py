"""Rules for times in English words that the grammar does not have: `past week`, `DURING the last 7 days`, `last winter`.

Each phrase is a row of a table. It has a fix where its meaning is certain, and otherwise a hint that names the choices.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.language.syntax_errors.parse_context import WINDOW_STARTS, ParseErrorContext
from auroraql.language.syntax_errors.time_rules import MONTH, NUMBERS, UNIT, expects_moment, find_ago

_COUNT = rf"(?P<count>\d+|an?|{'|'.join(NUMBERS)})"
_SEASONS = "winter|spring|summer|autumn|fall|season"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_DURATION_KEYWORDS = ("LAST", "BY", "PADDED", "PRECISION")
"""Keywords before a duration."""
_KEYWORDS = (*WINDOW_STARTS, "BEFORE", *_DURATION_KEYWORDS, "<", ">", "=")
"""Keywords and operators before a time or a duration."""


_MAX_CHARACTERS = 200
"""Number of characters before and after the error that a phrase may span."""


def _no_fix(_match: re.Match[str], _before: str) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase: its pattern, the hint, and the text that replaces it after a keyword ("" when none is before it)."""

    pattern: re.Pattern[str]
    hint: str
    fix: Callable[[re.Match[str], str], str | None]


def _phrase(pattern: str, hint: str = "", fix: Callable[[re.Match[str], str], str | None] = _no_fix) -> _Phrase:
    return _Phrase(re.compile(rf"{pattern}(?!\w)", re.IGNORECASE), hint, fix)


def _as_number(word: str) -> str:
    """Return a number in words as digits."""
    lower = word.lower()
    return "1" if lower in ("a", "an") else str(NUMBERS.index(lower) + 1) if lower in NUMBERS else word


def _rolling_window(match: re.Match[str], before: str) -> str | None:
    unit = "days" if match["unit"].lower().startswith("night") else match["unit"]
    return None if before else f"LAST {_as_number(match.groupdict().get('count') or '1')} {unit}"


def _calendar_period(match: re.Match[str], _before: str) -> str | None:
    which = "THIS" if match["which"].lower() == "current" else "LAST"
    return f"{which} {match['unit'].upper()}"


def _ago(match: re.Match[str], before: str) -> str | None:
    unit = match["unit"]
    return f"{_as_number(match['count'])} {unit} ago" if before else None


def _day(match: re.Match[str], before: str) -> str | None:
    return None if before else f"ON {match['day'].upper()}"


def _quarter(match: re.Match[str], before: str) -> str | None:
    year, quarter = match["y"] or match["y2"], int(match["q"] or match["q2"])
    return None if before else f"BETWEEN {year}-{3 * quarter - 2:02} AND {year}-{3 * quarter:02}"


def _iso_duration(match: re.Match[str], before: str) -> str | None:
    units = (("w", "weeks"), ("d", "days"), ("h", "h"), ("min", "min"), ("s", "s"))
    parts = [f"{match[group]} {unit}" for group, unit in units if match[group]]
    return " ".join(parts) if parts and before in _DURATION_KEYWORDS else None


_PHRASES = (
    _phrase(
        rf"(?:(?:during|in|over|within|on|for|since)\s+)?(?:the\s+)?(?:last|past|previous|recent)\s+{_COUNT}\s*"
        rf"(?P<unit>nights?|{UNIT})",
        "",
        _rolling_window,
    ),
    _phrase(rf"(?:(?:during|in|over|within|on|for)\s+)?(?:the\s+)?past\s+(?P<unit>{UNIT})", "", _rolling_window),
    _phrase(
        r"(?:the\s+)?(?P<which>previous|prior|preceding|current)\s+(?P<unit>week|month|year)", "", _calendar_period
    ),
    _phrase(rf"{_COUNT}\s*nights?\s+ago", "count the days: 3 days ago is a day of UTC"),
    _phrase(
        rf"{_COUNT}\s*(?P<unit>{UNIT})\s+ago",
        "write ON 5 days ago for one day, or SINCE 5 days ago for the time since then",
        _ago,
    ),
    _phrase(r"(?P<day>yesterday|today|tomorrow)", "", _day),
    _phrase(
        r"(?:(?:during|in|on)\s+)?(?:(?P<y>\d{4})[- ]?Q(?P<q>[1-4])|Q(?P<q2>[1-4])[- ]?(?P<y2>\d{4}))",
        "write its months, for example BETWEEN 2021-01 AND 2021-03",
        _quarter,
    ),
    _phrase(
        r"P(?=[\dT])(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<min>\d+)M)?(?:(?P<s>\d+)S)?)?",
        "a duration is written 36 hours or 1h30m, as in LAST 36 hours",
        _iso_duration,
    ),
    _phrase(rf"\d{{1,2}}\s+{MONTH}\s+'?\d{{2}}", "write the year with four digits, for example 15 Jan 2021"),
    _phrase(
        rf"(?:(?:last|this|next|past|coming)\s+(?:{_SEASONS})|(?:{_SEASONS})\s+(?:of\s+)?\d{{4}})",
        "seasons differ in each hemisphere: write the months, for example BETWEEN 2020-12 AND 2021-02",
    ),
    _phrase(
        r"(?:(?:last|this|next)\s+(?:night|evening|morning|afternoon)|tonight|(?:the\s+)?night\s+of\s+\S+)",
        "a night differs at each site: write LAST 24 hours, ON YESTERDAY, or both times with BETWEEN",
    ),
    _phrase(
        rf"(?:(?:last|this|next|on)\s+)?(?:{_WEEKDAYS})",
        "write the date, for example ON 2021-03-01, or ON 3 days ago",
    ),
    _phrase(
        r"(?:next|coming|upcoming|following)\s+(?:\d+\s+)?[a-z]+",
        "write both dates, for example BETWEEN TODAY AND TODAY + 7 days",
    ),
    _phrase(
        rf"(?:this|current)\s+(?:{UNIT}|quarter|decade|century)",
        "write THIS WEEK or THIS YEAR for a calendar period, or the dates",
    ),
)


def find_time_phrase(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose times in other English words: `past week`, `a week ago`, `DURING the last 7 days`, `last winter`."""
    ago = find_ago(at)
    if ago is not None:
        return ago
    starts = [at.start]
    for back in range(1, 6):
        token = at.token_before(back)
        if token is None or token.type in ("WHERE", "AND", "OR", "CMP", "COMMA", "LPAR", "SELECT", "STRING"):
            break
        starts.append(token.start_pos)
    stop = min(at.stop, at.start + _MAX_CHARACTERS)
    for start in (start for start in reversed(starts) if start > at.start - _MAX_CHARACTERS):
        for phrase in _PHRASES:
            match = phrase.pattern.match(at.text, start, stop)
            if match is not None and match.end() > at.start - (at.type == "$END"):
                diagnostic = _diagnose_phrase(at, phrase, match)
                if diagnostic is not None:
                    return diagnostic
    return None


def _diagnose_phrase(at: ParseErrorContext, phrase: _Phrase, match: re.Match[str]) -> Diagnostic | None:
    """Return the diagnostic of a phrase, or None where a time cannot be meant."""
    previous = re.search(r"(\w+|[<>=])\s*\Z", at.text[max(match.start() - 40, 0) : match.start()])
    before = previous[1].upper() if previous else ""
    if before not in _KEYWORDS and not (before == "AND" and expects_moment(at)):
        before = ""
    is_window = "SINCE" in at.accepts or expects_moment(at) or at.type_before() == "LAST"
    if not before and not is_window:
        return None
    fix = phrase.fix(match, before)
    if fix is None and not phrase.hint:
        return None
    span = Span(match.start(), match.end())
    if fix is None:
        message = f"'{match[0]}' is not a time that AuroraQL knows"
        return Diagnostic("AQL0106", message, span, "a time", phrase.hint)
    return Diagnostic("AQL0107", f"'{match[0]}' is written {fix}", span, "a time", f"write {fix}", fix)
