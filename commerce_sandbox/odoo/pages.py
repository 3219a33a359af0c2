"""What a person sees of the Odoo stand-in: its newest sale orders and its stock, as one plain page.

What belongs here: HTML, everything escaped. What does not: answers to programs (transports.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from .orm import Env

SHOWN = 60
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
body{color:#1d2433;background:#f7f8fa}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{color:#5b6475;margin:.25rem 0}
table{border-collapse:collapse;width:100%;background:#fff;border:1px solid #e1e5ec;border-radius:6px}
th,td{text-align:left;padding:.4rem .7rem;border-bottom:1px solid #eef0f4;white-space:nowrap}
th{font-weight:600;color:#5b6475;background:#fbfcfd}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
tr:last-child td{border-bottom:0}td.w{white-space:normal}.s{padding:.1rem .5rem;border-radius:1rem;background:#e8ebf1}
.sale{background:#d7f0df;color:#14532d}.cancel{background:#fde2e1;color:#7f1d1d}.low{color:#b42318}
"""
_STATES = {"draft": "Quotation", "sent": "Quotation sent", "sale": "Sales order", "cancel": "Cancelled"}


def overview(env: Env) -> str:
    """The page as HTML, with everything escaped; it asks the browser to load it again every five seconds."""
    orders, company = env.db.rows["sale.order"], next(iter(env.db.rows["res.company"].values()))["name"]
    confirmed = sum(row["state"] == "sale" for row in orders.values())
    head = f"{company}: {len(orders)} sale orders, {confirmed} confirmed; {len(env.db.rows['res.partner'])} contacts."
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">'
        '<meta name="viewport" content="width=device-width"><title>Odoo stand-in</title>'
        f"<style>{_STYLE}</style></head><body><h1>Odoo stand-in</h1><p>{escape(head)}</p>"
        f"<h2>Newest sale orders</h2>{_write_orders(env)}<h2>Stock</h2>{_write_stock(env)}</body></html>"
    )


def _write_table(columns: Iterable[tuple[str, str]], rows: Iterable[Iterable[tuple[str, str]]]) -> str:
    """columns: (class, heading); rows of (class, HTML of a cell)."""
    head = "".join(f'<th class="{kind}">{escape(text)}</th>' for kind, text in columns)
    body = "".join("<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _write_orders(env: Env) -> str:
    newest = sorted(env.db.rows["sale.order"], reverse=True)[:SHOWN]
    columns = [("", "Order"), ("", "Reference"), ("", "Team"), ("", "Customer"), ("", "Placed"), ("", "Warehouse"),
               ("n", "Total"), ("", "State"), ("", "Delivery")]  # fmt: skip
    return _write_table(columns, (_compute_order(env, i) for i in newest))


def _compute_order(env: Env, row_id: int) -> list[tuple[str, str]]:
    row = env.db.rows["sale.order"][row_id]

    def named(model: str, field: str) -> str:
        return escape(str(env.db.rows[model][row[field]]["name"])) if row[field] else ""

    currency = env.db.rows["res.currency"][env.get("sale.order", row_id, "currency_id")]
    digits = env.get("res.currency", env.get("sale.order", row_id, "currency_id"), "decimal_places")
    total = f"{env.get('sale.order', row_id, 'amount_total'):,.{digits}f} {currency['name']}"
    state = f'<span class="s {escape(row["state"])}">{_STATES[row["state"]]}</span>'
    return [
        ("", escape(row["name"])), ("", escape(str(row["client_order_ref"] or ""))), ("", named("crm.team", "team_id")),
        ("w", escape(str(env.get("res.partner", row["partner_id"], "display_name")))), ("", escape(row["date_order"])),
        ("", named("stock.warehouse", "warehouse_id")), ("n", escape(total)), ("", state),
        ("", escape(str(env.get("sale.order", row_id, "delivery_status") or ""))),
    ]  # fmt: skip


def _write_stock(env: Env) -> str:
    warehouses = list(env.db.rows["stock.warehouse"])
    codes = [env.db.rows["stock.warehouse"][i]["code"] for i in warehouses]
    columns = [("", "Product"), ("w", ""), *(("n", f"{code} {what}") for code in codes for what in ("on hand", "free"))]
    products = [i for i, row in env.db.rows["product.product"].items()
                if row["active"] and env.get("product.product", i, "is_storable")]  # fmt: skip
    rows = []
    for product in products[:SHOWN]:
        cells = [("", escape(str(env.db.rows["product.product"][product]["default_code"] or ""))),
                 ("w", escape(str(env.get("product.product", product, "name"))))]  # fmt: skip
        for warehouse in warehouses:
            there = env.having(warehouse_id=warehouse)
            for name in ("qty_available", "free_qty"):
                units = there.get("product.product", product, name)
                cells.append(("n low" if units <= 0 else "n", f"{units:g}"))
        rows.append(cells)
    return _write_table(columns, rows)
