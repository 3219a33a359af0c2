"""Labels of units (FNSKU) for goods that go to a marketplace's warehouse, attached to their transfer.

What belongs here: which transfers get them, of which units, once. What does not: labels of boxes (plan_papers.py), the
calls (channels/, odoo/inbound/plan_papers.py).

They are needed before goods are packed, so a transfer gets them as soon as Odoo has reserved all of it. The files'
names hold a digest of what they are for: what stands there already is not made again, and a transfer that changes gets
others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...channels.inbound_plans import InboundPlans
from ...core.errors import CredentialError, PermanentError, RecordError, SettingsError
from ...core.reasons import Reason
from ...domain.inbound.consignment import Label, find_kind
from ...domain.inbound.plan_choices import build_item
from ...domain.outbox.effects import digest
from ...odoo.inbound.departing import Departing
from ...odoo.inbound.plan_papers import attach, list_files
from ...odoo.rpc.client import OdooClient
from ...resources.connections import Connections
from ..odoo_writer import odoo_writer
from .plan_goods import count_units, read_catalogue

SKUS_A_CALL, UNITS_OF_A_SKU = 100, 10_000
RESERVED = "assigned"


def list_unlabelled(
    connections: Connections, name: str, client: OdooClient, transfers: Iterable[Departing]
) -> list[Departing]:
    """The reserved transfers of which no labels are there; none where the settings name no page."""
    if not connections.settings.channel(name).inbound.plans.item_label_page:
        return []
    reserved = {row.picking_id: row for row in transfers if row.state == RESERVED and row.units}
    files = list_files(client, reserved)
    begin = {picking: _name_files(connections, name, row) for picking, row in reserved.items()}
    return [
        row for picking, row in reserved.items()
        if not any(file.startswith(f"{begin[picking]} 1.") for file in files.get(picking, ()))
    ]  # fmt: skip


def label_items(
    connections: Connections, name: str, channel: InboundPlans, transfers: Iterable[Departing]
) -> tuple[int, dict[str, Reason]]:
    """Attach the labels. Returns how many files, and by transfer why labels are refused: the others get theirs. A
    transfer of which no plan can be made is passed over; its plan tells why."""
    transfers = list_unlabelled(connections, name, connections.odoo_of(name), transfers)
    attached, refused = 0, dict[str, Reason]()
    for transfer in transfers:
        try:
            units = _count_units(connections, name, channel, transfer)
        except RecordError:
            continue
        try:
            labels = list(_make_labels(connections, name, channel, transfer, units))
        except (CredentialError, SettingsError):
            raise
        except PermanentError as error:
            refused[transfer.name] = _describe_refusal(transfer.name, error)
            continue
        if labels:
            with odoo_writer(connections, name) as client:
                # The first file is attached last: `list_unlabelled` takes it as the sign that all are there.
                attached += len(attach(client, transfer.picking_id, reversed(labels)))
    return attached, refused


def _describe_refusal(transfer: str, error: PermanentError) -> Reason:
    return Reason(
        "fba_plan_refused", f"The marketplace makes no labels for the units of {transfer}: {error}",
        "Correct what this names; a frequent cause is a SKU without an FNSKU in Seller Central. They are asked for "
        "again by each run; or attach no labels: leave `inbound.plans.item_label_page` empty.", transfer,
    )  # fmt: skip


def _count_units(
    connections: Connections, name: str, channel: InboundPlans, transfer: Departing
) -> dict[str, int]:  # fmt: skip
    """Units by SKU that the seller labels. Raises RecordError as a plan of them would."""
    rules = connections.settings.channel(name).inbound.plans
    catalogue = read_catalogue(connections, name, transfer.units)
    units: dict[str, int] = {}
    for product, count in sorted(transfer.units.items()):
        msku, whole = count_units(product, count, catalogue)
        units[msku] = units.get(msku, 0) + whole
    marketplace = channel.find_marketplace(rules.marketplace)
    preps = {prep.msku: prep for prep in channel.read_preps(marketplace, sorted(units))}
    items = [build_item(msku, count, preps.get(msku), rules) for msku, count in sorted(units.items())]
    return {item.msku: item.units for item in items if item.label_owner == "SELLER"}


def _make_labels(
    connections: Connections, name: str, channel: InboundPlans, transfer: Departing, units: Mapping[str, int]
) -> Iterator[Label]:
    rules = connections.settings.channel(name).inbound.plans
    marketplace, size = channel.find_marketplace(rules.marketplace), (rules.item_label_width, rules.item_label_height)
    begin = _name_files(connections, name, transfer)
    for at, part in enumerate(_divide(units), 1):
        files = channel.read_item_labels(marketplace, part, rules.item_label_page, size)
        for number, content in enumerate(files, 1):
            more = f"-{number}" if number > 1 else ""
            yield Label(name=f"{begin} {at}{more}.{find_kind(content)}", content=content)


def _divide(units: Mapping[str, int]) -> list[dict[str, int]]:
    """So many SKUs, and units of each, as one call takes. What a call does not take of a SKU is in another."""
    left, calls = dict(units), list[dict[str, int]]()
    while left:
        some = list(left.items())[:SKUS_A_CALL]
        calls.append({msku: min(count, UNITS_OF_A_SKU) for msku, count in some})
        left |= {msku: count - UNITS_OF_A_SKU for msku, count in some}
        left = {msku: count for msku, count in left.items() if count > 0}
    return calls


def _name_files(connections: Connections, name: str, transfer: Departing) -> str:
    rules = connections.settings.channel(name).inbound.plans
    page = [rules.item_label_page, rules.item_label_width, rules.item_label_height, rules.label_owner]
    units = {str(product): count for product, count in transfer.units.items()}
    return f"item labels {digest({'units': units, 'page': page})[:8]}"
