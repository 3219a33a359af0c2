"""Staged orders -> Odoo: which are due, what each becomes, and what came of it.

What belongs here: carrying out the steps of domain/sales/lifecycle.py, keeping the ledger and the exceptions. What does
not: how Odoo is written to (odoo/sales/sale_orders.py), what an order becomes (domain/sales/order_to_draft.py), reading
drafts (landed_to_draft.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec

from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.orders.order import OrderStatus
from ...domain.sales.base import Base
from ...domain.sales.completeness import SOLD
from ...domain.sales.draft import Action, Flag, Sale, SaleDraft, SaleOutcome
from ...domain.sales.lifecycle import (
    NOT_ASKED,
    LedgerEntry,
    Says,
    Step,
    next_base,
    next_try,
    refused_after_loading,
    step,
)
from ...domain.sales.review import HELD
from ...resources.connections import Connections
from ...settings.fingerprint import fingerprint
from ...warehouse.orders.ledger import LEDGER, read_entries, read_unreadable
from ...warehouse.orders.reductions import find_whole
from ...warehouse.tables.database import storable
from ..odoo_writer import odoo_writers
from .figures import Loaded, sum_figures
from .landed_to_draft import PAST_AGE_LIMIT, drafts_of
from .marks import KEY, STAYS, WRITTEN, choose_holds, choose_marks, mark

if TYPE_CHECKING:
    import pandas as pd

    from ...warehouse.exceptions import Failure, OpenException

STAGE = "load"
# What the ledger keeps of the last draft, and what it has before the first.
_CARRIED = ("expected_tax", "rounding", "regime", "tax_country", "warehouse", "evidence", "base")
_UNDECIDED = (None, 0, "", "", "", "{}", "")
Row = Mapping[str, Any]


class Sorted(msgspec.Struct, kw_only=True):
    """The staged rows by what is to be done with them; `verdicts` holds those that need nothing. For the rows in
    `load`: `sales`, their last load and Odoo's state (see landed_to_draft.py), and `booked`, Odoo's figures."""

    load: list[Row] = msgspec.field(default_factory=list)
    cancel: list[Row] = msgspec.field(default_factory=list)
    refunded: set[str] = set()  # orders that refunds took everything off
    sales: dict[str, tuple[Base | None, bool]] = msgspec.field(default_factory=dict)
    booked: dict[str, Sale] = msgspec.field(default_factory=dict)
    verdicts: dict[str, SaleOutcome] = msgspec.field(default_factory=dict)
    kept: set[str] = msgspec.field(default_factory=set)  # orders whose exceptions stay as they are
    odoo_ids: dict[str, int] = msgspec.field(default_factory=dict)
    notes: dict[str, dict[str, Reason]] = msgspec.field(default_factory=dict)  # open notes by order id and code


def is_sale(row: Row) -> bool:
    """Whether a staged order must be in Odoo: paid, real, and this channel's own sale."""
    return row["status"] == OrderStatus.PAID.value and not row["is_other_channel"] and not row["is_test"]


def load(
    connections: Connections,
    name: str,
    orders: pd.DataFrame,
    *,
    span: tuple[date, date] | None = None,
    run_id: str = "",
    again: bool = True,
    advance: Callable[[int], None] | None = None,
) -> tuple[pd.DataFrame, Loaded]:
    """Bring Odoo in step with the staged orders; returns the ledger's rows and the figures.

    Reads before it writes, so an order that Odoo has to the cent costs no write. Others write to this Odoo at the same
    time only as far as `odoo.writers` allows, and never what this writes. A refused order becomes a row in the
    exceptions, and the others go on. span: the days `[start, end)` of which `orders` are all, so that orders of these
    days that cannot be read any more keep their place. again: try refused orders even if nothing changed for them (runs
    by hand, backfills, the nightly run).
    """
    from .in_parts import carry_out, taking_sold

    now = connections.instruments.now()
    rows: list[Row] = list(records(orders))
    if span:
        with connections.warehouse.transaction() as connection:
            rows += read_unreadable(connection, name, *span)
    with odoo_writers(connections, name) as turns:
        writer, before = turns.client, turns.client.collisions.count
        work = sort(connections, name, rows, again, now)
        drafted = drafts_of(connections, name, [(row["order_id"], row["day"]) for row in work.load], work.sales)
        channel = connections.settings.channel(name)
        carry_out(turns, connections, name, work, drafted.drafts, advance)
        for order_id, _day, error in drafted.failures:
            work.verdicts[order_id] = SaleOutcome(
                channel=name, order_id=order_id, action=Action.REFUSED, reason=error.reason, words=error.words
            )
        for order_id, sale in work.booked.items():
            work.verdicts[order_id] = _add_confirmed_flag(work.verdicts[order_id], sale)
        marks = choose_marks(work, choose_holds(channel))
        if marks or writer.settings.page_links:
            with taking_sold(turns, marks.moved, KEY):
                mark(writer, work, marks)
        collisions = writer.collisions.count - before
    _put_in_exceptions(connections, name, rows, work, run_id, now)
    by_id = {draft.order_id: draft for draft in drafted.drafts}
    loaded = sum_figures(work.verdicts.values(), rows, by_id, collisions)
    return _build_ledger(connections, name, rows, work, by_id, now), loaded


