"""Sale orders and their lines: declarations, defaults, totals.

What belongs here: what an order is and computes. What does not: confirming, cancelling and what may not be changed
afterwards (confirming.py), taxes (taxes.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import floor
from typing import Any

from .accounting import fiscal_position, mapped
from .base import company_of
from .contacts import address
from .errors import ConstraintError, MissingError
from .invoices import count_billed, list_invoices
from .orm import Env, Row, hook
from .products import components, in_unit, kit_of
from .records import gone
from .schema import (
    Model,
    boolean,
    char,
    choice,
    day,
    integer,
    json,
    many2many,
    many2one,
    moment,
    monetary,
    number,
    one2many,
    text,
)
from .taxes import LineTaxes, line_amounts, line_taxes, totals

NEW = "New"


def _compute_line_taxes(env: Env, row: Row) -> LineTaxes:
    order = env.db.rows["sale.order"][row["order_id"]]
    company = env.db.rows["res.company"][order["company_id"]]
    price = row["price_unit"] * (1 - row["discount"] / 100.0)
    per_line = company["tax_calculation_rounding_method"] == "round_per_line"
    return line_taxes(env, row["tax_ids"], price, row["product_uom_qty"], rounding=_find_rounding(env, row["order_id"]),
                      per_line=per_line)  # fmt: skip


def _find_rounding(env: Env, order: int) -> float:
    return float(env.db.rows["res.currency"][_find_currency(env, order)]["rounding"])


def _find_currency(env: Env, order: int) -> int:
    """The currency of the pricelist; a written currency_id is ignored, as in Odoo."""
    row = env.db.rows["sale.order"][order]
    pricelist = row["pricelist_id"]
    if pricelist:
        return int(env.db.rows["product.pricelist"][pricelist]["currency_id"])
    return int(env.db.rows["res.company"][row["company_id"]]["currency_id"])


def _build_amount_field(place: int) -> Any:
    def compute(env: Env, row_id: int) -> float:
        lines = (env.db.rows["sale.order.line"][i] for i in env.db.referring("sale.order.line", "order_id", row_id))
        priced = [_compute_line_taxes(env, row) for row in lines if not row["display_type"]]
        return totals(priced, _find_rounding(env, row_id))[place]

    return compute


def _build_price_field(place: int) -> Any:
    def compute(env: Env, row_id: int) -> float:
        row = env.db.rows["sale.order.line"][row_id]
        if row["display_type"]:
            return 0.0
        return line_amounts(_compute_line_taxes(env, row), _find_rounding(env, row["order_id"]))[place]

    return compute


def _read_of_order(name: str) -> Any:
    return lambda env, i: env.get("sale.order", env.db.rows["sale.order.line"][i]["order_id"], name)


def _read_of_product(name: str) -> Any:
    def compute(env: Env, row_id: int) -> Any:
        product = env.db.rows["sale.order.line"][row_id]["product_id"]
        return env.get("product.product", product, name) if product else False

    return compute


def _compute_delivered(env: Env, row_id: int) -> float:
    """Units that have left and not come back. Of a kit: as many as its scarcest component makes."""
    row = env.db.rows["sale.order.line"][row_id]
    if not row["product_id"] or env.get("product.product", row["product_id"], "type") != "consu":
        return float(row["qty_delivered_manual"])
    left: dict[int, float] = {}
    moves, places = env.db.rows["stock.move"], env.db.rows["stock.location"]
    for i in env.db.referring("stock.move", "sale_line_id", row_id):
        move = moves[i]
        if move["state"] == "done":
            if places[move["location_dest_id"]]["usage"] == "customer":
                sign = 1
            elif _is_return(env, move) or row["product_uom_qty"] <= 0:
                sign = -1
            else:
                continue
            left[move["product_id"]] = left.get(move["product_id"], 0.0) + sign * move["quantity"]
    if not left:
        return 0.0
    kit = kit_of(env, row["product_id"])
    if kit is not None:
        return float(
            min(floor(left.get(part, 0.0) / per_unit + 1e-9) for _l, part, per_unit in components(env, kit) if per_unit)
        )
    unit = env.get("product.product", row["product_id"], "uom_id")
    return in_unit(env, left.get(row["product_id"], 0.0), unit, row["product_uom_id"])


def _is_return(env: Env, move: Row) -> bool:
    picking = move["picking_id"]
    return bool(move["origin_returned_move_id"] or (picking and env.db.rows["stock.picking"][picking]["return_id"]))


def _compute_to_invoice(env: Env, row_id: int) -> float:
    row = env.db.rows["sale.order.line"][row_id]
    if _read_of_order("state")(env, row_id) != "sale" or row["display_type"]:
        return 0.0
    by_delivery = _read_of_product("invoice_policy")(env, row_id) == "delivery"
    return (_compute_delivered(env, row_id) if by_delivery else row["product_uom_qty"]) - count_billed(env, row_id)


def _compute_line_invoice_status(env: Env, row_id: int) -> str:
    row = env.db.rows["sale.order.line"][row_id]
    if _read_of_order("state")(env, row_id) != "sale" or row["display_type"]:
        return "no"
    if _compute_to_invoice(env, row_id):
        return "to invoice"
    return "invoiced" if count_billed(env, row_id) >= row["product_uom_qty"] or _is_settled(env, row_id) else "no"


def _is_settled(env: Env, row_id: int) -> bool:
    """Whether goods that are invoiced by delivery are delivered in part, and nothing more will be delivered."""
    moves = env.db.rows["stock.move"]
    states = {moves[i]["state"] for i in env.db.referring("stock.move", "sale_line_id", row_id)}
    by_delivery = _read_of_product("invoice_policy")(env, row_id) == "delivery"
    return by_delivery and "done" in states <= {"done", "cancel"} and bool(_compute_delivered(env, row_id))


def _compute_invoice_status(env: Env, row_id: int) -> str:
    if env.db.rows["sale.order"][row_id]["state"] != "sale":
        return "no"
    statuses = {_compute_line_invoice_status(env, i) for i in env.db.referring("sale.order.line", "order_id", row_id)}
    return "to invoice" if "to invoice" in statuses else "invoiced" if statuses == {"invoiced"} else "no"


def pickings(env: Env, row_id: int) -> tuple[int, ...]:
    """Ids of the order's transfers."""
    return tuple(env.db.referring("stock.picking", "sale_id", row_id))


