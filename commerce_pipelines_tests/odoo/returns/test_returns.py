"""Goods on their way back: expected once, received as far as the channel says, never more than was delivered."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
import pytest

from commerce_pipelines.domain.orders.order import Address
from commerce_pipelines.domain.returns.outcomes import ReturnAction, ReturnOutcome
from commerce_pipelines.domain.returns.records import Disposition, Return, ReturnLine, ReturnState
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.returns.documents import move_returns
from commerce_pipelines_tests.doubles.odoo import World, draft, line
from commerce_pipelines_tests.doubles.refunds import PAID_BACK, Merchant, books, goods, refund

ANNOUNCED, RECEIVED, CLOSED = ReturnState.ANNOUNCED, ReturnState.RECEIVED, ReturnState.CLOSED


@pytest.fixture
def merchant(world: World) -> Merchant:
    return Merchant(world)


def sell(merchant: Merchant, units: int = 3, shipped: bool = True, **product: Any) -> SaleDraft:
    """An order of a buyer with a telephone, to whom Odoo would send a text message."""
    place = Address(name="Anna", street="Weg 1", city="Köln", postcode="50667", country="DE", phone="+49 221 123456")
    order = draft(line("1", merchant.world.product(**product), units, 1000 * units), shipping=place)
    merchant.world.load(order)
    if shipped:
        pickings = sorted({move["picking_id"] for move in merchant.world.moves(order)})
        context = {"skip_sms": True}
        assert merchant.world.call("stock.picking", "button_validate", ids=pickings, context=context) is True
    return order


def back(order: SaleDraft, *lines: ReturnLine, state: ReturnState = ANNOUNCED, **more: Any) -> Return:
    return Return(**{
        "channel": order.channel, "return_id": f"RT{secrets.token_hex(6)}", "order_id": order.order_id,
        "created_at": PAID_BACK, "updated_at": PAID_BACK, "state": state, "lines": lines, "rma": "RMA-7", **more,
    })  # fmt: skip


def units(quantity: int, received: int = 0, line_id: str = "a", **more: Any) -> ReturnLine:
    return ReturnLine(line_id=line_id, quantity=quantity, received=received, order_line_id="1", **more)


def moved(record: Return, **changes: Any) -> Return:
    return msgspec.structs.replace(record, **changes)


def move(merchant: Merchant, *returns: Return, **rules: Any) -> list[ReturnOutcome]:
    return list(move_returns(merchant.world.client, books(**rules), returns))


def code_of(outcome: ReturnOutcome) -> str:
    return outcome.reason.code if outcome.reason else ""


def delivered(merchant: Merchant, order: SaleDraft) -> float:
    return merchant.status(order)[1][0][0]


def stock(merchant: Merchant, order: SaleDraft, location: int | None = None) -> float:
    """Units in the merchant's own stock, or in one location."""
    if location is None:
        [row] = merchant.world.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None,
                                    limit=1)  # fmt: skip
        location = row["lot_stock_id"]
    rows = merchant.world.call(
        "stock.quant", "search_read", fields=["quantity"], load=None,
        domain=[["product_id", "=", order.lines[0].product_id], ["location_id", "=", location]],
    )  # fmt: skip
    return sum(row["quantity"] for row in rows)


def quarantine(merchant: Merchant) -> tuple[str, int]:
    name = f"Quarantine {secrets.token_hex(3)}"
    return name, merchant.world.create("stock.location", name=name, usage="internal", location_id=False)


