"""The shop's webhook subscriptions: those that the API can make, compared and repaired.

Shopify deletes a subscription that the API made after eight failed deliveries in a row, and says so to nobody. Of each
message only ids are asked for, so that no personal data comes. Subscriptions of the app's configuration are not listed
by the API; one message then comes twice, which is known by its body.

What belongs here: which topics, the calls. What does not: when they are compared (flows/notices/subscribe.py), what the
messages say (messages.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ....core.errors import ProtocolError
from ....domain.outbox.effects import Outcome
from ...capabilities import Lack, SentSubscription, Subscriptions
from ...http.session import Repeat
from ...outcomes import send_each
from ..api.graphql import GraphQL
from ..api.payloads import Node, PageInfo
from .messages import PRIVACY_TOPICS
from .queries import CREATE, LIST, UPDATE

TOPICS = ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_PAID", "ORDERS_CANCELLED", "REFUNDS_CREATE")
FIELDS = ["id", "order_id", "updated_at"]
MOST_PAGES = 20


class Existing(Node):
    id: str
    topic: str
    uri: str
    format: str = "JSON"
    includeFields: list[str] = []
    filter: str | None = None


class Page(Node):
    nodes: list[Existing]
    pageInfo: PageInfo


class Listed(Node):
    webhookSubscriptions: Page


class UserError(Node):
    message: str = ""


class Changed(Node):
    userErrors: list[UserError] = []


class Created(Node):
    webhookSubscriptionCreate: Changed


class Updated(Node):
    webhookSubscriptionUpdate: Changed


class ShopifySubscriptions(Subscriptions):
    def __init__(self, graphql: GraphQL) -> None:
        self._graphql = graphql

    def list_by_hand(self, address: str) -> list[str]:
        topics = ", ".join(PRIVACY_TOPICS)
        return [
            f"No API makes {topics}: enter {address} for them in the app's configuration (compliance_topics in "
            "shopify.app.toml, or the Dev Dashboard)."
        ]

    def list_expected_events(self) -> tuple[str, ...]:
        return PRIVACY_TOPICS

    def announces_orders(self) -> bool:
        return True

    def list_lacks(self, address: str) -> list[Lack]:
        existing = {row.topic: row for row in self._read() if row.uri == address}
        lacks = []
        for topic in TOPICS:
            row = existing.get(topic)
            if row is None:
                lacks.append(Lack(topic=topic, what="missing"))
            elif not _is_right(row):
                lacks.append(Lack(topic=topic, what="wrong"))
        return lacks

    def send(self, subscriptions: Sequence[SentSubscription]) -> Iterator[Outcome]:
        existing = {(row.topic, row.uri): row.id for row in self._read()}
        return send_each(subscriptions, lambda sent: self._put(sent, existing.get((sent.topic, sent.address))))

    def _put(self, sent: SentSubscription, gid: str | None) -> Outcome:
        wanted: dict[str, Any] = {"uri": sent.address, "format": "JSON", "includeFields": FIELDS}
        if gid is None:
            variables = {"topic": sent.topic, "wanted": wanted}
            answer = self._graphql.change(CREATE, variables, Created, repeat=Repeat.STATE).webhookSubscriptionCreate
        else:
            variables = {"id": gid, "wanted": {**wanted, "filter": ""}}  # an empty one takes a filter away
            answer = self._graphql.change(UPDATE, variables, Updated, repeat=Repeat.STATE).webhookSubscriptionUpdate
        if answer.userErrors:
            message = f"Shopify refuses a subscription to {sent.topic}: the address must be https and public."
            return Outcome(key=sent.key, status="refused", code="user_error", message=message)
        return Outcome(key=sent.key, status="accepted")

    def _read(self) -> list[Existing]:
        rows: list[Existing] = []
        after: str | None = None
        for _ in range(MOST_PAGES):
            page = self._graphql.ask(LIST, {"after": after}, Listed).webhookSubscriptions
            rows += page.nodes
            if not page.pageInfo.hasNextPage or page.pageInfo.endCursor == after:
                return rows
            after = page.pageInfo.endCursor
        raise ProtocolError("Shopify's list of webhook subscriptions does not end.")


def _is_right(row: Existing) -> bool:
    return row.format == "JSON" and sorted(row.includeFields) == sorted(FIELDS) and not row.filter
