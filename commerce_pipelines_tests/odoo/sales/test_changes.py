"""News about orders that Odoo has already: edits, cancellations, history, stock that is not there."""

from __future__ import annotations

from collections import Counter

import msgspec

from commerce_pipelines.domain.orders.order import Address, LineKind
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.sales.sale_orders import cancel_sales, sale_totals
from commerce_pipelines_tests.doubles.odoo import CHANNEL, World, changed, draft, line, service


def units(world: World, order: SaleDraft) -> Counter[int]:
    """Units that still leave the warehouse, by product; anything coming in would be negative."""
    counted: Counter[int] = Counter()
    for move in world.moves(order):
        counted[move["product_id"]] += move["product_uom_qty"]
    return counted


def test_an_edit_before_shipping_changes_the_order_its_delivery_and_its_reservation(world: World) -> None:
    kept, dropped, added = world.product(), world.product(), world.product()
    order = draft(line("1", kept, 3, 3000), line("2", dropped, 2, 2000), service(LineKind.SHIPPING, 490))
    world.load(order)
    edited = changed(order, line("1", kept, 1, 900), line("3", added, 4, 4000), service(LineKind.SHIPPING, 390))
    [outcome] = world.load(edited)
    assert (outcome.action, outcome.amount_total, outcome.state) == ("changed", 5290, "sale")
    assert world.order(edited, "date_order")["date_order"] == "2026-11-20 10:11:12"
    assert [(order_line["product_uom_qty"], order_line["price_total"]) for order_line in world.lines(edited)] == [
        (1, 9),
        (1, 3.9),
        (4, 40),
    ]
    assert units(world, edited) == Counter({kept[0]: 1, added[0]: 4})
    assert [world.reserved(product[0]) for product in (kept, dropped, added)] == [1, 0, 4]
    more = changed(edited, line("1", kept, 5, 4500), line("2", dropped, 1, 1000), service(LineKind.SHIPPING, 390))
    [outcome] = world.load(more)
    assert (outcome.action, outcome.amount_total) == ("changed", 5890)
    assert [world.reserved(product[0]) for product in (kept, dropped, added)] == [5, 1, 0]
    world.transport.calls.clear()
    assert [outcome.action for outcome in world.load(more)] == ["unchanged"]
    assert world.transport.writes() == []


def test_another_product_on_a_line_reopens_the_order(world: World) -> None:
    blue, green = world.product(), world.product()
    order = draft(line("1", blue, 2, 2000))
    [before] = world.load(order)
    edited = changed(order, line("1", green, 2, 2200))
    [after] = world.load(edited)
    assert (after.action, after.odoo_id, after.amount_total) == ("changed", before.odoo_id, 2200)
    assert units(world, edited) == Counter({green[0]: 2})
    assert [world.reserved(product[0]) for product in (blue, green)] == [0, 2]
    assert world.order(edited, "date_order")["date_order"] == "2026-11-20 10:11:12"


def test_a_new_tax_regime_changes_the_taxes_of_the_same_order(world: World) -> None:
    mug = world.product()
    order = draft(line("1", mug, 1, 11900))
    world.load(order)
    export = TaxKey("", 0, True, "export")
    swiss = Address(name="Anna", street="Gasse 1", city="Zürich", postcode="8001", country="CH")
    edited = changed(order, line("1", mug, 1, 11900, export), regime="export", tax_country="", shipping=swiss)
    [outcome] = world.load(edited)
    assert (outcome.action, outcome.amount_total, outcome.amount_tax) == ("changed", 11900, 0)
    assert world.order(edited, "fiscal_position_id")["fiscal_position_id"][1] == "Export"


def test_an_edit_after_shipping_is_told_and_nothing_is_touched(world: World) -> None:
    """G62."""
    mug = world.product()
    order = draft(line("1", mug, 2, 2000))
    world.load(order)
    world.ship(order)
    before = world.write_date(order)
    assert [outcome.action for outcome in world.load(order)] == ["unchanged"]
    world.transport.calls.clear()
    [outcome] = world.load(changed(order, line("1", mug, 1, 1000)))
    assert outcome.action == "flagged"
    [flag] = outcome.flags
    assert flag.code == "edited_after_shipping"
    assert f"{mug[1]}: was 2 for 20.00 EUR, is 1 for 10.00 EUR" in flag.message
    assert world.transport.writes() == []
    assert world.write_date(order) == before


def test_a_changed_address_is_followed_until_a_person_chose_another(world: World) -> None:
    mug = world.product()
    order = draft(line("1", mug, 1, 1000))
    world.load(order)
    ulm = Address(name=order.buyer.name, street="Weg 9", city="Ulm", postcode="89073", country="DE")
    moved = msgspec.structs.replace(order, shipping=ulm)
    assert [outcome.action for outcome in world.load(moved)] == ["changed"]
    shipping = world.order(moved, "partner_shipping_id", "picking_ids")
    [picking] = world.call("stock.picking", "read", ids=shipping["picking_ids"], fields=["partner_id"])
    assert picking["partner_id"] == shipping["partner_shipping_id"]
    [place] = world.call("res.partner", "read", ids=[shipping["partner_shipping_id"][0]], fields=["city"])
    assert place["city"] == "Ulm"
    chosen = world.create("res.partner", name="Neighbour", type="other", parent_id=shipping["partner_shipping_id"][0])
    world.call("sale.order", "write", ids=[shipping["id"]], vals={"partner_shipping_id": chosen})
    assert [outcome.action for outcome in world.load(moved)] == ["unchanged"]
    assert [outcome.action for outcome in world.load(changed(moved, line("1", mug, 2, 2000)))] == ["changed"]
    assert world.order(moved, "partner_shipping_id")["partner_shipping_id"][0] == chosen


