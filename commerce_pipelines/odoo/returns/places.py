"""Where returned goods go: the operation type and location of a way back, and the quarantine.

What belongs here: looking these up. What does not: which units go where (domain/returns/goods.py).
"""

from __future__ import annotations

from ...core.errors import RecordError
from ...domain.keys import key
from ..rpc.client import OdooClient
from ..rpc.search_read import fetch


class Places:
    """Operation types and the quarantine, read when they are first needed."""

    def __init__(self, client: OdooClient, quarantine: str) -> None:
        self._client, self._name = client, quarantine
        self._ways: dict[int, tuple[int, int]] = {}
        self._quarantine: int | RecordError | None = None

    def find_way_back(self, type_id: int, customer: int) -> tuple[int, int, int]:
        """(operation type, from, to) for what an operation of `type_id` brought to the location `customer`."""
        if type_id not in self._ways:
            fields = ["return_picking_type_id", "warehouse_id", "default_location_dest_id"]
            [row] = self._client.call("stock.picking.type", "read", ids=[type_id], fields=fields, load=None)
            back = row["return_picking_type_id"] or self._find_receipts(row["warehouse_id"])
            [target] = self._client.call("stock.picking.type", "read", ids=[back], fields=fields, load=None)
            self._ways[type_id] = back, target["default_location_dest_id"]
        back, place = self._ways[type_id]
        return back, customer, place

    def _find_receipts(self, warehouse: int) -> int:
        [row] = self._client.call("stock.warehouse", "read", ids=[warehouse], fields=["in_type_id"], load=None)
        return int(row["in_type_id"])

    def quarantine(self) -> int:
        """Raises RecordError where there is none of this name, or where it counts as a warehouse's stock."""
        if self._quarantine is None:
            self._quarantine = self._find_quarantine()
        if isinstance(self._quarantine, RecordError):
            raise self._quarantine
        return self._quarantine

    def _find_quarantine(self) -> int | RecordError:
        path = key(self._name)
        domain = [["usage", "=", "internal"], ["name", "=", path.rpartition("/")[2]]]
        rows = fetch(self._client, "stock.location", domain, ["name", "complete_name", "warehouse_id"])
        rows = [row for row in rows if path in (row["name"], row["complete_name"])]
        fitting = [row["id"] for row in rows if not row["warehouse_id"]]
        if fitting:
            return int(fitting[0])
        why = "lies inside of a warehouse, so that its goods count as stock" if rows else "does not exist in Odoo"
        return RecordError(
            "unknown_location", f"The location {self._name} {why}.",
            fix="Create an internal location that lies below no warehouse, and write its name as `quarantine`.",
            subject=self._name,
        )  # fmt: skip
