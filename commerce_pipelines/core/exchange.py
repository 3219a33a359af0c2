"""requests with the three things it lacks: a total deadline, a size limit after decompression, no hidden truncation.

What belongs here: sockets and bytes, of marketplaces and of Odoo alike. What does not: statuses, retries, tokens
(channels/http/session.py, odoo/rpc/).
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import zlib
from collections.abc import Callable
from functools import lru_cache
from http.client import HTTPResponse
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import IncompleteRead, NewConnectionError

from .instruments import REAL
from .obstacles import CONNECT_SECONDS
from .urls import is_public

READ_SECONDS = 30.0
_CHUNK_BYTES = 65_536


class TooLarge(Exception):
    """The body, decompressed, is larger than the caller allows."""


class NotPublic(Exception):
    """A host's name leads to an address of this machine or of its own network. Nothing was sent."""


class _Due(threading.local):
    """The instant by which this thread's current call must be finished, and whether it may stay in this network."""

    clock: Callable[[], float] = staticmethod(REAL.clock)
    at: float = float("inf")
    read_seconds: float = READ_SECONDS
    public_only: bool = False

    def left(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self.at - self.clock()
        if left <= 0:
            raise TimeoutError("the total deadline has passed")
        return left


_due = _Due()


class _Deadlined(io.RawIOBase):
    """A socket's byte stream in which each read may last only as long as the call has left.

    A socket's own time-out starts again with every byte, so a peer that sends one byte a second would never be late.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(_due.read_seconds, _due.left()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_Deadlined(raw, sock), _CHUNK_BYTES)


def _check_peer(connected: socket.socket) -> socket.socket:
    """The socket itself. The address that was connected to is looked at, because a name may lead elsewhere each time it
    is asked for. Raises NotPublic."""
    if _due.public_only and not is_public(connected.getpeername()[0]):
        connected.close()
        raise NotPublic
    return connected


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Direct:
    def open_socket(self) -> socket.socket:
        return _check_peer(super()._new_conn())  # type: ignore[misc]

    _new_conn = open_socket  # as urllib3 calls it


class _DirectConnection(_Direct, _Connection):
    pass


class _DirectSecureConnection(_Direct, _SecureConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _DirectConnection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _DirectSecureConnection


class _ProxyPool(HTTPConnectionPool):
    """Through the proxy of this machine's environment, which often stands in its own network, and which looks up the
    names."""

    ConnectionCls = _Connection


class _SecureProxyPool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _ProxyPool, "https": _SecureProxyPool}
        return manager


def new_session() -> requests.Session:
    """A keep-alive session that does not retry, does not follow redirects and takes no password from ~/.netrc."""
    session = requests.Session()
    session.auth = lambda request: request  # with any auth set, requests does not look into ~/.netrc
    session.mount("https://", _Adapter(max_retries=0))
    session.mount("http://", _Adapter(max_retries=0))
    session.headers.clear()
    session.headers["Accept-Encoding"] = "gzip"  # not zstd or br, because only the inflation of gzip is limited here
    return session


def exchange(
    session: requests.Session,
    request: requests.Request,
    due: float,
    clock: Callable[[], float],
    max_bytes: int,
    *,
    read_seconds: float = READ_SECONDS,
    public_only: bool = False,
) -> tuple[int, Any, bytes]:
    """Send one request; status, headers and the whole body, decompressed. due: the instant of `clock` by which it must
    be over, however busily the other side drips. read_seconds: how long the other side may be silent. public_only:
    whether the host's name must lead to an address of the internet.

    Raises TimeoutError, TooLarge, NotPublic, or what requests and urllib3 raise for a connection that failed or broke
    off.
    """
    _due.at, _due.clock, _due.read_seconds, _due.public_only = due, clock, read_seconds, public_only
    prepared = session.prepare_request(request)
    timeout = (min(CONNECT_SECONDS, _due.left()), min(read_seconds, _due.left()))
    # The adapter itself instead of session.send, which would read the body of a redirect, whatever its size.
    response = session.get_adapter(request.url).send(prepared, timeout=timeout, **_read_environment(request.url))
    try:
        return response.status_code, response.headers, _read(response, max_bytes)
    finally:
        response.close()


def is_unsent(error: BaseException) -> bool:
    """Whether the connection failed before any byte of the request went out."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return isinstance(_find_reason(error), NewConnectionError)


def is_untrusted(error: BaseException) -> bool:
    """Whether the handshake ended at the certificate, before any byte of the request went out."""
    return isinstance(_find_cause(error), ssl.SSLCertVerificationError)


def is_cut_off(error: BaseException) -> bool:
    """Whether an existing encrypted connection broke off, as opposed to one that was never established."""
    return isinstance(_find_cause(error), ssl.SSLEOFError | ssl.SSLZeroReturnError)


def _find_cause(error: BaseException) -> object:
    reason = _find_reason(error)
    return reason.args[0] if reason and reason.args else None


def _find_reason(error: BaseException) -> BaseException | None:
    """The reason that urllib3 gives for an error which requests has wrapped."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return reason if isinstance(reason, BaseException) else None


@lru_cache(maxsize=256)
def _read_environment(url: str) -> dict[str, Any]:
    """Proxies and certificates that the process's environment names for a URL. They are cached, because looking them up
    takes as long as half a call."""
    return dict(requests.Session().merge_environment_settings(url, {}, True, True, None))


def _read(response: requests.Response, max_bytes: int) -> bytes:
    inflate = None
    if response.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip", "deflate"):
        inflate = zlib.decompressobj(47)  # zlib or gzip, by its header
    body, size = io.BytesIO(), 0  # `getvalue` needs no further copy
    while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=False):
        _due.left()
        size += body.write(inflate.decompress(chunk, max_bytes + 1 - size) if inflate else chunk)
        if size > max_bytes:
            raise TooLarge
    if inflate and (not inflate.eof or inflate.unused_data) and size:
        raise IncompleteRead(size, 0)  # the stream ended, or a new one began, before its end mark
    return body.getvalue()
