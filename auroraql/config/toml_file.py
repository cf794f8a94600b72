"""The configuration file: TOML settings with their lines, and the problems found with their positions."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from auroraql.config.definitions import PROFILE, PROFILES, SETTING_DEFINITIONS, InvalidSetting, Value
from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.diagnostics.suggestions import find_closest


class FileValue(NamedTuple):
    """A value in the file, and its line."""

    value: Value
    line: int

    def __repr__(self) -> str:
        """Return the line only: the value may be an API key."""
        return f"Put(line={self.line})"


class ConfigProblem(NamedTuple):
    """A problem in the file: line and column (from 1), message, hint and severity."""

    line: int
    column: int
    message: str
    hint: str = ""
    severity: str = "error"

    def format(self, path: Path) -> str:
        """Return the problem as text for users."""
        place = f"{make_visible(str(path))}:{self.line}:{self.column}"
        hint = f"\n  = hint: {make_visible(self.hint)}" if self.hint else ""
        return f"{self.severity}: {place}: {make_visible(self.message)}{hint}"


@dataclass(slots=True)
class ConfigFile:
    """A configuration file: its own settings, its profiles, and all problems."""

    path: Path
    there: bool = False
    settings: dict[str, FileValue] = field(default_factory=dict)
    profiles: dict[str, dict[str, FileValue]] = field(default_factory=dict)
    profile: FileValue | None = None
    problems: list[ConfigProblem] = field(default_factory=list)


def read_file(path: Path, *, checked: bool = False) -> ConfigFile:
    """Return the parsed file, or an empty one when there is no file. Raises UsageError when it cannot be read.

    With `checked`, values are also validated as far as that is otherwise left to their first use.
    """
    file = ConfigFile(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # a link to nothing
        return file
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"the configuration file {make_visible(str(path))} cannot be read: {reason}") from None
    file.there = True
    _ConfigFileReader(file, data, checked=checked).read()
    return file


class _ConfigFileReader:
    """Parser of one file. It records each problem with its position."""

    def __init__(self, file: ConfigFile, data: bytes, *, checked: bool) -> None:
        self._file, self._data, self._text, self._checked = file, data, "", checked

    def read(self) -> None:
        """Parse the file into the `ConfigFile` object."""
        try:
            self._text = self._data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self._data.count(b"\n", 0, error.start) + 1
            self._problem((line, 1), "the file is not valid UTF-8", "save it as UTF-8")
            return
        import tomllib  # deferred: most users have no file

        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            self._problem(*_parse_toml_error(str(error), self._text))
            return
        except RecursionError:
            self._problem((1, 1), "the file is not valid TOML: it nests too deep")
            return
        self._table(document)
        self._warn_of_readable_key()

    def _table(self, document: dict[str, Any]) -> None:
        for key, value in document.items():
            if key == PROFILES:
                self._profiles(value)
            elif key == PROFILE:
                self._selected_profile(value)
            else:
                self._setting((), key, value, self._file.settings)
        profile = self._file.profile
        if profile is not None and profile.value not in self._file.profiles:
            message, hint = unknown_profile_message(str(profile.value), self._file.profiles)
            self._problem(self._place((), PROFILE, of_value=True), message, hint)

    def _selected_profile(self, value: object) -> None:
        if isinstance(value, str):
            self._file.profile = FileValue(value, self._place((), PROFILE)[0])
        else:
            hint = "write the name of a profile, in quotes"
            self._problem(self._place((), PROFILE), f"this sets '{PROFILE}' to a value of the wrong type", hint)

    def _profiles(self, value: object) -> None:
        if not isinstance(value, dict):
            message = f"this sets '{PROFILES}', which must contain tables"
            self._problem(self._place((), PROFILES), message, "write a profile as [profiles.NAME]")
            return
        for name, settings in value.items():
            if not isinstance(settings, dict):
                hint = f"write it as [profiles.{name}]"
                self._problem(self._place((PROFILES,), name), f"the profile '{name}' is not a table", hint)
                continue
            profile = self._file.profiles.setdefault(name, {})
            for key, setting in settings.items():
                self._setting((PROFILES, name), key, setting, profile)

    def _setting(self, table: tuple[str, ...], key: str, value: object, into: dict[str, FileValue]) -> None:
        row = SETTING_DEFINITIONS.get(key)
        place = self._place(table, key)
        if row is None:
            known = SETTING_DEFINITIONS if table else (*SETTING_DEFINITIONS, PROFILE, PROFILES)
            matches = find_closest(key, known, 1)
            hint = f"did you mean {matches[0]}?" if matches else f"the settings are {', '.join(known)}"
            self._problem(place, f"unknown setting '{key}'", hint)
            return
        try:
            into[key] = FileValue(row.read(value, False), place[0])
            if self._checked:
                row.check(into[key].value)
        except InvalidSetting as unfit:
            message = f"this sets '{key}' {unfit.message}"
            self._problem(self._place(table, key, of_value=True), message, unfit.hint)

    def _warn_of_readable_key(self) -> None:
        keys = [
            settings["api_key"]
            for settings in (self._file.settings, *self._file.profiles.values())
            if "api_key" in settings
        ]
        if keys and os.name == "posix" and stat.S_IMODE(self._file.path.stat().st_mode) & 0o077:
            message = "the file contains an API key and is readable by others"
            self._problem((keys[0].line, 1), message, f"chmod 600 {self._file.path}", "warning")

    def _problem(self, place: tuple[int, int], message: str, hint: str = "", severity: str = "error") -> None:
        self._file.problems.append(ConfigProblem(*place, message, hint, severity))

    def _place(self, table: tuple[str, ...], key: str, *, of_value: bool = False) -> tuple[int, int]:
        """Return line and column of a key, or of its value with `of_value`; (1, 1) for a key in unusual notation."""
        for path, line, column, value_column in _toml_keys(self._text):
            if path == (*table, key):
                return line, value_column if of_value else column
        return 1, 1


def unknown_profile_message(name: str, profiles: Mapping[str, object]) -> tuple[str, str]:
    """Return the message and the hint for an unknown profile."""
    matches = find_closest(name, profiles, 1, 0.5)
    known = f"the profiles are {', '.join(profiles)}" if profiles else "the configuration file has no profile"
    return f"unknown profile '{name}'", f"did you mean {matches[0]}?" if matches else known


_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_DOTTED = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_TABLE = rf"[ \t]*\[[ \t]*(?P<path>{_DOTTED})[ \t]*\]"
_KEY = rf"[ \t]*(?P<path>{_DOTTED})[ \t]*=[ \t]*"


def _toml_keys(text: str) -> Iterator[tuple[tuple[str, ...], int, int, int]]:
    """Yield each key of a TOML text as a path, with its line, its column and the column of its value."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        header = re.match(_TABLE, line)
        if header is not None:
            table = _path_parts(header["path"])
            yield table, number, header.start("path") + 1, header.start("path") + 1
            continue
        key = re.match(_KEY, line)
        if key is not None:
            yield (*table, *_path_parts(key["path"])), number, key.start("path") + 1, key.end() + 1


def _path_parts(path: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, path))


def _parse_toml_error(error_text: str, text: str) -> tuple[tuple[int, int], str]:
    """Return the position and the message of a TOML parser error."""
    match = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)", error_text)
    if match is None:
        return (1, 1), f"the file is not valid TOML: {error_text}"
    lines = text.split("\n")
    place = (int(match[1]), int(match[2])) if match[1] else (len(lines), len(lines[-1]) + 1)
    return place, f"the file is not valid TOML: {error_text[: match.start()]}"
