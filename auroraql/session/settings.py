"""Settings of a session, which SET changes and SHOW SETTINGS lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.ir.times import TimeError, read_seconds, unit_seconds
from auroraql.language.ast import BooleanLiteral, NumberLiteral, Parameter, Path, SetStatement, TextLiteral
from auroraql.rendering import FORMATS, get_format
from auroraql.resolver.values import OperandResolver, SemanticError

Value = str | float

_MAX_TIMEOUT_SECONDS = 1e9
"""Maximum timeout in seconds. A longer one is rejected as a typing error."""


_ON, _OFF = _SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting with its name, description and parser."""

    name: str
    doc: str
    read: Callable[[object, str], Value]
    """Parser of a plain value and its unit. Raises ValueError with a hint."""
    unit: str = ""
    values: tuple[str, ...] = ()
    """Allowed values, for a setting with a fixed list."""


class Settings:
    """Current values of the settings, and the initial values that DEFAULT restores."""

    def __init__(self, *, timeout: float, format: str = "table") -> None:
        self._defaults: dict[str, Value] = {
            "timeout": float(timeout),
            "format": get_format(format).name,
            "bell": _ON,
        }
        self._values = dict(self._defaults)

    @property
    def timeout(self) -> float:
        """Timeout of a search, in seconds."""
        return float(self._values["timeout"])

    @property
    def format(self) -> str:
        """Name of the format in which results are printed."""
        return str(self._values["format"])

    @property
    def bell(self) -> bool:
        """Whether the terminal bell rings when a long search finishes."""
        return self._values["bell"] == _ON

    def set_front_end_format(self, *, format: str) -> None:
        """Set the format of a front end, also as the default. Raises UsageError for an unknown format."""
        self._defaults["format"] = self._values["format"] = get_format(format).name

    def set_format(self, name: str) -> None:
        """Set the format. Raises UsageError for an unknown format."""
        self._values["format"] = get_format(name).name

    def set_value(self, name: str, value: Value | None) -> str:
        """Set a value returned by `read_set`, or restore the default for None. Return a note for the user."""
        self._values[name] = self._defaults[name] if value is None else value
        return f"{name} is {format_setting(name, self._values[name])}"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return the name, value, default and description of every setting."""
        return [
            (
                setting.name,
                format_setting(setting.name, self._values[setting.name]),
                format_setting(setting.name, self._defaults[setting.name]),
                setting.doc,
            )
            for setting in SETTINGS.values()
        ]


def read_set(statement: SetStatement, values: OperandResolver) -> Value | None:
    """Return the value that a SET assigns, or None for DEFAULT. Raises SemanticError for an unknown setting or value."""
    setting = SETTINGS.get(statement.name.lower())
    if setting is None:
        near = find_closest(statement.name.lower(), SETTINGS, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTINGS)}"
        raise SemanticError(
            "AQL0223", f"the setting '{statement.name}' does not exist", statement.origin, "unknown setting", hint
        )
    if statement.value is None:
        return None
    origin = getattr(statement.value, "origin", None)
    try:
        return setting.read(*_plain_operand(statement.value, values))
    except ValueError as error:
        raise SemanticError(
            "AQL0224", f"'{setting.name}' cannot have this value", origin, "invalid", str(error)
        ) from None


def format_setting(name: str, value: Value) -> str:
    """Return a setting's value as text, with its unit."""
    unit = SETTINGS[name].unit
    return f"{value:g} {unit}" if isinstance(value, float) else str(value)


def _plain_operand(operand: object, values: OperandResolver) -> tuple[object, str]:
    """Return an operand as a plain value, and its unit. An unquoted word is a string."""
    match operand:
        case NumberLiteral(text, unit):
            return float(text), unit
        case TextLiteral(text):
            return text, ""
        case Path():
            return operand.dotted, ""
        case BooleanLiteral(value):
            return value, ""
        case Parameter():
            return values.parameter(operand), ""
        case _:
            return None, ""


def _check_seconds(value: object, unit: str) -> Value:
    hint = "write a positive number of seconds, or a duration such as 5 minutes"
    try:
        if isinstance(value, str):
            seconds = read_seconds(value)
        else:
            number = float(value) if isinstance(value, int | float | Decimal) and not isinstance(value, bool) else 0.0
            seconds = number * (unit_seconds(unit) if unit else 1)
    except (TimeError, KeyError, ValueError, OverflowError):
        raise ValueError(hint) from None
    if not isfinite(seconds) or not 0 < seconds < _MAX_TIMEOUT_SECONDS:
        raise ValueError(hint)
    return seconds


def _check_format(value: object, unit: str) -> Value:
    try:
        return get_format(value if isinstance(value, str) and not unit else "").name
    except UsageError:
        near = find_closest(str(value).lower(), FORMATS, 1)
        raise ValueError(f"did you mean {near[0]}?" if near else f"the formats are {', '.join(FORMATS)}") from None


def _check_switch(value: object, unit: str) -> Value:
    text = {True: _ON, False: _OFF}.get(value) if isinstance(value, bool) else str(value).lower()
    if text not in _SWITCH or unit:
        raise ValueError(f"write {_ON} or {_OFF}")
    return text


SETTINGS = {
    row.name: row
    for row in (
        Setting("timeout", "how long a search may take", _check_seconds, "s"),
        Setting("format", "the format of results", _check_format, values=tuple(FORMATS)),
        Setting(
            "bell",
            "whether the terminal bell rings when a long background search finishes",
            _check_switch,
            values=_SWITCH,
        ),
    )
}
"""Settings by name."""
