"""`auroraql serve` as users run it, in a separate process, for tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

KEY = "open-sesame"

DAY = {"start": "2020-01-01T00:00:00", "end": "2020-01-01T23:59:59"}
MAX = {**DAY, "data_sources": {"programs": ["auroramax"]}}
SWARM = {**DAY, "data_sources": {"platforms": ["swarma"]}}
OVER_SWARM = {
    **DAY,
    "ground": [{"programs": ["themis-asi"]}],
    "space": [{"programs": ["swarm"]}],
    "conjunction_types": ["nbtrace"],
    "max_distances": {"ground1-space1": 500},
}


class ServerProcess:
    """Server on a free loopback port, running inside `with`."""

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
            match = re.search(r" at (http://\S+)", line)
            if match is not None:
                self.url = match[1]
                return self
        raise AssertionError(f"the server did not begin: {self.said}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait, and return the exit code. The server's output is kept."""
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=20)
        self.said += rest.splitlines()
        return self.process.returncode


def write_keys(folder: Path) -> Path:
    """Write a file with the single key of the tests."""
    path = folder / "keys"
    path.write_text(f"# the key of tests\n{KEY}\n")
    return path


def post(server: ServerProcess, path: str, document: object) -> requests.Response:
    return requests.post(f"{server.url}/api/v1/{path}", json=document, timeout=60)


def get(server: ServerProcess, path: str) -> requests.Response:
    return requests.get(f"{server.url}/api/v1/{path}", timeout=60)


def await_status(location: str, patience: float = 30) -> Any:
    """Return the final status of a request."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        status = requests.get(location, timeout=60).json()
        if status["search_result"]["data_uri"] is not None:
            return status
        time.sleep(0.02)
    raise AssertionError(f"it is not over after {patience} s")


def finished_url(server: ServerProcess, kind: str, document: dict[str, Any]) -> str:
    """Return the address of a finished request."""
    answer = post(server, f"{kind}/search", document)
    assert answer.status_code == 202, answer.text
    await_status(answer.headers["Location"])
    return answer.headers["Location"]


def assert_refused(answer: requests.Response, status: int, message: str = "") -> None:
    """Assert that a response is an error in the service's format."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"error_code", "error_message"}
    assert message in answer.json()["error_message"]
