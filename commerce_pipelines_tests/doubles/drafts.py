"""Orders in one line of code, what they become, and what Odoo makes of that: for the tests of the pure rules.

What belongs here: making test data. What does not: assertions, Odoo itself (doubles/odoo.py).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from commerce_pipelines.domain.money import to_minor
from commerce_pipelines.domain.orders.order import Address, LineKind, Order, OrderLine, OrderStatus, check
from commerce_pipelines.domain.products import Product
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.domain.sales.order_to_draft import draft
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.domain.vat.decision import VatPolicy

BERLIN = ZoneInfo("Europe/Berlin")
OSS = VatPolicy(seller_country="DE", oss=True, registrations=("PL",))
FR_NUMBER = "FR40303265045"


def product(code: str, number: int = 1, **more: Any) -> Product:
    return Product(product_id=number, code=code, name=code.title(), **{"rates": (190_000,), **more})


CATALOGUE = {
    "A": [product("A", 1)],
    "B": [product("B", 2)],
    "BOOK": [product("BOOK", 3, rates=(70_000,))],
    "TWICE": [product("TWICE", 4), product("TWICE", 5)],
    "OLD": [product("OLD", 6, active=False)],
    "NOT": [product("NOT", 7, saleable=False)],
    "FREE": [product("FREE", 8, rates=(0,))],
    "TWO TAXES": [product("TWO TAXES", 9, rates=(190_000, 70_000))],
    "NO TAX": [product("NO TAX", 10, rates=())],
}


def line(amount: str, sku: str = "A", quantity: int = 1, currency: str = "EUR", **more: Any) -> OrderLine:
    kind = more.pop("kind", LineKind.PRODUCT)
    return OrderLine(
        line_id=more.pop("line_id", f"{kind}-{sku}-{amount}"), kind=kind, title=more.pop("title", sku),
        quantity=quantity, amount=to_minor(amount, currency), sku=sku if kind is LineKind.PRODUCT else "", **more,
    )  # fmt: skip


def off(amount: str, **more: Any) -> OrderLine:
    return line(f"-{amount}", sku="", kind=LineKind.DISCOUNT, **more)


def shipping(amount: str, **more: Any) -> OrderLine:
    return line(amount, sku="", kind=LineKind.SHIPPING, **more)


def order(*lines: OrderLine, country: str = "DE", **more: Any) -> Order:
    included = more.pop("prices_include_tax", True)
    total = sum(order_line.amount + (0 if included else order_line.tax) for order_line in lines)
    return Order(**{
        "channel": "shop", "order_id": "1", "number": "#1", "placed_at": datetime(2026, 11, 20, tzinfo=UTC),
        "updated_at": datetime(2026, 11, 20, tzinfo=UTC), "status": OrderStatus.PAID, "currency": "EUR", "total": total,
        "prices_include_tax": included, "lines": lines, "shipping": Address(country=country, postcode="10115"), **more,
    })  # fmt: skip


def made(sold: Order, rules: SaleRules | None = None, policy: VatPolicy = OSS) -> SaleDraft:
    check(sold)
    return draft(sold, "ab", rules or SaleRules(), policy, CATALOGUE, BERLIN)


def taxes(result: SaleDraft) -> dict[int, int]:
    """Tax by rate as Odoo rounds it: once per rate over the whole order, half a minor unit away from zero."""
    sums: dict[tuple[int, bool], int] = defaultdict(int)
    for order_line in result.lines:
        if order_line.tax is not None:
            sums[order_line.tax.rate, order_line.tax.included] += order_line.amount
    return {
        rate: _round(Fraction(amount * rate, 10**6 + rate if included else 10**6))
        for (rate, included), amount in sums.items()
    }


def total(result: SaleDraft) -> int:
    """Odoo's amount_total: the prices, and the taxes that are on top of them."""
    on_top = not all(order_line.tax is None or order_line.tax.included for order_line in result.lines)
    return sum(order_line.amount for order_line in result.lines) + (sum(taxes(result).values()) if on_top else 0)


def _round(tax: Fraction) -> int:
    return int(abs(tax) + Fraction(1, 2)) * (-1 if tax < 0 else 1)
