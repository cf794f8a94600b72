"""Settings that an editor sends: `{"archive": "aurorax", "parameters": {"day": "2021-01-01"}}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SECTION = "auroraql"
"""Name under which editors may nest the settings."""


@dataclass(frozen=True, slots=True)
class EditorSettings:
    """The settings of an editor. Parameters have their texts, as on the command line."""

    archive: str = ""
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """Messages about settings that are ignored."""


def read_settings(settings: Any) -> EditorSettings:
    """Return the settings in a JSON value. Other members are ignored: editors send settings of their own, too."""
    if isinstance(settings, Mapping) and isinstance(settings.get(SECTION), Mapping):
        settings = settings[SECTION]
    if not isinstance(settings, Mapping):
        return EditorSettings()
    archive, parameters = settings.get("archive") or "", settings.get("parameters") or {}
    problems = []
    if not isinstance(archive, str):
        archive, problems = "", ["the setting archive is not a text"]
    if not isinstance(parameters, Mapping):
        parameters, problems = {}, [*problems, "the setting parameters is not an object of names and values"]
    texts = {str(name).removeprefix("$"): tuple(_read_texts(value)) for name, value in parameters.items()}
    problems += [
        f"the setting parameters.{name} has no text, number or list of them" for name in texts if not texts[name]
    ]
    return EditorSettings(archive, {name: value for name, value in texts.items() if value}, tuple(problems))


def _read_texts(value: Any) -> Iterator[str]:
    """Yield the texts of a parameter's value: of each item of a list, otherwise of the value."""
    values = value if isinstance(value, list | tuple) else (value,)
    if all(isinstance(item, str | int | float) for item in values):
        yield from (str(item).lower() if isinstance(item, bool) else str(item) for item in values)
