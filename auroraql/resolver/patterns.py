"""Regular expressions: find the faults that the engine would report."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=256)
def find_pattern_fault(pattern: str) -> str:
    """Return what is wrong with a regular expression, or an empty text.

    DuckDB itself compiles the pattern, because RE2 refuses patterns that Python's `re` takes, and the reverse.
    """
    import duckdb  # noqa: PLC0415

    try:
        _engine().cursor().execute("SELECT regexp_matches('', ?)", [pattern]).fetchone()
    except duckdb.Error as error:
        return str(error).partition("\n")[0].removeprefix("Invalid Input Error: ")
    return ""


@lru_cache(maxsize=1)
def _engine() -> Any:
    """Return the connection that compiles patterns. Only statements with a pattern load DuckDB here."""
    import duckdb  # noqa: PLC0415

    return duckdb.connect(config={"threads": "1", "enable_external_access": "false"})
