"""Editing of a statement in the user's external editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from auroraql.diagnostics.errors import UsageError, make_visible
from auroraql.frontends.repl.state import ReplState
from auroraql.frontends.shared.pager import ignore_interrupts

SUFFIX = ".aql"


def edit_last_statement(state: ReplState, _argument: str) -> str:
    """Open the last statement in the editor. The edited text becomes the draft of the next prompt."""
    with ignore_interrupts():
        edited = edit_text(state.statement, os.environ)
    if edited is None:
        return "the editor failed: the statement is unchanged"
    state.switches.draft = edited
    return ""


def edit_text(text: str, environ: Mapping[str, str]) -> str | None:
    """Return the text after editing with VISUAL or EDITOR (default vi), without trailing newlines.

    Return None when the editor exits with an error. Raises UsageError when the editor cannot be run, or when the edited
    text is not UTF-8.
    """
    command = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="auroraql-") as folder:
        file = Path(folder) / f"statement{SUFFIX}"
        file.write_text(text, "utf-8")
        try:
            process = subprocess.run([*shlex.split(command), file], check=False)
            return file.read_text("utf-8").rstrip("\n") if process.returncode == 0 else None
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(f"the editor '{make_visible(command)}' cannot be run: {reason}", "set EDITOR") from None
        except ValueError as error:  # an unbalanced quote in the command, or a file that is not UTF-8
            raise UsageError(f"the editor '{make_visible(command)}' cannot be used: {error}", "set EDITOR") from None
