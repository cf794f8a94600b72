"""The line editor: when Enter submits and when it opens another line, and what the text looks like."""

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
from prompt_toolkit.styles import DynamicStyle, Style

from auroraql.errors import visible
from auroraql.frontends.repl.behind import Late, Switches
from auroraql.frontends.repl.checking import Checker, Underlined, one_line, said
from auroraql.frontends.repl.keys import key_bindings, keys_in_force

_LONGEST = 100_000
_MOST_SUGGESTED_FROM = 1_000

PROMPT = "auroraql> "
CONTINUATION = "     ...> "

OURS = {
    "auto-suggestion": "ansibrightblack",
    "error": "underline ansired",
    "warning": "underline ansiyellow",
    "bottom-toolbar": "noreverse",
    "toolbar.error": "ansired",
    "toolbar.warning": "ansiyellow",
    "toolbar.keys": "ansibrightblack",
}
"""The colours of what is not the text itself, whatever the theme."""

# Only colours every terminal names itself, so that they suit its background.
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
        **OURS,
    }
)


class Candidates(Completer):
    """What may stand at the cursor, once that is known."""

    def __init__(self, behind: Late) -> None:
        self._behind = behind

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What may stand at the cursor."""
        behind = self._behind.now
        return map(harmless, behind.complete(document, complete_event)) if behind is not None else ()


def harmless(candidate: Completion) -> Completion:
    """Return the candidate with every control and bidirectional character in its menu entry made visible.

    Names come from archives, files and the history; the menu draws them as they are.
    """
    shown, doc = visible(candidate.display_text), visible(candidate.display_meta_text)
    if (shown, doc) == (candidate.display_text, candidate.display_meta_text):
        return candidate
    return Completion(candidate.text, candidate.start_position, shown, doc)


class Suggestions(AutoSuggest):
    """The rest of the last line that began so, from the history in memory."""

    def get_suggestion(self, buffer: Buffer, document: Document) -> Suggestion | None:
        """What would complete the last line of the text."""
        line = document.text.rpartition("\n")[2]
        if not line.strip() or len(document.text) > _LONGEST:
            return None
        for entry in reversed(buffer.history.get_strings()[-_MOST_SUGGESTED_FROM:]):
            for each in reversed(entry.split("\n", 20)):
                if each.startswith(line) and len(each) > len(line):
                    return Suggestion(each[len(line) :])
        return None


def line_editor(
    switches: Switches,
    behind: Late,
    checker: Checker,
    history: History,
    *,
    input: Input | None = None,
    output: Output | None = None,
) -> PromptSession[str]:
    """A prompt that reads one statement or command; `input` and `output` stand in for the terminal in tests."""
    session: PromptSession[str] = PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=lambda _width, _line, _wraps: CONTINUATION,
        completer=Candidates(behind),
        complete_while_typing=True,
        auto_suggest=Suggestions(),
        input_processors=[Underlined(checker), TabsProcessor(char1=" ", char2=" ")],
        bottom_toolbar=lambda: toolbar(switches, checker, session),
        style=DynamicStyle(lambda: switches.style or _STYLE),
        vi_mode=switches.vi,
        include_default_pygments_style=False,
        color_depth=_depth(color=switches.color),
        cursor=ModalCursorShapeConfig(),
        history=history,
        key_bindings=key_bindings(switches, behind),
        enable_suspend=True,
        input=input,
        output=output,
    )
    session.default_buffer.on_text_changed += lambda buffer: checker.typed(buffer.text)
    return session


def _depth(*, color: bool) -> ColorDepth | None:
    """How many colours: none, or (None) what the terminal has, also where NO_COLOR is set and colours were asked for."""
    if not color:
        return ColorDepth.DEPTH_1_BIT
    return ColorDepth.DEPTH_8_BIT if os.environ.get("NO_COLOR") else None


def toolbar(switches: Switches, checker: Checker, session: PromptSession[str]) -> StyleAndTextTuples:
    """The line at the bottom: what is wrong with the text, or the keys and what they are set to."""
    document = session.default_buffer.document
    found = said(checker.checked.still(document.text), document.cursor_position)
    width = session.output.get_size().columns
    if found is not None:
        return [(f"class:toolbar.{found.severity}", one_line(found)[:width])]
    navigating = session.app.vi_state.input_mode is InputMode.NAVIGATION
    keys = keys_in_force(switches, session.editing_mode, navigating=navigating)
    return [("class:toolbar.keys", keys[:width])]


def once_shown(editor: PromptSession[str], action: Callable[[], None]) -> None:
    """Does something as soon as the prompt stands there for the first time."""

    def act(_application: Application[str]) -> None:
        editor.app.after_render -= act
        action()

    editor.app.after_render += act


def in_the_loop(editor: PromptSession[str], action: Callable[[], None]) -> None:
    """Does something in the thread of the prompt, if it still stands there; may be called from any."""
    loop = editor.app.loop
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(action)


def complete_what_stands_there(editor: PromptSession[str]) -> None:
    """Offers what could not be offered while it was typed; the colours come, too."""
    if editor.default_buffer.text.strip() and editor.default_buffer.complete_state is None:
        editor.default_buffer.start_completion()
    editor.app.invalidate()
