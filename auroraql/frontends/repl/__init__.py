"""The prompt: statements typed over as many lines as they need, and commands that begin with a backslash.

The line editor (loop, prompt, keys, checking) is there at once; what is behind it (desk and all it imports) is
loaded while the user reads the banner.
"""

from __future__ import annotations

from auroraql.frontends.repl.loop import banner, run_repl

__all__ = ["banner", "run_repl"]
