"""Amazon's subscriptions: made once, compared, repaired; judged by Amazon's own description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.notices.subscriptions import DESTINATION
from commerce_pipelines.channels.amazon.settings import Notifications
from commerce_pipelines.channels.capabilities import SentSubscription
from commerce_pipelines.core.section import Secret
from commerce_pipelines.domain.returns.rules import ReturnRules
from commerce_sandbox.amazon.subscribing import DIRECTIVE

from ..contract import Clock, Recorded, connect, judged

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/amazon-messages"
ARN = "arn:aws:sqs:eu-west-1:123456789012:amazon-messages"


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(Clock(), monkeypatch) as stand_in:
        yield stand_in


def open_channel(amazon: Recorded, **more: Any) -> AmazonChannel:
    key = Secret(env="AMZ_ID")
    wanted = Notifications(enabled=True, queue_url=URL, access_key_id=key, secret_access_key=key)
    return connect(amazon, Clock(), notifications=wanted, **more)


def repair(channel: AmazonChannel) -> list[tuple[str, str]]:
    """What was lacking; all of it is made."""
    lacks = channel.subscriptions.list_lacks(URL)
    sent = [SentSubscription(key=lack.topic, topic=lack.topic, address=URL) for lack in lacks]
    assert all(outcome.status == "accepted" for outcome in channel.subscriptions.send(sent))
    return [(lack.topic, lack.what) for lack in lacks]


def test_what_is_missing_is_made_once(amazon: Recorded) -> None:
    channel = open_channel(amazon, returns=ReturnRules(enabled=True))
    assert repair(channel) == [
        (DESTINATION, "missing"), ("ORDER_CHANGE", "missing"), ("REPORT_PROCESSING_FINISHED", "missing"),
    ]  # fmt: skip
    (destination,) = amazon.subscribing.destinations.values()
    assert destination["resource"]["sqs"]["arn"] == ARN
    assert amazon.subscribing.subscriptions["ORDER_CHANGE"]["processingDirective"] == DIRECTIVE
    assert repair(channel) == []


def test_a_subscription_that_leads_elsewhere_is_replaced(amazon: Recorded) -> None:
    channel = open_channel(amazon)
    repair(channel)
    amazon.subscribing.subscriptions["ORDER_CHANGE"]["destinationId"] = "another"
    assert repair(channel) == [("ORDER_CHANGE", "wrong")]
    assert repair(channel) == []


def test_only_the_queues_policy_is_left_to_a_person(amazon: Recorded) -> None:
    (sentence,) = open_channel(amazon).subscriptions.list_by_hand(URL)
    assert ARN in sentence
    assert "437568002678" in sentence
