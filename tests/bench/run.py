"""Prints what AuroraQL costs beside its peers, as ratios in one run: `python -m tests.bench.run [--quick]`.

Nothing here passes or fails: machines differ, ratios less. Peers come with `pip install '.[bench]'`.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, StatementError
from auroraql.planner import plan_query
from auroraql.resolver import resolve
from auroraql.schema.catalogue import load_shipped
from tests.bench.measure import best, line

STATEMENT = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
EIGHT = (
    "program = 'trex' AND platform = 'gillam' AND instrument_type = 'RGB ASI' AND data_product_type = 'keogram' "
    "AND keogram_type = 'daily' AND wavelength > 400 AND wavelength < 600 AND imaging_start_time >= '2020-01-01'"
)
_INSTALLED = shutil.which("auroraql", path=str(Path(sys.executable).parent))
AURORAQL = [_INSTALLED] if _INSTALLED else [sys.executable, "-m", "auroraql"]


def main() -> None:
    """Every measurement, one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer runs, and nothing that takes a minute: for the gate"
    )
    quick = parser.parse_args().quick
    runs = 5 if quick else 15
    print(f"{'measured':<58}{'ours':>12}{'peer':>12}{'ratio':>8}  wanted")
    processes(runs)
    reading(runs)
    growth()
    bad_input()
    for name in ("bench_language", "bench_output", *(() if quick else ("bench_embedded",))):
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}"], check=True)
    longer = () if quick else ("bench_large", "bench_conjunctions", "bench_server", "bench_prompt")
    for name in (*longer, "bench_live", "bench_repl"):
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *([] if quick else ["--full"])], check=True)


def processes(runs: int) -> None:
    """Whole processes, ours and the peer's in turn, so that a slow moment meets both."""
    subprocess.run([*AURORAQL, "-c", STATEMENT], check=True, capture_output=True)
    litecli = shutil.which("litecli", path=str(Path(sys.executable).parent))
    translate = [*AURORAQL, "translate", "--to", "json", "-c", STATEMENT]
    if litecli:
        line("auroraql translate / litecli --version", *paired(translate, [litecli, "--version"], runs), "<= 1.0")
    else:
        print("litecli is not installed: pip install '.[bench]'")
    duckdb = [sys.executable, "-c", "import duckdb"]
    line(
        "auroraql -c on the demo archive / import duckdb", *paired([*AURORAQL, "-c", STATEMENT], duckdb, runs), "<= 2.5"
    )


def paired(ours: list[str], peer: list[str], runs: int) -> tuple[float, float]:
    """The median wall time of two commands, run in turn after one warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs + 1):
        for kept, command in zip(times, (ours, peer), strict=True):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            kept.append(time.perf_counter() - began)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def planned(text: str) -> None:
    """From text to plan."""
    resolved = resolve(script.read_find(Source(text)), load_shipped())
    plan_query(resolved.query, load_shipped())


def reading(runs: int) -> None:
    """Text to plan, beside a SQL parser that only parses."""
    ours = best(lambda: planned(f"FIND data_products WHERE {EIGHT} ON 2021-01-01"), runs)
    peer = None
    if importlib.util.find_spec("sqlglot"):
        import sqlglot

        sql = f"SELECT * FROM data_products WHERE {EIGHT} AND day = '2021-01-01'"  # noqa: S608 - parsed, never run
        peer = best(lambda: sqlglot.parse_one(sql), runs)
    line("parse + resolve + plan, 8 predicates / sqlglot.parse_one", ours, peer, "<= 1.0", "us")


def growth() -> None:
    """Time for one predicate among 2,000, beside one among 200."""
    many = [f"FIND data_products WHERE {' AND '.join(f'key_{i} != {i}' for i in range(n))}" for n in (200, 2000)]
    few, more = best(lambda: planned(many[0]), 3) / 200, best(lambda: planned(many[1]), 3) / 2000
    line("a predicate among 2,000 / among 200", more, few, "about 1", "us")


def bad_input() -> None:
    """Time to say what is wrong with what no one would type."""
    inputs = {
        "5,000 parentheses": "FIND data_products WHERE " + "(" * 5000 + "a = 1" + ")" * 5000,
        "5,000 NOTs": "FIND data_products WHERE " + "NOT " * 5000 + "a = 1",
        "10 MB in one quote": "FIND data_products WHERE a = '" + "x" * 10_000_000 + "'",
        "10 MB of predicates": "FIND data_products WHERE " + "a = 1 AND " * 1_000_000,
        "10 MB of quotes": "FIND data_products WHERE a = " + "'" * 10_000_001,
    }
    for name, text in inputs.items():
        began = time.perf_counter()
        try:
            planned(text)
            said = "no error"
        except StatementError as error:
            said = error.diagnostics[0].code
        line(f"{name} ({said})", time.perf_counter() - began, None, "<= 2 s")


if __name__ == "__main__":
    main()
