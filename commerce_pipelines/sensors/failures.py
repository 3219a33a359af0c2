"""A failed run in words.

What belongs here: which work it was, and what its steps say. What does not: sending an alert about it (outcomes.py).
"""

from collections.abc import Mapping

import dagster as dg

from ..core.lanes import CHANNEL_TAG, EVERY, FLOW_TAG, ODOO, tags_of
from ..resources.run_coordinator import missing_tags

_OURS = "commerce_pipelines."
FLOWS = {
    "orders": "orders",
    "inventory": "stock",
    "fulfilment": "shipments",
    "content": "product content",
    "invoicing": "invoices and payments",
    "returns": "returns and refunds",
    "refunding": "refunds out",
    "inbound": "the marketplace's warehouses",
    "notices": "messages of marketplaces",
    "limits": "call limits",
    "drift": "the shape of answers",
    "privacy": "personal data",
    "exceptions": "the view of what waits",
    "overview": "the overview",
    "rehearsal": "a rehearsal",
}
# The steps of all flows, by the second part of their keys: the flow, and what the step does, in words.
STEPS = {
    "raw_orders": ("orders", "fetching orders"),
    "staged_orders": ("orders", "reading orders"),
    "sale_orders": ("orders", "loading orders into Odoo"),
    "stock_levels": ("inventory", "reading Odoo's stock"),
    "listings": ("inventory", "reading listings"),
    "published_inventory": ("inventory", "deciding and publishing quantities"),
    "products": ("content", "reading Odoo's products"),
    "content_changes": ("content", "comparing content"),
    "published_content": ("content", "changing content"),
    "shipments": ("fulfilment", "reading Odoo's deliveries"),
    "shipment_confirmations": ("fulfilment", "confirming shipments"),
    "invoices": ("invoicing", "invoicing orders and registering payments"),
    "issued_refunds": ("refunding", "paying credit notes back"),
    "fba_inventory": ("inbound", "reading the ledger of the marketplace's warehouses"),
    "fba_removals": ("inbound", "bringing back what the marketplace sends back"),
    "fba_reconciliation": ("inbound", "comparing the marketplace's warehouses with Odoo"),
    "inbound_transfers": ("inbound", "reading transfers to the marketplace's warehouses"),
    "inbound_shipments": ("inbound", "receiving what the marketplace has counted"),
    "exceptions": ("exceptions", "showing what waits"),
    "exceptions_desk": ("overview", "showing all that waits"),
    "overview": ("overview", "showing all channels"),
    "rehearsal": ("rehearsal", "comparing two sets of rules"),
    "raw_returns": ("returns", "fetching returns and refunds"),
    "staged_returns": ("returns", "reading returns and refunds"),
    "credit_notes": ("returns", "bringing returns and refunds to Odoo"),
    "subscriptions": ("notices", "comparing what the channel sends messages about"),
    "limits": ("limits", "reading call limits"),
    "schema_profile": ("drift", "comparing the shape of answers"),
    "retention": ("privacy", "carrying out erasures that waited"),
    "raw_returns_looked_at": ("returns", "judging the sensor of returns"),
    "raw_orders_looked_at": ("orders", "judging the sensor of orders"),
    "stock_levels_looked_at": ("inventory", "judging the sensor of stock"),
    "subscriptions_messages_come": ("notices", "judging whether messages come"),
    "shipments_looked_at": ("fulfilment", "judging the sensor of shipments"),
}


def describe(context: dg.RunFailureSensorContext) -> tuple[str, str, str]:
    """(which work it was, subject, text) of a failed run: channel, flow and step in words, the days, and the step's own
    sentence. A later successful run of the same work ends the failure: `work_tags` names the work."""
    run = context.dagster_run
    days = [run.tags[tag] for tag in sorted(run.tags) if "partition" in tag]
    events = [event for event in context.get_step_failure_events() if event.step_key]
    tags = {**missing_tags(run), **run.tags}
    if tags[CHANNEL_TAG] == EVERY and events:  # neither tags nor a selection: the failed steps show them
        tags |= tags_of([flow_path(str(event.step_key)) for event in events])
    subject = f"{in_words(tags)} failed"
    steps = list(dict.fromkeys(step_path(str(event.step_key))[-1] for event in events))
    if steps:
        subject += " at " + " and ".join(STEPS[step][1] if step in STEPS else step.replace("_", " ") for step in steps)
    lines = [f"run {run.run_id}", f"channel {tags[CHANNEL_TAG]}, flow {tags[FLOW_TAG]}"]
    lines += ["days " + " … ".join(days)] if days else []
    text = "\n".join([*lines, *(f"{event.step_key}: {reason(event)}" for event in events)])
    return f"{tags[CHANNEL_TAG]}|{tags[FLOW_TAG]}", subject, text


def work_tags(work: str) -> dict[str, str]:
    """The tags of the runs of this work."""
    channel, _, flow = work.partition("|")
    return {CHANNEL_TAG: channel, FLOW_TAG: flow}


def in_words(tags: Mapping[str, str]) -> str:
    """`orders of shop_de`, for people who do not know what a run is."""
    if tags[CHANNEL_TAG] == EVERY:
        return "a run of several channels"
    flows = [FLOWS.get(flow, flow) for flow in tags[FLOW_TAG].split(", ")]
    return f"{' and '.join(flows)} of {tags[CHANNEL_TAG].replace(', ', ' and ')}"


def step_path(step_key: str) -> tuple[str, str]:
    """Channel and table of a step, as in its asset's key. A channel's name may contain the separator of the two; what
    reads Odoo for a group of channels has the group's name between them."""
    channel, _, table = step_key.rpartition("__")
    return ODOO if channel.startswith(f"{ODOO}__") else channel, table


def flow_path(step_key: str) -> tuple[str, str]:
    """Channel and flow of a step; of a step that is not in STEPS, channel and table."""
    channel, table = step_path(step_key)
    return channel, STEPS[table][0] if table in STEPS else table


def reason(event: dg.DagsterEvent) -> str:
    """The sentence of one of our own errors, else only the name of its class, because any other message may quote
    data."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "error"
    ours, _, sentence = error.message.partition(": ")
    return sentence.strip() if ours.startswith(_OURS) else error.cls_name or "error"
