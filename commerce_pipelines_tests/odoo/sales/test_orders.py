"""Drafts become confirmed orders with the channel's total, to the cent, in any currency and price basis."""

from __future__ import annotations

import json
import secrets

import pytest

from commerce_pipelines.domain.orders.order import Address, LineKind
from commerce_pipelines.domain.vat.keys import TaxKey
from commerce_pipelines.odoo.accounting.taxes import tax_xid
from commerce_pipelines.odoo.reference.shorthand import Shorthand
from commerce_pipelines.odoo.rpc.load import read_ids, xid
from commerce_pipelines.odoo.sales.sale_orders import preview_sales, sale_totals
from commerce_pipelines_tests.doubles.odoo import CHANNEL, DE7, DE19, World, changed, draft, line, service


def test_an_order_is_created_confirmed_and_keeps_its_date(world: World) -> None:
    """G40."""
    mug = world.product()
    order = draft(line("1", mug, 3, 5997), service(LineKind.SHIPPING, 490), service(LineKind.DISCOUNT, -500))
    [outcome] = world.load(order)
    assert (outcome.action, outcome.amount_total, outcome.amount_tax, outcome.state) == ("created", 5987, 956, "sale")
    row = world.order(order, "date_order", "origin", "fiscal_position_id", "user_id", "amount_untaxed")
    assert row["date_order"] == "2026-11-20 10:11:12"
    assert row["origin"] == f"{CHANNEL} {order.order_id}"
    assert (row["fiscal_position_id"], row["user_id"], row["amount_untaxed"]) == (False, False, 50.31)
    assert [order_line["is_delivery"] for order_line in world.lines(order)] == [False, True, False]
    assert [(move["product_uom_qty"], move["quantity"], move["state"]) for move in world.moves(order)] == [
        (3, 3, "assigned")
    ]
    sale = sale_totals(world.client, CHANNEL, [order.order_id, "unknown"])[order.order_id]
    assert (sale.state, sale.currency, sale.total, sale.tax, sale.delivered) == ("sale", "EUR", 5987, 956, False)


def test_the_money_cases(world: World) -> None:
    """Taxes and totals that a person worked out, all in one batch."""
    goods = world.product()
    cases = {
        "mixed rates under a discount": (
            [
                line("1", goods, 2, 5990),
                line("2", goods, 1, 1200, DE7),
                line("3", goods, 1, 495),
                line("d1", (0, ""), 1, -599, DE19, LineKind.DISCOUNT),
                line("d2", (0, ""), 1, -120, DE7, LineKind.DISCOUNT),
            ],
            6966,
            1011,
        ),
        "odd discount": ([line("1", goods, 1, 499995), service(LineKind.DISCOUNT, -3333)], 496662, None),
        "three for ten": ([line("1", goods, 3, 1000)], 1000, 160),
        "seven at nought": ([line("1", goods, 7, 0)], 0, 0),
        "a hundred small ones": ([line(str(i), goods, 1, 7) for i in range(100)], 700, None),
        "gift card sold": ([service(LineKind.GIFT_CARD, 5000, None)], 5000, 0),
        "free shipping": (
            [
                line("1", goods, 1, 3500),
                service(LineKind.SHIPPING, 490),
                line("f", (0, ""), 1, -490, DE19, LineKind.DISCOUNT),
            ],
            3500,
            559,
        ),
    }
    drafts = {name: draft(*lines) for name, (lines, _, _) in cases.items()}
    outcomes = {outcome.order_id: outcome for outcome in world.load(*drafts.values())}
    for name, (_, total, tax) in cases.items():
        outcome = outcomes[drafts[name].order_id]
        assert (outcome.action, outcome.amount_total) == ("created", total), name
        assert tax is None or outcome.amount_tax == tax, name


@pytest.mark.parametrize(
    ("currency", "total", "shown"), [("JPY", 5940, 5940.0), ("GBP", 5940, 59.4), ("BHD", 5940, 5.94)]
)
def test_other_currencies_come_by_their_pricelist(world: World, currency: str, total: int, shown: float) -> None:
    order = draft(line("1", world.product(), 3, total), currency=currency)
    [outcome] = world.load(order)
    assert (outcome.action, outcome.amount_total) == ("created", total), outcome
    row = world.order(order, "currency_id", "amount_total", "pricelist_id")
    assert (row["currency_id"][1], row["amount_total"]) == (currency, shown)
    assert row["pricelist_id"]


