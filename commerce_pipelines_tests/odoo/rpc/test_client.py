"""The client over both APIs: logins, errors, what is repeated and what is not."""

from __future__ import annotations

import logging
import secrets
from decimal import Decimal
from pathlib import Path

import pytest

from commerce_pipelines.core.errors import CredentialError, ProtocolError, SettingsError, TransientError
from commerce_pipelines.domain.fulfilment.rules import FulfilmentRules
from commerce_pipelines.domain.sales.draft import slug
from commerce_pipelines.domain.sales.rules import Route, SaleRules, TaxMapping
from commerce_pipelines.odoo.readiness import offers, verify_names, verify_rights
from commerce_pipelines.odoo.reference.products import find_products
from commerce_pipelines.odoo.rpc import errors
from commerce_pipelines.odoo.rpc.errors import OdooRefusal
from commerce_pipelines.odoo.rpc.load import load_records, read_ids, xid
from commerce_pipelines_tests.doubles.odoo import World
from commerce_pipelines_tests.odoo.conftest import Connect
from commerce_pipelines_tests.odoo.sales.test_changes import kit_of


def test_the_version_is_read_once_the_login_works(world: World) -> None:
    assert world.client.version().startswith("19.")


def test_a_wrong_password(connected: Connect) -> None:
    with pytest.raises(CredentialError, match=r"odoo\.password"):
        connected(password="wrong").version()


def test_an_unknown_database(connected: Connect) -> None:
    with pytest.raises((SettingsError, CredentialError)):
        connected(database="no_such_database").version()


def test_an_unknown_company(connected: Connect) -> None:
    with pytest.raises(SettingsError, match=r"odoo\.company"):
        connected(company="No Such Company").version()


def test_nobody_listens(connected: Connect) -> None:
    with pytest.raises(TransientError):
        connected(url="http://127.0.0.1:9").version()


def test_what_odoo_refuses_and_what_it_does_not_know(world: World) -> None:
    world.create("res.partner", name="One")
    with pytest.raises(OdooRefusal):
        world.create("account.tax", name="No country", amount=1, type_tax_use="sale", tax_group_id=10**8)
    with pytest.raises(ProtocolError, match="no_such_field"):
        world.call("sale.order", "search_read", domain=[], fields=["no_such_field"])


def test_reads_are_repeated_and_writes_are_not(world: World) -> None:
    world.transport.lose[("res.partner", "search_count")] = 2
    assert world.client.call("res.partner", "search_count", domain=[["id", "=", 0]]) == 0
    world.transport.lose[("res.partner", "create")] = 1
    with pytest.raises(TransientError):
        world.client.call("res.partner", "create", vals_list=[{"name": "Once"}])


def test_collisions_are_repeated_and_counted(world: World) -> None:
    """Whether load() reports one in its messages or Odoo as an error of the call; lost answers are none."""
    busy, place = "could not serialize access due to concurrent update", {"where": "m.f", "user": "u", "database": "x"}
    inner, answers = world.transport.inner.call, [
        {"ids": False, "messages": [{"type": "error", "message": busy}]},
        errors.from_answer("psycopg2.errors.SerializationFailure", busy, **place),
        errors.from_answer("psycopg2.errors.DeadlockDetected", "deadlock detected", **place),
        TransientError("the answer was lost"),
    ]  # fmt: skip

    def collide(model: str, method: str, ids: object, named: dict[str, object]) -> object:
        if method != "load" or not answers:
            return inner(model, method, ids, named)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.transport.inner.call = collide
    try:
        name = f"collided_{secrets.token_hex(4)}"
        ids, refused = load_records(world.client, "res.partner", ["id", "name"], {1: [[xid(name), "Ada"]]})
    finally:
        world.transport.inner.call = inner
    assert (len(ids), refused, answers) == (1, {}, [])
    assert world.client.collisions.count == 3
    assert read_ids(world.client, "res.partner", [name]) == {name: ids[1]}


