"""Goods that a marketplace sends back from its warehouses come back in Odoo by two transfers for each parcel.

    read       what was shipped to the merchant in the last weeks, whole days; added up by parcel
    match      with the parcels on record, which keep their keys, and put on record what is new
    decide     that, less what Odoo has moved for the order: pure (domain/inbound/removal_ways.py)
    carry out  out of the marketplace's warehouse onto the road, dated on that day; the way home waits for people
    keep       how each parcel stands; what cannot be moved waits in the exceptions

What belongs here: the order of these steps. What does not: the rules, and the steps themselves, sentences
(removal_reasons.py). Units that leave are removals in Odoo as in the ledger, so the comparison (reconcile.py) counts
them once on both sides.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from ...channels.capabilities import offered
from ...channels.own_warehouses import FbaStock
from ...channels.settings import ChannelSettings
from ...core.errors import RecordError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.removal_ways import MARGIN, Standing, State, Way, match_parcels, plan_ways, settle
from ...domain.inbound.removals import Own, Unclear, build_parcels, sort_rows
from ...domain.orders.order import business_day
from ...domain.sales.mapping import goods_of
from ...odoo.inbound import removals as transfers
from ...odoo.inbound.contents import Contents, read_contents
from ...odoo.inbound.removals import HomePlaces, Leg, Lots
from ...odoo.reference.units import read_units
from ...odoo.rpc.client import OdooClient
from ...odoo.rpc.errors import OdooRefusal
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import ledger
from ...warehouse.inbound import removals as rows
from ...warehouse.inbound.removals import KeptParcel
from ..odoo_writer import odoo_writer
from .removal_reasons import (
    describe_fewer,
    describe_gone,
    describe_lost,
    describe_refusal,
    describe_tracked,
    describe_unclear,
)

STAGE = "removals"
_ENDED = ("done", "cancel")
SPAN_DAYS = 30  # of the report: late rows come, and a parcel's number may still change


class Returned(msgspec.Struct, kw_only=True):
    """The result of a run. units: that left the warehouse in Odoo by this run."""

    parcels: int = 0
    units: float = 0.0
    transfers: int = 0
    kept: list[KeptParcel] = msgspec.field(default_factory=list)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)


class _Book(msgspec.Struct, frozen=True, kw_only=True):
    """The parcels that count now, by key. start: the report's first day. settled: parcels on record that are over, or
    are left to people: their transfers count for no other parcel. step: the smallest amount that Odoo counts. lots:
    what lies in the marketplace's warehouse."""

    standings: Mapping[str, Standing]
    contents: Contents
    start: date
    settled: frozenset[str]
    step: float
    lots: Lots

    def plan(self, legs: Mapping[str, Sequence[Leg]]) -> dict[str, Way]:
        """legs: how Odoo stands; also transfers of parcels that nothing is on record of, which count where the report
        covers their days."""
        first = str(self.start + MARGIN)
        moved = {
            key: transfers.add_moves(of) for key, of in legs.items()
            if key in self.standings
            or (key not in self.settled and all(not leg.done_at or leg.done_at >= first for leg in of))
        }  # fmt: skip
        return plan_ways(self.standings, self.contents.of, moved, self.step)


def bring_back(connections: Connections, name: str, run_id: str = "") -> Returned:
    """Raises the channel's own errors, and RecordError for a place that Odoo lacks, before anything is written."""
    settings = connections.settings.channel(name)
    rules = settings.inbound.removals
    channel = connections.channel(name)
    stock: FbaStock = offered(channel.fba_stock, channel, "warehouses of its own")
    today = business_day(connections.instruments.now(), settings.zone)
    start = max(rules.since or today, today - timedelta(days=SPAN_DAYS))
    read = stock.read_removals(start, today) if start < today else ()
    home, unclear = sort_rows(read, rules.kinds)
    parcels = build_parcels(home, start)
    orders = {parcel.order_id for parcel in parcels}
    with connections.warehouse.transaction() as connection:
        kept = rows.read_kept(connection, name, orders, (rules.since or today, start - MARGIN))
    doubtful = frozenset(order for row in unclear.values() for order in row.orders)
    standings = match_parcels(parcels, kept, (start, today), doubtful)
    counting = {
        key: row for key, row in standings.items() if row.parcel.shipped_on >= (rules.since or today)
    }  # fmt: skip
    done = Returned(parcels=len(parcels))
    contents = _read_contents(connections, name, counting)
    reasons: dict[str, Reason] = {}
    if counting:
        with odoo_writer(connections, name) as client:
            places = _find_places(client, settings)
            _note_new(connections, name, counting)
            settled = frozenset(row.key for row in kept if row.parcel.order_id not in doubtful) - counting.keys()
            book = _build_book((client, places), counting, contents, start, settled)
            reasons = _move(connections, name, (client, places), book, done)
    _keep(connections, name, reasons, contents, unclear, done, run_id)
    return done


