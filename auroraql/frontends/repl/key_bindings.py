"""Key bindings of the prompt beyond the defaults: Enter, Alt-Enter, Ctrl-X Ctrl-E and F2 to F6."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import emacs_mode, has_focus, has_selection, vi_navigation_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode

from auroraql.diagnostics.errors import Diagnostic, Span
from auroraql.frontends.repl.controller_protocol import LazyController, ReplController, ReplOptions


def key_bindings(
    switches: ReplOptions, controller: LazyController, find_fix: Callable[[Document], Diagnostic | None]
) -> KeyBindings:
    """Return the key bindings.

    The controller decides whether Enter runs the text. `find_fix` returns the diagnostic whose fix F6 applies, if any.
    """
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    def ends(buffer: Buffer) -> bool:
        return controller.get().submits(buffer.document) and (
            not switches.multiline or vi_navigation_mode() or controller.get().is_command(buffer.text)
        )

    @keys.add("enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None  # the candidate is already in the text
        else:
            _submit_or_continue(buffer, ends(buffer))

    # Only in Emacs mode: in vi mode Escape followed quickly by Enter are two keys, and Enter runs the text.
    @keys.add("escape", "enter", filter=typing & emacs_mode)
    def _(event: KeyPressEvent) -> None:
        _submit_or_continue(event.current_buffer, not ends(event.current_buffer))

    @keys.add("c-x", "c-e", filter=typing & emacs_mode & ~has_selection)
    @keys.add("v", filter=typing & vi_navigation_mode)
    def _(event: KeyPressEvent) -> None:
        event.app.create_background_task(_edit_buffer(event.current_buffer, controller.get()))

    @keys.add("f5", filter=typing)
    def _(event: KeyPressEvent) -> None:
        text = event.current_buffer.text
        if text.strip() and not controller.get().is_command(text):
            run_in_terminal(lambda: controller.get().explain(text))

    @keys.add("f6", filter=typing)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        corrected = _corrected_document(buffer.document, find_fix(buffer.document), switches)
        if corrected is not None:
            buffer.save_to_undo_stack()
            buffer.document = corrected

    _add_option_keys(keys, switches)
    return keys


def _corrected_document(document: Document, diagnostic: Diagnostic | None, switches: ReplOptions) -> Document | None:
    """Return the text with the fix of a diagnostic or, at an empty prompt, the corrected last statement."""
    if not document.text and switches.corrected:
        return Document(switches.corrected, len(switches.corrected))
    if diagnostic is None or diagnostic.fix is None or not isinstance(diagnostic.origin, Span):
        return None
    start, end, fix = diagnostic.origin.start, diagnostic.origin.end, diagnostic.fix
    return Document(document.text[:start] + fix + document.text[end:], start + len(fix))


def _add_option_keys(keys: KeyBindings, switches: ReplOptions) -> None:
    """Add F2 to F4, which toggle options."""

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


def _submit_or_continue(buffer: Buffer, end: bool) -> None:
    if end:
        buffer.validate_and_handle()
        return
    if vi_navigation_mode():  # the cursor is on a letter, so open a line below it
        buffer.cursor_position += buffer.document.get_end_of_line_position()
        get_app().vi_state.input_mode = InputMode.INSERT
    buffer.newline(copy_margin=False)


async def _edit_buffer(buffer: Buffer, controller: ReplController) -> None:
    """Open the text in the external editor. Run the edited text if it is complete, else put it at the prompt."""
    text = await run_in_terminal(lambda: controller.edit(buffer.text), in_executor=True)
    if text is not None:
        buffer.document = Document(text, len(text))
        if text.strip() and controller.submits(buffer.document):
            buffer.validate_and_handle()


def active_keys(switches: ReplOptions, mode: EditingMode, *, navigating: bool = False) -> str:
    """Return the keys of the toolbar with their settings. `navigating` is True in vi's normal mode."""
    fuzzy, multiline = ("on" if on else "off" for on in (switches.fuzzy, switches.multiline))
    key_mode = ("vi normal" if navigating else "vi") if mode is EditingMode.VI else "emacs"
    return f"F2 fuzzy: {fuzzy}  F3 multiline: {multiline}  F4 keys: {key_mode}  F5 explain  \\? help"
