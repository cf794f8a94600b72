r"""The read–eval–print loop. Only `\q`, its synonyms and Ctrl-D end it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.application.current import set_app
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from auroraql import __version__
from auroraql.diagnostics.errors import Diagnostic, make_visible
from auroraql.frontends.repl.background_checks import BackgroundChecker
from auroraql.frontends.repl.controller_protocol import LazyController, ReplController, ReplOptions
from auroraql.frontends.repl.history import open_history
from auroraql.frontends.repl.line_editor import call_in_event_loop, call_when_shown, complete_current_text, line_editor


def run_repl(
    title: str,
    make: Callable[[ReplOptions, TextIO], ReplController],
    *,
    switches: ReplOptions | None = None,
    stream: TextIO | None = None,
    history: Path | None = None,
    input: Input | None = None,
    output: Output | None = None,
) -> None:
    """Run the loop until the user leaves. Print `title` first.

    `make` builds the controller on another thread after the prompt is drawn. An error that it raises is raised here
    when the first statement needs the controller.
    """
    stream = stream or sys.stdout
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    switches = switches or ReplOptions(color=stream.isatty() and not plain)
    controller = LazyController(lambda: make(switches, stream))
    checker = BackgroundChecker(lambda text: _check_text(controller.current, text))
    editor = line_editor(switches, controller, checker, open_history(history), input=input, output=output)
    checker.shown = editor.app.invalidate

    def loaded() -> None:
        checker.start()
        # A new lexer makes the editor highlight the text that was typed before it loaded.
        editor.lexer = controller.get().lexer if switches.color else None
        call_in_event_loop(editor, lambda: complete_current_text(editor))

    def tell() -> None:
        with set_app(editor.app):
            run_in_terminal(lambda: _print_notifications(switches, stream))

    switches.notices.above = lambda: call_in_event_loop(editor, tell)
    call_when_shown(editor, lambda: controller.start(loaded))
    stream.write(f"{title}\n")
    stream.flush()
    while not switches.done and _read_and_run(editor, switches, controller, stream):
        pass
    if controller.current is not None:
        controller.current.close()


def _read_and_run(
    editor: PromptSession[str], switches: ReplOptions, controller: LazyController, stream: TextIO
) -> bool:
    """Read one text and run it. Return whether the session continues."""
    draft, switches.draft = switches.draft, ""
    typed = True
    try:
        _print_notifications(switches, stream)
        text = editor.prompt(default=draft)
        typed = False
        if text.strip():
            controller.get().run(text)
    except KeyboardInterrupt:
        # When the line has text, Ctrl-C only clears it.
        if controller.current is not None and not (typed and editor.default_buffer.text):
            controller.current.on_interrupt()
    except EOFError:
        return False
    return True


def _print_notifications(switches: ReplOptions, stream: TextIO) -> None:
    """Print the pending notifications."""
    for text, rings in switches.notices.take():
        bell = "\a" if rings and stream.isatty() else ""
        stream.write(f"{bell}{make_visible(text)}\n")
    stream.flush()


def _check_text(controller: ReplController | None, text: str) -> Sequence[Diagnostic]:
    """Return the diagnostics of the text, or a warning about an internal error.

    An error in the background check must not end typing.
    """
    try:
        return controller.check(text) if controller is not None else ()
    except Exception as fault:
        message = f"AuroraQL could not check this text ({type(fault).__name__}: {fault})"
        return (
            Diagnostic("fault", message, hint="please report this bug; the text can still be run", severity="warning"),
        )


def banner(name: str, *, demonstration: bool) -> str:
    """Return the first line of a session: version, archive and how to get help."""
    origin = f"{name} (demonstration data)" if demonstration else name
    return f"AuroraQL {__version__} · {origin} · Type \\? for help."
