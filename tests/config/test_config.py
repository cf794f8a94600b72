"""Tests of settings: where each value comes from, which key goes where, errors of the file, and the doctor."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from auroraql.config import Config, read_config, unknown_variables
from auroraql.config.definitions import SETTING_DEFINITIONS
from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.cli.shell_completion import completion_script
from tests.conftest import ROOT
from tests.support.aurorax_server import RECORDS, AuroraXServer
from tests.support.command_line import command, process

ONE = "FIND data_products SELECT start ON 2020-02-04"

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the configuration file, readable by its owner alone."""

    def write_config(text: str) -> Path:
        path = tmp_path / "config.toml"
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        monkeypatch.setenv("AURORAQL_CONFIG", str(path))
        return path

    return write_config


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AuroraXServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with AuroraXServer(RECORDS) as running:
        yield running


def read(path: Path, options: Mapping[str, str] = MappingProxyType({}), /, **environ: str) -> Config:
    return read_config({"AURORAQL_CONFIG": str(path), **environ}, dict(options))


# --- sources of a value

LAYERS = """
format = "csv"
profile = "lab"
[profiles.lab]
format = "json"
[profiles.other]
format = "jsonl"
"""


def test_precedence_of_option_environment_profile_file_and_default(write: Write) -> None:
    path = write(LAYERS)
    steps: list[tuple[str, str, str]] = []
    for text in (
        LAYERS,
        LAYERS.replace('profile = "lab"\n', ""),
        LAYERS.partition("\n[")[0].replace('profile = "lab"', ""),
        "",
    ):
        path = write(text)
        config = read(path)
        steps.append((config.format, config.origins["format"].replace(str(path), "FILE"), config.profile))
    assert steps == [
        ("json", "profile lab, FILE:5", "lab"), ("csv", "FILE:2", ""), ("csv", "FILE:2", ""), ("table", "default", ""),
    ]  # fmt: skip
    path = write(LAYERS)
    config = read(path, AURORAQL_FORMAT="vertical")
    assert (config.format, config.origins["format"]) == ("vertical", "environment AURORAQL_FORMAT")
    config = read(path, {"format": "table"}, AURORAQL_FORMAT="vertical")
    assert (config.format, config.origins["format"]) == ("table", "option --format")
    assert read(path, AURORAQL_PROFILE="other").format == "jsonl"
    assert read(path, {"profile": "lab"}, AURORAQL_PROFILE="other").format == "json"
    chosen = [read(path), read(path, AURORAQL_PROFILE="lab"), read(path, {"profile": "lab"})]
    assert [item.origins["profile"].replace(str(path), "FILE") for item in chosen] == [
        "FILE:3", "environment AURORAQL_PROFILE", "option --profile",
    ]  # fmt: skip


