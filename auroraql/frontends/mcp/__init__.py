"""MCP server: AuroraQL as tools for agents, over standard input and output (Model Context Protocol)."""
