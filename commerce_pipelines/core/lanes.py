"""A run's tags: its channel, its flow, and its lane. Runs of one lane follow one another.

A run that a person started in Dagster's UI has no tags; the assets that it materialises stand in for them.

What belongs here: the tags, and which flow a table belongs to. What does not: Dagster (resources/run_coordinator.py,
sensors/busy.py), what a flow does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .topics import Topic

CHANNEL_TAG, FLOW_TAG, LANE_TAG = "commerce/channel", "commerce/flow", "commerce/lane"
ODOO = "odoo"  # the first part of the asset keys that all channels share
PRIVACY = "privacy"  # the first part of the asset keys that are about persons
EXCEPTIONS = "exceptions"
LIMITS = "limits"  # the flow of the calls that are left, which is no topic of records
REHEARSAL = "rehearsal"  # the flow of what other settings would make of landed answers
DRIFT = "drift"  # the flow of the shape of answers, which is no topic of records
DESK = "exceptions_desk"  # the one asset that shows what waits on all channels
OVERVIEW = "overview"  # the flow of the one asset that shows all channels
BACKFILL = "backfill"  # old days have a lane of their own, so that runs of new orders need not wait for them
DAGSTERS_BACKFILL_TAG = "dagster/backfill"  # on the runs of a backfill that was started in Dagster's UI
# The most days of one run. Dagster writes five events a day before the run's first call, and a run shows no result
# before all its days are done.
LONGEST_RUN_DAYS = 31
EVERY = "every"  # the lane of a run that has neither tags nor assets: it may touch anything
_BETWEEN = ", "  # between the names of a run that works for several channels, flows or lanes

FLOW_OF = {
    **dict.fromkeys(("raw_orders", "orders", "order_lines", "sale_orders"), str(Topic.ORDERS)),
    **dict.fromkeys(("raw_returns", "returns", "refunds", "credit_notes"), str(Topic.RETURNS)),
    **dict.fromkeys(("stock_levels", "listings", "inventory_targets", "published_inventory"), str(Topic.INVENTORY)),
    **dict.fromkeys(("shipments", "shipment_confirmations"), str(Topic.FULFILMENT)),
    **dict.fromkeys(
        ("fba_inventory", "fba_removals", "fba_reconciliation", "inbound_transfers", "inbound_shipments"),
        str(Topic.INBOUND),
    ),
    **dict.fromkeys(("products", "content_changes", "published_content"), str(Topic.CONTENT)),
    "retention": str(Topic.PRIVACY),
    "invoices": str(Topic.INVOICING),
    "issued_refunds": str(Topic.REFUNDING),
    "subscriptions": "notices",
    "exceptions": EXCEPTIONS,
    "limits": LIMITS,
    "schema_profile": DRIFT,
    "overview": OVERVIEW,
    "rehearsal": REHEARSAL,
    DESK: OVERVIEW,
}


def lane_name(channel: str, flow: str) -> str:
    return f"{channel}/{flow}"


def run_tags(channel: str, flow: str, lane: str = "") -> dict[str, str]:
    """The tags of a run. lane: the name of a lane of its own, for a run that need not wait for the other runs of its
    flow."""
    # str(): Dagster sends tags from process to process and refuses an enum there, though it is a str.
    return {CHANNEL_TAG: channel, FLOW_TAG: str(flow), LANE_TAG: lane or lane_name(channel, flow)}


def tags_of(assets: Iterable[Sequence[str]] | None, old_days: bool = False) -> dict[str, str]:
    """The tags of a run that materialises these assets. assets: the paths of their keys; a run without any may touch
    anything. old_days: the run belongs to a backfill.

    The assets that all channels share, and the view of the exceptions, belong to the lane that they are materialised
    with.
    """
    pairs = {(path[0], FLOW_OF.get(path[-1], path[-1])) for path in assets or ()}
    if not pairs:
        return dict.fromkeys((CHANNEL_TAG, FLOW_TAG, LANE_TAG), EVERY)
    lanes = {pair for pair in pairs if pair[0] != ODOO and pair[1] != EXCEPTIONS} or pairs
    return {
        CHANNEL_TAG: _BETWEEN.join(sorted({channel for channel, _ in lanes})),
        FLOW_TAG: _BETWEEN.join(sorted({flow for _, flow in lanes})),
        LANE_TAG: _BETWEEN.join(
            sorted(lane_name(channel, _name_old_days(flow) if old_days else flow) for channel, flow in lanes)
        ),
    }


def backfill_lane(flow: str) -> str:
    """The lane of a flow's old days; the lane of orders' old days has the plain name."""
    return BACKFILL if flow == Topic.ORDERS else f"{flow}_{BACKFILL}"


def _name_old_days(flow: str) -> str:
    return backfill_lane(flow) if flow in (Topic.ORDERS, Topic.RETURNS) else flow


def works_for(tags: Mapping[str, str], assets: Iterable[Sequence[str]] | None, lane: str) -> bool:
    """Whether a run with these tags, or without tags but with these assets, works in a lane."""
    named = tags.get(LANE_TAG) or tags_of(assets)[LANE_TAG]
    return named == EVERY or lane in named.split(_BETWEEN)
