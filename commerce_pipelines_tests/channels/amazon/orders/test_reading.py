"""Amazon's client against the stand-in, over HTTP. With COMMERCE_SPECS set, the vendor's description judges both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.core.errors import CredentialError, PermanentError, ProtocolError, SettingsError, TransientError
from commerce_pipelines.core.throttle import JITTER_SECONDS
from commerce_pipelines.domain.orders.order import check
from commerce_pipelines.warehouse.shared.buckets import DatabaseBuckets
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_sandbox.amazon.answers import written
from commerce_sandbox.server import Fault

from ..contract import NOON, SPECS, Clock, Recorded, connect, judged

DAY = Window(NOON - timedelta(days=1), NOON)
ORDERS = "/orders/2026-01-01/orders"
REFUSED_TOKEN = json.dumps({"errors": [{"code": "InvalidInput", "message": "paginationToken"}]}).encode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


@pytest.fixture
def channel(amazon: Recorded, clock: Clock) -> AmazonChannel:
    return connect(amazon, clock)


def order(number: int, updated: datetime, placed: datetime | None = None, **more: Any) -> dict[str, Any]:
    five = {"amount": "5.00", "currencyCode": "EUR"}
    return {
        "orderId": f"302-0000001-{number:07d}",
        "createdTime": written(placed or updated),
        "lastUpdatedTime": written(updated),
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "A1PA6795UKMFR9"},
        "fulfillment": {"fulfillmentStatus": "UNSHIPPED", "fulfilledBy": "MERCHANT"},
        "proceeds": {"grandTotal": five},
        "orderItems": [
            {
                "orderItemId": "1",
                "quantityOrdered": 1,
                "product": {"sellerSku": "MUG"},
                "proceeds": {"proceedsTotal": five},
            }
        ],
        **more,
    }


def fill(amazon: Recorded, count: int) -> None:
    """One order a minute, the newest ten minutes ago."""
    for number in range(count):
        amazon.add(order(number, NOON - timedelta(minutes=10 + number)))


def ids(pages: list[Page]) -> list[int]:
    return [int(json.loads(raw)["orderId"][-7:]) for page in pages for raw in page.records]


class TestPaging:
    def test_pages_follow_each_other_and_carry_whole_orders(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 250)
        pages = list(channel.orders.changed(DAY))
        assert [len(page.records) for page in pages] == [100, 100, 50]
        assert sorted(ids(pages)) == list(range(250))
        assert [page.resume is None for page in pages] == [False, False, True]
        assert json.loads(pages[0].records[0]) == amazon.orders[channel.orders.head(pages[0].records[0]).record_id]
        first, *others = amazon.called(ORDERS)
        for call in others:
            assert {k: v for k, v in call.query.items() if k != "paginationToken"} == first.query

    def test_only_the_configured_marketplaces_are_asked_for(self, amazon: Recorded, clock: Clock) -> None:
        fill(amazon, 1)
        french = order(7, NOON - timedelta(hours=1))
        french["salesChannel"]["marketplaceId"] = "A13V1IB3VIYZZH"
        amazon.add(french)
        assert ids(list(connect(amazon, clock, marketplaces=("FR", "PL")).orders.changed(DAY))) == [7]

    def test_another_process_goes_on_after_the_last_landed_page(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 150)
        first = next(channel.orders.changed(DAY))
        clock.passed += 3600
        rest = list(connect(amazon, clock).orders.changed(Window(DAY.start, clock.now()), first.resume))
        assert sorted(ids([first, *rest])) == list(range(150))
        assert rest[-1].watermark == first.watermark

    def test_an_order_changed_between_pages_is_seen_in_its_final_state(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 150)
        listing = channel.orders.changed(DAY)
        pages = [next(listing)]
        clock.passed += 60
        for moved in (0, 149):  # one that was still to come, one that had been seen
            amazon.add({**order(moved, clock.now()), "programs": ["PRIME"]})
        pages += listing
        clock.passed += 600
        later = list(channel.orders.changed(Window(pages[-1].watermark, clock.now())))
        assert set(ids(pages)) | set(ids(later)) == set(range(150))
        assert sorted(ids(later)) == [0, 149]
        assert all(json.loads(raw)["programs"] == ["PRIME"] for raw in later[0].records)

    def test_a_token_older_than_a_day_is_not_even_tried(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 150)
        first = next(channel.orders.changed(DAY))
        clock.passed += 25 * 3600
        assert len(ids(list(channel.orders.changed(DAY, first.resume)))) == 150
        assert "paginationToken" not in amazon.called(ORDERS)[1].query

    def test_a_refused_token_restarts_the_window(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 150)
        amazon.faults = [Fault(match=lambda call: "paginationToken" in call.query, status=400, body=REFUSED_TOKEN)]
        pages = list(channel.orders.changed(DAY))
        assert [len(page.records) for page in pages] == [100, 100, 50]
        assert set(ids(pages)) == set(range(150))

    def test_tokens_refused_again_and_again_wait_for_later(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 150)
        fault = Fault(match=lambda call: "paginationToken" in call.query, status=400, body=REFUSED_TOKEN, times=9)
        amazon.faults = [fault]
        with pytest.raises(TransientError, match="refuses its own page tokens"):
            list(channel.orders.changed(DAY))
        assert fault.times == 7

    def test_a_token_that_comes_again_is_not_followed_for_ever(self, amazon: Recorded, channel: AmazonChannel) -> None:
        body = json.dumps({"orders": [], "pagination": {"nextToken": "same"}}).encode()
        amazon.faults = [Fault(match=ORDERS, body=body, times=99)]
        with pytest.raises(ProtocolError, match="repeats a page token"):
            list(channel.orders.changed(DAY))
        assert len(amazon.called(ORDERS)) == 2

    def test_an_empty_page_may_have_a_next_one(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 101)
        token = next(amazon_tokens(channel))
        body = json.dumps({"orders": [], "pagination": {"nextToken": token}}).encode()
        amazon.faults = [Fault(match=ORDERS, body=body)]
        pages = list(channel.orders.changed(DAY))
        assert [len(page.records) for page in pages] == [0, 1]

    def test_nothing_new_is_one_call_and_moves_the_watermark(self, amazon: Recorded, channel: AmazonChannel) -> None:
        (page,) = channel.orders.changed(Window(NOON - timedelta(hours=1), NOON))
        assert (page.records, page.resume, page.watermark) == ((), None, NOON - timedelta(seconds=150))
        assert len(amazon.called(ORDERS)) == 1


def amazon_tokens(channel: AmazonChannel) -> Iterator[str]:
    for page in channel.orders.changed(DAY):
        if page.resume:
            yield json.loads(page.resume)["token"]


class TestTime:
    def test_two_minutes_are_kept(self, amazon: Recorded, channel: AmazonChannel) -> None:
        """G38: the upper bound is at most 11:58:00Z, and nothing is called seen beyond it."""
        fill(amazon, 1)
        amazon.add(order(1, NOON - timedelta(seconds=60)))
        for pages in (list(channel.orders.changed(DAY)), list(channel.orders.created(DAY))):
            assert ids(pages) == [0]
            assert pages[-1].watermark <= NOON - timedelta(minutes=2)
        for call in amazon.called(ORDERS):
            bound = call.parameter("lastUpdatedBefore") or call.parameter("createdBefore")
            assert "2026-11-20T11:57:00.000Z" < bound <= "2026-11-20T11:58:00.000Z"

    def test_a_window_that_is_too_young_is_not_asked_for(self, amazon: Recorded, channel: AmazonChannel) -> None:
        assert list(channel.orders.changed(Window(NOON - timedelta(minutes=2), NOON))) == []
        assert amazon.calls == []

    def test_a_window_excludes_its_end_although_amazons_bound_includes_it(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        midnight = NOON.replace(hour=0)
        for number, placed in enumerate((midnight - timedelta(milliseconds=1), midnight)):
            amazon.add(order(number, placed))
        days = [Window(midnight - timedelta(days=1), midnight), Window(midnight, midnight + timedelta(hours=9))]
        assert [ids(list(channel.orders.created(day))) for day in days] == [[0], [1]]

    def test_a_refused_request_is_told_in_our_words_with_amazons_code(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        amazon.now = lambda: NOON - timedelta(minutes=30)  # our clock is half an hour fast
        with pytest.raises(PermanentError, match=r"got 400 InvalidInput .*clock is fast") as refused:
            list(channel.orders.changed(DAY))
        assert "at least two minutes before" in refused.value.words.reveal()


class TestTokens:
    def test_one_token_serves_all_calls_and_is_sent_as_amazon_wants(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 250)
        list(channel.orders.changed(DAY))
        (login,) = amazon.called("/auth/o2/token")
        assert login.form() == {
            "grant_type": "refresh_token", "refresh_token": "value-of-AMZ_REFRESH",
            "client_id": "value-of-AMZ_ID", "client_secret": "value-of-AMZ_SECRET",
        }  # fmt: skip
        call = amazon.called(ORDERS)[0]
        assert call.headers["x-amz-access-token"].startswith("Atza|")
        assert call.headers["x-amz-date"] == "20261120T120000Z"
        assert "authorization" not in call.headers

    def test_a_token_that_runs_out_between_pages_is_renewed_once(
        self, amazon: Recorded, channel: AmazonChannel
    ) -> None:
        fill(amazon, 150)
        listing = channel.orders.changed(DAY)
        pages = [next(listing)]
        amazon.expire_tokens()
        pages += listing
        assert sorted(ids(pages)) == list(range(150))
        assert len(amazon.called("/auth/o2/token")) == 2

    def test_a_token_refused_twice_is_for_a_person(self, amazon: Recorded, channel: AmazonChannel) -> None:
        denied = {"errors": [{"code": "Unauthorized", "message": "Denied.", "details": "The access token is revoked."}]}
        amazon.faults = [Fault(match=ORDERS, status=403, body=json.dumps(denied).encode(), times=9)]
        with pytest.raises(CredentialError, match="searchOrders got 403"):
            list(channel.orders.changed(DAY))
        assert (len(amazon.called(ORDERS)), len(amazon.called("/auth/o2/token"))) == (2, 2)

    def test_a_missing_role_is_named_after_one_call(self, amazon: Recorded, channel: AmazonChannel) -> None:
        amazon.forbidden = {"searchOrders"}
        with pytest.raises(CredentialError, match="lacks the role"):
            list(channel.orders.changed(DAY))
        assert len(amazon.calls) == 2

    @pytest.mark.parametrize("had_token", [False, True])
    def test_a_revoked_authorisation_is_loud_and_quiet_on_the_wire(
        self, amazon: Recorded, channel: AmazonChannel, had_token: bool
    ) -> None:
        if had_token:
            channel.account.probe()
            amazon.expire_tokens()
            amazon.calls.clear()
        amazon.revoked = {"value-of-AMZ_REFRESH"}
        with pytest.raises(CredentialError, match=r"invalid_grant.*authorise the app again"):
            list(channel.orders.changed(DAY))
        assert len(amazon.calls) == 1 + had_token


class TestLimits:
    def test_five_calls_beyond_the_burst_take_their_time_and_provoke_nothing(
        self, amazon: Recorded, clock: Clock
    ) -> None:
        """G106, with the numbers of searchOrders: a full bucket of 20, of which a pull leaves one to polls, then one
        call in 178.6 s."""
        amazon.generous = False
        channel = connect(amazon, clock)
        for _ in range(25):
            list(channel.orders.created(DAY))
        assert clock.passed == pytest.approx(6 / 0.0056 + JITTER_SECONDS)
        assert {reply.status for _, reply in amazon.exchanges} == {200}

    @pytest.mark.parametrize("says_rate", [True, False])
    def test_somebody_else_who_spends_the_bucket_is_ridden_out(
        self, amazon: Recorded, clock: Clock, says_rate: bool
    ) -> None:
        amazon.generous, amazon.says_rate = False, says_rate
        for _ in range(20):
            list(connect(amazon, clock).orders.created(DAY))
        assert [page.resume for page in connect(amazon, clock).orders.created(DAY)] == [None]
        assert [reply.status for _, reply in amazon.exchanges][-2:] == [429, 200]
        assert clock.passed == pytest.approx(2 / 0.0056, rel=0.01)  # its own call, and the one that it leaves

    def test_a_tick_goes_home_when_the_bucket_is_empty_and_loses_no_page(self, amazon: Recorded, clock: Clock) -> None:
        amazon.generous = False
        fill(amazon, 101)
        channel, pages = connect(amazon, clock), list[Page]()
        for _ in range(19):
            list(channel.orders.changed(Window(DAY.start, DAY.start)))
        with pytest.raises(TransientError) as caught:
            pages += channel.orders.changed(DAY)  # a list grows page by page
        assert len(pages) == 1
        assert caught.value.wait == pytest.approx(1 / 0.0056)
        clock.passed += 900
        pages += channel.orders.changed(DAY, pages[0].resume)
        assert sorted(ids(pages)) == list(range(101))

    def test_advice_is_kept_to_the_second(self, amazon: Recorded, channel: AmazonChannel, clock: Clock) -> None:
        """G108."""
        fill(amazon, 1)
        amazon.faults = [Fault(match=ORDERS, status=429, headers={"Retry-After": "7"})]
        assert ids(list(channel.orders.changed(DAY))) == [0]
        assert clock.passed == 7.0
        assert len(amazon.called(ORDERS)) == 2

    def test_a_higher_rate_is_learned_from_the_answer(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        for _ in range(200):
            list(channel.orders.changed(DAY))
        assert clock.passed < 5.0

    def test_a_higher_rate_is_learned_with_buckets_in_the_database(
        self, amazon: Recorded, clock: Clock, warehouse: Warehouse
    ) -> None:
        for _ in range(3):  # three processes, each of which has to learn it afresh
            channel = connect(amazon, clock, DatabaseBuckets(warehouse, clock.seconds))
            for _ in range(10):
                list(channel.orders.changed(DAY))
        assert clock.passed < 2.0


class TestFaults:
    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 500}, {"status": 503}, {"truncate": True}, {"drop": True}, {"body": b'{"orders": [{"orderId'},
            {"body": b"<html>down</html>", "headers": {"Content-Type": "text/html"}},
        ],
        ids=["500", "503", "cut body", "hang-up", "cut json", "html"],
    )  # fmt: skip
    def test_passing_faults_lose_nothing(self, amazon: Recorded, channel: AmazonChannel, fault: dict[str, Any]) -> None:
        fill(amazon, 150)
        amazon.faults = [Fault(match=ORDERS, times=3, **fault)]
        assert sorted(ids(list(channel.orders.changed(DAY)))) == list(range(150))

    @pytest.mark.parametrize("body", [b'{"orders": {}}', b"[]", b"null", b'{"orders": [], "lastUpdatedBefore": 7}'])
    def test_an_answer_of_another_shape_is_never_an_empty_page(
        self, amazon: Recorded, channel: AmazonChannel, body: bytes
    ) -> None:
        amazon.faults = [Fault(match=ORDERS, body=body)]
        with pytest.raises(ProtocolError, match="searchOrders is not shaped"):
            list(channel.orders.changed(DAY))


class TestSingleOrders:
    def test_one_order_afresh_is_the_same_as_in_a_page(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 1)
        (page,) = channel.orders.changed(DAY)
        assert channel.orders.fetch("302-0000001-0000000") == page.records[0]
        assert channel.orders.fetch("302-0000001-9999999") is None

    def test_an_order_of_another_marketplace_and_what_is_no_number(
        self, amazon: Recorded, channel: AmazonChannel, clock: Clock
    ) -> None:
        fill(amazon, 1)
        assert connect(amazon, clock, marketplaces=("FR",)).orders.fetch("302-0000001-0000000") is None
        refusals = [json.dumps({"errors": [{"code": code, "message": "no"}]}) for code in ("InvalidInput", "Other")]
        amazon.faults = [Fault(match=f"{ORDERS}/", status=400, body=body.encode()) for body in refusals]
        assert channel.orders.fetch("nonsense") is None
        with pytest.raises(PermanentError, match="getOrder"):
            channel.orders.fetch("nonsense")

    def test_totals_count_sales_and_leave_out_other_channels(self, amazon: Recorded, channel: AmazonChannel) -> None:
        fill(amazon, 2)
        amazon.add(order(2, NOON - timedelta(hours=1), salesChannel={"channelName": "NON_AMAZON"}))
        broken = order(3, NOON - timedelta(hours=1))
        broken["orderItems"][0]["proceeds"]["proceedsTotal"]["amount"] = "4.00"
        broken["proceeds"] = {"grandTotal": {"amount": "5.00", "currencyCode": "EUR"}}
        amazon.add(broken)
        totals = {int(total.order_id[-7:]): total for total in channel.orders.totals(DAY)}
        assert {key: (total.total, total.currency) for key, total in totals.items()} == {
            0: (500, "EUR"), 1: (500, "EUR"), 3: (500, "EUR"),
        }  # fmt: skip
        assert "BUYER" not in amazon.called(ORDERS)[0].parameter("includedData")

    def test_the_account_is_named(self, amazon: Recorded, clock: Clock) -> None:
        text = connect(amazon, clock, marketplaces=("DE", "PL")).account.probe().description
        assert text.startswith("Amazon EU: Third Wave Supplies on ")
        assert "Amazon.de" in text

    def test_a_marketplace_without_an_account_is_named(self, amazon: Recorded, clock: Clock) -> None:
        with pytest.raises(SettingsError, match=r"does not sell on APJ6JRA9NG5V4"):
            connect(amazon, clock, marketplaces=("DE", "IT")).account.probe()


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Amazon's samples are not at hand")
def test_every_official_sample_comes_through_the_channel(amazon: Recorded, channel: AmazonChannel) -> None:
    samples = sorted((Path(SPECS).parent / "payloads" / "amazon" / "orders_2026-01-01").glob("*.json"))
    for path in samples:
        amazon.add(json.loads(path.read_bytes()))
    every = Window(datetime(2020, 1, 1, tzinfo=UTC), NOON)
    orders = [raw for page in channel.orders.created(every) for raw in page.records]
    for raw in orders:
        check(channel.orders.translate(raw))
    assert len(orders) == len(samples) == len({total.order_id for total in channel.orders.totals(every)})
