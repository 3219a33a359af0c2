"""Goods on the road to a marketplace's warehouse are received in Odoo as the marketplace counts them, in steps.

    read       transfers from a transit location into the warehouse, with the shipment's number on them
    count      what the marketplace has received of these shipments
    step       what Odoo has to receive now: pure (domain/inbound/road.py)
    validate   within the door for writers, after reading Odoo once more
    keep       how each shipment stands; what is missing or too much waits in the exceptions

What belongs here: the order of these steps. What does not: the rules, and the steps themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec

from ...channels.capabilities import offered
from ...channels.own_warehouses import FbaStock
from ...core.reasons import Reason
from ...core.topics import Topic
from ...domain.inbound.reconciliation import Content
from ...domain.inbound.road import (
    ARRIVED,
    CLOSED,
    Count,
    FbaShipment,
    RoadMove,
    Step,
    find_doubtful,
    find_last_day,
    join_numbers,
    merge,
    plan_step,
)
from ...domain.orders.order import business_day
from ...domain.sales.mapping import goods_of
from ...odoo.inbound.contents import Contents, read_contents
from ...odoo.inbound.receipts import Transfer, read_lots, read_transfers, reserve
from ...odoo.inbound.receipts import receive as receive_in_odoo
from ...odoo.inbound.stock_as_of import find_away
from ...odoo.rpc.client import OdooClient
from ...odoo.rpc.search_read import ARCHIVED_TOO, fetch
from ...resources.connections import Connections
from ...warehouse import exceptions
from ...warehouse.inbound import shipments as rows
from ...warehouse.inbound.shipments import KeptCount, KeptShipment
from ..odoo_writer import odoo_writer
from .due import find_asked

STAGE = "receive"
WATCHED_DAYS = 60  # after a transfer is done, counts may still change for weeks


class Discrepancy(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a product that are missing, too many, or counted down again. evidence: names of the transfers, and what
    the ledger says was received. last_day: on which a claim is taken."""

    shipment_id: str
    code: str
    count: Count
    last_day: date | None
    evidence: str


class Received(msgspec.Struct, kw_only=True):
    """The result of a run. units: received by this run. unnumbered: transfers that name no shipment; unknown: shipments
    that the marketplace does not know."""

    transfers: int = 0
    shipments: int = 0
    units: float = 0.0
    statuses: Counter[str] = msgspec.field(default_factory=Counter)
    unnumbered: list[str] = msgspec.field(default_factory=list)
    unknown: list[str] = msgspec.field(default_factory=list)
    discrepancies: list[Discrepancy] = msgspec.field(default_factory=list)
    waiting: Counter[str] = msgspec.field(default_factory=Counter)


def list_transfers(connections: Connections, name: str) -> list[Transfer]:
    """The transfers on the road to the channel's warehouse, and those that were done of late. Reads Odoo only."""
    channel, client = connections.settings.channel(name), connections.odoo_of(name)
    away = find_away(client, channel.channel_warehouse)
    days = max(WATCHED_DAYS, channel.inbound.claim_days)
    transfers = read_transfers(client, away, connections.instruments.now() - timedelta(days=days))
    group = join_numbers(transfer.shipment_id for transfer in transfers)
    return [
        msgspec.structs.replace(transfer, shipment_id=group[transfer.shipment_id.split()[0]])
        if transfer.shipment_id else transfer
        for transfer in transfers
    ]  # fmt: skip


def has_work(connections: Connections, name: str) -> bool:
    """Whether any transfer on the road names a shipment, or a person has asked for another look at what waits."""
    return find_asked(connections, name, (STAGE,)) is not None or any(
        transfer.shipment_id and transfer.state not in ("done", "cancel")
        for transfer in list_transfers(connections, name)
    )


