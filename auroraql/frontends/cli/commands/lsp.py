"""`auroraql lsp`: the language server, which needs the extra `lsp`."""

from __future__ import annotations

import argparse
from pathlib import Path

from auroraql.config import effective_config
from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.cli import streams
from auroraql.frontends.cli.streams import EXIT_OK


def start_server(options: argparse.Namespace) -> int:
    """Serve an editor until it disconnects, or write the VS Code extension, and return the exit code.

    Raises UsageError when the extra is not installed or the extension cannot be written.
    """
    if options.vscode is not None:
        return _write_extension(Path(options.vscode))
    archive = effective_config(options).archive
    try:
        from auroraql.frontends.lsp.server import run_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the language server needs the package pygls", "pip install 'auroraql[lsp]'") from None
    return run_stdio(archive)


def _write_extension(path: Path) -> int:
    from auroraql.frontends.lsp.vsix import write_vsix

    if path.suffix != ".vsix":
        raise UsageError(f"{path} is not the name of an extension", "name it like auroraql.vsix")
    try:
        write_vsix(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
    streams.print_notice(f"{path} written. Install it with: code --install-extension {path}")
    return EXIT_OK
