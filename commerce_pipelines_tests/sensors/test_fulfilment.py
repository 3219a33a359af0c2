"""The sensor of deliveries: one company that cannot be read is told, and holds up nobody."""

from __future__ import annotations

import dagster as dg
import pytest

from commerce_pipelines.definitions import build_defs
from commerce_pipelines.flows.fulfilment import inputs
from commerce_pipelines.flows.fulfilment.inputs import Read
from commerce_pipelines.flows.pollers import SHIPMENT_POLLER
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.shared.conditions import heartbeats
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_pipelines_tests.doubles.doors import doors

SETTINGS = """
odoo: {url: 'http://127.0.0.1:8069', database: shop, username: bot, password: {env: ODOO_PASSWORD}}
channels:
  - {name: shop_de, kind: shopify, shop: a.myshopify.com, credentials: {access_token: {env: TOKEN}},
     fulfilment: {enabled: true}}
"""


@pytest.mark.parametrize(("problems", "failures"), [([], 0), (["shop_b: Odoo refuses."], 1)])
def test_a_company_whose_deliveries_cannot_be_read_counts_as_a_look_that_failed(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, problems: list[str], failures: int
) -> None:
    """It stood in the metadata of a run only, and no run is requested for it."""
    monkeypatch.setattr(inputs, "read_shipments", lambda connections: Read(problems=problems))
    connections = doors(parse(SETTINGS), warehouse)
    defs = build_defs(connections.settings, connections)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=instance, resources={"connections": connections}, repository_def=defs.get_repository_def()
        )
        tick = defs.resolve_sensor_def(SHIPMENT_POLLER).evaluate_tick(context)
    assert not tick.run_requests
    with warehouse.transaction() as connection:
        (beat,) = heartbeats(connection)
    assert (beat.name, beat.failures, beat.problem) == (SHIPMENT_POLLER, failures, " ".join(problems))
