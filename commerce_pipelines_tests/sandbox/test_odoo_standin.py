"""The Odoo stand-in answers as Odoo 19 does: wire, errors, records, load(), taxes. Each test runs on both servers."""

from __future__ import annotations

from typing import Any

import odoorpc
import pytest

from commerce_pipelines_tests.sandbox.odoo_protocol import Refused, Server, fresh


def test_odoorpc_logs_in_with_password_and_key(odoo: Server) -> None:
    host, port = odoo.url.removeprefix("http://").split(":")
    for secret in (odoo.password, odoo.key):
        client = odoorpc.ODOO(host, port=int(port), timeout=240)
        client.login(odoo.database, odoo.username, secret)
        assert client.version == "19.0"
        assert client.env["res.users"].browse(client.env.uid).login == odoo.username
    with pytest.raises(odoorpc.error.RPCError) as refused:
        odoorpc.ODOO(host, port=int(port)).login(odoo.database, odoo.username, "wrong")
    assert refused.value.info is False
    missing = odoo.service("common", "login", "no_such_database", odoo.username, "x")
    assert missing.name == "psycopg2.OperationalError"
    assert 'database "no_such_database" does not exist' in missing.message


@pytest.mark.parametrize(
    ("path", "body", "status", "name", "message"),
    [
        ("res.partner/no_method", {}, 404, "werkzeug.exceptions.NotFound", "no_method' does not exist"),
        ("no.model/search", {"domain": []}, 404, "werkzeug.exceptions.NotFound", "the model 'no.model' does not exist"),
        ("res.partner", {}, 404, "werkzeug.exceptions.NotFound", "Did you mean POST /json/2/<model>/<method>?"),
        ("res.partner/_write", {"ids": [1]}, 403, "odoo.exceptions.AccessError", "Private methods"),
        ("res.partner/search", {"ids": [1], "domain": []}, 422, "werkzeug.exceptions.UnprocessableEntity", "with ids"),
        ("res.partner/search", {}, 422, "werkzeug.exceptions.UnprocessableEntity", "argument: 'domain'"),
        ("res.partner/create", {"vals": {}}, 422, "werkzeug.exceptions.UnprocessableEntity", "'vals_list'"),
        ("res.partner/write", {"ids": [10**8], "vals": {}}, 404, "odoo.exceptions.MissingError", "does not exist or"),
        ("res.partner/search", b"{", 400, "werkzeug.exceptions.BadRequest", "could not parse the body as json"),
        ("res.partner/create", {"vals_list": [{"name": "x", "mobile": "1"}]}, 500, "builtins.ValueError", "'mobile'"),
        ("res.partner/create", {"vals_list": [{"name": "x", "type": "no"}]}, 500, "builtins.ValueError", "type: 'no'"),
        ("res.partner/search", {"domain": [["nope", "=", 1]]}, 500, "builtins.ValueError", "Invalid field"),
        ("res.partner/create", {"vals_list": [{"type": "contact"}]}, 422, "odoo.exceptions.ValidationError", "a name"),
    ],
)
def test_json2_errors(odoo: Server, path: str, body: object, status: int, name: str, message: str) -> None:
    answer = odoo.post(f"/json/2/{path}", body)
    assert (answer.status_code, answer.json()["name"]) == (status, name)
    assert message in answer.json()["message"]
    assert answer.json()["debug"].startswith("Traceback")


def test_json2_credentials(odoo: Server) -> None:
    for headers in ({}, {"Authorization": "bearer wrong"}):
        answer = odoo.post("/json/2/res.partner/search", {"domain": []}, {"X-Odoo-Database": odoo.database, **headers})
        assert (answer.status_code, answer.json()["name"]) == (401, "werkzeug.exceptions.Unauthorized")
    unknown = {"Authorization": f"bearer {odoo.key}", "X-Odoo-Database": "no_such_database"}
    answer = odoo.post("/json/2/res.partner/search", {"domain": []}, unknown)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_jsonrpc_errors(odoo: Server) -> None:
    wrong = odoo.service("object", "execute_kw", odoo.database, odoo.user, "wrong", "res.partner", "search", [[]])
    assert wrong == Refused(200, "odoo.exceptions.AccessDenied", "Access Denied")
    assert odoo.service("common", "login", odoo.database, odoo.username, "wrong") is False
    assert odoo.rpc("no.model", "search", []) == Refused(
        200, "odoo.exceptions.UserError", "Object no.model doesn't exist"
    )
    assert odoo.rpc("res.partner", "nope", [1]).name == "builtins.AttributeError"
    assert odoo.rpc("res.partner", "_x", [1]).name == "odoo.exceptions.AccessError"
    assert odoo.rpc("res.partner", "read").name == "builtins.IndexError"


