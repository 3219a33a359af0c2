"""The outbox against a marketplace that carries out whatever it gets: every act once, every state the newest, whatever
dies or is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from commerce_pipelines.domain.outbox.effects import Kind, Outcome, Status, Wanted, digest
from commerce_pipelines.flows.outbox.dispatch import dispatch
from commerce_pipelines.warehouse.outbox import effects, holds
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.outbox import LATE, Market, MarketDoor, ended, forked, later, statuses

SHOP = "shop_de"
POINTS = ("", "effect_recorded", "attempt_recorded", "effect_sent", "effect_answered", "effect_settled")
FAULTS = ("none", "lost before", "lost after", "error after", LATE)
HELD = list(product((Kind.CONTENT, Kind.REFUND), POINTS, (False, True)))
ACTS = [Wanted(key=f"picking {number}", body={"picking": number, "parcel": 1}) for number in (1, 2, 3)]


@pytest.fixture
def market() -> Iterator[Market]:
    with Market() as market:
        yield market


def wish(warehouse: Warehouse, kind: Kind, *wanted: Wanted, hold: int | None = None) -> list[str]:
    with warehouse.transaction() as connection:
        return effects.plan(connection, SHOP, kind, wanted, "r", hold=hold)


def send(warehouse: Warehouse, market: Market, kind: Kind) -> dict[str, Status]:
    return dispatch(warehouse, SHOP, kind, MarketDoor(market.url, kind), "r")


def certain(warehouse: Warehouse, kind: Kind) -> dict[str, str]:
    with warehouse.transaction() as connection:
        return effects.certain(connection, SHOP, kind)


@pytest.mark.parametrize(("point", "fault", "together"), list(product(POINTS, FAULTS, (False, True))))
def test_an_act_happens_exactly_once(
    warehouse: Warehouse, market: Market, point: str, fault: str, together: bool
) -> None:
    """A dispatcher dies at `point` while an answer is lost; another one runs after it, or at the same time."""
    market.fail(fault)

    def run(own: Warehouse) -> None:
        wish(own, Kind.SHIPMENT, *ACTS)
        send(own, market, Kind.SHIPMENT)

    first = forked(warehouse, run, point)
    if not together:
        assert ended(first) == (-9 if point else 0)
    second = forked(warehouse, run)
    assert ended(second) == 0
    if together:
        ended(first)
    assert max(market.made().values(), default=0) <= 1
    market.catch_up()
    send(warehouse, market, Kind.SHIPMENT)
    for _ in range(2):
        later(warehouse)
        wish(warehouse, Kind.SHIPMENT, *ACTS)
        send(warehouse, market, Kind.SHIPMENT)
    assert market.made() == {act.key: 1 for act in ACTS}
    settled = statuses(warehouse)
    assert sorted(key for key, _, _ in settled) == sorted(act.key for act in ACTS)
    references = {f"act-{number}": key for number, (key, _) in enumerate(market.acts)}
    assert all(status == "accepted" and references[reference] == key for key, status, reference in settled)


@pytest.mark.parametrize(("point", "fault", "together"), list(product(POINTS, FAULTS, (False, True))))
def test_a_state_ends_at_the_newest_body(
    warehouse: Warehouse, market: Market, point: str, fault: str, together: bool
) -> None:
    """A dispatcher of the old body dies at `point` while an answer is lost; one of the newest body runs after it, or at
    the same time; what was lost arrives last."""
    old = [Wanted(key=key, body={"title": "old", "of": key}) for key in ("a", "b")]
    newest = [Wanted(key=key, body={"title": "new", "of": key}) for key in ("a", "b")]
    market.fail(fault)
    wish(warehouse, Kind.CONTENT, *old)
    first = forked(warehouse, lambda own: send(own, market, Kind.CONTENT), point)
    if not together:
        assert ended(first) == (-9 if point else 0)

    def change(own: Warehouse) -> None:
        wish(own, Kind.CONTENT, *newest)
        send(own, market, Kind.CONTENT)

    second = forked(warehouse, change)
    assert ended(second) == 0
    if together:
        ended(first)
    market.catch_up()
    for _ in range(3):
        later(warehouse)
        held = certain(warehouse, Kind.CONTENT)
        wish(warehouse, Kind.CONTENT, *(want for want in newest if held.get(want.key) != digest(want.body)))
        send(warehouse, market, Kind.CONTENT)
    assert market.states == {want.key: want.body for want in newest}
    assert certain(warehouse, Kind.CONTENT) == {want.key: digest(want.body) for want in newest}
    calls = len(market.calls)
    send(warehouse, market, Kind.CONTENT)
    assert len(market.calls) == calls, "what is certain is not told again"


@pytest.mark.parametrize(
    ("kind", "point", "together"), list(product((Kind.CONTENT, Kind.REFUND), POINTS, (False, True)))
)
def test_nothing_held_is_ever_sent(
    warehouse: Warehouse, market: Market, kind: Kind, point: str, together: bool
) -> None:
    """A plan that was planned already is held while a dispatcher is at work, or before one is."""
    held = [Wanted(key=key, body={"amount": amount}) for key, amount in (("a", 1), ("b", 2))]
    wish(warehouse, kind, *held)
    with warehouse.transaction() as connection:
        hold = holds.hold(connection, SHOP, kind, "r", "2 of 2", {"count": 2})
        effects.plan(connection, SHOP, kind, held, "r", hold=hold)
    first = forked(warehouse, lambda own: send(own, market, kind), point)
    if not together:
        ended(first)
    send(warehouse, market, kind)
    if together:
        ended(first)
    assert not market.calls
    assert {status for _, status, _ in statuses(warehouse)} == {"held"}
    with warehouse.transaction() as connection:
        stopped = holds.release(connection, SHOP, kind, "anna")
        assert stopped is not None
        assert stopped.reasons == "2 of 2"
        assert not effects.plan(connection, SHOP, kind, [held[0], Wanted(key="b", body={"amount": 9})], "r2", hold=hold)
    assert {key for key, status, _ in statuses(warehouse) if status == "released"} == {"a"}
    send(warehouse, market, kind)
    assert {call.json()["key"] for call in market.calls} == {"a"}, "a release is for exactly the digest that was held"


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("kind", [Kind.CONTENT, Kind.REFUND])
def test_a_call_begins_only_for_what_may_be_sent(warehouse: Warehouse, kind: Kind, status: Status) -> None:
    wish(warehouse, kind, Wanted(key="a", body={}))
    with warehouse.transaction() as connection:
        read = effects.sendable(connection, SHOP, kind)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE commerce.effects SET status = %s", (status,))
        begun = effects.begin(connection, read, "r")
    assert bool(begun) is (status in (Status.PLANNED, Status.RELEASED, Status.UNKNOWN))


def test_the_same_wish_is_one_act_and_a_changed_one_waits_until_it_is_known(
    warehouse: Warehouse, market: Market
) -> None:
    act, changed = Wanted(key="p", body={"parcel": 1}), Wanted(key="p", body={"parcel": 2})
    wish(warehouse, Kind.SHIPMENT, act)
    wish(warehouse, Kind.SHIPMENT, changed)  # nothing was sent yet: the newer wish takes its place
    market.fail("lost after")
    assert send(warehouse, market, Kind.SHIPMENT) == {"p": "unknown"}
    assert wish(warehouse, Kind.SHIPMENT, act) == ["p"]
    assert wish(warehouse, Kind.SHIPMENT, changed) == []
    assert send(warehouse, market, Kind.SHIPMENT) == {"p": "accepted"}
    assert wish(warehouse, Kind.SHIPMENT, act) == ["p"]
    assert statuses(warehouse) == [("p", "superseded", ""), ("p", "accepted", "act-0")]
    assert market.calls[0].json()["body"] == {"parcel": 2}


def test_a_late_answer_settles_its_own_attempt_and_moves_no_superseded_effect(warehouse: Warehouse) -> None:
    wish(warehouse, Kind.CONTENT, Wanted(key="a", body={"n": 1}))
    with warehouse.transaction() as connection:
        begun = effects.begin(connection, effects.sendable(connection, SHOP, Kind.CONTENT), "r")
    wish(warehouse, Kind.CONTENT, Wanted(key="a", body={"n": 2}))
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        effects.settle(connection, [(begun[0], Outcome(key="a", status="accepted"), Status.ACCEPTED)])
        cursor.execute("SELECT number, outcome FROM commerce.attempts")
        assert cursor.fetchall() == [(1, "accepted")]
    assert [status for _, status, _ in statuses(warehouse)] == ["superseded", "planned"]


def test_of_two_states_planned_at_once_the_newer_one_is_sent(warehouse: Warehouse, market: Market) -> None:
    with warehouse.transaction() as first:
        with Warehouse(warehouse.url, warehouse.master_key).transaction() as second:
            effects.plan(first, SHOP, Kind.CONTENT, [Wanted(key="a", body={"n": 1})], "r1")
            effects.plan(second, SHOP, Kind.CONTENT, [Wanted(key="a", body={"n": 2})], "r2")
    assert send(warehouse, market, Kind.CONTENT) == {"a": "accepted"}
    assert [status for _, status, _ in statuses(warehouse)] == ["superseded", "accepted"]
    assert market.states == {"a": {"n": 2}}


def test_what_is_not_there_is_sent_again_with_the_same_token_once_nothing_can_arrive_any_more(
    warehouse: Warehouse, market: Market
) -> None:
    wish(warehouse, Kind.REFUND, Wanted(key="c", body={"amount": 5}))
    market.fail("lost before")
    assert send(warehouse, market, Kind.REFUND) == {"c": "unknown"}
    assert send(warehouse, market, Kind.REFUND) == {"c": "unknown"}
    assert [call.method for call in market.calls] == ["POST", "GET"], "the lost request may still arrive"
    later(warehouse)
    assert send(warehouse, market, Kind.REFUND) == {"c": "accepted"}
    assert len({call.json()["token"] for call in market.calls if call.method == "POST"}) == 1


@pytest.mark.parametrize(("happened", "made"), [(True, 1), (False, 2)])
def test_what_nobody_can_tell_waits_for_a_person(
    warehouse: Warehouse, market: Market, happened: bool, made: int
) -> None:
    market.tells = False
    wish(warehouse, Kind.REFUND, Wanted(key="c", body={"amount": 5}))
    market.fail("lost before")
    send(warehouse, market, Kind.REFUND)
    market.acts.append(("c", "by hand"))
    later(warehouse)
    assert send(warehouse, market, Kind.REFUND) == {"c": "held"}
    later(warehouse, timedelta(days=2))
    assert send(warehouse, market, Kind.REFUND) == {}
    with warehouse.transaction() as connection:
        assert holds.in_doubt(connection, SHOP, Kind.REFUND) == ["c"]
        holds.resolve(connection, SHOP, Kind.REFUND)
        assert holds.release(connection, SHOP, Kind.REFUND, "anna") is None
        assert holds.in_doubt(connection, SHOP, Kind.REFUND) == ["c"], "no release of a plan answers for a doubt"
        assert holds.answer(connection, SHOP, Kind.REFUND, "c", happened=happened)
        assert not holds.answer(connection, SHOP, Kind.REFUND, "c", happened=happened)
    send(warehouse, market, Kind.REFUND)
    assert len(market.acts) == made
    assert [status for _, status, _ in statuses(warehouse)] == ["accepted"]


def test_a_release_is_good_for_a_day_and_used_up_when_it_is_carried_out(warehouse: Warehouse) -> None:
    first, second = Wanted(key="a", body={"n": 1}), Wanted(key="b", body={"n": 1})
    with warehouse.transaction() as connection:
        for want in (first, second):  # stopped twice: what waits is the last plan alone
            hold = holds.hold(connection, SHOP, Kind.CONTENT, "r", "too many", {"read": 7})
            effects.plan(connection, SHOP, Kind.CONTENT, [want], "r", hold=hold)
        holds.release(connection, SHOP, Kind.CONTENT, "anna")
        agreed = holds.agreed(connection, SHOP, Kind.CONTENT)
        assert agreed is not None
        assert (agreed.bodies, agreed.figures) == ({"b": {"n": 1}}, {"read": 7})
        assert holds.agreed(connection, SHOP, Kind.REFUND) is None
        assert holds.agreed(connection, "another", Kind.CONTENT) is None
        with connection.cursor() as cursor:
            cursor.execute("UPDATE commerce.holds SET released_at = released_at - interval '25 hours'")
        assert holds.agreed(connection, SHOP, Kind.CONTENT) is None
        hold = holds.hold(connection, SHOP, Kind.CONTENT, "r", "too many", {"read": 7})
        effects.plan(connection, SHOP, Kind.CONTENT, [second], "r", hold=hold)
        assert not effects.sendable(connection, SHOP, Kind.CONTENT), "an old release lets nothing pass"
        holds.release(connection, SHOP, Kind.CONTENT, "anna")
        assert len(effects.sendable(connection, SHOP, Kind.CONTENT)) == 1
        holds.used(connection, SHOP, Kind.CONTENT)
        assert holds.agreed(connection, SHOP, Kind.CONTENT) is None
        assert not effects.sendable(connection, SHOP, Kind.CONTENT)


def test_superseded_states_are_forgotten_after_their_time_and_the_newest_never(
    warehouse: Warehouse, market: Market
) -> None:
    for number in range(3):
        wish(warehouse, Kind.CONTENT, Wanted(key="a", body={"n": number}))
        send(warehouse, market, Kind.CONTENT)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.effects SET planned_at = planned_at - interval '91 days'")
        effects.forget(connection, SHOP, Kind.CONTENT)
        cursor.execute("SELECT count(*), (SELECT count(*) FROM commerce.attempts) FROM commerce.effects")
        assert cursor.fetchone() == (1, 1)
