"""Credit notes and return transfers of Odoo, as the flows see them.

What belongs here: the public functions. What does not: their steps (credit_notes.py, transfers.py), what is decided
(domain/returns/).

Each may be repeated at any time: documents have external ids, and what stands in Odoo is read before anything is
written. Raises TransientError when Odoo stays out of reach and CredentialError when the user lacks a right; finished
work stays, and the next call continues from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ...core.reasons import Reason
from ...domain.returns.outcomes import Books, CreditOutcome, ReturnOutcome
from ...domain.returns.records import Refund, Return
from ...domain.returns.sale_books import Packs
from ..rpc.client import OdooClient
from . import claims, credit_notes, transfers


def credit_refunds(
    client: OdooClient, books: Books, refunds: Sequence[Refund], packs: Packs | None = None, dry: bool = False
) -> Iterator[CreditOutcome]:
    """One credit note for each refund that is done, exact to the minor unit. One outcome per refund.

    refunds: all refunds of their orders, because a credit note that a person made stands for one of them only. packs:
    units of Odoo's product in one unit sold, by order and line, where it is not one.
    """
    return credit_notes.credit_refunds(client, books, refunds, packs, dry)


def move_returns(
    client: OdooClient, books: Books, returns: Sequence[Return], packs: Packs | None = None, dry: bool = False
) -> Iterator[ReturnOutcome]:
    """One transfer for each return that is expected, received as far as the channel says. One outcome per return.

    returns: all returns of their orders. packs: as of `credit_refunds`.
    """
    return transfers.move_returns(client, books, returns, packs, dry)


def settle_claims(
    client: OdooClient,
    books: Books,
    returns: Sequence[Return],
    money: tuple[Sequence[Refund], Mapping[str, CreditOutcome], Packs],
) -> dict[str, Reason]:
    """Claims of the module rma that are paid back say so, where it is installed. Returns why a return's claim was not
    kept. money: all refunds of the returns' orders, what became of each, and packs as of `credit_refunds`."""
    return claims.settle_claims(client, books, returns, money)
