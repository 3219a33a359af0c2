"""Cells of load() that name a record by its external id, where many rows name the same record.

Odoo asks PostgreSQL in every cell whether a database id exists, while it remembers an external id for the rest of the
call. With external ids, an order's warehouse and its lines' tax cost one query per batch instead of one per row.

What belongs here: replacing columns whose records all have an external id. What does not: which columns an order has
(sales/rows.py), ids that occur only once, such as those of customers and products.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from ..rpc.client import OdooClient
from ..rpc.load import any_names

K = TypeVar("K", bound=Hashable)
Rows = dict[K, list[list[str]]]

SHARED = {
    "pricelist_id/.id": "product.pricelist",
    "fiscal_position_id/.id": "account.fiscal.position",
    "team_id/.id": "crm.team",
    "warehouse_id/.id": "stock.warehouse",
    "carrier_id/.id": "delivery.carrier",
    "order_line/tax_ids/.id": "account.tax",
}
_WORTH_QUERIES = 10  # reading the external ids takes one call, which saves more than it costs from this many queries on


class Shorthand:
    """The external ids of one load, each read once."""

    def __init__(self, client: OdooClient) -> None:
        self._client = client
        self._names: dict[tuple[str, int], str] = {}

    def by_name(self, columns: Sequence[str], rows: Mapping[K, list[list[str]]]) -> tuple[list[str], Rows[K]]:
        """The same columns and rows, with external ids in the columns where that saves queries. Cells hold one id or
        nothing."""
        cells = {
            at: (model, [int(row[at]) for record in rows.values() for row in record if row[at]])
            for at, column in enumerate(columns) if (model := SHARED.get(column))
        }  # fmt: skip
        if sum(len(ids) - len(set(ids)) for _, ids in cells.values()) >= _WORTH_QUERIES:
            self._ask({model: set(ids) for model, ids in cells.values()})
        named = {
            at: model
            for at, (model, ids) in cells.items()
            if all(self._names.get((model, record_id)) for record_id in ids)
        }

        def cell(at: int, value: str) -> str:
            return self._names[named[at], int(value)] if at in named and value else value

        return (
            [column.removesuffix(".id") + "id" if at in named else column for at, column in enumerate(columns)],
            {
                key: [[cell(at, value) for at, value in enumerate(row)] for row in record]
                for key, record in rows.items()
            },
        )

    def _ask(self, wanted: Mapping[str, set[int]]) -> None:
        unknown = {
            model: {record for record in ids if (model, record) not in self._names} for model, ids in wanted.items()
        }
        if any(unknown.values()):
            nameless = {(model, record): "" for model, ids in unknown.items() for record in ids}
            # At once, because threads share this: no name that one of them has read may turn empty again.
            self._names |= nameless | any_names(self._client, unknown)
