"""Amazon's subscriptions: the queue (destination) and the kinds of messages, compared and repaired.

The destination belongs to the application, which asks for it by a token of its own (grantless); a subscription belongs
to the seller, who has one of each kind, and only the application may delete it.

What belongs here: which messages, the calls. What does not: when they are compared (flows/notices/subscribe.py), what
messages say (messages.py), the queue itself, which a person makes (docs/webhooks.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ....core.errors import PermanentError
from ....domain.outbox.effects import Outcome
from ...capabilities import Lack, SentSubscription, Subscriptions
from ...http.session import Repeat
from ...outcomes import send_each
from ..api.api import Api, decode
from .messages import ORDER_CHANGE, REPORT_FINISHED

BASE = "/notifications/v1"
DESTINATION = "destination"
NAME = "commerce-pipelines"
AMAZON = "437568002678"  # the AWS account that writes the messages
VERSIONS = {ORDER_CHANGE: "1.0", REPORT_FINISHED: "2020-09-04"}
# Some accounts may not subscribe to changes of orders without it; in any other form it is refused.
DIRECTIVES: dict[str, Any] = {
    ORDER_CHANGE: {
        "eventFilter": {
            "eventFilterType": "ORDER_CHANGE",
            "orderChangeTypes": ["OrderStatusChange", "BuyerRequestedChange"],
        }
    }
}


class Sqs(msgspec.Struct, frozen=True):
    arn: str = ""


class Resource(msgspec.Struct, frozen=True):
    sqs: Sqs | None = None


class Destination(msgspec.Struct, frozen=True, rename="camel"):
    destination_id: str
    resource: Resource = Resource()


class Destinations(msgspec.Struct, frozen=True):
    payload: list[Destination] = []


class Subscription(msgspec.Struct, frozen=True, rename="camel"):
    subscription_id: str
    destination_id: str
    payload_version: str = ""


class SubscriptionAnswer(msgspec.Struct, frozen=True):
    payload: Subscription | None = None


class AmazonSubscriptions(Subscriptions):
    def __init__(self, api: Api) -> None:
        self._api, self._settings, self._application = api, api.settings, api.as_application()

    def list_lacks(self, address: str) -> list[Lack]:
        """address: the queue's URL, as everywhere here; Amazon is told its ARN."""
        destination = self._find_destination()
        lacks = [] if destination else [Lack(topic=DESTINATION, what="missing")]
        for topic in self._list_topics():
            row = self._read_subscription(topic)
            if row is None:
                lacks.append(Lack(topic=topic, what="missing"))
            elif row.destination_id != destination or row.payload_version != VERSIONS[topic]:
                lacks.append(Lack(topic=topic, what="wrong"))
        return lacks

    def send(self, subscriptions: Sequence[SentSubscription]) -> Iterator[Outcome]:
        """The destination first, because the others name it."""
        return send_each(sorted(subscriptions, key=lambda sent: sent.topic != DESTINATION), self._put)

    def list_by_hand(self, address: str) -> list[str]:
        return [
            f"The policy of the queue {self._settings.notifications.queue.arn} must let the AWS account {AMAZON} do "
            "sqs:SendMessage and sqs:GetQueueAttributes; an encrypted queue also needs a key that this account may use."
        ]

    def list_expected_events(self) -> tuple[str, ...]:
        return (ORDER_CHANGE,)

    def announces_orders(self) -> bool:
        return True

    def _list_topics(self) -> tuple[str, ...]:
        """Reports are waited for where returns are taken over."""
        return (ORDER_CHANGE, REPORT_FINISHED) if self._settings.returns.enabled else (ORDER_CHANGE,)

    def _put(self, sent: SentSubscription) -> Outcome:
        if sent.topic == DESTINATION:
            self._create_destination()
        else:
            self._create_subscription(sent.topic)
        return Outcome(key=sent.key, status="accepted")

    def _create_destination(self) -> None:
        wanted = {"name": NAME, "resourceSpecification": {"sqs": {"arn": self._settings.notifications.queue.arn}}}
        self._application.send(
            "POST", "createDestination", f"{BASE}/destinations", wanted, repeat=Repeat.STATE, ok=(200, 409)
        )

    def _create_subscription(self, topic: str) -> None:
        """A subscription that leads elsewhere is replaced."""
        destination, row = self._find_destination(), self._read_subscription(topic)
        if not destination:
            raise PermanentError(
                "Amazon has no destination for the queue yet: run `commerce-pipelines subscribe` again."
            )
        path = f"{BASE}/subscriptions/{topic}"
        if row is not None:
            self._application.send(
                "DELETE", "deleteSubscriptionById", f"{path}/{row.subscription_id}", None, repeat=Repeat.STATE,
                ok=(200, 404),
            )  # fmt: skip
        wanted = {"payloadVersion": VERSIONS[topic], "destinationId": destination}
        if topic in DIRECTIVES:
            wanted["processingDirective"] = DIRECTIVES[topic]
        self._api.send("POST", "createSubscription", path, wanted, repeat=Repeat.STATE, ok=(200, 409))

    def _find_destination(self) -> str:
        """The id of the queue's destination, '' where it has none."""
        answer = self._application.call("getDestinations", f"{BASE}/destinations")
        arn = self._settings.notifications.queue.arn
        return next(
            (
                row.destination_id
                for row in decode(answer, Destinations).payload
                if row.resource.sqs and row.resource.sqs.arn == arn
            ),
            "",
        )

    def _read_subscription(self, topic: str) -> Subscription | None:
        query = {"payloadVersion": VERSIONS[topic]}
        response = self._api.call("getSubscription", f"{BASE}/subscriptions/{topic}", query, ok=(200, 404))
        return decode(response, SubscriptionAnswer).payload if response.status == 200 else None
