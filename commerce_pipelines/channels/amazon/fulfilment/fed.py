"""Parcels by a feed (POST_ORDER_FULFILLMENT_DATA): those without tracking number, and very many together.

What belongs here: the feed's messages, what its report means, and what is known of a parcel whose feed is not known.
What does not: a feed's way (api/message_feeds.py), which parcels go by a feed (ways.py), one call for each
(shipments.py), whether a parcel without number is told at all (the channel's `missing_tracking`). Source:
OrderFulfillment.xsd of Seller Central, in which the number may be left out.

A message is a parcel; its number follows from the effect's key, so that the report's lines find it again. While a feed
of this kind is at work, or was a moment ago, nobody can tell a parcel that is not shown yet from one that was never
told; afterwards the order tells.

A parcel with a number is known by it. Where there can be no feed, it goes by a call; and what a report does not say to
be done is believed only after the order was read, as after a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from ....core.errors import CredentialError, PermanentError, ProtocolError, TransientError, UnknownOutcome
from ....domain.fulfilment.shipments import SentShipment
from ....domain.outbox.effects import Outcome
from ...outcomes import build_outcome
from ..api.api import Api
from ..api.message_feeds import AT_WORK, FULFILMENTS, MessageFeeds, NotSent, add_text, build_envelope
from .ways import is_unnumbered

OTHER = "Other"  # the carrier code for a carrier that Amazon has no code for
FRESH = timedelta(hours=1)  # within which what a feed did may not be shown yet
LOOK_BACK = timedelta(days=7)  # within which a feed is looked for
MOST_PARCELS = 10_000  # of one order: its parcels' numbers follow the delivery's in a message's number

Step = Callable[[Sequence[SentShipment]], Iterator[Outcome]]


class FedShipments:
    """Parcels of one account. look_at_orders: what the orders show of parcels. call: one call for each instead."""

    def __init__(self, api: Api, look_at_orders: Step, call: Step) -> None:
        self._api, self._look_at_orders, self._call = api, look_at_orders, call
        self._feeds = MessageFeeds(api, FULFILMENTS, "confirmation")

    def tell(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """One feed for each marketplace."""
        by_place: dict[str, list[SentShipment]] = {}
        for sent in shipments:
            by_place.setdefault(sent.shipment.marketplace, []).append(sent)
        for place, group in by_place.items():
            yield from self._send_feed(place, group)

    def look(self, shipments: Sequence[SentShipment]) -> Iterator[Outcome]:
        """One feed after the other, each with its report; then those of which no feed is known."""
        by_feed: dict[str, list[SentShipment]] = {}
        for sent in shipments:
            by_feed.setdefault(sent.reference, []).append(sent)
        for feed_id, group in by_feed.items():
            try:
                yield from self._read_fed(feed_id, group) if feed_id else self._look_for(group)
            except (ProtocolError, TransientError) as error:
                status = "pending" if feed_id else "unknown"
                yield from [build_outcome(sent, status, "unseen", error) for sent in group]

    def _send_feed(self, place: str, group: Sequence[SentShipment]) -> Iterator[Outcome]:
        body = build_feed(group, self._api.settings.seller_id, self._api.now())
        try:
            feed_id = self._feeds.submit(place, body)
        except NotSent as error:
            yield from self._call([sent for sent in group if not is_unnumbered(sent)])
            unnumbered = list(filter(is_unnumbered, group))
            if unnumbered and isinstance(error.cause, CredentialError):
                raise error.cause from None
            lasting = isinstance(error.cause, PermanentError) and not isinstance(error.cause, ProtocolError)
            status = "refused" if lasting else "unknown"
            yield from [build_outcome(sent, status, "not_sent", error.cause) for sent in unnumbered]
        except UnknownOutcome as error:
            yield from [build_outcome(sent, "unknown", "no_answer", error) for sent in group]
        else:
            yield from [Outcome(key=sent.key, status="pending", reference=feed_id) for sent in group]

    def _read_fed(self, feed_id: str, group: Sequence[SentShipment]) -> Iterator[Outcome]:
        """What became of each, by the feed's report and, for parcels with a number, by the orders."""
        doubtful: dict[str, tuple[SentShipment, Outcome]] = {}
        by_key = {sent.key: sent for sent in group}
        for outcome in self._feeds.follow(feed_id, group, number_message):
            sent = by_key[outcome.key]
            if outcome.status in ("accepted", "pending") or is_unnumbered(sent):
                yield outcome
            else:
                doubtful[sent.key] = (sent, outcome)
        for seen in self._look_at_orders([sent for sent, _ in doubtful.values()]):
            reported = doubtful[seen.key][1]
            yield reported if reported.status == "refused" and seen.status == "absent" else seen

    def _look_for(self, group: Sequence[SentShipment]) -> Iterator[Outcome]:
        now = self._api.now()
        feeds = self._feeds.list_since(now - LOOK_BACK)
        if any(feed.processing_status in AT_WORK or feed.created_time > now - FRESH for feed in feeds):
            message = "A feed of parcels is at work, or was just now: what it told is not shown yet."
            yield from [build_outcome(sent, "pending", "feed_at_work", message) for sent in group]
        else:
            yield from self._look_at_orders(group)


def number_message(sent: SentShipment) -> str:
    """The id of a parcel's message: a number that its effect's key, `delivery/parcel`, alone decides."""
    picking, _, parcel = sent.key.partition("/")
    return str(int(picking) * MOST_PARCELS + int(parcel))


def build_feed(shipments: Sequence[SentShipment], seller_id: str, now: datetime) -> bytes:
    """The feed's document. Amazon takes no shipping date to come."""
    messages = ((number_message(sent), _build_message(sent, now)) for sent in shipments)
    return build_envelope(seller_id, "OrderFulfillment", messages)


def _build_message(sent: SentShipment, now: datetime) -> ET.Element:
    shipment = sent.shipment
    message = ET.Element("OrderFulfillment")
    add_text(message, "AmazonOrderID", shipment.order_id)
    add_text(message, "MerchantFulfillmentID", number_message(sent))
    shipped_at = min(shipment.shipped_at, now).astimezone(UTC)
    add_text(message, "FulfillmentDate", shipped_at.isoformat(timespec="seconds").replace("+00:00", "Z"))
    data = ET.SubElement(message, "FulfillmentData")
    if shipment.carrier in ("", OTHER):
        add_text(data, "CarrierName", shipment.carrier_name or OTHER)
    else:
        add_text(data, "CarrierCode", shipment.carrier)
    if shipment.tracking_number.strip():
        add_text(data, "ShipperTrackingNumber", shipment.tracking_number)
    for line in shipment.lines:
        item = ET.SubElement(message, "Item")
        add_text(item, "AmazonOrderItemCode", line.line_id)
        add_text(item, "Quantity", str(line.quantity))
    return message
