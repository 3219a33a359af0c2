"""What the goods of a delivery are worth, so that deliveries can be compared by money, too.

What belongs here: this pure share of what the channel charged. What does not: which units left (deliveries.py), adding
up and comparing (flows/fulfilment/prove.py).
"""

from __future__ import annotations

from collections import defaultdict

from .deliveries import DeliveredOrder, parcels_of, shipped_units
from .shipment_plan import OrderedGoods


def measure_worth(delivered: DeliveredOrder, goods: OrderedGoods) -> dict[int, int]:
    """Minor units that the channel charged for the goods in each delivery, by its picking; shipping is in none. What a
    line's money does not divide by evenly goes to its last units, so that all of its units come to the whole line. A
    unit that is sent once more counts once."""
    parcels = [parcel for delivery in delivered.deliveries for parcel in parcels_of(delivery)]
    lines = {line.line: line for line in delivered.lines}
    worth: dict[int, int] = defaultdict(int)
    for ordered in goods.lines:
        line = lines.get(ordered.line)
        if line is None or ordered.quantity < 1:
            continue
        together = before = 0
        for parcel, units in zip(parcels, shipped_units(line, parcels, ordered.pack), strict=True):
            together += units
            so_far = ordered.worth * min(together, ordered.quantity) // ordered.quantity
            worth[parcel.delivery.picking] += so_far - before
            before = so_far
    return dict(worth)
