"""A transfer to Amazon's warehouse becomes a plan there: made once, shown to a person, confirmed, labelled, cancelled;
from the stand-in of Odoo, and from a real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import PermanentError
from commerce_pipelines.domain.inbound import plan_steps
from commerce_pipelines.flows.inbound import item_labels
from commerce_pipelines.flows.inbound.plan_consent import has_work as has_plans
from commerce_pipelines.flows.inbound.plan_consent import list_held, list_plans
from commerce_pipelines.flows.inbound.plan_consent import release as release_plans
from commerce_pipelines.flows.inbound.receive import receive
from commerce_pipelines.odoo.inbound import plan_papers
from commerce_pipelines.warehouse.inbound import plan_rows as rows
from commerce_pipelines_tests.doubles.everywhere import Lanes
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER, PLANS, Sending


@pytest.fixture
def inbound() -> dict[str, Any]:
    return {"plans": PLANS}


@pytest.fixture
def sending(lanes: Lanes) -> Sending:
    return Sending(lanes)


def test_a_transfer_is_planned_shown_confirmed_and_labelled(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10, PAPER: 4})
    assert sending.advance().new == 0  # nobody has picked it yet
    sending.pack(picking)
    done = sending.advance()
    assert (done.new, done.waiting) == (1, {})
    plan = sending.plan()
    assert plan.state == "waits for consent"
    shown = sending.shown()
    assert (shown.name, shown.placement, len(shown.name) <= 40) == (plan.name, "", True)
    assert {msku: item["quantity"] for msku, item in shown.items.items()} == {MUG: 10, PAPER: 4}
    assert shown.boxes[0]["dimensions"] == {"unitOfMeasurement": "CM", "length": 40, "width": 30, "height": 20.5}
    assert shown.source["city"] == "Hamburg"
    assert sending.advance().outcomes == {}  # it still waits
    sending.release()
    assert sending.advance().labels == 1
    plan, shipment = sending.plan(), next(iter(shown.shipments.values()))
    assert (plan.state, shown.transported) == ("made", True)
    arrival = sending.arrival(picking)
    assert sending.origin(arrival) == sending.origin(picking) == shipment.number
    assert sending.files(picking) == [f"{shipment.number} boxes 1-1.pdf"]
    assert sending.waiting() == {}
    assert sending.advance().plans == []


def test_what_a_plan_sent_is_received_as_amazon_counts_it(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    sending.advance()
    sending.release()
    sending.advance()
    sending.button_validate(picking)
    number = sending.origin(picking)
    shipment = sending.lanes.world.channels[NAME].inbound.shipments[number]
    shipment.status = "CLOSED"
    for sku, counted in ((MUG, 8), (PAPER, 4)):
        shipment.items[sku][1] = counted
    done = receive(sending.connections, NAME)
    assert (done.units, [(row.code, row.count.missing) for row in done.discrepancies]) == (12, [(MUG, 2)])


def test_a_transfer_without_packages_is_planned_without_boxes(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10})
    sending.pick(picking)
    sending.advance()
    sending.release()
    assert sending.advance().labels == 0
    assert sending.plan().state == "made"
    assert sending.shown().boxes == []
    assert sending.origin(picking).startswith("FBA15")


LABELS = {**PLANS, "item_label_page": "A4_21"}
PREPS = {"*": {"category": "NONE"}, PAPER: {"category": "FRAGILE", "types": ["ITEM_BUBBLEWRAP", "ITEM_BOXING"]}}


@pytest.mark.parametrize("inbound", [{"plans": LABELS}])
def test_units_that_the_seller_labels_get_labels_before_they_are_packed(sending: Sending) -> None:
    sending.amazon.preps[PAPER] = {"labelOwnerConstraint": "NONE_ONLY"}  # its barcode is the manufacturer's
    assert not has_plans(sending.connections, NAME)
    picking = sending.transfer({MUG: 10, PAPER: 4})
    assert has_plans(sending.connections, NAME)
    assert sending.advance().item_labels == 1
    [request] = sending.amazon.labelled
    assert (request["mskuQuantities"], request["pageType"]) == ({MUG: 10}, "A4_21")
    [file] = sending.files(picking)
    assert file.startswith("item labels ")
    assert file.endswith(" 1.pdf")
    assert (sending.advance().item_labels, has_plans(sending.connections, NAME)) == (0, False)
    assert len(sending.amazon.labelled) == 1
    sending.pack(picking)
    sending.advance()
    sending.release()
    assert sending.advance().labels == 1
    assert (len(sending.files(picking)), len(sending.amazon.labelled)) == (2, 1)


@pytest.mark.parametrize("inbound", [{"plans": {**LABELS, "item_label_page": "Thermal"}}])
def test_labels_of_other_goods_are_made_anew_and_a_run_that_dies_makes_the_rest(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_labels, "SKUS_A_CALL", 1)
    picking = sending.transfer({MUG: 10, PAPER: 4})

    def die(name: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(plan_papers, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            sending.advance()
    assert sending.advance().item_labels == 1
    assert [name.rpartition(" ")[2] for name in sorted(sending.files(picking))] == ["1.pdf", "2.pdf"]
    size = {(request["labelType"], request["width"], request["height"]) for request in sending.amazon.labelled}
    assert size == {("THERMAL_PRINTING", 60, 30)}
    sending.write("stock.move", sending.moves(picking)[0], product_uom_qty=8)
    sending.odoo.call("stock.picking", "do_unreserve", ids=[picking])
    sending.odoo.call("stock.picking", "action_assign", ids=[picking])
    assert sending.advance().item_labels == 2
    assert len(sending.files(picking)) == 4


@pytest.mark.parametrize("inbound", [{"plans": LABELS}])
def test_labels_that_are_refused_wait_and_hold_up_no_others(sending: Sending) -> None:
    sending.amazon.unlabelled.add(MUG)
    plain, other = sending.transfer({MUG: 10}), sending.transfer({PAPER: 4})
    done = sending.advance()
    assert (done.item_labels, len(sending.files(plain)), len(sending.files(other))) == (1, 0, 1)
    [reason] = done.waiting.values()
    assert reason.code == "fba_plan_refused"
    assert "createMarketplaceItemLabels" in reason.message
    assert "InvalidInput" in reason.message
    sending.amazon.unlabelled.clear()
    again = sending.advance()
    assert (again.item_labels, again.waiting) == (1, {})


def test_no_labels_of_units_without_a_page(sending: Sending) -> None:
    sending.transfer({MUG: 10})
    assert (sending.advance().item_labels, sending.amazon.labelled) == (0, [])


@pytest.mark.parametrize("inbound", [{"plans": {**PLANS, "preps": PREPS}}])
def test_the_settings_tell_amazon_how_goods_are_prepared(sending: Sending) -> None:
    for sku in (MUG, PAPER):
        sending.amazon.preps[sku] = {"prepCategory": "UNKNOWN", "prepTypes": []}
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    assert sending.advance().waiting == {}
    assert sending.amazon.preps[MUG] == {"prepCategory": "NONE", "prepTypes": ["ITEM_NO_PREP"]}
    assert sending.amazon.preps[PAPER]["prepTypes"] == ["ITEM_BUBBLEWRAP", "ITEM_BOXING"]
    owners = {msku: item["prepOwner"] for msku, item in sending.shown().items.items()}
    assert owners == {MUG: "NONE", PAPER: "SELLER"}
    assert sending.plan().state == "waits for consent"
    sending.release()
    sending.advance()
    assert sending.plan().state == "made"


@pytest.mark.parametrize("inbound", [{"plans": {**PLANS, "preps": {MUG: {"category": "FRAGILE"}}}}])
def test_what_amazon_answers_to_a_preparation_decides_who_does_it(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And many SKUs are told in several calls."""
    monkeypatch.setattr(plan_steps, "PREPS_A_CALL", 1)
    sending.amazon.preps[MUG] = {"prepCategory": "UNKNOWN", "prepTypes": [], "labelOwnerConstraint": "AMAZON_ONLY",
                                 "allOwnersConstraint": "MUST_MATCH"}  # fmt: skip
    sending.amazon.fails["setPrepDetails"] = [("InternalServerError", "try again later")]
    picking = sending.transfer({MUG: 10})
    sending.pack(picking)
    assert sending.advance().waiting[sending.plan().transfer].code == "fba_plan_refused"
    sending.retry()
    sending.advance()
    assert {item["prepOwner"] for item in sending.shown().items.values()} == {"AMAZON"}
    assert {item.prep_owner for item in sending.plan().consignment.items} == {"AMAZON"}


