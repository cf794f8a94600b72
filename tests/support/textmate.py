"""Interpreter of the TextMate rules that the grammar of AuroraQL uses.

It follows the algorithm of VS Code: line by line, the leftmost match wins, and of two matches at one place the end of
the open region, then the first rule. The rules are `match`, `captures`, `begin`, `end`, `beginCaptures`, `endCaptures`,
`name`, `patterns` and `include`. An end can refer to a group of its begin. Regular expressions are those of Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

Rule = Mapping[str, Any]


class TextMate:
    """A grammar that splits texts into scopes."""

    def __init__(self, grammar: Rule) -> None:
        self._grammar = grammar
        self._children: dict[int, tuple[Rule, ...]] = {}

    def scopes(self, text: str) -> list[str]:
        """Return the innermost scope of each character, or an empty text."""
        out: list[str] = []
        stack: list[tuple[Rule, str]] = [(self._grammar, "")]
        for number, line in enumerate(text.split("\n")):
            out += self._read_line(line + "\n", stack, is_first=number == 0)
        return out[: len(text)]

    def _read_line(self, line: str, stack: list[tuple[Rule, str]], *, is_first: bool) -> list[str]:
        scopes = [""] * len(line)
        at, opened_at = 0, -1
        while at <= len(line):
            rule, end = stack[-1]
            base = rule.get("name", "") if len(stack) > 1 else ""
            match, matched = self._leftmost(line, at, rule, end, is_first=is_first)
            if match is None:
                scopes[at:] = [base] * (len(line) - at)
                break
            start, stop = match.span()
            scopes[at:start] = [base] * (start - at)
            name = matched.get("name", base) if matched is not None else base
            scopes[start:stop] = [name] * (stop - start)
            if matched is None:
                self._capture(scopes, match, rule.get("endCaptures", {}))
                stack.pop()
            elif "begin" in matched:
                self._capture(scopes, match, matched.get("beginCaptures", {}))
                if stop > start or opened_at != start or stack[-1][0] is not matched:
                    stack.append((matched, _fill_groups(matched["end"], match)))
                    opened_at = start
            else:
                self._capture(scopes, match, matched.get("captures", {}))
                assert stop > start, f"an empty match: {matched}"
            at = stop
        return scopes

    def _leftmost(
        self, line: str, at: int, rule: Rule, end: str, *, is_first: bool
    ) -> tuple[re.Match[str] | None, Rule | None]:
        best = _compile(end).search(line, at) if end else None
        matched: Rule | None = None
        for candidate in self._candidates(rule):
            pattern = candidate.get("match") or candidate["begin"]
            if pattern.startswith(r"\A") and not is_first:
                continue
            match = _compile(pattern).search(line, at)
            if match is not None and (best is None or match.start() < best.start()):
                best, matched = match, candidate
        return best, matched

    def _candidates(self, rule: Rule) -> tuple[Rule, ...]:
        """Return the rules within a rule. The grammar keeps them, so that their identity is a key."""
        if id(rule) not in self._children:
            self._children[id(rule)] = tuple(self._flatten(rule))
        return self._children[id(rule)]

    def _flatten(self, rule: Rule) -> Iterator[Rule]:
        for child in rule.get("patterns", ()):
            if "include" in child:
                included = self._grammar["repository"][child["include"].removeprefix("#")]
                yield from (
                    self._flatten(included) if "match" not in included and "begin" not in included else (included,)
                )
            else:
                yield child

    @staticmethod
    def _capture(scopes: list[str], match: re.Match[str], captures: Rule) -> None:
        for number, capture in captures.items():
            start, stop = match.span(int(number))
            scopes[start:stop] = [capture["name"]] * (stop - start)


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _fill_groups(end: str, match: re.Match[str]) -> str:
    """Return the end pattern with the groups of the begin."""
    return re.sub(r"(?<!\\)\\([1-9])", lambda group: re.escape(match[int(group[1])] or ""), end)
