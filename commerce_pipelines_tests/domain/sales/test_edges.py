"""Odd orders: where a rule that holds for plain ones is most easily wrong. Each case once was, or may be next."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.core.errors import RecordError
from commerce_pipelines.domain.orders.order import (
    Address,
    Buyer,
    EuroRate,
    FulfilledBy,
    LineKind,
    Order,
    OrderLine,
    Payment,
    Shipped,
    business_day,
)
from commerce_pipelines.domain.sales.mapping import alias, codes_of
from commerce_pipelines.domain.sales.rules import Pack, Route, SaleRules, TaxMapping
from commerce_pipelines.domain.vat.decision import VatPolicy
from commerce_pipelines.domain.vat.rates import CountryRates, percent
from commerce_pipelines_tests.doubles.drafts import (
    BERLIN,
    FR_NUMBER,
    OSS,
    line,
    made,
    off,
    order,
    shipping,
    taxes,
    total,
)

A, B, BOOK = line("10.00", line_id="a"), line("10.00", "B", line_id="b"), line("10.00", "BOOK", line_id="k")
JP = VatPolicy(seller_country="JP", rates={"JP": CountryRates(standard=Decimal(10), reduced=(Decimal(8),))})
BRANDS = {"currency": "JPY", "country": "JP"}
FROM_7 = VatPolicy(oss=True, rates={"FR": CountryRates(standard=Decimal(20), reduced=(Decimal("5.5"),),
                                                       from_home={Decimal(7): Decimal("5.5")})})  # fmt: skip


def extra(kind: LineKind, amount: str, **more: Any) -> OrderLine:
    return line(amount, "", kind=kind, **more)


def refused(bad: Order, *args: Any, **named: Any) -> str:
    with pytest.raises(RecordError) as caught:
        made(bad, *args, **named)
    assert caught.value.fix
    return caught.value.code


MONEY: dict[str, tuple[Order, dict[int, int]]] = {
    "two discounts of the order": (order(A, BOOK, off("2.00"), off("3.00")), {190_000: 120, 70_000: 49}),
    "a discount of the order spares what is free already": (
        order(A, off("10.00", of="a"), BOOK, off("5.00", line_id="d")), {190_000: 0, 70_000: 33}),
    "a discount beyond what the goods of one rate are worth": (
        order(line("2.00", line_id="a"), BOOK, off("11.00")), {190_000: 3, 70_000: 5}),
    "free down to the shipping, at its own rate": (
        order(A, BOOK, shipping("5.00", rate=190_000), off("25.00")), {190_000: 0, 70_000: 0}),
    "free down to the shipping": (order(A, BOOK, shipping("5.00"), off("25.00")), {190_000: 0, 70_000: 0}),
    "a discount of the shipping bears the shipping's rate": (
        order(BOOK, shipping("4.90", rate=190_000, line_id="s"), off("4.90", of="s")), {190_000: 0, 70_000: 65}),
    "a discount of shipping that is divided": (
        order(line("7.77"), BOOK, shipping("4.95", line_id="s"), off("4.95", of="s")), {190_000: 124, 70_000: 65}),
    "a discount of a gift card has no tax either": (
        order(extra(LineKind.GIFT_CARD, "50.00", line_id="g"), off("5.00", of="g")), {}),
    "a discount of an order of gift cards": (order(extra(LineKind.GIFT_CARD, "50.00"), off("5.00")), {}),
    "goods and a gift card, the discount is the goods'": (
        order(A, extra(LineKind.GIFT_CARD, "50.00"), off("2.00")), {190_000: 128}),
    "a discount whose tax is stated over two rates": (
        order(line("10.00", tax=160), line("10.00", "BOOK", tax=65), off("10.00", tax=-113)),
        {190_000: 80, 70_000: 33}),
    "shipping follows what the goods cost in the end": (
        order(A, off("10.00", of="a"), BOOK, shipping("4.00")), {190_000: 0, 70_000: 92}),
    "a negative adjustment": (order(A, extra(LineKind.FEE, "-3.00")), {190_000: 112}),
    "a free line beside a paid one": (order(A, line("0.00", "BOOK")), {190_000: 160, 70_000: 0}),
    "a thousand at a tiny price": (
        order(line("50.00", "BOOK", quantity=1000, tax=327)), {70_000: 327}),
    "tax rounded per unit": (order(line("9.90", quantity=30, tax=150)), {190_000: 158}),  # 30 x 0.05
    "tax cut off instead of rounded": (order(line("0.10", tax=1)), {190_000: 2}),
    "so small that several rates would do": (order(line("0.10", "BOOK", tax=1)), {70_000: 1}),
    "a tip with tax": (order(A, extra(LineKind.TIP, "1.19", tax=19)), {190_000: 179}),
    "a tip without": (order(A, extra(LineKind.TIP, "1.19")), {190_000: 160}),
    "cash rounding to 0.05": (
        order(line("10.02", currency="CHF"), extra(LineKind.ROUNDING, "-0.02"), currency="CHF"), {190_000: 160}),
    "a gift card pays a part": (
        order(A, payments=(Payment(method="gift_card", amount=400), Payment(method="card", amount=600))),
        {190_000: 160}),
    "yen: shipping over two rates": (
        order(line("1000", currency="JPY", rate=100_000), line("500", "BOOK", currency="JPY", rate=80_000),
              shipping("100", currency="JPY"), **BRANDS), {100_000: 97, 80_000: 39}),
    "dinars with tax on top": (
        order(line("10.125", currency="KWD", tax=1924, rate=190_000), currency="KWD", prices_include_tax=False),
        {190_000: 1924}),
    "tax on top, a discount and shipping": (
        order(line("20.00", tax=304, rate=190_000, line_id="a"), off("5.00", of="a", tax=0, rate=190_000),
              shipping("1.00", rate=190_000), prices_include_tax=False), {190_000: 304}),
    "a product with two taxes where the channel says the rate": (
        order(line("10.70", "TWO TAXES", rate=70_000, tax=70)), {70_000: 70}),
    "a product without tax is taxed in full": (order(line("11.90", "NO TAX")), {190_000: 190}),
    "a fee for returnable bottles among reduced goods": (
        order(BOOK, extra(LineKind.FEE, "0.25", of="k")), {70_000: 67}),
    "nothing but shipping": (order(shipping("4.90")), {190_000: 78}),
    "an order that is free altogether": (order(line("0.00"), line("0.00", "BOOK")), {190_000: 0, 70_000: 0}),
}  # fmt: skip


@pytest.mark.parametrize("name", MONEY)
def test_money(name: str) -> None:
    given_order, expected = MONEY[name]
    result = made(given_order, policy=JP if given_order.currency == "JPY" else OSS)
    assert taxes(result) == expected
    assert total(result) == given_order.total
    assert len({order_line.line_id for order_line in result.lines}) == len(result.lines)


def to(country: str, postcode: str = "", **more: Any) -> Order:
    amount = more.pop("amount", "120.00")
    included = more.pop("prices_include_tax", True)
    item = line(amount, more.pop("sku", "NO TAX"), tax=more.pop("tax", 0), rate=more.pop("rate", None))
    return order(item, shipping=Address(country=country, postcode=postcode), prices_include_tax=included, **more)


def company(number: str) -> dict[str, Any]:
    return {"buyer": Buyer(vat_number=number, is_business=True)}


STERLING, YEN = (EuroRate(rate=Decimal(rate), day=date(2026, 11, 20)) for rate in ("1.2", "0.01"))
CZ = VatPolicy(oss=True, registrations=("CZ",))
PL = VatPolicy(seller_country="PL", oss=True)
FR = VatPolicy(seller_country="FR", oss=True)
GB = VatPolicy(seller_country="GB", ioss=True)
CH = VatPolicy(seller_country="CH", ioss=True)
CN = VatPolicy(seller_country="CN", ioss=True)
FBA = SaleRules(channel_warehouse="FBA", channel_departure_country="CZ")
BY_CHANNEL: dict[str, Any] = {"fulfilled_by": FulfilledBy.CHANNEL}

PLACES: list[tuple[Order, VatPolicy, str, str]] = [
    # who the buyer is
    (to("FR", **company("fr 40 303 265 045")), OSS, "reverse_charge", ""),
    (to("FR", **company("40303265045")), OSS, "reverse_charge", ""),  # a field of the form gives the country
    (to("FR", billing=Address(country="FR"), **company("40303265045")), OSS, "reverse_charge", ""),
    (to("GR", **company("EL094259216")), OSS, "reverse_charge", ""),
    (to("GR", **company("gr 094259216")), OSS, "reverse_charge", ""),
    (to("IT", **company(FR_NUMBER)), OSS, "reverse_charge", ""),  # of another state than the goods go to
    (to("GB", "BT1 1AA", **company("XI980780684")), OSS, "reverse_charge", ""),
    (to("GB", "BT1 1AA", **company("GB980780684")), OSS, "oss", "XI"),  # not a number for goods from the Union
    (to("MC", **company(FR_NUMBER)), OSS, "reverse_charge", ""),
    (to("DE", **company("DE136695976")), OSS, "domestic", "DE"),
    (to("DE", **company("ATU13585627")), OSS, "domestic", "DE"),
    (to("FR", buyer=Buyer(is_business=True, company="X")), OSS, "oss", "FR"),  # a business without number
    (to("CH", **company("CHE-107.787.577 IVA")), OSS, "export", ""),
    (to("FR", billing=Address(country="DE"), buyer=Buyer()), OSS, "oss", "FR"),  # the goods decide, not the bill
    (to("DE", billing=Address(country="CH"), buyer=Buyer()), OSS, "domestic", "DE"),
    # where the goods go
    (to("MC", "98000"), OSS, "oss", "FR"),
    (to("FR", "98000"), OSS, "oss", "FR"),  # Monaco under the French code
    (to("FR", "97400"), OSS, "export", ""),
    (to("FR", "98800"), OSS, "export", ""),
    (to("RE", "97400"), OSS, "export", ""),
    (to("DE", "D-78266"), OSS, "export", ""),
    (to("DE", "DE-27498"), OSS, "export", ""),
    (to("IT", "23041"), OSS, "export", ""),
    (to("IT", "23030"), OSS, "oss", "IT"),  # Valfurva and a dozen others; Livigno left it
    (to("IT", "22061"), OSS, "export", ""),
    (to("IT", "22060"), OSS, "oss", "IT"),
    (to("FI", "AX-22100"), OSS, "export", ""),
    (to("ES", "07001"), OSS, "oss", "ES"),
    (to("IC", "35001"), OSS, "export", ""),
    (to("GB", "JE2 3AB"), OSS, "export", ""),
    (to("IM", "IM1 1AA"), OSS, "export", ""),
    (to("SM"), OSS, "export", ""),
    (to("LI", "9490"), CH, "domestic", "CH"),  # one VAT territory
    (to("CH", "8001"), CH, "domestic", "CH"),
    # where they leave from
    (to("DE", **BY_CHANNEL), CZ, "oss", "DE"),
    (to("CZ", **BY_CHANNEL), CZ, "local", "CZ"),
    (to("FR", **BY_CHANNEL, **company(FR_NUMBER)), CZ, "reverse_charge", ""),
    (to("CZ", **BY_CHANNEL, **company("CZ699001237")), CZ, "local", "CZ"),
    (to("DE", departure_country="FR"), FR, "oss", "DE"),
    (to("PL", departure_country="PL"), PL, "domestic", "PL"),
    (to("DE", departure_country="PL"), PL, "oss", "DE"),
    (to("GB", "SW1A 1AA", departure_country="GB"), GB, "domestic", "GB"),
    (to("GB", "BT1 1AA", departure_country="GB"), GB, "domestic", "GB"),  # within the United Kingdom
    (to("DE", departure_country="GB"), GB, "ioss", "DE"),
    (to("AT", departure_country="CH", amount="179.99"), CH, "ioss", "AT"),  # 149.99 without VAT
    (to("AT", departure_country="CH", amount="150.00", currency="GBP", euro=STERLING), CH, "ioss", "AT"),
    (to("AT", departure_country="CH", amount="180.00", currency="JPY", euro=YEN), CH, "ioss", "AT"),
    (to("US", departure_country="CH"), CH, "export", ""),
    (to("NO", amount="125.00", rate=250_000, tax=2500), VatPolicy(registrations=("NO",)), "local", "NO"),
    # who collects
    (to("US", collected=700, collected_as="US_FACILITATOR"), OSS, "marketplace", ""),
    (to("FR", departure_country="CN", collected=0, collected_as="IOSS"), CN, "marketplace", ""),
    (to("DE", departure_country="GB", collected=2000, collected_as="deemed_supplier"), GB, "marketplace", ""),
]  # fmt: skip


@pytest.mark.parametrize(("given_order", "policy", "regime", "country"), PLACES)
def test_places(given_order: Order, policy: VatPolicy, regime: str, country: str) -> None:
    result = made(given_order, FBA, policy)
    assert (result.regime, result.tax_country) == (regime, country)
    assert total(result) == given_order.total


REFUSED: list[tuple[Order, VatPolicy, str]] = [
    (to("AT", departure_country="CH", amount="200.00"), CH, "unknown_import"),  # beyond 150 EUR: no import scheme
    (to("AT", departure_country="CH", amount="150.01", currency="GBP", euro=STERLING), CH, "unknown_import"),
    (to("AT", departure_country="CH", amount="1.00", currency="GBP"), CH, "unknown_currency_rate"),
    (to("AT", departure_country="CH", **company("ATU13585627")), CH, "unknown_import"),  # nor for businesses
    (to("GB", "BT1 1AA", departure_country="CH"), VatPolicy(seller_country="CH"), "unknown_import"),
    (to("CZ", **BY_CHANNEL), OSS, "not_registered"),
    (to("FR", **BY_CHANNEL), VatPolicy(registrations=("CZ",)), "not_registered"),
    (to("US", collected=700, collected_as="US_FACILITATOR", tax=40), OSS, "mixed_collection"),
    (to("DE", "78266", rate=190_000, tax=1916), OSS, "unknown_tax"),
    (to("FR", rate=123_000, tax=1314), OSS, "unknown_tax"),
    (to("FR", amount="100.00", rate=190_000, tax=1900, prices_include_tax=False), OSS, "unknown_tax"),
    (to("DE", amount="100.00", prices_include_tax=False), OSS, "untaxed"),
    (to("DE", sku="TWO TAXES"), OSS, "unknown_rate"),
    (to("FR", sku="BOOK"), OSS, "unknown_rate"),
]


@pytest.mark.parametrize(("given_order", "policy", "code"), REFUSED)
def test_refused(given_order: Order, policy: VatPolicy, code: str) -> None:
    assert refused(given_order, FBA, policy) == code


def test_a_rate_of_nought_is_a_rate_where_the_law_has_one() -> None:
    """Irish books, British children's clothes: stated as 0 %, and so in the table."""
    given_order = to("IE", sku="BOOK", rate=0)
    assert taxes(made(given_order, policy=OSS)) == {0: 0}
    assert refused(to("FR", sku="BOOK", rate=0), policy=OSS) == "untaxed"


