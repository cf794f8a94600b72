"""Every construct of the grammar has a corpus case that proves it. The page of them is generated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import lark

from auroraql.codecs import script
from auroraql.diagnostics.errors import Source
from auroraql.language import grammar
from auroraql.language.splitter import StatementPiece, split_script
from auroraql.schema.operators import OPERATORS
from tests.conftest import ROOT
from tests.support import corpus_files

PAGE = ROOT / "grammar" / "CONFORMANCE.md"

HEAD = """# Conformance

Every rule, keyword and operator of the grammar, with cases of the corpus (`tests/corpus`) that use it. Each case is a
statement with all that becomes of it: canonical text, query JSON, describe sentence, plan, or what is printed. The page
is generated, and a test fails for a construct that no case uses (`pytest tests/language/test_conformance.py --update`).
"""

FOLDERS = ("data_products", "ephemeris", "conjunctions", "scripts")

SHOWN = 3
"""Number of cases named for each construct; the others are counted."""

INNER = {"plain_name", "listing", "kind", "block_kind", "any", "all", "default", "predicate", "primary", "group"}
"""Rules that stand for a word, which is listed as a keyword, or for parentheses."""


@cache
def plain_parser() -> lark.Lark:
    """Return the parser without AuroraQL's callbacks: its plain Lark trees name the rules used."""
    return lark.Lark(
        grammar.grammar_text(), parser="lalr", lexer="contextual", start=[grammar.START], maybe_placeholders=False
    )


def statement_rules() -> set[str]:
    """Return the rules and their named alternatives that a statement can consist of."""
    rules = set()
    for rule in plain_parser().rules:
        if rule.alias or not (rule.options.expand1 and len(rule.expansion) == 1):
            rules.add(str(rule.alias or rule.origin.name))
    return {name for name in rules if not name.startswith("_")} - INNER


def used_constructs() -> Iterator[tuple[str, str]]:
    """Return each construct with the cases that use it."""
    for folder in FOLDERS:
        for path in corpus_files.files(folder):
            text = corpus_files.read(path)["statement"]
            case = f"{folder}/{path.stem}"
            for piece in split_script(text):
                assert isinstance(piece, StatementPiece), case
                yield f"form {piece.form}", case
                if piece.form == "text":
                    yield from ((construct, case) for construct in constructs(text[piece.start : piece.end]))


def constructs(text: str) -> Iterator[str]:
    """Return the rules, keywords and comparison operators of one statement."""
    tree = plain_parser().parse(text)
    for part in tree.iter_subtrees():
        yield f"rule {part.data}"
    for token in tree.scan_values(lambda value: isinstance(value, lark.Token)):
        yield f"keyword {token.type}" if token.type in grammar.grammar_keywords() else f"word {token.type}"
    statement = script.read_one_statement(Source(text)).statement
    shown = repr(statement)
    for name in OPERATORS:
        if f"operator={name!r}" in shown:
            yield f"operator {name}"


@cache
def table() -> dict[str, list[str]]:
    cases: dict[str, list[str]] = defaultdict(list)
    for construct, case in used_constructs():
        if case not in cases[construct]:
            cases[construct].append(case)
    return cases


def test_every_construct_has_a_case() -> None:
    expected = {f"rule {name}" for name in statement_rules()}
    expected |= {f"keyword {word}" for word in grammar.grammar_keywords()}
    expected |= {f"operator {name}" for name in OPERATORS}
    expected |= {f"form {form}" for form in ("text", "json", "sentence", "sql")}
    assert expected - set(table()) == set()


def test_there_are_enough_cases() -> None:
    assert sum(len(corpus_files.files(folder)) for folder in FOLDERS) >= 250


def page() -> str:
    """Return the page, with a table for each sort of construct."""
    lines = [HEAD]
    titles = {"form": "Written forms", "rule": "Rules", "keyword": "Keywords", "operator": "Operators"}
    for sort, title in titles.items():
        lines += [f"## {title}\n", f"| {sort} | cases | as in |", "|---|---|---|"]
        for construct in sorted(name for name in table() if name.startswith(f"{sort} ")):
            cases = table()[construct]
            named = ", ".join(f"[{case}](../tests/corpus/{case}.txt)" for case in cases[:SHOWN])
            lines.append(f"| `{construct.removeprefix(f'{sort} ')}` | {len(cases)} | {named} |")
        lines.append("")
    return "\n".join(lines)


def test_the_page_is_generated(update: bool) -> None:
    if update:
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()
