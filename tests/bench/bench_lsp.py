"""Benchmark of the language server, over standard input and output: `python -m tests.bench.bench_lsp`."""

from __future__ import annotations

import statistics
import time

from tests.bench.measure import line
from tests.support.language_server import RawEditor, place

STATEMENT = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01;\n"
LINES = 200


def measure_start() -> float:
    """Return the seconds from the start of the process to the response to `initialize`."""
    began = time.perf_counter()
    with RawEditor() as editor:
        editor.initialize()
        return time.perf_counter() - began


def main() -> None:
    """Print every measurement."""
    measure_start()  # writes the byte code
    line("language server: start to initialize", min(measure_start() for _ in range(5)), None, "< 1 s", "s")
    text = "".join(STATEMENT.replace("2021-01-01", f"2021-01-{n % 28 + 1:02}") for n in range(LINES))
    with RawEditor() as editor:
        editor.initialize()
        began = time.perf_counter()
        editor.open(text)
        line("language server: open 200 lines", time.perf_counter() - began, None, "")
        checks, completions = [], []
        typed = "FIND data_products WHERE program = 'trex' AND platform = 'gi"
        for end in range(5, len(typed) + 1):
            editor.change({"text": text + typed[:end]}, version=end)
            began = time.perf_counter()
            editor.ask("completion", position=place(LINES, end))
            completions.append(time.perf_counter() - began)
        editor.diagnostics()
        for version in range(100, 120):
            editor.change(
                {"text": text.replace("trex", "rego" if version % 2 else "trex", version % 7 + 1)}, version=version
            )
            time.sleep(PAUSE)
            began = time.perf_counter()
            editor.diagnostics()
            checks.append(time.perf_counter() - began)
        line("language server: diagnostics of 200 lines after the pause", statistics.median(checks), None, "< 50 ms")
        line("language server: completion at a key, p95", statistics.quantiles(completions, n=20)[-1], None, "< 50 ms")
        for method in ("semanticTokens/full", "codeLens", "foldingRange", "documentSymbol"):
            began = time.perf_counter()
            editor.ask(method)
            line(f"language server: {method} of 200 lines", time.perf_counter() - began, None, "")


PAUSE = 0.15
"""Pause in typing after which the server checks a document, in seconds."""


if __name__ == "__main__":
    main()