def receive(connections: Connections, name: str, run_id: str = "") -> Received:
    """Receive in Odoo what the marketplace has counted. Raises the channel's own errors, before anything is written."""
    channel = connections.channel(name)
    stock: FbaStock = offered(channel.fba_stock, channel, "warehouses of its own")
    transfers = list_transfers(connections, name)
    done = Received(
        transfers=len(transfers),
        unnumbered=[row.name for row in transfers if not row.shipment_id and row.state not in ("done", "cancel")],
    )
    groups = sorted({transfer.shipment_id for transfer in transfers} - {""})
    wanted = [number for group in groups for number in group.split()]
    read = {shipment.shipment_id: shipment for shipment in stock.read_shipments(wanted)} if wanted else {}
    done.shipments, done.unknown = len(read), [number for number in wanted if number not in read]
    done.statuses = Counter(shipment.status for shipment in read.values())
    shipments = {
        group: merge([read[number] for number in group.split()])
        for group in groups
        if all(number in read for number in group.split())
    }
    contents = _read_contents(connections, name, shipments)
    refused: dict[str, Reason] = {}
    with odoo_writer(connections, name) as client:
        transfers = list_transfers(connections, name)
        steps = _plan(transfers, shipments, contents.of)
        if short := _list_unreserved(transfers, steps):
            reserve(client, short)
            transfers = list_transfers(connections, name)
            steps = _plan(transfers, shipments, contents.of)
        steps, doubtful = _set_doubtful_aside(client, steps, transfers)
        refused = doubtful | _carry_out(client, steps, done)
        kept = _build_kept(connections, name, list_transfers(connections, name), shipments, contents)
    _keep(connections, name, kept, contents.refused, refused, done, run_id)
    return done


def _read_contents(connections: Connections, name: str, shipments: Mapping[str, FbaShipment]) -> Contents:
    rules = connections.settings.channel(name)
    mskus = {item.msku for shipment in shipments.values() for item in shipment.items}
    if not mskus:
        return Contents({}, {})
    goods = {msku: goods_of(msku, "", rules) for msku in mskus}
    return read_contents(connections.odoo_of(name), goods, rules.sku_fold_case)


def _plan(
    transfers: Sequence[Transfer], shipments: Mapping[str, FbaShipment], contents: Mapping[str, Sequence[Content]]
) -> dict[str, tuple[Step, dict[int, int]]]:
    """The step of each shipment, and the transfer of each of its movements."""
    steps = {}
    for shipment_id, shipment in shipments.items():
        moves = _list_moves(transfers, shipment_id)
        step = plan_step(shipment, contents, moves)
        steps[shipment_id] = step, {move.move_id: move.picking_id for move in moves}
    return steps


def _set_doubtful_aside(
    client: OdooClient, steps: Mapping[str, tuple[Step, dict[int, int]]], transfers: Sequence[Transfer]
) -> tuple[dict[str, tuple[Step, dict[int, int]]], dict[str, Reason]]:
    """The steps without units of which nobody says which lots they are; why those wait, by shipment."""
    lots = read_lots(client, {move.move_id for row in transfers for move in row.moves if not move.is_done})
    kept, reasons = dict(steps), dict[str, Reason]()
    for shipment_id, (step, picking_of) in steps.items():
        moves = _list_moves(transfers, shipment_id)
        products = find_doubtful(step.units, moves, lots)
        if products:
            aside = {move.move_id for move in moves if move.product in products}
            units = {move: count for move, count in step.units.items() if move not in aside}
            kept[shipment_id] = msgspec.structs.replace(step, units=units), picking_of
            reasons[shipment_id] = _describe_lots(shipment_id, len(products))
    return kept, reasons


def _describe_lots(shipment_id: str, products: int) -> Reason:
    return Reason(
        "lot_needed",
        f"Of the shipment {shipment_id} a part of {products} products is counted, of which several lots or serial "
        "numbers are on the road: nobody says which arrived.",
        "Nothing, if the rest is counted soon: then all are received. Or receive them in Odoo by hand, with their "
        "numbers.", shipment_id,
    )  # fmt: skip


