"""Many persons are erased in the same calls; whoever fails, or buys meanwhile, holds up nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Buyer
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.privacy import erase as flow
from commerce_pipelines.flows.privacy.erase import Result, resume
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.errors import OdooRefusal
from commerce_pipelines.warehouse.privacy import requests
from commerce_pipelines_tests.doubles.lane import Lane, Server, numbered
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.privacy.test_erase import buy, contacts, invoice, raw_of


def email_of(order_id: str) -> str:
    return f"{order_id.lower()}@example.com"


def sell(odoo: Server, lane: Lane, *order_ids: str) -> None:
    """An order of each of as many persons, delivered."""
    for order_id in order_ids:
        buy(lane, order_id, f"Kanari {order_id}", email_of(order_id))
    lane.run()
    transfers = [transfer for sale in lane.sales(*order_ids) for transfer in sale["picking_ids"]]
    open_administrator(odoo).call("stock.picking", "button_validate", ids=transfers, context={"skip_sms": True})


def ask(lane: Lane, *order_ids: str) -> dict[int, str]:
    """Requests as a marketplace's messages make them: numbers, with the order of the person."""
    numbers = {}
    with lane.connections.warehouse.transaction() as connection:
        for order_id in order_ids:
            subject = lane.connections.vault.subject_id(f"email:{email_of(order_id)}").hex()
            now = lane.connections.instruments.now()
            numbers[requests.ask(connection, "tests", {subject}, (), now)] = order_id
    return numbers


def carry_out(lane: Lane, numbers: dict[int, str]) -> dict[str, Result]:
    return {numbers[result.number]: result for result in resume(lane.connections) if result.number in numbers}


def refuse_contact(monkeypatch: pytest.MonkeyPatch, contact: int) -> None:
    """Odoo refuses every change of this contact."""
    call = Client.call

    def refuse(self: Client, model: str, method: str, ids: Any = None, **named: Any) -> Any:
        if (model, method) == ("res.partner", "write") and contact in ids:
            raise OdooRefusal("res.partner.write")
        return call(self, model, method, ids, **named)

    monkeypatch.setattr(Client, "call", refuse)


def contact_of(odoo: Server, lane: Lane, order_id: str) -> int:
    [number] = {row["id"] for row in contacts(odoo, lane, order_id) if row["email"]}
    return int(number)


