"""Tests of installation: the wheel and the editable install work outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

CODE = "import auroraql; from auroraql.language import grammar; print(auroraql.translate('FIND data_products', to='aql'), grammar.grammar_files()[0])"


def run_command(*command: str | Path, cwd: Path) -> str:
    """Run a command and return its output. It must succeed."""
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=elsewhere, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """Return the Python of an environment with the dependencies but without AuroraQL."""
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    # Read after all other files there, because path files are read in name order.
    (site / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return tmp_path / "venv" / "bin" / "python"


def test_the_wheel_holds_what_it_needs(bare_python: Path, tmp_path: Path) -> None:
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run_command(
        *pip, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, ROOT, cwd=tmp_path
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"auroraql/grammar/{file.name}" for file in (ROOT / "grammar").glob("*.lark")} <= names
    data = {
        p
        for p in (ROOT / "auroraql").rglob("*")
        if p.suffix in (".sql", ".csv", ".json", ".pyi") or p.name == "py.typed"
    }
    assert {str(p.relative_to(ROOT)) for p in data} <= names
    assert not [name for name in names if name.startswith("tests")]
    run_command(
        *pip, "--python", bare_python, "install", "--quiet", "--ignore-installed", "--no-deps", wheel, cwd=tmp_path
    )
    text, file = run_command(bare_python, "-c", CODE, cwd=tmp_path).rsplit(maxsplit=1)
    assert text == "FIND data_products"
    assert Path(file).is_relative_to(bare_python.parents[1])


def test_an_editable_install_reads_the_checkout(bare_python: Path, tmp_path: Path) -> None:
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", bare_python]
    run_command(
        *pip,
        "install",
        "--quiet",
        "--ignore-installed",
        "--no-deps",
        "--no-build-isolation",
        "--editable",
        ROOT,
        cwd=tmp_path,
    )
    text, file = run_command(bare_python, "-c", CODE, cwd=tmp_path).rsplit(maxsplit=1)
    assert text == "FIND data_products"
    assert Path(file).parent == ROOT / "grammar"
