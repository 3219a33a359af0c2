"""The tax of each line: the rate that the channel states, or that its tax amounts tell, or that the product bears.

What belongs here: lines -> rate in parts per million, in the country that vat.py decided on. What does not: that
decision, which Odoo tax a rate is (odoo/taxes.py).

In this order: a stated rate, if the country has it; the one rate of the country that explains the stated tax amount;
the product's own rate in Odoo, carried over to the country; the country's standard rate for a product without any tax
in Odoo. What belongs to a product line (discount, gift wrap) bears its rate; what belongs to the whole order (shipping,
fees) bears the rate of the goods, divided by their value where they bear several.
"""

from __future__ import annotations

from collections.abc import Mapping

from .errors import RecordError
from .money import allocate
from .orders import LineKind, Order, OrderLine
from .sales import Product
from .vat import VatDecision
from .vat_rates import RateTable, percent

# No supply of their own: vouchers (Art. 30b), gifts of money, rounding, duties paid on for the buyer.
UNTAXED = frozenset((LineKind.GIFT_CARD, LineKind.ROUNDING))
OFTEN_UNTAXED = frozenset((LineKind.TIP, LineKind.DUTY))
MILLION = 1_000_000


def line_rates(
    order: Order, decision: VatDecision, table: RateTable, home: str, products: Mapping[str, Product]
) -> dict[str, tuple[tuple[int, int], ...] | None]:
    """By line id: (rate in ppm, part of the line's amount) for each rate the line bears; None = no tax at all.

    products: by line id. Raises RecordError: `unknown_tax`, `unknown_rate`, `untaxed`.
    """
    known: dict[str, int] = {}
    for line in order.lines:
        if line.kind is LineKind.PRODUCT:
            known[line.line_id] = _goods_rate(line, order, decision, table, home, products.get(line.line_id))
    goods = {line.line_id: line.amount for line in order.lines if line.kind is LineKind.PRODUCT}
    if goods and not any(known.values()) and table.knows(decision.country):
        _explain_zero(decision, products)
    by_rate: dict[int, int] = {}
    for line_id, amount in goods.items():
        by_rate[known[line_id]] = by_rate.get(known[line_id], 0) + amount
    result: dict[str, tuple[tuple[int, int], ...] | None] = {}
    for line in order.lines:
        if line.kind is LineKind.PRODUCT:
            result[line.line_id] = ((known[line.line_id], line.amount),)
        elif line.kind in UNTAXED or (line.kind in OFTEN_UNTAXED and not line.tax and not line.rate):
            result[line.line_id] = None
        else:
            result[line.line_id] = _accessory(line, order, decision, table, home, known, by_rate)
    return result


def _goods_rate(
    line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str, product: Product | None
) -> int:
    told = _told(line, order, decision, table, home)
    if told is not None:
        return told
    rates = sorted(set(product.rates)) if product else []
    if len(rates) > 1:
        raise RecordError(
            "unknown_rate", f"The product {line.sku} bears several sale taxes in Odoo and the channel states no rate.",
            fix="Leave one sale tax on the product in Odoo.", subject=line.sku,
        )  # fmt: skip
    if not rates:
        return _standard(decision, table)
    carried = table.abroad(decision.country, home, rates[0])
    if carried is None:
        raise RecordError(
            "unknown_rate",
            f"Goods at {percent(rates[0])} % in {home} ({line.sku}) have no known rate in {decision.country}.",
            fix=f"Say it in vat.rates.{decision.country}.from_home, for example {{{percent(rates[0])}: 5.5}}.",
            subject=line.sku,
        )  # fmt: skip
    return carried


def _told(line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str) -> int | None:
    """The rate that the channel's own figures tell for this line, None where they are silent."""
    allowed = table.allowed(decision.country)
    if line.rate is not None:
        if line.rate in allowed or line.rate == 0 or not allowed:
            return line.rate
        # A shop that charges its home rates abroad: the price stands, the law decides the tax inside it.
        carried = table.abroad(decision.country, home, line.rate) if order.prices_include_tax else None
        if carried is None or line.rate not in table.allowed(home):
            raise _unknown(line.rate, decision.country)
        return carried
    if not line.tax and line.amount and not order.prices_include_tax:
        return 0  # tax would have come on top, and the total says that none did
    if not line.tax or not line.amount:
        return None
    fitting = [rate for rate in allowed if _explains(rate, line, order.prices_include_tax)]
    if not fitting:
        if order.prices_include_tax and any(
            _explains(rate, line, True) for rate in table.allowed(home) if decision.country != home
        ):
            return None
        raise RecordError(
            "unknown_tax", f"No VAT rate of {decision.country} explains the tax of line {line.line_id}.",
            fix=f"Compare the order in the marketplace; correct vat.rates.{decision.country} if one is missing.",
            subject=decision.country,
        )  # fmt: skip
    return fitting[0]  # the standard rate comes first: on cents, several rates may fit


def tax_of(amount: int, rate: int, included: bool) -> int:
    """The tax inside, or on top of, an amount, half a minor unit rounded up (away from zero)."""
    whole = MILLION + rate if included else MILLION
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * rate + whole) // (2 * whole))


def _explains(rate: int, line: OrderLine, included: bool) -> bool:
    """A unit of slack for every unit sold, because some marketplaces round per unit."""
    return abs(tax_of(line.amount, rate, included) - line.tax) <= max(1, (line.quantity + 1) // 2)


def _accessory(
    line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str,
    known: Mapping[str, int], by_rate: Mapping[int, int],
) -> tuple[tuple[int, int], ...]:  # fmt: skip
    told = _told(line, order, decision, table, home)
    if told is not None:
        return ((told, line.amount),)
    if line.of in known:
        return ((known[line.of], line.amount),)
    if not by_rate:
        return ((_standard(decision, table), line.amount),)
    rates = list(by_rate)
    parts = allocate(line.amount, [max(by_rate[rate], 0) for rate in rates])
    return tuple((rate, part) for rate, part in zip(rates, parts, strict=True) if part or len(rates) == 1)


def _standard(decision: VatDecision, table: RateTable) -> int:
    if not table.knows(decision.country):
        raise RecordError(
            "unknown_rate", f"The channel states no tax rate, and none is known for {decision.country}.",
            fix=f"Add vat.rates.{decision.country} with its standard rate.", subject=decision.country,
        )  # fmt: skip
    return table.standard(decision.country)


def _explain_zero(decision: VatDecision, products: Mapping[str, Product]) -> None:
    if any(not product.rates or any(product.rates) for product in products.values()):
        raise RecordError(
            "untaxed", f"The channel charged no VAT, but the sale is taxed in {decision.country}.",
            fix="Check the VAT number and the marketplace's tax settings; a tax-free product needs a 0 % tax in Odoo.",
            subject=decision.country,
        )  # fmt: skip


def _unknown(rate: int, country: str) -> RecordError:
    return RecordError(
        "unknown_tax", f"There is no tax for {percent(rate)} % {country}.",
        fix=f"Add it to the channel's taxes (country {country}, rate {percent(rate)}) or to vat.rates.{country}.",
        subject=f"{country} {percent(rate)}",
    )  # fmt: skip
