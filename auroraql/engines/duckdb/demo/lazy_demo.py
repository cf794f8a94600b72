"""The demonstration at a prompt: it opens at the first search, and a background process builds its file if it is missing.

DuckDB is imported only then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

from auroraql.engines.base import EMBEDDED, Engine, make_lazy
from auroraql.engines.duckdb.demo import DEMO_NAME, demo_cache_path, demo_catalogue

Say = Callable[[str], None]

_BUILD_NOTICE_SECONDS = 0.5
"""Time until the build of the demonstration is reported. An unusable cache directory is known sooner."""


def open_demonstration_lazily(archive: str, api_key: str | None, say: Say, deadline: float) -> Engine:
    """Return the lazily opened demonstration, and build its file in a background process if it is missing."""
    say_once = _say_once(say)
    capabilities = replace(EMBEDDED, demonstration=True)

    def open_now() -> Engine:
        from auroraql.engines.duckdb.embedded_engine import open_demonstration

        return open_demonstration(archive, api_key, say_once, deadline)

    if demo_cache_path(None).is_file():
        return make_lazy(DEMO_NAME, capabilities, demo_catalogue(), open_now)
    import subprocess  # deferred: only needed to build the file

    devnull = subprocess.DEVNULL
    # In its own session, so that neither Ctrl-C nor the end of the prompt stops it.
    build_process = subprocess.Popen(
        [sys.executable, "-m", "auroraql.engines.duckdb.demo.demo_cache"],
        stdin=devnull,
        stdout=devnull,
        stderr=devnull,
        start_new_session=True,
    )

    def open_built() -> Engine:
        try:
            build_process.wait(_BUILD_NOTICE_SECONDS)
        except subprocess.TimeoutExpired:
            say_once("Building the demonstration catalogue (once, a few seconds).")
            build_process.wait()
        return open_now()  # reports errors of the build

    return make_lazy(DEMO_NAME, capabilities, demo_catalogue(), open_built)


def _say_once(say: Say) -> Say:
    """Return a `say` that reports each line once, even if opening is retried."""
    reported: set[str] = set()

    def say_once(line: str) -> None:
        if line not in reported:
            reported.add(line)
            say(line)

    return say_once
