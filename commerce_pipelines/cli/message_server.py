"""The server of `commerce-pipelines receive`: the address at which marketplaces and Odoo send their messages.

One process on one event loop (uvicorn, without a framework: there are three paths). A message is answered when the
database has committed it; messages that come while others are being written share the next write, so that a burst costs
few commits and none is acknowledged before it is safe.

What belongs here: HTTP, limits of size, time and places, the answers, what `check` tries of them. What does not: which
messages are kept (flows/notices/reception.py), the rows (warehouse/shared/), the command (receive.py).
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ..channels.settings import ChannelSettings
from ..core.errors import CommerceError, SettingsError
from ..flows.notices.listeners import BEAT_SECONDS, RECEIVER, beat
from ..flows.notices.reception import PREFIX, Message, Reception, Verdict, build_hint_path
from ..resources.connections import Connections
from ..settings.file import Listen
from ..warehouse.shared import hints, notifications
from ..warehouse.shared.notifications import Row
from ..warehouse.tables.database import Warehouse

BODY_BYTES = 256 * 1024  # an id takes a few hundred; a whole order of an app's own subscription some ten thousand
REQUEST_BYTES = BODY_BYTES + 32 * 1024  # with its headers
REQUEST_SECONDS = 5.0  # that a request may last, however busily its sender drips; Shopify waits no longer either
PLACES, PLACES_A_PEER = 512, 384  # connections; so many of one address, so that one sender never takes every place
HINTS_A_SECOND = 20  # writes, however often Odoo hints
ROWS_A_WRITE = 500
WAITING_ROWS = 5_000  # messages that wait for the database; more are refused for now

_log = logging.getLogger("commerce_pipelines.receiver")
_REFUSED, _KEPT, _AWAY = 401, 204, 503


class Writer:
    """Puts rows on record; whoever waits goes on after the commit. One write at a time, for all that waits."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._work: asyncio.Task[None] | None = None
        self._hint: asyncio.Task[None] | None = None
        self._hinted_at = -1.0
        self._pool = ThreadPoolExecutor(1, "writer")

    async def write(self, row: Row) -> None:
        """Raises CommerceError if the row is not on record."""
        if len(self._waiting) >= WAITING_ROWS:
            raise CommerceError("Too many messages wait for the database.")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._work is None:
            self._work = asyncio.create_task(self._write_waiting())
        await done

    async def hint(self) -> None:
        """Record that the stock may have changed. Hints that come before the next write share it."""
        if self._hint is None:
            self._hint = asyncio.create_task(self._write_hint())
        await asyncio.shield(self._hint)

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:ROWS_A_WRITE], self._waiting[ROWS_A_WRITE:]
            problem: Exception | None = None
            try:
                await loop.run_in_executor(self._pool, self._store, [row for row, _ in batch])
            except Exception as error:
                problem = error
            for _, done in batch:
                if not done.done():  # its sender has hung up
                    done.set_result(None) if problem is None else done.set_exception(problem)
        self._work = None

    async def _write_hint(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._hinted_at + 1 / HINTS_A_SECOND - loop.time()))
        self._hint, self._hinted_at = None, loop.time()  # a hint that comes from here on needs a write of its own
        await loop.run_in_executor(self._pool, self._store_hint)

    def _store(self, rows: list[Row]) -> None:
        with self._warehouse.transaction() as connection:
            notifications.store(connection, rows)

    def _store_hint(self) -> None:
        with self._warehouse.transaction() as connection:
            hints.hint(connection, hints.STOCK)


class Life:
    """Signs of life on record, by which somebody else learns that nobody receives any more."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._sign: asyncio.Task[None] | None = None

    async def show(self) -> None:
        """Called by the loop that answers messages; does not wait for the database."""
        if self._sign is None or self._sign.done():
            self._sign = asyncio.create_task(self._show())

    async def _show(self) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(None, beat, self._connections, RECEIVER)
        except CommerceError as error:
            _log.warning("The receiver's sign of life is not on record: %s", error)


class Receiver:
    """The ASGI application."""

    def __init__(self, reception: Reception, writer: Writer) -> None:
        self._reception, self._writer = reception, writer

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        body = await _read_body(scope, receive)
        status, answer = (_REFUSED, b"") if body is None else await self._answer(scope, body)
        if status != _KEPT and status != 200:
            _log.warning("A message from %s was answered with %d.", (scope.get("client") or ("?",))[0], status)
        headers = [(b"content-length", str(len(answer)).encode())] if status != _KEPT else []
        headers += [(b"content-type", b"application/json")] if answer else []
        headers += [(b"connection", b"close")] if status == _REFUSED else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _answer(self, scope: MutableMapping[str, Any], body: bytes) -> tuple[int, bytes]:
        """(status, body). An answer of ours never quotes the request."""
        message = Message(
            method=scope["method"], path=scope["path"], query=scope["query_string"].decode("latin-1"),
            headers=_read_headers(scope), body=body,
        )  # fmt: skip
        try:
            verdict = await self._judge(message)
            if not verdict.kept:
                return _REFUSED, b""
            if verdict.row is not None:
                await self._writer.write(verdict.row)
            if verdict.hints:
                await self._writer.hint()
        except CommerceError as error:
            _log.error("A message was not recorded, and its sender was told so: %s", error)
            return _AWAY, b""
        except Exception as error:  # nobody foresaw it; its text may quote the message
            _log.error("A message was not recorded, and its sender was told so: %s.", type(error).__name__)
            return _AWAY, b""
        return (200, verdict.answer) if verdict.answer else (_KEPT, b"")

    async def _judge(self, message: Message) -> Verdict:
        """In a thread where a key may have to be asked for."""
        if not message.path.startswith(PREFIX) or message.method != "POST" or not _is_ebays(message):
            return self._reception.judge(message)
        return await asyncio.get_running_loop().run_in_executor(None, self._reception.judge, message)


def _is_ebays(message: Message) -> bool:
    return "x-ebay-signature" in message.headers


async def _read_body(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> bytes | None:
    """None for a body that is larger than any that is meant for us, or that ended early."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if not length.isdigit() or len(length) > 9 or int(length) > REQUEST_BYTES:
        return None
    pieces, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        size += len(message.get("body", b""))
        if size <= BODY_BYTES:  # the rest is read and dropped, because a sender who is cut off sees no answer
            pieces.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(pieces) if size <= BODY_BYTES else None


