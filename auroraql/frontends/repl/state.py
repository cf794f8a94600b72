"""What a session at the prompt holds: the archive it asks, where it writes, how results look."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TextIO

from auroraql.errors import Source, visible
from auroraql.results import ResultSet
from auroraql.schema.catalogue import Catalogue


class Archive(Protocol):
    """All the prompt needs of an archive."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def demonstration(self) -> bool:
        """Whether its records are made up."""

    @property
    def catalogue(self) -> Catalogue:
        """The sources and metadata keys it knows."""

    def run_script(self, text: Source, /) -> Iterator[ResultSet]:
        """Runs statement after statement. Raises AuroraQLError."""


@dataclass(slots=True)
class State:
    """One session; `before_vertical` is the format that `\\x` goes back to."""

    archive: Archive
    stream: TextIO
    color: bool = False
    format: str = "table"
    before_vertical: str = "table"
    done: bool = False

    @property
    def width(self) -> int:
        """The terminal's width now: it may have been resized."""
        return shutil.get_terminal_size().columns

    def say(self, text: str) -> None:
        """Writes lines of ours; nothing in them can steer the terminal."""
        for line in text.splitlines():
            self.stream.write(visible(line) + "\n")
        self.stream.flush()
