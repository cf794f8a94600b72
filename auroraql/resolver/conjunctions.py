"""The criteria of conjunctions: OF, WITHIN, VIA and PRECISION, from what was written to `ir.query.Criteria`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import combinations

from auroraql.diagnostics.errors import Diagnostic, Origin
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.query import EVERYTHING, Block, Criteria, Predicate, block_names
from auroraql.language.ast import BlockItem as Written
from auroraql.language.ast import Distance, NumberLiteral, Of, Parameter, Precision, Via, Within
from auroraql.resolver.names import NameResolver
from auroraql.resolver.predicates import PredicateResolver
from auroraql.resolver.values import OperandResolver, SemanticError, ValueContext
from auroraql.schema import BLOCKS, CONJUNCTIONS, Type
from auroraql.schema.catalogue import Catalogue
from auroraql.schema.kinds.conjunctions import (
    HALF_MINUTE,
    MAX_BLOCKS,
    MINUTE,
    PRECISION_UNIT,
    PRECISIONS,
    TRACES,
    wire_name,
)

__all__ = ["CriteriaResolver", "misplaced_clauses"]

_CLAUSES: dict[type, str] = {Of: "OF", Within: "WITHIN", Via: "VIA", Precision: "PRECISION"}
"""The clauses that only conjunctions have, by how they are written."""

_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}

_PRECISIONS = tuple(f"{seconds} {PRECISION_UNIT}" for seconds in sorted(PRECISIONS))

_LIMITS = (("latitude", Decimal(90)), ("longitude", Decimal(180)))
_FARTHEST = 2**31
"""Kilometres that AuroraX has for no limit."""


class CriteriaResolver:
    """Resolves the criteria of one statement, collecting everything wrong in them."""

    def __init__(self, catalogue: Catalogue, values: OperandResolver) -> None:
        self.catalogue, self.values = catalogue, values
        self.wrong: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def criteria(self, clauses: Iterable[object], origin: Origin) -> Criteria | None:
        """The criteria of the statement's clauses; None when they are wrong."""
        found = {type(clause): clause for clause in clauses}
        of, within = found.get(Of), found.get(Within)
        blocks = self._blocks(of.blocks, of.origin) if isinstance(of, Of) else self._no_blocks(origin)
        via, precision = found.get(Via), found.get(Precision)
        traces = self._via(via) if isinstance(via, Via) else (TRACES[0],)
        subminute = isinstance(precision, Precision) and self._subminute(precision)
        if not isinstance(of, Of) or not blocks:
            return None
        distances = self._distances(within if isinstance(within, Within) else None, of)
        if all(limit is None for limit in distances) and not self.wrong:
            self._warn_of_no_distance(within.origin if isinstance(within, Within) else of.origin)
        return Criteria(blocks, distances, traces, subminute)

    def _report(
        self, code: str, message: str, origin: Origin, label: str = "", hint: str = "", missing: tuple[str, ...] = ()
    ) -> None:
        self.wrong.append(Diagnostic(code, message, origin, label, hint, missing=missing))

    # --- blocks

    def _no_blocks(self, origin: Origin) -> tuple[Block, ...]:
        hint = "as in: FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km"
        self._report("AQL0213", "it is not said what meets: OF is missing", origin, "needs OF", hint, ("OF",))
        return ()

    def _blocks(self, written: tuple[Written, ...], origin: Origin) -> tuple[Block, ...]:
        if not 2 <= len(written) <= MAX_BLOCKS:
            message = f"conjunctions are between 2 to {MAX_BLOCKS} blocks, and OF has {len(written)}"
            few = len(written) < 2
            hint = "add what it meets, as: , space (program = 'swarm')" if few else "leave some out"
            self._report("AQL0213", message, origin, "here", hint, ("OF",) if few else ())
            if not few:
                return ()  # each block costs work, and each pair of them
        return tuple(self._block(block) for block in written)

    def _block(self, written: Written) -> Block:
        where: Predicate = EVERYTHING
        if written.expression is not None:
            names = NameResolver(BLOCKS[written.kind], self.catalogue)
            predicates = PredicateResolver(names, self.values)
            where = predicates.where(written.expression)
            self.wrong += predicates.wrong
            self.warnings += [*names.warnings, *predicates.warnings]
        points = []
        for point in written.points:
            try:
                points.append((self._degrees(point[0], 0), self._degrees(point[1], 1)))
            except SemanticError as fault:
                self.wrong.append(fault.diagnostic)
        return Block(written.kind, where, tuple(points))

    def _degrees(self, number: NumberLiteral | Parameter, axis: int) -> Decimal:
        name, most = _LIMITS[axis]
        value = self._number(number, name, "deg")
        if abs(value) > most:
            hint = "a place is written latitude first: (51.05, -114.07)"
            raise SemanticError(
                "AQL0216", f"a {name} is from -{most} to {most}, not {value}", number.origin, "too far", hint
            )
        return value

    def _number(self, number: NumberLiteral | Parameter, name: str, unit: str) -> Decimal:
        """The number as written, or as a parameter gives it. Raises Fault."""
        operands = self.values.substitute(number)
        if len(operands) != 1:
            raise SemanticError(
                "AQL0211", f"{name} takes one number, and the parameter holds {len(operands)}", number.origin
            )
        return Decimal(self.values.text(operands[0], ValueContext(name, Type.NUMBER, unit)))

    # --- distances

    def _distances(self, within: Within | None, of: Of) -> tuple[Decimal | None, ...]:
        """One limit for each two blocks, in the order of `Criteria.pairs` for the blocks as written."""
        kinds = [block.kind for block in of.blocks]
        named = self._block_names(of.blocks)
        general, particular = self._limits(within.distances if within is not None else (), named)
        found = []
        for pair in combinations(range(len(kinds)), 2):
            if frozenset(pair) in particular:
                found.append(particular[frozenset(pair)])
            else:
                grounded = kinds[pair[0]] == kinds[pair[1]] == "ground"
                found.append(Decimal(0) if grounded else general)
        return tuple(found)

    def _block_names(self, blocks: tuple[Written, ...]) -> dict[str, int]:
        """Every name that a block goes by, and its place."""
        numbered = block_names(block.kind for block in blocks)
        names = {name: at for at, name in enumerate(numbered)}
        names |= {name: at for at, name in enumerate(block_names(wire_name(block.kind) for block in blocks))}
        for at, block in enumerate(blocks):
            if block.alias and names.get(block.alias, at) != at:
                self._report(
                    "AQL0215", f"two blocks are named '{block.alias}'", block.origin, "the second", "rename one"
                )
            if block.alias:
                names[block.alias] = at
        return names

    def _limits(
        self, distances: tuple[Distance, ...], names: dict[str, int]
    ) -> tuple[Decimal | None, dict[frozenset[int], Decimal | None]]:
        general: list[Decimal | None] = []
        particular: dict[frozenset[int], Decimal | None] = {}
        for each in distances:
            try:
                limit = self._limit(each)
                if each.pair is None:
                    _check_once(not general, "every pair has two distances", each.origin)
                    general.append(limit)
                    continue
                pair = frozenset(self._place(name, names, each.origin) for name in each.pair)
                _check_once(pair not in particular, f"{'-'.join(each.pair)} has two distances", each.origin)
                if len(pair) < 2:
                    raise SemanticError("AQL0215", f"{each.pair[0]} is no pair with itself", each.origin, "one block")
                particular[pair] = limit
            except SemanticError as fault:
                self.wrong.append(fault.diagnostic)
        return general[0] if general else None, particular

    def _limit(self, distance: Distance) -> Decimal | None:
        if distance.limit is None:
            return None
        limit = self._number(distance.limit, "distance", "km")
        if limit < 0:
            raise SemanticError("AQL0203", f"a distance is not negative, as {limit} km is", distance.limit.origin)
        if limit > _FARTHEST:
            hint = "ANY, in JSON null, is no limit"
            raise SemanticError(
                "AQL0203", f"a distance is at most {_FARTHEST} km", distance.limit.origin, "too far", hint
            )
        return limit

    def _place(self, name: str, names: dict[str, int], origin: Origin) -> int:
        if name in names:
            return names[name]
        folded = {names[each] for each in names if each.casefold() == name.casefold()}
        if len(folded) == 1:
            return folded.pop()
        near = find_closest(name, names, 1, 0.6)
        shown = ", ".join(dict.fromkeys(names))
        hint = f"did you mean {near[0]}?" if near else f"the blocks are {shown}"
        raise SemanticError("AQL0215", f"no block is named '{name}'", origin, "unknown block", hint)

    def _warn_of_no_distance(self, origin: Origin) -> None:
        message = "no distance is given: whatever is there at the same time is a conjunction"
        hint = "add one, as WITHIN 500 km"
        self.warnings.append(Diagnostic("AQL0607", message, origin, hint=hint, severity="warning"))

    # --- traces and precision

    def _via(self, via: Via) -> tuple[str, ...]:
        found = []
        for path in via.traces:
            name = path.dotted.lower()
            if name not in TRACES:
                near = find_closest(name, TRACES, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"one of {', '.join(TRACES)}"
                self._report("AQL0217", f"conjunctions are not found by '{path.dotted}'", path.origin, "unknown", hint)
            found.append(name)
        return tuple(dict.fromkeys(found))

    def _subminute(self, precision: Precision) -> bool:
        """AuroraX knows two: whole minutes, and finer."""
        duration = precision.duration
        unit = _SECONDS.get(duration.unit.lower().removesuffix("s") or "s")
        try:
            count = self.values.count(duration)
        except SemanticError as fault:
            self.wrong.append(fault.diagnostic)
            return False
        if unit is None or count <= 0:
            hint = f"write {' or '.join(f'PRECISION {each}' for each in _PRECISIONS)}"
            message = "a precision is a number of seconds"
            self._report("AQL0204", message, duration.origin, " or ".join(_PRECISIONS), hint)
            return False
        seconds = count * unit
        if seconds not in PRECISIONS:
            taken = MINUTE if seconds >= MINUTE else HALF_MINUTE
            message = f"AuroraX knows no precision of {seconds:f} {PRECISION_UNIT}"
            hint = f"{taken} {PRECISION_UNIT} is taken; known are {' and '.join(_PRECISIONS)}"
            self.warnings.append(Diagnostic("AQL0608", message, duration.origin, "unknown", hint, severity="warning"))
        return seconds < MINUTE


def _check_once(first: bool, message: str, origin: Origin) -> None:
    if not first:
        raise SemanticError("AQL0215", message, origin, "the second one", "keep one of them")


def misplaced_clauses(clauses: Iterable[object], title: str) -> Iterator[Diagnostic]:
    """Clauses of conjunctions on another kind of record."""
    for clause in clauses:
        name = _CLAUSES.get(type(clause))
        if name is not None:
            message = f"{name} belongs to {CONJUNCTIONS.title}, and {title} have none"
            origin = clause.origin  # type: ignore[attr-defined]
            yield Diagnostic("AQL0214", message, origin, "not here", f"FIND {CONJUNCTIONS.name} {name} …")
