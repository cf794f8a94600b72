"""A catalogue that is opened while something else is done: DuckDB takes 20 ms for it, and needs no Python."""

from __future__ import annotations

import threading
from collections.abc import Callable

from auroraql.archives.catalogue_file import CatalogueFile
from auroraql.archives.demo.place import NAME
from auroraql.errors import Cancelled


class Opening(threading.Thread):
    """A catalogue being opened, in a thread of its own once it is started."""

    def __init__(self, open_it: Callable[[], CatalogueFile]) -> None:
        super().__init__(daemon=False)  # a program that ends meanwhile waits for DuckDB, which would abort it
        self._open = open_it
        self._file: CatalogueFile | None = None
        self._problem: BaseException | None = None

    def run(self) -> None:
        """Opens it, and keeps what comes of it for whoever asks."""
        try:
            self._file = self._open()
        except BaseException as problem:
            self._problem = problem

    def outcome(self) -> CatalogueFile:
        """The open catalogue, waited for. Raises what opening it raised."""
        if self.ident is not None:
            self.join()
        if self._file is None:
            raise self._problem or Cancelled("it was not opened", archive=NAME)
        return self._file
