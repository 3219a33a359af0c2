"""Orders v2026-01-01 of the stand-in: searchOrders and getOrder over orders kept in memory.

What belongs here: filters, data sets, pages and their tokens, as orders_2026-01-01.json describes them. What does not:
tokens and limits (api.py), orders to begin with (demo.py).
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from ..server import Call
from .answers import Refused, instant, invalid, without, written

SETTLED = timedelta(minutes=2)
TOKEN_LIFE = timedelta(hours=24)
PAGE_SIZE = 100

# data set -> (keys of the order, keys of an item) that are there only if the data set is requested
DATA: dict[str, tuple[set[str], set[str]]] = {
    "BUYER": ({"buyer"}, set()),
    "RECIPIENT": ({"recipient"}, set()),
    "PROCEEDS": ({"proceeds"}, {"proceeds"}),
    "EXPENSE": (set(), {"expense"}),
    "PROMOTION": (set(), {"promotion"}),
    "CANCELLATION": (set(), {"cancellation"}),
    "FULFILLMENT": ({"fulfillment"}, {"fulfillment"}),
    "PACKAGES": ({"packages"}, set()),
    "TAX": ({"tax"}, {"tax"}),
    "PAYMENT": ({"payment"}, set()),
    "FULFILLMENT_ORDERS": ({"fulfillmentOrders"}, set()),
}
STATUSES = {
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE",
}  # fmt: skip
LISTS: dict[str, set[str] | None] = {
    "marketplaceIds": None,
    "fulfillmentStatuses": STATUSES,
    "fulfilledBy": {"MERCHANT", "AMAZON"},
    "includedData": set(DATA),
}
INSTANTS = ("createdAfter", "createdBefore", "lastUpdatedAfter", "lastUpdatedBefore")
# "All other parameters must be provided with the same values …, with the exception of maxResultsPerPage and
# includedData, which can be modified between calls."
FREE = {"maxResultsPerPage", "includedData", "paginationToken"}


class Orders:
    """Whole orders by id; an answer contains the requested data sets. All methods are called under the stand-in's
    lock."""

    def __init__(self) -> None:
        self._orders: dict[str, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._orders)

    def __getitem__(self, order_id: str) -> dict[str, Any]:
        return self._orders[order_id]

    def values(self) -> Collection[dict[str, Any]]:
        return self._orders.values()

    def add(self, order: dict[str, Any]) -> None:
        self._orders[order["orderId"]] = copy.deepcopy(order)

    def add_new(self, order: dict[str, Any], now: datetime) -> None:
        later = now - instant(order["createdTime"], "createdTime")
        self.add({**_move(order, later), "createdTime": written(now), "lastUpdatedTime": written(now)})

    def get(self, call: Call, now: datetime, order_id: str) -> dict[str, Any]:
        wanted = _read_parameters(call, {"includedData"})
        if order_id not in self._orders:
            raise Refused(404, "NotFound", f"No order with the id {order_id} is found.")
        return {"order": _cut(self._orders[order_id], wanted.get("includedData", ()))}

    def search(self, call: Call, now: datetime) -> dict[str, Any]:
        wanted = _read_parameters(call, {*INSTANTS, *LISTS, "maxResultsPerPage", "paginationToken"})
        by, after, before = _read_window(wanted, now)
        size = int(wanted.get("maxResultsPerPage", PAGE_SIZE))
        start = _read_token(wanted, now)
        matching = sorted(
            (key, order)
            for order in self._orders.values()
            if after <= (when := instant(order[f"{by}Time"], by)) <= before
            and _is_wanted(order, wanted)
            and (key := (written(when), order["orderId"])) > start
        )
        page = matching[:size]
        answer: dict[str, Any] = {
            "orders": [_cut(order, wanted.get("includedData", ())) for _, order in page],
            f"{by}Before": written(before),
        }
        if len(matching) > size:
            answer["pagination"] = {"nextToken": _build_token(wanted, page[-1][0], now)}
        return answer


def _read_parameters(call: Call, accepted: set[str]) -> dict[str, Any]:
    """The query, with lists split at their commas. Unknown names, repeated ones and invalid values are refused."""
    wanted: dict[str, Any] = {}
    for name, values in call.query.items():
        if name not in accepted or len(values) > 1:
            raise invalid(f"The parameter {name} is not known or is repeated.")
        wanted[name] = values[0]
    for name in LISTS.keys() & wanted.keys():
        wanted[name] = tuple(wanted[name].split(","))
        allowed = LISTS[name]
        if allowed is not None and not allowed.issuperset(wanted[name]):
            raise invalid(f"{name} has a value that is not known.")
    if len(wanted.get("marketplaceIds", ())) > 50:
        raise invalid("marketplaceIds has more than 50 values.")
    if not wanted.get("maxResultsPerPage", "1").isdigit() or not 1 <= int(wanted.get("maxResultsPerPage", 1)) <= 100:
        raise invalid("maxResultsPerPage must be between 1 and 100.")
    return wanted


def _read_window(wanted: dict[str, Any], now: datetime) -> tuple[str, datetime, datetime]:
    """(created or lastUpdated, after, before), both bounds included."""
    times = {name: instant(wanted[name], name) for name in INSTANTS if name in wanted}
    if ("createdAfter" in times) == ("lastUpdatedAfter" in times):
        raise invalid("Exactly one of createdAfter and lastUpdatedAfter must be provided.")
    by, other = ("created", "lastUpdated") if "createdAfter" in times else ("lastUpdated", "created")
    if f"{other}Before" in times:
        raise invalid(f"{other}Before cannot be combined with {by}After.")
    after, before = times[f"{by}After"], times.get(f"{by}Before", now - SETTLED)
    if before > now - SETTLED:
        raise invalid(f"{by}Before must be at least two minutes before the time of the request.")
    if f"{by}Before" in times and before < after:
        raise invalid(f"{by}Before must be equal to or after {by}After.")
    return by, after, before


def _build_token(wanted: dict[str, Any], position: tuple[str, str], now: datetime) -> str:
    fixed = {name: value for name, value in sorted(wanted.items()) if name not in FREE}
    return base64.urlsafe_b64encode(json.dumps([fixed, position, written(now)]).encode()).decode()


def _read_token(wanted: dict[str, Any], now: datetime) -> tuple[str, str]:
    """The position after which the page begins."""
    if "paginationToken" not in wanted:
        return "", ""
    try:
        fixed, position, issued = json.loads(base64.urlsafe_b64decode(wanted["paginationToken"]))
    except (ValueError, TypeError):
        raise invalid("paginationToken is invalid.") from None
    if now - instant(issued, "issued") >= TOKEN_LIFE:
        raise invalid("paginationToken has expired.")
    if fixed != json.loads(json.dumps({name: value for name, value in wanted.items() if name not in FREE})):
        raise invalid("The parameters differ from those of the request that gave the paginationToken.")
    return position[0], position[1]


def _is_wanted(order: dict[str, Any], wanted: dict[str, Any]) -> bool:
    fulfillment = order.get("fulfillment", {})
    return all(
        name not in wanted or value in wanted[name]
        for name, value in (
            ("marketplaceIds", order["salesChannel"].get("marketplaceId")),
            ("fulfillmentStatuses", fulfillment.get("fulfillmentStatus")),
            ("fulfilledBy", fulfillment.get("fulfilledBy")),
        )
    )


def _cut(order: dict[str, Any], included: Iterable[str]) -> dict[str, Any]:
    """The order with the requested data sets and no other."""
    left = [DATA[name] for name in DATA if name not in set(included)]
    of_order, of_item = (set().union(*(parts[part] for parts in left)) for part in (0, 1))
    return without(order, of_order) | {"orderItems": [without(item, of_item) for item in order["orderItems"]]}


def _move(value: Any, later: timedelta) -> Any:
    """A payload with all its instants moved."""
    if isinstance(value, list):
        return [_move(element, later) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: written(instant(element, name) + later)
        if isinstance(element, str) and name.endswith(("Time", "DateTime"))
        else _move(element, later)
        for name, element in value.items()
    }