def test_prices_without_tax(world: World) -> None:
    """2 x 6.70 plus 19 %: 2.546 of tax, which Odoo rounds like everybody."""
    order = draft(line("1", world.product(), 2, 1340, TaxKey("DE", 190_000, False, "domestic")), total=1595)
    [outcome] = world.load(order)
    assert (outcome.action, outcome.amount_total, outcome.amount_tax) == ("created", 1595, 255)


def test_a_small_difference_becomes_a_visible_line_a_large_one_stops_the_order(world: World) -> None:
    mug = world.product()
    small = draft(line("1", mug, 1, 1999), total=2000, tolerance=2)
    large = draft(line("1", mug, 1, 1999), total=2010, tolerance=2)
    none = draft(line("1", mug, 1, 1999), total=2000)
    rounded, *stopped = world.load(small, large, none)
    assert (rounded.action, rounded.amount_total, rounded.rounding) == ("created", 2000, 1)
    assert [order_line["price_total"] for order_line in world.lines(small)] == [19.99, 0.01]
    assert [(outcome.action, outcome.code) for outcome in stopped] == [("refused", "total_differs")] * 2
    assert "19.99 EUR" in stopped[0].message
    assert "20.10 EUR" in stopped[0].message
    assert [world.order(order)["state"] for order in (large, none)] == ["draft", "draft"]
    assert [outcome.action for outcome in world.load(small)] == ["unchanged"]
    mended = changed(large, line("1", mug, 1, 2010))
    assert [outcome.action for outcome in world.load(mended)] == ["confirmed"]
    assert world.order(mended, "amount_total")["amount_total"] == 20.10


def test_team_warehouse_carrier_tags_and_analytic_account(world: World) -> None:
    """G56."""
    token = secrets.token_hex(4)
    names = {key: f"{key} {token}" for key in ("team", "tag", "carrier", "account", "warehouse")}
    team = world.create("crm.team", name=names["team"])
    tag = world.create("crm.tag", name=names["tag"])
    fee = world.create("product.product", name="Fee", type="service")
    carrier = world.create("delivery.carrier", name=names["carrier"], product_id=fee)
    world.allow("analytic.group_analytic_accounting")  # as Odoo's setting Analytic Accounting does
    plan = world.call("account.analytic.plan", "search", domain=[], limit=1)[0]
    account = world.create("account.analytic.account", name=names["account"], plan_id=plan)
    warehouse = world.create("stock.warehouse", name=names["warehouse"], code=token[:5])
    order = draft(
        line("1", world.product(), 1, 1000), team=names["team"], tags=(names["tag"],), carrier=names["carrier"],
        analytic={names["account"]: 100}, warehouse=token[:5],
    )  # fmt: skip
    [outcome] = world.load(order)
    assert outcome.action == "created"
    row = world.order(order, "team_id", "tag_ids", "carrier_id", "warehouse_id")
    assert (row["team_id"][0], row["carrier_id"][0], row["warehouse_id"][0]) == (team, carrier, warehouse)
    assert row["tag_ids"] == [tag]
    [only] = world.lines(order)
    assert json.loads(json.dumps(only["analytic_distribution"])) == {str(account): 100}


def test_a_name_that_odoo_lacks_stops_only_its_orders(world: World) -> None:
    mug = world.product()
    good = draft(line("1", mug, 1, 1000))
    bad = {
        "unknown_team": draft(line("1", mug, 1, 1000), team="Nobody's team"),
        "unknown_warehouse": draft(line("1", mug, 1, 1000), warehouse="Nowhere"),
        "unknown_carrier": draft(line("1", mug, 1, 1000), carrier="By pigeon"),
        "unknown_tag": draft(line("1", mug, 1, 1000), tags=("nonesuch",)),
        "unknown_analytic_account": draft(line("1", mug, 1, 1000), analytic={"nonesuch": 100}),
        "unknown_pricelist": draft(line("1", mug, 1, 1000), pricelist="nonesuch"),
        "unknown_fiscal_position": draft(line("1", mug, 1, 1000), fiscal_position="nonesuch"),
        "unknown_tax": draft(line("1", mug, 1, 1000, TaxKey("NO", 123_400, True, "oss"))),
        "unknown_country": draft(line("1", mug, 1, 1000), shipping=Address(city="X", country="QQ")),
    }
    first, *others = world.load(good, *bad.values())
    assert first.action == "created"
    assert [(outcome.action, outcome.code) for outcome in others] == [("refused", code) for code in bad]
    assert all(outcome.reason and outcome.reason.fix for outcome in others)
    assert not sale_totals(world.client, CHANNEL, [draft.order_id for draft in bad.values()])


