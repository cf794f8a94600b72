"""Runners of the command line for tests: in this process, or in a separate one where that matters."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from auroraql.frontends.cli import main


@dataclass(frozen=True)
class Done:
    """The outcome of a command line."""

    code: int
    out: str
    err: str


def command(*arguments: str | Path, stdin: str | bytes = "") -> Done:
    """Run the command line in this process."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    given = io.TextIOWrapper(io.BytesIO(data))
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "stdin", given):
        code = main([str(argument) for argument in arguments])
    return Done(code, _text(out), _text(err))


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def process(*arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Done:
    """Run the command line in a separate process."""
    done = subprocess.run(
        [sys.executable, "-m", "auroraql", *arguments],
        input=stdin,
        capture_output=True,
        env={**os.environ, **(env or {})},
        check=False,
        timeout=60,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())
