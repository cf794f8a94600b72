"""Name and cache path of the demonstration catalogue, without importing DuckDB."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from auroraql.engines.duckdb.catalogue_format import SCHEMA_VERSION
from auroraql.engines.duckdb.demo import RULE

DEMO_NAME = "demo"

DEMO_FILE = f"demo-{SCHEMA_VERSION}-{RULE.rpartition(' ')[2]}.duckdb"


def demo_cache_path(cache_dir: Path | None) -> Path:
    """Return the path of the cached catalogue; None means the user's cache directory."""
    return (cache_dir or Path(platformdirs.user_cache_dir("auroraql", appauthor=False))) / DEMO_FILE