def _compute_delivery_status(env: Env, row_id: int) -> str | bool:
    states = {env.get("stock.picking", i, "state") for i in pickings(env, row_id)}
    if not states or states == {"cancel"}:
        return False
    if states <= {"done", "cancel"}:
        return "full"
    if "done" in states:
        some = any(_compute_delivered(env, i) for i in env.db.referring("sale.order.line", "order_id", row_id))
        return "partial" if some else "started"
    return "pending"


def _compute_effective_date(env: Env, row_id: int) -> Any:
    rows = env.db.rows["stock.picking"]
    done = [rows[i]["date_done"] for i in pickings(env, row_id) if rows[i]["date_done"]]
    return min(done, default=False)


def _compute_line_name(env: Env, row_id: int) -> str:
    row = env.db.rows["sale.order.line"][row_id]
    order = env.db.rows["sale.order"][row["order_id"]]
    name = str(row["name"] or "").partition("\n")[0]
    return f"{order['name']} - {name} ({env.db.rows['res.partner'][order['partner_id']]['name']})"


MODELS = (
    Model("crm.team", {
        "name": char(required=True),
        "sequence": integer(default=10),
        "active": boolean(default=True),
        "company_id": many2one("res.company"),
        "user_id": many2one("res.users"),
    }, order="sequence ASC, create_date DESC, id DESC", title="Sales Team"),
    Model("crm.tag", {"name": char(required=True), "color": integer()}, title="CRM Tag",
          unique=((("name",), "Tag name already exists!"),)),
    Model("sale.order", {
        "name": char(default=NEW, required=True, copy=False, index=True),
        "state": choice("draft", "sent", "sale", "cancel", default="draft", copy=False),
        "locked": boolean(copy=False),
        "partner_id": many2one("res.partner", required=True, label="Customer"),
        "partner_invoice_id": many2one("res.partner", required=True),
        "partner_shipping_id": many2one("res.partner", required=True),
        "client_order_ref": char(copy=False, index=True),
        "origin": char(),
        "reference": char(copy=False),
        "date_order": moment(default=lambda env: env.stamp, required=True, copy=False, label="Order Date"),
        "commitment_date": moment(copy=False),
        "validity_date": day(copy=False, default=lambda env: _write_in_thirty_days(env)),
        "expected_date": moment(compute=lambda env, i: env.db.rows["sale.order"][i]["date_order"]),
        "effective_date": moment(compute=_compute_effective_date),
        "user_id": many2one("res.users", default=lambda env: env.user),
        "team_id": many2one("crm.team"),
        "tag_ids": many2many("crm.tag"),
        "company_id": many2one("res.company", required=True, default=company_of),
        "warehouse_id": many2one("stock.warehouse"),
        "picking_policy": choice("direct", "one", default="direct", required=True),
        "carrier_id": many2one("delivery.carrier"),
        "pricelist_id": many2one("product.pricelist"),
        "fiscal_position_id": many2one("account.fiscal.position"),
        "currency_id": many2one("res.currency", compute=_find_currency),
        "currency_rate": number(default=1.0),
        "note": text(),
        "signed_by": char(copy=False),
        "order_line": one2many("sale.order.line", "order_id", label="Order Lines"),
        "amount_untaxed": monetary(compute=_build_amount_field(0)),
        "amount_tax": monetary(compute=_build_amount_field(1)),
        "amount_total": monetary(compute=_build_amount_field(2)),
        "invoice_status": choice("upselling", "invoiced", "to invoice", "no", compute=_compute_invoice_status),
        "picking_ids": one2many("stock.picking", "sale_id", copy=False),
        "invoice_ids": many2many("account.move", compute=list_invoices),
        "delivery_count": integer(compute=lambda env, i: len(pickings(env, i))),
        "delivery_status": choice("pending", "started", "partial", "full", compute=_compute_delivery_status),
    }, order="date_order desc, id desc", search_names=("name",), title="Sales Order"),
    Model("sale.order.line", {
        "order_id": many2one("sale.order", required=True),
        "display_name": char(compute=_compute_line_name),
        "sequence": integer(default=10),
        "display_type": choice("line_section", "line_subsection", "line_note"),
        "product_id": many2one("product.product"),
        "product_template_id": many2one("product.template", compute=_read_of_product("product_tmpl_id")),
        "product_type": choice("consu", "service", "combo", compute=_read_of_product("type")),
        "name": text(required=True),
        "product_uom_qty": number(default=1.0),
        "product_uom_id": many2one("uom.uom"),
        "price_unit": number(label="Unit Price"),
        "technical_price_unit": number(),
        "discount": number(),
        "tax_ids": many2many("account.tax", label="Taxes"),
        "analytic_distribution": json(),
        "is_delivery": boolean(),
        "is_downpayment": boolean(),
        "customer_lead": number(),
        "price_subtotal": monetary(compute=_build_price_field(0)),
        "price_tax": monetary(compute=_build_price_field(1)),
        "price_total": monetary(compute=_build_price_field(2)),
        "currency_id": many2one("res.currency", compute=_read_of_order("currency_id")),
        "state": choice("draft", "sent", "sale", "cancel", compute=_read_of_order("state")),
        "order_partner_id": many2one("res.partner", compute=_read_of_order("partner_id")),
        "salesman_id": many2one("res.users", compute=_read_of_order("user_id")),
        "company_id": many2one("res.company", compute=_read_of_order("company_id")),
        "warehouse_id": many2one("stock.warehouse", compute=_read_of_order("warehouse_id")),
        "qty_delivered": number(compute=_compute_delivered),
        "qty_delivered_manual": number(copy=False),
        "qty_invoiced": number(compute=count_billed),
        "invoice_lines": many2many("account.move.line", "sale_line_ids", copy=False),
        "qty_to_invoice": number(compute=_compute_to_invoice),
        "invoice_status": choice("upselling", "invoiced", "to invoice", "no", compute=_compute_line_invoice_status),
        "move_ids": one2many("stock.move", "sale_line_id", copy=False),
    }, order="order_id, sequence, id", title="Sales Order Line"),
)  # fmt: skip


