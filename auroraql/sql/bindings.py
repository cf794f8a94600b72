"""The parameters of a statement: every value is bound, and only its place `$1`, `$2` … becomes SQL text."""

from __future__ import annotations

import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


class Bindings:
    """Collects the values of one statement; equal ones share a place, lists excepted."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[tuple[type, Any], str] = {}

    def __call__(self, value: Any) -> str:
        """The place of a value in the SQL text."""
        if isinstance(value, list):
            return self._placeholder([_to_storable(each) for each in value])
        key = (type(value), value)
        if key not in self._places:
            self._places[key] = self._placeholder(_to_storable(value))
        return self._places[key]

    def _placeholder(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _to_storable(value: Any) -> Any:
    """A lone surrogate has no UTF-8, so nothing stored can hold one: it is bound as U+FFFD."""
    if isinstance(value, str) and not value.isascii():
        return _SURROGATE.sub("\ufffd", value)
    return value
