"""`commerce-pipelines report`: the proof of orders, deliveries, refunds and invoices, as tables and as one JSON object.

What belongs here: the command and its tables. What does not: asking for the proofs (proofs.py), naming their figures
(report_figures.py), the proofs themselves (flows/*/prove.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import datetime

import click

from ..core.errors import SettingsError
from ..domain.money import write_totals
from ..domain.sales.completeness import RUN_GRACE
from ..resources.connections import open_connections
from ..settings import file as settings_file
from .backfill import advice
from .channels import NO_CHANNEL
from .orders import MINUTE, days
from .proofs import Proofs, leave_out_new, prove
from .report_as_of import show_past
from .report_figures import (
    INVOICES,
    REFUNDED,
    REFUNDS_OUT,
    WORTH,
    Figures,
    describe_days,
    name_invoices,
    name_refunds_out,
    sum_worth,
    summarise,
)
from .report_tables import show_money, tell_ids
from .terminal import say, show_table

DAYS_BACK = 30
# Headings of figures, with the figures' names in the JSON.
_SHIPPED = {
    "deliveries": "deliveries_in_odoo", "confirmed": "deliveries_confirmed", "worth of goods": "delivered",
    "of it confirmed": "confirmed",
}  # fmt: skip
_REFUNDED = {
    "refunds": "refunds_in_channel", "credit notes": "credit_notes_in_odoo", "refunded": "refunded",
    "credited": "credited", "difference": "difference",
}  # fmt: skip
_PAID_BACK = {
    "credit notes": "credit_notes_in_odoo", "paid back": "paid_back_by_channel", "waiting": "waiting",
    "under way": "under_way", "credited": "credited", "refunded": "refunded", "difference": "difference",
}  # fmt: skip
_INVOICED = {
    "orders": "orders", "invoiced": "orders_invoiced", "channel took": "channel_total", "money invoiced": "invoiced",
    "paid": "paid",
}  # fmt: skip
_BY_DAY = (
    ("Deliveries, day by day", WORTH, _SHIPPED),
    ("Refunds, day by day", REFUNDED, _REFUNDED),
    ("Credit notes of people, by their days", REFUNDS_OUT, _PAID_BACK),
    ("Invoices, by the day of their orders", INVOICES, _INVOICED),
)


@click.command()
@click.argument("channels", nargs=-1)
@click.option("--from", "start", type=click.DateTime(["%Y-%m-%d"]), help="first business day; default: 30 days back")
@click.option("--to", "end", type=click.DateTime(["%Y-%m-%d"]), help="last business day; default: today")
@click.option("--by-day", is_flag=True, help="also show deliveries, refunds and invoices day by day")
@click.option("--as-of", type=MINUTE, help="what was on record at that minute, in this machine's time zone")
@click.option("--json", "as_json", is_flag=True, help="end with one JSON object on the last line")
def report(
    channels: tuple[str, ...], start: datetime | None, end: datetime | None, by_day: bool, as_of: datetime | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Prove that every paid order and refund is in Odoo, to the cent, and that the channels know every delivery.

    Where the pipelines invoice: also that what is invoiced is what the channel took. Where they pay back: also that
    people's credit notes are paid back. Reads the channels and Odoo now. Exits 1 if an order, a delivery, a refund or a
    credit note is missing or a minor unit differs. What is less than an hour old and not there yet is on the way, and
    nothing is missing then. With --as-of: what the proofs of orders and refunds until then said, and what had come here
    by then; asks nobody, and exits 0.
    """
    connections = open_connections(settings_file.load())
    if not connections.settings.channels:
        raise SettingsError(NO_CHANNEL)
    wanted = [connections.settings.channel(name) for name in channels] or connections.settings.channels
    now = as_of.astimezone() if as_of else connections.instruments.now()
    spans = {channel.name: days(channel, start, end, back=DAYS_BACK, now=now) for channel in wanted}
    if as_of:
        if by_day:
            raise click.UsageError("--as-of takes no --by-day.")
        show_past(connections, spans, now, as_json=as_json)
        return
    proofs = leave_out_new(prove(connections, spans), now - RUN_GRACE)
    show(proofs, by_day=by_day, as_json=as_json)
    sys.exit(0 if proofs.complete else 1)


