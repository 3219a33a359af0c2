"""Claims of the module `rma`: they show what the return's transfer and credit note do, and do nothing themselves.

Most need a real Odoo in which the module of the Odoo Community Association is installed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.domain.returns.records import ReturnState
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.returns.claims import find_operation, list_claims
from commerce_pipelines.odoo.returns.documents import settle_claims
from commerce_pipelines_tests.doubles.odoo import CHANNEL, World
from commerce_pipelines_tests.doubles.refunds import Merchant, books, goods, money, refund
from commerce_pipelines_tests.doubles.refunds import RefundKind as Kind
from commerce_pipelines_tests.odoo.returns.test_returns import back, delivered, move, moved, sell, stock, units

RECEIVED, CLOSED = ReturnState.RECEIVED, ReturnState.CLOSED
FIELDS = ["state", "product_uom_qty", "origin", "partner_id", "move_id", "reception_move_id", "refund_id", "sent"]


@pytest.fixture
def merchant(world: World) -> Merchant:
    return Merchant(world)


def has_claims(merchant: Merchant) -> bool:
    try:
        return bool(merchant.world.call("rma", "fields_get", allfields=["state"], attributes=["type"]))
    except PermanentError:
        return False


@pytest.fixture
def claimant(merchant: Merchant) -> Merchant:
    if not has_claims(merchant):
        pytest.skip("needs a real Odoo 19 in which the module rma (odoo-addon-rma) is installed")
    return merchant


def claims(merchant: Merchant, order: SaleDraft) -> list[dict[str, Any]]:
    moves = [row["id"] for row in merchant.world.moves(order)]
    domain = [["move_id", "in", moves]]
    return list(merchant.world.call("rma", "search_read", domain=domain, fields=FIELDS, order="id", load=None))


def states(merchant: Merchant, order: SaleDraft) -> list[tuple[str, float]]:
    return [(claim["state"], claim["product_uom_qty"]) for claim in claims(merchant, order)]


def settle(merchant: Merchant, record: Any, *refunds: Any) -> Any:
    credited = {outcome.refund_id: outcome for outcome in merchant.credit(*refunds)}
    assert settle_claims(merchant.world.client, books(), [record], (refunds, credited, {})) == {}
    return credited


def test_without_the_module_nothing_is_asked_of_it(merchant: Merchant) -> None:
    if has_claims(merchant):
        pytest.skip("the module rma is installed here")
    order = sell(merchant)
    merchant.world.transport.calls.clear()
    [outcome] = move(merchant, back(order, units(1), state=RECEIVED))
    assert (outcome.received, outcome.flags) == (1, ())
    assert [call for call in merchant.world.transport.calls if call[0].startswith("rma")] == []


@pytest.fixture
def mails(claimant: Merchant) -> Iterator[None]:
    """The company tells customers of their claims."""
    [company] = claimant.world.call("res.company", "search", domain=[], limit=1)
    for is_on in (True, False):
        values = dict.fromkeys(("send_rma_confirmation", "send_rma_receipt_confirmation"), is_on)
        claimant.world.call("res.company", "write", ids=[company], vals=values)
        if is_on:
            yield


@pytest.mark.usefixtures("mails")
def test_a_claim_from_announcement_to_credit_note(claimant: Merchant) -> None:
    """One transfer, one credit note, one claim, and no e-mail of the module's."""
    world = claimant.world
    order = sell(claimant)
    claimant.invoice(order)
    before, record = stock(claimant, order), back(order, units(2))
    [opened] = move(claimant, record)
    assert (states(claimant, order), opened.flags) == ([("confirmed", 2)], ())
    [claim] = claims(claimant, order)
    assert claim["origin"] == f"{world.order(order)['name']} RMA-7"
    record = moved(record, state=RECEIVED)
    move(claimant, record)
    [claim] = claims(claimant, order)
    assert (claim["state"], bool(claim["reception_move_id"])) == ("received", True)
    paid = refund(order, goods(2000, 2))
    outcome = settle(claimant, record, paid)[paid.refund_id]
    [claim] = claims(claimant, order)
    assert (claim["state"], claim["refund_id"], claim["sent"]) == ("refunded", outcome.odoo_id, False)
    assert (stock(claimant, order), delivered(claimant, order)) == (before + 2, 1)
    [note] = claimant.moves(order)
    assert note["amount_total"] == 20.0
    [shown] = list_claims(world.client, CHANNEL, [record.return_id])
    assert (shown.claim_id, shown.state, shown.return_id) == (claim["id"], "refunded", record.return_id)
    world.transport.calls.clear()
    move(claimant, record)
    settle(claimant, record, paid)
    assert world.transport.writes() == []


def test_a_part_is_received_first_though_the_module_refuses_parts_of_its_own_receptions(claimant: Merchant) -> None:
    order = sell(claimant)
    record = back(order, units(3))
    move(claimant, record)
    [outcome] = move(claimant, moved(record, lines=(units(3, 1),)))
    assert (outcome.received, states(claimant, order)) == (1, [("confirmed", 3)])
    [outcome] = move(claimant, moved(record, lines=(units(3, 3),)))
    assert (outcome.received, states(claimant, order)) == (3, [("received", 3)])


