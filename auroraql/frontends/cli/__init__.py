"""Command line: `arguments` declares the options, `main` runs the commands."""

from __future__ import annotations

from auroraql.frontends.cli.main import main

__all__ = ["main"]
