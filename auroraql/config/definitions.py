"""Definitions of the settings, one row each: description, type, default and environment variables.

This module loads before the first prompt, so validation that needs other modules imports them on demand.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import NamedTuple

from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.engines.registry import find_engine

Value = str | float | bool | None


class InvalidSetting(ValueError):
    """A value that a setting cannot have. `message` continues the sentence "this sets 'name'"."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class SettingDefinition(NamedTuple):
    """Definition of a setting.

    Attributes:
        name: Name in the file.
        doc: Description for help.
        read: Convert a value of the file, or the text of a variable if the flag is True. Raises InvalidSetting.
        default: Value when nothing sets it.
        variables: Environment variables. The first one that is set counts.
        secret: Whether the value must never be shown.
    """

    name: str
    doc: str
    read: Callable[[object, bool], Value]
    default: Value
    variables: tuple[str, ...]
    secret: bool = False
    may_be_empty: bool = False
    """Whether an empty variable is a value."""
    check: Callable[[Value], None] = lambda _value: None
    """Validate a value where that needs further imports. Raises InvalidSetting. Called only with `checked`."""


def _type_checker(hint: str) -> InvalidSetting:
    return InvalidSetting("to a value of the wrong type", hint)


def _check_text(value: object, _is_text: bool) -> Value:
    if not isinstance(value, str):
        raise _type_checker("write a string, in quotes")
    return value


_SECONDS_HINT = "write a positive number of seconds, or a number with a unit, such as 10m"


def _check_seconds(value: object, _is_text: bool) -> Value:
    from auroraql.ir.times import TimeError, read_seconds

    number = value
    if isinstance(value, str):
        try:
            number = read_seconds(value)
        except TimeError:
            raise _type_checker(_SECONDS_HINT) from None
    if not isinstance(number, int | float) or isinstance(number, bool):
        raise _type_checker(_SECONDS_HINT)
    if not 0 < number < inf:
        raise InvalidSetting(f"to {value}", _SECONDS_HINT)
    return float(number)


_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


def _check_switch(value: object, is_text: bool) -> Value:
    switch = _WORDS.get(str(value).lower()) if is_text else value
    if not isinstance(switch, bool):
        raise _type_checker("write true or false")
    return switch


def _choice_checker(*words: str) -> Callable[[object, bool], Value]:
    def read(value: object, is_text: bool) -> Value:
        text = str(_check_text(value, is_text)).lower()
        if text not in words:
            raise InvalidSetting(f"to '{value}'", f"write one of {', '.join(words)}")
        return text

    return read


def _check_format(value: Value) -> None:
    from auroraql.rendering import get_format  # deferred: the prompt appears before the formats are loaded

    try:
        get_format(str(value))
    except UsageError as error:
        raise InvalidSetting(f"to '{value}': {error.message}", error.hint) from None


def _check_address(value: Value) -> None:
    definition = find_engine(str(value))
    if not definition.check:
        return
    try:
        definition.load(definition.check)(str(value))
    except UsageError as error:
        raise InvalidSetting(f"wrongly: {error.message}", error.hint) from None


def _check_theme(value: object, is_text: bool) -> Value:
    text = str(_check_text(value, is_text)).lower()
    if text not in THEMES:
        from pygments.styles import STYLE_MAP, get_all_styles  # deferred: only needed for a style of Pygments

        if text not in STYLE_MAP and text not in (styles := sorted(get_all_styles())):
            matches = find_closest(text, (*THEMES, *styles), 1)
            nearest = f"did you mean {matches[0]}? " if matches else ""
            raise InvalidSetting(
                f"to '{value}'", f"{nearest}write {', '.join(THEMES)}, or a Pygments style such as monokai"
            )
    return text


COLORS = ("auto", "always", "never")

KEYS = ("emacs", "vi")

THEMES = {"terminal": "", "light": "friendly", "dark": "native"}
"""Our names for Pygments styles. The empty style is the terminal's own colours, which suit any background."""

SETTING_DEFINITIONS = {
    row.name: row
    for row in (
        SettingDefinition("archive", "the archive to search: demo, a catalogue file, aurorax, or a URL", _check_text, "demo",
            ("AURORAQL_ARCHIVE",), check=_check_address),
        SettingDefinition("api_key", "the API key of the archive", _check_text, None, ("AURORAQL_API_KEY", "AURORAX_API_KEY"), secret=True),
        SettingDefinition("format", "the format of results", _check_text, "table", ("AURORAQL_FORMAT",), check=_check_format),
        SettingDefinition("timeout", "the timeout of a search, in seconds or with a unit, such as 10m", _check_seconds, 600.0, ("AURORAQL_TIMEOUT",)),
        SettingDefinition("color", "when to use colour: auto (on a terminal), always or never", _choice_checker(*COLORS), "auto",
            ("AURORAQL_COLOR",)),
        SettingDefinition("theme", "the colours of the prompt: terminal, light, dark, or a Pygments style", _check_theme, "terminal",
            ("AURORAQL_THEME",)),
        SettingDefinition("keys", "the keys of the prompt: emacs or vi", _choice_checker(*KEYS), "emacs", ("AURORAQL_KEYS",)),
        SettingDefinition("fuzzy", "whether completion also finds names by some of their letters (F2)", _check_switch, True, ("AURORAQL_FUZZY",)),
        SettingDefinition("multiline", "whether Enter always starts a new line at the prompt (F3)", _check_switch, False, ("AURORAQL_MULTILINE",)),
        SettingDefinition("timing", "whether the prompt shows where the time went (\\timing)", _check_switch, False, ("AURORAQL_TIMING",)),
        SettingDefinition("pager", "the command that shows long results on a terminal (default PAGER, or less); empty for none", _check_text, None,
            ("AURORAQL_PAGER",), may_be_empty=True),
        SettingDefinition("queries", "the folder of saved queries", _check_text, None, ("AURORAQL_QUERIES",)),
    )
}  # fmt: skip
"""Every setting by name. A profile may set all of them."""

PROFILE, PROFILES, PROFILE_VARIABLE, FILE_VARIABLE = "profile", "profiles", "AURORAQL_PROFILE", "AURORAQL_CONFIG"
