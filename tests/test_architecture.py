"""Tests of the architecture: layers, function sizes, consistent lists, and the cost of imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import pytest

import auroraql
from auroraql.diagnostics import errors
from auroraql.diagnostics.codes import CODES
from auroraql.frontends.cli.main import FORMAT_NAMES, SOURCES, TARGETS
from auroraql.rendering import FORMATS
from auroraql.session.translation import FORMS
from auroraql.session.translation import TARGETS as WRITTEN
from tests.conftest import ROOT
from tests.support import corpus_files

PACKAGE = ROOT / "auroraql"
MODULES = sorted(PACKAGE.rglob("*.py"))
BANNED = {"utils", "helpers", "manager", "core", "misc", "common"}


def test_layers_are_respected() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_imports_have_no_cycle() -> None:
    """Imports inside functions count: they only hide a cycle from the interpreter."""
    graph = {_module_name(path): _imported_modules(path) for path in MODULES}
    assert _find_cycle(graph) is None
    assert _find_cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) is not None


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imported_modules(path: Path) -> set[str]:
    """Return the modules of the package that a module imports, at its top or inside a function."""
    names = {_module_name(module) for module in MODULES}
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = (f"{node.module}.{alias.name}" for alias in node.names)
            imported |= {member if member in names else node.module for member in members}
    return (imported & names) - {_module_name(path)}


def _find_cycle(graph: dict[str, set[str]]) -> tuple[str, ...] | None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return None


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_module_has_a_plain_name_and_a_docstring(path: Path) -> None:
    text = path.read_text("utf-8")
    assert path.stem not in BANNED
    tree = ast.parse(text)
    if text.strip():
        head = ast.get_docstring(tree)
        assert head is not None, "a module says what it owns"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_public_functions_are_documented_and_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        assert (node.end_lineno or 0) - node.lineno <= 60, f"{path.name}: {node.name} is long"
    for top in tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef) and not top.name.startswith("_"):
            assert ast.get_docstring(top), f"{path.name}: {top.name} is not documented"


def test_half_of_all_functions_are_short() -> None:
    lengths = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    )
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[len(lengths) * 95 // 100] <= 32


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_exception_is_swallowed_and_no_import_is_for_types_only(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "TYPE_CHECKING" not in text
    assert not re.search(r"except (Base)?Exception:\s*\n\s*pass", text)


def test_every_code_is_used_and_has_a_corpus_case() -> None:
    used = set(re.findall(r'"(AQL\d{4})"', "".join(p.read_text("utf-8") for p in MODULES if p.name != "codes.py")))
    assert used == set(CODES)
    corpus = chain(corpus_files.files("errors"), corpus_files.files("data_products"))
    shown = set(re.findall(r"\[(AQL\d{4})\]", "".join(path.read_text("utf-8") for path in corpus)))
    # Codes that only a Python caller, a megabyte of input, a service or a mirror can cause are tested elsewhere.
    elsewhere = {
        "AQL0103",
        "AQL0116",
        "AQL0119",
        "AQL0210",
        "AQL0211",
        "AQL0228",
        "AQL0605",
        "AQL0611",
        "AQL0616",
        "AQL0632",
    }
    assert used - elsewhere <= shown


def test_the_exception_tree_matches_its_docstring() -> None:
    drawn = re.findall(r"^[ │├└─]*(\w+)(?:  +.*)?$", (errors.__doc__ or "").split("\n\n")[2], re.MULTILINE)
    real = [
        var.__name__ for var in vars(errors).values() if isinstance(var, type) and issubclass(var, errors.AuroraQLError)
    ]
    assert sorted(drawn) == sorted(real)


def test_duplicated_names_agree() -> None:
    """The command line has its own short lists, so that --help loads nothing."""
    assert tuple(FORMATS) == FORMAT_NAMES
    assert WRITTEN == TARGETS
    assert tuple(FORMS) == SOURCES
    stub = (PACKAGE / "__init__.pyi").read_text("utf-8")
    assert set(re.findall(r"import (\w+) as \1$", stub, re.MULTILINE)) == set(vars(auroraql)["__all__"]) - {
        "__version__"
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["version"] == auroraql.__version__
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(shipped) == {f"grammar/{file.name}" for file in (ROOT / "grammar").glob("*.lark")}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "import auroraql",
            ("lark", "duckdb", "requests", "prompt_toolkit", "pygments", "wcwidth", "pandas", "pyarrow"),
        ),
        (
            "import auroraql; auroraql.translate('FIND data_products ON 2021-01-01', to='json')",
            ("duckdb", "requests", "prompt_toolkit", "pygments", "wcwidth", "pandas", "pyarrow"),
        ),
        (
            "import auroraql; auroraql.connect().run('FIND data_products ON 2021-01-01').records",
            ("requests", "prompt_toolkit", "pygments", "wcwidth", "pandas", "pyarrow"),
        ),
        ("from auroraql.frontends.cli import main; main(['--help'])", ("lark", "duckdb", "requests", "prompt_toolkit")),
        (
            "from auroraql.frontends.cli import main; main(['translate', '--to', 'json', '-c', 'FIND data_products ON 2021-01-01'])",
            (
                *("lark", "duckdb", "requests", "urllib3", "prompt_toolkit", "pygments"),
                *("argcomplete", "tomllib", "logging", "subprocess", "auroraql.queries", "auroraql.rendering"),
                *(
                    "auroraql.session.archive",
                    "auroraql.engines.base",
                    "auroraql.engines.base",
                    "auroraql.completion",
                ),
            ),
        ),
        (
            "from auroraql.frontends.cli import main; main(['-c', 'FIND data_products ON 2021-01-01 LIMIT 1'])",
            (
                *("lark", "requests", "urllib3", "prompt_toolkit", "pygments", "pandas", "pyarrow"),
                *("tomllib", "argcomplete", "subprocess", "auroraql.queries", "auroraql.completion"),
                "auroraql.engines.aurorax",
            ),
        ),
    ],
)
def test_unused_packages_are_not_loaded(code: str, absent: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys; print([m for m in {absent!r} if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_loaded_modules_are_frozen_for_the_garbage_collector() -> None:
    code = """