@pytest.mark.parametrize(
    ("name", "message", "expected"),
    [
        ("odoo.exceptions.AccessDenied", "Access Denied", CredentialError),
        ("odoo.exceptions.AccessError", "You are not allowed to modify x", CredentialError),
        ("odoo.exceptions.ValidationError", "Tax names must be unique!", OdooRefusal),
        ("psycopg2.errors.SerializationFailure", "could not serialize access due to concurrent update", errors.Busy),
        ("odoo.exceptions.ValidationError", "could not serialize access due to concurrent update", errors.Busy),
        ("psycopg2.errors.UniqueViolation", "duplicate key value", OdooRefusal),
        ("psycopg2.OperationalError", 'database "x" does not exist', SettingsError),
        ("psycopg2.OperationalError", "server closed the connection unexpectedly", TransientError),
        ("builtins.ValueError", "Invalid field 'x' on 'y'", ProtocolError),
    ],
)
def test_what_an_error_means(name: str, message: str, expected: type[Exception]) -> None:
    error = errors.from_answer(name, message, where="m.f", user="u", database="x")
    assert type(error) is expected


SAYS = "Zoe Quillfeather (zoe@example.com, Weg 1)"


@pytest.mark.parametrize(
    ("name", "message", "sentence"),
    [
        ("odoo.exceptions.UserError", SAYS,
         "Odoo refuses m.f (UserError): a rule of Odoo or of one of its modules says no."),
        ("odoo.exceptions.ValidationError", f"{SAYS}: VAT must be unique!",
         "Odoo refuses m.f (ValidationError): a value that must be unique is taken."),
        ("odoo.exceptions.ValidationError", f"Missing required value for the field 'Zoe' (street) {SAYS}",
         "Odoo refuses m.f (ValidationError, field street): a required field is empty."),
        ("odoo.exceptions.UserError", "You cannot cancel a locked order. Please unlock it first.",
         "Odoo refuses m.f (UserError): the order is locked: unlock it in Odoo."),
        ("psycopg2.errors.NotNullViolation", f'null value in column "city" of relation "x"\nDETAIL: ({SAYS})',
         "Odoo refuses m.f (NotNullViolation, field city): a required field is empty."),
        ("odoo.exceptions.AccessError",
         f"You are not allowed to modify 'Contact' (res.partner) records.\n\nRecords: {SAYS}",
         "Odoo refuses u to modify records of res.partner (in m.f). Give the user the groups that docs/run-for-real.md "
         "lists."),
        ("builtins.ValueError", f"Invalid field 'no_such' on 'sale.order' {SAYS}",
         "Odoo failed in m.f over the field no_such (ValueError). Is this an Odoo 19 with the modules of "
         "docs/run-for-real.md? Its own log has the rest."),
        (f"builtins.{SAYS}", SAYS,
         "Odoo failed in m.f (an error). Is this an Odoo 19 with the modules of docs/run-for-real.md? Its own log has "
         "the rest."),
    ],
)  # fmt: skip
def test_an_error_is_told_in_our_words_and_odoos_are_sealed(name: str, message: str, sentence: str) -> None:
    error = errors.from_answer(name, message, where="m.f", user="u", database="x")
    assert str(error) == sentence
    assert error.words.reveal() == message


def test_a_message_of_load_names_its_field() -> None:
    message = {"field": "partner_id", "message": f"No matching record found for external id '{SAYS}'"}
    refusal = errors.refusal_of_load("sale.order", message)
    assert refusal.what == "sale.order.load (field partner_id): it names a record that Odoo does not have"
    assert errors.refusal_of_load("sale.order", {"field": SAYS, "message": SAYS}).what.startswith("sale.order.load: ")


