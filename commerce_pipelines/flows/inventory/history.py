"""What was free, shown and sold of an article at a given minute, and why units were sold that were not there.

It is told from what is on record: every quantity that a listing was told, with Odoo's figure behind it, every order
with the times at which it was placed, came here and was in Odoo, and for some days what lay in Odoo's warehouses.

What belongs here: the story of one article. What does not: the rows (warehouse/inventory/history.py), the rule of a
quantity (domain/inventory/availability.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import PermanentError
from ...core.local_time import local_time
from ...domain.inventory.kits import MICRO
from ...resources.connections import Connections
from ...warehouse.inventory.history import (
    Linked,
    Pushed,
    Sold,
    list_linked,
    list_of_products,
    read_pushed,
    read_sold,
)
from ...warehouse.inventory.kept_levels import Level, Wish, read_contents, read_levels, read_readings, read_wish

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

UNSURE = ("sent", "pending", "failed")  # of a quantity whose answer never came, or not yet
LOOK_BACK = timedelta(days=7)  # how far before the minute the last quantities are looked for


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One listing at the minute. pushed: the last quantity that it accepted, None where none is on record. perhaps:
    quantities sent after it of which nobody knows whether they arrived. sold: orders that Odoo's figure behind that
    quantity does not contain, placed until the minute, of all listings of the article, and of those that take the same
    stock because one is a kit. wish: what it was to show, None where that is not on record. is_kit: of the article."""

    listing: Linked
    pushed: Pushed | None
    perhaps: tuple[int, ...] = ()
    sold: tuple[Sold, ...] = ()
    wish: Wish | None = None
    is_kit: bool = False

    @property
    def left(self) -> int | None:
        """Units of the article that were really left: free in Odoo then, less what was sold since. Of a kit it is not
        known where its parts were sold otherwise, because there may have been more of them than the kits needed."""
        if self.pushed is None or self.pushed.free is None or (self.is_kit and any(order.other for order in self.sold)):
            return None
        return self.pushed.free - sum(order.units for order in self.sold)


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The article at a minute. pushed, sold: of the span before it, oldest first. earlier_pushed, earlier_sold: what
    still counted when the span began. levels: what lay in Odoo's warehouses, of the span and before; read_at: the last
    reading of it until the minute, kept_since: the first that is kept; None where there is none. kept_days: for how
    long levels are kept."""

    code: str
    at: datetime
    shown: tuple[Shown, ...]
    pushed: tuple[Pushed, ...]
    sold: tuple[Sold, ...]
    earlier_pushed: tuple[Pushed, ...] = ()
    earlier_sold: tuple[Sold, ...] = ()
    levels: tuple[Level, ...] = ()
    read_at: datetime | None = None
    kept_since: datetime | None = None
    kept_days: int = 0

    @property
    def levels_then(self) -> tuple[Level, ...]:
        """The levels that the last reading until the minute found; empty where none is on record."""
        if self.read_at is None:
            return ()
        return tuple(row for row in self.levels if row.since <= self.at and (row.until is None or row.until > self.at))


class _Family(msgspec.Struct, frozen=True):
    """Listings that take the stock of one article. own: units of the article in one unit of a listing of it, by channel
    and SKU, also of one that is linked to an older record of the product or to none. others: the rest. takes: what one
    unit of those takes, in millionths of stored products; content: the same of one unit of the article."""

    own: dict[tuple[str, str], int]
    others: list[Linked]
    takes: dict[tuple[str, str], dict[int, int]]
    content: dict[int, int]

    def count(self, order: Sold) -> Sold:
        """The order in units of the article, rounded up; of a kit, as many as its sale can have cost at most."""
        listing = order.channel, order.sku
        if listing in self.own:
            return order._replace(units=order.units * self.own[listing])
        taken = self.takes[listing]
        units = max(-(-order.units * taken[leaf] // need) for leaf, need in self.content.items() if leaf in taken)
        codes = {(row.channel, row.sku): row.code for row in self.others}
        return order._replace(units=units, other=codes[listing])


def look_back(connections: Connections, name: str, sku: str, at: datetime, span: timedelta) -> AsOf:
    """The article of a channel's listing as of `at`, and what happened during the span before, as far as it sold the
    same company's stock. Raises PermanentError
    for a SKU of no listing that is linked to a product."""
    with connections.warehouse.transaction() as connection:
        listings = list_linked(connection, name, sku)
        if not listings:
            raise PermanentError(
                f"No listing of {name} with the SKU {sku!r} is linked to a product; `commerce-pipelines inventory plan "
                f"{name}` shows those that are."
            )
        wishes, company = _read_wishes(connection, listings, name, at)
        listings = [row for row in listings if (row.channel, row.key) in wishes]
        start = at - max(span, LOOK_BACK)
        contents = read_contents(connection, company, start, at)
        product = next((row.product_id for row in listings if row.product_id), 0)
        relatives = list_of_products(connection, _find_relatives(product, contents))
        near, _ = _read_wishes(connection, relatives, name, at, company)
        relatives = [row for row in relatives if (row.channel, row.key) in near]
        family = _find_family(product, listings, contents, relatives)
        pushed = read_pushed(connection, listings, start, at)
        start = min([start, *(row.taken_at or row.started_at for row in pushed)])
        sold = [family.count(order) for order in read_sold(connection, [*listings, *family.others], start, at)]
        kept_since, read_at = read_readings(connection, company, at)
        levels = read_levels(connection, company, [row.product_id for row in listings if row.product_id], start, at)
    is_kit = product in contents
    shown = [
        msgspec.structs.replace(
            _show(listing, pushed, sold, at), wish=wishes[listing.channel, listing.key], is_kit=is_kit
        )
        for listing in listings
    ]
    return AsOf(
        code=listings[0].code, at=at, shown=tuple(shown),
        pushed=tuple(row for row in pushed if row.started_at >= at - span),
        sold=tuple(order for order in sold if order.placed_at >= at - span),
        earlier_pushed=tuple(row for row in pushed if row.started_at < at - span),
        earlier_sold=tuple(order for order in sold if order.placed_at < at - span),
        levels=tuple(levels), read_at=read_at, kept_since=kept_since,
        kept_days=connections.settings.stock_history_days,
    )  # fmt: skip


def _read_wishes(
    connection: Connection, listings: Sequence[Linked], name: str, at: datetime, company: int | None = None
) -> tuple[dict[tuple[str, str], Wish | None], int]:
    """(what each listing was to show by channel and key, the company): without listings of which it is on record that
    they sold another company's stock. company: None for that of a listing of the channel `name`."""
    wishes = {(row.channel, row.key): read_wish(connection, row.channel, row.key, at) for row in listings}
    if company is None:
        own = sorted(wishes.items(), key=lambda item: item[0][0] != name)
        company = next((wish.company for _, wish in own if wish), 0)
    # Company 0 is that of settings in which no channel named one, so that all had the same.
    others = {key for key, wish in wishes.items() if wish and wish.company not in (company, 0)} if company else set()
    return {key: wish for key, wish in wishes.items() if key not in others}, company


