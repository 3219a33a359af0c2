"""JSON-RPC through odoorpc: password or API key, every Odoo since 8 (kept in Odoo until 22).

What belongs here: odoorpc's session and its errors. What does not: what a call means.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

import odoorpc

from ...core.exchange import TooLarge
from ...core.loggers import silence
from . import errors
from .bounded import BROKEN, Opener
from .settings import OdooSettings

silence()


class JsonRpc:
    """One odoorpc session per thread, because odoorpc does not lock. A thread logs in at its first call."""

    def __init__(self, settings: OdooSettings, password: str) -> None:
        self._settings = settings
        self._password = password
        self._local = threading.local()

    def call(self, model: str, method: str, ids: Sequence[int] | None, named: dict[str, Any]) -> Any:
        arguments: list[Any] = [] if ids is None else [list(ids)]
        if method == "create":  # over this API, Odoo takes the values of this one method by position only
            arguments.append(named.pop("vals_list"))
        return self._translate_errors(
            f"{model}.{method}", lambda: self._get_session().execute_kw(model, method, arguments, named)
        )

    def version(self) -> str:
        return str(self._translate_errors("version", lambda: self._open_session("").version))

    def _open_session(self, version: str) -> odoorpc.ODOO:
        scheme, host, port = self._settings.address
        protocol = "jsonrpc+ssl" if scheme == "https" else "jsonrpc"
        timeout = self._settings.timeout_seconds
        return odoorpc.ODOO(host, protocol, port, timeout, version or None, opener=Opener(timeout))

    def _get_session(self) -> odoorpc.ODOO:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._open_session("19.0")  # the version is given, so that odoorpc does not ask for it first
            session.login(self._settings.database, self._settings.username, self._password)
            self._local.session = session
        return session

    def _translate_errors(self, where: str, work: Any) -> Any:
        settings = self._settings
        place = {"where": where, "user": settings.username, "database": settings.database}
        try:
            return work()
        except odoorpc.error.RPCError as error:
            if not error.info:  # this is how odoorpc reports a failed login
                raise errors.wrong_login(settings.username) from None
            data = error.info.get("data") or {}
            message = str(data.get("message") or error.info.get("message") or "")
            raise errors.from_answer(str(data.get("name") or ""), message, **place) from None
        except HTTPError as error:
            raise errors.from_status(error.code, **place) from None
        except TooLarge:
            raise errors.too_large(where) from None
        except (*BROKEN, HTTPException, ValueError, RecursionError) as error:
            raise errors.unreachable(settings.url, error) from None
