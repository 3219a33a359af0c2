"""The checks of `credit_notes` as the UI shows them: verdict, sentence, figures, the proof day by day.

What belongs here: presentation of flows/returns/prove.py. What does not: the comparison (domain/sales/completeness.py).
"""

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from ..domain.money import to_decimal
from ..domain.sales.completeness import Completeness
from .common import link_records

if TYPE_CHECKING:
    from ..flows.returns.prove import Proof, Verdict

DAYS_SHOWN = 62


def complete(verdict: "Verdict", name: str, key: dg.AssetKey) -> dg.AssetCheckResult:
    """The verdict over all days. Records that wait, and days that no run has dealt with, make it a warning; any other
    difference makes it an error."""
    proof = verdict.proof.whole
    red = sorted({day for (day, _), of_day in verdict.proof.days.items() if not of_day.complete})
    again = f"`commerce-pipelines backfill {name} --flow returns --from {red[0]} --to {red[-1]}`" if red else "–"
    return dg.AssetCheckResult(
        check_name="complete",
        asset_key=key,
        passed=verdict.settled,
        severity=dg.AssetCheckSeverity.WARN if verdict.complete else dg.AssetCheckSeverity.ERROR,
        description=sentence(verdict),
        metadata={
            "days found wanting": ", ".join(day.isoformat() for day in red[:DAYS_SHOWN]) or "none",
            "to look again": again,
            "waiting now": verdict.waiting,
            "refunds in channel": proof.orders_in_channel,
            "credit notes in Odoo": proof.sale_orders_in_odoo,
            "in exceptions": proof.exceptions,
            "refunds without credit note": link_records(name, proof.missing),
            "credit notes without refund": link_records(name, proof.surplus),
            "money difference": proof.money_difference,
            **{
                f"{side}/{currency}": str(to_decimal(minor, currency))
                for side, totals in (("channel", proof.channel_total), ("odoo", proof.odoo_total))
                for currency, minor in sorted(totals.items())
            },
            "day by day": dg.MetadataValue.md(_write_table(verdict.proof)),
        },
    )


def settled(verdict: "Verdict", name: str, key: dg.AssetKey) -> dg.AssetCheckResult:
    """Goods without receipt or money, money without goods: never an error, because each of them may be right."""
    open_ids = {
        "received by the channel, not in Odoo": verdict.open.unreceived,
        "received, no refund": verdict.open.unrefunded,
        "refund of goods, no return": verdict.open.goodless,
    }
    words = [f"{len(ids)} {what}" for what, ids in open_ids.items() if ids]
    return dg.AssetCheckResult(
        check_name="settled",
        asset_key=key,
        passed=not words,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{'; '.join(words)}." if words else "Goods and money belong together.",
        metadata={what: link_records(name, ids) for what, ids in open_ids.items()},
    )


def sentence(verdict: "Verdict") -> str:
    """`12 refunds in the channel, 11 credit notes in Odoo, 1 missing; money differs by 18.32.`, and what is open."""
    proof = verdict.proof.whole
    parts = [f"{proof.orders_in_channel} refunds in the channel, {proof.sale_orders_in_odoo} credit notes in Odoo"]
    for count, word in ((len(proof.missing), "missing"), (proof.exceptions, "in exceptions"),
                        (len(proof.surplus), "without a refund")):  # fmt: skip
        parts += [f"{count} {word}"] if count else []
    text = f"{', '.join(parts)}; money differs by {proof.money_difference}."
    if verdict.waiting > proof.exceptions:  # some cannot be read, or are returns
        text += f" {verdict.waiting} wait with a reason."
    if verdict.undealt:
        text += f" {len(verdict.undealt)} days have answers that no run has dealt with yet."
    return text


def _write_table(whole_proof: "Proof") -> str:
    """Markdown: one row per business day and currency; incomplete and waiting days first, then the newest."""
    head = ["day", "currency", "refunds", "credit notes", "waiting", "missing", "surplus", "channel", "Odoo"]
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
