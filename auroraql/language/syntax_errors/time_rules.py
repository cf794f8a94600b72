"""Rules for dates, time windows and durations. A fix always denotes the time that was typed."""

from __future__ import annotations

import re
from datetime import datetime

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.diagnostics.suggestions import find_closest, find_misspelt
from auroraql.ir.times import fault_of
from auroraql.language.syntax_errors.parse_context import CLAUSE_STARTS, WINDOW_STARTS, ParseErrorContext, is_word

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_KEYWORD = r"(?:and|or|to|till|until|on|by|as|asc|desc|of|via|not|limit|group|order|where|using|since|last)(?!\w)"
"""Words after a time that are not time zones."""

_TIME = (
    r"(?:(?:\s*[T_]|\s+(?:at\s+)?)(?P<h>\d{1,2})(?::(?P<mi>\d{2})(?::?(?P<se>\d{2})(?:[.,](?P<fr>\d+))?)?"
    r"|(?P<mi2>\d{2})(?:(?P<se2>\d{2})(?:[.,](?P<fr2>\d+))?)?)?"
    r"(?:\s*(?P<half>[ap]\.?m\.?)(?!\w))?"
    r"(?:\s*(?P<zone>Z(?!\w)|[+-]\d{1,2}(?::?\d{2})?(?!\w)|(?!"
    + _KEYWORD
    + r")(?:[A-Z]{2,5}|[A-Z][a-z]+/\w+)(?![\w(])))?)?"
)
_DAYS = (
    r"(?P<y>\d{4})(?P<sep>[-/._ ])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})",
    r"(?P<y>\d{4})[-/._ ](?P<name>" + MONTH + r")[-/._ ](?P<d>\d{1,2})",
    r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
    r"(?P<d>\d{1,2})(?:st|nd|rd|th)?[-/. ]*(?P<name>" + MONTH + r")[-/., ]*(?P<y>\d{4})",
    r"(?P<name>" + MONTH + r")\s*(?P<d>\d{1,2})(?:st|nd|rd|th)?(?:,\s*|\s+)(?P<y>\d{4})",
    r"(?P<y>\d{4})-?W(?P<week>\d{2})-?(?P<weekday>[1-7])",
    r"(?P<y>\d{4})-(?P<doy>\d{3})",
    r"(?P<one>\d{1,2})[-/.](?P<two>\d{1,2})[-/.](?P<y>\d{4})",
)
_DATES = tuple(re.compile(rf"(?-i:{day}){_TIME}(?![\w:])".replace("(?-i:", "(?:"), re.IGNORECASE) for day in _DAYS)
_MONTH_OF_YEAR = re.compile(
    rf"(?:(?P<name>{MONTH})[ ,-]*(?P<y>\d{{4}})|(?P<y2>\d{{4}})[/. ](?P<m>\d{{1,2}})|(?P<y3>\d{{4}})-(?P<m2>\d))(?![\w:/.-])",
    re.IGNORECASE,
)
_ISO = re.compile(
    r"\d{4}(?:-\d{2}(?:-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?)?)?(?![\w:])",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_TO_UTC = ("Z", "UTC", "GMT", "UT")
_ZONES = {
    "PST": "-08:00",
    "PDT": "-07:00",
    "MST": "-07:00",
    "MDT": "-06:00",
    "CST": "-06:00",
    "CDT": "-05:00",
    "EST": "-05:00",
    "EDT": "-04:00",
    "AST": "-04:00",
    "NST": "-03:30",
    "AKST": "-09:00",
    "AKDT": "-08:00",
    "CET": "+01:00",
    "CEST": "+02:00",
    "EET": "+02:00",
    "BST": "+01:00",
    "MSK": "+03:00",
    "JST": "+09:00",
}
"""Usual offsets of time zone abbreviations. Some are ambiguous, so they are used in hints and never in fixes."""

_HOW = "write dates as year-month-day, for example 2020-02-01 or 2020-02-01T06:30"
_SEPARATOR = r"\s*(/|\.\.\.?|–|—|--|,|(?:to|until|till|through|thru|and)(?!\w)|\s-\s)\s*"
_UNIT_WORDS = ("seconds", "minutes", "hours", "days", "weeks", "months", "years")
UNIT = r"(?:seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w|months?|years?)(?!\w)"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MOMENTS = {
    "yesterday": "YESTERDAY",
    "tomorrow": "TOMORROW",
    "current_date": "TODAY",
    "curdate": "TODAY",
    "current_timestamp": "NOW",
    "localtimestamp": "NOW",
    "getdate": "NOW",
    "sysdate": "NOW",
    "utcnow": "NOW",
    "today": "TODAY",
    "now": "NOW",
}


def read_foreign_date(text: str, at: int, stop: int) -> tuple[str | None, str, int]:
    """Read a date in any common format at an offset in a text.

    Return the equivalent AuroraQL literal (None when the date is invalid or ambiguous), the reason for that, and the
    end of the date in the text (`at` when no date starts there).
    """
    for pattern in _DATES:
        match = pattern.match(text, at, stop)
        if match is not None:
            literal, reason = _date_literal(match)
            return literal, reason, match.end()
    month = _MONTH_OF_YEAR.match(text, at, stop)
    if month is not None:
        number = _month_number(month["name"]) if month["name"] else int(month["m"] or month["m2"])
        year = month["y"] or month["y2"] or month["y3"]
        return (f"{year}-{number:02}" if 1 <= number <= 12 else None), "", month.end()
    plain = _ISO.match(text, at, stop)
    return (plain[0], "", plain.end()) if plain is not None else (None, "", at)


def _month_number(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _date_literal(match: re.Match[str]) -> tuple[str | None, str]:
    parts = match.groupdict()
    day, reason = _day(parts)
    if day is None:
        return None, reason
    return _append_time(day, parts)


def _day(parts: dict[str, str | None]) -> tuple[str | None, str]:
    year = int(parts["y"] or 0)
    try:
        if parts.get("week"):
            return datetime.fromisocalendar(
                year, int(parts["week"] or 0), int(parts["weekday"] or 1)
            ).date().isoformat(), ""
        if parts.get("doy"):
            return datetime.strptime(f"{year:04}-{parts['doy']}", "%Y-%j").date().isoformat(), ""
        if parts.get("one"):
            one, two = int(parts["one"] or 0), int(parts["two"] or 0)
            if one <= 12 and two <= 12 and one != two:
                return None, f"it could be {year:04}-{one:02}-{two:02} or {year:04}-{two:02}-{one:02}: "
            month, day = (one, two) if one <= 12 else (two, one)
            return datetime(year, month, day).date().isoformat(), ""
        name = parts.get("name")
        month = _month_number(name) if name else int(parts["m"] or 0)
        return datetime(year, month, int(parts["d"] or 0)).date().isoformat(), ""
    except ValueError:
        if parts.get("m") and not parts.get("name"):
            fault = fault_of(f"{year:04}-{int(parts['m'] or 0):02}-{int(parts['d'] or 0):02}")
            if fault is not None:
                return None, f"{fault}, {fault.hint}: "
        return None, "there is no such day: "


def _append_time(day: str, parts: dict[str, str | None]) -> tuple[str | None, str]:
    if parts["h"] is None:
        return day, ""
    hour = int(parts["h"])
    minute, second = parts["mi"] or parts["mi2"], parts["se"] or parts["se2"]
    fraction = parts["fr"] or parts["fr2"]
    half = (parts["half"] or "").replace(".", "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None, "there is no such time: "
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif minute is None:
        return None, f"an hour needs minutes, such as {day}T{hour:02}:00: "
    if hour > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        return None, "there is no such time: "
    clock = f"{hour:02}:{minute or '00'}" + (f":{second}" if second else "") + (f".{fraction}" if fraction else "")
    zone = parts["zone"]
    if not zone:
        return f"{day}T{clock}", ""
    if zone.upper() in _TO_UTC:
        return f"{day}T{clock}Z", ""
    if zone[0] in "+-":
        digits = zone[1:].replace(":", "")
        hours, minutes = (digits[:-2], digits[-2:]) if len(digits) > 2 else (digits, "00")
        return f"{day}T{clock}{zone[0]}{int(hours):02}:{minutes}", ""
    offset = _ZONES.get(zone.upper())
    shown = f"{day}T{clock}{offset or '-07:00'}"
    usual = f", if {zone.upper()} is UTC{offset}" if offset else ""
    return None, f"write the offset from UTC, such as {shown}{usual}"


def find_window_of_two(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a time window in other words: `FROM a TO b`, `ON a/b`, `DURING a..b`, `BETWEEN a TO b`, `FROM a`."""
    start = _window_start(at)
    if start is None:
        return None
    word = at.match(r"\w+", start)
    if word is None:
        return None
    first, end = _read_moment(at, word.end())
    if first is None and end is None:
        return None
    separator = at.match(_SEPARATOR, end)
    if separator is None or at.match(r"\s*-\s*\d+\s*" + UNIT, end):
        is_open_window = word[0].upper() == "FROM" and first is not None and not at.has_keyword("SELECT")
        if is_open_window:
            return _window_diagnostic("a window without an end begins with SINCE", start, end, f"SINCE {first}")
        return None
    period = at.match(r"P[\dYMWDTHS.]+", separator.end())
    if period is not None:
        hint = "write both ends: BETWEEN 2020-02-01 AND 2020-02-05, or LAST 5 days BEFORE 2020-02-06"
        return Diagnostic(
            "AQL0112", "an interval is written with BETWEEN", Span(start, period.end()), "expected BETWEEN", hint
        )
    second, second_end = _read_moment(at, separator.end())
    if second_end is None or second_end == separator.end():
        return None
    if separator[1].upper() == "AND" and word[0].upper() in ("BETWEEN", "OVERLAPPING"):
        return None  # the keywords are right, so the mistake is in a date
    day = at.match(r"\d{1,2}(?![\w/.:-])", separator.end())
    if day is not None and first is not None and len(first) >= 10:
        second, second_end = f"{first[:8]}{int(day[0]):02}", day.end()
    keyword = "OVERLAPPING" if word[0].upper() == "OVERLAPPING" else "BETWEEN"
    fix = f"{keyword} {first} AND {second}" if first is not None and second is not None else None
    return _window_diagnostic(f"a time window of two ends is written {keyword} … AND …", start, second_end, fix)


def find_window_without_keyword(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a date or an interval in place of a time window: `program = 'trex' 2020-02-01/2020-02-05`."""
    if not {"ON", "BETWEEN"} <= set(at.accepts) or not at.match(r"\d{4}-\d", at.start):
        return None
    if "CMP" in at.accepts and "AS" not in at.accepts:
        return None  # an operator is missing, or a predicate
    first, end = _read_moment(at, at.start)
    if first is None:
        return None
    separator = at.match(_SEPARATOR, end)
    second, second_end = _read_moment(at, separator.end()) if separator else (None, end)
    fix = f"BETWEEN {first} AND {second}" if second else None if separator else f"ON {first}"
    return _window_diagnostic("a time window begins with a keyword", at.start, second_end, fix)


def _window_diagnostic(message: str, start: int, end: int, fix: str | None) -> Diagnostic:
    hint = f"write {fix}" if fix else "for example: BETWEEN 2020-02-01 AND 2020-02-05"
    return Diagnostic("AQL0106", message, Span(start, end), fix.split()[0] if fix else "expected BETWEEN", hint, fix)


def _window_start(at: ParseErrorContext) -> int | None:
    """Return the start of the time window in which the parser stopped, or None when it stopped elsewhere."""
    if at.word == "FROM":
        return at.start
    for back in range(1, min(len(at.tokens), 14) + 1):
        token = at.tokens[-back]
        if token.type in WINDOW_STARTS and token.type != "LAST":
            # `a BETWEEN 1 AND 2` is a predicate.
            before = at.type_before(back + 1)
            return token.start_pos if not (token.type == "BETWEEN" and before in ("NAME", "QNAME", "NOT")) else None
        if token.upper() == "FROM":
            return token.start_pos
        if token.type in ("CMP", "IN", "LPAR", "SELECT", "WHERE", "COMMA"):
            return None
    return None


def _read_moment(at: ParseErrorContext, offset: int) -> tuple[str | None, int]:
    """Read a date, a quoted date, NOW or TODAY at an offset. Return its literal, or None, and its end."""
    blank = at.match(r"\s*", offset)
    offset = blank.end() if blank else offset
    quoted = _QUOTED.match(at.text, offset, at.stop)
    if quoted is not None:
        inner = quoted[1] or quoted[2] or ""
        literal, _, end = read_foreign_date(inner.strip(), 0, len(inner.strip()))
        return (literal if end == len(inner.strip()) else None), quoted.end()
    word = at.match(r"(?:now|today)(?![\w(])", offset)
    if word is not None:
        return word[0].upper(), word.end()
    literal, _, end = read_foreign_date(at.text, offset, at.stop)
    if end == offset:
        year = at.match(r"\d{4}(?![\w:/.-])", offset)
        return (year[0], year.end()) if year else (None, offset)
    return literal, end


def find_foreign_date(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a date in another format: 2020-1-1, 01/02/2020, 20200201T063000Z, 1 Feb 2020, 2020-02-01 6:30 pm."""
    for start in _date_starts(at):
        literal, reason, end = read_foreign_date(at.text, start, at.stop)
        if end == start or (end <= at.start and not (end == at.start and at.type == "$END")):
            continue
        typed = at.text[start:end]
        if literal == typed:
            continue
        return _date_diagnostic(typed, Span(start, end), literal, reason)
    run = re.compile(r"[\w./:+-]*\d[\w./:+-]*").match(at.text, _run_start(at), at.stop)
    if run and re.match(r"\d{4}[-/.]\d|\d{1,2}[-/.]\d{1,2}[-/.]\d", run[0]) and run.start() <= at.start < run.end():
        return _date_diagnostic(run[0], Span(run.start(), run.end()), None, "")
    if "DATETIME" in at.accepts and "TRUE" not in at.accepts and at.type == "NUMBER":
        return _date_diagnostic(at.found_text, at.span, None, "")
    return None


def clock_without_date(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a time of day without a date: `ON 06:30`, `start > 25:00`, `BETWEEN 2020-02-01T06:00 AND 09:00`."""
    hour = at.token_before()
    if at.found_text != ":" or hour is None or hour.type != "NUMBER" or hour.end_pos != at.start:
        return None
    clock = at.match(r"(\d{1,2}):(\d{2})(?::\d{2}(?:\.\d+)?)?(?![\w:])", hour.start_pos)
    if clock is None:
        return None
    fault = fault_of(f"2020-02-01T{clock[0].zfill(len(clock[0]) + 2 - len(clock[1]))}")
    reason = f"{fault}, {fault.hint.split(':')[0]}; " if fault is not None and clock[1] != "24" else ""
    hint = f"{reason}write the date before it, such as 2020-02-01T06:30"
    span = Span(clock.start(), clock.end())
    return Diagnostic("AQL0112", f"'{clock[0]}' is a time of day without a date", span, "expected a date", hint)


def find_foreign_date_at_end(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a date in another format at the end of the statement, such as `2020-02-01T06:30+1`."""
    return find_foreign_date(at) if at.type == "$END" else None


def _date_starts(at: ParseErrorContext) -> list[int]:
    """Return the offsets where the date may start: at the parser's position, or up to eight tokens before it."""
    starts = [_run_start(at)]
    for back in range(1, 9):
        token = at.token_before(back)
        if token is None or token.type not in ("NUMBER", "SIGN", "NAME", "DATETIME", "MONTH", "TIME_UNIT", "UNIT"):
            break
        if token.type in ("NUMBER", "DATETIME", "MONTH", "NAME") and token.start_pos not in starts:
            starts.append(token.start_pos)
    return sorted(starts)


def _run_start(at: ParseErrorContext) -> int:
    start = at.start
    while start > max(at.start - 40, 0) and re.match(r"[\w./:+-]", at.text[start - 1]):
        start -= 1
    return start


def _date_diagnostic(typed: str, span: Span, literal: str | None, reason: str) -> Diagnostic:
    hint = f"did you mean {literal}?" if literal else reason + (_HOW if not reason or reason.endswith(": ") else "")
    return Diagnostic("AQL0112", f"'{typed}' is not a valid date", span, "expected YYYY-MM-DD", hint=hint, fix=literal)


def expects_moment(at: ParseErrorContext) -> bool:
    """Return whether only a time can follow, which is so in a time window but not in a predicate."""
    return "DATETIME" in at.accepts and "TRUE" not in at.accepts and "NAME" not in at.accepts


def find_ago(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `SINCE 7 days` without AGO, where the parser took the number for a year."""
    unit_before = at.type == "$END" and at.type_before() == "TIME_UNIT"
    number = at.token_before(1 + unit_before)
    if number is None or number.type != "NUMBER" or at.type_before(2 + unit_before) not in ("SINCE", "UNTIL", "ON"):
        return None
    ago = at.match(rf"(\d+)\s*({UNIT})(\s+ago(?!\w))?", number.start_pos)
    if ago is None:
        return None
    fix = f"NOW - {ago[1]} {ago[2]}"
    span = Span(number.start_pos, ago.end())
    return Diagnostic("AQL0106", "a time is expected, not a duration", span, "a duration", f"write {fix}", fix)


def find_moment_word(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `UNTIL now()`, `SINCE 7 days` and `start > current_timestamp`."""
    duration = find_ago(at)
    if duration is not None:
        return duration
    start, word = at.start, at.word.lower()
    if "DATETIME" not in at.accepts:
        function = at.token_before() if at.found_text == "(" else None
        if function is None or function.lower() not in _MOMENTS or at.type_before(2) in ("COMMA", "SELECT", "DOT"):
            return None
        start, word = function.start_pos, function.lower()
    if at.type == "NUMBER" and expects_moment(at):
        ago = at.match(rf"(\d+)\s*({UNIT})(\s+ago(?!\w))?")
        if ago is not None:
            fix = f"NOW - {ago[1]} {ago[2]}"
            return Diagnostic(
                "AQL0106",
                "a time is expected, not a duration",
                Span(start, ago.end()),
                "a duration",
                f"write {fix}",
                fix,
            )
        return None
    replacement = _MOMENTS.get(word)
    if replacement is None:
        return None
    call = at.match(r"\w+(\s*\(\s*\))?", start)
    end = call.end() if call else at.end
    typed = at.text[start:end]
    if typed.upper() == replacement or (word in ("now", "today") and not typed.endswith(")")):
        return None
    return Diagnostic(
        "AQL0107",
        f"'{typed}' is written {replacement}",
        Span(start, end),
        f"expected {replacement.split()[0]}",
        f"write {replacement}",
        replacement,
    )


def find_last_without_count(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `LAST week`, `LAST seven days` and `PAST 7 days`."""
    if at.type_before() == "LAST" and at.type not in ("NUMBER", "PARAM", "$END"):
        unit = at.match(UNIT)
        if at.word == "DAY":
            hint = "write LAST 1 day for the last 24 hours, or ON YESTERDAY for the day before today"
            return Diagnostic("AQL0113", "LAST day has two meanings", at.span, "expected a number", hint)
        if unit is not None:
            fix = f"1 {at.found_text}"
            return Diagnostic(
                "AQL0113",
                f"LAST {at.found_text} needs a number",
                at.span,
                "expected a number",
                f"write LAST {fix}",
                fix,
            )
        if at.found_text.lower() in NUMBERS:
            fix = str(NUMBERS.index(at.found_text.lower()) + 1)
            return Diagnostic(
                "AQL0113", "a number is written in digits", at.span, "a number in words", f"write LAST {fix}", fix
            )
        hint = "for example: LAST 7 days"
        return Diagnostic("AQL0113", "LAST takes a number and a unit of time", at.span, "expected a number", hint)
    if at.word in ("PAST", "PREVIOUS", "PRIOR", "RECENT") and "LAST" in at.accepts:
        if at.match(r"\w+\s+\d") is None:
            return Diagnostic(
                "AQL0107", f"'{at.found_text}' does not begin a clause", at.span, "LAST?", "for example: LAST 7 days"
            )
        return Diagnostic(
            "AQL0107", f"'{at.found_text}' is written LAST", at.span, "expected LAST", "write LAST", "LAST"
        )
    return None


_WINDOW_WORDS = {
    "AFTER": ("SINCE", "SINCE 2020-02-01 begins with that day, SINCE 2020-02-02 after it"),
    "BEFORE": ("UNTIL", "UNTIL 2020-02-01 ends with that day, UNTIL 2020-01-31 before it"),
    "STARTING": ("SINCE", "for example: SINCE 2020-02-01"),
    "ENDING": ("UNTIL", "for example: UNTIL 2020-02-01"),
    "AT": ("ON", "for example: ON 2020-02-01T06:30"),
    "TO": ("UNTIL", "for example: BETWEEN 2020-02-01 AND 2020-02-05"),
    "IN": ("DURING", "for example: DURING 2020-02"),
    "FOR": ("DURING", "for example: DURING 2020-02"),
    "DATE": ("ON", "for example: ON 2020-02-01"),
}


def find_window_word(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `IN 2020`, `AFTER 2020-01-01` and `AT 2020-01-01T06:00` where a clause is expected."""
    if at.word not in _WINDOW_WORDS or "SINCE" not in at.accepts:
        return None
    if at.match(rf"\w+\s*(?:[\d'\"]|(?:{MONTH}|last|this)\s|(?:yesterday|today)(?!\w))") is None:
        return None
    if at.word == "AT" and any(token.type in WINDOW_STARTS for token in at.tokens):
        hint = "write the day and the time of day together, for example 2020-02-01T06:30"
        return Diagnostic("AQL0106", "a time of day follows its date after T", at.span, "a time of day", hint)
    keyword, hint = _WINDOW_WORDS[at.word]
    is_synonym = at.word in ("IN", "AT", "STARTING", "ENDING")
    message = f"{at.word} does not begin a time window"
    return Diagnostic(
        "AQL0106",
        message,
        at.span,
        f"expected {keyword}",
        f"write {keyword}" if is_synonym else hint,
        keyword if is_synonym else None,
    )


def find_wrong_using(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose USING without a result before it, or without parentheses around its fields."""
    if at.found_text.upper() == "USING":
        hint = "for example: DURING passes USING (platform)"
        return Diagnostic("AQL0106", "USING needs DURING and a result before it", at.span, "no result before it", hint)
    if at.type_before() != "USING" or not is_word(at.found_text):
        return None
    fields = _FIELDS.match(at.text, at.start)
    names = fields[0] if fields is not None else at.found_text
    message, fix = "the fields of USING are written in parentheses", f"({names})"
    span = Span(at.start, at.start + len(names))
    return Diagnostic("AQL0106", message, span, "no parentheses", f"write USING {fix}", fix)


_FIELDS = re.compile(r"[\w.]+(?:\s*,\s*[\w.]+)*")


def find_result_as_time(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose OVERLAPPING before the name of a result. DURING is the keyword that takes a result."""
    window = at.token_before()
    if window is None or window.type != "OVERLAPPING" or at.type not in ("NAME", "QNAME", "LPAR"):
        return None
    fix = f"DURING {at.found_text}"
    hint = f"to find records that overlap the rows of a result, write {fix}" + ("FIND …)" if at.type == "LPAR" else "")
    span = Span(int(window.start_pos or 0), at.end)
    return Diagnostic("AQL0106", "OVERLAPPING takes a time, not a result", span, "expected a time", hint, fix)


def find_missing_date(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a word or sign where a time window needs a date or time."""
    if not expects_moment(at) or "CMP" in at.accepts or at.type == "$END":
        return None
    before = at.word_before()
    label = f"{before} needs a date or time" if before.isalpha() else "a date or time is needed"
    return Diagnostic(
        "AQL0106",
        f"'{at.found_text}' is not a time",
        at.span,
        label,
        hint="write a date such as 2020-02-01, a time such as 2020-02-01T06:30, or NOW, TODAY or YESTERDAY",
    )


def find_decimal_comma(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose `557,7` and `1_000`."""
    number = at.token_before()
    if number is None or number.type != "NUMBER" or number.end_pos != at.start:
        return None
    grouped = at.match(r"(?:_\d{3})+(?!\w)")
    if grouped is not None:
        span, fix = Span(number.start_pos, grouped.end()), str(number) + grouped[0].replace("_", "")
        return Diagnostic("AQL0106", "digits cannot be grouped", span, "no '_' in a number", f"write {fix}", fix)
    rest = at.match(r",(\d+)(?![\w,.])")
    if rest is None or not number.isdigit():
        return None
    span, typed = Span(number.start_pos, rest.end()), f"{number}{rest[0]}"
    if len(rest[1]) == 3 and number != "0":
        hint = f"write {number}{rest[1]} without a comma, or {number}.{rest[1]} with a point"
        return Diagnostic("AQL0106", f"'{typed}' is not how a number is written", span, "a comma in a number", hint)
    fix = f"{number}.{rest[1]}"
    return Diagnostic("AQL0106", "the decimal separator is '.'", span, "a comma in a number", f"write {fix}", fix)


def find_wrong_unit(at: ParseErrorContext) -> Diagnostic | None:
    """Diagnose a duration whose unit is missing, ambiguous or misspelt."""
    if "TIME_UNIT" not in at.accepts:
        return None
    if at.found_text.lower() == "m":
        return Diagnostic(
            "AQL0113",
            "'m' could be minutes, metres or months",
            at.span,
            "which unit?",
            hint="write min for minutes, km for kilometres, months for months",
        )
    number = at.token_before()
    month = at.match(r"\d{4}-\d+", at.start_before(3)) if at.type_before(3) == "NUMBER" else None
    if number is not None and month is not None and month.end() == number.end_pos:
        # The parser read the year as a date, and the rest as a number subtracted from it.
        return _date_diagnostic(month[0], Span(month.start(), month.end()), None, "")
    if number is not None and number.type in ("NUMBER", "PARAM") and "UNIT" not in at.accepts:
        misspelt = find_misspelt(at.found_text, _UNIT_WORDS)
        candidates = [misspelt] if misspelt else find_closest(at.found_text.lower(), _UNIT_WORDS, 1, 0.6)
        label = f"expected a unit of time after {number}"
        hint = f"did you mean {candidates[0]}?" if candidates else f"the units are {', '.join(_UNIT_WORDS)}"
        if is_word(at.found_text) and at.word not in CLAUSE_STARTS:
            return Diagnostic("AQL0113", f"'{at.found_text}' is not a unit of time", at.span, label, hint, misspelt)
        return Diagnostic(
            "AQL0113",
            f"{number} has no unit",
            Span(int(number.start_pos or 0), at.end_before()),
            "expected a unit",
            hint,
        )
    return None
