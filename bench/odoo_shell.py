"""Contender: the same creates and confirms inside Odoo's own shell, no HTTP, no JSON.

In batches as large as ours: known customers searched in one query, new ones created together, orders with their lines
created together, confirmed together, committed; with `tracking_disable`, which is our default too.

The records come out equal to ours: the channel's number as origin, its own name on each line, no salesperson, the day
on which the order was placed and not that of its confirmation, deliveries due by that day. What Odoo computes to the
same value in any case (addresses, warehouse, fiscal position) is left to Odoo, as one would in a shell. It does not do
what only ours does: external ids, a search for what is there already, products by their reference, comparing totals.

`ODOO_SHELL` is the command of a shell on the same database that reads Python from its standard input, for example
`odoo-bin shell -c odoo.conf -d DATABASE --no-http`.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any

from .odoo_orders import Row

MARK = "bench-seconds:"
HEAD = """
import json, time
given = json.loads({given!r})
env = env(context=dict(env.context, tracking_disable=True))
"""
SCRIPT = """
def load(rows):
    emails = sorted({{row[2] for row in rows}})
    partners = {{one.email: one.id for one in env["res.partner"].search([("email", "in", emails)])}}
    people = {{row[2]: row for row in rows if row[2] not in partners}}
    made = env["res.partner"].create([
        {{"name": row[1], "email": row[2], "street": row[3], "city": "Köln", "zip": "50667",
          "country_id": given["country"]}} for row in people.values()
    ])
    partners.update(zip(people, made.ids))
    orders = env["sale.order"].create([
        {{"partner_id": partners[row[2]], "client_order_ref": row[0], "origin": "bench " + row[0], "user_id": False,
          "order_line": [
            (0, 0, {{"product_id": given["products"][code], "name": "Article " + code, "product_uom_qty": quantity,
                     "price_unit": price / 100, "tax_ids": [(6, 0, given["taxes"])]}})
            for code, quantity, price in row[4]
        ]}} for row in rows
    ])
    orders.action_confirm()
    for order, row in zip(orders, rows):
        order.date_order = row[5]
    orders.order_line.write({{"customer_lead": 0}})  # as it was; the deliveries' deadlines follow the new date
    env.cr.commit()
"""
TIMED = """
load(given["warm"])  # a fresh shell has empty caches, a running server has not
started = time.perf_counter()
for start in range(0, len(given["rows"]), given["batch"]):
    load(given["rows"][start : start + given["batch"]])
print({mark!r}, time.perf_counter() - started)
"""


def load(
    command: str, warm: list[Row], rows: list[Row], products: dict[str, int], taxes: list[int], country: int, batch: int
) -> float:  # fmt: skip
    """Load and confirm, `warm` first; returns the seconds that `rows` took inside the shell, its start not counted."""
    task = {"warm": warm, "rows": rows, "products": products, "taxes": taxes, "country": country, "batch": batch}
    return run_script(command, SCRIPT, task)


def run_script(command: str, script: str, task: dict[str, Any]) -> float:
    """Run a script in Odoo's shell that defines `load(rows)`: for task["warm"] first, then for task["rows"] in
    batches of task["batch"]. Returns the seconds that the rows took, the shell's start not counted."""
    text = "".join((HEAD, script, TIMED)).format(given=json.dumps(task), mark=MARK)
    done = subprocess.run(shlex.split(command), input=text, capture_output=True, text=True, check=False)  # noqa: S603
    for line in done.stdout.splitlines():
        if MARK in line:
            return float(line.rpartition(" ")[2])
    raise SystemExit(f"ODOO_SHELL did not run the rows to their end: {done.stderr[-2000:]}")
