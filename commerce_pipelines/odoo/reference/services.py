"""The service products behind lines that are not goods: shipping, discounts, gift cards, rounding …

What belongs here: finding or creating one product per LineKind. What does not: goods (products.py), their taxes (each
line carries its own).
"""

from __future__ import annotations

from collections.abc import Collection

from ...core.errors import CredentialError, RecordError
from ...domain.orders.order import LineKind
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.load import Records, load_own, own, xid

NAMES = {
    LineKind.SHIPPING: "Shipping",
    LineKind.GIFT_WRAP: "Gift wrapping",
    LineKind.DISCOUNT: "Discount",
    LineKind.TIP: "Tip",
    LineKind.DUTY: "Import duties",
    LineKind.FEE: "Fee",
    LineKind.GIFT_CARD: "Gift card",
    LineKind.ROUNDING: "Rounding difference",
}


def service_xid(kind: LineKind) -> str:
    return f"product_{kind.value}"


class Services:
    """Service products by kind of line; a missing one is created when it is first needed."""

    def __init__(
        self, client: OdooClient, kinds: Collection[LineKind], records: Records, create: bool, dry: bool = False
    ) -> None:
        self._client, self._create, self._dry = client, create, dry
        self._ids = {kind: records.ids[service_xid(kind)] for kind in kinds if service_xid(kind) in records.ids}
        self._retired = records.archived

    def product(self, kind: LineKind) -> int:
        """Raises RecordError(`unknown_service`)."""
        if kind not in self._ids:
            self._ids[kind] = self._create_service(kind)
        return self._ids[kind]

    def _create_service(self, kind: LineKind) -> int:
        name = xid(own(self._client, service_xid(kind)))
        error = RecordError(
            "unknown_service",
            f"Odoo has no service product for {NAMES[kind].lower()} lines.",
            fix=f"Set odoo.create_missing, or give a service product the external id {name}.",
            subject=kind.value,
        )
        if retired := self._retired.get(service_xid(kind)):
            raise RecordError(
                "unknown_service", f"The product {retired!r} in Odoo, for {NAMES[kind].lower()} lines, is archived.",
                fix=f"Unarchive it, or give another service product its external id {name}.", subject=kind.value,
            )  # fmt: skip
        if not self._create:
            raise error
        if self._dry:
            return 0
        values = {
            "name": NAMES[kind], "type": "service", "invoice_policy": "order", "list_price": "0", "sale_ok": "1",
            "purchase_ok": "0", "taxes_id/.id": "", "supplier_taxes_id/.id": "",
        }  # fmt: skip
        try:
            return load_own(self._client, "product.product", service_xid(kind), values)
        except (CredentialError, OdooRefusal):
            raise error from None
