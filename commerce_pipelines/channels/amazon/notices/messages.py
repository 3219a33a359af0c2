"""What a message of Amazon's says, cut to ids: the order that changed, the report that is ready.

Amazon signs no message: who may write into the queue is decided by the queue's own policy. A message is therefore never
more than a hint, about this seller and these marketplaces. It holds a postal code and quantities, which are dropped.

What belongs here: the shapes of messages. What does not: the queue (queue.py), subscriptions (subscriptions.py), where
notices are kept (warehouse/shared/notifications.py). Source: the JSON schemas of the Notifications API. Some messages
write their keys in PascalCase, others in camelCase.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from ....core.errors import ForgedMessage
from ....core.topics import Topic
from ...capabilities import Notice

ORDER_CHANGE, REPORT_FINISHED = "ORDER_CHANGE", "REPORT_PROCESSING_FINISHED"
# Reports that the look at returns waits for (returns/return_reports.py).
RETURN_REPORTS = frozenset(
    ("GET_XML_RETURNS_DATA_BY_RETURN_DATE", "GET_FLAT_FILE_RETURNS_DATA_BY_RETURN_DATE",
     "GET_FBA_FULFILLMENT_CUSTOMER_RETURNS_DATA")
)  # fmt: skip
# Nothing can be loaded of such an order; the message after it comes when it is paid, and polls find it meanwhile.
PENDING = frozenset(("Pending", "PendingAvailability"))
_UNREADABLE = ForgedMessage("The message is not shaped as Amazon's are.")

Printable = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,100}\Z")]
OrderId = Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]{1,40}\Z")]


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    notification_id: Printable


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    notification_type: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9_]{1,100}\Z")]
    notification_metadata: Metadata
    payload: dict[str, Any] = {}


class Trigger(msgspec.Struct, frozen=True, rename="camel"):
    time_of_order_change: datetime | None = None


class Summary(msgspec.Struct, frozen=True, rename="camel"):
    marketplace_id: str = ""
    order_status: str = ""


class OrderChange(msgspec.Struct, frozen=True, rename="camel"):
    amazon_order_id: OrderId
    seller_id: str = ""
    order_change_trigger: Trigger = Trigger()
    summary: Summary = Summary()


class ReportFinished(msgspec.Struct, frozen=True, rename="camel"):
    report_type: str
    seller_id: str = ""


def read_message(body: bytes, seller_id: str, marketplace_ids: tuple[str, ...]) -> Notice:
    """The notice. seller_id, marketplace_ids: messages about others are nobody's; empty for any. Raises ForgedMessage
    for what is no message of Amazon's."""
    try:
        envelope = msgspec.convert(_write_camel(msgspec.json.decode(body)), Envelope)
        delivery_id, event = envelope.notification_metadata.notification_id, envelope.notification_type
        if event == ORDER_CHANGE:
            change = msgspec.convert(envelope.payload.get("orderChangeNotification"), OrderChange)
            return _build_order_notice(delivery_id, change, seller_id, marketplace_ids)
        if event == REPORT_FINISHED:
            report = msgspec.convert(envelope.payload.get("reportProcessingFinishedNotification"), ReportFinished)
            if report.report_type in RETURN_REPORTS and _is_ours(report.seller_id, seller_id):
                return Notice(delivery_id=delivery_id, event=event, topic=Topic.RETURNS)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError):
        raise _UNREADABLE from None
    return Notice(delivery_id=delivery_id, event="other")


def _build_order_notice(
    delivery_id: str, change: OrderChange, seller_id: str, marketplace_ids: tuple[str, ...]
) -> Notice:
    place, at = change.summary.marketplace_id, change.order_change_trigger.time_of_order_change
    elsewhere = bool(marketplace_ids and place) and place not in marketplace_ids
    if elsewhere or not _is_ours(change.seller_id, seller_id) or change.summary.order_status in PENDING:
        return Notice(delivery_id=delivery_id, event="other")
    return Notice(
        delivery_id=delivery_id,
        event=ORDER_CHANGE,
        topic=Topic.ORDERS,
        record_id=change.amazon_order_id,
        changed_at=at if at is not None and at.tzinfo is not None else None,
    )


def _is_ours(named: str, seller_id: str) -> bool:
    return not (named and seller_id) or named == seller_id


def _write_camel(value: Any) -> Any:
    """The message with its keys in camelCase, however they were written."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _write_camel(part) for key, part in value.items()}
    return [_write_camel(part) for part in value] if isinstance(value, list) else value
