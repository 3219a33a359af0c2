"""Orders by the Fulfillment API: getOrders by window, getOrder where the list leaves fields out.

What belongs here: filters, paging over a list that changes meanwhile. What does not: types (rest_payloads.py), meaning
(rest_translate.py), tokens and limits (api/account.py).

**Paging.** A page is an offset into a list that changes while it is read: an order that is modified meanwhile leaves a
window of modification dates, and all later orders move up by one, so that one would slip past the next page. Each page
therefore begins before the end of the page before it and must contain that page's last order, and `total` must not
grow. Otherwise the span is read again. The landing recognises an order that was read twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote

import msgspec

from ....core.errors import CredentialError, PermanentError, RecordError, TransientError
from ...capabilities import Page, Unchanged, Window
from ..api import payloads
from ..api.account import ORDERS, RESTARTS, Account
from . import rest_payloads
from .spans import Place, bounds, halve, read_place, settled, spans

# Always sent, because the totals contain the tax that eBay collects and remits only with it.
FIELDS = {"fieldGroups": "TAX_BREAKDOWN"}
PAGE_SIZE, OVERLAP_ORDERS = 200, 10
LISTED_AT_ONCE = 10_000  # orders; a longer list is divided by time, again and again
WAY = f"pages of {PAGE_SIZE} orders; a time of more than {LISTED_AT_ONCE:,} is divided"
# Marketplaces on which "the taxIdentifier container is only returned in getOrder and not in getOrders".
WITH_TAX_IDENTIFIER = frozenset(("EBAY_IT", "EBAY_ES"))


class _TooMany(Exception):
    """A span holds more orders than one list should."""

    def __init__(self, halves: tuple[Window, Window]) -> None:
        super().__init__()
        self.halves = halves


class FulfillmentOrders:
    def __init__(self, account: Account, now: Callable[[], datetime]) -> None:
        self._account, self._now = account, now

    def changed(
        self, window: Window, resume: str | None, unchanged: Unchanged | None, *, whole: bool = True
    ) -> Iterator[Page]:
        """whole: with the fields that only getOrder gives."""
        place = read_place(resume, "lastmodifieddate")
        return self._list_pages("lastmodifieddate", window, place, whole=whole, unchanged=unchanged)

    def created(self, window: Window, *, whole: bool = True) -> Iterator[Page]:
        return self._list_pages("creationdate", window, None, whole=whole)

    def fetch(self, order_id: str) -> bytes | None:
        """One order; None for an id that eBay does not know: it answers 404, or 400 with error 32100 ("Invalid order
        ID")."""
        response = self._account.rest("getOrder", f"{ORDERS}/{quote(order_id, safe='')}", FIELDS, ok=(200, 400, 404))
        if response.status == 200:
            return response.body
        if response.status == 400:
            errors = self._account.decode(response, payloads.Errors).errors
            if not any(error.error_id == 32100 for error in errors):
                raise self._account.refused(response)
        return None

    def _list_pages(
        self, by: str, window: Window, last: Place | None, *, whole: bool = True, unchanged: Unchanged | None = None
    ) -> Iterator[Page]:
        window = Window(last.start, last.end) if last else settled(window, self._now())
        parts, begin = deque(spans(window)), last
        while parts:
            span = parts.popleft()
            try:
                for orders, place in self._list_span(span, begin or Place(by, span.start, window.end)):
                    following = place or (Place(by, parts[0].start, window.end) if parts else None)
                    yield Page(
                        records=tuple(self._complete_orders(orders, unchanged)) if whole else tuple(orders),
                        resume=msgspec.json.encode(following).decode() if following else None,
                        watermark=window.end,
                        way=WAY,
                    )
            except _TooMany as many:
                parts.extendleft(reversed(many.halves))
            begin = None

    def _list_span(self, span: Window, begin: Place) -> Iterator[tuple[list[bytes], Place | None]]:
        """(orders, where the span continues; None after its last page). Raises _TooMany for a span whose list is too
        long to stay as it is while it is read."""
        place, first, restarts, grown = begin, Place(begin.by, begin.start, begin.end), 0, False
        seen: set[str] = set()
        while True:
            page = self._get_page(span, place)
            if place is begin and page.total > LISTED_AT_ONCE and (halves := halve(span)):
                raise _TooMany(halves)
            orders = [bytes(raw) for raw in page.orders]
            ids = [_read_id(raw) for raw in orders]
            moved = bool(place.anchor) and place.anchor not in ids
            grown = grown or -1 < place.total < page.total
            seen.update(ids)
            reached = place.offset + len(ids)
            done = not moved and reached >= page.total
            # EBay counts more orders than the page holds, and nobody knows which order is missing.
            short = not done and len(ids) < PAGE_SIZE
            if moved or short or (done and grown):
                restarts += 1
                if restarts > RESTARTS:
                    raise TransientError(
                        f"{self._account.settings.name}: the list of orders changes while it is read, or is shorter "
                        f"than eBay's own count of {page.total}; it is read again from its start later."
                    )
                place, grown = first, False
                if not moved:
                    yield orders, place
                continue
            if done:
                yield orders, None
                return
            back = OVERLAP_ORDERS if len(ids) > OVERLAP_ORDERS else 0
            place = Place(place.by, place.start, place.end, reached - back, ids[-1] if back else "", page.total)
            yield orders, place

    def _get_page(self, span: Window, place: Place) -> rest_payloads.OrdersPage:
        begin, end = bounds(span)
        params = {
            **FIELDS,
            "filter": f"{place.by}:[{begin}..{end}]",
            "limit": str(PAGE_SIZE),
            "offset": str(place.offset),
        }
        return self._account.decode(self._account.rest("getOrders", ORDERS, params), rest_payloads.OrdersPage)

    def _complete_orders(self, orders: list[bytes], unchanged: Unchanged | None) -> Iterator[bytes]:
        """The orders. An order that misses fields in the list is read by getOrder, unless it has not changed since it
        was landed."""
        lacking = {number: order for number, raw in enumerate(orders) if (order := _read_head_if_lacking(raw))}
        changes = [(order.order_id, order.last_modified_date) for order in lacking.values()]
        landed = unchanged(changes) if unchanged and changes else ()
        for number, raw in enumerate(orders):
            if number not in lacking:
                yield raw
            elif lacking[number].order_id not in landed:
                yield self._get_whole(lacking[number], raw)

    def _get_whole(self, order: rest_payloads.Head, raw: bytes) -> bytes:
        try:
            return self.fetch(order.order_id) or raw
        except CredentialError:
            raise
        except PermanentError:
            return raw  # the order is landed without the fields that only getOrder gives, and the others go on


def _read_head_if_lacking(raw: bytes) -> rest_payloads.Head | None:
    """The head of an order whose list entry misses fields (cancel requests, tax identifiers), None for any other
    order."""
    try:
        order = rest_payloads.read_head(raw)
    except RecordError:
        return None
    sites = {line.listing_marketplace_id for line in order.line_items}
    sites |= {line.purchase_marketplace_id for line in order.line_items}
    cancel = order.cancel_status.cancel_state if order.cancel_status else "NONE_REQUESTED"
    return order if cancel != "NONE_REQUESTED" or sites & WITH_TAX_IDENTIFIER else None


def _read_id(raw: bytes) -> str:
    try:
        return rest_payloads.read_head(raw).order_id
    except RecordError:
        return sha256(raw).hexdigest()
