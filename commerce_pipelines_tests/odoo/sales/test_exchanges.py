"""What is sold in exchange for goods that come back is added to an order that was delivered and invoiced; nothing is
added where a person sends or sells it, and nothing is added twice."""

from __future__ import annotations

import msgspec
import pytest

from commerce_pipelines.domain.sales.draft import DraftLine, SaleDraft
from commerce_pipelines_tests.doubles.odoo import World, draft, line
from commerce_pipelines_tests.doubles.refunds import Merchant


class Sold:
    """Two mugs, delivered and invoiced, and the order with a pot for one of them."""

    def __init__(self, world: World) -> None:
        self.world, self.merchant = world, Merchant(world)
        self.mug, self.pot = world.product(), world.product(stock=5)
        self.order = draft(line("1", self.mug, 2, 2000))
        world.load(self.order)
        world.ship(self.order)
        self.merchant.invoice(self.order)
        self.exchanged = self.add(exchange("2", self.pot))

    def add(self, *lines: DraftLine) -> SaleDraft:
        whole = (*self.order.lines, *lines)
        return msgspec.structs.replace(self.order, lines=whole, total=sum(part.amount for part in whole))

    def load(self, order: SaleDraft | None = None) -> tuple[str, list[str]]:
        [outcome] = self.world.load(order or self.exchanged)
        assert outcome.reason is None
        return outcome.action.value, [flag.code for flag in outcome.flags]


def exchange(line_id: str, product: tuple[int, str], amount: int = 2500) -> DraftLine:
    return msgspec.structs.replace(line(line_id, product, 1, amount), is_exchange=True)


def test_goods_that_are_sent_again_name_their_order_and_are_delivered(world: World) -> None:
    mug = world.product()
    order = draft(line("1", mug, 1, 0), replaces="302-1")
    [outcome] = world.load(order)
    assert (outcome.state, outcome.amount_total, world.reserved(mug[0])) == ("sale", 0, 1)
    assert world.order(order, "origin")["origin"] == f"shop_test {order.order_id}, replaces 302-1"


@pytest.fixture
def sold(world: World) -> Sold:
    return Sold(world)


@pytest.mark.parametrize("times", [0, 1, 2])
def test_it_is_one_line_and_one_delivery_whatever_answers_are_lost(sold: Sold, times: int) -> None:
    sold.world.transport.lose["sale.order", "load"] = times
    assert sold.load() == ("changed", [])
    assert sold.load() == ("unchanged", [])
    assert [(row["price_unit"], row["product_uom_qty"]) for row in sold.world.lines(sold.order)] == [
        (10.0, 2), (25.0, 1)
    ]  # fmt: skip
    states = sorted((move["state"], move["product_uom_qty"]) for move in sold.world.moves(sold.order))
    assert states == [("assigned", 1), ("done", 2)]
    assert sold.world.reserved(sold.pot[0]) == 1


def test_the_same_product_is_a_line_of_its_own(sold: Sold) -> None:
    assert sold.load(sold.add(exchange("2", sold.mug, 1000))) == ("changed", [])
    assert [row["product_uom_qty"] for row in sold.world.lines(sold.order)] == [2, 1]


def test_any_other_change_of_such_an_order_stays_a_persons(sold: Sold) -> None:
    """G62."""
    assert sold.load(sold.add(line("2", sold.pot, 1, 2500))) == ("flagged", ["edited_after_shipping"])
    both = sold.add(exchange("2", sold.pot), line("3", sold.pot, 1, 2500))
    assert sold.load(both) == ("flagged", ["edited_after_shipping"])
    assert len(sold.world.lines(sold.order)) == 1


def test_it_changes_while_nothing_of_it_has_left(sold: Sold) -> None:
    sold.load()
    cheaper = sold.add(exchange("2", sold.pot, 2400))
    assert sold.load(cheaper) == ("changed", [])
    sold.world.ship(sold.order)
    assert sold.load() == ("flagged", ["edited_after_shipping"])
    assert [row["price_unit"] for row in sold.world.lines(sold.order)] == [10.0, 24.0]


def test_what_a_person_sells_instead_is_not_added_again(sold: Sold) -> None:
    sale = sold.world.order(sold.order)["id"]
    sold.world.create("sale.order.line", order_id=sale, product_id=sold.pot[0], product_uom_qty=1, price_unit=25.0)
    action, codes = sold.load()
    assert (action, "edited_after_shipping" in codes) == ("flagged", True)
    assert len(sold.world.lines(sold.order)) == 2


def test_what_a_person_sends_again_is_not_added_again(sold: Sold) -> None:
    """Return for Exchange on the delivery."""
    back = sold.merchant.take_back(sold.order, 1)
    [move] = sold.world.call(
        "stock.move", "search_read", domain=[["picking_id", "=", back]], fields=["product_id"], load=None
    )
    row = {"product_id": move["product_id"], "quantity": 1, "move_id": move["id"], "to_refund": True}
    wizard = sold.world.call(
        "stock.return.picking", "create",
        vals_list=[{"picking_id": back, "product_return_moves": [[0, 0, row]]}],
    )  # fmt: skip
    sold.world.call("stock.return.picking", "action_create_returns", ids=wizard)
    assert sold.load(sold.add(exchange("2", sold.mug, 1000))) == ("flagged", ["edited_after_shipping"])


def test_a_locked_order_is_left_until_it_is_unlocked(sold: Sold) -> None:
    sale = sold.world.order(sold.order)["id"]
    sold.world.call("sale.order", "action_lock", ids=[sale])
    assert sold.load() == ("flagged", ["order_locked"])
    sold.world.call("sale.order", "action_unlock", ids=[sale])
    assert sold.load() == ("changed", [])
