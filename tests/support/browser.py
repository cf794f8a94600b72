"""A headless Chromium, driven by the DevTools protocol over pipes: no driver, no network, no other package."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""Path of a browser on this machine, or None."""

_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND", "--hide-scrollbars",
    "--remote-debugging-pipe", "about:blank",
)  # fmt: skip

_LOAD_TIMEOUT_SECONDS = 60.0


class Browser:
    """One tab of a browser."""

    def __init__(self, commands: int, events: BinaryIO) -> None:
        self._commands, self._events = commands, events
        self._number, self._session = 0, ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.messages: list[str] = []
        """Errors and messages of the console, violations of the page's policy included."""
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> Any:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._events.read(1)) != b"\0":
            if not byte:
                raise AssertionError("the browser has exited")
            data += byte
        message: dict[str, Any] = json.loads(data)
        match message.get("method"):
            case "Log.entryAdded":
                self.messages.append(message["params"]["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.messages.append(json.dumps(message["params"]["exceptionDetails"]))
        return message

    def open(self, path: Path) -> float:
        """Open a file, wait until it is painted, and return the milliseconds to its first contentful paint."""
        self.call("Page.navigate", url=path.absolute().as_uri())
        deadline = time.monotonic() + _LOAD_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            paint = self.run(
                "document.readyState === 'complete' && location.protocol === 'file:' ?"
                " performance.getEntriesByName('first-contentful-paint')[0]?.startTime : null"
            )
            if paint is not None:
                return float(paint)
            time.sleep(0.02)
        raise AssertionError("the page was not painted")

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, which may be a promise."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write a picture of what is in view."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **text)


@contextmanager
def open_browser(folder: Path, width: int = 1300, height: int = 900) -> Iterator[Browser]:
    """Start a browser with an empty profile in a folder."""
    assert EXECUTABLE is not None
    to_browser, from_browser = os.pipe(), os.pipe()
    saved = [os.dup(descriptor) for descriptor in (to_browser[0], from_browser[1])]

    def place_pipes() -> None:  # the browser reads commands from descriptor 3 and writes events to 4
        low = [os.dup2(os.dup(saved[0]), 100), os.dup2(os.dup(saved[1]), 101)]
        os.dup2(low[0], 3)
        os.dup2(low[1], 4)

    process = subprocess.Popen(
        [EXECUTABLE, f"--user-data-dir={folder}", f"--window-size={width},{height}", *_FLAGS],
        preexec_fn=place_pipes,  # noqa: PLW1509 - the test has no threads here
        close_fds=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for descriptor in (*saved, to_browser[0], from_browser[1]):
        os.close(descriptor)
    events = os.fdopen(from_browser[0], "rb")
    try:
        yield Browser(to_browser[1], events)
    finally:
        process.terminate()
        process.wait(20)
        os.close(to_browser[1])
        events.close()
