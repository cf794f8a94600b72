"""The magics `%auroraql` and `%%auroraql`: statements in notebooks, with Python variables on both sides.

`$name` in a statement takes the Python variable `name`. LET sets a Python variable, unless the user has another value
in that name. All results of a cell but the last are displayed, and the last is the value of the cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from auroraql.frontends.notebook.completion import Candidate, create_matcher


@magics_class
class AuroraQLMagics(Magics):
    """The magics. The rest of the program is loaded when one of them is first used or completed."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._namespace: dict[str, Any] = shell.user_ns
        self._session: Any = None

    @no_var_expand
    @line_cell_magic
    def auroraql(self, line: str, cell: str | None = None) -> Any:
        """Run statements: `%auroraql FIND …` in a line, `%%auroraql` for a cell. `%auroraql` alone describes itself."""
        return self.session.run_magic(line, cell)

    @property
    def session(self) -> Any:
        """The `NotebookSession`: the archive and the variables of the notebook."""
        if self._session is None:
            from auroraql.frontends.notebook.cells import NotebookSession

            self._session = NotebookSession(self._namespace)
        return self._session

    def complete(self, text: str, offset: int) -> Sequence[Candidate]:
        """Return the candidates for the cursor at an offset of a text of statements."""
        candidates: Sequence[Candidate] = self.session.language_service().complete(text, offset)
        return candidates

    def close(self) -> None:
        """Close the open archive."""
        if self._session is not None:
            self._session.close()


_STATE = "auroraql_state"
"""Attribute of a shell with the loaded magics and their matcher."""


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magics and the completion of their statements to a shell. `%load_ext auroraql` calls this."""
    unload_ipython_extension(shell)  # a second load replaces the first
    magics = AuroraQLMagics(shell)
    shell.register_magics(magics)
    matcher = create_matcher(magics.complete)
    shell.Completer.custom_matchers.insert(0, matcher)
    setattr(shell, _STATE, (magics, matcher))


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Remove the magics and the matcher, and close the archive."""
    state = getattr(shell, _STATE, None)
    if state is None:
        return
    magics, matcher = state
    shell.Completer.custom_matchers.remove(matcher)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("auroraql", None)
    magics.close()
    delattr(shell, _STATE)
