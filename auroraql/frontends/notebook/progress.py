"""Progress of a search in a notebook: one line of output that is updated and finally emptied."""

from __future__ import annotations

import time
from typing import Any

from IPython.display import display

from auroraql.engines.base import Progress
from auroraql.frontends.shared.progress import describe_progress

_DELAY_SECONDS = 0.5
"""Seconds before the progress of a search is shown."""

_PERIOD_SECONDS = 0.25
"""Seconds between two updates."""


class NotebookProgress:
    """A progress callback that updates one display. The waiting thread calls it, which is that of the cell."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""
        self._next = 0.0

    def __call__(self, progress: Progress | None) -> None:
        """Show the progress, or remove it with None."""
        if progress is None:
            self._show("")
            self._handle = None
        elif progress.elapsed >= _DELAY_SECONDS and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PERIOD_SECONDS
            self._show(describe_progress(progress))

    def _show(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        data = {"text/plain": text}
        if self._handle is not None:
            self._handle.update(data, raw=True)
        elif text:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
