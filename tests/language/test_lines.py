"""Tests of line ends, blanks and quotes: the parser, the splitter and every other tool agree on them."""

from __future__ import annotations

import re
from itertools import product

import pytest
from pygments.token import Comment, String

from auroraql.codecs import script
from auroraql.completion import Completer, CursorFinder
from auroraql.completion.incomplete_input import IncompleteInputCheck
from auroraql.diagnostics.errors import Diagnostic, Source, Span, render
from auroraql.frontends.repl.commands import is_command, split_input
from auroraql.language.formatter import format_text
from auroraql.language.highlighter import AuroraQLLexer
from auroraql.language.splitter import split_script
from auroraql.queries import read_front_matter
from auroraql.queries.parameter_usage import find_uses
from auroraql.schema.catalogue import load_shipped

LINE_ENDS = ("\n", "\r", "\r\n")
SEPARATORS = ("\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u2028", "\u2029")
"""Characters that other tools treat as the end of a line or page; here they are blanks."""

BLANKS = (*LINE_ENDS, *SEPARATORS, *" \t\u00a0\u1680\u2002\u2003\u2009\u200a\u202f\u205f\u3000\u180e\u200b\u2060\ufeff")
ONE = "FIND data_products WHERE program = 'trex' ON 2021-01-01"
TWO = "FIND ephemeris WHERE platform = 'swarma' ON 2021-01-01"


def statements(text: str) -> list[object]:
    return [item.statement for item in script.read_script(Source(text))]


def coloured_parts(text: str, kind: object) -> list[str]:
    pieces = AuroraQLLexer().get_tokens_unprocessed(text)
    return [value for _, token, value in pieces if token in kind]  # type: ignore[operator]


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_line_end_ends_a_comment_everywhere(end: str) -> None:
    text = (
        f"#!/usr/bin/env auroraql{end}-- all{end}FIND data_products -- these{end}WHERE program = 'trex' ON 2021-01-01"
    )
    assert statements(text) == statements(ONE)
    assert statements(format_text(Source(text))) == statements(ONE)
    assert coloured_parts(text, Comment) == ["#!/usr/bin/env auroraql", "-- all", "-- these"]
    assert script.is_complete(f"{ONE} -- note{end}")
    # Completion is inactive inside the comment and active after it.
    assert CursorFinder().locate(text, text.index("these") + 5) is None
    place = CursorFinder().locate(text, text.index("WHERE"))
    assert place is not None
    assert place.begin == text.index("FIND")
    assert [diagnostic.code for diagnostic in IncompleteInputCheck().check(f"{ONE} -- '{end}AND", load_shipped())] == []
    assert [*split_input(f"{ONE};{end}\\timing{end}")] == [f"{ONE};{end}", f"\\timing{end}"]
    assert not is_command(f"\\timing{end}x")
    assert is_command(f"\\timing{end}")
    assert (
        read_front_matter(Source(f"-- description a{end}-- param day: date{end}{ONE}")).get_declaration("day")
        is not None
    )


@pytest.mark.parametrize("blank", SEPARATORS, ids=ascii)
def test_other_separators_are_blanks_and_do_not_end_a_comment(blank: str) -> None:
    text = f"FIND data_products -- these{blank}WHERE program = 'trex'\nON 2021-01-01"
    assert statements(text) == statements("FIND data_products ON 2021-01-01")
    assert coloured_parts(text, Comment) == [f"-- these{blank}WHERE program = 'trex'"]
    assert CursorFinder().locate(text, text.index("WHERE")) is None
    assert statements(format_text(Source(text))) == statements(text)
    content = f"\\x{blank}y"
    assert [*split_input(f"{ONE} AND a = '{content}'")] == [f"{ONE} AND a = '{content}'"]


@pytest.mark.parametrize("blank", BLANKS, ids=ascii)
def test_blanks_are_allowed_between_words_and_statements(blank: str) -> None:
    text = blank + f";{blank}".join(ONE.replace(" ", blank) for _ in range(2)) + blank
    # The blank between a date and its time is another token; these words have none.
    assert statements(text) == statements(f"{ONE};{ONE}")
    assert statements(format_text(Source(text))) == statements(f"{ONE};{ONE}")
    assert "".join(value for _, _, value in AuroraQLLexer().get_tokens_unprocessed(text)) == text
    place = CursorFinder().locate(text, len(text))
    assert place is not None
    assert place.form == "text"
    for form in ("sql", "json", "sentence"):
        begun = {
            "sql": f"SQL{blank}SELECT 1",
            "json": f'FIND{blank}data_products{blank}FROM{blank}{{"start": 1}}',
            "sentence": f"EXPLAIN{blank}Find{blank}data_products{blank}for ((",
        }[form]
        (piece,) = split_script(begun)
        assert piece.form == form  # type: ignore[union-attr]


@pytest.mark.parametrize("ends", list(product(LINE_ENDS, repeat=2)), ids=ascii)
def test_positions_count_lines_as_comments_do(ends: tuple[str, str]) -> None:
    first, second = ends
    text = f"FIND data_products{first}{first}WHERE a == 1{second}ON 2021-01-01"
    start = text.index("==")
    source = Source(text, "q.aql")
    many = 2
    assert source.place(start) == (1 + many, len("WHERE a ") + 1)
    shown = render([Diagnostic("AQL0106", "fact", Span(start, start + 2), "here")], source)
    assert "q.aql:3:9" in shown
    assert "3 │ WHERE a == 1\n" in shown
    # The line break belongs to the line that it ends.
    for match in re.finditer(r"\r\n|\r|\n", text):
        row, column = source.place(match.start())
        assert source.place(match.end() - 1)[0] == row
        assert source.place(match.end()) == (row + 1, 1)
        assert source.place(match.end() - 1)[1] == column + len(match[0]) - 1


