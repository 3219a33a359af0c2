"""Who an order belongs to: identity by e-mail, addresses as children, strangers never merged."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.words import Words
from commerce_pipelines.domain.orders.order import Address, Buyer
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.rpc.errors import OdooRefusal
from commerce_pipelines_tests.doubles.odoo import World, draft, line

COLOGNE = Address(name="Anna Muster", street="Hauptstraße 1", city="Köln", postcode="50667", country="DE")
PARIS = Address(name="Anna Muster", street="Rue de Rivoli 1", city="Paris", postcode="75001", country="FR")
PARTIES = ("partner_id", "partner_invoice_id", "partner_shipping_id")


class Sales:
    """Orders of one article, and the partners that they went to."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mug = world.product()

    def draft(self, **values: Any) -> SaleDraft:
        return draft(line("1", self.mug, 1, 1000), **values)

    def parties(self, *drafts: SaleDraft) -> list[tuple[int, int, int]]:
        outcomes = self.world.load(*drafts)
        assert [outcome.action for outcome in outcomes] == ["created"] * len(drafts), outcomes
        rows = [self.world.order(draft, *PARTIES) for draft in drafts]
        return [tuple(row[field][0] for field in PARTIES) for row in rows]

    def partner(self, partner: int) -> dict[str, Any]:
        fields = [
            "name",
            "street",
            "city",
            "country_id",
            "parent_id",
            "type",
            "vat",
            "is_company",
            "email",
            "ref",
            "lang",
        ]
        return dict(self.world.call("res.partner", "read", ids=[partner], fields=fields)[0])


def mail() -> str:
    return f"anna.{secrets.token_hex(5)}@example.com"


def test_one_partner_per_email_whatever_its_case_and_order(world: World) -> None:
    """G50."""
    sales, address = Sales(world), mail()
    person = Buyer(name="Anna Muster", email=address)
    shouting = Buyer(name="Anna Muster", email=f" {address.upper()} ")
    first, second = sales.parties(
        sales.draft(buyer=person, shipping=COLOGNE), sales.draft(buyer=shouting, shipping=COLOGNE)
    )
    [third] = sales.parties(sales.draft(buyer=shouting, shipping=msgspec.structs.replace(COLOGNE, city="KÖLN ")))
    assert first == second == third
    assert len(set(first)) == 1
    assert world.call("res.partner", "search_count", domain=[["email_normalized", "=", address]]) == 1


def test_a_partner_that_is_there_already_is_used_and_not_written_to(world: World) -> None:
    sales, address = Sales(world), mail()
    older = world.create("res.partner", name="A. Muster", email=address.title(), street="Old Road 5", city="Ulm")
    [parties] = sales.parties(sales.draft(buyer=Buyer(name="Anna Muster", email=address, ref="r1"), shipping=COLOGNE))
    assert parties[0] == older
    assert parties[2] != older
    kept = sales.partner(older)
    assert (kept["name"], kept["street"], kept["ref"]) == ("A. Muster", "Old Road 5", False)
    child = sales.partner(parties[2])
    assert (child["parent_id"][0], child["type"], child["city"]) == (older, "delivery", "Köln")


def test_of_two_partners_with_one_email_the_oldest_is_taken_and_said(world: World) -> None:
    sales, address = Sales(world), mail()
    older = world.create("res.partner", name="A", email=address)
    world.create("res.partner", name="B", email=address)
    order = sales.draft(buyer=Buyer(name="Anna", email=address))
    [outcome] = world.load(order)
    assert [flag.code for flag in outcome.flags] == ["duplicate_partner"]
    assert address not in outcome.flags[0].message
    assert world.order(order, "partner_id")["partner_id"][0] == older


def test_a_relay_address_is_no_identity(world: World) -> None:
    sales, relay = Sales(world), mail()
    buyer = Buyer(name="Anna", email=relay, email_is_relay=True)
    first, second = sales.parties(sales.draft(buyer=buyer), sales.draft(buyer=buyer))
    assert first[0] != second[0]


def test_the_same_subject_is_the_same_partner_without_any_email(world: World) -> None:
    sales, subject = Sales(world), secrets.token_hex(16)
    values = {"subject": subject, "buyer": Buyer(name="Anna Muster"), "shipping": COLOGNE}
    first, second = sales.parties(sales.draft(**values), sales.draft(**values))
    assert first == second


