"""The business cases of money and VAT from a channel's order to Odoo's own figures: total, tax and net to the cent."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.money import to_decimal, to_minor
from commerce_pipelines.domain.orders.order import (
    Address,
    Buyer,
    FulfilledBy,
    LineKind,
    Order,
    OrderLine,
    OrderStatus,
    check,
)
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.domain.sales.order_to_draft import draft
from commerce_pipelines.domain.sales.rules import Pack, SaleRules, TaxMapping
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines.domain.vat.rates import CountryRates
from commerce_pipelines.odoo.reference.products import find_products
from commerce_pipelines_tests.doubles.odoo import CHANNEL, PLACED, World

OSS = VatPolicy(seller_country="DE", oss=True, registrations=("PL",))
A, B, C, BOOK, SIX = "A", "B", "C", "BOOK", "SIX"  # SKUs of the channel, mapped to products of this test


def goods(amount: str, sku: str = A, quantity: int = 1, currency: str = "EUR", **more: Any) -> OrderLine:
    return OrderLine(
        line_id=more.pop("line_id", f"{sku}-{amount}"), kind=LineKind.PRODUCT, title=sku, quantity=quantity,
        amount=to_minor(amount, currency), sku=sku, **more,
    )  # fmt: skip


def extra(kind: LineKind, amount: str, currency: str = "EUR", **more: Any) -> OrderLine:
    line_id = more.pop("line_id", f"{kind.value}{amount}")
    return OrderLine(
        line_id=line_id, kind=kind, title=kind.value, quantity=1, amount=to_minor(amount, currency), **more
    )


def off(amount: str, **more: Any) -> OrderLine:
    return extra(LineKind.DISCOUNT, f"-{amount}", **more)


def shipping(amount: str, **more: Any) -> OrderLine:
    return extra(LineKind.SHIPPING, amount, **more)


class Case(NamedTuple):
    name: str
    lines: tuple[OrderLine, ...]
    total: str
    tax: str | None
    regime: str = "domestic"
    order: dict[str, Any] = {}
    policy: VatPolicy = OSS


FIFTEEN = VatPolicy(seller_country="DE", rates={"DE": CountryRates(standard=Decimal(15))})
JAPAN = VatPolicy(seller_country="DE", registrations=("JP",),
                  rates={"JP": CountryRates(standard=Decimal(10), reduced=(Decimal(8),))})  # fmt: skip
TEN = VatPolicy(seller_country="DE", registrations=("JP",), rates={"JP": CountryRates(standard=Decimal(10))})


def to(country: str, **more: Any) -> dict[str, Any]:
    return {"shipping": Address(name="Ann Eve", street="Road 1", city="Town", country=country, **more)}


CASES = [
    Case("G01", (goods("59.97", quantity=3), off("5.00"), shipping("4.90")), "59.87", "9.56"),
    Case("G02", (goods("59.90", quantity=2, line_id="a"), goods("12.00", BOOK, line_id="b"), off("5.99", of="a"),
                 off("1.20", of="b"), shipping("4.95", rate=190_000)), "69.66", "10.11"),
    Case("G03", (goods("10.00", A), goods("10.00", B), goods("10.00", C), off("10.00")), "20.00", "3.19"),
    Case("G04", (goods("4999.95"), off("33.33")), "4966.62", None),
    Case("G06", (goods("3.30", quantity=3, rate=50_000),), "3.30", "0.16", "oss", to("PL")),
    Case("G07", (goods("13.40", quantity=2, tax=201, rate=150_000),), "15.41", "2.01", "domestic",
         {"prices_include_tax": False}, FIFTEEN),
    Case("G08", (goods("69.99", rate=200_000),), "69.99", None, "oss", to("FR")),
    Case("G10", (goods("35.00"), shipping("4.90", line_id="s"), off("4.90", of="s")), "35.00", None),
    Case("G11", (goods("19.99", line_id="a"), off("19.99", of="a")), "0.00", "0.00"),
    Case("G12", (goods("5940", quantity=3, currency="JPY", rate=100_000),), "5940", "540", "local",
         {"currency": "JPY", "departure_country": "JP", **to("JP")}, TEN),
    Case("G14", (goods("80.00"),), "80.00", "12.77"),
    Case("G15", (extra(LineKind.GIFT_CARD, "50.00"),), "50.00", "0.00"),
    Case("G17", tuple(goods("0.07", line_id=str(i)) for i in range(100)), "7.00", None),
    Case("G18", (goods("200.00"),), "200.00", "0.00", "reverse_charge",
         {**to("FR"), "buyer": Buyer(name="SARL", company="SARL", vat_number="FR40303265045", is_business=True)}),
    Case("G20", (goods("119.00"),), "119.00", "19.83", "oss", to("FR")),
    Case("G21", (goods("123.00"),), "123.00", "23.00", "local", {"departure_country": "PL", **to("PL")}),
    Case("G23", (goods("20.00"),), "20.00", "0.00", "marketplace",
         {"collected": 400, "collected_as": "IOSS", **to("FR")}),
    Case("G25", (goods("100.00"),), "100.00", "0.00", "export", to("CH")),
    Case("G26", (goods("100.00"),), "100.00", "0.00", "export", to("ES", postcode="35001")),
    Case("NI", (goods("120.00"),), "120.00", "20.00", "oss", to("GB", postcode="BT1 1AA")),
    Case("wrap, tip, duty and fee", (goods("30.00", line_id="a"), extra(LineKind.GIFT_WRAP, "2.50", of="a"),
         extra(LineKind.TIP, "3.00"), extra(LineKind.DUTY, "1.00"), extra(LineKind.FEE, "4.00")), "40.50", None),
    Case("KWD", (goods("10.125", currency="KWD", quantity=3),), "10.125", "0.000", "export",
         {"currency": "KWD", **to("KW")}),
    Case("CH, mapped", (goods("108.10", rate=81_000, tax=810),), "108.10", "8.10", "local", to("CH")),
    Case("KWD, tax on top", (goods("10.125", currency="KWD", quantity=3, tax=1924, rate=190_000),), "12.049", "1.924",
         "domestic", {"currency": "KWD", "prices_include_tax": False}),
    Case("tax on top, two rates, a discount over both", (  # Odoo rounds per rate: a cent of tax more, taken off
        goods("33.33", quantity=3, tax=633, rate=190_000, line_id="a"), goods("12.00", BOOK, tax=84, rate=70_000),
        off("4.53", tax=-72), shipping("4.90", tax=93, rate=190_000)), "53.08", "7.38", "domestic",
         {"prices_include_tax": False}),
    Case("yen, shipping over two rates", (
        goods("1000", currency="JPY", rate=100_000), goods("500", BOOK, currency="JPY", rate=80_000),
        shipping("101", currency="JPY")), "1601", "137", "local",
         {"currency": "JPY", "departure_country": "JP", **to("JP")}, JAPAN),
    Case("free down to the shipping", (goods("10.00"), goods("10.00", BOOK), shipping("5.00"), off("25.00")), "0.00",
         "0.00"),
    Case("free, in parts that round apart", (  # Odoo adds an order of exactly nothing up line by line
        goods("0.10", quantity=5, line_id="1"), goods("0.42", quantity=3, line_id="2"), goods("0.02", line_id="3"),
        goods("0.92", line_id="4"), off("0.13", of="4", line_id="d"), goods("0.53", line_id="5"),
        off("0.93", line_id="d1"), off("0.93", line_id="d2")), "0.00", "0.00"),
    Case("free with tax on top", (
        goods("3.33", tax=63, rate=190_000, line_id="1"), goods("0.35", BOOK, tax=2, rate=70_000, line_id="2"),
        goods("0.36", tax=7, rate=190_000, line_id="3"), off("4.04", tax=-72, line_id="d")), "0.00", "0.00",
         "domestic", {"prices_include_tax": False}),
    Case("a discount beyond the goods of one rate", (goods("2.00"), goods("10.00", BOOK), off("11.00")), "1.00",
         "0.08"),
    Case("a gift card at a discount", (extra(LineKind.GIFT_CARD, "50.00"), off("5.00")), "45.00", "0.00"),
    Case("a thousand at a tiny price", (goods("50.00", BOOK, quantity=1000, tax=327),), "50.00", "3.27"),
    Case("seven for a price that does not divide", (goods("10.00", SIX, quantity=7),), "10.00", "1.60"),
    Case("an adjustment downwards", (goods("10.00"), extra(LineKind.FEE, "-3.00")), "7.00", "1.12"),
    Case("cash rounding", (goods("10.02", currency="CHF"), extra(LineKind.ROUNDING, "-0.02", currency="CHF")), "10.00",
         "1.60", "domestic", {"currency": "CHF"}),
    Case("a VAT number without its country", (goods("200.00"),), "200.00", "0.00", "reverse_charge",
         {**to("FR"), "buyer": Buyer(name="SARL", company="SARL", vat_number="40 303 265 045", is_business=True)}),
    Case("Monaco under France's code", (goods("120.00"),), "120.00", "20.00", "oss", to("FR", postcode="98000")),
    Case("a reduced rate abroad", (goods("105.50", BOOK, rate=55_000, tax=550),), "105.50", "5.50", "oss", to("FR")),
]  # fmt: skip


@pytest.fixture
def rules(world: World) -> SaleRules:
    """SKUs A, B, C at 19 % and BOOK at 7 %, as products of this test alone."""
    skus: dict[str, str | Pack] = {sku: world.product()[1] for sku in (A, B, C)}
    rate7 = world.call("account.tax", "search", domain=[
        ["type_tax_use", "=", "sale"], ["amount", "=", 7], ["amount_type", "=", "percent"],
        ["country_id.code", "=", "DE"],
    ])  # fmt: skip
    skus[BOOK] = world.product(taxes_id=[[6, 0, rate7[:1]]])[1]
    skus[SIX] = Pack(product=str(skus[A]), quantity=6)
    return SaleRules(skus=skus)


def drafted(world: World, rules: SaleRules, case: Case) -> SaleDraft:
    token = secrets.token_hex(6)
    included = case.order.get("prices_include_tax", True)
    order = Order(**{
        "channel": CHANNEL, "order_id": token, "number": f"#{token}", "placed_at": PLACED, "updated_at": PLACED,
        "status": OrderStatus.PAID, "currency": "EUR", "prices_include_tax": included, "lines": case.lines,
        "total": sum(line.amount + (0 if included else line.tax) for line in case.lines),
        "buyer": Buyer(name="Ann Eve", email=f"{token}@example.com"), **to("DE", postcode="10115"), **case.order,
    })  # fmt: skip
    check(order)
    catalogue = find_products(world.client, [code for code in rules.skus.values() if isinstance(code, str)])
    return draft(order, secrets.token_hex(16), rules, case.policy, catalogue, ZoneInfo("Europe/Berlin"))


def test_every_case_reaches_odoo_to_the_cent(world: World, rules: SaleRules) -> None:
    wanted = (("CH", "8.1"), ("JP", "10"), ("JP", "8"), ("DE", "15", False))
    taxes = tuple(mapped_tax(world, *tax) for tax in wanted)
    rules = msgspec.structs.replace(rules, taxes=taxes)
    drafts = {case.name: drafted(world, rules, case) for case in CASES}
    outcomes = {outcome.order_id: outcome for outcome in world.load(*drafts.values(), taxes=taxes)}
    wrong = {}
    for case in CASES:
        draft = drafts[case.name]
        outcome = outcomes[draft.order_id]
        total, tax = (str(to_decimal(minor, draft.currency)) for minor in (outcome.amount_total, outcome.amount_tax))
        result = (
            outcome.action,
            outcome.state,
            total,
            tax if case.tax is not None else None,
            draft.regime,
            outcome.message,
        )
        if result != ("created", "sale", case.total, case.tax, case.regime, ""):
            wrong[case.name] = result
    assert wrong == {}
    world.transport.calls.clear()
    assert {outcome.action for outcome in world.load(*drafts.values(), taxes=taxes)} == {"unchanged"}
    assert world.transport.writes() == []


def test_positions_and_numbers(world: World, rules: SaleRules) -> None:
    reverse, oss = (drafted(world, rules, case) for case in CASES if case.name in ("G18", "G20"))
    world.load(reverse, oss)
    positions = [world.order(order, "fiscal_position_id")["fiscal_position_id"] for order in (reverse, oss)]
    assert all(positions)
    assert positions[0] != positions[1]
    (partner, *_) = world.order(reverse, "partner_id")["partner_id"]
    [row] = world.call("res.partner", "read", ids=[partner], fields=["vat"])
    assert row["vat"] == "FR40303265045"


def test_an_unmapped_tax_waits(world: World, rules: SaleRules) -> None:
    """G27."""
    [case] = [case for case in CASES if case.name == "CH, mapped"]
    with pytest.raises(RecordError, match=r"no tax for 8\.1 % CH"):
        drafted(world, rules, case)


def test_fba_leaves_from_its_own_warehouse(world: World, rules: SaleRules) -> None:
    """G53."""
    code = secrets.token_hex(2).upper()
    world.create("stock.warehouse", name=f"FBA {code}", code=code)
    rules = msgspec.structs.replace(rules, channel_warehouse=code, channel_departure_country="DE")
    order = drafted(world, rules, Case("FBA", (goods("20.00"),), "20.00", None, order={
        "fulfilled_by": FulfilledBy.CHANNEL, "buyer": Buyer(),
        "shipping": Address(city="Köln", postcode="50667", country="DE"),
    }))  # fmt: skip
    world.load(order)
    assert world.order(order, "warehouse_id")["warehouse_id"][1] == f"FBA {code}"


def mapped_tax(world: World, country: str, rate: str, included: bool = True) -> TaxMapping:
    """A tax of a person's own in Odoo, and the setting that names it."""
    name = f"{country} {rate} {secrets.token_hex(2)}"
    world.create(
        "account.tax", name=name, amount=float(rate), type_tax_use="sale",
        price_include_override="tax_included" if included else "tax_excluded",
    )  # fmt: skip
    return TaxMapping(country=country, rate=Decimal(rate), tax=name, included=included)
