"""What is told to a channel: differences only, nothing absurd, and no belief that an open request could overturn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from commerce_pipelines.domain.inventory.listings import Breaker
from commerce_pipelines.domain.inventory.push_plan import BELIEF_COLUMNS, difference, figures

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def action(target: int | None, **belief: Any) -> str:
    listing = dict.fromkeys(BELIEF_COLUMNS) | {"key": "a", "last_status": "", "read_at": ago(600)} | belief
    plan = difference(pd.DataFrame({"key": ["a"], "target": pd.array([target], "Int64")}), pd.DataFrame([listing]), NOW)
    return str(plan["action"].iloc[0])


def pushed(quantity: int, status: str, minutes: float) -> dict[str, Any]:
    late = {"sent": 5, "failed": 5, "pending": 60}.get(status)
    return {"last_quantity": quantity, "last_status": status, "last_at": ago(minutes),
            "late_until": None if late is None else ago(minutes - late)}  # fmt: skip


@pytest.mark.parametrize(
    ("target", "belief", "expected"),
    [
        (5, {"quantity": 5}, "same"),
        (4, {"quantity": 5}, "push"),
        (None, {"quantity": 5}, "skip"),
        (5, {"quantity": None}, "push"),  # the channel does not say: told once …
        (5, {"quantity": None, **pushed(5, "accepted", 30)}, "same"),  # … and not again
        (5, {"quantity": 9, **pushed(5, "accepted", 30)}, "same"),
        (5, {"quantity": 9, "read_at": ago(10), **pushed(5, "accepted", 30)}, "push"),  # edited on the channel since
        (5, {"quantity": 5, "sold_at": ago(10)}, "push"),  # a sale took some of it
        (5, {"quantity": 9, "sold_at": ago(40), **pushed(5, "accepted", 30)}, "same"),
        (5, {"quantity": 9, **pushed(5, "refused", 30)}, "refused"),
        (4, {"quantity": 9, **pushed(5, "refused", 30)}, "push"),
        (5, {"quantity": 9, "read_at": ago(10), **pushed(5, "refused", 30)}, "push"),
        (5, {"quantity": 9, **pushed(5, "pending", 30)}, "wait"),
        (4, {"quantity": 9, **pushed(5, "pending", 30)}, "push"),
        (5, {"quantity": 9, **pushed(5, "pending", 61)}, "push"),
        (5, {"quantity": 9, **pushed(5, "sent", 1)}, "push"),  # a crash: nobody knows, so it is told again
        (5, {"quantity": 9, **pushed(5, "failed", 1)}, "push"),
        (5, {"quantity": 9, **pushed(5, "stale", 1)}, "push"),
        # An accepted push while an older request may still arrive: believed only when told again after that.
        (5, {"quantity": 9, **pushed(5, "accepted", 1), "late_until": ago(-3)}, "wait"),
        (5, {"quantity": 9, **pushed(5, "accepted", 4), "late_until": ago(1)}, "push"),
        (5, {"quantity": 9, **pushed(5, "accepted", 1), "late_until": ago(2)}, "same"),
        (5, {"quantity": 9, **pushed(5, "accepted", 1), "late_until": ago(-3), "sold_at": ago(0.5)}, "push"),
    ],
)
def test_what_is_told_again_and_what_is_not(target: int | None, belief: dict[str, Any], expected: str) -> None:
    assert action(target, **belief) == expected


def plan_of(shown: list[int], targets: list[int]) -> pd.DataFrame:
    keys = [f"k{i}" for i in range(len(shown))]
    belief = pd.DataFrame({"key": keys, "quantity": shown, "read_at": NOW}).reindex(columns=list(BELIEF_COLUMNS))
    return difference(pd.DataFrame({"key": keys, "target": pd.array(targets, "Int64")}), belief, NOW)


def test_only_changes_are_sent() -> None:
    """G87."""
    plan = plan_of([6] * 500, [6] * 488 + [5] * 12)
    assert (plan["action"] == "push").sum() == 12


def test_mass_zeroing_is_stopped_with_its_figures_and_released_for_exactly_these() -> None:
    """G84."""
    shown, targets = [6] * 500, [0] * 480 + [6] * 20
    plan = plan_of(shown, targets)
    reasons = figures(plan, 500, 500, {}).reasons(Breaker())
    assert reasons[0].startswith("480 of 500 would go to 0")
    assert "480 of 500 would change" in reasons[1]
    released = {f"k{i}": 0 for i in range(480)}
    assert figures(plan, 500, 500, released).reasons(Breaker()) == ()
    # A few more sold out meanwhile: the day's business. Another mass of them: not what was released.
    assert figures(plan_of(shown, [0] * 485 + [6] * 15), 500, 500, released).reasons(Breaker()) == ()
    assert figures(plan_of(shown, [0] * 500), 500, 500, released).reasons(Breaker())
    assert figures(plan_of(shown, [3] * 480 + [6] * 20), 500, 500, released).reasons(Breaker())


def test_a_small_shop_may_sell_out_and_a_short_read_is_noticed() -> None:
    assert figures(plan_of([1] * 9, [0] * 9), 9, 9, {}).reasons(Breaker()) == ()
    assert figures(plan_of([1] * 10, [0] * 10), 10, 10, {}).reasons(Breaker())
    nothing = plan_of([6] * 500, [6] * 500)
    assert figures(nothing, 400, 500, {}).reasons(Breaker()) == ()
    assert "stock of 399 products, last time of 500" in figures(nothing, 399, 500, {}).reasons(Breaker())[0]


def test_those_at_zero_already_do_not_hide_a_mass_zeroing() -> None:
    assert figures(plan_of([0] * 480 + [6] * 20, [0] * 500), 500, 500, {}).reasons(Breaker())
