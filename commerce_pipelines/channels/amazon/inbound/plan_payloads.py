"""Bodies of the Fulfillment Inbound API 2024-03-20, as far as a plan needs them, and what they mean.

What belongs here: shapes and their translation. What does not: calls (inbound_plans.py, plan_reading.py). The address
that goods come from is sent and never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ....domain.inbound.consignment import Box, Cost, PlanItem, PrepTold, SourceAddress, add_costs
from ....domain.money import to_minor

ROOT = "/inbound/fba/2024-03-20"
_LENGTHS = {"addressLine1": 180, "addressLine2": 60, "city": 30, "name": 50, "phoneNumber": 20, "postalCode": 32,
            "stateOrProvinceCode": 64, "email": 1024}  # fmt: skip


class _Shown(msgspec.Struct, rename="camel", gc=False):
    pass


class Pagination(_Shown):
    next_token: str | None = None


class Created(_Shown):
    operation_id: str
    inbound_plan_id: str = ""


class Problem(_Shown):
    code: str
    message: str = ""
    severity: str = ""


class Operation(_Shown):
    operation_status: str
    operation_problems: list[Problem] = []


class OptionSummary(_Shown):
    status: str
    packing_option_id: str = ""
    placement_option_id: str = ""


class PlanShown(_Shown):
    inbound_plan_id: str
    name: str
    status: str
    created_at: datetime
    packing_options: list[OptionSummary] = []
    placement_options: list[OptionSummary] = []


class Plans(_Shown):
    inbound_plans: list[PlanShown] = []
    pagination: Pagination | None = None


class Currency(_Shown):
    amount: Decimal
    code: str


class Incentive(_Shown):
    value: Currency


class Packing(_Shown):
    packing_option_id: str
    packing_groups: list[str]
    status: str
    fees: list[Incentive] = []
    discounts: list[Incentive] = []


class Packings(_Shown):
    packing_options: list[Packing]
    pagination: Pagination | None = None


class GroupItem(_Shown):
    msku: str


class GroupItems(_Shown):
    items: list[GroupItem]
    pagination: Pagination | None = None


class Placement(_Shown):
    placement_option_id: str
    shipment_ids: list[str]
    status: str
    fees: list[Incentive] = []
    discounts: list[Incentive] = []
    expiration: datetime | None = None


class Placements(_Shown):
    placement_options: list[Placement]
    pagination: Pagination | None = None


class Quote(_Shown):
    cost: Currency
    expiration: datetime | None = None
    voidable_until: datetime | None = None


class Carrier(_Shown):
    alpha_code: str = ""
    name: str = ""


class Transport(_Shown):
    transportation_option_id: str
    shipment_id: str
    shipping_mode: str
    shipping_solution: str
    carrier: Carrier
    preconditions: list[str] = []
    quote: Quote | None = None


class Transports(_Shown):
    transportation_options: list[Transport]
    pagination: Pagination | None = None


class Window(_Shown):
    delivery_window_option_id: str
    availability_type: str
    start_date: datetime
    end_date: datetime
    valid_until: datetime


class Windows(_Shown):
    delivery_window_options: list[Window]
    pagination: Pagination | None = None


class SelectedWindow(_Shown):
    delivery_window_option_id: str


class Destination(_Shown):
    warehouse_id: str = ""


class ShipmentShown(_Shown):
    shipment_id: str
    destination: Destination
    shipment_confirmation_id: str = ""
    selected_transportation_option_id: str = ""
    selected_delivery_window: SelectedWindow | None = None


class BoxShown(_Shown):
    box_id: str = ""


class Boxes(_Shown):
    boxes: list[BoxShown]
    pagination: Pagination | None = None


class PrepDetail(_Shown):
    msku: str
    prep_category: str
    prep_owner_constraint: str = ""
    label_owner_constraint: str = ""
    all_owners_constraint: str = ""


class PrepDetails(_Shown):
    msku_prep_details: list[PrepDetail]


class Download(_Shown):
    uri: str
    download_type: str = "URL"


class Downloads(_Shown):
    document_downloads: list[Download]


class LabelUrl(msgspec.Struct):
    url: str = msgspec.field(name="DownloadURL", default="")


class LabelAnswer(msgspec.Struct):
    payload: LabelUrl


def read_cost(fees: Sequence[Incentive], discounts: Sequence[Incentive] = ()) -> Cost:
    """Raises RecordError(`bad_amount`) for an amount that is no amount of its currency."""
    return add_costs([
        *({fee.value.code: _read_minor(fee.value)} for fee in fees),
        *({cut.value.code: -abs(_read_minor(cut.value))} for cut in discounts),
    ])  # fmt: skip


def read_quote(quote: Quote | None) -> Cost:
    return add_costs([{quote.cost.code: _read_minor(quote.cost)}]) if quote else {}


def _read_minor(value: Currency) -> int:
    return to_minor(str(value.amount), value.code)


def build_preps(marketplace: str, preps: Sequence[PrepTold]) -> dict[str, Any]:
    rows = [{"msku": row.msku, "prepCategory": row.category, "prepTypes": list(row.types)} for row in preps]
    return {"marketplaceId": marketplace, "mskuPrepDetails": rows}


def build_page(page: str, size: tuple[int, int]) -> dict[str, Any]:
    """How item labels are laid out. size: width and height in millimetres, of thermal printing."""
    if page == "Thermal":
        return {"labelType": "THERMAL_PRINTING", "width": size[0], "height": size[1]}
    return {"labelType": "STANDARD_FORMAT", "pageType": page}


def build_items(items: Sequence[PlanItem]) -> list[dict[str, Any]]:
    return [
        {"msku": item.msku, "quantity": item.units, "labelOwner": item.label_owner, "prepOwner": item.prep_owner}
        for item in items
    ]


def build_box(box: Box, items: Sequence[PlanItem]) -> dict[str, Any]:
    """One box. items: of the plan, for the owners."""
    of = {item.msku: item for item in items}
    contents = [msgspec.structs.replace(of[msku], units=units) for msku, units in sorted(box.contents.items())]
    return {
        "contentInformationSource": "BOX_CONTENT_PROVIDED", "quantity": 1, "items": build_items(contents),
        "dimensions": {
            "unitOfMeasurement": "CM", "length": box.length, "width": box.width, "height": box.height,
        },
        "weight": {"unit": "KG", "value": box.weight},
    }  # fmt: skip


def build_address(source: SourceAddress) -> dict[str, str]:
    """Cut to the lengths that Amazon takes."""
    values = {
        "name": source.name, "addressLine1": source.street, "addressLine2": source.street2, "city": source.city,
        "postalCode": source.postcode, "countryCode": source.country, "phoneNumber": source.phone,
        "stateOrProvinceCode": source.state, "email": source.email,
    }  # fmt: skip
    return {name: value[: _LENGTHS.get(name, len(value))] for name, value in values.items() if value}
