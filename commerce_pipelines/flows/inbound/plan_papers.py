"""What a plan leaves in Odoo once it is confirmed: numbers of shipments on the transfers, labels of boxes beside them.

What belongs here: which numbers and labels, the door for writers. What does not: the writes themselves
(odoo/inbound/plan_papers.py).
"""

from __future__ import annotations

from ...channels.inbound_plans import InboundPlans
from ...domain.inbound.plan_steps import Plan, list_numbers
from ...odoo.inbound.departing import Departing
from ...odoo.inbound.plan_papers import attach, write_numbers
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer


def write_papers(
    connections: Connections, name: str, channel: InboundPlans, plan: Plan, transfer: Departing
) -> int:  # fmt: skip
    """Write the numbers on both transfers, by which what arrives is received, and attach the labels to the first one;
    returns how many files were attached. Without boxes there are no labels."""
    with odoo_writer(connections, name) as client:
        write_numbers(client, [transfer.picking_id, *transfer.arrivals], list_numbers([plan]))
    if not plan.consignment.boxes:
        return 0
    page = connections.settings.channel(name).inbound.plans.label_page
    attached = 0
    for shipment in plan.progress.shipments:
        labels = list(channel.read_labels(plan.progress.plan_id, shipment, page))
        with odoo_writer(connections, name) as client:
            attached += len(attach(client, transfer.picking_id, labels))
    return attached
