"""Server fixtures of the tests of `auroraql serve`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server_process import ServerProcess


@pytest.fixture(scope="session")
def server(demo_server: ServerProcess) -> ServerProcess:
    """Return the server of the demonstration. A test that stops a server or gives it options starts one of its own."""
    return demo_server


@pytest.fixture
def fresh_server() -> Iterator[ServerProcess]:
    """Return a server that has done nothing yet, for tests that measure its memory."""
    with ServerProcess() as running:
        yield running


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
