"""A stand-in for one standard queue of Amazon SQS: messages are hidden when they are fetched, and gone when deleted.

What belongs here: the two operations that are used, in the JSON protocol of AWS, and messages as the Notifications API
writes them. What does not: signatures, which nobody checks here. A long poll answers at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ..server import Call, Reply, StandIn
from .answers import written

ACCOUNT, NAME = "123456789012", "amazon-messages"
MOST = 10


class QueueStandIn(StandIn):
    """refused: a code of AWS that every call is answered with."""

    def __init__(self, port: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(port, now)
        self.refused = ""
        self._bodies: dict[str, str] = {}
        self._hidden_until: dict[str, datetime] = {}
        self._count = 0

    @property
    def queue_url(self) -> str:
        return f"{self.url}/{ACCOUNT}/{NAME}"

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, message: Any) -> None:
        """A message, text or JSON."""
        with self.lock:
            self._count += 1
            self._bodies[str(self._count)] = message if isinstance(message, str) else json.dumps(message)

    def handle(self, call: Call) -> Reply:
        if self.refused:
            return _answer({"__type": f"com.amazonaws.sqs#{self.refused}", "message": "Access to 123 is denied."}, 400)
        operation, asked = call.headers.get("x-amz-target", "").partition(".")[2], call.json()
        if asked.get("QueueUrl") != self.queue_url:
            return _answer({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"}, 400)
        return _answer(self._receive(asked) if operation == "ReceiveMessage" else self._delete(asked))

    def _receive(self, asked: dict[str, Any]) -> dict[str, Any]:
        now = self.now()
        seen = [key for key in self._bodies if self._hidden_until.get(key, now) <= now]
        seen = seen[: min(MOST, asked.get("MaxNumberOfMessages", 1))]
        for key in seen:
            self._hidden_until[key] = now + timedelta(seconds=asked.get("VisibilityTimeout", 30))
        messages = [
            {
                "MessageId": key,
                "ReceiptHandle": key,
                "Body": self._bodies[key],
                "MD5OfBody": hashlib.md5(self._bodies[key].encode(), usedforsecurity=False).hexdigest(),
            }
            for key in seen
        ]
        return {"Messages": messages} if messages else {}

    def _delete(self, asked: dict[str, Any]) -> dict[str, Any]:
        for entry in asked["Entries"]:
            self._bodies.pop(entry["ReceiptHandle"], None)
        return {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []}


def _answer(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.0"})


def build_order_change(
    order_id: str, at: datetime, *, message: str, seller: str = "A1EXAMPLE", status: str = "Unshipped",
    marketplace: str = "A1PA6795UKMFR9",
) -> dict[str, Any]:  # fmt: skip
    """ORDER_CHANGE 1.0, as the Notifications API writes it."""
    return {
        "NotificationVersion": "1.0", "NotificationType": "ORDER_CHANGE", "PayloadVersion": "1.0",
        "EventTime": written(at),
        "Payload": {
            "OrderChangeNotification": {
                "NotificationLevel": "OrderLevel", "SellerId": seller, "AmazonOrderId": order_id,
                "OrderChangeType": "OrderStatusChange",
                "OrderChangeTrigger": {"TimeOfOrderChange": written(at), "ChangeReason": "Order Status Change"},
                "Summary": {
                    "MarketplaceId": marketplace, "OrderStatus": status, "PurchaseDate": written(at),
                    "DestinationPostalCode": "48110", "FulfillmentType": "MFN", "OrderType": "StandardOrder",
                    "NumberOfItemsShipped": 0, "NumberOfItemsUnshipped": 1, "OrderPrograms": [], "ShippingPrograms": [],
                    "EarliestDeliveryDate": written(at), "LatestDeliveryDate": written(at),
                    "EarliestShipDate": written(at), "LatestShipDate": written(at), "CancelNotifyDate": written(at),
                    "OrderItems": [
                        {
                            "OrderItemId": "1", "SellerSKU": "TEA", "SupplySourceId": "", "OrderItemStatus": status,
                            "Quantity": 1, "QuantityShipped": 0, "IsBuyerRequestedCancel": False,
                            "ItemEarliestDeliveryDate": written(at), "ItemLatestDeliveryDate": written(at),
                        }
                    ],
                },
            }
        },
        "NotificationMetadata": {
            "ApplicationId": "app", "SubscriptionId": "subscription", "PublishTime": written(at),
            "NotificationId": message,
        },
    }  # fmt: skip


def build_report_finished(kind: str, at: datetime, *, message: str) -> dict[str, Any]:
    """REPORT_PROCESSING_FINISHED, which writes its keys in another case."""
    return {
        "notificationVersion": "2020-09-04", "notificationType": "REPORT_PROCESSING_FINISHED",
        "payloadVersion": "2020-09-04", "eventTime": written(at),
        "payload": {
            "reportProcessingFinishedNotification": {
                "sellerId": "A1EXAMPLE", "accountId": "amzn1.merchant.o.A1EXAMPLE", "reportId": "54517018502",
                "reportType": kind, "processingStatus": "DONE",
                "reportDocumentId": "amzn1.tortuga.3",
            }
        },
        "notificationMetadata": {
            "applicationId": "app", "subscriptionId": "subscription", "publishTime": written(at),
            "notificationId": message,
        },
    }  # fmt: skip
