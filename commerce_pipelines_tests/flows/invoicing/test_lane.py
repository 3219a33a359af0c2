"""The lane of invoices into an Odoo, the stand-in's or a real one: what is due is found, done once, and kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.cli.odoo_verifiers import payment_journals
from commerce_pipelines.cli.proofs import Proofs
from commerce_pipelines.cli.report import show
from commerce_pipelines.cli.report_figures import summarise
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import OrderStatus, Payment
from commerce_pipelines.flows.invoicing.bill import Billed, bill, look
from commerce_pipelines.flows.invoicing.prove import Invoiced, prove
from commerce_pipelines.flows.lineage import replay, trace
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines.warehouse.invoicing import ledger
from commerce_pipelines_tests.doubles.lane import NAME, Lane, Server, later, numbered
from commerce_pipelines_tests.flows.conftest import open_administrator

SWITCHED_ON = "invoicing: {trigger: delivery, since: 2026-01-01, journals: {other: Bank}}, "


@pytest.fixture
def lane(connect: Any) -> Lane:
    lane: Lane = connect(SWITCHED_ON)
    return lane


def ship(odoo: Server, lane: Lane, order_id: str) -> None:
    [sale] = lane.sales(order_id)
    context = {"skip_sms": True}
    assert open_administrator(odoo).call("stock.picking", "button_validate", ids=sale["picking_ids"], context=context)


def run(lane: Lane, again: bool = False, days: int = 0) -> Billed:
    instruments = lane.connections.instruments
    lane.connections.instruments = replace(instruments, now=lambda: instruments.now() + timedelta(days=days))
    try:
        return bill(lane.connections, NAME, again=again)
    finally:
        lane.connections.instruments = instruments


def waiting(lane: Lane) -> list[tuple[str, str]]:
    with lane.connections.warehouse.transaction() as connection:
        rows = quarantine.open_exceptions(connection, NAME, Topic.INVOICING)
    return [(row.record_id, row.code) for row in rows]


def row_of(lane: Lane, order_id: str) -> dict[str, Any]:
    with lane.connections.warehouse.transaction() as connection:
        return ledger.read_rows(connection, NAME, [order_id])[order_id]


def late(lane: Lane, days: int) -> list[str]:
    now = lane.connections.instruments.now() + timedelta(days=days)
    with lane.connections.warehouse.transaction() as connection:
        return [order_id for order_id, _ in ledger.list_late(connection, NAME, now, 3)]


def test_a_delivered_order_is_invoiced_and_paid_once(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:  # fmt: skip
    order_id, *_ = numbered(request)
    lane.put(lane.order(order_id, payments=(Payment(method="card", amount=1690),)))
    lane.run()
    assert look(lane.connections, NAME).todo == []
    assert run(lane).states == {"open": 1}
    ship(odoo, lane, order_id)
    assert [claim.order_id for claim in look(lane.connections, NAME).todo] == [order_id]
    billed = run(lane)
    assert (billed.created, billed.posted, billed.registered, billed.states) == (1, 1, 1, {"paid": 1})
    assert (billed.invoiced, billed.paid) == ({"EUR": 1690}, {"EUR": 1690})
    assert (run(lane).orders, run(lane, again=True).created) == (0, 0)
    assert (late(lane, 30), waiting(lane)) == ([], [])
    [event] = [event for event in trace(lane.connections, NAME, order_id) if event.what.startswith("invoice:")]
    assert (event.details["state"], event.details["paid"]) == ("paid", "16.90 EUR")


def test_orders_before_the_first_day_are_left_alone(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:  # fmt: skip
    lane: Lane = connect(SWITCHED_ON.replace("2026-01-01", "2999-01-01"))
    order_id, *_ = numbered(request)
    lane.put(lane.order(order_id))
    lane.run()
    ship(odoo, lane, order_id)
    assert run(lane, again=True).orders == 0


def test_a_cancelled_order_and_one_with_a_problem_are_not_invoiced(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    gone, edited = numbered(request, 2)
    first, second = lane.order(gone), lane.order(edited)
    lane.put(first, second)
    lane.run()
    ship(odoo, lane, gone)
    ship(odoo, lane, edited)
    dearer = tuple(msgspec.structs.replace(line, amount=line.amount + 100) for line in second.lines)
    lane.put(later(first, status=OrderStatus.CANCELLED), later(second, lines=dearer))
    lane.run()
    assert run(lane, again=True).states == {"held": 2}
    assert {row_of(lane, gone)["code"], row_of(lane, edited)["code"]} == {"cancelled", "edited_after_shipping"}
    assert sorted(late(lane, 30)) == sorted([gone, edited])


def test_a_refused_payment_waits_until_a_setting_changes_or_a_person_asks(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    lane: Lane = connect(SWITCHED_ON.replace("other: Bank", "paypal: Bank"))
    order_id, *_ = numbered(request)
    lane.put(lane.order(order_id, payments=(Payment(method="klarna", amount=1690),)))
    lane.run()
    ship(odoo, lane, order_id)
    assert run(lane).reasons == {"unmapped_payment_method": 1}
    run(lane)  # the invoice that was made since is news
    assert (look(lane.connections, NAME).todo, run(lane).states) == ([], {"refused": 1})
    assert waiting(lane) == [(order_id, "unmapped_payment_method")]
    assert replay(lane.connections, NAME, record_ids=[order_id]).invoices == 1
    assert len(look(lane.connections, NAME).todo) == 1

    mended: Lane = connect(SWITCHED_ON)
    mended.channel.known = lane.channel.known
    assert run(mended).states == {"paid": 1}
    assert waiting(mended) == []


def test_an_invoice_that_a_person_changed_is_seen_at_night(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    order_id, *_ = numbered(request)
    order = lane.order(order_id)
    lane.put(order)
    lane.run()
    ship(odoo, lane, order_id)
    run(lane)
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.orders SET total = 1700 WHERE order_id = %s", (order_id,))
        [difference] = ledger.list_differing(connection, NAME)
    assert (difference.order_id, difference.total, difference.invoiced) == (order_id, 1700, 1690)


def test_check_tries_every_journal(connect: Any) -> None:
    lane: Lane = connect(SWITCHED_ON.replace("other: Bank", "other: Bank, paypal: Nowhere, card: INV"))
    channel = lane.connections.settings.channel(NAME)
    problems = [problem for _, problem in payment_journals(lane.connections, channel)]
    assert len(problems) == 2
    assert all("no bank, cash or credit journal" in problem for problem in problems)
    good: Lane = connect(SWITCHED_ON)
    [(what, problem)] = payment_journals(good.connections, good.connections.settings.channel(NAME))
    assert (what, problem) == (f"channels[{NAME}].invoicing.journals", "")


def test_the_report_compares_what_was_taken_with_what_is_invoiced_and_paid(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    first, second, third = numbered(request, 3)
    for order_id in (first, second, third):
        lane.put(lane.order(order_id, payments=(Payment(method="card", amount=1690),)))
    lane.run()
    ship(odoo, lane, first)
    run(lane)
    span = (lane.day, lane.day + timedelta(days=1))
    proof = prove(lane.connections, NAME, *span)
    expected = Invoiced(orders=3, taken=3 * 1690, settled=1, invoiced=1690, paid=1690)
    assert (proof.whole, proof.days, proof.complete) == ({"EUR": expected}, {(lane.day, "EUR"): expected}, True)

    ship(odoo, lane, second)
    client = open_administrator(odoo)
    [sale] = lane.sales(second)  # a person lowers a price, and invoices that
    client.call("sale.order.line", "write", ids=[sale["order_line"][0]], vals={"price_unit": 10})
    wizard = client.call("sale.advance.payment.inv", "create", vals_list=[
        {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [sale["id"]]]]}
    ])  # fmt: skip
    client.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    [row] = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    client.call("account.move", "action_post", ids=row["invoice_ids"])
    proof = prove(lane.connections, NAME, *span)
    assert (proof.complete, proof.whole["EUR"].differing, proof.whole["EUR"].invoiced) == (False, (second,), 2690)

    text = json.loads(summarise(Proofs(orders={NAME: lane.prove().whole}, invoices={NAME: proof})))
    figures = text["channels"][NAME]
    assert figures["invoices"]["EUR"]["invoiced"] == "26.90"
    assert figures["by_day"][lane.day.isoformat()]["invoices"]["EUR"]["channel_total"] == "50.70"
    show(Proofs(orders={NAME: lane.prove().whole}, invoices={NAME: proof}), by_day=True)
