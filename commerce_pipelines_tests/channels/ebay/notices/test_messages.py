"""Messages of eBay: the challenge, which are believed, and what is kept of them."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from commerce_pipelines.channels.ebay.notices.messages import KEY_SECONDS, LOOKUP_SECONDS, EbayNotices
from commerce_pipelines.core.errors import ForgedMessage, PermanentError, TransientError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines_tests.doubles.notices import KEY_ID, Ebay, Signed
from commerce_pipelines_tests.doubles.vendor import Clock

TOKEN = "71745723-d031-455c-bfa5-f90d11b4f20a"


class World:
    def __init__(self) -> None:
        self.ebay, self.clock = Ebay(), Clock()
        self.notices = EbayNotices(TOKEN, self.ebay.ask, self.clock)

    def read(self, signed: Signed) -> Any:
        return self.notices.read(signed.headers, signed.body)

    def refuses(self, signed: Signed) -> None:
        with pytest.raises(ForgedMessage):
            self.read(signed)


@pytest.fixture
def world() -> World:
    return World()


def test_the_challenge_is_the_digest_of_code_token_and_address() -> None:
    notices = EbayNotices(TOKEN, Ebay().ask, Clock())
    code, address = "a8628072-3d33-45ee-9004-bee86830a22d", "https://hooks.example.com/notices/ebay_de"
    answer = notices.answer_challenge(code, address)
    assert answer is not None
    digest = hashlib.sha256()
    for part in (code, TOKEN, address):
        digest.update(part.encode())
    assert json.loads(answer) == {"challengeResponse": digest.hexdigest()}


def test_ebays_own_vector_is_believed_and_a_prettier_one_is_not() -> None:
    """Key, signature and message of eBay's published SDK (event-notification-nodejs-sdk, test/test.json)."""
    key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhhxXKtR+TOvtDbgTPCkSof02qgBB7IsYOyf76ilExJ/upAa/vKIKheOoCyOpcLmi4t0b4uepb7LLjmMr90FUg=="  # noqa: E501
    header = "eyJhbGciOiJlY2RzYSIsImtpZCI6Ijk5MzYyNjFhLTdkN2ItNDYyMS1hMGYxLTk2Y2NiNDI4YWY0OSIsInNpZ25hdHVyZSI6Ik1FWUNJUUNmeGZJV3V4bVdjSUJRSjljNS9YN2lHREpxczJSQ0dzQkVhQWppbnlycmZBSWhBSVY2d0djVGlCdVY1S0pVaWYyaG9reXJMK1E5c3NIa2FkK214Mm5FRTI1dyIsImRpZ2VzdCI6IlNIQTEifQ=="  # noqa: E501
    message = {
        "metadata": {"topic": "MARKETPLACE_ACCOUNT_DELETION", "schemaVersion": "1.0", "deprecated": False},
        "notification": {
            "notificationId": "49feeaeb-4982-42d9-a377-9645b8479411_33f7e043-fed8-442b-9d44-791923bd9a6d",
            "eventDate": "2021-03-19T20:43:59.462Z", "publishDate": "2021-03-19T20:43:59.679Z",
            "publishAttemptCount": 1,
            "data": {"username": "test_user", "userId": "ma8vp1jySJC",
                     "eiasToken": "nY+sHZ2PrBmdj6wVnY+sEZ2PrA2dj6wJnY+gAZGEpwmdj6x9nY+seQ=="},
        },
    }  # fmt: skip
    asked: list[str] = []

    def ask(key_id: str) -> tuple[str, str]:
        asked.append(key_id)
        return f"-----BEGIN PUBLIC KEY-----{key}-----END PUBLIC KEY-----", "SHA1"

    notices = EbayNotices(TOKEN, ask, Clock())
    notice = notices.read({"x-ebay-signature": header}, json.dumps(message, separators=(",", ":")).encode())
    assert notice.persons == ("ebay:test_user", "ebay:ma8vp1jySJC")
    assert asked == [KEY_ID]
    with pytest.raises(ForgedMessage):
        notices.read({"x-ebay-signature": header}, json.dumps(message, indent=2).encode())