def _read_contents(connections: Connections, name: str, standings: Mapping[str, Standing]) -> Contents:
    rules = connections.settings.channel(name)
    mskus = {msku for row in standings.values() for msku, _ in row.parcel.units}
    if not mskus:
        return Contents({}, {})
    goods = {msku: goods_of(msku, "", rules) for msku in mskus}
    return read_contents(connections.odoo_of(name), goods, rules.sku_fold_case)


def _note_new(connections: Connections, name: str, standings: Mapping[str, Standing]) -> None:
    """On record before anything is made in Odoo, so that the next run knows the parcel by whatever name."""
    new = [KeptParcel(key=key, parcel=row.parcel) for key, row in standings.items() if row.before is None]
    with connections.warehouse.transaction() as connection:
        rows.keep(connection, name, new, connections.instruments.now())


def _build_book(
    odoo: tuple[OdooClient, HomePlaces], standings: Mapping[str, Standing], contents: Contents, start: date,
    settled: frozenset[str],
) -> _Book:  # fmt: skip
    client, places = odoo
    products = {content.product for of in contents.of.values() for content in of}
    return _Book(
        standings=standings, contents=contents, start=start, settled=settled, step=read_units(client).step,
        lots=transfers.read_lots(client, places, products),
    )  # fmt: skip


def _move(
    connections: Connections, name: str, odoo: tuple[OdooClient, HomePlaces], book: _Book, done: Returned
) -> dict[str, Reason]:
    """Bring Odoo in step with the parcels; why one waits, by its key."""
    client, places = odoo
    label, standings = connections.label(name), book.standings
    orders = {row.parcel.order_id for row in standings.values()}
    before = transfers.read_legs(client, label, standings, orders)
    transfers.rename(client, label, {
        key: (row.before.name, row.parcel.name) for key, row in standings.items()
        if row.before and row.before.name != row.parcel.name
    })  # fmt: skip
    wanted, reasons = dict[str, tuple[str, int, Mapping[Own, float]]](), dict[str, Reason]()
    ways = book.plan(before)
    doubtful = _list_doubtful(book, ways, before)
    for key, way in ways.items():
        units = {own: count for own, count in way.units.items() if own not in doubtful}
        reason = _judge(standings[key], way, is_tracked=len(units) < len(way.units))
        if reason:
            reasons[key] = reason
        if units:
            number = max((leg.number for leg in before.get(key, [])), default=0) + 1
            wanted[key] = standings[key].parcel.name, number, units
    refused: dict[str, OdooRefusal | None] = dict(transfers.send_out(client, label, places, wanted)) if wanted else {}
    legs = {key: of for key, of in transfers.read_legs(client, label, standings, orders).items() if key in standings}
    legs, waiting = _set_doubtful_aside(legs, doubtful)
    reasons |= {key: describe_tracked(standings[key].parcel) for key in waiting if key not in reasons}
    at = {
        leg.picking_id: _find_moment(connections, name, standings[key].parcel.shipped_on)
        for key, of in legs.items() for leg in of if leg.number > standings[key].transfers
    }  # fmt: skip
    refused |= transfers.bring_home(
        client, places, {key: (standings[key].parcel.name, of) for key, of in legs.items()}, at
    )
    reasons |= {key: describe_refusal(standings[key].parcel, refusal) for key, refusal in refused.items()}
    after = transfers.read_legs(client, label, standings, orders)
    _note_standings(book, before, after, reasons, done)
    return reasons


def _list_doubtful(book: _Book, ways: Mapping[str, Way], legs: Mapping[str, Sequence[Leg]]) -> set[Own]:
    """Goods with lots of which nobody can tell which leave, of all parcels together, and of transfers that an earlier
    run made and could not carry out."""
    leaving: dict[Own, list[float]] = defaultdict(list)
    for way in ways.values():
        for own, units in way.units.items():
            leaving[own].append(units)
    for leg in (leg for of in legs.values() for leg in of if leg.state not in _ENDED):
        for _, product, is_sellable, units in leg.moves:
            leaving[product, is_sellable].append(units)
    # Several parcels that take all lots together still do not say which parcel has which.
    return {
        own for own, units in leaving.items()
        if book.lots.are_doubtful(own, sum(units)) or (len(units) > 1 and book.lots.are_doubtful(own, units[0]))
    }  # fmt: skip


