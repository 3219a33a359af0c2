"""A merchant's Odoo for one test: products with stock, drafts of orders, and questions about what became of them.

What belongs here: making test data whose names are new each time, so that the suite can run again and again against the
same database. What does not: assertions, servers (odoo/conftest.py).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from commerce_pipelines.core.errors import TransientError
from commerce_pipelines.domain.orders.order import Address, Buyer, LineKind
from commerce_pipelines.domain.sales.base import Base, SoldLine, contacts_of
from commerce_pipelines.domain.sales.base import changed as changed_fields
from commerce_pipelines.domain.sales.draft import DraftLine, SaleDraft, SaleOutcome
from commerce_pipelines.domain.sales.lifecycle import next_base
from commerce_pipelines.domain.sales.rules import TaxMapping
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.rpc.client import READS, Client
from commerce_pipelines.odoo.sales.sale_orders import load_sales, sale_totals

CHANNEL = "shop_test"
PLACED = datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC)
DE19 = TaxKey("DE", 190_000, True, "domestic")
DE7 = TaxKey("DE", 70_000, True, "domestic")


def seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class Recorder:
    """A transport that notes what is called, and may lose the answer of some calls after the server did its work."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.calls: list[tuple[str, str]] = []
        self.lose: dict[tuple[str, str], int] = {}
        self.before: dict[tuple[str, str], Callable[[], None]] = {}

    def call(self, model: str, method: str, ids: Any, named: dict[str, Any]) -> Any:
        key = (model, method)
        if key in self.before:
            self.before.pop(key)()
        self.calls.append(key)
        answer = self.inner.call(model, method, ids, named)
        if self.lose.get(key, 0) > 0:
            self.lose[key] -= 1
            raise TransientError("the answer was lost on its way")
        return answer

    def version(self) -> str:
        return str(self.inner.version())

    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if call[1] not in READS]


