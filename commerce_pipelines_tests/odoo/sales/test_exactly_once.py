"""Exactly one order per draft, whatever is repeated, lost, killed or done at once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from commerce_pipelines.domain.orders.order import LineKind
from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.odoo.sales.sale_orders import load_sales
from commerce_pipelines_tests.doubles.lean import login_of
from commerce_pipelines_tests.doubles.odoo import World, draft, line, service
from commerce_pipelines_tests.odoo.conftest import Connect
from commerce_sandbox.odoo import OdooStandIn
from commerce_sandbox.server import Fault


def orders(world: World, count: int = 3) -> list[SaleDraft]:
    mug = world.product()
    return [draft(line("1", mug, 2, 2000), service(LineKind.SHIPPING, 490)) for _ in range(count)]


def prove(world: World, drafts: list[SaleDraft]) -> None:
    """Each order once, confirmed, to the cent, with each line once and one delivery, dated as placed."""
    for sale in drafts:
        row = world.order(sale, "amount_total", "date_order", "picking_ids")
        assert (row["state"], row["amount_total"], row["date_order"]) == (
            "sale",
            sale.total / 100,
            "2026-11-20 10:11:12",
        )
        assert len(world.lines(sale)) == len(sale.lines)
        assert len(row["picking_ids"]) == 1
        assert sum(move["product_uom_qty"] for move in world.moves(sale)) == 2


def test_a_replay_writes_nothing(world: World) -> None:
    """G34."""
    drafts = orders(world)
    world.load(*drafts)
    before = [world.write_date(draft) for draft in drafts]
    world.transport.calls.clear()
    outcomes = world.load(*drafts, drafts[0])
    assert [outcome.action for outcome in outcomes] == ["unchanged"] * 3
    assert world.transport.writes() == []
    assert [world.write_date(draft) for draft in drafts] == before


@pytest.mark.parametrize(
    "call",
    [
        ("res.partner", "load"), ("sale.order", "load"), ("sale.order", "action_confirm"),
        ("sale.order", "web_save_multi"),
    ],
    ids=".".join,
)  # fmt: skip
@pytest.mark.parametrize("times", [1, 3])
def test_lost_answers(world: World, call: tuple[str, str], times: int) -> None:
    """G29."""
    drafts = orders(world)
    world.transport.lose[call] = times
    outcomes = world.load(*drafts)
    assert [outcome.action for outcome in outcomes] == ["created"] * 3
    assert world.transport.lose[call] < times
    prove(world, drafts)


def test_a_dropped_connection(world: World, stand_in: OdooStandIn) -> None:
    """The same on the wire: the stand-in does the work and hangs up."""
    if world.kind != "stand-in":
        pytest.skip("the stand-in's own fault")
    drafts = orders(world)
    stand_in.faults.append(
        Fault(match=lambda call: b"action_confirm" in call.body + call.path.encode(), after=True, drop=True)
    )
    stand_in.faults.append(Fault(match=lambda call: b"order_line/id" in call.body, after=True, drop=True, times=2))
    assert [outcome.action for outcome in world.load(*drafts)] == ["created"] * 3
    assert [fault.times for fault in stand_in.faults] == [0, 0]
    stand_in.faults.clear()
    prove(world, drafts)


def test_two_writers_at_once(world: World, connected: Connect) -> None:
    """G31."""
    drafts = orders(world, 4)
    clients = [connected(), connected()]
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda client: list(load_sales(client, client.settings, drafts, ())), clients))
    for outcomes in both:
        assert {outcome.action for outcome in outcomes} <= {"created", "confirmed", "unchanged"}, outcomes
    prove(world, drafts)


def test_a_writer_that_comes_between_two_steps(world: World, connected: Connect) -> None:
    """Another run loads and confirms the same orders after we looked and before we write."""
    drafts = orders(world)
    other = connected()

    def meanwhile() -> None:
        list(load_sales(other, other.settings, drafts, ()))

    world.transport.before[("sale.order", "load")] = meanwhile
    outcomes = world.load(*drafts)
    assert {outcome.action for outcome in outcomes} <= {"created", "confirmed", "unchanged"}, outcomes
    assert all(outcome.odoo_id for outcome in outcomes)
    prove(world, drafts)


KILLED = """
    import sys, msgspec, time
    from commerce_pipelines.core.failpoints import arm
    from commerce_pipelines.domain.sales.draft import SaleDraft
    from commerce_pipelines.core.section import Secret
    from commerce_pipelines.odoo.rpc.client import connect
    from commerce_pipelines.odoo.sales.sale_orders import load_sales
    from commerce_pipelines.odoo.rpc.settings import OdooSettings
    url, database, username, transport, secret, failpoint = sys.argv[1:7]
    arm(failpoint)
    password = Secret(env="X")
    settings = OdooSettings(url=url, database=database, username=username, password=password, transport=transport)
    drafts = msgspec.json.decode(sys.stdin.buffer.read(), type=list[SaleDraft])
    list(load_sales(connect(settings, secret), settings, drafts, ()))
"""


@pytest.mark.parametrize("failpoint", ["after_load", "before_confirm", "after_confirm"])
def test_a_killed_run_is_finished_by_the_next(world: World, failpoint: str) -> None:
    drafts = orders(world)
    settings = world.client.settings
    secret = "admin" if world.kind == "stand-in" else login_of(settings.transport)[1]
    arguments = [settings.url, settings.database, settings.username, settings.transport, secret, failpoint]
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *arguments], input=msgspec.json.encode(drafts), check=False
    )  # fmt: skip
    assert killed.returncode == -9
    assert [outcome.action for outcome in world.load(*drafts)] == ["confirmed"] * 3
    prove(world, drafts)
    assert [outcome.action for outcome in world.load(*drafts)] == ["unchanged"] * 3
