"""What a marketplace passes on of a buyer, from the message to what is left: erased everywhere, or handed out whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from commerce_pipelines.core.topics import Topic
from commerce_pipelines.domain.orders.order import Address, Buyer
from commerce_pipelines.flows.privacy.asked import TOLD_FOR, find_asked, take_up
from commerce_pipelines.flows.privacy.erase import resume
from commerce_pipelines.flows.privacy.export import export
from commerce_pipelines.flows.privacy.person import Identity
from commerce_pipelines.warehouse import audit
from commerce_pipelines.warehouse.privacy import requests
from commerce_pipelines.warehouse.shared import notifications
from commerce_pipelines.warehouse.shared.notifications import Row
from commerce_pipelines_tests.doubles.lane import RUN, Lane, Server, numbered
from commerce_pipelines_tests.doubles.persons import EBAY, on_three_channels
from commerce_pipelines_tests.flows.conftest import settings_of
from commerce_pipelines_tests.flows.privacy.test_erase import contacts, invoice, raw_of, ship

NAME, STREET = f"Jürgen Müller {RUN}", f"Überweg {RUN} 7"


def sell(lane: Lane, order_id: str, email: str, street: str = STREET) -> None:
    place = Address(name=NAME, street=street, city="Köln", postcode="50667", country="DE")
    lane.put(lane.order(order_id, buyer=Buyer(name=NAME, email=email), shipping=place))


def store_message(lane: Lane, asks: str, *persons: str, orders: tuple[str, ...] = ()) -> None:
    subjects = tuple(lane.connections.vault.subject_id(person).hex() for person in persons)
    row = Row(
        channel=lane.name, delivery_id=asks, digest=asks.encode(), event=f"customers/{asks}",
        topic=str(Topic.PRIVACY), asks=asks, subjects=subjects, orders=orders, record_id="9",
    )  # fmt: skip
    with lane.connections.warehouse.transaction() as connection:
        notifications.store(connection, [row])


def read_tables(lane: Lane) -> str:
    """Every table of ours as text."""
    texts = []
    with lane.connections.warehouse.transaction() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = 'commerce'::regnamespace AND relkind = 'r'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT coalesce(string_agg(t::text, E'\\n'), '') FROM commerce.{table} t")
            texts += [text for (text,) in cursor.fetchall()]
    return "\n".join(texts)


def test_g99_erasure_reaches_everywhere(lane: Lane, odoo: Server, request: pytest.FixtureRequest) -> None:
    """Two orders, one of them invoiced without a document: its recipient keeps name and postal address, and a date."""
    billed, other = numbered(request, 2)
    email = f"jürgen.müller.{RUN}.{lane.connections.settings.odoo.transport}@example.com"
    for order_id in (billed, other):
        sell(lane, order_id, email)
    lane.run()
    for order_id in (billed, other):
        ship(odoo, lane, order_id)
    invoice(odoo, lane, billed)
    before = lane.prove().whole
    store_message(lane, "erase", f"email:{email}", orders=(billed,))
    assert take_up(lane.connections).requests == 1
    [result] = resume(lane.connections)
    assert (result.done, result.certificate["orders"]) == (True, {lane.name: 2})
    [kept] = result.certificate["kept"]
    year = lane.connections.instruments.now().year
    assert kept["until"] == f"{year + 8}-12-31"
    rows = contacts(odoo, lane, billed)
    assert [(row["id"], row["street"]) for row in rows if row["name"] == NAME] == [(kept["partner_id"], STREET)]
    assert [(row["email"], row["phone"], row["active"]) for row in rows] == [(False, False, False)] * len(rows)
    assert raw_of(lane, billed) is raw_of(lane, other) is None
    tables = read_tables(lane)
    assert [text for text in (NAME, STREET, email) if text in tables] == []
    after = lane.prove().whole
    assert (after.orders_in_channel, after.sale_orders_in_odoo, after.odoo_total, after.complete) == (
        before.orders_in_channel, before.sale_orders_in_odoo, before.odoo_total, True,
    )  # fmt: skip
    with lane.connections.warehouse.transaction() as connection:
        events = [event.action for event in audit.read(connection)]
    assert {"erasure asked", "erased"} <= set(events)


def test_g101_a_buyer_gets_all_of_theirs_and_nothing_of_a_namesakes(
    connect: Any, odoo: Server, request: pytest.FixtureRequest
) -> None:
    lane: Lane = connect.of(on_three_channels(settings_of(odoo)))
    ebay = lane.beside(EBAY)
    first, second, namesakes = numbered(request, 3)
    email = f"jürgen.müller.{first}@example.com"
    sell(lane, first, email)
    sell(ebay, second, email)
    sell(lane, namesakes, f"another.{email}", "Hinterweg 3")
    for channel in (lane, ebay):
        channel.run()
    store_message(lane, "export", orders=(first,))
    assert take_up(lane.connections).requests == 0
    with lane.connections.warehouse.transaction() as connection:
        [asked] = find_asked(connection)
        assert requests.read(connection) == []
    assert "Answer within 30 days." in asked.message
    assert TOLD_FOR.days == 30
    document = export(lane.connections, Identity(channel=lane.name, order_id=first))
    assert {(record["channel"], record["id"]) for record in document["marketplaces"]} == {
        (lane.name, first), (EBAY, second),
    }  # fmt: skip
    text = json.dumps(document, ensure_ascii=False)
    assert email in text
    assert [stranger for stranger in (f"another.{email}", "Hinterweg") if stranger in text] == []
