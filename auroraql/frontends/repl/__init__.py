"""The prompt: statements typed over as many lines as they need, and commands that begin with a backslash."""

from __future__ import annotations

from auroraql.frontends.repl.loop import run_repl
from auroraql.frontends.repl.state import Archive

__all__ = ["Archive", "run_repl"]
