"""What the newest news asks for: the table, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.sales.base import Base
from commerce_pipelines.domain.sales.draft import Action, Sale
from commerce_pipelines.domain.sales.lifecycle import (
    MOST_TRIES,
    TABLE,
    Has,
    LedgerEntry,
    Says,
    Step,
    has,
    next_try,
    step,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)


BASE = Base(facts="", currency="EUR", total=1000, case=("DE",) * 7, products={}, lines={})


def sale(state: str, total: int = 1000, shipped: bool = False) -> Sale:
    return Sale(order_id="1", odoo_id=7, name="S1", state=state, currency="EUR", total=total, tax=0, delivered=shipped)


def entry(digest: str = "new", action: str = "created", total: int = 1000, base: Base | None = None) -> LedgerEntry:
    return LedgerEntry(digest=digest, action=Action(action), amount_total=total, base=base)


@pytest.mark.parametrize(
    ("status", "booked", "before", "expected", "flag"),
    [
        ("waiting", None, None, Step.WAIT, ""),
        ("waiting", sale("draft"), entry(), Step.WAIT, ""),
        ("waiting", sale("sale"), entry(digest="old"), Step.FLAG, "payment_lost"),
        ("waiting", sale("sale"), None, Step.FLAG, "payment_lost"),  # a crash before the ledger was written
        ("waiting", sale("sale", shipped=True), entry(digest="old"), Step.FLAG, "payment_lost"),
        ("waiting", sale("sale"), entry(action="flagged"), Step.KEEP, ""),
        ("unreadable", sale("sale"), entry(), Step.FLAG, "refused_after_loading"),
        ("unreadable", None, entry(action="refused"), Step.WAIT, ""),
        ("paid", sale("sale"), entry(digest="old", action="flagged"), Step.LOAD, ""),  # paid again
        ("paid", sale("sale"), entry(action="refused"), Step.LOAD, ""),
        ("paid", sale("sale", 900), entry(base=BASE), Step.LOAD, ""),  # line by line
        ("paid", sale("sale", 900), entry(action="flagged", total=800, base=BASE), Step.LOAD, ""),
        ("paid", None, None, Step.LOAD, ""),
        ("paid", None, entry(), Step.LOAD, ""),  # somebody deleted it
        ("paid", sale("draft"), entry(), Step.LOAD, ""),  # a crash between creating and confirming
        ("paid", sale("sale"), entry(), Step.KEEP, ""),
        ("paid", sale("sale"), entry(digest="old"), Step.LOAD, ""),  # an edit
        ("paid", sale("sale"), None, Step.LOAD, ""),  # the ledger was lost, or a crash before it was written
        ("paid", sale("sale", 900), entry(), Step.FLAG, "changed_in_odoo"),
        ("paid", sale("sale", 900), entry(digest="old"), Step.LOAD, ""),
        ("paid", sale("sale"), entry(action="flagged"), Step.KEEP, ""),
        ("paid", sale("cancel"), entry(), Step.FLAG, "cancelled_in_odoo"),
        ("paid", sale("cancel"), entry(digest="old", action="cancelled"), Step.LOAD, ""),
        ("cancelled", None, None, Step.NOTHING, ""),
        ("cancelled", sale("cancel"), entry(action="cancelled"), Step.NOTHING, ""),
        ("cancelled", sale("sale"), entry(digest="old"), Step.CANCEL, ""),
        ("cancelled", sale("draft"), None, Step.CANCEL, ""),
        ("cancelled", sale("sale"), entry(action="flagged"), Step.KEEP, ""),  # after shipping: said once
    ],
)
def test_step(status: str, booked: Sale | None, before: LedgerEntry | None, expected: Step, flag: str) -> None:
    todo, note = step(status, "new", booked, before)
    assert (todo, note.code if note else "") == (expected, flag)


@pytest.mark.parametrize("says", list(Says))
@pytest.mark.parametrize("there", list(Has))
def test_every_pair_of_what_the_channel_says_and_what_odoo_has_is_a_row(says: Says, there: Has) -> None:
    """G59: a sale that goes back while Odoo has it confirmed is never passed over in silence, whatever we did last."""
    state = {Has.QUOTATION: "draft", Has.CANCELLED: "cancel"}.get(there, "sale")
    booked = None if there is Has.NOTHING else sale(state, shipped=there is Has.SHIPPED)
    assert has(booked) is there
    goes_back = says in (Says.WAITING, Says.UNREADABLE) and there in (Has.CONFIRMED, Has.SHIPPED)
    for before in (None, *(entry("old", action) for action in ("created", "changed", "flagged", "refused", "waiting"))):
        todo, flag = step(says, "new", booked, before)
        assert (todo is Step.FLAG) == (flag is not None)
        assert not goes_back or (flag is not None and flag.fix)
        if says is not Says.PAID:
            assert todo is TABLE[says, there]
        assert not (says is Says.CANCELLED and there in (Has.CONFIRMED, Has.SHIPPED)) or todo is Step.CANCEL
        assert step(says, "new", booked, entry("new", "flagged"), again=True)[0] is not Step.KEEP or says is Says.PAID


@given(
    st.sampled_from(["waiting", "paid", "cancelled"]), st.sampled_from([None, "draft", "sale", "cancel"]),
    st.sampled_from([None, "created", "cancelled", "flagged", "refused"]), st.booleans(),
)  # fmt: skip
def test_doing_a_step_twice_is_doing_it_once(status: str, state: str | None, action: str | None, same: bool) -> None:
    """After a step and its ledger row, the same news asks for nothing more."""
    before = entry("new" if same else "old", action) if action else None
    todo, _ = step(status, "new", sale(state) if state else None, before)
    after = {Step.LOAD: ("sale", "created"), Step.CANCEL: ("cancel", "cancelled"), Step.FLAG: (state, "flagged")}.get(
        todo
    )
    if after is not None:
        again, _ = step(status, "new", sale(str(after[0])), entry(action=after[1]))
        assert again in (Step.KEEP, Step.NOTHING, Step.FLAG if todo is Step.FLAG else Step.KEEP)


def test_a_poison_order_is_not_tried_for_ever() -> None:
    waits = [next_try("unknown_team", tries, NOW) for tries in range(MOST_TRIES + 1)]
    assert waits[0] == NOW + timedelta(minutes=15)
    assert waits[3] == NOW + timedelta(hours=2)
    assert waits[9] == NOW + timedelta(days=1)
    assert waits[MOST_TRIES] is None


@pytest.mark.parametrize("code", ["total_differs", "bad_payload", "unknown_sku", "archived_product"])
def test_what_time_does_not_heal_is_not_tried_by_time(code: str) -> None:
    assert next_try(code, 0, NOW) is None
