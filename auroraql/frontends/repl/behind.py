"""What the line editor needs of everything behind it, which is loaded in a thread once the prompt stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import Protocol

from prompt_toolkit.completion import CompleteEvent, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import BaseStyle

from auroraql.errors import Diagnostic
from auroraql.frontends.repl.notices import Notices


@dataclass(slots=True)
class Switches:
    """What the keys turn on and off, and what the session tells the line editor."""

    color: bool = False
    fuzzy: bool = True
    """Whether completion finds names by their letters, too."""
    multiline: bool = False
    """Whether Enter opens a line, whatever stands there."""
    draft: str = ""
    """What the next prompt begins with."""
    done: bool = False
    notices: Notices = field(default_factory=Notices)
    """What is told while somebody may be typing."""
    vi: bool = False
    """Whether the keys are those of vi to begin with."""
    timing: bool = False
    """Whether to say where the time went, to begin with."""
    theme: str = "terminal"
    """What the colours are called; a style of Pygments is loaded once the prompt stands there."""
    style: BaseStyle | None = None
    """The colours of the theme, when they are loaded."""
    pager: str | None = None
    """What shows long results, where the user has set it."""
    queries: Path | None = None
    """The user's own folder of saved queries."""


class Behind(Protocol):
    """Everything behind the line editor."""

    @property
    def lexer(self) -> Lexer:
        """The colours."""

    def complete(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""

    def wrong(self, text: str) -> Sequence[Diagnostic]:
        """What is wrong with a text that is being typed."""

    def is_command(self, text: str) -> bool:
        """Whether it is for the prompt itself."""

    def submits(self, document: Document) -> bool:
        """Whether a text can be run as it stands."""

    def take(self, text: str) -> None:
        """Does what was typed, and says how it went."""

    def explain(self, text: str) -> None:
        """Says what would be done for a statement."""

    def edited(self, text: str) -> str | None:
        """A text as the user's own editor leaves it; None when that failed."""

    def interrupted(self) -> None:
        """Ctrl-C came when nothing was run and nothing typed."""

    def leave(self) -> None:
        """The session ends: says what becomes of searches under way."""


class Late:
    """Something that is made in a thread, or by the first who cannot do without it."""

    def __init__(self, make: Callable[[], Behind]) -> None:
        self._make, self._lock = make, Lock()
        self._made: Behind | None = None
        self._failure: BaseException | None = None

    @property
    def now(self) -> Behind | None:
        """It, when it is there."""
        return self._made

    def start(self, then: Callable[[], None]) -> None:
        """Begins to make it, and calls `then` when it is there."""
        Thread(target=self._start, args=(then,), daemon=True).start()

    def get(self) -> Behind:
        """It, waiting for it if need be. Raises what making it raised."""
        with self._lock:
            if self._made is None and self._failure is None:
                try:
                    self._made = self._make()
                except BaseException as failure:  # who asks for it is told
                    self._failure = failure
        if self._made is None:
            raise self._failure or RuntimeError("it was not made")
        return self._made

    def _start(self, then: Callable[[], None]) -> None:
        try:
            self.get()
        except BaseException:
            return  # whoever asks for it next is told
        then()
