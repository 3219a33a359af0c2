"""The stock flow from Odoo to a channel, on a real database: what is pushed, recorded, held back and healed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from commerce_pipelines.core.errors import PermanentError, ProtocolError, TransientError
from commerce_pipelines.domain.inventory.listings import Listing, Push, PushOutcome, unreadable
from commerce_pipelines.flows.identity import agree, identify
from commerce_pipelines.flows.inventory.inputs import read_listings, recent_stock, take_stock
from commerce_pipelines.flows.inventory.publish import Published, compare, release
from commerce_pipelines.flows.inventory.pulse import look, pulse
from commerce_pipelines.flows.inventory.quantities import Stopped
from commerce_pipelines.resources.connections import Connections
from commerce_pipelines.warehouse.exceptions import OpenException, open_exceptions
from commerce_pipelines.warehouse.shared import known_accounts
from commerce_pipelines.warehouse.shared.known_accounts import Place
from commerce_pipelines.warehouse.tables.database import Warehouse

from ...doubles import inventory as double
from ...doubles.inventory import NAME, Odoo, Shop, booked, connections, history, in_pipe, sold

CAREFUL = "share: 100, breaker: {zeroed_percent: 20, changed_percent: 100}"


def run(world: Connections, **options: Any) -> Published:
    """What one run does, from the stock read on."""
    take_stock(world)
    double.refresh_targets(world, NAME)
    return double.publish(world, NAME, recent_stock(world), run_id="r", **options)


def once(outcome: Callable[[Push], Any], times: int = 1) -> Callable[[Push], Any]:
    left = iter(range(times))
    return lambda push: outcome(push) if next(left, None) is not None else None


def later(warehouse: Warehouse, minutes: int) -> None:
    """Everything on record happened some minutes earlier."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for table, column in (("attempts", "started_at"), ("attempts", "settled_at"), ("listings", "read_at"),
                              ("orders", "placed_at")):  # fmt: skip
            cursor.execute(f"UPDATE commerce.{table} SET {column} = {column} - make_interval(mins => %s)", (minutes,))


@pytest.fixture
def odoo() -> Odoo:
    return Odoo({("A", "WH"): [50, 12], ("B", "WH"): [7, 0], ("C", "WH"): [0, 0]})


@pytest.fixture
def shop() -> Shop:
    return Shop({"A": 0, "B": 7, "SIX": 0, "GONE": 3, "FBA": 99})


