"""Hover: what is known about the word at a position, as Markdown.

The word decides: a value is explained by the field that it is compared with, a name by the searched kind of record, a
`$parameter` by its declaration, a time by the interval that it means, and a keyword or function by its help.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from auroraql.completion.keywords import Keyword
from auroraql.diagnostics.errors import Source, Span, make_visible
from auroraql.ir.times import TimeError, read_literal, write_interval
from auroraql.language.ast import Token
from auroraql.language_service.facts import (
    Fact,
    FieldFact,
    FunctionFact,
    KeyFact,
    KeywordFact,
    KindFact,
    SourcesFact,
    field_facts,
    find_facts,
    fold_name,
    key_facts,
    source_facts,
    word_facts,
)
from auroraql.language_service.words import NAME_TERMINALS, StatementWords, statement_at
from auroraql.queries import read_front_matter
from auroraql.schema import BLOCKS
from auroraql.schema.catalogue import Catalogue, DataSource
from auroraql.schema.source_fields import SOURCE_FIELDS

_MAX_ROWS = 8
"""Maximum number of values or sources that a hover text lists."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|~-])")


@dataclass(frozen=True, slots=True)
class Hover:
    """Hover text: the span of the word, and the facts about it as Markdown."""

    span: Span
    markdown: str


def hover_at(
    text: str, offset: int, catalogue: Catalogue, results: Mapping[str, Sequence[str]] | None = None
) -> Hover | None:
    """Return the hover text at an offset, or None where nothing is known.

    `results` has the columns of the stored results by name.
    """
    statement = statement_at(text, offset)
    index = statement.word_at(offset) if statement is not None else None
    if statement is None or index is None:
        return None
    word = statement.words[index]
    lines = list(_explain(text, statement, index, catalogue, results or {}))
    return Hover(Span(word.start_pos, word.end_pos), "\n\n".join(lines)) if lines else None


