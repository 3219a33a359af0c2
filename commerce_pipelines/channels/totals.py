"""An order's total for the completeness proof, taken from the order itself.

What belongs here: the marketplaces whose totals are counted by reading orders. What does not: reading the orders, what
an order states about its own total (each marketplace's orders/reading.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..core.errors import RecordError
from ..domain.orders.order import Order
from .capabilities import OrderTotal, Page


def totals(
    pages: Iterable[Page], translate: Callable[[bytes], Order], stated: Callable[[bytes], OrderTotal]
) -> Iterator[OrderTotal]:
    """Each order once. Sales of other channels (multi-channel fulfilment) are left out, because this channel did not
    sell them.

    An order that cannot be translated counts with the total that it states (`stated`), so that the proof misses it. An
    order whose stated total cannot be read either is left out, because the landing reports it.
    """
    seen = set()
    for page in pages:
        for raw in page.records:
            total = _read_total(raw, translate, stated)
            if total and total.order_id not in seen:
                seen.add(total.order_id)
                yield total


def total_of(order: Order) -> OrderTotal:
    return OrderTotal(
        order_id=order.order_id,
        placed_at=order.placed_at,
        status=order.status,
        currency=order.currency,
        total=order.total,
        collected=order.collected,
    )


def _read_total(
    raw: bytes, translate: Callable[[bytes], Order], stated: Callable[[bytes], OrderTotal]
) -> OrderTotal | None:
    try:
        order = translate(raw)
    except RecordError:
        try:
            return stated(raw)
        except RecordError:
            return None
    return None if order.is_other_channel else total_of(order)
