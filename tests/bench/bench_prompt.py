"""Benchmark of the program in a terminal against litecli: version, first prompt, Ctrl-C and memory.

`python -m tests.bench.bench_prompt [--full]`. Memory is the resident memory at rest: at the first prompt, and after a
statement was typed and completed but not run.
"""

from __future__ import annotations

import argparse
import os
import pty
import select
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import line

_QUIET = 4.0
"""Seconds without new output after which a program counts as idle."""

CTRL_C = "\x03"


@dataclass(frozen=True, slots=True)
class Program:
    """A program with a prompt, and a statement to type in it."""

    command: tuple[str, ...]
    prompt: bytes
    statement: str

    @property
    def version(self) -> list[str]:
        """Command line that prints the version."""
        return [self.command[0], "--version"] if self.command[1:2] != ("-m",) else [*self.command[:3], "--version"]


class Session:
    """A running program in its own terminal."""

    def __init__(self, program: Program) -> None:
        self.program, self.began = program, time.perf_counter()
        self.child, self.handle = pty.fork()
        if not self.child:
            os.environ |= {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"}
            os.execv(program.command[0], program.command)  # noqa: S606 - the very program that is measured

    def until(self, shown: bytes, seconds: float = 30.0) -> float:
        """Return the seconds until new output appears."""
        began, output = time.perf_counter(), b""
        while shown not in output and select.select([self.handle], [], [], seconds)[0]:
            output += os.read(self.handle, 65536)
        return time.perf_counter() - began

    def rest(self) -> None:
        """Wait until no new output appears."""
        while select.select([self.handle], [], [], _QUIET)[0]:
            os.read(self.handle, 65536)

    def type(self, text: str) -> None:
        """Type a text at the speed of a fast typist."""
        for key in text:
            os.write(self.handle, key.encode())
            time.sleep(0.02)

    def resident(self) -> float:
        """Return the resident memory in bytes."""
        pages = Path(f"/proc/{self.child}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def end(self) -> None:
        """Kill the program."""
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)
        os.close(self.handle)


@contextmanager
def session(program: Program) -> Iterator[Session]:
    """Start a program and yield it at its first prompt."""
    started = Session(program)
    try:
        yield started
    finally:
        started.end()


def version(program: Program) -> float:
    """Return the seconds until the program has printed its version."""
    began = time.perf_counter()
    subprocess.run(program.version, check=True, capture_output=True)
    return time.perf_counter() - began


def first_prompt(program: Program) -> float:
    """Return the seconds until the first prompt."""
    with session(program) as opened:
        opened.until(program.prompt)
        return time.perf_counter() - opened.began


def measure_interrupt(program: Program) -> float:
    """Return the seconds from Ctrl-C to the next prompt."""
    with session(program) as opened:
        opened.until(program.prompt)
        opened.rest()
        opened.type(program.statement)
        opened.rest()
        os.write(opened.handle, CTRL_C.encode())
        return opened.until(program.prompt)


def memory(program: Program) -> tuple[float, float]:
    """Return the resident bytes at the prompt and after a statement was typed."""
    with session(program) as opened:
        opened.until(program.prompt)
        opened.rest()
        at_prompt = opened.resident()
        opened.type(program.statement)
        opened.rest()
        return at_prompt, opened.resident()


def measure_alternately(
    work: Callable[[Program], float], ours: Program, peer: Program | None, runs: int
) -> tuple[float, float | None]:
    """Return the medians of both programs, measured alternately so that a slow moment affects both."""
    durations: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        durations[0].append(work(ours))
        if peer is not None:
            durations[1].append(work(peer))
    return statistics.median(durations[0]), statistics.median(durations[1]) if durations[1] else None


def main() -> None:
    """Print every measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more runs")
    runs = 15 if parser.parse_args().full else 5
    beside = str(Path(sys.executable).parent)
    installed, litecli = shutil.which("auroraql", path=beside), shutil.which("litecli", path=beside)
    command = (installed,) if installed else (sys.executable, "-m", "auroraql")
    statement = "FIND data_products WHERE program = 'trex' AND platform = 'gilam' ON 2021-01-01"
    ours = Program((*command, "-a", "demo"), b"auroraql>", statement)
    with tempfile.TemporaryDirectory() as folder:
        peer = None
        if litecli:
            peer = Program((litecli, f"{folder}/x.db"), b"x.db>", "SELECT name FROM sqlite_master WHERE type = 'x'")
        else:
            print("litecli is not installed: pip install '.[bench]'")
        line("auroraql --version / litecli --version", *measure_alternately(version, ours, peer, runs), "<= 0.2")
        line("first prompt / litecli's", *measure_alternately(first_prompt, ours, peer, runs), "<= 1.0")
        line("Ctrl-C in a line to the next prompt", *measure_alternately(measure_interrupt, ours, peer, 3), "< 100 ms")
        if sys.platform == "linux":
            (idle, typed), (their_idle, their_typed) = memory(ours), memory(peer) if peer is not None else (None, None)
            line("resident at the prompt / litecli's", idle, their_idle, "<= 1.0", "MB")
            line("resident with a statement typed / litecli's", typed, their_typed, "<= 1.0", "MB")


if __name__ == "__main__":
    main()
