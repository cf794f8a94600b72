"""What every test shares: a corpus of plain files, a cache of its own, and no network but loopback."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, settings

from auroraql.engines.duckdb.demo import demo_cache_path
from auroraql.engines.duckdb.embedded_engine import EmbeddedEngine
from auroraql.session.archive import Archive, connect
from tests.support.aurorax_server import AuroraXServer
from tests.support.server_process import ServerProcess

ROOT = Path(__file__).parent.parent

# The gate tries the same examples each time, so that what lands was judged by them; anew they are drawn wherever
# someone works, and what fails there becomes an example.
settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=int(os.environ.get("TEST_EXAMPLES", "300")),
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("dev", max_examples=int(os.environ.get("TEST_EXAMPLES", "60")), deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure() -> None:
    """Ctrl-C is heard, here and by the programs that tests start, even where the tests were started in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected parts of the corpus")
    parser.addoption(
        "--home", type=Path, help="a folder of another run, whose demonstration is used and not built again"
    )


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Whether the corpus is being rewritten."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def own_places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's cache, data and configuration are not touched; all processes of one run share them."""
    base = tmp_path_factory.getbasetemp()
    home: Path = (
        request.config.getoption("--home") or (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "home"
    )
    home.mkdir(exist_ok=True)
    patch = pytest.MonkeyPatch()
    for name in ("CACHE", "DATA", "STATE", "CONFIG"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in [name for name in os.environ if name.startswith(("AURORAX_", "AURORAQL_"))]:
        patch.delenv(name)
    if sys.dont_write_bytecode:  # the programs that tests start would each compile all that they load
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(home / "bytecode"))
    yield home
    patch.undo()


@pytest.fixture(scope="session")
def demo_engine(own_places: Path) -> Iterator[EmbeddedEngine]:
    """The demonstration, which all processes of one run build once."""
    engine = EmbeddedEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def demo(own_places: Path) -> Iterator[Archive]:
    """A session on the demonstration."""
    with connect() as archive:
        yield archive


@pytest.fixture(scope="session")
def demo_server(own_places: Path) -> Iterator[ServerProcess]:
    """`auroraql serve` with the demonstration and no options: one process for all tests of a worker."""
    with ServerProcess() as running:
        yield running


@pytest.fixture
def service(server: AuroraXServer) -> Iterator[Archive]:
    """A session of its own on the module's service."""
    server.calls.clear()
    with connect(server.url, timeout=20) as archive:
        yield archive


@pytest.fixture(scope="session")
def table(demo_engine: EmbeddedEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demonstration's file itself, in a copy."""
    copy = shutil.copyfile(demo_cache_path(None), tmp_path_factory.mktemp("demo") / "copy.duckdb")
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """A test that reaches for the network fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost"):
            raise ConnectionRefusedError(f"tests do not use the network: {host}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()
