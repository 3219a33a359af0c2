"""Why goods that a marketplace sends back wait, in sentences.

What belongs here: the reasons, each with what to do. What does not: when each holds (removals.py).
"""

from __future__ import annotations

from ...core.reasons import Reason
from ...domain.inbound.removals import Parcel, Unclear
from ...odoo.rpc.errors import OdooRefusal


def describe_fewer(parcel: Parcel, units: float) -> Reason:
    return Reason(
        "fba_removal_differs",
        f"The marketplace tells of {units:g} units less of the {parcel.name} than Odoo has moved.",
        "Nothing is taken back: look at the removal order in the marketplace, and return the rest in Odoo by hand.",
        parcel.order_id,
    )  # fmt: skip


def describe_gone(parcel: Parcel, units: float) -> Reason:
    return Reason(
        "fba_removal_differs",
        f"The marketplace's report has lost the {parcel.name}, of which Odoo has moved {units:g} units.",
        "Nothing is taken back: look at the removal order in the marketplace, and return the units in Odoo by hand.",
        parcel.order_id,
    )  # fmt: skip


def describe_lost(parcel: Parcel, units: float) -> Reason:
    return Reason(
        "fba_removal_differs",
        f"Of the {parcel.name} a part of {units:g} of a unit is less than Odoo counts; it is not moved.",
        "Correct the kit in Odoo, of which a SKU of the parcel is a part, or the decimal accuracy Product Unit.",
        parcel.order_id,
    )  # fmt: skip


def describe_unclear(word: str, rows: Unclear) -> Reason:
    kind = f"of the kind {word}, which nobody knows here" if word else "that name no kind of removal order"
    return Reason(
        "fba_removal_kind",
        f"The report of removal shipments has {rows.rows} rows {kind}; their {rows.units} units are not moved.",
        "Write under `inbound.removals.kinds` whether such goods come home: `return`, or `other`.", word,
    )  # fmt: skip


def describe_tracked(parcel: Parcel) -> Reason:
    return Reason(
        "lot_needed",
        f"Of the {parcel.name} units with a lot or serial number come back, and nobody says which.",
        "If Odoo has their transfer out of the marketplace's warehouse already, validate it with the numbers. Else "
        "make it by hand, and write a later day as `inbound.removals.since`.", parcel.order_id,
    )  # fmt: skip


def describe_refusal(parcel: Parcel, refusal: OdooRefusal | None) -> Reason:
    what = f", in {refusal.what}" if refusal else " and does not say why"
    return Reason(
        "refused_by_odoo", f"Odoo does not carry out the transfers of the {parcel.name}{what}.",
        "Validate them in Odoo by hand: a question that Odoo asks there is the usual cause.", parcel.order_id,
    )  # fmt: skip
