"""What a person sees and does in a shop of the sandbox: buys, cancels, takes a unit out of an order.

What belongs here: the form of it, the same for every marketplace. What does not: how a marketplace states it
(amazon/counter.py, ebay/counter.py, shopify/counter.py), what happens after the sale (after_sale.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol


class Bought(NamedTuple):
    """An order as a table shows it. reference: the one that the sale order in Odoo has; order_id: what the marketplace
    calls it. placed: as the marketplace writes it. lines: SKU and units. is_open: nothing left yet, and nobody
    cancelled it."""

    reference: str
    order_id: str
    placed: str
    state: str
    total: str
    lines: tuple[tuple[str, int], ...]
    is_open: bool

    @property
    def is_reducible(self) -> bool:
        """Whether a unit can be taken out and another is left."""
        return self.is_open and sum(units for _, units in self.lines) > 1


class Listed(NamedTuple):
    """A listing. quantity: None where the marketplace keeps its own stock."""

    sku: str
    title: str
    quantity: int | None


class Counter(Protocol):
    """can_edit: whether the marketplace lets a seller take units out of an order. note: what is special here."""

    can_edit: bool
    note: str

    def list_orders(self, most: int | None = None) -> Sequence[Bought]:
        """The newest orders, the newest first; all of them without `most`."""
        ...

    def list_offers(self) -> Sequence[Listed]:
        """All listings that have a SKU."""
        ...

    def buy(self, sku: str, units: int, name: str, now: datetime) -> str:
        """A paid order of a consumer in Germany; returns its reference. Raises KeyError for a SKU that nobody
        offers."""
        ...

    def cancel(self, reference: str, now: datetime) -> None:
        """The order is cancelled and its buyer has the money back."""
        ...

    def take_out(self, reference: str, now: datetime) -> None:
        """A unit of the first line that has one is taken out of the order."""
        ...

    def poison(self, now: datetime) -> str:
        """An order that cannot be right comes in; returns its reference."""
        ...


def find_reference(orders: Sequence[Bought], reference: str) -> Bought:
    """Raises KeyError."""
    for order in orders:
        if order.reference == reference:
            return order
    raise KeyError(reference)
