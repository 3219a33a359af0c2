"""Dagster's web server with the guard in front: `python -m commerce_pipelines.cli.webserver -w FILE -h HOST -p PORT`.

Beside Dagster's own pages it serves `/orders/CHANNEL/ORDER_ID`, the page of one order without personal data.

What belongs here: putting these together. What does not: what the guard lets through (guard.py), the page
(order_page.py). Environment:
COMMERCE_UI_HOSTS, further `name:port` under which a proxy reaches the UI, separated by commas; COMMERCE_UI_TOKEN, what
a browser has to know.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from html import escape
from typing import Any

from ..core.errors import CommerceError, TransientError
from ..resources.connections import Connections
from .guard import App, Guard, Receive, Scope, Send
from .order_page import write_page
from .part import wait_for_code

PLACE = "orders"  # the first part of the path
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def hosts(host: str, port: str) -> list[str]:
    """Every Host header with which the UI on `host` and `port` may be called."""
    named = f"[{host}]" if ":" in host and not host.startswith("[") else host
    more = [name.strip() for name in os.environ.get("COMMERCE_UI_HOSTS", "").split(",") if name.strip()]
    return [f"{name}:{port}" for name in (*LOOPBACK_HOSTS, named)] + more


class OrderPages:
    """Answers `/orders/CHANNEL/ORDER_ID`, and leaves everything else to the application behind it. show: makes the
    page; its errors are told in a sentence."""

    def __init__(self, app: App, show: Callable[[str, str], str]) -> None:
        self._app, self._show = app, show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/", 3) if scope["type"] == "http" else []
        if len(parts) != 4 or parts[:2] != ["", PLACE] or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        try:
            status, page = 200, await asyncio.to_thread(self._show, parts[2], parts[3])
        except CommerceError as error:
            status, page = 503 if isinstance(error, TransientError) else 404, _write_problem(str(error))
        except Exception as error:  # of a library: its text may say anything
            logging.getLogger(__name__).error("The page of an order failed (%s).", type(error).__name__)
            status, page = 500, _write_problem(f"The page cannot be made now ({type(error).__name__}).")
        await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": page.encode("utf-8", "replace")})


def _write_problem(sentence: str) -> str:
    return f"<!doctype html><meta charset=utf-8><p>{escape(sentence)}</p>"


def show_order(channel: str, order_id: str) -> str:
    """The page, by the settings of this moment. Raises CommerceError."""
    from ..flows.explain import explain
    from ..resources.connections import open_connections
    from ..settings import file as settings_file

    settings = settings_file.load()
    if not _doors or _doors[0].settings != settings:
        _doors[:] = [open_connections(settings)]
    return write_page(explain(_doors[0], channel, order_id))


_doors: list[Connections] = []  # opened at the first page, and again when the settings have changed
_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_CREATE = "create_app_from_workspace_process_context"  # a name that Dagster's module uses and does not export


def main(arguments: list[str]) -> None:
    """The same command line as Dagster's own."""
    import dagster_webserver.cli as web_server_cli

    wait_for_code(os.environ)
    host, port = (arguments[arguments.index(flag) + 1] for flag in ("-h", "-p"))
    create = getattr(web_server_cli, _CREATE)

    def create_guarded(*values: Any, **names: Any) -> Guard:
        pages = OrderPages(create(*values, **names), show_order)
        return Guard(pages, hosts(host, port), os.environ.get("COMMERCE_UI_TOKEN") or None, linked=f"/{PLACE}/")

    setattr(web_server_cli, _CREATE, create_guarded)
    web_server_cli.dagster_webserver(arguments, auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])
