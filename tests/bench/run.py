"""Benchmarks of AuroraQL against its peers, as ratios within one run: `python -m tests.bench.run [--quick]`.

Nothing here passes or fails: ratios vary less between machines than times do. Peers come with `pip install '.[bench]'`.
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
QUICK = ("bench_language", "bench_output", "bench_repl", "bench_lsp", "bench_notebook")
"""Modules that take a few seconds each."""
LONG = (
    "bench_embedded",
    "bench_large",
    "bench_catalogue",
    "bench_conjunctions",
    "bench_server",
    "bench_download",
    "bench_report",
    "bench_prompt",
    "bench_live",
    "bench_sync",
)
"""Modules that take up to several minutes each."""
_INSTALLED = shutil.which("auroraql", path=str(Path(sys.executable).parent))
AURORAQL = [_INSTALLED] if _INSTALLED else [sys.executable, "-m", "auroraql"]


def main() -> None:
    """Print every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="fewer runs, and nothing that takes a minute: for the gate"
    )
    quick = parser.parse_args().quick
    runs = 5 if quick else 15
    print(f"{'measured':<58}{'ours':>12}{'peer':>12}{'ratio':>8}  wanted")
    measure_processes(runs)
    measure_translation(runs)
    measure_growth()
    measure_bad_input()
    for name in QUICK if quick else (*QUICK, *LONG):
        subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *([] if quick else ["--full"])], check=True)


def measure_processes(runs: int) -> None:
    """Measure whole processes of AuroraQL and of the peer alternately, so that a slow moment affects both."""
    subprocess.run([*AURORAQL, "-c", STATEMENT], check=True, capture_output=True)
    litecli = shutil.which("litecli", path=str(Path(sys.executable).parent))
    translate = [*AURORAQL, "translate", "--to", "json", "-c", STATEMENT]
    if litecli:
        line(
            "auroraql translate / litecli --version",
            *measure_alternately(translate, [litecli, "--version"], runs),
            "<= 1.0",
        )
    else:
        print("litecli is not installed: pip install '.[bench]'")
    duckdb = [sys.executable, "-c", "import duckdb"]
    line(
        "auroraql -c on the demo archive / import duckdb",
        *measure_alternately([*AURORAQL, "-c", STATEMENT], duckdb, runs),
        "<= 2.5",
    )


def measure_alternately(ours: list[str], peer: list[str], runs: int) -> tuple[float, float]:
    """Return the median wall time of two commands, run alternately after one warm-up."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs + 1):
        for stored, command in zip(times, (ours, peer), strict=True):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            stored.append(time.perf_counter() - began)
    return statistics.median(times[0][1:]), statistics.median(times[1][1:])


def plan_statement(text: str) -> None:
    """Translate text to a plan."""
    resolved = resolve(script.read_find(Source(text)), load_shipped())
    plan_query(resolved.query, load_shipped())


def measure_translation(runs: int) -> None:
    """Compare text to plan with an SQL parser that only parses."""
    ours = best(lambda: plan_statement(f"FIND data_products WHERE {EIGHT} ON 2021-01-01"), runs)
    peer = None
    if importlib.util.find_spec("sqlglot"):
        import sqlglot

        sql = f"SELECT * FROM data_products WHERE {EIGHT} AND day = '2021-01-01'"  # noqa: S608 - parsed, never run
        peer = best(lambda: sqlglot.parse_one(sql), runs)
    line("parse + resolve + plan, 8 predicates / sqlglot.parse_one", ours, peer, "<= 1.0", "us")


def measure_growth() -> None:
    """Compare the time of a predicate among 2,000 with that of one among 200."""
    many = [f"FIND data_products WHERE {' AND '.join(f'key_{i} != {i}' for i in range(n))}" for n in (200, 2000)]
    few, more = best(lambda: plan_statement(many[0]), 3) / 200, best(lambda: plan_statement(many[1]), 3) / 2000
    line("a predicate among 2,000 / among 200", more, few, "about 1", "us")


def measure_bad_input() -> None:
    """Measure the time to report the errors of extreme input."""
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
            plan_statement(text)
            code = "no error"
        except StatementError as error:
            code = error.diagnostics[0].code
        line(f"{name} ({code})", time.perf_counter() - began, None, "<= 2 s")


if __name__ == "__main__":
    main()
