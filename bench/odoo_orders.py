"""Orders for the benchmarks on Odoo: who bought what, as plain data and as drafts; products and known customers.

What belongs here: made-up data and putting it into Odoo. What does not: loading orders (odoo_load.py and its
contenders).

An order has two lines; three in five come from a new customer. Names carry a token of the run, so that the
benchmark can run again and again on one database.
"""

from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind
from commerce_pipelines.domain.sales.draft import DraftLine, SaleDraft
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.rpc.client import Client

CHANNEL = "bench"
PLACED = datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)
TAX = TaxKey("DE", 190_000, True, "domestic")


class Row(NamedTuple):
    """One order. lines: (default_code, quantity, euro cents of one unit). placed: as Odoo writes it, in UTC."""

    number: str
    name: str
    email: str
    street: str
    lines: tuple[tuple[str, int, int], ...]
    placed: str


class World:
    """Products and known customers of one run in one Odoo, and orders of both."""

    def __init__(self, client: Client, token: str, products: int = 100, customers: int = 60) -> None:
        self.client, self.token = client, token
        self._draw = random.Random(token)
        self._made = 0
        codes = [f"B-{token}-{number}" for number in range(products)]
        values = [{"name": f"Article {code}", "default_code": code, "type": "consu", "is_storable": True,
                   "list_price": 10} for code in codes]  # fmt: skip
        self.products = dict(zip(codes, self._create("product.product", values), strict=True))
        [lot] = client.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1)
        stock = [{"product_id": product, "location_id": lot["lot_stock_id"], "inventory_quantity_auto_apply": 10_000}
                 for product in self.products.values()]  # fmt: skip
        client.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=stock)
        self._known = [self._draw_person(f"known{number}") for number in range(customers)]
        germany = client.call("res.country", "search", domain=[["code", "=", "DE"]])[0]
        self.country = germany
        self._create("res.partner", [{"name": name, "email": email, "street": street, "city": "Köln", "zip": "50667",
                                      "country_id": germany} for name, email, street in self._known])  # fmt: skip

    def orders(self, count: int) -> list[Row]:
        """So many new orders; each call gives others."""
        return [self._draw_order() for _ in range(count)]

    def drafts(self, rows: list[Row]) -> list[SaleDraft]:
        """These orders as drafts, for load_sales."""
        return [self._draft(row) for row in rows]

    def taxes_of(self, row: Row) -> list[int]:
        """The taxes that a loaded order's lines carry in Odoo, so that every contender uses the same."""
        lines = self.client.call(
            "sale.order.line", "search_read", domain=[["order_id.client_order_ref", "=", row.number]],
            fields=["tax_ids"], load=None,
        )  # fmt: skip
        return list(lines[0]["tax_ids"])

    def _create(self, model: str, values: list[dict[str, Any]]) -> list[int]:
        return list(self.client.call(model, "create", context={"tracking_disable": True}, vals_list=values))

    def _draw_person(self, number: str) -> tuple[str, str, str]:
        token = f"{self.token}-{number}"
        return f"Anna {token}", f"{token}@example.com", f"Hauptstraße {self._draw.randrange(1, 99)}"

    def _draw_order(self) -> Row:
        self._made += 1
        person = self._draw_person(str(self._made)) if self._draw.random() < 0.6 else self._draw.choice(self._known)
        codes = self._draw.sample(list(self.products), 2)
        lines = tuple((code, self._draw.choice((1, 1, 2)), self._draw.randrange(500, 9_900)) for code in codes)
        placed = PLACED + timedelta(seconds=37 * self._made)
        return Row(f"#{self.token}-{self._made}", *person, lines, f"{placed:%Y-%m-%d %H:%M:%S}")

    def _draft(self, row: Row) -> SaleDraft:
        lines = tuple(
            DraftLine(line_id=str(at), kind=LineKind.PRODUCT, product_id=self.products[code], product_code=code,
                      name=f"Article {code}", quantity=quantity, amount=quantity * price, tax=TAX)
            for at, (code, quantity, price) in enumerate(row.lines)
        )  # fmt: skip
        return SaleDraft(
            channel=CHANNEL, order_id=row.number.removeprefix("#"), number=row.number,
            placed_at=datetime.fromisoformat(row.placed).replace(tzinfo=UTC), currency="EUR",
            total=sum(line.amount for line in lines), expected_tax=None, lines=lines,
            subject=hashlib.sha256(row.email.encode()).hexdigest()[:32], buyer=Buyer(name=row.name, email=row.email),
            billing=None, regime="domestic", tax_country="DE",
            shipping=Address(name=row.name, street=row.street, city="Köln", postcode="50667", country="DE"),
        )  # fmt: skip
