"""Credit notes where accounting has rules of its own: lock dates, sealed journals, tax on top, currencies, OSS."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Address, LineKind
from commerce_pipelines.domain.returns.outcomes import CreditAction, CreditOutcome
from commerce_pipelines.domain.returns.records import RefundKind
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines_tests.doubles.odoo import World, draft, line, service
from commerce_pipelines_tests.doubles.refunds import Merchant, goods, money, refund

NET19, NET7 = TaxKey("DE", 190_000, False, "domestic"), TaxKey("DE", 70_000, False, "domestic")
OSS20 = TaxKey("FR", 200_000, True, "oss")
INVOICED, LOCKED = "2026-11-10", "2026-11-27"  # the money goes back in between


@pytest.fixture
def merchant(world: World) -> Merchant:
    return Merchant(world)


def sell(merchant: Merchant, *lines: Any, **more: Any) -> SaleDraft:
    order = draft(*(lines or (line("1", merchant.world.product(), 3, 5997),)), **more)
    [outcome] = merchant.world.load(order)
    assert outcome.reason is None, outcome.reason
    merchant.world.ship(order)
    merchant.invoice(order)
    return order


def code_of(outcome: CreditOutcome) -> str:
    return outcome.reason.code if outcome.reason else ""


@contextmanager
def locked(merchant: Merchant) -> Iterator[None]:
    """The days up to LOCKED are closed for sales."""
    company = merchant.world.client.who.company_id
    merchant.world.call("res.company", "write", ids=[company], vals={"sale_lock_date": LOCKED})
    try:
        yield
    finally:
        merchant.world.call("res.company", "write", ids=[company], vals={"sale_lock_date": False})


def test_a_lock_date_moves_the_accounting_date_and_is_told_as_long_as_it_is_so(merchant: Merchant) -> None:
    if merchant.world.kind == "stand-in":
        pytest.skip("the stand-in locks no days")
    order = draft(line("1", merchant.world.product(), 3, 5997))
    merchant.world.load(order)
    merchant.world.ship(order)
    [invoice] = merchant.invoice(order, post=False)
    merchant.world.call("account.move", "write", ids=[invoice], vals={"invoice_date": INVOICED})
    merchant.world.call("account.move", "action_post", ids=[invoice])
    refunded = refund(order, goods(1999))
    with locked(merchant):
        [outcome] = merchant.credit(refunded)
        assert code_of(outcome) == "", outcome.words.reveal()
        assert (outcome.action, outcome.state, outcome.amount_total) == (CreditAction.CREATED, "posted", 1999)
        assert [flag.code for flag in outcome.flags] == ["accounting_date_moved"]
        [note] = merchant.moves(order)
        assert note["invoice_date"] == "2026-11-26"
        assert note["date"] > LOCKED
        [outcome] = merchant.credit(refunded)  # the nightly run looks again
        assert (outcome.action, [flag.code for flag in outcome.flags]) == (
            CreditAction.UNCHANGED, ["accounting_date_moved"],
        )  # fmt: skip


def test_a_gap_in_a_sealed_journal_is_told_with_the_fix(merchant: Merchant) -> None:
    """A person has reset a posted credit note and cancelled it, and the journal seals its entries from then on."""
    if merchant.world.kind == "stand-in":
        pytest.skip("the stand-in seals no journal")
    world = merchant.world
    name = secrets.token_hex(2).upper()
    journal = world.create("account.journal", name=f"Sales {name}", code=f"S{name}", type="sale")
    orders = [draft(line("1", world.product(), 1, 1000)) for _ in range(4)]
    world.load(*orders)
    for order in orders:
        world.ship(order)
        [invoice] = merchant.invoice(order, post=False)
        world.call("account.move", "write", ids=[invoice], vals={"journal_id": journal})
        world.call("account.move", "action_post", ids=[invoice])
    before = [merchant.credit(refund(order, goods(1000)))[0].odoo_id for order in orders[:3]]
    world.call("account.move", "button_draft", ids=[before[1]])
    world.call("account.move", "button_cancel", ids=[before[1]])
    world.call("account.journal", "write", ids=[journal], vals={"restrict_mode_hash_table": True})
    [outcome] = merchant.credit(refund(orders[3], goods(1000)))
    assert code_of(outcome) == "refused_by_odoo"
    assert outcome.reason is not None
    assert "a number is missing in the journal" in outcome.reason.message
    assert "post it again" in outcome.reason.fix
    world.call("account.move", "button_draft", ids=[before[1]])  # the fix
    world.call("account.move", "action_post", ids=[before[1]])
    [outcome] = merchant.credit(refund(orders[3], goods(1000), refund_id=outcome.refund_id))
    assert (code_of(outcome), outcome.state) == ("", "posted")


def test_prices_with_tax_on_top(merchant: Merchant) -> None:
    """3 x 16.80 and 2 x 5.00 without tax, 59.98 and 10.70 with it: units, parts of a price and shipping to the cent."""
    order = sell(
        merchant, line("1", merchant.world.product(), 3, 5040, NET19),
        line("2", merchant.world.product(), 2, 1000, NET7), service(LineKind.SHIPPING, 412, NET19),
        total=5998 + 1070 + 490,
    )  # fmt: skip
    unit, part = refund(order, goods(1999)), refund(order, money(RefundKind.PRICE, 333, "2"))
    shipping = refund(order, money(RefundKind.SHIPPING, 490))
    outcomes = merchant.credit(unit, part, shipping)
    assert [(code_of(outcome), outcome.amount_total, outcome.amount_tax) for outcome in outcomes] == [
        ("", 1999, 319), ("", 333, 22), ("", 490, 78),
    ]  # fmt: skip
    [rest] = merchant.credit(refund(order, money(RefundKind.GOODWILL, 5998 + 1070 + 490 - 1999 - 333 - 490)))
    assert (code_of(rest), rest.amount_total) == ("", 4736)
    assert merchant.credit(refund(order, money(RefundKind.GOODWILL, 1)))[0].action is CreditAction.REFUSED


@pytest.mark.parametrize(
    ("currency", "total", "part"), [("PLN", 25725, 8575), ("JPY", 5940, 1980), ("KWD", 5940, 1980)]
)
def test_another_currency(merchant: Merchant, currency: str, total: int, part: int) -> None:
    order = sell(merchant, line("1", merchant.world.product(), 3, total), currency=currency)
    [outcome] = merchant.credit(refund(order, goods(part)))
    assert (code_of(outcome), outcome.amount_total, outcome.state) == ("", part, "posted")
    [note] = merchant.moves(order)
    [invoice] = merchant.moves(order, "out_invoice")
    fields = ["currency_id"]
    currencies = merchant.world.call("account.move", "read", ids=[note["id"], invoice["id"]], fields=fields, load=None)
    assert len({row["currency_id"] for row in currencies}) == 1
    assert merchant.credit(refund(order, goods(part), currency="EUR"))[0].action is CreditAction.REFUSED
    rest = merchant.credit(refund(order, money(RefundKind.GOODWILL, total - part)))
    assert [(code_of(outcome), outcome.amount_total) for outcome in rest] == [("", total - part)]


def test_the_union_scheme(merchant: Merchant) -> None:
    """119.00 to France: the credit note has the tax of France, in the invoice's fiscal position."""
    place = Address(name="Zoé", street="12 rue de l'Échiquier", city="Paris", postcode="75010", country="FR")
    order = sell(
        merchant, line("1", merchant.world.product(), 2, 11900, OSS20), service(LineKind.SHIPPING, 600, OSS20),
        regime="oss", tax_country="FR", shipping=place,
    )  # fmt: skip
    unit, goodwill = refund(order, goods(5950)), refund(order, money(RefundKind.GOODWILL, 250))
    outcomes = merchant.credit(unit, goodwill)
    assert [(code_of(outcome), outcome.amount_total, outcome.amount_tax) for outcome in outcomes] == [
        ("", 5950, 992), ("", 250, 42),
    ]  # fmt: skip
    first, second = merchant.moves(order)
    assert merchant.tax_by_rate(first["id"]) == {20: 9.92}
    assert merchant.tax_by_rate(second["id"]) == {20: 0.42}
    [invoice] = merchant.moves(order, "out_invoice")
    fields = ["fiscal_position_id"]
    rows = merchant.world.call("account.move", "read", ids=[first["id"], invoice["id"]], fields=fields, load=None)
    assert len({row["fiscal_position_id"] for row in rows}) == 1