def test_expected_then_received(merchant: Merchant) -> None:
    """Stock moves once, when the goods are received; the order then counts one unit fewer."""
    order = sell(merchant)
    before, record = stock(merchant, order), back(order, units(1))
    [outcome] = move(merchant, record)
    [(picking, _, state)] = outcome.pickings
    assert (outcome.action, state, outcome.received) == (ReturnAction.OPENED, "assigned", 0)
    [row] = merchant.world.call("stock.picking", "read", ids=[picking], load=None,
                                fields=["origin", "return_id", "sale_id", "picking_type_code"])  # fmt: skip
    assert (row["origin"], row["picking_type_code"]) == ("RMA-7", "incoming")
    assert (row["sale_id"], bool(row["return_id"])) == (merchant.world.order(order)["id"], True)
    assert (delivered(merchant, order), stock(merchant, order)) == (3, before)
    [outcome] = move(merchant, moved(record, state=RECEIVED))
    assert (outcome.action, outcome.received, outcome.pickings[0][2]) == (ReturnAction.RECEIVED, 1, "done")
    assert (delivered(merchant, order), stock(merchant, order)) == (2, before + 1)
    merchant.world.transport.calls.clear()
    [outcome] = move(merchant, moved(record, state=RECEIVED))
    assert (outcome.action, merchant.world.transport.writes()) == (ReturnAction.UNCHANGED, [])


def test_received_in_parts(merchant: Merchant) -> None:
    order = sell(merchant)
    before, record = stock(merchant, order), back(order, units(3))
    move(merchant, record)
    for received in (1, 1, 3):
        [outcome] = move(merchant, moved(record, lines=(units(3, received),)))
        assert (outcome.received, stock(merchant, order)) == (received, before + received)
    assert delivered(merchant, order) == 0


def test_nothing_more_comes(merchant: Merchant) -> None:
    order = sell(merchant)
    record = back(order, units(3, 1))
    move(merchant, record)
    [outcome] = move(merchant, moved(record, state=CLOSED))
    assert sorted(state for _, _, state in outcome.pickings) == ["cancel", "done"]
    assert (outcome.received, delivered(merchant, order)) == (1, 2)


@pytest.mark.parametrize("state", [ReturnState.CANCELLED, ReturnState.DECLINED])
def test_a_return_that_is_called_off(merchant: Merchant, state: ReturnState) -> None:
    order = sell(merchant)
    record = back(order, units(1))
    asked = moved(record, state=ReturnState.REQUESTED)
    assert [outcome.action for outcome in move(merchant, asked)] == [ReturnAction.NOT_EXPECTED]
    move(merchant, record)
    [outcome] = move(merchant, moved(record, state=state))
    assert (outcome.action, outcome.pickings[0][2]) == (ReturnAction.CANCELLED, "cancel")
    [outcome] = move(merchant, moved(record, state=state))
    assert (outcome.action, delivered(merchant, order)) == (ReturnAction.CANCELLED, 3)


def test_never_more_than_was_delivered(merchant: Merchant) -> None:
    """What a person has opened counts as well."""
    order = sell(merchant)
    merchant.take_back(order, 1, receive=False)
    first, second = back(order, units(1)), back(order, units(2), created_at=PAID_BACK.replace(hour=23, minute=40))
    ok, over = move(merchant, first, second)
    assert (ok.action, code_of(over)) == (ReturnAction.OPENED, "exceeds_delivery")
    [outcome] = move(merchant, first, moved(second, lines=(units(1),)))[1:]
    assert outcome.action is ReturnAction.OPENED


def test_goods_that_were_never_sent_are_not_expected(merchant: Merchant) -> None:
    order = sell(merchant, shipped=False)
    [outcome] = move(merchant, back(order, units(1)))
    assert code_of(outcome) == "exceeds_delivery"
    [outcome] = move(merchant, back(draft(line("1", (1, "X"), 1, 100)), units(1)))
    assert code_of(outcome) == "order_not_in_odoo"


def test_the_quarantine_is_no_stock_and_damaged_goods_are_scrapped(merchant: Merchant) -> None:
    order = sell(merchant)
    before, (name, place) = stock(merchant, order), quarantine(merchant)
    record = back(
        order, units(1, 1, disposition=Disposition.SELLABLE), units(1, 1, "b", disposition=Disposition.DAMAGED),
        units(1, 1, "c"), state=RECEIVED,
    )  # fmt: skip
    [outcome] = move(merchant, record)
    assert code_of(outcome) == "no_quarantine"
    [outcome] = move(merchant, record, quarantine="Nowhere")
    assert code_of(outcome) == "unknown_location"
    [outcome] = move(merchant, record, quarantine=name)
    assert (code_of(outcome), outcome.received) == ("", 3)
    assert (stock(merchant, order), stock(merchant, order, place), delivered(merchant, order)) == (before + 1, 2, 0)
    for _ in range(2):
        move(merchant, record, quarantine=name, scrap=True)
        assert (stock(merchant, order), stock(merchant, order, place)) == (before + 1, 1)