def _write_in_thirty_days(env: Env) -> str:
    stamp = datetime.strptime(env.stamp, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
    return (stamp + timedelta(days=30)).strftime("%Y-%m-%d")


def _find_first(env: Env, model: str) -> int | bool:
    rows = env.db.rows[model]
    active = [i for i, row in rows.items() if row.get("active", True)]
    return min(active, key=lambda i: (rows[i]["sequence"], i), default=False)


@hook("sale.order", "defaults")
def _order_defaults(env: Env, vals: dict[str, Any]) -> None:
    """The fields that Odoo computes for a new order. Its number is drawn here, so that a failed call leaves a gap."""
    if vals.get("name", NEW) == NEW:
        vals["name"] = f"S{env.db.following('sale.order'):05d}"
    partner = vals.get("partner_id")
    if not partner:
        return
    if not env.exists("res.partner", partner):
        raise MissingError(gone(env, "res.partner", [partner]))
    row = env.db.rows["res.partner"][partner]
    if "partner_invoice_id" not in vals:
        vals["partner_invoice_id"] = address(env, partner, "invoice")
    if "partner_shipping_id" not in vals:
        vals["partner_shipping_id"] = address(env, partner, "delivery")
    if "pricelist_id" not in vals:
        vals["pricelist_id"] = row["property_product_pricelist"] or _find_first(env, "product.pricelist")
    if "fiscal_position_id" not in vals:
        vals["fiscal_position_id"] = fiscal_position(env, partner, vals["partner_shipping_id"] or partner)
    if "warehouse_id" not in vals:
        vals["warehouse_id"] = _find_first(env, "stock.warehouse")
    if "team_id" not in vals and vals.get("user_id", env.user):
        vals["team_id"] = _find_first(env, "crm.team")
    vals.pop("currency_id", None)


@hook("sale.order.line", "defaults")
def _line_defaults(env: Env, vals: dict[str, Any]) -> None:
    if vals.get("display_type"):
        if vals.get("product_id") or vals.get("price_unit") or vals.get("product_uom_id"):
            raise ConstraintError("Forbidden values on non-accountable sale order line")
        vals["product_uom_qty"] = 0.0
    product = vals.get("product_id")
    if not product or not env.exists("product.product", product):
        return
    order = env.db.rows["sale.order"].get(vals.get("order_id") or 0)
    if "name" not in vals:
        note = env.get("product.product", product, "description_sale")
        vals["name"] = "\n".join(filter(None, [env.get("product.product", product, "display_name"), note]))
    vals.setdefault("customer_lead", env.get("product.product", product, "sale_delay"))
    if not vals.get("product_uom_id"):
        vals["product_uom_id"] = env.get("product.product", product, "uom_id")
    if "tax_ids" not in vals and order:
        own = env.get("product.product", product, "taxes_id") or ()
        taxes = env.db.rows["account.tax"]
        ours = [i for i in own if taxes[i]["company_id"] == order["company_id"]]
        vals["tax_ids"] = [[6, 0, list(mapped(env, order["fiscal_position_id"], ours))]]
    if "price_unit" not in vals:
        unit = env.get("product.product", product, "uom_id")
        price = env.get("product.product", product, "list_price")
        vals["price_unit"] = in_unit(env, price, vals["product_uom_id"], unit)
    vals.setdefault("technical_price_unit", vals["price_unit"])


@hook("sale.order.line", "written")
def _line_written(env: Env, ids: Sequence[int], vals: Mapping[str, Any]) -> None:
    """A changed line moves the order's write_date, because Odoo stores the amounts on the order."""
    orders = {env.db.rows["sale.order.line"][i]["order_id"] for i in ids}
    for order in orders:
        env.db.put("sale.order", order, {"write_date": env.stamp})