def _explain(
    text: str, statement: StatementWords, index: int, catalogue: Catalogue, results: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    word = statement.words[index]
    match word.type:
        case "PARAM":
            yield from _explain_parameter(text, word[1:])
        case "STRING":
            yield from _explain_value(statement, index, catalogue)
        case "DATETIME" | "MONTH" | "NUMBER":
            yield from _explain_time(word)
        case "NAME" | "QNAME":
            yield from _explain_name(statement, index, catalogue, results)
        case _:
            yield from _explain_word(statement, index, catalogue)


def _explain_parameter(text: str, name: str) -> Iterator[str]:
    declaration = read_front_matter(Source(text)).get_declaration(name)
    if declaration is None:
        yield f"**${name}**: a parameter. Its value is given when the statement runs."
        return
    default = f", by default {code_span(declaration.default)}" if declaration.default is not None else ""
    doc = f" {escape_markdown(declaration.doc)}" if declaration.doc else ""
    yield f"**${name}**: {declaration.describe_type}{default}.{doc}"


def _explain_value(statement: StatementWords, index: int, catalogue: Catalogue) -> Iterator[str]:
    """Explain a text by the field that it is compared with."""
    chosen = statement.scope_before(index + 1).chosen
    if not chosen:
        return
    field, value = chosen[0].rpartition(".")[2].lower(), fold_name(chosen[-1])
    if field in (source_field.bare for source_field in SOURCE_FIELDS):
        for fact in source_facts(catalogue, value, field):
            yield from explain_fact(fact)
        return
    key_fact = next(key_facts(catalogue, field), None)
    if key_fact is not None:
        known = " It is one of the known values." if value in map(str.casefold, key_fact.key.values) else ""
        yield f"A value of {code_span(key_fact.key.name)}: {escape_markdown(_as_sentence(key_fact.key.doc))}{known}"


def _explain_time(word: Token) -> Iterator[str]:
    try:
        interval = read_literal(word)
    except TimeError:
        return
    if interval.past is None:
        yield f"**{word}**: the instant `{interval.first.isoformat(sep=' ')}` UTC"
    else:
        first, last = write_interval(interval).split("/")
        yield f"**{word}**: the interval from `{first}` to `{last}` UTC"


def _explain_name(
    statement: StatementWords, index: int, catalogue: Catalogue, results: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    word = statement.words[index]
    folded = fold_name(word)
    if _is_called(statement, index):
        yield from _explain_word(statement, index, catalogue)
        return
    if folded in results:
        columns = ", ".join(code_span(column) for column in results[folded])
        yield f"**{folded}**: a stored result with the columns {columns}"
        return
    path = _path_at(statement.words, index)
    kind = statement.scope_before(index).scope.kind.lower()
    fields = [fact for fact in field_facts(catalogue, path) if not kind or kind in (k.name for k in fact.kinds)]
    keys = [fact for fact in key_facts(catalogue, path) if not kind or fact.kind == kind]
    # A value without quotes, such as `program = trex`, is explained as a value.
    facts: Sequence[Fact] = fields or keys or list(find_facts(catalogue, path))
    for fact in facts:
        yield from explain_fact(fact)


def _path_at(words: Sequence[Token], index: int) -> str:
    """Return the dotted path up to a name: `nbtrace.lat` at `lat`."""
    parts = [fold_name(words[index])]
    while index >= 2 and words[index - 1].type == "DOT" and words[index - 2].type in NAME_TERMINALS:
        index -= 2
        parts.insert(0, fold_name(words[index]))
    return ".".join(parts)


def _is_called(statement: StatementWords, index: int) -> bool:
    return index + 1 < len(statement.words) and statement.words[index + 1] == "("


def _explain_word(statement: StatementWords, index: int, catalogue: Catalogue) -> Iterator[str]:
    """Explain a kind of record, a block, a function or a keyword."""
    word = statement.words[index]
    for kind_fact in find_facts(catalogue, word):
        if isinstance(kind_fact, KindFact):
            yield from explain_fact(kind_fact)
            return
    is_called = _is_called(statement, index) and word.lower() not in BLOCKS
    for word_fact in word_facts(word, is_called=is_called):
        yield from explain_fact(word_fact)


def explain_fact(fact: Fact) -> Iterator[str]:
    """Yield the paragraphs of a fact as Markdown."""
    match fact:
        case KindFact(kind, keys):
            yield f"**{kind.name}**: {escape_markdown(kind.doc)}"
            yield "fields: " + ", ".join(code_span(leaf.bare) for leaf in kind.leaves())
            if keys:
                yield "metadata keys: " + ", ".join(code_span(key.name) for key in keys)
        case FieldFact(field, kinds, values):
            unit = f" in {field.unit}" if field.unit else ""
            of = ", ".join(kind.name for kind in kinds)
            yield f"**{field.name}**: {field.type.value}{unit}, of {of}. {escape_markdown(_as_sentence(field.doc))}"
            yield from _list_values(values)
        case KeyFact(key, kind_name):
            unit = f" in {key.unit}" if key.unit else ""
            yield f"**{key.name}**: {key.type.value}{unit}, metadata of {kind_name}. {escape_markdown(_as_sentence(key.doc))}"
            if key.programs:
                yield "programs: " + ", ".join(code_span(program) for program in key.programs)
            yield from _list_values(key.values)
        case SourcesFact(value, fields, sources):
            sources_word = "data source" if len(sources) == 1 else "data sources"
            yield f"**{escape_markdown(value)}**: the {' and '.join(fields)} of {len(sources)} {sources_word}"
            yield _source_list(sources)
        case FunctionFact(function, help):
            yield f"**{function.signature}**: {escape_markdown(function.doc)}"
            yield _example(help)
        case KeywordFact(keyword):
            yield f"**{keyword.word}**: {escape_markdown(keyword.doc)}"
            yield _example(keyword)


def _example(keyword: Keyword) -> str:
    return f"```auroraql\n{keyword.example}\n```"


def _list_values(values: Sequence[str]) -> Iterator[str]:
    if values:
        shown = ", ".join(code_span(value) for value in values[:_MAX_ROWS])
        more = f" and {len(values) - _MAX_ROWS} more" if len(values) > _MAX_ROWS else ""
        yield f"known values: {shown}{more}"


def _source_list(sources: Sequence[DataSource]) -> str:
    rows = [
        f"- {escape_markdown(s.display_name)}: {escape_markdown(s.program)}, {escape_markdown(s.platform)}, "
        f"{escape_markdown(s.instrument_type)} ({s.identifier})"
        for s in sources[:_MAX_ROWS]
    ]
    if len(sources) > _MAX_ROWS:
        rows.append(f"- and {len(sources) - _MAX_ROWS} more")
    return "\n".join(rows)


def _as_sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def escape_markdown(text: str) -> str:
    """Return a text whose characters have no meaning in Markdown or HTML, on one line."""
    return html.escape(_MARKDOWN.sub(r"\\\1", make_visible(text)), quote=False)


def code_span(text: str) -> str:
    """Return a text as a Markdown code span on one line. A backtick becomes an apostrophe, which cannot end the span."""
    visible = make_visible(text).replace("`", "'")
    return f"`{visible}`"
