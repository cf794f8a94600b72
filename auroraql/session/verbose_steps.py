"""Log of a search's steps, in the format of the verbose mode of AuroraX's client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from auroraql.diagnostics.errors import make_visible
from auroraql.engines.base import EngineRun

Report = Callable[[str], object]
"""Callback for one line, without a line end."""


class VerboseSteps:
    """Reports the steps of one search: requests, log lines of the service, and received data.

    Call `on_progress` repeatedly while the search runs. It reports only news.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._request_ids: set[str] = set()
        self._log_lines = 0
        self._waiting = self._available = False

    def on_created(self, statement: str, requests: int) -> None:
        """Report that a search is about to be submitted."""
        self._say(f"Search created: {statement}")
        if requests != 1:
            self._say(f"It takes {requests} requests")

    def on_progress(self, run: EngineRun) -> None:
        """Report news: request IDs and addresses, log lines, and that the data is available."""
        for number, request_id in enumerate(run.request_ids):
            if request_id not in self._request_ids:
                self._request_ids.add(request_id)
                self._report_submitted(run, number, request_id)
        if self._request_ids and not self._waiting:
            self._waiting = True
            self._say("Waiting for data ...")
        status = run.last_status
        for line in status.logs[self._log_lines :]:
            self._say(f"{line.level}: {line.summary}")
        self._log_lines = len(status.logs)
        if status.done and self._request_ids and not self._available:
            self._available = True
            self._say("Data is now available")
            self._say("Retrieving data ...")

    def on_retrieved(self, run: EngineRun, records: int) -> None:
        """Report the end of a search: received bytes and records."""
        self.on_progress(run)
        if not self._request_ids:
            self._say("The archive answered directly, without a request ID")
        size = run.progress().bytes
        amount = f"{_format_size(size)} of data containing " if size else ""
        self._say(f"Retrieved {amount}{records:,} {'record' if records == 1 else 'records'}")

    def _report_submitted(self, run: EngineRun, number: int, request_id: str) -> None:
        self._say("Request submitted")
        self._say(f"Request ID: {request_id}")
        urls = run.request_urls
        if number < len(urls):
            self._say(f"Request details available at: {urls[number]}")

    def _say(self, line: str) -> None:
        self._report(f"[{datetime.now()}] {make_visible(line)}")  # log lines come from the service


def _format_size(count: int) -> str:
    """Return a number of bytes with a decimal unit."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
