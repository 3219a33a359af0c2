"""`commerce-pipelines report`: the proof of orders, deliveries, refunds and invoices, as tables and as one JSON object.

What belongs here: asking for the proofs and showing them. What does not: the proofs themselves (flows/*/prove.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..channels.settings import ChannelSettings
from ..core.errors import SettingsError
from ..domain.money import to_decimal
from ..domain.sales.completeness import Completeness, add_up
from ..resources.connections import Connections, open_connections
from ..settings import file as settings_file
from .backfill import advice
from .channels import NO_CHANNEL
from .orders import days
from .terminal import progress, say, show_table

if TYPE_CHECKING:
    from ..flows.fulfilment.prove import Deliveries
    from ..flows.fulfilment.prove import Proof as Shipped
    from ..flows.invoicing.prove import Invoiced
    from ..flows.invoicing.prove import Proof as Billed
    from ..flows.returns.prove import Proof as Refunded

IDS_SHOWN = 20  # missing ids that a person is shown; the JSON has all of them
DAYS_BACK = 30


class Proofs(msgspec.Struct, kw_only=True):
    """By channel; spans: the first and last day of each proof. deliveries, refunds, invoices: of the channels that are
    told of shipments, whose refunds are followed, and whose orders are invoiced or paid by the pipelines."""

    spans: dict[str, tuple[date, date]] = {}
    orders: dict[str, Completeness] = {}
    deliveries: dict[str, Shipped] = {}
    refunds: dict[str, Refunded] = {}
    invoices: dict[str, Billed] = {}

    @property
    def complete(self) -> bool:
        refunds = [refunded.whole for refunded in self.refunds.values()]
        deliveries = [shipped.whole for shipped in self.deliveries.values()]
        proofs: tuple[Any, ...] = (*self.orders.values(), *refunds, *deliveries, *self.invoices.values())
        return all(proof.complete for proof in proofs)


@click.command()
@click.argument("channels", nargs=-1)
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="first business day; default: 30 days back")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="last business day; default: today")
@click.option("--by-day", is_flag=True, help="also show deliveries, refunds and invoices day by day")
@click.option("--json", "as_json", is_flag=True, help="end with one JSON object on the last line")
def report(
    channels: tuple[str, ...], start: datetime | None, end: datetime | None, by_day: bool, as_json: bool
) -> None:
    """Prove that every paid order and refund is in Odoo, to the cent, and that the channels know every delivery.

    Where the pipelines invoice: also that what is invoiced is what the channel took. Reads the channels and Odoo now.
    Exits 1 if an order, a delivery or a refund is missing or a minor unit differs.
    """
    connections = open_connections(settings_file.load())
    if not connections.settings.channels:
        raise SettingsError(NO_CHANNEL)
    wanted = [connections.settings.channel(name) for name in channels] or connections.settings.channels
    now = connections.instruments.now()
    spans = {channel.name: days(channel, start, end, back=DAYS_BACK, now=now) for channel in wanted}
    proofs = prove(connections, spans)
    show(proofs, by_day=by_day, as_json=as_json)
    sys.exit(0 if proofs.complete else 1)


def prove(connections: Connections, spans: Mapping[str, tuple[date, date]]) -> Proofs:
    """The proofs of these channels; spans: the first and last day of each. Reads the channels and Odoo."""
    from ..flows.fulfilment.inputs import read_shipments
    from ..flows.fulfilment.prove import prove as prove_deliveries
    from ..flows.invoicing.prove import prove as prove_invoices
    from ..flows.orders.prove import prove as prove_orders
    from ..flows.returns.prove import prove as prove_refunds

    proofs = Proofs(spans=dict(spans))
    channels: list[ChannelSettings] = [connections.settings.channel(name) for name in spans]
    with progress() as update:
        if any(channel.fulfilment.enabled for channel in channels):
            update("reading Odoo's deliveries")
            read_shipments(connections, whole=True)
        for channel in channels:
            name = channel.name
            update(f"asking {name} and Odoo")
            span = spans[name][0], spans[name][1] + timedelta(days=1)
            proofs.orders[name] = prove_orders(connections, name, *span).whole
            if channel.fulfilment.enabled:
                proofs.deliveries[name] = prove_deliveries(connections, name, *span)
            if channel.returns.enabled:
                proofs.refunds[name] = prove_refunds(connections, name, *span, afresh=True)
            if channel.invoicing.enabled:
                proofs.invoices[name] = prove_invoices(connections, name, *span)
    return proofs


def show(proofs: Proofs, *, by_day: bool = False, as_json: bool = False) -> None:
    """Print the proofs as tables, and as one JSON object on the last line."""
    if proofs.orders:
        _show_money("Every paid order, channel against Odoo", ("orders", "in Odoo"), proofs.orders)
    for name, proof in proofs.orders.items():
        _tell_ids(name, "missing", proof.missing)
        _tell_ids(name, "surplus", proof.surplus)
        if proof.missing:
            say(f"{name}: {advice(name, *proofs.spans[name])}")
    _show_deliveries({name: shipped.whole for name, shipped in proofs.deliveries.items()})
    refunds = {name: refunded.whole for name, refunded in proofs.refunds.items()}
    if refunds:
        _show_money("Every refund, channel against Odoo", ("refunds", "credit notes"), refunds)
    for name, proof in refunds.items():
        _tell_ids(
            name, "refunded before anything was sent, so that the order was reduced:", proofs.refunds[name].reduced
        )
        _tell_ids(name, "refunds missing:", proof.missing)
        _tell_ids(name, "credit notes without a refund:", proof.surplus)
        if proof.missing:
            say(f"{name}: {advice(name, *proofs.spans[name], flow='returns')}")
    _show_invoices(proofs)
    if by_day:
        _show_days(proofs)
    if as_json:
        click.echo(summary(proofs))


def _show_money(title: str, what: tuple[str, str], proofs: Mapping[str, Completeness]) -> None:
    headings = ("channel", *what, "exceptions", "missing", "money in Odoo", "difference")
    rows = []
    for name, proof in proofs.items():
        money = ", ".join(f"{to_decimal(v, k)} {k}" for k, v in sorted(proof.odoo_total.items()))
        rows.append((
            name, str(proof.orders_in_channel), str(proof.sale_orders_in_odoo), str(proof.exceptions),
            str(len(proof.missing)), money or "0", proof.money_difference,
        ))  # fmt: skip
    show_table(title, headings, rows, right=headings[1:])


def _show_deliveries(proofs: Mapping[str, Deliveries]) -> None:
    if not proofs:
        return
    headings = ("channel", "deliveries", "confirmed", "waiting", "under way", "orders missing")
    rows = [
        (name, *map(str, (proof.delivered, proof.confirmed, proof.waiting, proof.under_way, len(proof.missing))))
        for name, proof in proofs.items()
    ]
    show_table("Every delivery, Odoo against channel", headings, rows, right=headings[1:])
    for name, proof in proofs.items():
        _tell_ids(name, "delivered and not told:", proof.missing)
        if proof.missing:
            say(f"{name}: `commerce-pipelines shipments plan {name}` shows what the next run would tell.")


_MONEY = ("orders", "invoiced", "channel took", "money invoiced", "paid")


def _show_invoices(proofs: Proofs) -> None:
    rows: list[tuple[str, ...]] = [
        (name, currency, *_describe_money(part, currency))
        for name, billed in proofs.invoices.items()
        for currency, part in sorted(billed.whole.items())
    ]
    if rows:
        title = "Orders and their invoices, channel against Odoo"
        show_table(title, ("channel", "currency", *_MONEY), rows, right=_MONEY)
    for name, billed in proofs.invoices.items():
        for part in billed.whole.values():
            _tell_ids(name, "invoiced at another amount than the channel took:", part.differing)


def _describe_money(part: Invoiced, currency: str) -> tuple[str, ...]:
    amounts = (part.taken, part.invoiced, part.paid)
    return (str(part.orders), str(part.settled), *(str(to_decimal(minor, currency)) for minor in amounts))


def _tell_ids(name: str, what: str, ids: Sequence[str]) -> None:
    if ids:
        more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
        say(f"{name}: {what} {', '.join(ids[:IDS_SHOWN])}{more}")


def _show_days(proofs: Proofs) -> None:
    headings = ("channel", "day", "deliveries", "confirmed", "refunds", "credit notes", "difference")
    rows = [
        (name, day, *(str(figures.get(key, "")) for key in (*_DELIVERIES, *_REFUNDS)))
        for name in proofs.orders
        for day, figures in _describe_days(proofs, name).items()
        if figures.keys() - {"invoices"}
    ]
    show_table("Deliveries and refunds, day by day", headings, rows, right=headings[2:])
    invoices: list[tuple[str, ...]] = [
        (name, day.isoformat(), currency, *_describe_money(part, currency))
        for name, billed in proofs.invoices.items()
        for (day, currency), part in billed.days.items()
    ]
    if invoices:
        title = "Invoices, by the day of their orders"
        show_table(title, ("channel", "day", "currency", *_MONEY), invoices, right=_MONEY)


_DELIVERIES = ("deliveries_in_odoo", "deliveries_confirmed")
_REFUNDS = ("refunds_in_channel", "credit_notes_in_odoo", "refund_money_difference")


def _describe_days(proofs: Proofs, name: str) -> dict[str, dict[str, Any]]:
    """Figures of the channel's days that have a delivery, a refund or an order to invoice, under the names of the
    JSON."""
    by_day: dict[date, dict[str, Any]] = {}
    if name in proofs.deliveries:
        for day, shipped in proofs.deliveries[name].days.items():
            by_day[day] = dict(zip(_DELIVERIES, (shipped.delivered, shipped.confirmed), strict=True))
    of_days: dict[date, list[Completeness]] = {}
    if name in proofs.refunds:
        for (day, _), proof in proofs.refunds[name].days.items():
            of_days.setdefault(day, []).append(proof)
    for day, parts in of_days.items():
        whole = add_up(parts)
        figures = (whole.orders_in_channel, whole.sale_orders_in_odoo, whole.money_difference)
        by_day.setdefault(day, {}).update(zip(_REFUNDS, figures, strict=True))
    if name in proofs.invoices:
        for (day, currency), part in proofs.invoices[name].days.items():
            by_day.setdefault(day, {}).setdefault("invoices", {}).update(_describe_invoices({currency: part}))
    return {day.isoformat(): by_day[day] for day in sorted(by_day)}


def summary(proofs: Proofs) -> str:
    """The JSON line for scripts; its names never change. A channel that is not told of shipments, whose refunds are not
    followed, or whose orders the pipelines neither invoice nor pay, has no names of these."""
    channels: dict[str, dict[str, Any]] = {}
    for name, proof in proofs.orders.items():
        channels[name] = {
            "orders_in_channel": proof.orders_in_channel,
            "sale_orders_in_odoo": proof.sale_orders_in_odoo,
            "exceptions": proof.exceptions,
            "missing": list(proof.missing),
            "money_difference": proof.money_difference,
            "surplus": list(proof.surplus),
            "money_difference_by_currency": {
                currency: str(to_decimal(minor, currency)) for currency, minor in proof.difference.items()
            },
        }
        if name in proofs.deliveries:
            channels[name] |= _describe_deliveries(proofs.deliveries[name].whole)
        if name in proofs.refunds:
            channels[name] |= _describe_refunds(proofs.refunds[name].whole)
            channels[name]["refunds_reducing_orders"] = len(proofs.refunds[name].reduced)
        if name in proofs.invoices:
            channels[name]["invoices"] = _describe_invoices(proofs.invoices[name].whole)
        if by_day := _describe_days(proofs, name):
            channels[name]["by_day"] = by_day
    return json.dumps({"channels": channels})


def _describe_deliveries(proof: Deliveries) -> dict[str, Any]:
    return {
        "deliveries_in_odoo": proof.delivered,
        "deliveries_confirmed": proof.confirmed,
        "deliveries_waiting": proof.waiting,
        "deliveries_under_way": proof.under_way,
        "deliveries_missing": list(proof.missing),
    }


def _describe_invoices(whole: Mapping[str, Invoiced]) -> dict[str, dict[str, Any]]:
    """By currency."""
    return {
        currency: {
            "orders": part.orders,
            "orders_invoiced": part.settled,
            "channel_total": str(to_decimal(part.taken, currency)),
            "invoiced": str(to_decimal(part.invoiced, currency)),
            "paid": str(to_decimal(part.paid, currency)),
            "differing": list(part.differing),
        }
        for currency, part in sorted(whole.items())
    }


def _describe_refunds(proof: Completeness) -> dict[str, Any]:
    return {
        "refunds_in_channel": proof.orders_in_channel,
        "credit_notes_in_odoo": proof.sale_orders_in_odoo,
        "refund_exceptions": proof.exceptions,
        "refunds_missing": list(proof.missing),
        "credit_notes_surplus": list(proof.surplus),
        "refund_money_difference": proof.money_difference,
    }
