"""The line editor: when Enter submits and when it opens another line, and what the text looks like."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.styles import Style

from auroraql.errors import AuroraQLError
from auroraql.forms.script import is_complete
from auroraql.frontends.lexer import AuroraQLLexer
from auroraql.frontends.repl.commands import is_command

PROMPT = "auroraql> "
CONTINUATION = "     ...> "

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
    }
)


def submits(document: Document) -> bool:
    """Whether Enter ends the text here: a command, a complete statement, or a blank line after anything."""
    text = document.text
    if not text.strip() or is_command(text):
        return True
    on_blank_line = document.is_cursor_at_the_end and "\n" in text and not document.current_line.strip()
    if on_blank_line:
        return True
    try:
        return is_complete(text)
    except AuroraQLError:
        return True  # running it says what is wrong


def line_editor(history: History, *, color: bool, input: Input | None, output: Output | None) -> PromptSession[str]:
    """A prompt that reads one statement or command; `input` and `output` stand in for the terminal in tests."""
    return PromptSession(
        PROMPT,
        multiline=True,
        prompt_continuation=lambda _width, _line, _wraps: CONTINUATION,
        lexer=PygmentsLexer(AuroraQLLexer) if color else None,
        style=_STYLE,
        include_default_pygments_style=False,
        color_depth=None if color else ColorDepth.DEPTH_1_BIT,
        history=history,
        key_bindings=_keys(),
        enable_suspend=True,
        input=input,
        output=output,
    )


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if submits(buffer.document):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=False)

    return keys


def once_shown(editor: PromptSession[str], action: Callable[[], None]) -> None:
    """Does something as soon as the prompt stands there for the first time."""

    def act(_application: Application[str]) -> None:
        editor.app.after_render -= act
        action()

    editor.app.after_render += act
