"""The HTTP server under every stand-in: real sockets on loopback, calls on record, faults by script.

What belongs here: connections, the record of calls, faults, the clock. What does not: what any vendor answers (each
stand-in's own module). The product never imports this package.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

import msgspec


class Call(NamedTuple):
    """One request as it came. query: decoded, every name with the list of its values; headers: names in lower case."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    def parameter(self, name: str, default: str = "") -> str:
        """The single value of a query parameter."""
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """An url-encoded form body."""
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


class Reply(NamedTuple):
    """One answer. A body that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = {}

    def encoded(self) -> tuple[bytes, dict[str, str]]:
        if isinstance(self.body, bytes):
            return self.body, {"Content-Type": "application/json", **self.headers}
        return msgspec.json.encode(self.body), {"Content-Type": "application/json", **self.headers}


class Fault(msgspec.Struct, kw_only=True):
    """What goes wrong with the next `times` calls that match.

    match: part of the path, or a question to the call. status/headers/body: answer this instead of working; body alone
    keeps status 200. change: of the answer's body, after the work. truncate: announce the whole answer and cut it in
    half. drop: close the connection without an answer. after: do the work first, then lose or change the answer. Every
    match counts `times` down, to 0.
    """

    match: str | Callable[[Call], bool] = ""
    times: int = 1
    status: int | None = None
    headers: dict[str, str] = {}
    body: bytes | None = None
    change: Callable[[bytes], bytes] | None = None
    truncate: bool = False
    drop: bool = False
    after: bool = False

    def fits(self, call: Call) -> bool:
        return self.times > 0 and (self.match(call) if callable(self.match) else self.match in call.path)


class StandIn:
    """A server on 127.0.0.1; subclasses answer in `handle`, which runs under `lock`: one call at a time.

    port 0 takes a free one. `now` is the stand-in's clock and may be replaced. A stand-in is its own context manager.
    """

    def __init__(self, port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self._port = port
        self._server: _Server | None = None

    def handle(self, call: Call) -> Reply:
        """The vendor's answer to one call."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        if self._server is None:
            raise RuntimeError("the stand-in is not started")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> Self:
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.close_connections()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def called(self, path: str) -> list[Call]:
        """The recorded calls whose path holds `path`."""
        return [call for call in self.calls if path in call.path]

    def _find_fault(self, call: Call) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.fits(call):
                    fault.times -= 1
                    return fault
        return None

    def _answer(self, call: Call, fault: Fault | None) -> Reply:
        changed = fault is not None and (fault.status is not None or fault.body is not None)
        with self.lock:
            self.calls.append(call)
            reply = Reply() if fault and not fault.after and (changed or fault.drop) else self.handle(call)
        if fault is not None and changed:
            return Reply(fault.status or 200, fault.body or b"", fault.headers)
        return reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, stand_in: StandIn, port: int) -> None:
        self.stand_in = stand_in
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Kept-alive connections would outlive the server and answer for it."""
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(
            self.command,
            parts.path,
            parse_qs(parts.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        stand_in = self.server.stand_in
        fault = stand_in._find_fault(call)
        reply = stand_in._answer(call, fault)
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        content, headers = reply.encoded()
        if fault is not None and fault.change is not None:
            content = fault.change(content)
        self.send_response(reply.status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if fault is not None and fault.truncate:
            content, self.close_connection = content[: len(content) // 2], True
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Calls are on record; standard error stays quiet."""
