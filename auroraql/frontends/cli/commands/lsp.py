"""`auroraql lsp`: the language server, which needs the extra `lsp`."""

from __future__ import annotations

import argparse

from auroraql.config import effective_config
from auroraql.diagnostics.errors import UsageError


def start_server(options: argparse.Namespace) -> int:
    """Serve an editor until it disconnects. Raises UsageError when the extra is not installed."""
    archive = effective_config(options).archive
    try:
        from auroraql.frontends.lsp.server import run_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the language server needs the package pygls", "pip install 'auroraql[lsp]'") from None
    return run_stdio(archive)
