"""Goods that a marketplace sends back from its warehouses come back in Odoo by two transfers for each parcel.

    read       what was shipped to the merchant in the last weeks, whole days; added up by parcel
    decide     that, less what Odoo has moved for the parcel: pure (domain/inbound/removals.py)
    carry out  out of the marketplace's warehouse onto the road, dated on that day; the way home waits for people
    keep       how each parcel stands; what cannot be moved waits in the exceptions

What belongs here: the order of these steps. What does not: the rules, and the steps themselves. Units that leave are
removals in Odoo as in the ledger, so the comparison (reconcile.py) counts them once on both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from ...channels.capabilities import offered
from ...channels.own_warehouses import FbaStock
from ...channels.settings import ChannelSettings
from ...core.errors import RecordError
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.removals import Own, Parcel, build_parcels, plan_way
from ...domain.orders.order import business_day
from ...domain.sales.mapping import goods_of
from ...odoo.inbound import removals as transfers
from ...odoo.inbound.contents import Contents, read_contents
from ...odoo.inbound.removals import HomePlaces, Leg
from ...odoo.rpc.client import OdooClient
from ...odoo.rpc.errors import OdooRefusal
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import removals as rows
from ...warehouse.inbound.removals import KeptParcel
from ..odoo_writer import odoo_writer

STAGE = "removals"
SPAN_DAYS = 30  # of the report: late rows come, and a parcel's number may still change


class Returned(msgspec.Struct, kw_only=True):
    """The result of a run. units: that left the warehouse in Odoo by this run."""

    parcels: int = 0
    units: float = 0.0
    transfers: int = 0
    kept: list[KeptParcel] = msgspec.field(default_factory=list)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)


def bring_back(connections: Connections, name: str, run_id: str = "") -> Returned:
    """Raises the channel's own errors, and RecordError for a place that Odoo lacks, before anything is written."""
    settings = connections.settings.channel(name)
    rules = settings.inbound.removals
    channel = connections.channel(name)
    stock: FbaStock = offered(channel.fba_stock, channel, "warehouses of its own")
    today = business_day(connections.instruments.now(), settings.zone)
    start = max(rules.since or today, today - timedelta(days=SPAN_DAYS))
    read = stock.read_removals(start, today) if start < today else ()
    parcels = {parcel.key: parcel for parcel in build_parcels(read, start)}
    done = Returned(parcels=len(parcels))
    contents = _read_contents(connections, name, list(parcels.values()))
    reasons: dict[str, Reason] = {}
    if parcels:
        with odoo_writer(connections, name) as client:
            places = _find_places(client, settings)
            reasons = _move(connections, name, (client, places), parcels, contents, done)
    _keep(connections, name, reasons, contents, done, run_id)
    return done


def _read_contents(connections: Connections, name: str, parcels: Sequence[Parcel]) -> Contents:
    rules = connections.settings.channel(name)
    mskus = {msku for parcel in parcels for msku, _ in parcel.units}
    if not mskus:
        return Contents({}, {})
    goods = {msku: goods_of(msku, "", rules) for msku in mskus}
    return read_contents(connections.odoo_of(name), goods, rules.sku_fold_case)


