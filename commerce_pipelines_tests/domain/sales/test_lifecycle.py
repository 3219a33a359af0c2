"""What the newest news asks for: the table, cell by cell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce_pipelines.domain.sales.draft import Sale
from commerce_pipelines.domain.sales.lifecycle import TRIES, Known, Step, next_try, step

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def sale(state: str, total: int = 1000) -> Sale:
    return Sale(order_id="1", odoo_id=7, name="S1", state=state, currency="EUR", total=total, tax=0, delivered=False)


def known(digest: str = "new", action: str = "created", total: int = 1000) -> Known:
    return Known(digest=digest, action=action, amount_total=total)


@pytest.mark.parametrize(
    ("status", "booked", "before", "expected", "flag"),
    [
        ("waiting", None, None, Step.WAIT, ""),
        ("waiting", sale("sale"), known(), Step.WAIT, ""),
        ("paid", None, None, Step.LOAD, ""),
        ("paid", None, known(), Step.LOAD, ""),  # somebody deleted it
        ("paid", sale("draft"), known(), Step.LOAD, ""),  # a crash between creating and confirming
        ("paid", sale("sale"), known(), Step.KEEP, ""),
        ("paid", sale("sale"), known(digest="old"), Step.LOAD, ""),  # an edit
        ("paid", sale("sale"), None, Step.LOAD, ""),  # the ledger was lost, or a crash before it was written
        ("paid", sale("sale", 900), known(), Step.FLAG, "changed_in_odoo"),
        ("paid", sale("sale", 900), known(digest="old"), Step.LOAD, ""),
        ("paid", sale("sale"), known(action="flagged"), Step.KEEP, ""),
        ("paid", sale("cancel"), known(), Step.FLAG, "cancelled_in_odoo"),
        ("paid", sale("cancel"), known(digest="old", action="cancelled"), Step.LOAD, ""),
        ("cancelled", None, None, Step.NOTHING, ""),
        ("cancelled", sale("cancel"), known(action="cancelled"), Step.NOTHING, ""),
        ("cancelled", sale("sale"), known(digest="old"), Step.CANCEL, ""),
        ("cancelled", sale("draft"), None, Step.CANCEL, ""),
        ("cancelled", sale("sale"), known(action="flagged"), Step.KEEP, ""),  # after shipping: said once
    ],
)
def test_step(status: str, booked: Sale | None, before: Known | None, expected: Step, flag: str) -> None:
    todo, said = step(status, "new", booked, before)
    assert (todo, said.code if said else "") == (expected, flag)


@given(
    st.sampled_from(["waiting", "paid", "cancelled"]), st.sampled_from([None, "draft", "sale", "cancel"]),
    st.sampled_from([None, "created", "cancelled", "flagged", "refused"]), st.booleans(),
)  # fmt: skip
def test_doing_a_step_twice_is_doing_it_once(status: str, state: str | None, action: str | None, same: bool) -> None:
    """After a step and its ledger row, the same news asks for nothing more."""
    before = known("new" if same else "old", action) if action else None
    todo, _ = step(status, "new", sale(state) if state else None, before)
    after = {Step.LOAD: ("sale", "created"), Step.CANCEL: ("cancel", "cancelled"), Step.FLAG: (state, "flagged")}.get(
        todo
    )
    if after is not None:
        again, _ = step(status, "new", sale(str(after[0])), known(action=after[1]))
        assert again in (Step.KEEP, Step.NOTHING, Step.FLAG if todo is Step.FLAG else Step.KEEP)


def test_a_poison_order_is_not_tried_for_ever() -> None:
    waits = [next_try("unknown_team", tries, NOW) for tries in range(TRIES + 1)]
    assert waits[0] == NOW + timedelta(minutes=15)
    assert waits[3] == NOW + timedelta(hours=2)
    assert waits[9] == NOW + timedelta(days=1)
    assert waits[TRIES] is None


@pytest.mark.parametrize("code", ["total_differs", "bad_payload", "unknown_sku", "archived_product"])
def test_what_time_does_not_heal_is_not_tried_by_time(code: str) -> None:
    assert next_try(code, 0, NOW) is None
