"""From a quotation of ours to a confirmed order: total to the cent, confirmation, original date.

What belongs here: these three steps over many orders at once. What does not: what a quotation holds (rows.py),
which orders (batch.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...domain.money import to_decimal
from ...domain.orders.order import LineKind
from ...domain.sales.draft import SaleDraft
from ...domain.vat.keys import TaxKey
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records
from .booked import DATE, OPEN, minor
from .resolver import Resolver
from .rows import rounding_line

DUST_AMOUNT = "0.0000001"
_LINE = ("id", "order_id/.id", "product_id/.id", "name", "product_uom_qty", "price_unit", "discount", "tax_ids/.id")


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """An order's figures in minor units. error: why it must not be confirmed."""

    name: str
    state: str
    total: int
    tax: int
    rounding: int = 0
    error: RecordError | None = None


def tracking(client: OdooClient) -> dict[str, Any]:
    """The context without Odoo's notes and field history, which cost a third of the time."""
    return {} if client.settings.chatter else {"tracking_disable": True}


def settle(
    client: OdooClient, resolver: Resolver, orders: Mapping[int, SaleDraft], rounding: Mapping[int, int]
) -> dict[int, Settled]:
    """Compare Odoo's totals with the drafts'. A difference within the bound becomes a visible rounding line, and the
    total is compared again.

    orders: by record id. rounding: minor units of existing rounding lines. The bound is what correct rounding of taxes
    can amount to where the difference is tax, else the channel's tolerance. Odoo rounds an order's tax as a whole,
    except for an order whose total is exactly zero, where it rounds line by line. Such an order therefore gets a line
    of an amount below the smallest unit of its currency, so that Odoo rounds it as a whole too.
    """
    totals = _read(client, resolver, orders, rounding)
    mend: dict[int, int] = {}
    taxes: dict[int, int] = {}
    for odoo_id, draft in orders.items():
        now, step = totals[odoo_id], resolver.step(draft.currency)
        amount = now.rounding + draft.total - now.total if draft.total else 0
        if not now.error or now.error.code != "total_differs" or draft.total % step:
            continue
        if _is_tax(draft, now) and abs(amount) <= rounding_bound(draft) * step:
            mend[odoo_id] = amount
            taxes[odoo_id] = resolver.rounding_tax(main_tax(draft))
        elif abs(amount) <= draft.tolerance * step:
            mend[odoo_id] = amount
    if not mend:
        return totals
    product_id = resolver.service(LineKind.ROUNDING)
    rows = {}
    for odoo_id, amount in mend.items():
        line = rounding_line(orders[odoo_id], product_id, amount, taxes.get(odoo_id, 0))
        line["order_id/.id"] = str(odoo_id)
        if not orders[odoo_id].total:
            line["price_unit"] = DUST_AMOUNT
        rows[odoo_id] = [[line[column] for column in _LINE]]
    load_records(client, "sale.order.line", _LINE, rows, tracking(client))
    return totals | _read(client, resolver, {odoo_id: orders[odoo_id] for odoo_id in mend}, mend)


def rounding_bound(draft: SaleDraft) -> int:
    """The most, in a currency's smallest amounts, by which two correct roundings of an order's taxes can differ: half a
    unit for each line where one side rounds line by line, and half a unit for each tax where the other side rounds each
    tax as a whole."""
    taxed = [line.tax for line in draft.lines if line.tax and line.tax.rate]
    return (len(taxed) + len(set(taxed))) // 2


def main_tax(draft: SaleDraft) -> TaxKey:
    """The tax on top of prices that most of the order's money bears."""
    worth: dict[TaxKey, int] = defaultdict(int)
    for line in draft.lines:
        if line.tax and line.tax.rate and not line.tax.included:
            worth[line.tax] += abs(line.amount)
    return max(worth, key=lambda key: (worth[key], key.rate))


def _is_tax(draft: SaleDraft, now: Settled) -> bool:
    """Whether the totals differ by their taxes alone: taxes are on top, and the amount without tax equals the
    channel's."""
    on_top = any(line.tax and line.tax.rate and not line.tax.included for line in draft.lines)
    return on_top and now.total - now.tax - sum(line.amount for line in draft.lines) in (0, now.rounding)


