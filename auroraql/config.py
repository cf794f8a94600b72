"""What the user has set once: the archive, the API key, the output format. Environment before file.

The file is TOML at the platform's own place for configuration. An API key is read from here or from the
environment, never from an argument, and never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import UnionType

from platformdirs import user_config_path

from auroraql.errors import UsageError
from auroraql.spelling import closest

_KEYS: dict[str, type | UnionType] = {"archive": str, "api_key": str, "format": str, "timeout": int | float}


@dataclass(frozen=True, slots=True)
class Config:
    """The settings in force; None where nothing is set."""

    archive: str = "demo"
    api_key: str | None = field(default=None, repr=False)
    format: str = "table"
    timeout: float | None = None


def read_config(environ: Mapping[str, str]) -> Config:
    """The settings of the file, with those of the environment before them.

    The file is the one that AURORAQL_CONFIG names, or the one at the platform's place if there is one.
    Raises UsageError for a file that cannot be read or sets something unknown.
    """
    named = environ.get("AURORAQL_CONFIG")
    path = Path(named) if named else user_config_path("auroraql") / "config.toml"
    settings = _read_file(path) if named or path.exists() else {}
    for key, name in (("archive", "AURORAQL_ARCHIVE"), ("api_key", "AURORAX_API_KEY"), ("format", "AURORAQL_FORMAT")):
        if environ.get(name):
            settings[key] = environ[name]
    return Config(**settings)  # type: ignore[arg-type]


def _read_file(path: Path) -> dict[str, object]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"the configuration file {path} is no UTF-8 text") from None
    import tomllib  # most users have no file, and pay nothing for reading one

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"the configuration file {path} is no TOML: {error}") from None
    for key, value in document.items():
        _check(key, value, path)
    return document


def _check(key: str, value: object, path: Path) -> None:
    if key not in _KEYS:
        near = closest(key, _KEYS, 1)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(_KEYS)}"
        raise UsageError(f"the configuration file {path} sets '{key}', which there is not", hint)
    if not isinstance(value, _KEYS[key]) or isinstance(value, bool):
        wanted = "a text, in quotes" if _KEYS[key] is str else "a number of seconds"
        raise UsageError(f"the configuration file {path} sets '{key}' to a value of the wrong type", f"give {wanted}")
    if isinstance(value, int | float) and not 0 < value < inf:
        raise UsageError(f"the configuration file {path} sets '{key}' to {value}", "give a number of seconds above 0")
