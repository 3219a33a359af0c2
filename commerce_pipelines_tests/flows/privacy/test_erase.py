"""A person is erased: in Odoo, in the landing, and for good."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
import pytest

from commerce_pipelines.core.errors import PermanentError, TransientError
from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Address, Buyer, Order, OrderStatus, business_day
from commerce_pipelines.flows.intake.changes import Cursor, poll
from commerce_pipelines.flows.intake.pull import pull
from commerce_pipelines.flows.lineage import replay
from commerce_pipelines.flows.privacy.erase import Result, erase, plan, resume
from commerce_pipelines.flows.privacy.export import export
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.warehouse.privacy import requests
from commerce_pipelines.warehouse.server.server import libpq_url
from commerce_pipelines_tests.doubles.lane import RUN, ZONE, Lane, Server, later, numbered
from commerce_pipelines_tests.doubles.persons import buy_everywhere, make_person, on_three_channels
from commerce_pipelines_tests.flows.conftest import open_administrator, settings_of

STREET = f"Kanarienweg {RUN}"


def person(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name and e-mail address of nobody else's."""
    (number,) = numbered(request)
    return f"Kanari {number}", f"{number.lower()}@example.com"


def buy(lane: Lane, order_id: str, name: str, email: str, **more: Any) -> Order:
    buyer = Buyer(name=name, email=email, phone="+49 30 1234567")
    place = Address(name=name, street=STREET, city="Berlin", postcode="10115", country="DE", phone="+49 30 1234567")
    order = lane.order(order_id, buyer=buyer, shipping=place, **more)
    lane.put(order)
    return order


def ship(odoo: Server, lane: Lane, order_id: str) -> None:
    client = open_administrator(odoo)
    [sale] = lane.sales(order_id)
    answer = client.call("stock.picking", "button_validate", ids=sale["picking_ids"], context={"skip_sms": True})
    assert answer is True


def invoice(odoo: Server, lane: Lane, order_id: str, *, posted: bool = True) -> None:
    client = open_administrator(odoo)
    [sale] = lane.sales(order_id)
    values = {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [sale["id"]]]]}
    wizard = client.call("sale.advance.payment.inv", "create", vals_list=[values])
    client.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    [row] = client.call("sale.order", "read", ids=[sale["id"]], fields=["invoice_ids"], load=None)
    if posted:
        client.call("account.move", "action_post", ids=row["invoice_ids"])


def contacts(odoo: Server, lane: Lane, order_id: str) -> list[dict[str, Any]]:
    """The contact of an order with its addresses, archived ones too."""
    [sale] = lane.sales(order_id)
    fields = ["name", "email", "phone", "street", "zip", "active"]
    return list(
        open_administrator(odoo).call(
            "res.partner", "search_read", domain=[["id", "child_of", sale["partner_id"]]], fields=fields, load=None,
            context={"active_test": False},
        )
    )  # fmt: skip


def forget(lane: Lane, **identity: str) -> Result:
    return erase(lane.connections, plan(lane.connections, Identity(**identity)), "tests")


def raw_of(lane: Lane, order_id: str) -> bytes | None:
    return lane.connections.landing(lane.name, Topic.ORDERS).newest_of([order_id])[order_id].raw


