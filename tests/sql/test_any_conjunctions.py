"""Conjunctions of generated catalogues and criteria equal those that a brute-force search finds."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from auroraql.diagnostics.errors import replace_value
from auroraql.ir.query import And, Block, Not, Or, Query
from auroraql.resolver.using import join_intervals
from auroraql.schema.kinds.conjunctions import TRACES
from tests.support.brute_conjunctions import conjunctions
from tests.support.small_catalogue import Position
from tests.support.small_conjunctions import (
    GROUND,
    SOURCES,
    SPACE,
    SWARM,
    UNDESCRIBED,
    answers,
    assert_same,
    conjunction_query,
    hemisphere,
    key,
    minute,
    point,
    where,
)

_NEAR = ((0.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (0.0, 3.0))
_FAR = ((-1.5, 179.5), (-1.5, -179.5), (90.0, 0.0), (88.0, 90.0))
_GRIDS = st.lists(st.sampled_from((*_NEAR, *_NEAR, *_FAR, None)), min_size=4, max_size=4).map(tuple)
_METADATA = st.sampled_from((None, {}, {"q": 1}, {"q": 2}, {"q": "5", "sky": "clear"}))


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Position, ...]:
    """Generate some minutes of each source, with gaps.

    A few sources are half a minute late or have two records a minute.
    """
    positions = []
    for source in (*(item[0] for item in SOURCES), UNDESCRIBED):
        late, step = draw(st.sampled_from(((0, 1), (0, 1), (0, 1), (0, 1), (0.5, 1), (0, 0.5))))
        gaps = draw(st.sets(st.integers(0, 8), max_size=5))
        for count in sorted(set(range(9)) - gaps):
            places, metadata = draw(_GRIDS), draw(_METADATA)
            positions.append(Position(source, minute(late + step * count), places, metadata))
    return tuple(positions)


_BLOCKS = st.sampled_from(
    (
        GROUND,
        Block("ground", where("program", "trex")),
        Block("ground", key("sky", "=", "clear")),
        *(GROUND, SPACE, SPACE, SPACE, SWARM, SWARM),
        Block("space", Not(where("program", "swarm"))),
        Block("space", hemisphere("=", "northern")),
        Block("space", hemisphere("in", "northern", "southern")),
        Block("space", hemisphere("!=", "northern")),
        Block("space", key("q", ">=", "2")),
        Block(
            "space", Or((key("q", "is null"), And((where("platform", "swarm%", operator="like"), key("q", "<", "2")))))
        ),
        Block("events"),
        Block("location", points=(point("0", "0.0"), point("88", "90"))),
        Block("location", points=(point("0.5", "0.25"), point("88", "90"), point("0.5", "0.25"))),
    )
)
_LIMITS = st.sampled_from((None, None, 0, 60, 111.194927, 160.5, 400, 400, 12000, 20100))


@st.composite
def searches(draw: st.DrawFn) -> Query:
    blocks = draw(st.lists(_BLOCKS, min_size=2, max_size=4))
    pairs = len(blocks) * (len(blocks) - 1) // 2
    limits = draw(st.lists(_LIMITS, min_size=pairs, max_size=pairs))
    via = draw(st.lists(st.sampled_from(TRACES), max_size=3).map(tuple))
    start = draw(st.sampled_from((None, minute(1.5), minute(2))))
    end = draw(st.sampled_from((None, minute(6.5), minute(6), minute(2))))
    query = replace_value(
        conjunction_query(*blocks, limits=limits, via=via, subminute=draw(st.booleans())), start=start, end=end
    )
    return Query.build(query) if draw(st.booleans()) else query


_SEARCHES = 3
"""Searches for each catalogue, which takes longer to write than to search."""


@settings(deadline=None, max_examples=settings().max_examples // _SEARCHES)
@given(tracks(), st.lists(searches(), min_size=_SEARCHES, max_size=_SEARCHES))
def test_conjunctions_equal_the_meaning_of_the_criteria(positions: tuple[Position, ...], queries: list[Query]) -> None:
    for query, records in zip(queries, answers(positions, queries), strict=True):
        assert_same(records, conjunctions(query, positions, SOURCES))


@settings(deadline=None, max_examples=settings().max_examples // _SEARCHES)
@given(
    tracks(),
    st.lists(searches(), min_size=_SEARCHES, max_size=_SEARCHES),
    st.lists(st.tuples(st.sampled_from((-3000, -1, 0, 2.5, 6, 20, 3000)), st.sampled_from((0, 0.5, 2))), max_size=3),
)
def test_conjunctions_that_overlap_an_interval_are_returned_whole(
    positions: tuple[Position, ...], queries: list[Query], spans: list[tuple[float, float]]
) -> None:
    during = tuple(join_intervals((minute(first), minute(first + length)) for first, length in spans))
    limited = [replace_value(query, start=None, end=None, during=during) for query in queries]
    for query, records in zip(limited, answers(positions, limited), strict=True):
        every = conjunctions(replace_value(query, during=None), positions, SOURCES)
        overlapping = [
            item
            for item in every
            if any(
                datetime.fromisoformat(item["start"]) <= last and datetime.fromisoformat(item["end"]) >= first
                for first, last in during
            )
        ]
        assert_same(records, overlapping)
