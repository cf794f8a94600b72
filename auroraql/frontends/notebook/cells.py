"""What the magics do: run the statements of a cell on an archive, and exchange variables with Python."""

from __future__ import annotations

import argparse
import builtins
import os
import sys
from collections.abc import Sequence
from keyword import iskeyword
from typing import Any

from IPython.display import display

from auroraql.config import read_config
from auroraql.diagnostics.errors import AuroraQLError, Cancelled, Diagnostic, Source, StatementError, UsageError, render
from auroraql.frontends.notebook.options import split_options
from auroraql.frontends.notebook.progress import NotebookProgress
from auroraql.frontends.notebook.variables import explain_missing_variables, parameter_values
from auroraql.language_service.service import LanguageService
from auroraql.results.result_set import ResultSet
from auroraql.schema.catalogue import load_shipped
from auroraql.session.archive import Archive, connect
from auroraql.session.jobs import Search

_ARCHIVE_NAME = "archive"
"""Python variable of the open archive."""


class NotebookSession:
    """The archive that the magics search, and the variables of the notebook."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._archive: Archive | None = None
        self._service: LanguageService | None = None
        self._set_results: dict[str, ResultSet] = {}
        """Results that LET put into Python variables, by name."""

    def run_magic(self, line: str, cell: str | None) -> Any:
        """Run the statements of a line or a cell, and return its value. Raises AuroraQLError."""
        options, rest = split_options(line)
        if cell is not None and rest.strip():
            raise UsageError("%%auroraql takes options only", "write the statements on the next lines")
        opened = self._open_if_needed(options)
        text = cell if cell is not None else rest
        if not text.strip():
            if opened or options.archive is None:
                print(self._describe())
            return None
        return self._run(text, options)

    def _run(self, text: str, options: argparse.Namespace) -> Any:
        archive = self.archive
        last: ResultSet | None = None
        source, values = Source(text, "<cell>"), parameter_values(text, self._namespace)
        try:
            outcomes = (
                archive.run_each(source, **values) if options.keep_going else archive.run_script(source, **values)
            )
            for outcome in outcomes:
                if last is not None:
                    display(last)  # type: ignore[no-untyped-call]
                last = self._show_note(outcome)
        except StatementError as error:
            raise explain_missing_variables(error, self._namespace) from None
        except KeyboardInterrupt:
            raise Cancelled("the cell was interrupted", archive=archive.name) from None
        finally:
            self._set_variables()
        return self._finish(last, options)

    def _show_note(self, outcome: ResultSet | AuroraQLError) -> ResultSet | None:
        """Print the error of a statement, or the note of one without rows. Return the result to display."""
        if isinstance(outcome, StatementError):
            outcome = explain_missing_variables(outcome, self._namespace)
        if isinstance(outcome, AuroraQLError):
            print(outcome, file=sys.stderr)
            return None
        if outcome.note:
            print(outcome.note)
            return None
        return outcome

    def _finish(self, last: ResultSet | None, options: argparse.Namespace) -> Any:
        """Convert the last result, and store it if a name is given. Return the value of the cell."""
        value: Any = last
        if last is not None and options.frame is not None:
            value = {
                "result": lambda: last,
                "pandas": last.to_pandas,
                "polars": last.to_polars,
                "arrow": last.to_arrow,
            }[options.frame]()
        if options.out is None:
            return value
        if not options.out.isidentifier() or iskeyword(options.out):
            raise UsageError(f"'{options.out}' is not the name of a Python variable")
        self._namespace[options.out] = value
        return None

    # --- the archive

    @property
    def archive(self) -> Archive:
        """The open archive. It is opened on first use: that of the configuration, or the demonstration."""
        if self._archive is None:
            self._open(None, None)
        assert self._archive is not None, "opening sets it"  # noqa: S101
        return self._archive

    def _open_if_needed(self, options: argparse.Namespace) -> bool:
        if options.archive is None and options.timeout is None:
            return False
        self._open(options.archive, options.timeout)
        return True

    def _open(self, name: str | None, timeout: float | None) -> None:
        config = read_config(os.environ, {"archive": name, "timeout": timeout})
        archive = connect(
            config.archive,
            api_key=config.api_key,
            timeout=config.timeout,
            say=print,
            watch=NotebookProgress(),
            late=True,
        )
        archive.on_warning(_print_warnings)
        archive.on_interrupt(_cancel_search)
        self.close()
        self._archive = archive
        if isinstance(self._namespace.get(_ARCHIVE_NAME, archive), Archive):
            self._namespace[_ARCHIVE_NAME] = archive
        else:
            print(f"the variable '{_ARCHIVE_NAME}' has another value and is kept")

    def close(self) -> None:
        """Close the open archive."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _describe(self) -> str:
        archive = self.archive
        kind = " (demonstration data)" if archive.demonstration else ""
        return f"connected to {archive.name}{kind}. %%auroraql runs statements; `{_ARCHIVE_NAME}` is the open archive."

    def language_service(self) -> LanguageService:
        """Return the language service of the session. An archive that is not open yet is not opened for it."""
        archive = self._archive
        if self._service is None:
            self._service = LanguageService(load_shipped())
        if archive is not None:
            self._service.update(archive.catalogue, archive.session_context)
        return self._service

    # --- variables

    def _set_variables(self) -> None:
        """Set a Python variable for each result that LET or FETCH has stored or replaced."""
        for name, result in (self._archive.results if self._archive is not None else {}).items():
            if self._set_results.get(name) is result:
                continue
            reason = self._reason_to_keep(name)
            if reason:
                print(f"{reason}; the result is {_ARCHIVE_NAME}.results['{name}']")
            else:
                self._namespace[name] = result
            self._set_results[name] = result

    def _reason_to_keep(self, name: str) -> str:
        """Return why a result does not become the Python variable of its name; empty if it does."""
        if not name.isidentifier() or iskeyword(name):
            return f"'{name}' is not the name of a Python variable"
        if name in self._namespace and self._namespace[name] is not self._set_results.get(name, self):
            return f"the variable '{name}' has another value and is kept"
        if name not in self._namespace and hasattr(builtins, name):
            return f"'{name}' is a function of Python and is kept"
        return ""


def _print_warnings(warnings: Sequence[Diagnostic], source: Source) -> None:
    print(render(warnings, source))


def _cancel_search(search: Search) -> None:
    """Cancel the search whose wait was interrupted, and print its request IDs."""
    ids = ", ".join(search.request_ids)
    try:
        search.cancel()
    except AuroraQLError as error:
        print(error, file=sys.stderr)
        return
    print(f"cancelled: request {ids}" if ids else "cancelled")
