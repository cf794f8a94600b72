"""Tests of highlighting while typing: each line looks as if the whole text had been lexed again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import PygmentsLexer

from auroraql.frontends.repl.highlighting import MAX_HIGHLIGHTED_CHARACTERS, IncrementalLexer
from auroraql.language.highlighter import AuroraQLLexer
from tests.language.test_highlighter import JSON, SENTENCE, VALID
from tests.support.typing_strategies import typings


def join_fragments(fragments: StyleAndTextTuples) -> list[tuple[str, str]]:
    """Join adjacent fragments of one style."""
    joined: list[tuple[str, str]] = []
    for style, text, *_ in fragments:
        if joined and joined[-1][0] == style:
            joined[-1] = style, joined[-1][1] + text
        elif text:
            joined.append((style, text))
    return joined


def lines(colours: IncrementalLexer | PygmentsLexer, text: str) -> list[list[tuple[str, str]]]:
    line_of = colours.lex_document(Document(text))
    return [join_fragments(line_of(row)) for row in range(text.count("\n") + 1)]


@settings(deadline=None)
@given(typings((*VALID, f"{JSON};\n{SENTENCE};\n{VALID[0]}\n{VALID[1]}")), st.data())
def test_every_line_is_coloured_as_by_a_fresh_lexer(texts: list[str], data: st.DataObject) -> None:
    colours = IncrementalLexer()
    for text in texts:
        fresh = lines(IncrementalLexer(), text)
        line_of = colours.lex_document(Document(text))
        shown = data.draw(st.integers(0, len(fresh)))
        assert [join_fragments(line_of(row)) for row in range(shown)] == fresh[:shown]
    assert (
        lines(colours, texts[0]) == lines(IncrementalLexer(), texts[0]) == lines(PygmentsLexer(AuroraQLLexer), texts[0])
    )


def test_lines_after_the_text_are_empty_and_pasted_text_is_plain() -> None:
    assert IncrementalLexer().lex_document(Document("FIND"))(3) == []
    assert IncrementalLexer().lex_document(Document(""))(0) == []
    long = "FIND x;\n" * MAX_HIGHLIGHTED_CHARACTERS
    assert IncrementalLexer().lex_document(Document(long))(1) == [("", "FIND x;")]
