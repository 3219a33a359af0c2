"""`commerce-pipelines report --as-of TIME`: what the report said, and what was known, at an earlier time.

What belongs here: its tables and its JSON. What does not: what is on record (flows/past_report.py), the report of now
(report.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from ..core.local_time import local_time
from ..resources.connections import Connections
from .report_figures import describe_orders, describe_refunds
from .report_tables import show_money, tell_ids
from .terminal import say, show_table

if TYPE_CHECKING:
    from ..flows.past_report import Past, PastChannel

NOT_KEPT = "Deliveries, invoices and refunds out are proved anew by each report and are not kept."


def show_past(connections: Connections, spans: Mapping[str, tuple[date, date]], at: datetime, *, as_json: bool) -> None:
    """The figures of these channels and days as they were on record at `at`. Asks neither Odoo nor a marketplace."""
    from ..flows.past_report import read_past

    past = {name: read_past(connections, name, *span, at) for name, span in spans.items()}
    parts: dict[str, dict[str, Past]] = {
        "orders": {name: row.orders for name, row in past.items()},
        "refunds": {name: row.refunds for name, row in past.items() if row.refunds},
    }
    when = local_time(at)
    rows = [
        (name, what, str(part.heard), str(part.written), f"{part.proved} of {part.days}")
        for what, of_channels in parts.items() for name, part in of_channels.items()
    ]  # fmt: skip
    show_table(f"Known here at {when}", ("channel", "what", "had come", "in Odoo", "days proved"), rows,
               right=("had come", "in Odoo", "days proved"))  # fmt: skip
    titles = {
        "orders": ("Every paid order, channel against Odoo", ("orders", "in Odoo")),
        "refunds": ("Every refund, channel against Odoo", ("refunds", "credit notes")),
    }
    for what, of_channels in parts.items():
        proofs = {name: part.proof for name, part in of_channels.items() if part.proved}
        if proofs:
            title, headings = titles[what]
            show_money(f"{title}, by the newest proofs until {when}", headings, proofs)
        for name, proof in proofs.items():
            tell_ids(name, f"{what} missing then:", proof.missing)
            tell_ids(name, f"{what} too many then:", proof.surplus)
    for name, row in past.items():
        if row.orders.proved < row.orders.days:
            _tell_unproved(name, row)
    say(NOT_KEPT)
    if as_json:
        figures = {name: _describe(row) for name, row in past.items()}
        click.echo(json.dumps({"as_of": at.isoformat(), "channels": figures}))


def _tell_unproved(name: str, row: PastChannel) -> None:
    first = f"the first that is kept was made {local_time(row.first)}" if row.first else "none is kept"
    days = row.orders.days - row.orders.proved
    why = "no order was placed then, or no proof was made yet"
    say(f"{name}: of {days} days no figures are on record from before that time: {why}; {first}.")


def _describe(row: PastChannel) -> dict[str, Any]:
    """The names are those of the report of now, with what was known beside them."""
    orders, refunds = row.orders, row.refunds
    figures = describe_orders(orders.proof) | {
        "days_proved": orders.proved, "orders_known": orders.heard, "orders_written_to_odoo": orders.written,
    }  # fmt: skip
    if refunds:
        figures |= describe_refunds(refunds.proof) | {
            "refund_days_proved": refunds.proved, "refunds_known": refunds.heard,
            "credit_notes_written_to_odoo": refunds.written,
        }  # fmt: skip
    return figures
