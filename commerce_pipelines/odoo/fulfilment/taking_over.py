"""Deliveries of what the channel ships itself, validated as the channel says, of many orders together.

What belongs here: reading the moves, writing units, validating, the ship date. What does not: how many units
(domain/fulfilment/take_over.py), which orders (flows/fulfilment/).

Odoo's stock may fall below zero by it: the goods have left. After every validation the state is read back, because Odoo
answers True also where it did nothing. No text message is sent: the marketplace tells the buyer. A second run finds
nothing to do: what has left is read first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.words import NO_WORDS, Words
from ...domain.fulfilment.shipment_plan import OrderedGoods
from ...domain.fulfilment.take_over import SoldLine, StockMove, plan_take_over
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import names_of
from ..rpc.search_read import ARCHIVED_TOO, fetch

ORDERS_A_BATCH = 100
DATE = "%Y-%m-%d %H:%M:%S"
_ENDED = ("done", "cancel")
_MOVE = ("sale_line_id", "product_id", "product_uom_qty", "quantity", "state", "picking_id", "has_tracking",
         "location_id", "location_dest_id", "origin_returned_move_id")  # fmt: skip


class Shipped(msgspec.Struct, frozen=True, kw_only=True):
    """An order of which the channel has shipped something. sale: record id of the sale order. at: when it did."""

    sale: int
    goods: OrderedGoods
    at: datetime


class TakenOver(msgspec.Struct, kw_only=True):
    """What became of an order. pickings: deliveries that are done by this. reason: why it waits; words: Odoo's."""

    order_id: str
    pickings: list[int] = msgspec.field(default_factory=list)
    reason: Reason | None = None
    words: Words = NO_WORDS


def take_over(client: OdooClient, orders: Sequence[Shipped]) -> Iterator[TakenOver]:
    """Validate what the channel has shipped of these orders. Cancelled sale orders are left as they are."""
    for start in range(0, len(orders), ORDERS_A_BATCH):
        yield from _Batch(client, orders[start : start + ORDERS_A_BATCH]).carry_out()