def test_a_person_with_two_orders_is_gone_and_the_money_stays(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    name, email = person(request)
    first, second = f"A-{email[:-12]}", f"B-{email[:-12]}"
    other = f"C-{email[:-12]}"
    buy(lane, first, name, email)
    buy(lane, second, name, email)
    buy(lane, other, "Somebody Else", f"else-{email}")
    lane.run()
    for order_id in (first, second):
        ship(odoo, lane, order_id)
    before = lane.prove().whole

    result = forget(lane, email=email.upper())
    assert result.done
    assert result.certificate["orders"] == {lane.name: 2}
    assert result.certificate["left"] == result.certificate["kept"] == []
    for order_id in (first, second):
        for row in contacts(odoo, lane, order_id):
            assert (row["name"], row["email"], row["phone"], row["street"], row["zip"], row["active"]) == (
                "Erased", False, False, False, False, False,
            )  # fmt: skip
        assert raw_of(lane, order_id) is None
    assert raw_of(lane, other) is not None
    assert any(row["email"] == f"else-{email}" and row["active"] for row in contacts(odoo, lane, other))
    assert name not in str(result.certificate)
    assert email not in str(result.certificate)

    after = lane.prove().whole
    assert (after.complete, after.odoo_total) == (True, before.odoo_total)
    for nobody in (Identity(email=f"nobody-{email}"), Identity(channel=lane.name, order_id="NO-SUCH-ORDER")):
        with pytest.raises(PermanentError, match="Nothing is known"):
            plan(lane.connections, nobody)


def test_nothing_brings_the_person_back(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    order = buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    assert forget(lane, email=email).done
    sales = lane.sales(order_id)
    # A later poll without the address, and one with it; each followed by a replay, and by a backfill.
    for late in (later(order, buyer=Buyer(name=name)), later(later(order))):
        lane.put(late)
        since = Cursor(watermark=lane.noon - timedelta(minutes=5))
        _, landed = poll(lane.connections, lane.name, since, budget=60)
        assert (landed.seen, landed.new) == (1, 0)
        replay(lane.connections, lane.name, record_ids=[order_id])
        lane.run(pulled=False)
        lane.run()
    assert raw_of(lane, order_id) is None
    assert [row["name"] for row in contacts(odoo, lane, order_id)] == ["Erased"] * len(contacts(odoo, lane, order_id))
    assert lane.sales(order_id) == sales

    # Who buys again is a new contact.
    again = f"B-{email[:-12]}"
    now = lane.connections.instruments.now()
    lane.put(lane.order(again, buyer=Buyer(name=name, email=email), placed_at=now, updated_at=now))
    lane.day = business_day(now, ZONE)
    lane.run()
    [old], [new] = sales, lane.sales(again)
    assert new["partner_id"] != old["partner_id"]
    assert raw_of(lane, again) is not None


def test_an_order_that_named_no_address_at_first_goes_too(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    """One answer was filed under the order, the next under the address: one person."""
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    order = buy(lane, order_id, name, "")
    lane.run()
    lane.put(later(order, buyer=Buyer(name=name, email=email)))
    lane.run()
    ship(odoo, lane, order_id)
    assert forget(lane, email=email).done
    connection = psycopg2.connect(libpq_url(lane.connections.warehouse.url))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM commerce.snapshots s JOIN commerce.subject_keys k USING (subject_id)"
            " WHERE s.record_id = %s AND k.wrapped_key IS NOT NULL", (order_id,),
        )  # fmt: skip
        assert cursor.fetchone() == (0,)
    connection.close()


def test_a_guest_is_erased_by_the_order_and_other_guests_stay(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    _, email = person(request)
    first, second = f"A-{email[:-12]}", f"B-{email[:-12]}"
    place = Address(street=STREET, city="Berlin", postcode="10115", country="DE")
    for order_id, street in ((first, STREET), (second, f"{STREET} 2")):
        lane.put(lane.order(order_id, buyer=Buyer(), shipping=msgspec.structs.replace(place, street=street)))
    lane.run()
    ship(odoo, lane, first)
    ship(odoo, lane, second)
    planned = plan(lane.connections, Identity(channel=lane.name, order_id=first))
    assert planned.orders == {lane.name: 1}
    assert erase(lane.connections, planned, "tests").done
    streets = {row["street"] for row in contacts(odoo, lane, second)}
    assert f"{STREET} 2" in streets
    assert STREET not in streets
    assert raw_of(lane, second) is not None


def test_an_open_delivery_lets_it_wait_until_it_is_done(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    result = forget(lane, email=email)
    assert not result.done
    assert {reason["code"] for reason in result.certificate["waits"]} == {"delivery_open"}
    assert raw_of(lane, order_id) is not None
    assert all(row["active"] for row in contacts(odoo, lane, order_id))
    assert result.number in [row.number for row in resume(lane.connections) if not row.done]

    ship(odoo, lane, order_id)
    assert result.number in [row.number for row in resume(lane.connections) if row.done]
    assert raw_of(lane, order_id) is None
    assert resume(lane.connections) == []


def test_an_order_that_is_not_in_odoo_yet_lets_it_wait(lane: Lane, request: pytest.FixtureRequest) -> None:
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email, lines=(msgspec.structs.replace(lane.order("x").lines[0], sku="UNKNOWN-SKU"),))
    lane.run()
    result = forget(lane, email=email)
    assert {reason["code"] for reason in result.certificate["waits"]} == {"order_open"}


def test_an_order_that_comes_while_a_person_consents_is_not_lost(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    name, email = person(request)
    order_id, second = f"A-{email[:-12]}", f"B-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    planned = plan(lane.connections, Identity(email=email))
    buy(lane, second, name, email)
    pull(lane.connections, lane.name, lane.day, lane.day + timedelta(days=1))
    with pytest.raises(TransientError, match="bought again"):
        erase(lane.connections, planned, "tests")
    assert raw_of(lane, order_id) is not None
    lane.run()
    assert len(lane.sales(second)) == 1
    assert [row.certificate["waits"][0]["code"] for row in resume(lane.connections)] == ["delivery_open"]


def test_an_order_that_was_on_its_way_here_is_not_swallowed(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    """It was placed before the erasure and is read after it: a new contact's."""
    name, email = person(request)
    order_id, late = f"A-{email[:-12]}", f"B-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    assert forget(lane, email=email).done
    buy(lane, late, name, email)
    lane.run()
    assert raw_of(lane, order_id) is None
    [old], [new] = lane.sales(order_id), lane.sales(late)
    assert new["partner_id"] != old["partner_id"]


def test_an_order_that_can_still_be_paid_lets_it_wait(lane: Lane, request: pytest.FixtureRequest) -> None:
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email, status=OrderStatus.WAITING)
    lane.run()
    assert {reason["code"] for reason in forget(lane, email=email).certificate["waits"]} == {"order_open"}


def test_the_recipient_of_an_invoice_keeps_the_address_and_nothing_else(
    lane: Lane, odoo: Server, request: pytest.FixtureRequest
) -> None:
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    invoice(odoo, lane, order_id)
    [sale] = lane.sales(order_id)
    notice = {"model": "res.partner", "res_id": sale["partner_id"], "body": name, "message_type": "notification"}
    notices = open_administrator(odoo).call("mail.message", "create", vals_list=[notice])  # as Odoo writes of changes
    follower = {"res_model": "sale.order", "res_id": sale["id"], "partner_id": sale["partner_id"]}
    [following] = open_administrator(odoo).call("mail.followers", "create", vals_list=[follower])
    result = forget(lane, email=email)
    assert result.done
    assert open_administrator(odoo).call("mail.message", "search", domain=[["id", "in", notices]]) == []
    assert open_administrator(odoo).call("mail.followers", "search", domain=[["id", "=", following]]) == []
    [kept] = result.certificate["kept"]
    [row] = [row for row in contacts(odoo, lane, order_id) if row["id"] == kept["partner_id"]]
    assert (row["name"], row["street"], row["zip"]) == (name, STREET, "10115")
    assert (row["email"], row["phone"], row["active"]) == (False, False, False)
    now = lane.connections.instruments.now()
    assert kept["until"] == f"{now.year + 8}-12-31"

    # Nine years later nothing has to stay; what the certificate said before stays said.
    lane.connections.instruments = replace(lane.connections.instruments, now=lambda: now + timedelta(days=9 * 366))
    assert [row.number for row in resume(lane.connections)] == [result.number]
    assert {row["name"] for row in contacts(odoo, lane, order_id)} == {"Erased"}
    assert resume(lane.connections) == []
    with lane.connections.warehouse.transaction() as connection:
        [stored] = [row for row in requests.read(connection) if row.id == result.number]
    assert (stored.certificate["kept"], stored.certificate["orders"]) == ([], {lane.name: 1})


def test_an_order_that_the_pipelines_still_invoice_lets_it_wait(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    lane: Lane = connect("invoicing: {trigger: delivery, since: 2026-01-01}, ")
    name, email = person(request)
    order_id = f"A-{email[:-12]}"
    buy(lane, order_id, name, email)
    lane.run()
    ship(odoo, lane, order_id)
    assert {reason["code"] for reason in forget(lane, email=email).certificate["waits"]} == {"invoice_due"}
    invoice(odoo, lane, order_id)
    [result] = resume(lane.connections)
    assert (result.done, len(result.certificate["kept"])) == (True, 1)


def test_export_is_the_persons_own_data_and_nobody_elses(lane: Lane, request: pytest.FixtureRequest) -> None:
    name, email = person(request)
    buy(lane, f"A-{email[:-12]}", name, email)
    buy(lane, f"B-{email[:-12]}", "Somebody Else", f"else-{email}")
    lane.run()
    document = export(lane.connections, Identity(email=email))
    [record] = document["marketplaces"]
    assert record["answer"]["buyer"]["email"] == email
    assert {row["email"] for row in document["odoo"]["contacts"]} >= {email}
    assert "Somebody Else" not in str(document)


def test_no_file_of_the_database_holds_the_destroyed_keys(connect: Any, odoo: Server, server_url: str) -> None:
    """Neither its table nor its log, which would open the answers with the master key of today. The person bought on
    three channels, and one of the answers was filed under its order at first."""
    if odoo.calls is None:
        pytest.skip("about PostgreSQL alone; runs with the stand-in")
    lane: Lane = connect.of(on_three_channels(settings_of(odoo)))
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW wal_recycle")
        if cursor.fetchone() != ("off",):
            pytest.skip("needs a PostgreSQL with wal_recycle = off, as the embedded one has")
    buyer = make_person()
    for order_id in buy_everywhere(lane, buyer):
        ship(odoo, lane, order_id)
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT wrapped_key FROM commerce.subject_keys")
        keys = [bytes(wrapped) for (wrapped,) in cursor.fetchall()]
    assert len(keys) == 2  # of the first order, and of the address
    assert _find_in_files(server_url, keys) == set(keys)
    result = forget(lane, email=buyer.email)
    assert (result.certificate["log_of_database_renewed"], result.certificate["keys_destroyed"]) == (True, 2)
    assert sum(result.certificate["orders"].values()) == 5
    assert _find_in_files(server_url, [*keys, *(text.encode() for text in buyer.texts)]) == set()


def _find_in_files(url: str, wanted: list[bytes]) -> set[bytes]:
    """Those of these bytes that any file of the server holds, once it has written all that it has in memory."""
    connection = psycopg2.connect(libpq_url(url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT current_setting('data_directory')")
        [(folder,)] = cursor.fetchall()
    connection.close()
    held: set[bytes] = set()
    for path in Path(folder).rglob("*"):
        with suppress(FileNotFoundError):  # a piece of the log that the server removes meanwhile
            content = path.read_bytes() if path.is_file() else b""
            held |= {words for words in wanted if words in content}
    return held
