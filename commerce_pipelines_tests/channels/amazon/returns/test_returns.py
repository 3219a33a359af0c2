"""Amazon's returns: reports that take their time, and what their words mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from commerce_pipelines.channels.amazon.returns.return_documents import FBA, XML
from commerce_pipelines.channels.capabilities import Window
from commerce_pipelines.core.errors import RateLimited, TransientError
from commerce_pipelines.domain.orders.order import FulfilledBy
from commerce_pipelines.domain.returns.records import Disposition, ReturnState
from commerce_sandbox.amazon.return_rows import make_return, make_unit
from commerce_sandbox.server import Fault

from ..contract import NOON, Clock, Recorded, connect, judged
from .polling import ORDER, OTHER, WEEK_AGO, Poller, asked, read


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def amazon(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    with judged(clock, monkeypatch) as stand_in:
        yield stand_in


def test_a_merchants_return_is_announced_and_received_when_its_parcel_has_arrived(
    amazon: Recorded, clock: Clock
) -> None:
    amazon.returns.add(
        make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 2), ("MUG", 1), tracking="JJD1"),
        make_return(OTHER, "DJ2RMA", WEEK_AGO, ("KET", 1), status="Completed", delivered=NOON - timedelta(days=1)),
    )
    on_the_way, arrived = Poller(amazon, clock).look_until_done()
    assert (on_the_way.return_id, on_the_way.order_id, on_the_way.rma) == (f"{ORDER}:DJ1RMA", ORDER, "DJ1RMA")
    assert (on_the_way.state, on_the_way.tracking_numbers) == (ReturnState.ANNOUNCED, ("JJD1",))
    assert on_the_way.fulfilled_by is FulfilledBy.MERCHANT
    assert [(line.sku, line.quantity, line.received) for line in on_the_way.lines] == [("KET", 2, 0), ("MUG", 1, 0)]
    assert on_the_way.lines[0].reason == "AMZ-PG-APP-TOO-SMALL"
    assert (arrived.state, arrived.lines[0].received) == (ReturnState.RECEIVED, 1)
    assert arrived.updated_at == NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Pending", ReturnState.REQUESTED), ("PendingApproval", ReturnState.REQUESTED),
        ("Approved", ReturnState.ANNOUNCED), ("Completed", ReturnState.ANNOUNCED),  # the buyer is paid at the scan
        ("Closed", ReturnState.CLOSED), ("Denied", ReturnState.DECLINED), ("Cancelled", ReturnState.CANCELLED),
    ],
)  # fmt: skip
def test_words_for_a_state(status: str, state: ReturnState, amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1), status=status))
    [record] = Poller(amazon, clock).look_until_done()
    assert record.state is state


def test_units_that_came_back_to_fba_are_returns_of_their_own(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(
        make_unit(ORDER, "LPN1", WEEK_AGO, "KET-FBA", comments="I am Anna Muster, call 0170 1234567"),
        make_unit(ORDER, "LPN2", WEEK_AGO, "KET-FBA", disposition="CUSTOMER_DAMAGED"),
        make_unit(OTHER, "LPN3", WEEK_AGO, "KET-FBA", disposition="DEFECTIVE", status="Reimbursed"),
        make_unit(OTHER, "LPN4", WEEK_AGO, "KET-FBA", disposition="SOMETHING_NEW"),
    )
    records = {record.rma: record for record in Poller(amazon, clock).look_until_done()}
    assert {record.fulfilled_by for record in records.values()} == {FulfilledBy.CHANNEL}
    lines = {plate: record.lines[0] for plate, record in records.items()}
    assert records["LPN1"].return_id == f"{ORDER}:LPN1"
    assert [(lines[plate].disposition, lines[plate].received) for plate in sorted(lines)] == [
        (Disposition.SELLABLE, 1), (Disposition.DAMAGED, 1), (Disposition.MISSING, 0), (Disposition.UNKNOWN, 1),
    ]  # fmt: skip
    assert [lines[plate].unit for plate in sorted(lines)] == ["LPN1", "LPN2", "LPN3", "LPN4"]
    assert records["LPN3"].state is ReturnState.CLOSED


def test_a_report_is_requested_once_in_half_an_hour_and_never_twice_for_one_answer(
    amazon: Recorded, clock: Clock
) -> None:
    amazon.reports.takes = timedelta(minutes=4)
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1)), make_unit(OTHER, "LPN1", WEEK_AGO, "KET"))
    poller = Poller(amazon, clock)
    assert len(poller.look_until_done()) == 2
    assert asked(amazon) == [XML, FBA]
    for _ in range(5):  # every five minutes, as the sensor looks
        clock.passed += 240
        assert poller.look() == []
    assert asked(amazon) == [XML, FBA]
    clock.passed += 1800
    amazon.returns.add(make_return(ORDER, "DJ3RMA", NOON, ("MUG", 1)))
    assert [record.rma for record in poller.look_until_done()] == ["DJ1RMA", "DJ3RMA", "LPN1"]
    assert asked(amazon) == [XML, FBA, XML, FBA]


def test_a_lost_cursor_finds_the_requested_report_again(amazon: Recorded, clock: Clock) -> None:
    amazon.reports.takes = timedelta(minutes=4)
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1)))
    Poller(amazon, clock).look()
    clock.passed += 60
    assert [record.rma for record in Poller(amazon, clock).look_until_done()] == ["DJ1RMA"]
    assert asked(amazon) == [XML, FBA]


def test_a_request_whose_answer_is_lost_is_found_and_not_repeated(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1RMA", WEEK_AGO, ("KET", 1)))
    amazon.faults = [
        Fault(match=lambda call: call.method == "POST" and call.path.endswith("/reports"), drop=True, after=True)
    ]
    assert [record.rma for record in Poller(amazon, clock).look_until_done()] == ["DJ1RMA"]
    assert asked(amazon) == [XML, FBA]


def test_a_report_without_rows_is_no_error(amazon: Recorded, clock: Clock) -> None:
    poller = Poller(amazon, clock)
    assert poller.look_until_done() == []
    assert poller.watermark == NOON


def test_a_look_while_another_report_is_too_new_waits(amazon: Recorded, clock: Clock) -> None:
    """A run that pulled old days has requested reports of their span."""
    poller = Poller(amazon, clock)
    list(poller.channel.returns.created(Window(NOON - timedelta(days=200), NOON - timedelta(days=199))))
    with pytest.raises(RateLimited):
        poller.look()
    assert asked(amazon) == [XML, FBA]


def test_a_look_uses_the_report_of_a_run_that_pulled_recent_days(amazon: Recorded, clock: Clock) -> None:
    """It waited for half an hour, and was told as a poller that does not look."""
    poller = Poller(amazon, clock)
    list(poller.channel.returns.created(Window(NOON - timedelta(days=3), NOON)))
    poller.look_until_done()
    assert asked(amazon) == [XML, FBA]


def test_old_days_share_a_report_and_wait_for_the_next(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(
        *(make_return(ORDER, f"DJ{day}", NOON - timedelta(days=day), ("KET", 1)) for day in range(9, 120, 9))
    )
    channel = connect(amazon, clock, marketplaces=("DE",))
    seen = []
    for start in range(119, 0, -7):
        window = Window(NOON - timedelta(days=start), NOON - timedelta(days=max(0, start - 7)))
        seen += [record.rma for page in channel.returns.created(window) for record in read(channel, page)]
    assert sorted(seen) == sorted(f"DJ{day}" for day in range(9, 120, 9))
    assert len(asked(amazon)) <= 8
    created = [report.created for report in amazon.reports._reports.values() if report.kind == XML]
    assert all(later - earlier >= timedelta(minutes=30) for earlier, later in pairwise(created))


def test_a_day_is_its_own_returns_alone(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(
        make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)),
        make_return(ORDER, "DJ2", WEEK_AGO + timedelta(days=1), ("KET", 1)),
    )
    channel = connect(amazon, clock, marketplaces=("DE",))
    window = Window(WEEK_AGO, WEEK_AGO + timedelta(days=1))
    assert [record.rma for page in channel.returns.created(window) for record in read(channel, page)] == ["DJ1"]


def test_one_return_by_its_id_or_the_number_that_people_see(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)), make_unit(OTHER, "LPN1", WEEK_AGO, "KET"))
    returns = connect(amazon, clock, marketplaces=("DE",)).returns
    by_id, by_rma = returns.fetch(f"{ORDER}:DJ1"), returns.fetch("DJ1")
    assert by_id == by_rma is not None
    assert returns.translate(returns.fetch("LPN1") or b"").order_id == OTHER
    assert returns.fetch("DJ9") is None


def test_an_account_without_fba_is_told_the_setting(amazon: Recorded, clock: Clock) -> None:
    amazon.reports.refused.add(FBA)
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)))
    channel = connect(amazon, clock, marketplaces=("DE",))
    pages = channel.returns.created(Window(WEEK_AGO, NOON))
    assert [record.rma for record in read(channel, next(pages))] == ["DJ1"]
    with pytest.raises(TransientError, match=r"write fba_returns: false in channels\[amazon_eu\]"):
        next(pages)
    channel = connect(amazon, clock, marketplaces=("DE",), fba_returns=False)
    assert [
        record.rma for page in channel.returns.created(Window(WEEK_AGO, NOON)) for record in read(channel, page)
    ] == ["DJ1"]


def test_many_returns_come_in_pages_that_a_look_goes_on_with(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(*(make_return(ORDER, f"DJ{number:04d}", WEEK_AGO, ("KET", 1)) for number in range(1100)))
    returns = connect(amazon, clock, marketplaces=("DE",)).returns
    window = Window(NOON - timedelta(days=1), NOON)
    first = next(iter(returns.changed(window)))
    clock.passed += 60
    looks = returns.changed(window, first.resume)
    page = next(looks)
    assert len(page.records) == 500
    seen = set(page.records)
    with pytest.raises(RateLimited):  # the other report is being made
        for later in returns.changed(window, page.resume):
            seen |= set(later.records)
    assert len(seen) == 1100


def test_what_is_kept_between_looks_holds_ids_alone(amazon: Recorded, clock: Clock) -> None:
    amazon.returns.add(make_return(ORDER, "DJ1", WEEK_AGO, ("KET", 1)))
    poller = Poller(amazon, clock)
    poller.look()
    assert poller.resume is not None
    kept = msgspec.json.decode(poller.resume)
    assert set(kept) == {"kinds", "begun", "report_id"}
