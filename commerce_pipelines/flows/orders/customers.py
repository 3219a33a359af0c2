"""Customers that a marketplace names by its own id, so that they are recognised without an e-mail address.

What belongs here: the keyed hash of such an id, and reading and storing the partner of a customer. What does not: the
table (warehouse/orders/customers.py), matching (odoo/partners/buyers.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ...domain.orders.order import Buyer
from ...domain.sales.draft import SaleDraft, SaleOutcome
from ...resources.connections import Connections
from ..identity import find_place, kind_of


def name_customer(connections: Connections, name: str, buyer: Buyer) -> str:
    """The vault's id of a customer's account, the same for all channels of one marketplace; '' without an id."""
    account = buyer.account or buyer.ref
    return connections.vault.subject_id(f"{kind_of(connections, name)}:{account}").hex() if account else ""


def recall_customers(connections: Connections, name: str, drafts: Sequence[SaleDraft]) -> list[SaleDraft]:
    """The drafts, with the partner of each customer's earlier order."""
    from ...warehouse.orders import customers

    wanted = {draft.customer for draft in drafts if draft.customer}
    if not wanted:
        return list(drafts)
    with connections.warehouse.transaction() as connection:
        kept = customers.read(connection, _describe_odoo(connections, name), wanted)
    return [
        msgspec.structs.replace(draft, customer_partner=kept[draft.customer]) if draft.customer in kept else draft
        for draft in drafts
    ]


def keep_customers(
    connections: Connections, name: str, drafts: Iterable[SaleDraft], outcomes: Mapping[str, SaleOutcome]
) -> None:
    """Store the partner of each customer, for orders that identify their buyer."""
    from ...warehouse.orders import customers

    partners = {
        draft.customer: outcomes[draft.order_id].partner_id
        for draft in sorted(drafts, key=lambda draft: draft.placed_at)
        if draft.customer and draft.order_id in outcomes and outcomes[draft.order_id].partner_id
    }
    with connections.warehouse.transaction() as connection:
        customers.keep(connection, _describe_odoo(connections, name), partners, connections.instruments.now())


def _describe_odoo(connections: Connections, name: str) -> str:
    place = find_place(connections, name)
    return f"{place.address} {place.uuid} {place.company or ''}".strip()