def test_a_preparation_that_nobody_knows_still_waits(sending: Sending) -> None:
    sending.amazon.preps[MUG] = {"prepCategory": "UNKNOWN", "prepTypes": []}
    sending.pack(sending.transfer({MUG: 10}))
    sending.advance()
    assert set(sending.waiting()) == {"fba_prep_unknown"}


def plan_and_show(sending: Sending) -> int:
    """A packed transfer whose plan waits for consent."""
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    sending.advance()
    assert sending.plan().state == "waits for consent"
    return picking


def test_nothing_is_final_before_a_person_has_agreed(sending: Sending) -> None:
    plan_and_show(sending)
    for _ in range(3):
        sending.advance()
    assert (sending.shown().placement, sending.shown().transported) == ("", False)
    [held] = list_held(sending.connections, NAME)
    assert held["total"] == "nothing"
    assert held["transport"] == ["1 by own carrier DHL, GROUND_SMALL_PARCEL: nothing"]
    [row] = list_plans(sending.connections, NAME)
    assert (row.units, row.boxes, row.shipments) == (14, 1, "LEJ1")
    with pytest.raises(PermanentError, match="nothing to release"):
        release_plans(sending.connections, "shopify_de", "a person")


def test_offers_that_expired_are_compared_with_what_was_agreed_to(sending: Sending) -> None:
    """The same offers under other ids: the consent holds."""
    plan_and_show(sending)
    sending.release()
    expire(sending)
    sending.advance()
    assert sending.plan().state == "made"
    assert len(sending.shown().placements) == 2


