"""Benchmark of the notebook extension in a warm kernel: loading it, and completing in a cell.

`python -m tests.bench.bench_notebook`. The processor time of the kernel is measured, which other programs change little.
"""

from __future__ import annotations

from tests.bench.measure import line
from tests.support.notebook_kernel import NotebookKernel

_LOAD = """
import time
began = time.process_time()
get_ipython().run_line_magic("load_ext", "auroraql")
elapsed = time.process_time() - began
"""
_COMPLETE = """
code = "LET passes = FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km;\\n"
code = "%%auroraql\\n" + code + "FIND data_products\\nWHERE program = 'tr"
times = []
for n in range(20):
    began = time.process_time()
    cell = code.replace("'tr", "'t" if n % 2 else "'tre")
    matches = get_ipython().kernel.do_complete(cell, len(cell))
    times.append(time.process_time() - began)
"""


def main() -> None:
    """Print every measurement."""
    with NotebookKernel() as kernel:
        kernel.run("1 + 1")
        kernel.run(_LOAD)
        line("%load_ext auroraql in a warm kernel", float(kernel.evaluate("elapsed")), None, "<= 150 ms")
        kernel.run("%auroraql -a demo")
        outcome = kernel.run(_COMPLETE)
        assert outcome.error is None, outcome.shown_error
        assert "'trex'" in kernel.evaluate("matches['matches']")
        line("completion in a cell", float(kernel.evaluate("sorted(times)[len(times) // 2]")), None, "<= 30 ms")


if __name__ == "__main__":
    main()
