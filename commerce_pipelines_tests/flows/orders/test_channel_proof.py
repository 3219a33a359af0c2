"""The verdict covers every day that was ever proved: what one run finds wanting no other run's days make good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from commerce_pipelines.assets.complete import complete
from commerce_pipelines.domain.orders.order import OrderStatus
from commerce_pipelines.domain.sales.completeness import RUN_GRACE
from commerce_pipelines.flows.orders.channel_proof import Verdict, red_days, verdict
from commerce_pipelines.flows.orders.prove import prove
from commerce_pipelines_tests.doubles.lane import NAME, Lane, later, line, numbered


def _read_verdict(lane: Lane, **ahead: float) -> Verdict:
    return verdict(lane.connections, NAME, datetime.now(UTC) + timedelta(**ahead))


def _prove_landed(lane: Lane) -> bool:
    """The proof of a sensor's run: of the lane's day, from what is landed. Returns whether the day is complete."""
    return prove(lane.connections, NAME, lane.day, lane.day + timedelta(days=1), afresh=False).whole.complete


def test_a_waiting_order_is_not_forgotten_by_another_days_proof(lane: Lane, request: pytest.FixtureRequest) -> None:
    old, new = numbered(request, 2)
    waits = lane.order(old, line(sku="NONE-SUCH"), placed_at=lane.noon - timedelta(days=5))
    lane.put(waits, lane.order(new))
    lane.run(before=5)
    lane.prove(before=5)
    assert lane.prove().whole.complete
    judgement = _read_verdict(lane)
    assert (judgement.complete, judgement.settled, judgement.waiting) == (True, False, 1)
    assert (judgement.proof.whole.orders_in_channel, judgement.proof.whole.sale_orders_in_odoo) == (2, 1)
    lane.put(later(waits, lines=(line(),)))
    lane.run(before=5)
    lane.prove(before=5)
    assert _read_verdict(lane).settled


def test_after_a_pull_a_list_of_ids_is_enough_to_find_what_is_missing(
    lane: Lane, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the channel has one: money is known from the answers that this very run landed."""
    order_id, lost = numbered(request, 2)
    lane.put(lane.order(order_id))
    lane.run()
    orders = lane.connections.channel(NAME).orders
    placed = {order_id: lane.noon}
    monkeypatch.setattr(orders, "list_placed", lambda window, landed: placed if landed == {order_id} else None)
    monkeypatch.setattr(orders, "totals", lambda window: pytest.fail("the orders were listed again"))
    days = (lane.day, lane.day + timedelta(days=1))
    assert prove(lane.connections, NAME, *days, pulled=True).whole.complete
    placed[lost] = lane.noon
    proof = prove(lane.connections, NAME, *days, pulled=True).whole
    assert (proof.complete, proof.orders_in_channel, [claim.order_id for claim in proof.absent]) == (False, 2, [lost])


def test_an_explained_order_is_a_warning_in_words_and_no_error(lane: Lane, request: pytest.FixtureRequest) -> None:
    """Cancelled in Odoo by a person, paid in the channel: the note says so, so that nothing is missing."""
    order_id, other = numbered(request, 2)
    lane.put(lane.order(order_id), lane.order(other))
    lane.run()
    odoo, sale = lane.person, lane.ledger(order_id)["odoo_id"]
    odoo.call("sale.order", "action_cancel", [sale])
    assert lane.run().reasons == {"cancelled_in_odoo": 1}
    lane.prove()
    shown = _check(_read_verdict(lane))
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert shown.description is not None
    assert "1 different with a note that says why; money differs by 0.00." in shown.description
    assert "missing" not in shown.description
    odoo.call("sale.order", "action_draft", [sale])
    odoo.call("sale.order", "action_confirm", [sale])
    lane.run()
    lane.prove()
    assert _check(_read_verdict(lane)).passed


def _check(verdict: Verdict) -> dg.AssetCheckResult:
    return complete(verdict, NAME, dg.AssetKey([NAME, "sale_orders"]))


def test_a_lost_sale_stays_red_until_it_is_back(lane: Lane, request: pytest.FixtureRequest) -> None:
    old, new = numbered(request, 2)
    lane.put(lane.order(old, placed_at=lane.noon - timedelta(days=5)), lane.order(new))
    lane.run(before=5)
    odoo, sale = lane.person, lane.ledger(old)["odoo_id"]
    odoo.call("sale.order", "action_cancel", [sale])
    lane.prove(before=5)
    lane.prove()
    judgement = _read_verdict(lane)
    assert (judgement.complete, judgement.proof.whole.missing) == (False, (old,))
    assert judgement.proof.whole.money_difference == "16.90"
    assert red_days(lane.connections, NAME, lane.day) == [lane.day - timedelta(days=5)]
    odoo.call("sale.order", "action_draft", [sale])
    odoo.call("sale.order", "action_confirm", [sale])
    lane.prove()
    assert not _read_verdict(lane).complete
    lane.prove(before=5)
    assert _read_verdict(lane).complete
    assert red_days(lane.connections, NAME, lane.day) == []


def test_what_the_channel_has_and_nobody_landed_stays_missing(lane: Lane, request: pytest.FixtureRequest) -> None:
    """The proof of a sensor's run knows only what is landed; the nightly one asked the channel."""
    here, lost, called_off = numbered(request, 3)
    lane.put(lane.order(here))
    lane.run()
    lane.put(lane.order(lost), lane.order(called_off))
    assert lane.prove().whole.missing == tuple(sorted((lost, called_off)))
    assert not _prove_landed(lane)
    assert _read_verdict(lane).proof.whole.missing == tuple(sorted((lost, called_off)))
    lane.put(later(lane.order(called_off), status=OrderStatus.CANCELLED))
    lane.run()
    assert _prove_landed(lane)
    assert _read_verdict(lane).settled


def test_differences_of_two_days_do_not_make_up_for_each_other(lane: Lane, request: pytest.FixtureRequest) -> None:
    more, less = numbered(request, 2)
    lane.put(lane.order(more, placed_at=lane.noon - timedelta(days=1)), lane.order(less))
    lane.run(before=1)
    odoo = lane.person
    for order_id, price in ((more, 17.0), (less, 16.8)):
        (line_id,) = odoo.call("sale.order", "read", [lane.ledger(order_id)["odoo_id"]], fields=["order_line"])[0][
            "order_line"
        ]
        odoo.call("sale.order.line", "write", [line_id], vals={"price_unit": price})
    lane.prove(before=1)
    judgement = _read_verdict(lane)
    assert (judgement.complete, judgement.proof.whole.money_difference) == (False, "0.20")


def test_answers_that_no_run_deals_with_are_told_after_an_hour(lane: Lane, request: pytest.FixtureRequest) -> None:
    from commerce_pipelines.flows.intake.pull import pull

    (order_id,) = numbered(request)
    lane.run()
    lane.put(lane.order(order_id))
    pull(lane.connections, NAME, lane.day, lane.day + timedelta(days=1))
    assert _read_verdict(lane).settled
    late = _read_verdict(lane, seconds=RUN_GRACE.total_seconds() + 60)
    assert (late.complete, late.settled, late.undealt) == (True, False, (lane.day,))
