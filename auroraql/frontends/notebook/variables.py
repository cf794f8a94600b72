"""Python variables as parameters: `$name` in a statement takes the value of the variable of that name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from auroraql.diagnostics.errors import Diagnostic, Source, StatementError, UsageError
from auroraql.diagnostics.suggestions import find_closest
from auroraql.language_service.words import script_words
from auroraql.queries import find_uses, known_values

_PLAIN = (str, int, float, Decimal, date, datetime, timedelta)
"""Types that parameters have. A bool is an int, and a pandas Timestamp a datetime."""

_SEQUENCES = (list, tuple, set, frozenset)

_MAX_DEPTH = 8
"""Nesting levels of lists. A list may contain itself."""

_ARRAY_PACKAGES = ("numpy", "pandas", "polars", "pyarrow")

_PARAMETER = re.compile(r"\$(\w+)")

_FINER_UNITS = ("[ns", "[ps", "[fs", "[as")
"""Units of numpy's times that Python's times do not have: `tolist` would make integers of them."""


def parameter_values(text: str, namespace: Mapping[str, object]) -> dict[str, object]:
    """Return the values of the variables that the parameters of a script name.

    A parameter without a variable has the default of the script's front matter, or is left out. Raises UsageError for a
    variable whose type a parameter cannot have.
    """
    names = {use.name for use in find_uses(Source(text)).each} | set(_typed_names(text))
    defaults = {name: value for name, value in known_values(Source(text), {})[0].items() if name in names}
    variables = {name: to_parameter(name, namespace[name]) for name in sorted(names) if name in namespace}
    return defaults | variables


def _typed_names(text: str) -> Sequence[str]:
    """Return the parameters of statements that cannot be parsed."""
    return [word[1:] for statement in script_words(text) for word in statement.words if word.type == "PARAM"]


def explain_missing_variables(error: StatementError, namespace: Mapping[str, object]) -> StatementError:
    """Return the error with parameters that have no value reported as Python variables that do not exist."""
    diagnostics = [_name_variable(diagnostic, namespace) for diagnostic in error.diagnostics]
    return StatementError(diagnostics, error.source, error.questions)


def _name_variable(diagnostic: Diagnostic, namespace: Mapping[str, object]) -> Diagnostic:
    parameter = _PARAMETER.search(diagnostic.message)
    if diagnostic.code != "AQL0206" or parameter is None:
        return diagnostic
    name = parameter[1]
    similar = find_closest(name, [other for other in namespace if not other.startswith("_")], 1)
    hint = f"did you mean ${similar[0]}?" if similar else f"set it in Python first: {name} = …"
    message = f"the Python variable '{name}' does not exist"
    return replace(diagnostic, message=message, label="takes the value of this variable", hint=hint)


def to_parameter(name: str, value: object, depth: int = 0) -> object:
    """Return a Python value as a parameter: numpy scalars as Python's, and arrays, Series and sets as lists.

    Raises UsageError for a value that a parameter cannot have.
    """
    if _is_missing(value):
        raise UsageError(f"the variable '{name}' has no value ({value}), so ${name} has none", "give it a value")
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _SEQUENCES) and depth < _MAX_DEPTH:
        return [to_parameter(name, item, depth + 1) for item in value]
    converted = _from_array(value)
    if converted is value:
        where = "a value of the type" if depth else "the type"
        raise UsageError(
            f"the variable '{name}' has {where} {type(value).__name__}, which ${name} cannot have",
            "use a text, a number, a date, a time, or a list of them",
        )
    return to_parameter(name, converted, depth)


def _is_missing(value: object) -> bool:
    """Return whether a value is None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return isinstance(value, float | Decimal) and value != value  # noqa: PLR0124 - only NaN differs from itself


def _from_array(value: Any) -> Any:
    """Return a value of numpy, pandas, polars or pyarrow as Python's own. Return other values unchanged."""
    if type(value).__module__.partition(".")[0] not in _ARRAY_PACKAGES:
        return value
    dtype = str(getattr(value, "dtype", ""))
    if any(unit in dtype for unit in _FINER_UNITS) and type(value).__module__.startswith("numpy"):
        value = value.astype(f"{dtype.partition('[')[0]}[us]")
    for method in ("to_pylist", "tolist", "to_list", "as_py"):
        if hasattr(value, method):
            return getattr(value, method)()
    return value
