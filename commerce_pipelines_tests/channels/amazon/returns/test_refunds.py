"""Amazon's refunds: what a tree of amounts is for, to the cent, and reading transactions that come late."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.returns import transactions
from commerce_pipelines.channels.amazon.returns.refund_translate import outline, translate
from commerce_pipelines.channels.capabilities import Page, Window
from commerce_pipelines.core.errors import ProtocolError, RecordError, TransientError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.returns.records import Refund, RefundState, check_refund
from commerce_sandbox.amazon.finances import make_item, make_refund
from commerce_sandbox.server import Fault

from ..contract import NOON, SPECS, Clock, Recorded, connect, judged

ORDER = "302-0000001-0000001"
DAY = Window(NOON - timedelta(days=1), NOON)
HOUR_AGO = NOON - timedelta(hours=1)
GOODS = {"OurPricePrincipal": -1_680, "OurPriceTax": -320}
LEAVES = ("OurPricePrincipal", "OurPriceTax", "ShippingPrincipal", "ShippingTax", "ShippingDiscount",
          "GoodwillPrincipal", "RestockingDeductionPrincipal", "MarketplaceFacilitatorVAT-Shipping")  # fmt: skip


def read(transaction: dict[str, Any]) -> Refund:
    raw = json.dumps(transaction).encode()
    refund = translate(transactions.read_transaction(raw), "amazon_eu")
    check_refund(refund)
    assert transactions.head(raw).record_id == refund.refund_id
    return refund


def refund(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return make_refund(1, ORDER, HOUR_AGO, *items, **more)


def lines(record: Refund) -> list[tuple[str, int, int | None, int]]:
    return [(line.kind.value, line.amount, line.tax, line.quantity) for line in record.lines]


def code(transaction: dict[str, Any]) -> str:
    with pytest.raises(RecordError) as caught:
        read(transaction)
    return caught.value.reason.code


def test_goods_shipping_and_what_is_kept_are_lines_and_fees_are_none() -> None:
    leaves = {
        **GOODS, "OurPriceDiscount": 100, "ShippingPrincipal": -411, "ShippingTax": -79, "GiftwrapPrincipal": -300,
        "GoodwillPrincipal": -250, "RestockingDeductionPrincipal": 200, "RestockingDeductionTax": 38,
    }  # fmt: skip
    record = read(refund(make_item("KET", leaves, quantity=2, fees=270)))
    assert lines(record) == [
        ("goods", 1_900, 320, 2), ("shipping", 490, 79, 0), ("price", 300, None, 0), ("goodwill", 250, None, 0),
        ("goodwill", -238, -38, 0),
    ]  # fmt: skip
    assert (record.total, record.collected, record.state, record.currency) == (2_702, 0, RefundState.DONE, "EUR")
    assert {line.sku for line in record.lines} == {"KET"}
    assert (record.refund_id, record.order_id) == (f"{ORDER}:txn-1", ORDER)


@pytest.mark.parametrize("name", ["MarketplaceFacilitatorTax", "MarketplaceFacilitatorVAT", "LowValueGoodsTax"])
def test_tax_that_amazon_withheld_is_collected(name: str) -> None:
    leaves = {**GOODS, f"{name}-Principal": 320, "GiftwrapTax": -32, "GiftwrapPrincipal": -399, f"{name}-Other": 32}
    record = read(refund(make_item("KET", leaves)))
    assert lines(record) == [("goods", 1_680, 0, 1), ("price", 399, 0, 0)]
    assert record.collected == 352


def test_a_transaction_of_fees_alone_pays_nobody_back() -> None:
    record = read(refund(make_item("KET", {}, fees=270)))
    assert (record.total, record.lines) == (0, ())


def test_an_unknown_amount_stops_its_refund_and_is_named() -> None:
    assert code(refund(make_item("KET", {**GOODS, "MysteryPrincipal": -1}))) == "unknown_charge"
    assert read(refund(make_item("KET", {**GOODS, "MysteryPrincipal": 0}))).total == 2_000


@pytest.mark.parametrize("level", ["branch", "item", "transaction"])
def test_sums_that_contradict_each_other_are_refused(level: str) -> None:
    transaction = refund(make_item("KET", GOODS))
    item = transaction["items"][0]
    place = {"branch": item["breakdowns"][0]["breakdownAmount"], "item": item["totalAmount"]}
    amount = place.get(level, transaction["totalAmount"])
    amount["currencyAmount"] = round(amount["currencyAmount"] - 0.01, 2)
    assert code(transaction) == "unbalanced"


def test_what_is_certain_of_a_refund_that_cannot_be_read() -> None:
    unknown = refund(make_item("KET", {**GOODS, "MysteryPrincipal": -1, "LowValueGoodsTax-Principal": 320}, fees=270))
    wrong = refund(make_item("KET", GOODS))
    wrong["items"][0]["breakdowns"][0]["breakdownAmount"]["currencyAmount"] -= 1
    for transaction, total in ((unknown, 2_001), (wrong, None)):
        certain = outline(transactions.read_transaction(json.dumps(transaction).encode()))
        assert (certain.order_id, certain.currency, certain.total) == (ORDER, "EUR", total)


def test_amounts_of_two_currencies_are_refused() -> None:
    transaction = refund(make_item("KET", GOODS))
    transaction["items"][0]["breakdowns"][0]["breakdownAmount"]["currencyCode"] = "SEK"
    assert code(transaction) == "mixed_currency"


def test_amounts_are_read_from_their_text() -> None:
    text = json.dumps(refund(make_item("KET", {"OurPricePrincipal": -1_680}))).replace("-16.8", "-90071992547.41")
    record = translate(transactions.read_transaction(text.encode()), "amazon_eu")
    assert record.total == 9_007_199_254_741
    text = text.replace("-90071992547.41", "-90071992547.414999999999")
    with pytest.raises(RecordError) as caught:
        translate(transactions.read_transaction(text.encode()), "amazon_eu")
    assert caught.value.reason.code == "bad_amount"


def test_a_transaction_broken_down_only_as_a_whole_is_read() -> None:
    transaction = refund(make_item("KET", GOODS, quantity=2))
    parts = transaction["items"][0].pop("breakdowns")
    expenses = {"breakdownType": "Expenses", "breakdownAmount": transaction["totalAmount"], "breakdowns": parts}
    transaction["items"][0]["breakdowns"], transaction["breakdowns"] = None, [expenses]
    assert lines(read(transaction)) == [("goods", 2_000, 320, 2)]


def test_two_items_of_one_sku_are_two_lines() -> None:
    record = read(refund(make_item("KET", GOODS), make_item("KET", GOODS)))
    assert (record.total, len({line.line_id for line in record.lines})) == (4_000, 2)


def test_a_deferred_refund_and_its_release_are_one() -> None:
    deferred = refund(make_item("KET", GOODS), status="DEFERRED")
    updated = {**deferred, "transactionStatus": "DEFERRED_RELEASED"}
    released = make_refund(2, ORDER, NOON, make_item("KET", GOODS), deferred="txn-1")
    assert {read(row).refund_id for row in (deferred, updated, released)} == {f"{ORDER}:txn-1"}


@given(
    leaves=st.lists(
        st.dictionaries(st.sampled_from(LEAVES), st.integers(-50_000, 50_000), max_size=5), min_size=1, max_size=3
    ),
    fees=st.integers(-900, 900),
)
def test_money_is_conserved(leaves: list[dict[str, int]], fees: int) -> None:
    """What the seller loses is what the buyer gets, and the fees, to the cent."""
    items = [make_item(f"S{place}", names, number=place, fees=fees) for place, names in enumerate(leaves)]
    record = read(refund(*items))
    assert record.total == -sum(sum(names.values()) for names in leaves)
    assert record.collected == sum(names.get("MarketplaceFacilitatorVAT-Shipping", 0) for names in leaves)


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"\xff", b"", b'{"transactionId": 5}'])
def test_nonsense_is_refused(raw: bytes) -> None:
    for reader in (transactions.head, transactions.read_transaction):
        with pytest.raises(RecordError) as caught:
            reader(raw)
        assert caught.value.reason.code == "bad_payload"


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


def fill(amazon: Recorded, count: int) -> list[str]:
    names = []
    for number in range(count):
        order_id = f"302-0000001-{number:07d}"
        posted = HOUR_AGO - timedelta(seconds=count - number)
        amazon.finances.add(make_refund(number, order_id, posted, make_item("KET", GOODS)))
        names.append(f"{order_id}:txn-{number}")
    return names


def ids(channel: AmazonChannel, pages: Iterable[Page]) -> list[str]:
    return [channel.refunds.head(raw).record_id for page in pages for raw in page.records]


def test_refunds_are_read_and_nothing_else(amazon: Recorded, channel: AmazonChannel) -> None:
    names = fill(amazon, 3)
    amazon.finances.add(
        make_refund(9, ORDER, HOUR_AGO, make_item("KET", {"OurPricePrincipal": 1_680}), kind="Shipment")
    )
    pages = list(channel.refunds.changed(DAY))
    assert ids(channel, pages) == names
    assert channel.refunds.topic is Topic.REFUNDS
    assert pages[-1].watermark == NOON - timedelta(minutes=2, seconds=30)
    raw = pages[0].records[0]
    assert channel.refunds.translate(raw).total == 2_000
    assert channel.refunds.head(raw).subject == "order:302-0000001-0000000"
    assert channel.refunds.fetch(names[0]) == raw
    assert channel.refunds.of_order(names[0].partition(":")[0]) == [raw]
    assert channel.refunds.fetch(f"{ORDER}:txn-77") is channel.refunds.fetch("nothing") is None


def test_a_refund_that_is_posted_late_is_found(amazon: Recorded, channel: AmazonChannel) -> None:
    late = make_refund(1, ORDER, NOON - timedelta(hours=50), make_item("KET", GOODS))
    amazon.finances.add(late)  # it becomes visible now
    assert ids(channel, channel.refunds.changed(Window(NOON - timedelta(minutes=15), NOON))) == [f"{ORDER}:txn-1"]


def test_empty_pages_are_not_the_end(amazon: Recorded, channel: AmazonChannel) -> None:
    names = fill(amazon, 5)
    amazon.finances.page_size, amazon.finances.empty_pages = 2, 3
    assert ids(channel, channel.refunds.changed(DAY)) == names


def test_a_poll_goes_on_where_it_stopped(amazon: Recorded, channel: AmazonChannel, clock: Clock) -> None:
    names = fill(amazon, 7)
    amazon.finances.page_size = 3
    page = next(iter(channel.refunds.changed(DAY)))
    again = connect(amazon, clock)
    assert ids(channel, [page]) + ids(again, again.refunds.changed(DAY, page.resume)) == names
    amazon.finances.expired = True  # the stored token is refused, so the window begins again
    amazon.finances.page_size = 10
    assert ids(again, again.refunds.changed(DAY, page.resume)) == names
    assert ids(again, again.refunds.changed(DAY, "someone else's")) == names


def test_tokens_that_are_never_taken_end_the_look(amazon: Recorded, channel: AmazonChannel) -> None:
    fill(amazon, 7)
    amazon.finances.page_size, amazon.finances.expired = 3, True
    with pytest.raises(TransientError, match="its own page tokens"):
        list(channel.refunds.changed(DAY))


def test_a_repeated_token_never_loops(amazon: Recorded, channel: AmazonChannel) -> None:
    body = json.dumps({"payload": {"transactions": [], "nextToken": "x"}}).encode()
    amazon.faults.append(Fault(match="/finances/", body=body, times=9))
    with pytest.raises(ProtocolError, match="repeats"):
        list(channel.refunds.changed(DAY))


def test_windows_are_half_open_and_never_longer_than_amazon_answers(amazon: Recorded, channel: AmazonChannel) -> None:
    year = NOON - timedelta(days=365)
    for number, at in enumerate((year, HOUR_AGO, HOUR_AGO - timedelta(seconds=1))):
        amazon.finances.add(make_refund(number, ORDER, at, make_item("KET", GOODS)))
    posted = ids(channel, channel.refunds.created(Window(year, HOUR_AGO)))
    assert posted == [f"{ORDER}:txn-0", f"{ORDER}:txn-2"]
    assert len(amazon.called("/finances/")) == 3
    assert list(channel.refunds.created(Window(NOON, NOON + timedelta(hours=1)))) == []  # nothing is settled yet


def test_marketplaces_that_the_settings_leave_out_are_left_out(amazon: Recorded, clock: Clock) -> None:
    amazon.finances.add(
        make_refund(1, ORDER, HOUR_AGO, make_item("KET", GOODS)),
        make_refund(2, ORDER, HOUR_AGO, make_item("KET", GOODS), marketplace="A13V1IB3VIYZZH"),
    )
    channel = connect(amazon, clock, marketplaces=("DE",))
    assert ids(channel, channel.refunds.changed(DAY)) == [f"{ORDER}:txn-1"]


def test_a_refund_that_cannot_be_read_does_not_hold_up_its_page(amazon: Recorded, channel: AmazonChannel) -> None:
    names = fill(amazon, 2)
    amazon.finances.transactions[0]["items"] = "none"
    amazon.exchanges = type("Unjudged", (list,), {"append": lambda *_: None})()
    raws = [raw for page in channel.refunds.changed(DAY) for raw in page.records]
    assert channel.refunds.translate(raws[1]).refund_id == names[1]
    with pytest.raises(RecordError):
        channel.refunds.translate(raws[0])


def test_a_used_up_rate_limit_is_told_not_waited_for(amazon: Recorded, channel: AmazonChannel, clock: Clock) -> None:
    fill(amazon, 1)
    amazon.faults.append(Fault(match="/finances/", status=429, headers={"x-amzn-RateLimit-Limit": "0.001"}, times=9))
    with pytest.raises(TransientError):
        list(channel.refunds.changed(DAY))
    assert sum(clock.slept) <= 60


@pytest.mark.skipif(not SPECS, reason="COMMERCE_SPECS is not set: Amazon's samples are not at hand")
def test_the_official_sample_is_no_refund_and_is_passed_over(amazon: Recorded, channel: AmazonChannel) -> None:
    path = Path(SPECS).parent / "payloads" / "amazon" / "sandbox_pairs" / "finances_2024-06-19.pairs.json"
    samples = [pair["response"] for pair in json.loads(path.read_bytes())
               if pair["operationId"] == "listTransactions" and pair["status"] == 200]  # fmt: skip
    assert samples
    for sample in samples:
        sample["payload"].pop("nextToken")
        amazon.faults.append(Fault(match="/finances/", body=json.dumps(sample).encode()))
        assert ids(channel, channel.refunds.changed(DAY)) == []
