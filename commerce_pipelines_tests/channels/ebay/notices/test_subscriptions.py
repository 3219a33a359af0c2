"""eBay's address and topics: made, repaired, left alone where they are right. eBay's contract judges every exchange."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import Lack, SentSubscription
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.notices.subscriptions import SUBSCRIPTION_SCOPE
from commerce_pipelines.channels.ebay.settings import SCOPES
from commerce_sandbox.server import Call, Reply, StandIn

from .. import account
from ..contract import SPECS, judge

ADDRESS = "https://hooks.example.com/notices/ebay_de"
BASE = "/commerce/notification/v1"
TOKEN = "t" * 32


class Notifying(StandIn):
    """eBay's Notification API: destinations and subscriptions in memory. down: what eBay does after failures."""

    def __init__(self) -> None:
        super().__init__()
        self.email = ""
        self.destinations: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        reply = self._build_reply(call)
        self.exchanges.append((call, reply))
        return reply

    def _build_reply(self, call: Call) -> Reply:
        if call.path.endswith("/oauth2/token"):
            return Reply(200, {"access_token": call.form()["grant_type"], "expires_in": 7200})
        seller = call.headers["authorization"] == "Bearer refresh_token"
        part, _, key = call.path.removeprefix(f"{BASE}/").partition("/")
        if part == "config":
            return self._answer_config(call)
        if part == "topic":
            versions = (("1.1", False), ("1.0", True))
            shape = {"format": ["JSON"], "deliveryProtocol": "HTTPS"}
            payloads = [{**shape, "schemaVersion": version, "deprecated": old} for version, old in versions]
            return Reply(200, {"topicId": key, "supportedPayloads": payloads})
        if part == "destination":
            assert not seller
            return self._keep(call, key, self.destinations, "destination", {})
        mine = {name: row for name, row in self.subscriptions.items() if row["seller"] == seller}
        if call.method == "GET":
            rows = [{name: value for name, value in row.items() if name != "seller"} for row in mine.values()]
            return Reply(200, {"total": len(rows), "subscriptions": rows})
        return self._keep(call, key, self.subscriptions, "subscription", {"seller": seller})

    def _answer_config(self, call: Call) -> Reply:
        if call.method == "PUT":
            self.email = call.json()["alertEmail"]
            return Reply(204)
        return Reply(200, {"alertEmail": self.email}) if self.email else Reply(404, {"errors": []})

    def _keep(self, call: Call, key: str, rows: dict[str, Any], kind: str, more: dict[str, Any]) -> Reply:
        if call.method == "GET":
            return Reply(200, {"total": len(rows), f"{kind}s": list(rows.values())})
        if call.method == "POST":
            key = f"{kind}-{len(rows) + 1}"
            rows[key] = {f"{kind}Id": key, **more}
        rows[key] |= call.json()
        return Reply(204) if call.method == "PUT" else Reply(201, {}, {"Location": key})


@pytest.fixture
def ebay() -> Iterator[Notifying]:
    with Notifying() as ebay:
        yield ebay
        for call, reply in ebay.exchanges if SPECS else ():
            if not call.path.endswith("/oauth2/token"):
                judge(call, reply)


@pytest.fixture
def seller(ebay: Notifying, monkeypatch: pytest.MonkeyPatch) -> EbayChannel:
    monkeypatch.setenv("TEST_EBAY_VERIFICATION", TOKEN)
    notifications = {
        "enabled": True, "verification_token": {"env": "TEST_EBAY_VERIFICATION"}, "alert_email": "ops@example.com",
    }  # fmt: skip
    scopes = (*SCOPES, SUBSCRIPTION_SCOPE)
    return account.channel(ebay, monkeypatch, notifications=notifications, scopes=scopes)  # type: ignore[arg-type]


def lacks(seller: EbayChannel) -> list[tuple[str, str]]:
    return [(lack.topic, lack.what) for lack in seller.subscriptions.list_lacks(ADDRESS)]


def repair(seller: EbayChannel) -> list[str]:
    missing: list[Lack] = seller.subscriptions.list_lacks(ADDRESS)
    sent = [SentSubscription(key=lack.topic, topic=lack.topic, address=ADDRESS) for lack in reversed(missing)]
    return [outcome.status for outcome in seller.subscriptions.send(sent)]


def test_everything_is_made_once_and_in_an_order_that_works(ebay: Notifying, seller: EbayChannel) -> None:
    assert [topic for topic, _ in lacks(seller)] == [
        "alert_email", "destination", "MARKETPLACE_ACCOUNT_DELETION", "ORDER_CONFIRMATION",
    ]  # fmt: skip
    assert repair(seller) == ["accepted"] * 4
    assert lacks(seller) == []
    assert ebay.email == "ops@example.com"
    [destination] = ebay.destinations.values()
    assert destination["deliveryConfig"] == {"endpoint": ADDRESS, "verificationToken": TOKEN}
    topics = {row["topicId"]: (row["seller"], row["payload"]["schemaVersion"]) for row in ebay.subscriptions.values()}
    assert topics == {"MARKETPLACE_ACCOUNT_DELETION": (False, "1.1"), "ORDER_CONFIRMATION": (True, "1.1")}
    assert repair(seller) == []


def test_what_ebay_marked_down_or_somebody_changed_is_mended(ebay: Notifying, seller: EbayChannel) -> None:
    repair(seller)
    [destination] = ebay.destinations.values()
    destination["status"] = "MARKED_DOWN"
    for row in ebay.subscriptions.values():
        row["status"] = "DISABLED"
    assert lacks(seller) == [
        ("destination", "down"), ("MARKETPLACE_ACCOUNT_DELETION", "down"), ("ORDER_CONFIRMATION", "down"),
    ]  # fmt: skip
    assert repair(seller) == ["accepted"] * 3
    assert lacks(seller) == []
    ebay.subscriptions.clear()
    assert [what for _, what in lacks(seller)] == ["missing", "missing"]


def test_channels_of_one_application_do_not_fight_over_its_topic(ebay: Notifying, seller: EbayChannel) -> None:
    repair(seller)
    other = {**next(iter(ebay.destinations.values())), "destinationId": "other"}
    other["deliveryConfig"] = {"endpoint": ADDRESS.replace("ebay_de", "ebay_fr"), "verificationToken": TOKEN}
    ebay.destinations["other"] = other
    for row in ebay.subscriptions.values():
        row["destinationId"] = "other"
    assert lacks(seller) == [("ORDER_CONFIRMATION", "wrong")]  # that one is the seller's own


def test_without_the_scope_only_the_application_subscribes(ebay: Notifying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_EBAY_VERIFICATION", TOKEN)
    notifications = {"enabled": True, "verification_token": {"env": "TEST_EBAY_VERIFICATION"}}
    seller = account.channel(ebay, monkeypatch, notifications=notifications)  # type: ignore[arg-type]
    assert repair(seller) == ["accepted"] * 2
    assert any("no order is announced" in sentence for sentence in seller.subscriptions.list_by_hand(ADDRESS))
