"""Amounts as Shopify states them, in the shop's currency and in the buyer's, and which of the two is read.

What belongs here: the shapes of money bags, and their minor units. What does not: which amounts a record has (orders/,
returns/).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ....core.errors import RecordError
from ....domain import money
from .payloads import Node

Basis = Literal["shop", "presentment"]


class Money(Node):
    amount: str
    currencyCode: str = ""


class Bag(Node):
    """One amount in the shop's currency and in the buyer's; only the requested side is there."""

    shopMoney: Money | None = None
    presentmentMoney: Money | None = None


Minor = Callable[[Bag | None], int]


def side(bag: Bag, basis: Basis) -> Money:
    """The chosen side of a money bag. Raises RecordError if it was not requested when the order was read."""
    chosen = bag.shopMoney if basis == "shop" else bag.presentmentMoney
    if chosen is None:
        raise RecordError(
            "bad_payload",
            f"The order was read without its {basis} amounts.",
            fix="Pull the order's day again: currency_basis was changed after it was read.",
            subject=f"{basis}Money",
        )
    return chosen


def reader(currency: str, basis: Basis) -> Minor:
    """bag -> minor units of `currency`; an absent bag is 0. Raises RecordError(`bad_amount`)."""
    to_minor, is_shop = money.to_minor, basis == "shop"

    def minor(bag: Bag | None) -> int:
        if bag is None:
            return 0
        chosen = bag.shopMoney if is_shop else bag.presentmentMoney
        return to_minor((chosen or side(bag, basis)).amount, currency)

    return minor
