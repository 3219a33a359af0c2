"""What Amazon offers for an inbound plan, and what stands of it.

What belongs here: the reading calls and their paging. What does not: steps (inbound_plans.py), shapes
(plan_payloads.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from ....core.errors import ProtocolError
from ....domain.inbound.consignment import (
    DeliveryWindow,
    Label,
    Owner,
    PackingOption,
    PlacementOption,
    PlannedShipment,
    Prep,
    TransportOption,
    find_kind,
)
from ...http.session import Repeat
from ..api.api import Api, decode
from ..api.documents import contents, fetch
from ..api.payloads import Document
from . import plan_payloads as shapes
from .plan_payloads import ROOT

PLANS = f"{ROOT}/inboundPlans"
PREPS, ITEM_LABELS = f"{ROOT}/items/prepDetails", f"{ROOT}/items/labels"
MOST_PAGES = 200
SKUS_A_CALL, BOXES_A_LABEL_CALL = 100, 100
LABELS_BYTES = 20 << 20
GONE = ("ERRORED", "VOIDED")
_OWNER: dict[str, Owner] = {"AMAZON_ONLY": "AMAZON", "SELLER_ONLY": "SELLER", "NONE_ONLY": "NONE"}
_ACCEPTED, _EXPIRED = "ACCEPTED", "EXPIRED"
# Amazon documents that these have to be encoded twice.
_TWICE = re.compile("[%+,]")

T = TypeVar("T")


def list_pages(api: Api, operation: str, path: str, shape: type[T], size: int, **query: str) -> Iterator[T]:
    """Every page. Raises ProtocolError for a token that repeats, or pages without end."""
    params = {"pageSize": str(size), **query}
    for _ in range(MOST_PAGES):
        page = decode(api.call(operation, path, params), shape)
        yield page
        pagination: shapes.Pagination | None = getattr(page, "pagination", None)
        token = pagination.next_token if pagination else None
        if not token:
            return
        if token == params.get("paginationToken"):
            break
        params["paginationToken"] = token
    raise ProtocolError(f"{operation} of Amazon's pages without end.")


def find_plan(api: Api, name: str, since: datetime) -> shapes.PlanShown | None:
    """The newest living plan of this name that was made since then. Amazon cannot filter by name."""
    query = {"sortBy": "CREATION_TIME", "sortOrder": "DESC"}
    for page in list_pages(api, "listInboundPlans", PLANS, shapes.Plans, 30, **query):
        for plan in page.inbound_plans:
            if plan.created_at < since:
                return None
            if plan.name == name and plan.status not in GONE:
                return plan
    return None


def read_plan(api: Api, plan_id: str) -> shapes.PlanShown:
    return decode(api.call("getInboundPlan", name_plan(plan_id)), shapes.PlanShown)


def read_shipment(api: Api, plan_id: str, shipment_id: str) -> shapes.ShipmentShown:
    return decode(api.call("getShipment", name_shipment(plan_id, shipment_id)), shapes.ShipmentShown)


def read_planned(api: Api, plan_id: str, shipment_ids: Sequence[str]) -> list[PlannedShipment]:
    shown = [read_shipment(api, plan_id, shipment_id) for shipment_id in shipment_ids]
    return [
        PlannedShipment(shipment_id=row.shipment_id, number=row.shipment_confirmation_id,
                        centre=row.destination.warehouse_id)
        for row in shown
    ]  # fmt: skip


def read_preps(api: Api, marketplace: str, mskus: Sequence[str]) -> list[Prep]:
    preps = []
    for at in range(0, len(mskus), SKUS_A_CALL):
        names = [("mskus", _TWICE.sub(lambda hit: quote(hit[0]), msku)) for msku in mskus[at : at + SKUS_A_CALL]]
        path = f"{PREPS}?{urlencode([('marketplaceId', marketplace), *names], quote_via=quote)}"
        for row in decode(api.call("listPrepDetails", path), shapes.PrepDetails).msku_prep_details:
            preps.append(
                Prep(msku=row.msku, category="" if row.prep_category == "UNKNOWN" else row.prep_category,
                     label=_OWNER.get(row.label_owner_constraint, ""), prep=_OWNER.get(row.prep_owner_constraint, ""),
                     must_match=row.all_owners_constraint == "MUST_MATCH")
            )  # fmt: skip
    return preps


def list_packings(api: Api, plan_id: str) -> list[PackingOption]:
    """Options with the SKUs of their groups. Groups of the first options are enough where one of them fits; all are
    read, because only the boxes tell."""
    options = [
        option
        for page in list_pages(api, "listPackingOptions", f"{name_plan(plan_id)}/packingOptions", shapes.Packings, 20)
        for option in page.packing_options if option.status != _EXPIRED
    ]  # fmt: skip
    return [
        PackingOption(
            option_id=option.packing_option_id, cost=shapes.read_cost(option.fees, option.discounts),
            groups={group: _list_group(api, plan_id, group) for group in option.packing_groups},
        )
        for option in options
    ]  # fmt: skip


def _list_group(api: Api, plan_id: str, group: str) -> frozenset[str]:
    path = f"{name_plan(plan_id)}/packingGroups/{quote(group, safe='')}/items"
    pages = list_pages(api, "listPackingGroupItems", path, shapes.GroupItems, 100)
    return frozenset(item.msku for page in pages for item in page.items)


def list_placements(api: Api, plan_id: str) -> list[PlacementOption]:
    path = f"{name_plan(plan_id)}/placementOptions"
    return [
        PlacementOption(
            option_id=option.placement_option_id, cost=shapes.read_cost(option.fees, option.discounts),
            shipment_ids=tuple(option.shipment_ids), expires=option.expiration,
        )
        for page in list_pages(api, "listPlacementOptions", path, shapes.Placements, 20)
        for option in page.placement_options if option.status != _EXPIRED
    ]  # fmt: skip


def list_transports(api: Api, plan_id: str, placement_id: str) -> list[TransportOption]:
    path, query = f"{name_plan(plan_id)}/transportationOptions", {"placementOptionId": placement_id}
    return [
        TransportOption(
            option_id=option.transportation_option_id, shipment_id=option.shipment_id, mode=option.shipping_mode,
            is_own=option.shipping_solution == "USE_YOUR_OWN_CARRIER", carrier_code=option.carrier.alpha_code,
            carrier=(option.carrier.name or option.carrier.alpha_code)[:40], cost=shapes.read_quote(option.quote),
            needs_window="CONFIRMED_DELIVERY_WINDOW" in option.preconditions,
            expires=option.quote.expiration if option.quote else None,
            voidable_until=option.quote.voidable_until if option.quote else None,
        )
        for page in list_pages(api, "listTransportationOptions", path, shapes.Transports, 20, **query)
        for option in page.transportation_options
    ]  # fmt: skip


def list_windows(api: Api, plan_id: str, shipment_id: str) -> list[DeliveryWindow]:
    path = f"{name_shipment(plan_id, shipment_id)}/deliveryWindowOptions"
    return [
        DeliveryWindow(option_id=window.delivery_window_option_id, start=window.start_date, end=window.end_date,
                       valid_until=window.valid_until)
        for page in list_pages(api, "listDeliveryWindowOptions", path, shapes.Windows, 100)
        for window in page.delivery_window_options if window.availability_type == "AVAILABLE"
    ]  # fmt: skip


def has_boxes(api: Api, plan_id: str) -> bool:
    pages = list_pages(api, "listInboundPlanBoxes", f"{name_plan(plan_id)}/boxes", shapes.Boxes, 1)
    return bool(next(pages).boxes)


def read_labels(api: Api, plan_id: str, shipment: PlannedShipment, page_type: str) -> Iterator[Label]:
    """A file for a hundred boxes. The URL of a file is valid for 15 seconds, so it is fetched at once."""
    path = f"{name_shipment(plan_id, shipment.shipment_id)}/boxes"
    pages = list_pages(api, "listShipmentBoxes", path, shapes.Boxes, 1000)
    boxes = [box.box_id for page in pages for box in page.boxes if box.box_id]
    labels = f"/fba/inbound/v0/shipments/{quote(shipment.number, safe='')}/labels"
    for at in range(0, len(boxes), BOXES_A_LABEL_CALL):
        part = boxes[at : at + BOXES_A_LABEL_CALL]
        query = {"PageType": page_type, "LabelType": "UNIQUE", "PackageLabelsToPrint": ",".join(part)}
        url = decode(api.call("getLabels", labels, query), shapes.LabelAnswer).payload.url
        body = contents(fetch(api, "getLabels", Document(url=url)), LABELS_BYTES)
        yield Label(name=f"{shipment.number} boxes {at + 1}-{at + len(part)}.{find_kind(body)}", content=body)


def read_item_labels(api: Api, marketplace: str, units: Mapping[str, int], page: Mapping[str, Any]) -> Iterator[bytes]:
    """The files of one call, for at most a hundred SKUs; it makes nothing at Amazon but the files."""
    body = {
        "marketplaceId": marketplace, **page,
        "mskuQuantities": [{"msku": msku, "quantity": count} for msku, count in units.items()],
    }  # fmt: skip
    operation = "createMarketplaceItemLabels"
    answer = decode(api.send("POST", operation, ITEM_LABELS, body, repeat=Repeat.STATE), shapes.Downloads)
    for download in answer.document_downloads:
        yield contents(fetch(api, operation, Document(url=download.uri)), LABELS_BYTES)


def name_plan(plan_id: str) -> str:
    return f"{PLANS}/{quote(plan_id, safe='')}"


def name_shipment(plan_id: str, shipment_id: str) -> str:
    return f"{name_plan(plan_id)}/shipments/{quote(shipment_id, safe='')}"
