"""eBay's orders over HTTP, from the stand-in: paging over sets that move, both APIs, tokens, faults."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.channels.ebay.channel import EbayChannel
from commerce_pipelines.channels.ebay.orders import rest_reading
from commerce_pipelines.core.errors import CredentialError, PermanentError, ProtocolError, TransientError
from commerce_pipelines.domain.orders.order import OrderStatus
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.ebay import EbayStandIn, demo_orders
from commerce_sandbox.server import Call, Fault, Reply

from ..account import NOW, an_order, channel

DAY = Window(NOW - timedelta(days=1), NOW)
ORDERS, TRADING, TOKEN = "/sell/fulfillment/v1/order", "/ws/api.dll", "/oauth2/token"
BOTH = pytest.mark.parametrize("api", ["fulfillment", "trading"])


@pytest.fixture
def ebay() -> Iterator[EbayStandIn]:
    with EbayStandIn(now=lambda: NOW) as stand_in:
        yield stand_in


def fill(ebay: EbayStandIn, count: int, step: timedelta = timedelta(seconds=60)) -> set[str]:
    for number in range(count):
        ebay.add(an_order(number, NOW - timedelta(hours=1) - step * number))
    return set(ebay.orders)


def ids(shop: EbayChannel, pages: Iterator[Page]) -> list[str]:
    return [shop.orders.head(raw).record_id for page in pages for raw in page.records]


@BOTH
def test_every_order_comes_once_however_it_is_asked_for(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    for payload in demo_orders(7, 4, NOW, CATALOGUE):
        ebay.add(payload)
    shop, window = channel(ebay, monkeypatch, orders_api=api), Window(NOW - timedelta(days=5), NOW)
    totals = {total.order_id: total for total in shop.orders.totals(window)}
    assert set(totals) == set(ebay.orders) == set(ids(shop, shop.orders.created(window)))
    assert sorted(ids(shop, shop.orders.changed(window))) == sorted(ebay.orders)
    for order_id, total in totals.items():
        raw = shop.orders.fetch(order_id)
        assert raw
        order = shop.orders.translate(raw)
        assert (order.total, order.collected, order.status) == (total.total, total.collected, total.status)
    assert shop.orders.fetch("10-99999-00000") is None
    assert "kettle_and_cup" in shop.account.probe().description


def test_both_apis_say_the_same_of_an_order(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for order in demo_orders(11, 4, NOW, CATALOGUE):
        ebay.add(order)
    rest, trading = (channel(ebay, monkeypatch, orders_api=api) for api in ("fulfillment", "trading"))

    def seen(shop: EbayChannel, order_id: str) -> Any:
        order = shop.orders.translate(shop.orders.fetch(order_id) or b"")
        return (order.order_id, order.placed_at, order.status, order.total, order.collected, order.collected_as,
                order.shipped, order.refunded, order.marketplace, order.buyer.ref, order.buyer.email,
                [line.sku for line in order.lines if line.sku])  # fmt: skip

    for order_id in ebay.orders:
        assert seen(rest, order_id) == seen(trading, order_id)


@BOTH
def test_an_order_placed_at_the_windows_end_belongs_to_the_next_window(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    at = NOW - timedelta(hours=3)
    ebay.add(an_order(1, at))
    ebay.add(an_order(2, at - timedelta(milliseconds=1)))
    shop = channel(ebay, monkeypatch, orders_api=api)
    assert len(ids(shop, shop.orders.created(Window(at - timedelta(hours=1), at)))) == 1
    assert len(ids(shop, shop.orders.created(Window(at, at + timedelta(hours=1))))) == 1


def test_requests_name_one_date_all_fields_and_no_future(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ebay, 1)
    shop = channel(ebay, monkeypatch)
    list(shop.orders.changed(Window(NOW - timedelta(hours=2), NOW + timedelta(hours=2))))
    list(shop.orders.created(Window(NOW - timedelta(days=900), NOW - timedelta(days=600))))
    changed, *placed = ebay.called(ORDERS)
    assert changed.query["filter"] == ["lastmodifieddate:[2026-11-24T10:00:00.000Z..2026-11-24T11:59:54.999Z]"]
    assert {call.parameter("fieldGroups") for call in ebay.called(ORDERS)} == {"TAX_BREAKDOWN"}
    assert [call.parameter("filter")[:24] for call in placed] == [
        "creationdate:[2024-11-25",
        "creationdate:[2025-02-23",
    ]


@pytest.mark.parametrize("api", ["fulfillment", "trading"])
def test_orders_that_leave_the_window_while_it_is_read_take_none_with_them(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """G43. After the first page, orders of it are modified: they leave the window, the rest moves over the boundary."""
    everybody = fill(ebay, 250)
    shop = channel(ebay, monkeypatch, orders_api=api)
    for leaving in (3, 40):
        pages, seen = shop.orders.changed(DAY), set[str]()
        for at, page in enumerate(pages):
            seen.update(shop.orders.head(raw).record_id for raw in page.records)
            if at == 0:
                for raw in page.records[:leaving]:
                    ebay.touch(shop.orders.head(raw).record_id, NOW)
        gone = {order_id for order_id, order in ebay.orders.items() if order["lastModifiedDate"] >= "2026-11-24T12"}
        assert everybody - gone <= seen


def test_an_order_that_appears_while_the_window_is_read_is_read_too(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(ebay, 450)
    shop, seen = channel(ebay, monkeypatch), set[str]()
    for at, page in enumerate(shop.orders.created(DAY)):
        seen.update(shop.orders.head(raw).record_id for raw in page.records)
        if at == 1:
            ebay.add(an_order(999, NOW - timedelta(minutes=5)))
    assert seen == set(ebay.orders)


def test_a_set_that_never_rests_is_given_up_for_now(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ebay, 250)
    shop = channel(ebay, monkeypatch)
    with pytest.raises(TransientError, match="changes while it is read"):
        for at, _ in enumerate(shop.orders.created(DAY)):
            ebay.add(an_order(2_000 + at, NOW - timedelta(minutes=5)))


@BOTH
def test_a_listing_goes_on_from_its_resume(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    everybody = fill(ebay, 250)
    seen, resume, pages = set[str](), None, 0
    while True:
        shop = channel(ebay, monkeypatch, orders_api=api)
        page = next(shop.orders.changed(DAY, resume))
        seen.update(shop.orders.head(raw).record_id for raw in page.records)
        resume, pages = page.resume, pages + 1
        if resume is None:
            break
    assert seen == everybody
    assert page.watermark == NOW - timedelta(seconds=5)
    assert pages == {"fulfillment": 2, "trading": 3}[api]
    assert ids(shop, shop.orders.changed(DAY, "nonsense"))


def test_a_time_of_too_many_orders_is_divided(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a process that died goes on in the middle of a part."""
    monkeypatch.setattr(rest_reading, "LISTED_AT_ONCE", 30)
    monkeypatch.setattr(rest_reading, "PAGE_SIZE", 20)
    everybody = fill(ebay, 100)
    shop = channel(ebay, monkeypatch)
    assert set(ids(shop, shop.orders.created(DAY))) == everybody
    before = set[str]()
    for page in shop.orders.changed(DAY):
        before.update(shop.orders.head(raw).record_id for raw in page.records)
        again = set(ids(shop, shop.orders.changed(DAY, page.resume))) if page.resume else set()
        assert before | again == everybody


