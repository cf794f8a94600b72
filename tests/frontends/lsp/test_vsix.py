"""The VS Code extension: a complete, valid file."""

from __future__ import annotations

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from auroraql.frontends.cli import main
from auroraql.frontends.lsp.textmate import textmate_grammar


def test_the_extension_has_every_file_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "auroraql.vsix"
    assert main(["lsp", "--vscode", str(path)]) == 0
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
        package = json.loads(archive.read("extension/package.json"))
        contributed = package["contributes"]
        named = [package["main"], *(g["path"] for g in contributed["grammars"])]
        named += [language["configuration"] for language in contributed["languages"]]
        assert {f"extension/{name.removeprefix('./')}" for name in named} <= names
        manifest = ET.fromstring(archive.read("extension.vsixmanifest"))  # noqa: S314
        assets = {element.attrib["Path"] for element in manifest.iter() if element.tag.endswith("}Asset")}
        assert assets <= names
        identity = next(element.attrib for element in manifest.iter() if element.tag.endswith("}Identity"))
        assert (identity["Version"], identity["Id"]) == (package["version"], package["name"])
        types = ET.fromstring(archive.read("[Content_Types].xml"))  # noqa: S314
        known = {element.attrib["Extension"] for element in types}
        assert {name.rpartition(".")[2] for name in names if name != "[Content_Types].xml"} <= known
        assert json.loads(archive.read("extension/auroraql.tmLanguage.json")) == textmate_grammar()
        licences = archive.read("extension/vendor/LICENSES.txt").decode()
        assert "vscode-languageclient 9.0.1 (MIT)" in licences
        script = archive.read("extension/extension.js").decode()
        assert {c["command"] for c in contributed["commands"]} == {
            name
            for name in ("auroraql.run", "auroraql.explain", "auroraql.asJson", "auroraql.restart")
            if name in script
        }
        restricted = package["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
        assert set(restricted) == set(contributed["configuration"]["properties"])
        archive.extractall(tmp_path / "out")
    if (node := shutil.which("node")) is not None:
        for file in ("extension.js", "vendor/vscode-languageclient.js"):
            subprocess.run([node, "--check", tmp_path / "out/extension" / file], check=True)


def test_a_file_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lsp", "--vscode", str(tmp_path / "no/auroraql.vsix")]) != 0
    assert "cannot write" in capsys.readouterr().err
    assert main(["lsp", "--vscode", str(tmp_path / "auroraql.zip")]) != 0
    assert not list(tmp_path.iterdir())
