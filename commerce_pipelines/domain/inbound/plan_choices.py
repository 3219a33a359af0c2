"""Which of the marketplace's options a plan takes, how goods are divided among plans, and who labels and prepares them.

What belongs here: these choices, pure. What does not: nouns (consignment.py), the order of the steps (plan_steps.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from ...core.errors import RecordError
from .consignment import (
    BOXES_A_PLAN,
    ITEMS_A_PLAN,
    Box,
    Consignment,
    Cost,
    DeliveryWindow,
    Owner,
    PackingOption,
    PlacementOption,
    PlanItem,
    Prep,
    TransportOption,
)
from .plan_rules import PlanRules

SMALL_PARCEL = "GROUND_SMALL_PARCEL"
EXPIRY_MARGIN = timedelta(minutes=10)  # an option that expires sooner is taken for expired
_NO_PREP = ("NONE", "FC_PROVIDED")
_OWNERS: Mapping[str, Owner] = {"seller": "SELLER", "amazon": "AMAZON", "none": "NONE"}


def build_item(msku: str, units: int, prep: Prep | None, rules: PlanRules) -> PlanItem:
    """Who labels and prepares units of a SKU. The marketplace's word goes before the setting. Raises
    RecordError(`fba_prep_unknown`)."""
    if prep is None or not prep.category:
        raise RecordError(
            "fba_prep_unknown", f"The marketplace does not know how units of {msku} are to be prepared.",
            fix="Say so in the marketplace: in Seller Central, Send to Amazon, its prep category; or in the settings, "
            "under `inbound.plans.preps`, by SKU, `*` for all others.", subject=msku,
        )  # fmt: skip
    label = prep.label or _OWNERS[rules.label_owner]
    owner: Owner = prep.prep or ("NONE" if prep.category in _NO_PREP else "SELLER")
    if prep.must_match and not prep.prep:
        owner = label
    elif prep.must_match and not prep.label:
        label = owner
    return PlanItem(msku=msku, units=units, label_owner=label, prep_owner=owner)


def divide(
    items: Sequence[PlanItem], boxes: Sequence[Box], most_items: int = ITEMS_A_PLAN, most_boxes: int = BOXES_A_PLAN
) -> list[Consignment]:
    """The plans that these goods take, in the order of the boxes, or of the items where there are none. A box is never
    divided. Raises RecordError(`fba_box_full`) for a box that alone is too much."""
    if not boxes:
        return [Consignment(items=tuple(items[at : at + most_items])) for at in range(0, len(items), most_items)]
    by_sku = {item.msku: item for item in items}
    parts: list[list[Box]] = [[]]
    skus: set[str] = set()
    for box in boxes:
        if len(box.contents) > most_items:
            raise RecordError(
                "fba_box_full", f"The package {box.name} holds {len(box.contents)} SKUs; a plan takes {most_items}.",
                fix="Divide it in Odoo.", subject=box.name,
            )  # fmt: skip
        if parts[-1] and (len(skus | box.contents.keys()) > most_items or len(parts[-1]) >= most_boxes):
            parts.append([])
            skus = set()
        parts[-1].append(box)
        skus |= box.contents.keys()
    return [_build_part(part, by_sku) for part in parts]


def _build_part(boxes: Sequence[Box], by_sku: Mapping[str, PlanItem]) -> Consignment:
    units: dict[str, int] = {}
    for box in boxes:
        for msku, count in box.contents.items():
            units[msku] = units.get(msku, 0) + count
    items = tuple(
        PlanItem(msku=msku, units=count, label_owner=by_sku[msku].label_owner, prep_owner=by_sku[msku].prep_owner)
        for msku, count in sorted(units.items())
    )
    return Consignment(items=items, boxes=tuple(boxes))


def choose_packing(
    options: Iterable[PackingOption], boxes: Sequence[Box]
) -> tuple[PackingOption, dict[str, tuple[str, ...]]]:  # fmt: skip
    """The cheapest option in which every box fits one group of SKUs, and the names of each group's boxes. Raises
    RecordError: `fba_not_offered`, `fba_box_mixed`."""
    mixed = ""
    for option in sorted(options, key=lambda option: (_sum_cost(option.cost), len(option.groups), option.option_id)):
        groups: dict[str, list[str]] = {group: [] for group in option.groups}
        for box in boxes:
            group = next((group for group, skus in option.groups.items() if box.contents.keys() <= skus), "")
            if not group:
                mixed = mixed or box.name
                break
            groups[group].append(box.name)
        else:
            return option, {group: tuple(names) for group, names in groups.items() if names}
    if mixed:
        raise RecordError(
            "fba_box_mixed", f"The package {mixed} holds products that the marketplace wants in different boxes.",
            fix="Cancel the transfer, pack these products apart in a new one; Seller Central shows the groups.",
            subject=mixed,
        )  # fmt: skip
    raise _build_nothing("way of packing")


def choose_placement(options: Iterable[PlacementOption], rules: PlanRules) -> PlacementOption:
    """Raises RecordError(`fba_not_offered`)."""
    usable = [option for option in options if option.shipment_ids]
    if not usable:
        raise _build_nothing("placement")

    def rank(option: PlacementOption) -> tuple[int, int, str]:
        cost, shipments = _sum_cost(option.cost), len(option.shipment_ids)
        first, second = (shipments, cost) if rules.placement == "fewest" else (cost, shipments)
        return first, second, option.option_id

    return min(usable, key=rank)


def choose_transports(
    options: Sequence[TransportOption], shipment_ids: Sequence[str], rules: PlanRules
) -> tuple[TransportOption, ...]:
    """For each shipment the cheapest small parcel option of the carrier that the settings name. Raises
    RecordError(`fba_not_offered`)."""
    chosen = []
    for shipment_id in shipment_ids:
        usable = [
            option for option in options
            if option.shipment_id == shipment_id and option.is_own == (rules.carrier == "own")
            and option.mode == SMALL_PARCEL
            and (not rules.carrier_code or option.carrier_code.upper() == rules.carrier_code.upper())
        ]  # fmt: skip
        if not usable:
            raise _build_nothing("small parcel transport by the carrier of the settings")
        chosen.append(min(usable, key=lambda option: (_sum_cost(option.cost), option.carrier_code, option.option_id)))
    return tuple(chosen)


def choose_window(windows: Iterable[DeliveryWindow], arrives: datetime) -> DeliveryWindow:
    """The first window that ends when the goods arrive or later. Raises RecordError(`fba_not_offered`)."""
    late = [window for window in windows if window.end >= arrives]
    if not late:
        raise _build_nothing("delivery window that is late enough")
    return min(late, key=lambda window: (window.end, window.start, window.option_id))


def is_expired(expires: datetime | None, now: datetime) -> bool:
    return expires is not None and expires <= now + EXPIRY_MARGIN


def _sum_cost(cost: Cost) -> int:
    return sum(cost.values())


def _build_nothing(what: str) -> RecordError:
    return RecordError(
        "fba_not_offered", f"The marketplace offers no {what} for the plan.",
        fix="Look at the plan in Seller Central; change `inbound.plans` in the settings if it offers others there.",
    )  # fmt: skip
