"""Where Amazon's warehouse sent an order from: by its ledger where that tells, else by the settings; decided once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.domain.inbound.ledger import Balance, Event, Ledger, LedgerEvent
from commerce_pipelines.domain.orders.order import Address, FulfilledBy, Order, Shipped
from commerce_pipelines.flows.orders import in_parts
from commerce_pipelines.flows.orders.departures import ask_again
from commerce_pipelines.warehouse.inbound.ledger import replace_ledger
from commerce_pipelines_tests.doubles.lane import MUG, PAPER, Lane, later, line, numbered, waiting

POLAND = Address(name="Jan Kos", street="Ulica 1", city="Poznan", postcode="60-001", country="PL")
SETTING = "channel_departure_country: DE, "
VAT = "vat: {oss: true, registrations: [PL]}, "


@pytest.fixture
def away(connect: Any) -> Callable[..., Lane]:
    def open_lane(setting: str = SETTING, inbound: str = "") -> Lane:
        fields = {"domain": [], "fields": ["name"], "load": None, "limit": 1}
        (house,) = connect().person.call("stock.warehouse", "search_read", **fields)
        more = f"inbound: {{enabled: true, since: 2026-01-01{inbound}}}, "
        return connect(VAT + setting + more + f"channel_warehouse: '{house['name']}', ")

    return open_lane


def keep_ledger(lane: Lane, days: int = 1, *events: LedgerEvent, **countries: dict[str, int]) -> None:
    """The ledger until the lane's day. countries: units by SKU."""
    span = tuple(lane.day - timedelta(days=n) for n in reversed(range(days)))
    balances = tuple(
        Balance(day=day, msku=sku, start=units, end=units, disposition="SELLABLE", place=country)
        for day in span for country, of in countries.items() for sku, units in of.items()
    )  # fmt: skip
    with lane.connections.warehouse.transaction() as connection:
        replace_ledger(connection, lane.name, Ledger(days=span, events=events, balances=balances), datetime.now(UTC))


def order(lane: Lane, order_id: str, **more: Any) -> Order:
    return lane.order(order_id, fulfilled_by=FulfilledBy.CHANNEL, **{"shipping": POLAND, **more})


def decided(lane: Lane, order_id: str) -> tuple[str, str, str]:
    row = lane.ledger(order_id)
    evidence = msgspec.json.decode(row["evidence"])
    return f"{row['regime']} {row['tax_country']}", evidence["departure"], evidence.get("departure by", "")


