"""What became of one refund or one return in Odoo.

What belongs here: the outcomes as the flows read them. What does not: the decisions (credit.py, goods.py), carrying
them out (odoo/returns/).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from ...core.reasons import Reason
from ...core.words import NO_WORDS, Words
from .rules import ReturnRules


class Edited(msgspec.Struct, frozen=True):
    """An order of which the buyer paid more than it is worth in Odoo, because an edit took units off. Minor units.
    paid: without tax that the channel collects. total: what Odoo's order is worth."""

    paid: int
    total: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Whose documents are written. label: the channel's first name, under which its orders have their external ids.
    zone: of its business days. issued: refunds that the channel paid for a person's credit note, or whose credit note a
    person made, with its record id. edited: by order id. sold: as in `SaleBooks`, by order id."""

    channel: str
    label: str
    zone: ZoneInfo
    rules: ReturnRules = ReturnRules()
    issued: Mapping[str, int] = {}
    edited: Mapping[str, Edited] = {}
    sold: Mapping[str, Mapping[str, int]] = {}


class CreditAction(StrEnum):
    CREATED = "created"
    CHANGED = "changed"  # it was there; now it is posted, paid, or belongs to goods that came back
    UNCHANGED = "unchanged"
    RECOGNISED = "recognised"  # a credit note of a person, or of Odoo's own, stands for the refund
    REDUCED = "reduced"  # the order itself is worth less now: nothing of what was refunded was delivered or invoiced
    NOT_DUE = "not_due"  # the order was cancelled before anything was invoiced
    NOT_DONE = "not_done"  # no money has moved: pending, failed, or of nothing
    REFUSED = "refused"  # waits in the exceptions


class CreditOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one refund. Money in minor units as Odoo computed it. name: of the credit note, or of the order
    that was reduced. payment_state: of the credit note. reason:
    why it was refused, and only then; words: what Odoo said to it then. flags: notes about a credit note that
    exists."""

    refund_id: str
    order_id: str
    action: CreditAction
    odoo_id: int = 0  # account.move
    name: str = ""
    state: str = ""  # draft, posted
    amount_total: int = 0
    amount_tax: int = 0
    payment_state: str = ""  # not_paid, partial, paid, in_payment …
    reason: Reason | None = None
    words: Words = NO_WORDS
    flags: tuple[Reason, ...] = ()


class ReturnAction(StrEnum):
    OPENED = "opened"  # a transfer expects the goods
    RECEIVED = "received"  # units were received now
    UNCHANGED = "unchanged"
    CANCELLED = "cancelled"  # its open transfers were cancelled
    NOT_EXPECTED = "not_expected"  # requested or declined, and nothing is on its way
    REFUSED = "refused"


class ReturnOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one return. pickings: (record id, name, state) of its transfers. received: units of Odoo's
    products that are back in all."""

    return_id: str
    order_id: str
    action: ReturnAction
    pickings: tuple[tuple[int, str, str], ...] = ()
    received: int = 0
    reason: Reason | None = None
    words: Words = NO_WORDS
    flags: tuple[Reason, ...] = ()
