"""What the user has set once. An option comes before a variable, a variable before the profile, that before the file.

The file is TOML at the platform's own place for configuration. An API key is read from it or from the environment,
never from an argument, and never shown; a key of the file goes to the archive it was written for, and to no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_config_path

from auroraql.config.file import File, Problem, Put, no_profile, read_file
from auroraql.config.rows import FILE_VARIABLE, PROFILE, PROFILE_VARIABLE, ROWS, Row, Unfit, Value
from auroraql.errors import UsageError
from auroraql.spelling import closest

__all__ = ["Config", "File", "Problem", "config_file", "read_config", "unknown_variables"]

_OURS = "AURORAQL_"
_NO_SETTINGS = frozenset((FILE_VARIABLE, PROFILE_VARIABLE))
_AURORAX = "aurorax"


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force, by name; `origins` tells in words where each is from."""

    values: Mapping[str, Value] = field(repr=False)
    origins: Mapping[str, str]
    file: File
    profile: str = ""
    withheld: str = ""
    """Where a key is from that is not for this archive, and is not sent to it."""

    @property
    def archive(self) -> str:
        """What is searched."""
        return str(self.values["archive"])

    @property
    def api_key(self) -> str:
        """The key for it; empty when there is none."""
        return str(self.values["api_key"] or "")

    @property
    def format(self) -> str:
        """How results are shown."""
        return str(self.values["format"])

    @property
    def timeout(self) -> float:
        """The deadline of a search, in seconds."""
        return float(self.values["timeout"] or 0)

    @property
    def color(self) -> str:
        """Whether to colour: auto, always or never."""
        return str(self.values["color"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said before anything is done with it."""
        return tuple(each.said(self.file.path) for each in self.file.problems if each.severity == "warning")

    def text(self, name: str) -> str:
        """A setting that is a text; empty when it is not set."""
        return str(self.values[name] or "")

    def is_on(self, name: str) -> bool:
        """Whether a switch is on."""
        return bool(self.values[name])


def config_file(environ: Mapping[str, str]) -> Path:
    """The file that AURORAQL_CONFIG names, or the one at the platform's own place."""
    named = environ.get(FILE_VARIABLE)
    return Path(named) if named else user_config_path("auroraql") / "config.toml"


def read_config(
    environ: Mapping[str, str], options: Mapping[str, Value] | None = None, *, checked: bool = False
) -> Config:
    """The settings of the options given, the environment, the profile and the file, the first that has each.

    Raises UsageError for a file that cannot be read or is wrong, a variable that is, a profile there is not; with
    `checked` also for what would only be known when it is used.
    """
    path = config_file(environ)
    file = read_file(path, checked=checked)
    if environ.get(FILE_VARIABLE) and not file.there:
        raise UsageError(f"the configuration file {path} cannot be read: there is none", f"see {FILE_VARIABLE}")
    for each in file.problems:
        if each.severity == "error":
            more = sum(other.severity == "error" for other in file.problems) - 1
            hint = (
                f"{each.hint}{'; ' if each.hint else ''}auroraql config validate says {more} more"
                if more
                else each.hint
            )
            raise UsageError(f"the configuration file {path}:{each.line}:{each.column}: {each.message}", hint)
    return _Layers(environ, options or {}, file, checked=checked).config()


class _Layers:
    """The places a setting may come from, first to last."""

    def __init__(self, environ: Mapping[str, str], options: Mapping[str, Value], file: File, *, checked: bool) -> None:
        self._environ, self._options, self._file, self._checked = environ, options, file, checked
        self._profile, self._profile_from = self._chosen()

    def config(self) -> Config:
        """All settings. Raises UsageError for a variable that is wrong."""
        found = {name: self._found(row) for name, row in ROWS.items() if not row.secret}
        values = {name: value for name, (value, _) in found.items()}
        origins = {name: origin for name, (_, origin) in found.items()}
        values["api_key"], origins["api_key"], withheld = self._key(str(values["archive"]))
        origins[PROFILE] = self._profile_from
        return Config(values, origins, self._file, self._profile, withheld)

    def _chosen(self) -> tuple[str, str]:
        """The profile, and where it is chosen: by --profile, by the variable, in the file."""
        written = self._file.profile
        for chosen, origin in (
            (self._options.get(PROFILE), f"option --{PROFILE}"),
            (self._environ.get(PROFILE_VARIABLE), f"environment {PROFILE_VARIABLE}"),
            (written and written.value, written and self._at("", written)),
        ):
            if chosen:
                if chosen not in self._file.profiles:
                    raise UsageError(*no_profile(str(chosen), self._file.profiles))
                return str(chosen), str(origin)
        return "", "default"

    def _found(self, row: Row) -> tuple[Value, str]:
        if self._options.get(row.name) is not None:
            return self._options[row.name], f"option --{row.name}"
        from_variable = self._variable(row)
        if from_variable is not None:
            return from_variable
        for name, settings in self._tables():
            if row.name in settings:
                return settings[row.name].value, self._at(name, settings[row.name])
        return row.default, "default"

    def _variable(self, row: Row) -> tuple[Value, str] | None:
        for name in row.variables:
            text = self._environ.get(name)
            if text or (text is not None and row.may_be_empty):
                return self._read(row, name, text), f"environment {name}"
        return None

    def _read(self, row: Row, name: str, text: str) -> Value:
        """The value of a variable. Raises UsageError."""
        try:
            value = row.read(text, True)
            if self._checked:
                row.check(value)
        except Unfit as unfit:
            raise UsageError(f"{name} sets '{row.name}' {unfit.message}", unfit.hint) from None
        return value

    def _tables(self) -> Iterator[tuple[str, Mapping[str, Put]]]:
        if self._profile:
            yield self._profile, self._file.profiles[self._profile]
        yield "", self._file.settings

    def _at(self, profile: str, put: Put) -> str:
        return f"{f'profile {profile}, ' if profile else ''}{self._file.path}:{put.line}"

    def _key(self, archive: str) -> tuple[Value, str, str]:
        """The key for an archive, where it is from, and where one is from that is for another."""
        from_variable = self._variable(ROWS["api_key"])
        withheld = ""
        if from_variable is not None:
            if _may_have(archive, from_variable[1]):
                return *from_variable, ""
            withheld = from_variable[1]
        for name, settings in self._tables():
            if "api_key" in settings:
                origin = self._at(name, settings["api_key"])
                if not _takes_keys(archive) or (
                    _is_same(self._archive_of(settings), archive) and _may_have(archive, origin)
                ):
                    return settings["api_key"].value, origin, ""
                withheld = withheld or origin
        return None, "default", withheld

    def _archive_of(self, settings: Mapping[str, Put]) -> str:
        """The archive that the key of a table is for: the table's own, else the file's, if it is one that takes keys."""
        for table in (settings, self._file.settings):
            if "archive" in table:
                named = str(table["archive"].value)
                return named if _takes_keys(named) else _AURORAX
        return _AURORAX


def _takes_keys(archive: str) -> bool:
    return archive == _AURORAX or "://" in archive


def _may_have(archive: str, origin: str) -> bool:
    """Whether a key from a variable or a file may be sent to an archive: AURORAX_API_KEY to AuroraX alone."""
    from auroraql.archives.endpoints import is_aurorax, may_carry_key, url_of  # only where there is a key

    if not _takes_keys(archive):
        return True
    url = url_of(archive)
    return may_carry_key(url) and (is_aurorax(url) or not origin.endswith(" AURORAX_API_KEY"))


def _is_same(one: str, other: str) -> bool:
    """Whether two names are of one service."""
    return one == other or (_takes_keys(one) and _takes_keys(other) and _address(one) == _address(other))


def _address(archive: str) -> str:
    from auroraql.archives.opening import AURORAX_URL  # only where there is a key, and an archive named in another way

    url = AURORAX_URL if archive == _AURORAX else archive
    return url.rstrip("/").removesuffix("/api/v1").rstrip("/").lower()


def unknown_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The variables that look like settings and are none, each with the way out."""
    known = {name for row in ROWS.values() for name in row.variables} | _NO_SETTINGS
    found = []
    for name in sorted(environ):
        if name.startswith(_OURS) and name not in known:
            near = closest(name, known, 1)
            found.append((name, f"did you mean {near[0]}?" if near else "it is no setting"))
    return found
