"""Odoo 19's JSON-2 API over requests: API key as bearer, named arguments, one call is one transaction.

What belongs here: the request, the answer and its errors. What does not: what a call means.
Source: odoo.com/documentation/19.0/developer/reference/external_api.html.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import requests

from ...core.errors import ProtocolError
from ...core.exchange import TooLarge, new_session
from ...core.loggers import silence
from . import errors
from .bounded import BROKEN, ask
from .settings import OdooSettings

silence()


class Json2:
    """One kept-alive connection per thread."""

    def __init__(self, settings: OdooSettings, key: str) -> None:
        self._settings = settings
        self._key = key
        self._local = threading.local()

    def call(self, model: str, method: str, ids: Sequence[int] | None, named: dict[str, Any]) -> Any:
        body = named if ids is None else {**named, "ids": list(ids)}
        return self._send("POST", f"/json/2/{model}/{method}", f"{model}.{method}", body)

    def version(self) -> str:
        answer = self._send("POST", "/web/webclient/version_info", "version", {"jsonrpc": "2.0", "params": {}})
        try:
            return str(answer["result"]["server_version"])
        except (KeyError, TypeError):
            raise ProtocolError("The server at odoo.url does not say which Odoo it is; check odoo.url.") from None

    def _get_session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = new_session()
            session.auth = self._add_key
            session.headers["X-Odoo-Database"] = self._settings.database
            session.headers["User-Agent"] = "commerce-pipelines"
        return session

    def _add_key(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"bearer {self._key}"
        return request

    def _send(self, verb: str, path: str, where: str, body: dict[str, Any]) -> Any:
        settings = self._settings
        place = {"where": where, "user": settings.username, "database": settings.database}
        request = requests.Request(verb, settings.url.rstrip("/") + path, json=body)
        try:
            status, answer = ask(self._get_session(), request, settings.timeout_seconds)
        except BROKEN as error:
            raise errors.unreachable(settings.url, error) from None
        except TooLarge:
            raise errors.too_large(where) from None
        try:
            value = json.loads(answer)
        except (ValueError, RecursionError):
            if status == 200:
                raise ProtocolError(f"Odoo answered something that is no JSON to {where}; check odoo.url.") from None
            raise errors.from_status(status, **place) from None
        if status == 200:
            return value
        if status == 401 or not isinstance(value, dict) or "name" not in value:
            raise errors.from_status(status, **place)
        raise errors.from_answer(str(value["name"]), str(value.get("message") or ""), **place)
