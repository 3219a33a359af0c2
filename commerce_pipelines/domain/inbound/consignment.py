"""An inbound plan: goods that a transfer takes to the marketplace's warehouses, and what the marketplace offers for it.

What belongs here: the nouns that Odoo's side, the marketplaces' and the tables share. What does not: which option is
taken (plan_choices.py), which step comes next (plan_steps.py).

Lengths are centimetres, weights kilograms, money minor units by currency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec

from ..money import to_decimal

ITEMS_A_PLAN, BOXES_A_PLAN = 2_000, 5_000
PREPS_A_CALL = 100
NAME_CHARACTERS = 40
Owner = Literal["AMAZON", "SELLER", "NONE"]
Cost = Mapping[str, int]


class Step(StrEnum):
    """The steps of a plan, in their order; each is one effect, but those of windows, which are one a shipment, and
    those of preparation, which are one for so many SKUs as a call takes."""

    PREP = "tell preparation"
    CREATE = "create"
    PACK = "offer packing"
    CONFIRM_PACKING = "confirm packing"
    BOXES = "tell boxes"
    PLACE = "offer placement"
    QUOTE = "offer transport"
    CONFIRM_PLACEMENT = "confirm placement"
    WINDOWS = "offer windows"
    CONFIRM_WINDOW = "confirm window"
    CONFIRM_TRANSPORT = "confirm transport"
    CANCEL = "cancel"


class PlanItem(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one of the marketplace's SKUs, and who labels and prepares them."""

    msku: str
    units: int
    label_owner: Owner
    prep_owner: Owner


class PrepTold(msgspec.Struct, frozen=True, kw_only=True):
    """How a SKU is to be prepared, as the marketplace is to be told."""

    msku: str
    category: str
    types: tuple[str, ...]


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A package of Odoo's. contents: units by SKU."""

    name: str
    length: float
    width: float
    height: float
    weight: float
    contents: Mapping[str, int]


class Consignment(msgspec.Struct, frozen=True, kw_only=True):
    """What one plan sends. boxes: empty where Odoo does not say how the goods are packed. preps: of SKUs that the
    marketplace knows no preparation of."""

    items: tuple[PlanItem, ...]
    boxes: tuple[Box, ...] = ()
    preps: tuple[PrepTold, ...] = ()


class SourceAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the goods leave from. Personal data: it is read from Odoo for the call, and never kept."""

    name: str
    street: str
    street2: str
    city: str
    postcode: str
    country: str
    phone: str
    state: str = ""
    email: str = ""


class Prep(msgspec.Struct, frozen=True, kw_only=True):
    """What the marketplace asks of a SKU. category: '' where it knows none yet. label, prep: the only owner that it
    takes, '' for any. must_match: both owners have to be the same."""

    msku: str
    category: str
    label: Owner | Literal[""] = ""
    prep: Owner | Literal[""] = ""
    must_match: bool = False


class PackingOption(msgspec.Struct, frozen=True, kw_only=True):
    """groups: SKUs that may share a box, by the group's id."""

    option_id: str
    cost: Cost
    groups: Mapping[str, frozenset[str]]


class PlacementOption(msgspec.Struct, frozen=True, kw_only=True):
    """Where the goods would go: one shipment for each place."""

    option_id: str
    cost: Cost
    shipment_ids: tuple[str, ...]
    expires: datetime | None = None


class TransportOption(msgspec.Struct, frozen=True, kw_only=True):
    """How a shipment would get there. is_own: by the seller's own carrier. voidable_until: cancelling costs nothing
    until then, where the marketplace says so."""

    option_id: str
    shipment_id: str
    is_own: bool
    mode: str
    carrier: str
    carrier_code: str = ""
    cost: Cost = {}
    needs_window: bool = False
    expires: datetime | None = None
    voidable_until: datetime | None = None


class DeliveryWindow(msgspec.Struct, frozen=True, kw_only=True):
    option_id: str
    start: datetime
    end: datetime
    valid_until: datetime


class PlannedShipment(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment of a plan. number: as labels show it (FBA…), '' until it is confirmed. centre: where to."""

    shipment_id: str
    number: str = ""
    centre: str = ""


class StepCall(msgspec.Struct, frozen=True, kw_only=True):
    """One step, with all that a marketplace needs for it. key: of its effect. reference: what the marketplace said of
    it before, '' for nothing. groups: boxes by packing group. selections: (shipment, transport option). preps:
    of the SKUs that this call tells of."""

    key: str
    step: Step
    name: str
    token: str = ""
    reference: str = ""
    plan_id: str = ""
    marketplace: str = ""
    consignment: Consignment = Consignment(items=())
    source: SourceAddress | None = None
    option_id: str = ""
    shipment_id: str = ""
    groups: Sequence[tuple[str, Sequence[Box]]] = ()
    preps: Sequence[PrepTold] = ()
    selections: Sequence[tuple[str, str]] = ()
    ready_at: datetime | None = None


def find_kind(content: bytes) -> str:
    """What a file of labels is called by: pdf, zip, or txt for what a label printer takes as it is."""
    return "pdf" if content.startswith(b"%PDF") else "zip" if content.startswith(b"PK") else "txt"


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """Labels of boxes or units, as a file. name: of the file, without anything personal."""

    name: str
    content: bytes


def add_costs(costs: Sequence[Cost]) -> dict[str, int]:
    """The sum by currency, without what is nothing."""
    total: dict[str, int] = {}
    for cost in costs:
        for currency, minor in cost.items():
            total[currency] = total.get(currency, 0) + minor
    return {currency: minor for currency, minor in sorted(total.items()) if minor}


def show_cost(cost: Cost) -> str:
    """As `12.50 EUR`."""
    return " + ".join(f"{to_decimal(minor, currency)} {currency}" for currency, minor in cost.items()) or "nothing"
