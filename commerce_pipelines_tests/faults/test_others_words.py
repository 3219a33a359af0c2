"""Whatever the other side says in its own words is nowhere but sealed: one canary in every text, searched everywhere.

test_nothing_leaks.py searches for the buyers of the orders and for secrets. Odoo and marketplaces quote others, too:
a contact found by e-mail, a colleague, a street of somebody else. Masking what the order holds is not enough for them.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import dagster as dg
import pytest
from click.testing import CliRunner

from commerce_pipelines.channels.amazon.inventory import quantities as amazon
from commerce_pipelines.cli import orders as cli_orders
from commerce_pipelines.cli.main import main
from commerce_pipelines_tests.doubles.everywhere import Lanes, lanes
from commerce_sandbox import world as sandbox
from commerce_sandbox.server import Call, Fault

__all__ = ["lanes"]  # a fixture

CANARY = "Quillfeather"
WORDS = f'Zoe {CANARY}, O\'Malley "Weg" 7 - at `$.{CANARY} x`, +49 151 5550'
AMAZON, EBAY, SHOPIFY = sandbox.LANES
MANY = 10**6
LIMIT = 200  # of the tries at a fault that a run may make


class Trouble(NamedTuple):
    """What is said in one run. stock: in the lane of stock, not of orders; fails: whether the run does."""

    faults: Callable[[], list[Fault]]
    stock: bool = False
    fails: bool = True


def called(*parts: str) -> Callable[[Call], bool]:
    return lambda call: (
        "token" not in call.path and all(part in call.path or part.encode() in call.body for part in parts)
    )


def says(match: Callable[[Call], bool] | str, body: Any, status: int | None = None, **headers: str) -> list[Fault]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return [Fault(match=match, status=status, body=content, headers=named, times=MANY)]


REST = {"errors": [{"code": WORDS, "errorId": 25001, "message": WORDS, "longMessage": WORDS, "details": WORDS,
                    "parameters": [{"name": CANARY, "value": WORDS}]}]}  # fmt: skip
TOKEN = {"error": "invalid_grant", "error_description": WORDS}
TRADING = (
    '<?xml version="1.0"?><R xmlns="urn:ebay:apis:eBLBaseComponents"><Ack>Failure</Ack><Errors>'
    f"<ShortMessage>{CANARY}</ShortMessage><LongMessage>{CANARY}</LongMessage><ErrorCode>{CANARY} 7</ErrorCode>"
    f'<ErrorParameters ParamID="0"><Value>{CANARY}</Value></ErrorParameters></Errors></R>'
).encode()
GRAPHQL = {"errors": [{"message": WORDS, "path": [WORDS], "extensions": {"code": WORDS, "requiredAccess": WORDS}}]}
SIGNED = f"http://127.0.0.1:9/document?X-Amz-Signature={CANARY}"
TROUBLES: dict[str, dict[str, Trouble]] = {
    AMAZON: {
        "refused": Trouble(lambda: says(called("/orders/"), REST, 400)),
        "forbidden": Trouble(lambda: says(called("/orders/"), REST, 403)),
        "a value of no list": Trouble(lambda: says(called("/orders/"), {"orders": WORDS, "pagination": WORDS})),
        "a page of a proxy": Trouble(lambda: says(called("/orders/"), WORDS.encode(), 404, Content_Type=WORDS)),
        "a patch refused": Trouble(
            lambda: says(lambda call: call.method == "PATCH", {"sku": "x", "status": "INVALID", "issues": [
                {"code": WORDS, "message": WORDS, "severity": "ERROR", "attributeNames": [WORDS]}]}),
            stock=True, fails=False,
        ),
        "a signed URL at which nobody is": Trouble(
            lambda: says(called("/feeds/2021-06-30/documents"), {"feedDocumentId": "d", "url": SIGNED}, 201),
            stock=True, fails=False,
        ),
    },
    EBAY: {
        "refused": Trouble(lambda: says(called("/order"), REST, 400)),
        "unauthorised": Trouble(lambda: says(called("/order"), REST, 401)),
        "the Trading API": Trouble(lambda: says(called("/ws/api.dll"), TRADING, Content_Type="text/xml"), stock=True),
    },
    SHOPIFY: {
        "errors beside data": Trouble(lambda: says(called("graphql"), GRAPHQL)),
        "errors as a text": Trouble(lambda: says(called("graphql"), {"errors": WORDS})),
        "refused": Trouble(lambda: says(called("graphql"), {"errors": WORDS}, 403)),
        "an answer of another shape": Trouble(lambda: says(called("graphql"), {"data": {"orders": WORDS}})),
        "a version with a reason": Trouble(
            lambda: says(called("graphql"), {"errors": WORDS}, X_Shopify_API_Version=WORDS,
                         X_Shopify_API_Deprecated_Reason=WORDS)
        ),
        "errors of items": Trouble(
            lambda: says(called("inventorySetQuantities"), {"data": {"inventorySetQuantities": {"userErrors": [
                {"code": WORDS, "field": [WORDS], "message": WORDS}]}}}),
            stock=True, fails=False,
        ),
    },
}  # fmt: skip


def odoo_body(name: str) -> bytes:
    data = {"name": name, "message": WORDS, "debug": f"Traceback …\n{WORDS}", "arguments": [WORDS]}
    error = {"code": 0, "message": WORDS, "data": data}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()


def odoo_says(name: str, *, method: str, model: str) -> list[Fault]:
    called_so = f'"{model}", "{method}"'.encode()
    return says(lambda call: called_so in call.body, odoo_body(name))


def about_a_buyer(call: Call) -> bool:
    return b'"res.partner", "load"' in call.body and b"guest" not in call.body


CLASSES = ("odoo.exceptions.ValidationError", f"odoo.exceptions.{WORDS}", "psycopg2.errors.UniqueViolation",
           "builtins.TypeError")  # fmt: skip
MESSAGES = [{"type": "error", "record": 0, "field": WORDS, "message": WORDS, "moreinfo": WORDS}]
NO_ENTRY = "odoo.exceptions.AccessError"
ODOO: dict[str, Trouble] = {
    "of a partner": Trouble(
        lambda: [Fault(match=about_a_buyer, body=odoo_body("odoo.exceptions.UserError"), times=MANY)], fails=False
    ),
    "forbidden": Trouble(lambda: odoo_says(NO_ENTRY, method="load", model="sale.order")),
    "its database": Trouble(lambda: odoo_says("psycopg2.DataError", method="search_read", model="ir.model.data")),
    "a reading": Trouble(lambda: odoo_says("builtins.ValueError", method="search_read", model="ir.model.data")),
    **{
        name: Trouble(lambda name=name: odoo_says(name, method="load", model="sale.order"), fails=False)  # type: ignore[misc]
        for name in CLASSES
    },
    "messages of load()": Trouble(
        lambda: says(lambda call: b'"sale.order", "load"' in call.body,
                     {"jsonrpc": "2.0", "id": 1, "result": {"ids": False, "messages": MESSAGES}}),
        fails=False,
    ),
    "at confirming": Trouble(
        lambda: odoo_says("odoo.exceptions.UserError", method="action_confirm", model="sale.order"), fails=False
    ),
}  # fmt: skip


@contextmanager
def storage(lanes: Lanes) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(lanes.folder), {"telemetry": {"enabled": False}}) as instance:
        yield instance


def leaks(lanes: Lanes, printed: str) -> list[str]:
    places = {**dict(lanes.stored()), "printed": printed.encode()}
    assert b"sale_orders" in b"".join(places.values()) or b"published_inventory" in b"".join(places.values())
    return [place for place, content in places.items() if CANARY.encode() in content]


@pytest.mark.parametrize("name", sandbox.LANES)
def test_a_marketplace_is_quoted_nowhere(
    lanes: Lanes, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = lanes.world.channels[name]
    with storage(lanes) as instance:
        for what, trouble in TROUBLES[name].items():
            monkeypatch.setattr(amazon, "MOST_PATCHES", MANY if what == "a patch refused" else 0)
            before = len(lanes.said)
            server.faults += (faults := trouble.faults())
            run = lanes.run_stock if trouble.stock else lanes.run
            assert run(instance, name) is not trouble.fails, what
            assert all(MANY - LIMIT < fault.times < MANY for fault in faults), what
            server.faults.clear()
            assert len(lanes.said) == before + trouble.fails, what
            assert not trouble.fails or lanes.said[-1].startswith((name, "Shopify", "The answer", "Amazon")), what
        with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM commerce.tokens")
        server.faults += says("token", TOKEN, 400)
        assert not lanes.run(instance, name)
        assert "invalid_grant (" in lanes.said[-1] or name == SHOPIFY
        assert "invalid_grant" in lanes.said[-1]
        assert leaks(lanes, "".join(capfd.readouterr())) == []


def test_odoo_is_quoted_nowhere_but_to_who_asks_for_it(
    lanes: Lanes, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_orders, "_open_connections", lambda: lanes.connections)
    shell = CliRunner()
    with storage(lanes) as instance:
        for what, trouble in ODOO.items():
            lanes.world.odoo.faults += (faults := trouble.faults())
            assert lanes.run(instance, SHOPIFY) is not trouble.fails, what
            assert all(fault.times < MANY for fault in faults), what
            lanes.world.odoo.faults.clear()
            if not trouble.fails:
                record, command = refused(lanes)
                assert CANARY in shell.invoke(main, command).output, what
                assert CANARY not in shell.invoke(main, command[:-1]).output
        shown = shell.invoke(main, ["exceptions", "list", SHOPIFY]).output
        shown += shell.invoke(main, ["exceptions", "show", SHOPIFY, record]).output
        assert leaks(lanes, "".join(capfd.readouterr()) + shown) == []
        with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT subject_id FROM commerce.words WHERE record_id = %s", (record,))
            lanes.connections.vault.destroy(connection, [bytes(subject) for (subject,) in cursor.fetchall()])
        assert CANARY not in shell.invoke(main, command).output
        assert lanes.run(instance, SHOPIFY)
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(  # gone with their cause
            "SELECT record_id FROM commerce.words w WHERE NOT EXISTS (SELECT FROM commerce.exceptions e"
            " WHERE e.record_id = w.record_id AND e.resolved_at IS NULL AND e.note = '')"
        )
        assert cursor.fetchall() == []


def refused(lanes: Lanes) -> tuple[str, list[str]]:
    """An order that waits, and the command that its reason names."""
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT record_id, message, fix FROM commerce.exceptions WHERE resolved_at IS NULL"
            " AND code IN ('refused_by_odoo', 'partner_refused') ORDER BY 1"
        )
        record, message, fix = cursor.fetchall()[0]
    assert message.startswith(("Odoo refuses the order, in sale.order.", "Odoo does not accept the buyer"))
    command = fix.rpartition("`commerce-pipelines ")[2].partition("`")[0].split()
    assert command == ["trace", SHOPIFY, record, "--personal"]
    return record, command


def test_postgresql_and_the_program_are_quoted_nowhere(
    lanes: Lanes, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that a constraint refuses stands in the error's DETAIL; an error that nobody foresaw quotes a value."""
    with storage(lanes) as instance:
        for table in ("commerce.orders", "commerce.sale_orders"):
            execute(
                lanes,
                "CREATE FUNCTION commerce.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION"
                f" '{CANARY}' USING ERRCODE = '23514', DETAIL = 'Failing row contains ({CANARY})'; END $$;"
                f" CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION commerce.refuse()",
            )
            try:
                assert not lanes.run(instance, SHOPIFY)
            finally:
                execute(lanes, f"DROP TRIGGER refuse ON {table}; DROP FUNCTION commerce.refuse()")
            assert "CheckViolation (23514" in lanes.said[-1]
            assert "(commerce_pipelines/warehouse/" in lanes.said[-1]
        monkeypatch.setattr("commerce_pipelines.flows.orders.stage.stage", stumble)
        assert not lanes.run(instance, SHOPIFY)
        assert lanes.said[-1].startswith(
            "An error of the program: KeyError in staged_orders (commerce_pipelines/assets/"
        )
        assert leaks(lanes, "".join(capfd.readouterr())) == []
    sensor = next(s for s in lanes.definitions.sensors or () if s.name == f"{SHOPIFY}_new_orders")
    monkeypatch.setattr("commerce_pipelines.flows.intake.changes.poll", stumble)
    with pytest.raises(Exception, match="An error of the program: KeyError") as failed:
        sensor(dg.build_sensor_context(resources={"connections": lanes.connections}))
    assert CANARY not in "".join(traceback.format_exception(failed.value))


def execute(lanes: Lanes, statement: str) -> None:
    with lanes.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def stumble(*_: Any, **__: Any) -> None:
    try:
        raise ValueError(WORDS)
    except ValueError as error:
        error.add_note(WORDS)
        raise KeyError(WORDS) from error
