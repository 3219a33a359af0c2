"""The queue of Amazon's messages, over HTTP with boto3: what is fetched, what is deleted, what failures say."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from commerce_pipelines.channels.amazon.notices.queue import HIDDEN_SECONDS, AmazonInbox
from commerce_pipelines.channels.amazon.settings import Credentials, Notifications, Settings
from commerce_pipelines.core.errors import CredentialError, PermanentError, SettingsError, TransientError
from commerce_pipelines.core.section import Secret
from commerce_sandbox.amazon.queue import QueueStandIn, build_order_change

from ..contract import NOON, Clock

boto3 = pytest.importorskip("boto3")
ORDER = "902-3159896-1390916"


def connect(url: str) -> AmazonInbox:
    keys = {key: Secret(env=f"SQS_{key.upper()}") for key in ("access_key_id", "secret_access_key")}
    lwa = Credentials(**{key: Secret(env="X") for key in ("client_id", "client_secret", "refresh_token")})
    notifications = Notifications(enabled=True, queue_url=url, **keys)
    return AmazonInbox(Settings(name="amazon_eu", credentials=lwa, notifications=notifications))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[QueueStandIn]:
    monkeypatch.setenv("SQS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("SQS_SECRET_ACCESS_KEY", "hush")
    clock = Clock()
    with QueueStandIn(now=clock.now) as stand_in:
        stand_in.clock = clock  # type: ignore[attr-defined]
        yield stand_in


def test_messages_stay_until_they_are_deleted(queue: QueueStandIn) -> None:
    inbox = connect(queue.queue_url)
    for number in range(12):
        queue.put(build_order_change(ORDER, NOON, message=f"m{number}"))
    queue.put("no message of Amazon's")
    first, second = inbox.fetch(0.0), inbox.fetch(0.0)
    assert (len(first), len(second)) == (10, 3)
    assert [letter.notice.record_id if letter.notice else None for letter in second] == [ORDER, ORDER, None]
    inbox.drop(first)
    assert inbox.fetch(0.0) == []  # the other three are hidden
    queue.clock.passed += HIDDEN_SECONDS  # type: ignore[attr-defined]
    again = inbox.fetch(0.0)
    assert len(again) == 3
    inbox.drop([*again, *first])  # a second time harms nothing
    assert len(queue) == 0


def test_a_look_hides_no_message_from_anybody(queue: QueueStandIn) -> None:
    queue.put(build_order_change(ORDER, NOON, message="m1"))
    connect(queue.queue_url).probe()
    assert len(connect(queue.queue_url).fetch(0.0)) == 1


def test_calls_are_signed_with_the_settings_keys_and_no_others(
    queue: QueueStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ANOTHER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    connect(queue.queue_url).probe()
    (call,) = queue.calls
    assert "Credential=AKIDEXAMPLE/" in call.headers["authorization"]
    assert "/eu-west-1/sqs/aws4_request" in call.headers["authorization"]


@pytest.mark.parametrize(
    ("code", "error", "fix"),
    [
        ("AccessDeniedException", CredentialError, "sqs:ReceiveMessage and sqs:DeleteMessage"),
        ("InvalidClientTokenId", CredentialError, "correct its keys"),
        ("QueueDoesNotExist", PermanentError, r"notifications\.queue_url"),
        ("InvalidAttributeValue", PermanentError, r"channels\[amazon_eu\]\.notifications"),
    ],
)
def test_a_refusal_is_told_in_our_words(queue: QueueStandIn, code: str, error: type[Exception], fix: str) -> None:
    queue.refused = code
    with pytest.raises(error, match=fix) as caught:
        connect(queue.queue_url).fetch(0.0)
    assert "Access to 123" not in str(caught.value)


def test_a_queue_that_is_away_is_tried_again(queue: QueueStandIn) -> None:
    inbox, url = connect(queue.queue_url), queue.queue_url
    queue.stop()
    with pytest.raises(TransientError, match="amazon-messages cannot be reached"):
        inbox.fetch(0.0)
    assert url


def test_without_the_extra_its_name_is_told(queue: QueueStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SettingsError, match=r"pip install 'commerce-pipelines\[amazon-sqs\]'"):
        connect(queue.queue_url).fetch(0.0)