def test_a_guest_that_odoo_refuses_holds_up_only_the_orders_that_need_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OdooRefusal("res.partner.load (ValidationError)", words=Words("somebody's words"))

    monkeypatch.setattr("commerce_pipelines.odoo.partners.partners.load_one", refuse)
    sales, guest = Sales(world), f"Guest {secrets.token_hex(4)}"
    named = sales.draft(buyer=Buyer(name="Anna Muster", email=mail()), shipping=COLOGNE)
    place = Address(city="Wien", postcode="1010", country="AT")
    strangers = [sales.draft(buyer=Buyer(), guest=guest, shipping=place) for _ in range(2)]
    outcomes = {outcome.order_id: outcome for outcome in world.load(*strangers, named)}
    assert outcomes[named.order_id].action == "created"
    for stranger in strangers:
        outcome = outcomes[stranger.order_id]
        assert (outcome.action, outcome.reason and outcome.reason.code) == ("refused", "unknown_guest")
        assert "somebody" not in repr(outcome.reason)


def test_strangers_without_name_and_email_share_the_guest_but_no_address(world: World) -> None:
    """G51, G53."""
    sales, guest = Sales(world), f"Guest {secrets.token_hex(4)}"
    anonymous = {"buyer": Buyer(), "guest": guest}
    vienna = Address(city="Wien", postcode="1010", country="AT")
    linz = Address(city="Linz", postcode="4020", country="AT")
    # one after the other: Odoo gives a parent without any address that of its first child
    [first], [second], [third] = (
        sales.parties(sales.draft(**anonymous, shipping=place)) for place in (vienna, linz, vienna)
    )
    assert first[0] == second[0] == third[0]
    assert len({first[2], second[2], third[2], first[0]}) == 4
    host, child = sales.partner(first[0]), sales.partner(first[2])
    assert (host["name"], host["city"]) == (guest, False)
    assert (child["city"], child["country_id"][1]) == ("Wien", "Austria")


def test_billing_and_shipping_are_two_addresses_of_one_partner(world: World) -> None:
    """G55."""
    sales, address = Sales(world), mail()
    buyer = Buyer(name="Anna Muster", email=address)
    [(partner, invoice, shipping)] = sales.parties(sales.draft(buyer=buyer, billing=COLOGNE, shipping=PARIS))
    assert invoice != shipping
    assert (sales.partner(invoice)["city"], sales.partner(shipping)["city"]) == ("Köln", "Paris")
    assert sales.partner(shipping)["parent_id"][0] == partner
    again, moved = sales.parties(
        sales.draft(buyer=buyer, billing=COLOGNE, shipping=PARIS, subject="a" * 32),
        sales.draft(buyer=buyer, billing=PARIS, shipping=COLOGNE),
    )
    assert again[:2] == (partner, invoice)
    assert sales.partner(moved[1])["city"] == "Paris"
    assert sales.partner(shipping)["city"] == "Paris"  # history stays


def test_the_same_child_address_is_used_again_and_keeps_a_persons_correction(world: World) -> None:
    sales, subject = Sales(world), secrets.token_hex(16)
    buyer = Buyer(name="Anna Muster", email=mail())
    values = {"buyer": buyer, "subject": subject, "billing": COLOGNE, "shipping": PARIS}
    [(_, _, first)] = sales.parties(sales.draft(**values))
    world.call("res.partner", "write", ids=[first], vals={"street": "Rue de Rivoli 1, 2e étage"})
    [(_, _, second)] = sales.parties(sales.draft(**values))
    assert first == second
    assert sales.partner(first)["street"] == "Rue de Rivoli 1, 2e étage"


def test_a_company_with_its_vat_number(world: World) -> None:
    sales = Sales(world)
    place = Address(name="Bob", company="ACME SARL", street="Rue 1", city="Paris", postcode="75001", country="FR")
    buyer = Buyer(
        name="Bob", email=mail(), company="ACME SARL", vat_number="FR 40 303 265 045", is_business=True, ref="b1"
    )
    [(partner, invoice, shipping)] = sales.parties(sales.draft(buyer=buyer, billing=place, shipping=place))
    row = sales.partner(partner)
    assert (row["name"], row["is_company"], row["vat"], row["ref"]) == ("ACME SARL", True, "FR40303265045", "b1")
    assert invoice == partner
    assert sales.partner(shipping)["name"] == "ACME SARL, Bob"


def test_an_invalid_vat_number_is_left_out_and_said(world: World) -> None:
    sales = Sales(world)
    order = sales.draft(buyer=Buyer(name="Bob", email=mail(), vat_number="DE123"))
    [outcome] = world.load(order)
    assert [flag.code for flag in outcome.flags] == ["invalid_vat_number"]
    assert sales.partner(world.order(order, "partner_id")["partner_id"][0])["vat"] is False