def test_precedence_on_the_command_line(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(LAYERS)
    beginnings = {"json": "[\n", "jsonl": '{"', "csv": "star", "vertical": "─[ 1"}
    for arguments, environ, shown_as in (
        ((), {}, "json"),
        (("--profile", "other"), {}, "jsonl"),
        ((), {"AURORAQL_PROFILE": "other"}, "jsonl"),
        ((), {"AURORAQL_FORMAT": "csv"}, "csv"),
        (("--format", "jsonl"), {"AURORAQL_FORMAT": "csv"}, "jsonl"),
    ):
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            done = command("-c", "FIND data_products SELECT start ON 2021-01-01 LIMIT 1", *arguments)
        assert (done.code, done.out[: len(beginnings[shown_as])]) == (0, beginnings[shown_as])
    done = command("-c", ONE, "--profile", "lib")
    assert (done.code, done.out) == (2, "")
    assert "unknown profile 'lib'\n  = hint: did you mean lab?" in done.err


VALUES = {
    "archive": "a.duckdb", "api_key": "k", "format": "csv", "timeout": "5", "color": "never", "theme": "monokai",
    "keys": "vi", "fuzzy": "off", "multiline": "on", "timing": "true", "pager": "most", "queries": "~/q",
}  # fmt: skip


def test_every_setting_has_a_variable_and_is_in_the_file_and_documented(tmp_path: Path, write: Write) -> None:
    assert VALUES.keys() == SETTING_DEFINITIONS.keys()
    page = (ROOT / "grammar" / "COMMANDS.md").read_text("utf-8")
    for name, row in SETTING_DEFINITIONS.items():
        assert f"AURORAQL_{name.upper()}" in row.variables
        assert f"`{name}`" in page
        config = read(write(""), **{f"AURORAQL_{name.upper()}": VALUES[name]})
        expected = row.read(VALUES[name], True)
        assert (config.values[name], config.origins[name]) == (expected, f"environment AURORAQL_{name.upper()}")
        assert config.values[name] != row.default
        if name != "api_key":
            path = write(f"[profiles.p]\n{name} = {json.dumps(expected)}")
            assert read(path, {"profile": "p"}).values[name] == expected
            assert read(path).values[name] == row.default


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("AURORAQL_TIMEOUT", "soon", "AURORAQL_TIMEOUT sets 'timeout' to a value of the wrong type"),
        ("AURORAQL_TIMEOUT", "-1", "write a positive number of seconds"),
        ("AURORAQL_COLOR", "red", "write one of auto, always, never"),
        ("AURORAQL_FUZZY", "maybe", "write true or false"),
        ("AURORAQL_FORMAT", "xml", "unknown format 'xml'"),
        ("AURORAQL_THEME", "monokay", "did you mean monokai?"),
        ("AURORAQL_PROFILE", "lab", "the configuration file has no profile"),
    ],
)
def test_an_invalid_environment_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    monkeypatch.setenv(variable, value)
    done = command("-c", ONE)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_unknown_environment_variables() -> None:
    assert unknown_variables({"AURORAQL_FROMAT": "x", "AURORAQL_CONFIG": "", "HOME": ""}) == [
        ("AURORAQL_FROMAT", "did you mean AURORAQL_FORMAT?")
    ]


# --- keys

KEYS = """
api_key = "key-of-file"
[profiles.lab]
archive = "https://lab.example.org/api/v1/"
api_key = "key-of-lab"
[profiles.bare]
archive = "https://bare.example.org"
[profiles.me]
api_key = "key-of-me"
"""


@pytest.mark.parametrize(
    ("options", "environ", "key"),
    [
        ({"archive": "aurorax"}, {}, "key-of-file"),
        ({"archive": "https://api.aurorax.space/"}, {}, "key-of-file"),
        ({"archive": "http://elsewhere.example.org"}, {}, ""),
        ({"archive": "https://api.aurorax.space.example.org"}, {}, ""),
        ({"profile": "lab"}, {}, "key-of-lab"),
        ({"profile": "lab", "archive": "https://lab.example.org"}, {}, "key-of-lab"),
        ({"profile": "lab", "archive": "aurorax"}, {}, "key-of-file"),
        ({"profile": "lab"}, {"AURORAQL_ARCHIVE": "https://bare.example.org"}, ""),
        ({"profile": "bare"}, {}, ""),
        ({"profile": "me", "archive": "aurorax"}, {}, "key-of-me"),
        ({"profile": "me", "archive": "https://lab.example.org"}, {}, ""),
        ({"profile": "bare"}, {"AURORAX_API_KEY": "key-of-env"}, ""),
        ({"profile": "bare"}, {"AURORAQL_API_KEY": "key-of-env"}, "key-of-env"),
        ({"archive": "aurorax"}, {"AURORAX_API_KEY": "key-of-env"}, "key-of-env"),
        ({"profile": "lab"}, {"AURORAX_API_KEY": "one", "AURORAQL_API_KEY": "two"}, "two"),
    ],
)
def test_a_key_goes_to_its_archive_only(
    write: Write, options: dict[str, str], environ: dict[str, str], key: str
) -> None:
    config = read(write(KEYS), options, **environ)
    assert config.api_key == key
    assert bool(config.withheld) is (key == "")
    # The key of a file whose own archive is a service belongs to that service.
    if "archive" not in options and "AURORAQL_ARCHIVE" not in environ:
        moved = read(write('archive = "https://home.example.org"\n' + KEYS), options, **environ)
        assert moved.api_key == key


