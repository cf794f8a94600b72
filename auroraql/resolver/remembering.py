"""Comparisons that were resolved before: what was made of them holds while a statement around them is typed.

A comparison is known by being the very same node of the syntax tree, and nothing decides about it but what it says
itself, literal values of a field or key that is known, and the programs chosen around it.
"""

from __future__ import annotations

from auroraql.errors import Diagnostic
from auroraql.query import Comparison
from auroraql.schema import Kind
from auroraql.schema.catalogue import Catalogue
from auroraql.syntax import Comparison as Written
from auroraql.syntax import Number, Text, Truth

_Made = tuple[Written, Kind, Catalogue, tuple[str, ...], Comparison, tuple[Diagnostic, ...]]


class Remembered:
    """What was made of comparisons the last time, and this time."""

    def __init__(self) -> None:
        self._last: dict[int, _Made] = {}
        self._now: dict[int, _Made] = {}

    def begin(self) -> None:
        """Forgets what was not asked for since the last time."""
        self._last, self._now = self._now, {}

    def of(
        self, written: Written, kind: Kind, catalogue: Catalogue, programs: tuple[str, ...]
    ) -> tuple[Comparison, tuple[Diagnostic, ...]] | None:
        """What was made of it, and what was questioned; None when it is not remembered."""
        made = self._now.get(id(written)) or self._last.get(id(written))
        if made is None or made[0] is not written or made[1] is not kind or made[2] is not catalogue:
            return None
        if made[3] != programs and made[5]:
            return None
        self._now[id(written)] = made
        return made[4:]

    def keep(
        self,
        written: Written,
        kind: Kind,
        catalogue: Catalogue,
        programs: tuple[str, ...],
        made: Comparison,
        said: tuple[Diagnostic, ...],
    ) -> None:
        """Remembers it, if it can be."""
        key = made.ref.name if made.ref.role == "metadata" else ""
        if key and catalogue.key(kind.metadata, key) is None:
            return
        if all(isinstance(operand, Text | Number | Truth) for operand in written.operands):
            self._now[id(written)] = written, kind, catalogue, programs, made, said
