"""The Odoo stand-in's sales and stock behave as Odoo 19's do. Each test runs on both servers."""

from __future__ import annotations

from typing import Any

import pytest

from commerce_pipelines_tests.sandbox.odoo_protocol import Refused, Server, fresh

CONFIRMED, PARTLY, READY, DONE, CANCELLED = "confirmed", "partially_available", "assigned", "done", "cancel"


def pickings(odoo: Server, order: int) -> list[tuple[str, str]]:
    """(direction, state) of an order's transfers, oldest first."""
    ids = sorted(odoo.read("sale.order", order, "picking_ids"))
    rows = odoo.call("stock.picking", "read", ids=ids, fields=["picking_type_code", "state"])
    return [(row["picking_type_code"], row["state"]) for row in rows]


def validate(odoo: Server, order: int, **context: Any) -> Any:
    ids = odoo.read("sale.order", order, "picking_ids")
    return odoo.call("stock.picking", "button_validate", ids=ids, context=context)


def test_confirming_reserves_what_there_is(odoo: Server) -> None:
    stored, plain = odoo.product(), odoo.product(is_storable=False)
    service = odoo.product(type="service", is_storable=False)
    odoo.count(stored, 6)
    lines = [{"product_id": stored, "product_uom_qty": 8}, {"product_id": plain, "product_uom_qty": 2}]
    lines.append({"product_id": service})
    order = odoo.order(*lines, confirm=True, date_order="2026-11-20 10:11:12")
    assert odoo.moves(order) == [(8.0, 6.0, PARTLY), (2.0, 2.0, READY)]
    assert pickings(odoo, order) == [("outgoing", READY)]
    assert odoo.stock(stored) == [(6.0, 6.0)]
    row = odoo.read("sale.order", order, "state", "delivery_status", "invoice_status", "date_order")
    assert row.pop("date_order") > "2026-11-21"  # the moment of confirming
    assert row == {"state": "sale", "delivery_status": "pending", "invoice_status": "to invoice"}
    draft = odoo.order({"product_id": service})
    again = odoo.call("sale.order", "action_confirm", ids=[draft, order])
    assert again == Refused(422, "odoo.exceptions.UserError", "Some orders are not in a state requiring confirmation.")
    assert odoo.read("sale.order", draft, "state") == "draft"


def test_skip_procurement_moves_nothing(odoo: Server) -> None:
    product = odoo.product()
    odoo.count(product, 3)
    order = odoo.order({"product_id": product})
    assert odoo.call("sale.order", "action_confirm", ids=[order], context={"skip_procurement": True}) is True
    assert (odoo.moves(order), odoo.stock(product)) == ([], [(3.0, 0.0)])
    assert odoo.read("sale.order", order, "state", "delivery_status") == {"state": "sale", "delivery_status": False}


def test_cancelling_gives_back_and_draft_begins_anew(odoo: Server) -> None:
    product = odoo.product()
    odoo.count(product, 5)
    order = odoo.order({"product_id": product, "product_uom_qty": 4}, confirm=True)
    assert odoo.call("sale.order", "unlink", ids=[order]).message.startswith("You can not delete a sent quotation")
    assert odoo.call("sale.order", "action_cancel", ids=[order]) is True
    assert (odoo.moves(order), odoo.stock(product)) == ([(4.0, 0.0, CANCELLED)], [(5.0, 0.0)])
    assert odoo.call("sale.order", "action_draft", ids=[order]) is True
    assert odoo.call("sale.order", "action_confirm", ids=[order]) is True
    assert odoo.moves(order) == [(4.0, 0.0, CANCELLED), (4.0, 4.0, READY)]


