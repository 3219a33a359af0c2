"""The shop's subscriptions: made, repaired, left alone where they are right. Shopify's schema judges every exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import SentSubscription
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.notices.subscriptions import FIELDS, TOPICS
from commerce_sandbox.server import Call, Reply, StandIn

from ..contract import SPECS, judge
from ..orders.test_reading import Clock, connect

ADDRESS = "https://hooks.example.com/notices/shopify_de"


class Subscribing(StandIn):
    """webhookSubscriptions in memory, two on a page."""

    def __init__(self, now: Any) -> None:
        super().__init__(now=now)
        self.rows: list[dict[str, Any]] = []
        self.refuses = False
        self.exchanges: list[tuple[Call, Reply]] = []

    def handle(self, call: Call) -> Reply:
        asked = call.json()
        reply = Reply(200, {"data": self._build_answer(asked["query"], asked["variables"])})
        self.exchanges.append((call, reply))
        return reply

    def _build_answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if query.startswith("query"):
            start = int(variables["after"] or 0)
            more = start + 2 < len(self.rows)
            page = {"hasNextPage": more, "endCursor": str(start + 2)}
            return {"webhookSubscriptions": {"nodes": self.rows[start : start + 2], "pageInfo": page}}
        name = "webhookSubscriptionCreate" if "webhookSubscriptionCreate" in query else "webhookSubscriptionUpdate"
        if self.refuses:
            return {name: {"webhookSubscription": None, "userErrors": [{"field": ["uri"], "message": "No."}]}}
        if name == "webhookSubscriptionCreate":
            gid = f"gid://shopify/WebhookSubscription/{len(self.rows) + 1}"
            self.rows.append({"id": gid, "topic": variables["topic"], "filter": None, **variables["wanted"]})
        else:
            gid = variables["id"]
            next(row for row in self.rows if row["id"] == gid).update(variables["wanted"])
        return {name: {"webhookSubscription": {"id": gid}, "userErrors": []}}


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Subscribing]:
    monkeypatch.setenv("SHOP_TOKEN", "shpat_sandbox")
    clock = Clock()

    def now() -> datetime:
        return clock.now()

    with Subscribing(now) as shop:
        yield shop
        if SPECS:
            judge(shop.exchanges)


@pytest.fixture
def channel(shop: Subscribing) -> ShopifyChannel:
    return connect(shop, Clock())  # type: ignore[arg-type]


def lacks(channel: ShopifyChannel) -> list[tuple[str, str]]:
    return [(lack.topic, lack.what) for lack in channel.subscriptions.list_lacks(ADDRESS)]


def repair(channel: ShopifyChannel) -> list[str]:
    sent = [SentSubscription(key=topic, topic=topic, address=ADDRESS) for topic, _ in lacks(channel)]
    return [outcome.status for outcome in channel.subscriptions.send(sent)]


def test_every_topic_is_subscribed_to_once_and_by_ids_alone(shop: Subscribing, channel: ShopifyChannel) -> None:
    assert lacks(channel) == [(topic, "missing") for topic in TOPICS]
    assert repair(channel) == ["accepted"] * len(TOPICS)
    assert lacks(channel) == []
    assert repair(channel) == []
    assert {row["topic"]: row["includeFields"] for row in shop.rows} == dict.fromkeys(TOPICS, FIELDS)
    assert {row["uri"] for row in shop.rows} == {ADDRESS}


def test_what_shopify_deleted_or_somebody_changed_is_mended(shop: Subscribing, channel: ShopifyChannel) -> None:
    repair(channel)
    del shop.rows[0]
    shop.rows[0]["includeFields"] = []
    shop.rows[1]["filter"] = "id:1"
    shop.rows.append(
        {**shop.rows[2], "id": "gid://shopify/WebhookSubscription/99", "uri": "https://elsewhere.example.com"}
    )
    assert lacks(channel) == [(TOPICS[0], "missing"), (TOPICS[1], "wrong"), (TOPICS[2], "wrong")]
    assert repair(channel) == ["accepted"] * 3
    assert lacks(channel) == []
    assert len([row for row in shop.rows if row["uri"] == ADDRESS]) == len(TOPICS)


def test_a_refusal_is_ours_to_tell(shop: Subscribing, channel: ShopifyChannel) -> None:
    shop.refuses = True
    sent = [SentSubscription(key="k", topic=TOPICS[0], address=ADDRESS)]
    [outcome] = channel.subscriptions.send(sent)
    assert (outcome.status, outcome.code) == ("refused", "user_error")
    assert "must be https and public" in outcome.message


def test_privacy_topics_are_entered_by_hand(channel: ShopifyChannel) -> None:
    [sentence] = channel.subscriptions.list_by_hand(ADDRESS)
    assert "customers/redact" in sentence
    assert ADDRESS in sentence
