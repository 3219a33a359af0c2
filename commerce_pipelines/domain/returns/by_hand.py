"""Which credit note of a person stands for a refund that the lane cannot credit by itself. Pure.

A credit note **names** a refund where its reference holds the refund's id; then its amount does not matter, because a
person says so. Else one of the refund's amount and currency stands for it. Each stands for one refund.

What belongs here: this rule. What does not: planning our own credit notes (credit.py), refunds out
(domain/refunding/).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable

from .records import Outline
from .sale_books import Move, SaleBooks

Waiting = tuple[str, Outline]  # a refund's id, and what is certain of it


def names_refund(move: Move, refund_id: str) -> bool:
    """Whether the document's reference holds the refund's id as a word of its own."""
    return re.search(rf"(?<![\w:-]){re.escape(refund_id)}(?![\w:-])", move.ref) is not None


def match_notes(books: SaleBooks, waiting: Iterable[Waiting], taken: Collection[int]) -> dict[str, Move]:
    """The credit notes that stand for these refunds of one order, by refund id. taken: record ids of those that stand
    for other refunds, or that the channel pays for."""
    free = [move for move in books.credits if not move.xid and move.state == "posted" and move.move_id not in taken]
    refunds = [refund for refund in waiting if refund[1].total != 0]
    matched: dict[str, Move] = {}

    def match(stands_for: Callable[[Move, Waiting], bool]) -> None:
        for refund in refunds:
            move = next((move for move in free if stands_for(move, refund)), None)
            if move and refund[0] not in matched:
                free.remove(move)
                matched[refund[0]] = move

    match(lambda move, refund: names_refund(move, refund[0]))
    match(lambda move, refund: move.currency == refund[1].currency and books.worth(move) == refund[1].total)
    return matched
