"""Sale orders of Odoo, as the flows see them: read, load, preview, cancel.

What belongs here: the public functions and their batches. What does not: the steps of one batch (batch.py), what a
draft holds (domain/sales/draft.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ...domain.sales.draft import SaleDraft, SaleOutcome
from ...domain.sales.rules import TaxMapping
from ..partners.partners import Partners
from ..rpc.client import OdooClient
from ..rpc.settings import OdooSettings
from .batch import Batch
from .booked import sale_totals
from .cancelling import cancel_sales
from .resolver import Resolver


def load_sales(
    client: OdooClient,
    settings: OdooSettings,
    drafts: Sequence[SaleDraft],
    taxes: tuple[TaxMapping, ...],
    on_batch: Callable[[int], None] | None = None,
) -> Iterator[SaleOutcome]:
    """Make Odoo agree with the drafts: each becomes exactly one confirmed order with its total to the cent.

    taxes: the channel's own mapping. on_batch: called with the number of orders of each finished batch. One outcome per
    order; of several drafts of one order the last counts. Raises TransientError when Odoo stays out of reach,
    CredentialError when the user lacks a right; finished work stays, and the next call continues from there.
    """
    wanted = _keep_newest(drafts)
    if wanted:
        yield from SalesLoad(client, settings, wanted, taxes).load(wanted, on_batch)


class SalesLoad:
    """What `load_sales` looks up once, so that its drafts can be loaded in parts. Threads may load parts at once that
    share no order and no buyer (domain/sales/division.py)."""

    def __init__(
        self, client: OdooClient, settings: OdooSettings, drafts: Sequence[SaleDraft], taxes: tuple[TaxMapping, ...]
    ) -> None:  # fmt: skip
        self._client, self._size = client, settings.batch
        self._resolver = Resolver(client, settings, drafts, taxes)
        self._partners = Partners(client, self._resolver.company, self._resolver.countries)

    def load(
        self, drafts: Sequence[SaleDraft], on_batch: Callable[[int], None] | None = None
    ) -> Iterator[SaleOutcome]:  # fmt: skip
        """As `load_sales`, for distinct orders among those drafts."""
        for start in range(0, len(drafts), self._size):
            batch = Batch(self._client, self._resolver, drafts[start : start + self._size])
            batch.judge()
            batch.carry_out(self._partners)
            yield from batch.outcomes()
            if on_batch:
                on_batch(len(batch.items))


def preview_sales(
    client: OdooClient, settings: OdooSettings, drafts: Sequence[SaleDraft], taxes: tuple[TaxMapping, ...]
) -> Iterator[SaleOutcome]:
    """What `load_sales` would do, without writing anything: the same actions, with figures as Odoo has them now.

    Totals that only Odoo computes and contacts that only Odoo refuses cannot be foreseen.
    """
    wanted = _keep_newest(drafts)
    if not wanted:
        return
    resolver = Resolver(client, settings, wanted, taxes, dry=True)
    for start in range(0, len(wanted), settings.batch):
        batch = Batch(client, resolver, wanted[start : start + settings.batch])
        batch.judge()
        yield from batch.outcomes()


def _keep_newest(drafts: Sequence[SaleDraft]) -> list[SaleDraft]:
    return list({(draft.channel, draft.order_id): draft for draft in drafts}.values())


__all__ = ["SalesLoad", "cancel_sales", "load_sales", "preview_sales", "sale_totals"]
