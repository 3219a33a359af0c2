"""The pages as a small web application: which address shows what, and what a button does.

What belongs here: routes, forms, who may press a button. What does not: how pages look (templates/), starting the
server (listening.py), what the buttons do (breaking.py, ../counter.py, ../odoo/working.py).

Whoever reaches the port may press every button, so it listens on this machine alone, and a page of another site
cannot: the name in Host has to be this machine's, and a form has to come from these pages.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import jinja2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from ..after_sale import AfterSale
from ..counter import Counter, find_reference
from ..odoo import OdooStandIn
from ..odoo.orm import Env
from ..odoo.pages import (
    Part,
    find_sale,
    list_bills,
    list_due,
    list_lines,
    list_parts,
    list_sales,
    list_stock,
    read_bill,
    read_sale,
    read_transfer,
)  # fmt: skip
from .breaking import BREAKAGES, ODOO, FaultInjector

Form = dict[str, str]
HERE = Path(__file__).parent
SHOWN = 40
MOST_BYTES = 10_000  # of a form or an alert
MOST_UNITS, MOST_NAME = 500, 60
MOST_DIGITS = 18  # of any number; Python itself takes none of more than 4300
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
}  # fmt: skip
BILLS = {"customer-invoices": "out_invoice", "customer-credit-notes": "out_refund",
         "action-account.action_move_out_invoice_type": "out_invoice",
         "action-account.action_move_out_refund_type": "out_refund"}  # fmt: skip


class Alert(NamedTuple):
    """A message to people, as it came."""

    at: str
    title: str
    text: str


class Site:
    """The pages of a world. counters: by channel. hands: held while something is done, because the demo does things by
    itself as well. dagster: the address of its UI. now: when something is done."""

    def __init__(
        self, channels: dict[str, Any], counters: dict[str, Counter], odoo: OdooStandIn, after_sale: AfterSale,
        hands: threading.Lock, dagster: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._counters, self._odoo, self._after_sale, self._hands = counters, odoo, after_sale, hands
        self._faults = FaultInjector(channels, counters, odoo)
        self.dagster, self._now = dagster, now
        self.news: deque[tuple[str, str]] = deque(maxlen=8)
        self.alerts: deque[Alert] = deque(maxlen=50)
        loader = jinja2.FileSystemLoader(HERE / "templates")
        self._templates = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
        self.app = Starlette(routes=self._list_routes(), middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
        ])  # fmt: skip

    def _list_routes(self) -> list[Route]:
        post = ["POST"]
        return [
            Route("/", self._show_start),
            Route("/style.css", _send_file("style.css", "text/css")),
            Route("/live.js", _send_file("live.js", "text/javascript")),
            Route("/shop/{name}", self._show_shop),
            Route("/shop/{name}/{what}", _take_form(self._act_in_shop), methods=post),
            Route("/odoo", self._show_odoo),
            Route("/odoo/do/{what}", _take_form(self._act_in_odoo), methods=post),
            Route("/odoo/{place:path}", self._show_record),
            Route("/break", self._show_breaking),
            Route("/break/{what}", _take_form(self._break), methods=post),
            Route("/alerts", self._take_alert, methods=post),
        ]

    def _write(self, template: str, **values: Any) -> HTMLResponse:
        common = {
            "shops": list(self._counters), "dagster": self.dagster, "news": list(self.news),
            "broken": self._faults.list_broken(), "alerts": list(self.alerts),
        }  # fmt: skip
        text = self._templates.get_template(template).render(**common, **values)
        return HTMLResponse(text, headers=HEADERS)

    def _show_start(self, request: Request) -> Response:
        return self._write("index.html")

    def _find_counter(self, name: str) -> Counter:
        if name not in self._counters:
            raise HTTPException(404)
        return self._counters[name]

    def _show_shop(self, request: Request) -> Response:
        name = request.path_params["name"]
        counter = self._find_counter(name)
        offers, orders = counter.list_offers(), counter.list_orders(SHOWN)
        return self._write(
            "shop.html", name=name, counter=counter, orders=orders, offers=offers,
            gone=self._odoo.list_left([order.reference for order in orders]),
            sold=[offer for offer in offers if offer.quantity is not None], left=set(self._after_sale.shipped[name]),
        )  # fmt: skip

    def _act_in_shop(self, request: Request, form: Form) -> Response:
        name, what = request.path_params["name"], request.path_params["what"]
        counter = self._find_counter(name)
        with self._hands:
            if what == "buy":
                self._place_order(name, counter, form)
            else:
                self._change(name, counter, what, form.get("reference", ""))
        return RedirectResponse(f"/shop/{name}", 303)

    def _place_order(self, name: str, counter: Counter, form: Form) -> None:
        units, buyer = form.get("units", ""), " ".join(form.get("buyer", "").split())
        count = _read_units(units, 1)
        if not buyer.isprintable() or not 1 <= len(buyer) <= MOST_NAME:
            raise HTTPException(400, f"buyer: a name of at most {MOST_NAME} characters.")
        try:
            reference = counter.buy(form.get("sku", ""), count, buyer, self._now())
        except KeyError:
            raise HTTPException(400, "sku: nobody sells that here.") from None
        self._note(f"{name}: {buyer} bought {count} x {form['sku']}, order {reference}.")

    def _change(self, name: str, counter: Counter, what: str, reference: str) -> None:
        now = self._now()
        try:
            order = find_reference(counter.list_orders(), reference)
            # The marketplace hears of what has left a little later.
            if what in ("cancel", "edit") and self._odoo.list_left([reference]):
                raise KeyError(reference)
            if what == "cancel" and order.is_open:
                counter.cancel(reference, now)
                self._note(f"{name}: the order {reference} is cancelled.")
            elif what == "edit" and counter.can_edit and order.is_reducible:
                counter.take_out(reference, now)
                self._note(f"{name}: a unit was taken out of the order {reference}.")
            elif what in ("return", "refund"):
                self._after_sale.pay_back_to(name, reference, now, goods=what == "return")
                how = "sends the first line back and is refunded" if what == "return" else "gets 2.50 as goodwill"
                self._note(f"{name}: the buyer of {reference} {how}.")
            else:
                raise KeyError(what)
        except (KeyError, ValueError):
            raise HTTPException(409, "That cannot be done with this order, or not any more.") from None

    def _show_odoo(self, request: Request) -> Response:
        with self._odoo.lock:
            env = Env(self._odoo.database, 2, sudo=True)
            content = {
                "sales": list_sales(env, SHOWN), "due": list_due(env, SHOWN), "stock": list(list_stock(env)),
                "count": len(env.db.rows["sale.order"]),
                "confirmed": sum(row["state"] == "sale" for row in env.db.rows["sale.order"].values()),
            }  # fmt: skip
        return self._write("odoo.html", **content)

    def _act_in_odoo(self, request: Request, form: Form) -> Response:
        what = request.path_params["what"]
        try:
            with self._hands:
                if what == "receive":
                    self._note(f"Odoo: {self._odoo.receive()}.")
                elif what == "adjust":
                    self._note(f"Odoo: {self._odoo.adjust(form['sku'], float(_read_units(form.get('units', ''))))}.")
                elif what == "validate" and form["reference"] in self._odoo.list_waiting():
                    self._after_sale.send(form["reference"])
                    self._note(f"Odoo: the delivery of {form['reference']} has left.")
                else:
                    raise KeyError(what)
        except KeyError:
            raise HTTPException(409, "There is nothing of that, or not any more.") from None
        return RedirectResponse("/odoo", 303)

    def _show_record(self, request: Request) -> Response:
        """A record by the address that Odoo itself gives it; lists of bills too."""
        place, _, number = request.path_params["place"].rpartition("/")
        kind = BILLS.get(number) if not place else None
        with self._odoo.lock:
            env = Env(self._odoo.database, 2, sudo=True)
            if kind:
                return self._write("bills.html", kind=kind, bills=list_bills(env, kind))
            if not number.isascii() or not number.isdigit():
                return RedirectResponse("/odoo", 303)
            if len(number) > MOST_DIGITS:
                raise HTTPException(404, "Odoo has no such record.")
            try:
                part = _read_part(env, place, int(number))
                sale = int(number) if part is None else find_sale(env, part)
                order = read_sale(env, sale) if sale else None
            except KeyError:
                raise HTTPException(404, "Odoo has no such record.") from None
            lines = list(list_lines(env, sale)) if sale else []
            parts = list(list_parts(env, sale)) if sale else [part]
        return self._write("record.html", part=part, order=order, lines=lines, parts=parts)

    def _show_breaking(self, request: Request) -> Response:
        return self._write("break.html", breakages=BREAKAGES, odoo=ODOO)

    def _break(self, request: Request, form: Form) -> Response:
        what = request.path_params["what"]
        try:
            with self._hands:
                if what == "heal":
                    self._note(self._faults.heal())
                else:
                    self._note(self._faults.do(what, form.get("where", ""), self._now()))
        except KeyError:
            raise HTTPException(404) from None
        return RedirectResponse("/break", 303)

    async def _take_alert(self, request: Request) -> Response:
        """From the pipelines, by Apprise: no form of a page, so a browser can send none."""
        if request.headers.get("sec-fetch-site") or request.headers.get("origin"):
            raise HTTPException(403)
        body = await _read_body(request)
        try:
            message = json.loads(body)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            raise HTTPException(400, "No alert of Apprise's.")
        at = f"{self._now():%H:%M:%S} UTC"
        self.alerts.appendleft(Alert(at, str(message.get("title", "")), str(message.get("message", ""))))
        return Response(status_code=204)

    def _note(self, text: str) -> None:
        self.news.appendleft((f"{self._now():%H:%M:%S} UTC", text))


def _read_part(env: Env, place: str, number: int) -> Part | None:
    """None for a sale order. Raises KeyError."""
    if place in ("sales", "sale.order"):
        return None
    if place in (*BILLS, "account.move"):
        return read_bill(env, number)
    return read_transfer(env, number)


async def _read_body(request: Request) -> bytes:
    """The body as far as it is short enough; what is longer is refused without being read to its end."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413)
    return body


def _take_form(act: Callable[[Request, Form], Response]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that hands on the fields of a form, in a thread of its own. A form that another site's page sent is
    refused: browsers say where it comes from."""

    async def endpoint(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
            raise HTTPException(403, "Forms are taken from these pages alone.")
        body = await _read_body(request)
        form = {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}
        return await run_in_threadpool(act, request, form)

    return endpoint


def _read_units(text: str, least: int = 0) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    if not is_number or not least <= int(text) <= MOST_UNITS:
        raise HTTPException(400, f"units: a whole number from {least} to {MOST_UNITS}.")
    return int(text)


def _send_file(name: str, kind: str) -> Callable[[Request], Response]:
    content = (HERE / "templates" / name).read_text(encoding="utf-8")

    def send(request: Request) -> Response:
        return Response(content, media_type=kind, headers=HEADERS)

    return send