def _move(
    connections: Connections, name: str, odoo: tuple[OdooClient, HomePlaces], parcels: Mapping[str, Parcel],
    contents: Contents, done: Returned,
) -> dict[str, Reason]:  # fmt: skip
    """Bring Odoo in step with the parcels; why one waits, by its key."""
    client, places = odoo
    label, reasons = connections.label(name), dict[str, Reason]()
    before = transfers.read_legs(client, label, parcels)
    products = {content.product for of in contents.of.values() for content in of}
    tracked = transfers.find_tracked(client, products)
    wanted: dict[str, tuple[Parcel, int, Mapping[Own, float]]] = {}
    for key, parcel in parcels.items():
        legs = before.get(key, [])
        way = plan_way(parcel, contents.of, transfers.add_moved(legs))
        units = {own: count for own, count in way.units.items() if own[0] not in tracked}
        if way.fewer:
            reasons[key] = _describe_fewer(parcel, sum(way.fewer.values()))
        elif len(units) < len(way.units):
            reasons[key] = _describe_tracked(parcel)
        if units:
            wanted[key] = parcel, _count(legs) + 1, units
    refused: dict[str, OdooRefusal | None] = dict(transfers.send_out(client, label, places, wanted)) if wanted else {}
    legs_now = transfers.read_legs(client, label, parcels)
    with connections.warehouse.transaction() as connection:
        settled = rows.read_moved(connection, name, parcels)
    at = {
        key: _find_moment(connections, name, parcels[key].shipped_on)
        for key, legs in legs_now.items()
        if settled.get(key) != sum(map(_sum, legs))
    }
    refused |= transfers.bring_home(client, places, {key: (parcels[key], legs) for key, legs in legs_now.items()}, at)
    reasons |= {key: _describe_refusal(parcels[key], refusal) for key, refusal in refused.items()}
    after = transfers.read_legs(client, label, parcels)
    for key, parcel in parcels.items():
        there = {leg.picking_id: leg for leg in after.get(key, [])}
        was = {leg.picking_id for leg in before.get(key, []) if leg.state == "done"}
        left = [leg for leg in there.values() if leg.state == "done"]
        done.units += sum(_sum(leg) for leg in left if leg.picking_id not in was)
        done.transfers += sum(leg.picking_id not in was for leg in left)
        code = reasons[key].code if key in reasons else ""
        done.kept.append(KeptParcel(key=key, parcel=parcel, moved=sum(map(_sum, left)), code=code))
    return reasons


def _count(legs: Sequence[Leg]) -> int:
    return max((int(leg.name.removesuffix("_out").rpartition("_")[2]) for leg in legs), default=0)


def _sum(leg: Leg) -> float:
    return sum(units for *_, units in leg.moves)


def _find_moment(connections: Connections, name: str, day: date) -> datetime:
    """Noon of the day on which a parcel left."""
    return datetime.combine(day, time(12), connections.settings.channel(name).zone)


def _keep(
    connections: Connections, name: str, reasons: Mapping[str, Reason], contents: Contents, done: Returned, run_id: str
) -> None:  # fmt: skip
    now = connections.instruments.now()
    days = {row.key: row.parcel.shipped_on for row in done.kept}
    failures = [
        exceptions.Failure(record_id=f"removal {of}", day=days.get(of), reason=reason) for of, reason in reasons.items()
    ]
    failures += [
        exceptions.Failure(record_id=f"removed sku {msku}", day=None, reason=reason)
        for msku, reason in contents.refused.items()
    ]
    still = {failure.record_id for failure in failures}
    with connections.warehouse.transaction() as connection:
        rows.keep(connection, name, done.kept, now)
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
        gone = [row.record_id for row in waiting if row.stage == STAGE and row.record_id not in still]
        exceptions.resolve(connection, name, Topic.INBOUND, STAGE, gone, now)
        exceptions.record(connection, name, Topic.INBOUND, STAGE, failures, run_id, now)
    done.waiting = Counter(failure.reason.code for failure in failures)


def _describe_fewer(parcel: Parcel, units: float) -> Reason:
    return Reason(
        "fba_removal_differs",
        f"The marketplace tells of {units:g} units less of the {parcel.name} than Odoo has moved.",
        "Nothing is taken back: look at the removal order in the marketplace, and return the rest in Odoo by hand.",
        parcel.order_id,
    )  # fmt: skip


def _describe_tracked(parcel: Parcel) -> Reason:
    return Reason(
        "lot_needed", f"Of the {parcel.name} units with a lot or serial number come back, and nobody says which.",
        "Make their transfer out of the marketplace's warehouse by hand, with the numbers, and write a later day as "
        "`inbound.removals.since`.", parcel.order_id,
    )  # fmt: skip


def _describe_refusal(parcel: Parcel, refusal: OdooRefusal | None) -> Reason:
    what = f", in {refusal.what}" if refusal else " and does not say why"
    return Reason(
        "refused_by_odoo", f"Odoo does not carry out the transfers of the {parcel.name}{what}.",
        "Validate them in Odoo by hand: a question that Odoo asks there is the usual cause.", parcel.order_id,
    )  # fmt: skip


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