def test_the_ledger_replaces_the_setting_where_it_tells(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away()
    here, none = numbered(request, 2)
    keep_ledger(lane, PL={MUG: 5}, DE={MUG: 0})
    lane.put(order(lane, here), order(lane, none, lines=(line(sku=PAPER),)))
    assert lane.run().actions == {"created": 2}
    assert decided(lane, here) == ("local PL", "PL", f"the marketplace's ledger until {lane.day}")
    assert decided(lane, none) == ("oss PL", "DE", "")  # the ledger has no word of it


def test_several_countries_leave_the_setting_and_are_told(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away()
    mixed, other = numbered(request, 2)
    keep_ledger(lane, PL={MUG: 5, PAPER: 1}, DE={MUG: 1}, CZ={PAPER: 2})
    lane.put(order(lane, mixed), order(lane, other, lines=(line(sku=PAPER),)))
    assert lane.run().actions == {"created": 2}
    assert decided(lane, mixed) == (
        "oss PL", "DE", f"the settings; the marketplace's ledger until {lane.day} names DE, PL",
    )  # fmt: skip
    assert waiting(lane, mixed) == []
    [note] = waiting(lane, other)
    assert (note.code, note.blocking) == ("departure_unclear", False)
    assert f"left from DE; the marketplace's ledger until {lane.day} names CZ, PL" in note.message


def test_a_row_that_names_the_order_and_an_order_that_names_the_country(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away()
    named, stated, own = numbered(request, 3)
    sent = LedgerEvent(day=lane.day, msku=MUG, name="Shipments", quantity=-1, reference=named, country="PL")
    keep_ledger(lane, 1, sent, PL={MUG: 5}, DE={MUG: 5})
    lane.put(order(lane, named), order(lane, stated, departure_country="DE"), lane.order(own, shipping=POLAND))
    lane.run()
    assert decided(lane, named) == ("local PL", "PL", "the marketplace's ledger, by its row of this order")
    assert decided(lane, stated) == decided(lane, own) == ("oss PL", "DE", "")


def test_what_was_decided_once_stays(away: Callable[..., Lane], request: pytest.FixtureRequest) -> None:
    """Also where the VAT is decided again, because the buyer's address has changed."""
    lane = away()
    before, after = numbered(request, 2)
    orders = {before: order(lane, before), after: order(lane, after)}
    lane.put(orders[before])
    lane.run()
    assert decided(lane, before)[1:] == ("DE", "")
    keep_ledger(lane, PL={MUG: 5})
    lane.put(orders[after])
    lane.run()
    assert decided(lane, after)[1] == "PL"
    keep_ledger(lane, CZ={MUG: 5})
    moved = msgspec.structs.replace(POLAND, country="FR", postcode="75001", city="Paris")
    lane.put(*(later(row, shipping=moved) for row in orders.values()))
    assert lane.run().actions == {"changed": 2}
    assert decided(lane, before) == ("oss FR", "DE", "")
    assert decided(lane, after)[:2] == ("oss FR", "PL")


def test_what_the_ledger_says_later_against_it_is_told(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    """And what was decided stays, also where the order changes later; and the note with it."""
    lane = away()
    stale, setting, right = numbered(request, 3)
    keep_ledger(lane, PL={MUG: 5})
    orders = {
        stale: order(lane, stale), setting: order(lane, setting, lines=(line(sku=PAPER),)), right: order(lane, right),
    }  # fmt: skip
    lane.put(*orders.values())
    lane.run()
    assert ask_again(lane.connections, lane.name) == 0
    sent = [LedgerEvent(day=lane.day, msku=sku, name="Shipments", quantity=-1, reference=of, country=country)
            for of, sku, country in ((stale, MUG, "CZ"), (setting, PAPER, "PL"), (right, MUG, "PL"))]  # fmt: skip
    keep_ledger(lane, 1, *sent, PL={MUG: 5})
    for _ in range(2):
        assert ask_again(lane.connections, lane.name) == 2
    [first], [second] = waiting(lane, stale), waiting(lane, setting)
    assert (first.code, second.code, waiting(lane, right)) == ("departure_unclear", "departure_unclear", [])
    assert f"left from PL, by the marketplace's ledger until {lane.day}; since" in first.message
    assert "names CZ." in first.message
    assert "left from DE, by the settings; since then the marketplace's ledger names PL." in second.message
    assert lane.run().actions == {"unchanged": 3}
    lane.put(later(orders[stale], shipped=Shipped.YES))
    lane.run()
    moved = msgspec.structs.replace(POLAND, street="Ulica 2")
    lane.put(later(later(orders[stale]), shipped=Shipped.YES, shipping=moved))
    lane.run()
    assert [note.message for note in waiting(lane, stale)] == [first.message]
    assert decided(lane, stale)[:2] == ("local PL", "PL")
    keep_ledger(lane, 1, msgspec.structs.replace(sent[0], country="PL"), *sent[1:], PL={MUG: 5})
    assert ask_again(lane.connections, lane.name) == 1
    assert waiting(lane, stale) == []


def test_an_unclear_departure_is_still_told_when_the_order_changes(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away()
    (order_id,) = numbered(request)
    keep_ledger(lane, PL={MUG: 5}, CZ={MUG: 5})
    first = order(lane, order_id)
    lane.put(first)
    lane.run()
    [note] = waiting(lane, order_id)
    lane.put(later(first, shipped=Shipped.YES))
    lane.run()
    assert [row.message for row in waiting(lane, order_id)] == [note.message]


def test_a_run_that_dies_while_it_loads_decides_once(
    away: Callable[..., Lane], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = away()
    (order_id,) = numbered(request)
    keep_ledger(lane, PL={MUG: 5})
    lane.put(order(lane, order_id))

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(in_parts, "keep_customers", die)
        with pytest.raises(KeyboardInterrupt):
            lane.run()
    assert len(lane.sales(order_id)) == 1
    keep_ledger(lane, DE={MUG: 5})
    lane.run()
    assert decided(lane, order_id)[:2] == ("local PL", "PL")
    assert len(lane.sales(order_id)) == 1


def test_an_order_waits_for_the_ledger_where_no_setting_names_a_country(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away(setting="")
    (order_id,) = numbered(request)
    lane.put(order(lane, order_id))
    assert lane.run().actions == {"refused": 1}
    keep_ledger(lane, PL={MUG: 5}, CZ={MUG: 5})
    assert lane.run().actions == {"refused": 1}
    [waits] = waiting(lane, order_id)
    assert (waits.code, "Its ledger names CZ, PL." in waits.message) == ("unknown_departure", True)
    keep_ledger(lane, PL={MUG: 5})
    assert lane.run().actions == {"created": 1}
    assert decided(lane, order_id)[1] == "PL"


@pytest.mark.parametrize("inbound", [", departures: false"])
def test_the_ledger_is_not_asked_where_the_settings_say_so(
    away: Callable[..., Lane], request: pytest.FixtureRequest, inbound: str
) -> None:
    lane = away(inbound=inbound)
    (order_id,) = numbered(request)
    keep_ledger(lane, PL={MUG: 5})
    lane.put(order(lane, order_id))
    lane.run()
    assert decided(lane, order_id)[1:] == ("DE", "")


def test_units_that_cannot_be_sold_and_days_of_old_say_nothing(
    away: Callable[..., Lane], request: pytest.FixtureRequest
) -> None:
    lane = away()
    (order_id,) = numbered(request)
    days: tuple[date, ...] = (lane.day - timedelta(days=1), lane.day)
    rows = [
        Balance(day=day, msku=MUG, start=3, end=3, disposition=how, place=place)
        for day in days for how, place in (("CUSTOMER_DAMAGED", "CZ"), ("sellable", "PL"))
    ]  # fmt: skip
    sent = Balance(day=lane.day, msku=MUG, start=1, end=0, events={Event.SHIPMENTS: -1}, place="PL", fnsku="X")
    with lane.connections.warehouse.transaction() as connection:
        replace_ledger(connection, lane.name, Ledger(days=days, balances=(*rows, sent)), datetime.now(UTC))
    lane.put(order(lane, order_id, shipped=Shipped.YES))
    lane.run()
    assert decided(lane, order_id)[1] == "PL"