def test_an_empty_vat_number_is_filled_only_where_the_names_agree(world: World) -> None:
    sales, mails = Sales(world), [mail() for _ in range(4)]
    login = world.create("res.partner", name="ACME SARL", email=mails[0], country_id=False)
    supplier = world.create("res.partner", name="ACME SARL", email=mails[1], vat="DE136695976")
    victim = world.create("res.partner", name="Victim GmbH", email=mails[2], is_company=True)
    contact = world.create("res.partner", name="ACME SARL", email=mails[3], parent_id=victim)
    buyers = [Buyer(name="Bob", company="Acme  sarl", email=mail, vat_number="FR40303265045") for mail in mails]
    outcomes = world.load(*(sales.draft(buyer=buyer) for buyer in buyers))
    noted = [[flag.code for flag in outcome.flags] for outcome in outcomes]
    assert noted == [[], *[["vat_number_of_another"]] * 3]
    numbers = [sales.partner(partner)["vat"] for partner in (login, supplier, victim, contact)]
    assert numbers == ["FR40303265045", "DE136695976", False, False]


def test_users_and_suppliers_are_never_the_buyer(world: World) -> None:
    """Anybody may buy under any e-mail address: it must lead to no login, no bank account, no bill."""
    sales, mails = Sales(world), [mail() for _ in range(4)]
    [portal] = world.call("res.groups", "search", domain=[["id", "in", _create_portal_users(world)]])
    login = world.create("res.partner", name="Portal user", email=mails[0])
    company = world.client.who.company_id
    world.create("res.users", login=mails[0], partner_id=login, group_ids=[[6, 0, [portal]]], company_id=company,
                 company_ids=[[6, 0, [company]]])  # fmt: skip
    supplier = world.create("res.partner", name="Supplier", email=mails[1], supplier_rank=1)
    firm = world.create("res.partner", name="Supplier Inc", is_company=True, supplier_rank=3)
    contact = world.create("res.partner", name="Accounts", email=mails[2], parent_id=firm)
    buyers = [Buyer(name=mail, email=mail, vat_number="FR40303265045") for mail in mails]
    drafts = [sales.draft(buyer=buyer) for buyer in buyers]
    parties = sales.parties(*drafts)
    assert not {parts[0] for parts in parties} & {login, supplier, firm, contact}
    assert [sales.partner(partner)["vat"] for partner in (login, supplier, firm, contact)] == [False] * 4
    # nor one that we made ourselves, once it has become one of them
    ours = parties[3][0]
    world.call("res.partner", "write", ids=[ours], vals={"supplier_rank": 1})
    [again] = sales.parties(sales.draft(buyer=buyers[3], subject=drafts[3].subject))
    assert again[0] != ours


def _create_portal_users(world: World) -> list[int]:
    rows = world.call(
        "ir.model.data", "search_read", domain=[["module", "=", "base"], ["name", "=", "group_portal"]],
        fields=["res_id"],
    )  # fmt: skip
    return [row["res_id"] for row in rows] or [world.create("res.groups", name="Portal")]


@pytest.mark.parametrize(
    ("in_odoo", "in_order"),
    [
        ("anna@m\u00fcller-{}.example.com", "anna@xn--mller-{}-kva.example.com"),
        ("anna@xn--mller-{}-kva.example.com", "ANNA@M\u00dcLLER-{}.example.com"),
        ("J\u00fcrgen.{}@example.com", "j\u00fcrgen.{}@EXAMPLE.com"),
    ],
)
def test_both_spellings_of_an_address_are_one(world: World, in_odoo: str, in_order: str) -> None:
    sales, token = Sales(world), secrets.token_hex(3)
    partner = world.create("res.partner", name="Anna", email=_build_idna(in_odoo, token))
    [parties] = sales.parties(sales.draft(buyer=Buyer(name="Anna", email=_build_idna(in_order, token))))
    assert parties[0] == partner


def _build_idna(address: str, token: str) -> str:
    """The address with the token in it; a label that begins with xn-- is encoded anew."""
    local, _, domain = address.partition("@")
    labels = [
        f"m\u00fcller-{token}".encode("idna").decode() if label.startswith("xn--") else label.replace("{}", token)
        for label in domain.split(".")
    ]
    return f"{local.replace('{}', token)}@{'.'.join(labels)}"


def test_a_buyer_with_an_email_only_gets_a_name_that_says_nothing(world: World) -> None:
    sales, address = Sales(world), mail()
    [(partner, *_)] = sales.parties(sales.draft(buyer=Buyer(email=address), shipping=Address(country="DE", city="Ulm")))
    row = sales.partner(partner)
    assert row["name"].startswith("Customer ")
    assert row["email"] == address
    assert "anna" not in row["name"].lower()