def test_only_differences_are_sent_and_a_second_run_sends_none(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    """G87."""
    shop.fulfilled = {"FBA"}
    odoo.stock["FBA", "WH"] = [200, 0]
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    result = run(world)
    assert shop.shown == {"A": 38, "B": 7, "SIX": 6, "GONE": 3, "FBA": 99}
    assert result.outcomes == {"accepted": 2}
    assert set(result.after.table["action"]) == {"same", "skip"}
    assert run(world).outcomes == {}
    assert len(shop.pushed) == 2
    assert shop.readings == 1
    assert all(push.token and push.listing.reference for push in shop.pushed)


def test_a_copy_beside_another_odoo_publishes_nothing_before_a_person_agrees(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    identify(world, NAME)
    with warehouse.transaction() as connection:
        known_accounts.set_place(connection, NAME, Place("production.example.com:443/live", "", 1), agreed=True)
    with pytest.raises(PermanentError, match=f"commerce-pipelines channels agree {NAME}"):
        run(world)
    assert shop.pushed == []
    agree(world, NAME)
    assert run(world).outcomes == {"accepted": 2}


def test_an_order_is_held_back_until_odoo_was_read_with_it(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    sold(warehouse, "1", "A", 2)
    sold(warehouse, "2", "SIX", 1)
    others: dict[str, Any] = {"w": {"status": "waiting"}, "t": {"is_test": True}, "f": {"fulfilled_by": "channel"},
                              "m": {"is_other_channel": True}, "c": {"status": "cancelled"}}  # fmt: skip
    for order_id, more in others.items():
        sold(warehouse, order_id, "A", 1, **more)
    run(world)
    assert shop.shown["A"] == 38 - 2 - 6 - 1
    odoo.stock["A", "WH"][1] += 8  # both are confirmed and reserved …
    snapshot = take_stock(world)
    booked(warehouse, "1")  # … but the ledger learns it after the read began: counted twice rather than never
    booked(warehouse, "2")
    assert sum(in_pipe(world, snapshot).values()) == 9
    run(world)
    assert shop.shown["A"] == 38 - 8 - 1


def test_what_is_sold_by_its_title_is_held_back_like_what_has_a_sku(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop, titles="'Gift set*': {product: A, quantity: 4}, 'Mug *': B")
    read_listings(world, NAME)
    sold(warehouse, "1", "", 2, "Gift set for Ada")
    sold(warehouse, "2", "", 3, "Mug with a name")
    sold(warehouse, "3", "", 1, "Something that no title names")
    sold(warehouse, "4", "A", 1, "Gift set: the SKU counts, not its title")
    run(world)
    assert (shop.shown["A"], shop.shown["B"]) == (38 - 2 * 4 - 1, 7 - 3)


def test_listings_and_orders_count_in_the_unit_that_settings_name(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    """Ropes of 38 m and of 7 m: 124 and 22 whole feet; what is ordered by the foot and not in Odoo yet is held back."""
    odoo.units = [
        {"id": 1, "name": "m", "active": True, "factor": 1000.0, "rounding": 0.01, "relative_uom_id": 2},
        {"id": 2, "name": "mm", "active": True, "factor": 1.0, "rounding": 0.01, "relative_uom_id": False},
        {"id": 3, "name": "ft", "active": True, "factor": 304.8, "rounding": 0.01, "relative_uom_id": 2},
    ]
    shop.shown |= {"A-FT": 0, "B-FT": 0, "A-KG": 9}
    skus = "A-FT: {product: A, unit: ft}, B-FT: {product: B, quantity: 10, unit: ft}, A-KG: {product: A, unit: kg}"
    world = connections(warehouse, odoo, shop, skus=skus)
    read_listings(world, NAME)
    after = run(world).after.table.set_index("key")
    assert [shop.shown[key] for key in ("A", "A-FT", "B-FT", "A-KG")] == [38, 124, 2, 9]
    assert (after["reason"]["A-KG"], after["free"]["A-FT"]) == ("unknown_unit", 124)
    sold(warehouse, "1", "A-FT", 10)
    run(world)
    assert [shop.shown[key] for key in ("A", "A-FT", "SIX")] == [34, 114, 5], "38 m less 3.048 m"


def test_a_listing_that_cannot_be_read_waits_in_exceptions_until_it_can(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world, read, spoilt = connections(warehouse, odoo, shop), shop.read, [b'{"id": "A", "n": 1}', b"\xff"]

    def read_some() -> Iterator[tuple[Listing, ...]]:
        for page in read():
            yield tuple(listing for listing in page if listing.key != "A" or not spoilt)
        bad = tuple(unreadable(raw, "$.quantity", "id") for raw in spoilt)
        yield bad + bad  # the same record twice

    shop.read = read_some  # type: ignore[method-assign]
    read_listings(world, NAME, "run-1")
    assert run(world).outcomes == {"accepted": 1}
    assert (shop.shown["A"], shop.shown["SIX"]) == (0, 6), "it keeps what it shows, and the others are told"
    first = waiting(world)
    assert {row.record_id for row in first} >= {"unreadable-A"}
    assert [(row.code, row.blocking, row.run_id) for row in first] == [("bad_payload", True, "run-1")] * 2
    assert "$.quantity" in first[0].message
    assert f"{NAME}/listings" in first[0].fix
    spoilt[:] = [b'{"id": "A", "n": 2}']
    read_listings(world, NAME)
    [still] = waiting(world)
    assert (still.record_id, still.tries, still.first_seen) == ("unreadable-A", 2, first[0].first_seen)
    spoilt.clear()
    read_listings(world, NAME)
    assert waiting(world) == []
    run(world)
    assert shop.shown["A"] == 38


def waiting(world: Connections) -> list[OpenException]:
    with world.warehouse.transaction() as connection:
        assert open_exceptions(connection, NAME, "orders") == []
        return open_exceptions(connection, NAME, "inventory")


def test_a_failed_read_publishes_nothing_and_keeps_the_last_one(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    """G85."""
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    run(world)
    pushed = len(shop.pushed)
    odoo.down = True
    with pytest.raises(TransientError):
        run(world)
    odoo.down, odoo.stock = False, {}
    with pytest.raises(ProtocolError, match=r"nothing is published|no warehouse"):
        run(world)
    shop.shown.clear()
    with pytest.raises(ProtocolError, match="no listing at all, last time 5"):
        read_listings(world, NAME)
    assert len(shop.pushed) == pushed


def test_the_breaker_stops_with_its_figures_until_a_person_releases_them(warehouse: Warehouse) -> None:
    """G84."""
    odoo = Odoo({(f"P{i:03}", "WH"): [6, 0] for i in range(100)})
    shop = Shop(dict.fromkeys((code for code, _ in odoo.stock), 6))
    world = connections(warehouse, odoo, shop, CAREFUL)
    read_listings(world, NAME)
    assert run(world).outcomes == {}
    for code in list(odoo.stock)[:96]:
        odoo.stock[code] = [0, 0]
    with pytest.raises(
        Stopped, match=r"96 of 100 would go to 0.*4 products, last time of 100.*inventory release shop_de"
    ):
        run(world)
    assert not shop.pushed
    odoo.stock["P099", "WH"] = [5, 0]
    with pytest.raises(Stopped):
        run(world)
    assert "96 of 100" in release(world, NAME, "anna")
    assert run(world).outcomes == {"accepted": 97}
    assert list(shop.shown.values()).count(0) == 96
    with pytest.raises(Exception, match="nothing to release"):
        release(world, NAME, "anna")
    for code in odoo.stock:  # the next fault is another one
        odoo.stock[code] = [9, 0]
    run(world)
    for code in odoo.stock:
        odoo.stock[code] = [0, 0]
    odoo.stock["P000", "WH"] = [9, 0]
    with pytest.raises(Stopped):
        run(world)
    assert run(world, release=True).outcomes == {"accepted": 99}


def test_a_dry_run_shows_the_difference_and_the_real_one_does_exactly_that(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    """G111: the difference shows even before the listings were ever read."""
    world = connections(warehouse, odoo, shop)
    plan = compare(world, NAME)
    assert dict(zip(plan.pushes()["key"], plan.pushes()["target"], strict=True)) == {"A": 38, "SIX": 6}
    assert run(world, dry_run=True).dry
    assert not shop.pushed
    assert not history(warehouse)
    run(world)
    assert [(push.listing.key, push.quantity) for push in shop.pushed] == [("A", 38), ("SIX", 6)]


def test_what_failed_is_sent_again_alone_as_the_same_change(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    shop.fail = once(lambda push: PushOutcome(key=push.listing.key, status="failed", code="503"))
    assert run(world).outcomes == {"accepted": 2}
    assert [push.listing.key for push in shop.pushed] == ["A", "SIX", "A"]
    assert shop.pushed[0].token == shop.pushed[2].token
    assert run(world).outcomes == {}  # the failed attempt may still arrive: watched …
    later(warehouse, 6)
    assert run(world).outcomes == {"accepted": 1}  # … and told once more when it cannot any longer
    assert run(world).outcomes == {}


def test_a_refusal_is_not_repeated_until_something_changed(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    shop.fail = lambda push: PushOutcome(key=push.listing.key, status="refused", code="blocked", message="no")
    assert run(world).outcomes == {"refused": 2}
    assert run(world).outcomes == {}
    odoo.stock["A", "WH"] = [50, 13]
    assert run(world).outcomes == {"refused": 1}
    read_listings(world, NAME)  # the nightly comparison asks again
    assert run(world).outcomes == {"refused": 2}


def test_a_crash_between_push_and_record_is_healed_by_the_next_run(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    shop.fail = lambda push: TransientError("The connection broke.") if push.listing.key == "SIX" else None
    with pytest.raises(TransientError):
        run(world)
    assert history(warehouse) == [("A", 38, "accepted"), ("SIX", 6, "sent")]
    shop.fail = lambda push: None
    shop.shown["SIX"] = 5  # whatever became of the first request
    run(world)
    assert shop.shown["SIX"] == 6
    assert history(warehouse)[-1] == ("SIX", 6, "accepted")


def test_an_edit_on_the_channel_is_repaired_by_the_whole_comparison(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    """G87."""
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    run(world)
    shop.shown["B"] = 70
    assert run(world).outcomes == {}
    read_listings(world, NAME)
    assert run(world).outcomes == {"accepted": 1}
    assert shop.shown["B"] == 7


def test_a_sale_makes_its_listing_uncertain_and_it_is_told_once(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop, "share: 100, cap: 5")
    read_listings(world, NAME)
    run(world)
    assert shop.shown["A"] == 5
    shop.shown["A"] -= 1
    sold(warehouse, "1", "A", 1)
    later(warehouse, 0)
    assert run(world).outcomes == {"accepted": 1}
    assert shop.shown["A"] == 5
    assert run(world).outcomes == {}


def test_a_stale_comparison_reads_again_and_never_raises_what_was_just_sold(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    shop.compares = True
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    run(world)
    shop.shown |= {"A": 30, "SIX": 9}  # sold 8 that we have not heard of; somebody put SIX up by hand
    odoo.stock["A", "WH"] = [50, 15]
    result = run(world)
    assert shop.readings == 2
    assert shop.shown == {"A": 30, "B": 7, "SIX": 5, "GONE": 3, "FBA": 99}
    assert result.outcomes == {"stale": 1, "accepted": 1}
    run(world)
    assert shop.shown["A"] == 35


def test_what_is_on_its_way_is_not_sent_twice_and_what_is_newer_is(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    shop.fail = lambda push: PushOutcome(key=push.listing.key, status="pending")
    assert run(world).outcomes == {"pending": 2}
    assert run(world).outcomes == {}
    odoo.stock["A", "WH"] = [50, 20]
    shop.fail = lambda push: None
    assert run(world).outcomes == {"accepted": 2}  # A is in SIX, too
    later(warehouse, 61)  # the feed may have overtaken: told again once it cannot any more
    run(world)
    assert [push.quantity for push in shop.pushed if push.listing.key == "A"] == [38, 30, 30]


def test_the_pulse_beats_when_something_is_left_to_offer_changes(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop)
    first = take_stock(world)
    beat = pulse(first, {}, ["WH"])
    assert pulse(take_stock(world), {}, ["WH"]) == beat
    assert pulse(first, {1: 2}, ["WH"]) != beat
    odoo.stock["A", "WH"] = [50, 14]
    confirmed = take_stock(world)
    assert pulse(confirmed, {}, ["WH"]) == pulse(first, {1: 2}, ["WH"])  # sold, then confirmed: one change, not two
    assert pulse(confirmed, {}, []) == pulse(first, {}, [])


def test_what_a_push_found_out_about_a_listing_is_remembered(warehouse: Warehouse, odoo: Odoo, shop: Shop) -> None:
    world = connections(warehouse, odoo, shop)
    read_listings(world, NAME)
    references = {60 - 12: {"offer": "1", "shape": "old"}, 61 - 12: {"offer": "2"}}
    shop.fail = lambda push: PushOutcome(
        key=push.listing.key, status="accepted", reference=references.get(push.quantity, {})
    )
    for on_hand in (60, 61):
        odoo.stock["A", "WH"][0] = on_hand
        run(world)
    read_listings(world, NAME)
    odoo.stock["A", "WH"][0] = 62
    run(world)
    pushed = [push.listing.reference for push in shop.pushed if push.listing.key == "A"]
    assert pushed == [{"item": "A"}, {"item": "A", "offer": "1", "shape": "old"},
                          {"item": "A", "offer": "2", "shape": "old"}]  # fmt: skip
    del shop.shown["A"]
    read_listings(world, NAME)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM commerce.listing_references WHERE key = 'A'")
        assert cursor.fetchone() == (0,), "nothing is remembered of what is no longer listed"


def test_settings_that_fit_no_warehouse_stop_no_other_channels_pulse(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop, inventory="locations: {'': [NOWHERE]}")
    refused = look(world, [NAME])
    assert refused.pulses[NAME].startswith("refused ")
    assert look(world, [NAME]).pulses == refused.pulses  # asked for once: its run tells what is wrong
    assert refused.may_push(world, NAME)


def test_a_channel_whose_listings_were_never_read_has_the_locations_of_its_settings(
    warehouse: Warehouse, odoo: Odoo, shop: Shop
) -> None:
    world = connections(warehouse, odoo, shop, inventory="locations: {gid-1: [WH]}")
    assert not look(world, [NAME]).pulses[NAME].startswith("refused")
