"""What the goods of deliveries are worth: all of them together exactly what the line was charged."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.fulfilment.deliveries import DeliveredLine, DeliveredOrder, Delivery, Piece
from commerce_pipelines.domain.fulfilment.shipment_plan import OrderedGoods, OrderedLine
from commerce_pipelines.domain.fulfilment.worth import measure_worth

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def goods(quantity: int, worth: int, pack: int = 1) -> OrderedGoods:
    line = OrderedLine(line_id="1", line="L", quantity=quantity, worth=worth, pack=pack)
    return OrderedGoods(order_id="A", placed_at=NOON, answered_at=NOON, lines=(line,), currency="EUR")


def deliver(*units: int, ordered: int) -> DeliveredOrder:
    """One delivery of so many units after the other, pickings 1, 2, 3 …"""
    deliveries = tuple(
        Delivery(picking=number, name=f"OUT/{number}", shipped_at=NOON,
                 pieces=(Piece(line="L", product=7, quantity=Decimal(count)),))
        for number, count in enumerate(units, 1)
    )  # fmt: skip
    line = DeliveredLine(line="L", ordered=Decimal(ordered), delivered=Decimal(min(sum(units), ordered)))
    return DeliveredOrder(odoo_id=1, name="S1", lines=(line,), deliveries=deliveries)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 10**6))
def test_the_deliveries_of_all_units_are_worth_what_the_line_was_charged(units: list[int], worth: int) -> None:
    shares = measure_worth(deliver(*units, ordered=sum(units)), goods(sum(units), worth))
    assert sum(shares.values()) == worth
    assert min(shares.values()) >= 0


def test_a_part_is_worth_its_share_and_a_unit_that_is_sent_once_more_nothing() -> None:
    assert measure_worth(deliver(1, 1, ordered=3), goods(3, 1000)) == {1: 333, 2: 333}
    assert measure_worth(deliver(2, 1, ordered=2), goods(2, 1000)) == {1: 1000, 2: 0}
    assert measure_worth(deliver(6, 12, ordered=18), goods(3, 900, pack=6)) == {1: 300, 2: 600}
