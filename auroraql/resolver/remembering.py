"""Comparisons that were resolved before: what was made of them holds while a statement around them is typed.

A comparison is known by what it says, wherever it stands, and nothing decides about it but that, literal values of a
field or key that is known, and the programs chosen around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auroraql.errors import Diagnostic, Origin, Span
from auroraql.query import Comparison
from auroraql.schema import Kind
from auroraql.schema.catalogue import Catalogue
from auroraql.syntax import Comparison as Written
from auroraql.syntax import Number, Text, Truth

Made = tuple[Comparison, tuple[Diagnostic, ...]]
"""What was made of a comparison, and what was questioned in it."""


@dataclass(slots=True)
class _Known:
    """A comparison as it was written, of what kind and catalogue, and beside which programs; and what was made of it."""

    written: Written
    kind: Kind
    catalogue: Catalogue
    programs: tuple[str, ...]
    made: Made
    turn: int


class Remembered:
    """What was made of comparisons the last time, and this time."""

    def __init__(self) -> None:
        self._known: dict[Written, _Known] = {}
        self._turn = 0

    def begin(self) -> None:
        """Forgets what was not asked for since the last time."""
        self._known = {written: known for written, known in self._known.items() if known.turn == self._turn}
        self._turn += 1

    def of(self, written: Written, kind: Kind, catalogue: Catalogue, programs: tuple[str, ...]) -> Made | None:
        """What was made of it, and what was questioned; None when it is not remembered."""
        known = self._known.get(written)
        if known is None or known.kind is not kind or known.catalogue is not catalogue:
            return None
        made, said = known.made
        if said and known.programs != programs:
            return None
        known.turn = self._turn
        if not said:
            return Comparison(made.ref, made.operator, made.values, made.listed, written.origin), ()
        by = _moved_by(known.written, written)
        return None if by is None else (replace(made, origin=written.origin), tuple(each.moved(by) for each in said))

    def keep(self, written: Written, kind: Kind, catalogue: Catalogue, programs: tuple[str, ...], made: Made) -> None:
        """Remembers it, if it can be."""
        ref = made[0].ref
        if ref.role == "metadata" and ref.name and catalogue.key(kind.metadata, ref.name) is None:
            return
        if all(isinstance(operand, Text | Number | Truth) for operand in written.operands):
            self._known[written] = _Known(written, kind, catalogue, programs, made, self._turn)


def _moved_by(before: Written, now: Written) -> int | None:
    """How much further behind a comparison stands, which says the same; None if not all its parts moved alike."""
    moved = {_distance(*pair) for pair in zip(_places(before), _places(now), strict=True)}
    return moved.pop() if len(moved) == 1 else None


def _places(written: Written) -> Iterator[Origin]:
    yield written.origin
    yield written.path.origin
    for operand in written.operands:
        yield operand.origin


def _distance(before: Origin, now: Origin) -> int | None:
    if not isinstance(before, Span) or not isinstance(now, Span):
        return 0 if before == now else None
    by = now.start - before.start
    return by if before.end + by == now.end else None
