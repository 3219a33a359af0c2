"""Listings to test with: a catalogue in the stand-in, and reading it through the channel.

What belongs here: what the tests of listings, quantities and documents share. What does not: any expectation.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.domain.inventory.listings import Listing, Push
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_sandbox.amazon.listings import Offer

from .contract import NOON, Recorded

SELLER = "A2DEMOSELLER01"
DE, FR = "A1PA6795UKMFR9", "A13V1IB3VIYZZH"


def offer(number: int, quantity: int | None = 7, places: tuple[str, ...] = (DE, FR), **more: Any) -> Offer:
    channels = [{"fulfillment_channel_code": "DEFAULT", "quantity": quantity, "lead_time_to_ship_max_days": 3}]
    if quantity is None:
        channels = [{"fulfillment_channel_code": "AMAZON_EU"}]
    return Offer(
        f"SKU/{number:05d} ä", f"Kettle {number} für Żółw", f"B{number:09d}", "KITCHEN", places,
        NOON - timedelta(days=90), more.pop("updated", NOON - timedelta(days=9)), channels,
    )  # fmt: skip


def fill(amazon: Recorded, count: int) -> None:
    """`count` listings, every tenth of them fulfilled by Amazon."""
    amazon.listings.offers.clear()
    amazon.listings.add(*(offer(number, None if number % 10 == 9 else number % 40) for number in range(count)))


def read(channel: AmazonChannel) -> dict[str, Listing]:
    every = [listing for page in channel.listings.read() for listing in page]
    assert len({listing.key for listing in every}) == len(every)
    return {listing.key: listing for listing in every}


def pushes(channel: AmazonChannel, count: int, quantity: int = 99) -> list[Push]:
    own = [listing for listing in read(channel).values() if listing.fulfilled_by is FulfilledBy.MERCHANT]
    return [Push(listing=listing, quantity=quantity, token=f"t{n}") for n, listing in enumerate(own[:count])]
