"""Order -> SaleDraft: the whole decision of what a channel's order becomes in Odoo, pure, with its evidence.

What belongs here: combining mapping, routing, VAT and money; dividing what the channel states for the whole order. What
does not: each of those rules (mapping.py, vat/decision.py, vat/lines.py, money.py), records of one Odoo (odoo/).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ...core.errors import RecordError
from ..money import allocate, to_decimal
from ..orders.order import FulfilledBy, LineKind, Order, OrderLine, Shipped, business_day
from ..products import Product
from ..vat.decision import VatCase, VatDecision, VatPolicy, decide, mapped_rates
from ..vat.keys import TaxKey
from ..vat.lines import line_rates
from ..vat.rates import RateTable, percent
from .base import (
    Base,
    LastLoad,
    SoldLine,
    SoldProduct,
    case_of,
    changed,
    contacts_of,
    facts_of,
    kept_products,
    same_case,
    tax_fact,
    tax_of,
)
from .departures import UNTOLD, Departure, flag_departure
from .departures import describe as describe_departure
from .draft import DraftLine, Flag, SaleDraft, reduce_draft
from .mapping import carrier, choose, departure, route
from .review import flag_review
from .rules import SaleRules

Catalogue = Mapping[str, Sequence[Product]]


def draft(
    order: Order, subject: str, rules: SaleRules, policy: VatPolicy, catalogue: Catalogue, zone: ZoneInfo,
    last: LastLoad | None = None,
) -> SaleDraft:  # fmt: skip
    """The order as Odoo shall have it. subject: hex id of the buyer. catalogue: Odoo's products by default_code. last:
    how the order was loaded last, None if the caller needs no next base.

    A sold line keeps its product, its taxes and its warehouse as long as the channel states the same for it. Raises
    RecordError where a rule has no answer; docs/exceptions.md lists all codes.
    """
    contacts = contacts_of(order, last.seal) if last else {}
    before = last.base if last else None
    changes = changed(before, contacts) if before else frozenset[str]()
    sold = before if last and last.sold else None
    stands = sold is not None and same_case(sold, order, changes)
    if sold and stands and sold.facts == facts_of(order):
        result = _draft_as_sold(order, subject, rules, sold)
    else:
        by_ledger = last.departure if last else UNTOLD
        result = _draft_by_rules(order, subject, rules, policy, catalogue, (sold, stands, by_ledger))
    history = rules.history_before is not None and order.shipped is Shipped.YES and (
        business_day(order.placed_at, zone) < rules.history_before
    )  # fmt: skip
    reductions = last.reductions if last else ()
    base = None
    if result.base and last:
        base = msgspec.structs.replace(result.base, contacts=contacts, reductions=reductions)
    flags = (*result.flags, *flag_review(order, rules, last))
    if sold and stands and last:
        flags = (*flags, *_flag_standing(order, sold, rules, policy, last.departure))
    return msgspec.structs.replace(
        reduce_draft(result, reductions), history=history, before=before, base=base, changes=changes, flags=flags
    )  # fmt: skip


def _draft_as_sold(order: Order, subject: str, rules: SaleRules, sold: Base) -> SaleDraft:
    """The channel states the same for everything that was sold, so no rule is applied again."""
    codes = {line_id: product.code for line_id, product in sold.products.items()}
    lines = tuple(
        DraftLine(
            line_id=line_id, kind=LineKind.PRODUCT if line.product_id else LineKind.FEE, product_id=line.product_id,
            product_code=codes.get(line_id, ""), name="", quantity=line.quantity, amount=line.amount, tax=tax_of(line),
            unit_id=line.unit_id,
        )
        for line_id, line in sold.lines.items()
    )  # fmt: skip
    return SaleDraft(
        **_build_head(order, subject, rules), lines=lines, warehouse=sold.warehouse, regime=sold.regime,
        tax_country=sold.tax_country, fiscal_position=sold.fiscal_position,
        base=msgspec.structs.replace(sold, service=order.service, fulfilled_by=order.fulfilled_by.value),
    )  # fmt: skip


class _Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for the whole order: the VAT decision, the rates it may use, the warehouse and the fiscal position;
    what a person should look at."""

    vat: VatDecision
    mapped: frozenset[tuple[str, int]]
    warehouse: str
    position: str
    flags: tuple[Flag, ...] = ()


