"""A channel in memory, for tests of what stands behind any channel: no HTTP, no vendor, faults on demand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from commerce_pipelines.channels.capabilities import (
    AccountId,
    Channel,
    Head,
    Listings,
    Orders,
    OrderTotal,
    Page,
    Window,
)
from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome
from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind, Order, OrderLine, OrderStatus
from commerce_pipelines.settings.file import Settings, parse

SETTINGS = """
odoo: {url: "http://127.0.0.1:8069", database: demo, username: admin, password: {env: ODOO_PASSWORD}}
channels:
  - {name: shop_de, kind: shopify, shop: de.myshopify.com, credentials: {access_token: {env: TOKEN}},
     start_date: 2025-01-01}
"""


def some_settings(more: str = "") -> Settings:
    """One Shopify channel, `shop_de`; `more` is appended as YAML."""
    return parse(SETTINGS + more)


class FakeChannel(Channel, Orders, Listings):
    """Its own account, orders, listings and quantities.

    Orders are dicts: id, placed, updated (datetimes), total, and optionally status, email, name, street, sku.
    """

    kind, topic = "shopify", Topic.ORDERS

    def __init__(self, name: str = "shop_de", page_size: int = 100) -> None:
        self.name, self.page_size = name, page_size
        self.answers: dict[str, dict[str, Any]] = {}
        self.account = self.orders = self.listings = self.quantities = self
        self.asked: list[Window] = []
        self.error: Exception | None = None
        self.error_after = 0  # pages that still work

    def add(self, order_id: str, placed: datetime, **fields: Any) -> None:
        """A new order, or a new revision of one; it counts as changed at `updated`, default: when it was placed."""
        self.answers[order_id] = {"id": order_id, "placed": placed, "updated": placed, "total": 1190, **fields}

    def changed(self, window: Window, resume: str | None = None, unchanged: Any = None) -> Iterator[Page]:
        yield from self._list_pages(window, "updated", int(resume or 0))

    def created(self, window: Window) -> Iterator[Page]:
        yield from self._list_pages(window, "placed", 0)

    def fetch(self, order_id: str) -> bytes | None:
        return _encode(self.answers[order_id]) if order_id in self.answers else None

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        for order in map(self.translate, map(_encode, self.answers.values())):
            if window.start <= order.placed_at < window.end:
                yield OrderTotal(
                    order_id=order.order_id, placed_at=order.placed_at, status=order.status,
                    currency=order.currency, total=order.total,
                )  # fmt: skip

    def subjects(self, raw: bytes) -> tuple[str, ...]:
        top = self.head(raw)
        return tuple(dict.fromkeys((top.subject, f"order:{top.record_id}")))

    def head(self, raw: bytes) -> Head:
        order = json.loads(raw)
        return Head(
            record_id=order["id"], created_at=datetime.fromisoformat(order["placed"]),
            updated_at=datetime.fromisoformat(order["updated"]), subject=f"email:{order.get('email') or order['id']}",
        )  # fmt: skip

    def translate(self, raw: bytes) -> Order:
        order = json.loads(raw)
        if order.get("broken"):
            raise RecordError("bad_payload", "The order has no total at $.total.", fix="Look at it.", subject="$.total")
        head, total = self.head(raw), order["total"]
        place = Address(name=order.get("name", ""), street=order.get("street", ""), postcode="10115", country="DE")
        return Order(
            channel=self.name, order_id=head.record_id, number=f"#{head.record_id}", placed_at=head.created_at,
            updated_at=head.updated_at, status=OrderStatus(order.get("status", "paid")), currency="EUR", total=total,
            prices_include_tax=True, shipping=place,
            lines=(
                OrderLine(line_id="1", kind=LineKind.PRODUCT, title="Mug", quantity=1, amount=total, rate=190_000,
                          tax=total - round(total / 1.19), sku=order.get("sku", "MUG-STN-350-BL")),
            ),
            buyer=Buyer(name=order.get("name", ""), email=order.get("email", "")),
        )  # fmt: skip

    def probe(self) -> AccountId:
        return AccountId(account_id=self.name, description=self.name)

    def lacks(self) -> list[str]:
        return []

    def learn_limits(self) -> None:
        """Every answer states them."""

    def warnings(self, today: date) -> list[str]:
        return []

    def read(self) -> Iterator[tuple[Listing, ...]]:
        yield ()

    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        yield from ()

    def _list_pages(self, window: Window, key: str, start: int) -> Iterator[Page]:
        self.asked.append(window)
        answers = sorted(
            (o for o in self.answers.values() if window.start <= o[key] < window.end), key=lambda o: o[key]
        )
        for position in range(start, max(len(answers), 1), self.page_size):
            if self.error is not None and self.error_after <= 0:
                raise self.error
            self.error_after -= 1
            part = answers[position : position + self.page_size]
            last = position + self.page_size >= len(answers)
            yield Page(
                records=tuple(map(_encode, part)),
                resume=None if last else str(position + self.page_size),
                watermark=window.end if last else part[-1]["updated"],
            )


def _encode(order: dict[str, Any]) -> bytes:
    return msgspec.json.encode(order)


def ago(**delta: float) -> datetime:
    """An instant before now, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(**delta)
