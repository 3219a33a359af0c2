"""Age limits in Dagster, against the stand-in of Amazon: a month after delivery nothing can be read, all is green."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import msgspec

from commerce_pipelines.assets.privacy import RETENTION
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.settings.file import Settings
from commerce_pipelines.warehouse import exceptions
from commerce_sandbox.amazon.answers import written

from .test_orders_lane import Lanes, check_of, lanes

__all__ = ["lanes"]  # a fixture
NAME = "amazon_eu"


def retain(lanes: Lanes) -> dg.ExecuteInProcessResult:
    return lanes.job.execute_in_process(instance=lanes.instance, asset_selection=[RETENTION], raise_on_error=False)


def _drop_take_over(settings: Settings) -> Settings:
    """Without taking over what the channel delivers: here nobody does, and such orders would wait for it."""
    channels = tuple(
        msgspec.structs.replace(channel, fulfilment=msgspec.structs.replace(channel.fulfilment, take_over=False))
        for channel in settings.channels
    )
    return msgspec.structs.replace(settings, channels=channels)


def test_a_month_after_delivery_no_answer_of_amazon_can_be_read_and_partitions_are_green(lanes: Lanes) -> None:
    connections = lanes.connections
    connections.settings = _drop_take_over(connections.settings)
    now = connections.instruments.now()
    for order in lanes.world.channels[NAME].orders.values():
        order["fulfillment"]["deliverByWindow"] = {"latestDateTime": written(now)}
        if order["fulfillment"]["fulfillmentStatus"] in ("UNSHIPPED", "PARTIALLY_SHIPPED"):
            order["fulfillment"]["fulfillmentStatus"] = "SHIPPED"
    first = lanes.run(NAME)
    assert first.success
    key = dg.AssetKey([NAME, "sale_orders"])
    green = lanes.instance.get_materialized_partitions(key)
    with connections.warehouse.transaction() as connection:
        waiting = {row.record_id for row in exceptions.open_exceptions(connection, NAME, Topic.ORDERS) if row.blocking}

    connections.instruments = replace(connections.instruments, now=lambda: now + timedelta(days=31))
    result = retain(lanes)
    assert result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["answered_in_time"].passed
    assert checks["nothing_too_old"].passed == (not waiting)
    [event] = result.get_asset_materialization_events()
    figures: dict[str, Any] = {key: value.value for key, value in event.materialization.metadata.items()}
    assert figures["answers destroyed at their age limit"] > 5
    days = (lanes.days[0], lanes.days[1] + timedelta(days=1))
    answers = {row.record_id: row.raw for row in connections.landing(NAME, Topic.ORDERS).newest(*days)}
    assert {record_id for record_id, raw in answers.items() if raw is not None} <= waiting | {
        order["orderId"] for order in lanes.world.channels[NAME].orders.values()
        if order["fulfillment"]["fulfillmentStatus"].startswith("PENDING")
    }  # fmt: skip
    assert lanes.instance.get_materialized_partitions(key) == green
    # The same days once more: everything stays as it is.
    connections.instruments = replace(connections.instruments, now=lambda: now)
    again = lanes.run(NAME)
    assert again.success
    assert check_of(again).description == check_of(first).description
    with connections.warehouse.transaction() as connection:
        rows = exceptions.open_exceptions(connection, NAME, Topic.ORDERS)
    assert {row.record_id for row in rows if row.blocking} == waiting
