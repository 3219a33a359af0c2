"""One lane without Dagster: a channel of domain orders in memory, a real PostgreSQL, Odoo or its stand-in over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import Head, OrderTotal, Page, Window
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.instruments import REAL, Instruments
from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind, Order, OrderLine, OrderStatus, business_day
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.orders.figures import Loaded
from commerce_pipelines.flows.orders.load import load
from commerce_pipelines.flows.orders.prove import Proof, prove
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.odoo.rpc.client import Client, OdooClient
from commerce_pipelines.resources.connections import open_connections
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.tables.frames import read_frame, replace_days
from commerce_pipelines_tests.doubles.channel import FakeChannel
from commerce_pipelines_tests.doubles.doors import leads_to
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.server import Call

NAME = "shop_de"
ZONE = ZoneInfo("Europe/Berlin")
MUG, PAPER = "MUG-STN-350-BL", "FLT-PAP-02-100"
RUN = secrets.token_hex(4)
WRITES = ("load", "create", "write", "web_save_multi", "unlink", "action_confirm", "action_cancel", "action_draft")


class Server(NamedTuple):
    """An Odoo to load into; `calls` are those that the stand-in recorded, None for a real server."""

    url: str
    database: str
    username: str
    password: str
    calls: list[Call] | None = None
    transport: str = "jsonrpc"


class OrdersChannel(FakeChannel):
    """Its payloads are domain orders as JSON: what stands behind the translation is tested with any order."""

    def __init__(self, name: str = NAME) -> None:
        super().__init__(name)
        self.known: dict[str, Order] = {}

    def put(self, order: Order) -> None:
        self.known[order.order_id] = order

    def created(self, window: Window) -> Iterator[Page]:
        orders = tuple(
            msgspec.json.encode(order) for order in self.known.values() if window.start <= order.placed_at < window.end
        )
        yield Page(records=orders, resume=None, watermark=window.end)

    def changed(self, window: Window, resume: str | None = None, unchanged: Any = None) -> Iterator[Page]:
        orders = tuple(
            msgspec.json.encode(order) for order in self.known.values() if window.start <= order.updated_at < window.end
        )
        yield Page(records=orders, resume=None, watermark=window.end)

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        for order in self.known.values():
            if window.start <= order.placed_at < window.end and not order.is_other_channel and not order.is_test:
                yield OrderTotal(
                    order_id=order.order_id, placed_at=order.placed_at, status=order.status, currency=order.currency,
                    total=order.total, collected=order.collected,
                )  # fmt: skip

    def head(self, raw: bytes) -> Head:
        order = self.translate(raw)
        subject = f"email:{order.buyer.email}" if order.buyer.email else f"order:{order.order_id}"
        return Head(record_id=order.order_id, created_at=order.placed_at, updated_at=order.updated_at, subject=subject)

    def translate(self, raw: bytes) -> Order:
        try:
            return msgspec.json.decode(raw, type=Order)
        except msgspec.ValidationError as error:
            raise RecordError("bad_payload", str(error), fix="Look at it.") from None


class Lane:
    """A channel, a warehouse and an Odoo; `run` does what a Dagster run does.

    name: of which of the channels. person: opens a client for what a person does in Odoo; the product's, if left out.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], instruments: Instruments = REAL, name: str = NAME,
        person: Callable[[], Client] | None = None,
    ) -> None:  # fmt: skip
        self.name = name
        self.channels = {channel.name: OrdersChannel(channel.name) for channel in settings.channels}
        self.channel = self.channels[name]
        self.connections = open_connections(
            settings, environ, channels=leads_to(self.channels), instruments=instruments
        )
        self._open_person = person
        self.noon = datetime.now(UTC).replace(hour=11, minute=0, second=0, microsecond=0) - timedelta(days=1)
        self.day = business_day(self.noon, ZONE)

    @cached_property
    def person(self) -> OdooClient:
        return self._open_person() if self._open_person else self.connections.odoo

    def beside(self, name: str) -> Lane:
        """The lane of another of the channels, through the same doors."""
        lane = copy(self)
        lane.name, lane.channel = name, self.channels[name]
        return lane

    def order(self, order_id: str, *lines: OrderLine, **more: Any) -> Order:
        """A paid order of one mug at 16.90, unless told otherwise."""
        lines = lines or (line(),)
        return Order(**{
            "channel": self.name, "order_id": order_id, "number": f"#{order_id}", "placed_at": self.noon,
            "updated_at": self.noon, "status": OrderStatus.PAID, "currency": "EUR",
            "total": sum(order_line.amount for order_line in lines), "prices_include_tax": True, "lines": lines,
            "buyer": Buyer(name="Ada Byron", email=f"{order_id.lower()}@example.com"),
            "shipping": Address(name="Ada Byron", street="Weg 1", city="Berlin", postcode="10115", country="DE"),
            **more,
        })  # fmt: skip

    def put(self, *orders: Order) -> None:
        for order in orders:
            self.channel.put(order)

    def run(self, *, again: bool = True, pulled: bool = True, now: datetime | None = None, before: int = 0) -> Loaded:
        """Extract, transform and load the lane's day, and as many `before` it; returns the load's figures."""
        start, end = self.day - timedelta(days=before), self.day + timedelta(days=1)
        if pulled:
            pull(self.connections, self.name, start, end)
        stage(self.connections, self.name, start, end)
        with self.connections.warehouse.transaction() as connection:
            orders = read_frame(
                connection, "orders", None, "channel = %s AND day >= %s AND day < %s", (self.name, start, end)
            )
        instruments = self.connections.instruments
        if now:
            self.connections.instruments = replace(instruments, now=lambda: now)
        ledger, loaded = load(self.connections, self.name, orders, span=(start, end), again=again)
        self.connections.instruments = instruments
        with self.connections.warehouse.transaction() as connection:
            replace_days(
                connection, "sale_orders", self.name, [end - timedelta(n) for n in range(1, before + 2)], ledger
            )
        return loaded

    def prove(self, before: int = 0) -> Proof:
        return prove(self.connections, self.name, self.day - timedelta(days=before), self.day + timedelta(days=1))

    def sales(self, *order_ids: str) -> list[dict[str, Any]]:
        """Odoo's sale orders of these orders, however many there are of each."""
        fields = ["state", "amount_total", "picking_ids", "partner_id", "warehouse_id", "date_order", "order_line"]
        numbers = [f"#{order_id}" for order_id in order_ids]
        rows = self.connections.odoo_of(self.name).call(
            "sale.order", "search_read", domain=[["client_order_ref", "in", numbers]], fields=fields, load=None
        )
        return list(rows)

    def ledger(self, order_id: str) -> dict[str, Any]:
        with self.connections.warehouse.transaction() as connection:
            frame = read_frame(connection, "sale_orders", None, "channel = %s AND order_id = %s", (self.name, order_id))
        (row,) = frame.to_dict("records")
        return {str(key): value for key, value in row.items()}


