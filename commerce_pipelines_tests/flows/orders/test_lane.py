"""The order's whole life through one lane: loaded, edited, cancelled, waiting, replayed, proved, planned, traced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce_pipelines.domain.orders.order import OrderStatus, Shipped
from commerce_pipelines.flows.orders.channel_proof import verdict
from commerce_pipelines.flows.orders.heal import heal, replay
from commerce_pipelines.flows.orders.plan import figures, plan
from commerce_pipelines.flows.orders.trace import trace
from commerce_pipelines_tests.doubles.lane import (
    MUG,
    NAME,
    PAPER,
    RUN,
    Lane,
    Server,
    later,
    line,
    numbered,
    waiting,
    writes,
)


def test_a_second_run_writes_nothing(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    """G34."""
    ids = numbered(request, 3)
    lane.put(*(lane.order(order_id) for order_id in ids))
    assert lane.run().actions == {"created": 3}
    before = len(odoo.calls or ())
    assert lane.run().actions == {"unchanged": 3}
    assert writes(odoo, before) == []
    proof = lane.prove().whole
    assert (proof.complete, proof.orders_in_channel, proof.odoo_total) == (True, 3, {"EUR": 3 * 1690})


def test_the_ledger_says_when_it_changed_last(lane: Lane, request: pytest.FixtureRequest) -> None:
    first, second = numbered(request, 2)
    lane.put(lane.order(first))
    lane.run()
    lane.run()
    settled, version = lane.ledger(first), _read_version(lane, first)
    lane.put(lane.order(second))
    lane.run()
    assert lane.ledger(first) == settled
    assert _read_version(lane, first) == version  # the row was not written
    made = lane.ledger(second)["loaded_at"]
    assert made > settled["loaded_at"]
    lane.put(later(lane.order(first), lines=(line(3380, quantity=2),)))
    lane.run()
    assert lane.ledger(first)["loaded_at"] > made


def _read_version(lane: Lane, order_id: str) -> str:
    """The transaction that wrote the order's row of the ledger."""
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM commerce.sale_orders WHERE order_id = %s", (order_id,))
        ((version,),) = cursor.fetchall()
    return str(version)


def test_an_order_counts_as_in_odoo_since_it_was_written_there(lane: Lane, request: pytest.FixtureRequest) -> None:
    """When the next run found it unchanged, its units were held back a second time until stock was read once more, and
    each listing went down and up again."""
    (order_id,) = numbered(request)
    lane.put(lane.order(order_id))
    lane.run()
    made = lane.ledger(order_id)
    assert lane.run().actions == {"unchanged": 1}
    again = lane.ledger(order_id)
    assert (made["action"], again["action"]) == ("created", "unchanged")
    assert again["recorded_at"] == made["recorded_at"]
    lane.put(later(lane.order(order_id), lines=(line(3380, quantity=2),)))
    lane.run()
    assert lane.ledger(order_id)["recorded_at"] > made["recorded_at"]


