"""A refund as every channel is told of it: one credit note of one order.

What belongs here: the shapes, and the bridge to an effect's body. What does not: which refunds there are
(refund_plan.py), what a marketplace makes of one (channels/*/refunding/).
"""

from __future__ import annotations

import msgspec

from ..returns.records import RefundKind


class _Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    pass


class PaidLine(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Money of one cause. amount: minor units with the seller's tax; negative where the seller keeps money.

    order_line_id: as `OrderLine.line_id`, '' for money for no line. quantity: units of it, only where the amount is
    what the order charged for so many; 0 for a part of a price.
    """

    kind: RefundKind
    amount: int
    order_line_id: str = ""
    quantity: int = 0


class BuyerRefund(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """Money for the buyer. It is also the body of its effect, so it holds ids and figures, and no personal data.

    total: minor units of `currency` = sum of the lines, more than 0. marketplace: as `Order.marketplace`. is_channels:
    the channel ships the order itself. is_tax_on_top: its prices are without tax.
    """

    order_id: str
    currency: str
    total: int
    lines: tuple[PaidLine, ...]
    marketplace: str = ""
    is_channels: bool = False
    is_tax_on_top: bool = False


class SentRefund(_Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """A refund and its effect. key: of the effect, by which outcomes are told. token: the same for every attempt.
    reference: the channel's own id of it, '' until it gives one.

    name: of the credit note. accounted: ids of refunds of the order that are known to be for something else; where the
    channel shows any other, nothing is paid back.
    """

    key: str
    refund: BuyerRefund
    token: str
    reference: str = ""
    name: str = ""
    accounted: frozenset[str] = frozenset()
