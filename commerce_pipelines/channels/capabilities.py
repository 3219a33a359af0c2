"""What a marketplace can offer, and nothing else: the Channel, its capabilities and the shapes that cross them.

What belongs here: what flows use of any channel. What does not: HTTP (http/session.py), rate limits (http/throttle.py),
anything that only one marketplace knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal, Protocol, TypeVar

import msgspec

from ..core.errors import PermanentError
from ..core.topics import Topic
from ..domain.fulfilment.shipments import SentShipment
from ..domain.inventory.listings import Listing, Push, PushOutcome
from ..domain.orders.order import Order, OrderStatus
from ..domain.outbox.effects import Outcome
from ..domain.refunding.buyer_refunds import SentRefund
from ..domain.returns.records import Outline, Refund, Return
from .inbound_plans import InboundPlans
from .new_listings import NewListings
from .own_warehouses import FbaStock
from .product_content import Content

R = TypeVar("R", covariant=True)
C = TypeVar("C")


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time `[start, end)`, aware UTC instants."""

    start: datetime
    end: datetime


class Head(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the landing needs of a raw record (an order, a return …) without decoding it completely.

    subject: what identifies the data subject (normalised e-mail, else the channel's buyer id, else the record's id),
    prefixed by its kind, e.g. `email:anna@example.com`, `ebay:user`, `order:123`. The landing hashes it at once.
    """

    record_id: str
    created_at: datetime
    updated_at: datetime
    subject: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a list call: whole records, byte for byte as the channel sent them.

    heads: the result of `head` for each record, None where `head` has still to be called; empty if that is so for all.
    resume: an opaque place; given back to `changed`, it continues after this page (None on the last page). watermark:
    every change before this instant has been read once the last page is landed. way: how it was read, and why so, for
    people; '' where the channel has one way only.
    """

    records: tuple[bytes, ...]
    resume: str | None
    watermark: datetime
    heads: tuple[Head | None, ...] = ()
    way: str = ""


class NamedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How orders that messages named are read. span: whose changes are listed before the others are read one by one;
    None for no list. why: for people."""

    span: Window | None
    why: str


class OrderTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the completeness proof counts it: minor units of `currency` that the seller is owed."""

    order_id: str
    placed_at: datetime
    status: OrderStatus
    currency: str
    total: int
    collected: int = 0


# Takes (id, change time) of records and returns the ids that are landed in this state already. A reader does not fetch
# those records again and leaves them out of its page.
Unchanged = Callable[[Sequence[tuple[str, datetime]]], Collection[str]]


class AccountId(msgspec.Struct, frozen=True, kw_only=True):
    """Which account it is. account_id: never changes for an account and is unique within its marketplace; '' where the
    marketplace does not tell it. description: a sentence for people, without personal data."""

    account_id: str
    description: str


class Account(Protocol):
    """The account that the credentials open."""

    def probe(self) -> AccountId:
        """One cheap authenticated call (for `commerce-pipelines check`)."""
        ...

    def warnings(self, today: date) -> list[str]:
        """What will stop this channel soon, one sentence each: by the settings, and by the answers of earlier calls.
        Makes no call."""

    def learn_limits(self) -> None:
        """Read how many calls the channel grants and how many are left, and record it for all processes. Does nothing
        where every answer states it."""
        return None

    def lacks(self) -> list[str]:
        """What the settings need and the account may not do: scopes and roles, a sentence each with the fix."""


class Source(Protocol[R]):
    """Records that come in: orders, returns, refunds. A page is fetched only when the iterator asks for it.

    `head` and `translate` are pure and raise RecordError(`bad_payload`) with the path of the wrong field.
    """

    topic: Topic

    def changed(self, window: Window, resume: str | None = None, unchanged: Unchanged | None = None) -> Iterator[Page]:
        """Records changed within the window (by the channel's change time), oldest first where the API allows it.

        unchanged: called before a record is fetched by itself; windows overlap, so many records are landed already.
        """
        ...

    def created(self, window: Window) -> Iterator[Page]:
        """Complete records created within the window (orders: placed). Compared with the channel's own count where the
        channel gives one."""
        ...

    def fetch(self, record_id: str) -> bytes | None:
        """One record, read now, with the same bytes as in a page; None if the channel does not know it. record_id: as
        in `Head`, or the number that the marketplace shows to people, where that is another one."""
        ...

    def head(self, raw: bytes) -> Head: ...

    def translate(self, raw: bytes) -> R: ...

    def cut(self, raw: bytes) -> bytes:
        """The record without the personal fields that no rule needs (personal.py): what is stored. `head`, `translate`
        and `subjects` give the same of it. Pure, and raises nothing."""
        return raw


class AfterSale(Source[R], Protocol):
    """Records that belong to orders: returns, refunds."""

    def of_order(self, order_id: str) -> Sequence[bytes] | None:
        """All records of one order, read now; None where the API lists none by their order."""
        ...

    def outline(self, raw: bytes) -> Outline | None:
        """What is certain of a refund that `translate` refuses, so that a person's credit note is known as its own;
        None where not even its order is. Pure, and raises nothing."""
        return None


class Orders(Source[Order], Protocol):
    def subjects(self, raw: bytes) -> tuple[str, ...]:
        """Every subject that an answer about this order, its returns or its refunds may be filed under, written as in
        `Head`: a marketplace leaves the buyer's address or name out of later answers. Raises RecordError as `head`."""
        ...

    def plan_named(self, waiting: Sequence[datetime]) -> NamedPlan | None:
        """How to read orders that messages named, by when each was changed. None where single orders and lists share
        a limit, so that a poll reads many of them. Makes no call."""
        return None

    def read_span(self, span: Window) -> Page:
        """The first page of the orders changed within the span, for `plan_named`. Raises RateLimited instead of
        waiting."""
        return Page(records=(), resume=None, watermark=span.start)

    def list_placed(self, window: Window, landed: Collection[str]) -> dict[str, datetime] | None:
        """When each sale of the window was placed, by its id, where the channel has a way for many orders that is
        cheaper than `totals`, and tells no money. None where it has none, or not for so few. landed: ids of the orders
        of the window that are landed."""
        return None

    def totals(self, window: Window) -> Iterator[OrderTotal]:
        """Ids and money of the orders placed within the window, read now, as cheaply as the API allows."""
        ...


class Listings(Protocol):
    def read(self) -> Iterator[tuple[Listing, ...]]:
        """Every SKU offered, with the quantity that buyers see, page by page, by the channel's way for bulk reading."""
        ...

    def read_places(self) -> Mapping[str, str]:
        """Names of the places where the channel counts our units, by Listing.location; '' where it has but one."""
        return {"": ""}


class Quantities(Protocol):
    def push(self, pushes: Sequence[Push]) -> Iterator[PushOutcome]:
        """Publish quantities, in the fewest calls that the vendor's batch sizes allow; one outcome for every push, as
        soon as it is known. Raises only what stops every push (credentials, no connection); a refused SKU is an
        outcome. Never writes a listing that the channel itself fulfils."""
        ...


class Handover(msgspec.Struct, frozen=True):
    """How many parcels are handed over together; after a crash so many are in doubt together. how: the way on which
    they go, for people, where the marketplace has several."""

    at_once: int = 25
    how: str = ""


class Shipments(Protocol):
    """Telling the channel what was shipped. None of the calls may happen twice: the buyer hears of each parcel."""

    def send(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Confirm the shipments, in the fewest calls that the API permits; one outcome for each, as soon as it is
        known. `unknown` where the answer was lost. Raises only what stops every shipment."""
        ...

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """What the channel already has of them: `accepted` only where it shows our tracking number for those lines;
        `absent` where it certainly has not; `unknown` where it cannot tell."""
        ...

    def correct(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """Carrier and tracking number of parcels that are confirmed become these. May be sent again."""
        ...

    def choose_handover(self, waiting: int) -> Handover:
        """How so many parcels that wait are sent."""
        return Handover()

    def list_carriers(self) -> Collection[str]:
        """The codes of carriers that the channel knows; none where it has no list that can be asked for."""
        return ()


class BuyerRefunds(Protocol):
    """Paying buyers back. None of the calls may happen twice: money leaves.

    late_by: how long after it was made a refund may be missing in what the channel reports.
    """

    late_by: timedelta = timedelta(0)

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        """Pay these back; one outcome for each, as soon as it is known. `unknown` where the answer was lost, `pending`
        where the channel is at work on it. Reads the order before, and refuses (`other_refund`) where it shows a refund
        that nobody has accounted for, and (`exceeds_payment`) what is more than was paid and not paid back. `reference`
        of an outcome is the id that the refund has as a record of `refunds`. Raises only what stops every refund."""
        ...

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        """What the channel already has of them: `accepted` where it certainly shows them, `absent` where it certainly
        does not, `unknown` where it cannot tell."""
        ...


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a message that the marketplace sent: ids, never its content, which may be hours old.

    delivery_id: the same for every repetition of the message. event: the marketplace's own name of what happened.
    topic: whose records changed; None for an event that nobody follows. record_id: which record, '' where the message
    does not tell; of returns and refunds, their order. changed_at: since when. asks: what a person has asked the
    marketplace for. persons: who that is, as subjects (`email:anna@example.com`), to be hashed at once. orders: ids of
    orders that the request names.
    """

    delivery_id: str
    event: str
    topic: Topic | None = None
    record_id: str = ""
    changed_at: datetime | None = None
    asks: Literal["", "erase", "export", "erase_shop"] = ""
    persons: tuple[str, ...] = ()
    orders: tuple[str, ...] = ()


class Notices(Protocol):
    """Messages that the marketplace sends by itself. `read` may be called by several threads."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """The notice, after the signature over these very bytes was verified. headers: by lower-case name. Raises
        ForgedMessage for a message that is not the marketplace's or cannot be read, and TransientError where the key
        cannot be had for now."""
        ...

    def answer_challenge(self, code: str, address: str) -> bytes | None:
        """The answer by which the marketplace learns that `address` is ours; None where it does not ask."""
        ...


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was fetched from a queue. receipt: by which it is deleted. notice: None for what is no message of
    the marketplace's."""

    receipt: str
    body: bytes
    notice: Notice | None


class Inbox(Protocol):
    """A queue in which the marketplace's messages lie until they are deleted. Used by a single thread."""

    def fetch(self, seconds: float) -> list[Letter]:
        """Messages that nobody has fetched a moment ago; waits so long for the first."""
        ...

    def drop(self, letters: Sequence[Letter]) -> None:
        """Delete messages that are on record."""
        ...

    def probe(self) -> None:
        """Whether the queue can be read, without changing it. Raises what `fetch` raises."""
        ...


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that is not as it shall be. topic: in the marketplace's words."""

    topic: str
    what: Literal["missing", "wrong", "down"]


class SentSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """key: of its effect. address: where the marketplace shall send the topic's messages."""

    key: str
    topic: str
    address: str


class Subscriptions(Protocol):
    """What the marketplace sends messages about. May be sent again and again. address: where to, ours or a queue's."""

    def list_lacks(self, address: str) -> list[Lack]:
        """What the marketplace has not, or has not right, read now."""

    def send(self, subscriptions: Sequence[SentSubscription]) -> Iterator[Outcome]:
        """Make these as they shall be; one outcome for each. Raises only what stops all of them."""

    def list_by_hand(self, address: str) -> list[str]:
        """What no API can make: a sentence each, which says what to enter where."""

    def list_expected_events(self) -> tuple[str, ...]:
        """Events of what is entered by hand; that a message came proves it."""

    def announces_orders(self) -> bool:
        """Whether messages about orders are among these."""


class Channel(Protocol):
    """One account of one marketplace. Each capability is an attribute, None where the marketplace does not define it.
    All calls raise TransientError, CredentialError, ProtocolError or PermanentError of core/errors.py.
    """

    name: str
    kind: str
    account: Account
    orders: Orders
    listings: Listings | None = None
    quantities: Quantities | None = None
    returns: AfterSale[Return] | None = None
    refunds: AfterSale[Refund] | None = None
    shipments: Shipments | None = None
    buyer_refunds: BuyerRefunds | None = None
    fba_stock: FbaStock | None = None
    inbound_plans: InboundPlans | None = None
    notices: Notices | None = None
    inbox: Inbox | None = None
    subscriptions: Subscriptions | None = None
    content: Content | None = None
    new_listings: NewListings | None = None


def source_of(channel: Channel, topic: str) -> Source[Any]:
    """What the channel's records of a topic come from. Raises PermanentError where this kind of marketplace has no such
    records."""
    if topic == Topic.RETURNS:
        return offered(channel.returns, channel, "returns")
    if topic == Topic.REFUNDS:
        return offered(channel.refunds, channel, "refunds")
    return channel.orders


def offered(capability: C | None, channel: Channel, what: str) -> C:
    """The capability. Raises PermanentError when this kind of marketplace does not have it."""
    if capability is None:
        raise PermanentError(f"{channel.name}: {channel.kind} offers no {what}; switch the flow off in commerce.yaml.")
    return capability