def test_editing_a_confirmed_order(odoo: Server) -> None:
    product, other = odoo.product(), odoo.product()
    odoo.count(product, 10)
    order = odoo.order({"product_id": product, "product_uom_qty": 8}, confirm=True)
    for units, moves in ((4, [(4.0, 4.0, READY)]), (6, [(6.0, 6.0, READY)]), (0, [(0.0, 0.0, CANCELLED)]),
                         (3, [(0.0, 0.0, CANCELLED), (3.0, 3.0, READY)])):  # fmt: skip
        assert odoo.change(order, units) is True
        assert odoo.moves(order) == moves
    assert odoo.call("sale.order", "write", ids=[order], vals={"order_line": [[0, 0, {"product_id": other}]]}) is True
    assert odoo.moves(order)[2:] == [(1.0, 0.0, CONFIRMED)]
    lines = odoo.read("sale.order", order, "order_line")
    pricelist = odoo.read("sale.order", order, "pricelist_id")
    for refused, sentence in (
        (odoo.call("sale.order", "write", ids=[order], vals={"pricelist_id": pricelist}),
         "You cannot change the pricelist of a confirmed order !"),
        (odoo.call("sale.order.line", "unlink", ids=lines[:1]), "Once a sales order is confirmed, you can't remove"),
        (odoo.call("sale.order.line", "write", ids=lines[:1], vals={"product_id": other}),
         "You cannot modify the product of this order line."),
    ):  # fmt: skip
        assert (refused.status, refused.name) == (422, "odoo.exceptions.UserError")
        assert refused.message.startswith(sentence)


def test_a_changed_order_date_makes_a_decrease_a_return(odoo: Server) -> None:
    """Moves merge only when their deadlines agree; a lead time written anew brings them together again."""
    product = odoo.product()
    odoo.count(product, 10)
    orders = [odoo.order({"product_id": product, "product_uom_qty": 4}, confirm=True) for _ in range(2)]
    odoo.call("sale.order", "write", ids=orders, vals={"date_order": "2026-11-20 10:11:12"})
    line = odoo.read("sale.order", orders[1], "order_line")
    odoo.call("sale.order.line", "write", ids=line, vals={"customer_lead": 0.0})
    for order in orders:
        odoo.change(order, 1)
    assert odoo.moves(orders[0]) == [(4.0, 4.0, READY), (3.0, 3.0, READY)]
    assert pickings(odoo, orders[0]) == [("outgoing", READY), ("incoming", READY)]
    assert odoo.moves(orders[1]) == [(1.0, 1.0, READY)]


def test_shipping_in_parts(odoo: Server) -> None:
    product = odoo.product()
    order = odoo.order({"product_id": product, "product_uom_qty": 5}, confirm=True)
    assert validate(odoo, order).message.startswith("Transfer trouble alert!")
    odoo.count(product, 2)  # what arrives is reserved for what waits
    assert odoo.moves(order) == [(5.0, 2.0, PARTLY)]
    assert validate(odoo, order)["res_model"] == "stock.backorder.confirmation"
    assert validate(odoo, order, skip_backorder=True) is True
    assert odoo.moves(order) == [(2.0, 2.0, DONE), (3.0, 0.0, CONFIRMED)]
    [line] = odoo.read("sale.order", order, "order_line")
    assert odoo.read("sale.order.line", line, "qty_delivered") == 2.0
    assert odoo.read("sale.order", order, "delivery_status") == "partial"
    assert odoo.stock(product) == [(0.0, 0.0)]
    refused = odoo.change(order, 1)
    assert refused.message.startswith("The ordered quantity of a sale order line cannot be decreased below")
    assert odoo.call("sale.order", "action_cancel", ids=[order]) is True
    assert pickings(odoo, order) == [("outgoing", DONE), ("outgoing", CANCELLED)]


def test_tracking_goes_with_the_transfer(odoo: Server) -> None:
    product, service = odoo.product(), odoo.product(type="service", is_storable=False)
    url = "https://tracking.example/<shipmenttrackingnumber>"
    carrier = odoo.new("delivery.carrier", name=fresh("Carrier"), product_id=service, tracking_url=url)
    odoo.count(product, 1)
    order = odoo.order({"product_id": product}, confirm=True, carrier_id=carrier)
    assert validate(odoo, order) is True
    [picking] = odoo.read("sale.order", order, "picking_ids")
    odoo.call("stock.picking", "write", ids=[picking], vals={"carrier_tracking_ref": "T 1"})
    row = odoo.read("stock.picking", picking, "carrier_id", "carrier_tracking_url", "sale_id", "state")
    assert row == {"carrier_id": carrier, "carrier_tracking_url": "https://tracking.example/T 1",
                   "sale_id": order, "state": DONE}  # fmt: skip
    shipped = [["sale_id", "=", order], ["picking_type_code", "=", "outgoing"], ["state", "=", "done"]]
    assert odoo.call("stock.picking", "search", domain=shipped) == [picking]


