"""The user's own editor: a text goes into it, and comes back when it ends well."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from auroraql.errors import UsageError, visible
from auroraql.frontends.pager import ignoring_interrupts
from auroraql.frontends.repl.state import State

SUFFIX = ".aql"


def edit(state: State, _argument: str) -> str:
    """The last statement in the editor; what comes back is what the next prompt begins with."""
    with ignoring_interrupts():
        edited = edited_text(state.statement, os.environ)
    if edited is None:
        return "the editor failed: nothing is changed"
    state.switches.draft = edited
    return ""


def edited_text(text: str, environ: Mapping[str, str]) -> str | None:
    """The text as VISUAL or EDITOR (else vi) leaves it, without the newlines that it puts at the end.

    None when it ends with an error. Raises UsageError when there is none.
    """
    named = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="auroraql-") as folder:
        file = Path(folder) / f"statement{SUFFIX}"
        file.write_text(text, "utf-8")
        try:
            done = subprocess.run([*shlex.split(named), file], check=False)
            return file.read_text("utf-8").rstrip("\n") if done.returncode == 0 else None
        except OSError as error:
            said = error.strerror or error
            raise UsageError(f"the editor '{visible(named)}' cannot be run: {said}", "set EDITOR") from None
        except ValueError as error:  # an unbalanced quote, or no UTF-8
            raise UsageError(f"the editor '{visible(named)}' cannot be used: {error}", "set EDITOR") from None
