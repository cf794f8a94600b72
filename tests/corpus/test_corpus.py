"""Every corpus case in every form: what it translates to, and that all forms mean the same."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from auroraql.codecs import script
from auroraql.diagnostics.errors import AuroraQLError, Source, StatementError, render
from auroraql.ir.query import Query
from auroraql.planner.pushdown import NativeRequest
from auroraql.queries import bind_parameters, known_values
from auroraql.resolver import resolve
from auroraql.schema import BLOCKS, KINDS
from auroraql.schema.catalogue import load_shipped
from auroraql.session.archive import connect
from auroraql.session.translation import translate_source
from tests.support import corpus_files

NOW = datetime(2021, 3, 4, 5, 6, 7)
STATEMENTS = [path for kind in KINDS for path in corpus_files.files(kind)]


def translate_or_refusal(source: Source, form: str) -> str:
    """Return a statement in one form, or the reason why the form cannot express it."""
    try:
        output = translate_source(source, form, now=NOW).output
    except StatementError as error:
        return render(error.diagnostics)
    return output if isinstance(output, str) else json.dumps(output, indent=1, ensure_ascii=False)


def meaning(text: str) -> Query:
    """Return the query of one statement."""
    return resolve(script.read_find(Source(text)), load_shipped(), now=NOW).query


def is_written(query: Query) -> bool:
    """Return whether the lists and filters of one request express the predicates exactly as written."""
    blocks = query.criteria.blocks if query.criteria is not None else ()
    parts = [(query.where, KINDS[query.kind]), *((block.where, BLOCKS[block.kind]) for block in blocks)]
    return all(NativeRequest.build(where, kind).fits for where, kind in parts)


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_a_statement_in_every_form(path: Path, update: bool) -> None:
    case = corpus_files.read(path)
    source = Source(case["statement"])
    forms = {form: translate_or_refusal(source, form) for form in ("aql", "json", "sentence", "plan")}
    corpus_files.compare(path, case, forms, update=update)


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_all_forms_of_a_statement_mean_the_same(path: Path) -> None:
    case = corpus_files.read(path)
    query = meaning(case["statement"])
    assert meaning(case["aql"]) == query
    for form in ("json", "sentence"):
        # A predicate that was expanded to lists of sources is equivalent for these sources, but is another query.
        if not case[form].startswith("error[") and query.select is None and is_written(query):
            assert meaning(case[form]) == query, form


def front_matter_diagnostics(source: Source, parameters: dict[str, list[str]]) -> str:
    """Return the diagnostics of a script's front matter and of the values for its parameters."""
    bind_parameters([source], parameters)
    return render(known_values(source, parameters)[1], source)


def session_warnings(source: Source, parameters: dict[str, object]) -> str:
    """Return the warnings of a script's statements, run on the demonstration."""
    with connect() as archive:
        answer = [render(result.warnings, source) for result in archive.run_script(source, **parameters)]
    return "\n".join(filter(None, answer))


@pytest.mark.parametrize("path", corpus_files.files("errors"), ids=lambda p: p.stem)
def test_a_wrong_statement_and_its_rendering(path: Path, update: bool) -> None:
    case = corpus_files.read(path)
    source = Source(case["statement"], "query.aql")
    try:
        parameters = json.loads(case["parameters"]) if "parameters" in case else None
        if case.get("to") == "head":
            message = front_matter_diagnostics(source, parameters or {})
        elif case.get("to") == "session":
            message = session_warnings(source, parameters or {})
        else:
            translation = translate_source(source, case.get("to", "plan"), parameters=parameters, now=NOW)
            message = render(translation.warnings, source)
    except AuroraQLError as error:
        message = str(error)
    assert message, f"{path.name}: nothing is wrong with it"
    corpus_files.compare(path, case, {"rendering": message}, update=update)