@pytest.mark.parametrize("blank", SEPARATORS, ids=ascii)
def test_other_separators_do_not_count_as_lines(blank: str) -> None:
    assert Source(f"a{blank}b").place(2) == (1, 3)


@pytest.mark.parametrize(
    "comment",
    ["/* a */", "/* a /* b */ c */", "/*/**/*/", "/***/", "/* /* /* */ */ -- */", "/*\r*/", "/* ; ' \" ` ( */"],
)
def test_comments_nest(comment: str) -> None:
    text = f"{comment}FIND data_products {comment} WHERE program{comment}= 'trex' ON 2021-01-01{comment};{comment}{TWO}"
    assert statements(text) == statements(f"{ONE};{TWO}")
    formatted = format_text(Source(text))
    assert statements(formatted) == statements(text)
    assert format_text(Source(formatted)) == formatted
    assert "".join(coloured_parts(text, Comment)).replace(comment, "") == ""
    assert CursorFinder().locate(text, text.rindex(comment) + len(comment) - 2) is None
    place = CursorFinder().locate(text, len(text))
    assert place is None or place.begin == text.rindex("FIND")


@pytest.mark.parametrize("text", [f"{ONE} /* a", f"{ONE} /* a /* b */", f"/* /* */ {ONE};", "SQL SELECT 1 /* /* */"])
def test_a_nested_comment_must_be_closed_too(text: str) -> None:
    (diagnostic,) = split_script(text)
    assert isinstance(diagnostic, Diagnostic)
    assert diagnostic.code == "AQL0101"
    assert diagnostic.origin == Span(text.index("/*"), text.index("/*") + 2)
    assert not script.is_complete(text)
    assert not IncompleteInputCheck().check(text, load_shipped())


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT $$a;b$$",
        "SELECT $$it's$$ FROM c",
        "SELECT $tag$a;$$;'$tag$",
        "SELECT $$/*$$, 1 -- ; $$",
        "SELECT E'a\\';b', e'\\\\'",
        "SELECT 'a\\'",
        "SELECT a$$b FROM c",
        "SELECT /* ; /* ' */ ; */ 1",
        'SELECT ";", `;`',
        "SELECT $day, 'x'",
    ],
)
def test_sql_is_split_as_duckdb_reads_it(sql: str) -> None:
    text = f"SQL {sql}\n;{ONE}"
    first, second = split_script(text)
    assert isinstance(first, Diagnostic) is False
    assert text[first.body : first.end].strip() == sql  # type: ignore[union-attr]
    assert text[second.start :] == ONE  # type: ignore[union-attr]
    formatted = format_text(Source(text))
    assert statements(formatted) == statements(text)
    assert format_text(Source(formatted)) == formatted
    place = CursorFinder().locate(text, len(text))
    assert place is not None
    assert place.begin == text.rindex("FIND")


@pytest.mark.parametrize("quoted", ["$$a;$b", "$tag$ $$", "E'a\\'", "'a", '"a'])
def test_quotes_of_sql_must_be_closed(quoted: str) -> None:
    (diagnostic,) = split_script(f"SQL SELECT {quoted}")
    assert isinstance(diagnostic, Diagnostic)
    assert diagnostic.code == "AQL0101"


def test_parameters_of_sql_are_outside_quotes_and_comments() -> None:
    sql = "SQL SELECT $a, '$b', $$ $c $$, $t$ $d $t$, /* $e /* */ $f */ $g, E'\\'$h' -- $i\r, $j"
    assert find_uses(Source(sql)).names == ("a", "g", "j")


@pytest.mark.parametrize("quotes", ["''", '""', "‘’", "’’", "“”", "„“", "‚‘", "‟”", "‛’", '“"', "‘'"], ids=ascii)
def test_every_quote_can_contain_other_delimiters(quotes: str) -> None:
    content = f"{quotes[0]}; -- /* ( {quotes[1]}"
    text = f"FIND data_products WHERE a = {content} ON 2021-01-01; {TWO}"
    assert len(statements(text)) == 2
    assert statements(format_text(Source(text))) == statements(text)
    assert coloured_parts(text, String)[0] == content
    place = CursorFinder().locate(text, len(text) - 1)
    assert place is not None
    assert place.begin == text.rindex(";") + 2


def test_a_sql_comment_at_the_end_does_not_swallow_the_next_statement() -> None:
    text = f"SQL SELECT 1 -- note\n;{TWO};SQL SELECT 2 -- more"
    formatted = format_text(Source(text))
    assert formatted == f"SQL SELECT 1 -- note\n;\n{TWO};\nSQL SELECT 2 -- more\n;\n"
    assert format_text(Source(formatted)) == formatted
    assert len(statements(formatted)) == 3


def test_completion_continues_after_dollar_quotes() -> None:
    text = "SQL SELECT $$;$$ FRO"
    place = Completer()._finder.locate(text, len(text))
    assert place is not None
    assert place.form == "sql"
    assert place.begin == 0
