"""New products of the shop: `productCreate`, `productVariantsBulkCreate`, stocking an item, sales channels.

What belongs here: these mutations, finding a product by its handle, what Shopify refuses. What does not: products that
are there (contents.py), quantities (stock.py).

A new product has one variant, stocked at the shop's first location, whose item is not tracked. A handle that is taken
gets a number at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..catalogue import Article
from .contents import Contents
from .execution import Data, Rows
from .shop import number, search

_MOST_OPTIONS = 3
_FIRST = 3_000  # the places of new variants


class NewProducts:
    """The shop's products from the side of whoever makes some. published: numbers of sales channels, by product."""

    def __init__(self, contents: Contents) -> None:
        self.contents, self.stock = contents, contents.stock
        self.publications = {1: "Online Store", 2: "Point of Sale"}
        self.published: dict[int, set[int]] = {}

    def fields(self) -> Data:
        """Root fields of a query."""
        nodes = [
            {"id": f"gid://shopify/Publication/{place}", "name": name} for place, name in self.publications.items()
        ]
        return {
            "publications": lambda _: nodes,
            "productByIdentifier": lambda arguments: self._find(arguments["identifier"]),
        }

    def find_variants(self, query: str) -> Rows:
        """Variants by a search for SKUs, in small or capital letters, each with its product."""
        rows = []
        for product in self.contents.rows.values():
            shown = self.show(product)
            rows += [{**variant, "product": shown} for variant in shown["variants"]]
        terms: dict[str, Callable[[Data], Any]] = {"sku": lambda row: row["sku"].casefold()}
        matching = {row["id"]: row for term in query.casefold().split(" or ") for row in search(rows, term, terms)}
        return Rows(list(matching.values()), lambda row: [number(row["id"])])

    def show(self, row: Data) -> Data:
        """A product with its mark and the options of its variants."""
        shown = self.contents.show(row)
        marks = row.get("metafields", {})
        options = [self.stock.variants[place].get("options", [("Title", "Default Title")]) for place in row["places"]]
        variants = [
            {**variant, "selectedOptions": [{"name": name, "value": value} for name, value in own]}
            for variant, own in zip(shown["variants"], options, strict=True)
        ]
        return {**shown, "variants": variants, "metafield": lambda arguments: (
            {"value": marks[mark]} if (mark := f"{arguments['namespace']}.{arguments['key']}") in marks else None
        )}  # fmt: skip

    def _find(self, identifier: Data) -> Data | None:
        for gid, row in self.contents.rows.items():
            if row["handle"] == identifier.get("handle") or str(gid) == (identifier.get("id") or "").rpartition("/")[2]:
                return self.show(row)
        return None

    def create(self, wanted: Data, now: datetime) -> Data:
        """productCreate."""
        title = wanted.get("title") or ""
        options = wanted.get("productOptions") or []
        if not title.strip() or len(title) > 255:
            return {"product": None, "userErrors": [_build_error(["title"], "Title can't be blank")]}
        if len(options) > _MOST_OPTIONS:
            return {"product": None, "userErrors": [_build_error(["productOptions"], "Too many options")]}
        if "title" in self.contents.refuse:
            return {"product": None, "userErrors": [_build_error(["title"], self.contents.refuse["title"])]}
        place = self._add_variant([(option["name"], option["values"][0]["name"]) for option in options])
        row = self.contents.add(place, [place], title, now)
        handles = {other["handle"] for other in self.contents.rows.values() if other is not row}
        handle = wanted.get("handle") or row["handle"]
        taken = sum(other == handle or other.startswith(f"{handle}-") for other in handles)
        row |= {
            "handle": f"{handle}-{taken}" if handle in handles else handle, "status": wanted.get("status", "ACTIVE"),
            "descriptionHtml": wanted.get("descriptionHtml", ""), "metafields": {},
        }  # fmt: skip
        self.mark(row, wanted)
        return {"product": self.show(row), "userErrors": []}

    def mark(self, row: Data, wanted: Data) -> None:
        """Keep metafields, and let the variants follow the product's status."""
        kept = row.setdefault("metafields", {})
        for mark in wanted.get("metafields") or []:
            kept[f"{mark['namespace']}.{mark['key']}"] = mark["value"]
        for place in row["places"]:
            self.stock.variants[place]["status"] = row["status"]

    def _add_variant(self, options: list[tuple[str, str]]) -> int:
        place = max((_FIRST, *self.stock.variants)) + 1
        self.stock.add(place, Article("", "New", 0, 0), {}, tracked=False)
        variant = self.stock.variants[place]
        variant["options"] = options or [("Title", "Default Title")]
        self.stock.quantities[variant["item"], min(self.stock.locations)] = 0
        return place

    def update(self, arguments: Data, now: datetime) -> Data:
        """productUpdate: metafields and status here, the texts are the contents' matter."""
        wanted = dict(arguments["product"])
        marks = wanted.pop("metafields", None)
        answer = self.contents.update({**arguments, "product": wanted}, now)
        if (row := self.contents.rows.get(number(wanted["id"]))) is not None and answer["product"]:
            self.mark(row, {"metafields": marks})
        return answer

    def fill(self, arguments: Data, now: datetime) -> Data:
        """productVariantsBulkUpdate: SKUs and tracking here, figures are the contents' matter."""
        answer = self.contents.update_variants(arguments, now)
        row = self.contents.rows.get(number(arguments["productId"]))
        if answer["userErrors"] or row is None:
            return answer
        by_id = {variant["id"]: variant for variant in self.stock.variants.values()}
        for wanted in arguments["variants"]:
            item = wanted.get("inventoryItem", {})
            by_id[wanted["id"]].update({name: item[name] for name in ("sku", "tracked") if name in item})
        ids = {wanted["id"] for wanted in arguments["variants"]}
        shown = [variant for variant in self.show(row)["variants"] if variant["id"] in ids]
        return {"productVariants": shown, "userErrors": []}

    def add_variants(self, arguments: Data, now: datetime) -> Data:
        """productVariantsBulkCreate: all of them, or none if one is refused."""
        row = self.contents.rows.get(number(arguments["productId"]))
        if row is None:
            return _refuse("PRODUCT_DOES_NOT_EXIST", ["productId"])
        there = [tuple(self.stock.variants[place]["options"]) for place in row["places"]]
        fresh = []
        for place, wanted in enumerate(arguments["variants"]):
            options = tuple((option["optionName"], option["name"]) for option in wanted.get("optionValues") or [])
            if {name for name, _ in options} != {name for name, _ in there[0]}:
                return _refuse("NEED_TO_ADD_OPTION_VALUES", ["variants", str(place), "optionValues"])
            if options in there or options in fresh:
                return _refuse("VARIANT_ALREADY_EXISTS", ["variants", str(place)])
            fresh.append(options)
        for options, wanted in zip(fresh, arguments["variants"], strict=True):
            place = self._add_variant(list(options))
            row["places"].append(place)
            variant = self.stock.variants[place]
            variant["status"] = row["status"]
            self.fill({"productId": row["id"], "variants": [{**wanted, "id": variant["id"]}]}, now)
        shown = self.show(row)["variants"][-len(fresh) :]
        return {"productVariants": shown, "userErrors": []}

    def stock_item(self, arguments: Data) -> Data:
        """inventoryBulkToggleActivation: stocked at these locations, with what is there already or nothing."""
        item = number(arguments["inventoryItemId"])
        for place, wanted in enumerate(arguments["inventoryItemUpdates"]):
            location = number(wanted["locationId"])
            if location not in self.stock.locations:
                error = _build_error(["inventoryItemUpdates", str(place), "locationId"], "Location not found")
                return {"inventoryItem": None, "userErrors": [{**error, "code": "LOCATION_NOT_FOUND"}]}
            self.stock.quantities.setdefault((item, location), 0)
        return {"inventoryItem": {"id": arguments["inventoryItemId"]}, "userErrors": []}

    def publish(self, arguments: Data) -> Data:
        """publishablePublish."""
        places = {number(wanted["publicationId"]) for wanted in arguments["input"]}
        if not places <= set(self.publications):
            return {"userErrors": [_build_error(["input"], "Publication does not exist")]}
        self.published.setdefault(number(arguments["id"]), set()).update(places)
        return {"userErrors": []}


def _build_error(path: list[str], message: str) -> Data:
    return {"field": path, "message": message}


def _refuse(code: str, path: list[str]) -> Data:
    return {"productVariants": None, "userErrors": [{**_build_error(path, code.replace("_", " ")), "code": code}]}
