"""`plan CHANNEL --flow inbound` and `release CHANNEL --flow inbound`: from a terminal, against the stand-ins of Amazon
and Odoo, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from commerce_pipelines.cli.main import main
from commerce_pipelines.flows.inbound.receive import receive
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.sendings import MUG, NAME, PAPER, PLANS, Sending, open_away

INBOUND = ("--flow", "inbound")


@pytest.fixture
def sending(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sending]:
    with open_away(warehouse, monkeypatch, tmp_path, plans=PLANS) as lanes:
        settings = yaml.safe_load(lanes.world.settings())
        settings["channels"][0]["inbound"] = {
            "enabled": True, "since": "2026-01-01", "receive": True, "plans": PLANS,
        }  # fmt: skip
        (tmp_path / "commerce.yaml").write_text(yaml.safe_dump(settings), "utf-8")
        monkeypatch.chdir(tmp_path)
        yield Sending(lanes)


def shell(*arguments: str) -> Result:
    result = CliRunner().invoke(main, list(arguments), terminal_width=300)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_plan_is_shown_agreed_to_and_then_made(sending: Sending) -> None:
    assert "there is nothing to release" in shell("release", NAME, *INBOUND).output
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    sending.advance()
    shown = shell("plan", NAME, *INBOUND)
    [transfer] = sending.search("stock.picking", [["id", "=", picking]], "name")
    assert (shown.exit_code, transfer["name"] in shown.output) == (0, True)
    text = " ".join(shown.output.split())
    assert f"{transfer['name']} waits before the step `confirm placement`" in text
    assert all(part in text for part in ("units: 14", "boxes: 1", "to: LEJ1", "total: nothing", "own carrier DHL"))
    assert (sending.shown().placement, sending.plan().state) == ("", "waits for consent")  # showing agrees to nothing
    sending.advance()
    assert sending.shown().placement == ""
    released = shell("release", NAME, *INBOUND)
    assert (released.exit_code, "1 inbound plans would be confirmed" in released.output) == (0, True)
    assert sending.shown().placement == ""  # the next run does it
    sending.advance()
    assert (sending.plan().state, sending.shown().transported) == ("made", True)
    assert "waits before" not in shell("plan", NAME, *INBOUND).output
    again = shell("release", NAME, *INBOUND)
    assert (again.exit_code, "there is nothing to release" in again.output) == (1, True)


def test_the_story_of_a_transfer_from_its_plan_to_what_is_missing(sending: Sending) -> None:
    picking = sending.transfer({MUG: 10, PAPER: 4})
    sending.pack(picking)
    sending.advance()
    assert shell("release", NAME, *INBOUND).exit_code == 0
    sending.advance()
    sending.button_validate(picking)
    number = sending.origin(picking)
    shipment = sending.lanes.world.channels[NAME].inbound.shipments[number]
    shipment.status = "CLOSED"
    shipment.items[MUG][1], shipment.items[PAPER][1] = 8, 4
    receive(sending.connections, NAME)
    names = {row["id"]: row["name"] for row in sending.search("stock.picking", [["origin", "=", number]], "name")}
    plan = sending.plan()
    stories = [
        shell("trace", NAME, way) for way in (names[picking], number, plan.name, names[sending.arrival(picking)])
    ]
    assert [story.exit_code for story in stories] == [0, 0, 0, 0], stories[0].output
    text = " ".join(stories[0].output.split())
    assert len({" ".join(story.output.split()) for story in stories}) == 1
    order = [text.index(part) for part in (
        f"inbound plan {plan.name}", "step `create`", "step `confirm placement`", "step `confirm transport`",
        f"shipment {number}, as it was read last",
    )]  # fmt: skip
    assert order == sorted(order)
    assert "10 sent, 8 counted, 8 received in Odoo, 2 on the road; the ledger's receipts: none read; 2 missing" in text
    for part in (
        f"goods received: {number}",
        "a claim is taken until",
        "attempt 1",
        "reason: fba_count_differs",
        "in Odoo now",
        "state: done",
    ):
        assert part in text
    unseen = shell("trace", NAME, "WH/INT/99999")
    assert (unseen.exit_code, "has no order" in unseen.output) == (1, True)


@pytest.mark.parametrize("command", ["plan", "release"])
def test_a_channel_without_plans_and_days_are_one_sentence(sending: Sending, command: str) -> None:
    assert "inbound.plans.enabled is not true" in shell(command, "ebay_de", *INBOUND).output
    assert "configured: amazon_eu" in shell(command, "amazon_uk", *INBOUND).output
    assert "takes no days" in shell("plan", NAME, *INBOUND, "--from", "2026-01-01").output