def test_no_password_and_no_argument_is_logged(
    world: World, connected: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """odoorpc prints each call's arguments at DEBUG, the password among them, whatever level its logger is given."""
    for name in ("odoorpc", "odoorpc.rpc.jsonrpclib", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.set_level(logging.DEBUG)
    connected().version()
    with pytest.raises(CredentialError):
        connected(password="Quillfeather").version()
    assert "Quillfeather" not in caplog.text
    assert "execute_kw" not in caplog.text
    assert "/json/2/" not in caplog.text


def test_netrc_is_not_read(world: World, connected: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """requests would send its password in place of ours."""
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert connected().version().startswith("19.")


def test_the_first_of_a_rejected_batch_is_not_blamed_for_another(world: World) -> None:
    """Odoo names the whole batch's error under its first record, besides the guilty one."""
    taken = f"Tax {secrets.token_hex(4)}"
    world.create("account.tax", name=taken, amount=1, type_tax_use="sale")
    names = [f"{taken} a", f"{taken} b", taken, f"{taken} c", taken]
    rows = {i: [[xid(f"test_{slug(taken)}_{i}"), name, "1", "sale"]] for i, name in enumerate(names)}
    ids, refused = load_records(world.client, "account.tax", ["id", "name", "amount", "type_tax_use"], rows)
    assert (sorted(ids), sorted(refused)) == ([0, 1, 3], [2, 4])
    assert all("unique" in str(error) for error in refused.values())


def test_products_by_code(world: World) -> None:
    plain = world.product(stock=None)
    archived = world.product(stock=None, active=False)
    service = world.product(stock=None, type="service", is_storable=False, sale_ok=False)
    kit = kit_of(world, (plain, 2))
    world.product(stock=None, default_code=plain[1])
    products = find_products(world.client, [plain[1], archived[1], service[1], kit[1], "never-seen", ""])
    assert sorted(products) == sorted(product[1] for product in (plain, archived, service, kit))
    assert len(products[plain[1]]) == 2
    assert [(product.active, product.stored, product.kit) for product in products[archived[1]]] == [
        (False, True, False)
    ]
    assert [(product.saleable, product.stored, product.kit) for product in products[service[1]]] == [
        (False, False, False)
    ]
    assert [(product.product_id, product.kit) for product in products[kit[1]]] == [(kit[0], True)]
    assert products[plain[1]][0].rates == (190_000,)


def test_products_whatever_their_case(world: World) -> None:
    wanted, code = world.product(stock=None)
    special = f"{code}_50%"
    exact = world.product(stock=None, default_code=special)[0]
    world.product(stock=None, default_code=f"{code}x50y")  # what _ and % would match as wildcards
    products = find_products(world.client, [code.lower(), special.lower(), "never-seen"], fold_case=True)
    assert {key: [element.product_id for element in value] for key, value in products.items()} == {
        code.lower(): [wanted], special.lower(): [exact],
    }  # fmt: skip
    assert find_products(world.client, [code.lower()]) == {}


class Channel(SaleRules, kw_only=True, frozen=True):
    name: str
    fulfilment: FulfilmentRules = FulfilmentRules()


def test_names_in_settings_that_odoo_lacks(world: World) -> None:
    taxes = (TaxMapping(country="DE", rate=Decimal(19), tax="nonesuch"),)
    channel = Channel(
        name="shop", sales_team="No team", warehouse="No house", carriers={"std": "No carrier"}, tags=("no tag",),
        routes=(Route(warehouse="No route"),), analytic={"No account": 100}, pricelists={"USD": "No list"},
        fiscal_positions={"export": "No position"}, taxes=taxes,
    )  # fmt: skip
    problems = verify_names(world.client, [channel])
    assert [problem.partition(":")[0] for problem in problems] == [
        "channels[shop].analytic", "channels[shop].carriers.std", "channels[shop].fiscal_positions.export",
        "channels[shop].pricelists.USD", "channels[shop].routes[0].warehouse", "channels[shop].sales_team",
        "channels[shop].tags", "channels[shop].taxes[0].tax", "channels[shop].warehouse",
    ]  # fmt: skip
    house = world.call("stock.warehouse", "search_read", domain=[], fields=["code"], limit=1)[0]["code"]
    assert verify_names(world.client, [Channel(name="shop", warehouse=house)]) == []


def test_rights_and_offers(world: World) -> None:
    assert verify_rights(world.client) == []
    offered = offers(world.client)
    # Where Odoo has several companies the titles go on with " of COMPANY".
    assert any(names for title, names in offered.items() if title.startswith("warehouses"))
    taxes = [name for title, names in offered.items() if title.startswith("sale taxes") for name in names]
    assert any(name.endswith("(excluded)") for name in taxes)
