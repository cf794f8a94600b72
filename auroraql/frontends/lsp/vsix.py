"""The VS Code extension as a `.vsix` file, which is a zip archive with two manifests."""

from __future__ import annotations

import json
import os
import re
import tempfile
import zipfile
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from auroraql import __version__
from auroraql.frontends.lsp.textmate import textmate_grammar

_FILES = (
    "extension.js",
    "language-configuration.json",
    "README.md",
    "vendor/vscode-languageclient.js",
    "vendor/LICENSES.txt",
)
_TIME = (2026, 1, 1, 0, 0, 0)
"""Time of the entries, so that equal versions give equal files."""

_CONTENT_TYPES = """\
<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="json" ContentType="application/json"/>
<Default Extension="js" ContentType="application/javascript"/>
<Default Extension="md" ContentType="text/markdown"/>
<Default Extension="txt" ContentType="text/plain"/>
<Default Extension="vsixmanifest" ContentType="text/xml"/>
</Types>
"""


def write_vsix(path: Path) -> None:
    """Write the extension to a file. The file is complete or unchanged. Raises OSError if it cannot be written."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(build_vsix())
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def build_vsix() -> bytes:
    """Return the extension. Its version is that of the package, and its colours are generated from the grammar."""
    folder = files("auroraql.frontends.lsp").joinpath("vscode")
    package = json.loads(folder.joinpath("package.json").read_text("utf-8")) | {"version": extension_version()}
    entries = {
        "extension.vsixmanifest": _manifest(package),
        "[Content_Types].xml": _CONTENT_TYPES,
        "extension/package.json": json.dumps(package, indent=2),
        "extension/auroraql.tmLanguage.json": json.dumps(textmate_grammar(), ensure_ascii=False),
        **{f"extension/{name}": folder.joinpath(name).read_text("utf-8") for name in _FILES},
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, text.encode())
    return out.getvalue()


def extension_version() -> str:
    """Return the version in the form that VS Code accepts: three numbers."""
    numbers = re.findall(r"\d+", __version__.partition("+")[0])[:3]
    return ".".join([*numbers, "0", "0"][:3])


def _manifest(package: dict[str, Any]) -> str:
    identity = " ".join(
        f"{name}={quoteattr(str(value))}"
        for name, value in (
            ("Language", "en-US"),
            ("Id", package["name"]),
            ("Version", package["version"]),
            ("Publisher", package["publisher"]),
        )
    )
    return f"""\
<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
<Metadata>
<Identity {identity}/>
<DisplayName>{escape(str(package["displayName"]))}</DisplayName>
<Description xml:space="preserve">{escape(str(package["description"]))}</Description>
<Tags>auroraql,aurora,space physics,__ext_aql</Tags>
<Categories>Programming Languages,Formatters</Categories>
<GalleryFlags>Public</GalleryFlags>
<Properties>
<Property Id="Microsoft.VisualStudio.Code.Engine" Value={quoteattr(str(package["engines"]["vscode"]))}/>
<Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
</Properties>
</Metadata>
<Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
<Dependencies/>
<Assets>
<Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
<Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
</Assets>
</PackageManifest>
"""