def test_a_known_contact_of_a_company_is_the_buyer(world: World) -> None:
    """The contact's e-mail identifies it; company, terms and debt stay where they are."""
    sales, address = Sales(world), mail()
    firm = world.create("res.partner", name="Firma Kontakt GmbH", is_company=True, email=mail())
    anna = world.create("res.partner", name="Anna Kontakt", parent_id=firm, email=address)
    order = sales.draft(buyer=Buyer(name="Anna Kontakt", email=address, company="Firma Kontakt GmbH ",
                                    vat_number="DE136695976", is_business=True), shipping=COLOGNE)  # fmt: skip
    [parties] = sales.parties(order)
    assert parties[0] == anna
    [row] = world.call("res.partner", "read", ids=[parties[2]], fields=["commercial_partner_id"], load=None)
    assert row["commercial_partner_id"] == firm
    same = [["email_normalized", "=", address], ["is_company", "=", True]]
    assert world.call("res.partner", "search_count", domain=same) == 0
    assert sales.partner(firm)["vat"] == "DE136695976"


def test_a_contact_comes_before_its_company_with_the_same_email(world: World) -> None:
    sales, address = Sales(world), mail()
    firm = world.create("res.partner", name="Firma", is_company=True, email=address)
    contact = world.create("res.partner", name="Anna", parent_id=firm, email=address)
    order = sales.draft(buyer=Buyer(name="Anna", email=address))
    [outcome] = world.load(order)
    assert [flag.code for flag in outcome.flags] == []
    assert world.order(order, "partner_id")["partner_id"][0] == contact


def test_an_address_is_no_contact(world: World) -> None:
    sales, address = Sales(world), mail()
    firm = world.create("res.partner", name="Firma", is_company=True)
    world.create("res.partner", name="Warehouse", parent_id=firm, type="delivery", email=address)
    [parties] = sales.parties(sales.draft(buyer=Buyer(name="Anna Muster", email=address)))
    assert sales.partner(parties[0])["parent_id"] is False


def test_the_merchant_and_its_people_are_never_the_buyer(world: World) -> None:
    sales, emails = Sales(world), [mail(), mail(), mail()]
    [company] = world.call("res.company", "read", ids=[world.client.who.company_id], fields=["partner_id"], load=None)
    [user] = world.call("res.users", "read", ids=[world.client.who.uid], fields=["partner_id"], load=None)
    own = [company["partner_id"], user["partner_id"]]
    before = [row["email"] for row in world.call("res.partner", "read", ids=own, fields=["email"], load=None)]
    colleague = world.create("res.partner", name="Colleague", parent_id=own[0], email=emails[2])
    try:
        for partner, email in zip(own, emails, strict=False):
            world.call("res.partner", "write", ids=[partner], vals={"email": email})
        drafts = [sales.draft(buyer=Buyer(name="Anna Muster", email=email)) for email in emails]
        buyers = [parties[0] for parties in sales.parties(*drafts)]
    finally:
        for partner, email in zip(own, before, strict=True):
            world.call("res.partner", "write", ids=[partner], vals={"email": email})
    assert not set(buyers) & {*own, colleague}


def test_after_an_archived_partner_comes_a_successor(world: World) -> None:
    sales, subject = Sales(world), secrets.token_hex(16)
    values = {"subject": subject, "buyer": Buyer(name="Anna Muster"), "shipping": PARIS, "billing": COLOGNE}
    [first] = sales.parties(sales.draft(**values))
    world.call("res.partner", "write", ids=[first[0]], vals={"active": False})
    second, third = sales.parties(sales.draft(**values), sales.draft(**values))
    assert second == third
    assert not set(second) & set(first)
    world.call("res.partner", "write", ids=[second[2]], vals={"active": False})
    [fourth] = sales.parties(sales.draft(**values))
    assert fourth[0] == second[0]
    assert fourth[2] not in (first[2], second[2])


def test_an_archived_guest_gets_a_successor(world: World) -> None:
    sales, guest = Sales(world), f"Guest {secrets.token_hex(4)}"
    anonymous = {"buyer": Buyer(), "guest": guest, "shipping": Address(city="Wien", postcode="1010", country="AT")}
    [first] = sales.parties(sales.draft(**anonymous))
    world.call("res.partner", "write", ids=[first[0]], vals={"active": False})
    [second] = sales.parties(sales.draft(**anonymous))
    assert second[0] != first[0]
    assert sales.partner(second[0])["name"] == guest


def test_one_buyer_with_two_emails_in_one_batch_is_one_partner(world: World) -> None:
    sales, subject = Sales(world), secrets.token_hex(16)
    values = {"subject": subject, "shipping": COLOGNE}
    first, second = sales.parties(
        sales.draft(buyer=Buyer(name="Anna Muster", email=mail()), **values),
        sales.draft(buyer=Buyer(name="Anna Muster", email=mail()), **values),
    )
    assert first[0] == second[0]