def test_what_lists_leave_out_is_asked_for_singly_and_only_then(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for order in demo_orders(7, 4, NOW, CATALOGUE):
        ebay.add(order)
    shop = channel(ebay, monkeypatch)
    raws = [raw for page in shop.orders.created(Window(NOW - timedelta(days=5), NOW)) for raw in page.records]
    asked = [call for call in ebay.calls if call.path.startswith(f"{ORDERS}/")]
    assert len(asked) == 3
    assert sum(b"taxpayerId" in raw for raw in raws) == 1
    assert sum(b"cancelRequestId" in raw for raw in raws) == 2
    window = Window(NOW - timedelta(days=5), NOW)
    changes: list[tuple[str, datetime]] = []

    def unchanged(records: Sequence[tuple[str, datetime]]) -> set[str]:
        changes.extend(records)
        return {records[0][0]}

    again = ids(shop, shop.orders.changed(window, None, unchanged))
    assert len(changes) == 3
    assert set(ebay.orders) - set(again) == {changes[0][0]}  # landed as it stands: neither asked for nor handed on
    assert len([call for call in ebay.calls if call.path.startswith(f"{ORDERS}/")]) == 5
    assert all(shop.orders.head(shop.orders.fetch(name) or b"").updated_at == at for name, at in changes)


@BOTH
def test_a_token_that_ends_between_two_pages_is_renewed(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    everybody = fill(ebay, 250)
    shop, seen = channel(ebay, monkeypatch, orders_api=api), set[str]()
    for page in shop.orders.created(DAY):
        seen.update(shop.orders.head(raw).record_id for raw in page.records)
        ebay.expire_tokens()
    assert seen == everybody
    first = ebay.called(TOKEN)[0]
    assert first.headers["authorization"].startswith("Basic ")
    assert first.form()["scope"].split()[1] == "https://api.ebay.com/oauth/api_scope/sell.fulfillment"


@BOTH
def test_a_refused_consent_says_so(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str) -> None:
    ebay.revoked = True
    with pytest.raises(CredentialError, match="invalid_grant"):
        channel(ebay, monkeypatch, orders_api=api).account.probe()


EMPTY = b'{"href": "x", "total": 7, "limit": 200, "offset": 0, "orders": []}'
PASSING: list[dict[str, Any]] = [
    {"status": 429, "headers": {"Retry-After": "9"}},
    {"status": 500, "body": b'{"errors": [{"errorId": 30500, "message": "System error"}]}'},
    {"truncate": True},
    {"drop": True},
    {"body": b"<html>maintenance</html>", "headers": {"Content-Type": "text/html"}},
    {"body": EMPTY},
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: next(iter(fault)))
def test_passing_faults_cost_nothing(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any]) -> None:
    everybody = fill(ebay, 3)
    ebay.faults.append(Fault(match=ORDERS, **fault))
    shop = channel(ebay, monkeypatch)
    assert set(ids(shop, shop.orders.created(DAY))) == everybody


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ({"body": EMPTY}, TransientError, "own count of 7; it is read again from its start"),
        ({"body": b'{"orders": []}'}, ProtocolError, "not shaped"),
        (
            {"status": 403, "body": b'{"errors": [{"errorId": 1100, "message": "Access denied"}]}'},
            CredentialError,
            "1100",
        ),
        (
            {"status": 400, "body": b'{"errors": [{"errorId": 30830, "message": "Time range"}]}'},
            PermanentError,
            "30830",
        ),
    ],
)
def test_lasting_faults_are_said(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, fault: dict[str, Any], error: type[Exception], says: str
) -> None:
    ebay.faults.append(Fault(match=ORDERS, times=99, **fault))
    with pytest.raises(error, match=says):
        list(channel(ebay, monkeypatch).orders.created(DAY))