def records(frame: pd.DataFrame) -> Iterator[Row]:
    """A frame's rows as mappings by column name."""
    names = list(map(str, frame.columns))
    for row in frame.itertuples(index=False, name=None):
        yield dict(zip(names, row, strict=True))


def sort(connections: Connections, name: str, rows: list[Row], again: bool, now: datetime) -> Sorted:
    """What each staged row needs, from one look at Odoo, the ledger and the open exceptions. Writes nothing."""
    from ...odoo.sales.sale_orders import sale_totals
    from ...warehouse import exceptions

    work = Sorted()
    due: list[Row] = []
    for row in rows:
        if row["is_other_channel"] or (row["is_test"] and row["status"] != OrderStatus.CANCELLED.value):
            action = Action.NOT_A_SALE if row["is_other_channel"] else Action.TEST
            work.verdicts[row["order_id"]] = _build_outcome(row, action, None)
        else:
            due.append(row)
    ids = [row["order_id"] for row in due]
    odoo = connections.odoo_of(name)
    booked = sale_totals(odoo, connections.label(name), ids)
    with connections.warehouse.transaction() as connection:
        entries = read_entries(connection, name, ids)
        waiting = exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=ids)
        work.refunded = find_whole(connection, name, {row["order_id"]: row["total"] for row in due})
    # An order of which refunds took everything off, before it was invoiced, counts as cancelled.
    due = [{**row, "status": Says.CANCELLED.value} if row["order_id"] in work.refunded else row for row in due]
    refused = {record.record_id: record for record in waiting if record.blocking and record.stage == STAGE}
    work.odoo_ids = {order_id: sale.odoo_id for order_id, sale in booked.items()}
    for record in waiting:
        if record.note:
            work.notes.setdefault(record.record_id, {})[record.code] = record.reason
    asked = {
        record.record_id for record in waiting if not record.blocking and record.retry_at and record.retry_at <= now
    }
    stamp = fingerprint(connections.settings, name, Topic.ORDERS)
    for row in due:
        order_id, sale = row["order_id"], booked.get(row["order_id"])
        refusal = refused.get(order_id)
        if refusal and not again and row["status"] == Says.PAID and _is_waiting(refusal, row["digest"], stamp, now):
            work.verdicts[order_id] = SaleOutcome(
                channel=name, order_id=order_id, action=Action.REFUSED, reason=refusal.reason, **_describe_sale(sale)
            )
            work.kept.add(order_id)
            continue
        if sale is not None and sale.company_id != odoo.who.company_id:
            _keep_sale(work, row, sale, entries.get(order_id))
            continue
        _sort_row(work, row, sale, entries.get(order_id), again or order_id in asked)
    accepted = {order_id for order_id in asked & work.kept & booked.keys() if HELD in work.notes[order_id]}
    _load_anew(work, [row for row in due if row["order_id"] in accepted], booked, entries)
    _set_aside_expired(connections, name, work)
    return work


def _set_aside_expired(connections: Connections, name: str, work: Sorted) -> None:
    """Orders whose answers were destroyed at their age limit stay in Odoo as they are; one that is gone there cannot be
    made again."""
    from ...warehouse.landing.expired import expired_of

    with connections.warehouse.transaction() as connection:
        expired = expired_of(connection, name, Topic.ORDERS, [row["order_id"] for row in work.load])
    for row in [row for row in work.load if row["order_id"] in expired]:
        work.load.remove(row)
        sale = work.booked.pop(row["order_id"], None)
        work.verdicts[row["order_id"]] = _build_outcome(row, Action.UNCHANGED, sale)
        if sale is not None:
            work.kept.add(row["order_id"])
            continue
        work.verdicts[row["order_id"]] = msgspec.structs.replace(
            work.verdicts[row["order_id"]], action=Action.REFUSED, reason=PAST_AGE_LIMIT
        )


