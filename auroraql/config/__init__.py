"""Configuration. Precedence: command-line option, environment variable, profile, file, default.

The file is TOML in the platform's configuration folder. An API key comes from the file or the environment, never from
an argument, and is never shown. A key of the file is only sent to the archive that it was written for.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_config_path, user_data_path

from auroraql.config.definitions import (
    FILE_VARIABLE,
    PROFILE,
    PROFILE_VARIABLE,
    SETTING_DEFINITIONS,
    InvalidSetting,
    SettingDefinition,
    Value,
)
from auroraql.config.toml_file import ConfigFile, ConfigProblem, FileValue, read_file, unknown_profile_message
from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.engines.registry import AURORAX, find_engine

__all__ = ["Config", "ConfigFile", "ConfigProblem", "config_file", "read_config", "unknown_variables"]

_OURS = "AURORAQL_"
_NO_SETTINGS = frozenset((FILE_VARIABLE, PROFILE_VARIABLE))


@dataclass(frozen=True, slots=True)
class Config:
    """The effective settings by name. `origins` describes where each value comes from."""

    values: Mapping[str, Value] = field(repr=False)
    origins: Mapping[str, str]
    file: ConfigFile
    profile: str = ""
    withheld: str = ""
    """Origin of a key that is not sent, because it belongs to another archive."""

    @property
    def archive(self) -> str:
        """The archive to search: a name, a path or a URL."""
        return str(self.values["archive"])

    @property
    def api_key(self) -> str:
        """The API key for the archive, or an empty text."""
        return str(self.values["api_key"] or "")

    @property
    def format(self) -> str:
        """The output format."""
        return str(self.values["format"])

    @property
    def timeout(self) -> float:
        """Deadline of a search in seconds."""
        return float(self.values["timeout"] or 0)

    @property
    def color(self) -> str:
        """When to use colours: auto, always or never."""
        return str(self.values["color"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the file, to print at start."""
        return tuple(problem.format(self.file.path) for problem in self.file.problems if problem.severity == "warning")

    def text(self, name: str) -> str:
        """Return a text setting, or an empty text when it is not set."""
        return str(self.values[name] or "")

    def is_on(self, name: str) -> bool:
        """Return whether a boolean setting is on."""
        return bool(self.values[name])


def config_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the file: AURORAQL_CONFIG, or `config.toml` in the platform's configuration folder."""
    override = environ.get(FILE_VARIABLE)
    return Path(override) if override else user_config_path("auroraql") / "config.toml"


def read_config(
    environ: Mapping[str, str], options: Mapping[str, Value] | None = None, *, checked: bool = False
) -> Config:
    """Return the effective settings of options, environment, profile and file.

    Raises UsageError for an unreadable or invalid file, an invalid variable, and an unknown profile. With `checked`,
    also for values that are otherwise only rejected when they are used.
    """
    path = config_file(environ)
    file = ConfigFile(path) if _is_absent(path) else read_file(path, checked=checked)
    if environ.get(FILE_VARIABLE) and not file.there:
        raise UsageError(f"the configuration file {path} does not exist", f"see {FILE_VARIABLE}")
    for problem in file.problems:
        if problem.severity == "error":
            remaining = sum(other.severity == "error" for other in file.problems) - 1
            hint = (
                f"{problem.hint}{'; ' if problem.hint else ''}auroraql config validate reports {remaining} more"
                if remaining
                else problem.hint
            )
            raise UsageError(f"the configuration file {path}:{problem.line}:{problem.column}: {problem.message}", hint)
    return _ConfigLayers(environ, options or {}, file, checked=checked).config()


