"""What is fixed of a catalogue file besides its tables (catalogue.sql): its version, and how it names types."""

from __future__ import annotations

from pathlib import Path

from auroraql.schema import Type

SCHEMA_VERSION = 2
"""The version of catalogue.sql, which every catalogue file holds."""

TYPE_NAMES = {"string": Type.STRING, "double": Type.NUMBER, "int": Type.INTEGER, "bool": Type.BOOLEAN}
"""How the table metadata_keys names the types."""


def read_format() -> str:
    """Return the statements that make the tables of a catalogue."""
    return Path(__file__).with_name("catalogue.sql").read_text("utf-8")
