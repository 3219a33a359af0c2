"""Amazon's ledger and inventory: two reports of the account, days as marketplaces write them, one pool seen often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from commerce_pipelines.channels.amazon.api.documents import Fetched
from commerce_pipelines.channels.amazon.inbound.ledger_documents import read_days, read_details
from commerce_pipelines.core.errors import PermanentError, ProtocolError, RateLimited
from commerce_pipelines.domain.inbound.ledger import Event as Kind
from commerce_pipelines.domain.inbound.ledger import add_up, find_flaws
from commerce_sandbox.amazon.ledger_rows import DETAIL_COLUMNS, KINDS, Event

from ..contract import NOON, Clock, Recorded, connect, judged

START, TODAY = date(2026, 11, 15), NOON.date()
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        stand_in.ledger.add(
            Event(START, "KET", "Receipts", 10, "FBA15ABC"),
            Event(START, "KET", "Receipts", 10, "FBA15ABC"),
            Event(date(2026, 11, 16), "KET", "Shipments", -3, "Q1"),
            Event(date(2026, 11, 17), "KET", "Adjustments", -2, reason="M"),
            Event(date(2026, 11, 17), "KET", "Adjustments", -1, reason="E"),
            Event(date(2026, 11, 17), "KET", "Adjustments", 1, reason="P", disposition="DEFECTIVE"),
            Event(date(2026, 11, 18), "KET", "CustomerReturns", 1, disposition="CUSTOMER_DAMAGED"),
            Event(date(2026, 11, 18), "MUG", "Receipts", 4, centre="WRO5", country="PL"),
            Event(YESTERDAY, "MUG", "VendorReturns", -1, centre="WRO5", country="PL"),
            Event(TODAY, "MUG", "Shipments", -1, centre="WRO5", country="PL"),
        )
        yield stand_in


def list_requested(amazon: Recorded) -> list[dict[str, Any]]:
    """The bodies of all requests for a report."""
    return [call.json() for call, _ in amazon.exchanges if call.path.endswith("/reports") and call.method == "POST"]


def test_the_ledger_of_whole_days_is_sound(amazon: Recorded, clock: Clock) -> None:
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")
    assert ledger.days == tuple(START + timedelta(days=n) for n in range(5))
    assert find_flaws(ledger) == []
    assert [(row.quantity, row.number) for row in ledger.events[:2]] == [(10, 1), (10, 2)]
    days = add_up(ledger.balances)
    assert {msku: day.left for msku, day in days[YESTERDAY].items()} == {"KET": 16, "MUG": 3}
    assert days[date(2026, 11, 17)]["KET"].events == {Kind.LOST: -2, Kind.DAMAGED: -1, Kind.OTHER: 1}
    places = {(row.msku, row.place) for row in ledger.balances}
    assert places == {("KET", "DE"), ("MUG", "PL")}
    assert all(event.is_known for event in ledger.events)
    requested = [
        call.json() for call, _ in amazon.exchanges if call.path.endswith("/reports") and call.method == "POST"
    ]
    assert [request["marketplaceIds"] for request in requested] == [["A1PA6795UKMFR9"]] * 2  # data of the whole account
    assert {request["dataStartTime"] for request in requested} == {"2026-11-14T23:00:00Z"}


def test_by_centre(amazon: Recorded, clock: Clock) -> None:
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "centre")
    assert {row.place for row in ledger.balances} == {"LEJ1", "WRO5"}


def test_the_newest_day_may_be_missing(amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.behind = 2
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")
    assert ledger.days[-1] == YESTERDAY - timedelta(days=1)
    assert all(event.day < YESTERDAY for event in ledger.events)


def test_an_unknown_event_counts_and_is_marked(amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.add(Event(date(2026, 11, 18), "KET", "Teleportation", -1))
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")
    [unknown] = [event for event in ledger.events if not event.is_known]
    assert (unknown.name, unknown.quantity) == ("Teleportation", -1)
    assert find_flaws(ledger) == []
    assert add_up(ledger.balances)[YESTERDAY]["KET"].left == 15


def test_columns_are_found_by_name(amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.columns = [name for name in reversed(DETAIL_COLUMNS) if name not in ("Store", "Title", "ASIN")]
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")
    assert find_flaws(ledger) == []
    amazon.ledger.columns = [name for name in DETAIL_COLUMNS if name != "Quantity"]
    clock.sleep(3600)
    with pytest.raises(ProtocolError, match="no column quantity"):
        connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")


@pytest.mark.parametrize("written", ["%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y-%m-%d"])
def test_days_as_a_marketplace_writes_them(written: str, amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.date_format = written
    ledger = connect(amazon, clock).fba_stock.read_ledger(START, TODAY, "country")
    assert {event.day for event in ledger.events} <= set(ledger.days)
    assert find_flaws(ledger) == []


def test_a_day_that_could_be_two_days_is_refused() -> None:
    start, end = date(2026, 11, 1), date(2026, 12, 15)
    with pytest.raises(ProtocolError, match="cannot be told apart"):
        read_days(["11/12/2026"], start, end, "X")
    assert read_days(["11/12/2026", "11/30/2026"], start, end, "X")["11/12/2026"] == date(2026, 11, 12)
    assert read_days(["11/12/2026"], start, date(2026, 11, 20), "X")["11/12/2026"] == date(2026, 11, 12)
    assert read_days(["11/11/2026"], start, end, "X")["11/11/2026"] == date(2026, 11, 11)
    with pytest.raises(ProtocolError, match="cannot be told apart"):  # each the other one's mirror
        read_days(["11/12/2026", "12/11/2026"], start, end, "X")
    for text in ("yesterday", "", "13/13/2026", "31.02.2026", "01/02/1999", "1999-02-01", "01.02.1999"):
        with pytest.raises(ProtocolError):
            read_days([text], start, end, "X")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("mark", ["", '"'])
def test_a_document_as_other_programs_write_it(end: str, charset: str, mark: str) -> None:
    """Days in any order, columns that nobody knows, marks around fields, an empty line."""
    rows = [
        ("Date", "MSKU", "Event Type", "Quantity", "Reconciled Quantity", "Reference ID"),
        ("11/14/2026", "KÄT", "Receipts", "10", "4", "FBA15ABC"), (),
        ("11/13/2026", "KÄT", "Customer Returns", "-1", "", ""),
    ]  # fmt: skip
    text = end.join("\t".join(f"{mark}{field}{mark}" for field in row) for row in rows)
    document = Fetched(text.encode(charset), "text/plain")
    events = read_details(document, date(2026, 11, 12), date(2026, 11, 16))
    assert [(event.day.day, event.msku, event.name, event.quantity, event.reference) for event in events] == [
        (14, "KÄT", "Receipts", 10, "FBA15ABC"), (13, "KÄT", "CustomerReturns", -1, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("row", "why"), [
    ("Datum\tMSKU\tEreignistyp\tMenge", "no column date and no column event type and no column quantity"),
    ("Date\tMSKU\tEvent Type\tQuantity\n11/13/2026\tKET\tReceipts\t1,000", "something else than a number"),
    ("Date\tMSKU\tEvent Type\tQuantity\n11/13/2026\tKET\tReceipts\t1\t2", "has 5 columns, not 4"),
    ("Date\tMSKU\tEvent Type\tQuantity\n11/13/2026\tKET", "has 2 columns, not 4"),
])  # fmt: skip
def test_a_document_that_cannot_be_read_is_refused_as_a_whole(row: str, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        read_details(Fetched(row.encode(), ""), date(2026, 11, 12), date(2026, 11, 16))


def test_a_report_is_not_requested_again_within_the_hour(amazon: Recorded, clock: Clock) -> None:
    stock = connect(amazon, clock).fba_stock
    assert stock.read_ledger(START, TODAY, "country") == stock.read_ledger(START, TODAY, "country")
    assert len(list_requested(amazon)) == 2


def test_no_rows_are_no_days_and_a_report_in_the_way_is_no_answer(amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.events.clear()
    stock = connect(amazon, clock).fba_stock
    assert stock.read_ledger(START, TODAY, "country").days == ()
    clock.sleep(600)
    with pytest.raises(RateLimited, match="asked for again later"):  # another span, too soon after the first
        stock.read_ledger(START + timedelta(days=1), TODAY, "country")
    clock.sleep(3600)
    amazon.reports.fate = ["FATAL", "FATAL"]
    with pytest.raises(PermanentError, match="gave up"):
        stock.read_ledger(START, TODAY, "country")
    assert {request["reportType"] for request in list_requested(amazon)} == set(KINDS)


def test_what_a_store_shows_is_read_page_by_page(amazon: Recorded, clock: Clock) -> None:
    amazon.ledger.add(*(Event(START, f"SKU-{n:03d}", "Receipts", n) for n in range(120)))
    amazon.ledger.pending["KET"] = 2
    stock = connect(amazon, clock).fba_stock
    levels = {level.msku: level for level in stock.read_levels("A1PA6795UKMFR9")}
    assert len(levels) == 122
    kettle = levels["KET"]
    assert (kettle.total, kettle.fulfillable, kettle.reserved, kettle.unfulfillable) == (16, 12, 2, 2)
    assert stock.list_marketplaces()
