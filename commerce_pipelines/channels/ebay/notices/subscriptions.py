"""eBay's subscriptions: the address (destination) and its topics, compared and repaired.

eBay marks an address down that fails again and again, and sends nothing more until it is enabled. The address belongs
to the application; a topic about a seller is subscribed to with the seller's token.

What belongs here: which topics, the calls. What does not: when they are compared (flows/notices/subscribe.py), what the
messages say (messages.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from ....core.errors import PermanentError, ProtocolError
from ....domain.outbox.effects import Outcome
from ...capabilities import Lack, SentSubscription, Subscriptions
from ...outcomes import send_each
from ..api.account import Account
from .messages import ACCOUNT_DELETION, ORDER_CONFIRMATION

BASE = "/commerce/notification/v1"
DESTINATION, ALERT_EMAIL = "destination", "alert_email"
SELLER_TOPICS = (ORDER_CONFIRMATION,)  # by the seller's token; all others by the application's
TOPICS = (ACCOUNT_DELETION, *SELLER_TOPICS)
SUBSCRIPTION_SCOPE = "https://api.ebay.com/oauth/api_scope/commerce.notification.subscription"
ENABLED = "ENABLED"
MOST_PAGES = 20
T = TypeVar("T")


class DeliveryConfig(msgspec.Struct, rename="camel", frozen=True):
    endpoint: str = ""


class Destination(msgspec.Struct, rename="camel", frozen=True):
    destination_id: str
    name: str = ""
    status: str = ""
    delivery_config: DeliveryConfig = DeliveryConfig()


class Destinations(msgspec.Struct, rename="camel", frozen=True):
    destinations: list[Destination] = []
    next: str = ""


class Subscription(msgspec.Struct, rename="camel", frozen=True):
    subscription_id: str
    topic_id: str
    destination_id: str = ""
    status: str = ""


class SubscriptionList(msgspec.Struct, rename="camel", frozen=True):
    subscriptions: list[Subscription] = []
    next: str = ""


class PayloadDetail(msgspec.Struct, rename="camel", frozen=True):
    schema_version: str = ""
    deprecated: bool = False
    format: list[str] = []


class TopicAnswer(msgspec.Struct, rename="camel", frozen=True):
    supported_payloads: list[PayloadDetail] = []


class Config(msgspec.Struct, rename="camel", frozen=True):
    alert_email: str = ""


class EbaySubscriptions(Subscriptions):
    def __init__(self, account: Account) -> None:
        self._account, self._wanted = account, account.settings.notifications

    def list_by_hand(self, address: str) -> list[str]:
        by_hand = [
            f"eBay's page Alerts & Notifications must show {address} with the verification token for marketplace "
            "account deletion: it is where eBay looks whether an application complies."
        ]
        if SUBSCRIPTION_SCOPE not in self._account.settings.scopes:
            by_hand.append(
                f"channels[{self._account.settings.name}].scopes lacks {SUBSCRIPTION_SCOPE}: without it no order is "
                "announced; add it, and have the seller consent to it."
            )
        return by_hand

    def list_expected_events(self) -> tuple[str, ...]:
        return (ACCOUNT_DELETION,)

    def announces_orders(self) -> bool:
        return ORDER_CONFIRMATION in self._list_topics()

    def list_lacks(self, address: str) -> list[Lack]:
        lacks = []
        if self._wanted.alert_email and self._read_email() != self._wanted.alert_email:
            lacks.append(Lack(topic=ALERT_EMAIL, what="missing"))
        destinations = self._read_destinations()
        destination = destinations.get(address)
        if destination is None or destination.status != ENABLED:
            lacks.append(Lack(topic=DESTINATION, what="missing" if destination is None else "down"))
        for topic in self._list_topics():
            row = self._find_subscription(topic)
            if row is None:
                lacks.append(Lack(topic=topic, what="missing"))
            elif row.destination_id not in _list_right(topic, address, destinations):
                lacks.append(Lack(topic=topic, what="wrong"))
            elif row.status != ENABLED:
                lacks.append(Lack(topic=topic, what="down"))
        return lacks

    def send(self, subscriptions: Sequence[SentSubscription]) -> Iterator[Outcome]:
        """The address first, because the topics name it."""
        order = {ALERT_EMAIL: 0, DESTINATION: 1}
        return send_each(sorted(subscriptions, key=lambda sent: order.get(sent.topic, 2)), self._put)

    def _put(self, sent: SentSubscription) -> Outcome:
        if sent.topic == ALERT_EMAIL:
            wanted = {"alertEmail": self._wanted.alert_email}
            self._account.administer("PUT", "updateConfig", f"{BASE}/config", wanted, ok=(204,))
        elif sent.topic == DESTINATION:
            self._put_destination(sent.address)
        else:
            self._put_subscription(sent.topic, sent.address)
        return Outcome(key=sent.key, status="accepted")

    def _put_destination(self, address: str) -> None:
        token = self._wanted.verification_token
        wanted = {
            "name": f"commerce-pipelines {self._account.settings.name}", "status": ENABLED,
            "deliveryConfig": {"endpoint": address, "verificationToken": token.value() if token else ""},
        }  # fmt: skip
        row = self._read_destinations().get(address)
        if row is None:
            self._account.administer("POST", "createDestination", f"{BASE}/destination", wanted, ok=(201, 409))
        else:
            path = f"{BASE}/destination/{row.destination_id}"
            self._account.administer("PUT", "updateDestination", path, wanted, ok=(204,))

    def _put_subscription(self, topic: str, address: str) -> None:
        destination, application = self._read_destinations().get(address), topic not in SELLER_TOPICS
        if destination is None:
            raise PermanentError(f"eBay has no destination {address} yet: run `commerce-pipelines subscribe` again.")
        payload = {"format": "JSON", "deliveryProtocol": "HTTPS", "schemaVersion": self._read_version(topic)}
        wanted: dict[str, Any] = {
            "destinationId": destination.destination_id, "status": ENABLED, "payload": payload,
        }  # fmt: skip
        row = self._find_subscription(topic)
        if row is None:
            self._account.administer(
                "POST", "createSubscription", f"{BASE}/subscription", {**wanted, "topicId": topic},
                application=application, ok=(201, 409),
            )  # fmt: skip
            return
        path = f"{BASE}/subscription/{row.subscription_id}"
        self._account.administer("PUT", "updateSubscription", path, wanted, application=application, ok=(204,))

    def _list_topics(self) -> tuple[str, ...]:
        return TOPICS if SUBSCRIPTION_SCOPE in self._account.settings.scopes else (ACCOUNT_DELETION,)

    def _read_destinations(self) -> dict[str, Destination]:
        """By their addresses, byte for byte, as eBay hashes them."""
        pages = self._read_pages("getDestinations", f"{BASE}/destination", Destinations)
        return {row.delivery_config.endpoint: row for page in pages for row in page.destinations}

    def _find_subscription(self, topic: str) -> Subscription | None:
        application = topic not in SELLER_TOPICS
        path = f"{BASE}/subscription"
        for page in self._read_pages("getSubscriptions", path, SubscriptionList, application=application):
            for row in page.subscriptions:
                if row.topic_id == topic:
                    return row
        return None

    def _read_pages(self, operation: str, path: str, shape: type[T], *, application: bool = True) -> Iterator[T]:
        where = f"{path}?limit=100"
        for _ in range(MOST_PAGES):
            response = self._account.administer("GET", operation, where, application=application)
            page: Any = self._account.decode(response, shape)
            yield page
            if not page.next:
                return
            where = f"{path}?{page.next.partition('?')[2]}"  # only the query: the host stays ours
        raise ProtocolError(f"eBay's list of {operation} does not end.")

    def _read_version(self, topic: str) -> str:
        """The newest schema version that is not deprecated."""
        response = self._account.administer("GET", "getTopic", f"{BASE}/topic/{topic}")
        details = self._account.decode(response, TopicAnswer).supported_payloads
        versions = [detail.schema_version for detail in details if not detail.deprecated and detail.schema_version]
        return versions[-1] if versions else "1.0"

    def _read_email(self) -> str:
        response = self._account.administer("GET", "getConfig", f"{BASE}/config", ok=(200, 404))
        return self._account.decode(response, Config).alert_email if response.status == 200 else ""


def _list_right(topic: str, address: str, destinations: Mapping[str, Destination]) -> set[str]:
    """The ids of destinations that a topic may have. A topic of the application has a single subscription, which the
    channels of all its sellers share: any of our addresses will do."""
    ours = address.rpartition("/")[0] + "/"
    return {
        row.destination_id
        for endpoint, row in destinations.items()
        if endpoint == address or (topic not in SELLER_TOPICS and endpoint.startswith(ours))
    }
