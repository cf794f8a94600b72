"""The interactive prompt: statements over one or more lines, and commands that begin with a backslash.

The line editor (loop, line_editor, key_bindings, background_checks) loads first. The controller and everything it
imports load on another thread after the prompt is drawn, so that the user can type at once.
"""

from __future__ import annotations

from auroraql.frontends.repl.loop import banner, run_repl

__all__ = ["banner", "run_repl"]