def line(amount: int = 1690, sku: str = MUG, quantity: int = 1, line_id: str = "1", **more: Any) -> OrderLine:
    return OrderLine(
        line_id=line_id, kind=more.pop("kind", LineKind.PRODUCT), title="Mug", quantity=quantity, amount=amount,
        sku=sku, **more,
    )  # fmt: skip


def later(order: Order, **changes: Any) -> Order:
    """The next revision of an order, a minute after."""
    lines = changes.get("lines", order.lines)
    news = {
        "updated_at": order.updated_at + timedelta(minutes=1),
        "total": sum(order_line.amount for order_line in lines),
        **changes,
    }
    return msgspec.structs.replace(order, **news)


def numbered(request: pytest.FixtureRequest, count: int = 1) -> list[str]:
    """Order ids of this test alone, new each time: the server may have seen this test before."""
    over = "-json2" if request.node.callspec.params.get("odoo") == "json2" else ""  # the same server for both APIs
    return [f"{request.node.originalname[5:40]}-{RUN}{over}-{i}" for i in range(count)]


def writes(odoo: Server | OdooStandIn, since: int) -> list[str]:
    """Writing calls that the stand-in recorded since; a real server keeps no record."""
    methods = []
    for call in (odoo.calls or [])[since:]:
        body = call.json() if call.body else {}
        parameters = body.get("params", {})
        arguments = parameters.get("args", [])
        if parameters.get("method") == "execute_kw" and arguments[4] in WRITES:
            methods.append(f"{arguments[3]}.{arguments[4]}")
    return methods


def waiting(lane: Lane, order_id: str) -> list[quarantine.OpenException]:
    with lane.connections.warehouse.transaction() as connection:
        return quarantine.open_exceptions(connection, lane.name, "orders", record_ids=[order_id])
