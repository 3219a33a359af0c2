"""writers_wrong: orders into a real Odoo 19 by several writers that are killed again and again.

**What is measured.** Four channels are loaded at once by processes of two writers each (`flows/orders/in_parts.py`).
Their orders share products; every third has the new buyer of an order of another channel, who is known by nothing but
the e-mail address. Every few seconds one of the processes gets a SIGKILL and is started again. At the end each order
must be in Odoo exactly once, confirmed, of its total and with one delivery, and each buyer must have one contact.

Needs what odoo_load.py needs. The orders stay in Odoo's database.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from commerce_pipelines.domain.sales.draft import SaleDraft
from commerce_pipelines.flows.odoo_writer import odoo_writers
from commerce_pipelines.flows.orders.in_parts import load_drafts
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.rpc.settings import OdooSettings
from commerce_pipelines.odoo.sales.sale_orders import sale_totals

from .database import server
from .figures import Figure
from .odoo_server import connected
from .writers import CHANNELS, draw, make_worlds, open_doors

ORDERS = 3_000
KILL_SECONDS = (4.0, 15.0)
MOST_FAILURES = 20


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figure. size: a share of the full size. tell: takes a sentence about the progress."""
    client, odoo, _ = connected()
    count = max(int(ORDERS * size), 8)
    with server() as database:
        url = database.fresh()
        tell("products and customers are created")
        apart, together = make_worlds(client)
        drafts = _share_buyers(draw([*apart, *together], count))
        kills = _load_under_kills(url, odoo, drafts, tell)
    wrong, doubled = _count_wrong(client, drafts), _count_doubled(client, drafts)
    note = f"{wrong} orders and {doubled} buyers, after {kills} kills"
    return [
        Figure(
            name="writers_wrong", value=wrong + doubled, unit="orders and buyers", baseline=count, target=0,
            judged="value", at="most", note=note,
        )
    ]  # fmt: skip


def _load_under_kills(
    url: str, odoo: OdooSettings, drafts: Sequence[SaleDraft], tell: Callable[[str], None]
) -> int:  # fmt: skip
    """Load the drafts as those of four channels; returns how often a process was killed."""
    of_channel = {
        name: [msgspec.structs.replace(draft, channel=name) for draft in drafts[at :: len(CHANNELS)]]
        for at, name in enumerate(CHANNELS)
    }
    chance, kills, failures = random.Random(len(drafts)), 0, 0
    at_work = {name: _start_loading(url, odoo, name, of_channel[name]) for name in CHANNELS}
    strike = time.monotonic() + chance.uniform(*KILL_SECONDS)
    while at_work:
        time.sleep(0.2)
        for name, process in list(at_work.items()):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended and os.waitstatus_to_exitcode(status) == 0:
                del at_work[name]
            elif ended:
                failures += os.waitstatus_to_exitcode(status) > 0
                assert failures < MOST_FAILURES, "the processes fail by themselves"
                at_work[name] = _start_loading(url, odoo, name, of_channel[name])
        if at_work and time.monotonic() >= strike:
            os.kill(at_work[chance.choice(sorted(at_work))], signal.SIGKILL)
            kills += 1
            strike = time.monotonic() + chance.uniform(*KILL_SECONDS)
            tell(f"{kills} processes killed, {len(at_work)} channels at work")
    return kills


def _share_buyers(drafts: list[SaleDraft]) -> list[SaleDraft]:
    """The drafts; every third has the buyer of the one before, whose channel is another, and who is known by nothing
    but the e-mail address."""
    for at in range(1, len(drafts), 3):
        buyer, place = drafts[at - 1].buyer, drafts[at - 1].shipping
        drafts[at] = msgspec.structs.replace(drafts[at], buyer=buyer, shipping=place, subject=secrets.token_hex(16))
    return drafts


def _start_loading(url: str, odoo: OdooSettings, name: str, drafts: Sequence[SaleDraft]) -> int:
    """A process that loads these drafts; its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        with open_doors(url, odoo, 2) as connections, odoo_writers(connections, name) as turns:
            there = sale_totals(turns.client, name, [draft.order_id for draft in drafts])
            odoo_ids = {order_id: sale.odoo_id for order_id, sale in there.items()}
            left = [draft for draft in drafts if draft.order_id not in there or there[draft.order_id].state != "sale"]
            outcomes = list(load_drafts(turns, connections, name, left, odoo_ids, None))
        code = int(any(outcome.state != "sale" for outcome in outcomes))
    finally:
        os._exit(code)


def _count_wrong(client: Client, drafts: Sequence[SaleDraft]) -> int:
    rows: list[Any] = client.call(
        "sale.order", "search_read", domain=[["client_order_ref", "in", [draft.number for draft in drafts]]],
        fields=["client_order_ref", "state", "amount_total", "picking_ids"], load=None,
    )  # fmt: skip
    there: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        there[row["client_order_ref"]].append((row["state"], round(row["amount_total"] * 100), len(row["picking_ids"])))
    return sum(there[draft.number] != [("sale", draft.total, 1)] for draft in drafts)


def _count_doubled(client: Client, drafts: Sequence[SaleDraft]) -> int:
    """Buyers with two contacts."""
    emails = sorted({draft.buyer.email for draft in drafts})
    rows: list[Any] = client.call(
        "res.partner", "search_read", domain=[["email_normalized", "in", emails], ["parent_id", "=", False]],
        fields=["email_normalized"], load=None,
    )  # fmt: skip
    times = Counter(row["email_normalized"] for row in rows)
    return sum(times[email] != 1 for email in emails)
