"""Orders by the Trading API: GetOrders by window.

What belongs here: the call's arguments, paging. What does not: elements (api/trading_payloads.py), meaning
(trading_translate.py), tokens, limits and `Ack` (api/account.py).

Pages are numbered, so they cannot overlap. If the number of entries changes during the reading, the span is read again
from its first page. The landing recognises an order that was read twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import msgspec

from ....core.errors import TransientError
from ...capabilities import Page, Unchanged, Window
from ...http.session import Repeat
from ..api import trading_payloads as payloads
from ..api import xml
from ..api.account import RESTARTS, Account
from .spans import Place, bounds, read_place, settled, spans

PAGE_SIZE = 100
BY = {"ModTime": ("ModTimeFrom", "ModTimeTo"), "CreateTime": ("CreateTimeFrom", "CreateTimeTo")}


class TradingOrders:
    def __init__(self, account: Account, now: Callable[[], datetime]) -> None:
        self._account, self._now = account, now

    def changed(self, window: Window, resume: str | None, unchanged: Unchanged | None) -> Iterator[Page]:
        return self._list_pages("ModTime", window, read_place(resume, "ModTime"))

    def created(self, window: Window, *, whole: bool = True) -> Iterator[Page]:
        return self._list_pages("CreateTime", window, None)

    def fetch(self, order_id: str) -> bytes | None:
        answer = self._account.trading(
            "GetOrders",
            {"DetailLevel": "ReturnAll", "OrderIDArray": {"OrderID": [order_id]}, "OrderRole": "Seller"},
            repeat=Repeat.STATE,
        )
        order = answer.find("OrderArray/Order")
        return None if order is None else xml.write(order)

    def _list_pages(self, by: str, window: Window, last: Place | None) -> Iterator[Page]:
        window = Window(last.start, last.end) if last else settled(window, self._now())
        parts = list(spans(window))
        for number, span in enumerate(parts):
            begin = last if last and number == 0 else Place(by, span.start, window.end, 1)
            ahead = None if number + 1 == len(parts) else Place(by, parts[number + 1].start, window.end, 1)
            for orders, place in self._list_span(span, begin):
                following = place or ahead
                yield Page(
                    records=tuple(xml.write(order) for order in orders),
                    resume=msgspec.json.encode(following).decode() if following else None,
                    watermark=window.end,
                )

    def _list_span(self, span: Window, place: Place) -> Iterator[tuple[list[ET.Element], Place | None]]:
        restarts = 0
        while True:
            root = self._get_page(span, place)
            answer = payloads.read_answer(root, payloads.OrdersAnswer, "GetOrders")
            orders, total = root.findall("OrderArray/Order"), answer.PaginationResult.TotalNumberOfEntries
            reached = (place.offset - 1) * PAGE_SIZE + len(orders)
            if place.total not in (-1, total) or (not answer.HasMoreOrders and reached < total):
                restarts += 1
                if restarts > RESTARTS:
                    raise TransientError(
                        f"{self._account.settings.name}: the list of orders changes while it is read, or is shorter "
                        f"than eBay's own count of {total}; it is read again from its start later."
                    )
                place = Place(place.by, place.start, place.end, 1)
                yield orders, place
                continue
            if not answer.HasMoreOrders:
                yield orders, None
                return
            place = Place(place.by, place.start, place.end, place.offset + 1, "", total)
            yield orders, place

    def _get_page(self, span: Window, place: Place) -> ET.Element:
        """One page. The elements stand in the order that eBay's schema demands."""
        times = dict(zip(BY[place.by], bounds(span), strict=True))
        paging: dict[str, Any] = {"Pagination": {"EntriesPerPage": PAGE_SIZE, "PageNumber": place.offset}}
        who: dict[str, Any] = {"OrderRole": "Seller", "OrderStatus": "All"}
        content = {"CreateTime": {**times, **who, **paging}, "ModTime": {**who, **paging, **times}}[place.by]
        return self._account.trading("GetOrders", {"DetailLevel": "ReturnAll", **content}, repeat=Repeat.STATE)
