"""credit_notes_vs_shell, credit_notes_again: booking refunds as credit notes in a real Odoo 19.

**What is compared.** Refunds of one line of two-line orders that are invoiced, by `odoo.returns.documents`
(what a run does), and by the same creates and posts inside Odoo's own shell: credit notes with their line created
together and posted together, which sets them off against their invoices, committed, in batches as large as a run's. The
first figure is credit notes per second. The second is the writing calls when the same refunds come once more, which
must be none.

**Why it is fair.** Both use one server, one database, the same products and taxes, and orders drawn in the same way,
invoiced by Odoo's wizard before the clock starts. They take turns, and the best turn of each counts
(docs/benchmarks.md). Ours does more: it reads what is booked for each order, writes external ids, and compares each
total with the channel's. The shell does not read what an invoice's line is made of: it is given that.

Needs what odoo_load.py needs, ODOO_SHELL too. The documents stay in the database.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from commerce_pipelines.domain.returns.outcomes import Books
from commerce_pipelines.domain.returns.records import Refund, RefundKind, RefundLine, RefundState
from commerce_pipelines.flows.returns.load import ORDERS_A_GROUP
from commerce_pipelines.odoo.returns.documents import credit_refunds
from commerce_pipelines.odoo.rpc.client import Client
from commerce_pipelines.odoo.sales.sale_orders import load_sales

from . import odoo_shell
from .figures import Figure, Skipped
from .odoo_orders import CHANNEL, Row, World
from .odoo_server import connected

REFUNDS, TURNS, WARM = 1_000, 5, 10
BOOKS = Books(channel=CHANNEL, label=CHANNEL, zone=ZoneInfo("Europe/Berlin"))
WRITES = frozenset({"load", "create", "write", "unlink", "action_post", "js_assign_outstanding_line"})
SCRIPT = """
def load(rows):
    notes = env["account.move"].create([
        {{"move_type": "out_refund", "partner_id": row["partner"], "invoice_date": row["day"], "ref": row["ref"],
          "invoice_origin": row["origin"], "reversed_entry_id": row["invoice"], "journal_id": row["journal"],
          "invoice_user_id": False,
          "invoice_line_ids": [(0, 0, {{"product_id": row["product"], "name": row["name"], "quantity": row["quantity"],
                                        "price_unit": row["price"], "tax_ids": [(6, 0, row["taxes"])]}})]}}
        for row in rows
    ])
    notes.action_post()
    env.cr.commit()
