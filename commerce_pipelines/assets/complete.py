"""The check `complete` as the UI shows it: verdict, sentence, figures, a chart and the proof day by day.

What belongs here: presentation of flows/orders/prove.py. What does not: the comparison (domain/sales/completeness.py).
"""

from collections import Counter

import dagster as dg

from ..domain.money import to_decimal
from ..domain.sales.completeness import Completeness
from ..flows.orders.prove import Proof
from .chart import bars

SHOWN = 62  # rows: a month in two currencies


def complete(found: Proof, asset_key: dg.AssetKey) -> dg.AssetCheckResult:
    """The check's verdict. Orders waiting in exceptions make it a warning; anything unexplained makes it an error."""
    proof = found.whole
    unknown = not proof.complete
    return dg.AssetCheckResult(
        check_name="complete",
        asset_key=asset_key,
        passed=proof.complete and not proof.exceptions,
        severity=dg.AssetCheckSeverity.ERROR if unknown else dg.AssetCheckSeverity.WARN,
        description=sentence(proof),
        metadata={
            "orders in channel": proof.orders_in_channel,
            "sale orders in Odoo": proof.sale_orders_in_odoo,
            "in exceptions": proof.exceptions,
            "missing": ", ".join(proof.missing[:100]) or "none",
            "surplus": ", ".join(proof.surplus[:100]) or "none",
            "money difference": proof.money_difference,
            **{
                f"{side}/{currency}": str(to_decimal(minor, currency))
                for side, totals in (("channel", proof.channel_total), ("odoo", proof.odoo_total))
                for currency, minor in sorted(totals.items())
            },
            **{
                f"buyers paid, with tax that others remit/{currency}": str(
                    to_decimal(proof.channel_total.get(currency, 0) + minor, currency)
                )
                for currency, minor in sorted(proof.collected.items())
            },
            "orders per day": dg.MetadataValue.md(bars(_per_day(found), "orders in the channel by day") or "no orders"),
            "day by day": dg.MetadataValue.md(_table(found)),
        },
    )


def sentence(proof: Completeness) -> str:
    """`100 orders in the channel, 99 in Odoo, 1 missing; money differs by 39.90.`"""
    parts = [f"{proof.orders_in_channel} orders in the channel, {proof.sale_orders_in_odoo} in Odoo"]
    for count, word in (
        (len(proof.missing), "missing"),
        (proof.exceptions, "in exceptions"),
        (len(proof.surplus), "surplus"),
    ):
        if count:
            parts.append(f"{count} {word}")
    return f"{', '.join(parts)}; money differs by {proof.money_difference}."


def _per_day(found: Proof) -> dict[str, int]:
    days: Counter[str] = Counter()
    for (day, _currency), proof in sorted(found.days.items()):
        days[f"{day:%d.%m.}"] += proof.orders_in_channel
    return dict(days)


def _table(found: Proof) -> str:
    """Markdown: one row per business day and currency, newest first."""
    head = ["day", "currency", "channel", "Odoo", "waiting", "missing", "surplus", "money in channel", "money in Odoo"]
    rows = [
        [
            day.isoformat(), currency, str(proof.orders_in_channel), str(proof.sale_orders_in_odoo),
            str(proof.exceptions), str(len(proof.missing)), str(len(proof.surplus)),
            str(to_decimal(proof.channel_total.get(currency, 0), currency)),
            str(to_decimal(proof.odoo_total.get(currency, 0), currency)),
        ]
        for (day, currency), proof in sorted(found.days.items(), reverse=True)[:SHOWN]
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
