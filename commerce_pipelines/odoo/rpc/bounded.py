"""One request to Odoo with an end: a total deadline and a size limit, whatever the server or a proxy before it sends.

What belongs here: asking within these bounds, and what odoorpc opens its requests with. What does not: what an answer
means (jsonrpc.py, json2.py), sockets (core/exchange.py).
"""

from __future__ import annotations

import io
import zlib
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import requests
import urllib3.exceptions

from ...core.exchange import exchange, new_session
from ...core.instruments import REAL

ANSWER_BYTES = 256 << 20  # a page of records has a few megabytes
# What an exchange raises for a server that is away, silent or cut off.
BROKEN = (OSError, requests.RequestException, urllib3.exceptions.HTTPError, zlib.error)


def ask(session: requests.Session, request: requests.Request, seconds: float) -> tuple[int, bytes]:
    """(status, body). seconds: how long all of it may take. Raises BROKEN, or TooLarge."""
    due = REAL.clock() + seconds
    status, _, body = exchange(session, request, due, REAL.clock, ANSWER_BYTES, read_seconds=seconds)
    return status, body


class Opener:
    """What odoorpc opens its requests with, in place of urllib's opener, which waits for as long as bytes drip."""

    def __init__(self, seconds: float) -> None:
        self._session, self._seconds = new_session(), seconds

    def open(self, request: Request, timeout: Any = None) -> io.BytesIO:
        """The body. Raises HTTPError for an unwelcome status, BROKEN or TooLarge."""
        sent = requests.Request(
            request.get_method(), request.full_url, data=request.data, headers=dict(request.header_items())
        )
        status, body = ask(self._session, sent, self._seconds)
        if status != 200:
            raise HTTPError(request.full_url, status, "", {}, None)  # type: ignore[arg-type]
        return io.BytesIO(body)
