"""Buyers without an e-mail address of their own: known by VAT number, then by the channel's id of the customer."""

from __future__ import annotations

import random
import secrets

import pytest

from commerce_pipelines.domain.orders.order import Address, Buyer
from commerce_pipelines_tests.doubles.odoo import World
from commerce_pipelines_tests.odoo.partners.test_partners import COLOGNE, Sales, mail

PHONE = "+49 221 555 0199"


def french_number() -> str:
    """A valid French VAT number that no other test has."""
    while True:
        siren = f"{random.randrange(10**8):08d}"  # noqa: S311
        digits = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(siren)]
        total = sum(digit // 10 + digit % 10 for digit in digits)
        whole = siren + str(-total % 10)
        return f"FR{(int(whole) * 100 + 12) % 97:02d}{whole}"


@pytest.mark.parametrize("relay", [False, True])
def test_a_company_is_known_by_its_vat_number(world: World, relay: bool) -> None:
    sales, number = Sales(world), french_number()
    firm = world.create("res.partner", name="ACME SARL", is_company=True, vat=number, email=mail())
    world.create("res.partner", name="Jean", parent_id=firm, email=mail())
    buyer = Buyer(name="Bob", company="ACME", vat_number=f"{number[:4]} {number[4:]}", is_business=True,
                  email=mail() if relay else "", email_is_relay=relay)  # fmt: skip
    [outcome] = world.load(order := sales.draft(buyer=buyer, shipping=COLOGNE))
    assert (world.order(order, "partner_id")["partner_id"][0], outcome.partner_id, outcome.flags) == (firm, firm, ())


def test_an_own_address_comes_before_the_vat_number_and_a_wrong_number_is_none(world: World) -> None:
    sales, number, address = Sales(world), french_number(), mail()
    firm = world.create("res.partner", name="ACME SARL", is_company=True, vat=number)
    partner = world.create("res.partner", name="Other", email=address)
    buyers = [Buyer(name="Other", email=address, vat_number=number), Buyer(name="Bob", vat_number=number[:-1])]
    mailed, wrong = sales.parties(*(sales.draft(buyer=buyer) for buyer in buyers))
    assert mailed[0] == partner
    assert wrong[0] not in (firm, partner)


def test_suppliers_and_several_of_one_number(world: World) -> None:
    sales, number, shared = Sales(world), french_number(), french_number()
    supplier = world.create("res.partner", name="ACME", is_company=True, vat=number, supplier_rank=1)
    older = world.create("res.partner", name="A", is_company=True, vat=shared)
    world.create("res.partner", name="B", is_company=True, vat=shared)
    orders = [sales.draft(buyer=Buyer(name="Bob", vat_number=vat_number)) for vat_number in (number, shared)]
    first, second = world.load(*orders)
    assert first.partner_id not in (0, supplier)
    assert (second.partner_id, [flag.code for flag in second.flags]) == (older, ["duplicate_partner"])
    assert "VAT number" in second.flags[0].message


def test_the_channels_own_id_of_a_customer_leads_to_the_partner_of_earlier_orders(world: World) -> None:
    sales, customer, address = Sales(world), secrets.token_hex(16), mail()
    partner = world.create("res.partner", name="Anna Muster", email=address)
    [first] = world.load(sales.draft(buyer=Buyer(name="Anna Muster", email=address), customer=customer))
    assert first.partner_id == partner
    silent = {"customer": customer, "customer_partner": partner, "shipping": COLOGNE}
    named, nameless = sales.parties(
        sales.draft(buyer=Buyer(name="Anna M."), **silent),
        sales.draft(buyer=Buyer(), **{**silent, "shipping": Address(city="Köln", country="DE")}),
    )
    assert (named[0], nameless[0]) == (partner, partner)
    world.call("res.partner", "write", ids=[partner], vals={"active": False})
    [archived] = sales.parties(sales.draft(buyer=Buyer(name="Anna M."), **silent))
    assert archived[0] != partner


def test_buyers_of_one_batch_are_one_as_in_two(world: World) -> None:
    sales, customer, number = Sales(world), secrets.token_hex(16), french_number()
    parties = sales.parties(
        sales.draft(buyer=Buyer(name="Anna Muster"), customer=customer, shipping=COLOGNE),
        sales.draft(buyer=Buyer(name="Anna Muster", email=mail()), customer=customer, shipping=COLOGNE),
        sales.draft(buyer=Buyer(name="Bob", vat_number=number), shipping=COLOGNE),
        sales.draft(buyer=Buyer(name="Bob", vat_number=number), shipping=COLOGNE),
    )
    assert parties[0][0] == parties[1][0] != parties[2][0] == parties[3][0]
    assert sales.partner(parties[0][0])["email"]


def test_a_phone_number_identifies_nobody(world: World) -> None:
    sales = Sales(world)
    partner = world.create("res.partner", name="Anna Muster", phone=PHONE)
    [parties] = sales.parties(sales.draft(buyer=Buyer(name="Anna Muster", phone=PHONE), shipping=COLOGNE))
    assert parties[0] != partner
    [row] = world.call("res.partner", "read", ids=[parties[0]], fields=["phone"], load=None)
    assert row["phone"].replace(" ", "") == PHONE.replace(" ", "")
