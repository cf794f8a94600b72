"""The MCP server: registers the tools and the language reference, and serves them over standard input and output."""

from __future__ import annotations

from typing import Any

from mcp.server import MCPServer

from auroraql import __version__
from auroraql.frontends.mcp.reference import language_reference
from auroraql.frontends.mcp.tools import MAX_ROWS, Tools
from auroraql.session.archive import Archive

_INSTRUCTIONS = f"""\
Search AuroraX, the search engine of auroral science, with AuroraQL. Read the resource auroraql://language first. Check a
statement before you run it, and correct its errors: each has a hint and often a fix. Answers have at most {MAX_ROWS} rows;
`truncated` and `total` say what is left out. Prefer count(*), GROUP BY and LIMIT to long lists.
"""


def create_server(archive: Archive) -> MCPServer[Any]:
    """Return a server whose tools search an archive."""
    server: MCPServer[Any] = MCPServer("auroraql", version=__version__, instructions=_INSTRUCTIONS)
    tools = Tools(archive)

    # The descriptions and schemas come from the docstrings and signatures. The package runs the tools on threads.
    for tool in (tools.check, tools.search, tools.explain, tools.translate, tools.values):
        server.add_tool(tool)

    @server.resource("auroraql://language", mime_type="text/markdown", description="The language: fields and examples.")
    def language() -> str:
        return language_reference()

    return server


def run_stdio(archive: Archive) -> None:
    """Serve one agent over standard input and output until it disconnects."""
    create_server(archive).run("stdio")
