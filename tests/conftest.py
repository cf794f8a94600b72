"""Fixtures that every test shares: a private cache, the demonstration, and no network beyond loopback."""

from __future__ import annotations

import importlib.util
import os
import re
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
from auroraql.language import grammar
from auroraql.session.archive import Archive, connect
from tests.support.aurorax_server import AuroraXServer
from tests.support.client_libraries import substitute_client_libraries
from tests.support.server_process import ServerProcess

ROOT = Path(__file__).parent.parent

substitute_client_libraries()

_CLIENT = "pip install --no-deps 'pyaurorax==1.27.*' 'pyucalgarysrs>=1.28,<2'"
_NEED_CLIENT = [
    str(file)
    for file in sorted((ROOT / "tests").rglob("test_*.py"))
    if re.search(r"^(import|from) pyaurorax\b", file.read_text("utf-8"), re.MULTILINE)
]
collect_ignore = [] if importlib.util.find_spec("pyaurorax") else _NEED_CLIENT

# The gate tries the same examples each time, so that a commit is judged by the examples that it was tested with.
# Elsewhere they are drawn at random; a failing one becomes an explicit example.
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
    """Prepare the process and the checkout."""
    _handle_interrupts()
    _write_parse_table()


def _write_parse_table() -> None:
    """Write the parse table into the checkout as its build does, so that no test process has to build it."""
    if grammar.read_table(grammar.FILE) is None:
        grammar.write_table(grammar.build_table(), grammar.FILE)


def _handle_interrupts() -> None:
    """Restore the handler of Ctrl-C, here and in programs that tests start.

    A shell may have started the tests in the background, where the signal is ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `-n auto`.

    It is one more than there are cores, because tests wait for servers, terminals and timers in a third of their time.
    """
    return (os.cpu_count() or 1) + 1


def pytest_report_header() -> str | None:
    """Say what is not tested without AuroraX's client."""
    if not collect_ignore:
        return None
    return f"pyaurorax is not installed, so {len(collect_ignore)} test files are left out: {_CLIENT}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the expected parts of the corpus")
    parser.addoption(
        "--home", type=Path, help="a folder of another run, whose demonstration is used and not built again"
    )


@pytest.fixture(scope="session")
def update(request: pytest.FixtureRequest) -> bool:
    """Return whether the corpus is being rewritten."""
    return bool(request.config.getoption("--update"))


@pytest.fixture(scope="session", autouse=True)
def isolated_user_folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Redirect the user's cache, data and configuration folders. All processes of one run share the new ones."""
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
    if sys.dont_write_bytecode:  # otherwise each program that a test starts compiles all modules
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(home / "bytecode"))
    yield home
    patch.undo()


@pytest.fixture(scope="session")
def demo_engine(isolated_user_folders: Path) -> Iterator[EmbeddedEngine]:
    """Return the demonstration engine. The processes of one run build its catalogue once."""
    engine = EmbeddedEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def demo(isolated_user_folders: Path) -> Iterator[Archive]:
    """Return an archive on the demonstration."""
    with connect() as archive:
        yield archive


@pytest.fixture(scope="session")
def demo_server(isolated_user_folders: Path) -> Iterator[ServerProcess]:
    """Return `auroraql serve` with the demonstration and no options: one process for all tests of a worker."""
    with ServerProcess() as running:
        yield running


@pytest.fixture
def service(server: AuroraXServer) -> Iterator[Archive]:
    """Return an archive connected to the module's server."""
    server.calls.clear()
    with connect(server.url, timeout=20) as archive:
        yield archive


@pytest.fixture(scope="session")
def table(demo_engine: EmbeddedEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return the path of a copy of the demonstration's catalogue file."""
    copy = shutil.copyfile(demo_cache_path(None), tmp_path_factory.mktemp("demo") / "copy.duckdb")
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Fail a test that connects to the network beyond loopback."""
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
