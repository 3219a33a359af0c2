"""The loop over queues goes on after every failure, sooner after a passing one; and what `check` says of a queue."""

from __future__ import annotations

import logging

import pytest

from commerce_pipelines.cli import message_queues
from commerce_pipelines.cli.message_queues import LONG_PAUSE_SECONDS, SHORT_PAUSE_SECONDS, Queues, readable_queue
from commerce_pipelines.core.errors import CredentialError, SettingsError, TransientError
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.channel import some_settings
from commerce_pipelines_tests.doubles.doors import doors
from commerce_pipelines_tests.flows.notices.test_inbox import NAME, SETTINGS, Shop


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
