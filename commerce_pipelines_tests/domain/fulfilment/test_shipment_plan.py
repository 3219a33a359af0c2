"""What a channel is told of deliveries: single cases by name, and every history of deliveries, returns and re-reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.fulfilment.deliveries import (
    DeliveredLine,
    DeliveredOrder,
    Delivery,
    Piece,
    parcels_of,
    split_numbers,
    split_url,
)
from commerce_pipelines.domain.fulfilment.rules import FulfilmentRules, OtherCarrier
from commerce_pipelines.domain.fulfilment.shipment_plan import (
    OrderedGoods,
    OrderedLine,
    Plan,
    Recorded,
    plan,
    units_of,
)
from commerce_pipelines.domain.fulfilment.shipments import Shipment

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULES = FulfilmentRules(carriers={"DHL Paket": "DHL"})


def piece(quantity: float, line: str = "1", package: str = "", product: int = 7, own: bool = True) -> Piece:
    return Piece(line=line, product=product, quantity=Decimal(str(quantity)), own=own, package=package)


def delivery(picking: int, *pieces: Piece, numbers: tuple[str, ...] = ("A1",), method: str = "DHL Paket") -> Delivery:
    at = NOON + timedelta(hours=picking)
    return Delivery(
        picking=picking, name=f"OUT/{picking}", shipped_at=at, pieces=pieces, numbers=numbers, method=method
    )


def order(*deliveries: Delivery, delivered: float, ordered: float = 3, missing: float = 0) -> DeliveredOrder:
    line = DeliveredLine(
        line="1", ordered=Decimal(str(ordered)), delivered=Decimal(str(delivered)), missing=Decimal(str(missing))
    )
    return DeliveredOrder(odoo_id=1, name="S1", lines=(line,), deliveries=deliveries)


def goods(quantity: int = 3, shown: int = 0, pack: int = 1, at: datetime = NOON) -> OrderedGoods:
    line = OrderedLine(line_id="L1", line="1", quantity=quantity, shown=shown, pack=pack)
    return OrderedGoods(order_id="O1", placed_at=NOON, answered_at=at, lines=(line,))


def record_all(planned: Plan) -> list[Recorded]:
    return [
        Recorded(shipment=row.shipment, picking=row.parcel.delivery.picking, package=row.parcel.package)
        for row in planned.confirm
    ]


def decide(
    delivered: DeliveredOrder, of: OrderedGoods, records: list[Recorded], rules: FulfilmentRules = RULES
) -> Plan:
    return plan(delivered, of, records, rules, NOON + timedelta(days=9))


def summarise(planned: Plan) -> list[tuple[int, str, int]]:
    return [
        (row.shipment.parcel, row.shipment.tracking_number, units_of(row.shipment, "L1")) for row in planned.confirm
    ]


def test_a_delivery_and_its_backorder_are_two_parcels() -> None:
    first = delivery(1, piece(2))
    planned = decide(order(first, delivered=2, missing=1), goods(), [])
    assert summarise(planned) == [(1, "A1", 2)]
    shipment = planned.confirm[0].shipment
    assert (shipment.carrier, shipment.shipped_at, planned.confirm[0].key) == ("DHL", first.shipped_at, "1/1")
    records = record_all(planned)
    assert decide(order(first, delivered=2, missing=1), goods(), records).settled
    both = order(first, delivery(2, piece(1), numbers=("B2",)), delivered=3)
    for shown in (0, 2):  # the channel's answer may be older or newer than our confirmation
        assert summarise(decide(both, goods(shown=shown), records)) == [(2, "B2", 1)]


def test_deliveries_under_one_tracking_number_are_one_parcel() -> None:
    first, second, third = delivery(1, piece(1)), delivery(2, piece(1)), delivery(3, piece(1), numbers=("B2",))
    whole = order(first, third, second, delivered=3)
    planned = decide(whole, goods(), [])
    assert summarise(planned) == [(1, "A1", 2), (2, "B2", 1)]
    assert planned.untold == {1, 2, 3}
    records = record_all(planned)
    assert decide(whole, goods(), records).settled
    assert decide(whole, goods(), records).untold == frozenset()
    assert summarise(decide(whole, goods(), records[:1])) == [(2, "B2", 1)], "the units of A1 are not taken off B2"


def test_a_parcel_that_is_told_takes_no_more_goods() -> None:
    first = delivery(1, piece(1))
    records = record_all(decide(order(first, delivered=1, missing=2), goods(), []))
    later = order(first, delivery(2, piece(1)), delivery(3, piece(1)), delivered=3)
    assert summarise(decide(later, goods(), records)) == [(2, "A1", 2)]


def test_without_a_number_each_delivery_is_a_parcel() -> None:
    both = order(delivery(1, piece(1), numbers=()), delivery(2, piece(1), numbers=()), delivered=2)
    send = FulfilmentRules(carriers={"DHL Paket": "DHL"}, missing_tracking="send")
    assert summarise(decide(both, goods(), [], send)) == [(1, "", 1), (2, "", 1)]


def test_as_many_numbers_as_packages_are_pairs() -> None:
    pieces = (piece(1, package="P1"), piece(2, package="P2"))
    in_order = parcels_of(delivery(1, *pieces, numbers=("X", "Y")))
    assert [(parcel.package, parcel.number) for parcel in in_order] == [("P1", "X"), ("P2", "Y")]
    by_name = parcels_of(delivery(1, *pieces, numbers=("P2", "X")))
    assert [(parcel.package, parcel.number) for parcel in by_name] == [("P1", "X"), ("P2", "P2")]
    for odd in (("X", "Y", "Z"), ("X",), ()):
        (parcel,) = parcels_of(delivery(1, *pieces, numbers=odd))
        assert (parcel.number, *parcel.more) == (odd or ("",))
    (loose,) = parcels_of(delivery(1, *pieces, piece(1), numbers=("X", "Y", "Z")))
    assert loose.more == ("Y", "Z")
    planned = decide(order(delivery(1, *pieces, numbers=("X", "Y")), delivered=3), goods(), [])
    assert summarise(planned) == [(1, "X", 1), (2, "Y", 2)]


def test_numbers_and_addresses_in_one_field() -> None:
    assert split_numbers("X1, Y2;Z3 X1\n") == ("X1", "Y2", "Z3")
    assert split_numbers(" ") == ()
    url, several = "https://dhl.example/track?id=", "X1, Y2"
    assert split_url(f"{url}X1", "X1", ["X1"]) == f"{url}X1"
    assert split_url(f"{url}X1, Y2", several, ["X1", "Y2"]) == url
    assert split_url('[["X1", "https://a"]]', several, ["X1", "Y2"]) == ""
    parcels = parcels_of(
        msgspec.structs.replace(
            delivery(1, piece(1, package="a"), piece(1, package="b"), numbers=("X1", "Y2")), url=url
        )
    )
    assert [parcel.url for parcel in parcels] == [f"{url}X1", f"{url}Y2"]


def test_a_kit_is_whole_kits_and_leaves_with_its_last_component() -> None:
    """3 kits of 2 A and 1 B: 3 A and 1 B leave first, the rest later."""
    first = delivery(1, piece(3, product=1, own=False), piece(1, product=2, own=False))
    planned = decide(order(first, delivered=1), goods(), [])
    assert summarise(planned) == [(1, "A1", 1)]
    second = delivery(2, piece(3, product=1, own=False), piece(2, product=2, own=False), numbers=("B2",))
    both = order(first, second, delivered=3)
    assert summarise(decide(both, goods(), record_all(planned))) == [(2, "B2", 2)]
    assert summarise(decide(both, goods(), [])) == [(1, "A1", 1), (2, "B2", 2)]


def test_a_pack_of_six_is_one_unit_of_the_channel() -> None:
    first, second = delivery(1, piece(8)), delivery(2, piece(4), numbers=("B2",))
    assert summarise(decide(order(first, delivered=8, ordered=12, missing=4), goods(2, pack=6), [])) == [(1, "A1", 1)]
    both = order(first, second, delivered=12, ordered=12)
    assert summarise(decide(both, goods(2, pack=6), [])) == [(1, "A1", 1), (2, "B2", 1)]


def test_an_exchange_confirms_nothing_and_the_backorder_after_a_return_does() -> None:
    first = delivery(1, piece(2))
    records = record_all(decide(order(first, delivered=2, missing=1), goods(), []))
    again = delivery(2, piece(1), numbers=("B2",))
    exchanged = order(first, again, delivered=2, missing=1)  # one came back and went out again, one is still missing
    assert decide(exchanged, goods(shown=2), records).settled
    backorder = order(first, again, delivered=2)  # one came back, and the third went out
    assert summarise(decide(backorder, goods(shown=2), records)) == [(2, "B2", 1)]


def test_units_confirmed_by_hand_are_not_confirmed_again() -> None:
    both = (delivery(1, piece(1)), delivery(2, piece(2), numbers=("B2",)))
    assert summarise(decide(order(*both, delivered=3), goods(shown=1), [])) == [(1, "B2", 2)]
    assert decide(order(both[0], delivered=1, missing=2), goods(shown=1), []).settled
    assert decide(order(*both, delivered=3), goods(shown=3), []).settled


def test_units_confirmed_by_hand_before_ours_are_counted_though_the_answer_is_old() -> None:
    """The answer shows what a person confirmed, and cannot show yet what we confirmed after it."""
    both = order(delivery(1, piece(1)), delivery(2, piece(1), numbers=("B2",)), delivered=2, ordered=2)
    planned = decide(both, goods(2, shown=1), [])
    assert summarise(planned) == [(1, "B2", 1)]
    sent = [msgspec.structs.replace(record, sent_at=NOON + timedelta(hours=5)) for record in record_all(planned)]
    assert decide(both, goods(2, shown=1), sent).settled
    assert decide(both, goods(2, shown=2, at=NOON + timedelta(hours=6)), sent).settled
    third = order(*both.deliveries, delivery(3, piece(1), numbers=("C3",)), delivered=3)
    assert summarise(decide(third, goods(3, shown=1), sent)) == [(2, "C3", 1)]
    assert summarise(decide(third, goods(3, shown=2, at=NOON + timedelta(hours=6)), sent)) == [(2, "C3", 1)]


def test_more_than_ordered_is_never_confirmed() -> None:
    planned = decide(order(delivery(1, piece(5)), delivered=5), goods(), [])
    assert summarise(planned) == [(1, "A1", 3)]


def test_a_missing_number_and_an_unmapped_carrier_wait_and_the_others_go() -> None:
    bare, strange = delivery(1, piece(1), numbers=()), delivery(2, piece(1), method="Bote")
    delivered = order(bare, strange, delivery(3, piece(1), numbers=("C3",)), delivered=3)
    planned = decide(delivered, goods(), [])
    assert summarise(planned) == [(1, "C3", 1)]
    assert [reason.code for reason in planned.waits] == ["no_tracking", "unmapped_carrier"]
    rules = FulfilmentRules(carriers={"Bote": OtherCarrier(other="Hausbote"), "": "DHL"}, missing_tracking="send")
    shipments = [row.shipment for row in decide(delivered, goods(), record_all(planned), rules).confirm]
    assert [(shipment.tracking_number, shipment.carrier, shipment.carrier_name) for shipment in shipments] == [
        ("", "DHL", ""),
        ("A1", "", "Hausbote"),
    ]
    assert [shipment.parcel for shipment in shipments] == [2, 3], (
        "the number of a confirmed parcel is never given again"
    )


def test_a_number_typed_later_corrects_the_parcel() -> None:
    bare = delivery(1, piece(3), numbers=())
    rules = FulfilmentRules(carriers={"DHL Paket": "DHL"}, missing_tracking="send")
    records = record_all(decide(order(bare, delivered=3), goods(), [], rules))
    typed = order(delivery(1, piece(3), numbers=("A1", "B2")), delivered=3)
    planned = decide(typed, goods(shown=3), records, rules)
    (correction,) = planned.correct
    assert planned.confirm == ()
    assert correction.key == records[0].key
    assert (correction.shipment.tracking_number, correction.shipment.more_numbers) == ("A1", ("B2",))
    assert correction.shipment.lines == records[0].shipment.lines
    corrected = [msgspec.structs.replace(records[0], shipment=correction.shipment)]
    assert decide(typed, goods(shown=3), corrected, rules).settled
    unsure = [msgspec.structs.replace(records[0], accepted=False)]
    assert not decide(typed, goods(shown=3), unsure, rules).correct, "what is in doubt is not corrected"


def test_a_parcel_that_was_not_begun_keeps_its_number_and_follows_odoo() -> None:
    records = record_all(decide(order(delivery(1, piece(3)), delivered=3), goods(), []))
    waiting = [msgspec.structs.replace(record, begun=False, accepted=False) for record in records]
    renumbered = decide(order(delivery(1, piece(3), numbers=("Z9",)), delivered=3), goods(), waiting)
    assert summarise(renumbered) == [(1, "Z9", 3)]
    assert renumbered.withdraw == ()
    gone = decide(order(delivery(1, piece(3), numbers=()), delivered=3), goods(), waiting)
    assert (gone.confirm, gone.withdraw) == ((), ("1/1",))


def test_the_ship_date_is_never_in_the_future_nor_before_the_order() -> None:
    early = msgspec.structs.replace(delivery(1, piece(3)), shipped_at=NOON - timedelta(days=1))
    late = msgspec.structs.replace(delivery(1, piece(3)), shipped_at=NOON + timedelta(days=30))
    assert decide(order(early, delivered=3), goods(), []).confirm[0].shipment.shipped_at == NOON
    assert decide(order(late, delivered=3), goods(), []).confirm[0].shipment.shipped_at == NOON + timedelta(days=9)


class Warehouse:
    """One line of an order in Odoo: what leaves, comes back, is exchanged; as Odoo counts it."""

    def __init__(self, ordered: int) -> None:
        self.ordered = ordered
        self.left = 0  # units that left for the first time
        self.back = 0
        self.to_exchange = 0
        self.cancelled = 0
        self.deliveries: list[Delivery] = []

    def ship(self, units: int, packages: int) -> None:
        units = min(units, self.ordered - self.left - self.cancelled)
        self.left += units
        self._add(units, packages)

    def bring_back(self, units: int) -> None:
        self.back += min(units, self._count_out())
        self.to_exchange = self.back

    def exchange(self, units: int) -> None:
        units = min(units, self.to_exchange)
        self.to_exchange -= units
        self.back -= units
        self._add(units, 1)

    def drop(self, units: int) -> None:
        self.cancelled += min(units, self.ordered - self.left - self.cancelled)

    def _count_out(self) -> int:
        return self.left - self.back

    def _add(self, units: int, packages: int) -> None:
        picking = len(self.deliveries) + 1
        parts = [units // packages + (number < units % packages) for number in range(packages)]
        pieces = tuple(piece(part, package=f"{picking}.{number}") for number, part in enumerate(parts) if part)
        numbers = tuple(f"T{picking}.{number}" for number in range(len(pieces)))
        if pieces:
            self.deliveries.append(delivery(picking, *pieces, numbers=numbers))

    def read(self) -> DeliveredOrder:
        missing = self.ordered - self.left + self.to_exchange  # open moves, exchanges too, and cancelled ones
        return order(*self.deliveries, delivered=self._count_out(), ordered=self.ordered, missing=missing)


STEPS = st.lists(
    st.tuples(st.sampled_from(("ship", "back", "exchange", "drop", "read", "hand", "refresh")), st.integers(1, 9)),
    max_size=12,
)


@given(st.integers(1, 4), st.sampled_from((1, 2, 6)), STEPS, st.integers(1, 3))
def test_each_unit_is_confirmed_once_whatever_happens(
    quantity: int, pack: int, steps: list[tuple[str, int]], packages: int
) -> None:
    there = Warehouse(quantity * pack)
    records: list[Recorded] = []
    by_hand, shown_by_hand, disturbed, now = 0, 0, False, NOON
    answered, shown = NOON, 0  # the channel's newest answer that we know
    for step, units in [*steps, ("read", 1)]:
        now += timedelta(hours=1)
        confirmed = sum(units_of(record.shipment, "L1") for record in records)
        if step == "ship":
            there.ship(units, packages)
        elif step == "back":
            there.bring_back(units)
            disturbed = True
        elif step == "exchange":
            there.exchange(units)
        elif step == "drop":
            there.drop(units)
        elif step == "hand":
            by_hand += min(units, quantity - confirmed - by_hand)
        else:
            if step == "refresh":
                answered, shown, shown_by_hand = now, confirmed + by_hand, by_hand
            of = goods(quantity, shown=shown, pack=pack, at=answered)
            planned = decide(there.read(), of, records)
            if step == "read":
                records += [msgspec.structs.replace(record, sent_at=now) for record in record_all(planned)]
                assert not decide(there.read(), of, records).confirm, "a second look tells nothing more"
                # What a person confirms after the answer is not known here; the channel refuses what is too many.
                sent = sum(units_of(record.shipment, "L1") for record in records)
                assert not planned.confirm or sent + shown_by_hand <= quantity
    confirmed = sum(units_of(record.shipment, "L1") for record in records)
    assert confirmed <= quantity
    assert confirmed <= there.left // pack, "never more than has left"
    assert len({record.shipment.parcel for record in records}) == len(records)
    if not disturbed and not by_hand:
        assert confirmed == there.left // pack, "nothing that has left is forgotten"


def test_nothing_of_another_line_is_touched() -> None:
    other = OrderedLine(line_id="L2", line="9", quantity=1)
    of = msgspec.structs.replace(goods(), lines=(*goods().lines, other))
    planned = decide(order(delivery(1, piece(3)), delivered=3), of, [])
    assert [line.line_id for row in planned.confirm for line in row.shipment.lines] == ["L1"]
    assert isinstance(planned.confirm[0].shipment, Shipment)