def _find_relatives(product: int, contents: Mapping[int, Mapping[int, int]]) -> set[int]:
    """Products whose sale takes stock of the same stored products: kits with a part in common, and the parts."""
    leaves = set(contents.get(product, (product,)))
    return {kit for kit, content in contents.items() if leaves & set(content)} | leaves


def _find_family(
    product: int, listings: Sequence[Linked], contents: Mapping[int, Mapping[int, int]], relatives: Sequence[Linked]
) -> _Family:
    """product: the article's, 0 where none of its listings is linked."""
    mine = {(row.channel, row.sku): row.units for row in listings}
    others = [row for row in relatives if (row.channel, row.sku) not in mine]

    def open_up(product: int | None, units: int) -> dict[int, int]:
        content = contents.get(product or 0, {product or 0: MICRO})
        return {leaf: need * units for leaf, need in content.items()}

    takes = {(row.channel, row.sku): open_up(row.product_id, row.units) for row in others}
    return _Family(mine, others, takes, open_up(product, 1))


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
    """A sentence for each order of the article, of the span, that Odoo could not reserve whole, with the cause."""
    keys = {(shown.listing.channel, shown.listing.key): shown.listing.sku for shown in story.shown}
    for order in story.sold:
        if not order.oversold or order.other:
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
            f"{other.units} by {other.channel} {other.order_id}{_write_other(story, other)}"
            f" (placed {local_time(other.placed_at, seconds=True)}, known here {_write_seen(other)})"
            for other in others
        )
        return f"{shown}{read}; that reading does not contain {named}."
    falls = list(_list_falls(story, since, order.placed_at))
    if falls:
        return (
            f"{shown}{read}, and no order took it, but Odoo's own figure fell: {'; '.join(falls)}. Look at its moves."
        )
    return (
        f"{shown}{read}, and nothing of it was sold in between: Odoo's figure was wrong or fell otherwise; look at the "
        f"article's moves around {local_time(order.placed_at)}."
    )


def _write_other(story: AsOf, order: Sold) -> str:
    """What was sold, where it is another article than the one that was short."""
    if not order.other:
        return ""
    if any(shown.is_kit for shown in story.shown):
        return f" as {order.other}, which takes parts of {story.code}"
    return f" in the kit {order.other}"


def _list_falls(story: AsOf, since: datetime, until: datetime) -> Iterator[str]:
    """Each fall of what was free in Odoo that a reading after `since` found, until the given time."""
    for row in story.levels:
        if not since < row.since <= until:
            continue
        before = next((old for old in story.levels if (old.warehouse, old.until) == (row.warehouse, row.since)), None)
        if before and row.free < before.free:
            yield (
                f"from {before.free:g} to {row.free:g} in {row.warehouse or 'no warehouse'} by the reading of "
                f"{local_time(row.since, seconds=True)}"
            )


def _write_seen(order: Sold) -> str:
    return local_time(order.seen_at, seconds=True) if order.seen_at else "never"
