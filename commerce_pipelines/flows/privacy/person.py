"""Who a person is in all stores: every subject under which answers were landed, every order, every contact in Odoo.

    e-mail, order, or id of the buyer ──▶ subjects ◀──▶ landed records ──▶ orders ◀──▶ contacts in Odoo

Each finding leads to others: an order that was landed without an e-mail address at first names it later, and a contact
in Odoo has orders of other channels. So the search goes on until it finds nothing new.

What belongs here: that search. What does not: rows (warehouse/privacy/subjects.py), Odoo's calls
(odoo/privacy/contacts.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import msgspec

from ...core.errors import PermanentError, RecordError, SettingsError
from ...core.topics import Topic
from ...domain.keys import email_key
from ...odoo.privacy.contacts import find_contacts, find_sales
from ...resources.connections import Connections
from ..identity import kind_of

if TYPE_CHECKING:
    from ...warehouse.privacy.subjects import Record


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a request names: an e-mail address, or a channel with one of its orders or its id of the buyer."""

    email: str = ""
    channel: str = ""
    order_id: str = ""
    buyer: str = ""


class Person(msgspec.Struct, kw_only=True):
    """subjects: ids, heirs included. orders, records: what was landed, a record may be an order, return or refund.
    contacts: ids of res.partner, addresses included. sales: ids of sale.order that came from a channel."""

    subjects: set[bytes]
    emails: set[str]
    orders: set[Record]
    records: set[Record]
    contacts: set[int]
    sales: set[int]


def find_person(connections: Connections, identity: Identity) -> Person:
    """Everything that is known of a person. Raises SettingsError for an identity that nobody can have, and
    PermanentError for a person of whom nothing is known."""
    from ...warehouse.privacy.subjects import Record

    email = email_key(identity.email)
    if identity.email and not email:
        raise SettingsError("--email is no e-mail address: write it as the buyer does, name@example.com.")
    names = [f"email:{email}"] if email else []
    orders = set()
    if identity.channel:
        connections.settings.channel(identity.channel)
    if identity.buyer:
        names.append(_name_buyer(kind_of(connections, identity.channel), identity.buyer))
    if identity.order_id:
        orders.add(Record(identity.channel, Topic.ORDERS, identity.order_id))
        names.append(f"order:{identity.order_id}")
    person = follow(connections, _list_ids(connections, names), {email} - {""}, orders)
    if not (person.records or person.contacts):
        raise PermanentError(
            "Nothing is known of this person: no landed answer, no order and no contact in Odoo. Check the spelling, "
            "or name one of their orders."
        )
    return person


def follow(
    connections: Connections, subjects: Iterable[bytes], emails: Iterable[str] = (), orders: Iterable[Record] = (),
    contacts: Collection[int] = (),
) -> Person:  # fmt: skip
    """What follows from these subjects, addresses and orders. contacts: further ones that are known to be the
    person's."""
    person = Person(
        subjects=set(subjects), emails=set(emails), orders=set(orders), records=set(), contacts=set(contacts),
        sales=set(),
    )  # fmt: skip
    while True:
        before = _count(person)
        _search_landing(connections, person)
        _search_odoo(connections, person)
        if _count(person) == before:
            return person


def _count(person: Person) -> tuple[int, ...]:
    parts = (person.subjects, person.emails, person.orders, person.records, person.contacts)
    return tuple(len(part) for part in parts)


def _name_buyer(kind: str, buyer: str) -> str:
    """The subject of a marketplace's own id of a buyer; the last part of a longer one."""
    return f"{kind}:{buyer.rsplit('/', 1)[-1]}"  # Shopify's gid://shopify/Customer/1 ends with the number


def _list_ids(connections: Connections, names: Iterable[str]) -> set[bytes]:
    ids = {connections.vault.subject_id(name) for name in names}
    with connections.warehouse.transaction() as connection:
        for name in names:
            ids |= set(connections.vault.lineage(connection, name))
    return ids


def _search_landing(connections: Connections, person: Person) -> None:
    """Records of the subjects, orders of the records, and subjects of both."""
    from ...warehouse.privacy import subjects

    with connections.warehouse.transaction() as connection:
        for subject in list(person.subjects):
            person.subjects |= set(connections.vault.lineage_of(connection, subject))
        person.records |= subjects.records_of(connection, person.subjects)
        person.orders |= subjects.orders_of(connection, person.records)
        person.records |= subjects.all_records_about(connection, person.orders)
        person.subjects |= subjects.subjects_of(connection, person.records)
    names = {f"order:{order.record_id}" for order in person.orders}
    for order in person.orders:
        of_order = _read_subjects(connections, order)
        names |= of_order
        person.emails |= {name.removeprefix("email:") for name in of_order if name.startswith("email:")}
    person.subjects |= _list_ids(connections, names)


def _read_subjects(connections: Connections, order: Record) -> set[str]:
    """Every subject that the newest readable answer about an order names."""
    if order.channel not in {channel.name for channel in connections.settings.channels}:
        return set()
    landed = connections.landing(order.channel, order.topic).newest_of([order.record_id]).get(order.record_id)
    if landed is None or not landed.raw:
        return set()
    try:
        return set(connections.channel(order.channel).orders.subjects(landed.raw))
    except RecordError:
        return set()


def _search_odoo(connections: Connections, person: Person) -> None:
    """Contacts of addresses, subjects and orders; orders of the contacts."""
    from ...warehouse.privacy import subjects

    with connections.warehouse.transaction() as connection:
        sales = set(subjects.sales_of(connection, person.orders).values()) | person.sales
    hexes = {subject.hex() for subject in person.subjects}
    person.contacts |= find_contacts(connections.odoo, person.emails, hexes, sales)
    person.sales = sales | {sale.odoo_id for sale in find_sales(connections.odoo, person.contacts) if sale.is_ours}
    with connections.warehouse.transaction() as connection:
        person.orders |= set(subjects.orders_in_odoo(connection, person.sales).values())