@pytest.mark.parametrize("country", ["AT", "BE", "DK", "FI", "GR", "HU", "IE", "LU", "MT", "PT", "RO", "SE", "SK"])
def test_reduced_goods_abroad_bear_the_stated_rate(country: str) -> None:
    table = OSS.table()
    for rate in table.allowed(country)[1:]:
        result = made(to(country, sku="BOOK", amount="100.00", rate=rate), policy=OSS)
        assert taxes(result).keys() == {rate}
        assert result.evidence["rule"]


def test_free_goods_of_a_reduced_rate_stop_no_order_abroad() -> None:
    assert taxes(made(order(A, line("0.00", "BOOK"), country="FR"))) == {200_000: 167}


def test_the_rate_abroad_that_a_person_named() -> None:
    assert taxes(made(order(BOOK, country="FR"), policy=FROM_7)) == {55_000: 52}
    charged = order(line("10.00", "BOOK", rate=70_000, tax=65), country="FR")  # the shop's own rate
    assert taxes(made(charged, policy=FROM_7)) == {55_000: 52}


def test_a_home_rate_abroad_that_only_the_merchant_can_translate_says_where() -> None:
    with pytest.raises(RecordError) as caught:
        made(to("FR", sku="BOOK", rate=70_000, tax=785))
    assert (caught.value.code, "vat.rates.FR.from_home" in caught.value.fix) == ("unknown_tax", True)


