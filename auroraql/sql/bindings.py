"""Parameters of a statement. Only the placeholders `$1`, `$2` … become SQL text."""

from __future__ import annotations

import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


class Bindings:
    """Collects the bound values of one statement. Equal values share a placeholder, except lists."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[tuple[type, Any], str] = {}

    def __call__(self, value: Any) -> str:
        """Bind a value and return its placeholder."""
        if isinstance(value, list):
            return self._placeholder([_to_storable(item) for item in value])
        key = (type(value), value)
        if key not in self._places:
            self._places[key] = self._placeholder(_to_storable(value))
        return self._places[key]

    def _placeholder(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


def _to_storable(value: Any) -> Any:
    """Replace lone surrogates by U+FFFD. UTF-8 cannot encode them, so stored text never contains one."""
    if isinstance(value, str) and not value.isascii():
        return _SURROGATE.sub("\ufffd", value)
    return value