def test_a_kit_comes_back_whole(merchant: Merchant) -> None:
    world = merchant.world
    parts = [world.product(), world.product()]
    kit = world.product(None)
    [row] = world.call("product.product", "read", ids=[kit[0]], fields=["product_tmpl_id"], load=None)
    world.create("mrp.bom", product_tmpl_id=row["product_tmpl_id"], type="phantom", product_qty=1, bom_line_ids=[
        [0, 0, {"product_id": part[0], "product_qty": needed}] for part, needed in zip(parts, (2, 1), strict=True)
    ])  # fmt: skip
    order = draft(line("1", kit, 3, 3000))
    world.load(order)
    world.ship(order)
    [outcome] = move(merchant, back(order, units(1), state=RECEIVED))
    assert (code_of(outcome), outcome.received, delivered(merchant, order)) == ("", 3, 2)


@pytest.mark.parametrize("count", [1, 2])
def test_a_serial_number_that_is_not_certain_waits_for_a_person(merchant: Merchant, count: int) -> None:
    """Of two that were delivered Odoo would take the first one."""
    if merchant.world.kind == "stand-in":
        pytest.skip("the stand-in asks for no numbers")
    world = merchant.world
    product = world.product(None, tracking="serial")
    [warehouse] = world.call("stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1)
    for _ in range(count):
        lot = world.create("stock.lot", name=f"SN{secrets.token_hex(4)}", product_id=product[0])
        world.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[{
            "product_id": product[0], "location_id": warehouse["lot_stock_id"], "lot_id": lot,
            "inventory_quantity_auto_apply": 1,
        }])  # fmt: skip
    order = draft(line("1", product, count, 1000))
    world.load(order)
    world.ship(order)
    record = back(order, units(1), state=RECEIVED)
    [outcome] = move(merchant, record)
    if count == 1:
        assert (code_of(outcome), outcome.received) == ("", 1)
        return
    assert (code_of(outcome), outcome.pickings[0][2]) == ("lot_needed", "assigned")
    lines = world.call("stock.move.line", "search", domain=[["picking_id", "=", outcome.pickings[0][0]]])
    world.call("stock.move.line", "write", ids=lines, vals={"lot_id": lot})
    merchant.receive(outcome.pickings[0][0])
    [outcome] = move(merchant, record)
    assert (code_of(outcome), outcome.received) == ("", 1)


def test_the_marketplace_s_warehouse_gets_its_own_units_back(merchant: Merchant) -> None:
    world, name = merchant.world, f"FBA {secrets.token_hex(3)}"
    warehouse = world.create("stock.warehouse", name=name, code=secrets.token_hex(2).upper())
    [row] = world.call("stock.warehouse", "read", ids=[warehouse], fields=["lot_stock_id"], load=None)
    product = world.product(None)
    world.call("stock.quant", "create", context={"inventory_mode": True}, vals_list=[
        {"product_id": product[0], "location_id": row["lot_stock_id"], "inventory_quantity_auto_apply": 5}
    ])  # fmt: skip
    order = draft(line("1", product, 2, 2000), warehouse=name)
    world.load(order)
    world.ship(order)
    move(merchant, back(order, units(1), state=RECEIVED))
    assert stock(merchant, order, row["lot_stock_id"]) == 4


@pytest.mark.parametrize("policy", ["order", "delivery"])
@pytest.mark.parametrize("first", ["goods", "money"])
def test_goods_and_money_end_in_nothing_to_invoice(merchant: Merchant, policy: str, first: str) -> None:
    """G70, by the lane alone: received here, credited there, in either order."""
    order = sell(merchant, invoice_policy=policy)
    merchant.invoice(order)
    record, money_back = back(order, units(1), state=RECEIVED), refund(order, goods(1000))
    if first == "money":
        merchant.credit(money_back)
    move(merchant, record)
    if first == "goods":
        merchant.credit(money_back)
    status, [(out, billed, open_units)] = merchant.status(order)
    assert (status, out, billed, open_units) == ("invoiced", 2, 2 if policy == "delivery" else 3, 0)