def test_a_shop_without_oss_charges_its_own_country_below_the_threshold() -> None:
    assert taxes(made(order(BOOK, country="FR"), policy=VatPolicy())) == {70_000: 65}


CODES = SaleRules(sku_fold_case=True, skus={" Old-1 ": "A", "TEA x6": Pack(product="B", quantity=6), "mid": "OLD"})


@pytest.mark.parametrize(
    ("sku", "rules", "code", "units"),
    [
        (" ab-12\t", SaleRules(), "ab-12", 1),
        ("AB-12\u00a0", SaleRules(), "AB-12", 1),
        ("old-1", CODES, "A", 1),
        ("OLD-1 ", CODES, "A", 1),
        ("tea X6", CODES, "B", 6),
        ("old-1", SaleRules(skus={"Old-1": "A"}), "old-1", 1),  # folding is said, not assumed
        ("MID", CODES, "OLD", 1),  # an alias names a product, never another alias
    ],
)
def test_skus(sku: str, rules: SaleRules, code: str, units: int) -> None:
    assert alias(sku, rules) == (code, units)
    assert codes_of([order(line("1.00", sku))], rules) == {code}


def test_packs_keep_their_price_to_the_cent() -> None:
    rules = SaleRules(skus={"SIX": Pack(product="A", quantity=6)})
    [only] = made(order(line("10.00", "SIX", quantity=7)), rules).lines
    assert (only.quantity, only.amount) == (42, 1000)


