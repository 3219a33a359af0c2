"""The check `complete` as the UI shows it: verdict, sentence, figures, a chart and the proof day by day.

What belongs here: presentation of flows/orders/channel_proof.py. What does not: the comparison
(domain/sales/completeness.py).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import dagster as dg

from ..domain.money import to_decimal
from ..domain.sales.completeness import Completeness
from ..flows.orders.channel_proof import Verdict
from ..flows.orders.prove import Proof
from .chart import bars
from .common import link_records

DAYS_SHOWN = 62  # rows and bars: two months, or a month in two currencies


def complete(verdict: Verdict, name: str, asset_key: dg.AssetKey) -> dg.AssetCheckResult:
    """The check's verdict over all days. Orders that wait, orders whose difference a note explains, and days that no
    run has dealt with, make it a warning; any other difference makes it an error."""
    proof = verdict.proof.whole
    red = sorted({day for (day, _), of_day in verdict.proof.days.items() if not of_day.complete})
    days = sorted({day for day, _ in verdict.proof.days})
    return dg.AssetCheckResult(
        check_name="complete",
        asset_key=asset_key,
        passed=verdict.settled,
        severity=dg.AssetCheckSeverity.WARN if verdict.complete else dg.AssetCheckSeverity.ERROR,
        description=sentence(verdict),
        metadata={
            "days proved": f"{len(days)}: {days[0]} to {days[-1]}" if days else "none",
            "days found wanting": _join_dates(red),
            "to look again": f"`commerce-pipelines backfill {name} --from {red[0]} --to {red[-1]}`" if red else "–",
            "waiting now": verdict.waiting,
            "days with answers that no run has dealt with": _join_dates(verdict.undealt),
            "orders in channel": proof.orders_in_channel,
            "sale orders in Odoo": proof.sale_orders_in_odoo,
            "in exceptions": proof.exceptions,
            "flagged, and explained so": proof.flagged,
            "missing": link_records(name, proof.missing),
            "surplus": link_records(name, proof.surplus),
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
            "orders per day": dg.MetadataValue.md(
                bars(_count_per_day(verdict.proof), "orders in the channel") or "no orders"
            ),
            "day by day": dg.MetadataValue.md(_write_table(verdict.proof)),
        },
    )


def sentence(verdict: Verdict) -> str:
    """`100 orders in the channel, 99 in Odoo, 1 missing; money differs by 39.90.`, and what else is open."""
    text = _describe(verdict.proof.whole)
    if (
        verdict.waiting > verdict.proof.whole.exceptions
    ):  # some cannot be read, or were refused after their day was proved
        text += f" {verdict.waiting} wait with a reason."
    if verdict.undealt:
        text += f" {len(verdict.undealt)} days have answers that no run has dealt with yet."
    return text


def _describe(proof: Completeness) -> str:
    parts = [f"{proof.orders_in_channel} orders in the channel, {proof.sale_orders_in_odoo} in Odoo"]
    for count, word in (
        (len(proof.missing), "missing"),
        (proof.exceptions, "in exceptions"),
        (len(proof.surplus), "surplus"),
        (proof.flagged, "different with a note that says why"),
    ):
        if count:
            parts.append(f"{count} {word}")
    return f"{', '.join(parts)}; money differs by {proof.money_difference}."


def _count_per_day(whole_proof: Proof) -> dict[str, int]:
    days: Counter[date] = Counter()
    for (day, _currency), proof in sorted(whole_proof.days.items()):
        days[day] += proof.orders_in_channel
    return {f"{day:%d.%m.}": count for day, count in list(days.items())[-DAYS_SHOWN:]}


def _join_dates(days: Sequence[date]) -> str:
    more = f" and {len(days) - DAYS_SHOWN} more" if len(days) > DAYS_SHOWN else ""
    return ", ".join(day.isoformat() for day in days[:DAYS_SHOWN]) + more or "none"


def _write_table(whole_proof: Proof) -> str:
    """Markdown: one row per business day and currency; incomplete and waiting days first, then the newest."""
    head = ["day", "currency", "channel", "Odoo", "waiting", "missing", "surplus", "money in channel", "money in Odoo"]
    rows = [
        [
            day.isoformat(), currency, str(proof.orders_in_channel), str(proof.sale_orders_in_odoo),
            str(proof.exceptions), str(len(proof.missing)), str(len(proof.surplus)),
            str(to_decimal(proof.channel_total.get(currency, 0), currency)),
            str(to_decimal(proof.odoo_total.get(currency, 0), currency)),
        ]
        for (day, currency), proof in sorted(whole_proof.days.items(), key=_sort_by_urgency)[:DAYS_SHOWN]
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _sort_by_urgency(row: tuple[tuple[date, str], Completeness]) -> tuple[bool, int, str]:
    (day, currency), proof = row
    return proof.complete and not proof.exceptions, -day.toordinal(), currency
