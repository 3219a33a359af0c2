"""The proofs of `commerce-pipelines report`: asked for of the flows, for some channels and days.

What belongs here: asking for them and holding them together. What does not: the proofs themselves (flows/*/prove.py),
how they are shown (report.py, report_figures.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ..channels.settings import ChannelSettings
from ..domain.sales.completeness import Completeness, add_up, set_aside
from ..resources.connections import Connections
from .terminal import progress

if TYPE_CHECKING:
    from ..flows.fulfilment.prove import Proof as Shipped
    from ..flows.invoicing.prove import Proof as Billed
    from ..flows.refunding.prove import Proof as PaidBack
    from ..flows.returns.prove import Proof as Refunded


class Proofs(msgspec.Struct, kw_only=True):
    """By channel; spans: the first and last day of each proof. deliveries, refunds, refunds_out, invoices: of the
    channels that are told of shipments, whose refunds are followed, that pay back what people credit, and whose orders
    are invoiced or paid by the pipelines."""

    spans: dict[str, tuple[date, date]] = {}
    orders: dict[str, Completeness] = {}
    deliveries: dict[str, Shipped] = {}
    refunds: dict[str, Refunded] = {}
    refunds_out: dict[str, PaidBack] = {}
    invoices: dict[str, Billed] = {}

    @property
    def complete(self) -> bool:
        refunds = [refunded.whole for refunded in self.refunds.values()]
        deliveries = [shipped.whole for shipped in self.deliveries.values()]
        others = (*self.refunds_out.values(), *self.invoices.values())
        proofs: tuple[Any, ...] = (*self.orders.values(), *refunds, *deliveries, *others)
        return all(proof.complete for proof in proofs)


def leave_out_new(proofs: Proofs, since: datetime) -> Proofs:
    """The proofs in which no order or refund that is younger than `since` is missing: it is on the way."""

    def renew(refunded: Refunded) -> Refunded:
        days = {group: set_aside(proof, since) for group, proof in refunded.days.items()}
        return msgspec.structs.replace(refunded, whole=add_up(days.values()), days=days)

    return msgspec.structs.replace(
        proofs,
        orders={name: set_aside(proof, since) for name, proof in proofs.orders.items()},
        refunds={name: renew(refunded) for name, refunded in proofs.refunds.items()},
    )


def prove(connections: Connections, spans: Mapping[str, tuple[date, date]]) -> Proofs:
    """The proofs of these channels; spans: the first and last day of each. Reads the channels and Odoo."""
    from ..flows.fulfilment.inputs import read_shipments
    from ..flows.fulfilment.prove import prove as prove_deliveries
    from ..flows.invoicing.prove import prove as prove_invoices
    from ..flows.orders.prove import prove as prove_orders
    from ..flows.refunding.prove import prove as prove_refunds_out
    from ..flows.returns.prove import prove as prove_refunds

    proofs = Proofs(spans=dict(spans))
    channels: list[ChannelSettings] = [connections.settings.channel(name) for name in spans]
    with progress() as update:
        if any(channel.fulfilment.enabled for channel in channels):
            update("reading Odoo's deliveries")
            read_shipments(connections, whole=True)
        for channel in channels:
            name = channel.name
            update(f"asking {name} and Odoo")
            span = spans[name][0], spans[name][1] + timedelta(days=1)
            proofs.orders[name] = prove_orders(connections, name, *span).whole
            if channel.fulfilment.enabled:
                proofs.deliveries[name] = prove_deliveries(connections, name, *span)
            if channel.returns.enabled:
                proofs.refunds[name] = prove_refunds(connections, name, *span, afresh=True)
            if channel.refunding.enabled:
                proofs.refunds_out[name] = prove_refunds_out(connections, name, *span)
            if channel.invoicing.enabled:
                proofs.invoices[name] = prove_invoices(connections, name, *span)
    return proofs
