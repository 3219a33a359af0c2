"""Call limits in Dagster, against the stand-in of eBay: what it says is left is shown, and told when it is little."""

from __future__ import annotations

import dagster as dg

from commerce_pipelines.assets.limits import ENOUGH_LEFT, limits_key

from .test_orders_lane import Lanes, lanes

__all__ = ["lanes"]  # a fixture
NAME = "ebay_de"


def look(lanes: Lanes) -> tuple[dict[str, object], dg.AssetCheckEvaluation]:
    result = lanes.job.execute_in_process(
        instance=lanes.instance, asset_selection=[limits_key(NAME)], raise_on_error=False
    )
    assert result.success
    [event] = result.get_asset_materialization_events()
    [check] = [check for check in result.get_asset_check_evaluations() if check.check_name == ENOUGH_LEFT]
    return {key: value.value for key, value in event.materialization.metadata.items()}, check


def test_what_is_left_is_shown_and_told_when_it_is_little(lanes: Lanes) -> None:
    ebay = lanes.world.channels[NAME]
    lanes.connections.channel(NAME).account.probe()
    figures, check = look(lanes)
    assert figures["calls today"] == 1
    assert "100,000 a day | yes |" in str(figures["limits"])
    assert check.passed
    ebay.quotas.granted["sell", "fulfillment"] = 0
    ebay.quotas.granted["sell", "inventory"] = 10
    for _ in range(10):
        ebay.quotas.spend(("sell", "inventory"))
    figures, check = look(lanes)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "sell inventory" in str(check.description)
    ebay.revoked = True
    ebay.expire_tokens()
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM commerce.tokens")
    figures, _ = look(lanes)
    assert "not read" not in figures  # the app's own token does not depend on the seller's
