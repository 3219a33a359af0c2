"""What the shop's products show: texts, figures of variants, pictures; and changing single fields.

What belongs here: the products over the stock's variants, `productUpdate`, `productVariantsBulkUpdate`. What does not:
stock (stock.py), GraphQL (execution.py).

Shopify strips scripts of a description and sorts nothing else. Each change moves `updatedAt`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from .execution import Data, Refused, Rows
from .pictures import Pictures
from .shop import instant, number, search
from .stock import Stock
from .translations import Translations

_SCRIPT = re.compile(r"<script\b.*?</script>", re.IGNORECASE | re.DOTALL)
_LONGEST_TITLE = 255
MOST_INPUT = 250  # of any list in an input
_OF_ITEM = {"harmonizedSystemCode", "countryCodeOfOrigin", "measurement", "sku", "cost"}


class Contents:
    """Products by number, each with one variant of the stock to begin with. changed: number of changes of each
    product. Tests set `correct`, what the shop makes of fields, and `refuse`, its message by the field's name."""

    def __init__(self, stock: Stock, now: datetime) -> None:
        self.stock, self.rows, self.changed = stock, dict[int, Data](), dict[int, int]()
        self.pictures, self.texts = Pictures(), Translations()
        self.correct: Callable[[Data], Data] = lambda fields: fields
        self.refuse: dict[str, str] = {}
        for place, variant in stock.variants.items():
            self.add(place, [place], variant["displayName"], now)

    def add(self, product: int, places: Iterable[int], title: str, now: datetime) -> Data:
        """A product of these variants of the stock."""
        row: Data = {
            "id": f"gid://shopify/Product/{90_000 + product}", "title": title, "descriptionHtml": "",
            "status": "ACTIVE",
            "updatedAt": instant(now), "handle": re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-"), "tags": [],
            "media": [], "places": list(places),
        }  # fmt: skip
        self.rows[90_000 + product] = row
        return row

    def of_sku(self, sku: str) -> Data:
        """The product that a SKU belongs to."""
        places = {place for place, variant in self.stock.variants.items() if variant["sku"] == sku}
        return next(row for row in self.rows.values() if places & set(row["places"]))

    def fields(self) -> Data:
        """Root fields of a query."""

        def products(arguments: Data) -> Rows:
            rows = search(self.rows.values(), (arguments.get("query") or "").replace("active", "ACTIVE"), {
                "status": lambda row: row["status"], "id": lambda row: number(row["id"]),
            })  # fmt: skip
            return Rows([self.show(row) for row in rows], lambda row: [number(row["id"])])

        return {"products": products}

    def find_record(self, gid: str) -> Data | None:
        if "/MediaImage/" in gid:
            return self.pictures.look(gid)
        row = self.rows.get(number(gid)) if "/Product/" in gid else None
        return self.show(row) if row else None

    def show(self, row: Data) -> Data:
        """A product as a query sees it."""
        variants = [self._show_variant(self.stock.variants[place]) for place in row["places"]]
        media = [self.pictures.show(gid) for gid in row["media"]]
        return {**row, "__typename": "Product", "variants": variants, "media": media,
                "translations": lambda arguments: self.texts.show(row, arguments["locale"])}  # fmt: skip

    def _show_variant(self, variant: Data) -> Data:
        content = variant.setdefault("content", {})
        return {
            "id": variant["id"], "sku": variant["sku"], "barcode": content.get("barcode"),
            "price": content.get("price", "0.00"),
            "inventoryItem": {
                "id": f"gid://shopify/InventoryItem/{variant['item']}",
                "harmonizedSystemCode": content.get("harmonizedSystemCode"),
                "countryCodeOfOrigin": content.get("countryCodeOfOrigin"),
                "measurement": content.get("measurement") or {"weight": None},
            },
        }  # fmt: skip

    def change(self, row: Data, now: datetime, **fields: Any) -> None:
        """Change a product, as a person or an app does."""
        row.update(fields, updatedAt=instant(now))
        self.changed[number(row["id"])] = self.changed.get(number(row["id"]), 0) + 1

    def update(self, arguments: Data, now: datetime) -> Data:
        """productUpdate: the fields that are named, and no other."""
        wanted = arguments["product"]
        row = self.rows.get(number(wanted["id"]))
        if row is None:
            return {"product": None, "userErrors": [_build_error("Product does not exist", "id")]}
        title = wanted.get("title")
        if title is not None and (not title.strip() or len(title) > _LONGEST_TITLE):
            return {"product": None, "userErrors": [_build_error("Title is blank or too long", "title")]}
        if media := arguments.get("media"):
            row["media"] += [self.pictures.add(source["originalSource"]) for source in media]
        fields = self.correct({name: value for name, value in wanted.items() if name != "id"})
        if refused := [name for name in fields if name in self.refuse]:
            return {"product": None, "userErrors": [_build_error(self.refuse[name], name) for name in refused]}
        if "descriptionHtml" in fields:
            fields["descriptionHtml"] = _SCRIPT.sub("", fields["descriptionHtml"] or "")
        self.change(row, now, **fields)
        return {"product": self.show(row), "userErrors": []}

    def update_variants(self, arguments: Data, now: datetime) -> Data:
        """productVariantsBulkUpdate: all of the changes, or none if one is refused."""
        if (many := len(arguments["variants"])) > MOST_INPUT:
            text = f"The input array size of {many} is greater than the maximum allowed of {MOST_INPUT}."
            raise Refused(text, "MAX_INPUT_SIZE_EXCEEDED", ("productVariantsBulkUpdate", "variants"))
        row = self.rows.get(number(arguments["productId"]))
        own = {self.stock.variants[place]["id"]: self.stock.variants[place] for place in row["places"]} if row else {}
        for wanted in arguments["variants"]:
            if wanted["id"] not in own:
                error = _build_error("Product variant does not exist", "id") | {
                    "code": "PRODUCT_VARIANT_DOES_NOT_EXIST"
                }
                return {"productVariants": None, "userErrors": [error]}
        for wanted in arguments["variants"]:
            content = own[wanted["id"]].setdefault("content", {})
            content |= {name: value for name, value in wanted.get("inventoryItem", {}).items() if name in _OF_ITEM}
            content |= {name: wanted[name] for name in ("barcode", "price") if name in wanted}
        if row:
            self.change(row, now)
        shown = [self._show_variant(own[wanted["id"]]) for wanted in arguments["variants"]]
        return {"productVariants": shown, "userErrors": []}


def _build_error(message: str, field: str) -> Data:
    return {"field": ["product", field], "message": message}