def _load_anew(
    work: Sorted, rows: list[Row], booked: Mapping[str, Sale], entries: Mapping[str, LedgerEntry]
) -> None:  # fmt: skip
    """Load orders that would otherwise stay as they are, because a person has accepted them."""
    for row in rows:
        order_id = row["order_id"]
        work.kept.discard(order_id)
        work.load.append(row)
        entry = entries.get(order_id)
        work.sales[order_id] = (entry.base if entry else None, True)
        work.booked[order_id] = booked[order_id]


def _keep_sale(work: Sorted, row: Row, sale: Sale, entry: LedgerEntry | None) -> None:
    """An order of another company than the channel's stays as it is; changes of it wait for a person."""
    if entry is not None and entry.digest == row["digest"]:
        work.verdicts[row["order_id"]] = _build_outcome(row, entry.action, sale)
        work.kept.add(row["order_id"])
        return
    reason = Reason(
        "other_company", f"The sale order {sale.name} belongs to another company of Odoo than the channel now.",
        "Carry the change out there by hand, or write its company as `company` of the channel.",
    )  # fmt: skip
    work.verdicts[row["order_id"]] = SaleOutcome(
        channel=row["channel"], order_id=row["order_id"], action=Action.REFUSED, reason=reason, **_describe_sale(sale)
    )


def _sort_row(work: Sorted, row: Row, sale: Sale | None, entry: LedgerEntry | None, again: bool) -> None:
    """Put one row where the life cycle's table says."""
    order_id = row["order_id"]
    todo, flag = step(row["status"], row["digest"], sale, entry, again)
    if todo is Step.LOAD:
        work.load.append(row)
        if sale is not None:
            work.sales[order_id] = (entry.base if entry else None, sale.state in SOLD)
            work.booked[order_id] = sale
    elif todo is Step.CANCEL:
        work.cancel.append(row)
    elif todo is Step.FLAG and flag:
        work.verdicts[order_id] = _build_outcome(row, Action.FLAGGED, sale, (flag,))
    elif todo is Step.KEEP:
        kept = Action.FLAGGED if entry and entry.action is Action.FLAGGED else Action.UNCHANGED
        work.verdicts[order_id] = _build_outcome(row, kept, sale)
        work.kept.add(order_id)
    else:
        action = Action.WAITING if todo is Step.WAIT else Action.CANCELLED
        work.verdicts[order_id] = _build_outcome(row, action, sale)


def _is_waiting(refusal: OpenException, digest: str, stamp: str, now: datetime) -> bool:
    """Whether nothing has changed for a refused order: same answer, same settings, not due yet."""
    return refusal.digest == digest and refusal.settings == stamp and (
        refusal.retry_at is None or refusal.retry_at > now
    )  # fmt: skip


def _put_in_exceptions(
    connections: Connections, name: str, rows: list[Row], work: Sorted, run_id: str, now: datetime
) -> None:
    from ...warehouse import exceptions
    from ...warehouse.landing import words

    staged = {row["order_id"]: row for row in rows}
    outcomes = {key: outcome for key, outcome in work.verdicts.items() if key not in work.kept}
    refused = {key: outcome.reason for key, outcome in outcomes.items() if outcome.reason}
    stamp = fingerprint(connections.settings, name, Topic.ORDERS)

    def failure(order_id: str, reason: Reason, settings: str = "", retry_at: datetime | None = None) -> Failure:
        row, odoo_id = staged[order_id], outcomes[order_id].odoo_id or None
        return exceptions.Failure(
            record_id=order_id, day=row["day"], reason=reason, digest=row["digest"], settings=settings,
            odoo_id=odoo_id, retry_at=retry_at,
        )  # fmt: skip

    texts = {key: outcome.words for key, outcome in outcomes.items()}
    refused |= {key: _add_way_to_words(name, key, reason) for key, reason in refused.items() if texts[key]}
    with connections.warehouse.transaction() as connection:
        words.keep(connection, connections.vault, name, Topic.ORDERS, texts, now)
        tries = {
            outcome.record_id: outcome.tries
            for outcome in exceptions.open_exceptions(connection, name, Topic.ORDERS, record_ids=refused)
            if outcome.blocking and outcome.stage == STAGE and outcome.digest == staged[outcome.record_id]["digest"]
        }
        failures = [
            failure(key, reason, stamp, next_try(reason.code, tries.get(key, 0), now))
            for key, reason in refused.items()
        ]
        gone = [key for key in outcomes if key not in refused]
        exceptions.record(connection, name, Topic.ORDERS, STAGE, failures, run_id, now)
        exceptions.resolve(connection, name, Topic.ORDERS, STAGE, gone, now)
        same = [key for key, outcome in outcomes.items() if outcome.action in STAYS]
        exceptions.resolve_notes(connection, name, Topic.ORDERS, same, now, but=NOT_ASKED)
        others = [key for key in outcomes if key not in set(same)]
        exceptions.resolve_notes(connection, name, Topic.ORDERS, others, now)
        notes = [failure(key, flag) for key, outcome in outcomes.items() for flag in outcome.flags]
        exceptions.record(connection, name, Topic.ORDERS, STAGE, notes, run_id, now)


