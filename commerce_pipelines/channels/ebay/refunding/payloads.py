"""issueRefund as eBay describes it: its body and its answer, under the vendor's names.

What belongs here: these shapes. What does not: which refunds there are (domain/refunding/), refunds as eBay reports
them (returns/payloads.py). Source: sell_fulfillment_v1_oas3.json 1.20.7.
"""

from __future__ import annotations

import msgspec


class _Payload(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    pass


class Amount(_Payload):
    currency: str
    value: str


class Item(_Payload):
    refund_amount: Amount
    line_item_id: str


class Request(_Payload):
    """Either refund_items or order_level_refund_amount."""

    reason_for_refund: str
    comment: str = ""
    refund_items: list[Item] = []
    order_level_refund_amount: Amount | None = None


class Answer(_Payload):
    """refund_id: not returned "if the refund operation fails"."""

    refund_id: str = ""
    refund_status: str = ""
