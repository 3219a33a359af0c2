"""Goods that a vendor sends to the buyer: told to the channel once, like any delivery, and their way back is not.

Only a real Odoo has the module stock_dropshipping, which makes such deliveries out of purchase orders.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Order
from commerce_pipelines.flows.fulfilment.confirm import Confirmed, confirm
from commerce_pipelines.flows.fulfilment.inputs import read_shipments
from commerce_pipelines.flows.identity import agree
from commerce_pipelines_tests.doubles.lane import Lane, line, numbered
from commerce_pipelines_tests.doubles.shipments import FULFILMENT, desk_of

from ..conftest import Server

VENDORS_NUMBER = "00340434161094042557"


@pytest.fixture
def lane(connect: Any, odoo: Server) -> Lane:
    if odoo.calls is not None:
        pytest.skip("the stand-in buys nothing: needs a real Odoo with the module stock_dropshipping")
    return connect(FULFILMENT)


def sell(lane: Lane, order_id: str, units: int) -> tuple[Order, int]:
    """An order of goods that a vendor sends, loaded; and the vendor."""
    person, code = lane.person, f"DROP-{secrets.token_hex(4)}".upper()
    [route] = person.call("ir.model.data", "search_read", fields=["res_id"], load=None,
                          domain=[["module", "=", "stock_dropshipping"], ["name", "=", "route_drop_shipping"]],
                          )  # fmt: skip
    [vendor] = person.call("res.partner", "create", vals_list=[{"name": f"Vendor {code}", "is_company": True}])
    person.call("product.product", "create", vals_list=[{
        "name": code, "default_code": code, "type": "consu", "is_storable": True,
        "route_ids": [[6, 0, [route["res_id"]]]],
        "seller_ids": [[0, 0, {"partner_id": vendor, "price": 3.0, "min_qty": 1}]],
    }])  # fmt: skip
    order = lane.order(order_id, line(1000 * units, code, units, "1"))
    lane.put(order)
    lane.run()
    agree(lane.connections, lane.name)
    return order, vendor


def send_by_vendor(lane: Lane, vendor: int, **vals: Any) -> int:
    """The purchase is confirmed, and what the vendor sent is validated; the transfer."""
    person = lane.person
    [purchase] = person.call("purchase.order", "search", domain=[["partner_id", "=", vendor]])
    person.call("purchase.order", "button_confirm", [purchase])
    [picking] = person.call("stock.picking", "search_read", domain=[["purchase_id", "=", purchase]],
                            fields=["picking_type_code"], load=None)  # fmt: skip
    assert picking["picking_type_code"] == "dropship"
    person.call("stock.picking", "write", [picking["id"]], vals=vals)
    context = {"skip_sms": True, "skip_backorder": True}
    assert person.call("stock.picking", "button_validate", [picking["id"]], context=context) is True
    return int(picking["id"])


def tell(lane: Lane) -> Confirmed:
    read_shipments(lane.connections)
    return confirm(lane.connections, lane.name)


def test_what_a_vendor_sends_is_told_once_and_its_way_back_is_not(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    _, vendor = sell(lane, order_id, 2)
    desk = desk_of(lane)
    assert tell(lane).parcels == 0  # the purchase is a draft
    picking = send_by_vendor(lane, vendor, carrier_tracking_ref=VENDORS_NUMBER)
    assert dict(tell(lane).outcomes) == {"accepted": 1}
    assert desk.parcels(order_id) == [(1, VENDORS_NUMBER, {"1": 2})]
    [move] = lane.person.call("stock.move", "search_read", domain=[["picking_id", "=", picking]],
                              fields=["product_id"], load=None)  # fmt: skip
    part = {"product_id": move["product_id"], "quantity": 1, "move_id": move["id"], "to_refund": True}
    values = {"picking_id": picking, "product_return_moves": [[0, 0, part]]}
    wizard = lane.person.call("stock.return.picking", "create", vals_list=[values])
    back = lane.person.call("stock.return.picking", "action_create_returns", wizard)["res_id"]
    context = {"skip_sms": True, "skip_backorder": True}
    assert lane.person.call("stock.picking", "button_validate", [back], context=context) is True
    assert tell(lane).parcels == 0
    assert len(desk.told) == 1
