"""The interface between the line editor and the controller, which loads on a thread after the prompt is drawn."""

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

from auroraql.diagnostics.errors import Diagnostic
from auroraql.frontends.repl.notifications import Notifications


@dataclass(slots=True)
class ReplOptions:
    """Options of the prompt. Keys toggle some of them, and the session sets others."""

    color: bool = False
    fuzzy: bool = True
    """Whether completion also matches names by their letters in order and with a typo."""
    multiline: bool = False
    """Whether Enter always inserts a line break."""
    draft: str = ""
    """Initial text of the next prompt."""
    corrected: str = ""
    """The last statement, which had errors, with their fixes. F6 puts it at an empty prompt."""
    done: bool = False
    notices: Notifications = field(default_factory=Notifications)
    """Notifications that may arrive while the user is typing."""
    vi: bool = False
    """Whether the session starts with vi key bindings."""
    timing: bool = False
    """Whether the session starts with timing shown."""
    theme: str = "terminal"
    """Name of the colour theme. A Pygments style is loaded after the prompt is drawn."""
    style: BaseStyle | None = None
    """Colours of the theme, once loaded."""
    pager: str | None = None
    """Command of the pager, if the user configured one."""
    queries: Path | None = None
    """The user's own folder of saved queries."""


class ReplController(Protocol):
    """Protocol of the controller that serves the line editor."""

    @property
    def lexer(self) -> Lexer:
        """Lexer that colours the text."""

    def complete(self, document: Document, event: CompleteEvent) -> Iterable[Completion]:
        """Return the candidates at the cursor."""

    def check(self, text: str) -> Sequence[Diagnostic]:
        """Return the diagnostics of the text being typed."""

    def is_command(self, text: str) -> bool:
        """Return whether the text is a backslash command."""

    def submits(self, document: Document) -> bool:
        """Return whether Enter runs the text."""

    def run(self, text: str) -> None:
        """Run the submitted text and print its results or errors."""

    def explain(self, text: str) -> None:
        """Print the plan of a statement."""

    def edit(self, text: str) -> str | None:
        """Return the text after editing in an external editor, or None when the editor failed."""

    def on_interrupt(self) -> None:
        """Handle Ctrl-C at an empty prompt."""

    def close(self) -> None:
        """Report what happens to running jobs, at the end of the session."""


class LazyController:
    """A controller that is made on a thread, or on first use."""

    def __init__(self, make: Callable[[], ReplController]) -> None:
        self._make, self._lock = make, Lock()
        self._controller: ReplController | None = None
        self._failure: BaseException | None = None

    @property
    def current(self) -> ReplController | None:
        """The controller, or None while it loads."""
        return self._controller

    def start(self, then: Callable[[], None]) -> None:
        """Start loading on a daemon thread, and call `then` when the controller is ready."""
        Thread(target=self._start, args=(then,), daemon=True).start()

    def get(self) -> ReplController:
        """Return the controller, after waiting for it to load. Raises the error that loading raised."""
        with self._lock:
            if self._controller is None and self._failure is None:
                try:
                    self._controller = self._make()
                except BaseException as failure:  # raised again to every caller
                    self._failure = failure
        if self._controller is None:
            raise self._failure or RuntimeError("the controller was not made")
        return self._controller

    def _start(self, then: Callable[[], None]) -> None:
        try:
            self.get()
        except BaseException:
            return  # `get` raises it to the caller that needs the controller
        then()
