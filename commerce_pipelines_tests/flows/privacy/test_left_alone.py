"""What an erasure leaves alone in Odoo: contacts that a person has to decide about, and what belongs to these."""

from __future__ import annotations

import pytest

from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines_tests.doubles.lane import MUG, Lane, Server
from commerce_pipelines_tests.flows.conftest import open_administrator
from commerce_pipelines_tests.flows.privacy.test_erase import buy, forget, person, raw_of, ship


def sell_by_hand(client: Client, partner: int) -> int:
    """An order that came from no channel, shipped; returns its transfer."""
    [product] = client.call("product.product", "search", domain=[["default_code", "=", MUG]])
    line = {"product_id": product, "product_uom_qty": 1, "price_unit": 5}
    values = {"partner_id": partner, "order_line": [[0, 0, line]]}
    [sale] = client.call("sale.order", "create", vals_list=[values])
    client.call("sale.order", "action_confirm", ids=[sale])
    [row] = client.call("sale.order", "read", ids=[sale], fields=["picking_ids"], load=None)
    [transfer] = row["picking_ids"]
    client.call("stock.picking", "button_validate", ids=[transfer], context={"skip_sms": True})
    return int(transfer)


def test_transfers_of_a_contact_that_is_left_alone_keep_what_hangs_on_them(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    """The person's order of the channel is cleared; the one at the counter is not, because it needs its contact."""
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    client = open_administrator(odoo)
    [sale] = lane.sales(order_id)
    by_hand, ours = sell_by_hand(client, sale["partner_id"]), sale["picking_ids"][0]
    notes = {
        transfer: client.call("mail.message", "create", vals_list=[
            {"model": "stock.picking", "res_id": transfer, "body": f"Ring at {name}'s"}
        ])[0]
        for transfer in (by_hand, ours)
    }  # fmt: skip
    result = forget(lane, email=email)
    assert result.done
    assert {"partner_id": sale["partner_id"], "why": "elsewhere"} in result.certificate["left"]
    assert raw_of(lane, order_id) is None
    left = client.call("mail.message", "search", domain=[["id", "in", list(notes.values())]])
    assert left == [notes[by_hand]]
    [contact] = client.call("res.partner", "read", ids=[sale["partner_id"]], fields=["name", "active"], load=None)
    assert (contact["name"], contact["active"]) == (name, True)