def _set_doubtful_aside(
    legs: Mapping[str, Sequence[Leg]], doubtful: set[Own]
) -> tuple[dict[str, list[Leg]], list[str]]:
    """The transfers that may be carried out; and the parcels of which one may not. A person carries it out, with its
    numbers."""
    free = {
        key: [
            leg for leg in of
            if leg.state in _ENDED or not any((product, sellable) in doubtful for _, product, sellable, _ in leg.moves)
        ]
        for key, of in legs.items()
    }  # fmt: skip
    return free, [key for key, of in legs.items() if len(free[key]) < len(of)]


def _judge(standing: Standing, way: Way, *, is_tracked: bool) -> Reason | None:
    if way.fewer:
        describe = describe_gone if standing.state is State.GONE else describe_fewer
        return describe(standing.parcel, sum(way.fewer.values()))
    if is_tracked:
        return describe_tracked(standing.parcel)
    return describe_lost(standing.parcel, max(map(abs, way.lost.values()))) if way.lost else None


def _note_standings(
    book: _Book, before: Mapping[str, Sequence[Leg]], after: Mapping[str, Sequence[Leg]],
    reasons: Mapping[str, Reason], done: Returned,
) -> None:  # fmt: skip
    """Add to `done` how every parcel stands now."""
    ways = book.plan(after)
    for key, row in book.standings.items():
        there = after.get(key, [])
        was = {leg.picking_id for leg in before.get(key, []) if leg.state == "done"}
        left = [leg for leg in there if leg.state == "done"]
        done.units += sum(_sum(leg) for leg in left if leg.picking_id not in was)
        done.transfers += sum(leg.picking_id not in was for leg in left)
        unfinished = [leg.number for leg in there if leg.state not in _ENDED]
        # Those before the first unfinished one are dated; a person's date on them stays.
        dated = min(unfinished, default=max((leg.number for leg in there), default=0) + 1) - 1
        done.kept.append(
            KeptParcel(
                key=key,
                parcel=row.parcel,
                moved=sum(map(_sum, left)),
                code=_find_code(book, key, reasons),
                layers=settle(row, book.contents.of, ways[key]),
                transfers=dated,
            )
        )


def _find_code(book: _Book, key: str, reasons: Mapping[str, Reason]) -> str:
    if key in reasons:
        return reasons[key].code
    refused = (book.contents.refused.get(msku) for msku, _ in book.standings[key].parcel.units)
    return next((reason.code for reason in refused if reason), "")


def _sum(leg: Leg) -> float:
    return sum(units for *_, units in leg.moves)


def _find_moment(connections: Connections, name: str, day: date) -> datetime:
    """Noon of the day on which a parcel left."""
    return datetime.combine(day, time(12), connections.settings.channel(name).zone)


def _keep(
    connections: Connections, name: str, reasons: Mapping[str, Reason], contents: Contents,
    unclear: Mapping[str, Unclear], done: Returned, run_id: str,
) -> None:  # fmt: skip
    now = connections.instruments.now()
    days = {row.key: row.parcel.shipped_on for row in done.kept}
    of_record: dict[str, tuple[Reason, date | None]] = {
        **{f"removal {of}": (reason, days.get(of)) for of, reason in reasons.items()},
        **{f"removed sku {msku}": (reason, None) for msku, reason in contents.refused.items()},
        **{f"removal kind {word}": (describe_unclear(word, row), None) for word, row in unclear.items()},
    }
    failures = [
        exceptions.Failure(record_id=record, day=day, reason=reason) for record, (reason, day) in of_record.items()
    ]
    with connections.warehouse.transaction() as connection:
        rows.keep(connection, name, done.kept, now)
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
        gone = [row.record_id for row in waiting if row.stage == STAGE and row.record_id not in of_record]
        exceptions.resolve(connection, name, Topic.INBOUND, STAGE, gone, now)
        exceptions.record(connection, name, Topic.INBOUND, STAGE, failures, run_id, now)
        ledger.note_done(connection, name, STAGE, now)
    done.waiting = Counter(failure.reason.code for failure in failures)


def find_problem(connections: Connections, name: str) -> str:
    """What the section names and Odoo lacks, '' for nothing. Reads only."""
    try:
        _find_places(connections.odoo_of(name), connections.settings.channel(name))
    except RecordError as error:
        return f"{error} {error.fix}"
    return ""


def _find_places(client: OdooClient, settings: ChannelSettings) -> HomePlaces:
    rules = settings.inbound.removals
    return transfers.find_home(
        client, settings.channel_warehouse, rules.warehouse or settings.warehouse,
        {key: getattr(rules, key) for key in ("transit", "unsellable", "unsellable_from")},
    )  # fmt: skip
