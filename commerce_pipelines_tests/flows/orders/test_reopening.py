"""An order that Odoo lets change only as a quotation: what a person changed on its header stays, the rest follows."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines.domain.orders.order import Order, OrderStatus
from commerce_pipelines_tests.doubles.lane import PAPER, RUN, Lane, line, numbered
from commerce_pipelines_tests.flows.orders.test_marks import next_run

HEAD = ("client_order_ref", "origin", "user_id", "tag_ids", "warehouse_id", "carrier_id", "partner_shipping_id")


def header(lane: Lane, order: Order) -> dict[str, Any]:
    odoo, sale_id = lane.person, lane.ledger(order.order_id)["odoo_id"]
    (row,) = odoo.call("sale.order", "read", [sale_id], fields=[*HEAD, "state", "order_line"], load=None)
    return dict(row)


def products(lane: Lane, order: Order) -> list[str]:
    odoo = lane.person
    rows = odoo.call(
        "sale.order.line", "read", header(lane, order)["order_line"], fields=["product_id", "product_uom_qty"]
    )
    return [row["product_id"][1] for row in rows if row["product_uom_qty"]]


@pytest.fixture
def carriers(odoo: Any, connect: Any) -> tuple[str, str, int]:
    """(name of one, name of another, id of a third) delivery method, made in the very Odoo."""
    client = connect().person
    names = [f"Carrier {RUN} {letter}" for letter in "ABC"]
    rows = client.call("delivery.carrier", "search_read", domain=[["name", "in", names]], fields=["name"], load=None)
    ids = {row["name"]: row["id"] for row in rows}
    if len(ids) < 3:
        [service] = client.call("product.product", "create", vals_list=[{"name": f"Fee {RUN}", "type": "service"}])
        made = client.call("delivery.carrier", "create",
                           vals_list=[{"name": name, "product_id": service} for name in names])  # fmt: skip
        ids = dict(zip(names, made, strict=True))
    return names[0], names[1], ids[names[2]]


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_a_person_changed_on_the_header_stays_when_the_order_is_reopened(
    connect: Any, request: pytest.FixtureRequest, carriers: tuple[str, str, int], cancelled: bool
) -> None:
    first, second, chosen = carriers
    lane = connect(f"carriers: {{Standard: {first}, Express: {second}}}, ")
    (number,) = numbered(request)
    order = lane.order(f"{number}-{cancelled}", service="Standard")
    lane.put(order)
    lane.run()
    odoo, before = lane.person, header(lane, order)
    [tag] = odoo.call("crm.tag", "create", vals_list=[{"name": f"VIP {RUN}{order.order_id}"}])
    who = odoo.who.uid
    vals = {"user_id": who, "tag_ids": [[4, tag, 0]], "carrier_id": chosen, "client_order_ref": f"#{order.order_id}",
            "origin": "by hand"}  # fmt: skip
    odoo.call("sale.order", "write", [lane.ledger(order.order_id)["odoo_id"]], vals=vals)
    if cancelled:
        order = next_run(lane, order, status=OrderStatus.CANCELLED)
    other = {"status": OrderStatus.PAID, "lines": (line(1690, PAPER),), "total": 1690}
    after = next_run(lane, order, **other)
    now = header(lane, after)
    assert (now["state"], len(products(lane, after))) == ("sale", 1)
    assert PAPER in products(lane, after)[0]
    stayed = {key: now[key] for key in ("user_id", "origin", "carrier_id", "warehouse_id", "partner_shipping_id")}
    assert stayed == {"user_id": who, "origin": "by hand", "carrier_id": chosen,
                      **{key: before[key] for key in ("warehouse_id", "partner_shipping_id")}}  # fmt: skip
    assert tag in now["tag_ids"]
    # a run that died after the order was set back to a quotation goes on
    sale_id = lane.ledger(order.order_id)["odoo_id"]
    odoo.call("sale.order", "action_cancel", [sale_id])
    odoo.call("sale.order", "action_draft", [sale_id])
    after = next_run(lane, after, number=after.number, buyer=after.buyer)
    assert (header(lane, after)["state"], header(lane, after)["origin"]) == ("sale", "by hand")
    # what the channel changed follows
    back = {"lines": order.lines, "total": order.total, "service": "Express"}
    last = header(lane, next_run(lane, after, **back))
    [express] = odoo.call("delivery.carrier", "search", domain=[["name", "=", second]])
    assert (last["carrier_id"], last["user_id"], last["origin"]) == (express, who, "by hand")
