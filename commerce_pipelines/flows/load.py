"""Staged orders -> Odoo: which are due, what each becomes, and what came of it.

What belongs here: choosing what to create, cancel or leave alone, and keeping the ledger and the exceptions. What does
not: how Odoo is written to (odoo/sales.py), what an order becomes (domain/drafting.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ..domain.completeness import SOLD
from ..domain.drafting import draft
from ..domain.errors import RecordError
from ..domain.orders import OrderStatus
from ..domain.sales import SaleDraft, SaleOutcome
from ..resources.connections import Connections
from .stage import read_order

if TYPE_CHECKING:
    import pandas as pd

STAGE = "load"
Row = Mapping[str, Any]
LEDGER = (
    *("channel", "order_id", "day", "digest", "action", "odoo_id", "name", "state", "currency", "total"),
    *("amount_total", "amount_tax", "code", "message", "loaded_at"),
)


class Loaded(msgspec.Struct, kw_only=True):
    """Figures of one run: orders by what became of them, exceptions by reason, money confirmed in Odoo by currency."""

    actions: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    by_currency: Counter[str] = msgspec.field(default_factory=Counter)


def is_sale(row: Row) -> bool:
    """Whether a staged order must be in Odoo: paid, real, and this channel's own sale."""
    return row["status"] == OrderStatus.PAID.value and not row["is_other_channel"] and not row["is_test"]


def load(
    connections: Connections,
    name: str,
    orders: pd.DataFrame,
    *,
    run_id: str = "",
    advance: Callable[[int], None] | None = None,
    now: datetime | None = None,
) -> tuple[pd.DataFrame, Loaded]:
    """Bring Odoo in step with the staged orders; returns the ledger's rows and the figures.

    Reads before it writes: what Odoo already has to the cent costs no write. One writer per Odoo at a time, by an
    advisory lock. A refused order becomes a row in exceptions, and the others go on.
    """
    from ..odoo.sales import cancel_sales, load_sales, sale_totals
    from ..warehouse import quarantine

    now = now or datetime.now(UTC)
    rows: list[Row] = orders.to_dict("records")
    due, verdicts = _sort(rows)
    odoo, settings = connections.odoo, connections.settings
    failures: list[tuple[str, date | None, RecordError]] = []
    with connections.warehouse.lock(f"odoo {settings.odoo.url} {settings.odoo.database}", wait=True):
        wanted = [row["order_id"] for row in rows if is_sale(row) or row["status"] == OrderStatus.CANCELLED.value]
        booked = sale_totals(odoo, name, wanted)
        sales: list[Row] = []
        cancelled: list[str] = []
        for row in due:
            sale = booked.get(row["order_id"])
            if row["status"] == OrderStatus.CANCELLED.value:
                if sale is None or sale.state == "cancel":
                    verdicts[row["order_id"]] = _verdict(row, "cancelled", sale)
                else:
                    cancelled.append(row["order_id"])
            elif sale and sale.state in SOLD and (sale.currency, sale.total) == (row["currency"], row["total"]):
                verdicts[row["order_id"]] = _verdict(row, "unchanged", sale)
            else:
                sales.append(row)
        drafts = _drafts(connections, name, sales, failures)
        channel = settings.channel(name)
        for outcome in load_sales(odoo, settings.odoo, drafts, channel.taxes, on_batch=advance):
            verdicts[outcome.order_id] = outcome
        for outcome in cancel_sales(odoo, name, cancelled):
            verdicts[outcome.order_id] = outcome
    for order_id, _day, error in failures:
        verdicts[order_id] = SaleOutcome(
            channel=name, order_id=order_id, action="refused", code=error.code, message=error.message,
            fix=error.fix, subject=error.subject,
        )  # fmt: skip
    days = {row["order_id"]: row["day"] for row in rows}
    refused = [
        (o.order_id, days[o.order_id], RecordError(o.code, o.message, fix=o.fix, subject=o.subject))
        for o in verdicts.values()
        if o.action == "refused"
    ]
    with connections.warehouse.transaction() as connection:
        quarantine.record(connection, name, STAGE, refused, run_id, now)
        quarantine.resolve(connection, name, STAGE, [i for i, o in verdicts.items() if o.action != "refused"], now)
    return _ledger(rows, verdicts, now), _figures(verdicts.values(), rows)


