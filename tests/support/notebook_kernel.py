"""A real Jupyter kernel in its own process, driven as a notebook drives it, for tests."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

PATIENCE_SECONDS = 180
"""Seconds that a cell may take. The first one may build the demonstration, and start when the machine is busy."""


@dataclass
class CellOutcome:
    """What a cell showed: its outputs as in a notebook file, and its error."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, Any] | None = None
    updates: list[str] = field(default_factory=list)
    """The texts of the display that shows progress, one after another."""

    def add(self, message: dict[str, Any], displays: dict[str, dict[str, Any]]) -> bool:
        """Add a message of the kernel. `displays` has the outputs that can be updated. Return whether it is the last."""
        kind, content = message["msg_type"], message["content"]
        if kind == "error":
            self.error = content
        elif kind == "update_display_data":
            displays[content["transient"]["display_id"]]["data"] = content["data"]
            self.updates.append(content["data"]["text/plain"])
        elif kind in ("stream", "display_data", "execute_result"):
            output = {"type": kind, **content}
            self.outputs.append(output)
            display_id = content.get("transient", {}).get("display_id")
            if display_id is not None:
                displays[display_id] = output
                self.updates.append(content["data"]["text/plain"])
        return bool(kind == "status" and content["execution_state"] == "idle")

    @property
    def printed(self) -> str:
        """The text of standard output."""
        return "".join(output["text"] for output in self.outputs if output.get("name") == "stdout")

    @property
    def errors_printed(self) -> str:
        """The text of standard error."""
        return "".join(output["text"] for output in self.outputs if output.get("name") == "stderr")

    @property
    def displays(self) -> list[dict[str, str]]:
        """The data of what was displayed, without the value of the cell. A removed progress line is left out."""
        shown = [output for output in self.outputs if output["type"] == "display_data"]
        return [output["data"] for output in shown if output["data"] != {"text/plain": ""}]

    @property
    def value(self) -> dict[str, str] | None:
        """The data of the cell's value, `Out[n]`."""
        return next((output["data"] for output in self.outputs if output["type"] == "execute_result"), None)

    @property
    def shown_error(self) -> str:
        """The text that a notebook shows for the error."""
        assert self.error is not None, self.outputs
        return "\n".join(self.error["traceback"])


class NotebookKernel:
    """A kernel with a client. It runs one cell at a time, inside `with`."""

    def __enter__(self) -> Self:
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel()
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.cleanup_resources()
        ensure_event_loop().close()  # that of the blocking client

    def run(self, code: str, *, stop_when: Callable[[], bool] | None = None) -> CellOutcome:
        """Run a cell and return what it showed. `stop_when` presses Stop as soon as it returns true."""
        request = self._client.execute(code)
        outcome = CellOutcome()
        displays: dict[str, dict[str, Any]] = {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if stop_when is not None and stop_when():
                self._manager.interrupt_kernel()
                stop_when = None
            try:
                message = self._client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") == request and outcome.add(message, displays):
                self._reply_to(request)
                return outcome
        raise AssertionError(f"the cell does not end: {code}")

    def evaluate(self, expression: str) -> str:
        """Return the `str` of an expression in the kernel."""
        outcome = self.run(f"print(({expression}), end='')")
        assert outcome.error is None, outcome.shown_error
        return outcome.printed

    def complete(self, cell: str) -> tuple[list[str], str]:
        """Return the candidates at the mark `¦` of a cell, and the text that they replace."""
        position = cell.index("¦")
        code = cell.replace("¦", "")
        reply = self._reply_to(self._client.complete(code, position))
        assert reply["status"] == "ok", reply
        return reply["matches"], code[reply["cursor_start"] : reply["cursor_end"]]

    def _reply_to(self, request: str) -> dict[str, Any]:
        while True:
            try:
                reply = self._client.get_shell_msg(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                raise AssertionError("the kernel does not reply") from None
            if reply["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = reply["content"]
                return content
