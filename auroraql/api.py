"""Public functions that do not need an archive: parse and translate."""

from __future__ import annotations

from typing import Any

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source, warn_diagnostics
from auroraql.language.ast import Statement
from auroraql.session.analyzer import StatementLike, to_source
from auroraql.session.translation import translate_source


def parse(statement: StatementLike) -> Statement:
    """Parse one statement, in any form, and return its syntax tree. Raises StatementError."""
    return script.read_one_statement(to_source(statement)).statement


def parse_script(text: str | Source) -> tuple[Statement, ...]:
    """Parse a script and return the syntax trees of its statements, in order. Raises StatementError."""
    return tuple(statement_read.statement for statement_read in script.read_script(Source.of(text)))


def translate(statement: StatementLike, /, to: str, **parameters: object) -> str | dict[str, Any]:
    """Return one statement in another form.

    `statement` is text in any form, a query document as a dict, or a search object of pyaurorax. `to` is one of aql,
    json, sentence, plan, python, curl, idl and notebook; json, plan and notebook return dicts, the others text. `$name` in the statement takes
    the keyword argument `name`. Warnings are reported by `warnings.warn` (`AuroraQLWarning`). Raises StatementError
    when the statement has errors or the form cannot express it, and UsageError for an unknown form.
    """
    source = to_source(statement)
    translation = translate_source(source, to, parameters=parameters)
    warn_diagnostics(translation.warnings, source)
    return translation.output
