"""The keys of the prompt beyond those of every line editor: Enter, Alt-Enter and F2 to F5."""

from __future__ import annotations

from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

from auroraql.frontends.repl.behind import Late, Switches


def key_bindings(switches: Switches, behind: Late) -> KeyBindings:
    """The keys; what is behind tells whether a text can be run as it stands."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    def ends(buffer: Buffer) -> bool:
        return behind.get().submits(buffer.document) and (
            not switches.multiline or behind.get().is_command(buffer.text)
        )

    @keys.add("enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # it is in the text already
        else:
            _end_or_go_on(buffer, ends(buffer))

    @keys.add("escape", "enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        _end_or_go_on(event.current_buffer, not ends(event.current_buffer))

    @keys.add("f2")
    def _(_event: KeyPressEvent) -> None:
        switches.fuzzy = not switches.fuzzy

    @keys.add("f3")
    def _(_event: KeyPressEvent) -> None:
        switches.multiline = not switches.multiline

    @keys.add("f4")
    def _(event: KeyPressEvent) -> None:
        is_vi = event.app.editing_mode is EditingMode.VI
        event.app.editing_mode = EditingMode.EMACS if is_vi else EditingMode.VI

    @keys.add("f5", filter=typing)
    def _(event: KeyPressEvent) -> None:
        text = event.current_buffer.text
        if text.strip() and not behind.get().is_command(text):
            run_in_terminal(lambda: behind.get().explain(text))

    return keys


def _end_or_go_on(buffer: Buffer, end: bool) -> None:
    if end:
        buffer.validate_and_handle()
    else:
        buffer.newline(copy_margin=False)


def keys_in_force(switches: Switches, mode: EditingMode) -> str:
    """The keys of the toolbar and what they are set to."""
    fuzzy, several = ("on" if on else "off" for on in (switches.fuzzy, switches.multiline))
    way = "vi" if mode is EditingMode.VI else "emacs"
    return f"F2 fuzzy: {fuzzy}  F3 several lines: {several}  F4 keys: {way}  F5 explain  \\? help"