def show(proofs: Proofs, *, by_day: bool = False, as_json: bool = False) -> None:
    """Print the proofs as tables, and as one JSON object on the last line."""
    if proofs.orders:
        show_money("Every paid order, channel against Odoo", ("orders", "in Odoo"), proofs.orders)
    for name, proof in proofs.orders.items():
        tell_ids(name, "missing", proof.missing)
        tell_ids(name, "on the way", proof.on_the_way)
        tell_ids(name, "surplus", proof.surplus)
        if proof.missing:
            say(f"{name}: {advice(name, *proofs.spans[name])}")
    _show_deliveries(proofs)
    _show_refunds(proofs)
    _show_refunds_out(proofs)
    _show_invoices(proofs)
    if by_day:
        _show_days(proofs)
    if as_json:
        click.echo(summarise(proofs))


def _show_refunds(proofs: Proofs) -> None:
    refunds = {name: refunded.whole for name, refunded in proofs.refunds.items()}
    if refunds:
        show_money("Every refund, channel against Odoo", ("refunds", "credit notes"), refunds)
    for name, proof in refunds.items():
        tell_ids(
            name, "refunded before anything was sent, so that the order was reduced:", proofs.refunds[name].reduced
        )
        tell_ids(name, "refunds missing:", proof.missing)
        tell_ids(name, "refunds on the way:", proof.on_the_way)
        tell_ids(name, "credit notes without a refund:", proof.surplus)
        if proof.missing:
            say(f"{name}: {advice(name, *proofs.spans[name], flow='returns')}")


def _show_deliveries(proofs: Proofs) -> None:
    if not proofs.deliveries:
        return
    headings = (
        *("channel", "deliveries", "confirmed", "waiting", "under way", "orders missing"),
        *("worth of goods", "of it confirmed"),
    )
    rows = []
    for name, shipped in proofs.deliveries.items():
        proof, worth = shipped.whole, sum_worth(shipped)
        counts = (proof.delivered, proof.confirmed, proof.waiting, proof.under_way, len(proof.missing))
        money = (
            write_totals({currency: part.worth for currency, part in worth.items()}),
            write_totals({currency: part.confirmed_worth for currency, part in worth.items()}),
        )
        rows.append((name, *map(str, counts), *money))
    show_table("Every delivery, Odoo against channel", headings, rows, right=headings[1:])
    for name, shipped in proofs.deliveries.items():
        tell_ids(name, "delivered and not told:", shipped.whole.missing)
        if shipped.whole.missing:
            say(f"{name}: `commerce-pipelines shipments plan {name}` shows what the next run would tell.")


def _show_refunds_out(proofs: Proofs) -> None:
    figures = {name: name_refunds_out(paid_back.whole) for name, paid_back in proofs.refunds_out.items()}
    _show_by_currency("Every credit note of a person, Odoo against channel", _PAID_BACK, figures)
    for name, paid_back in proofs.refunds_out.items():
        missing = [note for part in paid_back.whole.values() for note in part.missing]
        tell_ids(name, "credit notes that nobody paid back:", missing)
        differing = [note for part in paid_back.whole.values() for note in part.differing]
        tell_ids(name, "credit notes paid back at another amount:", differing)
        if missing:
            say(f"{name}: `commerce-pipelines refunds plan {name}` shows what the next run would pay back.")


def _show_invoices(proofs: Proofs) -> None:
    figures = {name: name_invoices(billed.whole) for name, billed in proofs.invoices.items()}
    _show_by_currency("Orders and their invoices, channel against Odoo", _INVOICED, figures)
    for name, billed in proofs.invoices.items():
        for part in billed.whole.values():
            tell_ids(name, "invoiced at another amount than the channel took:", part.differing)


def _show_by_currency(title: str, columns: Mapping[str, str], parts: Mapping[str, Mapping[str, Figures]]) -> None:
    """Figures by channel and currency. columns: the figures' names, by heading."""
    rows = [
        (name, currency, *(str(figures[key]) for key in columns.values()))
        for name, by_currency in parts.items()
        for currency, figures in by_currency.items()
    ]
    if rows:
        show_table(title, ("channel", "currency", *columns), rows, right=list(columns))


def _show_days(proofs: Proofs) -> None:
    """A table of each kind, with a row for each day and currency."""
    days_of: dict[str, dict[str, Figures]] = {name: describe_days(proofs, name) for name in proofs.orders}
    for title, key, columns in _BY_DAY:
        rows = [
            (name, day, currency, *(str(part[of]) for of in columns.values()))
            for name, by_day in days_of.items()
            for day, figures in by_day.items()
            for currency, part in figures.get(key, {}).items()
        ]
        if rows:
            show_table(title, ("channel", "day", "currency", *columns), rows, right=list(columns))
