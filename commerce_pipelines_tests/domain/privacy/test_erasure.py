"""What an erasure does with each contact, and what delays it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.privacy.erasure import Contact, Invoice, Transfer, decide, keep_until

TODAY = date(2026, 11, 29)


def invoice(partner_id: int = 1, **more: object) -> Invoice:
    values = {
        "name": "INV/1",
        "state": "posted",
        "partner_id": partner_id,
        "issued": TODAY,
        "documented": False,
        **more,
    }
    return Invoice(**values)  # type: ignore[arg-type]


def test_a_contact_of_whom_nothing_has_to_stay_becomes_anonymous() -> None:
    decision = decide([Contact(partner_id=1)], [Transfer("WH/OUT/1", "done")], [invoice(documented=True)], 8, TODAY)
    assert (decision.anonymise, decision.kept, decision.left, decision.waiting) == ((1,), (), (), ())


def test_the_recipient_of_an_invoice_without_a_document_keeps_the_address_until_the_end_of_the_period() -> None:
    bills = [invoice(issued=date(2024, 1, 2)), invoice(name="RINV/2", issued=date(2026, 5, 1)), invoice(2)]
    decision = decide([Contact(partner_id=1)], [], bills, 8, TODAY)
    [kept] = decision.kept
    assert (kept.partner_id, kept.invoices, kept.until) == (1, ("INV/1", "RINV/2"), date(2034, 12, 31))
    assert decision.anonymise == ()


def test_after_the_period_nothing_stays() -> None:
    old = invoice(issued=date(2016, 3, 1))
    assert decide([Contact(partner_id=1)], [], [old], 8, date(2024, 12, 31)).kept != ()
    assert decide([Contact(partner_id=1)], [], [old], 8, date(2025, 1, 1)).anonymise == (1,)


@pytest.mark.parametrize(
    ("contact", "why"),
    [
        (Contact(partner_id=1, protected="user"), "user"),
        (Contact(partner_id=1, protected="supplier", banks=(3,)), "supplier"),
        (Contact(partner_id=1, banks=(3,)), "bank"),
        (Contact(partner_id=1, elsewhere=("S7",)), "elsewhere"),
    ],
)
def test_who_is_left_alone_is_told(contact: Contact, why: str) -> None:
    decision = decide([contact], [], [], 8, TODAY)
    assert (decision.left, decision.anonymise, decision.kept) == (((1, why),), (), ())


@pytest.mark.parametrize("state", ["draft", "waiting", "confirmed", "assigned"])
def test_an_open_delivery_delays_it(state: str) -> None:
    [reason] = decide([Contact(partner_id=1)], [Transfer("WH/OUT/1", state)], [], 8, TODAY).waiting
    assert (reason.code, "WH/OUT/1" in reason.message) == ("delivery_open", True)


def test_a_draft_invoice_delays_it() -> None:
    [reason] = decide([Contact(partner_id=1)], [], [invoice(state="draft", name="")], 8, TODAY).waiting
    assert reason.code == "invoice_open"


@given(
    contacts=st.lists(
        st.builds(
            Contact, partner_id=st.integers(1, 9), protected=st.sampled_from(["", "user"]),
            banks=st.sampled_from([(), (3,)]), elsewhere=st.sampled_from([(), ("S1",)]),
        ),
        unique_by=lambda contact: contact.partner_id,
    ),
    bills=st.lists(st.builds(invoice, partner_id=st.integers(1, 9), issued=st.dates(), documented=st.booleans())),
)  # fmt: skip
def test_every_contact_has_exactly_one_fate(contacts: list[Contact], bills: list[Invoice]) -> None:
    bills = [bill for bill in bills if bill.issued and bill.issued.year < 9990]
    decision = decide(contacts, [], bills, 8, TODAY)
    fates = [*decision.anonymise, *(kept.partner_id for kept in decision.kept), *(who for who, _ in decision.left)]
    assert sorted(fates) == sorted(contact.partner_id for contact in contacts)
    assert all(kept.until >= TODAY for kept in decision.kept)


@given(st.dates(max_value=date(9900, 1, 1)), st.integers(1, 30))
def test_the_period_begins_with_the_end_of_the_year(issued: date, years: int) -> None:
    until = keep_until(issued, years)
    assert (until.year - issued.year, until.month, until.day) == (years, 12, 31)
