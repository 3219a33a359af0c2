"""New transfers to a marketplace's warehouse as plans: their goods as its SKUs, in boxes, divided by its limits.

What belongs here: from what Odoo says to what a plan sends, or why it cannot be made. What does not: a plan's steps
(send_in.py), reading transfers (odoo/inbound/departing.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ...channels.capabilities import offered
from ...channels.inbound_plans import InboundPlans
from ...channels.settings import ChannelSettings
from ...core.errors import RecordError
from ...domain.inbound.consignment import Box, Consignment, Prep, PrepTold
from ...domain.inbound.plan_choices import build_item, divide
from ...domain.inbound.plan_rules import ANY_SKU
from ...domain.inbound.plan_steps import Plan, build_name
from ...domain.keys import key
from ...domain.outbox.effects import digest
from ...domain.sales.mapping import goods_of
from ...odoo.inbound.departing import Departing, Package, read_source
from ...odoo.rpc.search_read import ARCHIVED_TOO, fetch
from ...resources.connections import Connections
from ...warehouse.inbound.ledger import list_mskus

Sku = tuple[str, int]  # a SKU of the marketplace, and how many of a product one unit of it is


class Catalogue(msgspec.Struct, frozen=True):
    """codes: internal references by product. shown, named: the marketplace's SKUs by internal reference, of those that
    it shows in its warehouses and of those that the settings name."""

    codes: Mapping[int, str]
    shown: Mapping[str, Mapping[str, int]]
    named: Mapping[str, Mapping[str, int]]


def read_catalogue(connections: Connections, name: str, products: Collection[int]) -> Catalogue:
    rules = connections.settings.channel(name)
    domain = [["id", "in", sorted(products)]]
    rows = fetch(connections.odoo_of(name), "product.product", domain, ["default_code"], context=ARCHIVED_TOO)
    with connections.warehouse.transaction() as connection:
        mskus = list_mskus(connection, name)
    return Catalogue(
        {row["id"]: row["default_code"] or "" for row in rows},
        _index_skus(mskus, rules),
        _index_skus(rules.skus, rules),
    )


def _index_skus(mskus: Iterable[str], rules: ChannelSettings) -> dict[str, dict[str, int]]:
    by_code: dict[str, dict[str, int]] = {}
    for msku in mskus:
        goods = goods_of(msku, "", rules)
        if goods.code and not goods.unit:
            by_code.setdefault(goods.code, {})[msku] = goods.quantity
    return by_code


def find_sku(product: int, catalogue: Catalogue) -> Sku:
    """The marketplace's SKU of a product: the one that its warehouses show, else the one that the settings name, else
    the internal reference. Raises RecordError: `no_sku`, `ambiguous_sku`."""
    code = catalogue.codes.get(product, "")
    if not code:
        raise RecordError("no_sku", f"The product {product} in Odoo has no internal reference.",
                          fix="Give it one: it is the SKU that the goods are sent under.")  # fmt: skip
    candidates = catalogue.shown.get(key(code)) or catalogue.named.get(key(code)) or {code: 1}
    single = {msku: size for msku, size in candidates.items() if size == 1} or dict(candidates)
    if len(single) > 1:
        raise RecordError(
            "ambiguous_sku", f"The marketplace has {len(single)} SKUs of {code}: {', '.join(sorted(single)[:5])}.",
            fix="Leave one of them in its warehouses, or write another product for the others under `skus`.",
            subject=code,
        )  # fmt: skip
    return next(iter(single.items()))


def count_units(product: int, units: float, catalogue: Catalogue) -> tuple[str, int]:
    """SKU and units of it. Raises RecordError as `find_sku`, and `bad_quantity`."""
    msku, size = find_sku(product, catalogue)
    count = round(units / size)
    if count < 1 or abs(count * size - units) > 1e-4:
        raise RecordError("bad_quantity", f"{units:g} of {catalogue.codes[product]} are no whole units of {msku}.",
                          fix="Correct the quantity in the transfer.", subject=msku)  # fmt: skip
    return msku, count


def digest_goods(transfer: Departing) -> str:
    """What a transfer holds and how it is packed: another digest after any change of it."""
    packages = sorted(msgspec.to_builtins(transfer.packages, str_keys=True), key=lambda row: str(row["name"]))
    units = {str(product): count for product, count in transfer.units.items()}
    return digest({"units": units, "packages": packages})


def build_plans(connections: Connections, name: str, transfer: Departing, catalogue: Catalogue) -> list[Plan]:
    """The plans of a transfer. Raises RecordError for goods, boxes or an address that no plan can be made of."""
    settings = connections.settings.channel(name)
    rules, channel = settings.inbound.plans, connections.channel(name)
    plans: InboundPlans = offered(channel.inbound_plans, channel, "inbound plans")
    units: dict[str, int] = {}
    for product, count in sorted(transfer.units.items()):
        msku, whole = count_units(product, count, catalogue)
        units[msku] = units.get(msku, 0) + whole
    boxes = _build_boxes(transfer, units, catalogue)
    read_source(connections.odoo_of(name), transfer.place)
    preps = {prep.msku: prep for prep in plans.read_preps(plans.find_marketplace(rules.marketplace), sorted(units))}
    new = {prep.msku: prep for prep in _choose_preps(sorted(units), preps, settings)}
    preps |= {msku: Prep(msku=msku, category=row.category) for msku, row in new.items()}
    items = [build_item(msku, count, preps.get(msku), rules) for msku, count in sorted(units.items())]
    goods, label = digest_goods(transfer), f"{connections.label(name)} {name}"
    return [
        Plan(name=build_name(label, transfer.picking_id, transfer.name, part), picking=transfer.picking_id,
             transfer=transfer.name, goods=goods, consignment=consignment)
        for part, consignment in enumerate(_add_preps(divide(items, boxes), new))
    ]  # fmt: skip


def _choose_preps(mskus: Iterable[str], preps: Mapping[str, Prep], settings: ChannelSettings) -> Iterator[PrepTold]:
    """How SKUs are to be prepared of which the marketplace does not know it, where the settings say so: by the SKU, by
    what it means, or for all."""
    wanted = settings.inbound.plans.preps
    for msku in mskus:
        if preps.get(msku) and preps[msku].category:
            continue
        rule = wanted.get(msku) or wanted.get(goods_of(msku, "", settings).code) or wanted.get(ANY_SKU)
        if rule:
            yield PrepTold(msku=msku, category=rule.category, types=rule.types)


def _add_preps(parts: Iterable[Consignment], new: Mapping[str, PrepTold]) -> Iterator[Consignment]:
    """A SKU in several plans is told with the first."""
    left = dict(new)
    for part in parts:
        preps = tuple(left.pop(item.msku) for item in part.items if item.msku in left)
        yield msgspec.structs.replace(part, preps=preps)


def _build_boxes(transfer: Departing, units: Mapping[str, int], catalogue: Catalogue) -> list[Box]:
    """Raises RecordError: `fba_partly_packed`, `fba_box_unmeasured`."""
    if not transfer.packages:
        return []
    boxes, packed = [], dict[str, int]()
    for package in transfer.packages:
        contents: dict[str, int] = {}
        for product, count in sorted(package.contents.items()):
            msku, whole = count_units(product, count, catalogue)
            contents[msku] = contents.get(msku, 0) + whole
            packed[msku] = packed.get(msku, 0) + whole
        boxes.append(_build_box(package, contents))
    if packed != dict(units):
        lying = sorted(msku for msku in units if packed.get(msku) != units[msku])
        raise RecordError(
            "fba_partly_packed", f"Of {', '.join(lying[:5])} not all units lie in packages.",
            fix="Put everything in packages in Odoo, or nothing.", subject=lying[0] if lying else "",
        )  # fmt: skip
    return boxes


def _build_box(package: Package, contents: dict[str, int]) -> Box:
    length, width, height = package.sides
    if min(*package.sides, package.weight) <= 0:
        raise RecordError(
            "fba_box_unmeasured", f"The size or the weight of the package {package.name} is not known.",
            fix="Give it a package type with length, width and height, and its shipping weight, or its products their "
            "weights.", subject=package.name,
        )  # fmt: skip
    return Box(name=package.name, length=length, width=width, height=height, weight=package.weight, contents=contents)


def describe_goods(plan: Plan) -> dict[str, Any]:
    items = plan.consignment.items
    return {"SKUs": len(items), "units": sum(item.units for item in items), "boxes": len(plan.consignment.boxes)}
