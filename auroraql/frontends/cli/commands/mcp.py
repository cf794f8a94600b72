"""`auroraql mcp`: the MCP server for agents, which needs the extra `mcp`."""

from __future__ import annotations

import argparse

from auroraql.config import effective_config
from auroraql.diagnostics.errors import UsageError
from auroraql.frontends.cli.streams import EXIT_OK, print_notice
from auroraql.session.archive import connect


def start_server(options: argparse.Namespace) -> int:
    """Serve an agent until it disconnects. Raises UsageError when the extra is not installed."""
    config = effective_config(options)
    try:
        from auroraql.frontends.mcp.server import run_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise UsageError("the MCP server needs the package mcp", "pip install 'auroraql[mcp]'") from None
    with connect(
        config.archive, api_key=config.api_key, timeout=config.timeout, say=print_notice, late=True
    ) as archive:
        run_stdio(archive)
    return EXIT_OK
