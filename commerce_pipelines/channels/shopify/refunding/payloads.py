"""The types of what refunds out ask Shopify for: only the fields that queries.py asks for, named as Shopify names them.

What belongs here: these shapes. What does not: what follows from them (buyer_refunds.py), refunds as they are reported
(returns/payloads.py).
"""

from __future__ import annotations

from ..api.money import Bag
from ..api.payloads import Node, Reference


class Payment(Node):
    """A transaction of the order: a payment, or one that paid something back. parentTransaction: the payment that it
    pays back."""

    id: str
    kind: str
    status: str
    amountSet: Bag
    gateway: str | None = None
    parentTransaction: Reference | None = None


class Payout(Node):
    kind: str
    status: str


class Payouts(Node):
    nodes: list[Payout]


class MadeRefund(Node):
    id: str
    transactions: Payouts
    note: str | None = None


class Order(Node):
    id: str
    currencyCode: str
    presentmentCurrencyCode: str
    transactions: list[Payment]
    refunds: list[MadeRefund]


class OrderAnswer(Node):
    order: Order | None = None


class UserError(Node):
    message: str
    field: list[str] | None = None


class PaidBack(Node):
    userErrors: list[UserError]
    refund: Reference | None = None


class PayBackAnswer(Node):
    refundCreate: PaidBack
