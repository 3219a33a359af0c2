"""money_100k_orders: orders whose total in Odoo would not be the channel's, to the minor unit. Must be 0.

**What is measured.** 100,000 made-up orders in 12 currencies of none, two and three decimals: prices with and without
tax, one or two rates, discounts of lines and of the whole order, some down to nothing, shipping at its own rate or the
goods', gift wrap, tips. Each becomes a draft, its unit prices travel as text as they do to Odoo, and Odoo's own
arithmetic, in floats, adds them up. Where prices contain the tax, the sum must be the order's total (an order of
0.00 may need the tiny amount that odoo/sales/quotation_to_order.py adds to a price). Where the channel put tax on top
and rounded it per line, a line *Rounding difference* within the default tolerance may make up for the rest. An order
that a rule refuses counts as off, too.

**What is not.** A real Odoo: the stand-in computes, and the tests compare its arithmetic with Odoo 19. The baseline is
the usual way: net unit prices rounded to the currency, and an order's discount as a percentage with two decimals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

import msgspec

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.money import digits, to_decimal, unit_price
from commerce_pipelines.domain.orders.order import Address, LineKind, Order, OrderLine, OrderStatus, check
from commerce_pipelines.domain.products import Product
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.domain.sales.order_to_draft import draft
from commerce_pipelines.domain.sales.rules import SaleRules
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines.odoo.sales.quotation_to_order import DUST_AMOUNT
from commerce_sandbox.odoo.taxes import LineTaxes, totals

from .figures import Figure

ORDERS = 100_000
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "PLN", "CZK", "SEK", "DKK", "NOK", "HUF", "JPY", "KWD")
# destination -> its standard rate and a reduced one, ppm
RATES = {"DE": (190_000, 70_000), "FR": (200_000, 55_000), "AT": (200_000, 100_000), "PL": (230_000, 80_000),
         "HU": (270_000, 50_000), "FI": (255_000, 135_000)}  # fmt: skip
CATALOGUE = {
    "PLAIN": [Product(product_id=1, code="PLAIN", name="Plain", rates=(190_000,))],
    "REDUCED": [Product(product_id=2, code="REDUCED", name="Reduced", rates=(70_000,))],
}
POLICY, RULES, ZONE = VatPolicy(oss=True), SaleRules(), ZoneInfo("Europe/Berlin")
PLACED = datetime(2026, 11, 20, tzinfo=UTC)


class Tally(msgspec.Struct, kw_only=True):
    """How many orders ended how. naive: those whose total the usual way gets wrong."""

    orders: int = 0
    off: int = 0
    refused: int = 0
    bridged: int = 0
    naive: int = 0


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    count = max(int(ORDERS * size), 100)
    tell(f"{count:,} orders are made up and added up")
    tallied = tally(count)
    return [
        Figure(
            name="money_100k_orders",
            value=float(tallied.off + tallied.refused),
            unit="orders off",
            baseline=float(tallied.naive),
            target=0.0,
            judged="value",
            at="most",
            note=f"{tallied.orders:,} orders, {tallied.bridged:,} with tax on top bridged by a visible line",
        )
    ]


def tally(count: int, seed: int = 19) -> Tally:
    """Draw `count` orders and count how their totals end. seed: the same seed draws the same orders."""
    result = Tally()
    for order in orders(count, seed):
        result.orders += 1
        check(order)
        try:
            sale = draft(order, "00", RULES, POLICY, CATALOGUE, ZONE)
        except RecordError:
            result.refused += 1
            continue
        difference = order.total - odoo_total(sale)
        if difference and not order.total:
            difference = odoo_total(sale, float(DUST_AMOUNT))
        bridged = bool(difference) and not order.prices_include_tax and abs(difference) <= sale.tolerance
        result.bridged += bridged
        result.off += bool(difference) and not bridged
        result.naive += naive_total(order, sale) != order.total
    return result


def odoo_total(sale: SaleDraft, dust: float = 0.0) -> int:
    """Odoo's amount_total of a draft, minor units, before any rounding line: taxes rounded once per tax."""
    lines = [LineTaxes(dust, dust, ())]
    for line in sale.lines:
        base = line.quantity * float(unit_price(line.amount, line.quantity, sale.currency))
        rate, inside = (line.tax.rate / 1e6, line.tax.included) if line.tax else (0.0, False)
        tax = base * (1 / (1 + rate)) * rate if inside else base * rate
        net = base - tax if inside else base
        lines.append(LineTaxes(net, net + tax, ((line.tax.rate, inside, tax),) if line.tax else ()))
    return round(totals(lines, 10.0 ** -digits(sale.currency))[2] * 10 ** digits(sale.currency))


