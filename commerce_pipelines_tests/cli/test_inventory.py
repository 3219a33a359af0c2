"""`commerce-pipelines inventory`: from a terminal, against the stand-ins of Shopify and Odoo, over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.inventory.inputs import recent_stock, take_stock
from commerce_pipelines.flows.inventory.quantities import Stopped
from commerce_pipelines.flows.orders.stage import stage
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings import file as settings_file
from commerce_pipelines_tests.cli.test_main import Shell, shell
from commerce_pipelines_tests.doubles.inventory import in_pipe, publish, refresh_targets
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.shopify import demo_orders

__all__ = ["shell"]

RULES = {"enabled": True, "locations": {"71": ["WH"]}, "breaker": {"changed_percent": 100, "zeroed_percent": 100}}


def run(connections: Connections) -> dict[str, int]:
    take_stock(connections)
    refresh_targets(connections, "shop_de")
    return dict(publish(connections, "shop_de", recent_stock(connections)).outcomes)


def test_plan_shows_what_a_run_then_does_and_release_is_for_a_stopped_one(shell: Shell) -> None:
    shell.write(channel_warehouse="FBA", inventory=RULES)
    planned = shell("inventory", "plan", "shop_de")  # the first one reads the listings itself
    assert planned.exit_code == 0, planned.output
    connections = open_connections(settings_file.load())
    assert not shell.shop.called("inventorySetQuantities")
    outcomes = run(connections)
    assert f"{outcomes['accepted']} push" in planned.output
    assert "push" not in shell("inventory", "plan", "shop_de").output.splitlines()[-1]
    assert "there is nothing to release" in shell("inventory", "release", "shop_de").output

    shell.write(channel_warehouse="FBA", inventory={**RULES, "end_below": 10**6, "breaker": {"from_listings": 1}})
    stopped = shell("inventory", "plan", "shop_de")
    assert "The breaker would stop this" in stopped.output
    connections = open_connections(settings_file.load())
    with pytest.raises(Stopped, match="would go to 0"):
        run(connections)
    assert "Released: " in shell("inventory", "release", "shop_de").output
    assert set(run(connections)) == {"accepted"}


def test_orders_that_are_only_landed_are_held_back_like_staged_ones(shell: Shell) -> None:
    shell.write(channel_warehouse="FBA", inventory=RULES)
    now = datetime.now(UTC)
    for order in demo_orders(19, 3, now, CATALOGUE):
        shell.shop.add(order)
    connections = open_connections(settings_file.load())
    snapshot = take_stock(connections)
    assert in_pipe(connections, snapshot) == {}
    first, last = (now - timedelta(days=5)).date(), (now + timedelta(days=2)).date()
    pull(connections, "shop_de", first, last)
    landed = in_pipe(connections, snapshot)
    stage(connections, "shop_de", first, last)
    assert landed == in_pipe(connections, snapshot)
    assert sum(landed.values()) > 0
