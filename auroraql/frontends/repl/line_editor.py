"""The line editor: prompt, colours, completion, suggestions and toolbar."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.cursor_shapes import ModalCursorShapeConfig
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.layout.processors import TabsProcessor
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import BaseStyle, DynamicStyle, Style, merge_styles

from auroraql.config.definitions import THEMES
from auroraql.diagnostics.errors import Diagnostic, make_visible
from auroraql.frontends.repl.background_checks import (
    BackgroundChecker,
    UnderlineProcessor,
    format_fix_key,
    format_one_line,
    nearest_diagnostic,
)
from auroraql.frontends.repl.controller_protocol import LazyController, ReplOptions
from auroraql.frontends.repl.key_bindings import active_keys, key_bindings

_LONGEST = 100_000
_MAX_SUGGESTION_ENTRIES = 1_000

PROMPT = "auroraql> "
CONTINUATION = "     ...> "

PROMPT_STYLES = {
    "auto-suggestion": "ansibrightblack",
    "error": "underline ansired",
    "warning": "underline ansiyellow",
    "bottom-toolbar": "noreverse",
    "toolbar.error": "ansired",
    "toolbar.warning": "ansiyellow",
    "toolbar.keys": "ansibrightblack",
}
"""Styles of everything except the text itself, for every theme."""

# Only the named ANSI colours: every terminal chooses them to suit its background.
_STYLE = Style.from_dict(
    {
        "pygments.keyword": "bold",
        "pygments.keyword.type": "nobold",
        "pygments.literal.string": "ansigreen",
        "pygments.literal.number": "ansimagenta",
        "pygments.literal.date": "ansimagenta",
        "pygments.name.attribute": "ansicyan",
        "pygments.name.tag": "ansicyan",
        "pygments.name.variable": "ansiyellow",
        "pygments.comment": "ansibrightblack",
        **PROMPT_STYLES,
    }
)


class DeferredCompleter(Completer):
    """Completer that defers to the controller once it is loaded."""

    def __init__(self, controller: LazyController) -> None:
        self._controller = controller

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return the candidates at the cursor."""
        controller = self._controller.current
        return map(make_harmless, controller.complete(document, complete_event)) if controller is not None else ()


def make_harmless(candidate: Completion) -> Completion:
    """Return the candidate with every control and bidirectional character in its menu entry made visible.

    Names come from archives, files and the history; the menu draws them as they are.
    """
    shown, doc = make_visible(candidate.display_text), make_visible(candidate.display_meta_text)
    if (shown, doc) == (candidate.display_text, candidate.display_meta_text):
        return candidate
    return Completion(candidate.text, candidate.start_position, shown, doc)


class HistorySuggestions(AutoSuggest):
    """Suggestions from the history: the rest of the last line that begins with the typed text."""

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """Return the suggestion for the last line of the text."""
        line = document.text.rpartition("\n")[2]
        if not line.strip() or len(document.text) > _LONGEST:
            return None
        for entry in reversed(buffer.history.get_strings()[-_MAX_SUGGESTION_ENTRIES:]):
            for entry_line in reversed(entry.split("\n", 20)):
                if entry_line.startswith(line) and len(entry_line) > len(line):
                    return Suggestion(entry_line[len(line) :])
        return None


def line_editor(
    switches: ReplOptions,
    controller: LazyController,
    checker: BackgroundChecker,
    history: History,
    *,
    input: Input | None = None,
    output: Output | None = None,
) -> PromptSession[str]:
    """Return the prompt session of statements and commands. `input` and `output` replace the terminal in tests."""
    session: PromptSession[str] = PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=lambda _width, _line, _wraps: CONTINUATION,
        completer=DeferredCompleter(controller),
        complete_while_typing=True,
        auto_suggest=HistorySuggestions(),
        input_processors=[UnderlineProcessor(checker), TabsProcessor(char1=" ", char2=" ")],
        bottom_toolbar=lambda: render_toolbar(switches, checker, session),
        style=DynamicStyle(lambda: switches.style or _STYLE),
        vi_mode=switches.vi,
        include_default_pygments_style=False,
        color_depth=_color_depth(color=switches.color),
        cursor=ModalCursorShapeConfig(),
        history=history,
        key_bindings=key_bindings(switches, controller, lambda document: shown_diagnostic(checker, document)),
        enable_suspend=True,
        input=input,
        output=output,
    )
    session.default_buffer.on_text_changed += lambda buffer: checker.on_text(buffer.text)
    return session


def _color_depth(*, color: bool) -> ColorDepth | None:
    """Return the colour depth: one bit without colours, or None for the terminal's own depth.

    Colours that were requested explicitly are used even if NO_COLOR is set.
    """
    if not color:
        return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_8_BIT if os.environ.get("NO_COLOR") else None


def shown_diagnostic(checker: BackgroundChecker, document: Document) -> Diagnostic | None:
    """Return the diagnostic that the toolbar shows, or None."""
    return nearest_diagnostic(checker.checked.current_diagnostics(document.text), document.cursor_position)


def render_toolbar(
    switches: ReplOptions, checker: BackgroundChecker, session: PromptSession[str]
) -> StyleAndTextTuples:
    """Return the toolbar: the nearest diagnostic, or the keys with their settings."""
    document = session.default_buffer.document
    diagnostic = shown_diagnostic(checker, document)
    width = session.output.get_size().columns
    if diagnostic is not None:
        key = format_fix_key(diagnostic)
        text = format_one_line(diagnostic)[: max(width - len(key) - 2, 0) if key else width]
        style = f"class:toolbar.{diagnostic.severity}"
        return [(style, text), ("class:toolbar.keys", f"  {key}"[:width] if key else "")]
    navigating = session.app.vi_state.input_mode is InputMode.NAVIGATION
    keys = active_keys(switches, session.editing_mode, navigating=navigating)
    if switches.corrected and not document.text:
        keys = f"F6 corrects the last statement  {keys}"
    return [("class:toolbar.keys", keys[:width])]


def call_when_shown(editor: PromptSession[str], action: Callable[[], None]) -> None:
    """Call `action` after the prompt is drawn for the first time."""

    def act(_application: Application[str]) -> None:
        editor.app.after_render -= act
        action()

    editor.app.after_render += act


def call_in_event_loop(editor: PromptSession[str], action: Callable[[], None]) -> None:
    """Schedule `action` in the prompt's event loop, from any thread. Do nothing if the prompt is closed."""
    loop = editor.app.loop
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(action)


def complete_current_text(editor: PromptSession[str]) -> None:
    """Start completion of text that was typed before completion was ready, and redraw with colours."""
    if editor.default_buffer.text.strip() and editor.default_buffer.complete_state is None:
        editor.default_buffer.start_completion()
    editor.app.invalidate()


def theme_style(name: str) -> BaseStyle | None:
    """Return the style of a theme, or None for the terminal's own colours."""
    style = THEMES.get(name, name)
    if not style:
        return None
    from prompt_toolkit.styles.pygments import style_from_pygments_cls
    from pygments.styles import get_style_by_name

    return merge_styles([style_from_pygments_cls(get_style_by_name(style)), Style.from_dict(PROMPT_STYLES)])
