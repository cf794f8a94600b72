"""State of a session at the prompt: archive, output, last result and options."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from auroraql.completion import CompletionContext
from auroraql.diagnostics.errors import Diagnostic, Source, make_visible, render
from auroraql.engines.base import OnProgress
from auroraql.frontends.repl.controller_protocol import ReplOptions
from auroraql.frontends.shared.pager import page_height
from auroraql.frontends.shared.terminal_query import TerminalImages
from auroraql.pictures.picture import Picture
from auroraql.queries import SavedQuery
from auroraql.rendering.text_output import RenderOptions, supports_blocks
from auroraql.results.result_set import ResultSet
from auroraql.schema.catalogue import Catalogue
from auroraql.session.analyzer import SessionContext
from auroraql.session.jobs import Search
from auroraql.session.settings import Settings


class ArchiveProtocol(Protocol):
    """Protocol of the archive as the prompt uses it."""

    @property
    def name(self) -> str:
        """Name of the archive in messages."""

    @property
    def demonstration(self) -> bool:
        """Whether the records are synthetic."""

    @property
    def verbose(self) -> object:
        """Whether the steps of each search are printed."""

    @property
    def catalogue(self) -> Catalogue:
        """Data sources and metadata keys of the archive."""

    @property
    def settings(self) -> Settings:
        """Settings that SET changes, including the output format."""

    @property
    def results(self) -> Mapping[str, ResultSet]:
        """Stored results by name."""

    @property
    def searches(self) -> tuple[str, ...]:
        """Names of the submitted searches."""

    @property
    def submitted(self) -> Mapping[str, Search]:
        """Submitted searches by name."""

    def refresh_searches(self) -> None:
        """Poll the submitted searches, and wait briefly for the answers."""

    def keep(self, search: Search, /) -> str:
        """Add a search whose wait was interrupted to the submitted ones. Return its name."""

    def leave(self) -> list[Search]:
        """Let submitted searches that were not fetched continue after closing. Return those that will."""

    def picture(self, result: ResultSet, name: str, /, **options: Any) -> Picture:
        """Return a picture of a result by name. Raises AuroraQLError."""

    def on_progress(self, watch: OnProgress | None, /) -> None:
        """Set the callback that receives the progress of the search being waited for."""

    def on_interrupt(self, act: Callable[[Search], object], /) -> None:
        """Set the callback that receives a search when Ctrl-C ends the wait for it."""

    def on_end(self, act: Callable[[Search], object], /) -> None:
        """Set the callback, invoked on a worker thread, that receives each background search when it ends."""

    def on_warning(self, act: Callable[[Sequence[Diagnostic], Source], object]) -> None:
        """Set the callback that receives the warnings of a statement just before it runs."""

    @property
    def session_context(self) -> SessionContext:
        """Names and settings that the first statement of a script may use."""

    def run_script(self, text: Source, /, **parameters: object) -> Iterator[ResultSet]:
        """Run each statement and yield its result. Raises AuroraQLError."""


class BackgroundJobsProtocol(Protocol):
    """Protocol of the handler of background searches."""

    def cancel(self, search: Search, /) -> str:
        """Cancel a search in the background. Return the message to print now."""

    def on_second_interrupt(self) -> str:
        """Handle another Ctrl-C. Return the message to print."""


@dataclass(slots=True)
class ReplState:
    r"""State of one session. `before_vertical` is the format that `\x` restores."""

    archive: ArchiveProtocol
    stream: TextIO
    switches: ReplOptions = field(default_factory=ReplOptions)
    keys: TextIO | None = None
    """Terminal that keys come from, if there is one."""
    background_jobs: BackgroundJobsProtocol | None = None
    parting: str = ""
    """Message about the search that Ctrl-C has just interrupted."""
    links: bool = False
    """Whether the terminal supports hyperlinks."""
    pages: bool = False
    """Whether long output goes through a pager."""
    before_vertical: str = "table"
    timing: bool = False
    output: Path | None = None
    """File that results go to instead of the terminal."""
    tee: Path | None = None
    """File that results go to in addition to the terminal."""
    last: ResultSet | None = None
    statement: str = ""
    """The last statement as typed."""
    saved: tuple[SavedQuery, ...] = ()
    """The saved queries as of the last statement."""
    error: str = ""
    """The last error with its causes."""
    shown_warnings: set[Diagnostic] = field(default_factory=set)
    """Warnings of the running script that are already printed."""
    images: TerminalImages | None = None
    """What the terminal answered about images. None before it was asked."""
    known: CompletionContext | None = field(default=None, repr=False)
    """Completion context. None when there is no interactive input."""

    @property
    def color(self) -> bool:
        """Whether to use colours."""
        return self.switches.color

    @property
    def screen(self) -> RenderOptions:
        """Properties of the terminal at this moment."""
        blocks = supports_blocks(self.stream)
        height = page_height(os.environ, self.switches.pager) if self.stream.isatty() else None
        return RenderOptions(
            self.width, height, terminal=True, color=self.color, links=self.links, blocks=blocks, commands=True
        )

    @property
    def format(self) -> str:
        """Current output format."""
        return self.archive.settings.format

    @property
    def width(self) -> int:
        """Current width of the terminal in columns, which may change."""
        return shutil.get_terminal_size().columns

    @property
    def height(self) -> int:
        """Current height of the terminal in lines."""
        return shutil.get_terminal_size().lines

    def say(self, text: str) -> None:
        """Print a message, with control characters escaped."""
        for line in text.splitlines():
            self.stream.write(make_visible(line) + "\n")
        self.stream.flush()

    def show_warnings(self, warnings: Sequence[Diagnostic], source: Source | None) -> None:
        """Print the warnings that were not printed yet for this script."""
        new = [warning for warning in warnings if warning not in self.shown_warnings]
        self.shown_warnings.update(new)
        if new:
            self.say(render(new, source))
