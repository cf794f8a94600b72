"""`auroraql serve` as users run it, in a process of its own, for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

KEY = "open-sesame"


class ServerProcess:
    """A server on a free port of loopback, as long as it is entered."""

    def __init__(self, *arguments: str, archive: str | Path = "demo", cache: Path | None = None) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if cache is not None:
            environment["XDG_CACHE_HOME"] = str(cache)
        self._command = [sys.executable, "-m", "auroraql", "serve", "-a", str(archive), "--port", "0", *arguments]
        self._environment = environment
        self.said: list[str] = []
        self.url = ""

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, env=self._environment)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))
            found = re.search(r" at (http://\S+?)(?:,|$)", line)
            if found is not None:
                self.url = found[1]
                return self
        raise AssertionError(f"the server did not begin: {self.said}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits; gives back the exit code. What was said meanwhile is kept."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=20)
        self.said += rest.splitlines()
        return self.process.returncode


def write_keys(folder: Path) -> Path:
    """A file with the one key of tests."""
    path = folder / "keys"
    path.write_text(f"# the key of tests\n{KEY}\n")
    return path