def _draft_by_rules(
    order: Order, subject: str, rules: SaleRules, policy: VatPolicy, catalogue: Catalogue,
    standing: tuple[Base | None, bool, Departure],
) -> SaleDraft:  # fmt: skip
    """The draft by today's rules, except for what the sale has fixed. standing: (the sale's base, whether its VAT
    decision stands, where the ledger says that the order left from)."""
    sold, stands, by_ledger = standing
    lines = tuple(spread(order))
    goods = [line for line in lines if line.kind is LineKind.PRODUCT]
    kept = kept_products(sold, goods) if sold else {}
    chosen = {
        line.line_id: kept[line.line_id] if line.line_id in kept else choose(line.sku, rules, catalogue, line.title)
        for line in goods
    }
    products = {line_id: product for line_id, (product, _) in chosen.items()}
    decision = _read_decision(sold, rules) if sold and stands else _decide(order, products, rules, policy, by_ledger)
    if sold:
        decision = msgspec.structs.replace(decision, warehouse=sold.warehouse)
    spreaded = msgspec.structs.replace(order, lines=lines)
    table = policy.table(decision.mapped)
    taxes = _decide_taxes(spreaded, decision.vat, table, policy.seller_country, products)
    facts = {line.line_id: tax_fact(line) for line in lines}
    drafted = [
        (_keep_tax_as_sold(line, facts[of], sold if stands else None), facts[of])
        for line, of in _draft_lines(lines, taxes, chosen)
    ]
    vat, head = decision.vat, _build_head(order, subject, rules)
    return SaleDraft(
        **{**head, "flags": (*head["flags"], *decision.flags)}, lines=tuple(line for line, _ in drafted),
        warehouse=decision.warehouse,
        regime=vat.regime, tax_country=vat.country, fiscal_position=decision.position,
        evidence={**vat.evidence, "warehouse": decision.warehouse or "default"} if vat.evidence else {},
        base=Base(
            facts=facts_of(order), currency=order.currency, total=order.total, case=case_of(order),
            products={
                line.line_id: SoldProduct(
                    line.sku, units, product.product_id, product.code, product.rates, product.unit_id
                )
                for line, (product, units) in ((line, chosen[line.line_id]) for line in goods)
            },
            lines={line.line_id: _build_sold_line(line, fact) for line, fact in drafted},
            regime=vat.regime, tax_country=vat.country, fiscal_position=decision.position,
            warehouse=decision.warehouse, service=order.service, fulfilled_by=order.fulfilled_by.value,
        ),
    )  # fmt: skip


def _decide(
    order: Order, products: Mapping[str, Product], rules: SaleRules, policy: VatPolicy, by_ledger: Departure
) -> _Decision:  # fmt: skip
    way = route(order, (product.code for product in products.values()), rules)
    leaves_from = departure(order, way, rules, policy.seller_country, by_ledger)
    case = msgspec.structs.replace(vat_case(order, leaves_from, rules), departure_by=describe_departure(by_ledger))
    vat = decide(case, policy)
    position = rules.fiscal_positions.get(f"{vat.regime}_{vat.country}", rules.fiscal_positions.get(vat.regime, ""))
    return _Decision(
        vat=vat, mapped=case.mapped, warehouse=way.warehouse, position=position,
        flags=flag_departure(by_ledger, leaves_from),
    )  # fmt: skip


def _read_decision(sold: Base, rules: SaleRules) -> _Decision:
    return _Decision(
        vat=VatDecision(regime=sold.regime, country=sold.tax_country, evidence={}),
        mapped=_list_mapped_rates(rules), warehouse=sold.warehouse, position=sold.fiscal_position,
    )  # fmt: skip


