"""Tables that the report of now and that of an earlier time have in common.

What belongs here: how counts, money and ids of a proof are shown. What does not: which proofs (report.py,
report_as_of.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..domain.money import write_totals
from ..domain.sales.completeness import Completeness
from .terminal import say, show_table

IDS_SHOWN = 20  # missing ids that a person is shown; the JSON has all of them


def show_money(title: str, what: tuple[str, str], proofs: Mapping[str, Completeness]) -> None:
    """A row for each channel. what: the headings of what is counted, in the channel and in Odoo."""
    headings = ("channel", *what, "exceptions", "on the way", "missing", "money there", "money in Odoo", "difference")
    rows = [
        (
            name, str(proof.orders_in_channel), str(proof.sale_orders_in_odoo), str(proof.exceptions),
            str(len(proof.on_the_way)), str(len(proof.missing)), write_totals(proof.channel_total),
            write_totals(proof.odoo_total), proof.money_difference,
        )
        for name, proof in proofs.items()
    ]  # fmt: skip
    show_table(title, headings, rows, right=headings[1:])


def tell_ids(name: str, what: str, ids: Sequence[str]) -> None:
    """A sentence with the first ids; nothing where there are none."""
    if ids:
        more = f" and {len(ids) - IDS_SHOWN} more" if len(ids) > IDS_SHOWN else ""
        say(f"{name}: {what} {', '.join(ids[:IDS_SHOWN])}{more}")