def plan(connections: Connections, name: str, orders: pd.DataFrame) -> list[tuple[str, str, str]]:
    """What `load` would do, without writing: (order id, action, reason) of every staged order."""
    from ..odoo.sales import sale_totals

    rows: list[Row] = orders.to_dict("records")
    due, verdicts = _sort(rows)
    booked = sale_totals(connections.odoo, name, [row["order_id"] for row in due])
    lines = [(order_id, outcome.action, "") for order_id, outcome in verdicts.items()]
    create: list[Row] = []
    for row in due:
        sale = booked.get(row["order_id"])
        if row["status"] == OrderStatus.CANCELLED.value:
            lines.append((row["order_id"], "cancel" if sale and sale.state != "cancel" else "leave out", ""))
        elif sale and sale.state in SOLD and (sale.currency, sale.total) == (row["currency"], row["total"]):
            lines.append((row["order_id"], "unchanged", sale.name))
        else:
            create.append(row)
    failures: list[tuple[str, date | None, RecordError]] = []
    lines += [(d.order_id, "create", f"{d.total} {d.currency}") for d in _drafts(connections, name, create, failures)]
    return lines + [(order_id, "refuse", error.message) for order_id, _day, error in failures]


def _sort(rows: Iterable[Row]) -> tuple[list[Row], dict[str, SaleOutcome]]:
    """Rows that Odoo must be asked about, and verdicts on those that never reach it."""
    due, verdicts = [], {}
    for row in rows:
        if is_sale(row) or (row["status"] == OrderStatus.CANCELLED.value and not row["is_other_channel"]):
            due.append(row)
        else:
            action = "not_a_sale" if row["is_other_channel"] else "test" if row["is_test"] else "waiting"
            verdicts[row["order_id"]] = _verdict(row, action, None)
    return due, verdicts


def _drafts(
    connections: Connections, name: str, rows: list[Row], failures: list[tuple[str, date | None, RecordError]]
) -> list[SaleDraft]:
    """Read the orders whole, contacts included: decrypted here, held in memory only, on their way to Odoo."""
    channel, settings = connections.channel(name), connections.settings
    drafts = []
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        snapshots = connections.landing(name).newest_of([row["order_id"] for row in part])
        for row in part:
            snapshot = snapshots.get(row["order_id"])
            try:
                if snapshot is None or snapshot.raw is None:
                    raise RecordError("forgotten", "The personal data of this order was erased before it was loaded.",
                                      fix="Enter the order in Odoo by hand if it must still be served.")
                order = read_order(channel, snapshot.raw)
                drafts.append(draft(order, snapshot.subject_id, settings.channel(name), settings.vat))
            except RecordError as error:
                failures.append((row["order_id"], row["day"], error))
    return drafts


def _verdict(row: Row, action: str, sale: Any) -> SaleOutcome:
    known = {} if sale is None else {"odoo_id": sale.odoo_id, "name": sale.name, "state": sale.state,
                                     "amount_total": sale.total, "amount_tax": sale.tax}
    return SaleOutcome(channel=row["channel"], order_id=row["order_id"], action=action, **known)


def _ledger(rows: list[Row], verdicts: Mapping[str, SaleOutcome], now: datetime) -> pd.DataFrame:
    import pandas as pd

    records = []
    for row in rows:
        o = verdicts[row["order_id"]]
        records.append((
            row["channel"], row["order_id"], row["day"], row["digest"], o.action, o.odoo_id or None, o.name, o.state,
            row["currency"], row["total"], o.amount_total, o.amount_tax, o.code, o.message, now,
        ))  # fmt: skip
    return pd.DataFrame.from_records(records, columns=list(LEDGER)).convert_dtypes(dtype_backend="pyarrow")


def _figures(verdicts: Iterable[SaleOutcome], rows: list[Row]) -> Loaded:
    loaded = Loaded()
    currency = {row["order_id"]: row["currency"] for row in rows}
    for outcome in verdicts:
        loaded.actions[outcome.action] += 1
        if outcome.code:
            loaded.reasons[outcome.code] += 1
        if outcome.state in SOLD:
            loaded.by_currency[currency[outcome.order_id]] += outcome.amount_total
    return loaded
