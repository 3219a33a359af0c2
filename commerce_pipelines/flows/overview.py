"""How each channel stands, at one glance: sold today and in seven days, what waits, what is under way, what is left.

It asks the database alone, neither a marketplace nor Odoo. What belongs here: gathering the figures of each channel.
What does not: judging them (health.py, alerts.py), how they are shown (assets/overview.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ..domain.outbox.effects import Kind, Status
from ..resources.connections import Connections
from ..warehouse.orders.trade import Trade, read_trade
from ..warehouse.shared import conditions, figures
from .limits import read_limits
from .pollers import orders_poller

if TYPE_CHECKING:
    from ..channels.settings import ChannelSettings
    from ..warehouse.shared.figures import Unsettled, Waiting

DAYS = 7


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """Paid orders of some days. channel, odoo: minor units by currency."""

    orders: int = 0
    loaded: int = 0
    channel: dict[str, int] = {}
    odoo: dict[str, int] = {}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. waiting: records that wait with a reason, the oldest since when. heard_at: the last successful look
    at its orders. stock, shipments: changes of either kind that are not settled. held: of those, what waits for a
    person. short: operations whose calls are nearly used up."""

    name: str
    today: Sold
    week: Sold
    waiting: int = 0
    oldest: datetime | None = None
    heard_at: datetime | None = None
    stock: int = 0
    shipments: int = 0
    held: int = 0
    short: tuple[str, ...] = ()


def read_overview(connections: Connections) -> list[Standing]:
    """One row per channel, in the order of the settings. Today is today in the channel's time zone."""
    now = connections.instruments.now()
    with connections.warehouse.transaction() as connection:
        beats = {beat.name: beat.succeeded_at for beat in conditions.heartbeats(connection)}
        waiting, effects = figures.count_exceptions(connection), figures.count_effects(connection)
        trade = {
            channel.name: read_trade(connection, channel.name, _find_first_day(channel, now))
            for channel in connections.settings.channels
        }
    short: dict[str, list[str]] = {}
    for limit in read_limits(connections):
        if limit.is_short:
            short.setdefault(limit.channel, []).append(limit.operation)
    return [
        msgspec.structs.replace(
            _describe_channel(channel, now, trade[channel.name], waiting, effects),
            heard_at=beats.get(orders_poller(channel.name)),
            short=tuple(short.get(channel.name, ())),
        )
        for channel in connections.settings.channels
    ]


def _find_first_day(channel: ChannelSettings, now: datetime) -> date:
    return now.astimezone(channel.zone).date() - timedelta(days=DAYS - 1)


def _describe_channel(
    channel: ChannelSettings,
    now: datetime,
    trade: list[Trade],
    waiting: Iterable[Waiting],
    effects: Iterable[Unsettled],
) -> Standing:
    name, today = channel.name, now.astimezone(channel.zone).date()
    records = [record for record in waiting if record.channel == name and not record.is_note]
    mine = [effect for effect in effects if effect.target == name]
    kinds = Counter[str]()
    for effect in mine:
        kinds[effect.kind] += effect.count
    return Standing(
        name=name, today=_sum_trade(row for row in trade if row.day == today), week=_sum_trade(trade),
        waiting=sum(record.count for record in records),
        oldest=min((record.since for record in records), default=None),
        stock=kinds[Kind.QUANTITY], shipments=kinds[Kind.SHIPMENT],
        held=sum(effect.count for effect in mine if effect.status == Status.HELD),
    )  # fmt: skip


def _sum_trade(rows: Iterable[Trade]) -> Sold:
    orders, loaded, channel, odoo = 0, 0, Counter[str](), Counter[str]()
    for row in rows:
        orders, loaded = orders + row.orders, loaded + row.loaded
        channel[row.currency] += row.total
        odoo[row.currency] += row.loaded_total
    return Sold(orders=orders, loaded=loaded, channel=dict(channel), odoo=dict(odoo))