def _is_absent(path: Path) -> bool:
    """Return whether the file does not exist. A file that cannot be read exists."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # reading it reports the reason
        return False
    return False


class _ConfigLayers:
    """The sources of settings, in order of precedence."""

    def __init__(
        self, environ: Mapping[str, str], options: Mapping[str, Value], file: ConfigFile, *, checked: bool
    ) -> None:
        self._environ, self._options, self._file, self._checked = environ, options, file, checked
        self._profile, self._profile_from = self._select_profile()

    def config(self) -> Config:
        """Return all settings. Raises UsageError for an invalid variable."""
        settings = {name: self._find_setting(row) for name, row in SETTING_DEFINITIONS.items() if not row.secret}
        values = {name: value for name, (value, _) in settings.items()}
        origins = {name: origin for name, (_, origin) in settings.items()}
        values["api_key"], origins["api_key"], withheld = self._find_api_key(str(values["archive"]))
        origins[PROFILE] = self._profile_from
        return Config(values, origins, self._file, self._profile, withheld)

    def _select_profile(self) -> tuple[str, str]:
        """Return the profile and its origin: the option --profile, the variable, or the file."""
        in_file = self._file.profile
        for name, origin in (
            (self._options.get(PROFILE), f"option --{PROFILE}"),
            (self._environ.get(PROFILE_VARIABLE), f"environment {PROFILE_VARIABLE}"),
            (in_file and in_file.value, in_file and self._value_at("", in_file)),
        ):
            if name:
                if name not in self._file.profiles:
                    raise UsageError(*unknown_profile_message(str(name), self._file.profiles))
                return str(name), str(origin)
        return "", "default"

    def _find_setting(self, row: SettingDefinition) -> tuple[Value, str]:
        if self._options.get(row.name) is not None:
            return self._options[row.name], f"option --{row.name}"
        from_variable = self._variable(row)
        if from_variable is not None:
            return from_variable
        for name, settings in self._tables():
            if row.name in settings:
                return settings[row.name].value, self._value_at(name, settings[row.name])
        return row.default, "default"

    def _variable(self, row: SettingDefinition) -> tuple[Value, str] | None:
        for name in row.variables:
            text = self._environ.get(name)
            if text or (text is not None and row.may_be_empty):
                return self._read(row, name, text), f"environment {name}"
        return None

    def _read(self, row: SettingDefinition, name: str, text: str) -> Value:
        """Return the value of a variable. Raises UsageError when it is invalid."""
        try:
            value = row.read(text, True)
            if self._checked:
                row.check(value)
        except InvalidSetting as unfit:
            raise UsageError(f"{name} sets '{row.name}' {unfit.message}", unfit.hint) from None
        return value

    def _tables(self) -> Iterator[tuple[str, Mapping[str, FileValue]]]:
        if self._profile:
            yield self._profile, self._file.profiles[self._profile]
        yield "", self._file.settings

    def _value_at(self, profile: str, put: FileValue) -> str:
        return f"{f'profile {profile}, ' if profile else ''}{self._file.path}:{put.line}"

    def _find_api_key(self, archive: str) -> tuple[Value, str, str]:
        """Return the key for an archive, its origin, and the origin of a key that belongs to another archive."""
        from_variable = self._variable(SETTING_DEFINITIONS["api_key"])
        withheld = ""
        if from_variable is not None:
            if _may_receive_key(archive, from_variable[1]):
                return *from_variable, ""
            withheld = from_variable[1]
        for name, settings in self._tables():
            if "api_key" in settings:
                origin = self._value_at(name, settings["api_key"])
                if not find_engine(archive).takes_api_key or (
                    _is_same_service(self._archive_of(settings), archive) and _may_receive_key(archive, origin)
                ):
                    return settings["api_key"].value, origin, ""
                withheld = withheld or origin
        return None, "default", withheld

    def _archive_of(self, settings: Mapping[str, FileValue]) -> str:
        """Return the archive that the key of a table belongs to.

        This is the archive of the table, else of the file, if it is one that takes keys; AuroraX otherwise.
        """
        for table in (settings, self._file.settings):
            if "archive" in table:
                archive = str(table["archive"].value)
                return archive if find_engine(archive).takes_api_key else AURORAX
        return AURORAX


def _may_receive_key(archive: str, origin: str) -> bool:
    """Return whether a key of this origin may be sent to an archive. AURORAX_API_KEY is only sent to AuroraX."""
    from auroraql.engines.registry import is_aurorax, may_carry_key  # deferred: only needed for a key

    definition = find_engine(archive)
    if not definition.takes_api_key:
        return True
    url = definition.address(archive)
    return may_carry_key(url) and (is_aurorax(url) or not origin.endswith(" AURORAX_API_KEY"))


def _is_same_service(one: str, other: str) -> bool:
    """Return whether two names mean the same service."""
    return one == other or (
        find_engine(one).takes_api_key
        and find_engine(other).takes_api_key
        and _normalized_address(one) == _normalized_address(other)
    )


def _normalized_address(archive: str) -> str:
    return find_engine(archive).address(archive).rstrip("/").removesuffix("/api/v1").rstrip("/").lower()


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the environment variables that look like settings but are not, each with a hint."""
    known = {name for row in SETTING_DEFINITIONS.values() for name in row.variables} | _NO_SETTINGS
    unknown = []
    for name in sorted(environ):
        if name.startswith(_OURS) and name not in known:
            matches = find_closest(name, known, 1)
            unknown.append((name, f"did you mean {matches[0]}?" if matches else "it is not a setting"))
    return unknown


_OPTIONS = ("archive", "format", "timeout", "color", "profile")


def effective_config(options: argparse.Namespace, *, checked: bool = False) -> Config:
    """Return the settings of a command, validated when `checked`. Raises UsageError for an invalid setting."""
    return read_config(os.environ, {name: getattr(options, name, None) for name in _OPTIONS}, checked=checked)


def query_folders(config: Config) -> tuple[Path, Path]:
    """Return the folders of saved queries: the working folder, and the user's folder, where new ones are stored."""
    return Path(), user_query_folder(config)


def user_query_folder(config: Config) -> Path:
    """Return the user's folder of saved queries."""
    named = config.text("queries")
    return Path(named).expanduser() if named else user_data_path("auroraql") / "queries"