def _list_unreserved(
    transfers: Sequence[Transfer], steps: Mapping[str, tuple[Step, dict[int, int]]]
) -> list[int]:  # fmt: skip
    """Open transfers of which more was counted than Odoo has reserved on the road for them."""
    short = {(of, count.product) for of, (step, _) in steps.items() for count in step.counts if count.surplus}
    return sorted(
        transfer.picking_id
        for transfer in transfers
        if any(
            (transfer.shipment_id, move.product) in short and not move.is_done and move.there < move.units
            for move in transfer.moves
        )
    )


def _list_moves(transfers: Sequence[Transfer], shipment_id: str) -> list[RoadMove]:
    return [move for transfer in transfers if transfer.shipment_id == shipment_id for move in transfer.moves]


def _carry_out(
    client: OdooClient, steps: Mapping[str, tuple[Step, dict[int, int]]], done: Received
) -> dict[str, Reason]:
    """Validate the steps; why a shipment waits, by its number."""
    refused: dict[str, Reason] = {}
    for shipment_id, (step, picking_of) in steps.items():
        if not step.units:
            continue
        failed = receive_in_odoo(client, step.units, picking_of)
        done.units += sum(units for move, units in step.units.items() if picking_of[move] not in failed)
        for refusal in failed.values():
            what = f", in {refusal.what}" if refusal else " and does not say why"
            refused[shipment_id] = Reason(
                "refused_by_odoo", f"Odoo does not receive the shipment {shipment_id}{what}.",
                "Validate its transfer in Odoo by hand as far as the marketplace has counted: a question that Odoo "
                "asks there is the usual cause.", shipment_id,
            )  # fmt: skip
    return refused


def _build_kept(
    connections: Connections, name: str, transfers: Sequence[Transfer], shipments: Mapping[str, FbaShipment],
    contents: Contents,
) -> list[KeptShipment]:  # fmt: skip
    """How each shipment stands now, by what Odoo says after this run."""
    today = business_day(connections.instruments.now(), connections.settings.channel(name).zone)
    kept = []
    plans = _plan(transfers, shipments, contents.of)
    codes = _read_codes(connections, name, {count.product for step, _ in plans.values() for count in step.counts})
    for shipment_id, (step, _) in plans.items():
        shipment = shipments[shipment_id]
        booked = {count.product: 0.0 for count in step.counts}
        for move in _list_moves(transfers, shipment_id):
            booked[move.product] = booked.get(move.product, 0.0) + (move.units if move.is_done else 0.0)
        counts = tuple(
            KeptCount(
                code=codes.get(count.product, f"product {count.product}"),
                mskus=tuple(sorted(
                    item.msku for item in shipment.items
                    if any(content.product == count.product for content in contents.of.get(item.msku, ()))
                )),
                count=msgspec.structs.replace(
                    count, booked=booked[count.product], on_road=count.on_road + count.booked - booked[count.product]
                ),
            )
            for count in step.counts
        )  # fmt: skip
        kept.append(
            KeptShipment(
                shipment_id=shipment_id, status=shipment.status, centre=shipment.centre,
                transfers=tuple(row.name for row in transfers if row.shipment_id == shipment_id),
                arrived_on=today if shipment.status in ARRIVED else None, counts=counts,
            )
        )  # fmt: skip
    return kept


def _read_codes(connections: Connections, name: str, products: set[int]) -> dict[int, str]:
    domain = [["id", "in", sorted(products)]]
    products_there = fetch(
        connections.odoo_of(name), "product.product", domain, ["default_code"], context=ARCHIVED_TOO
    ) if products else []  # fmt: skip
    return {row["id"]: row["default_code"] or f"product {row['id']}" for row in products_there}


