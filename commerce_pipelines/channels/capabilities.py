"""What a marketplace can offer, and nothing else: the Channel, its capabilities and the shapes that cross them.

What belongs here: names that flows use of any channel. What does not: HTTP (http/session.py), rate
limits (http/throttle.py), anything one marketplace alone knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar

import msgspec

from ..core.errors import PermanentError
from ..core.topics import Topic
from ..domain.inventory.listings import Listing, Push, PushOutcome
from ..domain.orders.order import Order, OrderStatus

R = TypeVar("R", covariant=True)
C = TypeVar("C")


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time `[start, end)`, aware UTC instants."""

    start: datetime
    end: datetime


class Head(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the landing must know of a raw record (an order, a return …) before anybody reads it whole.

    subject: what identifies the data subject (normalised e-mail, else the channel's buyer id, else the record's id),
    prefixed by its sort, e.g. `email:anna@example.com`, `ebay:user`, `order:123`. It is hashed at once.
    """

    record_id: str
    created_at: datetime
    updated_at: datetime
    subject: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a list call: whole records as the channel sent them, byte for byte.

    heads: what `head` says of each record, None for those that it has to be asked about; or empty: of all of them.
    resume: opaque; given back to `changed` it continues after this page (None on the last page).
    watermark: everything changed before this instant has been seen once the last page is landed.
    """

    records: tuple[bytes, ...]
    resume: str | None
    watermark: datetime
    heads: tuple[Head | None, ...] = ()


class OrderTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the completeness proof counts it: minor units of `currency` that the seller is owed."""

    order_id: str
    placed_at: datetime
    status: OrderStatus
    currency: str
    total: int
    collected: int = 0


# Of records by (id, change time): the ids of those that are landed as they stand, so that asking for more of them is in
# vain. They are left out of a page.
Unchanged = Callable[[Sequence[tuple[str, datetime]]], Collection[str]]


class AccountId(msgspec.Struct, frozen=True, kw_only=True):
    """Which account it is. account_id: never changes for an account and names no other one of its marketplace, ''
    where the marketplace does not tell it; description: a sentence for people, without personal data."""

    account_id: str
    description: str


class Account(Protocol):
    """Whose account the credentials open."""

    def probe(self) -> AccountId:
        """One cheap authenticated call (for `commerce-pipelines check`)."""
        ...

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel soon, one sentence each; no call."""
        ...

    def lacks(self) -> list[str]:
        """What the settings ask for and the account may not do: scopes and roles, a sentence each with the fix."""
        ...


class Source(Protocol[R]):
    """Records that come in: orders, returns, refunds. Reading is lazy: a page is fetched when the iterator asks for it.

    `head` and `translate` are pure and raise RecordError(`bad_payload`) with the path of what is wrong.
    """

    topic: Topic

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Records changed within the window (by the channel's change time), oldest first where the API allows it.

        unchanged: asked before a record is fetched for itself, because windows overlap.
        """
        ...

    def created(self, window: Window) -> Iterator[Page]:
        """Records created within the window (orders: placed), whole. Verifies the channel's own count where it gives
        one."""
        ...

    def one(self, record_id: str) -> bytes | None:
        """One record afresh, in the same byte shape as in a page; None if the channel does not know it."""
        ...

    def head(self, raw: bytes) -> Head: ...

    def translate(self, raw: bytes) -> R: ...


class Orders(Source[Order], Protocol):
    def totals(self, window: Window) -> Iterator[OrderTotal]:
        """Ids and money of the orders placed within the window, asked afresh, as cheaply as the API allows."""
        ...


class Listings(Protocol):
    def read(self) -> Iterator[tuple[Listing, ...]]:
        """Every SKU offered with the quantity that buyers see, by the channel's bulk way, page by page."""
        ...


class Quantities(Protocol):
    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """Publish quantities, in the fewest calls that the vendor's batch sizes permit; one outcome for every push.

        Outcomes are yielded as soon as they are known. Raises only what stops everything (credentials, no connection);
        a refused SKU is an outcome. Never writes a listing that the channel itself fulfils.
        """
        ...


class Channel(Protocol):
    """One account of one marketplace, and its counters: what it can do, one attribute for each; an absent one is None.

    Marketplaces inherit from this class, so that what they do not offer is None without their saying so. All calls
    raise TransientError, CredentialError, ProtocolError or PermanentError of core/errors.py.
    """

    name: str
    kind: str
    account: Account
    orders: Orders
    listings: Listings | None = None
    quantities: Quantities | None = None
    returns: Source[Any] | None = None
    refunds: Source[Any] | None = None
    # No flow uses these yet: the first that does gives them a protocol.
    shipments: None = None
    content: None = None
    notices: None = None
    inbound: None = None


def offered(capability: C | None, channel: Channel, what: str) -> C:
    """The capability. Raises PermanentError when this kind of marketplace does not have it."""
    if capability is None:
        raise PermanentError(
            f"{channel.name}: a channel of the kind {channel.kind} offers no {what}; switch the flow off for it in "
            "commerce.yaml."
        )
    return capability