def naive_total(order: Order, sale: SaleDraft) -> int:
    """The total where net unit prices are rounded and the discount is a percentage of two decimals."""
    cent = Decimal(1).scaleb(-digits(order.currency))
    charged = sum(line.amount for line in order.lines if line.amount > 0)
    off = -sum(line.amount for line in order.lines if line.amount < 0)
    percent = (Decimal(100 * off) / charged).quantize(Decimal("0.01"), ROUND_HALF_UP) if charged else Decimal(0)
    total = Decimal(0)
    for line in sale.lines:
        if line.amount > 0:
            rate = Decimal(line.tax.rate) / 10**6 if line.tax else Decimal(0)
            inside = rate if order.prices_include_tax else Decimal(0)
            price = (to_decimal(line.amount, order.currency) / line.quantity / (1 + inside)).quantize(
                cent, ROUND_HALF_UP
            )
            total += (price * line.quantity * (100 - percent) / 100 * (1 + rate)).quantize(cent, ROUND_HALF_UP)
    return int(total.scaleb(digits(order.currency)))


def orders(count: int, seed: int) -> Iterator[Order]:
    """The same orders for the same seed."""
    dice = random.Random(seed)
    for number in range(count):
        currency = CURRENCIES[number % len(CURRENCIES)]
        country = dice.choice((*RATES, "DE", "CH"))
        included = dice.random() < 0.7
        make = _draw_with_tax if included else _draw_without_tax
        lines = tuple(make(dice, country, 10 ** dice.randint(2, 6)))
        yield Order(
            channel="bench", order_id=str(number), number=f"#{number}", placed_at=PLACED, updated_at=PLACED,
            status=OrderStatus.PAID, currency=currency, prices_include_tax=included, lines=lines,
            total=sum(line.amount + (0 if included else line.tax) for line in lines),
            shipping=Address(country=country, postcode="10115"),
        )  # fmt: skip


def _draw_with_tax(dice: random.Random, country: str, most: int) -> Iterator[OrderLine]:
    """Up to eight articles, with discounts of lines and of the order; shipping, gift wrap, a tip."""
    rates = RATES.get(country, (None, None))
    left = 0
    for number in range(dice.randint(1, 8)):
        reduced = dice.random() < 0.3
        stated = rates[reduced] if (reduced and country != "DE") or dice.random() < 0.5 else None
        amount = dice.randint(0, most)
        yield _build_line(
            f"p{number}", LineKind.PRODUCT, amount, dice.randint(1, 12), stated, "REDUCED" if reduced else "PLAIN"
        )
        off = amount * dice.choice((0, 0, 0, 10, 15, 33, 100)) // 100
        if off:
            yield _build_line(f"p{number}-off", LineKind.DISCOUNT, -off, of=f"p{number}")
        if dice.random() < 0.1:
            yield _build_line(f"p{number}-wrap", LineKind.GIFT_WRAP, dice.randint(1, 500), of=f"p{number}")
        left += amount - off
    shipping = dice.choice((0, 390, 490, 1_337))
    if shipping:
        yield _build_line("s", LineKind.SHIPPING, shipping, rate=rates[0] if dice.random() < 0.5 else None)
    if dice.random() < 0.05:
        yield _build_line("t", LineKind.TIP, dice.randint(1, 300))
    for number, share in enumerate(dice.choice(((), (), (10,), (7, 13), (50, 50), (100,)))):
        off = (left + shipping if share == 100 else left) * share // 100
        if off:
            yield _build_line(f"d{number}", LineKind.DISCOUNT, -off)


def _draw_without_tax(dice: random.Random, country: str, most: int) -> Iterator[OrderLine]:
    """At most three charges, each with its discount and its own rounded tax, as Shopify states them."""
    for number in range(dice.randint(1, 3)):
        reduced = dice.random() < 0.3
        rate = RATES[country][reduced] if country in RATES else None
        kind = LineKind.SHIPPING if number == 2 else LineKind.PRODUCT
        amount = dice.randint(1, most)
        off = amount * dice.choice((0, 0, 10, 25, 33)) // 100
        tax, share = ((2 * part * (rate or 0) + 10**6) // (2 * 10**6) for part in (amount - off, off))
        yield _build_line(
            f"p{number}", kind, amount, dice.randint(1, 12), rate, "REDUCED" if reduced else "PLAIN", tax + share
        )
        if off:
            yield _build_line(f"p{number}-off", LineKind.DISCOUNT, -off, rate=rate, tax=-share, of=f"p{number}")


def _build_line(
    line_id: str, kind: LineKind, amount: int, quantity: int = 1, rate: int | None = None, sku: str = "", tax: int = 0,
    of: str = "",
) -> OrderLine:  # fmt: skip
    is_product = kind is LineKind.PRODUCT
    return OrderLine(
        line_id=line_id, kind=kind, title=kind.value, quantity=quantity if is_product else 1, amount=amount, tax=tax,
        rate=rate, sku=sku if is_product else "", of=of,
    )  # fmt: skip
