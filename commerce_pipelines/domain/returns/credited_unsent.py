"""Units that a credit note pays back although they were never sent, and that Odoo is still about to send.

What belongs here: finding them, and the note about them, pure. What does not: whether such a refund is a credit note or
takes the units off the order (credit.py, uninvoiced.py): here they were invoiced, so that the order's line stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ...core.reasons import Reason
from .records import Refund, RefundKind, RefundLine
from .sale_books import Packs, SaleBooks


def flag_still_to_send(books: SaleBooks, refunds: Iterable[Refund], packs: Packs) -> dict[str, Reason]:
    """The note of each refund, by id. refunds: all of the order that a credit note pays back. A line has such units
    where more of it is ordered in Odoo than was sold and not paid back, and some is on its way to the customer still;
    nobody can tell it for an order that was loaded before it was kept what was sold."""
    unsent = {refund.refund_id: list(_list_unsent(refund)) for refund in refunds}
    paid_back: Counter[int] = Counter()
    for line in (line for lines in unsent.values() for line in lines):
        for sold in books.lines_of(line.order_line_id)[:1]:
            paid_back[sold.line_id] += line.quantity * packs.get((books.order_id, line.order_line_id), 1)
    codes = {
        sold.line_id: sold.sku or sold.name[:40] for sold in books.lines
        if sold.is_leaving and sold.xid in books.sold and sold.ordered > books.sold[sold.xid] - paid_back[sold.line_id]
    }  # fmt: skip
    flags = {}
    for refund_id, lines in unsent.items():
        about = (sold.line_id for line in lines for sold in books.lines_of(line.order_line_id)[:1])
        if names := dict.fromkeys(codes[line_id] for line_id in about if line_id in codes):
            flags[refund_id] = Reason(
                "credited_unsent",
                f"Units of {', '.join(names)} are paid back that were invoiced and never sent, and a transfer of "
                f"{books.name} is still about to send them.",
                "Lower the quantity of the order's line by these units, or cancel the rest of the transfer, in Odoo.",
                books.name,
            )  # fmt: skip
    return flags


def _list_unsent(refund: Refund) -> Iterable[RefundLine]:
    return (line for line in refund.lines if line.kind is RefundKind.GOODS and line.is_returned is False)
