"""The figures of `commerce-pipelines report`, under the names of its JSON.

What belongs here: naming and adding up figures. What does not: asking for them (proofs.py), tables (report.py).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

from ..domain.money import to_decimal
from ..domain.sales.completeness import Completeness, add_up
from .proofs import Proofs

if TYPE_CHECKING:
    from ..flows.fulfilment.prove import Deliveries, Worth
    from ..flows.fulfilment.prove import Proof as Shipped
    from ..flows.invoicing.prove import Invoiced
    from ..flows.refunding.prove import PaidBack
    from ..flows.returns.prove import Proof as Refunded

Figures = dict[str, Any]
P = TypeVar("P")
_DELIVERIES = ("deliveries_in_odoo", "deliveries_confirmed")
_REFUNDS = ("refunds_in_channel", "credit_notes_in_odoo", "refund_money_difference")
# The parts by currency, under the names that the whole span and each of its days have them.
WORTH, REFUNDED, REFUNDS_OUT, INVOICES = "deliveries_by_currency", "refunds_by_currency", "refunds_out", "invoices"


def summarise(proofs: Proofs) -> str:
    """The JSON line for scripts; its names never change. A channel that is not told of shipments, whose refunds are not
    followed, that pays nothing back, or whose orders the pipelines neither invoice nor pay, has no names of these."""
    channels: dict[str, Figures] = {}
    for name, proof in proofs.orders.items():
        channels[name] = describe_orders(proof)
        if name in proofs.deliveries:
            channels[name] |= _describe_deliveries(proofs.deliveries[name].whole)
            channels[name][WORTH] = _name_all(sum_worth(proofs.deliveries[name]), _describe_worth)
        if name in proofs.refunds:
            channels[name] |= describe_refunds(proofs.refunds[name].whole)
            channels[name]["refunds_reducing_orders"] = len(proofs.refunds[name].reduced)
            channels[name][REFUNDED] = _name_all(_sum_refunds(proofs.refunds[name]), _describe_refunded)
        if name in proofs.refunds_out:
            channels[name][REFUNDS_OUT] = name_refunds_out(proofs.refunds_out[name].whole)
        if name in proofs.invoices:
            channels[name][INVOICES] = name_invoices(proofs.invoices[name].whole)
        if by_day := describe_days(proofs, name):
            channels[name]["by_day"] = by_day
    return json.dumps({"channels": channels})


def describe_orders(proof: Completeness) -> Figures:
    return {
        "orders_in_channel": proof.orders_in_channel,
        "sale_orders_in_odoo": proof.sale_orders_in_odoo,
        "exceptions": proof.exceptions,
        "missing": list(proof.missing),
        "on_the_way": list(proof.on_the_way),
        "money_difference": proof.money_difference,
        "surplus": list(proof.surplus),
        "money_difference_by_currency": {
            currency: str(to_decimal(minor, currency)) for currency, minor in proof.difference.items()
        },
    }


def describe_days(proofs: Proofs, name: str) -> dict[str, Figures]:
    """Figures of the channel's days that have a delivery, a refund, a credit note of a person or an order to
    invoice."""
    by_day: dict[date, Figures] = defaultdict(dict)
    if name in proofs.deliveries:
        for day, shipped in proofs.deliveries[name].days.items():
            by_day[day] |= zip(_DELIVERIES, (shipped.delivered, shipped.confirmed), strict=True)
        _put(by_day, WORTH, proofs.deliveries[name].worth, _describe_worth)
    if name in proofs.refunds:
        of_days: dict[date, list[Completeness]] = defaultdict(list)
        for (day, _), proof in proofs.refunds[name].days.items():
            of_days[day].append(proof)
        for day, parts in of_days.items():
            whole = add_up(parts)
            figures = (whole.orders_in_channel, whole.sale_orders_in_odoo, whole.money_difference)
            by_day[day] |= zip(_REFUNDS, figures, strict=True)
        _put(by_day, REFUNDED, proofs.refunds[name].days, _describe_refunded)
    if name in proofs.refunds_out:
        _put(by_day, REFUNDS_OUT, proofs.refunds_out[name].days, _describe_refunds_out)
    if name in proofs.invoices:
        _put(by_day, INVOICES, proofs.invoices[name].days, _describe_invoices)
    return {day.isoformat(): by_day[day] for day in sorted(by_day)}


def _put(
    by_day: dict[date, Figures], key: str, parts: Mapping[tuple[date, str], P], describe: Callable[[P, str], Figures]
) -> None:
    """Set the figures of each day by currency, under a key of their own."""
    for (day, currency), part in parts.items():
        by_day[day].setdefault(key, {})[currency] = describe(part, currency)


def _name_all(parts: Mapping[str, P], describe: Callable[[P, str], Figures]) -> Figures:
    return {currency: describe(part, currency) for currency, part in sorted(parts.items())}


def name_refunds_out(whole: Mapping[str, PaidBack]) -> Figures:
    return _name_all(whole, _describe_refunds_out)


def name_invoices(whole: Mapping[str, Invoiced]) -> Figures:
    return _name_all(whole, _describe_invoices)


def sum_worth(shipped: Shipped) -> dict[str, Worth]:
    """Deliveries of the whole span, by currency."""
    from ..flows.fulfilment.prove import add_worth

    return {currency: add_worth(parts) for currency, parts in sorted(_group_by_currency(shipped.worth).items())}


def _sum_refunds(refunded: Refunded) -> dict[str, Completeness]:
    return {currency: add_up(parts) for currency, parts in _group_by_currency(refunded.days).items()}


def _group_by_currency(days: Mapping[tuple[date, str], P]) -> dict[str, list[P]]:
    parts: dict[str, list[P]] = defaultdict(list)
    for (_, currency), part in days.items():
        parts[currency].append(part)
    return parts


def _describe_worth(part: Worth, currency: str) -> Figures:
    return {
        "deliveries_in_odoo": part.deliveries,
        "deliveries_confirmed": part.confirmed,
        "delivered": _write_money(part.worth, currency),
        "confirmed": _write_money(part.confirmed_worth, currency),
    }


def _describe_refunded(part: Completeness, currency: str) -> Figures:
    return {
        "refunds_in_channel": part.orders_in_channel,
        "credit_notes_in_odoo": part.sale_orders_in_odoo,
        "refunded": _write_money(part.channel_total.get(currency, 0), currency),
        "credited": _write_money(part.odoo_total.get(currency, 0), currency),
        "difference": _write_money(part.difference.get(currency, 0), currency),
    }


def _describe_refunds_out(part: PaidBack, currency: str) -> Figures:
    return {
        "credit_notes_in_odoo": part.notes,
        "paid_back_by_channel": part.paid_back,
        "waiting": part.waiting,
        "under_way": part.under_way,
        "credited": _write_money(part.credited, currency),
        "refunded": _write_money(part.refunded, currency),
        "missing": list(part.missing),
        "differing": list(part.differing),
        "difference": _write_money(part.difference, currency),
    }


def _describe_invoices(part: Invoiced, currency: str) -> Figures:
    return {
        "orders": part.orders,
        "orders_invoiced": part.settled,
        "channel_total": _write_money(part.taken, currency),
        "invoiced": _write_money(part.invoiced, currency),
        "paid": _write_money(part.paid, currency),
        "differing": list(part.differing),
    }


def _describe_deliveries(proof: Deliveries) -> Figures:
    return {
        "deliveries_in_odoo": proof.delivered,
        "deliveries_confirmed": proof.confirmed,
        "deliveries_waiting": proof.waiting,
        "deliveries_under_way": proof.under_way,
        "deliveries_missing": list(proof.missing),
    }


def describe_refunds(proof: Completeness) -> Figures:
    return {
        "refunds_in_channel": proof.orders_in_channel,
        "credit_notes_in_odoo": proof.sale_orders_in_odoo,
        "refund_exceptions": proof.exceptions,
        "refunds_missing": list(proof.missing),
        "refunds_on_the_way": list(proof.on_the_way),
        "credit_notes_surplus": list(proof.surplus),
        "refund_money_difference": proof.money_difference,
    }


def _write_money(minor: int, currency: str) -> str:
    return str(to_decimal(minor, currency))
