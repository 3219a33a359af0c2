"""Return transfers in Odoo: expect the goods, receive what has arrived, cancel what is not coming.

What belongs here: these steps over many returns at once, and each return's outcome. What does not: what is expected
(domain/returns/goods.py), reading (deliveries.py), scrapping (scrap.py).

By load() with external ids, never by Odoo's wizard, which makes a second transfer when its answer is lost and returns
more than was delivered. What a transfer's state is after validating it is read back: Odoo answers True also where it
did nothing. No text message is sent: the marketplace tells the buyer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ...core.errors import RecordError
from ...core.failpoints import failpoint
from ...core.reasons import Reason
from ...core.words import NO_WORDS
from ...domain.returns.goods import ReturnPlan, flag_exchange, plan_receipt, plan_return, plan_scrap
from ...domain.returns.outcomes import Books, ReturnAction, ReturnOutcome
from ...domain.returns.records import Return
from ...domain.returns.sale_books import Packs
from ..rpc.client import OdooClient
from ..rpc.errors import OdooRefusal
from ..rpc.halving import on_all
from ..rpc.load import load_records, xid
from ..rpc.search_read import fetch
from ..sales.quotation_to_order import tracking
from .claims import ClaimCopy, keep_claims
from .credit_notes import link_orders
from .deliveries import Deliveries, read_deliveries
from .places import Places
from .scrap import Scrap, scrap

ORDERS_A_BATCH = 50
_COLUMNS = (
    *("id", "picking_type_id/.id", "partner_id/.id", "origin", "return_id/.id", "sale_id/.id", "location_id/.id"),
    "location_dest_id/.id",
)
_MOVE_COLUMNS = (
    *("id", "product_id/.id", "product_uom_qty", "product_uom/.id", "location_id/.id", "location_dest_id/.id"),
    *("origin_returned_move_id/.id", "move_orig_ids/.id", "sale_line_id/.id", "to_refund"),
)
_OPEN = ("draft", "waiting", "confirmed", "assigned")


class _Item(msgspec.Struct, kw_only=True):
    """One return on its way."""

    returned: Return
    action: ReturnAction = ReturnAction.UNCHANGED
    plan: ReturnPlan = ReturnPlan()
    deliveries: Deliveries | None = None
    error: RecordError | None = None
    claims: Reason | None = None


def move_returns(
    client: OdooClient, books: Books, returns: Sequence[Return], packs: Packs | None = None, dry: bool = False
) -> Iterator[ReturnOutcome]:
    """See documents.py."""
    by_order: dict[str, list[Return]] = {}
    for returned in sorted(returns, key=lambda returned: (returned.created_at, returned.return_id)):
        by_order.setdefault(returned.order_id, []).append(returned)
    orders = list(by_order)
    for start in range(0, len(orders), ORDERS_A_BATCH):
        part = [returned for order_id in orders[start : start + ORDERS_A_BATCH] for returned in by_order[order_id]]
        batch = _Batch(client, books, part, packs or {})
        batch.plan()
        if not dry:
            batch.carry_out()
        yield from batch.outcomes()


class _Batch:
    """Returns of one batch, whole orders each."""

    def __init__(self, client: OdooClient, books: Books, returns: Sequence[Return], packs: Packs) -> None:
        self._client, self._books, self._packs = client, books, packs
        self.items = {returned.return_id: _Item(returned=returned) for returned in returns}
        self._places = Places(client, books.rules.quarantine)
        self._context = {**tracking(client), "skip_sms": True, "skip_backorder": True}

    def plan(self) -> None:
        """Decide what is expected of each return. Only reads."""
        self._read()
        for item in self.items.values():
            self._plan_item(item)

    def _plan_item(self, item: _Item) -> None:
        sale = item.deliveries
        if sale is None:
            item.error = RecordError(
                "order_not_in_odoo", "The order is not in Odoo yet.",
                fix="It goes on by itself once its order is loaded; look at the order's own exception.",
                subject=item.returned.order_id[:40],
            )  # fmt: skip
            return
        if sale.company_id != self._client.who.company_id:
            item.error = RecordError(
                "other_company", f"The sale order {sale.name} belongs to another company of Odoo than the channel now.",
                fix="Carry it out there by hand, or write its company as `company` of the channel.", subject=sale.name,
            )  # fmt: skip
            return
        try:
            item.plan = plan_return(sale.goods_of(item.returned.return_id), item.returned, self._packs)
        except RecordError as error:
            item.error = error
        if not item.plan.is_expected and not item.plan.must_cancel:
            item.action = ReturnAction.NOT_EXPECTED
        elif item.plan.new:
            item.action = ReturnAction.OPENED

    def _read(self) -> None:
        returns: dict[str, list[str]] = {}
        for item in self.items.values():
            returns.setdefault(item.returned.order_id, []).append(item.returned.return_id)
        deliveries = read_deliveries(self._client, self._books.label, returns)
        for item in self.items.values():
            item.deliveries = deliveries.get(item.returned.order_id)

    def carry_out(self) -> None:
        """Transfers of one order are opened one return after the other, because each takes units from the next."""
        waiting = [item for item in self.items.values() if item.plan.new and not item.error]
        if not waiting and not any(item.deliveries and item.deliveries.own for item in self.items.values()):
            return
        while waiting:
            first = list({item.returned.order_id: item for item in reversed(waiting)}.values())
            self._open(first)
            waiting = [item for item in waiting if item not in first]
            self._read()
            for item in waiting:
                self._plan_item(item)
            waiting = [item for item in waiting if item.plan.new and not item.error]
        self._confirm()
        if self._books.rules.receipts == "channel":
            for to_quarantine in (False, True):
                self._receive(to_quarantine)
            failpoint("after_receipt")
            self._scrap()
        self._cancel()
        moved = [item.returned.order_id for item in self.items.values() if item.action is ReturnAction.RECEIVED]
        if moved:
            link_orders(self._client, self._books.label, dict.fromkeys(moved))
        self._read()
        self._keep_claims()

    def _keep_claims(self) -> None:
        copies = [
            ClaimCopy(returned=item.returned, sale=item.deliveries)
            for item in self.items.values() if item.deliveries and item.deliveries.transfers_of(item.returned.return_id)
        ]  # fmt: skip
        for return_id, reason in keep_claims(self._client, self._books, copies).items():
            self.items[return_id].claims = reason

    def _open(self, items: Sequence[_Item]) -> None:
        rows: dict[str, list[list[str]]] = {}
        columns = [*_COLUMNS, *(f"move_ids/{name}" for name in _MOVE_COLUMNS)]
        kits = bool(self._client.call("stock.move", "fields_get", allfields=["bom_line_id"], attributes=["type"]))
        columns += ["move_ids/bom_line_id/.id"] if kits else []
        for item in items:
            rows |= self._build_rows(item, columns)
        ids, refused = load_records(self._client, "stock.picking", columns, rows, tracking(self._client))
        for name, refusal in refused.items():
            self._refuse([item for item in items if item.returned.return_id == name.rpartition("|")[0]], refusal)
        if ids:
            failpoint("after_return_load")

    def _confirm(self) -> None:
        """Let Odoo expect what was loaded, by this run or by one that was interrupted."""
        drafts = [
            picking for item in self.items.values() if item.deliveries
            for picking in item.deliveries.transfers_of(item.returned.return_id)
            if picking in item.deliveries.transfers and item.deliveries.transfers[picking].state == "draft"
        ]  # fmt: skip
        for method in ("action_confirm", "action_assign"):
            on_all(self._client, "stock.picking", method, drafts, tracking(self._client), self._list_draft)
        if drafts:
            self._read()

    def _build_rows(self, item: _Item, columns: Sequence[str]) -> dict[str, list[list[str]]]:
        """One transfer for each delivery that units come from, by `return|delivery`."""
        sale = item.deliveries
        if sale is None:
            return {}
        by_picking: dict[int, list[tuple[Any, Decimal]]] = {}
        for move in sale.delivered:
            if move.move_id in item.plan.new:
                by_picking.setdefault(move.picking_id, []).append((move, item.plan.new[move.move_id]))
        rows = {}
        own = dict(sale.own)
        for picking, moves in by_picking.items():
            name = msgspec.structs.replace(sale, own=own).next_name(item.returned.return_id)
            own[name] = 0
            delivery = sale.transfers[picking]
            type_id, source, target = self._places.find_way_back(delivery.type_id, delivery.place)
            head = {
                "id": xid(name), "picking_type_id/.id": str(type_id), "partner_id/.id": str(delivery.partner_id or ""),
                "origin": item.returned.rma or item.returned.return_id, "return_id/.id": str(picking),
                "sale_id/.id": str(sale.sale_id), "location_id/.id": str(source), "location_dest_id/.id": str(target),
            }  # fmt: skip
            lines = [{
                "id": xid(f"{name}_move_{move.move_id}"), "product_id/.id": str(move.product_id),
                "product_uom_qty": f"{units:f}", "product_uom/.id": str(move.unit_id), "location_id/.id": str(source),
                "location_dest_id/.id": str(target), "origin_returned_move_id/.id": str(move.move_id),
                "move_orig_ids/.id": str(move.move_id), "sale_line_id/.id": str(move.sale_line), "to_refund": "1",
                "bom_line_id/.id": str(move.bom_line or ""),
            } for move, units in moves]  # fmt: skip
            named = [{f"move_ids/{key}": value for key, value in line.items()} for line in lines]
            rows[f"{item.returned.return_id}|{picking}"] = [
                [row.get(column, "") for column in columns] for row in ({**head, **named[0]}, *named[1:])
            ]
        return rows

    def _list_draft(self, pickings: Sequence[int]) -> list[int]:
        rows = fetch(self._client, "stock.picking", [["id", "in", list(pickings)]], ["state"])
        return [row["id"] for row in rows if row["state"] in ("draft", "confirmed")]

    def _list_open(self, pickings: Sequence[int]) -> list[int]:
        rows = fetch(self._client, "stock.picking", [["id", "in", list(pickings)]], ["state"])
        return [row["id"] for row in rows if row["state"] in _OPEN]

    def _receive(self, to_quarantine: bool) -> None:
        """Receive what has arrived for one of the two places, in our open transfers."""
        values: dict[int, dict[str, Any]] = {}
        item_of: dict[int, _Item] = {}
        for item in self.items.values():
            if item.error or item.deliveries is None or not item.plan.is_expected:
                continue
            goods = item.deliveries.goods_of(item.returned.return_id)
            try:
                place = self._places.quarantine() if self._books.rules.quarantine else 0
                receipt = plan_receipt(goods, item.returned, self._packs, place, to_quarantine)
            except RecordError as error:
                item.error = error
                continue
            target = {"location_dest_id": place} if to_quarantine else {}
            pickings = {back.picking_id for back in goods.backs if back.move_id in receipt.units}
            for back in goods.backs:
                if back.ours and not back.is_done and back.picking_id in pickings:
                    units = receipt.units.get(back.move_id, Decimal(0))
                    taken = {"quantity": float(units), "picked": bool(units), **(target if units else {})}
                    values[back.move_id] = taken
                    item_of[back.picking_id] = item
        if values:
            self._write_and_validate(values, item_of)

    def _write_and_validate(self, values: Mapping[int, Mapping[str, Any]], item_of: Mapping[int, _Item]) -> None:
        pickings = sorted(item_of)
        refused = on_all(
            self._client, "stock.move", "web_save_multi", values, self._context, list, vals_list=values,
            specification={},
        )  # fmt: skip
        moves = {
            back.move_id: back.picking_id
            for item in item_of.values() if item.deliveries for back in item.deliveries.backs
        }  # fmt: skip
        for move, refusal in refused.items():
            self._refuse([item_of[moves[move]]], refusal)
        due = [picking for picking in pickings if not item_of[picking].error]
        failpoint("before_receipt")
        refused = on_all(self._client, "stock.picking", "button_validate", due, self._context, self._list_open)
        for picking, refusal in refused.items():
            self._refuse([item_of[picking]], refusal)
        still = set(self._list_open(due)) - set(refused)
        for picking in due:
            if picking in still:
                item_of[picking].error = _refuse_silence(item_of[picking])
            elif picking not in refused:
                item_of[picking].action = ReturnAction.RECEIVED
        self._read()

    def _scrap(self) -> None:
        if not self._books.rules.scrap:
            return
        scraps, item_of = {}, {}
        for item in self.items.values():
            if item.error or item.deliveries is None or not item.plan.is_expected:
                continue
            goods = item.deliveries.goods_of(item.returned.return_id)
            place = self._places.quarantine()
            moves = {back.move_id: back for back in goods.backs}
            for move, units in plan_scrap(goods, item.returned, self._packs, place).items():
                name = f"{self._books.label}_scrap_{move}"
                back = moves[move]
                origin = item.returned.rma or item.returned.return_id
                scraps[name] = Scrap(back.product_id, units, place, back.picking_id, origin)
                item_of[name] = item
        for name, refusal in scrap(self._client, scraps).items() if scraps else ():
            if refusal:
                self._refuse([item_of[name]], refusal)
            else:
                item_of[name].error = _refuse_silence(item_of[name])

    def _cancel(self) -> None:
        """Cancel our open transfers of returns for which nothing more will arrive."""
        item_of: dict[int, _Item] = {}
        for item in self.items.values():
            if item.plan.must_cancel and not item.error and item.deliveries:
                for picking in item.deliveries.transfers_of(item.returned.return_id):
                    transfer = item.deliveries.transfers.get(picking)
                    if transfer and transfer.state in _OPEN:
                        item_of[picking] = item
        refused = on_all(
            self._client, "stock.picking", "action_cancel", item_of, tracking(self._client), self._list_open
        )
        for picking, item in item_of.items():
            if picking in refused:
                self._refuse([item], refused[picking])
            elif item.action is not ReturnAction.RECEIVED:
                item.action = ReturnAction.CANCELLED

    def _refuse(self, items: Sequence[_Item], refusal: OdooRefusal) -> None:
        for item in items:
            item.error = RecordError(
                "refused_by_odoo", f"Odoo refuses the return, in {refusal.what}.",
                fix="Fix in Odoo what its own words name, then replay the return.", words=refusal.words,
            )  # fmt: skip

    def outcomes(self) -> Iterator[ReturnOutcome]:
        for item in self.items.values():
            yield _build_outcome(item)


def _refuse_silence(item: _Item) -> RecordError:
    name = item.deliveries.name if item.deliveries else ""
    return RecordError(
        "refused_by_odoo", f"Odoo did not validate the return transfer of {name}, and does not say why.",
        fix="Validate it in Odoo by hand: a question that Odoo asks there is the usual cause.", subject=name,
    )  # fmt: skip


def _build_outcome(item: _Item) -> ReturnOutcome:
    sale, error = item.deliveries, item.error
    ours = sale.transfers_of(item.returned.return_id) if sale else []
    transfers = [sale.transfers[picking] for picking in ours if sale and picking in sale.transfers]
    received = sum(back.units for back in sale.backs if back.picking_id in ours and back.is_done) if sale else 0
    action = item.action
    if action is ReturnAction.UNCHANGED and item.plan.must_cancel and not received:
        action = ReturnAction.CANCELLED
    return ReturnOutcome(
        return_id=item.returned.return_id, order_id=item.returned.order_id,
        action=ReturnAction.REFUSED if error else action,
        pickings=tuple((transfer.picking_id, transfer.name, transfer.state) for transfer in transfers),
        received=int(received), reason=error.reason if error else None, words=error.words if error else NO_WORDS,
        flags=(*(flag_exchange(sale.goods_of(item.returned.return_id), item.returned) if sale else ()),
               *([item.claims] if item.claims else [])),
    )  # fmt: skip
