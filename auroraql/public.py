"""The functions of the package that need no archive: parse and translate."""

from __future__ import annotations

from typing import Any

from auroraql.errors import Source
from auroraql.forms import script
from auroraql.inputs import StatementLike, source_of
from auroraql.syntax import Statement
from auroraql.translation import translate_source
from auroraql.warning import warn


def parse(statement: StatementLike) -> Statement:
    """Return the syntax tree of one statement, in any form. Raises StatementError."""
    return script.read_one(source_of(statement)).statement


def parse_script(text: str | Source) -> tuple[Statement, ...]:
    """The syntax trees of a script's statements, in order. Raises StatementError."""
    return tuple(read.statement for read in script.read(Source.of(text)))


def translate(statement: StatementLike, /, to: str, **parameters: object) -> str | dict[str, Any]:
    """Return one statement in another form.

    `statement` is text in any form, a query document as a dict, or a search object of AuroraX's client. `to` is one of
    aql, json, sentence, plan, python and curl; json and plan come as dicts, the others as text. `$name` in the statement
    takes the keyword argument `name`. Raises StatementError when the statement is wrong or that form cannot say it, and
    UsageError for an unknown form. What else is worth knowing is reported by `warnings.warn` (`AuroraQLWarning`).
    """
    source = source_of(statement)
    translation = translate_source(source, to, parameters=parameters)
    warn(translation.warnings, source)
    return translation.output