def test_kits_leave_as_their_components(odoo: Server) -> None:
    kit, cup, plate = odoo.product(), odoo.product(), odoo.product()
    odoo.count(cup, 7)
    odoo.count(plate, 4)
    parts = [[0, 0, {"product_id": cup, "product_qty": 2}], [0, 0, {"product_id": plate, "product_qty": 1}]]
    template = odoo.read("product.product", kit, "product_tmpl_id")
    odoo.new("mrp.bom", product_tmpl_id=template, type="phantom", bom_line_ids=parts)
    assert odoo.read("product.product", kit, "free_qty", "is_kits") == {"free_qty": 3.0, "is_kits": True}
    order = odoo.order({"product_id": kit, "product_uom_qty": 2}, confirm=True)
    assert odoo.moves(order) == [(4.0, 4.0, READY), (2.0, 2.0, READY)]
    assert odoo.read("product.product", kit, "free_qty") == 1.0
    odoo.change(order, 1)
    assert odoo.moves(order) == [(2.0, 2.0, READY), (1.0, 1.0, READY)]
    assert validate(odoo, order) is True
    [line] = odoo.read("sale.order", order, "order_line")
    assert odoo.read("sale.order.line", line, "qty_delivered") == 1.0


def test_units_of_measure(odoo: Server) -> None:
    product = odoo.product(list_price=2.0, taxes_id=[[6, 0, []]])
    six = odoo.first("uom.uom", ["name", "=", "Pack of 6"])
    order = odoo.order({"product_id": product, "product_uom_qty": 2, "product_uom_id": six}, confirm=True)
    assert odoo.moves(order) == [(12.0, 0.0, CONFIRMED)]
    assert odoo.read("sale.order", order, "amount_total") == 24.0


def test_counting(odoo: Server) -> None:
    product = odoo.product()
    quant = odoo.count(product, 5)
    assert odoo.count(product, 9) == quant
    values = {"product_id": product, "inventory_quantity_auto_apply": 3}
    values["location_id"] = odoo.read("stock.quant", quant, "location_id")
    # Without inventory_mode: one row more, nothing counted.
    junk = odoo.call("stock.quant", "create", vals_list=[values])
    assert junk != [quant]
    assert odoo.stock(product) == [(9.0, 0.0), (0.0, 0.0)]


def test_counting_less_than_is_reserved_takes_it_back(odoo: Server) -> None:
    product = odoo.product()
    odoo.count(product, 10)
    first, second = (odoo.order({"product_id": product, "product_uom_qty": n}, confirm=True) for n in (4, 5))
    odoo.count(product, 3)
    assert (odoo.moves(first), odoo.moves(second)) == ([(4.0, 3.0, PARTLY)], [(5.0, 0.0, CONFIRMED)])
    odoo.count(product, 10)
    assert (odoo.moves(first), odoo.moves(second)) == ([(4.0, 4.0, READY)], [(5.0, 5.0, READY)])
    assert odoo.stock(product) == [(10.0, 9.0)]


@pytest.mark.parametrize(
    ("context", "free"),
    [({}, 12.0), ({"warehouse_id": "WH"}, 3.0), ({"warehouse_id": "X"}, 9.0), ({"warehouse": "WH"}, 12.0)],
)
def test_free_quantity_by_warehouse(odoo: Server, context: dict[str, str], free: float) -> None:
    """The context key of older versions, `warehouse`, is ignored."""
    main = odoo.first("stock.warehouse")
    other = odoo.first("stock.warehouse", ["code", "=", "PARTY"], name="Parity", code="PARTY")
    product = odoo.product()
    odoo.count(product, 5, main)
    odoo.count(product, 9, other)
    odoo.order({"product_id": product, "product_uom_qty": 2}, confirm=True, warehouse_id=main)
    chosen = {key: main if code == "WH" else other for key, code in context.items()}
    fields = ["free_qty", "virtual_available"]
    [row] = odoo.call("product.product", "read", ids=[product], fields=fields, context=chosen)
    assert (row["free_qty"], row["virtual_available"]) == (free, free)


