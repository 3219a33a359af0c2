"""What every marketplace must offer, and nothing else: the Channel protocol and the shapes that cross it.

What belongs here: names that `assets` and `sensors` use of any channel. What does not: HTTP (http/session.py), rate
limits (http/throttle.py), anything one marketplace alone knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ..domain.inventory.listings import Listing, Push, PushOutcome
from ..domain.orders.order import Order, OrderStatus


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time `[start, end)`, aware UTC instants."""

    start: datetime
    end: datetime


class OrderHead(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the landing must know of a raw order before anybody reads it whole.

    subject: what identifies the data subject (normalised e-mail, else the channel's buyer id, else the order id),
    prefixed by its sort, e.g. `email:anna@example.com`, `ebay:user`, `order:123`. It is hashed at once.
    """

    order_id: str
    placed_at: datetime
    updated_at: datetime
    subject: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a list call: whole orders as the channel sent them, byte for byte.

    heads: what `head` says of each order, None for those that it has to be asked about; or empty: of all of them.
    resume: opaque; given back to `changed_orders` it continues after this page (None on the last page).
    watermark: everything changed before this instant has been seen once the last page is landed.
    """

    orders: tuple[bytes, ...]
    resume: str | None
    watermark: datetime
    heads: tuple[OrderHead | None, ...] = ()


class OrderTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the completeness proof counts it: minor units of `currency` that the seller is owed."""

    order_id: str
    placed_at: datetime
    status: OrderStatus
    currency: str
    total: int
    collected: int = 0


class Channel(Protocol):
    """One account of one marketplace. Reading is lazy: a page is fetched when the iterator asks for it.

    All calls raise TransientError, CredentialError or ProtocolError of core/errors.py. `head` and `translate` are
    pure and raise RecordError(`bad_payload`) with the path of what is wrong.
    """

    name: str
    kind: str

    def changed_orders(self, window: Window, resume: str | None = None) -> Iterator[Page]:
        """Orders changed within the window (by the channel's change time), oldest first where the API allows it."""
        ...

    def placed_orders(self, window: Window) -> Iterator[Page]:
        """Orders placed within the window, whole. Verifies the channel's own count where it gives one."""
        ...

    def order(self, order_id: str) -> bytes | None:
        """One order afresh, in the same byte shape as in a page; None if the channel does not know it."""
        ...

    def order_totals(self, window: Window) -> Iterator[OrderTotal]:
        """Ids and money of the orders placed within the window, asked afresh, as cheaply as the API allows."""
        ...

    def head(self, raw: bytes) -> OrderHead: ...

    def translate(self, raw: bytes) -> Order: ...

    def probe(self) -> str:
        """One cheap authenticated call: says in a sentence whose account this is (for `commerce-pipelines check`)."""
        ...

    def listings(self) -> Iterator[tuple[Listing, ...]]:
        """Every SKU offered with the quantity that buyers see, by the channel's bulk way, page by page."""
        ...

    def push_quantities(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """Publish quantities, in the fewest calls that the vendor's batch sizes permit; one outcome for every push.

        Outcomes are yielded as soon as they are known. Raises only what stops everything (credentials, no connection);
        a refused SKU is an outcome. Never writes a listing that the channel itself fulfils.
        """
        ...