def test_create_answers_by_what_it_was_given(odoo: Server) -> None:
    name = fresh("Shape")
    assert isinstance(odoo.rpc("res.partner", "create", {"name": name}), int)
    assert len(odoo.rpc("res.partner", "create", [{"name": name}])) == 1
    assert len(odoo.call("res.partner", "create", vals_list={"name": name})) == 1
    assert odoo.rpc("res.partner", "create", vals_list=[{"name": name}]).name == "builtins.IndexError"
    assert odoo.call("res.partner", "search_count", domain=[["name", "=", name]]) == 3


def test_a_call_is_one_transaction(odoo: Server) -> None:
    name = fresh("Half")
    several = [{"name": name}, {"name": name, "nope": 1}]
    assert odoo.call("res.partner", "create", vals_list=several).name == "builtins.ValueError"
    assert odoo.call("res.partner", "search", domain=[["name", "=", name]]) == []
    before, after = (odoo.read("sale.order", odoo.order(), "name") for _ in range(2))
    partner = odoo.new("res.partner", name=name)
    bad = {"partner_id": partner, "order_line": [[0, 0, {"product_uom": 1}]]}
    assert "Invalid field 'product_uom' on model" in odoo.call("sale.order", "create", vals_list=[bad]).message
    later = odoo.read("sale.order", odoo.order(partner_id=partner), "name")
    assert int(later[1:]) - int(after[1:]) == 2  # the refused order took a number with it
    assert int(after[1:]) - int(before[1:]) == 1


def test_other_values_for_each_record(odoo: Server) -> None:
    partners = [odoo.new("res.partner", name=fresh("Multi")) for _ in range(2)]
    vals = [{"ref": "one"}, {"ref": "two"}]
    answer = odoo.call("res.partner", "web_save_multi", ids=partners, vals_list=vals, specification={})
    assert answer == [{"id": partner} for partner in partners]
    assert [odoo.read("res.partner", partner, "ref") for partner in partners] == ["one", "two"]
    short = odoo.call("res.partner", "web_save_multi", ids=partners, vals_list=vals[:1], specification={})
    assert short.name == "builtins.ValueError"


def test_defaults(odoo: Server) -> None:
    assert odoo.call("sale.order.line", "default_get", fields=["product_uom_qty", "nope"]) == {"product_uom_qty": 1.0}


def test_reading(odoo: Server) -> None:
    germany = odoo.first("res.country", ["code", "=", "DE"])
    name = fresh("Read")
    partner = odoo.new("res.partner", name=name, email=f"Ada <{name}@Example.DE>", country_id=germany)
    [row] = odoo.call("res.partner", "search_read", domain=[["id", "=", partner]], fields=["country_id", "ref"])
    assert row == {"id": partner, "country_id": [germany, "Germany"], "ref": False}
    assert odoo.read("res.partner", partner, "country_id") == germany
    for domain in (
        [["email_normalized", "in", [f"{name}@example.de".lower()]], ["parent_id", "=", False]],
        [["email", "=ilike", f"%{name}@example.de%"]],
        [["country_id.code", "=", "DE"], ["name", "=", name]],
        ["|", ["name", "=", name], ["name", "=", "nobody"]],
    ):
        assert odoo.call("res.partner", "search", domain=domain) == [partner]
    assert odoo.call("res.partner", "search", domain=[["email_normalized", "=", f"{name}@Example.DE"]]) == []
    assert odoo.call("res.partner", "read", ids=[10**8], fields=["name"]) == []
    since = odoo.read("res.partner", partner, "write_date")
    assert len(since) == 19  # whole seconds
    changed = [["write_date", ">=", since], ["id", "=", partner]]
    assert odoo.call("res.partner", "search", domain=changed) == [partner]
    odoo.call("res.partner", "write", ids=[partner], vals={"active": False})
    assert odoo.call("res.partner", "search", domain=[["name", "=", name]]) == []
    archived = odoo.call("res.partner", "search", domain=[["name", "=", name]], context={"active_test": False})
    assert archived == [partner]


