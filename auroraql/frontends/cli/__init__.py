"""The command line: one module for what may be written, one for what is done."""

from __future__ import annotations

from auroraql.frontends.cli.main import main

__all__ = ["main"]