def _read(
    client: OdooClient, resolver: Resolver, orders: Mapping[int, SaleDraft], rounding: Mapping[int, int]
) -> dict[int, Settled]:
    if not orders:
        return {}
    fields = ["name", "state", "currency_id", "amount_total", "amount_tax"]
    totals = {}
    for row in client.call("sale.order", "read", ids=sorted(orders), fields=fields):
        draft, currency = orders[row["id"]], row["currency_id"][1]
        total = minor(row["amount_total"], currency)
        totals[row["id"]] = Settled(
            name=row["name"], state=row["state"], total=total, tax=minor(row["amount_tax"], currency),
            rounding=rounding.get(row["id"], 0), error=_find_error(draft, total, currency, resolver.step(currency)),
        )  # fmt: skip
    return totals


def _find_error(draft: SaleDraft, total: int, currency: str, step: int) -> RecordError | None:
    if currency != draft.currency:
        return RecordError(
            "wrong_currency", f"The order is in {draft.currency}, but its pricelist in Odoo is in {currency}.",
            fix=f"Name a pricelist in {draft.currency} in `pricelists` of the channel, or none.",
            subject=draft.currency,
        )  # fmt: skip
    if total == draft.total:
        return None
    ours, theirs = to_decimal(total, currency), to_decimal(draft.total, currency)
    if draft.total % step:
        return RecordError(
            "total_differs",
            f"The channel charged {theirs} {currency}, and Odoo keeps no amounts below {to_decimal(step, currency)} "
            f"{currency}.",
            fix=f"Lower the rounding factor of {currency} in Odoo under Accounting > Configuration > Currencies.",
            subject=currency,
        )
    return RecordError(
        "total_differs", f"Odoo computes {ours} {currency}, the channel charged {theirs} {currency}.",
        fix="Look at the quotation's taxes in Odoo; `rounding_tolerance` of the channel may bridge a cent or two.",
        subject=currency,
    )  # fmt: skip


def confirm(client: OdooClient, ids: Collection[int], history: bool = False) -> dict[int, OdooRefusal]:
    """Confirm quotations; returns the refusals by id. Orders that are already confirmed stay as they are.

    history: no procurement, so no delivery and no reservation. No mail is sent in either case.
    """

    def unconfirmed(some: Sequence[int]) -> list[int]:
        rows = client.call("sale.order", "read", ids=list(some), fields=["state"], load=None)
        return [row["id"] for row in rows if row["state"] in OPEN]

    context = {**tracking(client), **({"skip_procurement": True} if history else {})}
    return on_all(client, "sale.order", "action_confirm", ids, context, unconfirmed)


def put_dates(client: OdooClient, orders: Mapping[int, SaleDraft]) -> dict[int, OdooRefusal]:
    """Restore the day on which each order was placed, because Odoo dates an order by its confirmation. Refusals by
    record id."""
    vals = {order: {"date_order": draft.placed_at.astimezone(UTC).strftime(DATE)} for order, draft in orders.items()}
    # The web client's own way to write different values to each record, which reads all records at once; load() reads
    # them one by one.
    refused = on_all(
        client, "sale.order", "web_save_multi", vals, tracking(client), list, vals_list=vals, specification={}
    )
    align_deadlines(client, orders)
    return refused


def align_deadlines(client: OdooClient, order_ids: Collection[int]) -> None:
    """Move the deadlines of open deliveries to the orders' dates: writing a line's lead time, unchanged, does that.

    If a delivery has another deadline than its order, a later reduction does not reduce the delivery; Odoo books a
    receipt of goods beside it, after our edits and after a person's.
    """
    if not order_ids:
        return
    by_lead: dict[float, list[int]] = defaultdict(list)
    for row in client.call(
        "sale.order.line", "search_read", domain=[["order_id", "in", sorted(order_ids)], ["move_ids", "!=", False]],
        fields=["customer_lead"], load=None,
    ):  # fmt: skip
        by_lead[row["customer_lead"]].append(row["id"])
    for lead, ids in by_lead.items():
        on_all(client, "sale.order.line", "write", ids, tracking(client), list, vals={"customer_lead": lead})