def test_a_key_is_sent_to_its_own_archive_and_to_no_other(server: AuroraXServer, write: Write) -> None:
    with AuroraXServer(RECORDS) as other:
        write(
            f'[profiles.a]\narchive = "{server.url}"\napi_key = "key-of-a"\n'
            f'[profiles.b]\narchive = "{other.url}"\napi_key = "key-of-b"\n[profiles.c]\narchive = "{other.url}"'
        )
        for arguments in (
            ["--profile", "a"],
            ["--profile", "b"],
            ["--profile", "c"],
            ["--profile", "a", "-a", other.url],
        ):
            assert command("-c", ONE, *arguments).code == 0
        assert {call.headers["x-aurorax-api-key"] for call in server.calls} == {"key-of-a"}
        keys = [call.headers.get("x-aurorax-api-key") for call in other.calls]
        assert set(keys) == {"key-of-b", None}
        assert keys[-1] is None


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_file_with_a_key_that_others_can_read(write: Write) -> None:
    path = write('[profiles.p]\napi_key = "secret-key"\n')
    assert "readable by others" not in command("-c", ONE).err
    path.chmod(0o640)
    done = command("-c", ONE)
    assert done.code == 0
    assert (
        f"warning: {path}:2:1: the file contains an API key and is readable by others\n  = hint: chmod 600 {path}"
        in done.err
    )
    for name in ("show", "validate"):
        done = command("config", name)
        assert done.code == 0
        assert "readable by others" in done.err
        assert "secret-key" not in done.err + done.out
    write('format = "csv"').chmod(0o644)
    assert "others" not in command("-c", ONE).err


# --- errors of the file


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("archive = ", ["1:11: the file is not valid TOML"]),
        ('x = "a', ["1:7: the file is not valid TOML"]),
        ("a = [[[[" * 500, ["the file is not valid TOML"]),
        ('\n  archve = "demo"', ["2:3: unknown setting 'archve'\n  = hint: did you mean archive?"]),
        ("timeout = true\nfuzzy = 1\ncolor = 'red'", ["1:11: this sets 'timeout' to a value of the wrong type", "2:9: ", "3:9: "]),
        ("[profiles.a]\nprofile = 'b'\nkeys = 'nano'", ["2:1: unknown setting 'profile'", "3:8: this sets 'keys' to 'nano'"]),
        ("profile = 'labb'\n[profiles.lab]", ["1:11: unknown profile 'labb'\n  = hint: did you mean lab?"]),
        ("profile = 5", ["1:1: this sets 'profile' to a value of the wrong type"]),
        ("profiles = 5", ["1:1: this sets 'profiles', which must contain tables"]),
        ("[profiles]\na = 'demo'", ["2:1: the profile 'a' is not a table"]),
        ("profiles.a.fuzzy = 'x'", ["1:20: this sets 'fuzzy' to a value of the wrong type"]),
        ("format = 'xml'\ntheme = 'monokay'", ["1:10: ", "2:9: this sets 'theme' to 'monokay'\n  = hint: did you mean monokai?"]),
        ("archive = 'ftp://x'", ["1:11: this sets 'archive' wrongly: 'ftp://x' is not the address of an archive\n  = hint: "]),
        ("[archive]\nx = 1", ["1:2: this sets 'archive' to a value of the wrong type"]),
    ],
)  # fmt: skip
def test_validate_reports_every_error_with_its_position(write: Write, text: str, places: list[str]) -> None:
    path = write(text)
    done = command("config", "validate")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("error: ") == len(places)
    for place in places:
        assert place in done.err.replace(f"{path}:", "")
    assert command("-c", ONE).code == command("config", "show").code == 2


