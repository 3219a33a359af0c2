"""What must hold after any fault, asked of the two sides themselves: the channel's orders and Odoo's rows.

What belongs here: the one function. What does not: how a fault is made.
"""

from __future__ import annotations

from collections import Counter

from commerce_pipelines.domain.orders.order import OrderStatus
from commerce_pipelines.warehouse import exceptions as quarantine
from commerce_pipelines_tests.doubles.lane import NAME, Lane, writes
from commerce_sandbox.odoo import OdooStandIn

TABLES = ("orders", "order_lines", "sale_orders", "exceptions", "completeness")


def check(lane: Lane, odoo: OdooStandIn) -> None:
    """Each paid order is one confirmed sale at its newest revision and total; what is not is in exceptions; nothing
    else is in Odoo; nobody's name lies in clear in our tables; another run writes nothing."""
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        held = {
            record.record_id for record in quarantine.open_exceptions(connection, NAME, "orders") if record.blocking
        }
        cursor.execute(" UNION ALL ".join(f"SELECT t::text FROM commerce.{table} t" for table in TABLES))
        stored = "\n".join(text for (text,) in cursor)
    sold = {
        order.number: order.total
        for order in lane.channel.known.values()
        if order.status is OrderStatus.PAID and order.order_id not in held
    }
    rows = lane.connections.odoo.call(
        "sale.order", "search_read", domain=[["client_order_ref", "!=", False]],
        fields=["client_order_ref", "state", "amount_total"], load=None,
    )  # fmt: skip
    assert Counter(row["client_order_ref"] for row in rows) == Counter(sold.keys())
    assert {row["client_order_ref"]: round(row["amount_total"] * 100) for row in rows} == sold
    assert {row["state"] for row in rows} <= {"sale"}
    proof = lane.prove().whole
    assert proof.complete, proof
    assert proof.exceptions == len(held & lane.channel.known.keys())
    for order in lane.channel.known.values():
        assert order.buyer.email not in stored, order.order_id
    since = len(odoo.calls)
    lane.run(again=False)
    assert writes(odoo, since) == []