@pytest.mark.parametrize(
    ("country", "vat", "stored"),
    [
        ("DE", "de 136 695 976", "DE136695976"),
        ("FR", "FR 40 303 265 045", "FR40303265045"),
        ("DE", "DE123", None),
        ("", "DE123", "DE123"),
        ("DE", "/", "/"),
        ("DE", "ATU99999999", None),
    ],
)
def test_vat_numbers(odoo: Server, country: str, vat: str, stored: str | None) -> None:
    where = odoo.first("res.country", ["code", "=", country]) if country else False
    values = {"name": fresh("Vat"), "vat": vat, "country_id": where}
    made = odoo.call("res.partner", "create", vals_list=[values])
    if stored is None:
        assert (made.status, made.name) == (422, "odoo.exceptions.ValidationError")
        assert "does not seem to be valid" in made.message
        made = odoo.call("res.partner", "create", vals_list=[values], context={"no_vat_validation": True})
        stored = vat
    assert odoo.read("res.partner", made[0], "vat") == stored


HEAD = ("id", "partner_id/.id", "client_order_ref", "date_order")
LINE = ("id", "product_id/.id", "name", "product_uom_qty", "price_unit", "tax_ids/.id")
ORDER = (*HEAD, *(f"order_line/{name}" for name in LINE))


def _build_rows(
    odoo: Server, reference: str, partner: int, *, line_ids: bool = True, **changed: str
) -> list[list[str]]:
    lines = [(f"mkt.{reference}_{i}" if line_ids else "", price) for i, price in enumerate(("10.5", "3"))]
    product = str(odoo.first("product.product", ["type", "=", "service"], name="Service", type="service"))
    head = [f"mkt.{reference}", str(partner), reference, "2026-11-20 10:11:12"]
    rows = [
        [*(head if i == 0 else [""] * 4), xid, product, "Text", "2", price, ""] for i, (xid, price) in enumerate(lines)
    ]
    for name, value in changed.items():
        rows[0][[column.replace("/", "_") for column in ORDER].index(name)] = value
    return rows


def test_load_is_an_upsert_with_external_ids(odoo: Server) -> None:
    reference, partner = fresh("L"), odoo.new("res.partner", name=fresh("Buyer"))
    answers = [odoo.load("sale.order", *ORDER, rows=_build_rows(odoo, reference, partner)) for _ in range(2)]
    [order] = answers[0]["ids"]
    assert answers[1] == {"ids": [order], "messages": [], "nextrow": 0}
    assert odoo.read("sale.order", order, "amount_total", "date_order") == {
        "amount_total": 27.0, "date_order": "2026-11-20 10:11:12"}  # fmt: skip
    odoo.load("sale.order", *ORDER, rows=_build_rows(odoo, reference, partner, line_ids=False))
    assert odoo.read("sale.order", order, "amount_total") == 54.0  # lines without external ids are added again
    ours = [["module", "=", "mkt"], ["name", "=like", f"{reference}%"]]
    names = odoo.call("ir.model.data", "search_read", domain=ours, fields=["res_id", "model"], order="name")
    assert [row["model"] for row in names] == ["sale.order", "sale.order.line", "sale.order.line"]
    assert names[0]["res_id"] == order
    [same, again] = odoo.load("res.partner", "id", "name", rows=[["mkt.twice" + reference, "A"]] * 2)["ids"]
    assert same == again


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"partner_id_.id": ""}, "Missing required value for the field 'Customer' (partner_id)"),
        ({"order_line_product_id_.id": "99999999"}, "No matching record found for database id '99999999'"),
        ({"order_line_price_unit": "1,5"}, "'1,5' does not seem to be a number"),
        ({"date_order": "yesterday"}, "'yesterday' does not seem to be a valid datetime"),
    ],
)
def test_load_names_the_guilty_and_writes_nothing(odoo: Server, changed: dict[str, Any], message: str) -> None:
    references, partner = [fresh("L") for _ in range(3)], odoo.new("res.partner", name=fresh("Buyer"))
    rows = [
        row
        for i, name in enumerate(references)
        for row in _build_rows(odoo, name, partner, **(changed if i == 1 else {}))
    ]
    answer = odoo.load("sale.order", *ORDER, rows=rows)
    assert answer["ids"] is False
    assert {error["record"] for error in answer["messages"]} == {1}
    assert message in answer["messages"][-1]["message"]
    assert odoo.call("sale.order", "search", domain=[["client_order_ref", "in", references]]) == []