@pytest.mark.parametrize("state", [ReturnState.CANCELLED, ReturnState.DECLINED, CLOSED])
def test_what_will_not_come_is_no_claim_any_more(claimant: Merchant, state: ReturnState) -> None:
    order = sell(claimant)
    record = back(order, units(1))
    move(claimant, record)
    move(claimant, moved(record, state=state))
    assert states(claimant, order) == [("cancelled", 1)]


def test_of_a_return_closed_early_the_claim_is_what_came(claimant: Merchant) -> None:
    order = sell(claimant)
    record = back(order, units(3, 1))
    move(claimant, record)
    move(claimant, moved(record, state=CLOSED))
    assert states(claimant, order) == [("received", 1)]


def test_money_without_goods_refunds_no_claim(claimant: Merchant) -> None:
    order = sell(claimant)
    claimant.invoice(order)
    record = back(order, units(1), state=RECEIVED)
    move(claimant, record)
    settle(claimant, record, refund(order, money(Kind.GOODWILL, 500)))
    assert states(claimant, order) == [("received", 1)]


def test_the_money_first_then_the_goods(claimant: Merchant) -> None:
    order = sell(claimant)
    claimant.invoice(order)
    record = back(order, units(1))
    move(claimant, record)
    paid = refund(order, goods(1000))
    settle(claimant, record, paid)
    [claim] = claims(claimant, order)
    assert (claim["state"], bool(claim["refund_id"])) == ("confirmed", True)
    record = moved(record, state=RECEIVED)
    move(claimant, record)
    settle(claimant, record, paid)
    assert states(claimant, order) == [("refunded", 1)]


def test_what_a_person_did_with_a_claim_stays(claimant: Merchant) -> None:
    order = sell(claimant)
    record = back(order, units(1))
    move(claimant, record)
    [claim] = claims(claimant, order)
    claimant.world.call("rma", "write", ids=[claim["id"]], vals={"state": "locked"})
    [outcome] = move(claimant, moved(record, state=RECEIVED))
    assert (outcome.received, states(claimant, order)) == (1, [("locked", 1)])


def test_units_that_a_person_takes_back_by_a_claim_of_her_own_come_back_once(claimant: Merchant) -> None:
    """The module's reception names no line of the order."""
    world = claimant.world
    order = sell(claimant, 1)
    [sent] = world.moves(order)
    sale = world.order(order, "partner_id")
    [operation] = world.call("ir.model.data", "search_read", fields=["res_id"], load=None,
                             domain=[["module", "=", "rma"], ["name", "=", "rma_operation_refund"]])  # fmt: skip
    own = world.create("rma", partner_id=sale["partner_id"][0], picking_id=sent["picking_id"], move_id=sent["id"],
                       product_id=order.lines[0].product_id, operation_id=operation["res_id"])  # fmt: skip
    world.call("rma", "action_confirm", ids=[own])
    [outcome] = move(claimant, back(order, units(1), state=RECEIVED))
    assert outcome.reason is not None
    assert (outcome.reason.code, outcome.pickings) == ("exceeds_delivery", ())


def test_what_a_person_receives_is_received_at_the_next_look(claimant: Merchant) -> None:
    order = sell(claimant)
    record = back(order, units(1), state=RECEIVED)
    [outcome] = move(claimant, record, receipts="merchant")
    assert states(claimant, order) == [("confirmed", 1)]
    claimant.receive(outcome.pickings[0][0])
    move(claimant, record, receipts="merchant")
    assert states(claimant, order) == [("received", 1)]


def test_an_operation_that_makes_documents_of_its_own_keeps_no_claim(claimant: Merchant) -> None:
    order = sell(claimant)
    [outcome] = move(claimant, back(order, units(1), state=RECEIVED), rma_operation="Refund")
    assert ([flag.code for flag in outcome.flags], outcome.received) == (["no_claims"], 1)
    assert claims(claimant, order) == []


def test_none_are_kept_where_the_settings_say_so(claimant: Merchant) -> None:
    order = sell(claimant)
    [outcome] = move(claimant, back(order, units(1), state=RECEIVED), rma_operation="")
    assert (outcome.received, outcome.flags, claims(claimant, order)) == (1, (), [])


@pytest.mark.parametrize("call", [("rma", "load"), ("rma", "web_save_multi")], ids=".".join)
def test_lost_answers(claimant: Merchant, call: tuple[str, str]) -> None:
    find_operation(claimant.world.client, "Marketplace")
    order = sell(claimant)
    record = back(order, units(1))
    claimant.world.transport.lose[call] = 1
    move(claimant, record)
    move(claimant, moved(record, state=RECEIVED))
    assert claimant.world.transport.lose[call] == 0
    assert states(claimant, order) == [("received", 1)]
