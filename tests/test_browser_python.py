"""AuroraQL in a browser page (Pyodide): statements are translated, checked and completed without DuckDB and threads."""

from __future__ import annotations

import subprocess
import sys

from tests.conftest import ROOT

_PROGRAM = r"""
import sys, threading

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("duckdb", "fcntl", "resource", "termios", "pandas", "pygls", "mcp", "IPython"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def start(self):
    raise RuntimeError("can't start new thread")

sys.meta_path.insert(0, Missing())
threading.Thread.start = start
import auroraql
from auroraql.session.translation import TARGETS

statement = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
print(*(to for to in TARGETS if auroraql.translate(statement, to)))
print(auroraql.check("FIND data_products WHERE program == 'trex'")["diagnostics"][0]["fix"])
print(auroraql.complete("FIND data_products WHERE program = 'tre", 39)["candidates"][0]["text"])
print(auroraql.format_text("find data_products where program='trex'").strip())
print(auroraql.hover(statement, 8)["markdown"][:17], auroraql.explain(statement)["version"])
for archive in ("demo", "x.duckdb"):
    try:
        auroraql.connect(archive)
    except auroraql.UsageError as error:
        print(error.message)
"""


def test_statements_are_handled_without_duckdb_and_threads() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "aql json sentence python curl idl notebook plan",
        "=",
        "'trex'",
        "FIND data_products WHERE program = 'trex';",
        "**data_products** 1",
        *["an archive cannot be opened without the package duckdb"] * 2,
    ]
