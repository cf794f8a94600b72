"""Opening of a catalogue on a background thread: DuckDB takes 20 ms for it and needs no Python meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable

from auroraql.diagnostics.errors import Cancelled
from auroraql.engines.duckdb.catalogue_file import CatalogueFile
from auroraql.engines.duckdb.demo.location import DEMO_NAME


class BackgroundOpening(threading.Thread):
    """Catalogue opened on its own thread after `start`, or on the caller's by `run`."""

    def __init__(self, open_it: Callable[[], CatalogueFile]) -> None:
        super().__init__(
            daemon=False
        )  # the interpreter waits for it at exit, because DuckDB would otherwise abort the process
        self._open = open_it
        self._file: CatalogueFile | None = None
        self._problem: BaseException | None = None

    def run(self) -> None:
        """Open the catalogue and store the outcome."""
        try:
            self._file = self._open()
        except BaseException as problem:
            self._problem = problem

    def outcome(self) -> CatalogueFile:
        """Wait and return the open catalogue. Raises the error of opening it."""
        if self.ident is not None:
            self.join()
        if self._file is None:
            raise self._problem or Cancelled("it was not opened", archive=DEMO_NAME)
        return self._file
