"""Source cover: cover a set of the data sources of an archive by boxes.

AuroraX restricts sources by three lists (programs × platforms × instrument types), which form a box. A set of sources
is covered by several boxes that contain only these sources, or by one box and post-processing if that is cheaper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auroraql.schema.catalogue import DataSource

AXES = ("program", "platform", "instrument_type")

Box = tuple[tuple[str, tuple[str, ...]], ...]
"""Lists of one box, by field name. A list that does not restrict is omitted."""

Triple = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SourceCover:
    """Boxes that contain all of a set of sources. `exact` is true if they contain no other source."""

    boxes: tuple[Box, ...]
    exact: bool


def find_cover(chosen: Sequence[DataSource], every: Sequence[DataSource], *, closely: bool = False) -> SourceCover:
    """Return boxes that cover the `chosen` sources among `every` source.

    `closely` asks for exact boxes, however many these are.
    """
    inside, outside = {_triple(s) for s in chosen}, {_triple(s) for s in every}
    ids = {s.identifier for s in chosen}
    # Sources with equal values in all lists cannot be selected separately.
    pure = all(s.identifier in ids for s in every if _triple(s) in inside)
    lists = _bounding_lists(inside, outside)
    whole = tuple((AXES[at], tuple(sorted(values))) for at, values in lists.items())
    extra = len(_contained_triples(outside, lists)) - len(inside)
    if extra == 0:
        return SourceCover((whole,), pure)
    if any("" in triple for triple in inside):  # a list cannot select sources without a value
        return SourceCover((whole,), exact=False)
    boxes = _exact_boxes(inside, outside)
    # A request costs about as much as fetching the records of four sources in vain.
    if len(boxes) > 1 + extra / 4 and not closely:
        return SourceCover((whole,), exact=False)
    return SourceCover(boxes, pure)


def _triple(source: DataSource) -> Triple:
    return source.program, source.platform, source.instrument_type


def _contained_triples(triples: set[Triple], lists: Mapping[int, set[str]]) -> set[Triple]:
    """Return the triples that the lists select. `lists` are the allowed values by axis number."""
    contained = triples
    for at, values in lists.items():
        contained = {triple for triple in contained if triple[at] in values}
    return contained


def _bounding_lists(inside: set[Triple], outside: set[Triple]) -> dict[int, set[str]]:
    """Return the lists of the smallest box that contains the triples, without redundant lists."""
    lists = {at: {triple[at] for triple in inside} for at in range(len(AXES))}
    lists = {at: values for at, values in lists.items() if "" not in values}
    contained = _contained_triples(outside, lists)
    for at in reversed(range(len(AXES))):
        others = {n: values for n, values in lists.items() if n != at}
        if len(_contained_triples(outside, others)) == len(contained):
            lists = others
    return lists


def _exact_boxes(inside: set[Triple], outside: set[Triple]) -> tuple[Box, ...]:
    """Return boxes that contain exactly the triples. Programs with boxes of the same shape share a box."""
    selected, available = _program_boxes(inside), _program_boxes(outside)
    shapes: dict[Box, list[str]] = defaultdict(list)
    for program in sorted(selected):
        for shape in _boxes_within_program(selected[program], available[program]):
            shapes[shape].append(program)
    return tuple((("program", tuple(programs)), *shape) for shape, programs in shapes.items())


def _program_boxes(triples: set[Triple]) -> dict[str, set[tuple[str, str]]]:
    by_program: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for program, platform, instrument_type in triples:
        by_program[program].add((platform, instrument_type))
    return by_program


def _boxes_within_program(selected: set[tuple[str, str]], available: set[tuple[str, str]]) -> Iterable[Box]:
    """Return boxes within one program. Instrument types that are wanted at the same platforms share a box."""
    if selected == available:
        return ((),)
    platforms_of: dict[str, set[str]] = defaultdict(set)
    for platform, instrument_type in selected:
        platforms_of[instrument_type].add(platform)
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for instrument_type in sorted(platforms_of):
        together[tuple(sorted(platforms_of[instrument_type]))].append(instrument_type)
    return [(("platform", platforms), ("instrument_type", tuple(types))) for platforms, types in together.items()]