def test_a_dozen_persons_take_as_many_calls_as_one(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    if odoo.calls is None:
        pytest.skip("a real Odoo keeps no record of calls")
    first, *others = numbered(request, 13)
    sell(odoo, lane, first, *others)
    counts = []
    for order_ids in ([first], others):
        numbers, before = ask(lane, *order_ids), len(odoo.calls)
        results = carry_out(lane, numbers)
        counts.append(len(odoo.calls) - before)
        for order_id in order_ids:
            certificate = results[order_id].certificate
            assert results[order_id].done
            rows = contacts(odoo, lane, order_id)
            assert {row["name"] for row in rows} == {"Erased"}
            assert certificate["contacts_made_anonymous"] == len(rows)
            assert (certificate["orders"], certificate["keys_destroyed"]) == ({lane.name: 1}, 1)
            assert raw_of(lane, order_id) is None
    assert counts[1] <= counts[0] < 60


def test_what_odoo_refuses_of_one_person_holds_up_nobody_else(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, waiting, *others = order_ids = numbered(request, 5)
    sell(odoo, lane, refused, *others)
    buy(lane, waiting, "Kanari", email_of(waiting))
    lane.run()
    note = {"model": "res.partner", "res_id": contact_of(odoo, lane, others[0]), "body": "Called."}
    open_administrator(odoo).call("mail.message", "create", vals_list=[note])
    numbers = ask(lane, *order_ids)
    refuse_contact(monkeypatch, contact_of(odoo, lane, refused))
    results = carry_out(lane, numbers)
    monkeypatch.undo()
    codes = {order_id: [reason["code"] for reason in results[order_id].certificate.get("waits", ())]
             for order_id in order_ids}  # fmt: skip
    assert codes == {refused: ["refused"], waiting: ["delivery_open"], **{order_id: [] for order_id in others}}
    assert {order_id for order_id in order_ids if raw_of(lane, order_id) is None} == set(others)
    for order_id in others:
        assert results[order_id].certificate["contacts_made_anonymous"] == len(contacts(odoo, lane, order_id))
    if odoo.calls is not None:  # a real Odoo writes messages by itself
        deleted = [results[order_id].certificate["deleted_in_odoo"] for order_id in others]
        assert deleted == [{"mail.message": 1}, {}, {}]
    assert {order_id: result.done for order_id, result in carry_out(lane, numbers).items()} == {
        refused: True, waiting: False,
    }  # fmt: skip


@pytest.mark.parametrize("where", ["contacts_anonymous", "keys_destroyed"])
def test_what_was_killed_halfway_is_finished_by_the_next_pass(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    order_ids = [f"{order_id}-{where}" for order_id in numbered(request, 2)]
    sell(odoo, lane, *order_ids)
    numbers = ask(lane, *order_ids)

    class Killed(BaseException): ...

    def die(name: str) -> None:
        if name == where:
            raise Killed

    monkeypatch.setattr(flow, "failpoint", die)
    with pytest.raises(Killed):
        resume(lane.connections)
    monkeypatch.undo()
    assert all(result.done for result in carry_out(lane, numbers).values())
    for order_id in order_ids:
        assert {row["name"] for row in contacts(odoo, lane, order_id)} == {"Erased"}
        assert raw_of(lane, order_id) is None
    assert carry_out(lane, numbers) == {}


def test_who_buys_while_the_pass_goes_on_waits_and_the_others_do_not(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, other, again = numbered(request, 3)
    sell(odoo, lane, buyer, other)
    numbers = ask(lane, buyer, other)

    def order_once_more(name: str) -> None:
        if name == "contacts_anonymous":
            lane.put(lane.order(again, buyer=Buyer(name="Kanari", email=email_of(buyer))))
            pull(lane.connections, lane.name, lane.day, lane.day + timedelta(days=1))

    monkeypatch.setattr(flow, "failpoint", order_once_more)
    results = carry_out(lane, numbers)
    monkeypatch.undo()
    assert {order_id: result.done for order_id, result in results.items()} == {buyer: False, other: True}
    assert (raw_of(lane, buyer) is None, raw_of(lane, again) is None, raw_of(lane, other) is None) == (
        False, False, True,
    )  # fmt: skip
    [left] = carry_out(lane, numbers).values()
    assert {reason["code"] for reason in left.certificate["waits"]} == {"order_open"}  # the new one is not in Odoo yet


def test_of_two_kept_recipients_one_that_odoo_refuses_does_not_keep_the_other(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, other = order_ids = numbered(request, 2)
    sell(odoo, lane, *order_ids)
    for order_id in order_ids:
        invoice(odoo, lane, order_id)
    number = contact_of(odoo, lane, refused)
    numbers = ask(lane, *order_ids)
    assert all(len(result.certificate["kept"]) == 1 for result in carry_out(lane, numbers).values())
    now = lane.connections.instruments.now()
    lane.connections.instruments = replace(lane.connections.instruments, now=lambda: now + timedelta(days=9 * 366))
    refuse_contact(monkeypatch, number)
    results = carry_out(lane, numbers)
    monkeypatch.undo()
    assert (results[refused].done, results[other].done) == (False, True)
    assert {row["name"] for row in contacts(odoo, lane, other)} == {"Erased"}
    assert {row["name"] for row in contacts(odoo, lane, refused)} != {"Erased"}
    assert [order_id for order_id, result in carry_out(lane, numbers).items() if result.done] == [refused]


def test_two_requests_about_one_person_are_both_answered(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    sell(odoo, lane, order_id)
    twice = {**ask(lane, order_id), **ask(lane, order_id)}
    assert [result.done for result in resume(lane.connections) if result.number in twice] == [True, True]
    assert raw_of(lane, order_id) is None


def test_persons_are_not_mixed_up(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    """One landed her first order without an address, so two subjects lead to her; the other one is not asked for."""
    first, second, stranger = numbered(request, 3)
    order = buy(lane, first, "Kanari", "")
    buy(lane, stranger, "Somebody Else", email_of(stranger))
    lane.run()
    lane.put(msgspec.structs.replace(
        order, buyer=Buyer(name="Kanari", email=email_of(first)), updated_at=order.updated_at + timedelta(minutes=1)
    ))  # fmt: skip
    sell(odoo, lane, second)
    transfers = [transfer for sale in lane.sales(first, stranger) for transfer in sale["picking_ids"]]
    open_administrator(odoo).call("stock.picking", "button_validate", ids=transfers, context={"skip_sms": True})
    results = carry_out(lane, ask(lane, first, second))
    assert {order_id: result.certificate["keys_destroyed"] for order_id, result in results.items()} == {
        first: 2, second: 1,
    }  # fmt: skip
    assert raw_of(lane, stranger) is not None
    assert all(row["active"] for row in contacts(odoo, lane, stranger))
    assert lane.connections.landing(lane.name, Topic.ORDERS).newest_of([first])[first].raw is None
