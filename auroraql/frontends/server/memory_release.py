"""Return of unused memory to the system: allocators keep what a burst of searches used."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

DUCKDB_SETTINGS = {"allocator_background_threads": "true", "allocator_flush_threshold": "16MB"}
"""Make DuckDB's allocator return unused memory without waiting for the next query."""


def release_memory() -> None:
    """Return unused memory to the system if the C library supports it (glibc)."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
