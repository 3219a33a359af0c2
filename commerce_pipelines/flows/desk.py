"""What waits on all channels and in all flows, as one list for the person who works it off.

It asks the database alone, neither a marketplace nor Odoo. What belongs here: the order of the list, its links, and
taking care of a record. What does not: when a record is tried again (lineage.py), how the list is shown
(assets/desk.py, cli/desk.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ..core.errors import SettingsError
from ..core.reasons import rule
from ..resources.connections import Connections
from ..warehouse import desk
from ..warehouse.desk import Held

if TYPE_CHECKING:
    from ..channels.settings import ChannelSettings

LONGEST_NAME = 60  # characters of who looks after a record


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the list. ignored_until: the business day on which it comes back, None where it is here. order_page:
    of the marketplace's seller pages; odoo_page: of the credit note, else of the sale order; '' where there is none.
    reason_page: a path below the project where `docs_url` is not set."""

    held: Held
    ignored_until: date | None
    order_page: str
    odoo_page: str
    reason_page: str

    @property
    def is_ignored(self) -> bool:
        return self.ignored_until is not None


def read_desk(connections: Connections) -> list[Entry]:
    """What waits, before what a person should look at, before what is ignored; the oldest first."""
    now, settings = connections.instruments.now(), connections.settings
    channels = {channel.name: channel for channel in settings.channels}
    with connections.warehouse.transaction() as connection:
        rows = desk.list_held(connection)
    odoo = settings.odoo.url.rstrip("/")
    entries = [
        Entry(
            held=held,
            ignored_until=_read_day(channels.get(held.row.channel), held, now),
            order_page=_link_order(channels.get(held.row.channel), held),
            odoo_page=_link_odoo(odoo, held),
            reason_page=link_reason(settings.docs_url, held.row.code),
        )
        for held in rows
    ]
    return sorted(entries, key=lambda entry: (entry.is_ignored, not entry.held.row.blocking))


def _read_day(channel: ChannelSettings | None, held: Held, now: datetime) -> date | None:
    if held.ignored_until is None or held.ignored_until <= now:
        return None
    return held.ignored_until.astimezone(channel.zone if channel else UTC).date()


def _link_order(channel: ChannelSettings | None, held: Held) -> str:
    return channel.order_page(held.order_id, held.marketplace) if channel and held.order_id else ""


def _link_odoo(odoo: str, held: Held) -> str:
    if held.note_id:
        return f"{odoo}/odoo/account.move/{held.note_id}"
    return f"{odoo}/odoo/sales/{held.sale_id}" if held.sale_id else ""


def link_reason(docs_url: str, code: str) -> str:
    """Where a reason is explained."""
    page = rule(code).page
    return f"{docs_url.rstrip('/')}/{page.removeprefix('docs/')}" if docs_url else page


def assign(connections: Connections, channel: str, record_id: str, person: str, code: str = "") -> int:
    """Name who looks after a record, for one reason or all; returns how many reasons. person: '' for nobody. Raises
    SettingsError for a record that does not wait."""
    connections.settings.channel(channel)
    name = " ".join(person.split())
    if len(name) > LONGEST_NAME:
        raise SettingsError(f"A name has at most {LONGEST_NAME} characters.")
    with connections.warehouse.transaction() as connection:
        count = desk.assign(connection, channel, record_id, code, name, connections.instruments.now())
    return _ensure_there(count, channel, record_id)


def ignore(connections: Connections, channel: str, record_id: str, until: date | None, code: str = "") -> int:
    """Ignore a record until that day begins in the channel's time zone; None: not any more. It stays open and counted.
    Returns how many reasons. Raises SettingsError for a record that does not wait, and for a day that has begun."""
    now, zone = connections.instruments.now(), connections.settings.channel(channel).zone
    begins = datetime.combine(until, time(), zone) if until else None
    if begins and begins <= now:
        raise SettingsError(f"{until} has begun already: name a day to come.")
    with connections.warehouse.transaction() as connection:
        count = desk.ignore(connection, channel, record_id, code, begins, now)
    return _ensure_there(count, channel, record_id)


def _ensure_there(count: int, channel: str, record_id: str) -> int:
    if not count:
        raise SettingsError(
            f"No such record of {channel} waits; `commerce-pipelines exceptions list {quote(channel)}` shows those "
            "that do."
        )
    return count


def read_mark(connections: Connections) -> str:
    """As in warehouse/desk.py."""
    with connections.warehouse.transaction() as connection:
        return desk.read_mark(connection, connections.instruments.now())
