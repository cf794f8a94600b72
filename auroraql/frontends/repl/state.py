"""What a session at the prompt holds: the archive it asks, where it writes, what came last, how results look."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

from auroraql.archives.base import Watch
from auroraql.completion import Known
from auroraql.errors import Diagnostic, Source, render, visible
from auroraql.frontends.pager import page_height
from auroraql.frontends.repl.behind import Switches
from auroraql.output.screen import Screen, writes_blocks
from auroraql.preparing import Standing
from auroraql.results import ResultSet
from auroraql.saved import SavedQuery
from auroraql.schema.catalogue import Catalogue
from auroraql.searches import Search
from auroraql.settings import Settings


class Archive(Protocol):
    """All the prompt needs of an archive."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def demonstration(self) -> bool:
        """Whether its records are made up."""

    @property
    def verbose(self) -> object:
        """Whether the steps of each search are printed."""

    @property
    def catalogue(self) -> Catalogue:
        """The sources and metadata keys it knows."""

    @property
    def settings(self) -> Settings:
        """What SET changes; how results are shown is one of them."""

    @property
    def results(self) -> Mapping[str, ResultSet]:
        """The results kept under a name."""

    @property
    def searches(self) -> tuple[str, ...]:
        """The names of the searches that were submitted."""

    @property
    def submitted(self) -> Mapping[str, Search]:
        """These searches."""

    def refresh_searches(self) -> None:
        """Has the archive asked how they stand, and waits a moment for the answers."""

    def keep(self, search: Search, /) -> str:
        """Takes a search whose wait was interrupted among those submitted; the name that it has there."""

    def leave(self) -> list[Search]:
        """Lets what was submitted, and not fetched, go on when the archive is closed; those that will."""

    def on_progress(self, watch: Watch | None, /) -> None:
        """Has `watch` told how far a search has come that is waited for."""

    def on_interrupt(self, act: Callable[[Search], object], /) -> None:
        """Has `act` called with a search that Ctrl-C ended the wait for."""

    def on_end(self, act: Callable[[Search], object], /) -> None:
        """Has `act` called, on another thread, with each search that ends while nobody waits for it."""

    def on_warning(self, act: Callable[[Sequence[Diagnostic], Source], object]) -> None:
        """Has `act` called with what was noticed of a statement, just before that is run."""

    @property
    def standing(self) -> Standing:
        """What a script may count on before its first statement."""

    def run_script(self, text: Source, /, **parameters: object) -> Iterator[ResultSet]:
        """Runs statement after statement. Raises AuroraQLError."""


class InFlight(Protocol):
    """Who takes the searches that nobody waits for any more."""

    def cancel(self, search: Search, /) -> str:
        """Cancels a search in the background; what to say of it now."""

    def again(self) -> str:
        """Ctrl-C came once more; what to say of it."""


@dataclass(slots=True)
class State:
    """One session; `before_vertical` is the format that `\\x` goes back to."""

    archive: Archive
    stream: TextIO
    switches: Switches = field(default_factory=Switches)
    keys: TextIO | None = None
    """Where the keys come from, if that is a terminal."""
    flight: InFlight | None = None
    parting: str = ""
    """What is to be said of the search that Ctrl-C has just ended."""
    links: bool = False
    """Whether the terminal makes links of URLs."""
    pages: bool = False
    """Whether what is longer than the terminal goes through a pager."""
    before_vertical: str = "table"
    timing: bool = False
    output: Path | None = None
    """The file that results go to in place of the terminal."""
    tee: Path | None = None
    """The file that results go to besides the terminal."""
    last: ResultSet | None = None
    statement: str = ""
    """The last statement as it was typed."""
    saved: tuple[SavedQuery, ...] = ()
    """The saved queries as they were on disk after the last statement."""
    error: str = ""
    """The last error, in full."""
    told: set[Diagnostic] = field(default_factory=set)
    """What was noticed of the script that is run, and is said already."""
    known: Known | None = field(default=None, repr=False)
    """What completion knows; None where nobody types."""

    @property
    def color(self) -> bool:
        """Whether to colour."""
        return self.switches.color

    @property
    def screen(self) -> Screen:
        """What the terminal is now."""
        blocks = writes_blocks(self.stream)
        height = page_height(os.environ, self.switches.pager) if self.stream.isatty() else None
        return Screen(
            self.width, height, terminal=True, color=self.color, links=self.links, blocks=blocks, commands=True
        )

    @property
    def format(self) -> str:
        """How results are shown now."""
        return self.archive.settings.format

    @property
    def width(self) -> int:
        """The terminal's width now: it may have been resized."""
        return shutil.get_terminal_size().columns

    @property
    def height(self) -> int:
        """The terminal's height now."""
        return shutil.get_terminal_size().lines

    def say(self, text: str) -> None:
        """Writes lines of ours; nothing in them can steer the terminal."""
        for line in text.splitlines():
            self.stream.write(visible(line) + "\n")
        self.stream.flush()

    def question(self, warnings: Sequence[Diagnostic], source: Source | None) -> None:
        """Says what was noticed of a statement, and not again what is said already."""
        new = [each for each in warnings if each not in self.told]
        self.told.update(new)
        if new:
            self.say(render(new, source))