@BOTH
def test_a_page_that_contradicts_its_own_count_is_read_again_from_its_start(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    """Four rows of five: the one that is lacking may lie in front of the others."""
    everybody = fill(ebay, 5)
    shop = channel(ebay, monkeypatch, orders_api=api)
    handle, times = ebay.handle, [1]

    def four(call: Call) -> Reply:
        reply = handle(call)
        body, headers = reply.encoded()
        if times[0] and (call.path.endswith(ORDERS) or TRADING in call.path):
            times[0] -= 1
            body = _drop_first(body)
        return Reply(reply.status, body, headers)

    monkeypatch.setattr(ebay, "handle", four)
    pages = list(shop.orders.changed(DAY))
    assert set(ids(shop, iter(pages))) == everybody
    times[0] = 99
    resumes = []
    with pytest.raises(TransientError, match="own count of 5; it is read again from its start"):
        for page in shop.orders.changed(DAY):
            resumes.append(page.resume)
    times[0] = 0
    assert set(ids(shop, shop.orders.changed(DAY, resumes[-1]))) == everybody


def _drop_first(body: bytes) -> bytes:
    if body.lstrip().startswith(b"<"):
        return re.sub(rb"<Order>.*?</Order>", b"", body, count=1, flags=re.DOTALL)
    page = json.loads(body)
    return json.dumps({**page, "orders": page["orders"][1:]}).encode()


def trading_answer(ack: str, code: str) -> bytes:
    return (
        '<GetOrdersResponse xmlns="urn:ebay:apis:eBLBaseComponents"><Timestamp>2026-11-24T12:00:00.000Z</Timestamp>'
        f"<Ack>{ack}</Ack><Errors><ShortMessage>Says eBay</ShortMessage><ErrorCode>{code}</ErrorCode></Errors>"
        "<PaginationResult><TotalNumberOfEntries>2</TotalNumberOfEntries></PaginationResult>"
        "<HasMoreOrders>false</HasMoreOrders><OrderArray/></GetOrdersResponse>"
    ).encode()


@pytest.mark.parametrize(
    ("ack", "code", "error", "says"),
    [
        ("Failure", "248", TransientError, "248"),
        ("Failure", "518", TransientError, "used up"),
        ("Failure", "21919144", TransientError, "used up"),
        ("Failure", "931", CredentialError, "consent again"),
        ("Failure", "37", PermanentError, "got 37: the request"),
        ("PartialFailure", "37", TransientError, "eBay failed"),
        ("Success", "0", TransientError, "own count of 2; it is read again from its start"),
    ],
)
def test_a_trading_answer_of_status_200_is_judged_by_its_ack(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch, ack: str, code: str, error: type[Exception], says: str
) -> None:
    ebay.faults.append(
        Fault(match=TRADING, times=99, body=trading_answer(ack, code), headers={"Content-Type": "text/xml"})
    )
    with pytest.raises(error, match=says):
        list(channel(ebay, monkeypatch, orders_api="trading").orders.created(DAY))


def test_a_warning_is_a_success_and_half_an_answer_is_none(ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(ebay, 2)
    shop = channel(ebay, monkeypatch, orders_api="trading")
    whole = ebay.handle  # as Warning: the same answer, another Ack
    monkeypatch.setattr(ebay, "handle", lambda call: _make_warning(whole(call)))
    assert len(ids(shop, shop.orders.created(DAY))) == 2
    ebay.faults.append(Fault(match=TRADING, truncate=True))
    assert len(ids(shop, shop.orders.created(DAY))) == 2


def _make_warning(reply: Any) -> Any:
    if isinstance(reply.body, bytes):
        return reply._replace(body=reply.body.replace(b"<Ack>Success</Ack>", b"<Ack>Warning</Ack>"))
    return reply


def test_an_unreadable_order_is_handed_on_and_counted_by_its_stated_total(
    ebay: EbayStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_order(1, NOW - timedelta(hours=1))
    order["pricingSummary"]["total"]["value"] = "70.00"
    ebay.add(order)
    shop = channel(ebay, monkeypatch)
    assert len(ids(shop, shop.orders.created(DAY))) == 1
    (total,) = shop.orders.totals(DAY)
    assert (total.total, total.currency, total.status) == (7_000, "EUR", OrderStatus.PAID)
    assert isinstance(total.placed_at, datetime)
