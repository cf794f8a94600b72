"""The prompt beside its peers: the first prompt, and what a key costs: `python -m tests.bench.bench_repl`.

A key is what happens at it: colours, candidates, and the check that follows when typing pauses. The catalogue has
10,000 sources. Peers (litecli, pgcli) come with `pip install '.[bench]'`; their key is their own lexer and completer.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import pty
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from auroraql.frontends.repl.behind import Switches
from auroraql.frontends.repl.desk import Desk
from auroraql.schema.catalogue import Catalogue, DataSource, shipped
from tests.bench.measure import line
from tests.repl_fakes import FakeArchive

_TEN = """FIND conjunctions
  OF ground AS asi (program = 'prog7' AND platform IN ('site 00007', 'site 00057')),
     space (program = 'prog8' AND nbtrace_region = 'north polar cap'),
     location (51.05, -114.07)
  WITHIN 500 km, asi-space1 300 km
  VIA nbtrace, sbtrace
  PRECISION 60 s
  SELECT start, end, min_distance
  WHERE min_distance < 100 km
  BETWEEN 2020-01-01 AND 2020-01-02"""
_LINES = "\n".join(f"  OR platform = 'site {n:05}' AND keogram_type IN ('daily', 'hourly')" for n in range(198))
_TWO_HUNDRED = f"FIND data_products SELECT start, end\n WHERE program = 'prog7'\n{_LINES}\n ON 2021-01-01"
_SQL = "\n".join(
    ["SELECT a, b FROM t WHERE a = 'x'", *("  OR b = 'y' AND a IN ('daily', 'hourly')" for _ in range(199))]
)


class Large(FakeArchive):
    """An archive of 10,000 sources that is only asked what it knows."""

    def __init__(self) -> None:
        super().__init__()
        sources = tuple(
            DataSource(n, f"prog{n % 50}", f"site {n % 3000:05}", f"instr {n % 20}", "ground", f"Site number {n}")
            for n in range(10_000)
        )
        self._catalogue = replace(shipped(), sources=sources)

    @property
    def catalogue(self) -> Catalogue:
        """Ten thousand sources."""
        return self._catalogue


def keys(text: str, work: Callable[[str], object], last: int) -> list[float]:
    """Seconds of CPU for each of the last keys of a text, typed one after the other."""
    found = []
    for end in range(max(len(text) - last, 1), len(text) + 1):
        began = time.process_time()
        work(text[:end])
        found.append(time.process_time() - began)
    return found


def said(name: str, found: list[float], wanted: str) -> None:
    """The median and the 95th percentile."""
    line(f"{name}: median", statistics.median(found), None, wanted.partition(",")[0])
    line(f"{name}: 95th percentile", statistics.quantiles(found, n=20)[-1], None, wanted.partition(",")[2].strip())


def our_keys() -> None:
    """What a key costs here, and of what it is made."""
    desk = Desk(Large(), Switches(color=True), io.StringIO())

    def complete(text: str) -> None:
        list(desk.complete(Document(text), CompleteEvent(text_inserted=True)))

    def colour(text: str) -> None:
        document = Document(text)
        line_of = desk.lexer.lex_document(document)
        for row in range(max(document.line_count - 40, 0), document.line_count):
            line_of(row)

    def colour_and_complete(text: str) -> None:
        colour(text)
        complete(text)

    def everything(text: str) -> None:
        colour_and_complete(text)
        desk.wrong(text)

    for name, text, wanted in (("10 lines", _TEN, "< 10 ms, < 16 ms"), ("200 lines", _TWO_HUNDRED, ", < 25 ms")):
        said(f"a key in {name}, lex + complete + check", keys(text, everything, 300), wanted)
        said(f"a key in {name}, lex + complete", keys(text, colour_and_complete, 300), "")
        said(f"a key in {name}, complete alone", keys(text, complete, 300), "< 3 ms, ")


def peers_keys() -> None:
    """The same of the peers that are here, in SQL: their lexer and their completer."""
    if not importlib.util.find_spec("litecli"):
        print("litecli is not installed: pip install '.[bench]'")
        return
    from litecli.sqlcompleter import SQLCompleter
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers.sql import SqlLexer

    completer, lexer = SQLCompleter(), PygmentsLexer(SqlLexer)
    completer.extend_relations([("t",)], kind="tables")

    def key(text: str) -> None:
        document = Document(text)
        line_of = lexer.lex_document(document)
        for row in range(max(document.line_count - 40, 0), document.line_count):
            line_of(row)
        list(completer.get_completions(document, CompleteEvent(text_inserted=True)))

    for name, lines in (("10 lines", 10), ("200 lines", 200)):
        said(f"litecli: a key in {name}, lex + complete", keys("\n".join(_SQL.splitlines()[:lines]), key, 40), "")


def first_prompt(command: list[str], shown: bytes) -> float:
    """Seconds until a program shows its prompt in a terminal."""
    began = time.perf_counter()
    child, terminal = pty.fork()
    if not child:
        os.environ |= {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
        os.execv(command[0], command)  # noqa: S606 - the very program that is measured
    seen = b""
    while shown not in seen and select.select([terminal], [], [], 20)[0]:
        seen += os.read(terminal, 65536)
    took = time.perf_counter() - began
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(terminal)
    return took


def first_prompts(runs: int) -> None:
    """Ours and litecli's in turn."""
    ours = partial(first_prompt, [sys.executable, "-m", "auroraql", "-a", "demo"], b"auroraql>")
    litecli = shutil.which("litecli", path=str(Path(sys.executable).parent))
    times: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            times[0].append(ours())
            if litecli:
                times[1].append(first_prompt([litecli, f"{folder}/x.db"], b"x.db>"))
    peer = statistics.median(times[1]) if times[1] else None
    line("first prompt / litecli's", statistics.median(times[0]), peer, "<= 1.0")


def main() -> None:
    """Every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more runs")
    first_prompts(15 if parser.parse_args().full else 5)
    our_keys()
    peers_keys()


if __name__ == "__main__":
    main()
