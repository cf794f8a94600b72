"""Where the demonstration catalogue is kept, and what it is called; to know that takes no DuckDB."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from auroraql.archives.catalogue_format import SCHEMA_VERSION
from auroraql.archives.demo import RULE

NAME = "demo"

FILE = f"demo-{SCHEMA_VERSION}-{RULE.rpartition(' ')[2]}.duckdb"


def cached_file(cache_dir: Path | None) -> Path:
    """Where the catalogue is cached; None is the user's own cache directory."""
    return (cache_dir or Path(platformdirs.user_cache_dir("auroraql", appauthor=False))) / FILE
