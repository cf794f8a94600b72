"""DuckDB engine: catalogue files, and the version and types of their format (catalogue.sql). This module does not import DuckDB."""

from __future__ import annotations

from pathlib import Path

from auroraql.schema import Type

SCHEMA_VERSION = 3
"""Version of catalogue.sql, stored in every catalogue file."""

TYPE_NAMES = {"string": Type.STRING, "double": Type.NUMBER, "int": Type.INTEGER, "bool": Type.BOOLEAN}
"""Types by their names in the table metadata_keys."""


def read_format() -> str:
    """Return the statements that create the tables of a catalogue."""
    return Path(__file__).with_name("catalogue.sql").read_text("utf-8")
