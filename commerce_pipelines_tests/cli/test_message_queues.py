"""The loop over queues goes on after every failure, sooner after a passing one; and what `check` says of a queue."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.registry import open_channel
from commerce_pipelines.cli import message_queues
from commerce_pipelines.cli.message_queues import LONG_PAUSE_SECONDS, SHORT_PAUSE_SECONDS, Queues, readable_queue
from commerce_pipelines.core.errors import CredentialError, SettingsError, TransientError
from commerce_pipelines.core.instruments import REAL
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.flows.notices.test_inbox import NAME, SETTINGS, Shop
from commerce_sandbox.amazon import AmazonStandIn, demo_orders
from commerce_sandbox.amazon.queue import QueueStandIn, build_order_change
from commerce_sandbox.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (None, 0.0), (TransientError("The queue is away."), SHORT_PAUSE_SECONDS),
        (CredentialError("The keys are wrong."), LONG_PAUSE_SECONDS), (RuntimeError("postal code 48110"), 60.0),
    ],
)  # fmt: skip
def test_a_turn_that_fails_is_told_and_followed_by_another(
    error: Exception | None, pause: float, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    def take_turn(*_: object) -> int:
        if error:
            raise error
        return 1

    monkeypatch.setattr(message_queues, "take_turn", take_turn)
    queues = Queues(doors(parse(SETTINGS), warehouse, channels={NAME: Shop()}))
    with caplog.at_level(logging.WARNING):
        assert queues._take_turn(NAME) == pause
    assert (NAME in caplog.text) is (error is not None)
    assert "48110" not in caplog.text


def test_a_queue_of_two_channels_is_refused() -> None:
    """They would take one another's messages."""
    channel = SETTINGS.split("channels:\n")[1]
    with pytest.raises(SettingsError, match=r"channels\[amazon_uk\]\.notifications\.queue_url is another channel's"):
        parse(SETTINGS + channel.replace(NAME, "amazon_uk"))


def test_the_queue_is_looked_into(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    connections = doors(parse(SETTINGS), warehouse, channels={NAME: shop})
    (channel,) = connections.settings.channels
    what = f"channels[{NAME}].notifications.queue_url"
    assert list(readable_queue(connections, channel)) == [(what, "")]

    def refuse() -> None:
        raise CredentialError("The keys are wrong.")

    monkeypatch.setattr(shop.inbox, "probe", refuse)
    assert list(readable_queue(connections, channel)) == [(what, "The keys are wrong.")]
    other = doors(some_settings(), warehouse)
    assert list(readable_queue(other, other.settings.channels[0])) == []


def test_a_message_of_amazons_lands_its_order(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way, over HTTP on both sides."""
    pytest.importorskip("boto3")
    monkeypatch.setenv("A", "secret")
    now = datetime.now(UTC)
    with AmazonStandIn() as amazon, QueueStandIn() as queue:
        payload = next(order for order in demo_orders(7, 7, now, CATALOGUE) if "orderId" in order)
        amazon.add(payload)
        text = SETTINGS.replace("https://sqs.eu-west-1.amazonaws.com/123456789012/messages", queue.queue_url).replace(
            "kind: amazon,", f"kind: amazon, endpoint: '{amazon.url}', token_endpoint: '{amazon.url}/auth/o2/token',"
        )
        channel = open_channel(parse(text).channel(NAME), MemoryBuckets(), MemoryTokens(), REAL)
        connections = doors(parse(text), warehouse, channels={NAME: channel})
        changed = now - timedelta(minutes=1)
        for message in ("m1", "m2", "m1"):
            queue.put(build_order_change(payload["orderId"], changed, message=message))
        queues = Queues(connections)
        assert queues._take_turn(NAME) == 0.0
        assert len(queue) == 0
        assert connections.landing(NAME, Topic.ORDERS).history(payload["orderId"])
        assert sum(call.path.endswith(payload["orderId"]) for call in amazon.calls) == 1
