"""Why a server was not reached, in our own words: name, connection, certificate, silence.

What belongs here: telling apart what the libraries below a call raise, and what a person does about each. What does
not: whether a call is repeated (channels/http/session.py, odoo/rpc/client.py), sockets (exchange.py).
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

import requests
import urllib3.exceptions

CONNECT_SECONDS = 5.0
_DEEPEST = 8  # links of a chain of errors that are followed
_AWAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


class Obstacle(NamedTuple):
    """says: a clause whose subject is the server. fix: what to do; `{key}` stands for the setting with its address."""

    says: str
    fix: str


_Table = tuple[tuple[Obstacle, tuple[type[BaseException], ...]], ...]


PROXY = Obstacle("the proxy of this machine's environment refuses the call", "correct HTTPS_PROXY or NO_PROXY")
NAME = Obstacle("its host name is not known (DNS)", "correct {key}, or this machine's name service")
REFUSED = Obstacle("nothing listens at that host and port (connection refused)", "start it, or correct {key}")
AWAY = Obstacle("there is no way to it from this machine (network)", "look at this machine's network, or correct {key}")
CLOSED_OFF = Obstacle("it takes no connection (time-out)", "correct {key}, or open the firewall in between")
SILENT = Obstacle("it gave no whole answer in time (time-out)", "look whether it is overloaded, or correct {key}")
CUT_OFF = Obstacle("it closed the connection before its answer was whole", "look whether it restarts, or correct {key}")
NO_TLS = Obstacle("it speaks no TLS at that port", "correct scheme and port of {key}")
_AUTHORITY = "get it one of a known authority, or name your own authority in REQUESTS_CA_BUNDLE; or correct {key}"
UNTRUSTED = Obstacle("its certificate is of no authority that this machine trusts (TLS)", _AUTHORITY)
# By OpenSSL's codes of verification.
CERTIFICATES = {
    10: Obstacle("its certificate has expired (TLS)", "renew it behind {key}, and look at this machine's clock"),
    9: Obstacle("its certificate is not valid yet (TLS)", "look at this machine's clock and at that behind {key}"),
    18: Obstacle("its certificate is self-signed (TLS)", _AUTHORITY),
    19: Obstacle("its certificate is self-signed (TLS)", _AUTHORITY),
    62: Obstacle("its certificate is for another host name (TLS)", "write that name in {key}, or renew it"),
    64: Obstacle("its certificate is for no IP address (TLS)", "write the host's name in {key}"),
}


def find_obstacle(error: BaseException) -> Obstacle | None:
    """What an error of requests, urllib3, ssl or a socket means; None for any other."""
    links = list(_read_chain(error))
    first: _Table = (
        (PROXY, (requests.exceptions.ProxyError, urllib3.exceptions.ProxyError)),
        (NAME, (socket.gaierror, urllib3.exceptions.NameResolutionError)),
        (REFUSED, (ConnectionRefusedError,)),
    )
    for obstacle, kinds in first:
        if any(isinstance(link, kinds) for link in links):
            return obstacle
    for link in links:
        if isinstance(link, ssl.SSLCertVerificationError):
            return CERTIFICATES.get(link.verify_code, UNTRUSTED)
        if isinstance(link, OSError) and link.errno in _AWAY:
            return AWAY
    then: _Table = (
        (CLOSED_OFF, (requests.ConnectTimeout, urllib3.exceptions.ConnectTimeoutError)),
        (CUT_OFF, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError)),
        (SILENT, (TimeoutError, requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)),
        (NO_TLS, (ssl.SSLError,)),
        (CUT_OFF, (urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError)),
    )
    for obstacle, kinds in then:
        if any(isinstance(link, kinds) for link in links):
            return obstacle
    return None


def connect_once(host: str, port: int, *, encrypted: bool) -> Obstacle | None:
    """What is in the way of a connection, tried now; None if it comes about. Nothing is sent over it."""
    try:
        with socket.create_connection((host, port), CONNECT_SECONDS) as plain:
            if encrypted:
                ssl.create_default_context().wrap_socket(plain, server_hostname=host).close()
    except TimeoutError:
        return CLOSED_OFF
    except (OSError, UnicodeError) as error:  # a name that no encoding of host names has is no name
        return NAME if isinstance(error, UnicodeError) else find_obstacle(error)
    return None


def _read_chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was made of: each library keeps them at another place."""
    link: object = error
    for _ in range(_DEEPEST):
        if not isinstance(link, BaseException):
            return
        yield link
        parts = (getattr(link, "reason", None), link.__cause__, *link.args)
        link = next((part for part in parts if isinstance(part, BaseException)), None)
