"""Drafts -> record ids: everything that one load has to look up, read once.

What belongs here: gathering names over all drafts, answering per draft. What does not: how each kind is found
(reference/names.py, accounting/taxes.py, accounting/fiscal_positions.py, reference/services.py), buyers
(partners/partners.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from ...core.errors import RecordError
from ...domain.orders.order import LineKind
from ...domain.sales.draft import DraftLine, SaleDraft
from ...domain.sales.rules import TaxMapping
from ...domain.vat.keys import TaxKey
from ..accounting.fiscal_positions import Positions, position_xid
from ..accounting.taxes import TaxBook, tax_xid
from ..reference.company import Countries, read_company
from ..reference.currencies import Currencies
from ..reference.names import Names, default_warehouse
from ..reference.services import Services, service_xid
from ..reference.shorthand import Shorthand
from ..rpc.client import OdooClient
from ..rpc.load import records_of
from ..rpc.settings import OdooSettings
from .rows import Fields, Resolved


class Resolver:
    """The names of all drafts of one load. Threads may share it: one of them creates what is missing. dry: nothing is
    created; what would be created has the id 0."""

    def __init__(
        self, client: OdooClient, settings: OdooSettings, drafts: Sequence[SaleDraft], taxes: Sequence[TaxMapping],
        dry: bool = False,
    ) -> None:  # fmt: skip
        self.countries = Countries(client)
        self.company = read_company(client, self.countries)
        places = [place for draft in drafts for place in (draft.billing, draft.shipping) if place]
        self.countries.read_states({place.country for place in places if place.state})
        self.fields = read_fields(client)
        self.shorthand = Shorthand(client)
        records = records_of(client, _list_external_ids(drafts))
        create = settings.create_missing
        self._dry = dry
        self._turn = threading.RLock()
        self._names = Names(client, self.company, {
            "team": {draft.team for draft in drafts if draft.team},
            "warehouse": {draft.warehouse for draft in drafts if draft.warehouse} if self.fields.warehouse else (),
            "carrier": {draft.carrier for draft in drafts if draft.carrier} if self.fields.carrier else (),
            "tag": {tag for draft in drafts for tag in draft.tags},
            "analytic": {name for draft in drafts for name in draft.analytic},
            "pricelist": {draft.pricelist for draft in drafts if draft.pricelist},
            "fiscal position": {draft.fiscal_position for draft in drafts if draft.fiscal_position},
        })  # fmt: skip
        self._default_warehouse = default_warehouse(client, self.company) if self.fields.warehouse else 0
        self._currencies = Currencies(client, self.company, {draft.currency for draft in drafts}, records, create, dry)
        self._services = Services(client, list(LineKind), records, create, dry)
        self._taxes = TaxBook(client, self.company, self.countries, taxes, records, create, dry)
        self._positions = Positions(client, self.company, self.countries, self._taxes, records, create, dry)
        self._taxes.find_position = self._positions.position

    def resolve(self, draft: SaleDraft) -> Resolved:
        """Raises RecordError where a name has no record."""
        with self._turn:
            return self._resolve(draft)

    def _resolve(self, draft: SaleDraft) -> Resolved:
        if draft.carrier and not self.fields.carrier:
            raise RecordError(
                "unknown_carrier",
                "Odoo has no delivery methods: its module `delivery` is not installed.",
                fix="Install the module, or empty `carriers` of the channel.",
                subject=draft.carrier,
            )
        warehouse_id = self._names.id_of("warehouse", draft.warehouse) or self._default_warehouse
        if self.fields.warehouse and not warehouse_id:
            raise RecordError(
                "unknown_warehouse", "The company of this channel has no warehouse in Odoo.",
                fix="Create one there, under Inventory > Configuration > Warehouses.",
            )  # fmt: skip
        currency_list = self._currencies.pricelist(draft.currency)
        return Resolved(
            team_id=self._names.id_of("team", draft.team),
            warehouse_id=warehouse_id if self.fields.warehouse else 0,
            carrier_id=self._names.id_of("carrier", draft.carrier),
            pricelist_id=self._names.id_of("pricelist", draft.pricelist) or currency_list,
            position_id=self._find_position(draft),
            tag_ids=tuple(self._names.id_of("tag", tag) for tag in draft.tags),
            analytic=self._names.analytic(draft.analytic),
            lines=self._resolve_lines(draft.lines),
        )  # fmt: skip

    def resolve_lines(self, draft: SaleDraft, lines: Sequence[DraftLine]) -> Resolved:
        """The records that a confirmed order needs: those of these lines, and the fiscal position if the regime
        changed. Its other names are not looked up, so that a renamed team does not refuse an order that already has
        it."""
        with self._turn:
            return self._resolve_part(draft, lines)

    def _resolve_part(self, draft: SaleDraft, lines: Sequence[DraftLine]) -> Resolved:
        then = draft.before
        position_id = -1
        if then and (then.regime, then.tax_country, then.fiscal_position) != (
            draft.regime, draft.tax_country, draft.fiscal_position
        ):  # fmt: skip
            position_id = self._find_position(draft)
        return Resolved(
            team_id=0, warehouse_id=0, carrier_id=0, pricelist_id=0, position_id=position_id, tag_ids=(),
            analytic=self._names.analytic(draft.analytic) if lines else "", lines=self._resolve_lines(lines),
        )  # fmt: skip

    def _find_position(self, draft: SaleDraft) -> int:
        return self._names.id_of("fiscal position", draft.fiscal_position) or self._positions.position(
            draft.regime, draft.tax_country
        )

    def _resolve_lines(self, lines: Sequence[DraftLine]) -> dict[str, tuple[int, int]]:
        return {
            line.line_id: (
                line.product_id if line.kind is LineKind.PRODUCT else self._services.product(line.kind),
                self._taxes.tax(line.tax),
            )
            for line in lines
        }

    def service(self, kind: LineKind) -> int:
        with self._turn:
            return self._services.product(kind)

    def rounding_tax(self, key: TaxKey) -> int:
        """The tax on which a rounding difference of this tax is booked, 0 if there is none and none may be created."""
        with self._turn:
            return self._taxes.rounding(key)

    def step(self, currency: str) -> int:
        """The smallest amount of a currency that Odoo has, in minor units."""
        return self._currencies.step(currency)


def read_own_units(client: OdooClient, orders: Sequence[tuple[Sequence[DraftLine], Resolved]]) -> dict[int, int]:
    """The units of these lines' products, read only where some line has another unit, because then every line has to
    name its unit."""
    if not any(line.unit_id for lines, _ in orders for line in lines):
        return {}
    ids = {resolved.lines[line.line_id][0] for lines, resolved in orders for line in lines if not line.unit_id}
    rows = client.call("product.product", "read", ids=sorted(ids), fields=["uom_id"], load=None) if ids else []
    return {row["id"]: row["uom_id"] for row in rows}


def read_fields(client: OdooClient) -> Fields:
    fields = client.call("sale.order", "fields_get", allfields=["warehouse_id", "carrier_id"], attributes=["type"])
    documents = client.call("sale.order", "default_get", fields=["quotation_document_ids"])
    return Fields(
        warehouse="warehouse_id" in fields,
        carrier="carrier_id" in fields,
        documents=documents == {"quotation_document_ids": [[6, 0, []]]},
    )


def _list_external_ids(drafts: Sequence[SaleDraft]) -> Iterator[str]:
    yield from {tax_xid(line.tax) for draft in drafts for line in draft.lines if line.tax}
    yield from {position_xid(draft.regime, draft.tax_country) for draft in drafts if draft.regime}
    yield from {f"pricelist_{draft.currency}" for draft in drafts}
    yield from map(service_xid, LineKind)
