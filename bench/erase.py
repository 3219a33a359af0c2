"""erase_1m: erasing a person out of one million landed orders.

**What is measured.** Wall seconds of `flows.privacy.erase`, finding the person included, in a database with a million
orders besides theirs: answers, keys, staged orders, rows of the ledger. It ends when the keys are destroyed, their
table is rewritten and the log is renewed. The baseline is that last step alone, before anything is erased: what any
erasure costs that leaves no key behind.

**What is not.** Odoo's own time: its stand-in holds the orders of a few days. The million is made by SQL from the rows
of one real order, each under a key and an id of its own; nobody opens these answers, in an erasure neither.

What belongs here: making the million, and the clock. What does not: the erasure (flows/privacy/).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.privacy.erasure import OPEN_TRANSFERS
from commerce_pipelines.flows.privacy.erase import erase, plan
from commerce_pipelines.flows.privacy.erasure_plan import Plan
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.resources.connections import Connections, open_connections
from commerce_pipelines.settings.file import parse
from commerce_pipelines.warehouse.privacy.subjects import scrub
from commerce_sandbox.catalogue import CATALOGUE
from commerce_sandbox.odoo import OdooStandIn, demo_database
from commerce_sandbox.shopify import ShopifyStandIn, demo_orders

from .backfill_twice import NAME, SETTINGS, backfill
from .database import MASTER_KEY_TEXT, copy_rows, server
from .figures import Figure

ORDERS, DAYS, SEED = 1_000_000, 2, 7
# Columns of the copies that differ from the row they are made of; n is the number of the copy.
_SUBJECT = "decode(md5('subject ' || n), 'hex')"
COPIES: dict[str, dict[str, str]] = {
    "subject_keys": {"subject_id": _SUBJECT},
    "snapshots": {"record_id": "'N' || n", "subject_id": _SUBJECT, "day": "t.day - (n %% 700)::int"},
    "orders": {"order_id": "'N' || n", "subject_id": "md5('subject ' || n)", "day": "t.day - (n %% 700)::int"},
    "sale_orders": {"order_id": "'N' || n", "odoo_id": "1000000 + n", "day": "t.day - (n %% 700)::int"},
}


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    os.environ |= {"BENCH_PASSWORD": "admin", "BENCH_TOKEN": "shpat_sandbox"}
    count, now = max(int(ORDERS * size), 100), datetime.now(UTC)
    end = now.date() + timedelta(days=1)
    with server() as database, ShopifyStandIn() as shop, OdooStandIn(demo_database(CATALOGUE)) as odoo:
        for order in demo_orders(SEED, DAYS, now, CATALOGUE):
            shop.add(order)
        settings = parse(SETTINGS.format(odoo=odoo.url, shop=shop.url, start=end - timedelta(days=DAYS + 1)))
        keys = {"COMMERCE_DATABASE_URL": database.fresh(), "COMMERCE_MASTER_KEY": MASTER_KEY_TEXT}
        connections = open_connections(settings, keys)
        backfill(connections, end - timedelta(days=DAYS + 1), end)
        email = _choose_person(connections, [order["email"] for order in shop.orders.rows.values()])
        tell(f"{count:,} orders are made up")
        copy_rows(connections.warehouse, COPIES, count)
        tell("the table of keys is rewritten")
        started = time.perf_counter()
        scrub(connections.warehouse)
        baseline = time.perf_counter() - started
        tell("a person is erased")
        started = time.perf_counter()
        planned = plan(connections, Identity(email=email))
        result = erase(connections, planned, "bench")
        seconds = time.perf_counter() - started
        assert result.done, result.certificate
        assert not _is_readable(connections, planned)
        connections.warehouse.close()
    return [
        Figure(
            name="erase_1m", value=seconds, unit="s", baseline=baseline, target=60.0, judged="value", at="most",
            note=f"{count:,} orders beside {len(planned.person.orders)} of the person's",
        )
    ]  # fmt: skip


def _choose_person(connections: Connections, emails: list[str]) -> str:
    """The address with the most orders of which nothing is open once its deliveries are done."""
    for email in sorted({email for email in emails if email}, key=emails.count, reverse=True):
        planned = plan(connections, Identity(email=email))
        states = zip(planned.holdings.transfer_ids, planned.holdings.transfers, strict=True)
        if to_do := [number for number, transfer in states if transfer.state in OPEN_TRANSFERS]:
            connections.odoo.call("stock.picking", "button_validate", ids=to_do, context={"skip_sms": True})
            planned = plan(connections, Identity(email=email))
        if not planned.decision.waiting:
            return email
    raise SystemExit("Nobody in the sandbox's shop can be erased: give it more days.")


def _is_readable(connections: Connections, planned: Plan) -> bool:
    ids = [order.record_id for order in planned.person.orders]
    rows: Any = connections.landing(NAME, Topic.ORDERS).newest_of(ids).values()
    return any(row.raw for row in rows)