def test_cancelling_before_shipping_releases_the_stock(world: World) -> None:
    """G58."""
    mug = world.product()
    order = draft(line("1", mug, 3, 3000))
    world.load(order)
    assert world.reserved(mug[0]) == 3
    cancelled, unknown = cancel_sales(world.client, CHANNEL, [order.order_id, "never-seen"])
    assert (cancelled.action, cancelled.state, unknown.action, unknown.odoo_id) == (
        "cancelled",
        "cancel",
        "cancelled",
        0,
    )
    assert world.reserved(mug[0]) == 0
    assert world.order(order)["state"] == "cancel"
    world.transport.calls.clear()
    assert [outcome.action for outcome in cancel_sales(world.client, CHANNEL, [order.order_id])] == ["cancelled"]
    assert world.transport.writes() == []


def test_an_order_that_we_cancelled_comes_back_when_the_channel_says_paid(world: World) -> None:
    mug = world.product()
    order = draft(line("1", mug, 3, 3000))
    world.load(order)
    list(cancel_sales(world.client, CHANNEL, [order.order_id]))
    [outcome] = world.load(changed(order, line("1", mug, 2, 2000)))
    assert (outcome.action, outcome.state, outcome.amount_total) == ("confirmed", "sale", 2000)
    assert units(world, order) == Counter({mug[0]: 2})
    assert world.reserved(mug[0]) == 2


def test_cancelling_after_shipping_is_flagged(world: World) -> None:
    """G59."""
    order = draft(line("1", world.product(), 1, 1000))
    world.load(order)
    world.ship(order)
    [outcome] = cancel_sales(world.client, CHANNEL, [order.order_id])
    assert (outcome.action, [flag.code for flag in outcome.flags]) == ("flagged", ["cancelled_after_shipping"])
    assert world.order(order)["state"] == "sale"
    assert sale_totals(world.client, CHANNEL, [order.order_id])[order.order_id].delivered


def test_lines_that_a_person_added_are_not_fought_over(world: World) -> None:
    mug, extra = world.product(), world.product()
    order = draft(line("1", mug, 1, 1000))
    [outcome] = world.load(order)
    world.create("sale.order.line", order_id=outcome.odoo_id, product_id=extra[0], product_uom_qty=1, price_unit=5)
    world.transport.calls.clear()
    [outcome] = world.load(order)
    assert (outcome.action, [flag.code for flag in outcome.flags]) == ("flagged", ["changed_in_odoo"])
    assert world.transport.writes() == []


def test_history_is_booked_without_delivery_and_without_reservation(world: World) -> None:
    mug = world.product()
    order = draft(line("1", mug, 3, 3000), history=True)
    [outcome] = world.load(order)
    assert (outcome.action, outcome.state, outcome.amount_total) == ("created", "sale", 3000)
    row = world.order(order, "date_order", "picking_ids")
    assert (row["date_order"], row["picking_ids"]) == ("2026-11-20 10:11:12", [])
    assert world.reserved(mug[0]) == 0
    edited = changed(order, line("1", mug, 2, 2000), history=False)  # the setting may have changed since
    assert [outcome.action for outcome in world.load(edited)] == ["changed"]
    assert world.moves(edited) == []


def test_more_than_there_is_is_loaded_and_flagged(world: World) -> None:
    scarce, ample = world.product(stock=2), world.product()
    order = draft(line("1", scarce, 5, 5000), line("2", ample, 1, 1000))
    fine = draft(line("1", ample, 1, 1000))
    short, good = world.load(order, fine)
    assert (short.action, good.action, good.flags) == ("created", "created", ())
    [flag] = short.flags
    assert (flag.code, flag.subject) == ("oversold", scarce[1])
    assert f"3 of {scarce[1]}" in flag.message


def kit_of(world: World, *parts: tuple[tuple[int, str], int]) -> tuple[int, str]:
    """A product whose parts leave the warehouse."""
    kit = world.product(stock=None)
    [row] = world.call("product.product", "read", ids=[kit[0]], fields=["product_tmpl_id"], load=None)
    lines = [[0, 0, {"product_id": part[0], "product_qty": count}] for part, count in parts]
    world.create("mrp.bom", product_tmpl_id=row["product_tmpl_id"], type="phantom", product_qty=1, bom_line_ids=lines)
    return kit


def test_kits_leave_by_their_parts_and_are_short_by_their_parts(world: World) -> None:
    cup, saucer = world.product(stock=100), world.product(stock=4)
    kit = kit_of(world, (cup, 2), (saucer, 1))
    order = draft(line("1", kit, 3, 3000))
    [outcome] = world.load(order)
    assert (outcome.action, outcome.flags) == ("created", ())
    assert units(world, order) == Counter({cup[0]: 6, saucer[0]: 3})
    fewer = changed(order, line("1", kit, 1, 1000))
    world.load(fewer)
    assert units(world, order) == Counter({cup[0]: 2, saucer[0]: 1})
    [outcome] = world.load(changed(order, line("1", kit, 6, 6000)))
    assert [flag.subject for flag in outcome.flags if flag.code == "oversold"] == [saucer[1]]


def test_a_quotation_that_was_left_behind_is_brought_in_line(world: World) -> None:
    """As after a crash between load and confirmation: a line that is gone by now must not be sold."""
    mug, lid = world.product(), world.product()
    half = draft(line("1", mug, 1, 1000), line("2", lid, 1, 500), total=9999)
    assert [outcome.code for outcome in world.load(half)] == ["total_differs"]
    whole = changed(half, line("1", mug, 2, 2000))
    [outcome] = world.load(whole)
    assert (outcome.action, outcome.amount_total) == ("confirmed", 2000)
    assert [order_line["product_uom_qty"] for order_line in world.lines(whole)] == [2]
