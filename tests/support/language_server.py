"""A client of the language server that sends any message, also one that no editor should send."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from tests.conftest import ROOT

URI = "file:///queries/night.aql"


class RawEditor:
    """A server process, and the messages that it has written. Usable as a context manager."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "auroraql", *arguments, "lsp"],
            cwd=ROOT,
            env=env,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._received = b""
        self._number = 0
        self.messages: list[dict[str, Any]] = []
        """Notifications that were received and not taken yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def send(self, method: str, params: object = None, number: int | None = None) -> None:
        """Send a notification, or a request if it has a number."""
        message = {"jsonrpc": "2.0", "method": method, "params": params}
        body = json.dumps(message if number is None else message | {"id": number}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def request(self, method: str, params: object = None) -> Any:
        """Send a request and return its result. Raises LookupError with the error of the response."""
        self._number += 1
        self.send(method, params, self._number)
        while True:
            message = self._read()
            if message.get("id") != self._number:
                self.messages.append(message)
            elif "error" in message:
                raise LookupError(message["error"])
            else:
                return message["result"]

    def receive(self, method: str, seconds: float = 60) -> Any:
        """Return the parameters of the next notification of a kind."""
        end = time.monotonic() + seconds
        while True:
            for message in self.messages:
                if message.get("method") == method:
                    self.messages.remove(message)
                    return message["params"]
            self.messages.append(self._read(end - time.monotonic()))

    def _read(self, seconds: float = 60) -> dict[str, Any]:
        """Read one message. Everything on standard output must be one."""
        end = time.monotonic() + seconds
        while True:
            head, separator, body = self._received.partition(b"\r\n\r\n")
            if separator:
                lengths = [line for line in head.split(b"\r\n") if line.startswith(b"Content-Length: ")]
                assert len(lengths) == 1, self._received
                length = int(lengths[0].partition(b": ")[2])
                if len(body) >= length:
                    self._received = body[length:]
                    return dict(json.loads(body[:length]))
            assert self.process.stdout is not None
            ready, _, _ = select.select([self.process.stdout], [], [], max(end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            chunk = os.read(self.process.stdout.fileno(), 1 << 16)
            if not chunk:
                raise EOFError
            self._received += chunk

    def initialize(self, options: object = None, capabilities: object = None) -> Any:
        """Connect as an editor does and return the result of `initialize`."""
        params = {"processId": None, "rootUri": None, "capabilities": capabilities or {}}
        result = self.request("initialize", params if options is None else params | {"initializationOptions": options})
        self.send("initialized", {})
        return result

    def open(self, text: str, uri: str = URI) -> Sequence[dict[str, Any]]:
        """Open a document and return its diagnostics."""
        item = {"uri": uri, "languageId": "auroraql", "version": 1, "text": text}
        self.send("textDocument/didOpen", {"textDocument": item})
        return self.diagnostics()

    def change(self, *changes: object, version: int = 2, uri: str = URI) -> None:
        """Change a document."""
        document = {"uri": uri, "version": version}
        self.send("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def diagnostics(self) -> Sequence[dict[str, Any]]:
        """Return the diagnostics that are published next."""
        return list(self.receive("textDocument/publishDiagnostics")["diagnostics"])

    def ask(self, method: str, **params: object) -> Any:
        """Send a request about the document."""
        return self.request(f"textDocument/{method}", {"textDocument": {"uri": URI}} | params)


def place(line: int, character: int) -> dict[str, int]:
    """Return a position of the protocol."""
    return {"line": line, "character": character}
