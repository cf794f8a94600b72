"""The notebook extension in a real Jupyter kernel, driven as a notebook drives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.aurorax_matching import Record
from tests.support.aurorax_server import EPHEMERIS, RECORDS, SOURCES, AuroraXServer, Fault
from tests.support.notebook_kernel import CellOutcome, NotebookKernel

KEOGRAMS = "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"
PASSES = "FIND conjunctions OF ground (program = 'trex'), space (program = 'swarm') WITHIN 300 km ON 2021-01-01"


@pytest.fixture(scope="module")
def kernel(isolated_user_folders: object) -> Iterator[NotebookKernel]:
    """Return a kernel with the extension and pandas, for all tests of the module."""
    with NotebookKernel() as running:
        running.run("%load_ext auroraql")
        running.run("import datetime, decimal, numpy as np, pandas as pd, polars as pl, pyarrow as pa")
        yield running


@pytest.fixture(autouse=True)
def demo_archive(kernel: NotebookKernel) -> None:
    """Remove the variables of the test before, and open the demonstration."""
    kernel.run("for name in [n for n in globals() if n.startswith('v_')]: del globals()[name]")
    outcome = kernel.run("%auroraql -a demo")
    assert outcome.printed.startswith("connected to demo (demonstration data)")


@pytest.fixture
def slow_server() -> Iterator[AuroraXServer]:
    """Return an archive whose searches never end."""
    with AuroraXServer(RECORDS, SOURCES, ephemeris=EPHEMERIS) as running:
        running.never = True
        yield running


def assert_failed(outcome: CellOutcome, error: str) -> str:
    """Assert that a cell failed with an error of AuroraQL and without a traceback. Return the text."""
    assert outcome.error is not None, outcome.outputs
    assert outcome.error["ename"] == error
    text = outcome.shown_error
    assert "Traceback" not in text
    assert ".py" not in text
    return text


# --- results


def test_the_last_result_is_the_value_and_the_others_are_displayed(kernel: NotebookKernel) -> None:
    outcome = kernel.run(f"%%auroraql\n{KEOGRAMS} LIMIT 1;\nLET v_a = {PASSES};\nFIND v_a LIMIT 2;\nFIND v_a LIMIT 3;")
    assert outcome.error is None
    first, second = outcome.displays
    assert first["text/plain"].endswith("1 data product from demo (demonstration data)")
    assert second["text/plain"].endswith("2 rows from demo (demonstration data)")
    assert outcome.value is not None
    assert outcome.value["text/plain"].endswith("3 rows from demo (demonstration data)")
    assert "<ResultSet" not in json.dumps(outcome.outputs)
    assert "<style" not in outcome.value["text/html"]
    assert "v_a: 16 conjunctions" in outcome.printed
    assert kernel.evaluate("type(v_a).__name__, len(v_a)") == "('ResultSet', 16)"
    assert kernel.evaluate("len(_)") == "3"


def test_line_magics_are_expressions(kernel: NotebookKernel) -> None:
    outcome = kernel.run(f"v_near = %auroraql {KEOGRAMS} SELECT start LIMIT 2;")
    assert (outcome.error, outcome.value, outcome.displays, outcome.printed) == (None, None, [], "")
    assert kernel.evaluate("len(v_near)") == "2"
    assert kernel.run(f"%auroraql {KEOGRAMS} LIMIT 1;").value is not None


def test_out_and_as(kernel: NotebookKernel) -> None:
    outcome = kernel.run(f"%%auroraql -o v_df --as pandas\n{PASSES};\n{KEOGRAMS} SELECT start, platform;")
    assert outcome.value is None
    assert kernel.evaluate("type(v_df).__module__.split('.')[0], list(v_df.columns)") == (
        "('pandas', ['start', 'platform'])"
    )
    assert kernel.evaluate("v_df.attrs['auroraql']['archive']") == "demo"
    for name, module in (("polars", "polars"), ("arrow", "pyarrow"), ("result", "auroraql")):
        kernel.run(f"%auroraql -o v_x --as {name} {KEOGRAMS}")
        assert kernel.evaluate("type(v_x).__module__.split('.')[0]") == module


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--wrong", "unknown option --wrong"),
        ("--as excel FIND x", "invalid choice: 'excel'"),
        ("--timeout soon FIND x", "invalid float value: 'soon'"),
        ("-o class FIND data_products ON 2021-01-01 LIMIT 1", "'class' is not the name of a Python variable"),
        ("-a", "expected one argument"),
        ("-a nothing.here", "nothing.here"),
        ("--timeout -1", "must be a positive number"),
    ],
)
def test_wrong_options(kernel: NotebookKernel, line: str, message: str) -> None:
    assert message in assert_failed(kernel.run(f"%auroraql {line}"), "UsageError")


def test_statements_on_the_first_line_of_a_cell(kernel: NotebookKernel) -> None:
    outcome = kernel.run(f"%%auroraql {KEOGRAMS}\nFIND ephemeris LIMIT 1")
    assert "takes options only" in assert_failed(outcome, "UsageError")


def test_braces_and_dollars_are_not_expanded(kernel: NotebookKernel) -> None:
    kernel.run("v_platform = 'gillam'")
    outcome = kernel.run("%auroraql FIND data_products WHERE url = '{v_platform} $v_platform' ON 2021-01-01 LIMIT 1")
    assert outcome.error is None
    assert kernel.evaluate("_.source.text").count("{v_platform} $v_platform") == 1


def test_the_output_of_a_cell_is_always_the_same(kernel: NotebookKernel) -> None:
    shown = {json.dumps(kernel.run(f"%auroraql {PASSES} LIMIT 3").value, sort_keys=True) for _ in range(3)}
    assert len(shown) == 1


# --- errors and warnings


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        ("%auroraql FIND data_product", "StatementError", "did you mean"),
        ("%%auroraql\nFIND data_products WHERE\n", "StatementError", "<cell>:1:"),
        ("%auroraql FETCH nothing", "StatementError", "nothing"),
        ("%auroraql -a http://127.0.0.1:9 FIND data_products ON 2021-01-01", "Unreachable", "cannot be reached"),
        ("archive.run('FIND nothing')", "StatementError", "neither a kind nor a result"),
        ("import auroraql; auroraql.connect('nowhere.duckdb')", "Unreachable|UsageError", "nowhere.duckdb"),
    ],
)
def test_errors_have_no_traceback(kernel: NotebookKernel, cell: str, error: str, message: str) -> None:
    outcome = kernel.run(cell)
    assert outcome.error is not None
    assert re.fullmatch(error, outcome.error["ename"])
    assert message in assert_failed(outcome, outcome.error["ename"])


def test_no_class_of_errors_has_a_traceback(kernel: NotebookKernel) -> None:
    kernel.run("from auroraql import *\nfrom auroraql import Diagnostic, Source")
    for name in ("Refused", "Failed", "TimedOut", "Cancelled", "Unreachable"):
        text = assert_failed(kernel.run(f"raise {name}('no \\u202e', archive='a', request_id='r', hint='h')"), name)
        assert "= hint: h" in text
    assert assert_failed(kernel.run("raise UsageError('wrong', 'so')"), "UsageError") == "wrong\n  = hint: so"
    raised = "raise StatementError([Diagnostic('AQL0101', 'wrong')], Source('FIND'))"
    assert assert_failed(kernel.run(raised), "StatementError") == "error[AQL0101]: wrong"
    chained = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise UsageError('wrong')"
    assert assert_failed(kernel.run(chained), "UsageError") == "wrong"


def test_warnings_are_above_the_table_with_a_caret(kernel: NotebookKernel) -> None:
    outcome = kernel.run("%auroraql FIND data_products WHERE program = 'trax' ON 2021-01-01")
    assert [output["type"] for output in outcome.outputs] == ["stream", "execute_result"]
    assert outcome.printed.splitlines()[0].startswith("warning[AQL0602]")
    assert "^^^^^^ unknown value" in outcome.printed
    assert outcome.errors_printed == ""


def test_keep_going(kernel: NotebookKernel) -> None:
    outcome = kernel.run(
        f"%%auroraql --keep-going\nFIND nothing;\nFIND WHERE;\nFIND x WHERE a = $v_no;\n{KEOGRAMS} LIMIT 2;"
    )
    assert outcome.error is None
    assert outcome.errors_printed.count("error[") == 3
    assert outcome.value is not None
    stopped = kernel.run(f"%%auroraql\n{KEOGRAMS} LIMIT 2;\nFIND nothing;")
    assert_failed(stopped, "StatementError")
    assert stopped.displays == []  # all statements are checked before one runs


# --- variables


def test_variables_are_typed(kernel: NotebookKernel) -> None:
    kernel.run("v_day, v_program = datetime.date(2021, 1, 1), ['trex', 'themis-asi']\nv_km = 100")
    outcome = kernel.run("%auroraql FIND data_products WHERE program IN $v_program ON $v_day SELECT program LIMIT 500")
    assert outcome.error is None
    assert kernel.evaluate("sorted(set(_['program']))") == "['themis-asi', 'trex']"
    assert kernel.run(f"%auroraql LET v_p = {PASSES}").error is None
    assert kernel.run("%auroraql FIND v_p WHERE min_distance < $v_km").error is None
    assert kernel.evaluate("max(_['min_distance']) < 100") == "True"


DAYS = {
    "datetime.date(2021, 1, 1)": 1,
    "'2021-01-01'": 1,
    "np.datetime64('2021-01-01')": 1,
    "pa.scalar(datetime.date(2021, 1, 1))": 1,
    "pl.Series([datetime.date(2021, 1, 1)])[0]": 1,
}
LISTS = {
    "['trex', 'themis-asi']": 2,
    "('trex', 'themis-asi')": 2,
    "{'trex', 'themis-asi'}": 2,
    "frozenset(['trex'])": 1,
    "np.array(['trex', 'themis-asi'])": 2,
    "np.array(['trex', 'themis-asi'], dtype=object)": 2,
    "pd.Series(['trex', 'themis-asi'])": 2,
    "pd.Index(['trex', 'themis-asi'])": 2,
    "pd.Series(['trex', 'themis-asi'], dtype='category')": 2,
    "pl.Series(['trex', 'themis-asi'])": 2,
    "pa.array(['trex', 'themis-asi'])": 2,
    "pa.chunked_array([['trex'], ['themis-asi']])": 2,
    "[np.str_('trex')]": 1,
}
NUMBERS = (
    "100",
    "100.0",
    "np.int64(100)",
    "np.float32(100)",
    "decimal.Decimal('100')",
    "pd.Series([100])[0]",
    "pa.scalar(100)",
    "np.array(100)",
)
MOMENTS = (
    "datetime.datetime(2021, 1, 1)",
    "pd.Timestamp('2021-01-01')",
    "pd.Timestamp('2021-01-01', tz='UTC')",
    "np.datetime64('2021-01-01T00:00:00')",
    "np.datetime64('2021-01-01T00:00:00', 'ns')",
    "pd.Series(pd.to_datetime(['2021-01-01']))[0]",
    "pd.Series(pd.to_datetime(['2021-01-01'])).to_numpy()[0]",
    "datetime.datetime(2021, 1, 1, tzinfo=datetime.timezone.utc)",
)


@pytest.mark.parametrize("value", DAYS)
def test_days(kernel: NotebookKernel, value: str) -> None:
    kernel.run(f"v_x = {value}")
    outcome = kernel.run("%auroraql FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON $v_x")
    assert outcome.error is None, outcome.shown_error
    assert kernel.evaluate("len(_)") == kernel.evaluate(f"len(archive.run({KEOGRAMS!r}))")


@pytest.mark.parametrize(("value", "count"), LISTS.items())
def test_lists(kernel: NotebookKernel, value: str, count: int) -> None:
    kernel.run(f"v_x = {value}")
    outcome = kernel.run("%auroraql FIND data_products WHERE program IN $v_x SELECT program ON 2021-01-01")
    assert outcome.error is None, outcome.shown_error
    assert kernel.evaluate("len(set(_['program']))") == str(count)


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers(kernel: NotebookKernel, value: str) -> None:
    kernel.run(f"v_x = {value}")
    outcome = kernel.run(f"%auroraql {PASSES.replace('ON', 'WHERE min_distance < $v_x ON')}")
    assert outcome.error is None, outcome.shown_error
    assert kernel.evaluate("len(_), max(_['min_distance']) < 100") == "(3, True)"


@pytest.mark.parametrize("value", MOMENTS)
def test_moments(kernel: NotebookKernel, value: str) -> None:
    kernel.run(f"v_x = {value}")
    outcome = kernel.run("%auroraql FIND data_products WHERE start >= $v_x SELECT start ON 2021-01-01 LIMIT 3")
    assert outcome.error is None, outcome.shown_error
    assert kernel.evaluate("len(_)") == "3"


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "float('nan')",
        "pd.NaT",
        "pd.NA",
        "np.nan",
        "np.datetime64('NaT')",
        "decimal.Decimal('nan')",
        "[1, None]",
        "pd.Series([1.0, None])",
        "{'a': 1}",
        "object()",
        "len",
        "pd",
        "pd.DataFrame({'a': [1]})",
        "pl.DataFrame({'a': [1, 2]})",
        "pa.table({'a': [1]})",
        "b'trex'",
        "1j",
        "float('inf')",
        "np.zeros((2, 2, 2))",
        "[[[[[[[[[[[['x']]]]]]]]]]]]",
        "(n for n in 'ab')",
        "range(3)",
        "np.zeros(3, dtype='i4,i4')",
        "lambda: 1",
        "archive",
    ],
)
def test_values_that_a_parameter_cannot_have(kernel: NotebookKernel, value: str) -> None:
    kernel.run(f"v_x = {value}")
    outcome = kernel.run("%auroraql FIND data_products WHERE program = $v_x ON 2021-01-01 LIMIT 1")
    assert outcome.error is not None, outcome.outputs
    assert "v_x" in assert_failed(outcome, outcome.error["ename"])
    assert outcome.error["ename"] in ("UsageError", "StatementError")
    assert outcome.shown_error.count("error[") <= 1


def test_lists_that_contain_themselves(kernel: NotebookKernel) -> None:
    kernel.run("v_x = []; v_x.append(v_x)")
    assert_failed(kernel.run("%auroraql FIND data_products WHERE program IN $v_x ON 2021-01-01"), "UsageError")


def test_hostile_texts_are_values(kernel: NotebookKernel) -> None:
    kernel.run('v_x = "x\' OR 1 = 1; LET v_evil = FIND data_products ON 2021-01-01 -- \\x1b[31m\\u202e"')
    outcome = kernel.run("%auroraql FIND data_products WHERE program = $v_x ON 2021-01-01")
    assert outcome.error is None
    assert kernel.evaluate("len(_)") == "0"
    assert kernel.evaluate("'v_evil' in globals()") == "False"
    assert "\x1b" not in outcome.printed
    assert "\u202e" not in outcome.printed


def test_missing_variables(kernel: NotebookKernel) -> None:
    kernel.run("v_days = 1")
    text = assert_failed(kernel.run("%auroraql FIND data_products ON $v_day"), "StatementError")
    assert text.splitlines()[0] == "error[AQL0206]: the Python variable 'v_day' does not exist"
    assert "^^^^^^" in text
    assert "did you mean $v_days?" in text
    for builtin in ("list", "max", "print"):
        text = assert_failed(kernel.run(f"%auroraql FIND data_products WHERE program = ${builtin}"), "StatementError")
        assert f"the Python variable '{builtin}' does not exist" in text
    kernel.run("list = ['trex']")
    assert kernel.run("%auroraql FIND data_products WHERE program IN $list ON 2021-01-01 LIMIT 1").error is None
    kernel.run("del list")


def test_defaults_of_the_front_matter(kernel: NotebookKernel) -> None:
    cell = "%%auroraql\n-- param v_day: date = 2021-01-01  the day\nFIND data_products SELECT start ON $v_day LIMIT 1"
    assert kernel.run(cell).error is None
    assert kernel.evaluate("_['start'][0].date()") == "2021-01-01"
    kernel.run("v_day = datetime.date(2021, 1, 2)")
    assert kernel.run(cell).error is None
    assert kernel.evaluate("_['start'][0].date()") == "2021-01-02"


def test_variables_of_the_user_are_kept(kernel: NotebookKernel) -> None:
    kernel.run("v_mine, v_none = 5, None")
    outcome = kernel.run(
        f"%%auroraql\nLET v_mine = {KEOGRAMS};\nLET v_none = {KEOGRAMS};\nLET sum = {KEOGRAMS};\nLET class = {KEOGRAMS};"
    )
    assert outcome.error is None, outcome.shown_error
    assert kernel.evaluate("v_mine, v_none, sum([1, 2])") == "(5, None, 3)"
    assert (
        "the variable 'v_mine' has another value and is kept; the result is archive.results['v_mine']"
        in outcome.printed
    )
    assert "'sum' is a function of Python and is kept" in outcome.printed
    assert "'class' is not the name of a Python variable" in outcome.printed
    assert kernel.evaluate("len(archive.results['v_mine'])") == "5"


def test_let_replaces_its_own_variable(kernel: NotebookKernel) -> None:
    kernel.run(f"%auroraql LET v_r = {KEOGRAMS} LIMIT 1")
    kernel.run(f"%auroraql LET v_r = {KEOGRAMS} LIMIT 2")
    assert kernel.evaluate("len(v_r)") == "2"
    kernel.run("v_r = 'mine now'")
    outcome = kernel.run(f"%auroraql LET v_r = {KEOGRAMS} LIMIT 3")
    assert "is kept" in outcome.printed
    assert kernel.evaluate("v_r") == "mine now"


# --- progress and Stop


def test_progress_is_one_display_that_is_emptied(kernel: NotebookKernel, slow_server: AuroraXServer) -> None:
    slow_server.never, slow_server.seconds = False, 2.5
    kernel.run(f"%auroraql -a {slow_server.url}")
    outcome = kernel.run("%auroraql FIND data_products ON 2020-02-01")
    assert outcome.error is None
    progress = [output for output in outcome.outputs if output["type"] == "display_data"]
    assert len(progress) == 1
    assert progress[0]["data"] == {"text/plain": ""}
    assert 2 <= len(outcome.updates) <= 15
    assert re.match(r"\d s · ", outcome.updates[0])
    assert outcome.updates[-1] == ""


def test_stop_cancels_on_the_server(kernel: NotebookKernel, slow_server: AuroraXServer) -> None:
    kernel.run(f"%auroraql -a {slow_server.url}")
    outcome = kernel.run(
        "%auroraql FIND data_products ON 2020-02-01", stop_when=lambda: slow_server.count("status") > 1
    )
    assert_failed(outcome, "Cancelled")
    (request_id,) = slow_server.searches
    assert f"cancelled: request {request_id}" in outcome.printed
    assert slow_server.searches[request_id].cancelled
    assert outcome.displays == []
    slow_server.never = False
    assert kernel.run("%auroraql FIND data_products ON 2020-02-01").error is None


def test_stop_when_the_server_refuses_to_cancel(kernel: NotebookKernel, slow_server: AuroraXServer) -> None:
    slow_server.faults["cancel"] = Fault(status=500, body=b"{}")
    kernel.run(f"%auroraql -a {slow_server.url}")
    outcome = kernel.run(
        "%auroraql FIND data_products ON 2020-02-01", stop_when=lambda: slow_server.count("status") > 1
    )
    assert_failed(outcome, "Cancelled")
    assert "cancelled: request" not in outcome.printed
    assert outcome.errors_printed


def test_stop_keeps_earlier_results(
    kernel: NotebookKernel, slow_server: AuroraXServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = slow_server.status

    def only_the_first_ends(request_id: str) -> Record:
        slow_server.never = request_id != next(iter(slow_server.searches))
        return status(request_id)

    monkeypatch.setattr(slow_server, "status", only_the_first_ends)
    kernel.run(f"%auroraql -a {slow_server.url}")
    cell = "%%auroraql\nLET v_first = FIND data_products ON 2020-02-01;\nFIND data_products ON 2020-02-02;"
    outcome = kernel.run(cell, stop_when=lambda: len(slow_server.searches) > 1 and slow_server.never)
    assert_failed(outcome, "Cancelled")
    assert kernel.evaluate("type(v_first).__name__") == "ResultSet"


def test_the_timeout(kernel: NotebookKernel, slow_server: AuroraXServer) -> None:
    outcome = kernel.run(f"%auroraql -a {slow_server.url} --timeout 1 FIND data_products ON 2020-02-01")
    assert "took too long" in assert_failed(outcome, "TimedOut")
    assert all(search.cancelled for search in slow_server.searches.values())


# --- completion


@pytest.mark.parametrize(
    ("cell", "candidate", "replaced"),
    [
        ("%%auroraql\nFIND data_p¦", "data_products", "data_p"),
        ("%%auroraql -o df --keep-going\nFIND data_products\nWHERE pro¦\nORDER BY start", "program", "pro"),
        ("\n%%auroraql\nFIND eph¦", "ephemeris", "eph"),
        ("x = 1\n%auroraql FIND eph¦\ny = 2", "ephemeris", "eph"),
        ("near = %auroraql -a demo FIND con¦", "conjunctions", "con"),
        ("%%auroraql\n-- 😀😀 \U0001d54f\nFIND data_products WHERE program = 'tr¦", "'trex'", "'tr"),
        ("%%auroraql\nFIND data_products WHERE url = '😀' AND plat¦", "platform", "plat"),
        ("%auroraql FIND data_products WHERE url = '😀😀' AND plat¦", "platform", "plat"),
        ("%%auroraql\nFIND data_products; FIND eph¦", "ephemeris", "eph"),
        ("%%auroraql --k¦", "--keep-going", "--k"),
        ("%auroraql -o x --as pa¦", "pandas", "pa"),
        ("%auroraql -a ¦", "demo", ""),
        ("%%auroraql -¦\nFIND x", "--archive", "-"),
    ],
)
def test_completion(kernel: NotebookKernel, cell: str, candidate: str, replaced: str) -> None:
    candidates, fragment = kernel.complete(cell)
    assert candidate in candidates
    assert fragment == replaced


def test_completion_outside_of_the_magics_is_python(kernel: NotebookKernel) -> None:
    kernel.run("%config IPCompleter.use_jedi = False")  # it reads all of pandas here, which takes long
    assert "import" in kernel.complete("imp¦")[0]
    assert "keogram_type" not in kernel.complete("keogram_t¦")[0]
    assert "data_products" not in kernel.complete("%auroraql FIND data_products\ndata_p¦")[0]
    kernel.run("%config IPCompleter.use_jedi = True")


def test_completion_offers_results_of_the_session(kernel: NotebookKernel) -> None:
    kernel.run(f"%auroraql LET v_passes = {PASSES} LIMIT 2")
    assert "v_passes" in kernel.complete("%%auroraql\nFIND v_¦")[0]
    assert "ground1" in kernel.complete("%%auroraql\nFIND v_passes SELECT gro¦")[0]


def test_completion_does_not_open_the_archive(kernel: NotebookKernel) -> None:
    kernel.run("%reload_ext auroraql")
    assert "data_products" in kernel.complete("%%auroraql\nFIND data_p¦")[0]
    assert kernel.evaluate("get_ipython().auroraql_state[0].session._archive") == "None"


# --- load and unload


def test_unload_and_load_again(kernel: NotebookKernel) -> None:
    kernel.run("v_archive = archive")
    assert kernel.run("%unload_ext auroraql").error is None
    assert kernel.evaluate("v_archive") == "<Archive demo, closed>"
    gone = kernel.run(f"%auroraql {KEOGRAMS}")
    assert gone.value is None
    assert "not found" in gone.errors_printed + (gone.shown_error if gone.error else "")
    kernel.run("%config IPCompleter.use_jedi = False")
    assert "data_products" not in kernel.complete("%%auroraql\nFIND data_p¦")[0]
    kernel.run("%config IPCompleter.use_jedi = True")
    assert kernel.run("%load_ext auroraql").error is None
    assert kernel.run(f"%auroraql {KEOGRAMS}").value is not None
    assert "data_products" in kernel.complete("%%auroraql\nFIND data_p¦")[0]


def test_two_loads(kernel: NotebookKernel) -> None:
    assert kernel.run("%load_ext auroraql").error is None
    assert kernel.run("import auroraql; auroraql.load_ipython_extension(get_ipython())").error is None
    matchers = "[m.__name__ for m in get_ipython().Completer.custom_matchers].count('auroraql_matcher')"
    assert kernel.evaluate(matchers) == "1"
    assert kernel.run("%reload_ext auroraql").error is None
    assert kernel.evaluate(matchers) == "1"
    assert kernel.run(f"%auroraql {KEOGRAMS}").value is not None


def test_a_variable_named_archive_is_kept(kernel: NotebookKernel) -> None:
    kernel.run("archive = 'mine'")
    outcome = kernel.run(f"%auroraql -a demo {KEOGRAMS}")
    assert "the variable 'archive' has another value and is kept" in outcome.printed
    assert outcome.value is not None
    assert kernel.evaluate("archive") == "mine"
    kernel.run("del archive")
