"""A channel that pays buyers back, in memory: it carries out whatever it gets and loses answers; and what a person does
to credit an order in Odoo.

What belongs here: the doubles. What does not: assertions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from commerce_pipelines.channels.capabilities import BuyerRefunds
from commerce_pipelines.domain.outbox.effects import Effect, Kind, Outcome
from commerce_pipelines.domain.refunding.buyer_refunds import SentRefund
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine
from commerce_pipelines.odoo.rpc.client import OdooClient
from commerce_pipelines_tests.doubles.lane import Lane
from commerce_pipelines_tests.doubles.outbox import MarketDoor
from commerce_pipelines_tests.doubles.returns import make_refund

REFUNDING = "returns: {enabled: true}, refunding: {enabled: true, since: 2025-01-01%s}, "


class RefundDesk(BuyerRefunds):
    """paid: every refund, each time that it was paid. refuse, lose: how many of the next ones. code: of a refusal.
    shown: refunds that the channel shows besides."""

    def __init__(self) -> None:
        self.paid: list[SentRefund] = []
        self.references: dict[str, str] = {}
        self.shown: set[str] = set()
        self.refuse = self.lose = 0
        self.tells = True
        self.code = "no_way"
        self.asked = 0

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        for sent in refunds:
            self.asked += 1
            if self.shown - sent.accounted:
                yield Outcome(key=sent.key, status="refused", code="other_refund", message="It shows another one.")
                continue
            if self.refuse:
                self.refuse -= 1
                yield Outcome(key=sent.key, status="refused", code=self.code, message="It is not taken.")
                continue
            self.paid.append(sent)
            self.references[sent.token] = f"P-{sent.key}"
            if self.lose:
                self.lose -= 1
                yield Outcome(key=sent.key, status="unknown", code="lost")
                continue
            yield Outcome(key=sent.key, status="accepted", reference=f"P-{sent.key}")

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        for sent in refunds:
            if not self.tells:
                yield Outcome(key=sent.key, status="unknown")
            elif reference := self.references.get(sent.token):
                yield Outcome(key=sent.key, status="accepted", reference=reference)
            else:
                yield Outcome(key=sent.key, status="absent")

    def report(self, lane: Any) -> list[Refund]:
        """The refunds as the channel reports them: an amount for no line, as a channel may that forgets the lines."""
        return [
            make_refund(
                self.references[sent.token], sent.refund.order_id, lane.noon,
                RefundLine(line_id="1", kind=RefundKind.GOODWILL, amount=sent.refund.total),
            )
            for sent in self.paid
        ]  # fmt: skip


class MarketRefunds(BuyerRefunds):
    """The refunds of a Market (doubles/outbox.py): it is told over HTTP, and a crash may happen at any point."""

    def __init__(self, url: str) -> None:
        self._door = MarketDoor(url, Kind.REFUND)

    def send(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        return self._door.send(list(map(_build_effect, refunds)))

    def look(self, refunds: Sequence[SentRefund]) -> Iterator[Outcome]:
        return self._door.look(list(map(_build_effect, refunds)))


def _build_effect(sent: SentRefund) -> Effect:
    body: dict[str, Any] = msgspec.to_builtins(sent.refund)
    return Effect(sequence=0, key=sent.key, body=body, token=sent.token, status="sent")  # type: ignore[arg-type]


def desk_of(lane: Lane) -> RefundDesk:
    """The lane's channel pays buyers back from now on, at this desk."""
    desk = RefundDesk()
    lane.channel.buyer_refunds = desk
    return desk


def invoice(client: OdooClient, lane: Lane, order_id: str) -> int:
    """A person invoices the order and posts the invoice."""
    [sale] = lane.sales(order_id)
    values = {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [sale["id"]]]]}
    wizard = client.call("sale.advance.payment.inv", "create", vals_list=[values])
    client.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    [row] = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    client.call("account.move", "action_post", ids=row["invoice_ids"])
    return int(row["invoice_ids"][0])


def credit(client: OdooClient, invoice_id: int, amount: float | None = None, *, post: bool = True, **more: Any) -> int:
    """A person credits one unit of the invoice's first line, or an amount for no line."""
    [move] = client.call(
        "account.move", "read", ids=[invoice_id], fields=["partner_id", "currency_id", "journal_id"], load=None
    )
    [line, *_] = client.call(
        "account.move.line", "search_read", domain=[["move_id", "=", invoice_id], ["display_type", "=", "product"]],
        fields=["name", "product_id", "price_unit", "tax_ids", "sale_line_ids", "account_id"], order="id", load=None,
    )  # fmt: skip
    goods = {
        "name": line["name"], "product_id": line["product_id"], "quantity": 1, "price_unit": line["price_unit"],
        "sale_line_ids": [[6, 0, line["sale_line_ids"]]],
    }  # fmt: skip
    goodwill = {"name": "Sorry", "quantity": 1, "price_unit": amount}
    values = {
        "move_type": "out_refund", "partner_id": move["partner_id"], "currency_id": move["currency_id"],
        "journal_id": move["journal_id"], "reversed_entry_id": invoice_id,
        "invoice_line_ids": [[0, 0, {
            **(goods if amount is None else goodwill),
            "tax_ids": [[6, 0, line["tax_ids"]]], "account_id": line["account_id"],
        }]],
        **more,
    }  # fmt: skip
    [note] = client.call("account.move", "create", vals_list=[values])
    if post:
        client.call("account.move", "action_post", ids=[note])
    return int(note)