def test_an_order_is_named_and_its_buyer_is_not(world: World) -> None:
    notice = world.read(world.ebay.send("ORDER_CONFIRMATION", {"order": {"orderId": "12-345", "buyer": "anna"}}))
    assert (notice.topic, notice.record_id) == (Topic.ORDERS, "12-345")
    assert notice.changed_at.isoformat() == "2026-11-29T09:00:00+00:00"
    assert "anna" not in str(notice)
    assert world.read(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "12-345"})).record_id == "12-345"
    assert world.read(world.ebay.send("ORDER_CONFIRMATION", {"lineItemId": "1"})).record_id == ""
    world.refuses(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "../12"}))


def test_a_deleted_account_is_whom_to_erase(world: World) -> None:
    data = {"username": "test_user", "userId": "ma8vp1jySJC", "eiasToken": "nY+sHZ2PrBmdj6wVnY"}
    notice = world.read(world.ebay.send("MARKETPLACE_ACCOUNT_DELETION", data))
    assert (notice.asks, notice.persons) == ("erase", ("ebay:test_user", "ebay:ma8vp1jySJC"))
    world.refuses(world.ebay.send("MARKETPLACE_ACCOUNT_DELETION", {"eiasToken": "x"}))
    assert world.read(world.ebay.send("ITEM_AVAILABILITY", {"a": 1})).topic is None


def test_only_the_very_bytes_are_believed(world: World) -> None:
    signed = world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"})
    world.refuses(Signed(json.dumps(json.loads(signed.body), indent=2).encode(), signed.headers))
    world.refuses(Signed(signed.body.replace(b'"1"', b'"2"'), signed.headers))
    world.refuses(Signed(signed.body, {}))
    world.refuses(Signed(signed.body, {"x-ebay-signature": "%%%"}))
    world.refuses(Signed(signed.body, {"x-ebay-signature": base64.b64encode(b"[]").decode()}))
    world.refuses(Ebay().sign(signed.body))  # another's key, under eBay's id
    world.refuses(world.ebay.sign(b"not json"))
    assert world.read(signed).record_id == "1"


@pytest.mark.parametrize(
    "key_id", ["../../sell/fulfillment", KEY_ID + "/x", KEY_ID.upper(), "", KEY_ID + "\n", "a" * 36]
)
def test_what_is_no_id_of_a_key_never_reaches_a_url(world: World, key_id: str) -> None:
    world.refuses(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"}, key_id=key_id))
    assert world.ebay.asked == []


def test_unknown_keys_cost_one_call_a_minute(world: World) -> None:
    forger = Ebay()
    for number in range(50):
        world.refuses(
            forger.send("ORDER_CONFIRMATION", {"orderId": "1"}, key_id=f"9936261a-7d7b-4621-a0f1-{number:012d}")
        )
    assert len(world.ebay.asked) == 1
    world.clock.sleep(LOOKUP_SECONDS)
    assert world.read(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"})).record_id == "1"
    for number in range(50):  # a known key is no look-up
        world.read(world.ebay.send("ORDER_CONFIRMATION", {"orderId": str(number)}))
    assert len(world.ebay.asked) == 2


def test_a_known_key_is_asked_for_again_and_outlives_an_outage(world: World) -> None:
    signed = world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"})
    world.read(signed)
    real = world.notices._ask

    def fail(key_id: str) -> tuple[str, str]:
        world.ebay.asked.append(key_id)
        raise TransientError("eBay is away.")

    world.notices._ask = fail
    world.clock.sleep(KEY_SECONDS)
    assert world.read(signed).record_id == "1"
    assert len(world.ebay.asked) == 2
    fresh = EbayNotices(TOKEN, fail, world.clock)
    with pytest.raises(TransientError):  # eBay sends it again
        fresh.read(signed.headers, signed.body)
    world.notices._ask = real


@pytest.mark.parametrize("answer", [("no key", "SHA1"), ("", "SHA1"), (None, "MD5")])
def test_an_answer_that_is_no_key_believes_nobody(world: World, answer: tuple[str | None, str]) -> None:
    text, digest = answer
    key, _ = world.ebay.ask(KEY_ID)
    world.notices._ask = lambda key_id: (key if text is None else text, digest)
    world.refuses(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"}))


def test_a_key_that_ebay_does_not_know_believes_nobody(world: World) -> None:
    def fail(key_id: str) -> tuple[str, str]:
        raise PermanentError("404")

    world.notices._ask = fail
    world.refuses(world.ebay.send("ORDER_CONFIRMATION", {"orderId": "1"}))
