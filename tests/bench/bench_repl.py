"""Benchmark of a key at the prompt against its peer: `python -m tests.bench.bench_repl`.

A key triggers highlighting, completion, and the check that runs when typing pauses. The catalogue has 10,000 sources.
The peer (litecli) comes with `pip install '.[bench]'`. Its key is its lexer and its completer, and is measured first.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from auroraql.frontends.repl.controller import Controller
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.schema.catalogue import Catalogue, DataSource, load_shipped
from tests.bench.measure import line
from tests.support.repl_fakes import FakeArchive

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
_COMPUTED = "\n".join(
    f"  OR upper(platform) = 'SITE {n:05}' AND hour(start) + {n} > 3 AND (end - start) / 1 min < {n}"
    for n in range(198)
)
_EXPRESSIONS = f"FIND data_products SELECT start, end\n WHERE program = 'prog7'\n{_COMPUTED}\n ON 2021-01-01"
_SQL = "\n".join(
    ["SELECT a, b FROM t WHERE a = 'x'", *("  OR b = 'y' AND a IN ('daily', 'hourly')" for _ in range(199))]
)


class Large(FakeArchive):
    """An archive of 10,000 sources that offers only its catalogue."""

    def __init__(self) -> None:
        super().__init__()
        sources = tuple(
            DataSource(n, f"prog{n % 50}", f"site {n % 3000:05}", f"instr {n % 20}", "ground", f"Site number {n}")
            for n in range(10_000)
        )
        self._catalogue = replace(load_shipped(), sources=sources)

    @property
    def catalogue(self) -> Catalogue:
        """Return a catalogue of ten thousand sources."""
        return self._catalogue


def keys(text: str, work: Callable[[str], object], last: int) -> list[float]:
    """Return the CPU seconds of each of the last keys of a text, typed one after the other."""
    durations = []
    for end in range(max(len(text) - last, 1), len(text) + 1):
        began = time.process_time()
        work(text[:end])
        durations.append(time.process_time() - began)
    return durations


def print_percentiles(
    name: str, durations: list[float], targets: tuple[str, str] = ("", ""), peer: list[float] | None = None
) -> None:
    """Print the median and the 95th percentile next to the peer's."""
    line(f"{name}: median", statistics.median(durations), statistics.median(peer) if peer else None, targets[0])
    line(f"{name}: 95th percentile", _slow(durations), _slow(peer) if peer else None, targets[1])


def _slow(durations: list[float]) -> float:
    return statistics.quantiles(durations, n=20)[-1]


def measure_own_keys(peers: dict[int, list[float]], last: int) -> None:
    """Measure the last keys of each text at AuroraQL's prompt, and their parts."""
    desk = Controller(Large(), ReplOptions(color=True), io.StringIO())

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
        desk.check(text)

    desk.check(_TWO_HUNDRED[:-400])  # typed before, so not measured
    for lines, text, expected in ((10, _TEN, ("< 10 ms", "< 16 ms")), (200, _TWO_HUNDRED, ("", "< 25 ms"))):
        print_percentiles(
            f"a key in {lines} lines, lex + complete + check", keys(text, everything, last), expected, peers.get(lines)
        )
        print_percentiles(
            f"a key in {lines} lines, lex + complete", keys(text, colour_and_complete, last), peer=peers.get(lines)
        )
        print_percentiles(f"a key in {lines} lines, complete alone", keys(text, complete, last), ("< 3 ms", ""))
    desk.check(_EXPRESSIONS[:-400])
    complete(_EXPRESSIONS[:-400])
    print_percentiles(
        "a key in 200 lines of expressions, lex + complete",
        keys(_EXPRESSIONS, colour_and_complete, last),
        ("", "< 25 ms"),
    )
    print_percentiles("the check of 200 lines of expressions, in a thread", keys(_EXPRESSIONS, desk.check, last))
    for name, line_number in (("the first", 3), ("the midst", 100)):
        print_percentiles(
            f"a key in {name} of 200 lines, lex + complete + check",
            edits(_TWO_HUNDRED, line_number, last),
            ("", "< 25 ms"),
        )
        print_percentiles(
            f"a value changed in {name} of 200 lines", changes(_TWO_HUNDRED, line_number, last), ("", "< 25 ms")
        )


def edits(text: str, number: int, most: int) -> list[float]:
    """Return the CPU seconds of the first keys of a predicate that is added after a line."""
    middle = _end_of_line(text, number)
    added = "\n  OR platform = 'site 00300' AND keogram_type IN ('daily')"
    ends = range(1, min(len(added), most) + 1)
    return _at_cursor(text, [(f"{text[:middle]}{added[:end]}{text[middle:]}", middle + end) for end in ends])


def changes(text: str, number: int, most: int) -> list[float]:
    """Return the CPU seconds of the first keys that replace a name. The statement stays complete all the time."""
    at = text.index("'site ", _end_of_line(text, number)) + len("'site ")
    names = [f"{n:05}"[:length] for n in range(7, 2999, 211) for length in range(6)]
    return _at_cursor(text, [(text[:at] + name + text[at + 5 :], at + len(name)) for name in names[:most]])


def _end_of_line(text: str, number: int) -> int:
    return sum(len(line) + 1 for line in text.splitlines()[:number]) - 1


def _at_cursor(first: str, typed: list[tuple[str, int]]) -> list[float]:
    """Return the CPU seconds of each text with its cursor, forty lines of it visible, after the text before."""
    desk = Controller(Large(), ReplOptions(color=True), io.StringIO())
    desk.check(first)
    durations = []
    for text, cursor in typed:
        document = Document(text, cursor)
        began = time.process_time()
        line_of = desk.lexer.lex_document(document)
        row = document.cursor_position_row
        for seen in range(max(row - 20, 0), min(row + 20, document.line_count)):
            line_of(seen)
        list(desk.complete(document, CompleteEvent(text_inserted=True)))
        desk.check(text)
        durations.append(time.process_time() - began)
    return durations


def measure_peer_keys(last: int) -> dict[int, list[float]]:
    """Return the CPU seconds of keys of litecli in SQL of as many lines.

    A key is its lexer and its completer. The list is empty if litecli is not installed.
    """
    if not importlib.util.find_spec("litecli"):
        print("litecli is not installed: pip install '.[bench]'")
        return {}
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

    return {lines: keys("\n".join(_SQL.splitlines()[:lines]), key, last) for lines in (10, 200)}


def main() -> None:
    """Print every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="300 keys of each text instead of 20")
    options = parser.parse_args()
    measure_own_keys(measure_peer_keys(10 if not options.full else 40), 300 if options.full else 20)


if __name__ == "__main__":
    main()