def _read_headers(scope: MutableMapping[str, Any]) -> dict[str, str]:
    """By lower-case name. A header that comes twice is joined, so that neither of both is taken for the other."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


class Places:
    """How many connections each address has."""

    def __init__(self) -> None:
        self._peers = Counter[str]()
        self._taken = 0

    def enter(self, peer: str) -> bool:
        if self._taken >= PLACES or self._peers[peer] >= PLACES_A_PEER:
            return False
        self._peers[peer] += 1
        self._taken += 1
        return True

    def leave(self, peer: str) -> None:
        self._taken -= 1
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]


def build_protocol(places: Places) -> type[HttpToolsProtocol]:
    """A connection that ends after REQUEST_SECONDS without a whole request, or after too many bytes of one."""

    class Bounded(HttpToolsProtocol):
        _peer: str | None = None
        _deadline: asyncio.TimerHandle | None = None
        _bytes = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            peer = str((transport.get_extra_info("peername") or ("?",))[0])
            super().connection_made(transport)
            if not places.enter(peer):
                transport.abort()
                return
            self._peer = peer
            self._set_deadline()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            if self._peer is not None:
                places.leave(self._peer)
                self._peer = None
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            self._bytes += len(data)
            if self._bytes > REQUEST_BYTES:
                self.send_400_response("")
            elif not self.transport.is_closing():
                super().data_received(data)

        def on_response_complete(self) -> None:
            self._bytes = 0
            self._set_deadline()
            super().on_response_complete()

        def send_400_response(self, msg: str) -> None:
            """What is no HTTP gets the answer of everything that is refused, because the library's own would say that
            something else listens here."""
            self.transport.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

        def _set_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)

    return Bounded


def bind(listen: Listen) -> socket.socket:
    """Raises SettingsError for an address that is in use."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((listen.host, listen.port))
        bound.listen(512)
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"listen: {listen.host}:{listen.port} cannot be listened on ({error.strerror}): stop what runs there, "
            "or choose another host or port."
        ) from None
    return bound


def check_place(listen: Listen) -> None:
    """Raises SettingsError for an address that cannot be listened on here, or a secret that is too weak."""
    build_hint_path(listen)
    bind(listen).close()


def listening_place(connections: Connections) -> Iterator[tuple[str, str]]:
    """The address of `listen` can be opened here, or `dev` or `receive` has already opened it; and its secret is strong
    enough."""
    section = connections.settings.listen
    if section is None:
        return
    what = f"listen ({section.host}:{section.port})"
    try:
        check_place(section)
    except CommerceError as error:
        at_work = not str(error).startswith("listen.secret") and _is_reachable(section.host, section.port)
        yield what, "" if at_work else str(error)
    else:
        yield what, ""


def _is_reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def verification_token(connections: Connections, channel: ChannelSettings) -> Iterator[tuple[str, str]]:
    """eBay takes the token that is to be entered there."""
    secret = getattr(getattr(channel, "notifications", None), "verification_token", None)
    if channel.receives and secret is not None:
        good = re.fullmatch(r"[A-Za-z0-9_-]{32,80}", secret.value())
        what = f"channels[{channel.name}].notifications.verification_token"
        yield what, "" if good else f"{secret.env} must be 32 to 80 letters, digits, - or _: `openssl rand -hex 24`."


def build_server(connections: Connections) -> tuple[Server, Writer]:
    """Raises SettingsError for a setting that is missing or too weak."""
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # its lines may quote requests
    reception = Reception(connections)
    writer = Writer(connections.warehouse)
    config = Config(
        Receiver(reception, writer), http=build_protocol(Places()), ws="none", lifespan="off", log_config=None,
        access_log=False, proxy_headers=False, server_header=False, date_header=False, timeout_keep_alive=4,
        timeout_graceful_shutdown=int(REQUEST_SECONDS), callback_notify=Life(connections).show,
        timeout_notify=BEAT_SECONDS,
    )  # fmt: skip
    return Server(config), writer


def serve(connections: Connections, ready: Callable[[str], None]) -> None:
    """Receive until SIGINT or SIGTERM. ready: is told the address. Raises SettingsError where nothing can be
    received."""
    listen = connections.settings.listen
    if listen is None:
        raise SettingsError("listen is missing in commerce.yaml: it names the address, see commerce.example.yaml.")
    server, writer = build_server(connections)
    with bind(listen) as bound:
        ready(f"{listen.host}:{listen.port}")
        try:
            server.run(sockets=[bound])
        finally:
            writer.close()
