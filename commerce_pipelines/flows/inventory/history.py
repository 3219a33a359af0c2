"""What was free, shown and sold of an article at a given minute, and why units were sold that were not there.

It is told from what is on record: every quantity that a listing was told, with Odoo's figure behind it, and every
order with the times at which it was placed, came here and was in Odoo.

What belongs here: the story of one article. What does not: the rows (warehouse/inventory/history.py), the rule of a
quantity (domain/inventory/availability.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from ...core.errors import PermanentError
from ...core.local_time import local_time
from ...resources.connections import Connections
from ...warehouse.inventory.history import Linked, Pushed, Sold, list_linked, read_pushed, read_sold

UNSURE = ("sent", "pending", "failed")  # of a quantity whose answer never came, or not yet
LOOK_BACK = timedelta(days=7)  # how far before the minute the last quantities are looked for


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One listing at the minute. pushed: the last quantity that it accepted, None where none is on record. perhaps:
    quantities sent after it of which nobody knows whether they arrived. sold: orders that Odoo's figure behind that
    quantity does not contain, placed until the minute, of all listings of the article."""

    listing: Linked
    pushed: Pushed | None
    perhaps: tuple[int, ...] = ()
    sold: tuple[Sold, ...] = ()

    @property
    def left(self) -> int | None:
        """Units of the article that were really left: free in Odoo then, less what was sold since."""
        if self.pushed is None or self.pushed.free is None:
            return None
        return self.pushed.free - sum(order.units for order in self.sold)


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The article at a minute. pushed, sold: of the span before it, oldest first. earlier_pushed, earlier_sold: what
    still counted when the span began."""

    code: str
    at: datetime
    shown: tuple[Shown, ...]
    pushed: tuple[Pushed, ...]
    sold: tuple[Sold, ...]
    earlier_pushed: tuple[Pushed, ...] = ()
    earlier_sold: tuple[Sold, ...] = ()


def look_back(connections: Connections, name: str, sku: str, at: datetime, span: timedelta) -> AsOf:
    """The article of a channel's listing as of `at`, and what happened during the span before. Raises PermanentError
    for a SKU of no listing that is linked to a product."""
    with connections.warehouse.transaction() as connection:
        listings = list_linked(connection, name, sku)
        if not listings:
            raise PermanentError(
                f"No listing of {name} with the SKU {sku!r} is linked to a product; `commerce-pipelines inventory plan "
                f"{name}` shows those that are."
            )
        start = at - max(span, LOOK_BACK)
        pushed = read_pushed(connection, listings, start, at)
        start = min([start, *(row.taken_at or row.started_at for row in pushed)])
        sold = read_sold(connection, listings, start, at)
    units = {(row.channel, row.sku): row.units for row in listings}
    sold = [order._replace(units=order.units * units[order.channel, order.sku]) for order in sold]
    return AsOf(
        code=listings[0].code, at=at, shown=tuple(_show(listing, pushed, sold, at) for listing in listings),
        pushed=tuple(row for row in pushed if row.started_at >= at - span),
        sold=tuple(order for order in sold if order.placed_at >= at - span),
        earlier_pushed=tuple(row for row in pushed if row.started_at < at - span),
        earlier_sold=tuple(order for order in sold if order.placed_at < at - span),
    )  # fmt: skip


def _show(listing: Linked, pushed: Sequence[Pushed], sold: Sequence[Sold], at: datetime) -> Shown:
    mine = [row for row in pushed if (row.channel, row.key) == (listing.channel, listing.key)]
    last = next((row for row in reversed(mine) if row.status == "accepted"), None)
    later = mine[mine.index(last) + 1 :] if last else mine
    return Shown(
        listing=listing, pushed=last,
        perhaps=tuple(row.quantity for row in later if row.status in UNSURE),
        sold=tuple(order for order in sold if last and last.taken_at and not _is_in(order, last.taken_at, at)),
    )  # fmt: skip


def _is_in(order: Sold, taken_at: datetime, at: datetime) -> bool:
    """Whether a reading of Odoo at that time contained the order, as far as is known: it was placed and known here
    before, and came to Odoo. An order that was cancelled by the minute `at` takes nothing then."""
    if order.gone_at is not None and order.gone_at <= at:
        return True
    late = order.seen_at is not None and order.seen_at > taken_at
    return not (order.placed_at >= taken_at or late or order.loaded_at is None)


def explain_oversold(story: AsOf) -> Iterator[str]:
    """A sentence for each order of the span that Odoo could not reserve whole, with the cause."""
    keys = {(shown.listing.channel, shown.listing.key): shown.listing.sku for shown in story.shown}
    for order in story.sold:
        if not order.oversold:
            continue
        before = [
            row for row in (*story.earlier_pushed, *story.pushed)
            if row.channel == order.channel and keys.get((row.channel, row.key)) == order.sku
            and row.status == "accepted" and row.started_at <= order.placed_at
        ]  # fmt: skip
        yield f"Order {order.order_id} of {order.channel} sold what was not there: {_find_cause(story, order, before)}"


def _find_cause(story: AsOf, order: Sold, before: Sequence[Pushed]) -> str:
    if not before:
        return "no quantity that we sent was shown then; the channel showed one of its own, or one sent earlier."
    last = before[-1]
    since = last.taken_at or last.started_at
    others = [
        other for other in (*story.earlier_sold, *story.sold)
        if (other.channel, other.order_id) != (order.channel, order.order_id)
        and other.placed_at <= order.placed_at and not _is_in(other, since, order.placed_at)
    ]  # fmt: skip
    shown = f"it showed {last.quantity}, sent {local_time(last.started_at, seconds=True)}"
    read = f" of {last.free} free as Odoo was read {local_time(since, seconds=True)}" if last.free is not None else ""
    if others:
        named = ", ".join(
            f"{other.units} by {other.channel} {other.order_id}"
            f" (placed {local_time(other.placed_at, seconds=True)}, known here {_write_seen(other)})"
            for other in others
        )
        return f"{shown}{read}; that reading does not contain {named}."
    return (
        f"{shown}{read}, and nothing of it was sold in between: Odoo's figure was wrong or fell otherwise; look at the "
        f"article's moves around {local_time(order.placed_at)}."
    )


def _write_seen(order: Sold) -> str:
    return local_time(order.seen_at, seconds=True) if order.seen_at else "never"
