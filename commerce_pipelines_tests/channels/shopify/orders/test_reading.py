"""Shopify's client against the stand-in, over HTTP. With COMMERCE_SPECS set, the vendor's schema judges both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.channels.shopify.api import pages as listing
from commerce_pipelines.channels.shopify.channel import ShopifyChannel
from commerce_pipelines.channels.shopify.settings import Credentials, Settings
from commerce_pipelines.core.errors import PermanentError, ProtocolError, TransientError
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.core.section import Secret
from commerce_pipelines.domain.orders.order import LineKind, OrderStatus, balance, check
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.server import Call, Fault
from commerce_sandbox.shopify import Line, demo_orders, make_order
from commerce_sandbox.shopify.shop import instant

from ..contract import SPECS, Recorded, complaints, judge

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = Window(NOON - timedelta(days=1), NOON)
WEEK = Window(NOON - timedelta(days=8), NOON)


class Clock:
    """One clock for both sides; only sleeping and tests move it."""

    def __init__(self) -> None:
        self.passed, self.slept = 0.0, list[float]()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed)

    def seconds(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.passed += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shop(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    for name in ("SHOP_ID", "SHOP_SECRET"):
        monkeypatch.setenv(name, f"value-of-{name}")
    monkeypatch.setenv("SHOP_TOKEN", "shpat_sandbox")
    with Recorded(now=clock.now) as stand_in:
        yield stand_in
        if SPECS:
            judge(stand_in.exchanges)


CONSTANT = (
    "LISTINGS", "LEVELS", "SET_QUANTITIES", "BULK_LISTINGS", "BULK_RUN", "BULK_STATE", "OPEN_PARCELS",
    "PARCELS", "FULFIL", "SET_TRACKING", "ORDERS_COUNT",
)  # fmt: skip
MINTED = Credentials(client_id=Secret(env="SHOP_ID"), client_secret=Secret(env="SHOP_SECRET"))
STATIC = Credentials(access_token=Secret(env="SHOP_TOKEN"))


def connect(shop: Recorded, clock: Clock, credentials: Credentials = STATIC, **settings: Any) -> ShopifyChannel:
    chosen = Settings(
        name="shopify_de", shop="demo.myshopify.com", endpoint=shop.url, credentials=credentials, **settings
    )
    return ShopifyChannel(
        chosen, MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds),
        Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=lambda: 1.0),
    )  # fmt: skip


@pytest.fixture
def channel(shop: Recorded, clock: Clock) -> ShopifyChannel:
    return connect(shop, clock)


def order(number: int, created: datetime, lines: int = 1, **more: Any) -> dict[str, Any]:
    sold = [Line(f"SKU-{place}", "Mug", 1990) for place in range(lines)]
    return make_order(sold, number=number, created=instant(created), **more)


def fill(shop: Recorded, count: int, step: timedelta = timedelta(minutes=1)) -> list[str]:
    """Orders one `step` apart, the newest one step before noon; their ids, oldest first."""
    for place in range(count):
        shop.add(order(place + 1, NOON - step * (count - place)))
    return [str(place + 1) for place in range(count)]


def ids(channel: ShopifyChannel, pages: Iterator[Page]) -> list[str]:
    return [channel.orders.head(raw).record_id for page in pages for raw in page.records]


def graphql(text: str) -> Callable[[Call], bool]:
    return lambda call: call.path.endswith("graphql.json") and text in call.json()["query"]


def errors(code: str, **cost: Any) -> bytes:
    answer: dict[str, Any] = {"errors": [{"message": code, "extensions": {"code": code}}]}
    return json.dumps(answer | ({"extensions": {"cost": cost}} if cost else {})).encode()


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Shopify's schema is not at hand")
@pytest.mark.parametrize("basis", ["shop", "presentment"])
def test_every_query_is_valid(basis: Any) -> None:
    from commerce_pipelines.channels.shopify.api import queries

    documents = msgspec.structs.asdict(queries.queries(basis))
    documents |= {name: getattr(queries, name) for name in CONSTANT}
    assert {name: problems for name, text in documents.items() if (problems := complaints(text))} == {}
    assert complaints("{ shop { nonsense } }")


@pytest.mark.parametrize("basis", ["shop", "presentment"])
def test_the_demo_week_balances_and_its_totals_agree(shop: Recorded, clock: Clock, basis: Any) -> None:
    for payload in demo_orders(19, 7, NOON, CATALOGUE):
        shop.add(payload)
    channel = connect(shop, clock, currency_basis=basis)
    orders = [channel.orders.translate(raw) for page in channel.orders.created(WEEK) for raw in page.records]
    for sale in orders:
        check(sale)
    totals = {total.order_id: total for total in channel.orders.totals(WEEK)}
    real = [sale for sale in orders if not sale.is_test]
    assert len(orders) == len(shop.orders.rows) > len(real) == len(totals)
    for sale in real:
        proof = totals[sale.order_id]
        assert (proof.total, proof.collected, proof.currency, proof.status, proof.placed_at) == (
            sale.total, sale.collected, sale.currency, sale.status, sale.placed_at,
        )  # fmt: skip
    assert {sale.currency for sale in orders} == ({"EUR"} if basis == "shop" else {"EUR", "CHF", "GBP", "JPY"})
    kinds = {line.kind for sale in orders for line in sale.lines}
    assert kinds >= {LineKind.GIFT_CARD, LineKind.TIP, LineKind.DUTY, LineKind.DISCOUNT, LineKind.SHIPPING}
    assert {sale.status for sale in orders} == set(OrderStatus)
    assert max(len(sale.lines) for sale in orders) >= 60


def test_pages_grow_with_the_cost_that_is_answered_and_no_order_costs_a_call(
    shop: Recorded, channel: ShopifyChannel
) -> None:
    expected = fill(shop, 200)
    assert ids(channel, channel.orders.created(DAY)) == expected
    firsts = [call.json()["variables"]["first"] for call in shop.calls]
    assert firsts[0] == 6
    assert sorted(firsts) == firsts
    assert len(firsts) <= 7
    for _, reply in shop.exchanges:
        assert reply.body["extensions"]["cost"]["requestedQueryCost"] <= 1000


def test_windows_are_half_open_to_the_second(shop: Recorded, channel: ShopifyChannel) -> None:
    for number, seconds in enumerate((-1, 0, 1, 86_399, 86_400), 1):
        shop.add(order(number, DAY.start + timedelta(seconds=seconds)))
    assert ids(channel, channel.orders.created(DAY)) == ["2", "3", "4"]
    pages = list(channel.orders.changed(Window(DAY.start, DAY.end + timedelta(microseconds=400))))
    assert pages[-1].watermark == DAY.end


def test_an_order_that_changes_between_pages_is_found_by_the_next_poll(shop: Recorded, channel: ShopifyChannel) -> None:
    """G43."""
    expected = fill(shop, 20)
    pages = channel.orders.changed(DAY)
    first = ids(channel, iter([next(pages)]))
    shop.orders.change("3", NOON + timedelta(seconds=5), email="new@example.com")  # listed already
    shop.orders.change("15", NOON + timedelta(seconds=5))  # not listed yet
    rest = ids(channel, pages)
    assert first + rest == [order_id for order_id in expected if order_id != "15"]
    assert ids(channel, channel.orders.changed(Window(NOON, NOON + timedelta(minutes=1)))) == ["3", "15"]


def test_a_poll_goes_on_where_it_stopped(shop: Recorded, channel: ShopifyChannel, clock: Clock) -> None:
    expected = fill(shop, 40)
    page = next(iter(channel.orders.changed(DAY)))
    again = connect(shop, clock)
    assert ids(channel, iter([page])) + ids(again, again.orders.changed(DAY, page.resume)) == expected
    assert ids(again, again.orders.changed(DAY, "someone else's")) == expected


def test_a_list_longer_than_shopify_lists_is_begun_anew(
    shop: Recorded, channel: ShopifyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = fill(shop, 90, timedelta(seconds=7))
    shop.orders.listable = 40
    monkeypatch.setattr(listing, "LISTED_AT_ONCE", 30)
    monkeypatch.setattr(listing, "MOST_AT_ONCE", 10)
    listed = ids(channel, channel.orders.created(DAY))
    assert list(dict.fromkeys(listed)) == expected  # the seam's second is listed twice, and known when landed
    totals = [total.order_id for total in channel.orders.totals(DAY)]
    assert totals == expected


def test_a_list_that_shopify_cuts_off_is_an_error(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 30)
    shop.orders.listable = 20
    with pytest.raises(TransientError, match="counts 30 orders and listed 20"):
        list(channel.orders.created(DAY))


def test_more_orders_of_one_second_than_can_be_listed_are_an_error(
    shop: Recorded, channel: ShopifyChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop, 40, timedelta(0))
    for row in shop.orders.rows.values():
        row["createdAt"] = instant(NOON - timedelta(hours=1))
    monkeypatch.setattr(listing, "LISTED_AT_ONCE", 10)
    with pytest.raises(ProtocolError, match="one second"):
        list(channel.orders.created(Window(NOON - timedelta(hours=1), NOON)))


def test_an_empty_page_is_not_an_empty_day(shop: Recorded, channel: ShopifyChannel) -> None:
    expected = fill(shop, 3)
    empty = {"orders": {"nodes": [], "pageInfo": {"hasNextPage": False}}, "ordersCount": {"count": 3}}
    shop.faults.append(Fault(match="graphql", body=json.dumps({"data": empty}).encode()))
    assert ids(channel, channel.orders.created(DAY)) == expected
    shop.faults.append(Fault(match="graphql", body=json.dumps({"data": empty}).encode(), times=9))
    with pytest.raises(TransientError, match="counts 3"):
        list(channel.orders.created(DAY))


def test_an_order_that_becomes_visible_late_is_not_lost(shop: Recorded, channel: ShopifyChannel) -> None:
    """G37."""
    expected = fill(shop, 20)
    late = shop.orders.rows.pop("gid://shopify/Order/2")
    pages = channel.orders.changed(DAY)
    first = next(pages)
    shop.add(late)  # with its old time, in front of the cursor
    assert "2" not in ids(channel, iter([first]))
    assert set(ids(channel, pages)) == set(expected)


def test_a_repeated_cursor_never_loops(shop: Recorded, channel: ShopifyChannel) -> None:
    page = {"orders": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}, "ordersCount": {"count": 0}}
    shop.faults.append(Fault(match="graphql", body=json.dumps({"data": page}).encode(), times=9))
    with pytest.raises(ProtocolError, match="repeats"):
        list(channel.orders.created(DAY))


def test_long_orders_are_made_whole_by_calls_of_their_own(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(order(1, NOON - timedelta(hours=2), lines=130))
    shop.add(order(2, NOON - timedelta(hours=1)))
    raws = [raw for page in channel.orders.created(DAY) for raw in page.records]
    assert [len(channel.orders.translate(raw).lines) for raw in raws] == [131, 2]
    assert len([call for call in shop.calls if "query Lines" in call.json()["query"]]) == 3
    changes: list[tuple[str, datetime]] = []

    def unchanged(records: Sequence[tuple[str, datetime]]) -> set[str]:
        changes.extend(records)
        return {"1"}

    again = ids(channel, channel.orders.changed(DAY, None, unchanged))
    assert "1" in dict(changes)
    assert "1" not in again  # landed as it stands: its lines are not fetched again
    assert channel.orders.fetch("1") == raws[0]
    assert channel.orders.fetch("77") is None
    assert channel.orders.fetch("not-a-number") is None


def test_an_order_that_changes_while_it_is_made_whole_is_read_again(shop: Recorded, channel: ShopifyChannel) -> None:
    shop.add(order(1, NOON - timedelta(hours=2), lines=20))
    changed = {"updatedAt": instant(NOON), "lineItems": {"nodes": [], "pageInfo": {"hasNextPage": False}}}
    body = json.dumps({"data": {"order": changed}}).encode()
    shop.faults.append(Fault(match=graphql("query Lines"), body=body))
    [raw] = [raw for page in channel.orders.created(DAY) for raw in page.records]
    assert len(channel.orders.translate(raw).lines) == 21
    assert len([call for call in shop.calls if "query Order(" in call.json()["query"]]) == 1


def test_an_order_that_cannot_be_read_does_not_hold_up_its_page(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 2)
    shop.orders.rows["gid://shopify/Order/1"]["edited"] = "perhaps"
    shop.exchanges = type("Unjudged", (list,), {"append": lambda *_: None})()
    raws = [raw for page in channel.orders.created(DAY) for raw in page.records]
    assert len(raws) == 2
    assert channel.orders.translate(raws[1]).order_id == "2"
    with pytest.raises(PermanentError, match=r"\$\.edited"):
        channel.orders.translate(raws[0])


def test_waits_are_computed_from_the_points_that_are_missing(shop: Recorded, clock: Clock) -> None:
    fill(shop, 200)
    shop.points, shop.restore = 1_000, 100
    shop._left = 1_000
    channel = connect(shop, clock)
    assert len(ids(channel, channel.orders.created(DAY))) == 200
    refused = [reply for _, reply in shop.exchanges if "errors" in reply.body]
    assert len(refused) <= 1  # only a page that grew can be a surprise
    spent = sum(reply.body["extensions"]["cost"]["actualQueryCost"] or 0 for _, reply in shop.exchanges)
    assert 0 < clock.passed <= (spent - 1_000) / 100 + 20


def test_a_throttled_query_waits_for_the_missing_points(shop: Recorded, channel: ShopifyChannel, clock: Clock) -> None:
    status = {"maximumAvailable": 1000, "currentlyAvailable": 200, "restoreRate": 100}
    body = errors("THROTTLED", requestedQueryCost=650, actualQueryCost=None, throttleStatus=status)
    shop.faults.append(Fault(match="graphql", body=body, times=2))
    channel.account.probe()
    assert clock.slept[0] == pytest.approx(4.5)
    shop.faults.append(Fault(match="graphql", body=body, times=99))
    with pytest.raises(TransientError, match="throttled"):
        channel.account.probe()


def test_a_query_that_costs_too_much_asks_for_less(shop: Recorded, channel: ShopifyChannel) -> None:
    expected = fill(shop, 5)
    shop.faults.append(Fault(match="graphql", body=errors("MAX_COST_EXCEEDED"), times=2))
    assert ids(channel, channel.orders.created(DAY)) == expected
    assert [call.json()["variables"]["first"] for call in shop.calls[:3]] == [6, 3, 1]
    shop.faults.append(Fault(match="graphql", body=errors("MAX_COST_EXCEEDED"), times=99))
    with pytest.raises(PermanentError, match="1000 points"):
        list(channel.orders.created(DAY))


def test_failures_inside_shopify_are_tried_again_and_then_said(
    shop: Recorded, channel: ShopifyChannel, clock: Clock
) -> None:
    shop.faults.append(Fault(match="graphql", body=errors("INTERNAL_SERVER_ERROR"), times=3))
    channel.account.probe()
    assert clock.slept == [1.0, 2.0, 4.0]
    shop.faults.append(Fault(match="graphql", body=errors("INTERNAL_SERVER_ERROR"), times=99))
    with pytest.raises(TransientError, match="failed inside"):
        channel.account.probe()


def test_new_orders_are_polled_as_placed_now(shop: Recorded, channel: ShopifyChannel) -> None:
    fill(shop, 3)
    fresh = shop.add_new(next(demo_orders(20, 7, NOON, CATALOGUE)), NOON + timedelta(seconds=30))
    [raw] = [raw for page in channel.orders.changed(Window(NOON, NOON + timedelta(minutes=1))) for raw in page.records]
    assert channel.orders.head(raw).record_id == fresh["id"].rpartition("/")[2] == "4"
    assert balance(channel.orders.translate(raw)) == 0