def test_validate_of_a_correct_or_missing_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('archive = "demo"')
    assert (command("config", "validate").code, command("config", "validate").out) == (0, f"{path}: valid\n")
    monkeypatch.setenv("AURORAQL_FROMAT", "csv")
    assert "did you mean AURORAQL_FORMAT?" in command("config", "validate").err
    monkeypatch.setenv("AURORAQL_FORMAT", "xml")
    assert command("config", "validate").code == 2
    monkeypatch.setenv("AURORAQL_CONFIG", str(tmp_path / "missing"))
    monkeypatch.delenv("AURORAQL_FORMAT")
    assert command("config", "validate").code == 2
    monkeypatch.delenv("AURORAQL_CONFIG")
    assert command("config", "validate").code == 0


def test_show_prints_the_source_of_each_value_and_no_secret(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write('archive = "https://lab.example.org/x"\napi_key = "secret-key"\n[profiles.lab]\ntimeout = 60')
    monkeypatch.setenv("AURORAQL_KEYS", "vi")
    done = command("config", "show", "--profile", "lab", "--color", "never")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in done.out.splitlines() if line}
    assert done.code == 0
    assert "profile: lab (option --profile)" in done.out
    assert rows["timeout"] == ["60", f"profile lab, {path}:4"]
    assert rows["keys"] == ["vi", "environment AURORAQL_KEYS"]
    assert rows["color"] == ["never", "option --color"]
    assert rows["fuzzy"] == ["true", "default"]
    assert rows["api_key"] == ["***", f"{path}:2"]
    assert rows["archive"] == ["https://lab.example.org/x", f"{path}:1"]
    assert "secret-key" not in done.out + done.err
    named = command("config", "show", "-a", "https://me:pass-word@lab.example.org/x")
    assert "https://***@lab.example.org/x" in named.out
    assert "pass-word" not in named.out + named.err
    monkeypatch.setenv("AURORAQL_ARCHIVE", "https://me:pass-word@lab.example.org/x")
    refused = command("config", "show")
    assert refused.code == 2
    assert "pass-word" not in refused.out + refused.err
    monkeypatch.delenv("AURORAQL_ARCHIVE")
    stored = command("config", "show", "-a", "aurorax")
    assert f"the API key of {path}:2 is not sent to aurorax: it belongs to another archive" in stored.err


# --- effects


def test_a_broken_profile_does_not_affect_commands_that_do_not_use_it(write: Write) -> None:
    write("wrong = ")
    assert command("fmt", "-", stdin=ONE).code == 0
    assert command("--version").code == 0
    # translate uses the sources of the configured archive.
    assert command("translate", "--to", "aql", "-c", ONE.replace("SELECT start ", "")).code == 2
    with pytest.raises(UsageError):
        read_config(os.environ)


@pytest.mark.parametrize("arguments", [["--color", "always"], []])
def test_a_pipe_gets_colours_only_on_request(arguments: list[str]) -> None:
    out = process("-c", "FIND data_products SELECT start ON 2021-01-01 LIMIT 1", *arguments, env={"NO_COLOR": "1"}).out
    assert ("\x1b[" in out) is bool(arguments)


def test_a_completion_script_for_each_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert command("completion", shell).out == completion_script(shell)
    assert command("completion", "tcsh").code == 2


def test_the_prompt_does_not_wait_for_a_configured_service() -> None:
    code = (
        "import sys; from auroraql.config import read_config\n"
        "read_config({'AURORAQL_FORMAT': 'csv', 'AURORAQL_THEME': 'dark', 'AURORAQL_CONFIG': ''})\n"
        "print([name for name in ('auroraql.rendering', 'auroraql.session.archive', 'pygments', 'tomllib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