class World:
    """One Odoo over one transport. client: what the product uses; administrator: what the test itself calls, where the
    product's user may not do so much."""

    def __init__(self, client: Client, kind: str, administrator: Client | None = None) -> None:
        self.client = client
        self._own = administrator or client
        self.kind = kind
        self.bases: dict[str, Base] = {}
        self.transport = Recorder(client._transport)
        client._transport = self.transport

    def call(self, model: str, method: str, ids: list[int] | None = None, **named: Any) -> Any:
        return self._own.call(model, method, ids=ids, **named)

    def create(self, model: str, **values: Any) -> int:
        [record] = self.call(model, "create", vals_list=[values])
        return int(record)

    def allow(self, group: str) -> None:
        """Put who calls for the test into a group of a real Odoo; the stand-in refuses nobody."""
        if self.kind == "odoo":
            module, _, name = group.partition(".")
            _, group_id = self.call("ir.model.data", "check_object_reference", module=module, xml_id=name)
            self.call("res.users", "write", ids=[self._own.who.uid], vals={"group_ids": [[4, group_id]]})

    def product(self, stock: int | None = 1000, **values: Any) -> tuple[int, str]:
        """A storable product: (id, default_code)."""
        code = f"T-{secrets.token_hex(4)}".upper()
        values = {"name": f"Article {code}", "default_code": code, "type": "consu", "is_storable": True, **values}
        product = self.create("product.product", **values)
        if stock is not None:
            self.set_stock(product, stock)
        return product, code

    def set_stock(self, product: int, quantity: int) -> None:
        [warehouse] = self.call(
            "stock.warehouse", "search_read", domain=[], fields=["lot_stock_id"], load=None, limit=1
        )
        values = {"product_id": product, "location_id": warehouse["lot_stock_id"]}
        self.call("stock.quant", "create", context={"inventory_mode": True},
                  vals_list=[{**values, "inventory_quantity_auto_apply": quantity}])  # fmt: skip

    def reserved(self, product: int) -> float:
        rows = self.call(
            "stock.quant", "search_read", fields=["reserved_quantity"], load=None,
            domain=[["product_id", "=", product], ["location_id.usage", "=", "internal"]],
        )  # fmt: skip
        return sum(row["reserved_quantity"] for row in rows)

    def load(self, *drafts: SaleDraft, taxes: tuple[TaxMapping, ...] = ()) -> list[SaleOutcome]:
        """Each draft held against what its order was loaded with last, as the ledger of a lane has it."""
        ready = [self._add_base(draft) for draft in drafts]
        outcomes = list(load_sales(self.client, self.client.settings, ready, taxes))
        by_id = {draft.order_id: draft for draft in ready}
        for outcome in outcomes:
            if base := next_base(by_id[outcome.order_id], outcome, datetime.now(UTC)):
                self.bases[outcome.order_id] = base
        return outcomes

    def _add_base(self, draft: SaleDraft) -> SaleDraft:
        before, contacts = self.bases.get(draft.order_id), contacts_of(draft, seal)
        tax = [
            (t.country, t.rate, t.included, t.regime) if (t := order_line.tax) else None for order_line in draft.lines
        ]
        base = Base(
            facts="", currency=draft.currency, total=draft.total, case=("",) * 7, products={}, contacts=contacts,
            regime=draft.regime, tax_country=draft.tax_country, fiscal_position=draft.fiscal_position,
            lines={
                order_line.line_id: SoldLine(order_line.product_id, order_line.quantity, order_line.amount, "", key)
                for order_line, key in zip(draft.lines, tax, strict=True)
            },
        )  # fmt: skip
        changes = changed_fields(before, contacts) if before else frozenset[str]()
        return msgspec.structs.replace(draft, before=before, base=base, changes=changes)

    def order(self, draft: SaleDraft, *fields: str) -> dict[str, Any]:
        """The one order of a draft, which must exist exactly once."""
        ids = self.call("sale.order", "search", domain=[["client_order_ref", "=", draft.number]])
        assert len(ids) == 1, ids
        assert sale_totals(self.client, CHANNEL, [draft.order_id])[draft.order_id].odoo_id == ids[0]
        return dict(self.call("sale.order", "read", ids=ids, fields=[*fields, "state", "name"])[0])

    def lines(self, draft: SaleDraft) -> list[dict[str, Any]]:
        """Its lines with a quantity, in order."""
        rows = self.call(
            "sale.order.line", "search_read", domain=[["order_id.client_order_ref", "=", draft.number]], order="id",
            fields=["name", "product_id", "product_uom_qty", "price_unit", "price_total", "tax_ids",
                    "analytic_distribution", "is_delivery"],
        )  # fmt: skip
        return [row for row in rows if row["product_uom_qty"]]

    def moves(self, draft: SaleDraft) -> list[dict[str, Any]]:
        """Stock moves of the order that are not cancelled."""
        return list(self.call(
            "stock.move", "search_read", order="id", load=None,
            domain=[["sale_line_id.order_id.client_order_ref", "=", draft.number], ["state", "!=", "cancel"]],
            fields=["product_id", "product_uom_qty", "quantity", "state", "picking_id"],
        ))  # fmt: skip

    def ship(self, draft: SaleDraft) -> None:
        pickings = sorted({move["picking_id"] for move in self.moves(draft)})
        assert self.call("stock.picking", "button_validate", ids=pickings) is True

    def write_date(self, draft: SaleDraft) -> str:
        return str(self.order(draft, "write_date")["write_date"])


def line(
    line_id: str, product: tuple[int, str], quantity: int, amount: int, tax: TaxKey | None = DE19,
    kind: LineKind = LineKind.PRODUCT,
) -> DraftLine:  # fmt: skip
    return DraftLine(
        line_id=line_id, kind=kind, product_id=product[0], product_code=product[1], name=product[1] or kind.value,
        quantity=quantity, amount=amount, tax=tax,
    )  # fmt: skip


def service(kind: LineKind, amount: int, tax: TaxKey | None = DE19) -> DraftLine:
    return line(kind.value, (0, ""), 1, amount, tax, kind)


def draft(*lines: DraftLine, **values: Any) -> SaleDraft:
    """An order of a buyer of its own; total: what the lines add up to."""
    token = secrets.token_hex(6)
    name = f"Anna {token}"
    defaults: dict[str, Any] = {
        "channel": CHANNEL, "order_id": token, "number": f"#{token}", "placed_at": PLACED, "currency": "EUR",
        "total": sum(order_line.amount for order_line in lines), "expected_tax": None, "lines": lines,
        "subject": secrets.token_hex(16), "buyer": Buyer(name=name, email=f"{token}@example.com"), "billing": None,
        "shipping": Address(name=name, street="Hauptstraße 1", city="Köln", postcode="50667", country="DE"),
        "regime": "domestic", "tax_country": "DE",
    }  # fmt: skip
    return SaleDraft(**{**defaults, **values})


def changed(before: SaleDraft, *lines: DraftLine, **values: Any) -> SaleDraft:
    """The same order with other lines."""
    total = sum(order_line.amount for order_line in lines) if lines else before.total
    return msgspec.structs.replace(before, **{"lines": lines or before.lines, "total": total, **values})
