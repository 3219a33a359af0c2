"""ledger_50k: Amazon's ledger of 50,000 rows, from its two documents to the products that differ.

**What is measured.** Half of the rows are events, half are balances of days, of 2,500 SKUs over ten days; one SKU in a
hundred differs from Odoo. The documents are read (`ledger_documents.py`), looked through for flaws, kept in PostgreSQL
in place of the same days, read back, and compared (`domain/inbound/`): the CPU time of our process counts.

**What is not measured.** Requesting the reports, and Odoo: its stock is made here, in the form in which it is read.

What belongs here: making the documents, and the clock. What does not: the work itself.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from commerce_pipelines.channels.amazon.api.documents import Fetched
from commerce_pipelines.channels.amazon.inbound.ledger_documents import read_details, read_summary
from commerce_pipelines.domain.inbound.ledger import Ledger, find_flaws
from commerce_pipelines.domain.inbound.reconciliation import Books, Content, Stocked, compare
from commerce_pipelines.warehouse.inbound.ledger import read_days, replace_ledger
from commerce_pipelines.warehouse.tables.database import Warehouse
from commerce_sandbox.amazon.ledger_rows import DETAILS, SUMMARY, Event
from commerce_sandbox.amazon.ledger_rows import Ledger as Events

from .database import MASTER_KEY, server
from .figures import Figure

ROWS, DAYS, TURNS = 50_000, 10, 3
FIRST = date(2026, 11, 2)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """The figure; size: a share of the 50,000 rows."""
    skus = max(round(ROWS * size / 2 / DAYS), 2)
    tell(f"making {skus * DAYS * 2} rows")
    documents, units = make_documents(skus)
    with server() as database:
        warehouse = Warehouse(database.fresh(), MASTER_KEY)
        costs = []
        for turn in range(TURNS):
            tell(f"turn {turn + 1} of {TURNS}")
            began = time.process_time()
            differing = reconcile(warehouse, documents, units)
            costs.append(time.process_time() - began)
        warehouse.close()
    if differing != len([number for number in range(skus) if number % 100 == 0]):
        raise AssertionError(f"{differing} products differ")
    return [
        Figure(
            name="ledger_50k", value=min(costs), unit="CPU-s", baseline=0.0, target=5.0, judged="value", at="most",
            note=f"{skus} SKUs over {DAYS} days, each with an event and a balance a day.",
        )
    ]  # fmt: skip


def make_documents(skus: int) -> tuple[dict[str, Fetched], dict[str, int]]:
    """Both documents, and what each SKU has at the end."""
    rng, events, units = random.Random(7), Events(), dict[str, int]()
    for number in range(skus):
        sku = f"SKU-{number:06d}"
        for day in range(DAYS):
            count = rng.randint(1, 9)
            units[sku] = units.get(sku, 0) + count
            events.add(Event(FIRST + timedelta(days=day), sku, "Receipts", count, f"FBA15{number:05d}"))
    start = datetime.combine(FIRST, datetime.min.time(), events.zone)
    end = datetime.combine(FIRST + timedelta(days=DAYS), datetime.min.time(), events.zone)
    return {
        kind: Fetched(*events.write(kind, start, end, {"aggregateByLocation": "COUNTRY"}, NOW))
        for kind in (DETAILS, SUMMARY)
    }, units


def reconcile(warehouse: Warehouse, documents: dict[str, Fetched], units: dict[str, int]) -> int:
    """The number of products that differ."""
    end = FIRST + timedelta(days=DAYS)
    ledger = Ledger(
        days=tuple(FIRST + timedelta(days=day) for day in range(DAYS)),
        balances=tuple(read_summary(documents[SUMMARY], FIRST, end)),
        events=tuple(read_details(documents[DETAILS], FIRST, end)),
    )
    if flaws := find_flaws(ledger):
        raise AssertionError(f"{len(flaws)} flaws")
    with warehouse.transaction() as connection:
        replace_ledger(connection, "amazon_eu", ledger, NOW)
    with warehouse.transaction() as connection:
        days = read_days(connection, "amazon_eu", FIRST, end)
    contents = {sku: [Content(number, 1)] for number, sku in enumerate(units)}
    stocked = {
        number: Stocked(code=sku, units=float(count + (number % 100 == 0)))
        for number, (sku, count) in enumerate(units.items())
    }
    return len(compare(Books(days=days, contents=contents, stocked=stocked)))
