"""Benchmark of parsing against other filter parsers, and of planning: `python -m tests.bench.bench_language`.

cql2 (Rust) and pygeofilter only parse. AuroraQL also checks every name, value and type against the schema. The
predicates use syntax that the languages share, so only the FIND around them differs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import partial

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source
from auroraql.planner import plan_query
from auroraql.planner.source_cover import find_cover
from auroraql.resolver import resolve
from auroraql.schema.catalogue import DataSource, load_shipped
from tests.bench.measure import best, line

_NAMES = ("program", "platform", "keogram_type", "display_name", "movie_type", "montage_type", "source_type", "url")


def shared_predicates() -> dict[str, str]:
    """Yield predicates that CQL2 text writes in the same way."""
    names = ", ".join(f"'p{n}'" for n in range(200))
    eight = " AND ".join(f"{name} = 'x{at}'" for at, name in enumerate(_NAMES))
    return {
        "1 predicate": "program = 'trex'",
        "8 predicates": eight,
        "a list of 200": f"platform IN ({names})",
        "an OR of 2,000": " OR ".join(f"wavelength = {n}" for n in range(2000)),
    }


def parse_and_resolve(predicate: str) -> object:
    """Parse and resolve a statement."""
    return resolve(script.read_find(Source(f"FIND data_products WHERE {predicate}")), load_shipped()).query


def compare_with_peers(runs: int) -> None:
    """Compare statement to query with each peer's parser on the same predicate."""
    peers: dict[str, Callable[[str], object]] = {}
    if importlib.util.find_spec("cql2"):
        import cql2

        peers["cql2"] = cql2.parse_text
    if importlib.util.find_spec("pygeofilter"):
        from pygeofilter.parsers.cql2_text import parse

        peers["pygeofilter"] = parse
    for name, predicate in shared_predicates().items():
        ours = best(partial(parse_and_resolve, predicate), runs)
        for peer, work in peers.items():
            theirs = best(partial(work, predicate), runs)
            line(f"read + resolve / {peer} parse: {name}", ours, theirs, "", "us")
    if not peers:
        print("cql2 and pygeofilter are not installed: pip install '.[bench]'")


def measure_planning(runs: int) -> None:
    """Measure planning of fifty predicates of several shapes against ten thousand sources."""
    flat = " AND ".join(f"key_{n} > {n}" for n in range(50))
    pairs = " AND ".join(f"(program = 'trex' OR NOT platform LIKE 'p{n}%')" for n in range(25))
    for name, where in (("50 predicates, one request", flat), ("50 predicates, a tree on sources", pairs)):
        query = resolve(
            script.read_find(Source(f"FIND data_products WHERE {where} ON 2020-01-01")), load_shipped()
        ).query
        line(f"planning {name}", best(partial(plan_query, query, load_shipped()), runs), None, "<= 5 ms")
    sources = [DataSource(n, f"p{n % 50}", f"s{n % 400}", f"i{n % 7}", "ground", f"d{n}") for n in range(10_000)]
    chosen = [source for source in sources if source.identifier % 3]
    line("exact covering over 10,000 sources", best(lambda: find_cover(chosen, sources), runs), None, "<= 50 ms")


if __name__ == "__main__":
    compare_with_peers(3)
    measure_planning(3)