def _keep(
    connections: Connections, name: str, kept: Sequence[KeptShipment], unknown: Mapping[str, Reason],
    refused: Mapping[str, Reason], done: Received, run_id: str,
) -> None:  # fmt: skip
    now, claim_days = connections.instruments.now(), connections.settings.channel(name).inbound.claim_days
    failures = [
        *(exceptions.Failure(record_id=f"shipment {of}", day=None, reason=reason) for of, reason in refused.items()),
        *(exceptions.Failure(record_id=f"sku {of}", day=None, reason=reason) for of, reason in unknown.items()),
        *(exceptions.Failure(record_id=f"shipment {of}", day=None, reason=_describe_unknown(of))
          for of in done.unknown),
    ]  # fmt: skip
    with connections.warehouse.transaction() as connection:
        rows.keep(connection, name, kept, now)
        arrivals = rows.read_arrivals(connection, name)
        for shipment in kept:
            receipts = rows.count_receipts(connection, name, shipment.shipment_id)
            last_day = find_last_day(arrivals.get(shipment.shipment_id), claim_days)
            wrong = _list_discrepancies(shipment, receipts, last_day)
            done.discrepancies += wrong
            if wrong and shipment.shipment_id not in refused:
                failures.append(
                    exceptions.Failure(
                        record_id=f"shipment {shipment.shipment_id}", day=last_day, reason=describe(shipment, wrong)
                    )
                )
        still = {failure.record_id for failure in failures}
        waiting = exceptions.open_exceptions(connection, name, Topic.INBOUND)
        gone = [row.record_id for row in waiting if row.stage == STAGE and row.record_id not in still]
        exceptions.resolve(connection, name, Topic.INBOUND, STAGE, gone, now)
        exceptions.record(connection, name, Topic.INBOUND, STAGE, failures, run_id, now)
    done.discrepancies.sort(key=lambda row: (row.last_day or date.max, row.shipment_id, row.code))
    done.waiting = Counter(failure.reason.code for failure in failures)


def _list_discrepancies(
    shipment: KeptShipment, receipts: Mapping[str, int], last_day: date | None
) -> list[Discrepancy]:  # fmt: skip
    """What is missing is only told of a shipment that the marketplace has closed."""
    wrong = []
    for row in shipment.counts:
        count = row.count
        is_missing = count.missing and shipment.status in CLOSED
        if not (is_missing or count.surplus or count.counted_down):
            continue
        ledger = ", ".join(f"{receipts[msku]:+d} of {msku}" for msku in row.mskus if msku in receipts)
        evidence = f"transfers {', '.join(shipment.transfers)}; the ledger's receipts: {ledger or 'none read'}"
        wrong.append(
            Discrepancy(shipment_id=shipment.shipment_id, code=row.code, count=count, last_day=last_day,
                        evidence=evidence)
        )  # fmt: skip
    return wrong


def describe(shipment: KeptShipment, wrong: Sequence[Discrepancy]) -> Reason:
    """What is wrong with a shipment, in words."""
    parts = ", ".join(f"{explain(row.count)} of {row.code}" for row in wrong[:5])
    more = f" and {len(wrong) - 5} more products" if len(wrong) > 5 else ""
    last_day = wrong[0].last_day
    until = f" A claim is taken until {last_day}." if last_day else ""
    return Reason(
        "fba_count_differs",
        f"Of the shipment {shipment.shipment_id} ({shipment.status}): {parts}{more}.{until}",
        "Claim missing units in the marketplace with the shipment's papers; book what it pays for or finds. For a "
        "surplus look what was really sent. The transfer stays open in Odoo until you end it.",
        shipment.shipment_id,
    )  # fmt: skip


def explain(count: Count) -> str:
    if count.surplus:
        return f"{count.surplus:g} more than were on the road"
    if count.counted_down:
        return f"{count.counted_down:g} counted down after they were received"
    return f"{count.missing:g} missing"


def _describe_unknown(shipment_id: str) -> Reason:
    return Reason(
        "unknown_shipment", f"The marketplace does not know the shipment {shipment_id} that a transfer names.",
        "Correct the number in the transfer's Source Document.", shipment_id,
    )  # fmt: skip