def test_receipts(odoo: Server) -> None:
    product = odoo.product()
    kind = odoo.read("stock.warehouse", odoo.first("stock.warehouse"), "in_type_id")
    move = [0, 0, {"product_id": product, "product_uom_qty": 12}]
    receipt = odoo.new("stock.picking", picking_type_id=kind, move_ids=[move])
    assert odoo.read("stock.picking", receipt, "state") == "draft"
    assert odoo.call("stock.picking", "action_confirm", ids=[receipt]) is True
    assert odoo.read("product.product", product, "incoming_qty", "free_qty") == {"incoming_qty": 12.0, "free_qty": 0.0}
    waiting = odoo.order({"product_id": product, "product_uom_qty": 5}, confirm=True)
    assert odoo.moves(waiting) == [(5.0, 0.0, CONFIRMED)]
    assert odoo.call("stock.picking", "button_validate", ids=[receipt]) is True
    assert odoo.moves(waiting) == [(5.0, 5.0, READY)]
    assert odoo.stock(product) == [(12.0, 5.0)]


def test_one_fast_call_reads_all_stock(odoo: Server) -> None:
    product = odoo.product()
    quant = odoo.count(product, 4)
    warehouses = odoo.call("stock.warehouse", "search_read", fields=["lot_stock_id"], load=None)
    lots = [row["lot_stock_id"] for row in warehouses]
    rows = odoo.call(
        "stock.quant", "search_read", fields=["product_id", "quantity", "reserved_quantity"], order="id", load=None,
        domain=[["location_id", "child_of", lots], ["location_id.usage", "=", "internal"]],
    )  # fmt: skip
    assert {"id": quant, "product_id": product, "quantity": 4.0, "reserved_quantity": 0.0} in rows


def test_a_customer_with_a_telephone_stops_every_validation(odoo: Server) -> None:
    """Module stock_sms asks first; the answer looks like any other action, and nothing is done."""
    product = odoo.product()
    odoo.count(product, 5)
    buyer = odoo.new("res.partner", name=fresh("Buyer"), phone="+4930123456")
    order = odoo.order({"product_id": product}, partner_id=buyer, confirm=True)
    company = odoo.read("sale.order", order, "company_id")
    names = ("stock_text_confirmation", "has_received_warning_stock_sms")
    before = odoo.read("res.company", company, *names)
    odoo.call("res.company", "write", ids=[company], vals=dict(zip(names, (True, False), strict=True)))
    try:
        for _ in range(2):
            assert validate(odoo, order)["res_model"] == "confirm.stock.sms"
            assert pickings(odoo, order) == [("outgoing", READY)]
        assert validate(odoo, order, skip_sms=True) is True
    finally:
        odoo.call("res.company", "write", ids=[company], vals=before)
    assert pickings(odoo, order) == [("outgoing", DONE)]


def test_what_lies_in_which_package(odoo: Server) -> None:
    product, other = odoo.product(), odoo.product()
    odoo.count(product, 5)
    odoo.count(other, 5)
    order = odoo.order({"product_id": product, "product_uom_qty": 2}, {"product_id": other}, confirm=True)
    [picking] = odoo.read("sale.order", order, "picking_ids")
    name = fresh("PACK")
    [package] = odoo.call("stock.picking", "action_put_in_pack", ids=[picking], package_name=name)
    assert odoo.read("stock.package", package, "name") == name
    assert validate(odoo, order) is True
    rows = odoo.call(
        "stock.move.line", "search_read", domain=[["picking_id", "=", picking]], order="id", load=None,
        fields=["product_id", "quantity", "result_package_id", "state"],
    )  # fmt: skip
    assert [(row["product_id"], row["quantity"], row["result_package_id"], row["state"]) for row in rows] == [
        (product, 2.0, package, DONE),
        (other, 1.0, package, DONE),
    ]


def test_the_ship_date_may_be_set_afterwards_and_a_done_transfer_is_validated_without_effect(odoo: Server) -> None:
    product = odoo.product()
    odoo.count(product, 5)
    order = odoo.order({"product_id": product}, confirm=True)
    [picking] = odoo.read("sale.order", order, "picking_ids")
    assert validate(odoo, order) is True
    odoo.call("stock.picking", "write", ids=[picking], vals={"date_done": "2026-11-02 03:04:05"})
    assert validate(odoo, order) is True
    assert odoo.read("stock.picking", picking, "date_done") == "2026-11-02 03:04:05"
    assert odoo.stock(product) == [(4.0, 0.0)]
