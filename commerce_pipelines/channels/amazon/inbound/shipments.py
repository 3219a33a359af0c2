"""Shipments to Amazon's warehouses, and what Amazon has counted of them.

What belongs here: the two calls. What does not: what follows (domain/inbound/road.py).

Only the version 0 of the API tells what was received; 2024-03-20 tells what was planned. The address that a shipment
comes from is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from ....domain.inbound.road import CountedSku, FbaShipment
from ..api.api import Api, decode

SHIPMENTS = "/fba/inbound/v0/shipments"
IDS_A_CALL = 50
STATUSES = (
    "WORKING", "SHIPPED", "RECEIVING", "CANCELLED", "DELETED", "CLOSED", "ERROR", "IN_TRANSIT", "DELIVERED",
    "CHECKED_IN",
)  # fmt: skip


class _Shown(msgspec.Struct, rename="pascal", gc=False):
    pass


class Shipment(_Shown):
    shipment_id: str = ""
    shipment_status: str = ""
    destination_fulfillment_center_id: str = ""


class Shipments(_Shown):
    shipment_data: list[Shipment] = []
    next_token: str | None = None


class Item(msgspec.Struct, gc=False):
    sku: str = msgspec.field(name="SellerSKU")
    shipped: int = msgspec.field(name="QuantityShipped")
    received: int = msgspec.field(name="QuantityReceived", default=0)


class Items(_Shown):
    item_data: list[Item] = []


class ShipmentsAnswer(msgspec.Struct):
    payload: Shipments


class ItemsAnswer(msgspec.Struct):
    payload: Items


def read_shipments(api: Api, marketplaces: Sequence[str], shipment_ids: Sequence[str]) -> list[FbaShipment]:
    """A shipment belongs to one marketplace, which nobody has written down: they are asked in turn."""
    wanted, shipments = list(dict.fromkeys(shipment_ids)), list[FbaShipment]()
    for marketplace in marketplaces:
        for start in range(0, len(wanted), IDS_A_CALL):
            for shipment in _list_shipments(api, marketplace, wanted[start : start + IDS_A_CALL]):
                shipments.append(_read_items(api, marketplace, shipment))
        wanted = [name for name in wanted if name not in {shipment.shipment_id for shipment in shipments}]
        if not wanted:
            break
    return shipments


def _list_shipments(api: Api, marketplace: str, shipment_ids: Sequence[str]) -> list[Shipment]:
    query = {
        "QueryType": "SHIPMENT", "MarketplaceId": marketplace, "ShipmentIdList": ",".join(shipment_ids),
        "ShipmentStatusList": ",".join(STATUSES),
    }  # fmt: skip
    listed: dict[str, Shipment] = {}
    while True:
        page = decode(api.call("getShipments", SHIPMENTS, query), ShipmentsAnswer).payload
        listed |= {shipment.shipment_id: shipment for shipment in page.shipment_data}
        if not page.next_token or query.get("NextToken") == page.next_token:
            return [listed[name] for name in shipment_ids if name in listed]
        query = {"QueryType": "NEXT_TOKEN", "MarketplaceId": marketplace, "NextToken": page.next_token}


def _read_items(api: Api, marketplace: str, shipment: Shipment) -> FbaShipment:
    """Equal SKUs on several rows are added up."""
    path = f"{SHIPMENTS}/{quote(shipment.shipment_id, safe='')}/items"
    rows = decode(api.call("getShipmentItemsByShipmentId", path, {"MarketplaceId": marketplace}), ItemsAnswer)
    counts: dict[str, CountedSku] = {}
    for row in rows.payload.item_data:
        before = counts.get(row.sku) or CountedSku(msku=row.sku, shipped=0, received=0)
        counts[row.sku] = CountedSku(
            msku=row.sku, shipped=before.shipped + row.shipped, received=before.received + row.received
        )
    return FbaShipment(
        shipment_id=shipment.shipment_id, status=shipment.shipment_status,
        centre=shipment.destination_fulfillment_center_id, items=tuple(counts.values()),
    )  # fmt: skip
