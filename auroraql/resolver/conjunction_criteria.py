"""Conjunction criteria: resolve OF, WITHIN, VIA and PRECISION to `ir.query.Criteria`."""

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
"""The keyword of each clause that only FIND conjunctions takes."""

_SECONDS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}

_PRECISIONS = tuple(f"{seconds} {PRECISION_UNIT}" for seconds in sorted(PRECISIONS))

_LIMITS = (("latitude", Decimal(90)), ("longitude", Decimal(180)))
_MAX_DISTANCE_KM = 2**31
"""Kilometres. AuroraX uses this value for "no limit"."""


class CriteriaResolver:
    """Resolver of the conjunction criteria of one statement, which collects every error in them."""

    def __init__(self, catalogue: Catalogue, values: OperandResolver) -> None:
        self.catalogue, self.values = catalogue, values
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def criteria(self, clauses: Iterable[object], origin: Origin) -> Criteria | None:
        """Return the criteria of the statement's clauses. Return None if the blocks are invalid; see `errors`."""
        by_type = {type(clause): clause for clause in clauses}
        of, within = by_type.get(Of), by_type.get(Within)
        blocks = self._blocks(of.blocks, of.origin) if isinstance(of, Of) else self._no_blocks(origin)
        via, precision = by_type.get(Via), by_type.get(Precision)
        traces = self._via(via) if isinstance(via, Via) else (TRACES[0],)
        subminute = isinstance(precision, Precision) and self._subminute(precision)
        if not isinstance(of, Of) or not blocks:
            return None
        distances = self._distances(within if isinstance(within, Within) else None, of)
        if all(limit is None for limit in distances) and not self.errors:
            self._warn_of_no_distance(within.origin if isinstance(within, Within) else of.origin)
        return Criteria(blocks, distances, traces, subminute)

    def _report(
        self, code: str, message: str, origin: Origin, label: str = "", hint: str = "", missing: tuple[str, ...] = ()
    ) -> None:
        self.errors.append(Diagnostic(code, message, origin, label, hint, missing=missing))

    # --- blocks

    def _no_blocks(self, origin: Origin) -> tuple[Block, ...]:
        hint = "for example: FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 500 km"
        self._report("AQL0213", "FIND conjunctions needs an OF clause", origin, "OF is missing", hint, ("OF",))
        return ()

    def _blocks(self, written: tuple[Written, ...], origin: Origin) -> tuple[Block, ...]:
        if not 2 <= len(written) <= MAX_BLOCKS:
            message = f"OF takes 2 to {MAX_BLOCKS} blocks, not {len(written)}"
            few = len(written) < 2
            hint = "add another block, for example: , space (program = 'swarm')" if few else "remove some of them"
            label = "too few blocks" if few else "too many blocks"
            self._report("AQL0213", message, origin, label, hint, ("OF",) if few else ())
            if not few:
                return ()  # checking thousands of blocks, and every pair of them, would take long
        return tuple(self._block(block) for block in written)

    def _block(self, written: Written) -> Block:
        where: Predicate = EVERYTHING
        if written.expression is not None:
            names = NameResolver(BLOCKS[written.kind], self.catalogue)
            predicates = PredicateResolver(names, self.values)
            where = predicates.where(written.expression)
            self.errors += predicates.errors
            self.warnings += [*names.warnings, *predicates.warnings]
        points = []
        for point in written.points:
            try:
                points.append((self._degrees(point[0], 0), self._degrees(point[1], 1)))
            except SemanticError as error:
                self.errors.append(error.diagnostic)
        return Block(written.kind, where, tuple(points), written.alias)

    def _degrees(self, number: NumberLiteral | Parameter, axis: int) -> Decimal:
        name, most = _LIMITS[axis]
        value = self._number(number, name, "deg")
        if abs(value) > most:
            hint = "write a point as latitude, longitude: (51.05, -114.07)"
            raise SemanticError(
                "AQL0216", f"a {name} is from -{most} to {most}, not {value}", number.origin, "out of range", hint
            )
        return value

    def _number(self, number: NumberLiteral | Parameter, name: str, unit: str) -> Decimal:
        """Return a number, written or from a parameter. Raises SemanticError if it is not one number in `unit`."""
        operands = self.values.substitute(number)
        if len(operands) != 1:
            raise SemanticError(
                "AQL0211", f"{name} takes one number, and the parameter has {len(operands)}", number.origin
            )
        return Decimal(self.values.text(operands[0], ValueContext(name, Type.NUMBER, unit)))

    # --- distances

    def _distances(self, within: Within | None, of: Of) -> tuple[Decimal | None, ...]:
        """Return one limit in km for each pair of blocks, in the order of `Criteria.pairs` for the blocks as written.

        None means no limit. Two ground blocks without a limit of their own must be at the same place (0 km).
        """
        kinds = [block.kind for block in of.blocks]
        named = self._block_names(of.blocks)
        general_limit, pair_limits = self._limits(within.distances if within is not None else (), named)
        limits = []
        for pair in combinations(range(len(kinds)), 2):
            if frozenset(pair) in pair_limits:
                limits.append(pair_limits[frozenset(pair)])
            else:
                both_ground = kinds[pair[0]] == kinds[pair[1]] == "ground"
                limits.append(Decimal(0) if both_ground else general_limit)
        return tuple(limits)

    def _block_names(self, blocks: tuple[Written, ...]) -> dict[str, int]:
        """Return the index of each block by its names: numbered, as on the wire, and its alias."""
        numbered = block_names(block.kind for block in blocks)
        names = {name: at for at, name in enumerate(numbered)}
        names |= {name: at for at, name in enumerate(block_names(wire_name(block.kind) for block in blocks))}
        for at, block in enumerate(blocks):
            if block.alias and names.get(block.alias, at) != at:
                self._report(
                    "AQL0215", f"two blocks are named '{block.alias}'", block.origin, "the second one", "rename one"
                )
            if block.alias:
                names[block.alias] = at
        return names

    def _limits(
        self, distances: tuple[Distance, ...], names: dict[str, int]
    ) -> tuple[Decimal | None, dict[frozenset[int], Decimal | None]]:
        general_limit: list[Decimal | None] = []
        pair_limits: dict[frozenset[int], Decimal | None] = {}
        for distance in distances:
            try:
                limit = self._limit(distance)
                if distance.pair is None:
                    _check_once(not general_limit, "there are two distances for all pairs", distance.origin)
                    general_limit.append(limit)
                    continue
                pair = frozenset(self._block_index(name, names, distance.origin) for name in distance.pair)
                _check_once(pair not in pair_limits, f"{'-'.join(distance.pair)} has two distances", distance.origin)
                if len(pair) < 2:
                    message = f"a pair needs two different blocks, not {distance.pair[0]} twice"
                    raise SemanticError("AQL0215", message, distance.origin, "one block")
                pair_limits[pair] = limit
            except SemanticError as error:
                self.errors.append(error.diagnostic)
        return general_limit[0] if general_limit else None, pair_limits

    def _limit(self, distance: Distance) -> Decimal | None:
        if distance.limit is None:
            return None
        limit = self._number(distance.limit, "distance", "km")
        if limit < 0:
            raise SemanticError("AQL0203", f"a distance cannot be negative, not {limit} km", distance.limit.origin)
        if limit > _MAX_DISTANCE_KM:
            hint = "write ANY (null in JSON) for no limit"
            raise SemanticError(
                "AQL0203", f"a distance is at most {_MAX_DISTANCE_KM} km", distance.limit.origin, "out of range", hint
            )
        return limit

    def _block_index(self, name: str, names: dict[str, int], origin: Origin) -> int:
        if name in names:
            return names[name]
        folded = {index for known, index in names.items() if known.casefold() == name.casefold()}
        if len(folded) == 1:
            return folded.pop()
        near = find_closest(name, names, 1, 0.6)
        shown = ", ".join(dict.fromkeys(names))
        hint = f"did you mean {near[0]}?" if near else f"the blocks are {shown}"
        raise SemanticError("AQL0215", f"no block is named '{name}'", origin, "unknown block", hint)

    def _warn_of_no_distance(self, origin: Origin) -> None:
        message = "without a distance, all records at the same time are conjunctions"
        hint = "add one, for example WITHIN 500 km"
        self.warnings.append(Diagnostic("AQL0607", message, origin, hint=hint, severity="warning"))

    # --- traces and precision

    def _via(self, via: Via) -> tuple[str, ...]:
        traces = []
        for path in via.traces:
            name = path.dotted.lower()
            if name not in TRACES:
                near = find_closest(name, TRACES, 1, 0.5)
                hint = f"did you mean {near[0]}?" if near else f"the types are {', '.join(TRACES)}"
                message = f"'{path.dotted}' is not a conjunction type"
                self._report("AQL0217", message, path.origin, "unknown type", hint)
            traces.append(name)
        return tuple(dict.fromkeys(traces))

    def _subminute(self, precision: Precision) -> bool:
        """Return whether the precision is finer than a minute. AuroraX supports only these two."""
        duration = precision.duration
        unit = _SECONDS.get(duration.unit.lower().removesuffix("s") or "s")
        try:
            count = self.values.count(duration)
        except SemanticError as error:
            self.errors.append(error.diagnostic)
            return False
        if unit is None or count <= 0:
            hint = f"write {' or '.join(f'PRECISION {precision}' for precision in _PRECISIONS)}"
            message = "PRECISION takes a number of seconds or minutes above 0"
            self._report("AQL0204", message, duration.origin, " or ".join(_PRECISIONS), hint)
            return False
        seconds = count * unit
        if seconds not in PRECISIONS:
            used = MINUTE if seconds >= MINUTE else HALF_MINUTE
            message = f"AuroraX does not support a precision of {seconds:f} {PRECISION_UNIT}"
            hint = f"the search uses {used} {PRECISION_UNIT}; AuroraX supports {' and '.join(_PRECISIONS)}"
            self.warnings.append(
                Diagnostic("AQL0608", message, duration.origin, "unsupported", hint, severity="warning")
            )
        return seconds < MINUTE


def _check_once(first: bool, message: str, origin: Origin) -> None:
    if not first:
        raise SemanticError("AQL0215", message, origin, "the second one", "keep one of them")


def misplaced_clauses(clauses: Iterable[object], title: str) -> Iterator[Diagnostic]:
    """Yield an error for each conjunction clause on another kind of record."""
    for clause in clauses:
        name = _CLAUSES.get(type(clause))
        if name is not None:
            message = f"{name} is a clause of FIND {CONJUNCTIONS.name}, and does not apply to {title}"
            origin = clause.origin  # type: ignore[attr-defined]
            yield Diagnostic("AQL0214", message, origin, "not allowed here", f"write FIND {CONJUNCTIONS.name} {name} …")
