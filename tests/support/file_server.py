"""A file server on the loopback that misbehaves on demand, for tests of downloads.

`files` maps paths to contents. `faults` maps paths to the faults of the next requests, one each; then it behaves.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODIFIED = 1_700_000_000


@dataclass(frozen=True, slots=True)
class FileFault:
    """How one request is answered wrongly. Unset attributes change nothing.

    `cut_after` closes the connection after that many bytes of the body, and `claim` is the announced length of the file.
    `stall_after` sends that many bytes, and then nothing. `trickle` is the number of seconds between single bytes.
    `chunked` sends chunks, and `no_length` a body that ends with the connection. `ignores_range` sends the whole file, and
    `wrong_range` a part that was not requested. `drop` closes the connection without an answer.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut_after: int | None = None
    claim: int | None = None
    stall_after: int | None = None
    trickle: float = 0.0
    chunked: bool = False
    no_length: bool = False
    ignores_range: bool = False
    wrong_range: bool = False
    no_validators: bool = False
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the server received, and its time."""

    path: str
    headers: dict[str, str]
    at: float


class _QuietServer(ThreadingHTTPServer):
    """Server that does not print the errors of clients that are killed."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class FileServer:
    """The server, on a port of its own. Use it as a context manager."""

    def __init__(self, chunk_seconds: float = 0.0) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[FileFault]] = defaultdict(list)
        self.always: dict[str, FileFault] = {}
        self.default: bytes | None = None
        """Content of every other path."""
        self.calls: list[Call] = []
        self.chunk_seconds = chunk_seconds
        """Seconds between chunks of 16 KiB, so that transfers take a while."""
        self.now = self.most_at_once = self.connections = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()
        self._server = _QuietServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FileServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, path: str, content: bytes, *faults: FileFault) -> str:
        """Add a file and the faults of its first requests. Return its URL."""
        self.files[path] = content
        self.faults[path] += faults
        return self.url + path

    def use_tls(self, certificate: Path) -> None:
        """Accept only TLS connections from now on, with this certificate and its key."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def requests_of(self, path: str) -> list[Call]:
        """Return the requests of a path, in order."""
        return [call for call in self.calls if call.path == path]

    def fault_of(self, path: str) -> FileFault:
        """Return the fault of the next request of a path."""
        with self.lock:
            queue = self.faults[path]
            return queue.pop(0) if queue else self.always.get(path, FileFault())


def etag(content: bytes) -> str:
    """Return the ETag of a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _handler_of(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            with server.lock:
                server.connections += 1

        def log_message(self, *_arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            with server.lock:
                server.now += 1
                server.most_at_once = max(server.most_at_once, server.now)
                headers = {name.lower(): value for name, value in self.headers.items()}
                server.calls.append(Call(self.path, headers, time.monotonic()))
            try:
                _answer(self, server, server.fault_of(self.path))
            except OSError:
                self.close_connection = True
            finally:
                with server.lock:
                    server.now -= 1

    return Handler


def _answer(handler: BaseHTTPRequestHandler, server: FileServer, fault: FileFault) -> None:
    content = server.files.get(handler.path, server.default)
    if fault.drop:
        handler.close_connection = True
        return
    if content is None or fault.status != 200:
        status = 404 if content is None and fault.status == 200 else fault.status
        body = fault.body or b"an error"
        _send_head(handler, status, {"Content-Length": str(len(body)), **fault.headers})
        handler.wfile.write(body)
        return
    body = content if fault.body is None else fault.body
    headers = {} if fault.no_validators else {"ETag": etag(content), "Last-Modified": formatdate(MODIFIED, usegmt=True)}
    status, body = _select_range(handler, fault, body, headers)
    length = {} if fault.chunked or fault.no_length else {"Content-Length": str(fault.claim or len(body))}
    length = {"Transfer-Encoding": "chunked"} if fault.chunked else length
    if fault.no_length:
        handler.close_connection = True
        length = {"Connection": "close"}
    _send_head(handler, status, {**length, **headers, **fault.headers})
    _send_body(handler, server, fault, body)


def _select_range(
    handler: BaseHTTPRequestHandler, fault: FileFault, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Return the status and the requested part of a body, and add its header."""
    header = handler.headers.get("Range", "")
    condition = handler.headers.get("If-Range", "")
    if not header or fault.ignores_range or condition not in ("", headers.get("ETag"), headers.get("Last-Modified")):
        return 200, body
    first = int(header.removeprefix("bytes=").rstrip("-"))
    if first >= len(body):
        headers["Content-Range"] = f"bytes */{len(body)}"
        return 416, b""
    first = 0 if fault.wrong_range else first
    headers["Content-Range"] = f"bytes {first}-{len(body) - 1}/{len(body)}"
    return 206, body[first:]


def _send_head(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()


def _send_body(handler: BaseHTTPRequestHandler, server: FileServer, fault: FileFault, body: bytes) -> None:
    stop_at = next((at for at in (fault.cut_after, fault.stall_after) if at is not None), len(body))
    step = 1 if fault.trickle else 16 * 1024 if server.chunk_seconds else 1 << 20
    for start in range(0, stop_at, step):
        piece = body[start : min(start + step, stop_at)]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if fault.chunked else piece)
        if server.ended.wait(fault.trickle or server.chunk_seconds):
            return
    if fault.stall_after is not None:
        server.ended.wait(30)
    if fault.cut_after is not None or (fault.claim and fault.claim != len(body)) or fault.stall_after is not None:
        handler.close_connection = True
    elif fault.chunked:
        handler.wfile.write(b"0\r\n\r\n")
