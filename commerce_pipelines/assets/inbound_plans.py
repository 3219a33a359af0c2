"""Inbound plans in the metadata of `<channel>/inbound_shipments`, and the check of them.

What belongs here: how they are shown. What does not: the asset (inbound.py), any rule (flows/inbound/).
"""

# No `from __future__ import annotations` here: Dagster reads the annotations of its functions as objects.

from typing import TYPE_CHECKING, Any

import dagster as dg

from .common import build_table, counts, link_records

if TYPE_CHECKING:
    from ..flows.inbound.send_in import Advanced

ROWS_SHOWN = 50
CHECK = "transfers_planned"


def build_spec(key: dg.AssetKey, name: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        CHECK,
        asset=key,
        description=f"Every transfer to {name}'s warehouses that is ready has its plan there, or waits for consent.",
    )


def describe_plans(done: "Advanced", name: str) -> dict[str, Any]:
    from ..flows.inbound.plan_consent import COLUMNS, describe
    from ..flows.inbound.send_in import WAITS_CONSENT

    shown = [describe(plan) for plan in done.plans[:ROWS_SHOWN]]
    held = sum(plan.state == WAITS_CONSENT for plan in done.plans)
    return {
        "new plans": done.new,
        "plans that wait for consent": held,
        "to agree": f"commerce-pipelines release {name} --flow inbound" if held else "nothing",
        "files of labels attached": done.labels,
        "files of item labels attached": done.item_labels,
        **counts(done.outcomes, "steps"),
        "plans": build_table(COLUMNS, (row.row for row in shown)),
        "transfers with a plan": link_records(name, (row.transfer for row in shown), ROWS_SHOWN),
    }


def judge_plans(done: "Advanced", key: dg.AssetKey) -> dg.AssetCheckResult:
    names = ", ".join(f"{transfer}: {reason.code}" for transfer, reason in sorted(done.waiting.items())[:ROWS_SHOWN])
    return dg.AssetCheckResult(
        check_name=CHECK, asset_key=key, passed=not done.waiting, severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(done.waiting)} transfers wait; the exceptions say why.",
        metadata={"waiting": names or "none"},
    )  # fmt: skip
