"""Notifications of the stand-in: the application's destinations, the seller's subscriptions.

What belongs here: the operations as notifications.json describes them. What does not: the queue that messages are
written into (queue.py), tokens (api.py).
"""

from __future__ import annotations

from typing import Any

from ..server import Call
from .answers import Refused, invalid

DIRECTIVE = {
    "eventFilter": {
        "eventFilterType": "ORDER_CHANGE",
        "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
    }
}


class Subscribing:
    """destinations: by their ids. subscriptions: by their kinds of messages."""

    def __init__(self) -> None:
        self.destinations: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self._count = 0

    def list_destinations(self, call: Call, now: Any) -> dict[str, Any]:
        return {"payload": list(self.destinations.values())}

    def create_destination(self, call: Call, now: Any) -> dict[str, Any]:
        wanted = call.json()
        arn = wanted.get("resourceSpecification", {}).get("sqs", {}).get("arn", "")
        if not arn.startswith("arn:aws:sqs:") or arn.endswith(".fifo") or not wanted.get("name"):
            raise invalid("Invalid ARN provided.")
        if any(row["resource"]["sqs"]["arn"] == arn for row in self.destinations.values()):
            raise Refused(409, "Conflict", "A destination of this resource exists.")
        row = {"destinationId": self._make_id("destination"), "name": wanted["name"], "resource": {"sqs": {"arn": arn}}}
        self.destinations[row["destinationId"]] = row
        return {"payload": row}

    def read(self, call: Call, now: Any, kind: str) -> dict[str, Any]:
        if kind not in self.subscriptions:
            raise Refused(404, "NotFound", "There is no such subscription.")
        return {"payload": self.subscriptions[kind]}

    def create(self, call: Call, now: Any, kind: str) -> dict[str, Any]:
        wanted = call.json()
        if wanted.get("destinationId") not in self.destinations:
            raise invalid("The destination does not exist.")
        if kind == "ORDER_CHANGE" and wanted.get("processingDirective") != DIRECTIVE:
            raise invalid("Cannot parse the processingDirective.")
        if kind in self.subscriptions:
            raise Refused(409, "Conflict", "The subscription exists.")
        self.subscriptions[kind] = {"subscriptionId": self._make_id("subscription"), **wanted}
        return {"payload": self.subscriptions[kind]}

    def delete(self, call: Call, now: Any, kind: str, subscription_id: str) -> dict[str, Any]:
        if self.subscriptions.get(kind, {}).get("subscriptionId") != subscription_id:
            raise Refused(404, "NotFound", "There is no such subscription.")
        del self.subscriptions[kind]
        return {}

    def _make_id(self, what: str) -> str:
        self._count += 1
        return f"{what}-{self._count}"
