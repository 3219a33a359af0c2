"""A server on loopback that misbehaves by script, and a clock that only sleeping moves.

What belongs here: the ways an answer can go wrong on the wire. What does not: any expectation.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from commerce_pipelines.core.instruments import REAL, Instruments

Step = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Vendor

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.server.calls.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
        self.server.peers.add(self.client_address)
        with self.server.lock:
            step = self.server.script.pop(0) if self.server.script else answer(200, {"fine": True})
        step(self)

    do_GET = do_POST = do_PATCH = _serve

    def log_message(self, *_: Any) -> None:
        pass


class Vendor(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Step] = []
        self.calls: list[tuple[str, str, dict[str, str], bytes]] = []
        self.peers: set[Any] = set()
        self.lock = threading.Lock()
        self.done = threading.Event()

    @property
    def origin(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def answer(status: int, body: Any = None, **headers: str) -> Step:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    def step(to: Handler) -> None:
        to.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        for name, value in (fields | {key.replace("_", "-"): value for key, value in headers.items()}).items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(raw)

    return step


def reset(to: Handler) -> None:
    """Half a body, then the connection breaks."""
    to.send_response(200)
    to.send_header("Content-Length", "1000")
    to.end_headers()
    to.wfile.write(b'{"half": ')
    to.close_connection = True


def broken_chunks(to: Handler) -> None:
    to.send_response(200)
    to.send_header("Transfer-Encoding", "chunked")
    to.end_headers()
    to.wfile.write(b"5\r\n[1,2,\r\n40\r\n3")
    to.close_connection = True


def hang_up(to: Handler) -> None:
    to.connection.shutdown(socket.SHUT_RDWR)
    to.close_connection = True


def drip(where: str, tell: Callable[[], None] = lambda: None) -> Step:
    """One byte at a time, for ever: in the headers or in the body. tell: called with each."""

    def step(to: Handler) -> None:
        to.close_connection = True
        start = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: 100000\r\n\r\n" if where == "body" else b"X: ")
        to.wfile.write(start)
        while not to.server.done.wait(0.02):
            tell()
            to.wfile.write(b"x")

    return step


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def told_by(clock: Clock) -> Instruments:
    """Instruments of which only the clock is this one; no pause is shortened by chance."""
    return Instruments(now=REAL.now, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0)
