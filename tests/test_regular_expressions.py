"""No regular expression of the package takes exponential time, whatever is typed, pasted or received.

Each runs on growing inputs that fail to match, in a separate process, because Python's matcher cannot be interrupted.
"""

from __future__ import annotations

import subprocess
import sys

TRIED = r"""
import ast, importlib, pkgutil, re, sys
import auroraql

UNITS = ("'", "''", '"', "`", "(", "()", "[", "{", "\\", "a", "a ", "a=", "a,", "a.", "a-", "-", "--", "/*", "/", "*/", "1", "1-", "1.",
         "1e", " ", "\n", "\t,", ",", ";", "$", "$$", "=", "not ", "now+1d,", "now + 1 d ,", "'a',", "E'", "find ", ":", "|", "\u2019")
ENDS = ("x", "\0", " =", "'")
HEADS = ("", "a='", "param a: list = ", " a=", "(", '"')
FUNCTIONS = {"compile", "match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn"}

def patterns():
    for info in pkgutil.walk_packages(auroraql.__path__, "auroraql."):
        if info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            is_maker = getattr(value, "__annotations__", None) == {"return": "re.Pattern[str]"}
            made = value() if is_maker else value
            if isinstance(made, re.Pattern):
                yield made
        for node in ast.walk(ast.parse(open(module.__file__, encoding="utf-8").read())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in FUNCTIONS and node.args:
                if getattr(node.func.value, "id", "") != "re":
                    continue
                written = node.args[0]
                made = written.value if isinstance(written, ast.Constant) else getattr(module, getattr(written, "id", ""), None)
                if isinstance(made, str | bytes):
                    yield re.compile(made)
    from auroraql.language.grammar import load_table
    from auroraql.language.highlighter import AuroraQLLexer
    yield from map(re.compile, load_table().terminals.values())
    AuroraQLLexer()
    for rules in AuroraQLLexer._tokens.values():
        for match, *_ in rules:
            yield match.__self__

found = list(dict.fromkeys(patterns()))
assert len(found) > 100, len(found)
for pattern in found:
    print(repr(pattern.pattern), flush=True)
    for head in HEADS:
        for unit in UNITS:
            for end in ENDS:
                text = head + unit * 61 + end
                pattern.match(text.encode() if isinstance(pattern.pattern, bytes) else text)
print("done")
"""


def test_no_pattern_takes_exponential_time() -> None:
    try:
        run = subprocess.run([sys.executable, "-c", TRIED], capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired as error:
        *_, pattern = (error.stdout or b"").decode().splitlines()
        raise AssertionError(f"this takes exponential time: {pattern}") from None
    assert run.stdout.endswith("done\n"), run.stderr
