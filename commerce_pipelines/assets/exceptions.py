"""What waits, in Dagster: one asset per channel that shows the exceptions by reason and can replay them in bulk.

What belongs here: the asset, its table and its config. What does not: when a record is tried again
(flows/orders/heal.py, domain/sales/lifecycle.py).
"""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import dagster as dg

from ..channels.settings import ChannelSettings
from ..core.local_time import local_time
from ..core.topics import Topic
from ..resources.borders import in_our_words
from ..resources.connections import Connections
from .chart import bars
from .common import escape_cell, failures, write_link

if TYPE_CHECKING:
    from ..warehouse.exceptions import OpenException

ROWS_SHOWN = 50
PAGES = (Topic.ORDERS, Topic.RETURNS, Topic.REFUNDS, Topic.FULFILMENT, Topic.INVOICING)  # their records have pages
ALL = "all"


class Replay(dg.Config):
    """replay: a reason code such as unknown_sku, `all`, or empty to look only."""

    replay: str = ""


def exceptions_asset(channel: ChannelSettings, owner: str) -> dg.AssetsDefinition:
    """`<channel>/exceptions`: not partitioned, because a person wants to see everything that waits."""
    name = channel.name

    @dg.asset(
        key=dg.AssetKey([name, "exceptions"]),
        deps=[dg.AssetKey([name, "sale_orders"])],
        group_name=name,
        owners=[owner],
        tags={"flow": "orders", "stage": "load"},
        kinds={"postgres"},
        description=(
            "Orders, returns, refunds and listings that wait, and notes for a person, by reason, with what to "
            "do. To try all records of one reason again, open the launchpad of Materialize and set `replay` to its "
            "code, or to `all`: the sensor then requests their days."
        ),
    )
    @in_our_words
    def exceptions(config: Replay, connections: dg.ResourceParam[Connections]) -> dg.MaterializeResult:
        from ..flows.lineage import replay
        from ..warehouse.exceptions import open_exceptions

        with failures():
            due = 0
            if config.replay:
                code = "" if config.replay == ALL else config.replay
                due = sum(replay(connections, name, code=code, by=f"asset {name}/exceptions"))
            with connections.warehouse.transaction() as connection:
                waiting = open_exceptions(connection, name, None)
        reasons = Counter(record.code for record in waiting if record.blocking)
        topics = Counter(record.topic for record in waiting if record.blocking)
        notes = Counter(record.code for record in waiting if not record.blocking)
        most = dict((reasons + notes).most_common(12))
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": len(waiting),
                "orders that wait": topics[Topic.ORDERS],
                "returns and refunds that wait": topics[Topic.RETURNS] + topics[Topic.REFUNDS],
                "invoices and payments that wait": topics[Topic.INVOICING],
                "credit notes that wait to be paid back": topics[Topic.REFUNDING],
                "listings that cannot be read": topics[Topic.INVENTORY],
                "notes on loaded orders": sum(notes.values()),
                "made due": due,
                "by reason": dg.MetadataValue.md(bars(most, "by reason") or "nothing"),
                "what to do": dg.MetadataValue.md(_write_table(waiting)),
            }
        )

    return exceptions


def _write_table(waiting: "Sequence[OpenException]") -> str:
    """Markdown, at most SHOWN rows. All text from outside is escaped."""
    if not waiting:
        return "Nothing waits."
    head = "| flow | record | reason | says | what to do | first seen | tries |\n" + "| --- " * 7 + "|"
    rows = []
    for record in waiting[:ROWS_SHOWN]:
        seen = local_time(record.first_seen)
        cells = (record.code, record.message, record.fix, seen, str(record.tries))
        rows.append(
            f"| {escape_cell(record.topic)} | {_write_record(record)} | " + " | ".join(map(escape_cell, cells)) + " |"
        )
    rest = (
        f"\n\n… and {len(waiting) - ROWS_SHOWN} more: `commerce-pipelines exceptions list`."
        if len(waiting) > ROWS_SHOWN
        else ""
    )
    return "\n".join([head, *rows]) + rest


def _write_record(record: "OpenException") -> str:
    """Its id, leading to its page where it has one: that of an order, a return or a refund."""
    has_page = record.topic in PAGES
    return write_link(record.channel, record.record_id) if has_page else escape_cell(record.record_id)
