"""Robustness against unexpected input: every input gives a result or an AuroraQLError, and soon."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from auroraql import Archive, StatementError, parse_script, translate
from auroraql.codecs import query_json, script
from auroraql.diagnostics.errors import Diagnostic, Source, Span, render
from auroraql.language.formatter import format_text
from auroraql.schema.catalogue import load_shipped
from auroraql.session.analyzer import check_scripts
from auroraql.session.translation import TARGETS, translate_find
from tests.support import corpus_files

FIND = "FIND data_products WHERE "

STATEMENTS = [
    corpus_files.read(path)["statement"]
    for folder in ("data_products", "ephemeris", "conjunctions", "scripts", "errors")
    for path in corpus_files.files(folder)
    if path.stem != "list_too_long"
]
TOKEN = re.compile(r"\w+|\s+|'[^']*'|.", re.DOTALL)
TOKENS = sorted({token for statement in STATEMENTS for token in TOKEN.findall(statement)})
ODD = "'\"`()[]{},;.$-+=<>!~%*:/\\\n\t \x00\ufeff\u00a0\u2019\u201c\u202e\ud800\udfff09aéZ😀_|#@&^?"


def assert_handled(text: str) -> None:
    """Pass a text to every function that reads one. Each must return, or raise a StatementError that can be shown."""
    source = Source(text, "a test")
    for act in ACTS:
        try:
            act(source)
        except StatementError as error:
            assert error.diagnostics
            assert str(error)
            for diagnostic in error.diagnostics:
                assert_valid_span(diagnostic, text)
    for _, messages in check_scripts([source], load_shipped(), {}):
        assert render(messages, source) or not messages


def assert_valid_span(diagnostic: Diagnostic, text: str) -> None:
    """Assert that a span lies in the text. The span of missing text may start one position after the end."""
    if isinstance(diagnostic.origin, Span):
        assert 0 <= diagnostic.origin.start <= diagnostic.origin.end <= len(text), diagnostic


ACTS: list[Callable[[Source], object]] = [
    parse_script,
    format_text,
    lambda source: script.is_complete(source.text),
    *(lambda source, to=to: translate(source, to) for to in TARGETS),
]


# --- fuzzing


@given(st.text(st.characters()) | st.text(st.sampled_from(ODD)))
@example("\ud800")
@example("FIND data_products WHERE a = '\ud800'")
@example("\x00;\x00")
def test_any_text(text: str) -> None:
    assert_handled(text)


@given(st.lists(st.sampled_from(TOKENS), max_size=20).map("".join))
def test_any_words_in_any_order(text: str) -> None:
    assert_handled(text)


@given(st.binary(), st.sampled_from(["utf-8", "latin-1", "utf-16"]), st.sampled_from(["surrogateescape", "replace"]))
def test_any_bytes(data: bytes, encoding: str, errors: str) -> None:
    try:
        text = data.decode(encoding, errors)
    except UnicodeDecodeError:
        return
    assert_handled(FIND + text)


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """Generate a statement of the corpus with a few characters or tokens deleted, doubled, swapped or inserted."""
    statement = draw(st.sampled_from(STATEMENTS))
    whole = draw(st.booleans())
    parts = TOKEN.findall(statement) if whole else list(statement)
    pool = st.sampled_from(TOKENS if whole else ODD)
    for _ in range(draw(st.integers(1, 4))):
        parts = parts or [" "]
        at, other = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                del parts[at : at + draw(st.integers(1, 6))]
            case 1:
                parts.insert(at, parts[other])
            case 2:
                parts[at], parts[other] = parts[other], parts[at]
            case _:
                parts.insert(at, draw(pool))
    return "".join(parts)


@given(mutations())
def test_any_typing_error(text: str) -> None:
    assert_handled(text)


NAMES = st.sampled_from(
    [
        "start",
        "end",
        "data_sources",
        "programs",
        "platforms",
        "instrument_types",
        "data_product_type_filters",
        "data_product_metadata_filters",
        "expressions",
        "key",
        "operator",
        "values",
        "logical_operator",
        "AND",
    ]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES | st.text(max_size=3), ANYTHING, max_size=5).map(
    lambda made: {"data_product_type_filters": [], **made}
)


@given(DOCUMENTS, st.sampled_from(TARGETS))
def test_any_document(document: dict[str, Any], to: str) -> None:
    try:
        translate_find(query_json.read_document(document), to)
    except StatementError as error:
        assert str(error)
    assert_handled(json.dumps(document))


@given(mutations(), st.sampled_from(["aql", "json", "sentence"]))
def test_printed_queries_can_be_parsed(text: str, to: str) -> None:
    try:
        translation = translate(text, to)
    except StatementError:
        return
    assert translate(translation, to) == translation


# --- sizes


@contextmanager
def time_limit(seconds: int = 60) -> Iterator[None]:
    """Fail instead of hanging. Users should wait at most 2 seconds; the limit allows for a slow and busy machine."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def on_alarm(*_: object) -> None:
        pytest.fail(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def error_codes(text: str) -> list[str]:
    """Return the codes of the errors of a text that must have some."""
    with time_limit(), pytest.raises(StatementError) as raised:
        translate(text, "json")
    assert len(str(raised.value)) < 10_000
    for diagnostic in raised.value.diagnostics:
        assert_valid_span(diagnostic, text)
    return [item.code for item in raised.value.diagnostics]


DEEP = 5000


@pytest.mark.parametrize(
    "text",
    [
        FIND + "(" * DEEP,
        FIND + "(" * DEEP + "a = 1" + ")" * DEEP,
        FIND + "a = (" * DEEP,
        FIND + "a IN (" * DEEP,
        FIND + "(a = 1 OR " * DEEP + "b = 1" + ")" * DEEP,
        "FIND data_products SELECT " + "data_source {" * DEEP,
        "FIND data_products SELECT " + "data_source {" * DEEP + "program" + "}" * DEEP,
        "[" * DEEP,
        "{" * DEEP,
        '{"a":' * DEEP + "1" + "}" * DEEP,
        '{"data_sources": ' + "[" * DEEP + "]" * DEEP + "}",
        "FIND data_products FROM " + '{"a":[' * DEEP,
        "Find data_products for " + "(" * DEEP,
    ],
    ids=lambda text: re.sub(r"(.{12,30}?)\1{9,}", r"\1 …", text)[:40],
)
def test_depth(text: str) -> None:
    assert error_codes(text)[0] in ("AQL0104", "AQL0405")


def test_depth_without_parentheses() -> None:
    for count in (199, DEEP, DEEP + 1):
        text = FIND + "NOT " * count + "a = 1"
        try:
            translation = translate(text, "aql")
        except StatementError as error:
            assert error.diagnostics[0].code == "AQL0104"
        else:
            assert translation == FIND + ("a != 1" if count % 2 else "a = 1")


@pytest.mark.parametrize("levels", [150, 400, DEEP])
def test_depth_of_a_document(levels: int) -> None:
    nested: Any = 1
    for _ in range(levels):
        nested = {"a": [nested]}
    with time_limit(), pytest.raises(StatementError) as error:
        translate({"data_product_type_filters": [], "data_sources": nested}, "aql")
    assert [diagnostic.code for diagnostic in error.value.diagnostics] == ["AQL0104"]


MEGABYTES = 1_200_000
"""More characters than a statement may have, and enough that quadratic work takes hours."""

SCRIPT_CHARACTERS = 10_000_000

# fmt: off
SHAPES = [
    *(FIND + item for item in (
        "a = '‹x›'", "a = '‹x›", "‹x› = 1", "`‹x›` = 1", "a = ‹1›", "a = ‹'›", "a = $‹p›", "a‹.a›", "‹a=1 OR ›a=1",
        "a=1 ‹AND a=1 ›", "a IN (1‹, 1›)", "‹NOT ›a=1", "‹(›", "‹)›", "‹~›", "‹a ›",
    )),
    *("FIND data_products " + item for item in ("SELECT a‹,a›", "SELECT ‹a{›", "ON 2020‹-01›", "ORDER BY a‹,a›", "‹\0›")),
    "‹[›", "‹{›", '‹{"a":›', '{"a":"‹x›"}', '{"a":[1‹,1›]}', '{"a":‹1›}', "Find data_products for ((‹x›", "‹'›", "‹\\›",
    "‹ ›", "‹\n›", "‹\u00a0›", "--‹x›", "‹--x\n›", "/*‹x›", "‹/*›", "/*‹x›*/", "‹;›", "‹\u201c›", "‹😀›", "e‹\u0301›",
]
# fmt: on


@pytest.mark.parametrize("shape", SHAPES)
def test_megabytes(shape: str) -> None:
    before, unit, after = re.split("[‹›]", shape)
    assert error_codes(before + unit * (MEGABYTES // len(unit)) + after)


@pytest.mark.parametrize("shape", [FIND + "‹a=1 OR ›a=1", "‹{›", "/*‹x›*/", "‹(›", "‹x›"])
def test_ten_megabytes(shape: str) -> None:
    before, unit, after = re.split("[‹›]", shape)
    assert error_codes(before + unit * ((SCRIPT_CHARACTERS - len(before + after)) // len(unit)) + after)


def list_of(count: int) -> list[tuple[Any, dict[str, Any]]]:
    """Return a long list in every form: statements, each with its parameters."""
    values = [f"v{number}" for number in range(count)]
    text = f"{FIND}program IN ({', '.join(map(repr, values))})"
    document = {"data_sources": {"programs": values}, "data_product_type_filters": []}
    return [(text, {}), (document, {}), (json.dumps(document), {}), (f"{FIND}program IN ($v)", {"v": values})]


def test_a_list_of_ten_thousand_and_one_more() -> None:
    for statement, given_ in list_of(10_000):
        with time_limit():
            translation = translate(statement, "json", **given_)
        assert isinstance(translation, dict)
        assert len(translation["data_sources"]["programs"]) == 10_000
    for statement, given_ in list_of(10_001):
        with time_limit(), pytest.raises(StatementError, match="the maximum is 10,000"):
            translate(statement, "json", **given_)


@pytest.mark.parametrize(
    "value",
    [
        "1e999999",
        "-1e-999999",
        "1e99999999999999",
        "1" * 100_000,
        "0." + "0" * 100_000 + "1",
        "1" * 100_000 + ".5",
        "1e5000",
    ],
    ids=lambda value: value[:12],
)
@pytest.mark.parametrize(
    "clause", ["WHERE wavelength = {}", "WHERE a = {}", "LIMIT {}", "LIMIT 1 OFFSET {}", "WHERE a BETWEEN 0 AND {}"]
)
def test_huge_numbers(clause: str, value: str) -> None:
    with time_limit():
        assert_handled(f"FIND data_products {clause.format(value)}")
        assert_handled('{"data_product_type_filters": [], "start": ' + value + "}")


WINDOWS = """
ON 0000-01-01
ON 2021-02-29
ON 2021-13
ON 9999-12-31
ON 99999-01-01
SINCE 0001-01-01T00:00:00+23:59
UNTIL 9999-12-31T23:59:59-23:59
SINCE 2021-01-01T24:00:00
SINCE 2021-01-01T23:59:60
SINCE 2021-01-01T00:00:00+99:99
SINCE 2021-01-01T00:00:00.9999999999
UNTIL 9999-12-31T23:59:59.9999999
SINCE 9999-12-31T23:59:59.5
LAST 99999999999999999999 DAYS
LAST 1e999999 YEARS
LAST 0.0000001 s
LAST 0 DAYS
LAST -5 DAYS
LAST 5 DAYS BEFORE 0001-01-01
SINCE NOW - 99999 YEARS
SINCE NOW + 99999999999999 s
UNTIL 9999-12-31 + 1 s
SINCE 0001-01-31 - 1 month
SINCE 2020-02-29 - 1 year
DURING 0001
DURING 9999
BETWEEN 9999 AND 0001
ON $d
"""


@pytest.mark.parametrize(
    "window",
    [*WINDOWS.split("\n")[1:-1], "LAST " + "9" * 5000 + " months", "ON '" + "2021-01-01" * 1000 + "'"],
    ids=lambda window: window[:40],
)
def test_absurd_times(window: str) -> None:
    with time_limit():
        assert_handled(f"FIND data_products {window}")
        try:
            translate("FIND data_products ON $d", "json", d=window.partition(" ")[2])
        except StatementError as error:
            assert str(error)


CONTROLS = "\x00\x07\x1b[31m\x7f\x85\u200b\u200e\u202a\u202e\u2066\u2028\u2029\ufeff\ud800\udfff\U000e0001"


def test_no_output_controls_a_terminal() -> None:
    for text in (
        f"{FIND}{CONTROLS} = 1",
        f"{FIND}`{CONTROLS}` = 5 ON {CONTROLS}",
        f"{FIND}program = 5{CONTROLS}",
        CONTROLS,
    ):
        with pytest.raises(StatementError) as raised:
            translate(text, "json")
        rendering = render(raised.value.diagnostics, Source(text, f"name{CONTROLS}"))
        assert all(line.isprintable() for line in rendering.split("\n")), repr(rendering)


def processor_time(text: str) -> float:
    """Return the least processor time of three attempts to read a text."""

    def once() -> float:
        began = process_time()
        parse_script(text)
        return process_time() - began

    return min(once() for _ in range(3))


@pytest.mark.parametrize(
    "unit",
    ["a=1 OR ", "a='x' AND ", "(a=1) OR ", "b IN (1,2,3) OR ", "a=1 /* c */ OR "],
    ids=lambda unit: unit.strip(),
)
def test_growth_is_linear(unit: str) -> None:
    few, many = (FIND + unit * count + "a = 1" for count in (150, 1500))
    # Ten times the input takes ten times as long, not a hundred times. The limit is in between, for busy machines.
    assert processor_time(many) < 40 * max(processor_time(few), 1e-3)


@pytest.mark.parametrize(
    "text",
    [
        "FIND data_products WHERE platform = '‹x›' ON 2021-01-01",
        "FIND data_products WHERE `‹x›` = 1 ON 2021-01-01",
        "FIND data_products WHERE program IN ('trex', '‹x›') AND display_name LIKE '‹x›%' ON 2021-01-01",
        "FIND data_products WHERE start > '‹x›'",
        "FIND data_products WHERE wavelength > '‹x›' ON 2021-01-01",
        "FIND data_products SELECT ‹x›(start) ON 2021-01-01",
        "FIND ‹x› ON 2021-01-01",
        "SHOW METADATA OF data_products FOR '‹x›'",
        "SET ‹x› = 5",
        "SET format = '‹x›'",
        "FETCH ‹x›",
        "FIND conjunctions OF ground, space WITHIN ‹x›-space1 5 km ON 2021-01-01",
        '{"data_product_type_filters": [], "‹x›": 1}',
        '{"data_product_type_filters": ["‹x›"], "start": "‹x›"}',
    ],
)
def test_no_message_repeats_a_long_value(text: str, demo: Archive) -> None:
    assert_short(text.replace("‹x›", "x" * 300_000), demo)


@pytest.mark.parametrize("value", ["x y ", "it''s ", "''", "a, b "])
def test_no_message_repeats_a_long_value_of_words_or_quotes(value: str, demo: Archive) -> None:
    assert_short(f"FIND data_products WHERE platform = '{value * 50_000}' ON 2021-01-01", demo)


def assert_short(text: str, demo: Archive) -> None:
    diagnostics = demo.check(text)
    assert diagnostics
    for diagnostic in diagnostics:
        assert len(diagnostic.message) <= 400
        assert len(diagnostic.label) <= 200
        assert len(diagnostic.hint) <= 1_000
        assert len(render([diagnostic], Source(text))) < 2_500