def _flag_standing(
    order: Order, sold: Base, rules: SaleRules, policy: VatPolicy, by_ledger: Departure
) -> tuple[Flag, ...]:  # fmt: skip
    """What the ledger says against a decision that stands."""
    if not (by_ledger.countries or by_ledger.later):
        return ()
    way = route(order, (product.code for product in sold.products.values()), rules)
    try:
        return flag_departure(by_ledger, departure(order, way, rules, policy.seller_country, by_ledger))
    except RecordError:  # no setting names a country any more
        return flag_departure(by_ledger, "")


def _list_mapped_rates(rules: SaleRules) -> frozenset[tuple[str, int]]:
    return mapped_rates(tuple((tax.country, tax.rate) for tax in rules.taxes))


def _build_head(order: Order, subject: str, rules: SaleRules) -> dict[str, Any]:
    """The fields that depend on no decision."""
    stated = any(line.tax or line.rate is not None for line in order.lines)
    return {
        "channel": order.channel,
        "order_id": order.order_id,
        "number": order.number,
        "placed_at": order.placed_at,
        "currency": order.currency,
        "total": order.total,
        "expected_tax": sum(line.tax for line in order.lines) if stated else None,
        "subject": subject,
        "buyer": order.buyer,
        "billing": order.billing,
        "shipping": order.shipping,
        "guest": rules.guest,
        "team": rules.sales_team,
        "analytic": rules.analytic,
        "tags": rules.tags,
        "carrier": "" if order.fulfilled_by is FulfilledBy.CHANNEL else carrier(order.service, rules),
        "pricelist": rules.pricelists.get(order.currency, ""),
        "tolerance": rules.rounding_tolerance,
        "replaces": order.replaces,
        "flags": tuple(_find_flags(order)),
    }


def _build_sold_line(line: DraftLine, fact: str) -> SoldLine:
    tax = line.tax
    key = (tax.country, tax.rate, tax.included, tax.regime) if tax else None
    return SoldLine(line.product_id, line.quantity, line.amount, fact, key, line.unit_id)


def _keep_tax_as_sold(line: DraftLine, fact: str, sold: Base | None) -> DraftLine:
    """The line with the tax that it was sold with, as long as the channel states the same for it."""
    was = sold.lines.get(line.line_id) if sold else None
    return msgspec.structs.replace(line, tax=tax_of(was)) if was and was.fact == fact else line


def vat_case(order: Order, leaves_from: str, rules: SaleRules) -> VatCase:
    """What the VAT decision needs of an order. Goods without any address are handed over at the place of departure."""
    place = order.destination
    rates = [line.rate for line in order.lines if line.rate is not None]
    tax = sum(line.tax for line in order.lines)
    goods = _sum_goods(order)
    in_euro = to_decimal(goods, order.currency) * order.euro.rate * 100 if order.euro else None
    return VatCase(
        departure=leaves_from,
        destination=place.country or ("" if order.shipping or order.billing else leaves_from),
        postcode=place.postcode,
        is_business=order.buyer.is_business,
        vat_number=order.buyer.vat_number,
        buyer_country=(order.billing or place).country,
        collected=bool(order.collected or order.collected_as),
        collected_as=order.collected_as,
        tax=tax,
        rate=max(rates) if rates else None,
        goods_euro=goods if order.currency == "EUR" else in_euro,
        currency="" if order.currency == "EUR" else order.currency,
        day=order.placed_at.date(),
        euro=order.euro,
        mapped=_list_mapped_rates(rules),
    )


def _sum_goods(order: Order) -> int:
    """Minor units that the goods cost after discounts, without delivery and without tax that is stated inside
    prices."""
    ids = {line.line_id for line in order.lines if line.kind is LineKind.PRODUCT} | {""}
    lines = [
        line for line in order.lines
        if line.kind is LineKind.PRODUCT or (line.kind is LineKind.DISCOUNT and line.of in ids)
    ]  # fmt: skip
    return sum(line.amount - (line.tax if order.prices_include_tax else 0) for line in lines)


