"""Memory that is given back to the system once it is not needed: allocators keep what a burst of searches took."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

DUCKDB_SETTINGS = {"allocator_background_threads": "true", "allocator_flush_threshold": "16MB"}
"""DuckDB's allocator gives back what is unused, without waiting for the next query."""


def release_memory() -> None:
    """Give unused memory back, where the C library can (glibc)."""
    gc.collect()
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
