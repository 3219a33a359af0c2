"""What Amazon's report of removals tells otherwise later, or not at all: nothing is moved twice, guessed or forgotten;
into the stand-in of Odoo, and into a real Odoo 19 where ODOO_URL is set.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import msgspec
import pytest

from commerce_pipelines.core.errors import ProtocolError
from commerce_pipelines.flows.inbound import removals as removal_flow
from commerce_pipelines.flows.inbound.ledger_days import is_due, read
from commerce_pipelines.flows.inbound.reconcile import reconcile
from commerce_pipelines.odoo.inbound import removals as transfers
from commerce_pipelines_tests.doubles.homecoming import Home, build_removals
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER
from commerce_sandbox.amazon.removal_rows import COLUMNS


@pytest.fixture
def inbound() -> dict[str, Any]:
    return {"removals": build_removals()}


@pytest.mark.parametrize("days", [0, 1])
def test_a_tracking_number_that_comes_later_moves_nothing_twice(home: Home, days: int) -> None:
    """Nor does another day of shipping; and the receipt that waits names it."""
    home.ship(3, tracking="")
    home.run()
    home.report.removals.rows.clear()
    home.ship(3, at=(home.noon - timedelta(days=days)).astimezone(UTC))
    again = home.run()
    assert (again.units, again.transfers, again.waiting, home.left(home.away)[MUG]) == (0, 0, {}, 3)
    assert {row["origin"] for row in home.pickings()} == {f"removal R1{home.tag} DHL T{home.tag}"}
    home.ship(2, tracking="")  # a parcel that is named as the other was
    assert (home.run().units, home.left(home.away)[MUG], len(home.pickings())) == (2, 5, 4)
    assert (home.run().units, home.waiting()) == (0, {})


def test_a_run_that_dies_before_a_number_comes_is_finished_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        raise KeyboardInterrupt

    home.ship(3, tracking="")
    with monkeypatch.context() as patch:
        patch.setattr(transfers, "failpoint", die)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    home.report.removals.rows.clear()
    home.ship(3)
    home.run()
    assert ([row["state"] for row in home.pickings()], home.left(home.away)[MUG]) == (["done", "assigned"], 3)


def test_a_parcel_that_the_report_no_longer_has_is_told(home: Home) -> None:
    home.ship(3)
    home.run()
    home.report.removals.rows.clear()
    home.ship(1, order="R2")
    assert home.run().waiting == {"fba_removal_differs": 1}
    assert "has lost the removal R1" in home.waiting()["fba_removal_differs"]
    home.report.removals.rows.clear()  # nothing at all: Amazon cancels the report
    assert home.run().waiting == {"fba_removal_differs": 2}
    home.ship(3)
    home.ship(1, order="R2")
    assert (home.run().waiting, home.left(home.away)[MUG]) == ({}, 4)


def test_what_a_person_returns_by_hand_is_settled(home: Home) -> None:
    home.ship(3)
    home.run()
    home.report.removals.rows.clear()
    home.run()
    [move] = home.search("stock.move", [["picking_id", "=", home.pickings()[0]["id"]]], "product_id")
    home.odoo.call("stock.picking", "action_cancel", ids=[home.pickings()[1]["id"]])
    back, moves = home.make_transfer(home.transit, home.away, {MUG: 3})
    home.write("stock.move", moves[MUG], origin_returned_move_id=move["id"], quantity=3, picked=True)
    home.button_validate(back)
    assert (home.run().waiting, home.left(home.away)[MUG]) == ({}, 0)


def test_what_waits_is_not_forgotten_when_its_day_is_old(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f"LATER-{home.tag}"
    home.ship(3)
    home.ship(1, code)
    home.run()
    monkeypatch.setattr(removal_flow, "SPAN_DAYS", -30)  # the report begins long after that day
    home.report.removals.rows.clear()
    assert (home.run().waiting, set(home.waiting())) == ({"unknown_sku": 1}, {"unknown_sku"})
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    assert (home.run().units, home.waiting(), len(home.pickings())) == (1, {}, 4)
    assert (home.run().kept, home.left(home.away)[MUG]) == ([], 3)


def test_a_date_that_a_person_corrects_stays_when_a_row_comes_late(home: Home) -> None:
    home.ship(3)
    home.run()
    stamp = f"{home.noon - timedelta(days=1):%Y-%m-%d} 10:00:00"
    first = home.pickings()[0]["id"]
    home.write("stock.picking", first, date_done=stamp)
    home.ship(2)
    home.run()
    dates = [str(row["date_done"]).replace("T", " ")[:19] for row in home.pickings() if row["state"] == "done"]
    assert (dates[0], dates[1][:10]) == (stamp, f"{home.noon:%Y-%m-%d}")


def test_a_part_of_a_unit_is_moved_once_and_told(home: Home) -> None:
    code = f"KIT-{home.tag}"
    kit = home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    part = home.make("product.product", name=f"Part of {code}", type="consu", is_storable=True)
    [row] = home.search("product.product", [["id", "=", kit]], "product_tmpl_id")
    home.make("mrp.bom", product_tmpl_id=row["product_tmpl_id"], product_qty=3, type="phantom",
              bom_line_ids=[[0, 0, {"product_id": part, "product_qty": 1}]])  # fmt: skip
    home.ship(1, code)
    for _ in range(3):
        done = home.run()
        assert (len(home.pickings()), done.waiting) == (2, {"fba_removal_differs": 1})
    [quant] = home.search("stock.quant", [["product_id", "=", part], ["location_id", "=", home.away]], "quantity")
    assert quant["quantity"] == pytest.approx(-0.33)
    assert "a part of 0.003333 of a unit" in home.waiting()["fba_removal_differs"]


def test_a_kind_that_nobody_knows_waits_and_is_never_guessed(home: Home) -> None:
    home.ship(3)
    home.ship(4, PAPER, order="R2", kind="Rückgabe")
    done = home.run()
    assert (done.units, done.waiting) == (3, {"fba_removal_kind": 1})
    assert "1 rows of the kind Rückgabe" in home.waiting()["fba_removal_kind"]
    home.report.removals.columns = COLUMNS[:-1]
    again = home.run()
    assert (again.units, again.waiting) == (0, {"fba_removal_kind": 1})  # and no parcel is said to be lost
    assert "2 rows that name no kind" in home.waiting()["fba_removal_kind"]


def test_the_settings_say_what_a_kind_means(home: Home) -> None:
    rules = home.connections.settings.channel(NAME).inbound.removals
    home.ship(3, kind="Rückgabe")
    home.ship(1, order="R2", kind="Entsorgung")
    rules.kinds.update({"rückgabe": "return", "entsorgung": "other"})
    done = home.run()
    assert (done.units, done.waiting) == (3, {})


def test_a_sku_that_means_more_since_moves_nothing_again(home: Home) -> None:
    code = f"PACK-{home.tag}"
    product = home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    home.ship(3)
    home.ship(2, code)
    home.run()
    home.write("product.product", product, default_code=f"OLD-{home.tag}")
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    again = home.run()
    assert (again.units, again.waiting, len(home.pickings())) == (0, {}, 2)
    home.ship(1, code)
    assert home.run().units == 1


def test_a_run_whose_removals_failed_is_requested_again(home: Home) -> None:
    read(home.connections, NAME)
    assert is_due(home.connections, NAME)  # nothing else was done yet
    home.ship(-1)
    with pytest.raises(ProtocolError):
        home.run()
    reconcile(home.connections, NAME)
    assert is_due(home.connections, NAME)
    home.report.removals.rows.clear()
    home.run()
    assert not is_due(home.connections, NAME)


def test_what_waits_and_is_left_to_people_by_a_later_first_day_is_never_moved(home: Home) -> None:
    code, rules = f"HAND-{home.tag}", home.connections.settings.channel(NAME).inbound.removals
    home.ship(2, code)
    assert home.run().waiting == {"unknown_sku": 1}
    msgspec.structs.force_setattr(rules, "since", home.noon.date() + timedelta(days=1))
    home.make("product.product", name=code, default_code=code, type="consu", is_storable=True)
    home.ship(1, tracking=f"U{home.tag}", at=(home.noon + timedelta(days=1)).astimezone(UTC))
    done = home.run()
    assert (done.units, done.waiting, home.waiting(), len(home.pickings())) == (1, {}, {}, 2)


def test_a_transfer_that_was_cancelled_long_ago_holds_up_no_new_parcel_of_its_order(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ship(3)
    with monkeypatch.context() as patch:  # it dies before anything is carried out
        patch.setattr(transfers, "bring_home", lambda *_: {})
        home.run()
    [first] = home.pickings()
    home.odoo.call("stock.picking", "action_cancel", ids=[first["id"]])
    home.run()
    with home.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.fba_removals SET shipped_on = shipped_on - 60 WHERE order_id = %s",
                       (f"R1{home.tag}",))  # fmt: skip
    home.report.removals.rows.clear()
    home.ship(3, tracking=f"U{home.tag}", at=(home.noon + timedelta(days=1)).astimezone(UTC))
    assert (home.run().units, home.left(home.away)[MUG]) == (3, 3)
