"""Python variables as parameters: `$name` in a statement takes the value of the variable of that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from auroraql.diagnostics.errors import Source, UsageError
from auroraql.language_service.words import script_words
from auroraql.queries import find_uses

_PLAIN = (str, int, float, Decimal, date, datetime, timedelta)
"""Types that parameters have. A bool is an int, and a pandas Timestamp a datetime."""

_SEQUENCES = (list, tuple, set, frozenset)


def parameter_values(text: str, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the values of the variables that the parameters of a script name.

    A parameter without a variable is left out. Raises UsageError for a variable whose type a parameter cannot have.
    """
    names = {use.name for use in find_uses(Source(text)).each} | set(_typed_names(text))
    return {name: to_parameter(name, namespace[name]) for name in sorted(names) if name in namespace}


def _typed_names(text: str) -> Sequence[str]:
    """Return the parameters of statements that cannot be parsed."""
    return [word[1:] for statement in script_words(text) for word in statement.words if word.type == "PARAM"]


def to_parameter(name: str, value: object) -> object:
    """Return a Python value as a parameter: numpy scalars as Python's, and arrays, Series and sets as lists."""
    if isinstance(value, _PLAIN) or value is None:
        return value
    if isinstance(value, _SEQUENCES):
        return [to_parameter(name, item) for item in value]
    converted = _from_numpy(value)
    if converted is value:
        raise UsageError(
            f"the variable '{name}' has the type {type(value).__name__}, which ${name} cannot have",
            "use a text, a number, a date, a time, or a list of them",
        )
    return to_parameter(name, converted)


def _from_numpy(value: Any) -> Any:
    """Return a value of numpy or pandas as Python's own. Return other values unchanged."""
    package = type(value).__module__.partition(".")[0]
    if package not in ("numpy", "pandas", "polars", "pyarrow"):
        return value
    dtype = str(getattr(value, "dtype", ""))
    if dtype.startswith("datetime64") and hasattr(value, "astype"):
        value = value.astype("datetime64[us]")  # from nanoseconds, `tolist` would make integers
    for method in ("to_pylist", "tolist", "to_list", "item", "as_py"):
        if hasattr(value, method):
            return getattr(value, method)()
    return value
