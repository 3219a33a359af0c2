"""The audit: written by the tables themselves, and never changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
from click.testing import CliRunner

from commerce_pipelines.cli.main import main
from commerce_pipelines.warehouse import audit
from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines.warehouse.tables.database import ACTOR, Warehouse
from commerce_pipelines_tests.conftest import MASTER_KEY, fresh_database

PAGE = Path(__file__).parents[2] / "docs" / "decisions" / "0015-audit.md"
SALE = """INSERT INTO commerce.sale_orders (channel, order_id, day, digest, action, odoo_id, name, state, currency,
    total, amount_total, amount_tax, rounding, regime, tax_country, warehouse, evidence, base, code, message, loaded_at)
    VALUES ('shop_de', %s, '2026-11-20', '', %s, 7, 'S1', 'sale', 'EUR', 1, 1, 0, 0, '', '', '', '{}', '', '', '',
    now())"""


@pytest.fixture
def since(warehouse: Warehouse) -> int:
    """The newest row of an earlier test: the audit is never emptied."""
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM commerce.audit")
        (number,) = cursor.fetchone() or (0,)
    return int(number)


def read(warehouse: Warehouse, since: int) -> list[tuple[str, str, str, str]]:
    with warehouse.transaction() as connection:
        return [(row.actor, row.action, row.account, row.record) for row in audit.read(connection) if row.id > since]


def test_who_did_what_is_written_by_the_tables_themselves(
    warehouse: Warehouse, since: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ACTOR, "run 4711")
    run = Warehouse(warehouse.url, MASTER_KEY)
    with run.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(SALE, ("A1", "created"))
        cursor.execute(SALE, ("A2", "unchanged"))
        cursor.execute(SALE, ("A3", "cancelled"))
    with run.transaction() as connection, connection.cursor() as cursor:  # a run that looks at them again
        cursor.execute("DELETE FROM commerce.sale_orders")
        cursor.execute(SALE, ("A1", "unchanged"))
        cursor.execute(SALE, ("A3", "cancelled"))
        cursor.execute("UPDATE commerce.sale_orders SET base = 'x', action = 'created'")  # no load: nothing is told
        cursor.execute(
            "UPDATE commerce.sale_orders SET action = 'changed', loaded_at = '2026-11-21' WHERE order_id = 'A1'"
        )
        cursor.execute(
            "INSERT INTO commerce.exceptions (channel, topic, record_id, stage, note, code, message, fix, subject, day,"
            " run_id, first_seen, last_seen) VALUES ('shop_de', 'orders', 'A4', 'load', '', 'unknown_sku', '', '', '',"
            " NULL, '', now(), now())"
        )
        cursor.execute("UPDATE commerce.exceptions SET retry_at = now()")  # a run's own, not a person's
    run.close()
    monkeypatch.setenv(ACTOR, "person anna: exceptions")
    person = Warehouse(warehouse.url, MASTER_KEY)
    with person.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE commerce.exceptions SET retry_at = now() + interval '1 minute'")
        cursor.execute("INSERT INTO commerce.accepted_orders VALUES ('shop_de', 'A5', now())")
        cursor.execute("INSERT INTO commerce.holds (target, kind, held_at, run_id, reasons)"
                       " VALUES ('shop_de', 'quantity', now(), '', '')")  # fmt: skip
        cursor.execute("UPDATE commerce.holds SET released_at = now(), released_by = 'anna' RETURNING id::text")
        (hold,) = cursor.fetchone() or ("",)
    person.close()
    assert read(warehouse, since) == [
        ("run 4711", "sale order created", "shop_de", "A1"),
        ("run 4711", "sale order cancelled", "shop_de", "A3"),
        ("run 4711", "sale order changed", "shop_de", "A1"),
        ("person anna: exceptions", "replayed", "shop_de", "A4"),
        ("person anna: exceptions", "accepted", "shop_de", "A5"),
        ("person anna: exceptions", "released", "shop_de", hold),
    ]


def test_calls_to_a_channel_are_told_and_quantities_are_counted(warehouse: Warehouse, since: int) -> None:
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        for number, (kind, key) in enumerate((("shipment", "P1"), ("quantity", "SKU-1"), ("quantity", "SKU-2")), 1):
            cursor.execute(
                "INSERT INTO commerce.effects (sequence, target, kind, key, manner, body, digest, token, status,"
                " run_id, planned_at) VALUES (%s, 'shop_de', %s, %s, 'set', '{}', '', '', 'sent', '', now())",
                (number, kind, key),
            )
            cursor.execute(
                "INSERT INTO commerce.attempts (effect, number, run_id, started_at) VALUES (%s, 1, '', now())",
                (number,),
            )
        cursor.execute("UPDATE commerce.attempts SET outcome = 'accepted'")
        cursor.execute("UPDATE commerce.attempts SET code = 'x'")
    with warehouse.transaction() as connection:
        rows = [(row.action, row.record, row.details["count"]) for row in audit.read(connection) if row.id > since]
    assert rows == [("quantity accepted", "", 2), ("shipment accepted", "P1", 1)]


@pytest.mark.parametrize("statement", ["UPDATE commerce.audit SET actor = 'x'", "DELETE FROM commerce.audit",
                                       "TRUNCATE commerce.audit"])  # fmt: skip
def test_no_row_is_ever_changed(warehouse: Warehouse, statement: str) -> None:
    with warehouse.transaction() as connection:
        audit.note(connection, "exported", account="shop_de", records=["A1"])
    with closing(psycopg2.connect(libpq_url(warehouse.url))) as connection, connection.cursor() as cursor:
        with pytest.raises(psycopg2.Error, match="append-only"):
            cursor.execute(statement)


@pytest.fixture
def handed_over(server_url: str) -> Iterator[tuple[str, str]]:
    """A database whose audit belongs to another role, as the decision's own statements make it: (url of the product's
    role, url of an administrator)."""
    name, role = "test_audit_owner", "test_audit_product"
    with fresh_database(server_url, name) as url, closing(psycopg2.connect(libpq_url(url))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP ROLE IF EXISTS {role}; DROP ROLE IF EXISTS commerce_auditor")
            cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE {name} TO {role}")
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        own = urlunsplit(parts._replace(netloc=f"{role}:x@{host}"))
        product = Warehouse(own, MASTER_KEY)
        product.migrate()
        product.close()
        sql = PAGE.read_text().split("```sql")[1].split("```")[0].replace("commerce_pipelines", role)
        with connection.cursor() as cursor:
            cursor.execute(sql)
        yield own, url
        with connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}, commerce_auditor CASCADE; DROP ROLE {role}, commerce_auditor")


def test_the_product_s_own_role_may_only_add_once_it_is_handed_over(handed_over: tuple[str, str]) -> None:
    own, _ = handed_over
    warehouse = Warehouse(own, MASTER_KEY)
    with warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute(SALE, ("A1", "created"))
        audit.note(connection, "exported", records=["A1"])
    assert [action for _, action, _, _ in read(warehouse, 0)] == ["sale order created", "exported"]
    warehouse.close()
    for statement in (
        "DELETE FROM commerce.audit", "UPDATE commerce.audit SET actor = ''", "TRUNCATE commerce.audit",
        "ALTER TABLE commerce.audit DISABLE TRIGGER ALL", "DROP TABLE commerce.audit",
        "DROP FUNCTION commerce.refuse_change() CASCADE", "DROP TRIGGER append_only ON commerce.audit",
    ):  # fmt: skip
        with closing(psycopg2.connect(libpq_url(own))) as connection, connection.cursor() as cursor:
            with pytest.raises(psycopg2.Error):
                cursor.execute(statement)


def test_the_command_exports_lines(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMERCE_DATABASE_URL", warehouse.url)
    monkeypatch.setenv("COMMERCE_MASTER_KEY", base64.urlsafe_b64encode(MASTER_KEY).decode())
    monkeypatch.setenv(ACTOR, "")
    with warehouse.transaction() as connection:
        audit.note(connection, "exported", account="shop_de", topic="orders", records=["Z-9"])
    result = CliRunner().invoke(main, ["audit", "--record", "Z-9", "--json"])
    event = json.loads(result.output.splitlines()[-1])
    assert (event["action"], event["account"], event["record"]) == ("exported", "shop_de", "Z-9")
    assert "Z-9" in CliRunner().invoke(main, ["audit", "--channel", "shop_de"]).output
    assert "Z-9" not in CliRunner().invoke(main, ["audit", "--to", "2020-01-01"]).output
