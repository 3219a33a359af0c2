"""The tax of each line: the rate that the channel states, or that its tax amounts imply, or that the product has in
Odoo.

What belongs here: lines -> rate in parts per million, in the country that decision.py decided on. What does not: that
decision, which Odoo tax a rate is (odoo/accounting/taxes.py).

The first of these that applies: a stated rate, if the country has it; the country's rate that explains the stated tax
amount best; the product's own rate in Odoo, translated to the country; the country's standard rate, for a product
without any tax in Odoo. A line that belongs to another line (discount, gift wrap) bears that line's rate. A line that
belongs to the whole order (shipping, fees) bears the rate of the goods; where the goods bear several rates, it is
divided in proportion to their cost after discounts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...core.errors import RecordError
from ..money import MILLION, allocate
from ..orders.order import LineKind, Order, OrderLine
from ..products import Product
from .decision import VatDecision
from .rates import RateTable, percent

# Kinds of lines that are not a supply of their own: vouchers (Art. 30b), gifts of money, rounding, duties passed on to
# the buyer.
UNTAXED = frozenset((LineKind.GIFT_CARD, LineKind.ROUNDING))
OFTEN_UNTAXED = frozenset((LineKind.TIP, LineKind.DUTY))
Shares = tuple[tuple[int, int], ...]  # (rate in ppm, part of the line's amount)


def line_rates(
    order: Order, decision: VatDecision, table: RateTable, home: str, products: Mapping[str, Product]
) -> dict[str, Shares | None]:
    """By line id: the shares of the rates that the line bears; None = no tax at all.

    products: by line id. Raises RecordError: `unknown_tax`, `unknown_rate`, `untaxed`.
    """
    worth = {
        line.line_id: _find_goods_rate(line, order, decision, table, home, products.get(line.line_id))
        for line in order.lines if line.kind is LineKind.PRODUCT
    }  # fmt: skip
    if worth and not any(worth.values()) and table.knows(decision.country):
        _explain_zero(order, decision, table, products)
    by_rate = _sum_goods_by_rate(order, worth)
    result: dict[str, Shares | None] = {
        line.line_id: ((worth[line.line_id], line.amount),) for line in order.lines if line.line_id in worth
    }
    # Discounts come after the lines that they reduce.
    for line in sorted(order.lines, key=lambda line: line.kind is LineKind.DISCOUNT):
        if line.line_id not in worth:
            result[line.line_id] = _share_accessory(line, order, decision, table, home, result, by_rate)
    return result


def _sum_goods_by_rate(order: Order, taxes: Mapping[str, int]) -> dict[int, int]:
    """What the goods of each rate cost after their discounts; before their discounts if all goods are free."""
    gross = dict.fromkeys(taxes.values(), 0)
    net = dict(gross)
    for line in order.lines:
        if line.line_id in taxes:
            gross[taxes[line.line_id]] += line.amount
            net[taxes[line.line_id]] += line.amount
        elif line.kind is LineKind.DISCOUNT and line.of in taxes:
            net[taxes[line.of]] += line.amount
    return net if any(amount > 0 for amount in net.values()) else gross


def _find_goods_rate(
    line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str, product: Product | None
) -> int:
    rates = sorted(set(product.rates)) if product else []
    carried = {rate: table.abroad(decision.country, home, rate) for rate in rates}
    stated = _find_stated_rate(line, order, decision, table, home, set(carried.values()))
    if stated is not None:
        return stated
    undecided = len(rates) > 1 or None in carried.values()
    if not rates or (undecided and not line.amount):  # any rate on an amount of zero is zero
        return _get_standard_rate(decision, table)
    if len(rates) > 1:
        raise RecordError(
            "unknown_rate", f"The product {line.sku} has several sale taxes in Odoo and the channel states no rate.",
            fix="Leave one sale tax on the product in Odoo.", subject=line.sku,
        )  # fmt: skip
    rate = carried[rates[0]]
    if rate is None:
        raise RecordError(
            "unknown_rate",
            f"Goods at {percent(rates[0])} % in {home} ({line.sku}) have no known rate in {decision.country}.",
            fix=f"Say it in vat.rates.{decision.country}.from_home, for example {{{percent(rates[0])}: 5.5}}.",
            subject=line.sku,
        )  # fmt: skip
    return rate


def _find_stated_rate(
    line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str, likely: Collection[int | None]
) -> int | None:
    """The rate that the channel's own figures imply for this line, None where they imply none. likely: the rates that
    the line would bear without those figures."""
    allowed = table.allowed(decision.country)
    if line.rate is not None:
        if line.rate in allowed or line.rate == 0 or not allowed:
            return line.rate
        # A shop that charges its home rates abroad: the price stays, and the law decides how much tax is inside it.
        carried = table.abroad(decision.country, home, line.rate) if order.prices_include_tax else None
        if carried is None or line.rate not in table.allowed(home):
            raise _build_unknown_tax_error(line.rate, decision.country, abroad=line.rate in table.allowed(home))
        return carried
    if not line.tax and line.amount and not order.prices_include_tax:
        return 0  # tax would have been added on top, and the total shows that none was
    if not line.tax or not line.amount:
        return None
    fitting = _find_fitting_rates(allowed, line, order.prices_include_tax)
    if not fitting:
        if (
            order.prices_include_tax
            and decision.country != home
            and _find_fitting_rates(table.allowed(home), line, True)
        ):
            return None
        raise RecordError(
            "unknown_tax", f"No VAT rate of {decision.country} explains the tax of line {line.line_id}.",
            fix=f"Compare the order in the marketplace; correct vat.rates.{decision.country} if one is missing.",
            subject=decision.country,
        )  # fmt: skip
    expected = [rate for rate in fitting if rate in likely and fitting[rate] <= 1]
    # Of equally good rates the first, which is the standard rate.
    return min(expected or fitting, key=lambda rate: fitting[rate])


def tax_of(amount: int, rate: int, included: bool) -> int:
    """The tax inside, or on top of, an amount; half a minor unit is rounded away from zero."""
    whole = MILLION + rate if included else MILLION
    sign = -1 if amount < 0 else 1
    return sign * ((2 * abs(amount) * rate + whole) // (2 * whole))


def _find_fitting_rates(rates: Collection[int], line: OrderLine, included: bool) -> dict[int, int]:
    """The rates that explain a line's tax, with the minor units by which they miss it, rounded once or for every
    unit sold. Each unit sold may add half a minor unit of error, because some marketplaces round per unit before
    discounts."""
    unit, rest = divmod(line.amount, line.quantity)
    off = {}
    for rate in rates:
        ways = [tax_of(line.amount, rate, included)] + ([line.quantity * tax_of(unit, rate, included)] * (not rest))
        off[rate] = min(abs(way - line.tax) for way in ways)
    return {rate: units for rate, units in off.items() if units <= max(1, (line.quantity + 1) // 2)}


def _share_accessory(
    line: OrderLine, order: Order, decision: VatDecision, table: RateTable, home: str,
    borne: Mapping[str, Shares | None], by_rate: Mapping[int, int],
) -> Shares | None:  # fmt: skip
    """borne: the shares of the lines that this one may belong to. by_rate: the result of `_sum_goods_by_rate`."""
    if line.kind in UNTAXED or (line.kind in OFTEN_UNTAXED and not line.tax and not line.rate):
        return None
    belongs = line.of in borne
    if belongs and line.kind is LineKind.DISCOUNT and (line.rate is None or borne[line.of] is None):
        # A discount may state a tax that mixes the rates of several lines.
        return _divide_like(line.amount, borne[line.of])
    rate = _find_stated_rate(line, order, decision, table, home, by_rate)
    if rate is not None:
        return ((rate, line.amount),)
    if belongs:
        return _divide_like(line.amount, borne[line.of])
    return _divide_like(line.amount, tuple(by_rate.items()) or ((_get_standard_rate(decision, table), 1),))


def _divide_like(amount: int, shares: Shares | None) -> Shares | None:
    """An amount, divided in the same proportions as these shares."""
    if shares is None or len(shares) == 1:
        return shares and ((shares[0][0], amount),)
    parts = allocate(amount, [max(part, 0) for _, part in shares])
    return tuple((rate, part) for (rate, _), part in zip(shares, parts, strict=True) if part)


def _get_standard_rate(decision: VatDecision, table: RateTable) -> int:
    if not table.knows(decision.country):
        raise RecordError(
            "unknown_rate", f"The channel states no tax rate, and none is known for {decision.country}.",
            fix=f"Add vat.rates.{decision.country} with its standard rate.", subject=decision.country,
        )  # fmt: skip
    return table.standard(decision.country)


def _explain_zero(order: Order, decision: VatDecision, table: RateTable, products: Mapping[str, Product]) -> None:
    goods = [line for line in order.lines if line.kind is LineKind.PRODUCT]
    if 0 in table.allowed(decision.country) and all(line.rate == 0 for line in goods):
        return
    if any(not product.rates or any(product.rates) for product in products.values()):
        raise RecordError(
            "untaxed", f"The channel charged no VAT, but the sale is taxed in {decision.country}.",
            fix="Check the VAT number and the marketplace's tax settings; a tax-free product needs a 0 % tax in Odoo.",
            subject=decision.country,
        )  # fmt: skip


def _build_unknown_tax_error(rate: int, country: str, abroad: bool) -> RecordError:
    """abroad: the rate is one of the seller's own country."""
    added = f"Add it to the channel's taxes (country {country}, rate {percent(rate)}) or to vat.rates.{country}."
    carried = (
        f"Say in vat.rates.{country}.from_home what goods at {percent(rate)} % bear there, or charge that in the shop."
    )
    return RecordError(
        "unknown_tax", f"There is no tax for {percent(rate)} % {country}.", fix=carried if abroad else added,
        subject=f"{country} {percent(rate)}",
    )  # fmt: skip
