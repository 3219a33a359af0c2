"""The shop's webhooks: subscriptions, and messages about new orders.

What belongs here: `webhookSubscriptions` and its mutations, signing, delivery. What does not: orders (shop.py), GraphQL
(execution.py). Unlike Shopify, which asks for https, it sends to loopback by plain http.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from typing import Any

import requests

from .execution import Data, Rows
from .shop import number

ATTEMPTS, AGAIN_SECONDS, TIMEOUT_SECONDS = 3, 5.0, 5.0  # Shopify tries nine times in four hours


class Webhooks:
    """secret: of the app, which signs; nothing is sent without one."""

    def __init__(self, shop: str) -> None:
        self.secret = ""
        self._shop = shop
        self._rows: dict[str, Data] = {}

    def fields(self) -> Data:
        """Root fields of a query."""
        return {
            "webhookSubscriptions": lambda arguments: Rows(list(self._rows.values()), lambda row: [number(row["id"])])
        }

    def mutations(self) -> Data:
        """Root fields of a mutation."""
        return {"webhookSubscriptionCreate": self._create, "webhookSubscriptionUpdate": self._update}

    def tell(self, topic: str, order: Data) -> None:
        """Send every subscriber of a topic, such as ORDERS_CREATE, the fields of the order that it asked for."""
        for row in list(self._rows.values()):
            if row["topic"] == topic and self.secret:
                whole = {"id": number(order["id"]), "updated_at": order["updatedAt"]}
                body = json.dumps({name: whole[name] for name in row["includeFields"] if name in whole}).encode()
                threading.Thread(target=self._send_until_taken, args=(row["uri"], topic, body), daemon=True).start()

    def _create(self, arguments: Data) -> Any:
        gid = f"gid://shopify/WebhookSubscription/{len(self._rows) + 1}"
        self._rows[gid] = {"id": gid, "topic": arguments["topic"], "filter": None, **arguments["webhookSubscription"]}
        return {"webhookSubscription": {"id": gid}, "userErrors": []}

    def _update(self, arguments: Data) -> Any:
        self._rows[arguments["id"]] |= arguments["webhookSubscription"]
        return {"webhookSubscription": {"id": arguments["id"]}, "userErrors": []}

    def _send_until_taken(self, uri: str, topic: str, body: bytes) -> None:
        """An attempt that fails is repeated with the same body and the same ids."""
        headers = {
            "content-type": "application/json", "x-shopify-topic": topic.lower().replace("_", "/", 1),
            "x-shopify-shop-domain": self._shop, "x-shopify-webhook-id": str(uuid.uuid4()),
            "x-shopify-hmac-sha256": base64.b64encode(hmac.digest(self.secret.encode(), body, hashlib.sha256)).decode(),
        }  # fmt: skip
        for _ in range(ATTEMPTS):
            try:
                if requests.post(uri, body, headers=headers, timeout=TIMEOUT_SECONDS).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(AGAIN_SECONDS)