def test_a_poison_order_is_told_from_the_others_of_its_batch(world: World) -> None:
    mug, gone = world.product(), world.product(stock=None)
    world.call("product.product", "unlink", ids=[gone[0]])
    drafts = [draft(line("1", mug, 1, 1000)) for _ in range(6)]
    poison = draft(line("1", gone, 1, 1000))
    outcomes = world.load(*drafts[:3], poison, *drafts[3:])
    assert [outcome.action for outcome in outcomes] == ["created"] * 3 + ["refused"] + ["created"] * 3
    assert outcomes[3].code == "refused_by_odoo"
    assert not sale_totals(world.client, CHANNEL, [poison.order_id])


def test_records_that_many_rows_share_are_named_by_external_id(world: World) -> None:
    """Odoo asks its database for each database id again; a record without an external id keeps it all the same."""
    world.load(draft(line("1", world.product(), 1, 1000)))
    [(name, ours)] = list(read_ids(world.client, "account.tax", [tax_xid(DE19)]).items())
    nameless = world.create("account.tax", name=f"Nameless {secrets.token_hex(4)}", amount=19, type_tax_use="sale")
    columns = ["client_order_ref", "order_line/tax_ids/.id"]
    shorthand = Shorthand(world.client)
    assert shorthand.by_name(columns, {1: [["1", str(ours)]], 2: [["2", ""]]})[0] == columns  # too few to ask
    many = {number: [[str(number), str(ours)], ["", ""]] for number in range(12)}
    assert shorthand.by_name(columns, many) == (
        ["client_order_ref", "order_line/tax_ids/id"],
        {number: [[str(number), xid(name)], ["", ""]] for number in range(12)},
    )
    many[12] = [["12", str(nameless)]]
    assert shorthand.by_name(columns, many) == (columns, many)


def test_documents_that_come_with_every_quotation_still_do(world: World) -> None:
    if "quotation_document_ids" not in world.call("sale.order", "fields_get", attributes=["type"]):
        pytest.skip("needs Odoo's module sale_pdf_quote_builder")
    mug = world.product()
    document = world.create("quotation.document", name="Terms.pdf", add_by_default=True)
    try:
        order = draft(line("1", mug, 1, 1000))
        world.load(order)
        assert world.order(order, "quotation_document_ids")["quotation_document_ids"] == [document]
    finally:
        world.call("quotation.document", "write", ids=[document], vals={"add_by_default": False})
    without = draft(line("1", mug, 1, 1000))
    world.load(without)
    assert world.order(without, "quotation_document_ids")["quotation_document_ids"] == []


def test_the_number_of_calls_does_not_grow_with_the_batch(world: World) -> None:
    mug = world.product()
    world.load(draft(line("1", mug, 1, 1000), service(LineKind.SHIPPING, 490)))
    counts = []
    for size in (12, 24):
        world.transport.calls.clear()
        world.load(*(draft(line("1", mug, 1, 1000), service(LineKind.SHIPPING, 490)) for _ in range(size)))
        counts.append(len(world.transport.calls))
    assert counts[0] == counts[1]


def test_a_preview_foretells_and_writes_nothing(world: World) -> None:
    mug = world.product()
    there = draft(line("1", mug, 1, 1000))
    edited = draft(line("1", mug, 1, 1000))
    world.load(there, edited)
    new = draft(
        line("1", mug, 1, 1000, TaxKey("SI", 220_000, True, "oss")), currency="PLN", regime="oss", tax_country="SI"
    )
    wrong = draft(line("1", mug, 1, 1000), team="Nobody's team")
    world.transport.calls.clear()
    drafts = [there, changed(edited, line("1", mug, 2, 2000)), new, wrong]
    outcomes = list(preview_sales(world.client, world.client.settings, drafts, ()))
    assert [outcome.action for outcome in outcomes] == ["unchanged", "changed", "created", "refused"]
    assert world.transport.writes() == []
