"""Dagster's web server with the guard in front: `python -m commerce_pipelines.cli.webserver -w FILE -h HOST -p PORT`.

Beside Dagster's own pages it serves `/orders/CHANNEL/ORDER_ID`, the page of one order without personal data, and
`/articles/CHANNEL/SKU`, what was free, shown and sold of one article (`?at=2026-11-20T14:30&hours=24`).

What belongs here: putting these together. What does not: what the guard lets through (guard.py), the pages
(order_page.py, article_page.py). Environment:
COMMERCE_UI_HOSTS, further `name:port` under which a proxy reaches the UI, separated by commas; COMMERCE_UI_TOKEN, what
a browser has to know.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from ..channels.settings import EARLIEST
from ..core.errors import CommerceError, PermanentError, TransientError
from ..resources.connections import Connections
from .article_page import write_article
from .guard import App, Guard, Receive, Scope, Send
from .order_page import write_page
from .part import wait_for_code

PLACE = "orders"  # the first part of the path of orders' pages, to which links lead from Odoo
MOST_HOURS = 24 * 366
# Makes a page of a channel, an id, and the values of the address's query.
Maker = Callable[[str, str, Mapping[str, str]], str]
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def hosts(host: str, port: str) -> list[str]:
    """Every Host header with which the UI on `host` and `port` may be called."""
    named = f"[{host}]" if ":" in host and not host.startswith("[") else host
    more = [name.strip() for name in os.environ.get("COMMERCE_UI_HOSTS", "").split(",") if name.strip()]
    return [f"{name}:{port}" for name in (*LOOPBACK_HOSTS, named)] + more


class OwnPages:
    """Answers `/PLACE/CHANNEL/ID`, and leaves everything else to the application behind it. makers: by place; their
    errors are told in a sentence."""

    def __init__(self, app: App, makers: Mapping[str, Maker]) -> None:
        self._app, self._makers = app, makers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/", 3) if scope["type"] == "http" else []
        is_own = len(parts) == 4 and not parts[0] and scope["method"] == "GET"
        make = self._makers.get(parts[1]) if is_own else None
        if make is None:
            return await self._app(scope, receive, send)
        query = dict(parse_qsl(scope.get("query_string", b"").decode("utf-8", "replace")))
        try:
            status, page = 200, await asyncio.to_thread(make, parts[2], parts[3], query)
        except CommerceError as error:
            status, page = 503 if isinstance(error, TransientError) else 404, _write_problem(str(error))
        except Exception as error:  # of a library: its text may say anything
            logging.getLogger(__name__).error("A page of an order or an article failed (%s).", type(error).__name__)
            status, page = 500, _write_problem(f"The page cannot be made now ({type(error).__name__}).")
        await send({"type": "http.response.start", "status": status, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": page.encode("utf-8", "replace")})


def _write_problem(sentence: str) -> str:
    return f"<!doctype html><meta charset=utf-8><p>{escape(sentence)}</p>"


def show_order(channel: str, order_id: str, query: Mapping[str, str]) -> str:
    """The page, by the settings of this moment. Raises CommerceError."""
    from ..flows.explain import explain

    return write_page(explain(_open_connections(), channel, order_id))


def show_article(channel: str, sku: str, query: Mapping[str, str]) -> str:
    """The page, by the settings of this moment. query: `at`, a minute in this machine's time zone, now without one;
    `hours`, how far back to show. Raises CommerceError."""
    from ..flows.inventory.history import look_back

    connections = _open_connections()
    connections.settings.channel(channel)
    at, span = read_span(query, connections.instruments.now())
    return write_article(look_back(connections, channel, sku, at, span), channel, sku, span)


def read_span(query: Mapping[str, str], now: datetime) -> tuple[datetime, timedelta]:
    """The minute of the query, and how far back to look. Raises PermanentError."""
    try:
        at = datetime.fromisoformat(query["at"]).astimezone() if query.get("at") else now
        hours = int(query.get("hours") or 24)
    except (ValueError, OverflowError):
        at, hours = now, 0
    if not 1 <= hours <= MOST_HOURS or not EARLIEST <= at.date() <= now.astimezone().date():
        raise PermanentError(
            f"`at` is a minute between {EARLIEST} and now, as 2026-11-20T14:30, `hours` a number from 1 to "
            f"{MOST_HOURS}."
        )
    return at, timedelta(hours=hours)


def _open_connections() -> Connections:
    from ..resources.connections import open_connections
    from ..settings import file as settings_file

    settings = settings_file.load()
    if not _doors or _doors[0].settings != settings:
        _doors[:] = [open_connections(settings)]
    return _doors[0]


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

    from ..resources.calm_services import watch_calmly

    watch_calmly()
    wait_for_code(os.environ)
    host, port = (arguments[arguments.index(flag) + 1] for flag in ("-h", "-p"))
    create = getattr(web_server_cli, _CREATE)

    def create_guarded(*values: Any, **names: Any) -> Guard:
        pages = OwnPages(create(*values, **names), {PLACE: show_order, "articles": show_article})
        return Guard(pages, hosts(host, port), os.environ.get("COMMERCE_UI_TOKEN") or None, linked=f"/{PLACE}/")

    setattr(web_server_cli, _CREATE, create_guarded)
    web_server_cli.dagster_webserver(arguments, auto_envvar_prefix="DAGSTER_WEBSERVER")


if __name__ == "__main__":
    main(sys.argv[1:])
