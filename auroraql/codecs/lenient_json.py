"""Query documents in other notations: a printed Python dict, or JSON with the quotes and spaces of a word processor.

The text is rewritten to JSON token by token, and nothing is evaluated. Invariant: JSON is left unchanged.
"""

from __future__ import annotations

import ast
import json
import re
from datetime import datetime

_TOKEN = re.compile(
    r"""(?P<blank>[\s\u00A0\u180E\u200B\u2060\uFEFF]+)
      | (?P<double>"(?:[^"\\]|\\.)*")
      | (?P<single>'(?:[^'\\]|\\.)*')
      | (?P<set>[“”„‟][^“”‟"]*[“”‟"] | [‘’‚‛][^‘’‛']*[‘’‛'])
      | (?P<time>(?:datetime\.)?(?:datetime|date)\(\s*(?P<parts>\d+(?:\s*,\s*\d+)*)\s*(?P<zone>,\s*tzinfo\s*=\s*[\w.]+)?\s*\))
      | (?P<stamp>(?:(?:pandas|pd|numpy|np)\.)?(?:Timestamp|datetime64)\(\s*['"](?P<written>[\dT:. Z+-]+)['"]\s*\))
      | (?P<sign>[{}\[\]():,])
      | (?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)
      | (?P<word>[A-Za-z]+)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"None": "null", "True": "true", "False": "false", "null": "null", "true": "true", "false": "false"}
_SIGNS = {"(": "[", ")": "]"}
_UTC = ("datetime.timezone.utc", "timezone.utc", "datetime.UTC", "UTC")


def to_json(text: str) -> str | None:
    """Return the JSON of a document in another notation, or None for a text that is not a document."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        converted = _to_json_token(token) if token is not None else None
        if token is None or converted is None:
            return None
        if converted in ("]", "}") and parts and parts[-1] == ",":
            parts.pop()  # Python allows a comma after the last item
        if converted:
            parts.append(converted)
        at = token.end()
    return "".join(parts)


def _to_json_token(token: re.Match[str]) -> str | None:
    """Return a token as JSON, or None when JSON has no equivalent."""
    text = token[0]
    match token.lastgroup:
        case "blank":
            return ""
        case "double":
            return text if _is_json(text) else _read_python_text(text)
        case "single":
            return _read_python_text(text)
        case "set":
            return json.dumps(text[1:-1])
        case "zone" | "parts" | "time":
            return _read_datetime_call(token)
        case "stamp" | "written":
            return json.dumps(token["written"])
        case "sign":
            return _SIGNS.get(text, text)
        case "word":
            return _WORDS.get(text)
        case _:
            return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _read_python_text(text: str) -> str | None:
    try:
        return json.dumps(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return None


def _read_datetime_call(token: re.Match[str]) -> str | None:
    """Return the ISO time of `datetime(2020, 1, 1, 0, 0)` as JSON, or the day of `date(2020, 1, 1)`."""
    numbers = [int(part) for part in token["parts"].split(",")]
    zone = (token["zone"] or "").partition("=")[2].strip()
    if zone and zone not in _UTC:
        return None
    try:
        moment = datetime(*numbers)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return json.dumps(
        moment.date().isoformat() if len(numbers) == 3 and "datetime(" not in token[0] else moment.isoformat()
    )