"""


def run(size: float, tell: Callable[[str], None]) -> list[Figure]:
    """Measure, and return the figures. size: a share of the full size. tell: takes a sentence about the progress."""
    client, settings, _ = connected()
    shell = os.environ.get("ODOO_SHELL", "")
    if not shell:
        raise Skipped("it compares with Odoo's own shell: set ODOO_SHELL")
    turn = max(int(REFUNDS * size) // TURNS, 4)
    tell("products are created")
    world = World(client, secrets.token_hex(4))
    client.call("product.product", "write", ids=list(world.products.values()), vals={"invoice_policy": "order"})
    rates: dict[str, list[float]] = {"ours": [], "shell": []}

    def sell(count: int) -> list[Row]:
        tell(f"{count} orders are loaded and invoiced")
        rows = world.orders(count)
        assert all(outcome.state == "sale" for outcome in load_sales(client, settings, world.drafts(rows), ()))
        for start in range(0, count, ORDERS_A_GROUP):
            _bill(client, rows[start : start + ORDERS_A_GROUP])
        return rows

    _post_refunds(client, world, sell(WARM))
    refunds: list[Refund] = []
    for number in range(TURNS):
        rows = sell(turn)
        tell(f"turn {number + 1} of {TURNS}: {turn} credit notes by ours")
        refunds, seconds = _post_refunds(client, world, rows)
        rates["ours"].append(turn / seconds)
        warm, described = _describe(client, sell(WARM)), _describe(client, sell(turn))
        tell(f"turn {number + 1} of {TURNS}: {turn} credit notes in Odoo's shell")
        task = {"warm": warm, "rows": described, "batch": ORDERS_A_GROUP}
        rates["shell"].append(turn / odoo_shell.run_script(shell, SCRIPT, task))
    tell("the same refunds once more")
    turns = "; ".join(f"{who} {', '.join(f'{rate:.1f}' for rate in measured)}" for who, measured in rates.items())
    return [
        Figure(
            name="credit_notes_vs_shell", value=max(rates["ours"]), unit="credit notes per second",
            baseline=max(rates["shell"]), target=0.85, note=turns,
        ),
        Figure(
            name="credit_notes_again", value=_count_writes(client, refunds), unit="writing calls in a second run",
            baseline=0, target=0, judged="value", at="most",
        ),
    ]  # fmt: skip


def _post_refunds(client: Client, world: World, rows: list[Row]) -> tuple[list[Refund], float]:
    """The refunds of the first line of each order, and the seconds that their credit notes took."""
    now = datetime.now(UTC)
    refunds = []
    for row in rows:
        _, quantity, price = row.lines[0]
        line = RefundLine(
            line_id="0", kind=RefundKind.GOODS, amount=quantity * price, quantity=quantity, order_line_id="0"
        )
        refunds.append(Refund(
            channel=CHANNEL, refund_id=f"R{secrets.token_hex(6)}", order_id=row.number.removeprefix("#"),
            created_at=now, updated_at=now, state=RefundState.DONE, currency="EUR", total=line.amount, lines=(line,),
        ))  # fmt: skip
    started = time.perf_counter()
    outcomes = [
        outcome for start in range(0, len(refunds), ORDERS_A_GROUP)
        for outcome in credit_refunds(client, BOOKS, refunds[start : start + ORDERS_A_GROUP])
    ]  # fmt: skip
    seconds = time.perf_counter() - started
    refused = [str(outcome.reason) for outcome in outcomes if outcome.state != "posted"]
    assert len(outcomes) == len(rows), f"{len(outcomes)} outcomes of {len(rows)} refunds"
    assert not refused, refused[:3]
    return refunds, seconds


def _bill(client: Client, rows: list[Row]) -> None:
    domain = [["client_order_ref", "in", [row.number for row in rows]]]
    ids = client.call("sale.order", "search", domain=domain)
    values = {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, ids]], "consolidated_billing": False}
    wizard = client.call("sale.advance.payment.inv", "create", vals_list=[values])
    client.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    orders = client.call("sale.order", "read", ids=ids, fields=["invoice_ids"], load=None)
    client.call("account.move", "action_post", ids=[move for order in orders for move in order["invoice_ids"]])


def _describe(client: Client, rows: list[Row]) -> list[dict[str, Any]]:
    """What the shell is given of each order: its invoice, and the invoice's first line."""
    described = []
    today = datetime.now(BOOKS.zone).date().isoformat()
    orders = client.call(
        "sale.order", "search_read", domain=[["client_order_ref", "in", [row.number for row in rows]]], load=None,
        fields=["client_order_ref", "name", "invoice_ids"],
    )  # fmt: skip
    moves = {move["id"]: move for move in client.call(
        "account.move", "read", ids=[move for order in orders for move in order["invoice_ids"]], load=None,
        fields=["partner_id", "journal_id", "invoice_line_ids"],
    )}  # fmt: skip
    lines = {line["id"]: line for line in client.call(
        "account.move.line", "read", ids=[min(move["invoice_line_ids"]) for move in moves.values()], load=None,
        fields=["product_id", "name", "quantity", "price_unit", "tax_ids"],
    )}  # fmt: skip
    for order in orders:
        move = moves[order["invoice_ids"][0]]
        line = lines[min(move["invoice_line_ids"])]
        described.append({
            "partner": move["partner_id"], "journal": move["journal_id"], "invoice": move["id"], "day": today,
            "ref": f"R{secrets.token_hex(6)}", "origin": order["name"], "product": line["product_id"],
            "name": line["name"], "quantity": line["quantity"], "price": line["price_unit"], "taxes": line["tax_ids"],
        })  # fmt: skip
    return described


def _count_writes(client: Client, refunds: list[Refund]) -> int:
    """Writing calls that the same refunds cost once more."""
    count, call = 0, client.call

    def counted(model: str, method: str, *values: Any, **named: Any) -> Any:
        nonlocal count
        count += method in WRITES
        return call(model, method, *values, **named)

    client.call = counted  # type: ignore[method-assign]
    try:
        list(credit_refunds(client, BOOKS, refunds))
    finally:
        client.call = call  # type: ignore[method-assign]
    return count