@pytest.mark.parametrize(
    ("country", "service", "sku", "warehouse"),
    [("AT", "fast", "BOOK", "ALL"), ("AT", "fast", "A", "FAST"), ("AT", "slow", "A", "AT"),
     ("DE", "fast", "BOOK", "FAST"), ("DE", "slow", "BOOK", "WH")],
)  # fmt: skip
def test_all_conditions_of_a_route_must_hold(country: str, service: str, sku: str, warehouse: str) -> None:
    rules = SaleRules(warehouse="WH", routes=(
        Route(warehouse="ALL", countries=("AT",), services=("fast",), skus=("BOOK",)),
        Route(warehouse="FAST", services=("fast", "faster")), Route(warehouse="AT", countries=("AT", "CH")),
    ))  # fmt: skip
    rates = CountryRates(standard=Decimal(20), reduced=(Decimal(10),), from_home={Decimal(7): Decimal(10)})
    policy = VatPolicy(registrations=("AT",), rates={"AT": rates})
    given_order = order(line("1.00", sku), country=country, service=service)
    assert made(given_order, rules, policy).warehouse == warehouse


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2026-03-28T23:30:00+00:00", "2026-03-29"), ("2026-12-31T23:30:00+00:00", "2027-01-01"),  # G40
        ("2026-03-29T00:59:59+00:00", "2026-03-29"), ("2026-03-29T21:59:59+00:00", "2026-03-29"),
        ("2026-03-29T22:00:00+00:00", "2026-03-30"), ("2026-10-25T22:59:59+00:00", "2026-10-25"),
        ("2026-10-25T23:00:00+00:00", "2026-10-26"), ("2028-02-28T23:00:00+00:00", "2028-02-29"),
        ("2028-02-29T22:59:59+00:00", "2028-02-29"), ("2026-07-01T00:00:00-07:00", "2026-07-01"),
        ("2026-07-01T15:00:00-07:00", "2026-07-02"),
    ],
)  # fmt: skip
def test_business_days(instant: str, day: str) -> None:
    assert business_day(datetime.fromisoformat(instant), BERLIN).isoformat() == day
    with pytest.raises(ValueError, match="time zone"):
        business_day(datetime.fromisoformat(instant).replace(tzinfo=None), BERLIN)


