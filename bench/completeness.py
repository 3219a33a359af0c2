"""completeness_100k: the proof over 100,000 orders, channel against Odoo.

**What is measured.** Wall seconds of `flows.orders.prove` over 30 days: 100,000 totals as the channel's client hands
them out, the ledger in PostgreSQL, the sale orders as Odoo's client hands them out; compared as a whole and by day and
currency (12 currencies), the figures stored. Three orders are missing, one total is a cent off, and the proof must say
so.

**What is not.** The time that the channel and Odoo take to answer: it is not ours, so both are in memory here.
The baseline is the bare comparison of the same orders, without the database and without the split by day and currency.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from commerce_pipelines.channels.capabilities import OrderTotal, Window
from commerce_pipelines.domain.money import to_decimal
from commerce_pipelines.domain.orders.order import OrderStatus
from commerce_pipelines.domain.sales.completeness import Booked, Claim, compare
from commerce_pipelines.domain.sales.draft import order_xid
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines.odoo.rpc.client import Who
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse

from .database import MASTER_KEY_TEXT, server
from .extract_ours import SETTINGS
from .figures import Figure

ORDERS, DAYS = 100_000, 30
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "PLN", "CZK", "SEK", "DKK", "NOK", "HUF", "JPY", "KWD")
START = date(2026, 1, 1)
MISSING = ("17", "18", "19")


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(int(ORDERS * size), 100)
    tell(f"{count:,} orders are made up")
    orders = [_make_order(number, count) for number in range(count)]
    with server() as database:
        settings = parse(SETTINGS.format(url="http://127.0.0.1:1"))
        keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        shop: Any = _Shop(orders)
        odoo: Any = _Odoo(orders)
        connections = open_connections(settings, keys, odoo=lambda: odoo, channels=lambda *_: shop)
        _fill_ledger(connections, orders)
        tell(f"{count:,} orders are proved")
        started = time.perf_counter()
        proof = prove(connections, "shop", START, START + timedelta(days=DAYS))
        seconds = time.perf_counter() - started
        connections.warehouse.close()
    assert proof.whole.orders_in_channel == count
    assert proof.whole.missing == MISSING
    assert sum(1 for day in proof.days.values() if any(day.difference.values())) == len(MISSING) + 1
    return [
        Figure(
            name="completeness_100k",
            value=seconds,
            unit="s",
            baseline=_measure_bare(orders),
            target=60.0,
            judged="value",
            at="most",
            note=f"{count:,} orders, {len(proof.days)} days and currencies",
        )
    ]


def _make_order(number: int, count: int) -> OrderTotal:
    placed = datetime(START.year, START.month, START.day, tzinfo=UTC) + number * timedelta(days=DAYS) / count
    return OrderTotal(
        order_id=str(number), placed_at=placed, status=OrderStatus.PAID,
        currency=CURRENCIES[number * 7 % len(CURRENCIES)], total=1_000 + number * 7_919 % 90_000,
    )  # fmt: skip


def _measure_bare(orders: Sequence[OrderTotal]) -> float:
    claims = [Claim(order_id=order.order_id, currency=order.currency, total=order.total) for order in orders]
    booked = {order.order_id: Booked(order_id=order.order_id, currency=order.currency, total=order.total, state="sale")
              for order in orders}  # fmt: skip
    started = time.perf_counter()
    compare(claims, booked, ())
    return time.perf_counter() - started


def _fill_ledger(connections: Connections, orders: Sequence[OrderTotal]) -> None:
    import pandas as pd

    from commerce_pipelines.warehouse.tables.frames import write_frame

    frame = pd.DataFrame(
        {
            "channel": "shop",
            "order_id": [order.order_id for order in orders],
            "day": [order.placed_at.date() for order in orders],
            "currency": [order.currency for order in orders],
            "total": [order.total for order in orders],
            "amount_total": [order.total for order in orders],
        }
    ).assign(**dict.fromkeys(("digest", "name", "regime", "tax_country", "warehouse", "code", "message"), ""),
             action="created", state="sale", evidence="{}", amount_tax=0, rounding=0,
             loaded_at=pd.Timestamp.now("UTC"))  # fmt: skip
    with connections.warehouse.transaction() as connection:
        write_frame(connection, "sale_orders", frame)


class _Shop:
    """A channel that knows its totals."""

    def __init__(self, orders: Sequence[OrderTotal]) -> None:
        self.orders, self._orders = self, orders

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        yield from self._orders


class _Odoo:
    """Odoo's answers to the calls of the proof: external ids, fields, rows."""

    who = Who(uid=2, lang="en_US", company_id=1)

    def __init__(self, orders: Sequence[OrderTotal]) -> None:
        self._rows = {number: order for number, order in enumerate(orders, 1) if order.order_id not in MISSING}
        self._ids = {order_xid("shop", order.order_id): number for number, order in self._rows.items()}

    def call(self, model: str, method: str, ids: Sequence[int] | None = None, **named: Any) -> Any:
        if model == "ir.model.data":
            wanted = next(values for field, operator, values in named["domain"] if field == "name" and operator == "in")
            return [{"id": self._ids[name], "name": name, "res_id": self._ids[name], "model": "sale.order"}
                    for name in wanted if name in self._ids]  # fmt: skip
        if method == "fields_get":
            return {"delivery_status": {"type": "selection"}, "picking_ids": {"type": "one2many"}}
        return [self._build_row(number) for number in ids or ()]

    def _build_row(self, number: int) -> dict[str, Any]:
        order = self._rows[number]
        total = float(to_decimal(order.total + (order.order_id == "20"), order.currency))
        return {"id": number, "name": f"S{number}", "state": "sale", "company_id": [1, "Shop"],
                "currency_id": [1, order.currency], "amount_total": total, "amount_tax": 0.0, "order_line": [number],
                "delivery_status": False, "picking_ids": []}  # fmt: skip
