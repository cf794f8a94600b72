"""The functions of the package that need no archive: parse and translate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from auroraql.errors import Source
from auroraql.forms import query_json, script
from auroraql.syntax import Statement
from auroraql.translation import translate_find, translate_source


def parse(text: str | Source) -> Statement:
    """The syntax tree of one statement, in whatever form it is written. Raises StatementError."""
    return script.read_one(Source.of(text)).statement


def parse_script(text: str | Source) -> tuple[Statement, ...]:
    """The syntax trees of a script's statements, in order. Raises StatementError."""
    return tuple(read.statement for read in script.read(Source.of(text)))


def translate(statement: str | Source | Mapping[str, Any], /, to: str, **parameters: object) -> str | dict[str, Any]:
    """One statement in another form: `to` is aql, json, sentence or plan.

    The statement is text (in any form) or a query document as a dict. JSON and plan are given as dicts, the
    others as text. Raises StatementError when it is wrong, or when that form cannot say it.
    """
    if isinstance(statement, Mapping):
        return translate_find(query_json.lift(dict(statement)), to, parameters=parameters).output
    return translate_source(Source.of(statement), to, parameters=parameters).output
