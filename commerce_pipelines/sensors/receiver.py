"""The address of Odoo's webhooks: POST /hint/stock/SECRET records that the stock may have changed, and nothing else.

Odoo's action "Send Webhook Notification" can set neither headers nor a signature, only the URL, so the secret is in the
path: no path is ever logged or answered. The body is not used; the stock sensor looks at Odoo instead. Odoo sends after
its commit, once, and its user waits up to a second for the answer.

What belongs here: the HTTP server and who may hint. What does not: the row (warehouse/shared/hints.py), what follows
from a hint (inventory.py), Dagster.
"""

from __future__ import annotations

import contextlib
import logging
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from ..core.errors import CommerceError, SettingsError
from ..settings.file import Listen
from ..warehouse.shared import hints
from ..warehouse.tables.database import Warehouse

BODY_BYTES = 64 * 1024  # of a body, which is read and dropped; Odoo's has a few hundred
REQUESTS_AT_ONCE = 64  # requests; further ones wait for a second and are then disconnected
SENDER_WAIT_SECONDS = 2.0  # seconds that a sender may be silent; Odoo itself waits for one
REQUEST_SECONDS = 5.0  # that a whole request may last, however busily its sender drips
PEER_AT_ONCE = 48  # requests of one address, so that one sender never takes every place; Odoo may hint in bursts
SECRET_CHARACTERS = 24

_log = logging.getLogger("commerce_pipelines.receiver")


class Receiver(ThreadingHTTPServer):
    """Bound on creation. Raises SettingsError for a secret that is too weak, or an address that is in use."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    server_bind = TCPServer.server_bind  # HTTPServer's own method asks the name server for our name

    def __init__(self, listen: Listen, warehouse: Warehouse) -> None:
        secret = listen.secret.value()
        if not re.fullmatch(rf"[A-Za-z0-9_-]{{{SECRET_CHARACTERS},}}", secret):
            raise SettingsError(
                f"listen.secret: {listen.secret.env} must be at least {SECRET_CHARACTERS} letters, digits, - or _, "
                "because it is part of a URL; `openssl rand -hex 24` makes one."
            )
        self.path = f"/hint/{hints.STOCK}/{secret}".encode()
        self.warehouse = warehouse
        self._free = threading.BoundedSemaphore(REQUESTS_AT_ONCE)
        self._peers = Counter[str]()
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._arrived = self._written = 0
        try:
            super().__init__((listen.host, listen.port), _Handler)
        except OSError as error:
            raise SettingsError(
                f"listen: {listen.host}:{listen.port} cannot be listened on ({error.strerror}): stop what runs there, "
                "or choose another host or port."
            ) from None

    def record(self) -> None:
        """Write the hint. Hints that come while another is being written share the next write."""
        with self._count:
            self._arrived += 1
            mine = self._arrived
        with self._turn:
            if self._written >= mine:
                return
            until = self._arrived
            with self.warehouse.transaction() as connection:
                hints.hint(connection, hints.STOCK)
            self._written = until

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._count_in(client_address[0]):
            self.shutdown_request(request)
        elif self._free.acquire(timeout=1.0):
            super().process_request(request, client_address)
        else:
            self._count_out(client_address[0])
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        deadline = threading.Timer(REQUEST_SECONDS, _end_connection, (request,))
        deadline.daemon = True
        deadline.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            deadline.cancel()
            self._free.release()
            self._count_out(client_address[0])

    def _count_in(self, peer: str) -> bool:
        with self._count:
            admitted = self._peers[peer] < PEER_AT_ONCE
            self._peers[peer] += admitted
        return admitted

    def _count_out(self, peer: str) -> None:
        with self._count:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that disconnects or sends nonsense is not logged, because a traceback could show the path."""


def _end_connection(connection: Any) -> None:
    """End a connection that another thread reads."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = SENDER_WAIT_SECONDS
    server_version, sys_version = "commerce-pipelines", ""

    def _serve(self) -> None:
        status = self._judge_request()
        if status != 204:
            _log.warning("A hint from %s was answered with %d.", self.client_address[0], status)
        self.send_error(status)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _judge_request(self) -> int:
        """The status for the request; 204 once the hint is on record."""
        if not compare_digest(self.path.encode("utf-8", "replace"), self.server.path):
            return 404
        if self.command != "POST":
            return 405
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return 411
        if len(length) > 9 or int(length) > BODY_BYTES:
            return 413
        self.rfile.read(int(length))
        try:
            self.server.record()
        except CommerceError as error:
            _log.error("A hint was not recorded; the stock is still looked at every poll_seconds. %s", error)
            return 503
        return 204

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Sends only the status, because the standard library's own answers quote the request's first line."""
        self.close_connection = True
        self.send_response_only(code)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing, because the standard library's lines contain the path."""


@contextmanager
def listening(listen: Listen | None, warehouse: Warehouse) -> Iterator[Receiver | None]:
    """A receiver that works in a thread of this process and ends with it; None where the settings have no `listen`."""
    if listen is None:
        yield None
        return
    with Receiver(listen, warehouse) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()