def _add_way_to_words(name: str, order_id: str, reason: Reason) -> Reason:
    """The reason with the way to what Odoo said."""
    channel, record = quote(name), quote(order_id)
    way = f"Odoo's own words: `commerce-pipelines trace {channel} {record} --personal`."
    return msgspec.structs.replace(reason, fix=f"{reason.fix} {way}")


def _build_outcome(row: Row, action: Action, sale: Sale | None, flags: tuple[Flag, ...] = ()) -> SaleOutcome:
    return SaleOutcome(
        channel=row["channel"], order_id=row["order_id"], action=action, flags=flags, **_describe_sale(sale)
    )


def _describe_sale(sale: Sale | None) -> dict[str, Any]:
    if sale is None:
        return {}
    return {"odoo_id": sale.odoo_id, "name": sale.name, "state": sale.state,
            "amount_total": sale.total, "amount_tax": sale.tax}  # fmt: skip


def _add_confirmed_flag(outcome: SaleOutcome, sale: Sale | None) -> SaleOutcome:
    """The outcome of a refused answer, with a flag if the order is confirmed in Odoo, because Odoo would ship it
    otherwise."""
    if outcome.action is not Action.REFUSED or sale is None or sale.state not in SOLD:
        return outcome
    flag = refused_after_loading(outcome.code, " and shipped" if sale.delivered else "")
    figures = {} if outcome.odoo_id else _describe_sale(sale)
    return msgspec.structs.replace(outcome, flags=(*outcome.flags, flag), **figures)


def _build_ledger(
    connections: Connections, name: str, rows: list[Row], work: Sorted, drafts: Mapping[str, SaleDraft], now: datetime
) -> pd.DataFrame:
    """One row per staged order. An order that was not drafted in this run keeps the evidence of its last draft. A row
    that says nothing else than before, of an order that this run did not write to Odoo, keeps its times; one that only
    was written then and is as it was now keeps `recorded_at`, since when a reading of Odoo's stock contains it."""
    import pandas as pd

    from ...warehouse.tables.frames import read_frame

    columns = [*LEDGER, "recorded_at"]
    with connections.warehouse.transaction() as connection:
        ids = [row["order_id"] for row in rows]
        frame = read_frame(connection, "sale_orders", columns, "channel = %s AND order_id = ANY(%s)", (name, ids))
    before = {row["order_id"]: row for row in frame.to_dict("records")}
    ledger = []
    for row in rows:
        o, old, draft = work.verdicts[row["order_id"]], before.get(row["order_id"], {}), drafts.get(row["order_id"])
        *decided, evidence, base = (
            _replace_missing(old.get(key), default) for key, default in zip(_CARRIED, _UNDECIDED, strict=True)
        )
        if draft is not None:
            decided = [draft.expected_tax, o.rounding, draft.regime, draft.tax_country, draft.warehouse]
            evidence = msgspec.json.encode(draft.evidence).decode() if draft.evidence else evidence
            new = next_base(draft, o, now)
            base = msgspec.json.encode(new).decode() if new else base
        cells = (
            row["channel"], row["order_id"], row["day"], row["digest"], o.action.value, o.odoo_id or None, o.name,
            o.state, row["currency"], row["total"], o.amount_total, o.amount_tax, *decided, evidence, base,
            o.code, storable(o.message),
        )  # fmt: skip
        kept = tuple(_replace_missing(old.get(key), None) for key in LEDGER[:-1])
        is_same = o.action not in WRITTEN and cells == kept
        stays = is_same or (o.action is Action.UNCHANGED and _drop_action(cells) == _drop_action(kept))
        times = old["loaded_at"] if is_same else now, old["recorded_at"] if stays else None  # else PostgreSQL's clock
        ledger.append((*cells, *times))
    frame = pd.DataFrame.from_records(ledger, columns=columns).convert_dtypes(dtype_backend="pyarrow")
    return frame.astype({"odoo_id": "int64[pyarrow]", "expected_tax": "int64[pyarrow]"})


def _drop_action(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    place = LEDGER.index("action")
    return cells[:place] + cells[place + 1 :]


def _replace_missing(value: Any, default: Any) -> Any:
    """The value, or the default for a missing one, which tables return as None or pandas' NA."""
    return default if value is None or value != value or str(value) == "<NA>" else value
