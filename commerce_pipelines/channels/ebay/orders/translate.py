"""An eBay order as the business sees it: landed bytes -> domain `Order`, whichever API they came from. Pure.

What belongs here: recognising which API an order came from. What does not: the Fulfillment API's orders
(rest_translate.py), the Trading API's (trading_translate.py), their sums (charges.py).
"""

from __future__ import annotations

from ....domain.orders.order import Order
from ...capabilities import Head
from . import rest_translate, trading_translate


def is_xml(raw: bytes) -> bool:
    """Whether a landed order came from the Trading API."""
    return raw.lstrip()[:1] == b"<"


def head(raw: bytes) -> Head:
    """What the landing needs. Raises RecordError(`bad_payload`)."""
    return trading_translate.head(raw) if is_xml(raw) else rest_translate.head(raw)


def subjects(raw: bytes) -> tuple[str, ...]:
    """The user name, and the order itself for answers without one. Raises RecordError(`bad_payload`)."""
    top = head(raw)
    return tuple(dict.fromkeys((top.subject, f"order:{top.record_id}")))


def translate(raw: bytes, channel: str, home: str, prices_include_tax: bool | None = None) -> Order:
    """One order. home: the account's marketplace, for what the order does not state. prices_include_tax: the setting;
    None: as usual in the marketplace.

    Raises RecordError: `bad_payload`, `bad_amount`, `mixed_currency`, `unbalanced`, `bad_quantity`, `duplicate_line`.
    Money that does not add up is an error only in an order that is to be loaded; a waiting or cancelled order goes on
    without prices.
    """
    read = trading_translate.translate if is_xml(raw) else rest_translate.translate
    return read(raw, channel, home, prices_include_tax)
