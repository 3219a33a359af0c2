"""eBay's calls of a day: read from its Analytics API, shared by all operations of an API, back at midnight Pacific."""

from __future__ import annotations

import pytest

from commerce_pipelines.channels.ebay.api.limits import Rate, RateLimit, Resource, find_rate
from commerce_pipelines.channels.http.memory import MemoryBuckets
from commerce_pipelines.channels.http.throttle import Quota
from commerce_pipelines.core.errors import PermanentError, ProtocolError, RateLimited
from commerce_pipelines.core.throttle import next_reset
from commerce_sandbox.server import Fault

from .account import NOW, channel
from .contract import Judged

FULFILMENT = ("sell", "fulfillment")


def test_what_ebay_says_is_left_holds_until_midnight_pacific(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOW.timestamp()]
    shop = channel(ebay, monkeypatch, MemoryBuckets(lambda: now[0]))
    ebay.quotas.granted[FULFILMENT] = 1_000
    for _ in range(998):
        ebay.quotas.spend(FULFILMENT)  # another program of the seller
    shop.account.learn_limits()
    assert shop.orders.fetch("10-99999-00000") is None
    assert shop.orders.fetch("10-99999-00000") is None
    with pytest.raises(RateLimited, match="calls of sell fulfillment") as refused:
        shop.orders.fetch("10-99999-00000")
    assert refused.value.wait == pytest.approx(next_reset(now[0]) - now[0])
    now[0] = next_reset(now[0])
    ebay.quotas.granted[FULFILMENT] = 2_000  # the stand-in's own clock stands still
    assert shop.orders.fetch("10-99999-00000") is None


def test_calls_used_up_according_to_ebay_rest_for_an_hour(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every operation of the API, and not until midnight: the count may be wrong, or reset by then."""
    now = [NOW.timestamp()]
    shop = channel(ebay, monkeypatch, MemoryBuckets(lambda: now[0]))
    used_up = b'{"errors": [{"errorId": 2001, "message": "Request limit has been reached"}]}'
    ebay.faults.append(Fault(match="/order/", status=429, body=used_up))
    with pytest.raises(RateLimited):
        shop.orders.fetch("10-99999-00000")
    with pytest.raises(RateLimited):
        shop.account.probe()
    now[0] += 3_600
    shop.account.probe()


def test_one_refused_answer_is_no_reason_to_do_without_the_other(ebay: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = channel(ebay, monkeypatch)
    ebay.faults.append(Fault(match="/user_rate_limit/", status=403, times=99))
    shop.account.learn_limits()
    ebay.faults.append(Fault(match="/rate_limit/", status=403, times=99))
    with pytest.raises(PermanentError):
        shop.account.learn_limits()


def test_calls_about_messages_count_to_the_days_calls_of_their_api(
    ebay: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [NOW.timestamp()]
    shop = channel(ebay, monkeypatch, MemoryBuckets(lambda: now[0]))
    for _ in range(9_998):
        ebay.quotas.spend(("commerce", "notification"))  # another program of the application
    shop.account.learn_limits()
    for _ in range(2):
        with pytest.raises(ProtocolError):  # the stand-in has no such address
            shop.subscriptions.list_lacks("https://hooks.example.com/notices/ebay_de")
    with pytest.raises(RateLimited, match="calls of commerce notification"):
        shop.subscriptions.list_lacks("https://hooks.example.com/notices/ebay_de")


def test_of_several_limits_the_one_that_ends_first_counts() -> None:
    def limit(name: str, *rates: Rate) -> RateLimit:
        return RateLimit(api_context="sell", api_name="Fulfillment", resources=[Resource(name, list(rates))])

    day = 86_400
    limits = [
        limit("getOrder", Rate(100_000, 70_000, day), Rate(10, 1, 60)),  # of a minute
        limit("getOrders", Rate(100_000, 20_000, day)),
        limit("getPaymentDispute", Rate(50, 0, day)),  # none of our calls
    ]
    assert find_rate(limits, "calls of sell fulfillment", ["getOrder", "getOrders"]) == Rate(100_000, 20_000, day)
    assert find_rate(limits, "calls of sell inventory", ["getOffers"]) is None
    assert Quota(20_000).capacity == 20_000