@pytest.mark.parametrize(
    "call",
    [
        ("stock.picking", "load"), ("stock.picking", "action_confirm"), ("stock.move", "web_save_multi"),
        ("stock.picking", "button_validate"),
    ],
    ids=".".join,
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 3])
def test_lost_answers(merchant: Merchant, call: tuple[str, str], times: int) -> None:
    order = sell(merchant)
    before = stock(merchant, order)
    merchant.world.transport.lose[call] = times
    [outcome] = move(merchant, back(order, units(2, 1), state=RECEIVED))
    assert merchant.world.transport.lose[call] < times
    assert (code_of(outcome), outcome.received, stock(merchant, order)) == ("", 1, before + 1)
    assert sorted(state for _, _, state in outcome.pickings) == ["assigned", "done"]


def test_a_person_receives_where_the_settings_say_so(merchant: Merchant) -> None:
    order = sell(merchant)
    [outcome] = move(merchant, back(order, units(1), state=RECEIVED), receipts="merchant")
    assert (outcome.action, outcome.received) == (ReturnAction.OPENED, 0)


def test_an_exchange_is_a_credit_and_a_new_claim(merchant: Merchant) -> None:
    """G63: 10.00 paid come back, something for 25.00 goes out: the customer owes 15.00, and a person is told what to
    sell until it is on the order."""
    order = sell(merchant, 1)
    [invoice] = merchant.invoice(order)
    merchant.pay(invoice)
    other, sku = merchant.world.product()
    record = back(order, units(1), state=RECEIVED, exchange_skus=(sku,))
    [outcome] = move(merchant, record)
    assert (outcome.action, [flag.code for flag in outcome.flags]) == (ReturnAction.RECEIVED, ["exchange_by_hand"])
    assert sku in outcome.flags[0].message
    [credited] = merchant.credit(refund(order, goods(1000), set_off=1000), refund_journal="Bank")
    assert (credited.amount_total, credited.state, credited.payment_state) == (1000, "posted", "not_paid")

    sale = merchant.world.order(order, "order_line")
    [row] = merchant.world.call("sale.order.line", "read", ids=sale["order_line"], fields=["tax_ids"], load=None)
    line_of_other = {"order_id": sale["id"], "product_id": other, "product_uom_qty": 1, "price_unit": 25.0}
    merchant.world.create("sale.order.line", **line_of_other, tax_ids=[[6, 0, row["tax_ids"]]])
    [outcome] = move(merchant, record)
    assert outcome.flags == ()
    merchant.invoice(order)
    owed = sum(move["amount_residual"] for move in merchant.moves(order, "out_invoice"))
    assert owed - sum(move["amount_residual"] for move in merchant.moves(order)) == 15.0


def test_the_same_product_sent_again_ends_an_exchange(merchant: Merchant) -> None:
    order = sell(merchant, 1)
    record = back(order, units(1), state=RECEIVED, exchange_skus=(order.lines[0].product_code,))
    [outcome] = move(merchant, record)
    assert [flag.code for flag in outcome.flags] == ["exchange_by_hand"]
    [came_back] = merchant.world.call(
        "stock.move", "search_read", domain=[["picking_id", "=", outcome.pickings[0][0]]], load=None,
        fields=["product_id", "picking_id"],
    )  # fmt: skip
    row = {"product_id": came_back["product_id"], "quantity": 1, "move_id": came_back["id"], "to_refund": True}
    values = {"picking_id": came_back["picking_id"], "product_return_moves": [[0, 0, row]]}
    wizard = merchant.world.call("stock.return.picking", "create", vals_list=[values])
    merchant.receive(merchant.world.call("stock.return.picking", "action_create_returns", ids=wizard)["res_id"])
    [outcome] = move(merchant, record)
    assert outcome.flags == ()
