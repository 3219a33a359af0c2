"""inbound_plan_calls: calls that an inbound plan of 200 SKUs costs, from their preparation to the labels.

**What is measured.** Twenty boxes of ten SKUs, one shipment, the own carrier: the client of Amazon's channel takes
every step over HTTP against the stand-in, which has Amazon's own limits and counts the calls; one that its limits
refuse fails the benchmark. Sleeping moves a clock that both sides share.

**What is not measured.** Asking for operations until they are done, whose number depends on how long Amazon takes, and
tokens. Odoo and the outbox, which make no calls to Amazon.

What belongs here: the goods, the loop over the steps. What does not: the steps themselves.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from commerce_pipelines.channels.amazon.channel import AmazonChannel
from commerce_pipelines.channels.amazon.settings import Credentials, Settings
from commerce_pipelines.channels.http.memory import MemoryBuckets, MemoryTokens
from commerce_pipelines.core.instruments import Instruments
from commerce_pipelines.core.section import Secret
from commerce_pipelines.domain.inbound.consignment import Box, Consignment, SourceAddress
from commerce_pipelines.domain.inbound.plan_choices import build_item
from commerce_pipelines.domain.inbound.plan_rules import PlanRules
from commerce_pipelines.domain.inbound.plan_steps import Plan, build_body, build_key, find_step
from commerce_pipelines.domain.outbox.effects import Effect, Status
from commerce_pipelines.flows.inbound.plan_door import PlanDoor
from commerce_pipelines.flows.inbound.plan_learning import Learner
from commerce_sandbox.amazon import AmazonStandIn
from commerce_sandbox.server import Call, Reply

from .figures import Figure
from .virtual_time import VirtualTime

SKUS, SKUS_A_BOX, MOST_CALLS, PAUSE_SECONDS = 200, 10, 40, 3.0
START = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMES = ("BENCH_ID", "BENCH_SECRET", "BENCH_REFRESH")
FROM = SourceAddress(name="Third Wave Supplies", street="Speicherstr. 4", street2="", city="Hamburg", postcode="20457",
                     country="DE", phone="+49 40 1234567")  # fmt: skip


class Limited(AmazonStandIn):
    """refused: calls that a limit refused."""

    refused = 0

    def handle(self, call: Call) -> Reply:
        reply = super().handle(call)
        self.refused += reply.status == 429
        return reply


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """The figure; size: a share of the 200 SKUs."""
    skus = max(round(SKUS * size), SKUS_A_BOX)
    tell(f"a plan of {skus} SKUs")
    os.environ |= dict.fromkeys(NAMES, "of the benchmark")
    clock = VirtualTime(START)
    with Limited(now=clock.now, generous=False) as amazon:
        plan = make_plan(open_channel(amazon, clock), clock, skus)
        counted = count_calls(amazon)
        made = amazon.plans.living[0]
    if not (made.transported and len(made.items) == skus and plan.progress.shipments[0].number):
        raise AssertionError("The plan is not made.")
    if amazon.refused:
        raise AssertionError(f"{amazon.refused} calls were refused by a limit.")
    calls = sum(counted.values())
    return [
        Figure(
            name="inbound_plan_calls", value=calls, unit="calls", baseline=0.0, target=MOST_CALLS, judged="value",
            at="most", note=f"{skus} SKUs in {len(made.boxes)} boxes, one shipment, {clock.passed:.0f} s of Amazon's "
            "time; none was refused by a limit.",
        )
    ]  # fmt: skip


def open_channel(amazon: AmazonStandIn, clock: VirtualTime) -> AmazonChannel:
    client_id, client_secret, refresh_token = (Secret(env=name) for name in NAMES)
    settings = Settings(
        name="amazon_eu", endpoint=amazon.url, token_endpoint=f"{amazon.url}/auth/o2/token", marketplaces=("DE",),
        credentials=Credentials(client_id=client_id, client_secret=client_secret, refresh_token=refresh_token),
    )  # fmt: skip
    instruments = Instruments(now=clock.now, clock=clock.seconds, sleep=clock.sleep, jitter=lambda: 1.0)
    return AmazonChannel(settings, MemoryBuckets(clock.seconds), MemoryTokens(clock.seconds), instruments)


def make_plan(channel: AmazonChannel, clock: VirtualTime, skus: int) -> Plan:
    """Every step of a plan, as the flow takes them."""
    plans, rules = channel.inbound_plans, PlanRules(enabled=True, marketplace="DE")
    marketplace = plans.find_marketplace("DE")
    names = [f"SKU-{number:06d}" for number in range(skus)]
    preps = {prep.msku: prep for prep in plans.read_preps(marketplace, names)}
    items = tuple(build_item(name, 5, preps[name], rules) for name in names)
    boxes = tuple(
        Box(name=f"PACK{at}", length=40, width=30, height=20, weight=8,
            contents=dict.fromkeys(names[at : at + SKUS_A_BOX], 5))
        for at in range(0, skus, SKUS_A_BOX)
    )  # fmt: skip
    plan = Plan(name="WH/INT/00012 12.0 1a2b3c4d", picking=12, transfer="WH/INT/00012", goods="",
                consignment=Consignment(items=items, boxes=boxes))  # fmt: skip
    ready = clock.now() + timedelta(hours=2)
    while next_step := find_step(plan, is_cancelled=False):
        door = PlanDoor(plans, marketplace, {plan.name: plan}, frozenset(), {12: ready}, lambda _: FROM)
        effect = Effect(sequence=1, key=build_key(plan, *next_step), body=build_body(plan, *next_step), token="",
                        status=Status.SENT)  # fmt: skip
        [outcome] = door.send([effect])
        while outcome.status == "pending":
            clock.sleep(PAUSE_SECONDS)
            [outcome] = door.look([msgspec.structs.replace(effect, reference=outcome.reference)])
        if outcome.status != "accepted":
            raise AssertionError(f"{next_step[0]}: {outcome.status} {outcome.code}")
        learner = Learner(plans=plans, rules=rules, now=clock.now(), ready=ready)
        plan = learner.learn(plan, *next_step, outcome.reference)
    for shipment in plan.progress.shipments:
        list(plans.read_labels(plan.progress.plan_id, shipment, rules.label_page))
    return plan


def count_calls(amazon: AmazonStandIn) -> Counter[str]:
    """Calls by path, without tokens and looks at operations."""
    counted = Counter(call.path for call in amazon.calls)
    return Counter({
        path: count for path, count in counted.items() if "/auth/" not in path and "/operations/" not in path
    })  # fmt: skip
