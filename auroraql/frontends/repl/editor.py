"""The user's own editor: a text goes into it, and comes back when it ends well."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from auroraql.errors import UsageError
from auroraql.frontends.repl.state import State

SUFFIX = ".aql"


def edit(state: State, _argument: str) -> str:
    """The last statement in the editor; what comes back is what the next prompt begins with."""
    edited = edited_text(state.statement, os.environ)
    if edited is None:
        return "the editor failed: nothing is changed"
    state.switches.draft = edited.rstrip("\n")
    return ""


def edited_text(text: str, environ: Mapping[str, str]) -> str | None:
    """The text as VISUAL or EDITOR (else vi) leaves it; None when it ends with an error. Raises UsageError without one."""
    named = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="auroraql-") as folder:
        file = Path(folder) / f"statement{SUFFIX}"
        file.write_text(text, "utf-8")
        try:
            done = subprocess.run([*shlex.split(named), file], check=False)
            return file.read_text("utf-8") if done.returncode == 0 else None
        except (OSError, ValueError) as error:
            raise UsageError(f"the editor '{named}' cannot be run: {error}", "set EDITOR") from None