class _Batch:
    def __init__(self, client: OdooClient, orders: Sequence[Shipped]) -> None:
        self._client, self._orders = client, {order.sale: order for order in orders}
        self._done = {order.sale: TakenOver(order_id=order.goods.order_id) for order in orders}
        quiet = {} if client.settings.chatter else {"tracking_disable": True}
        self._context = {**quiet, "skip_sms": True, "skip_backorder": True}

    def carry_out(self) -> Iterator[TakenOver]:
        lines, moves = self._read()
        units: dict[int, Decimal] = {}
        sale_of: dict[int, int] = {}  # by picking
        picking_of = {move.move_id: move.picking_id for of_sale in moves.values() for move in of_sale}
        for sale, order in self._orders.items():
            planned = plan_take_over(order.goods, lines[sale], moves[sale])
            if isinstance(planned, Reason):
                self._done[sale].reason = planned
                continue
            units |= planned
            sale_of |= {picking_of[move]: sale for move in planned}
        if units:
            self._write_units(units, picking_of, sale_of)
            self._validate(sale_of)
        yield from self._done.values()

    def _read(self) -> tuple[dict[int, list[SoldLine]], dict[int, list[StockMove]]]:
        """Lines and moves of the sale orders that stand, by sale order."""
        lines: dict[int, list[SoldLine]] = defaultdict(list)
        moves: dict[int, list[StockMove]] = defaultdict(list)
        domain = [["order_id", "in", sorted(self._orders)], ["state", "=", "sale"], ["display_type", "=", False]]
        rows = fetch(self._client, "sale.order.line", domain, ["order_id", "product_uom_qty", "name"])
        names = names_of(self._client, "sale.order.line", [row["id"] for row in rows])
        ours = {row["id"]: row for row in rows if row["id"] in names}
        for line_id, row in ours.items():
            ordered = Decimal(str(row["product_uom_qty"]))
            lines[row["order_id"]].append(SoldLine(line=names[line_id], name=row["name"], ordered=ordered))
        for move in self._read_moves(sorted(ours), names):
            moves[ours[move[0]]["order_id"]].append(move[1])
        return lines, moves

    def _read_moves(self, sale_lines: Sequence[int], names: Mapping[int, str]) -> Iterator[tuple[int, StockMove]]:
        extra = self._client.call("stock.move", "fields_get", allfields=["bom_line_id"], attributes=["type"])
        domain = [["sale_line_id", "in", list(sale_lines)], ["state", "not in", ["draft", "cancel"]]]
        rows = fetch(self._client, "stock.move", domain, [*_MOVE, *extra])
        ids = sorted({row[name] for row in rows for name in ("location_id", "location_dest_id")})
        places = fetch(self._client, "stock.location", [["id", "in", ids]], ["usage"], context=ARCHIVED_TOO)
        usage = {row["id"]: row["usage"] for row in places}
        for row in rows:
            if usage[row["location_id"]] == "customer" or row["origin_returned_move_id"] or not row["picking_id"]:
                continue
            is_done = row["state"] == "done"
            yield row["sale_line_id"], StockMove(
                move_id=row["id"], picking_id=row["picking_id"], line=names[row["sale_line_id"]],
                product_id=row["product_id"], part=row.get("bom_line_id") or 0, is_done=is_done,
                units=Decimal(str(row["quantity"] if is_done else row["product_uom_qty"])),
                is_last=usage[row["location_dest_id"]] == "customer",
                is_tracked=row["has_tracking"] not in (False, "none"),
            )  # fmt: skip

    def _write_units(
        self, units: Mapping[int, Decimal], picking_of: Mapping[int, int], sale_of: Mapping[int, int]
    ) -> None:
        values = {move: {"quantity": float(count), "picked": True} for move, count in units.items()}
        refused = on_all(
            self._client, "stock.move", "web_save_multi", values, self._context, list, vals_list=values,
            specification={},
        )  # fmt: skip
        for move, refusal in refused.items():
            self._refuse(sale_of[picking_of[move]], refusal)

    def _validate(self, sale_of: Mapping[int, int]) -> None:
        failpoint("before_take_over")
        due = sorted(picking for picking, sale in sale_of.items() if not self._done[sale].reason)
        refused = on_all(self._client, "stock.picking", "button_validate", due, self._context, self._list_open)
        for picking, refusal in refused.items():
            self._refuse(sale_of[picking], refusal)
        still = set(self._list_open(due))
        failpoint("taken_over")
        dates = {}
        for picking in due:
            sale = sale_of[picking]
            if picking not in still:
                self._done[sale].pickings.append(picking)
                dates[picking] = {"date_done": self._orders[sale].at.astimezone(UTC).strftime(DATE)}
            elif picking not in refused:
                self._done[sale].reason = Reason(
                    "not_taken_over", "The marketplace shipped the order, and Odoo did not validate its delivery.",
                    "Validate it in Odoo by hand: a question that Odoo asks there is the usual cause.",
                )  # fmt: skip
        on_all(
            self._client, "stock.picking", "web_save_multi", dates, self._context, list, vals_list=dates,
            specification={},
        )  # fmt: skip

    def _list_open(self, pickings: Sequence[int]) -> list[int]:
        rows = fetch(self._client, "stock.picking", [["id", "in", list(pickings)]], ["state"])
        return [row["id"] for row in rows if row["state"] not in _ENDED]

    def _refuse(self, sale: int, refusal: OdooRefusal) -> None:
        self._done[sale].reason = Reason(
            "refused_by_odoo", f"Odoo refuses the delivery, in {refusal.what}.",
            "Fix in Odoo what its own words name; the delivery is then taken over by itself.",
        )  # fmt: skip
        self._done[sale].words = refusal.words


__all__: list[Any] = ["Shipped", "TakenOver", "take_over"]
