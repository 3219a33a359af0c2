"""eBay's orders, read by the API that the settings name.

What belongs here: choosing the reader, totals for the proof. What does not: the calls (rest_reading.py,
trading_reading.py), the meaning of an order (translate.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from ....core.topics import Topic
from ....domain.money import to_minor
from ....domain.orders.order import Order, OrderStatus
from ...capabilities import Head, Orders, OrderTotal, Page, Unchanged, Window
from ...totals import totals
from ..api import trading_payloads
from ..api.account import Account
from ..personal import cut_order
from . import rest_payloads, translate
from .rest_reading import FulfillmentOrders
from .trading_reading import TradingOrders

READERS: dict[str, type[FulfillmentOrders] | type[TradingOrders]] = {
    "fulfillment": FulfillmentOrders,
    "trading": TradingOrders,
}


class EbayOrders(Orders):
    """Orders of one seller account. Every call may raise TransientError, CredentialError, ProtocolError,
    PermanentError."""

    topic = Topic.ORDERS

    def __init__(self, account: Account, now: Callable[[], datetime]) -> None:
        self._settings = account.settings
        self._reader = READERS[self._settings.orders_api](account, now)

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Orders modified in the window, up to some seconds ago; nothing if the window begins later."""
        return self._reader.changed(window, resume, unchanged)

    def created(self, window: Window) -> Iterator[Page]:
        """Orders created in the window, checked against eBay's own count."""
        return self._reader.created(window)

    def fetch(self, record_id: str) -> bytes | None:
        return self._reader.fetch(record_id)

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        """As in channels/totals.py; an order that cannot be translated counts with the total that eBay states."""
        return totals(self._reader.created(window, whole=False), self.translate, _read_stated_total)

    def head(self, raw: bytes) -> Head:
        return translate.head(raw)

    def cut(self, raw: bytes) -> bytes:
        return cut_order(raw)

    def subjects(self, raw: bytes) -> tuple[str, ...]:
        return translate.subjects(raw)

    def translate(self, raw: bytes) -> Order:
        settings = self._settings
        return translate.translate(raw, settings.name, settings.marketplace, settings.prices_include_tax)


def _read_stated_total(raw: bytes) -> OrderTotal:
    """The order's total from its head and stated total alone. Raises RecordError if those cannot be read either."""
    top = translate.head(raw)
    if translate.is_xml(raw):
        total = trading_payloads.read_order(raw).Total
        value, currency = total.value, total.currencyID
    else:
        stated = rest_payloads.read_order(raw).pricing_summary.total
        value, currency = stated.value, stated.currency
    return OrderTotal(
        order_id=top.record_id,
        placed_at=top.created_at,
        status=OrderStatus.PAID,
        currency=currency,
        total=to_minor(value, currency),
    )
