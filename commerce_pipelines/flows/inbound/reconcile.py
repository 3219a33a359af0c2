"""Odoo's stock of a marketplace's warehouse against the marketplace's ledger, as of its last complete day.

    both sides   the ledger's days from the tables, Odoo's stock as it was at the day's end
    compare      product by product; what differs is taken apart by event: pure (domain/inbound/reconciliation.py)
    keep         the result of the day, and an exception for each product that differs

What belongs here: the order of these steps. What does not: reading the ledger (ledger_days.py), the rules. Nothing
is written to Odoo: a difference is shown, never adjusted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.ledger import Day
from ...domain.inbound.reconciliation import Books, Line, Moved, compare, count_units, find_differing
from ...domain.sales.mapping import goods_of
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import differences
from ...warehouse.inbound import ledger as rows
from .ledger_days import find_day_end

STAGE = "reconcile"
LONGEST_DAYS = 31  # that a difference is taken apart over


class Reconciled(msgspec.Struct, kw_only=True):
    """The result of a run. day: that was compared, None where nothing is known of the ledger. marketplace, odoo: units
    of all products that Odoo has. lines: what differs; waiting: SKUs that nobody can compare, by reason."""

    day: date | None = None
    products: int = 0
    marketplace: float = 0.0
    odoo: float = 0.0
    lines: list[Line] = msgspec.field(default_factory=list)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)

    @property
    def open_lines(self) -> list[Line]:
        return [line for line in self.lines if line.is_open]

    @property
    def differing(self) -> list[Line]:
        return [line for line in self.lines if not line.is_open]


def reconcile(connections: Connections, name: str, run_id: str = "") -> Reconciled:
    """Compare the last complete day. Reads Odoo; writes nothing there."""
    with connections.warehouse.transaction() as connection:
        newest = rows.newest_day(connection, name)
        if newest is None:
            return Reconciled()
        last = newest[0]
        days = rows.read_days(connection, name, last - timedelta(days=LONGEST_DAYS - 1), last + timedelta(days=1))
    contents, refused = _read_contents(connections, name, days)
    books = _read_books(connections, name, days, contents)
    lines = _judge_age(connections, name, books, compare(books))
    theirs = count_units(days[last], contents)
    done = Reconciled(
        day=last, products=len(theirs.keys() | {product for product, row in books.stocked.items() if row.units}),
        marketplace=sum(theirs.values()), odoo=sum(row.units for row in books.stocked.values()), lines=lines,
        waiting=Counter(reason.code for reason in refused.values()),
    )  # fmt: skip
    _keep(connections, name, last, done, refused, run_id)
    return done


def _read_contents(
    connections: Connections, name: str, days: Mapping[date, Mapping[str, Day]]
) -> tuple[Mapping[str, Sequence[Any]], dict[str, Reason]]:
    """What each SKU is in Odoo, and why nobody can tell; of SKUs without any unit nobody asks."""
    from ...odoo.inbound.contents import read_contents

    rules = connections.settings.channel(name)
    mskus = {
        msku for of_day in days.values() for msku, day in of_day.items() if day.start or day.left or day.events
    }  # fmt: skip
    goods = {msku: goods_of(msku, "", rules) for msku in mskus}
    read = read_contents(connections.odoo_of(name), goods, rules.sku_fold_case)
    last = days[max(days)]
    refused = {msku: reason for msku, reason in read.refused.items() if msku in last and last[msku].left}
    return read.of, refused


def _read_books(
    connections: Connections, name: str, days: Mapping[date, Mapping[str, Day]],
    contents: Mapping[str, Sequence[Any]],
) -> Books:  # fmt: skip
    from ...odoo.inbound.stock_as_of import find_away, read_movements, read_stock_as_of

    channel, client = connections.settings.channel(name), connections.odoo_of(name)
    last = max(days)
    at = find_day_end(connections, name, last)
    away = find_away(client, channel.channel_warehouse)
    products = {content.product for of_sku in contents.values() for content in of_sku}
    stocked = read_stock_as_of(client, away, products, at)
    books = Books(days=days, contents=contents, stocked=stocked)
    differing = find_differing(books)
    if not differing:
        return books
    with connections.warehouse.transaction() as connection:
        agreed = differences.read_agreed(connection, name, last, differing)
    first = min(days) - timedelta(days=1)
    begun = min(max(agreed.get(product, first), first) for product in differing)
    moved = read_movements(
        client, away, {product: stocked[product] for product in differing if product in stocked},
        find_day_end(connections, name, begun), at, channel.zone,
    )  # fmt: skip
    moves: tuple[Moved, ...] = moved.done
    return Books(days=days, contents=contents, stocked={**stocked, **moved.stocked}, moved=moves, agreed=agreed)


def _judge_age(connections: Connections, name: str, books: Books, lines: Iterable[Line]) -> list[Line]:
    """A movement that is open for too long explains nothing any more. What was never seen to agree is as old as the
    first comparison."""
    last = max(books.days)
    with connections.warehouse.transaction() as connection:
        first = min(differences.first_compared(connection, name) or last, last) - timedelta(days=1)
    oldest = last - timedelta(days=connections.settings.channel(name).inbound.overdue_days)
    return [
        msgspec.structs.replace(line, is_open=line.is_open and books.agreed.get(line.product, first) >= oldest)
        for line in lines
    ]


def _keep(
    connections: Connections, name: str, day: date, done: Reconciled, refused: Mapping[str, Reason], run_id: str
) -> None:
    now = connections.instruments.now()
    failures = [exceptions.Failure(record_id=f"sku {msku}", day=day, reason=reason) for msku, reason in refused.items()]
    failures += [
        exceptions.Failure(record_id=f"product {line.product}", day=day, reason=describe(line, day))
        for line in done.differing
    ]  # fmt: skip
    still = {failure.record_id for failure in failures}
    with connections.warehouse.transaction() as connection:
        differences.keep(connection, name, day, done.lines, now)
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
        gone = [row.record_id for row in waiting if row.stage == STAGE and row.record_id not in still]
        exceptions.resolve(connection, name, Topic.INBOUND, STAGE, gone, now)
        exceptions.record(connection, name, Topic.INBOUND, STAGE, failures, run_id, now)
        rows.note_done(connection, name, STAGE, now)


def describe(line: Line, day: date) -> Reason:
    """What differs, in words."""
    return Reason(
        "fba_stock_differs",
        f"At the end of {day} Odoo had {line.odoo:g} of {line.code} in the marketplace's warehouse, the marketplace "
        f"{line.marketplace:g}: {explain(line)}.",
        "Book what is missing in Odoo with the marketplace's event as its source, or claim it from the marketplace; "
        "the next comparison settles it.",
        line.code,
    )  # fmt: skip


def explain(line: Line) -> str:
    """The parts of a difference: what differed before, and each kind of event that both sides do not tell alike."""
    parts = [f"{group} {ours:+g} in Odoo and {theirs:+g} there" for group, (theirs, ours) in line.by_event.items()]
    if line.details:
        parts[-1] += f" ({', '.join(f'{event} {units:+g}' for event, units in line.details.items())})"
    if line.before:
        parts.append(f"{line.before:+g} in Odoo since before {line.agreed_on + timedelta(days=1)}")
    return "; ".join(parts) or "movements within the day"