def test_offers_that_have_become_dearer_wait_anew(sending: Sending) -> None:
    plan_and_show(sending)
    sending.release()
    expire(sending)
    sending.amazon.placements = [(7.5, 1)]
    sending.advance()
    assert (sending.plan().state, sending.shown().placement) == ("waits for consent", "")
    [held] = list_held(sending.connections, NAME)
    assert held["placement_costs"] == held["total"] == "7.50 EUR"
    sending.release()
    sending.advance()
    assert sending.plan().state == "made"


def expire(sending: Sending) -> None:
    """Amazon's placements, and what we kept of them."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    for option in sending.shown().placements.values():
        option.expires = long_ago
    plan = sending.plan()
    assert plan.progress.placement is not None
    placement = msgspec.structs.replace(plan.progress.placement, expires=long_ago)
    progress = msgspec.structs.replace(plan.progress, placement=placement)
    with sending.connections.warehouse.transaction() as connection:
        rows.keep(connection, NAME, [msgspec.structs.replace(plan, progress=progress)], datetime.now(UTC))


def test_a_placement_of_several_shipments_is_received_together(sending: Sending) -> None:
    sending.amazon.placements = [(9.0, 1), (0.0, 2)]
    picking = plan_and_show(sending)
    [row] = list_plans(sending.connections, NAME)
    assert (row.shipments, row.others) == ("LEJ1, LEJ2", "1 shipments for 9.00 EUR")
    sending.release()
    sending.advance()
    numbers = sending.origin(picking).split()
    assert len(numbers) == 2
    sending.button_validate(picking)
    shipments = [sending.lanes.world.channels[NAME].inbound.shipments[number] for number in numbers]
    for shipment in shipments:
        for counts in shipment.items.values():
            counts[1] = counts[0]
    shipments[0].status = "CLOSED"
    done = receive(sending.connections, NAME)
    assert (done.units, done.discrepancies) == (14, [])


def test_cancelling_the_transfer_cancels_the_plan(sending: Sending) -> None:
    picking = plan_and_show(sending)
    sending.odoo.call("stock.picking", "action_cancel", ids=[picking])
    sending.advance()
    assert (sending.plan().state, sending.amazon.living) == ("cancelled", [])
    assert list_held(sending.connections, NAME) == []
    assert sending.advance().plans == []


def test_a_plan_that_is_made_is_cancelled_with_its_transfer(sending: Sending) -> None:
    picking = plan_and_show(sending)
    sending.release()
    sending.advance()
    sending.odoo.call("stock.picking", "action_cancel", ids=[picking])
    sending.advance()
    assert (sending.plan().state, sending.amazon.living) == ("cancelled", [])


def test_a_transfer_that_was_changed_after_its_plan_waits(sending: Sending) -> None:
    picking = plan_and_show(sending)
    sending.release()
    moves = sending.search("stock.move", [["picking_id", "=", picking]], "product_id")
    [mugs] = [row["id"] for row in moves if row["product_id"] == sending.products[MUG]]
    sending.odoo.call("stock.move", "write", ids=[mugs], vals={"quantity": 7})
    sending.advance()
    assert "fba_transfer_changed" in sending.waiting()
    assert (sending.plan().code, sending.shown().placement) == ("fba_transfer_changed", "")


def test_a_package_without_a_size_waits_and_goes_on_once_it_has_one(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10})
    sending.pack(picking, kind=0)
    sending.advance()
    assert "fba_box_unmeasured" in sending.waiting()
    assert sending.amazon.plans == {}
    lines = sending.search("stock.move.line", [["picking_id", "=", picking]], "result_package_id")
    vals = {"package_type_id": sending.kind}
    sending.odoo.call("stock.package", "write", ids=[lines[0]["result_package_id"]], vals=vals)
    sending.advance()
    assert (sending.waiting(), sending.plan().state) == ({}, "waits for consent")


def test_a_transfer_that_a_person_planned_in_seller_central_gets_no_plan(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10})
    sending.pack(picking)
    vals = {"origin": "FBA15BYHAND"}
    sending.odoo.call("stock.picking", "write", ids=[sending.arrival(picking)], vals=vals)
    assert sending.advance().new == 0
    assert not has_plans(sending.connections, NAME)


def test_the_lane_has_work_while_a_plan_is_under_way(sending: Sending) -> None:
    assert not has_plans(sending.connections, NAME)
    picking = sending.transfer({MUG: 10})
    assert not has_plans(sending.connections, NAME)
    sending.pack(picking)
    assert has_plans(sending.connections, NAME)
    sending.advance()
    sending.release()
    assert has_plans(sending.connections, NAME)
    sending.advance()
    assert not has_plans(sending.connections, NAME)
