"""Hypothesis strategies of typing: edits of a text, right and wrong."""

from __future__ import annotations

from hypothesis import strategies as st

_PIECES = (
    *("'", '"', "`", "(", ")", "{", "}", "[", ";", ",", ".", "=", "!", "§", "--", "/*", "*/", "\n", " ", "$", "%", "m"),
    *(" AND ", " OR ", " NOT ", " IN (", "FIND ", "WHERE ", "limit", "5", "2020-01-01", "2020-01", " 06:30", ".5", "1e5"),
    *("'trex'", "program", "platform = 'gilam'", " LIKE 'x%'", "DURING c", "LET c = ", "km", "days", "$day", "’", "find x for("),
)  # fmt: skip


@st.composite
def edits(draw: st.DrawFn, text: str) -> str:
    """Generate a text after one more edit."""
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.integers(0, 6)))
    match draw(st.sampled_from(("insert", "insert", "cut", "replace", "truncate", "append"))):
        case "insert":
            return text[:start] + draw(st.sampled_from(_PIECES)) + text[start:]
        case "cut":
            return text[:start] + text[end:]
        case "replace":
            return text[:start] + draw(st.sampled_from(_PIECES)) + text[end:]
        case "append":
            return text + draw(st.sampled_from(_PIECES))
        case _:
            return text[:start]


@st.composite
def typings(draw: st.DrawFn, texts: tuple[str, ...], most: int = 12) -> list[str]:
    """Generate the versions of a text after each of several edits."""
    text = draw(st.sampled_from(texts))
    found = [text]
    for _ in range(draw(st.integers(1, most))):
        text = draw(edits(text))
        found.append(text)
    return found