def spread(order: Order) -> Iterator[OrderLine]:
    """The lines, with discounts of the whole order divided among the lines that they reduce.

    Such a discount reduces the goods, in proportion to their value after their own discounts; if it is larger than that
    value, it reduces everything that the order charges. Each part is a line of its own, so that it bears its line's
    tax. The parts sum exactly, and the same order is always divided the same way.
    """
    left = _compute_left(order)
    for line in order.lines:
        if not left or not _is_for_the_whole(line):
            yield line
            continue
        weights = [max(amount, 0) for amount in left.values()]
        if not any(weights):
            weights = [1] * len(weights)
        amounts, taxes = allocate(line.amount, weights), allocate(line.tax, weights)
        for of, amount, tax in zip(tuple(left), amounts, taxes, strict=True):
            left[of] += amount
            if amount:
                line_id = f"{line.line_id}-{of}" if len(left) > 1 else line.line_id
                yield msgspec.structs.replace(line, line_id=line_id, amount=amount, tax=tax, of=of)


def _is_for_the_whole(line: OrderLine) -> bool:
    return line.kind is LineKind.DISCOUNT and not line.of and line.rate is None


def _compute_left(order: Order) -> dict[str, int]:
    """What discounts of the whole order may reduce: minor units by line id, after the lines' own discounts."""
    charges = [line for line in order.lines if line.kind not in (LineKind.DISCOUNT, LineKind.ROUNDING)]
    left = {line.line_id: line.amount for line in charges if line.amount > 0}
    for line in order.lines:
        if line.kind is LineKind.DISCOUNT and line.of in left:
            left[line.of] += line.amount
    goods = {line.line_id: left[line.line_id] for line in charges if line.kind is LineKind.PRODUCT and line.amount > 0}
    off = -sum(line.amount for line in order.lines if _is_for_the_whole(line))
    return goods if goods and off <= sum(max(amount, 0) for amount in goods.values()) else left


def _decide_taxes(
    order: Order, decision: VatDecision, table: RateTable, home: str, products: Mapping[str, Product]
) -> dict[str, tuple[tuple[TaxKey | None, int], ...]]:
    """The taxes of each line by line id, each with its part of the line's amount."""
    included = order.prices_include_tax
    if not decision.country:
        zero = TaxKey("", 0, included, decision.regime)
        return {line.line_id: ((zero, line.amount),) for line in order.lines}
    return {
        line_id: tuple((TaxKey(decision.country, rate, included, decision.regime), part) for rate, part in shares)
        if shares is not None
        else ((None, next(line.amount for line in order.lines if line.line_id == line_id)),)
        for line_id, shares in line_rates(order, decision, table, home, products).items()
    }


def _draft_lines(
    lines: Sequence[OrderLine],
    taxes: Mapping[str, tuple[tuple[TaxKey | None, int], ...]],
    chosen: Mapping[str, tuple[Product, int]],
) -> Iterator[tuple[DraftLine, str]]:
    """(line, id of the order's line that it comes from)."""
    for line in lines:
        product, units = chosen.get(line.line_id, (None, 1))
        shares = taxes[line.line_id]
        for tax, amount in shares:
            suffix = f"-{percent(tax.rate)}" if len(shares) > 1 and tax else ""
            drafted = DraftLine(
                line_id=line.line_id + suffix,
                kind=line.kind,
                product_id=product.product_id if product else 0,
                product_code=product.code if product else "",
                name=line.title or (product.name if product else line.kind.value.replace("_", " ").capitalize()),
                quantity=line.quantity * units if product else 1,
                amount=amount,
                tax=tax,
                unit_id=product.unit_id if product else 0,
                is_exchange=line.is_exchange,
            )
            yield drafted, line.line_id


def owed_to_buyer(order: Order) -> int:
    """Minor units that the buyer paid beyond what the order is now worth and that no refund has returned yet."""
    paid = sum(payment.amount for payment in order.payments)
    return max(0, paid - order.refunded - order.total - order.collected) if paid else 0


def _find_flags(order: Order) -> Iterator[Flag]:
    if owed := owed_to_buyer(order):
        yield Flag(
            "refund_due",
            f"The buyer paid {to_decimal(owed, order.currency)} {order.currency} more than the order is now worth.",
            "Refund it in the marketplace; this note goes when the refund arrives.",
        )
