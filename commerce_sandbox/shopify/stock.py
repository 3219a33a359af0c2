"""The shop's stock: items at locations. A change compares first, and happens once for each idempotency key.

What belongs here: inventory levels, `inventorySetQuantities` with its errors, idempotency. What does not: orders
(shop.py), GraphQL (execution.py).
"""

from __future__ import annotations

import json
from typing import Any

from ..catalogue import CATALOGUE, Article
from .execution import Data, Refused, Rows
from .shop import number, search

LOCATIONS = {71: ("Lager Köln", False), 72: ("Shop Berlin", False)}  # number -> name, of a fulfilment service?
_TOO_MANY = 250


class Stock:
    """Variants and their quantities. `quantities`: (number of the inventory item, number of the location) -> available
    units."""

    def __init__(self, articles: list[Article] = CATALOGUE) -> None:
        self.locations = dict(LOCATIONS)
        self.variants: dict[int, Data] = {}
        self.quantities: dict[tuple[int, int], int] = {}
        self.immutable: set[int] = set()  # items that the API may not adjust, such as bundles
        self._done: dict[str, tuple[str, Data]] = {}  # idempotency key -> the input it came with, the answer it got
        for place, article in enumerate(articles, 1):
            self.add(place, article, {location: 5 * (place % 7) + location % 10 for location in LOCATIONS})

    def add(self, place: int, article: Article, quantities: dict[int, int], tracked: bool = True) -> None:
        """A variant at the locations of `quantities`."""
        item = 40_000 + place
        self.variants[place] = {
            "id": f"gid://shopify/ProductVariant/{50_000 + place}",
            "displayName": article.title,
            "status": "ACTIVE",
            "item": item,
            "sku": article.sku,
            "tracked": tracked,
        }
        for location, quantity in quantities.items():
            self.quantities[item, location] = quantity

    def take(self, sku: str, location: int, units: int) -> None:
        """An order reduces what is available; an article that is sold out already goes below zero, as in Shopify."""
        for row in self.variants.values():
            if row["sku"] == sku and (row["item"], location) in self.quantities:
                self.quantities[row["item"], location] -= units

    def fields(self) -> Data:
        """Root fields of a query."""

        def product_variants(arguments: Data) -> Rows:
            rows = search(self.variants.values(), arguments.get("query"), {
                "product_status": lambda row: row["status"],
                "id": lambda row: number(row["id"]),
            })  # fmt: skip
            return Rows(
                [{**row, "inventoryItem": self._build_item(row)} for row in rows], lambda row: [number(row["id"])]
            )

        def inventory_item(arguments: Data) -> Data | None:
            matching = [row for row in self.variants.values() if row["item"] == number(arguments["id"])]
            return self._build_item(matching[0]) if matching else None

        return {
            "productVariants": product_variants,
            "productVariantsCount": lambda _: {"count": len(self.variants), "precision": "EXACT"},
            "inventoryItem": inventory_item,
            "locations": lambda _: [
                {"id": f"gid://shopify/Location/{place}", "name": name, "isFulfillmentService": service}
                for place, (name, service) in self.locations.items()
            ],
        }

    def _build_item(self, row: Data) -> Data:
        levels = [
            {
                "id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
                "location": {
                    "id": f"gid://shopify/Location/{location}",
                    "name": self.locations[location][0],
                    "isFulfillmentService": self.locations[location][1],
                },
                "quantities": lambda arguments, quantity=quantity: [
                    {"name": name, "quantity": quantity} for name in arguments["names"]
                ],
            }
            for (item, location), quantity in sorted(self.quantities.items())
            if item == row["item"]
        ]
        return {
            "id": f"gid://shopify/InventoryItem/{row['item']}",
            "sku": row["sku"],
            "tracked": row["tracked"],
            "inventoryLevels": levels,
        }

    def set_quantities(self, wanted: Data, key: str | None) -> Data:
        """inventorySetQuantities: all of the changes, or none if one is refused. A key that was answered before gets
        the same answer."""
        if not key:
            raise Refused("The @idempotent directive is required for this mutation", "BAD_REQUEST",
                          ["inventorySetQuantities"])  # fmt: skip
        if len(wanted["quantities"]) > _TOO_MANY:
            raise Refused(f"The input array size is greater than the maximum allowed of {_TOO_MANY}",
                          "MAX_INPUT_SIZE_EXCEEDED", ["inventorySetQuantities"])  # fmt: skip
        digest = json.dumps(wanted, sort_keys=True)
        if key in self._done:
            before, answer = self._done[key]
            if before != digest:
                return _build_errors(("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", None))
            return _build_errors(("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", None)) if answer["userErrors"] else answer
        answer = self._set(wanted)
        self._done[key] = digest, answer
        return answer

    def _set(self, setting: Data) -> Data:
        errors, wanted = [], {}
        for place, row in enumerate(setting["quantities"]):
            if "changeFromQuantity" not in row:
                raise Refused("changeFromQuantity must be passed, null included", "BAD_REQUEST",
                              ["inventorySetQuantities"])  # fmt: skip
            where = number(row["inventoryItemId"]), number(row["locationId"])
            if problem := self._find_problem(where, row, where in wanted):
                errors.append((problem, place))
            wanted[where] = row["quantity"]
        if errors:
            return _build_errors(*errors)
        changes = []
        for where, quantity in wanted.items():
            changes.append({"name": "available", "delta": quantity - self.quantities[where]})
            self.quantities[where] = quantity
        return {"inventoryAdjustmentGroup": {"reason": setting["reason"], "changes": changes}, "userErrors": []}

    def _find_problem(self, where: tuple[int, int], row: Data, repeated: bool) -> str:
        item, location = where
        if location not in self.locations:
            return "INVALID_LOCATION"
        if where not in self.quantities:
            return "INVALID_INVENTORY_ITEM"
        if repeated:
            return "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"
        if item in self.immutable:
            return "NON_MUTABLE_INVENTORY_ITEM"
        if row["quantity"] < 0:
            return "INVALID_QUANTITY_NEGATIVE"
        expected = row["changeFromQuantity"]
        return "CHANGE_FROM_QUANTITY_STALE" if expected is not None and expected != self.quantities[where] else ""


def _build_errors(*errors: tuple[str, int | None]) -> Data:
    def error(code: str, place: int | None) -> dict[str, Any]:
        path = None if place is None else ["input", "quantities", str(place), "quantity"]
        return {"code": code, "field": path, "message": code.replace("_", " ").capitalize()}

    return {"inventoryAdjustmentGroup": None, "userErrors": [error(code, place) for code, place in errors]}
