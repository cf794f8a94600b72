"""The settings of a session: what SET changes and SHOW SETTINGS lists, one row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite

from auroraql.diagnostics.errors import UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.language.ast import BooleanLiteral, NumberLiteral, Parameter, Path, SetStatement, TextLiteral
from auroraql.rendering import FORMATS, get_format
from auroraql.resolver.times import TimeError, unit_seconds
from auroraql.resolver.values import OperandResolver, SemanticError

Value = str | float

_LONGEST = 1e9
"""Seconds; a deadline beyond it is a slip."""


_ON, _OFF = _SWITCH = ("on", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its name, what it is for, and how a value written for it is read."""

    name: str
    doc: str
    read: Callable[[object, str], Value]
    """From a plain value and its unit. Raises ValueError with the way out."""
    unit: str = ""
    values: tuple[str, ...] = ()
    """Those it can have, where they are few."""


class Settings:
    """The values in force, and those at the beginning, which DEFAULT goes back to."""

    def __init__(self, *, timeout: float, format: str = "table") -> None:
        self._defaults: dict[str, Value] = {
            "timeout": float(timeout),
            "format": get_format(format).name,
            "bell": _ON,
        }
        self._values = dict(self._defaults)

    @property
    def timeout(self) -> float:
        """The deadline of a search, in seconds."""
        return float(self._values["timeout"])

    @property
    def format(self) -> str:
        """How results are shown: the name of a format."""
        return str(self._values["format"])

    @property
    def bell(self) -> bool:
        """Whether a terminal rings when a search ends that took long."""
        return self._values["bell"] == _ON

    def set_front_end_format(self, *, format: str) -> None:
        """Takes a front end's own format, as DEFAULT too. Raises UsageError for one there is not."""
        self._defaults["format"] = self._values["format"] = get_format(format).name

    def set_format(self, name: str) -> None:
        """Takes a format. Raises UsageError for one there is not."""
        self._values["format"] = get_format(name).name

    def set_value(self, name: str, value: Value | None) -> str:
        """Takes a value that `read_set` gave, None for the default; what to say of it."""
        self._values[name] = self._defaults[name] if value is None else value
        return f"{name} is {format_setting(name, self._values[name])}"

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Name, value, default and doc of every setting."""
        return [
            (
                row.name,
                format_setting(row.name, self._values[row.name]),
                format_setting(row.name, self._defaults[row.name]),
                row.doc,
            )
            for row in SETTINGS.values()
        ]


def read_set(statement: SetStatement, values: OperandResolver) -> Value | None:
    """The value that a SET gives its setting; None for DEFAULT. Raises Fault for what there is not, or cannot be."""
    row = SETTINGS.get(statement.name.lower())
    if row is None:
        near = find_closest(statement.name.lower(), SETTINGS, 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTINGS)}"
        raise SemanticError(
            "AQL0223", f"there is no setting '{statement.name}'", statement.origin, "unknown setting", hint
        )
    if statement.value is None:
        return None
    origin = getattr(statement.value, "origin", None)
    try:
        return row.read(*_plain_operand(statement.value, values))
    except ValueError as error:
        raise SemanticError("AQL0224", f"'{row.name}' cannot have this value", origin, "here", str(error)) from None


def format_setting(name: str, value: Value) -> str:
    """A setting's value as people read it."""
    unit = SETTINGS[name].unit
    return f"{value:g} {unit}" if isinstance(value, float) else str(value)


def _plain_operand(operand: object, values: OperandResolver) -> tuple[object, str]:
    """What was written, as a plain value, and its unit. A bare word is a text."""
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
    hint = "write a number of seconds above 0, or a length of time, as 5 minutes"
    try:
        number = float(value) if isinstance(value, int | float | Decimal | str) and not isinstance(value, bool) else 0.0
        found = number * (unit_seconds(unit) if unit else 1)
    except (TimeError, KeyError, ValueError, OverflowError):
        raise ValueError(hint) from None
    if not isfinite(found) or not 0 < found < _LONGEST:
        raise ValueError(hint)
    return found


def _check_format(value: object, unit: str) -> Value:
    try:
        return get_format(value if isinstance(value, str) and not unit else "").name
    except UsageError:
        near = find_closest(str(value).lower(), FORMATS, 1)
        raise ValueError(f"did you mean {near[0]}?" if near else f"one of {', '.join(FORMATS)}") from None


def _check_switch(value: object, unit: str) -> Value:
    said = {True: _ON, False: _OFF}.get(value) if isinstance(value, bool) else str(value).lower()
    if said not in _SWITCH or unit:
        raise ValueError(f"{_ON} or {_OFF}")
    return said


SETTINGS = {
    row.name: row
    for row in (
        Setting("timeout", "the deadline of a search", _check_seconds, "s"),
        Setting("format", "the format of results", _check_format, values=tuple(FORMATS)),
        Setting(
            "bell",
            "whether the terminal bell rings when a long search ends in the background",
            _check_switch,
            values=_SWITCH,
        ),
    )
}
"""Every setting by its name."""