import gc, sys
from auroraql.__main__ import main
sys.argv[1:] = ["translate", "--to", "json", "-c", "FIND data_products ON 2021-01-01"]
before = sum(each["collections"] for each in gc.get_stats())
main()
print(sum(each["collections"] for each in gc.get_stats()) - before, gc.get_freeze_count(), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stderr.split()[0]) < 10  # of forty
    assert int(done.stderr.split()[1]) > 10_000  # nor at exit


def test_programs_that_tests_start_cache_their_bytecode() -> None:
    """Hundreds are started, and without a cache each would compile the whole package again."""
    code = "import sys; print(sys.dont_write_bytecode)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_find_from_the_command_line_to_its_table_crosses_few_files() -> None:
    """Count the modules in which a function runs, on any thread. Code that runs at import does not count."""
    code = """
import sys, threading
from pathlib import Path
from auroraql.__main__ import main
package, crossed = str(Path(sys.modules["auroraql"].__file__).parent), set()
def is_import(frame):
    while frame is not None:
        code = frame.f_code
        if code.co_name == "_find_and_load" or (code.co_name == "<module>" and code.co_filename.startswith(package)):
            return True
        frame = frame.f_back
    return False
def record(frame, event, _argument):
    name = frame.f_code.co_filename
    if event == "call" and name.startswith(package) and not is_import(frame):
        crossed.add(name)
sys.argv[1:] = ["-c", "FIND data_products WHERE program = 'trex' AND keogram_type = 'daily' ON 2021-01-01"]
threading.setprofile(record)
sys.setprofile(record)
main()
sys.setprofile(None)
print(*sorted(crossed), sep="\\n", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    crossed = [line for line in done.stderr.splitlines() if line.endswith(".py")]
    assert "gillam" in done.stdout
    assert 20 < len(crossed) < 45, crossed


DUCKDB_SPELLING = re.compile(
    r"unnest|VARIANT|TRY\b|TRY_CAST|ILIKE|list_\w+\(|json_object|map_from|epoch_us|arg_m(in|ax)|::|regexp_|isfinite"
    r"|any_value|strftime|HUGEINT|INTERVAL \d|lambda \w+:|\bto_microseconds"
)


def test_only_the_dialect_has_the_spelling_of_an_engine() -> None:
    spellings = []
    for path in (ROOT / "auroraql/sql").glob("*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = {
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
        }
        spellings += [(path.name, text) for text in texts if DUCKDB_SPELLING.search(text)]
    assert {name for name, _ in spellings} == {"dialect.py"}, spellings