def test_what_is_done_in_odoo_again_is_told_again(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    """Also where the ledger's row says the same twice in a row."""
    if odoo.calls is None:
        pytest.skip("a real Odoo takes no confirmed order back to a quotation by a write")
    (order_id,) = numbered(request)
    lane.put(lane.order(order_id))
    lane.run()
    (sale,) = lane.sales(order_id)
    times = []
    for _ in range(2):
        lane.person.call("sale.order", "write", ids=[sale["id"]], vals={"state": "draft"})
        assert lane.run().actions == {"confirmed": 1}
        times.append(lane.ledger(order_id)["loaded_at"])
    assert times[0] < times[1]
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT action FROM commerce.audit WHERE record = %s ORDER BY id", (order_id,))
        assert [action for (action,) in cursor] == ["sale order created", *["sale order confirmed"] * 2]


def test_an_edit_before_shipping_changes_the_same_order(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    first = lane.order(order_id)
    lane.put(first)
    lane.run()
    before = lane.ledger(order_id)
    lane.put(later(first, lines=(line(3380, quantity=2), line(549, PAPER, line_id="2"))))
    assert lane.run().actions == {"changed": 1}
    after = lane.ledger(order_id)
    assert (after["odoo_id"], after["amount_total"]) == (before["odoo_id"], 3929)
    assert lane.prove().whole.complete


def test_old_news_changes_nothing(lane: Lane, request: pytest.FixtureRequest) -> None:
    """G33."""
    (order_id,) = numbered(request)
    old = lane.order(order_id)
    lane.put(later(old, lines=(line(3380, quantity=2),)))
    lane.run()
    lane.put(old)
    assert lane.run().actions == {"unchanged": 1}
    assert lane.ledger(order_id)["amount_total"] == 3380


def test_cancelled_and_paid_again(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = lane.order(order_id)
    lane.put(order)
    lane.run()
    cancelled = later(order, status=OrderStatus.CANCELLED)
    lane.put(cancelled)
    assert lane.run().actions == {"cancelled": 1}
    assert lane.ledger(order_id)["state"] == "cancel"
    assert lane.run().actions == {"cancelled": 1}
    lane.put(later(cancelled, status=OrderStatus.PAID))
    lane.run()
    assert lane.ledger(order_id)["state"] == "sale"
    assert lane.prove().whole.complete


def test_waiting_orders_and_tests_never_reach_odoo(lane: Lane, request: pytest.FixtureRequest) -> None:
    """G57."""
    a, b, c = numbered(request, 3)
    lane.put(
        lane.order(a, status=OrderStatus.WAITING), lane.order(b, is_test=True), lane.order(c, is_other_channel=True)
    )
    assert lane.run().actions == {"waiting": 1, "test": 1, "not_a_sale": 1}
    assert lane.prove().whole.orders_in_channel == 0
    lane.put(later(lane.order(a)))
    assert lane.run().actions["created"] == 1


def test_one_unknown_sku_waits_and_the_others_go_on(lane: Lane, request: pytest.FixtureRequest) -> None:
    """G46."""
    ids = numbered(request, 10)
    lane.put(*(lane.order(order_id) for order_id in ids[:9]), lane.order(ids[9], line(sku="X-404")))
    loaded = lane.run()
    assert loaded.actions == {"created": 9, "refused": 1}
    assert loaded.reasons == {"unknown_sku": 1}
    (record,) = waiting(lane, ids[9])
    assert "X-404" in record.message
    assert record.blocking
    proof = lane.prove().whole
    assert (proof.complete, proof.exceptions, proof.sale_orders_in_odoo) == (True, 1, 9)


def test_a_product_that_appears_heals_its_orders(lane: Lane, request: pytest.FixtureRequest) -> None:
    """G47."""
    (order_id,) = numbered(request)
    code = f"NEW-{order_id}"
    lane.put(lane.order(order_id, line(sku=code)))
    lane.run()
    assert lane.run(again=False).actions == {"refused": 1}
    assert waiting(lane, order_id)[0].tries == 1  # not tried again for nothing
    assert heal(lane.connections, NAME) == 0
    lane.person.call("product.product", "create", vals_list=[{"name": "New", "default_code": code, "type": "consu"}])
    assert heal(lane.connections, NAME) == 1
    pending = lane.connections.landing(NAME, "orders").pending(lane.day, lane.day + timedelta(days=1))
    assert list(pending) == [lane.day]
    assert lane.run(again=False, pulled=False).actions == {"created": 1}
    assert waiting(lane, order_id) == []
    date_order = lane.person.call(
        "sale.order", "read", [lane.ledger(order_id)["odoo_id"]], fields=["date_order"]
    )[0]["date_order"]  # fmt: skip
    assert date_order == f"{lane.noon:%Y-%m-%d %H:%M:%S}"


def test_a_new_setting_heals_its_orders(connect: Any, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    before = connect()
    order = before.order(order_id, line(sku="X-OLD"))
    before.put(order)
    before.run()
    after = connect(f"skus: {{X-OLD: {MUG}}}, ")
    after.put(order)
    assert heal(after.connections, NAME) == 1
    assert after.run(again=False).actions == {"created": 1}


def test_a_unit_that_odoo_lacks_waits_until_the_setting_is_right(connect: Any, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    before = connect(f"skus: {{PACKS: {{product: {MUG}, quantity: 2, unit: Fathoms}}}}, ")
    order = before.order(order_id, line(1201, sku="PACKS", quantity=3))
    before.put(order)
    assert before.run().reasons == {"unknown_unit": 1}
    (record,) = waiting(before, order_id)
    assert "Fathoms" in record.message
    assert "Pack of 6" in record.fix
    after = connect(f"skus: {{PACKS: {{product: {MUG}, quantity: 2, unit: Pack of 6}}}}, ")
    after.put(order)
    assert after.run().actions == {"created": 1}
    assert waiting(after, order_id) == []
    assert after.ledger(order_id)["amount_total"] == 1201
    [row] = after.person.call(
        "sale.order.line", "search_read", domain=[["order_id", "=", after.ledger(order_id)["odoo_id"]]],
        fields=["product_uom_qty", "product_uom_id", "price_total"],
    )  # fmt: skip
    assert (row["product_uom_qty"], row["product_uom_id"][1], row["price_total"]) == (6, "Pack of 6", 12.01)
    # Another setting says nothing of what is sold; an edit keeps the unit.
    plain = connect(f"skus: {{PACKS: {MUG}}}, ")
    plain.put(later(order, lines=(line(2402, sku="PACKS", quantity=6),)))
    assert plain.run().actions == {"changed": 1}
    [row] = plain.person.call("sale.order.line", "read", [row["id"]], fields=["product_uom_qty"])
    assert row["product_uom_qty"] == 12


def test_g89_an_oversold_order_is_loaded_flagged_and_the_note_goes_with_the_shortage(
    lane: Lane, request: pytest.FixtureRequest
) -> None:
    (order_id,) = numbered(request)
    lane.put(lane.order(order_id, line(10**9, quantity=10**7)))
    assert lane.run().reasons == {"oversold": 1}
    (note,) = waiting(lane, order_id)
    assert (note.code, note.blocking, note.subject) == ("oversold", False, MUG)
    assert lane.prove().whole.complete
    heal(lane.connections, NAME)
    assert waiting(lane, order_id) == [note]
    lane.person.call("sale.order", "action_cancel", [lane.ledger(order_id)["odoo_id"]])
    heal(lane.connections, NAME)
    assert waiting(lane, order_id) == []


def test_a_person_replays_by_reason(lane: Lane, request: pytest.FixtureRequest) -> None:
    a, b = numbered(request, 2)
    lane.put(lane.order(a, line(sku="X-1")), lane.order(b, line(sku="")))
    lane.run()
    assert replay(lane.connections, NAME, code="no_sku") == 1
    assert replay(lane.connections, NAME, order_ids=[a]) == 1
    assert replay(lane.connections, NAME) == 2
    later_on = datetime.now(UTC) + timedelta(seconds=1)
    lane.run(again=False, now=later_on)
    assert [waiting(lane, order_id)[0].tries for order_id in (a, b)] == [2, 2]
    assert lane.connections.landing(NAME, "orders").pending(lane.day, lane.day + timedelta(days=1)) == {}


def test_what_a_person_changed_in_odoo_is_flagged_not_undone(lane: Lane, request: pytest.FixtureRequest) -> None:
    a, b = numbered(request, 2)
    lane.put(lane.order(a), lane.order(b))
    lane.run()
    odoo = lane.person
    (line_id, *_) = odoo.call("sale.order", "read", [lane.ledger(a)["odoo_id"]], fields=["order_line"])[0]["order_line"]
    odoo.call("sale.order.line", "write", [line_id], vals={"price_unit": 15.0})
    odoo.call("sale.order", "action_cancel", [lane.ledger(b)["odoo_id"]])
    assert lane.run().actions == {"flagged": 2}
    assert {waiting(lane, order_id)[0].code for order_id in (a, b)} == {"changed_in_odoo", "cancelled_in_odoo"}
    assert not waiting(lane, a)[0].blocking
    proof = lane.prove().whole
    assert (proof.complete, proof.missing, proof.difference) == (True, (), {"EUR": 0})
    assert (proof.flagged, proof.explained) == (2, {"EUR": 1690 + 190})
    assert all(
        red.complete and red.flagged for red in verdict(lane.connections, NAME, datetime.now(UTC)).proof.days.values()
    )


def test_a_dry_run_says_what_the_real_one_does(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    """G111."""
    ids = numbered(request, 5)
    orders = [lane.order(order_id) for order_id in ids]
    lane.put(orders[0], orders[1])
    lane.run()
    lane.put(
        later(orders[1], lines=(line(3380, quantity=2),)), lane.order(ids[2]), lane.order(ids[3], line(sku="X-404"))
    )
    lane.put(lane.order(ids[4], status=OrderStatus.WAITING))
    before = len(odoo.calls or ())
    planned = plan(lane.connections, NAME, lane.day, lane.day + timedelta(days=1))
    assert writes(odoo, before) == []
    assert figures(planned) == {"unchanged": 1, "changed": 1, "created": 1, "refused": 1, "waiting": 1}
    assert lane.run().actions == figures(planned)


def test_the_story_of_an_order(lane: Lane, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    order = lane.order(order_id)
    lane.put(order)
    lane.run()
    lane.put(later(order, lines=(line(3380, quantity=2),)))
    lane.run()
    story = trace(lane.connections, NAME, order_id)
    text = repr(story)
    assert [event.what for event in story].count("answer received by pull") == 2
    assert "goods stay in the country" in text
    assert lane.ledger(order_id)["name"] in text
    assert "Ada" not in text
    assert "example.com" not in text
    assert "Ada Byron" in repr(trace(lane.connections, NAME, order_id, personal=True))


def test_already_shipped_history_is_booked_without_delivery(connect: Any, request: pytest.FixtureRequest) -> None:
    (order_id,) = numbered(request)
    lane = connect("history_before: 2099-01-01, ")
    lane.put(lane.order(order_id, shipped=Shipped.YES))
    lane.run()
    (sale,) = lane.person.call(
        "sale.order", "read", [lane.ledger(order_id)["odoo_id"]], fields=["state", "picking_ids", "date_order"]
    )
    assert (sale["state"], sale["picking_ids"]) == ("sale", [])
    assert sale["date_order"] == f"{lane.noon:%Y-%m-%d %H:%M:%S}"


revisions = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["run", "crash"])), min_size=1, max_size=6)
counter = iter(range(10**6))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(revisions, st.lists(st.sampled_from(["paid", "cancelled"]), min_size=5, max_size=5))
def test_any_sequence_of_news_ends_in_the_newest_revision(
    lane: Lane, news: list[tuple[int, str]], statuses: list[str]
) -> None:
    """Repeats, reordering and runs that die before their ledger is written: one order, in its newest state."""
    order_id = f"sequence-{RUN}-{next(counter)}"
    lane.channel.known.clear()
    base = lane.order(order_id)
    states = [
        later(
            base,
            status=OrderStatus(status),
            lines=(line(1690 * (i + 1), quantity=i + 1),),
            updated_at=base.updated_at + timedelta(minutes=i),
        )
        for i, status in enumerate(statuses)
    ]
    for index, then in [*news, (news[-1][0], "run")]:
        lane.put(states[index])
        lane.run()
        if then == "crash":  # after Odoo was written, before the ledger was
            with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
                cursor.execute("DELETE FROM commerce.sale_orders WHERE order_id = %s", (order_id,))
    newest = states[max(index for index, _ in news)]
    rows = lane.person.call(
        "sale.order",
        "search_read",
        domain=[["client_order_ref", "=", f"#{order_id}"]],
        fields=["state", "amount_total"],
    )
    if newest.status is OrderStatus.PAID:
        assert [(sale["state"], round(sale["amount_total"] * 100)) for sale in rows] == [("sale", newest.total)]
    else:
        assert {sale["state"] for sale in rows} <= {"cancel"}
        assert len(rows) <= 1