@pytest.mark.parametrize(("day", "orders"), [("2026-10-25", 50), ("2026-03-29", 46)])
def test_g39_days_of_a_clock_change(day: str, orders: int) -> None:
    """An order every half hour: each on exactly one day, the neighbours have 48."""
    middle = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    instants = [middle + timedelta(minutes=30 * step) for step in range(-48 * 2, 48 * 2)]
    counts = Counter(business_day(instant, BERLIN).isoformat() for instant in instants)
    before, _, after = (f"{(middle + timedelta(days=step)).date()}" for step in (-1, 0, 1))
    assert (counts[before], counts[day], counts[after]) == (48, orders, 48)
    assert sum(counts.values()) == len(instants)


ANY_RATE = st.sampled_from([None, 190_000, 70_000])
CHARGES = st.tuples(st.integers(0, 10**6), st.integers(1, 12), st.sampled_from(["A", "B", "BOOK"]), ANY_RATE,
                    st.integers(0, 100))  # fmt: skip


@given(
    st.lists(CHARGES, min_size=1, max_size=6), st.lists(st.integers(0, 60), max_size=3), st.integers(0, 9999),
    st.sampled_from(["EUR", "JPY", "KWD"]), st.booleans(),
)  # fmt: skip
def test_the_tax_of_each_rate_is_the_channels(
    charges: list[tuple[int, int, str, int | None, int]], offs: list[int], freight: int, currency: str, whole: bool
) -> None:
    """Prices with tax, discounts of lines and of the whole order, some beyond what the goods are worth: the draft's sum
    is the order's total, and per rate its tax is what the parts add up to, within the cents of dividing."""
    lines, expected = [], dict.fromkeys((190_000, 70_000), 0.0)
    left: list[int] = []
    for number, (amount, quantity, sku, rate, percents) in enumerate(charges):
        own = rate or (70_000 if sku == "BOOK" else 190_000)
        less = amount * percents // 100
        lines.append(OrderLine(line_id=f"p{number}", kind=LineKind.PRODUCT, title=sku, quantity=quantity, amount=amount,
                               sku=sku, rate=rate))  # fmt: skip
        if less:
            lines.append(OrderLine(line_id=f"o{number}", kind=LineKind.DISCOUNT, title="", quantity=1, amount=-less,
                                   of=f"p{number}"))  # fmt: skip
        expected[own] += amount - less
        left.append(amount - less)
    lines.append(OrderLine(line_id="s", kind=LineKind.SHIPPING, title="", quantity=1, amount=freight, rate=190_000))
    if whole:
        offs = [100]
    goods = sum(left)
    amounts = [goods * share // 100 // (1 if whole else 3) for share in offs]
    lines += [OrderLine(line_id=f"d{number}", kind=LineKind.DISCOUNT, title="", quantity=1, amount=-amount)
              for number, amount in enumerate(amounts) if amount]  # fmt: skip
    result = made(order(*lines, currency=currency))
    assert sum(order_line.amount for order_line in result.lines) == result.total
    share = 1 - sum(amounts) / goods if goods else 1
    sums = dict.fromkeys(expected, 0)
    for order_line in result.lines:
        assert order_line.tax
        sums[order_line.tax.rate] += order_line.amount
    for rate, charged in expected.items():
        shipped = freight if rate == 190_000 else 0
        assert abs(sums[rate] - shipped - charged * share) <= len(charges) * len(amounts) + 1, percent(rate)


def test_history_counts_only_before_its_day() -> None:
    rules = SaleRules(history_before=date(2028, 2, 29))
    for hour, history in ((22, True), (23, False)):  # midnight in Berlin
        placed = datetime(2028, 2, 28, hour, tzinfo=UTC)
        assert made(order(A, shipped=Shipped.YES, placed_at=placed), rules).history is history


def test_a_mapping_serves_its_own_rate_and_country_alone() -> None:
    rules = SaleRules(taxes=(TaxMapping(country="CH", rate=Decimal("8.1"), tax="MWST"),))
    assert made(to("CH", rate=81_000, tax=900), rules).regime == "local"
    for country, rate in (("CH", 26_000), ("NO", 81_000)):
        assert refused(to(country, rate=rate, tax=300), rules) == "unknown_tax"
