"""Publishing quantities on Amazon over HTTP: few by patch, many by feed, each SKU with its outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import quote

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.core.errors import CredentialError, TransientError
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome
from commerce_sandbox.server import Fault

from ..catalogue import DE, FR, SELLER, fill, offer, pushes, read
from ..contract import Clock, Recorded, connect, judged

FEEDS = "/feeds/2021-06-30/feeds"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock, seller_id=SELLER, marketplaces=("DE", "FR"))


def push(channel: AmazonChannel, wanted: list[Push]) -> dict[str, PushOutcome]:
    every = list(channel.quantities.push(wanted))
    outcomes = {outcome.key: outcome for outcome in every}
    assert len(every) == len(outcomes) == len(wanted)
    return outcomes


def statuses(outcomes: dict[str, PushOutcome]) -> set[str]:
    return {outcome.status for outcome in outcomes.values()}


class TestPatches:
    def test_few_are_patched_one_by_one(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 30)
        wanted = pushes(channel, 20)
        assert statuses(push(channel, wanted)) == {"accepted"}
        calls = [call for call in amazon.calls if call.method == "PATCH"]
        assert len(calls) == 20
        assert calls[0].json() == {
            "productType": "KITCHEN",
            "patches": [{"op": "merge", "path": "/attributes/fulfillment_availability",
                         "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": 99}]}],
        }  # fmt: skip
        assert calls[0].query["marketplaceIds"] == [DE], "one marketplace is all that Amazon takes, and all it needs"
        changed = amazon.listings.offers[wanted[0].listing.sku]
        assert changed.availability[0] == {
            "fulfillment_channel_code": "DEFAULT", "quantity": 99, "lead_time_to_ship_max_days": 3,
        }  # fmt: skip

    def test_what_amazon_fulfils_is_never_written(self, amazon: Recorded, channel: AmazonChannel) -> None:
        """G81."""
        fill(amazon, 20)
        wanted = [Push(listing=listing, quantity=5, token="t") for listing in read(channel).values()]
        outcomes = push(channel, wanted)
        assert [key for key, outcome in outcomes.items() if outcome.code == "fulfilled_by_channel"] == [
            "SKU/00009 ä", "SKU/00019 ä",
        ]  # fmt: skip
        assert [offer.availability for offer in amazon.listings.offers.values() if offer.by_amazon] == [
            [{"fulfillment_channel_code": "AMAZON_EU"}]
        ] * 2

    def test_a_refused_sku_keeps_nobody_else_waiting(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 30)
        wanted = pushes(channel, 4)
        amazon.listings.refused = {wanted[1].listing.sku: ("8541", "The SKU does not match.")}
        del amazon.listings.offers[wanted[2].listing.sku]
        outcomes = list(push(channel, wanted).values())
        assert [outcome.status for outcome in outcomes] == ["accepted", "refused", "refused", "accepted"]
        sentence = "Amazon refuses it: the listing's data contradicts Amazon's catalogue."
        assert (outcomes[1].code, outcomes[1].message) == ("8541", sentence)
        assert outcomes[1].words.reveal() == "The SKU does not match."
        assert outcomes[2].code == "InvalidInput"

    def test_a_listing_of_unknown_type_is_patched_as_a_product(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1)
        bare = Listing(key="SKU/00000 ä", sku="SKU/00000 ä", quantity=1)
        assert statuses(push(channel, [Push(listing=bare, quantity=4, token="t")])) == {"accepted"}
        assert amazon.listings.offers["SKU/00000 ä"].quantity == 4

    def test_what_is_lost_for_one_is_its_own_and_amazon_is_asked_after_four_in_a_row(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 30)
        wanted = pushes(channel, 6)
        amazon.faults = [Fault(match="/items/", times=10, status=503)]
        outcomes = [outcome.status for outcome in push(channel, wanted).values()]
        assert outcomes == ["failed"] * 2 + ["accepted"] * 4
        amazon.faults = [Fault(match="/items/", times=20, status=503)]
        outcomes = [outcome.status for outcome in push(channel, wanted).values()]
        assert outcomes == ["failed"] * 4 + ["accepted"] * 2  # it answers a search
        amazon.faults = [Fault(match="/items/", times=999, status=503)]
        with pytest.raises(TransientError):
            push(channel, wanted)
        [fault] = amazon.faults
        assert fault.times == 999 - 25  # with the search

    @pytest.mark.parametrize("fault", [Fault(body=b"[]", times=99), Fault(status=413, times=99)])
    def test_an_answer_that_cannot_be_read_fails_its_own_sku(
        self, amazon: Recorded, channel: AmazonChannel, fault: Fault
    ) -> None:
        fill(amazon, 30)
        wanted = pushes(channel, 3)
        fault.match = lambda call: call.method == "PATCH" and call.path.endswith(quote(wanted[0].listing.sku, safe=""))
        amazon.faults = [fault]
        assert [outcome.status for outcome in push(channel, wanted).values()] == ["failed", "accepted", "accepted"]

    def test_a_missing_role_stops_everything(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 30)
        wanted = pushes(channel, 3)
        amazon.forbidden = {"patchListingsItem"}
        with pytest.raises(CredentialError, match="lacks the role"):
            push(channel, wanted)


class TestFeeds:
    def test_many_go_in_one_feed_and_come_back_by_sku(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 50)
        amazon.listings.refused = {wanted[10].listing.sku: ("99022", "Refused."), wanted[40].listing.sku: ("1", "No.")}
        outcomes = push(channel, wanted)
        refused = {key: outcome.code for key, outcome in outcomes.items() if outcome.status == "refused"}
        assert refused == {wanted[10].listing.key: "99022", wanted[40].listing.key: "1"}
        assert sum(outcome.status == "accepted" for outcome in outcomes.values()) == 48
        assert len([call for call in amazon.called(FEEDS) if call.method == "POST"]) == 1
        assert [call for call in amazon.calls if call.method == "PATCH"] == []
        changed = amazon.listings.offers[wanted[0].listing.sku].availability[0]
        assert (changed["quantity"], changed["lead_time_to_ship_max_days"]) == (99, 3)

    def test_twenty_five_thousand_fit_into_a_feed(self, amazon: Recorded, channel: AmazonChannel) -> None:
        amazon.listings.offers.clear()
        amazon.listings.add(*(offer(number) for number in range(25_010)))
        wanted = [Push(listing=Listing(key=sku, sku=sku, quantity=7), quantity=8, token="t")
                 for sku in amazon.listings.offers]  # fmt: skip
        assert statuses(push(channel, wanted)) == {"accepted"}
        sizes = [len(json.loads(call.body)["messages"]) for call in amazon.calls if call.method == "PUT"]
        assert sizes == [25_000, 10]

    def test_each_sku_is_told_once_in_the_fewest_feeds(self, amazon: Recorded, channel: AmazonChannel) -> None:
        amazon.listings.offers.clear()
        places = ((DE, FR), (FR,), (DE,), (FR, DE))
        amazon.listings.add(*(offer(number, places=places[number % 4]) for number in range(120)))
        assert statuses(push(channel, pushes(channel, 120))) == {"accepted"}
        asked_for = [call.json()["marketplaceIds"] for call in amazon.called(FEEDS) if call.method == "POST"]
        sizes = [len(json.loads(call.body)["messages"]) for call in amazon.calls if call.method == "PUT"]
        assert (asked_for, sizes) == ([[DE], [FR]], [90, 30])
        assert {offer.quantity for offer in amazon.listings.offers.values()} == {99}

    def test_a_feed_at_work_when_the_time_is_up_is_pending(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.feeds.takes = timedelta(minutes=30)
        assert statuses(push(channel, wanted)) == {"pending"}
        assert 600 < clock.passed < 700

    @pytest.mark.parametrize("fate", ["CANCELLED", "FATAL"])
    def test_a_feed_given_up_is_a_failure_of_each(self, amazon: Recorded, channel: AmazonChannel, fate: str) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.feeds.fate = [fate]
        outcomes = push(channel, wanted)
        assert {(outcome.status, outcome.code) for outcome in outcomes.values()} == {("failed", fate)}

    def test_a_message_nobody_speaks_of_is_not_taken_for_accepted(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.listings.refused = {wanted[0].listing.sku: ("1", "No.")}
        amazon.feeds.unsaid = {5}
        outcomes = list(push(channel, wanted).values())
        assert outcomes[0].status == "refused"
        assert {outcome.code for outcome in outcomes[1:]} == {"unconfirmed"}

    def test_a_lost_answer_to_the_feed_is_not_a_second_feed(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.faults = [Fault(match=lambda call: call.method == "POST" and call.path == FEEDS, drop=True, after=True)]
        assert statuses(push(channel, wanted)) == {"accepted"}
        assert len(amazon.feeds.feeds) == 1

    def test_a_feed_that_never_arrived_is_a_failure_of_each(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.faults = [Fault(match=lambda call: call.method == "POST" and call.path == FEEDS, drop=True)]
        assert statuses(push(channel, wanted)) == {"failed"}
        assert amazon.feeds.feeds == {}

    def test_a_report_that_cannot_be_had_leaves_the_feed_pending(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 60)
        wanted = pushes(channel, 30)
        amazon.faults = [Fault(match="/feeds/2021-06-30/documents/", status=500, times=99)]
        assert statuses(push(channel, wanted)) == {"pending"}