def test_unique_and_not_unique(odoo: Server) -> None:
    name = fresh("U")
    data = {"module": "mkt", "name": name, "model": "res.partner", "res_id": 1}
    refused = odoo.call("ir.model.data", "create", vals_list=[data, data])
    assert (refused.status, refused.name) == (422, "odoo.exceptions.ValidationError")
    assert "duplicate key value violates unique constraint" in refused.message
    twins = [{"name": name, "default_code": name}] * 2
    assert len(odoo.call("product.product", "create", vals_list=twins)) == 2
    coded = [{"name": name, "barcode": name}] * 2
    assert "Barcode(s) already assigned" in odoo.call("product.product", "create", vals_list=coded).message


def test_taxes(odoo: Server) -> None:
    tax = odoo.tax(19, included=False)
    assert odoo.call("account.tax", "write", ids=[tax], vals={"price_include": True}) is True
    assert odoo.read("account.tax", tax, "price_include") is False  # ignored in silence
    name = fresh("Tax")
    [twin] = odoo.call(
        "account.tax", "copy", ids=[tax], default={"name": name, "price_include_override": "tax_included"}
    )
    like = odoo.read("account.tax", tax, "tax_group_id", "country_id", "amount")
    assert odoo.read("account.tax", twin, *like) == like
    assert odoo.read("account.tax", twin, "price_include") is True
    assert "Tax names must be unique!" in odoo.call("account.tax", "create", vals_list=[{"name": name, **like}]).message
    abroad = odoo.first("res.country", ["code", "=", "FR"])
    refused = odoo.call("account.tax", "create", vals_list=[{**like, "name": fresh("T"), "country_id": abroad}])
    assert refused.message == "The tax group must have the same country_id as the tax using it."


# price, quantity, rate, inside the price -> (untaxed, tax, total) as Odoo 19 answered them
AMOUNTS = {
    "a line that a cent is lost on": ("EUR", [(10.0, 3, 19, True)], (25.21, 4.79, 30.0)),
    "cents that add up": ("EUR", [(9.99, 1, 19, True), (9.99, 1, 19, True), (9.99, 1, 19, True)], (25.18, 4.79, 29.97)),
    "an unrounded price": ("EUR", [(100 / 3, 3, 7, True)], (93.46, 6.54, 100.0)),
    "a discount that makes it free": ("EUR", [(3.33, 1, 19, True)] * 3 + [(-9.99, 1, 19, True)], (0.0, 0.0, 0.0)),
    "taxes on top": ("EUR", [(9.99, 1, 19, False), (9.99, 2, 7, False)], (29.97, 3.3, 33.27)),
    "no cents": ("JPY", [(100.0, 1, 19, True), (55.0, 3, 7, True)], (238.0, 27.0, 265.0)),
    "three decimals": ("BHD", [(1.2345, 3, 5, True)], (3.528, 0.176, 3.704)),
}


@pytest.mark.parametrize("case", AMOUNTS)
def test_amounts(odoo: Server, case: str) -> None:
    currency, lines, expected = AMOUNTS[case]
    money = odoo.first("res.currency", ["name", "=", currency])
    name = f"Parity {currency}"
    pricelist = odoo.first("product.pricelist", ["name", "=", name], name=name, currency_id=money)
    service = odoo.product(type="service", is_storable=False)
    order = odoo.order(
        *({"product_id": service, "price_unit": price, "product_uom_qty": quantity,
           "tax_ids": [[6, 0, [odoo.tax(rate, included=included)]]]} for price, quantity, rate, included in lines),
        pricelist_id=pricelist,
    )  # fmt: skip
    row = odoo.read("sale.order", order, "amount_untaxed", "amount_tax", "amount_total", "currency_id")
    assert row.pop("currency_id") == money
    assert tuple(round(value, 3) for value in row.values()) == expected
