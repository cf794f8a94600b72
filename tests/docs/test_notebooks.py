"""The example notebooks, executed in a real kernel, and their files, which have no outputs."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_core.utils import ensure_event_loop
from nbconvert.preprocessors import ExecutePreprocessor

import auroraql
from tests.conftest import ROOT
from tests.support.small_catalogue import Product, write

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


def read_notebook(path: Path) -> Any:
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def printed_values(notebook: Any) -> list[str]:
    """Return the text of each output but progress."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output["text"] if "text" in output else output["data"].get("text/plain", "") for output in outputs]


@pytest.fixture
def execute(tmp_path: Path, isolated_user_folders: Path) -> Any:
    """Return a function that executes a notebook in an empty folder."""

    def run(notebook: Any) -> Any:
        runner = ExecutePreprocessor(timeout=120, kernel_name="python3")  # type: ignore[no-untyped-call]
        executed, _ = runner.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
        return executed

    yield run
    ensure_event_loop().close()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_notebooks_have_no_outputs(path: Path) -> None:
    notebook = read_notebook(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    assert path.read_text("utf-8") == nbformat.writes(notebook, indent=1) + "\n"  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebooks_are_linked(path: Path) -> None:
    assert f"({path.name})" in (ROOT / "examples/README.md").read_text("utf-8")
    assert f"(examples/{path.name})" in (ROOT / "README.md").read_text("utf-8")


def test_the_notebook_of_data_products(execute: Any) -> None:
    executed = execute(read_notebook(ROOT / "examples/data_products.ipynb"))
    values = printed_values(executed)
    assert {"1330", "820", "('done', 820)"} <= set(values)
    assert values[-1].endswith("10 data products from demo (demonstration data)")
    assert "<ResultSet" not in str(values)
    assert not any("warning[" in value or "error[" in value for value in values)


def test_the_notebook_of_conjunctions(execute: Any) -> None:
    executed = execute(read_notebook(ROOT / "examples/conjunctions.ipynb"))
    values = printed_values(executed)
    assert any(value.startswith("passes: 26 conjunctions") for value in values)
    assert "('demo', {'distance': 200, 'first': '2021-01-01', 'last': '2021-01-03'})" in values
    assert not any("warning[" in value or "error[" in value for value in values)


def test_a_translated_statement_is_a_notebook_that_runs(
    execute: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = datetime(2021, 1, 1)
    product = Product(1, day, day.replace(hour=23), "https://files.example/a.png", "keogram", {"keogram_type": "daily"})
    write(tmp_path / "small.duckdb", [product])
    monkeypatch.setenv("AURORAQL_ARCHIVE", str(tmp_path / "small.duckdb"))  # the demonstration takes long to build
    statement = "FIND data_products WHERE program = $program AND keogram_type = 'daily' ON 2021-01-01"
    document = auroraql.translate(statement, "notebook", program="trex")
    notebook = nbformat.reads(json.dumps(document), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    executed = execute(notebook)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ()) if "data" in output]
    assert ["text/html" in output["data"] for output in outputs if output["output_type"] == "execute_result"] == [
        True
    ] * 3
    assert "metadata.keogram_type" in outputs[-2]["data"]["text/plain"]
    assert "data:image/svg+xml" in outputs[-1]["data"]["text/html"]


@pytest.mark.parametrize("value", ["{platform}", "$x", "%%bash\necho", "'''", "\u202e\x1b", "</script>"])
def test_text_in_a_statement_stays_in_its_cell(value: str) -> None:
    document: Any = auroraql.translate("FIND data_products WHERE k = $v ON 2021-01-01", "notebook", v=value)
    notebook = nbformat.reads(json.dumps(document), as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    holders = [cell for cell in notebook.cells if value in cell["source"]]
    assert [cell["source"].startswith("%%auroraql -o result\n") for cell in holders] == [True]
